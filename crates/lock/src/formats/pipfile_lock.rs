//! A `Pipfile.lock` comes in; what `pipenv sync` would install of it in an environment comes out.
//!
//! Specification 6, the only one there is. `default` counts always, `develop` (also called `dev`) and categories of one's own
//! where they are asked for. Entries apply by their markers; there is no graph. The rules are those of pipenv 2026.10.

use envdiff_model::{Evidence, Fact, Name, PackageSource, Requirement, Selection, SourceKind, Text, say};

use crate::broken::{Broken, Fault};
use crate::environment::{Asked, Environment, Holds, Markers};
use crate::package::{come_from, git, git_source, pinned, shown};
use crate::packages::parse_marker;
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::text::Document;
use crate::tree::{Entry, Node, Table, Value, json};
use crate::{LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let lock = read(&document).map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(PipfileLock { document, lock }))
}

struct PipfileLock {
    document: Document,
    lock: Lock,
}

struct Lock {
    python: Option<(String, usize)>,
    /// Categories with their entries, `default` first.
    categories: Vec<(Name, Vec<Requirement>)>,
}

fn read(document: &Document) -> Result<Lock, Broken> {
    let node = json::parse(&document.text)?;
    let root = node.as_table()?;
    let Some(meta) = root.table("_meta")? else {
        return Err(Broken::at(Fault::MissingKey, root.at, "a Pipfile.lock without its `_meta`"));
    };
    match meta.get("pipfile-spec") {
        Some(Node { value: Value::Integer(6), .. }) => {}
        Some(node) => {
            let told = node.written().map_or_else(|| node.value.what().to_owned(), |told| told.into_owned());
            let message = format!("pipfile-spec {told} of Pipfile.lock; 6 is the one that is known");
            return Err(Broken::at(Fault::Version, node.at, message));
        }
        None => {
            return Err(Broken::at(Fault::MissingKey, meta.at, "a Pipfile.lock without its `pipfile-spec`"));
        }
    }
    let requires = meta.table("requires")?;
    let python = requires.and_then(|requires| {
        let node = requires.get("python_full_version").or_else(|| requires.get("python_version"))?;
        Some((node.text()?.to_owned(), node.at))
    });
    let sources = meta.list("sources")?;
    let index_url = |name: &str| -> Option<Text> {
        let is_it = |table: &&Table<'_>| table.get("name").and_then(Node::text) == Some(name);
        let table = sources.iter().filter_map(Node::table).find(is_it)?;
        table.get("url").and_then(Node::text).map(shown)
    };
    let mut categories = Vec::new();
    let mut count = 0;
    for entry in root.entries.iter().filter(|entry| entry.key != "_meta") {
        let table = entry.node.as_table()?;
        count += table.entries.len();
        if count > crate::limits::MOST_PACKAGES {
            return Err(Broken::at(Fault::TooLarge, entry.at, "it holds more than 200,000 packages"));
        }
        let packages = table
            .entries
            .iter()
            .map(|entry| package(document, entry, &index_url))
            .collect::<Result<Vec<_>, _>>()?;
        categories.push((Name::new(&entry.key), packages));
    }
    Ok(Lock { python, categories })
}

fn package(
    document: &Document,
    entry: &Entry<'_>,
    index_url: &dyn Fn(&str) -> Option<Text>,
) -> Result<Requirement, Broken> {
    let table = entry.node.as_table()?;
    let name = Name::new(&entry.key);
    let at = document.place(entry.at, entry.at + entry.key.len() + 2);
    let version = match table.get("version") {
        None => None,
        Some(Node { value: Value::Null, .. }) => None,
        Some(node) => {
            let text = node.as_text()?;
            let version = text.trim_start_matches('=').trim();
            // `"*"` stands where the version is that of a folder.
            if version == "*" {
                None
            } else {
                crate::packages::parse_version(version, node.at)?;
                Some(version.to_owned())
            }
        }
    };
    let mut requirement = pinned(&name, version.as_deref(), at);
    if let Some(node) = table.get("markers") {
        let text = node.as_text()?;
        parse_marker(text, node.at)?;
        requirement.marker = Some(text.to_owned());
    }
    requirement.extras = table.texts("extras")?.iter().map(|(extra, _)| Name::new(extra)).collect();
    requirement.hashes = table.texts("hashes")?.iter().map(|(hash, _)| Text::from(*hash)).collect();
    let (folder, commit) = (table.text("subdirectory")?, table.text("ref")?);
    let editable = table.flag("editable")?;
    if let Some(url) = table.text("git")? {
        come_from(&mut requirement, git_source(url, commit, folder), Some(&git(url, commit, folder)));
    } else if let Some(file) = table.text("file")? {
        if file.contains("://") && !file.starts_with("file:") {
            come_from(&mut requirement, PackageSource::at(SourceKind::Url, shown(file)), Some(file));
        } else {
            come_from(&mut requirement, PackageSource::at(SourceKind::Path, file.into()), None);
        }
    } else if let Some(path) = table.text("path")? {
        let is_archive =
            [".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2"].iter().any(|end| path.ends_with(end));
        let kind = match (editable, is_archive) {
            (true, _) => SourceKind::Editable,
            (false, true) => SourceKind::Path,
            (false, false) => SourceKind::Directory,
        };
        come_from(&mut requirement, PackageSource::at(kind, path.into()), None);
    } else if let Some(index) = table.text("index")? {
        requirement.origin.at = index_url(index);
    }
    Ok(requirement)
}

/// `develop` is what people call dev.
fn is_called(category: &Name, name: &Name) -> bool {
    category == name || (category.as_str() == "develop" && name.as_str() == "dev")
}

impl Selectable for PipfileLock {
    fn offers(&self) -> Offers {
        let mut groups: Vec<Name> = self.lock.categories.iter().map(|(name, _)| name.clone()).collect();
        if groups.iter().any(|name| name.as_str() == "develop") {
            groups.push(Name::new("dev"));
        }
        Offers { groups, ..Offers::default() }
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = Chosen::demand("an installer's lock");
        chosen.format_version = Some("6".into());
        if let Some((python, at)) = &self.lock.python {
            let line = self.document.place(*at, *at + 1).line;
            let evidence =
                Evidence::new(self.document.path.clone(), say!("line ", line, ": ", python.as_str()));
            chosen.python = Some(Fact::known(python.as_str().into(), evidence));
        }
        let default = Name::new("default");
        let is_asked = |names: &[Name], category: &Name| names.iter().any(|name| is_called(category, name));
        let markers = Markers::of(environment);
        for (category, packages) in &self.lock.categories {
            let active = if wishes.only_groups.is_empty() {
                *category == default || wishes.all_groups || is_asked(&wishes.groups, category)
            } else {
                is_asked(&wishes.only_groups, category)
            } && !is_asked(&wishes.no_groups, category);
            if active && *category != default {
                chosen.groups.push(category.clone());
            }
            for package in packages {
                let mut requirement = package.clone();
                let holds = requirement
                    .marker
                    .as_ref()
                    .map_or(Holds::Yes, |marker| markers.holds(marker, &Asked::Nothing));
                requirement.selection = match holds {
                    _ if !active => Selection::NotSelected {
                        reason: say!("the category ", category, " is not asked for"),
                    },
                    Holds::Yes => Selection::Selected,
                    Holds::No => Selection::NotSelected { reason: "its marker does not hold".into() },
                    Holds::Unknown(reason) => Selection::Undetermined { reason },
                };
                chosen.requirements.push(requirement);
            }
        }
        once(&mut chosen.requirements);
        chosen.quote(&self.document);
        Ok(chosen)
    }
}

/// A package that stands in several categories in the same version is installed once.
fn once(requirements: &mut [Requirement]) {
    let mut seen: std::collections::HashSet<(Option<Name>, String)> = std::collections::HashSet::new();
    for requirement in requirements {
        if requirement.selection == Selection::Selected
            && !seen.insert((requirement.name.clone(), requirement.specifier.clone()))
        {
            requirement.selection =
                Selection::NotSelected { reason: "it stands in another category too".into() };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn faults_are_told() {
        for (text, fault) in [
            (r#"{"default": {}}"#, Fault::MissingKey),
            (r#"{"_meta": {"pipfile-spec": 7}}"#, Fault::Version),
            (r#"{"_meta": {"pipfile-spec": 6}, "default": {"a": {"version": "==x"}}}"#, Fault::BadVersion),
            (r#"{"_meta": {"pipfile-spec": 6}, "default": {"a": {"markers": ">> 3"}}}"#, Fault::BadMarker),
            (r#"{"_meta": {"pipfile-spec": 6}, "default": []}"#, Fault::Value),
        ] {
            match read(&Document::new("l", text.into())) {
                Err(broken) => assert_eq!(broken.fault, fault, "{text}"),
                Ok(_) => panic!("{text} is read"),
            }
        }
    }
}
