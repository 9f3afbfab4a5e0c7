//! A requirements file comes in; its lock comes out, every line as pip 26.3 reads it.

use envdiff_model::{
    LockProblem, Name, PackageSource, Place, Requirement, RequirementKind, Selection, Source, SourceKind,
    Text, say,
};
use envdiff_packaging::file::{
    self, Asked, Entry, FileError, Problem, ProblemKind, ReadError, RequirementFile,
};
use envdiff_packaging::{Link, LinkKind, Operator};

use super::header;
use crate::recognise::{Look, Shape};
use crate::registry::{Chosen, FORMATS, Input, Offers, Selectable};
use crate::{Environment, LockError, Opened, ReadAsChoice, Reader, Wishes};

/// From this many lines on a file of which hardly one is a requirement is taken for something else.
const FEWEST_LINES: usize = 5;

/// Whether a file is read as one: every text that is nothing else.
pub(crate) fn is(look: &Look) -> bool {
    look.is(Shape::Text)
}

/// Reads a file and all that it includes.
///
/// # Errors
/// What pip stops at: an include that is not there, cannot be read or leads in a circle, bytes that the encoding does not
/// allow, or that there is nothing in the file.
pub(crate) fn open(input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    Ok(Box::new(read_whole(input.path, &input.bytes, input.reader)?))
}

/// Reads a file as [`open`] does and goes on where pip stops; `None` where it is none of this format.
pub(crate) fn tolerant(
    arg: &str,
    reader: &dyn Reader,
    choice: ReadAsChoice,
) -> Result<Option<(Opened, Option<LockError>)>, LockError> {
    let Ok(bytes) = reader.read(arg) else { return Ok(None) };
    let Some(format) = FORMATS.last().filter(|format| (format.is)(&Look::of(arg, &bytes))) else {
        return Ok(None);
    };
    let (read, refusal) = read(arg, &bytes, reader)?;
    Ok(Some((Opened { path: arg.into(), format, choice, inner: Box::new(read) }, refusal)))
}

fn read(
    path: &str,
    bytes: &[u8],
    reader: &dyn Reader,
) -> Result<(Requirements, Option<LockError>), LockError> {
    let read = file::read(path, &Already { path, bytes, reader }).map_err(refused)?;
    let refusal = read.problems.iter().find_map(stop).or_else(|| nothing_in_it(path, bytes, &read));
    Ok((requirements(read), refusal))
}

/// Reads a file that another format names, as [`open`] does.
pub(crate) fn read_whole(path: &str, bytes: &[u8], reader: &dyn Reader) -> Result<Requirements, LockError> {
    match read(path, bytes, reader)? {
        (_, Some(refusal)) => Err(refusal),
        (read, None) => Ok(read),
    }
}

/// A file that was read.
pub(crate) struct Requirements {
    is_freeze_shape: bool,
    python: Option<envdiff_model::Fact<Text>>,
    requirements: Vec<Requirement>,
    problems: Vec<LockProblem>,
    sources: Vec<Source>,
}

impl Selectable for Requirements {
    fn offers(&self) -> Offers {
        Offers::default()
    }

    fn select(&self, _: &Environment, _: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = if self.is_freeze_shape {
            Chosen::record("shape of pip freeze")
        } else {
            Chosen::demand("not in the shape of pip freeze")
        };
        chosen.python.clone_from(&self.python);
        chosen.requirements.clone_from(&self.requirements);
        chosen.problems.clone_from(&self.problems);
        chosen.sources.clone_from(&self.sources);
        Ok(chosen)
    }
}

/// A reader that has the file itself already: standard input comes only once, and a list in another file is none.
pub(super) struct Already<'a> {
    pub(super) path: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) reader: &'a dyn Reader,
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

pub(crate) fn refused(error: FileError) -> LockError {
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
    let is_blank =
        read.sources.iter().all(|s| s.lines.iter().all(|(_, line)| line.to_lossy().trim().is_empty()));
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

fn requirements(read: RequirementFile) -> Requirements {
    Requirements {
        is_freeze_shape: read.is_freeze_shape,
        python: read.sources.first().and_then(header::python),
        requirements: read.entries.into_iter().map(requirement).collect(),
        problems: read.problems.into_iter().map(problem).collect(),
        sources: each_once(read.sources),
    }
}

pub(crate) fn problem(problem: Problem) -> LockProblem {
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

pub(crate) fn requirement(entry: Entry) -> Requirement {
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
        version: None,
        origin: PackageSource::of(SourceKind::Registry),
        selection: Selection::ByMarker,
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
    let origin = asked
        .link
        .as_ref()
        .map_or(PackageSource::of(SourceKind::Registry), |link| source(link, empty.editable));
    let version = match asked.specifiers.specifiers() {
        [one] if matches!(one.operator(), Operator::Equal | Operator::Identical) => {
            let version = one.to_string().trim_start_matches('=').trim().to_owned();
            (!version.ends_with(".*")).then_some(version)
        }
        _ => wheel.map(|wheel| wheel.version.to_string()),
    };
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
        version,
        origin,
        ..empty
    }
}

/// Where a link leads.
fn source(link: &Link, editable: bool) -> PackageSource {
    let is_archive = || {
        let shown = link.url.shown.to_lossy();
        let file = shown.split(['?', '#']).next().unwrap_or("");
        [".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"].iter().any(|end| file.ends_with(end))
    };
    let kind = match link.kind {
        _ if editable && link.kind != LinkKind::Vcs => SourceKind::Editable,
        LinkKind::Vcs => SourceKind::Git,
        LinkKind::Download | LinkKind::Other => SourceKind::Url,
        LinkKind::File | LinkKind::Path if is_archive() => SourceKind::Path,
        LinkKind::File | LinkKind::Path => SourceKind::Directory,
    };
    let mut source = PackageSource::at(kind, link.url.shown.clone());
    source.commit = link.revision.as_deref().map(Text::from);
    source.subdirectory = link.subdirectory.as_deref().map(Text::from);
    source
}
