//! Why a lock is not read at all: what is wrong, and what to do.

use envdiff_model::{Place, Text};
use thiserror::Error;

use crate::broken::Fault;

/// Why a lock is not read at all. It reads as a message; [`LockError::help`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LockError {
    /// Neither file nor anything that looks like an image.
    #[error("there is no lock {}", shown(path))]
    Absent {
        /// As the user gave it.
        path: Text,
    },
    /// Not a file, and it could be an image's name.
    #[error("there is no lock {}", shown(path))]
    AbsentImage {
        /// As the user gave it.
        path: Text,
    },
    /// A target where a lock is wanted.
    #[error("{} is no target that can be read as a lock", shown(path))]
    Target {
        /// As the user gave it.
        path: Text,
    },
    /// A target in which no Python package is told.
    #[error("{} tells no Python package that could be compared: {}", shown(path), shown(why))]
    NothingInstalled {
        /// As the user gave it.
        path: Text,
        /// Why, a clause.
        why: Text,
    },
    /// A folder.
    #[error("{} is a folder, and a lock is a file", shown(path))]
    Folder {
        /// As the user gave it.
        path: Text,
        /// Files in it that are called as locks are.
        locks: Vec<String>,
    },
    /// The system refuses.
    #[error("the lock {} cannot be read: {cause}", shown(path))]
    Unreadable {
        /// As the user gave it.
        path: Text,
        /// The system's words.
        cause: String,
    },
    /// More than 64 MiB.
    #[error("the lock {} holds more than 64 MiB", shown(path))]
    TooLarge {
        /// As the user gave it, or the included file.
        path: Text,
    },
    /// More than 200,000 requirements.
    #[error("the lock {} holds more than 200,000 requirements", shown(path))]
    TooManyRequirements {
        /// The file with the first that was one too many.
        path: Text,
    },
    /// Files include each other too deep or too often.
    #[error("{}:{}: files are included more than 32 deep or more than 10,000 times", shown(&at.file), at.line)]
    TooManyIncludes {
        /// The line that includes one too many.
        at: Place,
    },
    /// Nothing in it.
    #[error("the lock {} is empty", shown(path))]
    Empty {
        /// As the user gave it.
        path: Text,
    },
    /// Something else altogether.
    #[error("{} is no lock: {why}", shown(path))]
    NotALock {
        /// As the user gave it.
        path: Text,
        /// Why, a clause.
        why: &'static str,
    },
    /// Hardly a line of it is a requirement.
    #[error(
        "{} is no lock: {invalid} of its {lines} lines are no requirements; line {}: {reason}",
        shown(path),
        first.line
    )]
    NoRequirements {
        /// As the user gave it.
        path: Text,
        /// How many lines it has that ask for something.
        lines: usize,
        /// How many of them no installer takes.
        invalid: usize,
        /// The first of them.
        first: Place,
        /// Why that one is none, a clause.
        reason: String,
    },
    /// A format that exists and is not read.
    #[error("{} is {}", shown(path), what.what)]
    OtherFormat {
        /// As the user gave it.
        path: Text,
        /// Which.
        what: Other,
    },
    /// It is not as its format has it.
    #[error("{}: {}", place(path, at.as_ref()), shown(message))]
    Broken {
        /// As the user gave it.
        path: Text,
        /// Id of the format that it was read as, where it was recognised.
        format: Option<&'static str>,
        /// Where, as far as it is at one place.
        at: Option<Place>,
        /// What kind of fault.
        fault: Fault,
        /// What is wrong, a sentence without a full stop.
        message: Text,
    },
    /// Its own tool would install nothing of it in that environment.
    #[error("{}: {}", place(path, at.as_ref()), shown(message))]
    NotHere {
        /// As the user gave it.
        path: Text,
        /// Where the lock says so.
        at: Option<Place>,
        /// What it says, a sentence without a full stop.
        message: Text,
    },
    /// A group, extra or package is asked for that it does not have.
    #[error("{} has no {what} `{}`", shown(path), shown(name))]
    Unknown {
        /// As the user gave it.
        path: Text,
        /// `group`, `extra`, `package`.
        what: &'static str,
        /// As it was asked for.
        name: Text,
        /// What there is.
        known: Vec<String>,
    },
    /// What is asked for cannot be had together, or not of this lock.
    #[error("{}: {}", place(path, at.as_ref()), shown(message))]
    Wish {
        /// As the user gave it.
        path: Text,
        /// Where the lock says so.
        at: Option<Place>,
        /// What it says, a sentence without a full stop.
        message: Text,
    },
    /// An include or an encoding at which every installer stops.
    #[error("{}:{}: {}", shown(&at.file), at.line, shown(message))]
    Refused {
        /// Where.
        at: Place,
        /// What is wrong, a sentence without a full stop.
        message: Text,
    },
}

/// A format that is not read, and what to give instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other {
    /// `a uv.lock`
    pub what: &'static str,
    /// What to do.
    pub help: &'static str,
}

impl LockError {
    /// What to do, a sentence without a full stop.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Absent { .. } => "give the path of a lock, or - for standard input; `envdiff explain locks` lists the formats".to_owned(),
            Self::AbsentImage { path } => {
                format!("to compare with an image, write it with its prefix: docker:{}", shown(path))
            }
            Self::Target { .. } => {
                "`envdiff explain targets` lists what can be; an image of a registry is pulled first".to_owned()
            }
            Self::NothingInstalled { .. } => {
                "a lock without packages would match every image; is it what trained?".to_owned()
            }
            Self::Folder { path, locks } => match locks.first() {
                Some(first) => {
                    let path = shown(path);
                    let names: Vec<String> = locks.iter().map(|name| shown(&name.into())).collect();
                    format!(
                        "it holds {}: give one of them, such as {}/{}",
                        names.join(", "),
                        path.trim_end_matches('/'),
                        shown(&first.into())
                    )
                }
                None => "give a file in it; `envdiff explain locks` lists the formats".to_owned(),
            },
            Self::Unreadable { .. } => "check its permissions and that it is a file".to_owned(),
            Self::TooLarge { .. } | Self::TooManyRequirements { .. } => {
                "give the lock of one environment; files of that size are not locks".to_owned()
            }
            Self::TooManyIncludes { .. } => "include each file once".to_owned(),
            Self::Empty { .. } => "was it written by a command that failed? An empty lock would match every image".to_owned(),
            Self::NotALock { .. } | Self::NoRequirements { .. } => {
                "give what an installer locked or listed: a requirements file (lines such as torch==2.1.2), uv.lock, poetry.lock, \
                 what pip list or conda list printed; `envdiff explain locks` lists all formats"
                    .to_owned()
            }
            Self::OtherFormat { what, .. } => what.help.to_owned(),
            Self::Broken { fault, format, .. } => broken(*fault, *format),
            Self::NotHere { .. } => {
                "make the lock anew for that environment, or give the environment that it is for".to_owned()
            }
            Self::Unknown { what, known, .. } if known.is_empty() => format!("it has no {what}s at all"),
            Self::Unknown { what, known, .. } => {
                let names: Vec<String> = known.iter().map(|name| shown(&name.into())).collect();
                format!("its {what}s are {}", names.join(", "))
            }
            Self::Wish { .. } => "ask for what the lock can give".to_owned(),
            Self::Refused { .. } => "pip stops here too; correct the line, or give each file by itself".to_owned(),
        }
    }
}

fn broken(fault: Fault, format: Option<&'static str>) -> String {
    let anew = match format {
        Some(format) => format!("it was read as {format}; let its tool write it anew"),
        None => "let its tool write it anew".to_owned(),
    };
    match fault {
        Fault::MergeConflict => "resolve the merge, or let its tool write it anew".to_owned(),
        Fault::Version => {
            "a newer envdiff may know it; else give what its tool exports as a requirements file".to_owned()
        }
        Fault::Truncated => format!("its end is missing, was a download cut off? {anew}"),
        Fault::TooDeep | Fault::TooLarge => {
            "no lock is like that; give the file that the tool wrote".to_owned()
        }
        _ => anew,
    }
}

fn place(path: &Text, at: Option<&Place>) -> String {
    match at {
        Some(at) => format!("{}:{}:{}", shown(&at.file), at.line, at.column),
        None => shown(path),
    }
}

/// A text of the user's or a file's for one line of a message: control characters, marks of writing direction and bytes that
/// are no UTF-8 are escaped.
fn shown(text: &Text) -> String {
    let is_mark = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    match text.as_str() {
        None => text.as_bytes().escape_ascii().to_string(),
        Some(text) => text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
            if c.is_control() || is_mark(c) {
                out.extend(c.escape_unicode());
            } else {
                out.push(c);
            }
            out
        }),
    }
}
