//! A `poetry.lock` comes in; what `poetry install` would install of it in an environment comes out.
//!
//! From lock-version 2.1 on every package says its groups and under which marker it counts. Older ones (1.x, 2.0) hold a graph
//! without roots: these are in the `pyproject.toml` beside them, and without it what is installed cannot be told. The rules are
//! those of Poetry 1.1, 1.8 and 2.5, compared with their dry runs.

mod constraint;

use std::collections::{BTreeMap, HashMap};

use envdiff_model::{Name, PackageSource, Requirement, Selection, SourceKind, Text, say};
use envdiff_packaging::{Requirement as Pep508, Version};

pub(crate) use constraint::Constraint;

use crate::broken::{Broken, Fault};
use crate::environment::{Asked, Environment, Holds, Markers};
use crate::files::Files;
use crate::formats::project::{self, PoetryGroup, Project};
use crate::graph::{Reach, Reached, UNREACHED};
use crate::package::{come_from, git, git_source, pinned, shown};
use crate::packages::{self, parse_marker, parse_version};
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::text::Document;
use crate::tree::toml::Plan;
use crate::tree::{Node, Table, Value};
use crate::{LockError, Wishes};

/// How often what is chosen of several versions is asked anew before it stands.
const MOST_ROUNDS: usize = 32;

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let lock = read(&document.text).map_err(|broken| input.refuse(&document, broken))?;
    let project = project::beside(&input);
    Ok(Box::new(PoetryLock { document, lock, project }))
}

struct PoetryLock {
    document: Document,
    lock: Lock,
    project: Option<Project>,
}

struct Lock {
    version: String,
    minor: (u64, u64),
    python: Option<String>,
    extras: Vec<Name>,
    packages: Vec<Package>,
    by_name: HashMap<Name, Vec<usize>>,
}

struct Package {
    name: Name,
    version: String,
    python: Option<Constraint>,
    optional: bool,
    groups: Vec<Name>,
    markers: Conditions,
    wants: Vec<Wanted>,
    /// Extras of it with the names that they bring.
    extras: Vec<(Name, Vec<Name>)>,
    source: Source,
    at: usize,
    end: usize,
    files: Files,
}

/// Under which markers a package counts.
enum Conditions {
    Always,
    One(String),
    ByGroup(Vec<(Name, String)>),
}

struct Source {
    origin: PackageSource,
    url: Option<String>,
}

/// Something that a project or a package wants of another one.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: Name,
    constraint: Constraint,
    extras: Vec<Name>,
    /// Only for whom an extra asks.
    optional: bool,
    markers: Vec<String>,
    python: Option<Constraint>,
    /// Of a place and not of an index.
    is_direct: bool,
}

impl Wanted {
    fn new(name: &str) -> Self {
        Self {
            name: Name::new(name),
            constraint: Constraint::any(),
            extras: Vec::new(),
            optional: false,
            markers: Vec::new(),
            python: None,
            is_direct: false,
        }
    }

    /// A requirement of PEP 508; `extra` is the extra of the project that brings it.
    pub(crate) fn of_pep_508(text: &str, extra: Option<&Name>) -> Option<Self> {
        let requirement = Pep508::parse(text).ok()?;
        let mut out = Self::new(&requirement.name);
        out.constraint = Constraint::parse(&requirement.specifiers.written())?;
        out.extras = requirement.canonical_extras();
        out.markers.extend(requirement.marker.as_ref().map(ToString::to_string));
        out.is_direct = requirement.url.is_some();
        out.optional = extra.is_some();
        Some(out)
    }

    /// What a table of dependencies wants: a constraint, a table, or a list of alternatives for a name.
    pub(crate) fn of_table(table: &Table<'_>) -> Vec<Self> {
        let mut out = Vec::new();
        for entry in &table.entries {
            match &entry.node.value {
                Value::List(items) => out.extend(items.iter().map(|item| Self::of_node(&entry.key, item))),
                _ => out.push(Self::of_node(&entry.key, &entry.node)),
            }
        }
        let python = Name::new("python");
        out.retain(|wanted| wanted.name != python);
        out
    }

    fn of_node(name: &str, node: &Node<'_>) -> Self {
        let mut out = Self::new(name);
        // What is no constraint holds every version: the lock has chosen one already.
        let parse = |text: &str| Constraint::parse(text).unwrap_or_else(Constraint::any);
        if let Some(text) = node.text() {
            out.constraint = parse(text);
        }
        let Some(table) = node.table() else { return out };
        let text = |key: &str| table.get(key).and_then(Node::text);
        if let Some(version) = text("version") {
            out.constraint = parse(version);
        }
        out.python = text("python").map(parse);
        out.markers.extend(text("markers").map(str::to_owned));
        if let Some(platform) = text("platform") {
            out.markers.push(format!("sys_platform == '{}'", platform.replace('\'', "")));
        }
        out.optional = table.flag("optional").unwrap_or(false);
        out.extras =
            table.texts("extras").unwrap_or_default().iter().map(|(extra, _)| Name::new(extra)).collect();
        out.is_direct = ["git", "url", "path", "file"].iter().any(|key| table.has(key));
        out
    }
}

fn read(text: &str) -> Result<Lock, Broken> {
    let plan = Plan { stream: &["package"], skip: &["files"] };
    let (root, passed) = packages::read(text, &plan, package)?;
    let Some(metadata) = root.table("metadata")? else {
        return Err(Broken::whole(
            Fault::Truncated,
            "a poetry.lock without its [metadata], which stands last: the file is cut off",
        ));
    };
    let (version, at) = metadata.needed("lock-version", "[metadata]")?;
    let number = |text: &str| text.parse::<u64>().ok();
    let minor = match version.split_once('.') {
        Some((major, minor)) => number(major).zip(number(minor)),
        None => number(version).map(|major| (major, 0)),
    };
    let Some(minor) = minor.filter(|(major, _)| matches!(major, 1 | 2)) else {
        let message =
            format!("lock-version {version} of poetry.lock; 1.x and 2.x are the ones that are known");
        return Err(Broken::at(Fault::Version, at, message));
    };
    let mut packages = passed.all()?;
    // Empty where a machine wrote `package = []`.
    let files = metadata.table("files")?;
    let mut by_name: HashMap<Name, Vec<usize>> = HashMap::new();
    for (index, package) in packages.iter_mut().enumerate() {
        if let Some(node) = files.and_then(|files| files.get(package.name.as_str())) {
            package.files.add(node);
        }
        by_name.entry(package.name.clone()).or_default().push(index);
    }
    let extras = root.table("extras")?.map_or(&[][..], |table| &table.entries);
    Ok(Lock {
        version: version.to_owned(),
        minor,
        python: metadata.text("python-versions")?.map(str::to_owned),
        extras: extras.iter().map(|entry| Name::new(&entry.key)).collect(),
        packages,
        by_name,
    })
}

fn package(table: &Table<'_>) -> Result<Package, Broken> {
    let (name, _) = table.needed("name", "a package")?;
    let (version, version_at) = table.needed("version", &format!("the package {name}"))?;
    parse_version(version, version_at)?;
    let markers = match table.get("markers") {
        None => Conditions::Always,
        Some(node @ Node { value: Value::Text(text), .. }) => {
            parse_marker(text, node.at)?;
            Conditions::One(text.to_string())
        }
        Some(node) => {
            let mut out = Vec::new();
            for entry in &node.as_table()?.entries {
                let text = entry.node.as_text()?;
                parse_marker(text, entry.node.at)?;
                out.push((Name::new(&entry.key), text.to_owned()));
            }
            Conditions::ByGroup(out)
        }
    };
    let mut groups: Vec<Name> = table.texts("groups")?.iter().map(|(group, _)| Name::new(group)).collect();
    if let Some(category) = table.text("category")? {
        groups.push(Name::new(category));
    }
    let mut extras = Vec::new();
    for entry in table.table("extras")?.map_or(&[][..], |table| &table.entries) {
        let names = entry.node.as_list()?.iter().filter_map(Node::text);
        let names = names.filter_map(|text| text.split([' ', '(', '[', ';', '<', '>', '=', '!', '~']).next());
        extras.push((Name::new(&entry.key), names.map(Name::new).collect()));
    }
    Ok(Package {
        name: Name::new(name),
        version: version.to_owned(),
        python: table.text("python-versions")?.and_then(Constraint::parse),
        optional: table.flag("optional")?,
        groups,
        markers,
        wants: table.table("dependencies")?.map(Wanted::of_table).unwrap_or_default(),
        extras,
        source: source(table)?,
        at: table.entry("name").map_or(table.at, |entry| entry.at),
        end: table.get("name").map_or(table.at, |node| node.end),
        files: Files::under(table, &["files"]),
    })
}

fn source(package: &Table<'_>) -> Result<Source, Broken> {
    let Some(table) = package.table("source")? else {
        return Ok(Source { origin: PackageSource::of(SourceKind::Registry), url: None });
    };
    let (kind, kind_at) = table.needed("type", "a source")?;
    let (url, _) = table.needed("url", "a source")?;
    let folder = table.text("subdirectory")?;
    let subdirectory = folder.map(Text::from);
    Ok(match kind {
        "legacy" => Source { origin: PackageSource::at(SourceKind::Registry, shown(url)), url: None },
        "git" => {
            let commit = table.text("resolved_reference")?.or(table.text("reference")?);
            Source { origin: git_source(url, commit, folder), url: Some(git(url, commit, folder)) }
        }
        "url" => Source {
            origin: PackageSource { subdirectory, ..PackageSource::at(SourceKind::Url, shown(url)) },
            url: Some(url.to_owned()),
        },
        "file" => Source { origin: PackageSource::at(SourceKind::Path, url.into()), url: None },
        "directory" => {
            let editable = package.flag("develop")?;
            let kind = if editable { SourceKind::Editable } else { SourceKind::Directory };
            Source { origin: PackageSource::at(kind, url.into()), url: None }
        }
        _ => {
            return Err(Broken::at(
                Fault::Value,
                kind_at,
                format!("`{kind}` is no kind of source that is known"),
            ));
        }
    })
}

/// What is asked for.
struct Plain {
    groups: Vec<Name>,
    extras: Vec<Name>,
}

impl PoetryLock {
    const fn has_groups(&self) -> bool {
        let (major, minor) = self.lock.minor;
        major > 2 || (major == 2 && minor >= 1)
    }

    fn project_groups(&self) -> (Vec<PoetryGroup>, Vec<(Name, Vec<Name>)>) {
        self.project.as_ref().map(Project::poetry).unwrap_or_default()
    }

    /// Every group, and of those the ones that are installed without being asked for.
    fn groups(&self) -> (Vec<Name>, Vec<Name>) {
        let (of_project, _) = self.project_groups();
        let mut known: Vec<Name> =
            self.lock.packages.iter().flat_map(|package| package.groups.iter().cloned()).collect();
        known.extend(of_project.iter().map(|group| group.name.clone()));
        known.push(Name::new("main"));
        known.sort();
        known.dedup();
        let optional: Vec<&Name> =
            of_project.iter().filter(|group| group.optional).map(|group| &group.name).collect();
        let default = known.iter().filter(|name| !optional.contains(name)).cloned().collect();
        (known, default)
    }

    fn extras(&self) -> Vec<Name> {
        let (_, of_project) = self.project_groups();
        let mut out = self.lock.extras.clone();
        out.extend(of_project.into_iter().map(|(name, _)| name));
        out.sort();
        out.dedup();
        out
    }

    fn wanted(&self, wishes: &Wishes) -> Result<Plain, LockError> {
        let unknown = |what, known: &[Name]| {
            let known: Vec<String> = known.iter().map(|name| name.as_str().to_owned()).collect();
            let path = self.document.path.clone();
            move |name: Name| LockError::Unknown { path, what, name: name.as_str().into(), known }
        };
        let (known, default) = self.groups();
        let main = Name::new("main");
        let mut groups = wishes.active(&known, &default).map_err(unknown("group", &known))?;
        if wishes.only_groups.is_empty() && !wishes.no_groups.contains(&main) && !groups.contains(&main) {
            groups.push(main);
        }
        let extras = self.extras();
        let extras = wishes.active_extras(&extras).map_err(unknown("extra", &extras))?;
        Ok(Plain { groups, extras })
    }

    fn requirement(&self, package: &Package) -> Requirement {
        let at = self.document.place(package.at, package.end);
        let mut requirement = pinned(&package.name, Some(&package.version), at);
        come_from(&mut requirement, package.source.origin.clone(), package.source.url.as_deref());
        if let Conditions::One(marker) = &package.markers {
            requirement.marker = Some(marker.clone());
        }
        requirement
    }

    /// By the groups and markers that packages have since 2.1.
    fn by_groups(&self, environment: &Environment, plain: &Plain) -> Vec<Selection> {
        let markers = Markers::of(environment);
        let asked = Asked::Extras(&plain.extras);
        let select = |package: &Package| {
            let active: Vec<&Name> =
                package.groups.iter().filter(|group| plain.groups.contains(group)).collect();
            if active.is_empty() {
                return Selection::NotSelected { reason: "none of its groups is asked for".into() };
            }
            let holds = match &package.markers {
                Conditions::Always => Holds::Yes,
                Conditions::One(marker) => markers.holds(marker, &asked),
                Conditions::ByGroup(by_group) => active.iter().fold(Holds::No, |so_far, group| {
                    let own = by_group.iter().find(|(name, _)| name == *group);
                    so_far.or(own.map_or(Holds::Yes, |(_, marker)| markers.holds(marker, &asked)))
                }),
            };
            match holds {
                Holds::Yes => Selection::Selected,
                Holds::No => Selection::NotSelected { reason: "its marker does not hold".into() },
                Holds::Unknown(reason) => Selection::Undetermined { reason },
            }
        };
        self.lock.packages.iter().map(select).collect()
    }

    /// By a walk from what the project wants, for locks before 2.1.
    fn by_graph(&self, environment: &Environment, plain: &Plain) -> Vec<Selection> {
        let (groups, extras) = self.project_groups();
        let roots: Vec<&Wanted> = groups
            .iter()
            .filter(|group| plain.groups.contains(&group.name))
            .flat_map(|group| &group.wants)
            .filter(|wanted| {
                !wanted.optional
                    || extras
                        .iter()
                        .any(|(extra, names)| plain.extras.contains(extra) && names.contains(&wanted.name))
            })
            .collect();
        let mut walk = Walk {
            lock: &self.lock,
            environment,
            markers: Markers::of(environment),
            asked: &plain.extras,
            limits: BTreeMap::new(),
        };
        let mut reach = walk.run(&roots);
        for _ in 0..MOST_ROUNDS {
            let before = walk.choices();
            reach = walk.run(&roots);
            if walk.choices() == before {
                break;
            }
        }
        (0..self.lock.packages.len()).map(|index| reach.selection(index, UNREACHED)).collect()
    }
}

/// A walk along what packages want. Of several versions of a name the newest is taken that all who want it allow and that is
/// for this Python, as Poetry's solver does over a lock.
struct Walk<'a> {
    lock: &'a Lock,
    environment: &'a Environment,
    markers: Markers<'a>,
    asked: &'a [Name],
    /// What was wanted of each name so far.
    limits: BTreeMap<Name, Vec<&'a Constraint>>,
}

impl<'a> Walk<'a> {
    fn run(&mut self, roots: &[&'a Wanted]) -> Reach {
        let mut reach = Reach::default();
        let before = std::mem::take(&mut self.limits);
        let sure = Reached::Surely;
        for wanted in roots {
            self.follow(wanted, self.asked, &sure, &before, &mut reach);
        }
        while let Some(((index, extra), reached)) = reach.next() {
            let Some(package) = self.lock.packages.get(index) else { continue };
            let brings = extra.as_ref().map(|extra| {
                package.extras.iter().find(|(name, _)| name == extra).map_or(&[][..], |(_, names)| names)
            });
            for wanted in &package.wants {
                let is_wanted = match brings {
                    None => !wanted.optional,
                    Some(names) => wanted.optional && names.contains(&wanted.name),
                };
                if is_wanted {
                    self.follow(wanted, extra.as_slice(), &reached, &before, &mut reach);
                }
            }
        }
        reach
    }

    fn follow(
        &mut self,
        wanted: &'a Wanted,
        extras: &[Name],
        from: &Reached,
        before: &BTreeMap<Name, Vec<&'a Constraint>>,
        reach: &mut Reach,
    ) {
        let mut holds = Holds::Yes;
        for marker in &wanted.markers {
            holds = holds.and(self.markers.holds(marker, &Asked::Extras(extras)));
        }
        if let Some(python) = &wanted.python {
            holds = holds.and(self.python(python));
        }
        let Some(reached) = from.along(holds) else { return };
        let mut limits = before.get(&wanted.name).cloned().unwrap_or_default();
        limits.push(&wanted.constraint);
        if reached == Reached::Surely {
            self.limits.entry(wanted.name.clone()).or_default().push(&wanted.constraint);
        }
        if let Some(index) = self.choose(&wanted.name, &limits, wanted.is_direct) {
            reach.reach_with(index, &wanted.extras, &reached);
        }
    }

    fn python(&self, constraint: &Constraint) -> Holds {
        constraint
            .alternatives()
            .iter()
            .fold(Holds::No, |so_far, set| so_far.or(self.environment.python_in(set)))
    }

    fn choose(&self, name: &Name, limits: &[&Constraint], is_direct: bool) -> Option<usize> {
        let all = self.lock.by_name.get(name)?;
        let package = |index: &&usize| self.lock.packages.get(**index);
        let newest = |indices: &mut dyn Iterator<Item = &usize>| -> Option<usize> {
            indices
                .max_by(|a, b| {
                    let version = |index: &usize| {
                        self.lock
                            .packages
                            .get(*index)
                            .and_then(|package| Version::parse(&package.version).ok())
                    };
                    version(a).cmp(&version(b))
                })
                .copied()
        };
        let is_of_place = |index: &&usize| {
            package(index).is_some_and(|package| package.source.origin.kind != SourceKind::Registry)
        };
        let is_allowed = |index: &&usize| {
            package(index).is_some_and(|package| limits.iter().all(|limit| limit.holds(&package.version)))
        };
        let is_for_python = |index: &&usize| {
            package(index).is_some_and(|package| {
                package.python.as_ref().is_none_or(|python| self.python(python) != Holds::No)
            })
        };
        newest(
            &mut all
                .iter()
                .filter(|index| is_of_place(index) == is_direct)
                .filter(is_allowed)
                .filter(is_for_python),
        )
        .or_else(|| newest(&mut all.iter().filter(is_allowed).filter(is_for_python)))
        .or_else(|| newest(&mut all.iter().filter(is_for_python)))
        .or_else(|| newest(&mut all.iter()))
    }

    fn choices(&self) -> Vec<Option<usize>> {
        self.limits.iter().map(|(name, limits)| self.choose(name, limits, false)).collect()
    }
}

impl Selectable for PoetryLock {
    fn offers(&self) -> Offers {
        Offers { groups: self.groups().0, extras: self.extras(), packages: Vec::new() }
    }

    fn hashes(&self, requirement: usize) -> Vec<Text> {
        let Some(package) = self.lock.packages.get(requirement) else { return Vec::new() };
        package.files.hashes(&self.document.text)
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = Chosen::demand("an installer's lock");
        chosen.format_version = Some(self.lock.version.as_str().into());
        let plain = self.wanted(wishes)?;
        let python = self.lock.python.as_deref();
        let ranges = python.and_then(Constraint::parse);
        // PEP 440 says it in one range or not at all.
        chosen.requires_python = ranges.as_ref().and_then(|ranges| match ranges.alternatives() {
            [one] if !one.is_empty() => Some(one.written().into()),
            _ => None,
        });
        if let (Some(text), Some(ranges)) = (python, &ranges) {
            let holds = ranges
                .alternatives()
                .iter()
                .fold(Holds::No, |so_far, set| so_far.or(environment.python_in(set)));
            if holds == Holds::No {
                chosen.refusals.push(crate::registry::Refusal {
                    at: None,
                    message: say!("it is for Python ", text, ", and there is ", environment.python_told()),
                    is_python: true,
                });
            }
        }
        if self.lock.minor.0 == 2 && self.lock.minor.1 > 1 {
            chosen.note(say!(
                "lock-version ",
                self.lock.version.as_str(),
                " is newer than 2.1, which was read"
            ));
        }
        if self.project.is_none() {
            chosen.note(if self.has_groups() {
                "no pyproject.toml lies beside it, which alone says which groups are optional: every group counts as installed"
            } else {
                "no pyproject.toml lies beside it, which alone says what the project wants: what is installed of the lock cannot be told"
            });
        }
        let selections = match (self.has_groups(), &self.project) {
            (true, _) => self.by_groups(environment, &plain),
            (false, Some(_)) => self.by_graph(environment, &plain),
            (false, None) => self.unsaid(&plain),
        };
        for (package, selection) in self.lock.packages.iter().zip(selections) {
            let mut requirement = self.requirement(package);
            requirement.selection = selection;
            chosen.requirements.push(requirement);
        }
        chosen.groups = plain.groups;
        chosen.extras = plain.extras;
        chosen.quote(&self.document);
        Ok(chosen)
    }
}

impl PoetryLock {
    /// What can be told without the project: what only extras bring, and what only development needs, may be left out.
    fn unsaid(&self, plain: &Plain) -> Vec<Selection> {
        let select = |package: &Package| {
            if package.optional && plain.extras.is_empty() {
                return Selection::NotSelected {
                    reason: "only extras bring it, and none is asked for".into(),
                };
            }
            if !package.groups.is_empty() && !package.groups.iter().any(|group| plain.groups.contains(group))
            {
                return Selection::NotSelected { reason: "its category is not asked for".into() };
            }
            Selection::Undetermined {
                reason: say!(
                    "poetry.lock of version ",
                    self.lock.version.as_str(),
                    " does not say what the project wants, and no pyproject.toml lies beside it"
                ),
            }
        };
        self.lock.packages.iter().map(select).collect()
    }
}
