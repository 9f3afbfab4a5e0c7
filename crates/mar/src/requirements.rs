//! The requirements file of an archive and the image's packages come in; whether pip is asked at load comes out, and what the
//! image does not have (TorchServe, ModelManager.java, setupModelDependencies).

use envdiff_model::{Environment, Fault, Name, Stage, Text, Trouble, Weight, say};
use envdiff_packaging::file::{self, Entry, ReadError, Reader};
use envdiff_packaging::{Truth, Value as Marked};

use crate::container::{Contents, Unread};
use crate::ending::{Found, How, With as _, trouble};
use crate::limits::LARGEST_TEXT;
use crate::manifest::{MANIFEST, Manifest};
use crate::model_config::ModelConfig;
use crate::server::Server;
use crate::value::At;

/// What the archive asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The file, where the manifest names one.
    pub file: Option<String>,
    /// Whether pip is asked at load.
    pub is_installed: bool,
    /// What it asks for.
    pub wanted: Vec<Wanted>,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// As written.
    pub text: Text,
    /// Its name in normal form, where it has one.
    pub name: Option<Name>,
    /// From 1.
    pub line: usize,
    /// What the image has of it.
    pub state: State,
}

/// What the image has of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its marker is false here.
    NotApplicable,
    /// A version that fits.
    Satisfied(Text),
    /// Another version.
    Other(Text),
    /// None.
    Missing,
    /// It cannot be told.
    Unknown,
    /// pip takes the line not at all.
    Invalid,
}

struct Inside<'a>(&'a Contents);

impl Reader for Inside<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.0.read(path.trim_start_matches("./"), LARGEST_TEXT).map_err(|why| match why {
            Unread::Absent => ReadError::Absent,
            Unread::TooLarge(_) => ReadError::TooLarge,
            other => ReadError::Unreadable(other.to_string()),
        })
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn is_folder(&self, path: &str) -> bool {
        self.0.is_folder(path.trim_start_matches("./"))
    }
}

fn told(fault: Fault, weight: Weight, what: impl Into<Text>) -> Trouble {
    trouble(fault, weight, Stage::Requirements, what)
}

/// Compares what the archive asks for with the image; `environment` is `None` where no image is given. `model` is the name
/// under which it is loaded.
#[must_use]
pub fn read(
    contents: &Contents,
    manifest: &Manifest,
    config: &ModelConfig,
    server: &Server,
    environment: Option<&Environment>,
    model: &str,
) -> Found<Requirements> {
    let mut found = Found::clean(Requirements::default());
    let Some(named) = manifest.requirements_file.as_ref().filter(|field| !field.text.is_empty()) else {
        return found;
    };
    let file = named.text.as_str();
    found.facts.file = Some(file.to_owned());
    found.facts.is_installed = server.install;
    let says = if server.version.since(0, 9, 0) {
        format!(
            "org.pytorch.serve.archive.model.ModelException: Custom pip package installation failed for model {model}"
        )
    } else {
        format!(
            "org.pytorch.serve.archive.model.ModelException: Custom pip package installation failed for {model}"
        )
    };
    if !contents.is_file(file) {
        let what = say!("the manifest names the requirements file `", file, "`, which is not in the archive");
        let weight = if server.install { Weight::Breaks } else { Weight::Remark };
        let trouble =
            told(Fault::RequirementsFile, weight, what).at(MANIFEST, named.at, manifest.line(named.at));
        if server.install {
            found.end(How::Skip, trouble.says(says));
        } else {
            found.notice(trouble);
        }
        return found;
    }
    let read = match file::read(file, &Inside(contents)) {
        Ok(read) => read,
        Err(error) => {
            let what = say!("the requirements file was not read: ", error.to_string());
            let trouble = told(Fault::RequirementsFile, Weight::MayBreak, what);
            if server.install {
                found.end(How::Unknown, trouble);
            } else {
                found.notice(trouble);
            }
            return found;
        }
    };
    let mut fetched = Vec::new();
    for entry in read.entries.iter().filter(|entry| !entry.constraint) {
        let state = state(entry, environment);
        let name = entry.asked.as_ref().ok().and_then(|asked| asked.name.clone());
        let place = &entry.at;
        let spot = At { line: place.line, column: place.column, end_column: place.end_column };
        let line = entry.text.to_lossy().into_owned();
        match &state {
            State::NotApplicable => {}
            State::Invalid if server.install => {
                let what = say!("pip refuses the line `", entry.text, "`");
                let trouble = told(Fault::RequirementsFile, Weight::Breaks, what).at(file, spot, &line);
                found.end(How::Skip, trouble.says(says.clone()));
            }
            State::Missing | State::Other(_) if !server.install => {
                let has = match &state {
                    State::Other(version) => say!("the image has ", version),
                    _ => say!("the image does not have it"),
                };
                let what = say!(
                    "the archive asks for `",
                    entry.requirement,
                    "`, ",
                    has,
                    ", and nothing installs it: `install_py_dep_per_model` is not true"
                );
                found.notice(told(Fault::RequirementsUnmet, Weight::MayBreak, what).at(file, spot, &line));
            }
            _ => fetched.push(entry.requirement.clone()),
        }
        found.facts.wanted.push(Wanted { text: entry.requirement.clone(), name, line: place.line, state });
    }
    if server.install && !fetched.is_empty() {
        let list = Text::join(fetched.iter().take(3).map(|text| say!("`", text, "`")), ", ");
        let how = if config.use_venv {
            "into an environment of the model's own"
        } else {
            "beside the handler, with all that it needs, in front of the image's packages"
        };
        let what = say!("pip is asked at load for ", list, ", and installs ", how);
        found.end(How::Unknown, told(Fault::RequirementsInstalled, Weight::MayBreak, what).says(says));
    }
    found
}

fn state(entry: &Entry, environment: Option<&Environment>) -> State {
    let Ok(asked) = &entry.asked else { return State::Invalid };
    let Some(environment) = environment else { return State::Unknown };
    if let Some(marker) = &asked.marker {
        let truth = marker.evaluate(&|variable| {
            let known = environment.markers.iter().find(|(known, _)| known.as_str() == variable.as_str());
            match known.and_then(|(_, fact)| fact.value()).and_then(Text::as_str) {
                Some(text) => Marked::from(text),
                None => Marked::Unknown,
            }
        });
        match truth {
            Truth::True => {}
            Truth::False => return State::NotApplicable,
            _ => return State::Unknown,
        }
    }
    let Some(name) = &asked.name else { return State::Unknown };
    let is_it = |found: &&envdiff_model::Distribution| {
        !found.shadowed
            && found.name.as_ref().and_then(Text::as_str).is_some_and(|text| Name::new(text) == *name)
    };
    let Some(found) = environment.distributions.iter().find(is_it) else {
        let is_whole = environment.sys_path.value().is_some()
            && !environment.unknown.iter().any(|unknown| unknown.what == "distributions");
        return if is_whole { State::Missing } else { State::Unknown };
    };
    match found.version.as_ref() {
        Some(_) if asked.link.is_some() => State::Unknown,
        Some(version) => match version.as_str() {
            Some(text) if asked.specifiers.contains(text) => State::Satisfied(version.clone()),
            _ => State::Other(version.clone()),
        },
        None => State::Unknown,
    }
}
