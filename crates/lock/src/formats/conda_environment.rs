//! An `environment.yml` of conda comes in; what it asks for of channels and of pip comes out.
//!
//! It is a lock only where every entry is `name=version=build`, as `conda env export` writes it; `name=1.2` is every version that
//! begins so. The list under `pip` is a requirements file with all that pip takes in one.

use envdiff_model::{LockProblem, Place, Requirement, Selection, Source, say};
use envdiff_packaging::file;

use crate::broken::{Broken, Fault};
use crate::formats::conda::{MatchSpec, Versions};
use crate::formats::{conda_list, requirements};
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::text::Document;
use crate::tree::yaml;
use crate::{Environment, LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let (mut read, pip) = read(&document).map_err(|broken| input.refuse(&document, broken))?;
    if !pip.is_empty() {
        read.pip(&pip, &input)?;
    }
    Ok(Box::new(CondaEnvironment { document, read }))
}

struct CondaEnvironment {
    document: Document,
    read: Read,
}

#[derive(Default)]
struct Read {
    requirements: Vec<Requirement>,
    problems: Vec<LockProblem>,
    /// Files that the list under `pip` includes.
    sources: Vec<Source>,
    /// Whether every package of a channel is given with its build.
    is_exported: bool,
}

/// A line of the list under `pip`, with where it stands.
struct Line {
    text: String,
    at: Place,
}

fn read(document: &Document) -> Result<(Read, Vec<Line>), Broken> {
    let node = yaml::parse(&document.text)?;
    let root = node.as_table()?;
    let mut out = Read { is_exported: true, ..Read::default() };
    let mut pip = Vec::new();
    for item in root.list("dependencies")? {
        if let Some(table) = item.table() {
            for entry in &table.entries {
                if entry.key != "pip" {
                    return Err(Broken::at(
                        Fault::Value,
                        entry.at,
                        format!("`{}` is no list that conda knows", entry.key),
                    ));
                }
                for line in entry.node.as_list()? {
                    let text = line.written().ok_or_else(|| line.wants("a line of a requirements file"))?;
                    let at = document.place(line.at, line.end);
                    pip.extend(text.lines().map(|text| Line { text: text.to_owned(), at: at.clone() }));
                }
            }
            continue;
        }
        let text = item.written().ok_or_else(|| item.wants("a match specification"))?;
        let spec = MatchSpec::parse(&text).ok_or_else(|| {
            Broken::at(Fault::Value, item.at, format!("`{text}` is no match specification"))
        })?;
        let mut wanted = spec.package().requirement(document.place(item.at, item.end));
        match &spec.versions {
            Versions::Set(set) => wanted.specifier.clone_from(set),
            Versions::Other(versions) => {
                // What no specifier says is none that a version meets: it is shown, and not compared.
                wanted.specifier.clone_from(versions);
                wanted.selection = Selection::Undetermined {
                    reason: say!(
                        "`",
                        versions.as_str(),
                        "` is a range of conda's that no specifier of PEP 440 says"
                    ),
                };
            }
        }
        wanted.text = say!(text.as_ref());
        out.is_exported &= spec.version.is_some() && spec.build.is_some();
        out.requirements.push(wanted);
        if out.requirements.len() > crate::limits::MOST_PACKAGES {
            return Err(Broken::at(Fault::TooLarge, item.at, "it holds more than 200,000 packages"));
        }
    }
    Ok((out, pip))
}

impl Read {
    /// Reads the list under `pip`: conda writes it to a file and has pip install that.
    fn pip(&mut self, lines: &[Line], input: &Input<'_>) -> Result<(), LockError> {
        let text: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let bytes = text.join("\n").into_bytes();
        // In the folder of the environment.yml, as conda writes it.
        let listed = requirements::Already { path: input.path, bytes: &bytes, reader: input.reader };
        let read = file::read(input.path, &listed).map_err(requirements::refused)?;
        let place = |at: Place| {
            let own = at.line.checked_sub(1).and_then(|line| lines.get(line));
            own.filter(|_| at.file == input.path).map_or(at, |line| line.at.clone())
        };
        for entry in read.entries {
            let mut wanted = requirements::requirement(entry);
            wanted.at = place(wanted.at);
            self.requirements.push(wanted);
        }
        for problem in read.problems {
            let problem = requirements::problem(problem);
            self.problems.push(LockProblem { at: place(problem.at), ..problem });
        }
        self.sources.extend(read.sources.into_iter().filter(|source| source.file != input.path));
        Ok(())
    }
}

impl Selectable for CondaEnvironment {
    fn offers(&self) -> Offers {
        Offers::default()
    }

    fn select(&self, _: &Environment, _: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = if self.read.is_exported {
            Chosen::record("an export of conda")
        } else {
            Chosen::demand("what an environment of conda asks for")
        };
        if self.read.is_exported {
            chosen.python = conda_list::python(&self.read.requirements);
        }
        chosen.requirements.clone_from(&self.read.requirements);
        chosen.problems.clone_from(&self.read.problems);
        chosen.quote(&self.document);
        chosen.sources.extend(self.read.sources.iter().cloned());
        Ok(chosen)
    }
}
