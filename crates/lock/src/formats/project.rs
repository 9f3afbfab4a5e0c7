//! The `pyproject.toml` beside a lock comes in; what the lock's own tool takes from it comes out: groups, which of them are
//! installed without being asked for, and the project's own requirements where the lock does not hold them.

use envdiff_model::Name;

use crate::formats::poetry_lock::Wanted;
use crate::registry::Input;
use crate::tree::{Node, Table, toml};

/// A `pyproject.toml` that is TOML.
pub(crate) struct Project {
    text: String,
}

/// The one in the folder of a lock, where there is one that can be read; what is wrong with it is its own tool's concern.
pub(crate) fn beside(input: &Input<'_>) -> Option<Project> {
    named(input, "pyproject.toml")
}

/// The one of this path from the folder of a lock.
pub(crate) fn named(input: &Input<'_>, path: &str) -> Option<Project> {
    let path = input.beside(path)?;
    let bytes = input.reader.read(&path).ok()?;
    let text = crate::text::decode(bytes).ok()?;
    toml::parse(&text).is_ok().then_some(Project { text })
}

/// Groups that are installed without being asked for.
pub(crate) enum Defaults {
    All,
    These(Vec<Name>),
}

/// A group of Poetry's.
pub(crate) struct PoetryGroup {
    pub(crate) name: Name,
    pub(crate) optional: bool,
    pub(crate) wants: Vec<Wanted>,
}

/// A group of PDM's, extras included, with its requirements as written (PEP 508).
pub(crate) struct PdmGroup {
    pub(crate) name: Name,
    /// Of development, not an extra of the project.
    pub(crate) is_dev: bool,
    pub(crate) requirements: Vec<String>,
}

/// How often groups may include one another.
const DEEPEST: usize = 64;

fn at<'t, 'a>(table: &'t Table<'a>, path: &[&str]) -> Option<&'t Node<'a>> {
    let (first, rest) = path.split_first()?;
    let node = table.get(first)?;
    if rest.is_empty() { Some(node) } else { at(node.table()?, rest) }
}

fn table_at<'t, 'a>(table: &'t Table<'a>, path: &[&str]) -> Option<&'t Table<'a>> {
    at(table, path)?.table()
}

fn texts(node: &Node<'_>) -> Vec<String> {
    node.list().unwrap_or(&[]).iter().filter_map(Node::text).map(str::to_owned).collect()
}

/// The requirements of a group of PEP 735 with those that it includes.
pub(crate) fn group_735(groups: &Table<'_>, name: &str, depth: usize) -> Vec<String> {
    let wanted = Name::new(name);
    let Some(entry) = groups.entries.iter().find(|entry| Name::new(&entry.key) == wanted) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for item in entry.node.list().unwrap_or(&[]) {
        if let Some(text) = item.text() {
            out.push(text.to_owned());
        } else if depth < DEEPEST
            && let Some(include) =
                item.table().and_then(|table| table.get("include-group")).and_then(Node::text)
        {
            out.extend(group_735(groups, include, depth + 1));
        }
    }
    out
}

impl Project {
    fn table(&self) -> Table<'_> {
        toml::parse(&self.text).unwrap_or_default()
    }

    /// `tool.uv.default-groups`.
    pub(crate) fn uv_default_groups(&self) -> Option<Defaults> {
        let root = self.table();
        let node = at(&root, &["tool", "uv", "default-groups"])?;
        match node.text() {
            Some("all") => Some(Defaults::All),
            Some(_) => None,
            None => Some(Defaults::These(texts(node).iter().map(|name| Name::new(name)).collect())),
        }
    }

    /// Poetry's groups, `main` first, with what they want; the extras of the project with the names that they bring.
    pub(crate) fn poetry(&self) -> (Vec<PoetryGroup>, Vec<(Name, Vec<Name>)>) {
        let root = self.table();
        let mut extras: Vec<(Name, Vec<Name>)> = Vec::new();
        let mut main: Vec<Wanted> = Vec::new();
        for text in at(&root, &["project", "dependencies"]).map(texts).unwrap_or_default() {
            main.extend(Wanted::of_pep_508(&text, None));
        }
        if let Some(table) = table_at(&root, &["project", "optional-dependencies"]) {
            for entry in &table.entries {
                let extra = Name::new(&entry.key);
                let wants: Vec<Wanted> = texts(&entry.node)
                    .iter()
                    .filter_map(|text| Wanted::of_pep_508(text, Some(&extra)))
                    .collect();
                extras.push((extra, wants.iter().map(|wanted| wanted.name.clone()).collect()));
                main.extend(wants);
            }
        }
        if let Some(table) = table_at(&root, &["tool", "poetry", "dependencies"]) {
            let named: Vec<Name> = main.iter().map(|wanted| wanted.name.clone()).collect();
            // Beside [project] it only says where names of that come from.
            let more = Wanted::of_table(table);
            main.extend(more.into_iter().filter(|wanted| !named.contains(&wanted.name)));
        }
        if let Some(table) = table_at(&root, &["tool", "poetry", "extras"]) {
            for entry in &table.entries {
                let names = texts(&entry.node)
                    .iter()
                    .filter_map(|text| text.split_whitespace().next().map(Name::new))
                    .collect();
                extras.push((Name::new(&entry.key), names));
            }
        }
        let mut out = vec![PoetryGroup { name: Name::new("main"), optional: false, wants: main }];
        let mut add = |name: &str, optional: bool, wants: Vec<Wanted>| {
            let name = Name::new(name);
            match out.iter_mut().find(|group| group.name == name) {
                Some(group) => {
                    group.optional |= optional;
                    group.wants.extend(wants);
                }
                None => out.push(PoetryGroup { name, optional, wants }),
            }
        };
        if let Some(table) = table_at(&root, &["tool", "poetry", "dev-dependencies"]) {
            add("dev", false, Wanted::of_table(table));
        }
        if let Some(groups) = table_at(&root, &["tool", "poetry", "group"]) {
            for entry in &groups.entries {
                let Some(group) = entry.node.table() else { continue };
                let wants = table_at(group, &["dependencies"]).map(Wanted::of_table).unwrap_or_default();
                add(&entry.key, group.flag("optional").unwrap_or(false), wants);
            }
        }
        if let Some(groups) = table_at(&root, &["dependency-groups"]) {
            for entry in &groups.entries {
                let wants = group_735(groups, &entry.key, 0);
                add(
                    &entry.key,
                    false,
                    wants.iter().filter_map(|text| Wanted::of_pep_508(text, None)).collect(),
                );
            }
        }
        (out, extras)
    }

    /// PDM's groups, `default` first.
    pub(crate) fn pdm(&self) -> Vec<PdmGroup> {
        let root = self.table();
        let group =
            |name: &str, is_dev, requirements| PdmGroup { name: Name::new(name), is_dev, requirements };
        let of = |path: &[&str]| at(&root, path).map(texts).unwrap_or_default();
        let mut out = vec![group("default", false, of(&["project", "dependencies"]))];
        if let Some(table) = table_at(&root, &["project", "optional-dependencies"]) {
            out.extend(table.entries.iter().map(|entry| group(&entry.key, false, texts(&entry.node))));
        }
        if let Some(groups) = table_at(&root, &["dependency-groups"]) {
            out.extend(
                groups.entries.iter().map(|entry| group(&entry.key, true, group_735(groups, &entry.key, 0))),
            );
        }
        if let Some(table) = table_at(&root, &["tool", "pdm", "dev-dependencies"]) {
            out.extend(table.entries.iter().map(|entry| group(&entry.key, true, texts(&entry.node))));
        }
        out
    }
}
