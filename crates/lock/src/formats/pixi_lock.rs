//! A `pixi.lock` comes in; what `pixi install` would install of one environment on a platform comes out.
//!
//! Versions 4 to 7, as `rattler_lock` reads them; older ones have the layout of conda-lock. Each environment lists for each platform
//! what it holds, by location; the packages themselves stand in a list of their own. An environment is a group here: `default`
//! unless another one is asked for.

use std::collections::{HashMap, HashSet};

use envdiff_model::{Name, PackageSource, Place, Requirement, Selection, SourceKind, Text, say};
use envdiff_packaging::WheelName;

use crate::broken::{Broken, Fault};
use crate::formats::conda::{Package, of_file, subdir};
use crate::formats::conda_list;
use crate::package::{come_from, git, git_source, pinned, shown};
use crate::packages::bounded;
use crate::registry::{Chosen, Input, Offers, Refusal, Selectable};
use crate::text::Document;
use crate::tree::{Node, Table, Value, yaml};
use crate::{Environment, LockError, Wishes};

/// The newest version that is known.
const NEWEST: i64 = 7;

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let lock = read(&document).map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(PixiLock { document, lock }))
}

struct PixiLock {
    document: Document,
    lock: Lock,
}

struct Lock {
    version: i64,
    /// Names of platforms with the one of conda's that each is.
    platforms: Vec<(String, String)>,
    environments: Vec<Listed>,
    packages: Vec<Requirement>,
}

struct Listed {
    name: Name,
    /// A platform's name with the packages of it.
    platforms: Vec<(String, Vec<usize>)>,
}

fn read(document: &Document) -> Result<Lock, Broken> {
    let mut packages = Vec::new();
    let mut by_place: HashMap<String, usize> = HashMap::new();
    let mut fault = None;
    let node = yaml::read(&document.text, "packages", &mut |node| {
        if fault.is_none() && packages.len() <= crate::limits::MOST_PACKAGES {
            match located(document, &node) {
                Ok((location, requirement)) => {
                    by_place.insert(location, packages.len());
                    packages.push(requirement);
                }
                Err(broken) => fault = Some(broken),
            }
        }
    })?;
    let root = node.as_table()?;
    let version = match root.get("version") {
        Some(Node { value: Value::Integer(version), .. }) if (4..=NEWEST).contains(version) => *version,
        Some(node) => {
            let told = node.written().unwrap_or_default();
            let message = format!("version {told} of pixi.lock; {NEWEST} is the newest one that is known");
            return Err(Broken::at(Fault::Version, node.at, message));
        }
        None => return Err(Broken::at(Fault::MissingKey, root.at, "a pixi.lock without its `version`")),
    };
    root.list("packages")?;
    if let Some(broken) = fault {
        return Err(broken);
    }
    let packages = bounded(packages)?;
    let mut platforms = Vec::new();
    for node in root.list("platforms")? {
        let table = node.as_table()?;
        let (name, _) = table.needed("name", "a platform")?;
        platforms.push((name.to_owned(), table.text("subdir")?.unwrap_or(name).to_owned()));
    }
    let mut environments = Vec::new();
    for entry in root.table("environments")?.map_or(&[][..], |table| &table.entries) {
        let environment = entry.node.as_table()?;
        let mut listed = Listed { name: Name::new(&entry.key), platforms: Vec::new() };
        for platform in environment.table("packages")?.map_or(&[][..], |table| &table.entries) {
            if version >= 7 && !platforms.iter().any(|(name, _)| *name == platform.key) {
                let message = format!("the platform {} is not listed under `platforms`", platform.key);
                return Err(Broken::at(Fault::Inconsistent, platform.at, message));
            }
            let indices = platform.node.as_list()?.iter().map(|node| {
                let table = node.as_table()?;
                let (location, at) = location(table)?;
                by_place.get(location).copied().ok_or_else(|| {
                    let message = format!("{location} is listed here, and `packages` does not have it");
                    Broken::at(Fault::Inconsistent, at, message)
                })
            });
            listed.platforms.push((platform.key.to_string(), indices.collect::<Result<_, _>>()?));
        }
        environments.push(listed);
    }
    Ok(Lock { version, platforms, environments, packages })
}

/// A package with what references to it name.
fn located(document: &Document, node: &Node<'_>) -> Result<(String, Requirement), Broken> {
    let table = node.as_table()?;
    let (location, at) = location(table)?;
    Ok((location.to_owned(), package(document, table, location, at)?))
}

/// What a reference and a package are told apart by.
fn location<'t>(table: &'t Table<'_>) -> Result<(&'t str, usize), Broken> {
    for key in ["conda", "pypi", "conda_source", "url", "path"] {
        if let Some(node) = table.get(key) {
            return Ok((node.as_text()?, node.at));
        }
    }
    Err(Broken::at(Fault::MissingKey, table.at, "a package without its place"))
}

fn package(document: &Document, table: &Table<'_>, location: &str, at: usize) -> Result<Requirement, Broken> {
    let place = document.place(at, at + location.len());
    let is_pypi = table.has("pypi") || table.text("kind")? == Some("pypi");
    let name = table.text("name")?;
    let version = match table.get("version") {
        Some(node) => node.written(),
        None => None,
    };
    let mut out = if is_pypi {
        of_pypi(table, location, name, version.as_deref(), place)?
    } else {
        let of_url = of_file(location).unwrap_or_default();
        // `name[hash] @ path`: a package that is built from source.
        let of_source = location.split(['[', ' ']).next().unwrap_or("");
        let purls = match table.get("purls") {
            None => None,
            Some(node) => Some(node.as_list()?.iter().filter_map(Node::text).filter_map(of_purl).collect()),
        };
        Package {
            name: name.unwrap_or(if of_url.name.is_empty() { of_source } else { of_url.name }),
            version: version.as_deref().or(of_url.version),
            build: table.text("build")?.or(of_url.build),
            channel: of_url.channel,
            purls,
        }
        .requirement(place)
    };
    for algorithm in ["sha256", "md5"] {
        out.hashes.extend(table.text(algorithm)?.map(|digest| say!(algorithm, ":", digest)));
    }
    Ok(out)
}

/// `pkg:pypi/torch?source=…`
fn of_purl(purl: &str) -> Option<String> {
    let rest = purl.strip_prefix("pkg:pypi/")?;
    rest.split(['?', '@', '#']).next().map(str::to_owned)
}

fn of_pypi(
    table: &Table<'_>,
    location: &str,
    name: Option<&str>,
    version: Option<&str>,
    place: Place,
) -> Result<Requirement, Broken> {
    let bare = location.strip_prefix("direct+").unwrap_or(location);
    let file = bare.split(['#', '?']).next().and_then(|path| path.rsplit('/').next()).unwrap_or("");
    let wheel = WheelName::parse(&file.replace("%2B", "+")).ok();
    let of_wheel = wheel.as_ref().map(|wheel| (wheel.name.as_str().to_owned(), wheel.version.to_string()));
    let Some(name) = name.map(str::to_owned).or_else(|| of_wheel.as_ref().map(|(name, _)| name.clone()))
    else {
        return Err(Broken::at(Fault::MissingKey, table.at, "a package of pip without a name"));
    };
    let version = version.map(str::to_owned).or_else(|| of_wheel.map(|(_, version)| version));
    let mut out = pinned(&Name::new(&name), version.as_deref(), place);
    if let Some(url) = location.strip_prefix("git+") {
        let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
        let (url, commit) = url.rsplit_once('@').map_or((url, None), |(url, commit)| (url, Some(commit)));
        let commit = commit.or_else(|| Some(fragment).filter(|fragment| !fragment.is_empty()));
        come_from(&mut out, git_source(url, commit, None), Some(&git(url, commit, None)));
    } else if let Some(url) = location.strip_prefix("direct+") {
        come_from(&mut out, PackageSource::at(SourceKind::Url, shown(url)), Some(url));
    } else if !location.contains("://") {
        let kind = match (table.flag("editable")?, wheel.is_some() || location.ends_with(".tar.gz")) {
            (true, _) => SourceKind::Editable,
            (false, true) => SourceKind::Path,
            (false, false) => SourceKind::Directory,
        };
        come_from(&mut out, PackageSource::at(kind, location.into()), None);
    }
    out.selection = Selection::Selected;
    Ok(out)
}

impl PixiLock {
    fn environment(&self, wishes: &Wishes) -> Result<&Listed, LockError> {
        let asked: Vec<&Name> = wishes.groups.iter().chain(&wishes.only_groups).collect();
        let default = Name::new("default");
        let name = match asked.as_slice() {
            [] => &default,
            [one] => *one,
            _ => {
                return Err(LockError::Wish {
                    path: self.document.path.clone(),
                    at: None,
                    message: "an environment of pixi is one group, and several are asked for".into(),
                });
            }
        };
        let known = || self.lock.environments.iter().map(|listed| listed.name.as_str().to_owned()).collect();
        self.lock.environments.iter().find(|listed| listed.name == *name).ok_or_else(|| LockError::Unknown {
            path: self.document.path.clone(),
            what: "group",
            name: name.as_str().into(),
            known: known(),
        })
    }

    /// The platform of an environment that counts: by its own name, else the only one that is of this kind.
    fn platform<'a>(
        &'a self,
        listed: &'a Listed,
        here: Option<&str>,
        chosen: &mut Chosen,
    ) -> Option<&'a [usize]> {
        let subdir_of = |name: &str| -> String {
            self.lock
                .platforms
                .iter()
                .find(|(known, _)| known == name)
                .map_or_else(|| name.to_owned(), |(_, subdir)| subdir.clone())
        };
        let names: Vec<&str> = listed.platforms.iter().map(|(name, _)| name.as_str()).collect();
        let Some(here) = here else {
            return match listed.platforms.as_slice() {
                [(name, packages)] => {
                    chosen.note(say!(
                        "it is locked for ",
                        name.as_str(),
                        " alone, and whether that is the platform is not known"
                    ));
                    Some(packages)
                }
                _ => None,
            };
        };
        if let Some((_, packages)) = listed.platforms.iter().find(|(name, _)| name == here) {
            return Some(packages);
        }
        let of_kind: Vec<&(String, Vec<usize>)> =
            listed.platforms.iter().filter(|(name, _)| subdir_of(name) == here).collect();
        match of_kind.as_slice() {
            [(name, packages)] => {
                chosen.note(say!(
                    "of ",
                    here,
                    " it has only ",
                    name.as_str(),
                    ", whose virtual packages are not checked"
                ));
                Some(packages)
            }
            [] => {
                chosen.refusals.push(Refusal {
                    at: None,
                    message: say!(
                        "the environment ",
                        listed.name,
                        " is locked for ",
                        names.join(", "),
                        " and not for ",
                        here
                    ),
                    is_python: false,
                });
                Some(&[])
            }
            _ => None,
        }
    }
}

impl Selectable for PixiLock {
    fn offers(&self) -> Offers {
        let groups = self.lock.environments.iter().map(|listed| listed.name.clone()).collect();
        Offers { groups, ..Offers::default() }
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = Chosen::demand("an installer's lock");
        chosen.format_version = Some(say!(self.lock.version));
        let listed = self.environment(wishes)?;
        let selected = self.platform(listed, subdir(environment), &mut chosen);
        let selected: Option<HashSet<&usize>> = selected.map(|indices| indices.iter().collect());
        for (index, package) in self.lock.packages.iter().enumerate() {
            let mut requirement = package.clone();
            requirement.selection = match &selected {
                Some(selected) if selected.contains(&index) => Selection::Selected,
                Some(_) => Selection::NotSelected {
                    reason: say!("the environment ", listed.name, " does not list it for this platform"),
                },
                None => Selection::Undetermined {
                    reason: Text::from("which of its platforms counts is not known"),
                },
            };
            chosen.requirements.push(requirement);
        }
        chosen.python = conda_list::python(&chosen.requirements);
        if listed.name.as_str() != "default" {
            chosen.groups.push(listed.name.clone());
        }
        chosen.quote(&self.document);
        Ok(chosen)
    }
}
