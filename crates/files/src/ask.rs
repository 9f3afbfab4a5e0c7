//! Questions, and the shapes of their answers.

use std::sync::Arc;

use crate::{ElfView, ImagePath, Pattern, Scan};

/// One question to a file system. All follow links inside the root, at most [`crate::MAX_HOPS`] hops, but for `Link`,
/// which leaves the last component as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ask {
    /// The names in a folder: [`Answer::Listing`]. Absent when it is not there, unreadable when it is no folder.
    List(ImagePath),
    /// Kind and size of what the path leads to: [`Answer::Stat`].
    Stat(ImagePath),
    /// A link's own text, one hop: [`Answer::Link`]. Absent when the path is not there, unreadable
    /// ([`Reason::NotALink`]) when it is no link.
    Link(ImagePath),
    /// A file up to and with its first empty line (LF or CRLF), at most [`Ask::HEAD_LIMIT`] bytes: [`Answer::Bytes`].
    /// For METADATA and PKG-INFO, whose headers end there. [`Reason::TooLarge`] when no empty line comes in that many bytes
    /// and the file is longer.
    Head(ImagePath),
    /// A whole file: [`Answer::Bytes`]; [`Reason::TooLarge`] when it is longer than `limit`.
    Read {
        /// Which file.
        path: ImagePath,
        /// The most that is taken, in bytes.
        limit: u64,
    },
    /// `len` bytes from `at`, fewer where the file ends: [`Answer::Bytes`].
    Range {
        /// Which file.
        path: ImagePath,
        /// Offset of the first byte.
        at: u64,
        /// How many bytes.
        len: u64,
    },
    /// The names below a folder, links not followed: [`Answer::Tree`].
    Tree {
        /// Which folder.
        path: ImagePath,
        /// How many levels; 1 is the folder's own entries.
        depth: u32,
        /// Only regular files and links whose name ends in one of these are told; none means all. Folders are always told.
        suffixes: Vec<&'static str>,
    },
    /// A zip's names and the small metadata files in it: [`Answer::Zip`]. Unreadable when it is no zip.
    Zip(ImagePath),
    /// What an ELF file tells its loader: [`Answer::Elf`]. At most [`crate::MAX_VIEW`] bytes are read of it. Unreadable when it
    /// is no ELF file ([`crate::ElfError::NotElf`]).
    Elf(ImagePath),
    /// Texts in a section of an ELF file: [`Answer::Scan`]. Of the section at most [`crate::MAX_SCAN`] bytes are read.
    Scan {
        /// Which file.
        path: ImagePath,
        /// The section's name: `.rodata`.
        section: &'static str,
        /// What is looked for.
        pattern: Pattern,
    },
    /// Size and SHA-256 of a whole file, of which nothing is kept: [`Answer::Digest`]. Of a file longer than `limit` only
    /// the size is told, and it is not read.
    Digest {
        /// Which file.
        path: ImagePath,
        /// The most that is read, in bytes.
        limit: u64,
    },
}

impl Ask {
    /// The most that [`Ask::Head`] reads, in bytes.
    pub const HEAD_LIMIT: u64 = 1 << 20;

    /// The path that the question is about.
    #[must_use]
    pub const fn path(&self) -> &ImagePath {
        match self {
            Self::List(path)
            | Self::Stat(path)
            | Self::Link(path)
            | Self::Head(path)
            | Self::Read { path, .. }
            | Self::Range { path, .. }
            | Self::Tree { path, .. }
            | Self::Zip(path)
            | Self::Elf(path)
            | Self::Scan { path, .. }
            | Self::Digest { path, .. } => path,
        }
    }
}

/// What came back for one question.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer.
    Answered(Answered),
    /// Nothing is there (also: a component before it is missing or is a file).
    Absent,
    /// Something is there and cannot be told.
    Unreadable(Reason),
}

/// An answer with where it was found.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The path with every link resolved (for `Link`: every link but the last component).
    pub real: ImagePath,
    /// Index from the lowest layer of the one that it comes from; `None` where the source cannot tell.
    pub layer: Option<usize>,
}

/// The answers, one shape for each question.
#[derive(Debug, Clone)]
pub enum Answer {
    /// To `List`.
    Listing(Arc<Listing>),
    /// To `Stat`.
    Stat(Stat),
    /// To `Link`.
    Link(Box<[u8]>),
    /// To `Head`, `Read`, `Range`.
    Bytes(Bytes),
    /// To `Tree`: by path; relative to the folder asked.
    Tree(Arc<Vec<TreeEntry>>),
    /// To `Zip`.
    Zip(Arc<ZipView>),
    /// To `Elf`.
    Elf(Arc<ElfView>),
    /// To `Scan`.
    Scan(Arc<Scan>),
    /// To `Digest`.
    Digest(Digest),
}

/// The entries of a folder, by name (bytes), without `.` and `..`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Name and kind of each; a link is told as a link.
    pub entries: Vec<(Box<[u8]>, Kind)>,
}

impl Listing {
    /// The kind of the entry of this name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<Kind> {
        let at = self.entries.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        self.entries.get(at).map(|(_, kind)| *kind)
    }
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device.
    Other,
}

/// Kind and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Never `Link`: links are followed.
    pub kind: Kind,
    /// Size in bytes of a regular file, else 0.
    pub size: u64,
}

/// What tells one content from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// The file's size in bytes.
    pub size: u64,
    /// SHA-256 of its content (FIPS 180-4); `None` where the file is longer than was to be read.
    pub sha256: Option<[u8; 32]>,
}

/// Bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes {
    /// What was read.
    pub content: Arc<[u8]>,
    /// The whole file's size in bytes.
    pub size: u64,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeEntry {
    /// Path relative to the folder asked, without a leading slash.
    pub path: Box<[u8]>,
    /// Its kind; links are told as links.
    pub kind: Kind,
    /// Size in bytes of a regular file, else 0.
    pub size: u64,
}

/// What a zip holds, as far as metadata goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZipView {
    /// Names of all entries as stored, sorted, each once.
    pub names: Vec<Box<[u8]>>,
    /// Content of the entries in `*.dist-info/`, `*.egg-info/`, `EGG-INFO/` and of top-level `*.egg-info` files,
    /// each at most [`crate::limits::ZIP_MEMBER`] bytes; by name.
    pub members: Vec<ZipMember>,
}

/// A member's name and its inflated content.
pub type ZipMember = (Box<[u8]>, Arc<[u8]>);

impl ZipView {
    /// The content of a metadata member.
    #[must_use]
    pub fn member(&self, name: &[u8]) -> Option<&Arc<[u8]>> {
        let at = self.members.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        self.members.get(at).map(|(_, content)| content)
    }
}

/// Why something that is there cannot be told; reads as a clause behind "unreadable: ".
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// The system refuses.
    #[error("permission denied")]
    Denied,
    /// Larger than asked for.
    #[error("larger than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: u64,
    },
    /// A folder with more entries than are read.
    #[error("more than {limit} entries")]
    TooMany {
        /// The bound.
        limit: u64,
    },
    /// A FIFO, socket or device, or a folder where a file is wanted.
    #[error("not a regular file")]
    NotAFile,
    /// A file where a folder is wanted.
    #[error("not a folder")]
    NotAFolder,
    /// Asked for a link's text.
    #[error("not a link")]
    NotALink,
    /// More than [`crate::MAX_HOPS`] hops.
    #[error("too many levels of symbolic links")]
    Loop,
    /// A path above the bound.
    #[error("path longer than 4096 bytes")]
    PathTooLong,
    /// A bundle that says the file exists and does not carry it.
    #[error("placeholder")]
    Placeholder,
    /// Below a volume of the image, which this way of reading does not see.
    #[error("below the volume {0:?} of the image")]
    BelowVolume(ImagePath),
    /// Not a zip, or a zip that cannot be followed.
    #[error("{0}")]
    Zip(#[from] crate::ZipError),
    /// Not an ELF file, or one that cannot be followed.
    #[error("{0}")]
    Elf(#[from] crate::ElfError),
    /// Bytes kept would exceed the bound of all answers together.
    #[error("more than 256 MiB were read already")]
    Budget,
    /// The system's own words.
    #[error("{0}")]
    System(Box<str>),
}
