//! A bill of materials of CycloneDX in JSON comes in; the Python packages that it lists come out.
//!
//! Versions 1.2 to 1.7. A component is one by its package URL, and without one where everything else in the bill is Python's. The subject of the bill is no part of it. uv
//! writes markers as properties, and all forks of a universal lock.

use envdiff_model::{Name, Requirement, Selection};

use crate::LockError;
use crate::broken::{Broken, Fault};
use crate::formats::pip_list::{Recorded, bounded};
use crate::formats::purl;
use crate::package::pinned;
use crate::registry::{Input, Selectable};
use crate::text::Document;
use crate::tree::{Node, Table, json};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let (packages, version) = read(&document).map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(Recorded {
        document,
        packages,
        format_version: version,
        python: None,
        why: "a bill of materials",
    }))
}

fn read(document: &Document) -> Result<(Vec<Requirement>, Option<String>), Broken> {
    let node = json::parse(&document.text)?;
    let root = node.as_table()?;
    if root.text("bomFormat")? != Some("CycloneDX") {
        return Err(Broken::at(Fault::Value, root.at, "`bomFormat` is not CycloneDX"));
    }
    let version = root.text("specVersion")?.map(str::to_owned);
    if version.as_deref().is_some_and(|version| !version.starts_with("1.")) {
        let at = root.get("specVersion").map_or(root.at, |node| node.at);
        return Err(Broken::at(Fault::Version, at, "a version of CycloneDX that is not known; 1.x is"));
    }
    let mut read = Read::default();
    components(document, root, &mut read)?;
    if !read.has_others && !read.packages.is_empty() {
        read.packages.append(&mut read.unmarked);
    }
    once(&mut read.packages);
    Ok((bounded(read.packages)?, version))
}

#[derive(Default)]
struct Read {
    packages: Vec<Requirement>,
    /// Libraries without a package URL: Python's where everything else in the bill is.
    unmarked: Vec<Requirement>,
    /// Whether something of another ecosystem is in it.
    has_others: bool,
}

fn components(document: &Document, table: &Table<'_>, out: &mut Read) -> Result<(), Broken> {
    for node in table.list("components")? {
        let component = node.as_table()?;
        if let Some(node) = component.get("purl")
            && let Some(mut found) = purl::requirement(node.as_text()?, document.place(node.at, node.end))
        {
            if component.text("scope")? == Some("excluded") {
                found.selection =
                    Selection::NotSelected { reason: "the bill says that it is excluded".into() };
            }
            for property in component.list("properties")?.iter().filter_map(Node::table) {
                if property.text("name")? == Some("uv:package:marker") {
                    found.marker = property.text("value")?.map(str::to_owned);
                    found.selection = Selection::ByMarker;
                }
            }
            out.packages.push(found);
        } else if component.has("purl") {
            out.has_others = true;
        } else if component.text("type")? == Some("library")
            && let Some(node) = component.get("name")
        {
            let place = document.place(node.at, node.end);
            let mut found = pinned(&Name::new(node.as_text()?), component.text("version")?, place);
            found.selection = Selection::Selected;
            out.unmarked.push(found);
        }
        components(document, component, out)?;
    }
    Ok(())
}

/// What stands twice in the same version is one package.
pub(crate) fn once(packages: &mut Vec<Requirement>) {
    let mut seen = std::collections::HashSet::new();
    packages.retain(|package| {
        seen.insert((package.name.clone(), package.version.clone(), package.marker.clone()))
    });
}
