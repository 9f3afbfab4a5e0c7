//! Model archives as the user named them go in; opened ones, and why others cannot be opened, come out.

use std::error::Error as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use envdiff_mar::limits::LARGEST_TEXT;
use envdiff_mar::{Archive, OpenError, Wishes};
use envdiff_model::{Environment, Load, Outcome, Target, Text, Unaudited};

use crate::cli::ServerOptions;
use crate::failure::{self, Failure};

/// Why a snapshot does not answer what a prediction asks.
pub(crate) const SNAPSHOT: &str = "a snapshot does not hold the image's files";
/// What to do about an archive that cannot be opened.
pub(crate) const HELP: &str = "name a model archive that can be read: a .mar, a .tar.gz, or a folder";

/// What the command line adds to a prediction.
pub(crate) fn wishes(server: &ServerOptions, verify: bool) -> Result<Wishes, Failure> {
    let properties = match &server.config_properties {
        None => None,
        Some(path) => Some((path.as_os_str().as_encoded_bytes().into(), properties(path)?)),
    };
    Ok(Wishes { properties, verify })
}

fn properties(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(LARGEST_TEXT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST_TEXT {
            return Err(io::Error::other(format!("it is larger than {LARGEST_TEXT} bytes")));
        }
        Ok(bytes)
    };
    read().map_err(|error| Failure::Read { path: path.to_owned(), error })
}

/// Archives that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// With whether it is a `.tar.gz` that stands in a model store and was not named itself.
    opened: Vec<(Archive, bool)>,
    refused: Vec<OpenError>,
}

impl Given {
    /// Opens all; a model store is each of its entries.
    pub(crate) fn open(paths: &[PathBuf]) -> Self {
        let mut given = Self::default();
        for path in paths {
            match entries(path) {
                Some(entries) => {
                    for entry in entries {
                        let by_store = entry.as_os_str().as_encoded_bytes().ends_with(b".tar.gz");
                        given.add(&entry, by_store);
                    }
                }
                None => given.add(path, false),
            }
        }
        given
    }

    fn add(&mut self, path: &Path, by_store: bool) {
        match Archive::open(path) {
            Ok(archive) => self.opened.push((archive, by_store)),
            Err(error) => self.refused.push(error),
        }
    }

    /// Some are left to be predicted; else the first refusal is the answer of the whole run.
    pub(crate) fn or_refused(mut self) -> Result<Self, Failure> {
        if self.opened.is_empty() && !self.refused.is_empty() {
            return Err(Failure::Archive(self.refused.swap_remove(0)));
        }
        Ok(self)
    }

    /// Those that a server takes, and why others cannot be opened, which is told on stderr too.
    pub(crate) fn for_server(self, environment: &Environment) -> (Vec<Archive>, Vec<Unaudited>) {
        let takes_tar_gz = takes_tar_gz(environment);
        let unaudited = self.refused.into_iter().map(unaudited).collect();
        let opened = self.opened.into_iter().filter(|(_, by_store)| takes_tar_gz || !by_store);
        (opened.map(|(archive, _)| archive).collect(), unaudited)
    }

    /// `model.mar`, `3 archives`
    pub(crate) fn title(&self) -> Text {
        match self.opened.as_slice() {
            [(one, _)] => one.name().clone(),
            many => format!("{} archives", many.len()).as_str().into(),
        }
    }
}

/// What happened and, in the system's words, why.
pub(crate) fn told(error: &OpenError) -> String {
    match error.source() {
        Some(why) => format!("{error}: {why}"),
        None => error.to_string(),
    }
}

fn unaudited(error: OpenError) -> Unaudited {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    let name = match &error {
        OpenError::System { path, .. } => Text::from(path.as_os_str().as_encoded_bytes()),
    };
    let message = error.to_string();
    failure::tell(&Failure::Archive(error));
    Unaudited {
        target: Target::archives(name),
        message: message.as_str().into(),
        cause: cause.as_str().into(),
        help: HELP.into(),
    }
}

/// `load_models=ALL` passes over `.tar.gz` before TorchServe 0.12 (ModelServer.java). Where no version is known they count.
fn takes_tar_gz(environment: &Environment) -> bool {
    let Some(Some(torchserve)) = environment.stack.torchserve.value() else { return true };
    let mut numbers = torchserve.version.as_str().into_iter().flat_map(|version| version.split('.'));
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    match (next(), next()) {
        (Some(major), Some(minor)) => (major, minor) >= (0, 12),
        _ => true,
    }
}

/// The entries of a model store that TorchServe takes with `load_models=ALL`, sorted (ModelServer.java): folders and files whose
/// names end so, the hidden ones left out. `None` for what is no store: a file, or a folder that is a model itself.
fn entries(path: &Path) -> Option<Vec<PathBuf>> {
    let ends = |path: &Path| {
        let name = path.file_name().map(|name| name.as_encoded_bytes()).unwrap_or_default();
        [&b".mar"[..], b".model", b".tar.gz"].iter().any(|end| name.ends_with(end))
    };
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut all: Vec<PathBuf> =
        fs::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.retain(|entry| !is_hidden(entry));
    all.sort();
    let has_manifest = |folder: &Path| folder.join("MAR-INF").is_dir();
    // A folder with one folder in it is that folder to TorchServe (ModelArchive.java).
    let is_model = has_manifest(path) || matches!(all.as_slice(), [only] if has_manifest(only));
    if is_model || !all.iter().any(|entry| ends(entry) || has_manifest(entry)) {
        return None;
    }
    all.retain(|entry| ends(entry) || entry.is_dir());
    Some(all)
}

/// Predictions beside what holds no files: an archive alone decides, and `why_not` is the reason for the rest.
pub(crate) fn alone(
    archives: &[Archive],
    wishes: &Wishes,
    why_not: Option<&str>,
) -> Result<Vec<Load>, Failure> {
    let mut loads = envdiff_mar::predict(archives, None, wishes)
        .map_err(|miss| Failure::Unanswered { target: "the archives".into(), miss })?;
    let Some(why_not) = why_not else { return Ok(loads) };
    for prediction in loads.iter_mut().flat_map(|load| [&mut load.at_startup, &mut load.register]) {
        if prediction.outcome == Outcome::Unknown {
            prediction.reason = Some(why_not.into());
        }
    }
    Ok(loads)
}
