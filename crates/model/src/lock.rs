//! What a lock asks for, each requirement with its place in the file.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Evidence, Fact, MarkerVariable, Name, Place, Text, Training};

/// A lock, read and selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The path as the user gave it; `-` for standard input.
    pub path: Text,
    /// Id of the format in the registry: `requirements`.
    pub format: &'static str,
    /// The version of the format that the file says it has, as written.
    pub format_version: Option<Text>,
    /// Whether it says what must be there or what was there.
    pub read_as: ReadAs,
    /// Why it was read so, a clause: `shape of pip freeze`, `--demand`.
    pub read_as_because: Text,
    /// The lock's own range of Python versions, as written.
    pub requires_python: Option<Text>,
    /// The Python that the lock was made for or with, where the lock tells.
    pub python: Option<Fact<Text>>,
    /// What else it tells of the training machine.
    pub training: Training,
    /// Groups that were selected.
    pub groups: Vec<Text>,
    /// Extras that were selected.
    pub extras: Vec<Text>,
    /// What is asked for, in the order of the files.
    pub requirements: Vec<Requirement>,
    /// What the selection rests on that the lock itself does not say, each a sentence without a full stop.
    pub notes: Vec<Text>,
    /// What is wrong with the lock as a whole while the rest can be compared.
    pub problems: Vec<LockProblem>,
    /// The files that were read, for quoting their lines.
    pub sources: Vec<Source>,
}

/// What locks install in an environment: the answer of `envdiff lock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The environment that the locks were selected for; a variable that is not in it is unknown.
    pub markers: BTreeMap<MarkerVariable, Fact<Text>>,
    /// The locks, in the order asked for; no requirement of them is [`Selection::ByMarker`].
    pub locks: Vec<Lock>,
}

/// A file that was read for a lock.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as findings name it.
    pub file: Text,
    /// Its lines after decoding, separated as its format separates them, each with its number from 1; all of them, or of a
    /// large file those that can be quoted.
    pub lines: Vec<(usize, Text)>,
}

impl Source {
    /// A file of which every line is kept.
    #[must_use]
    pub fn whole(file: Text, lines: impl IntoIterator<Item = Text>) -> Self {
        Self { file, lines: lines.into_iter().enumerate().map(|(at, line)| (at + 1, line)).collect() }
    }

    /// A file of which some lines are kept, in ascending order of their numbers.
    #[must_use]
    pub const fn some(file: Text, lines: Vec<(usize, Text)>) -> Self {
        Self { file, lines }
    }

    /// A line by its number from 1, where it is kept.
    #[must_use]
    pub fn line(&self, number: usize) -> Option<&Text> {
        let at = self.lines.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.lines.get(at).map(|(_, line)| line)
    }
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
    /// The version specifier in its written order, empty for none: `==2.1.2`, `>=1,<2`. Alternatives, which Poetry and conda know and
    /// PEP 440 does not, are joined by ` || `. Where the selection is undetermined, it may be one that no version is known to meet.
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
    /// The one version that a lock names, as written; `None` where it names a range or none.
    pub version: Option<String>,
    /// Where a lock says that it comes from.
    pub origin: PackageSource,
    /// Whether it is installed in the environment that the lock was selected for.
    pub selection: Selection,
    /// Evidence beyond the line itself (an include chain, a lock's own table).
    pub evidence: Vec<Evidence>,
}

impl Requirement {
    /// A requirement of a name and nothing else, from an index, selected by its own marker.
    #[must_use]
    pub fn named(name: Name, at: Place) -> Self {
        Self {
            text: name.as_str().into(),
            name: Some(name),
            specifier: String::new(),
            marker: None,
            extras: Vec::new(),
            url: None,
            editable: false,
            constraint: false,
            hashes: Vec::new(),
            at,
            kind: RequirementKind::Named { file_version: None },
            version: None,
            origin: PackageSource::of(SourceKind::Registry),
            selection: Selection::ByMarker,
            evidence: Vec::new(),
        }
    }
}

/// Whether a requirement is one in the environment that its lock was selected for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Its marker decides, wherever it is judged.
    ByMarker,
    /// It is installed.
    Selected,
    /// It is not; the reason is a clause.
    NotSelected {
        /// Why.
        reason: Text,
    },
    /// It cannot be told; the reason is a clause.
    Undetermined {
        /// Why.
        reason: Text,
    },
}

/// Where a lock says that a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSource {
    /// What kind of place it is.
    pub kind: SourceKind,
    /// The index, repository, file or folder as it may be shown; `None` for the default index.
    pub at: Option<Text>,
    /// The commit.
    pub commit: Option<Text>,
    /// The folder in an archive or repository.
    pub subdirectory: Option<Text>,
    /// conda's own name of the package, where another one stands for it.
    pub package: Option<Text>,
    /// conda's build string.
    pub build: Option<Text>,
}

impl PackageSource {
    /// A source of which only the kind is known.
    #[must_use]
    pub const fn of(kind: SourceKind) -> Self {
        Self { kind, at: None, commit: None, subdirectory: None, package: None, build: None }
    }

    /// A source at a place; credentials in it are masked by whoever makes it.
    #[must_use]
    pub const fn at(kind: SourceKind, at: Text) -> Self {
        Self { kind, at: Some(at), commit: None, subdirectory: None, package: None, build: None }
    }
}

/// The kinds of places that packages come from (contract, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// An index.
    Registry,
    /// A repository under version control.
    Git,
    /// An archive by its URL.
    Url,
    /// An archive by its path.
    Path,
    /// A folder.
    Directory,
    /// A folder, in place.
    Editable,
    /// A project that is never installed itself.
    Virtual,
    /// A channel of conda.
    Conda,
}

impl SourceKind {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Git => "git",
            Self::Url => "url",
            Self::Path => "path",
            Self::Directory => "directory",
            Self::Editable => "editable",
            Self::Virtual => "virtual",
            Self::Conda => "conda",
        }
    }
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
    /// A package of conda that is no Python distribution, by conda's name.
    Conda {
        /// That it is none is known; else it may be one of this name.
        surely: bool,
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
