//! An `environment.yml` of conda comes in; what it asks for of channels and of pip comes out.
//!
//! It is a lock only where every entry is `name=version=build`, as `conda env export` writes it; `name=1.2` is every version that
//! begins so. The list under `pip` is a requirements file.

use envdiff_model::{LockProblem, Name, Requirement, RequirementKind, Selection, Text, say};
use envdiff_packaging::file;

use crate::broken::{Broken, Fault};
use crate::formats::conda::{MatchSpec, Versions};
use crate::formats::conda_list;
use crate::package::from_pep_508;
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::text::Document;
use crate::tree::{Node, yaml};
use crate::{Environment, LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let read = read(&document, &input).map_err(|broken| input.refuse(&document, broken))?;
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
    /// Whether every package of a channel is given with its build.
    is_exported: bool,
}

fn read(document: &Document, input: &Input<'_>) -> Result<Read, Broken> {
    let node = yaml::parse(&document.text)?;
    let root = node.as_table()?;
    let mut out = Read { is_exported: true, ..Read::default() };
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
                    pip(document, line, input, &mut out)?;
                }
            }
            continue;
        }
        let text = item.written().ok_or_else(|| item.wants("a match specification"))?;
        let spec = MatchSpec::parse(&text).ok_or_else(|| {
            Broken::at(Fault::Value, item.at, format!("`{text}` is no match specification"))
        })?;
        let mut wanted = spec.package.requirement(document.place(item.at, item.end));
        match spec.versions {
            Versions::Set(set) => wanted.specifier = set,
            Versions::Other(versions) => {
                wanted.specifier = String::new();
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
        out.is_exported &= spec.package.version.is_some() && spec.package.build.is_some();
        out.requirements.push(wanted);
        if out.requirements.len() > crate::limits::MOST_PACKAGES {
            return Err(Broken::at(Fault::TooLarge, item.at, "it holds more than 200,000 packages"));
        }
    }
    Ok(out)
}

/// A line of the list under `pip`.
fn pip(document: &Document, node: &Node<'_>, input: &Input<'_>, out: &mut Read) -> Result<(), Broken> {
    let line = node.written().ok_or_else(|| node.wants("a line of a requirements file"))?;
    let line = line.trim();
    let at = document.place(node.at, node.end);
    let problem = |message: Text| LockProblem { at: at.clone(), message, text: line.into(), refused: false };
    if let Some(included) =
        ["-r ", "--requirement ", "--requirement="].iter().find_map(|option| line.strip_prefix(option))
    {
        let read = input.beside(included.trim()).map(|path| file::read(&path, input.reader));
        match read {
            Some(Ok(read)) => {
                out.requirements.extend(read.entries.into_iter().map(super::requirements::requirement));
            }
            _ => out.problems.push(problem(say!(included.trim(), " cannot be read"))),
        }
    } else if line.starts_with("-e ") || line.starts_with("--editable") {
        let mut wanted = Requirement::named(Name::new(""), at);
        wanted.name = None;
        wanted.text = envdiff_packaging::masked(line, &[]).into();
        wanted.editable = true;
        wanted.kind = RequirementKind::Unnamed { reason: "only a build would tell its name".into() };
        out.requirements.push(wanted);
    } else if !line.starts_with('-') && !line.is_empty() {
        // Options say where from, not what.
        out.requirements.push(from_pep_508(line, at));
    }
    Ok(())
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
        Ok(chosen)
    }
}
