//! The first bytes of a file, and the directory of a zip, come in; what it is comes out.

use std::io::Read as _;

use envdiff_files::{ReadAt, Reason};

use super::legacy::{self, Legacy, OldTar};
use super::limits;
use super::numpy::{self, Npy, Npz};
use super::onnx::Onnx;
use super::pickle::{self, End, Pickle};
use super::safetensors::{self, Safetensors};
use super::shape;
use super::torch_zip::TorchZip;
use super::torchscript::TorchScript;
use super::zip::{Content, Entry, Zip, ZipFault};
use super::{Compression, Kind, Weights};

/// `depth` is how many files this one lies in.
pub(super) fn read(file: &mut dyn ReadAt, depth: u8) -> Result<Weights, Reason> {
    let size = file.size();
    let mut head = vec![0; 512];
    let count = file.read_at(0, &mut head)?;
    head.truncate(count);
    if size == 0 {
        let (more, nested) = (Vec::new(), Vec::new());
        return Ok(Weights { size, head: Vec::new(), kind: Kind::Empty, pickle: None, more, nested });
    }
    if head.starts_with(b"PK\x03\x04") {
        let kind = zipped(file)?;
        head.truncate(64);
        let more = match &kind {
            Kind::Zip(zip) => inside(file, zip),
            _ => Vec::new(),
        };
        return Ok(Weights { size, head, kind, pickle: None, more, nested: Vec::new() });
    }
    let pickle = pickle::read(file, 0, size);
    if let End::Unread(reason) = &pickle.end {
        return Err(reason.clone());
    }
    let kind = plain(file, &head, size, &pickle)?;
    head.truncate(64);
    let more = if kind == Kind::Pickle { behind(file, &pickle) } else { Vec::new() };
    let nested = match &kind {
        Kind::Pickle => nested(file, &pickle, depth)?,
        Kind::Joblib(pickle) => nested(file, pickle, depth)?,
        _ => Vec::new(),
    };
    Ok(Weights { size, head, kind, pickle: Some(Box::new(pickle)), more, nested })
}

/// A part of a file as one.
struct Part<'a> {
    file: &'a mut dyn ReadAt,
    begin: u64,
    len: u64,
}

impl ReadAt for Part<'_> {
    fn size(&self) -> u64 {
        self.len
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        self.file.read_at(self.begin.saturating_add(at), buffer.get_mut(..wanted).unwrap_or_default())
    }
}

/// What a pickle that begins with the file has in its bytes; nothing below the deepest that is read, where
/// [`Pickle::nested`] still tells that there is something.
fn nested(file: &mut dyn ReadAt, pickle: &Pickle, depth: u8) -> Result<Vec<Weights>, Reason> {
    if depth >= limits::NESTED_DEPTH {
        return Ok(Vec::new());
    }
    let read_one =
        |part: &pickle::Nested| read(&mut Part { file, begin: part.begin, len: part.len }, depth + 1);
    pickle.nested.iter().map(read_one).collect()
}

/// Pickles behind the first one, as far as they are any.
fn behind(file: &mut dyn ReadAt, first: &Pickle) -> Vec<Pickle> {
    let size = file.size();
    let mut out = Vec::new();
    let mut at = first.len;
    let mut ended = first.end == End::Stop;
    while ended && at < size && out.len() < limits::MORE_PICKLES {
        let next = pickle::read(file, at, size);
        at += next.len;
        ended = next.end == End::Stop;
        if ended || !next.globals.is_empty() {
            out.push(next);
        }
    }
    out
}

/// Pickles in a zip of anything.
fn inside(file: &mut dyn ReadAt, zip: &Zip) -> Vec<Pickle> {
    let mut out = Vec::new();
    for entry in zip.entries.iter().filter(|entry| entry.size > 0) {
        if out.len() >= limits::MORE_PICKLES {
            break;
        }
        // A reader that overlooks the mark of encryption would run what lies there.
        let open = Entry { flags: entry.flags & !1, ..entry.clone() };
        let pickle = match Zip::content(file, &open, limits::COMPRESSED) {
            Ok(Content::Stored(begin, end)) => pickle::read(file, begin, end),
            Ok(Content::Inflated(bytes)) => {
                let mut bytes = &*bytes;
                let end = bytes.len() as u64;
                pickle::read(&mut bytes, 0, end)
            }
            Err(_) => continue,
        };
        if pickle.end == End::Stop || pickle.protocol.is_some() && !pickle.globals.is_empty() {
            out.push(pickle);
        }
    }
    out
}

fn zipped(file: &mut dyn ReadAt) -> Result<Kind, Reason> {
    let zip = match Zip::read(file) {
        Ok(zip) => zip,
        Err(ZipFault::Unread(reason)) => return Err(reason),
        Err(fault) => return Ok(Kind::CutZip(fault)),
    };
    let first = zip.entries.first().map(|entry| entry.name.clone()).unwrap_or_default();
    let top = first.split('/').next().unwrap_or_default();
    let has = |name: &str| zip.entry(&format!("{top}/{name}")).is_some();
    if has("constants.pkl") {
        let zip = TorchZip::read(file, zip);
        return Ok(Kind::TorchScript(Box::new(TorchScript::read(file, zip))));
    }
    if has("data.pkl") {
        return Ok(Kind::TorchZip(Box::new(TorchZip::read(file, zip))));
    }
    // torch.export names its program so up to 2.7, and by models in a folder from 2.8 on.
    let exported = |name: &str| {
        name == "serialized_exported_program.json" || name.contains("models/") && name.ends_with(".json")
    };
    if zip.entries.iter().any(|entry| exported(&entry.name)) {
        return Ok(Kind::TorchExport(Box::new(zip)));
    }
    if !zip.entries.is_empty() && zip.entries.iter().all(|entry| entry.name.ends_with(".npy")) {
        return Ok(Kind::Npz(Box::new(Npz::read(file, &zip)?)));
    }
    Ok(Kind::Zip(Box::new(zip)))
}

fn plain(file: &mut dyn ReadAt, head: &[u8], size: u64, pickle: &Pickle) -> Result<Kind, Reason> {
    if legacy::is_magic(head) {
        return Ok(Kind::TorchLegacy(Box::new(Legacy::read(file, pickle))));
    }
    if head.get(257..262) == Some(b"ustar") {
        let tar = OldTar::read(file);
        return Ok(if tar.is_torch() { Kind::TorchTar(Box::new(tar)) } else { Kind::Tar });
    }
    if head.starts_with(numpy::MAGIC) {
        return Ok(Kind::Npy(Box::new(Npy::read(file, 0, size)?)));
    }
    if safetensors::looks_so(head, size) {
        return Ok(Kind::Safetensors(Box::new(Safetensors::read(file)?)));
    }
    if let Some(compression) = compression(head) {
        return Ok(Kind::Compressed(compression, inflated(file, compression)?.map(Box::new)));
    }
    if head.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Ok(pointer(head));
    }
    if head.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Ok(Kind::Hdf5);
    }
    if head.starts_with(b"\x7fELF") {
        return Ok(Kind::Elf);
    }
    if [b"GGUF", b"ggml", b"ggjt", b"lmgg", b"tjgg"].iter().any(|magic| head.starts_with(*magic)) {
        return Ok(Kind::Gguf);
    }
    let text = head.trim_ascii_start();
    let begins = |prefix: &[u8]| text.get(..prefix.len()).is_some_and(|t| t.eq_ignore_ascii_case(prefix));
    if begins(b"<!doctype") || begins(b"<html") || begins(b"<head") || begins(b"<?xml") {
        return Ok(Kind::Html);
    }
    let is_joblib = |name: &shape::Name| name.module == "joblib.numpy_pickle";
    if pickle.globals.iter().any(|global| is_joblib(&global.name)) {
        return Ok(Kind::Joblib(Box::new(pickle::read_joblib(file, 0, size))));
    }
    // A pickle says its protocol, or ends as one at its first reading.
    if head.first() == Some(&0x80) && pickle.protocol.is_some() || pickle.end == End::Stop {
        return Ok(Kind::Pickle);
    }
    if let Some(onnx) = Onnx::read(file) {
        return Ok(Kind::Onnx(Box::new(onnx)));
    }
    if head.iter().all(|byte| (0x20..0x7f).contains(byte) || byte.is_ascii_whitespace()) {
        return Ok(Kind::TextFile);
    }
    Ok(Kind::Foreign)
}

fn compression(head: &[u8]) -> Option<Compression> {
    // Of zlib the first two bytes, as a number, are a multiple of 31.
    let zlib = match head {
        [0x78, flags, ..] => (0x7800 + u16::from(*flags)).is_multiple_of(31),
        _ => false,
    };
    Some(match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        _ if zlib => Compression::Zlib,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        [0x5d, 0, 0, ..] => Compression::Lzma,
        [0x04, 0x22, 0x4d, 0x18, ..] => Compression::Lz4,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => return None,
    })
}

/// The pickle in a compressed file, as joblib writes it; `None` where it is none, or in a compression that is not read here.
fn inflated(file: &mut dyn ReadAt, compression: Compression) -> Result<Option<Pickle>, Reason> {
    if !matches!(compression, Compression::Gzip | Compression::Zlib) {
        return Ok(None);
    }
    let len = usize::try_from(file.size().min(limits::COMPRESSED)).unwrap_or(0);
    let mut packed = vec![0; len];
    let count = file.read_at(0, &mut packed)?;
    packed.truncate(count);
    let mut out = Vec::new();
    let bound = limits::COMPRESSED;
    // What ends early is a pickle that ends early: the unpickler tells.
    let _ended = if compression == Compression::Gzip {
        flate2::read::GzDecoder::new(&*packed).take(bound).read_to_end(&mut out)
    } else {
        flate2::read::ZlibDecoder::new(&*packed).take(bound).read_to_end(&mut out)
    };
    let mut bytes = &*out;
    let mut pickle = pickle::read_joblib(&mut bytes, 0, out.len() as u64);
    if out.len() as u64 == bound || file.size() > bound {
        pickle.complete = false;
        if pickle.end != End::Stop {
            pickle.end = End::TooLarge("bytes in a compressed file");
        }
    }
    Ok((out.first() == Some(&0x80) && pickle.protocol.is_some() || pickle.end == End::Stop).then_some(pickle))
}

fn pointer(head: &[u8]) -> Kind {
    let text = String::from_utf8_lossy(head);
    let field = |key: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(key)).map(str::trim).unwrap_or_default().to_owned()
    };
    Kind::GitLfs { oid: field("oid "), size: field("size ").parse().ok() }
}

pub(super) const fn called(weights: &Weights) -> &'static str {
    match &weights.kind {
        Kind::Empty => "an empty file",
        Kind::TorchZip(_) => "a file of torch.save",
        Kind::TorchScript(_) => "a TorchScript archive",
        Kind::TorchExport(_) => "a program of torch.export",
        Kind::Npz(_) => "an archive of numpy arrays",
        Kind::Zip(_) => "a zip that is none of torch's",
        Kind::CutZip(_) => "a zip that is cut off or damaged",
        Kind::TorchLegacy(_) => "a file of torch.save before 1.6",
        Kind::TorchTar(_) => "a file of torch.save before 0.1.10",
        Kind::Pickle => "a pickle",
        Kind::Joblib(_) => "a file of joblib",
        Kind::Safetensors(_) => "a file of safetensors",
        Kind::Onnx(_) => "an ONNX model",
        Kind::Npy(_) => "a numpy array",
        Kind::Compressed(..) => "a compressed file",
        Kind::Html => "a web page",
        Kind::GitLfs { .. } => "a pointer of Git LFS",
        Kind::Tar => "a tar",
        Kind::Hdf5 => "an HDF5 file",
        Kind::Elf => "a shared library or program",
        Kind::Gguf => "a file of llama.cpp",
        Kind::TextFile => "a text file",
        Kind::Foreign => "a file of no known kind",
    }
}
