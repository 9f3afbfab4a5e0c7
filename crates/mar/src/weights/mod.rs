//! A file of weights comes in, as positioned reads; what it is by its bytes and what loading it will do comes out. Nothing is
//! executed, no tensor is read: a gigabyte of stored weights costs a directory, a pickle and a few headers.

pub mod danger;
pub mod fits;
mod kinds;
pub mod legacy;
pub mod limits;
pub mod load;
pub mod numpy;
pub mod onnx;
pub mod pickle;
pub mod python2;
pub mod safetensors;
pub mod shape;
mod stream;
pub mod torch_zip;
pub mod torchscript;
pub mod weights_only;
pub mod zip;

use envdiff_files::{ReadAt, Reason};

use danger::Danger;
use legacy::{Legacy, OldTar};
use numpy::{Npy, Npz};
use onnx::Onnx;
use pickle::Pickle;
use safetensors::Safetensors;
use torch_zip::TorchZip;
use torchscript::TorchScript;
use zip::Zip;

/// A file of weights, as far as its bytes tell without its tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Size in bytes.
    pub size: u64,
    /// The first bytes, at most 64: messages name the first of them.
    pub head: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// What an unpickler finds that begins at the first byte; `None` where the file begins as a zip does. For a file that is no
    /// pickle this ends after a few bytes, and says with which error.
    pub pickle: Option<Box<Pickle>>,
    /// Pickles that stand behind the first, or in a zip that is none of torch's: no loader asked for here runs them, but another
    /// reader may.
    pub more: Vec<Pickle>,
    /// What lies in [`Pickle::nested`] of a file that is one pickle, one for one; empty where that lies too deep.
    pub nested: Vec<Weights>,
}

/// What a file is, decided by its bytes; its name does not matter.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// No bytes.
    Empty,
    /// What `torch.save` writes since 1.6: a zip with `<top>/data.pkl`.
    TorchZip(Box<TorchZip>),
    /// What `torch.jit.save` writes: a zip with `<top>/constants.pkl` too.
    TorchScript(Box<TorchScript>),
    /// What `torch.export.save` writes: a zip with a serialized exported program.
    TorchExport(Box<Zip>),
    /// What numpy's `savez` writes: a zip of `.npy` files.
    Npz(Box<Npz>),
    /// Another zip.
    Zip(Box<Zip>),
    /// Begins as a zip and has no readable directory: cut off, mostly.
    CutZip(zip::ZipFault),
    /// What `torch.save` wrote before 1.6: pickles one after the other, the first a magic number.
    TorchLegacy(Box<Legacy>),
    /// What `torch.save` wrote before 0.1.10: a tar of `storages`, `tensors` and `pickle`.
    TorchTar(Box<OldTar>),
    /// A pickle of something else. It is in [`Weights::pickle`].
    Pickle,
    /// A header in JSON and tensors behind it.
    Safetensors(Box<Safetensors>),
    /// A model in protobuf.
    Onnx(Box<Onnx>),
    /// One numpy array.
    Npy(Box<Npy>),
    /// What joblib writes without compression: a pickle with the bytes of arrays between its opcodes, read so.
    Joblib(Box<Pickle>),
    /// Compressed as a whole: what joblib writes with `compress`, or a file that was packed for its transport. With the pickle in
    /// it, read as joblib's, where it can be inflated and is one.
    Compressed(Compression, Option<Box<Pickle>>),
    /// A page of the web, mostly the answer of a login or an error page.
    Html,
    /// The pointer that Git LFS leaves where the file was not fetched.
    GitLfs {
        /// The digest that it names.
        oid: String,
        /// The size of the real file that it names.
        size: Option<u64>,
    },
    /// A tar that is no old torch file.
    Tar,
    /// HDF5, as Keras writes.
    Hdf5,
    /// A shared library or program.
    Elf,
    /// GGUF or GGML, as llama.cpp reads.
    Gguf,
    /// JSON or other text.
    TextFile,
    /// Nothing that is known.
    Foreign,
}

/// How a whole file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// zlib, joblib's default.
    Zlib,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// The older format of LZMA.
    Lzma,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Weights {
    /// Reads what the file is. Costs its head, and of a zip the directory, of a pickle its opcodes.
    ///
    /// # Errors
    /// A read failed: what is there is unreadable, not damaged.
    pub fn read(file: &mut dyn ReadAt) -> Result<Self, Reason> {
        kinds::read(file, 0)
    }

    /// What it is, for a reader: `a TorchScript archive`.
    #[must_use]
    pub fn called(&self) -> &'static str {
        kinds::called(self)
    }

    /// Every pickle in it, with those in the bytes of others.
    #[must_use]
    pub fn pickles(&self) -> Vec<&Pickle> {
        let mut out = self.own();
        out.extend(self.nested.iter().flat_map(Self::pickles));
        out
    }

    fn own(&self) -> Vec<&Pickle> {
        let mut out: Vec<&Pickle> = self.pickle.iter().map(AsRef::as_ref).collect();
        match &self.kind {
            Kind::TorchZip(zip) => out.extend(zip.data.as_deref()),
            Kind::TorchScript(script) => {
                out.extend(script.zip.data.as_deref());
                out.extend(script.constants.as_deref());
            }
            Kind::TorchLegacy(legacy) => out.extend(legacy.parts.iter().skip(1)),
            Kind::TorchTar(tar) => out.extend(tar.object.as_deref()),
            Kind::Joblib(pickle) => out.push(pickle),
            Kind::Compressed(_, pickle) => out.extend(pickle.as_deref()),
            Kind::Npy(array) => out.extend(array.pickle.as_deref()),
            Kind::Npz(arrays) => {
                let arrays = arrays.arrays.iter().filter_map(|(_, array)| array.as_ref());
                out.extend(arrays.filter_map(|array| array.pickle.as_deref()));
            }
            _ => {}
        }
        out.extend(&self.more);
        out
    }

    /// What would run while any of its pickles is unpickled; a pickle that cannot be followed to its end has
    /// [`Pickle::complete`] false.
    #[must_use]
    pub fn dangers(&self) -> Vec<Danger> {
        let mut out: Vec<Danger> = self.pickles().into_iter().flat_map(danger::judge).collect();
        if self.has_unread() {
            out.push(danger::unread());
        }
        let mut seen = std::collections::HashSet::new();
        out.retain(|danger| seen.insert((danger.name.clone(), danger.called)));
        out
    }

    /// Whether a pickle in the bytes of another was not read.
    fn has_unread(&self) -> bool {
        let read = match &self.kind {
            Kind::Joblib(pickle) => Some(pickle.as_ref()),
            _ => self.pickle.as_deref(),
        };
        let unread = |pickle: &&Pickle| match read {
            Some(read) if std::ptr::eq(*pickle, read) => pickle.nested.len() > self.nested.len(),
            // The same once more, without the arrays between its opcodes.
            Some(_) if matches!(self.kind, Kind::Joblib(_)) => false,
            _ => !pickle.nested.is_empty(),
        };
        self.own().iter().any(unread) || self.nested.iter().any(Self::has_unread)
    }

    /// The pickle that holds the object: of a zip, of the old format, or the file itself.
    #[must_use]
    pub fn object(&self) -> Option<&Pickle> {
        match &self.kind {
            Kind::TorchZip(zip) => zip.data.as_deref(),
            Kind::TorchLegacy(legacy) => legacy.object(),
            Kind::TorchTar(tar) => tar.object.as_deref(),
            Kind::TorchScript(script) => script.zip.data.as_deref(),
            Kind::Pickle => self.pickle.as_deref(),
            Kind::Joblib(pickle) => Some(pickle),
            Kind::Compressed(_, pickle) => pickle.as_deref(),
            _ => None,
        }
    }
}
