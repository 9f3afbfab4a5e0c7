//! A `conda-lock.yml` comes in, or a `pixi.lock` of version 1 to 3, which has the same layout; what `conda-lock install` would
//! install on a platform comes out.
//!
//! Versions 1 and 2 of the format. Entries are resolved for a platform each; `category` says for what: `main` counts always, `dev`
//! unless it is switched off, others where they are asked for.

use envdiff_model::{Name, PackageSource, Requirement, Selection, SourceKind, say};

use crate::broken::{Broken, Fault};
use crate::formats::conda::{Package, of_file, subdir};
use crate::formats::conda_list;
use crate::package::{come_from, pinned, shown};
use crate::packages::bounded;
use crate::registry::{Chosen, Input, Offers, Refusal, Selectable};
use crate::text::Document;
use crate::tree::{Node, Value, yaml};
use crate::{Environment, LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let lock = read(&document).map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(CondaLock { document, lock }))
}

struct CondaLock {
    document: Document,
    lock: Lock,
}

struct Lock {
    version: i64,
    platforms: Vec<String>,
    packages: Vec<Entry>,
}

struct Entry {
    platform: String,
    category: Name,
    requirement: Requirement,
}

fn read(document: &Document) -> Result<Lock, Broken> {
    let mut packages = Vec::new();
    let mut fault = None;
    let mut is_of_pixi = false;
    let node = yaml::read(&document.text, "package", &mut |node| {
        is_of_pixi |= is_pixis(&node);
        if fault.is_none() && packages.len() <= crate::limits::MOST_PACKAGES {
            match entry(document, &node) {
                Ok(entry) => packages.push(entry),
                Err(broken) => fault = Some(broken),
            }
        }
    })?;
    let root = node.as_table()?;
    let version = match root.get("version") {
        Some(Node { value: Value::Integer(version @ 1..=2), .. }) => *version,
        // Of pixi, which kept the layout.
        Some(Node { value: Value::Integer(3), .. }) if is_of_pixi => 3,
        Some(node) => {
            let told = node.written().unwrap_or_default();
            let message = format!("version {told} of conda-lock; 1 and 2 are the ones that are known");
            return Err(Broken::at(Fault::Version, node.at, message));
        }
        None => return Err(Broken::at(Fault::MissingKey, root.at, "a conda-lock.yml without its `version`")),
    };
    if !root.has("package") {
        return Err(Broken::at(
            Fault::MissingKey,
            root.at,
            "a YAML document with a `version` and without `package`: no lock that is known",
        ));
    }
    let metadata = root.table("metadata")?;
    let platforms = match metadata {
        Some(metadata) => metadata.texts("platforms")?.iter().map(|(name, _)| (*name).to_owned()).collect(),
        None => Vec::new(),
    };
    root.list("package")?;
    if let Some(broken) = fault {
        return Err(broken);
    }
    Ok(Lock { version, platforms, packages: bounded(packages)? })
}

/// Whether pixi wrote a package: `pypi` for what conda-lock calls `pip`, or a list of what it needs.
fn is_pixis(node: &Node<'_>) -> bool {
    let Some(table) = node.table() else { return false };
    table.get("manager").and_then(Node::text) == Some("pypi")
        || table.get("dependencies").is_some_and(|node| node.list().is_some())
}

fn entry(document: &Document, node: &Node<'_>) -> Result<Entry, Broken> {
    let table = node.as_table()?;
    let (name, at) = table.needed("name", "a package")?;
    let version = match table.get("version") {
        Some(node) => Some(node.written().ok_or_else(|| node.wants("a version"))?),
        None => None,
    };
    let (manager, manager_at) = table.needed("manager", "a package")?;
    let (platform, _) = table.needed("platform", "a package")?;
    let place = document.place(at, at + name.len());
    let url = table.text("url")?.unwrap_or("");
    let mut requirement = match manager {
        "conda" => {
            let of_url = of_file(url);
            let build = table.text("build")?.or(of_url.as_ref().and_then(|package| package.build));
            let channel = of_url.as_ref().and_then(|package| package.channel);
            Package { name, version: version.as_deref(), build, channel, purls: None }.requirement(place)
        }
        "pip" | "pypi" => {
            let mut out = pinned(&Name::new(name), version.as_deref(), place);
            if let Some(source) = table.table("source")? {
                let kind = source.text("type")?.unwrap_or("url");
                let at = source.text("url")?.unwrap_or(url);
                if kind == "url" {
                    come_from(&mut out, PackageSource::at(SourceKind::Url, shown(at)), Some(at));
                }
            }
            out
        }
        _ => {
            let message = format!("`{manager}` is neither conda nor pip");
            return Err(Broken::at(Fault::Value, manager_at, message));
        }
    };
    if let Some(hash) = table.table("hash")? {
        for entry in &hash.entries {
            requirement.hashes.extend(entry.node.text().map(|digest| say!(&*entry.key, ":", digest)));
        }
    }
    Ok(Entry {
        platform: platform.to_owned(),
        category: Name::new(table.text("category")?.unwrap_or("main")),
        requirement,
    })
}

impl Selectable for CondaLock {
    fn offers(&self) -> Offers {
        let mut groups: Vec<Name> = self.lock.packages.iter().map(|entry| entry.category.clone()).collect();
        groups.sort();
        groups.dedup();
        Offers { groups: groups.clone(), extras: groups, packages: Vec::new() }
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let lock = &self.lock;
        let mut chosen = Chosen::demand("an installer's lock");
        chosen.format_version = Some(say!(lock.version));
        let (main, dev) = (Name::new("main"), Name::new("dev"));
        let mut asked = wishes.clone();
        asked.groups.extend(wishes.extras.iter().cloned());
        let known = self.offers().groups;
        let default: Vec<Name> = [dev].into_iter().filter(|name| known.contains(name)).collect();
        let mut groups = asked.active(&known, &default).map_err(|name| LockError::Unknown {
            path: self.document.path.clone(),
            what: "group",
            name: name.as_str().into(),
            known: known.iter().map(|name| name.as_str().to_owned()).collect(),
        })?;
        if wishes.only_groups.is_empty() && !wishes.no_groups.contains(&main) && !groups.contains(&main) {
            groups.push(main);
        }
        let here = subdir(environment);
        let platform = platform(here, &lock.platforms, &mut chosen);
        let mut seen: std::collections::HashSet<Option<Name>> = std::collections::HashSet::new();
        for entry in &lock.packages {
            let mut requirement = entry.requirement.clone();
            requirement.selection = match platform {
                Some(platform) if entry.platform != platform => {
                    Selection::NotSelected { reason: say!("it is for ", entry.platform.as_str()) }
                }
                None => Selection::Undetermined { reason: "the platform is not known".into() },
                _ if !groups.contains(&entry.category) => Selection::NotSelected {
                    reason: say!("the category ", entry.category, " is not asked for"),
                },
                Some(_) if !seen.insert(requirement.name.clone()) => {
                    Selection::NotSelected { reason: "it stands in another category too".into() }
                }
                Some(_) => Selection::Selected,
            };
            chosen.requirements.push(requirement);
        }
        chosen.python = conda_list::python(&chosen.requirements);
        chosen.groups = groups;
        chosen.quote(&self.document);
        Ok(chosen)
    }
}

/// The platform of the lock that counts; a lock that lists others is for none of this kind.
fn platform<'a>(here: Option<&'a str>, listed: &'a [String], chosen: &mut Chosen) -> Option<&'a str> {
    match (here, listed) {
        (Some(here), listed) => {
            if !listed.is_empty() && !listed.iter().any(|platform| platform == here) {
                chosen.refusals.push(Refusal {
                    at: None,
                    message: say!("it is locked for ", listed.join(", "), " and not for ", here),
                    is_python: false,
                });
            }
            Some(here)
        }
        (None, [one]) => {
            chosen.note(say!(
                "it is locked for ",
                one.as_str(),
                " alone, and whether that is the platform is not known"
            ));
            Some(one)
        }
        (None, _) => None,
    }
}
