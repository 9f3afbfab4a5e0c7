//! The word that a user gave for a lock comes in; the lock, read and with its places, comes out, or one clear error.
//!
//! What a file is, is decided by its content; its name is a hint at most. One file holds one format, [`FORMATS`] is the list.

mod broken;
mod disk;
mod environment;
mod error;
mod files;
mod formats;
pub mod fuzz;
mod graph;
pub mod limits;
mod package;
mod packages;
mod reader;
mod recognise;
mod registry;
mod text;
mod tree;
mod wishes;

use envdiff_model::{
    Lock, LockProblem, Name, ReadAs, Requirement, RequirementKind, Selection, Snapshot, Text, say,
};
use envdiff_packaging::file::ReadError;

pub use broken::Fault;
pub use disk::Disk;
pub use environment::{Environment, Libc};
pub use error::{LockError, Other};
pub use reader::Reader;
pub use registry::{FORMATS, Format};
pub use wishes::Wishes;

use crate::recognise::Look;
use crate::registry::{Chosen, Input, Offers, Selectable};

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

/// A lock that was read; what it installs hangs on the environment.
pub struct Opened {
    path: Text,
    format: &'static Format,
    choice: ReadAsChoice,
    inner: Box<dyn Selectable>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} ({})", self.path, self.format.id)
    }
}

/// What a lock installs in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Every package and requirement of the lock, selected or not.
    pub lock: Lock,
    /// Why its own tool would install nothing of it there; the lock is selected all the same, as far as that goes.
    pub refusals: Vec<LockError>,
}

/// Opens the lock that `arg` names: a path, or `-` for standard input. Everything that does not hang on an environment is
/// done here.
///
/// # Errors
/// [`LockError`]: it is not there, is no lock, is not as its format has it, or a bound is passed.
pub fn open(arg: &str, reader: &dyn Reader, choice: ReadAsChoice) -> Result<Opened, LockError> {
    let inside = if arg != "-" && reader.is_folder(arg) { Some(in_folder(arg, reader)?) } else { None };
    let arg = inside.as_deref().unwrap_or(arg);
    let bytes = reader.read(arg).map_err(|error| match error {
        ReadError::Absent => recognise::absent(arg),
        ReadError::TooLarge => LockError::TooLarge { path: arg.into() },
        ReadError::Unreadable(cause) => LockError::Unreadable { path: arg.into(), cause },
    })?;
    let look = Look::of(arg, &bytes);
    if let Some(format) = FORMATS.iter().find(|format| (format.is)(&look)) {
        let input = Input { path: arg, bytes, reader, format: format.id };
        let inner = (format.open)(input)?;
        return Ok(Opened { path: arg.into(), format, choice, inner });
    }
    Err(look.refusal(arg, &bytes))
}

/// Whether a word is a target instead of a file: it has a target's prefix, and no file is called so (contract, section 1, LOCK).
/// Such a one is read by whoever can read targets, and comes here by [`of_target`].
pub fn is_target(arg: &str, reader: &dyn Reader) -> bool {
    recognise::is_target(arg) && !reader.is_folder(arg) && matches!(reader.read(arg), Err(ReadError::Absent))
}

/// A target that was read, as a lock: a record of what was installed there.
///
/// # Errors
/// [`LockError::NothingInstalled`]: no distribution is told in it.
pub fn of_target(arg: &str, snapshot: &Snapshot, choice: ReadAsChoice) -> Result<Opened, LockError> {
    let inner = formats::snapshot::of_target(arg, snapshot)?;
    let Some(format) = FORMATS.iter().find(|format| format.id == registry::SNAPSHOT) else {
        return Err(recognise::absent(arg));
    };
    Ok(Opened { path: arg.into(), format, choice, inner })
}

/// Selects from locks what their own tools would install in an environment.
///
/// A group, extra or package must be one of at least one of the locks, and counts in those that have it; so must a group that is
/// taken away, as uv wants it. Where only some groups are asked for, nothing counts of a lock that has none of them.
///
/// # Errors
/// [`LockError`]: what is asked for is not there or cannot be had, or a lock contradicts itself in that environment.
pub fn select(
    locks: &[Opened],
    environment: &Environment,
    wishes: &Wishes,
) -> Result<Vec<Selected>, LockError> {
    let offers: Vec<Offers> = locks.iter().map(|lock| lock.inner.offers()).collect();
    let known = |of: fn(&Offers) -> &Vec<Name>| -> Vec<Name> {
        let mut names: Vec<Name> = offers.iter().flat_map(of).cloned().collect();
        names.sort();
        names.dedup();
        names
    };
    let groups = known(|offers| &offers.groups);
    let extras = known(|offers| &offers.extras);
    let packages = known(|offers| &offers.packages);
    let asked_groups = wishes.groups.iter().chain(&wishes.only_groups).chain(&wishes.no_groups);
    for (what, asked, known) in [
        ("group", asked_groups.collect::<Vec<_>>(), &groups),
        ("extra", wishes.extras.iter().collect(), &extras),
        ("package", wishes.packages.iter().collect(), &packages),
    ] {
        if let Some(name) = asked.into_iter().find(|name| !known.contains(name)) {
            let path = Text::join(locks.iter().map(|lock| &lock.path), ", ");
            let known = known.iter().map(|name| name.as_str().to_owned()).take(MOST_NAMED).collect();
            return Err(LockError::Unknown { path, what, name: name.as_str().into(), known });
        }
    }
    let of_lock = |wanted: &[Name], has: &[Name]| -> Vec<Name> {
        wanted.iter().filter(|name| has.contains(name)).cloned().collect()
    };
    locks
        .iter()
        .zip(&offers)
        .map(|(lock, offers)| {
            let selective = Wishes {
                groups: of_lock(&wishes.groups, &offers.groups),
                only_groups: of_lock(&wishes.only_groups, &offers.groups),
                extras: of_lock(&wishes.extras, &offers.extras),
                packages: of_lock(&wishes.packages, &offers.packages),
                ..wishes.clone()
            };
            let mut chosen = lock.inner.select(environment, &selective)?;
            if !wishes.only_groups.is_empty() && selective.only_groups.is_empty() {
                chosen.keep_nothing(&wishes.only_groups);
            }
            Ok(lock.finish(chosen))
        })
        .collect()
}

impl Opened {
    /// Reads the hashes of what was selected, of those requirements that they are wanted of: an image tells the hash of an archive
    /// of few packages.
    pub fn add_hashes(&self, selected: &mut Selected, is_wanted: impl Fn(&Requirement) -> bool) {
        for (at, requirement) in selected.lock.requirements.iter_mut().enumerate() {
            if requirement.hashes.is_empty()
                && requirement.selection == Selection::Selected
                && is_wanted(requirement)
            {
                requirement.hashes = self.inner.hashes(at);
            }
        }
    }
}

impl Opened {
    /// Whether hashes of archives stand in it: of the first that was selected and could have some.
    #[must_use]
    pub fn has_hashes(&self, selected: &Selected) -> bool {
        let requirements = &selected.lock.requirements;
        requirements.iter().any(|requirement| !requirement.hashes.is_empty())
            || (0..requirements.len()).take(MOST_NAMED).any(|at| !self.inner.hashes(at).is_empty())
    }
}

impl Selected {
    /// Decides what its own marker decides (requirements files) here, for who asks what is installed and judges nothing; what could
    /// not be read becomes a note.
    pub fn settle(&mut self, environment: &Environment) {
        for problem in self.lock.problems.iter().filter(|problem| !problem.refused) {
            let at = &problem.at;
            let note =
                say!("what it asks for is not known: ", problem.message, " (", at.file, ":", at.line, ")");
            self.lock.notes.push(note);
        }
        let markers = environment::Markers::of(environment);
        for requirement in &mut self.lock.requirements {
            if requirement.selection != Selection::ByMarker {
                continue;
            }
            requirement.selection = match (&requirement.kind, &requirement.marker) {
                (RequirementKind::Invalid { reason }, _) => {
                    Selection::Undetermined { reason: reason.clone() }
                }
                _ if requirement.constraint => {
                    Selection::NotSelected { reason: "a constraint installs nothing".into() }
                }
                (_, None) => Selection::Selected,
                (_, Some(marker)) => match markers.holds(marker, &environment::Asked::Nothing) {
                    environment::Holds::Yes => Selection::Selected,
                    environment::Holds::No => {
                        Selection::NotSelected { reason: "its marker does not hold".into() }
                    }
                    environment::Holds::Unknown(reason) => Selection::Undetermined { reason },
                },
            };
        }
    }
}

impl Opened {
    /// The path as the user gave it.
    #[must_use]
    pub const fn path(&self) -> &Text {
        &self.path
    }

    fn finish(&self, chosen: Chosen) -> Selected {
        let (read_as, read_as_because) = self.choice.decide(chosen.read_as);
        let mut problems = chosen.problems;
        let mut refusals = Vec::new();
        for refusal in chosen.refusals {
            if let Some(at) = refusal.at.clone().filter(|_| !refusal.is_python) {
                let message = refusal.message.clone();
                problems.push(LockProblem { at, message, text: Text::new(), refused: true });
            }
            let path = self.path.clone();
            refusals.push(LockError::NotHere { path, at: refusal.at, message: refusal.message });
        }
        let texts = |names: Vec<Name>| names.iter().map(|name| name.as_str().into()).collect();
        let lock = Lock {
            path: self.path.clone(),
            format: self.format.id,
            format_version: chosen.format_version,
            read_as,
            read_as_because,
            requires_python: chosen.requires_python,
            python: chosen.python,
            training: chosen.training,
            groups: texts(chosen.groups),
            extras: texts(chosen.extras),
            requirements: chosen.requirements,
            notes: chosen.notes,
            problems,
            sources: chosen.sources,
        };
        Selected { lock, refusals }
    }
}

/// Reads the lock that `arg` names, for an environment of which nothing is known.
///
/// # Errors
/// Those of [`open`] and [`select`].
pub fn read(arg: &str, reader: &dyn Reader, choice: ReadAsChoice) -> Result<Lock, LockError> {
    let opened = open(arg, reader, choice)?;
    let selected = select(std::slice::from_ref(&opened), &Environment::unknown(), &Wishes::default())?;
    selected.into_iter().next().map(|selected| selected.lock).ok_or_else(|| recognise::absent(arg))
}

/// Reads a requirements file and goes on where pip stops; the second value is what it would stop at.
///
/// # Errors
/// Where there is nothing to go on with.
pub fn read_what_there_is(
    arg: &str,
    reader: &dyn Reader,
    choice: ReadAsChoice,
) -> Result<(Lock, Option<LockError>), LockError> {
    match formats::requirements::tolerant(arg, reader, choice)? {
        Some((opened, refusal)) => {
            let chosen = opened.inner.select(&Environment::unknown(), &Wishes::default())?;
            Ok((opened.finish(chosen).lock, refusal))
        }
        None => read(arg, reader, choice).map(|lock| (lock, None)),
    }
}

/// The most lock files of a folder that an error names.
const MOST_NAMED: usize = 8;

/// The lock in a folder: an MLflow model, or a project with the lock of one installer.
fn in_folder(arg: &str, reader: &dyn Reader) -> Result<String, LockError> {
    const LOCKS: [&str; 7] =
        ["uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "pylock.toml", "conda-lock.yml"];
    let mut names = reader.list(arg).unwrap_or_default();
    names.sort();
    let path = |name: &str| format!("{}/{name}", arg.trim_end_matches('/'));
    if names.iter().any(|name| name == "MLmodel") {
        return Ok(path("MLmodel"));
    }
    let mut locks = names.iter().filter(|name| LOCKS.contains(&name.as_str()));
    if let (Some(lock), None) = (locks.next(), locks.next()) {
        return Ok(path(lock));
    }
    names.retain(|name| recognise::is_name_of_a_lock(name));
    names.truncate(MOST_NAMED);
    Err(LockError::Folder { path: arg.into(), locks: names })
}
