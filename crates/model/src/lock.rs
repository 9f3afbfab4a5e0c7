//! What a lock asks for, each requirement with its place in the file.

use std::fmt;

use crate::{Evidence, Fact, Name, Place, Text};

/// A lock, read and selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The path as the user gave it; `-` for standard input.
    pub path: Text,
    /// Id of the format in the registry: `requirements`.
    pub format: &'static str,
    /// Whether it says what must be there or what was there.
    pub read_as: ReadAs,
    /// Why it was read so, a clause: `shape of pip freeze`, `--demand`.
    pub read_as_because: Text,
    /// The lock's own range of Python versions, as written.
    pub requires_python: Option<Text>,
    /// The Python that the lock was made for or with, where the lock tells.
    pub python: Option<Fact<Text>>,
    /// Groups that were selected.
    pub groups: Vec<Text>,
    /// Extras that were selected.
    pub extras: Vec<Text>,
    /// What is asked for, in the order of the files.
    pub requirements: Vec<Requirement>,
    /// What is wrong with the lock as a whole while the rest can be compared.
    pub problems: Vec<LockProblem>,
    /// The files that were read, for quoting their lines.
    pub sources: Vec<Source>,
}

/// A file that was read for a lock.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as findings name it.
    pub file: Text,
    /// Its text after decoding, lines separated as its format separates them.
    pub lines: Vec<Text>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({} lines)", self.file, self.lines.len())
    }
}

/// How a lock is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadAs {
    /// It says what must be there.
    Demand,
    /// It tells what was there in a training environment.
    Record,
}

impl ReadAs {
    /// The word in JSON and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Demand => "demand",
            Self::Record => "record",
        }
    }
}

/// A fault of the lock that is no requirement's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockProblem {
    /// Where.
    pub at: Place,
    /// What, a sentence without a full stop.
    pub message: Text,
    /// The line as written, credentials masked.
    pub text: Text,
    /// Whether an installer refuses the line; else what it names was not read, and the rest stands.
    pub refused: bool,
}

/// One thing a lock asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The normalised name; `None` where only a build would tell, and for lines that no installer takes.
    pub name: Option<Name>,
    /// The version specifier in its written order, empty for none: `==2.1.2`, `>=1,<2`.
    pub specifier: String,
    /// The marker as written, without the semicolon.
    pub marker: Option<String>,
    /// Requested extras, normalised, sorted.
    pub extras: Vec<Name>,
    /// The URL or local path that it is to come from.
    pub url: Option<Url>,
    /// To be installed in place.
    pub editable: bool,
    /// It limits and does not require.
    pub constraint: bool,
    /// `algorithm:digest` of every hash named.
    pub hashes: Vec<Text>,
    /// Where it stands.
    pub at: Place,
    /// The requirement as written, lines joined, comment cut, credentials masked.
    pub text: Text,
    /// What kind of thing it is.
    pub kind: RequirementKind,
    /// Evidence beyond the line itself (an include chain, a lock's own table).
    pub evidence: Vec<Evidence>,
}

/// How far a requirement can be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequirementKind {
    /// A name with or without specifier or URL.
    Named {
        /// The version that the file name of its URL tells (a wheel's), normalised.
        file_version: Option<String>,
    },
    /// A path or URL whose name only a build would tell; the reason is a clause.
    Unnamed {
        /// Why.
        reason: Text,
    },
    /// A line that no installer takes; the reason is a clause.
    Invalid {
        /// Why.
        reason: Text,
    },
}

/// A URL with what must not be shown kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// With `****` for credentials and for values of variables.
    pub shown: Text,
    /// As the installer sees it.
    pub real: Secret,
}

/// A text that may hold credentials: it can be compared, and has neither `Display` nor a telling `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for comparing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}
