//! A `setup.cfg` comes in; what its options ask for, by extra, comes out. It is no lock, and it is read by the rules of
//! Python's `configparser` and setuptools.
//!
//! Only full lines are comments, deeper lines go on a value, keys are lower-cased, a key or section that stands twice is refused.
//! A list on one line is split at `;`, which cuts a marker off, as setuptools does.

use envdiff_model::{LockProblem, Name, Requirement, Selection, say};
use envdiff_packaging::SpecifierSet;

use crate::broken::{Broken, Fault};
use crate::environment::{Environment, Holds};
use crate::package::from_pep_508;
use crate::registry::{Chosen, Input, Offers, Refusal, Selectable};
use crate::text::Document;
use crate::{LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let sections = read(&document.text).map_err(|broken| input.refuse(&document, broken))?;
    let setup = setup(&document, &sections).map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(SetupCfg { document, setup }))
}

struct SetupCfg {
    document: Document,
    setup: Setup,
}

#[derive(Default)]
struct Setup {
    python: Option<(String, SpecifierSet, usize)>,
    /// With the extra that brings it.
    wants: Vec<(Option<Name>, Requirement)>,
    extras: Vec<Name>,
    problems: Vec<LockProblem>,
}

struct Section {
    name: String,
    keys: Vec<Key>,
}

struct Key {
    name: String,
    at: usize,
    /// The lines of the value, each with its place.
    lines: Vec<(String, usize)>,
}

fn read(text: &str) -> Result<Vec<Section>, Broken> {
    let mut sections: Vec<Section> = Vec::new();
    let mut at = 0;
    // How far the key in whose value we are is set in.
    let mut indent = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let body = line.trim_end();
        let inner = body.trim_start();
        let depth = body.len() - inner.len();
        if inner.starts_with(['#', ';']) {
            continue;
        }
        let key = sections.last_mut().and_then(|section| section.keys.last_mut());
        if inner.is_empty() {
            continue;
        }
        if depth > indent
            && let Some(key) = key
        {
            key.lines.push((inner.to_owned(), start + depth));
            continue;
        }
        indent = depth;
        if let Some(name) = inner.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            if sections.iter().any(|section| section.name == name) {
                return Err(Broken::at(
                    Fault::DuplicateKey,
                    start,
                    format!("the section [{name}] stands here a second time"),
                ));
            }
            sections.push(Section { name: name.to_owned(), keys: Vec::new() });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            return Err(Broken::at(Fault::Syntax, start, "no section stands before this line"));
        };
        let Some(split) = inner.find(['=', ':']) else {
            return Err(Broken::at(Fault::Syntax, start, "a key without `=` or `:`"));
        };
        let name = inner.get(..split).unwrap_or("").trim().to_lowercase();
        let value = inner.get(split + 1..).unwrap_or("");
        if section.keys.iter().any(|key| key.name == name) {
            return Err(Broken::at(
                Fault::DuplicateKey,
                start,
                format!("the key `{name}` stands here a second time"),
            ));
        }
        let value_at = start + depth + split + 1 + (value.len() - value.trim_start().len());
        let value = value.trim();
        let lines = if value.is_empty() { Vec::new() } else { vec![(value.to_owned(), value_at)] };
        section.keys.push(Key { name, at: start + depth, lines });
    }
    Ok(sections)
}

impl Key {
    /// The items of a list as setuptools splits it.
    fn items(&self) -> Vec<(String, usize)> {
        match self.lines.as_slice() {
            [(one, at)] if one.contains(';') && *at > self.at && self.is_on_one_line() => one
                .split(';')
                .map(|item| (item.trim().to_owned(), *at))
                .filter(|(item, _)| !item.is_empty())
                .collect(),
            lines => lines.to_vec(),
        }
    }

    fn is_on_one_line(&self) -> bool {
        self.lines.first().is_some_and(|(_, at)| *at < self.at + self.name.len() + 200)
    }
}

fn setup(document: &Document, sections: &[Section]) -> Result<Setup, Broken> {
    let mut out = Setup::default();
    let section = |name: &str| sections.iter().find(|section| section.name == name);
    let requirement = |(text, at): (String, usize)| {
        // What stands behind ` #` is dropped when a requirement is parsed.
        let text = text.split(" #").next().unwrap_or("").trim().to_owned();
        from_pep_508(&text, document.place(at, at + text.len()))
    };
    let dynamic = |key: &Key| -> Option<LockProblem> {
        let (first, at) = key.lines.first()?;
        first.starts_with("file:").then(|| LockProblem {
            at: document.place(*at, *at + first.len()),
            message: say!("its ", key.name.as_str(), " stand in other files, which are not read"),
            text: first.into(),
            refused: false,
        })
    };
    if let Some(options) = section("options") {
        for key in &options.keys {
            match key.name.as_str() {
                "install_requires" => match dynamic(key) {
                    Some(problem) => out.problems.push(problem),
                    None => out.wants.extend(key.items().into_iter().map(|item| (None, requirement(item)))),
                },
                "python_requires" => {
                    if let Some((text, at)) = key.lines.first() {
                        let set = SpecifierSet::parse(text).map_err(|_| {
                            Broken::at(Fault::Value, *at, format!("`{text}` is no range of versions"))
                        })?;
                        out.python = Some((text.clone(), set, *at));
                    }
                }
                _ => {}
            }
        }
    }
    if let Some(extras) = section("options.extras_require") {
        for key in &extras.keys {
            let extra = Name::new(&key.name);
            out.extras.push(extra.clone());
            match dynamic(key) {
                Some(problem) => out.problems.push(problem),
                None => out
                    .wants
                    .extend(key.items().into_iter().map(|item| (Some(extra.clone()), requirement(item)))),
            }
        }
    }
    Ok(out)
}

impl Selectable for SetupCfg {
    fn offers(&self) -> Offers {
        Offers { extras: self.setup.extras.clone(), ..Offers::default() }
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = Chosen::demand("what a project asks for");
        if let Some((text, set, at)) = &self.setup.python {
            chosen.requires_python = Some(text.into());
            if environment.python_in(set) == Holds::No {
                chosen.refusals.push(Refusal {
                    at: Some(self.document.place(*at, *at + text.len())),
                    message: say!(
                        "it is for Python ",
                        text.as_str(),
                        ", and there is ",
                        environment.python_told()
                    ),
                    is_python: true,
                });
            }
        }
        let extras = wishes.active_extras(&self.setup.extras).map_err(|name| LockError::Unknown {
            path: self.document.path.clone(),
            what: "extra",
            name: name.as_str().into(),
            known: self.setup.extras.iter().map(|extra| extra.as_str().to_owned()).collect(),
        })?;
        for (extra, wanted) in &self.setup.wants {
            let mut requirement = wanted.clone();
            if let Some(extra) = extra.as_ref().filter(|extra| !extras.contains(extra)) {
                requirement.selection =
                    Selection::NotSelected { reason: say!("the extra ", extra, " is not asked for") };
            }
            chosen.requirements.push(requirement);
        }
        chosen.extras = extras;
        chosen.problems.clone_from(&self.setup.problems);
        chosen.note("a project and no lock: ranges, and nothing of what these need themselves");
        chosen.quote(&self.document);
        Ok(chosen)
    }
}
