//! A `pyproject.toml` comes in; what it asks for, by extra and group, comes out. It is no lock: ranges, and nothing of what these
//! need.
//!
//! PEP 621 (`project`), PEP 735 (`dependency-groups`, with include-group), Poetry's own tables, the groups of development of uv and
//! PDM, setuptools' dynamic dependencies from files beside it.

use std::collections::HashMap;

use envdiff_model::{
    LockProblem, Name, PackageSource, Requirement, RequirementKind, Selection, SourceKind, Text, say,
};
use envdiff_packaging::{Marker, SpecifierSet};

use crate::broken::{Broken, Fault};
use crate::environment::{Asked, Environment, Holds};
use crate::formats::poetry_lock::Constraint;
use crate::package::{come_from, from_pep_508, git, git_source, shown};
use crate::registry::{Chosen, Input, Offers, Refusal, Selectable};
use crate::text::Document;
use crate::tree::{Node, Table, Value, toml};
use crate::{LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let project = {
        let root = toml::parse(&document.text).map_err(|broken| input.refuse(&document, broken))?;
        read(&document, &root, &input).map_err(|broken| input.refuse(&document, broken))?
    };
    Ok(Box::new(Pyproject { document, project }))
}

struct Pyproject {
    document: Document,
    project: Project,
}

/// Who asks for something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Of {
    Project,
    Extra(Name),
    Group(Name),
}

#[derive(Default)]
struct Project {
    name: Option<Name>,
    requires_python: Option<(String, SpecifierSet, usize)>,
    wants: Vec<(Of, Requirement)>,
    extras: Vec<Name>,
    groups: Vec<Name>,
    /// Groups that are installed without being asked for (Poetry's that are not optional).
    default_groups: Vec<Name>,
    /// What a group includes.
    includes: Vec<(Name, Name)>,
    problems: Vec<LockProblem>,
}

fn read(document: &Document, root: &Table<'_>, input: &Input<'_>) -> Result<Project, Broken> {
    let mut out = Project::default();
    if let Some(project) = root.table("project")? {
        pep_621(document, root, project, input, &mut out)?;
    }
    if let Some(groups) = root.table("dependency-groups")? {
        pep_735(document, groups, &mut out)?;
    }
    let Some(tool) = root.table("tool")? else { return finished(root, out) };
    if let Some(poetry) = tool.table("poetry")? {
        of_poetry(document, poetry, &mut out)?;
    }
    if let Some(uv) = tool.table("uv")? {
        let dev = Of::Group(Name::new("dev"));
        for node in uv.list("dev-dependencies")? {
            out.want(dev.clone(), requirement(document, node)?);
        }
        if let Some(sources) = uv.table("sources")? {
            uv_sources(sources, &mut out.wants);
        }
    }
    if let Some(pdm) = tool.table("pdm")?
        && let Some(groups) = pdm.table("dev-dependencies")?
    {
        for entry in &groups.entries {
            for node in entry.node.as_list()? {
                out.want(Of::Group(Name::new(&entry.key)), requirement(document, node)?);
            }
        }
    }
    finished(root, out)
}

fn finished(root: &Table<'_>, mut out: Project) -> Result<Project, Broken> {
    if !root.has("project") && !root.has("dependency-groups") && !root.has("tool") {
        return Err(Broken::whole(
            Fault::MissingKey,
            "a pyproject.toml without a project: it asks for nothing",
        ));
    }
    for list in [&mut out.extras, &mut out.groups, &mut out.default_groups] {
        list.sort();
        list.dedup();
    }
    Ok(out)
}

impl Project {
    fn want(&mut self, of: Of, requirement: Requirement) {
        match &of {
            Of::Extra(extra) => self.extras.push(extra.clone()),
            Of::Group(group) => self.groups.push(group.clone()),
            Of::Project => {}
        }
        self.wants.push((of, requirement));
    }
}

fn requirement(document: &Document, node: &Node<'_>) -> Result<Requirement, Broken> {
    Ok(from_pep_508(node.as_text()?, document.place(node.at, node.end)))
}

fn pep_621(
    document: &Document,
    root: &Table<'_>,
    project: &Table<'_>,
    input: &Input<'_>,
    out: &mut Project,
) -> Result<(), Broken> {
    out.name = project.text("name")?.map(Name::new);
    if let Some(node) = project.get("requires-python") {
        let text = node.as_text()?;
        let set = SpecifierSet::parse(text)
            .map_err(|_| Broken::at(Fault::Value, node.at, format!("`{text}` is no range of versions")))?;
        out.requires_python = Some((text.to_owned(), set, node.at));
    }
    for node in project.list("dependencies")? {
        out.want(Of::Project, requirement(document, node)?);
    }
    for entry in project.table("optional-dependencies")?.map_or(&[][..], |table| &table.entries) {
        let extra = Name::new(&entry.key);
        if out.extras.contains(&extra) {
            return Err(Broken::at(
                Fault::DuplicateKey,
                entry.at,
                format!("the extra {} stands here a second time", extra.as_str()),
            ));
        }
        out.extras.push(extra.clone());
        for node in entry.node.as_list()? {
            out.want(Of::Extra(extra.clone()), requirement(document, node)?);
        }
    }
    for (word, at) in project.texts("dynamic")? {
        if word == "dependencies" || word == "optional-dependencies" {
            dynamic(document, root, word, at, input, out)?;
        }
    }
    Ok(())
}

/// Dependencies that setuptools takes from files; any other way of making them is told as one that cannot be followed.
fn dynamic(
    document: &Document,
    root: &Table<'_>,
    word: &str,
    at: usize,
    input: &Input<'_>,
    out: &mut Project,
) -> Result<(), Broken> {
    let declared = root
        .table("tool")?
        .and_then(|tool| tool.get("setuptools")?.table()?.get("dynamic")?.table()?.get(word));
    let mut lists: Vec<(Of, &Node<'_>)> = Vec::new();
    match declared.map(|node| (word, node)) {
        Some(("dependencies", node)) => lists.push((Of::Project, node)),
        Some((_, node)) => {
            for entry in &node.as_table()?.entries {
                lists.push((Of::Extra(Name::new(&entry.key)), &entry.node));
            }
        }
        None => {}
    }
    let problem = |message: Text| LockProblem {
        at: document.place(at, at + word.len() + 2),
        message,
        text: word.into(),
        refused: false,
    };
    if lists.is_empty() {
        out.problems.push(problem(say!("its ", word, " are dynamic: only a build would tell them")));
    }
    for (of, node) in lists {
        let files = node.as_table()?.get("file");
        let names: Vec<&str> = match files {
            Some(Node { value: Value::Text(name), .. }) => vec![name],
            Some(node) => node.list().unwrap_or(&[]).iter().filter_map(Node::text).collect(),
            None => Vec::new(),
        };
        if names.is_empty() {
            out.problems.push(problem(say!("its ", word, " are dynamic: only a build would tell them")));
        }
        if let Of::Extra(extra) = &of {
            out.extras.push(extra.clone());
        }
        for name in names {
            let Some(bytes) = input.beside(name).and_then(|path| input.reader.read(&path).ok()) else {
                out.problems.push(problem(say!("its ", word, " are dynamic, and ", name, " cannot be read")));
                continue;
            };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for line in text.lines() {
                // setuptools takes lines, and what stands behind ` #` is a comment.
                let line = line.split(" #").next().unwrap_or("").trim();
                if !line.is_empty() && !line.starts_with('#') {
                    out.want(of.clone(), from_pep_508(line, document.place(at, at + word.len() + 2)));
                }
            }
        }
    }
    Ok(())
}

fn pep_735(document: &Document, groups: &Table<'_>, out: &mut Project) -> Result<(), Broken> {
    let mut seen: HashMap<Name, usize> = HashMap::new();
    for entry in &groups.entries {
        let name = Name::new(&entry.key);
        if seen.insert(name.clone(), entry.at).is_some() {
            return Err(Broken::at(
                Fault::DuplicateKey,
                entry.at,
                format!("the group {} stands here a second time", name.as_str()),
            ));
        }
        out.groups.push(name);
    }
    for entry in &groups.entries {
        let group = Name::new(&entry.key);
        for node in entry.node.as_list()? {
            match &node.value {
                Value::Table(table) => {
                    let (included, at) = table.needed("include-group", "an item of a group")?;
                    let included = Name::new(included);
                    if !seen.contains_key(&included) {
                        return Err(Broken::at(
                            Fault::Inconsistent,
                            at,
                            format!("there is no group {}", included.as_str()),
                        ));
                    }
                    out.includes.push((group.clone(), included));
                }
                _ => out.want(Of::Group(group.clone()), requirement(document, node)?),
            }
        }
    }
    for entry in &groups.entries {
        let group = Name::new(&entry.key);
        if reached(&out.includes, &group).contains(&group) {
            return Err(Broken::at(
                Fault::Inconsistent,
                entry.at,
                format!("the group {} includes itself", group.as_str()),
            ));
        }
    }
    Ok(())
}

/// Every group that one includes, by way of others too.
fn reached(includes: &[(Name, Name)], from: &Name) -> Vec<Name> {
    let mut out: Vec<Name> = Vec::new();
    let mut next = vec![from.clone()];
    while let Some(group) = next.pop() {
        for (_, included) in includes.iter().filter(|(by, _)| *by == group) {
            if !out.contains(included) {
                out.push(included.clone());
                next.push(included.clone());
            }
        }
    }
    out
}

fn of_poetry(document: &Document, poetry: &Table<'_>, out: &mut Project) -> Result<(), Broken> {
    let mut brought: Vec<(Name, Name)> = Vec::new();
    for entry in poetry.table("extras")?.map_or(&[][..], |table| &table.entries) {
        let extra = Name::new(&entry.key);
        out.extras.push(extra.clone());
        for node in entry.node.as_list()? {
            let name = node.as_text()?.split_whitespace().next().unwrap_or("");
            brought.push((Name::new(name), extra.clone()));
        }
    }
    let mut tables: Vec<(Of, &Table<'_>)> = Vec::new();
    if let Some(main) = poetry.table("dependencies")? {
        tables.push((Of::Project, main));
    }
    if let Some(dev) = poetry.table("dev-dependencies")? {
        out.default_groups.push(Name::new("dev"));
        tables.push((Of::Group(Name::new("dev")), dev));
    }
    for entry in poetry.table("group")?.map_or(&[][..], |table| &table.entries) {
        let group = entry.node.as_table()?;
        let name = Name::new(&entry.key);
        out.groups.push(name.clone());
        if !group.flag("optional")? {
            out.default_groups.push(name.clone());
        }
        if let Some(table) = group.table("dependencies")? {
            tables.push((Of::Group(name), table));
        }
    }
    // Beside [project] it only says where names of that come from.
    let named: Vec<Name> = out.wants.iter().filter_map(|(_, wanted)| wanted.name.clone()).collect();
    for (of, table) in tables {
        for entry in &table.entries {
            let name = Name::new(&entry.key);
            if name.as_str() == "python" {
                if out.requires_python.is_none()
                    && let Some(text) = entry.node.text()
                    && let Some(constraint) = Constraint::parse(text)
                    && let [one] = constraint.alternatives()
                {
                    out.requires_python = Some((one.written(), one.clone(), entry.node.at));
                }
                continue;
            }
            if of == Of::Project && named.contains(&name) {
                continue;
            }
            let nodes = match &entry.node.value {
                Value::List(items) => items.iter().collect(),
                _ => vec![&entry.node],
            };
            for node in nodes {
                let wanted = poetry_requirement(document, &name, entry.at, node)?;
                let is_optional = node.table().is_some_and(|table| table.flag("optional").unwrap_or(false));
                let by: Vec<&Name> =
                    brought.iter().filter(|(brought, _)| *brought == name).map(|(_, extra)| extra).collect();
                match (is_optional, by.first()) {
                    (false, _) => out.want(of.clone(), wanted),
                    (true, None) => {
                        let never = Selection::NotSelected {
                            reason: "it is optional, and no extra brings it".into(),
                        };
                        out.wants.push((of.clone(), Requirement { selection: never, ..wanted }));
                    }
                    (true, Some(_)) => {
                        for extra in by {
                            out.want(Of::Extra(extra.clone()), wanted.clone());
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn poetry_requirement(
    document: &Document,
    name: &Name,
    at: usize,
    node: &Node<'_>,
) -> Result<Requirement, Broken> {
    let mut out = Requirement::named(name.clone(), document.place(at, node.end));
    let mut markers: Vec<String> = Vec::new();
    let mut constraint = None;
    if let Some(text) = node.text() {
        constraint = Some((text.to_owned(), node.at));
    } else {
        let table = node.as_table()?;
        constraint =
            table.get("version").and_then(|node| Some((node.text()?.to_owned(), node.at))).or(constraint);
        out.extras = table.texts("extras")?.iter().map(|(extra, _)| Name::new(extra)).collect();
        if let Some(node) = table.get("markers") {
            let text = node.as_text()?;
            crate::packages::parse_marker(text, node.at)?;
            markers.push(text.to_owned());
        }
        if let Some(platform) = table.text("platform")? {
            markers.push(format!("sys_platform == '{}'", platform.replace('\'', "")));
        }
        if let Some(node) = table.get("python") {
            let text = node.as_text()?;
            let python = Constraint::parse(text).ok_or_else(|| {
                Broken::at(Fault::Value, node.at, format!("`{text}` is no constraint of versions"))
            })?;
            markers.extend(of_python(&python));
        }
        place(&mut out, table)?;
    }
    if let Some((text, at)) = constraint {
        let read = Constraint::parse(&text)
            .ok_or_else(|| Broken::at(Fault::Value, at, format!("`{text}` is no constraint of versions")))?;
        let alternatives: Vec<String> = read.alternatives().iter().map(SpecifierSet::written).collect();
        // One of them takes every version.
        if !alternatives.iter().any(String::is_empty) {
            out.specifier = alternatives.join(" || ");
        }
        out.text = say!(name, " ", text.as_str());
    }
    markers.retain(|marker| !marker.is_empty());
    out.marker = match markers.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(many.iter().map(|marker| format!("({marker})")).collect::<Vec<_>>().join(" and ")),
    };
    Ok(out)
}

/// A constraint on Python as a marker.
fn of_python(python: &Constraint) -> Option<String> {
    let alternatives: Vec<String> = python
        .alternatives()
        .iter()
        .map(|set| {
            let all: Vec<String> = set
                .specifiers()
                .iter()
                .map(|one| {
                    let text = one.to_string();
                    let operator = one.operator().as_str();
                    format!(
                        "python_full_version {operator} '{}'",
                        text.strip_prefix(operator).unwrap_or(&text).trim()
                    )
                })
                .collect();
            all.join(" and ")
        })
        .collect();
    let told = alternatives.iter().all(|alternative| !alternative.is_empty());
    (told && !alternatives.is_empty()).then(|| alternatives.join(" or "))
}

/// Where a table of Poetry or uv says that something comes from.
fn place(out: &mut Requirement, table: &Table<'_>) -> Result<(), Broken> {
    let folder = table.text("subdirectory")?;
    if let Some(url) = table.text("git")? {
        let revision = table.text("rev")?.or(table.text("tag")?).or(table.text("branch")?);
        come_from(out, git_source(url, revision, folder), Some(&git(url, revision, folder)));
    } else if let Some(url) = table.text("url")? {
        come_from(out, PackageSource::at(SourceKind::Url, shown(url)), Some(url));
    } else if let Some(path) = table.text("path")?.or(table.text("file")?) {
        let is_archive = [".whl", ".tar.gz", ".zip", ".tgz"].iter().any(|end| path.ends_with(end));
        let is_editable = table.flag("develop")? || table.flag("editable")?;
        let kind = match (is_editable, is_archive) {
            (true, _) => SourceKind::Editable,
            (false, true) => SourceKind::Path,
            (false, false) => SourceKind::Directory,
        };
        come_from(out, PackageSource::at(kind, path.into()), None);
    }
    Ok(())
}

/// `tool.uv.sources`, as far as one source counts for a name whatever the marker.
fn uv_sources(sources: &Table<'_>, wants: &mut [(Of, Requirement)]) {
    for entry in &sources.entries {
        let name = Name::new(&entry.key);
        let Some(table) = entry.node.table().filter(|table| !table.has("marker")) else { continue };
        for (_, requirement) in wants.iter_mut().filter(|(_, wanted)| wanted.name.as_ref() == Some(&name)) {
            // What it says wrongly is uv's concern; the requirement stands.
            let _ = place(requirement, table);
        }
    }
}

impl Pyproject {
    /// The extras that count, and under which markers: those that are asked for, and those that they name of the project itself.
    fn extras(&self, environment: &Environment, asked: &[Name]) -> HashMap<Name, Holds> {
        let mut out: HashMap<Name, Holds> = asked.iter().map(|extra| (extra.clone(), Holds::Yes)).collect();
        let mut next: Vec<Name> = asked.to_vec();
        let mut steps = 0;
        while let Some(extra) = next.pop() {
            steps += 1;
            let Some(own) = out.get(&extra).cloned() else { continue };
            for (of, wanted) in &self.project.wants {
                if *of != Of::Extra(extra.clone()) || !self.is_itself(wanted) || steps > 10_000 {
                    continue;
                }
                let holds = own.clone().and(marker_holds(environment, wanted));
                for more in &wanted.extras {
                    if holds != Holds::No && !out.contains_key(more) {
                        out.insert(more.clone(), holds.clone());
                        next.push(more.clone());
                    }
                }
            }
        }
        out
    }

    fn is_itself(&self, wanted: &Requirement) -> bool {
        wanted.name.is_some() && wanted.name == self.project.name
    }
}

fn marker_holds(environment: &Environment, wanted: &Requirement) -> Holds {
    match wanted.marker.as_deref().map(Marker::parse) {
        None => Holds::Yes,
        Some(Ok(marker)) => environment.holds(&marker, &Asked::Nothing),
        Some(Err(_)) => Holds::Unknown("its marker cannot be read".into()),
    }
}

impl Selectable for Pyproject {
    fn offers(&self) -> Offers {
        Offers {
            groups: self.project.groups.clone(),
            extras: self.project.extras.clone(),
            packages: Vec::new(),
        }
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let project = &self.project;
        let mut chosen = Chosen::demand("what a project asks for");
        if let Some((text, set, at)) = &project.requires_python {
            chosen.requires_python = Some(text.into());
            if environment.python_in(set) == Holds::No {
                chosen.refusals.push(Refusal {
                    at: Some(self.document.place(*at, *at + 1)),
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
        let unknown = |what, known: &[Name]| {
            let known: Vec<String> = known.iter().map(|name| name.as_str().to_owned()).collect();
            let path = self.document.path.clone();
            move |name: Name| LockError::Unknown { path, what, name: name.as_str().into(), known }
        };
        let groups = wishes
            .active(&project.groups, &project.default_groups)
            .map_err(unknown("group", &project.groups))?;
        let extras = wishes.active_extras(&project.extras).map_err(unknown("extra", &project.extras))?;
        let mut with_included = groups.clone();
        for group in &groups {
            with_included.extend(reached(&project.includes, group));
        }
        let with_project = wishes.only_groups.is_empty();
        let active = self.extras(environment, if with_project { &extras } else { &[] });
        for (of, wanted) in &project.wants {
            if self.is_itself(wanted) {
                continue;
            }
            let mut requirement = wanted.clone();
            let why = match of {
                Of::Project => (!with_project).then(|| Text::from("only groups are asked for")),
                Of::Extra(extra) => match active.get(extra) {
                    None | Some(Holds::No) => Some(say!("the extra ", extra, " is not asked for")),
                    Some(Holds::Yes) => None,
                    Some(Holds::Unknown(reason)) => {
                        requirement.selection = Selection::Undetermined { reason: reason.clone() };
                        None
                    }
                },
                Of::Group(group) => {
                    (!with_included.contains(group)).then(|| say!("the group ", group, " is not asked for"))
                }
            };
            if let Some(reason) = why
                && !matches!(requirement.kind, RequirementKind::Invalid { .. })
            {
                requirement.selection = Selection::NotSelected { reason };
            }
            chosen.requirements.push(requirement);
        }
        chosen.groups = groups;
        chosen.extras = extras;
        chosen.problems.clone_from(&project.problems);
        chosen.note("a project and no lock: ranges, and nothing of what these need themselves");
        chosen.quote(&self.document);
        Ok(chosen)
    }
}
