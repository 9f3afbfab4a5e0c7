//! The path of a requirement file and a [`Reader`] come in; every line as pip 26.3 reads it comes out, with the files
//! that it includes, each requirement with its place.

mod encoding;
mod freeze;
mod line;
mod lines;
mod options;
mod read;
mod shell;

use envdiff_model::{Name, Place, Secret, Source, Text, Url};
use thiserror::Error;

use crate::{Link, Marker, SpecifierSet};

pub use freeze::is_freeze_shape;
pub use line::Refusal;
pub use options::{OptionFault, OptionName};
pub use read::read;
#[cfg(test)]
pub(crate) use read::{Most, read_within};

pub use crate::limits::{
    DEEPEST_INCLUDE, MOST_BYTES, MOST_INCLUDES, MOST_LINE, MOST_QUOTED, MOST_REQUIREMENTS,
};

/// What the reader of a requirement file asks of the machine.
pub trait Reader {
    /// The bytes of a file, at most [`MOST_BYTES`]. A relative path is relative to the current folder.
    ///
    /// # Errors
    /// [`ReadError`], absent and unreadable apart.
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError>;

    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether a path, relative to the current folder, is a folder here: pip takes a name for a path only if it is.
    fn is_folder(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// The current folder as an absolute path, so that a file that is named in two ways is known to be one.
    fn folder(&self) -> String {
        String::new()
    }
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// There is none.
    #[error("there is no such file")]
    Absent,
    /// It is larger than [`MOST_BYTES`].
    #[error("the file is larger than 64 MiB")]
    TooLarge,
    /// Anything else, with the system's words.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
}

/// Why a requirement file was not read at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileError {
    /// The file itself cannot be read.
    #[error("{error}")]
    Unreadable {
        /// The file.
        file: Text,
        /// Why.
        error: ReadError,
    },
    /// More than [`MOST_BYTES`] over all files.
    #[error("the requirement files hold more than 64 MiB")]
    TooLarge {
        /// The file that was one too many.
        file: Text,
    },
    /// More than [`MOST_REQUIREMENTS`].
    #[error("there are more than 200,000 requirements")]
    TooManyRequirements {
        /// The file with the first that was one too many.
        file: Text,
    },
    /// Deeper than [`DEEPEST_INCLUDE`] or more than [`MOST_INCLUDES`].
    #[error("files are included more than 32 deep or more than 10,000 times")]
    TooManyIncludes {
        /// The line that includes one too many.
        at: Place,
    },
}

/// A requirement file with everything that it includes.
#[derive(Debug, Clone, Default)]
pub struct RequirementFile {
    /// Every line that asks for something, in the order in which pip meets them.
    pub entries: Vec<Entry>,
    /// Every line that asks for nothing and sets something.
    pub options: Vec<OptionLine>,
    /// What kept files from being read.
    pub problems: Vec<Problem>,
    /// The files that were read, their first [`MOST_QUOTED`] lines with credentials masked; one that is included twice
    /// is in it twice.
    pub sources: Vec<Source>,
    /// Whether the file itself has the shape of `pip freeze`.
    pub is_freeze_shape: bool,
}

/// A line that asks for something.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where the requirement stands, its options and comment excluded; on the first line of a continued one.
    pub at: Place,
    /// The whole line as written: joined, comment cut, variables as `${NAME}`, credentials masked.
    pub text: Text,
    /// The requirement of that line without its options, in the same form.
    pub requirement: Text,
    /// The whole line as pip parses it, variables filled in.
    pub real: Secret,
    /// Whether anything in it came from a variable. Then parts (name, specifiers, marker) are values that reports mask.
    pub from_variable: bool,
    /// What it asks for, or why pip takes it not at all.
    pub asked: Result<Asked, Invalid>,
    /// `-e`
    pub editable: bool,
    /// It stands in a file that `-c` names, and limits only.
    pub constraint: bool,
    /// `--hash=algorithm:digest`, in the order of the line.
    pub hashes: Vec<(String, String)>,
}

/// What a line asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The name in normal form; `None` where only a build would tell it.
    pub name: Option<Name>,
    /// The name as written.
    pub name_written: Option<String>,
    /// The specifiers; `==version` for a bare link to a wheel, as its file name tells.
    pub specifiers: SpecifierSet,
    /// Where the specifiers stand.
    pub specifiers_at: Option<Place>,
    /// Requested extras as pip has them, sorted.
    pub extras: Vec<String>,
    /// The marker.
    pub marker: Option<Marker>,
    /// The marker as written, variables filled in.
    pub marker_written: Option<String>,
    /// Where the marker stands.
    pub marker_at: Option<Place>,
    /// Where it is to come from.
    pub link: Option<Link>,
}

/// Why no installer takes a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// A clause without the line's text.
    pub refusal: Refusal,
    /// What in the line it is about.
    pub at: Place,
}

/// A line that sets something.
#[derive(Debug, Clone)]
pub struct OptionLine {
    /// Where it stands.
    pub at: Place,
    /// The line as written, credentials masked.
    pub text: Text,
    /// The line as pip parses it, variables filled in.
    pub real: Secret,
    /// What it sets, in order. Values of options that take none are empty.
    pub settings: Vec<(OptionName, Url)>,
}

/// What kept a file from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line that includes it, or the line with the first byte that cannot be decoded.
    pub at: Place,
    /// What kind of problem.
    pub kind: ProblemKind,
    /// A sentence without a full stop, names of files in it.
    pub message: Text,
    /// The line as written, credentials masked; empty for a file as a whole.
    pub text: Text,
}

/// What kind of problem kept a file from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// An included file is not there.
    MissingInclude,
    /// An included file is there and cannot be read.
    UnreadableInclude,
    /// The bytes are not what the file's encoding allows.
    Undecodable,
    /// The file names an encoding that is not known.
    UnknownEncoding,
    /// A file includes itself, directly or over others.
    Cycle,
    /// An included file is a URL; nothing is fetched.
    NotFetched,
}
