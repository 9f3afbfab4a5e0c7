//! A `pdm.lock` comes in; what `pdm sync` would install of it in an environment comes out.
//!
//! With the strategy `inherit_metadata` every package says its groups and the marker under which it counts. Without it the lock
//! is a graph without roots: these are in the `pyproject.toml` beside it. The rules are those of PDM 1.15, 2.4, 2.8 and 2.29,
//! compared with their dry runs.

use std::collections::HashMap;

use envdiff_model::{Name, PackageSource, Requirement, Selection, SourceKind, Text, say};
use envdiff_packaging::{Requirement as Pep508, SpecifierSet};

use crate::broken::{Broken, Fault};
use crate::environment::{Asked, Environment, Holds, Markers};
use crate::files::Files;
use crate::formats::project::{self, PdmGroup, Project};
use crate::graph::{Reach, Reached, UNREACHED};
use crate::package::{come_from, git, git_source, pinned, shown};
use crate::packages::{self, parse_marker};
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::text::Document;
use crate::tree::Table;
use crate::tree::toml::Plan;
use crate::{LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let lock = read(&document.text).map_err(|broken| input.refuse(&document, broken))?;
    let project = project::beside(&input);
    Ok(Box::new(PdmLock { document, lock, project }))
}

struct PdmLock {
    document: Document,
    lock: Lock,
    project: Option<Project>,
}

struct Lock {
    version: Option<String>,
    /// Beyond what is known, of a version that is.
    is_newer: bool,
    inherits: bool,
    /// `None` where the layout has none.
    groups: Option<Vec<Name>>,
    targets: Vec<(SpecifierSet, String)>,
    packages: Vec<Package>,
    by_name: HashMap<Name, Vec<usize>>,
}

struct Package {
    name: Name,
    version: Option<String>,
    python: Option<SpecifierSet>,
    extras: Vec<Name>,
    groups: Vec<Name>,
    marker: Option<String>,
    wants: Vec<Pep508>,
    origin: PackageSource,
    url: Option<String>,
    at: usize,
    end: usize,
    files: Files,
}

/// The newest minor version of 4 that is known.
const MINOR: u64 = 5;

fn read(text: &str) -> Result<Lock, Broken> {
    let plan = Plan { stream: &["package"], skip: &["files"] };
    let (root, passed) = packages::read(text, &plan, package)?;
    let Some(metadata) = root.table("metadata")? else {
        return Err(Broken::whole(
            Fault::Truncated,
            "a pdm.lock without its [metadata]: the file is cut off",
        ));
    };
    let mut is_newer = false;
    let version = match metadata.get("lock_version") {
        None => None,
        Some(node) => {
            let text = node.as_text()?;
            let mut numbers = text.split('.').map(|part| part.parse::<u64>().ok());
            match (numbers.next().flatten(), numbers.next().flatten()) {
                (Some(major @ 2..=4), minor) => {
                    is_newer = major == 4 && minor.is_some_and(|minor| minor > MINOR)
                }
                _ => {
                    let message =
                        format!("lock_version {text} of pdm.lock; 2 to 4 are the ones that are known");
                    return Err(Broken::at(Fault::Version, node.at, message));
                }
            }
            Some(text.to_owned())
        }
    };
    let mut packages = passed.all()?;
    let strategy = metadata.texts("strategy")?;
    let groups = match metadata.get("groups") {
        None => None,
        Some(node) => Some(
            node.as_list()?
                .iter()
                .map(|name| Ok(Name::new(name.as_text()?)))
                .collect::<Result<_, Broken>>()?,
        ),
    };
    let mut targets = Vec::new();
    for target in metadata.list("targets")? {
        let target = target.as_table()?;
        let python = target.text("requires_python")?.unwrap_or("");
        let set = SpecifierSet::parse(python).unwrap_or_default();
        targets.push((set, target.text("platform")?.unwrap_or("").to_owned()));
    }
    let files = metadata.table("files")?;
    let mut by_name: HashMap<Name, Vec<usize>> = HashMap::new();
    for (index, package) in packages.iter_mut().enumerate() {
        let key = format!("{} {}", package.name.as_str(), package.version.as_deref().unwrap_or(""));
        if let Some(node) = files.and_then(|files| files.get(&key)) {
            package.files.add(node);
        }
        by_name.entry(package.name.clone()).or_default().push(index);
    }
    Ok(Lock {
        version,
        is_newer,
        inherits: strategy.iter().any(|(word, _)| *word == "inherit_metadata"),
        groups,
        targets,
        packages,
        by_name,
    })
}

fn package(table: &Table<'_>) -> Result<Package, Broken> {
    let (name, _) = table.needed("name", "a package")?;
    let version = packages::version(table)?;
    let marker = match table.get("marker") {
        None => None,
        Some(node) => {
            let text = node.as_text()?;
            parse_marker(text, node.at)?;
            Some(text.to_owned())
        }
    };
    let mut wants = Vec::new();
    for (text, at) in table.texts("dependencies")? {
        let requirement = Pep508::parse(text).map_err(|error| {
            Broken::at(Fault::Value, at + 1 + error.span.start, format!("no requirement of PEP 508: {error}"))
        })?;
        wants.push(requirement);
    }
    let names = |key: &str| -> Result<Vec<Name>, Broken> {
        let mut names: Vec<Name> = table.texts(key)?.iter().map(|(name, _)| Name::new(name)).collect();
        names.sort();
        names.dedup();
        Ok(names)
    };
    let (origin, url) = source(table)?;
    Ok(Package {
        name: Name::new(name),
        version,
        python: table.text("requires_python")?.and_then(|text| SpecifierSet::parse(text).ok()),
        extras: names("extras")?,
        groups: names("groups")?,
        marker,
        wants,
        origin,
        url,
        at: table.entry("name").map_or(table.at, |entry| entry.at),
        end: table.get("name").map_or(table.at, |node| node.end),
        files: Files::under(table, &["files"]),
    })
}

fn source(table: &Table<'_>) -> Result<(PackageSource, Option<String>), Broken> {
    let folder = table.text("subdirectory")?;
    let subdirectory = folder.map(Text::from);
    for vcs in ["git", "hg", "svn", "bzr"] {
        if let Some(url) = table.text(vcs)? {
            let commit = table.text("revision")?.or(table.text("ref")?);
            let link = if vcs == "git" {
                git(url, commit, folder)
            } else {
                git(url, commit, folder).replacen("git", vcs, 1)
            };
            return Ok((git_source(url, commit, folder), Some(link)));
        }
    }
    if let Some(url) = table.text("url")? {
        let source = PackageSource { subdirectory, ..PackageSource::at(SourceKind::Url, shown(url)) };
        return Ok((source, Some(url.to_owned())));
    }
    if let Some(path) = table.text("path")? {
        let is_archive =
            [".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2"].iter().any(|end| path.ends_with(end));
        let kind = match (table.flag("editable")?, is_archive) {
            (true, _) => SourceKind::Editable,
            (false, true) => SourceKind::Path,
            (false, false) => SourceKind::Directory,
        };
        return Ok((PackageSource { subdirectory, ..PackageSource::at(kind, path.into()) }, None));
    }
    Ok((PackageSource::of(SourceKind::Registry), None))
}

const DEFAULT: &str = "default";

impl PdmLock {
    fn project_groups(&self) -> Vec<PdmGroup> {
        self.project.as_ref().map(Project::pdm).unwrap_or_default()
    }

    fn known(&self, of_project: &[PdmGroup]) -> Vec<Name> {
        let mut out = match &self.lock.groups {
            Some(groups) => groups.clone(),
            None => of_project.iter().map(|group| group.name.clone()).collect(),
        };
        out.push(Name::new(DEFAULT));
        out.sort();
        out.dedup();
        out
    }

    /// The groups that count. PDM takes every group of the lock where none is asked for, and beside one that is asked for those
    /// of development, unless it is one of these itself.
    fn groups(
        &self,
        wishes: &Wishes,
        of_project: &[PdmGroup],
        chosen: &mut Chosen,
    ) -> Result<Vec<Name>, LockError> {
        let known = self.known(of_project);
        let default = Name::new(DEFAULT);
        let mut asked = wishes.clone();
        // Extras of the project are groups of the lock.
        asked.groups.extend(wishes.extras.iter().cloned());
        let is_dev = |name: &Name| of_project.iter().any(|group| group.is_dev && group.name == *name);
        let plain: Vec<Name> = if asked.groups.is_empty() {
            // Layouts without groups were made for what the project lists beside its extras.
            match &self.lock.groups {
                Some(groups) => groups.clone(),
                None => {
                    of_project.iter().filter(|group| group.is_dev).map(|group| group.name.clone()).collect()
                }
            }
        } else {
            if self.project.is_none() {
                chosen.note("no pyproject.toml lies beside it, which alone says which groups are of development: none but the asked ones counts");
            }
            let with_dev = !asked.groups.iter().any(is_dev);
            known.iter().filter(|name| with_dev && is_dev(name)).cloned().collect()
        };
        asked.all_groups |= wishes.all_extras;
        let mut out = asked.active(&known, &plain).map_err(|name| LockError::Unknown {
            path: self.document.path.clone(),
            what: "group",
            name: name.as_str().into(),
            known: known.iter().map(|name| name.as_str().to_owned()).collect(),
        })?;
        if wishes.only_groups.is_empty() && !wishes.no_groups.contains(&default) && !out.contains(&default) {
            out.push(default);
        }
        out.sort();
        Ok(out)
    }

    fn by_groups(&self, environment: &Environment, groups: &[Name]) -> Vec<Selection> {
        let markers = Markers::of(environment);
        let select = |package: &Package| {
            let default = Name::new(DEFAULT);
            let is_in = package.groups.iter().any(|group| groups.contains(group))
                || (package.groups.is_empty() && groups.contains(&default));
            if !is_in {
                return Selection::NotSelected { reason: "none of its groups is asked for".into() };
            }
            let holds =
                package.marker.as_ref().map_or(Holds::Yes, |marker| markers.holds(marker, &Asked::Nothing));
            match holds {
                Holds::Yes => Selection::Selected,
                Holds::No => Selection::NotSelected { reason: "its marker does not hold".into() },
                Holds::Unknown(reason) => Selection::Undetermined { reason },
            }
        };
        self.lock.packages.iter().map(select).collect()
    }

    fn by_graph(
        &self,
        environment: &Environment,
        groups: &[Name],
        of_project: &[PdmGroup],
    ) -> Vec<Selection> {
        let roots: Vec<Pep508> = of_project
            .iter()
            .filter(|group| groups.contains(&group.name))
            .flat_map(|group| &group.requirements)
            .filter_map(|text| root(text))
            .collect();
        let markers = Markers::of(environment);
        let mut reach = Reach::default();
        let follow = |wanted: &Pep508, from: &Reached, reach: &mut Reach| {
            let holds = wanted
                .marker
                .as_ref()
                .map_or(Holds::Yes, |marker| markers.holds(&marker.to_string(), &Asked::Nothing));
            let Some(reached) = from.along(holds) else { return };
            for (index, holds) in self.choose(environment, &markers, wanted) {
                if let Some(reached) = reached.along(holds) {
                    reach.reach((index, None), reached);
                }
            }
        };
        for wanted in &roots {
            follow(wanted, &Reached::Surely, &mut reach);
        }
        while let Some(((index, _), reached)) = reach.next() {
            let Some(package) = self.lock.packages.get(index) else { continue };
            for wanted in &package.wants {
                follow(wanted, &reached, &mut reach);
            }
        }
        (0..self.lock.packages.len()).map(|index| reach.selection(index, UNREACHED)).collect()
    }

    /// The entries that a requirement leads to: the one with these extras and the plain one; of several versions the one whose
    /// marker and Python are this environment's.
    fn choose(
        &self,
        environment: &Environment,
        markers: &Markers<'_>,
        wanted: &Pep508,
    ) -> Vec<(usize, Holds)> {
        let all = self.lock.by_name.get(&wanted.canonical_name()).map_or(&[][..], Vec::as_slice);
        let extras = wanted.canonical_extras();
        let fitting = |extras: &[Name]| -> Option<(usize, Holds)> {
            let mut best: Option<(usize, Holds)> = None;
            for index in all {
                let Some(package) = self.lock.packages.get(*index) else { continue };
                let is_allowed = wanted.url.is_some()
                    || package.origin.kind != SourceKind::Registry
                    || package.version.as_ref().is_none_or(|version| wanted.specifiers.contains(version));
                if package.extras != extras || !is_allowed {
                    continue;
                }
                let python = package.python.as_ref().map_or(Holds::Yes, |set| environment.python_in(set));
                let own = package
                    .marker
                    .as_ref()
                    .map_or(Holds::Yes, |marker| markers.holds(marker, &Asked::Nothing));
                match python.and(own) {
                    Holds::Yes => return Some((*index, Holds::Yes)),
                    Holds::No => {}
                    unknown @ Holds::Unknown(_) => best = best.or(Some((*index, unknown))),
                }
            }
            best
        };
        let mut out: Vec<(usize, Holds)> = fitting(&[]).into_iter().collect();
        if !extras.is_empty() {
            out.extend(fitting(&extras));
        }
        out
    }

    fn requirement(&self, package: &Package) -> Requirement {
        let at = self.document.place(package.at, package.end);
        let mut requirement = pinned(&package.name, package.version.as_deref(), at);
        come_from(&mut requirement, package.origin.clone(), package.url.as_deref());
        requirement.extras.clone_from(&package.extras);
        requirement.marker.clone_from(&package.marker);
        requirement
    }

    fn suits(&self, environment: &Environment, chosen: &mut Chosen) {
        let mut suits = Holds::No;
        for (python, platform) in &self.lock.targets {
            suits = suits.or(environment.python_in(python).and(environment.is_platform(platform)));
        }
        if !self.lock.targets.is_empty() && suits == Holds::No {
            chosen.note(say!(
                "none of its targets is ",
                environment.python_told(),
                " on this platform: PDM would warn, and what it pins was not chosen for it"
            ));
        }
    }
}

/// A requirement of the project: PEP 508, or what stands behind PDM's `-e`.
fn root(text: &str) -> Option<Pep508> {
    let text = text.trim();
    let plain = text.strip_prefix("-e").map(str::trim_start).unwrap_or(text);
    if let Ok(requirement) = Pep508::parse(plain) {
        return Some(requirement);
    }
    let egg = plain.split_once("#egg=").map(|(_, egg)| egg.split('&').next().unwrap_or(egg))?;
    Pep508::parse(egg).ok()
}

impl Selectable for PdmLock {
    fn offers(&self) -> Offers {
        let groups = self.known(&self.project_groups());
        Offers { extras: groups.clone(), groups, packages: Vec::new() }
    }

    fn hashes(&self, requirement: usize) -> Vec<Text> {
        let Some(package) = self.lock.packages.get(requirement) else { return Vec::new() };
        package.files.hashes(&self.document.text)
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = Chosen::demand("an installer's lock");
        chosen.format_version = self.lock.version.as_deref().map(Text::from);
        if self.lock.version.is_none() {
            chosen.note("it says no lock_version, which PDM would not read");
        }
        if self.lock.is_newer {
            chosen.note("its lock_version is newer than 4.5, which was read");
        }
        let of_project = self.project_groups();
        let groups = self.groups(wishes, &of_project, &mut chosen)?;
        self.suits(environment, &mut chosen);
        let selections = if self.lock.inherits {
            self.by_groups(environment, &groups)
        } else if self.project.is_some() {
            self.by_graph(environment, &groups, &of_project)
        } else {
            chosen.note("no pyproject.toml lies beside it, which alone says what the project wants: what is installed of the lock cannot be told");
            let reason = Text::from(
                "pdm.lock without inherit_metadata does not say what the project wants, and no pyproject.toml lies beside it",
            );
            self.lock.packages.iter().map(|_| Selection::Undetermined { reason: reason.clone() }).collect()
        };
        // An entry with extras stands beside the plain one of the same version: one package is installed.
        let mut seen: HashMap<(&Name, Option<&str>), usize> = HashMap::new();
        for (package, selection) in self.lock.packages.iter().zip(selections) {
            let mut requirement = self.requirement(package);
            requirement.selection = selection;
            let key = (&package.name, package.version.as_deref());
            if requirement.selection == Selection::Selected {
                match seen.get(&key).copied() {
                    Some(first) => {
                        if let Some(first) = chosen.requirements.get_mut(first) {
                            first.extras.extend(requirement.extras.iter().cloned());
                            first.extras.sort();
                            first.extras.dedup();
                        }
                        requirement.selection = Selection::NotSelected {
                            reason: "the same package stands in another entry".into(),
                        };
                    }
                    None => {
                        seen.insert(key, chosen.requirements.len());
                    }
                }
            }
            chosen.requirements.push(requirement);
        }
        chosen.groups = groups;
        chosen.quote(&self.document);
        Ok(chosen)
    }
}
