//! A model archive on disk comes in: a `.mar`, a `.tar.gz`, a folder. What a given TorchServe makes of it comes out: the files
//! that its worker will find, and what was wrong on the way.

mod folder;
mod raw;
mod report;
mod targz;
mod tree;
mod zip;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use envdiff_files::{ReadAt, Reason};
use envdiff_model::{Text, say};

use crate::Version;
use crate::ending::Found;
use crate::weights::Weights;
use raw::{Held, Raw, Unrolled, Window};
use tree::{Body, Tree};

/// An archive that is there; nothing of it has been unpacked.
#[derive(Debug, Clone)]
pub struct Archive {
    name: String,
    on_disk: OnDisk,
}

#[derive(Debug, Clone)]
enum OnDisk {
    File(Raw),
    Folder(PathBuf),
}

/// How an archive is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// As zip, from the front.
    Zip,
    /// As gzipped tar, the first component of each path cut off.
    TarGz,
    /// Not at all: a folder, used through a link.
    Folder,
}

/// Why an archive cannot be opened; reads as a clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is none.
    #[error("there is no such file or folder")]
    Absent,
    /// A device, a socket, a FIFO.
    #[error("it is neither a file nor a folder")]
    NotAFile,
    /// The system's words.
    #[error("it cannot be read: {0}")]
    Unreadable(Box<str>),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            Self::Absent
        } else {
            Self::Unreadable(error.to_string().into())
        }
    }
}

impl Archive {
    /// Opens a file or a folder.
    ///
    /// # Errors
    /// [`OpenError`]. A damaged archive is none: that is told by [`Archive::unpack`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let meta = fs::metadata(path)?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let on_disk = if meta.is_dir() {
            OnDisk::Folder(path.to_owned())
        } else if meta.is_file() {
            OnDisk::File(Raw::file(File::open(path)?)?)
        } else {
            return Err(OpenError::NotAFile);
        };
        Ok(Self { name, on_disk })
    }

    /// An archive in memory under a file name.
    #[must_use]
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), on_disk: OnDisk::File(Raw::memory(bytes)) }
    }

    /// Its name, without folders.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a folder.
    #[must_use]
    pub const fn is_folder(&self) -> bool {
        matches!(self.on_disk, OnDisk::Folder(_))
    }

    /// Size of the file in bytes; 0 for a folder.
    #[must_use]
    pub const fn size(&self) -> u64 {
        match &self.on_disk {
            OnDisk::File(raw) => raw.size(),
            OnDisk::Folder(_) => 0,
        }
    }

    /// How a version of TorchServe unpacks it: up to 0.7.1 every file as zip, since 0.8.0 only what ends in `.mar`, and
    /// everything else as gzipped tar (ModelArchive.java, ZipUtils.java).
    #[must_use]
    pub fn container(&self, version: Version) -> Container {
        match self.on_disk {
            OnDisk::Folder(_) => Container::Folder,
            OnDisk::File(_) if self.name.ends_with(".mar") || !version.since(0, 8, 0) => Container::Zip,
            OnDisk::File(_) => Container::TarGz,
        }
    }

    /// Unpacks it without writing anything, as that version of TorchServe does; `verify` checks the content of large entries
    /// too. Facts, troubles and endings of the stage `archive`; without an ending the contents are what the worker finds.
    #[must_use]
    pub fn unpack(&self, version: Version, verify: bool) -> Found<Contents> {
        match &self.on_disk {
            OnDisk::Folder(path) => report::folder(path, version),
            OnDisk::File(raw) => {
                let how = self.container(version);
                let unpacked = match how {
                    Container::Zip => report::zip(&self.name, raw, version, verify),
                    Container::TarGz | Container::Folder => report::targz(&self.name, raw, version),
                };
                unpacked.unwrap_or_else(|error| report::unreadable(raw, how, &error))
            }
        }
    }
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file of that many bytes.
    File(u64),
    /// A folder.
    Folder,
}

/// Why a file cannot be read; reads as a clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// There is none.
    #[error("there is no such file")]
    Absent,
    /// A folder.
    #[error("it is a folder")]
    IsFolder,
    /// Larger than asked for.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// A link that leads out of the folder.
    #[error("it is a link that leads out of the folder")]
    Outside,
    /// A read failed, or the data are not what they should be.
    #[error("{0}")]
    Failed(Reason),
}

impl Unread {
    /// As a clause that may stand in a report.
    #[must_use]
    pub fn told(&self) -> Text {
        say!(self.to_string())
    }
}

/// The files that the worker finds, by their paths from the model's folder: `MAR-INF/MANIFEST.json`, no leading slash. Cheap
/// to clone.
#[derive(Debug, Clone)]
pub struct Contents {
    raw: Raw,
    tree: Arc<Tree>,
    container: Container,
    /// What its files of weights are, once somebody has asked: a packed one is inflated for it.
    weights: Arc<Mutex<HashMap<String, Read>>>,
}

/// What a file of weights is, or why that cannot be told.
pub(crate) type Read = Arc<Result<Weights, String>>;

impl Default for Contents {
    fn default() -> Self {
        Self {
            raw: Raw::memory(Vec::new()),
            tree: Arc::default(),
            container: Container::Zip,
            weights: Arc::default(),
        }
    }
}

impl Contents {
    /// Contents made of paths and bytes, for tests.
    #[must_use]
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let mut tree = Tree::default();
        for (path, bytes) in files {
            let leaf = tree::Leaf { body: Body::Held(Arc::from(*bytes)), verified: true };
            let _refused = tree.file(path, leaf);
        }
        Self { tree: Arc::new(tree), ..Self::default() }
    }

    /// How it was unpacked.
    #[must_use]
    pub const fn container(&self) -> Container {
        self.container
    }

    /// What lies at a path; `""` is the model's folder itself.
    #[must_use]
    pub fn kind(&self, path: &str) -> Option<Kind> {
        if self.tree.has_folder(path) {
            return Some(Kind::Folder);
        }
        self.tree.leaf(path).map(|leaf| Kind::File(leaf.body.size()))
    }

    /// Whether a file lies there.
    #[must_use]
    pub fn is_file(&self, path: &str) -> bool {
        self.tree.leaf(path).is_some()
    }

    /// Whether a folder lies there.
    #[must_use]
    pub fn is_folder(&self, path: &str) -> bool {
        self.tree.has_folder(path)
    }

    /// The entries of a folder by name, each with whether it is a folder; `None` where there is no such folder.
    #[must_use]
    pub fn list(&self, path: &str) -> Option<Vec<(&str, bool)>> {
        self.tree.list(path)
    }

    /// The paths of all files, sorted within each folder, with their sizes.
    #[must_use]
    pub fn files(&self) -> Vec<(String, u64)> {
        self.tree.files().into_iter().map(|(path, leaf)| (path, leaf.body.size())).collect()
    }

    /// Whether the content of a file was held against its checksum; true where there is none.
    #[must_use]
    pub fn is_verified(&self, path: &str) -> bool {
        self.tree.leaf(path).is_some_and(|leaf| leaf.verified)
    }

    /// A file, for positioned reads. What is stored is read where it lies, what is packed is inflated as it is read.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn open(&self, path: &str) -> Result<Box<dyn ReadAt>, Unread> {
        let Some(leaf) = self.tree.leaf(path) else {
            return Err(if self.tree.has_folder(path) { Unread::IsFolder } else { Unread::Absent });
        };
        let failed = |error: &io::Error| Unread::Failed(raw::reason(error));
        let unrolled = |at, skip, size| Box::new(Unrolled::new(&self.raw, at, skip, size));
        match &leaf.body {
            Body::Empty => Ok(Box::new(Held(Arc::from(&[][..])))),
            Body::Held(bytes) => Ok(Box::new(Held(Arc::clone(bytes)))),
            Body::Stored { at, len } => Ok(Box::new(Window { raw: self.raw.clone(), at: *at, len: *len })),
            Body::Deflated { at, size } => Ok(unrolled(*at, 0, *size)),
            Body::Streamed { at, skip, size } => Ok(unrolled(*at, *skip, *size)),
            Body::Disk(file, len) => {
                let raw = File::open(file).and_then(Raw::file).map_err(|error| failed(&error))?;
                Ok(Box::new(Window { raw, at: 0, len: *len }))
            }
            Body::Outside => Err(Unread::Outside),
        }
    }

    /// What a file of weights is, or why that cannot be told; read once.
    pub(crate) fn weights(&self, path: &str) -> Read {
        let kept = |weights: &Mutex<HashMap<String, Read>>| weights.lock().ok()?.get(path).cloned();
        if let Some(found) = kept(&self.weights) {
            return found;
        }
        let found = Arc::new(match self.open(path) {
            Ok(mut file) => Weights::read(file.as_mut()).map_err(|reason| format!("{reason}")),
            Err(unread) => Err(unread.told().to_lossy().into_owned()),
        });
        if let Ok(mut weights) = self.weights.lock() {
            weights.insert(path.to_owned(), Arc::clone(&found));
        }
        found
    }

    /// A whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Unread> {
        if let Some(Kind::File(size)) = self.kind(path)
            && size > limit
        {
            return Err(Unread::TooLarge(limit));
        }
        let mut file = self.open(path)?;
        let mut bytes = vec![0; usize::try_from(file.size()).unwrap_or(0)];
        let count = file.read_at(0, &mut bytes).map_err(Unread::Failed)?;
        if count < bytes.len() {
            return Err(Unread::Failed(Reason::System("its data end too early".into())));
        }
        Ok(bytes)
    }
}

/// What the beginning of a file shows it to be; a noun with its article.
#[must_use]
pub(crate) fn looks_like(head: &[u8], size: u64) -> &'static str {
    let start = head.trim_ascii_start();
    let lower: Vec<u8> = start.iter().take(64).map(u8::to_ascii_lowercase).collect();
    if size == 0 {
        "an empty file"
    } else if head.starts_with(b"version https://git-lfs.github.com/spec/") {
        "a Git LFS pointer, not the file that it stands for"
    } else if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        "an HTML page"
    } else if lower.starts_with(b"<?xml") {
        "an XML document"
    } else if head.starts_with(b"PK\x03\x04") {
        "a zip"
    } else if head.starts_with(b"PK\x05\x06") {
        "an empty zip"
    } else if head.starts_with(b"PK\x07\x08") {
        "a zip that begins with the marker of a split archive"
    } else if head.starts_with(b"\x1f\x8b") {
        "gzipped data"
    } else if head.starts_with(b"BZh") {
        "data packed with bzip2"
    } else if head.starts_with(b"\xfd7zXZ") {
        "data packed with xz"
    } else if head.starts_with(b"\x28\xb5\x2f\xfd") {
        "data packed with zstd"
    } else if head.starts_with(b"7z\xbc\xaf\x27\x1c") {
        "a 7z archive"
    } else if head.get(257..262) == Some(b"ustar") {
        "a plain tar"
    } else if head.starts_with(b"\x7fELF") || head.starts_with(b"#!") {
        "a program"
    } else if start.starts_with(b"{") || start.starts_with(b"[") {
        "a text that looks like JSON"
    } else if !head.is_empty() && head.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
        "a text"
    } else {
        "data of another kind"
    }
}

/// Adds a trouble's evidence that names some of many.
pub(crate) fn some(names: &[String]) -> Text {
    let shown = names.iter().take(3).map(|name| say!("`", name, "`"));
    let mut text = Text::join(shown, ", ");
    if names.len() > 3 {
        text.push(&say!(" and ", names.len() - 3, " more"));
    }
    text
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

/// Facts and troubles, for `report.rs`.
type Unpacked = Found<Contents>;
