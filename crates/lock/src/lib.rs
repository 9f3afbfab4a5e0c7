//! The word that a user gave for a lock comes in; the lock, read and with its places, comes out, or one clear error.
//!
//! What a file is, is decided by its content; its name is a hint at most. One file holds one format, [`FORMATS`] is the list.

mod disk;
mod error;
mod header;
mod reader;
mod recognise;
mod registry;
mod requirements;

use envdiff_model::{Lock, ReadAs, Text};
use envdiff_packaging::file::ReadError;

pub use disk::Disk;
pub use error::LockError;
pub use reader::Reader;
pub use registry::{FORMATS, Format};

use crate::recognise::Look;

/// How the user wants a lock to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadAsChoice {
    /// As its shape says.
    #[default]
    Auto,
    /// `--demand`: it says what must be there.
    Demand,
    /// `--record`: it tells what was there in training.
    Record,
}

impl ReadAsChoice {
    /// The way to read and why, where `auto` is what the shape says.
    fn decide(self, auto: (ReadAs, &str)) -> (ReadAs, Text) {
        match self {
            Self::Auto => (auto.0, auto.1.into()),
            Self::Demand => (ReadAs::Demand, "--demand".into()),
            Self::Record => (ReadAs::Record, "--record".into()),
        }
    }
}

/// Reads the lock that `arg` names: a path, or `-` for standard input.
///
/// # Errors
/// [`LockError`]: it is not there, is no lock, is one of a format that is not read, or is one that its installer refuses to
/// read (a missing include, a circle of includes, bytes that its encoding does not allow), or a bound is passed.
pub fn read(arg: &str, reader: &dyn Reader, choice: ReadAsChoice) -> Result<Lock, LockError> {
    let (lock, refusal) = read_what_there_is(arg, reader, choice)?;
    refusal.map_or(Ok(lock), Err)
}

/// Reads as [`read`] does and goes on where an installer stops; the second value is what it would stop at.
///
/// # Errors
/// Where there is nothing to go on with.
pub fn read_what_there_is(
    arg: &str,
    reader: &dyn Reader,
    choice: ReadAsChoice,
) -> Result<(Lock, Option<LockError>), LockError> {
    if arg != "-" && reader.is_folder(arg) {
        return Err(folder(arg, reader));
    }
    let bytes = reader.read(arg).map_err(|error| match error {
        ReadError::Absent => recognise::absent(arg),
        ReadError::TooLarge => LockError::TooLarge { path: arg.into() },
        ReadError::Unreadable(cause) => LockError::Unreadable { path: arg.into(), cause },
    })?;
    let look = Look::of(&bytes);
    for format in FORMATS {
        if (format.is)(&look) {
            return (format.read)(arg, &bytes, reader, choice);
        }
    }
    Err(match look.other() {
        Some(what) => LockError::OtherFormat { path: arg.into(), what },
        None => LockError::NotALock { path: arg.into(), why: "it is no text" },
    })
}

/// The most lock files of a folder that an error names.
const MOST_NAMED: usize = 8;

fn folder(arg: &str, reader: &dyn Reader) -> LockError {
    let mut names: Vec<String> = reader
        .list(arg)
        .unwrap_or_default()
        .into_iter()
        .filter(|name| recognise::is_name_of_a_lock(name))
        .collect();
    names.sort();
    names.truncate(MOST_NAMED);
    LockError::Folder { path: arg.into(), locks: names }
}
