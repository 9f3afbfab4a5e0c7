//! A `uv.lock` comes in; what `uv sync` would install in an environment comes out: the graph walked from its roots.
//!
//! Version 1 of the format with any revision, as uv 0.2 to 0.13 write it. The rules are those of uv 0.13.9
//! (`lock/installable.rs`, `universal_marker.rs`) and were compared with its dry runs. Wheels and source archives are passed over
//! and looked at only where nothing else says whether a package can be installed.

use std::collections::HashMap;

use envdiff_model::{Name, PackageSource, Requirement, Selection, SourceKind, Text, say};
use envdiff_packaging::{Marker, SpecifierSet, Variable};

use crate::broken::{Broken, Fault};
use crate::environment::{Asked, Environment, Fit, Holds};
use crate::files::{self, Files};
use crate::graph::{Reach, Reached, UNREACHED};
use crate::package::{come_from, git, git_source, pinned, shown};
use crate::packages::{self, parse_marker};
use crate::registry::{Chosen, Input, Offers, Refusal, Selectable};
use crate::text::Document;
use crate::tree::toml::Plan;
use crate::tree::{Node, Table, Value};
use crate::{LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let lock = read(&document.text).map_err(|broken| input.refuse(&document, broken))?;
    let project = crate::formats::project::beside(&input);
    let mut members = HashMap::new();
    for package in lock.packages.iter().filter(|package| lock.members.contains(&package.name)) {
        if is_in_folder(package) && !is_top(package) {
            let path = format!("{}/pyproject.toml", package.source.at.trim_end_matches('/'));
            if let Some(project) = crate::formats::project::named(&input, &path) {
                members.insert(package.name.clone(), project);
            }
        }
    }
    Ok(Box::new(UvLock { document, lock, project, members }))
}

struct UvLock {
    document: Document,
    lock: Lock,
    /// The `pyproject.toml` beside it, where there is one that can be read.
    project: Option<crate::formats::project::Project>,
    /// Those of the other members of the workspace.
    members: HashMap<Name, crate::formats::project::Project>,
}

fn is_in_folder(package: &Package) -> bool {
    matches!(package.source.kind, SourceKind::Virtual | SourceKind::Editable | SourceKind::Directory)
}

/// Whether it is the project in the folder of the lock.
fn is_top(package: &Package) -> bool {
    matches!(package.source.at.as_str(), "." | "")
}

struct Lock {
    revision: i64,
    requires_python: Option<(String, SpecifierSet, usize)>,
    /// Markers of which one must hold.
    supported: Vec<(Marker, usize)>,
    conflicts: Vec<Conflict>,
    members: Vec<Name>,
    packages: Vec<Package>,
    by_name: HashMap<Name, Vec<usize>>,
    /// Roots beside the projects: of scripts, and of workspaces without a project.
    requirements: Vec<Edge>,
    groups: Vec<(Name, Vec<Edge>)>,
    markers: Vec<Marker>,
}

struct Conflict {
    at: usize,
    items: Vec<Item>,
}

/// One side of a conflict, and what can be active.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Item {
    Project(Name),
    Extra(Name, Name),
    Group(Name, Name),
}

impl Item {
    /// The name that stands for it behind `extra ==` in markers.
    fn marker_name(&self) -> Name {
        let counted = |package: &Name| format!("{}-{}", package.as_str().chars().count(), package.as_str());
        Name::new(&match self {
            Self::Project(package) => format!("project-{}", counted(package)),
            Self::Extra(package, extra) => format!("extra-{}-{}", counted(package), extra.as_str()),
            Self::Group(package, group) => format!("group-{}-{}", counted(package), group.as_str()),
        })
    }

    fn told(&self) -> String {
        match self {
            Self::Project(package) => format!("package {}", package.as_str()),
            Self::Extra(_, extra) => format!("extra {}", extra.as_str()),
            Self::Group(_, group) => format!("group {}", group.as_str()),
        }
    }
}

struct Package {
    name: Name,
    version: Option<String>,
    source: Source,
    /// Where `[[package]]` stands.
    table_at: usize,
    /// Where its name stands.
    at: usize,
    end: usize,
    dependencies: Vec<Edge>,
    extras: Vec<(Name, Vec<Edge>)>,
    /// Extras that it offers, those without dependencies included.
    provides: Vec<Name>,
    groups: Vec<(Name, Vec<Edge>)>,
    sdist: Files,
    wheels: Files,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Source {
    kind: SourceKind,
    /// As written: a URL, a path.
    at: String,
    subdirectory: Option<String>,
}

/// A dependency: the package that it leads to, the extras of it that it asks for, the marker under which it counts.
struct Edge {
    to: usize,
    extras: Vec<Name>,
    marker: Option<usize>,
}

/// A dependency before all packages are known.
struct Dependency {
    name: Name,
    version: Option<String>,
    source: Option<Source>,
    extras: Vec<Name>,
    marker: Option<usize>,
    at: usize,
}

/// A package before its dependencies are resolved.
struct Unresolved {
    package: Package,
    dependencies: Vec<Dependency>,
    extras: Vec<(Name, Vec<Dependency>)>,
    groups: Vec<(Name, Vec<Dependency>)>,
}

/// Markers that occur in a lock, each parsed once.
#[derive(Default)]
struct Interner {
    by_text: HashMap<String, usize>,
    markers: Vec<Marker>,
}

impl Interner {
    fn marker(&mut self, node: &Node<'_>) -> Result<usize, Broken> {
        let text = node.as_text()?;
        if let Some(found) = self.by_text.get(text) {
            return Ok(*found);
        }
        let marker = parse_marker(text, node.at)?;
        self.markers.push(marker);
        let at = self.markers.len() - 1;
        self.by_text.insert(text.to_owned(), at);
        Ok(at)
    }
}

fn read(text: &str) -> Result<Lock, Broken> {
    let mut markers = Interner::default();
    let plan = Plan { stream: &["package", "distribution"], skip: &["wheels", "sdist"] };
    let (root, passed) = packages::read(text, &plan, |table| package(table, &mut markers))?;
    version(&root)?;
    let unresolved = passed.all()?;
    if unresolved.is_empty() {
        return Err(Broken::whole(
            Fault::MissingKey,
            "a uv.lock without a package: not even the project is in it",
        ));
    }
    resolve(&root, unresolved, markers)
}

fn version(root: &Table<'_>) -> Result<(), Broken> {
    match root.get("version") {
        Some(Node { value: Value::Integer(1), .. }) => Ok(()),
        Some(node @ Node { value: Value::Integer(version), .. }) => Err(Broken::at(
            Fault::Version,
            node.at,
            format!("version {version} of uv.lock; version 1 is the one that is known"),
        )),
        Some(node) => Err(node.wants("the number of a version")),
        None => Err(Broken::whole(Fault::MissingKey, "a uv.lock without its `version`")),
    }
}

fn source(node: &Node<'_>) -> Result<Source, Broken> {
    // Before 0.3 a text was written: `registry+URL`.
    if let Some(text) = node.text() {
        let (kind, at) = text.split_once('+').ok_or_else(|| node.wants("a source"))?;
        return Ok(Source { kind: kind_of(kind, node)?, at: at.to_owned(), subdirectory: None });
    }
    let table = node.as_table()?;
    for entry in &table.entries {
        if entry.key == "subdirectory" {
            continue;
        }
        let kind = kind_of(&entry.key, node)?;
        let subdirectory = table.text("subdirectory")?.map(str::to_owned);
        return Ok(Source { kind, at: entry.node.as_text()?.to_owned(), subdirectory });
    }
    Err(Broken::at(Fault::MissingKey, node.at, "a source that says nothing"))
}

fn kind_of(word: &str, node: &Node<'_>) -> Result<SourceKind, Broken> {
    Ok(match word {
        "registry" => SourceKind::Registry,
        "git" => SourceKind::Git,
        "url" | "direct" => SourceKind::Url,
        "path" => SourceKind::Path,
        "directory" => SourceKind::Directory,
        "editable" => SourceKind::Editable,
        "virtual" => SourceKind::Virtual,
        _ => {
            return Err(Broken::at(
                Fault::Value,
                node.at,
                format!("`{word}` is no kind of source that is known"),
            ));
        }
    })
}

fn package(table: &Table<'_>, markers: &mut Interner) -> Result<Unresolved, Broken> {
    let (name, _) = table.needed("name", "a package")?;
    let of = format!("the package {name}");
    let version = packages::version(table)?;
    let source = match table.get("source") {
        Some(node) => source(node)?,
        None => return Err(Broken::at(Fault::MissingKey, table.at, format!("{of} has no `source`"))),
    };
    let mut groups = by_name(table, "dev-dependencies", markers)?;
    groups.extend(by_name(table, "dependency-groups", markers)?);
    let metadata = table.table("metadata")?;
    let mut provides = Vec::new();
    if let Some(metadata) = metadata {
        provides.extend(metadata.texts("provides-extras")?.iter().map(|(extra, _)| Name::new(extra)));
        for key in ["requires-dev", "dependency-groups"] {
            let declared = metadata.table(key)?.map_or(&[][..], |table| &table.entries);
            for entry in declared {
                let group = Name::new(&entry.key);
                if !groups.iter().any(|(known, _)| *known == group) {
                    groups.push((group, Vec::new()));
                }
            }
        }
    }
    let (at, end) = table.get("name").map_or((table.at, table.at), |node| (node.at, node.end));
    Ok(Unresolved {
        dependencies: dependencies(table.list("dependencies")?, markers)?,
        extras: by_name(table, "optional-dependencies", markers)?,
        groups,
        package: Package {
            name: Name::new(name),
            version,
            source,
            table_at: table.at,
            at: table.entry("name").map_or(at, |entry| entry.at),
            end,
            dependencies: Vec::new(),
            extras: Vec::new(),
            provides,
            groups: Vec::new(),
            sdist: Files::under(table, &["sdist"]),
            wheels: Files::under(table, &["wheels"]),
        },
    })
}

fn by_name(
    table: &Table<'_>,
    key: &str,
    markers: &mut Interner,
) -> Result<Vec<(Name, Vec<Dependency>)>, Broken> {
    let Some(table) = table.table(key)? else { return Ok(Vec::new()) };
    table
        .entries
        .iter()
        .map(|entry| Ok((Name::new(&entry.key), dependencies(entry.node.as_list()?, markers)?)))
        .collect()
}

fn dependencies(nodes: &[Node<'_>], markers: &mut Interner) -> Result<Vec<Dependency>, Broken> {
    nodes
        .iter()
        .map(|node| {
            let table = node.as_table()?;
            let (name, at) = table.needed("name", "a dependency")?;
            let mut extras = Vec::new();
            for key in ["extra", "extras"] {
                match table.get(key) {
                    Some(Node { value: Value::Text(extra), .. }) => extras.push(Name::new(extra)),
                    Some(node) => {
                        for extra in node.as_list()? {
                            extras.push(Name::new(extra.as_text()?));
                        }
                    }
                    None => {}
                }
            }
            Ok(Dependency {
                name: Name::new(name),
                version: table.text("version")?.map(str::to_owned),
                source: table.get("source").map(source).transpose()?,
                extras,
                marker: table.get("marker").map(|node| markers.marker(node)).transpose()?,
                at,
            })
        })
        .collect()
}

fn resolve(root: &Table<'_>, unresolved: Vec<Unresolved>, mut markers: Interner) -> Result<Lock, Broken> {
    type Lists = (Vec<Dependency>, Vec<(Name, Vec<Dependency>)>, Vec<(Name, Vec<Dependency>)>);
    let (mut packages, lists): (Vec<Package>, Vec<Lists>) =
        unresolved.into_iter().map(|u| (u.package, (u.dependencies, u.extras, u.groups))).unzip();
    let mut by_name: HashMap<Name, Vec<usize>> = HashMap::with_capacity(packages.len());
    for (index, package) in packages.iter().enumerate() {
        let same = by_name.entry(package.name.clone()).or_default();
        let is_twin = |other: &usize| {
            packages
                .get(*other)
                .is_some_and(|other| other.version == package.version && other.source == package.source)
        };
        if same.iter().any(is_twin) {
            let told = package.version.as_deref().unwrap_or("without a version");
            return Err(Broken::at(
                Fault::Inconsistent,
                package.table_at,
                format!("{} {told} of the same source stands here a second time", package.name.as_str()),
            ));
        }
        same.push(index);
    }
    let find = |dependency: Dependency| -> Result<Edge, Broken> {
        let name = dependency.name.as_str();
        let all = by_name.get(&dependency.name).map_or(&[][..], Vec::as_slice);
        let mut fitting = all.iter().filter(|index| {
            packages.get(**index).is_some_and(|found| {
                let version = dependency.version.is_none() || dependency.version == found.version;
                let source = dependency.source.as_ref().is_none_or(|source| *source == found.source);
                version && source
            })
        });
        match (fitting.next(), fitting.next()) {
            (Some(to), None) => Ok(Edge { to: *to, extras: dependency.extras, marker: dependency.marker }),
            (None, _) => Err(Broken::at(
                Fault::Inconsistent,
                dependency.at,
                match &dependency.version {
                    Some(version) => {
                        format!("{name} {version} is needed here, and no package of the lock is that")
                    }
                    None => format!("{name} is needed here, and no package of the lock has that name"),
                },
            )),
            (Some(_), Some(_)) => Err(Broken::at(
                Fault::Inconsistent,
                dependency.at,
                format!(
                    "{name} is needed here without saying which, and the lock has several packages of that name"
                ),
            )),
        }
    };
    // A requirement of the project itself may name what the resolution left out (an override); it leads nowhere then.
    let declared = |nodes: &[Node<'_>], markers: &mut Interner| -> Result<Vec<Edge>, Broken> {
        let mut out = Vec::new();
        for dependency in dependencies(nodes, markers)? {
            let all = by_name.get(&dependency.name).map_or(&[][..], Vec::as_slice);
            for to in all {
                out.push(Edge { to: *to, extras: dependency.extras.clone(), marker: dependency.marker });
            }
        }
        Ok(out)
    };
    let manifest = root.table("manifest")?;
    let mut members = Vec::new();
    let mut requirements = Vec::new();
    let mut groups = Vec::new();
    if let Some(manifest) = manifest {
        members = manifest.texts("members")?.iter().map(|(name, _)| Name::new(name)).collect();
        requirements = declared(manifest.list("requirements")?, &mut markers)?;
        if let Some(table) = manifest.table("dependency-groups")? {
            for entry in &table.entries {
                groups.push((Name::new(&entry.key), declared(entry.node.as_list()?, &mut markers)?));
            }
        }
    }
    let mut edges = Vec::with_capacity(packages.len());
    for (dependencies, extras, groups) in lists {
        let named = |lists: Vec<(Name, Vec<Dependency>)>| -> Result<Vec<(Name, Vec<Edge>)>, Broken> {
            lists
                .into_iter()
                .map(|(name, list)| Ok((name, list.into_iter().map(&find).collect::<Result<_, _>>()?)))
                .collect()
        };
        let own = dependencies.into_iter().map(&find).collect::<Result<Vec<Edge>, _>>()?;
        edges.push((own, named(extras)?, named(groups)?));
    }
    for (package, (dependencies, extras, groups)) in packages.iter_mut().zip(edges) {
        for (extra, _) in &extras {
            if !package.provides.contains(extra) {
                package.provides.push(extra.clone());
            }
        }
        (package.dependencies, package.extras, package.groups) = (dependencies, extras, groups);
    }
    let requires_python = match root.get("requires-python") {
        Some(node) => {
            let text = node.as_text()?;
            let set = SpecifierSet::parse(text).map_err(|_| {
                Broken::at(Fault::Value, node.at, format!("`{text}` is no range of versions"))
            })?;
            Some((text.to_owned(), set, node.at))
        }
        None => None,
    };
    let supported = root.texts("supported-markers")?;
    let supported = supported
        .into_iter()
        .map(|(text, at)| Ok((parse_marker(text, at)?, at)))
        .collect::<Result<_, _>>()?;
    Ok(Lock {
        revision: root.get("revision").and_then(Node::integer).unwrap_or(0),
        requires_python,
        supported,
        conflicts: conflicts(root)?,
        members,
        packages,
        by_name,
        requirements,
        groups,
        markers: markers.markers,
    })
}

fn conflicts(root: &Table<'_>) -> Result<Vec<Conflict>, Broken> {
    root.list("conflicts")?
        .iter()
        .map(|set| {
            let items = set
                .as_list()?
                .iter()
                .map(|item| {
                    let table = item.as_table()?;
                    let package = Name::new(table.needed("package", "a conflict")?.0);
                    Ok(match (table.text("extra")?, table.text("group")?) {
                        (Some(extra), _) => Item::Extra(package, Name::new(extra)),
                        (None, Some(group)) => Item::Group(package, Name::new(group)),
                        (None, None) => Item::Project(package),
                    })
                })
                .collect::<Result<Vec<Item>, Broken>>()?;
            Ok(Conflict { at: set.at, items })
        })
        .collect()
}

/// What is asked for: where the walk begins and what it may follow.
struct Plain {
    roots: Vec<usize>,
    /// Whether the roots and what they need are wanted, and not groups alone.
    with_project: bool,
    /// Whether the groups of a workspace without a project at its top count.
    with_top: bool,
    extras: Vec<Name>,
    groups: Vec<Name>,
}

impl UvLock {
    fn place(&self, package: &Package) -> envdiff_model::Place {
        self.document.place(package.at, package.end)
    }

    fn roots(&self, wishes: &Wishes) -> Result<Vec<usize>, LockError> {
        let lock = &self.lock;
        let is_project = |index: &usize| lock.packages.get(*index).is_some_and(is_in_folder);
        let of_name = |name: &Name| -> Option<usize> {
            lock.by_name.get(name)?.iter().find(|index| is_project(index)).copied()
        };
        let members = || -> Vec<usize> { lock.members.iter().filter_map(of_name).collect() };
        if !wishes.packages.is_empty() {
            return wishes
                .packages
                .iter()
                .map(|name| {
                    of_name(name).ok_or_else(|| LockError::Wish {
                        path: self.document.path.clone(),
                        at: None,
                        message: say!(name, " is a package of it and no project of the workspace"),
                    })
                })
                .collect();
        }
        let top = (0..lock.packages.len())
            .find(|index| is_project(index) && lock.packages.get(*index).is_some_and(is_top));
        let all = members();
        Ok(match top {
            _ if wishes.all_packages && !all.is_empty() => all,
            Some(top) => vec![top],
            None => all,
        })
    }

    /// The groups that count without being asked for: for one package those that its own project says.
    fn default_groups(
        &self,
        roots: &[usize],
        wishes: &Wishes,
        known: &[Name],
        chosen: &mut Chosen,
    ) -> Vec<Name> {
        use crate::formats::project::Defaults;
        let member = match (wishes.packages.as_slice(), roots) {
            ([_], [root]) => self.lock.packages.get(*root).filter(|package| !is_top(package)),
            _ => None,
        };
        let project = member.map_or(self.project.as_ref(), |package| self.members.get(&package.name));
        match project.and_then(|project| project.uv_default_groups()) {
            Some(Defaults::All) => known.to_vec(),
            Some(Defaults::These(groups)) => {
                groups.into_iter().filter(|group| known.contains(group)).collect()
            }
            None => {
                let dev = Name::new("dev");
                if !known.contains(&dev) {
                    return Vec::new();
                }
                if project.is_none() {
                    chosen.note(match member {
                        None => "the group dev counts as installed, as uv sync does unless pyproject.toml says otherwise, and none lies beside the lock".into(),
                        Some(package) => say!(
                            "the group dev counts as installed, as uv sync does unless the pyproject.toml of ",
                            package.name,
                            " says otherwise, and none lies in ",
                            package.source.at.as_str()
                        ),
                    });
                }
                vec![dev]
            }
        }
    }

    fn wanted(&self, wishes: &Wishes, chosen: &mut Chosen) -> Result<Plain, LockError> {
        let roots = self.roots(wishes)?;
        let unknown = |what, known: &[Name]| {
            let known: Vec<String> = known.iter().map(|name| name.as_str().to_owned()).collect();
            let path = self.document.path.clone();
            move |name: Name| LockError::Unknown { path, what, name: name.as_str().into(), known }
        };
        let (groups, extras) = self.groups_and_extras(roots.iter().copied());
        let with_top = wishes.packages.is_empty();
        let own = |group: &&Name| {
            with_top
                || roots
                    .iter()
                    .filter_map(|root| self.lock.packages.get(*root))
                    .any(|package| package.groups.iter().any(|(name, _)| name == *group))
        };
        let of_roots: Vec<Name> = groups.iter().filter(own).cloned().collect();
        let default = self.default_groups(&roots, wishes, &of_roots, chosen);
        Ok(Plain {
            with_top,
            with_project: wishes.only_groups.is_empty(),
            groups: wishes.active(&groups, &default).map_err(unknown("group", &groups))?,
            extras: wishes.active_extras(&extras).map_err(unknown("extra", &extras))?,
            roots,
        })
    }

    fn groups_and_extras(&self, packages: impl Iterator<Item = usize>) -> (Vec<Name>, Vec<Name>) {
        let (mut groups, mut extras) = (Vec::new(), Vec::new());
        for package in packages.filter_map(|index| self.lock.packages.get(index)) {
            groups.extend(package.groups.iter().map(|(name, _)| name.clone()));
            extras.extend(package.provides.iter().cloned());
        }
        groups.extend(self.lock.groups.iter().map(|(name, _)| name.clone()));
        for list in [&mut groups, &mut extras] {
            list.sort();
            list.dedup();
        }
        (groups, extras)
    }

    /// What is active by what was asked for alone.
    fn active(&self, plain: &Plain) -> Vec<Item> {
        let mut out = Vec::new();
        for package in plain.roots.iter().filter_map(|index| self.lock.packages.get(*index)) {
            let name = &package.name;
            if plain.with_project {
                out.push(Item::Project(name.clone()));
                let extras = plain.extras.iter().filter(|extra| package.provides.contains(extra));
                out.extend(extras.map(|extra| Item::Extra(name.clone(), extra.clone())));
            }
            let has = |group: &&Name| package.groups.iter().any(|(known, _)| known == *group);
            out.extend(plain.groups.iter().filter(has).map(|group| Item::Group(name.clone(), group.clone())));
        }
        out
    }

    fn refuse_here(&self, environment: &Environment, chosen: &mut Chosen) {
        let lock = &self.lock;
        if let Some((text, set, at)) = &lock.requires_python {
            let at = self.document.place(*at, *at + text.len() + 2);
            match environment.python_in(set) {
                Holds::Yes => {}
                Holds::No => chosen.refusals.push(Refusal {
                    at: Some(at),
                    message: say!(
                        "it is for Python ",
                        text.as_str(),
                        ", and there is ",
                        environment.python_told()
                    ),
                    is_python: true,
                }),
                Holds::Unknown(why) => {
                    chosen.note(say!(
                        "it is for Python ",
                        text.as_str(),
                        ", and whether that is there cannot be told: ",
                        why
                    ));
                }
            }
        }
        let mut supported = Holds::No;
        for (marker, _) in &lock.supported {
            supported = supported.or(environment.holds(marker, &Asked::Nothing));
        }
        if let Some((_, at)) = lock.supported.first() {
            match supported {
                Holds::Yes => {}
                Holds::No => {
                    let environments: Vec<String> =
                        lock.supported.iter().map(|(marker, _)| marker.to_string()).collect();
                    chosen.refusals.push(Refusal {
                        at: Some(self.document.place(*at, *at + 1)),
                        message: say!("it is for other environments: ", environments.join("; ")),
                        is_python: false,
                    });
                }
                Holds::Unknown(why) => {
                    chosen.note(say!("whether it is for this environment cannot be told: ", why));
                }
            }
        }
    }

    fn conflict(&self, active: &[Item]) -> Option<LockError> {
        self.lock.conflicts.iter().find_map(|conflict| {
            let both: Vec<String> =
                conflict.items.iter().filter(|item| active.contains(item)).map(Item::told).collect();
            (both.len() > 1).then(|| LockError::Wish {
                path: self.document.path.clone(),
                at: Some(self.document.place(conflict.at, conflict.at + 1)),
                message: say!(both.join(" and "), " cannot be installed together, the lock says"),
            })
        })
    }
}

/// One walk along the edges whose markers hold.
struct Walk<'a> {
    lock: &'a Lock,
    environment: &'a Environment,
    /// Names that stand behind `extra ==` in markers of conflicts.
    active: Vec<Name>,
    markers: Vec<Option<Holds>>,
    reach: Reach,
}

impl<'a> Walk<'a> {
    fn new(lock: &'a Lock, environment: &'a Environment, active: &[Item]) -> Self {
        Self {
            lock,
            environment,
            active: active.iter().map(Item::marker_name).collect(),
            markers: vec![None; lock.markers.len()],
            reach: Reach::default(),
        }
    }

    fn holds(&mut self, marker: Option<usize>) -> Holds {
        let Some(index) = marker else { return Holds::Yes };
        if let Some(Some(told)) = self.markers.get(index) {
            return told.clone();
        }
        let Some(marker) = self.lock.markers.get(index) else { return Holds::Yes };
        let holds = self.environment.holds(marker, &Asked::Extras(&self.active));
        if let Some(slot) = self.markers.get_mut(index) {
            *slot = Some(holds.clone());
        }
        holds
    }

    fn follow(&mut self, edges: &'a [Edge], from: &Reached) {
        for edge in edges {
            if let Some(reached) = from.along(self.holds(edge.marker)) {
                self.reach.reach_with(edge.to, &edge.extras, &reached);
            }
        }
    }

    fn run(&mut self, plain: &Plain) {
        let lock = self.lock;
        let sure = Reached::Surely;
        for root in &plain.roots {
            let Some(package) = lock.packages.get(*root) else { continue };
            if plain.with_project {
                let extras: Vec<Name> =
                    plain.extras.iter().filter(|extra| package.provides.contains(extra)).cloned().collect();
                self.reach.reach_with(*root, &extras, &sure);
            }
            for (group, edges) in &package.groups {
                if plain.groups.contains(group) {
                    self.follow(edges, &sure);
                }
            }
        }
        if plain.with_project {
            self.follow(&lock.requirements, &sure);
        }
        for (group, edges) in &lock.groups {
            if plain.with_top && plain.groups.contains(group) {
                self.follow(edges, &sure);
            }
        }
        while let Some(((package, extra), reached)) = self.reach.next() {
            let Some(package) = lock.packages.get(package) else { continue };
            match extra {
                None => self.follow(&package.dependencies, &reached),
                Some(extra) => {
                    if let Some((_, edges)) = package.extras.iter().find(|(name, _)| *name == extra) {
                        self.follow(edges, &reached);
                    }
                }
            }
        }
    }

    /// The extras that were reached, as markers of conflicts name them.
    fn extras(&self) -> Vec<Item> {
        let mut out: Vec<Item> = self
            .reach
            .extras()
            .filter_map(|(package, extra)| {
                Some(Item::Extra(self.lock.packages.get(package)?.name.clone(), extra.clone()))
            })
            .collect();
        out.sort();
        out
    }
}

impl Selectable for UvLock {
    fn offers(&self) -> Offers {
        let (groups, extras) = self.groups_and_extras(0..self.lock.packages.len());
        let mut packages = self.lock.members.clone();
        packages.extend(
            self.lock
                .packages
                .iter()
                .filter(|package| package.source.at == ".")
                .map(|package| package.name.clone()),
        );
        packages.sort();
        packages.dedup();
        Offers { groups, extras, packages }
    }

    fn hashes(&self, requirement: usize) -> Vec<Text> {
        let Some(package) = self.lock.packages.get(requirement) else { return Vec::new() };
        let mut out = package.sdist.hashes(&self.document.text);
        out.extend(package.wheels.hashes(&self.document.text));
        out
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let lock = &self.lock;
        let mut chosen = Chosen::demand("an installer's lock");
        chosen.format_version = Some(match lock.revision {
            0 => "1".into(),
            revision => say!("1, revision ", revision),
        });
        chosen.requires_python = lock.requires_python.as_ref().map(|(text, ..)| text.into());
        self.refuse_here(environment, &mut chosen);
        let plain = self.wanted(wishes, &mut chosen)?;
        let mut active = self.active(&plain);
        if let Some(error) = self.conflict(&active) {
            return Err(error);
        }
        let has_conflicts = lock.markers.iter().any(|marker| marker.names(Variable::Extra));
        let mut walk = Walk::new(lock, environment, &active);
        walk.run(&plain);
        // What is reached makes more active, until nothing new is.
        loop {
            let reached = if has_conflicts { walk.extras() } else { Vec::new() };
            let more: Vec<Item> = reached.into_iter().filter(|item| !active.contains(item)).collect();
            if more.is_empty() {
                break;
            }
            active.extend(more);
            walk = Walk::new(lock, environment, &active);
            walk.run(&plain);
        }
        self.requirements(environment, &walk.reach, &mut chosen)?;
        chosen.groups = plain.groups;
        chosen.extras = plain.extras;
        chosen.quote(&self.document);
        Ok(chosen)
    }
}

impl UvLock {
    fn requirements(
        &self,
        environment: &Environment,
        reach: &Reach,
        chosen: &mut Chosen,
    ) -> Result<(), LockError> {
        let mut sure: HashMap<&Name, &Package> = HashMap::new();
        for (index, package) in self.lock.packages.iter().enumerate() {
            let mut requirement = self.requirement(package);
            requirement.selection = if package.source.kind == SourceKind::Virtual {
                Selection::NotSelected { reason: "a project that is never installed itself".into() }
            } else {
                reach.selection(index, UNREACHED)
            };
            if requirement.selection == Selection::Selected {
                if let Some(other) = sure.insert(&package.name, package) {
                    return Err(LockError::Broken {
                        path: self.document.path.clone(),
                        format: Some("uv-lock"),
                        at: Some(requirement.at),
                        fault: Fault::Inconsistent,
                        message: say!(
                            package.name,
                            " is wanted here and in line ",
                            self.place(other).line,
                            ", and only one can be installed"
                        ),
                    });
                }
                self.can_be_had(environment, package, &requirement, chosen);
            }
            chosen.requirements.push(requirement);
        }
        Ok(())
    }

    fn requirement(&self, package: &Package) -> Requirement {
        let at = self.place(package);
        let mut requirement = pinned(&package.name, package.version.as_deref(), at);
        let Source { kind, at, subdirectory } = &package.source;
        match kind {
            SourceKind::Git => {
                let (url, commit) =
                    at.split_once('#').map_or((at.as_str(), None), |(url, commit)| (url, Some(commit)));
                let (url, query) = url.split_once('?').unwrap_or((url, ""));
                let folder = query.split('&').find_map(|pair| pair.strip_prefix("subdirectory="));
                let folder = folder.or(subdirectory.as_deref());
                come_from(&mut requirement, git_source(url, commit, folder), Some(&git(url, commit, folder)));
            }
            SourceKind::Url => {
                let mut source = PackageSource::at(*kind, shown(at));
                source.subdirectory = subdirectory.as_deref().map(Text::from);
                come_from(&mut requirement, source, Some(at));
            }
            SourceKind::Registry => {
                come_from(&mut requirement, PackageSource::at(*kind, shown(at)), None);
            }
            _ => come_from(&mut requirement, PackageSource::at(*kind, at.into()), None),
        }
        requirement
    }

    /// Refuses where neither a source archive nor any wheel of the lock can be installed, as uv does.
    fn can_be_had(
        &self,
        environment: &Environment,
        package: &Package,
        requirement: &Requirement,
        chosen: &mut Chosen,
    ) {
        if !package.sdist.is_empty()
            || package.wheels.is_empty()
            || package.source.kind != SourceKind::Registry
        {
            return;
        }
        if package.wheels.fit(&self.document.text, environment) == Fit::No {
            chosen.refusals.push(Refusal {
                at: Some(requirement.at.clone()),
                message: say!(package.name, files::NO_WHEEL),
                is_python: false,
            });
        }
    }
}
