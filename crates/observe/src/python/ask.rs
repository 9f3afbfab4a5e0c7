//! Questions whose three outcomes (there, not there, cannot be told) are all answers to the one who asks; only what is
//! pending stays a miss.

use std::any::Any;
use std::sync::Arc;

use envdiff_files::{
    Ask, Digest, ElfView, ImagePath, Kind, Listing, Miss, Pattern, Reason, Scan, Seen, Stat,
};
use envdiff_model::{Evidence, Text};

/// What came back.
#[derive(Debug, Clone)]
pub(crate) enum Found<T> {
    /// It is there.
    Is(T),
    /// It is not there.
    Absent,
    /// Something is there and cannot be told; the reason is a clause.
    Unreadable(Text),
}

impl<T> Found<T> {
    /// Why it cannot be told.
    pub(crate) const fn why(&self) -> Option<&Text> {
        match self {
            Self::Unreadable(why) => Some(why),
            Self::Is(_) | Self::Absent => None,
        }
    }

    /// Turns only "pending" into a miss.
    fn of(result: Result<T, Miss>) -> Result<Self, Miss> {
        match result {
            Ok(value) => Ok(Self::Is(value)),
            Err(Miss::Pending) => Err(Miss::Pending),
            Err(Miss::Absent) => Ok(Self::Absent),
            Err(Miss::Unreadable(reason)) => Ok(Self::Unreadable(Text::from(reason.to_string()))),
        }
    }
}

/// The entries of a folder.
pub(crate) fn list<'a>(seen: &'a Seen, folder: &ImagePath) -> Result<Found<&'a Listing>, Miss> {
    Found::of(seen.list(folder))
}

/// What a path leads to.
pub(crate) fn stat(seen: &Seen, path: &ImagePath) -> Result<Found<Stat>, Miss> {
    Found::of(seen.stat(path))
}

/// A small file, parsed.
pub(crate) fn parsed<T: Any + Send + Sync>(
    seen: &Seen,
    path: &ImagePath,
    limit: u64,
    parse: fn(&[u8]) -> T,
) -> Result<Found<Arc<T>>, Miss> {
    Found::of(seen.parsed(path, limit, parse))
}

/// The head of a file, parsed.
pub(crate) fn head<T: Any + Send + Sync>(
    seen: &Seen,
    path: &ImagePath,
    parse: fn(&[u8]) -> T,
) -> Result<Found<Arc<T>>, Miss> {
    Found::of(seen.parsed_head(path, parse))
}

/// A part of a file.
pub(crate) fn range<'a>(
    seen: &'a Seen,
    path: &ImagePath,
    at: u64,
    len: u64,
) -> Result<Found<&'a [u8]>, Miss> {
    Found::of(seen.range(path, at, len).map(|bytes| &*bytes.content))
}

/// What an ELF file tells its loader.
pub(crate) fn elf<'a>(seen: &'a Seen, path: &ImagePath) -> Result<Found<&'a ElfView>, Miss> {
    Found::of(seen.elf(path))
}

/// The texts of a section of an ELF file that match.
pub(crate) fn scan<'a>(
    seen: &'a Seen,
    path: &ImagePath,
    section: &'static str,
    pattern: Pattern,
) -> Result<Found<&'a Scan>, Miss> {
    Found::of(seen.scan(path, section, pattern))
}

/// Size and SHA-256 of a file; of one longer than `limit` the size alone.
pub(crate) fn digest(seen: &Seen, path: &ImagePath, limit: u64) -> Result<Found<Digest>, Miss> {
    Found::of(seen.digest(path, limit))
}

/// A link's own text; what is no link is `Absent`.
pub(crate) fn link<'a>(seen: &'a Seen, path: &ImagePath) -> Result<Found<&'a [u8]>, Miss> {
    match seen.link(path) {
        Err(Miss::Unreadable(Reason::NotALink)) => Ok(Found::Absent),
        other => Found::of(other),
    }
}

/// The path with every link resolved.
pub(crate) fn real<'a>(seen: &'a Seen, path: &ImagePath) -> Result<Found<&'a ImagePath>, Miss> {
    Found::of(seen.real(path))
}

/// Whether the path leads to a regular file; what cannot be told is not taken for one and not for absence either.
pub(crate) fn is_file(seen: &Seen, path: &ImagePath) -> Result<Found<bool>, Miss> {
    is_kind(seen, path, Kind::File)
}

/// Whether the path leads to a folder.
pub(crate) fn is_folder(seen: &Seen, path: &ImagePath) -> Result<Found<bool>, Miss> {
    is_kind(seen, path, Kind::Folder)
}

fn is_kind(seen: &Seen, path: &ImagePath, kind: Kind) -> Result<Found<bool>, Miss> {
    match seen.stat(path) {
        Ok(stat) => Ok(Found::Is(stat.kind == kind)),
        // A circle of links is no file for any program that opens it.
        Err(Miss::Unreadable(Reason::Loop)) | Err(Miss::Absent) => Ok(Found::Is(false)),
        Err(other) => Found::of(Err(other)),
    }
}

/// Evidence from a question that has been answered, with its layer.
pub(crate) fn evidence(seen: &Seen, question: &Ask, detail: impl Into<Text>) -> Evidence {
    Evidence {
        path: Text::from(question.path().as_bytes()),
        detail: detail.into(),
        layer: seen.layer_of(question),
    }
}
