//! A requirements file comes in; its lock comes out, every line as pip 26.3 reads it.

use envdiff_model::{
    Lock, LockProblem, Name, Place, ReadAs, Requirement, RequirementKind, Source, Text, say,
};
use envdiff_packaging::file::{
    self, Asked, Entry, FileError, Problem, ProblemKind, ReadError, RequirementFile,
};

use crate::recognise::Look;
use crate::registry::Reading;
use crate::{LockError, ReadAsChoice, Reader, header};

/// From this many lines on a file of which hardly one is a requirement is taken for something else.
const FEWEST_LINES: usize = 5;

/// Whether a file is read as one: every text that is nothing else.
pub(crate) fn is(look: &Look) -> bool {
    look.is_text() && look.other().is_none()
}

/// Reads a file and all that it includes. The second value is what pip stops at: an include that is not there, cannot be
/// read or leads in a circle, bytes that the encoding does not allow, or that there is nothing in the file.
pub(crate) fn read(path: &str, bytes: &[u8], reader: &dyn Reader, choice: ReadAsChoice) -> Reading {
    let read = file::read(path, &Already { path, bytes, reader }).map_err(refused)?;
    let refusal = read.problems.iter().find_map(stop).or_else(|| nothing_in_it(path, bytes, &read));
    Ok((lock(path, read, choice), refusal))
}

/// A reader that has read the file itself already: standard input comes only once.
struct Already<'a> {
    path: &'a str,
    bytes: &'a [u8],
    reader: &'a dyn Reader,
}

impl file::Reader for Already<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        if path == self.path { Ok(self.bytes.to_vec()) } else { self.reader.read(path) }
    }
    fn variable(&self, name: &str) -> Option<String> {
        self.reader.variable(name)
    }
    fn is_folder(&self, path: &str) -> bool {
        self.reader.is_folder(path)
    }
    fn folder(&self) -> String {
        self.reader.folder()
    }
}

fn refused(error: FileError) -> LockError {
    match error {
        FileError::Unreadable { file, error: ReadError::Absent } => LockError::Absent { path: file },
        FileError::Unreadable { file, error: ReadError::TooLarge } | FileError::TooLarge { file } => {
            LockError::TooLarge { path: file }
        }
        FileError::Unreadable { file, error: ReadError::Unreadable(cause) } => {
            LockError::Unreadable { path: file, cause }
        }
        FileError::TooManyRequirements { file } => LockError::TooManyRequirements { path: file },
        FileError::TooManyIncludes { at } => LockError::TooManyIncludes { at },
    }
}

fn stop(problem: &Problem) -> Option<LockError> {
    match problem.kind {
        ProblemKind::NotFetched => None,
        ProblemKind::MissingInclude if is_glued(problem) => None,
        ProblemKind::MissingInclude
        | ProblemKind::UnreadableInclude
        | ProblemKind::Undecodable
        | ProblemKind::UnknownEncoding
        | ProblemKind::Cycle => {
            Some(LockError::Refused { at: problem.at.clone(), message: problem.message.clone() })
        }
    }
}

/// Whether a word stands directly behind `-r` or `-c`: `-requests` is a slip of the hand, not a file that was asked for, so
/// it is a line that no installer takes and the others are compared.
fn is_glued(problem: &Problem) -> bool {
    matches!(problem.text.as_bytes(), [b'-', b'r' | b'c', next, ..] if next.is_ascii_alphanumeric())
}

fn nothing_in_it(path: &str, bytes: &[u8], read: &RequirementFile) -> Option<LockError> {
    let is_blank = read.sources.iter().all(|s| s.lines.iter().all(|line| line.to_lossy().trim().is_empty()));
    if bytes.is_empty() || is_blank {
        return Some(LockError::Empty { path: path.into() });
    }
    let mut invalid = read.entries.iter().filter_map(|entry| entry.asked.as_ref().err());
    let lines = read.entries.len();
    let first = invalid.next()?;
    let invalid = 1 + invalid.count();
    // All but one in twenty: a lock with mistakes has more lines that are right.
    (lines >= FEWEST_LINES && invalid * 20 >= lines * 19).then(|| LockError::NoRequirements {
        path: path.into(),
        lines,
        invalid,
        first: first.at.clone(),
        reason: first.refusal.to_string(),
    })
}

fn lock(path: &str, read: RequirementFile, choice: ReadAsChoice) -> Lock {
    let auto = if read.is_freeze_shape {
        (ReadAs::Record, "shape of pip freeze")
    } else {
        (ReadAs::Demand, "not in the shape of pip freeze")
    };
    let (read_as, read_as_because) = choice.decide(auto);
    let python = read.sources.first().and_then(header::python);
    Lock {
        path: path.into(),
        format: "requirements",
        read_as,
        read_as_because,
        requires_python: None,
        python,
        groups: Vec::new(),
        extras: Vec::new(),
        requirements: read.entries.into_iter().map(requirement).collect(),
        problems: read.problems.into_iter().map(problem).collect(),
        sources: each_once(read.sources),
    }
}

fn problem(problem: Problem) -> LockProblem {
    let refused = problem.kind == ProblemKind::MissingInclude && is_glued(&problem);
    LockProblem { at: problem.at, message: problem.message, text: problem.text, refused }
}

/// A file that is included twice is quoted from once.
fn each_once(sources: Vec<Source>) -> Vec<Source> {
    let mut out: Vec<Source> = Vec::new();
    let mut seen: std::collections::HashSet<Text> = std::collections::HashSet::new();
    for source in sources {
        if seen.insert(source.file.clone()) {
            out.push(source);
        }
    }
    out
}

fn requirement(entry: Entry) -> Requirement {
    let hashes = entry.hashes.iter().map(|(algorithm, digest)| say!(algorithm, ":", digest)).collect();
    let whole = entry.editable || entry.asked.is_err() || entry.requirement.is_empty();
    let text = if whole { entry.text } else { entry.requirement };
    let empty = Requirement {
        name: None,
        specifier: String::new(),
        marker: None,
        extras: Vec::new(),
        url: None,
        editable: entry.editable,
        constraint: entry.constraint,
        hashes,
        at: entry.at,
        text,
        kind: RequirementKind::Named { file_version: None },
        evidence: Vec::new(),
    };
    match entry.asked {
        Ok(asked) => named(asked, empty),
        Err(invalid) => Requirement {
            at: closer(empty.at.clone(), invalid.at),
            kind: RequirementKind::Invalid { reason: invalid.refusal.to_string().into() },
            ..empty
        },
    }
}

/// The place of the fault, where it is on the line on which the requirement begins.
fn closer(whole: Place, fault: Place) -> Place {
    if fault.file == whole.file && fault.line == whole.line { fault } else { whole }
}

fn named(asked: Asked, empty: Requirement) -> Requirement {
    let mut extras: Vec<Name> = asked.extras.iter().map(|extra| Name::new(extra)).collect();
    extras.sort();
    extras.dedup();
    let wheel = asked.link.as_ref().and_then(|link| link.wheel.as_ref());
    let kind = if asked.name.is_some() {
        RequirementKind::Named { file_version: wheel.map(|wheel| wheel.version.to_string()) }
    } else {
        RequirementKind::Unnamed { reason: "only a build would tell its name".into() }
    };
    Requirement {
        name: asked.name,
        specifier: asked.specifiers.written(),
        marker: asked.marker_written,
        extras,
        url: asked.link.map(|link| link.url),
        kind,
        ..empty
    }
}
