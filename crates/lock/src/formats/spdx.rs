//! A bill of materials of SPDX 2 in JSON comes in; the Python packages that it lists come out.
//!
//! A package is one by the package URL among its references; what the document describes is its subject and no part of it.

use envdiff_model::Requirement;

use crate::LockError;
use crate::broken::{Broken, Fault};
use crate::formats::cyclonedx::once;
use crate::formats::pip_list::{Recorded, bounded};
use crate::formats::purl;
use crate::registry::{Input, Selectable};
use crate::text::Document;
use crate::tree::{Node, json};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let (packages, version) = read(&document).map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(Recorded {
        document,
        packages,
        format_version: Some(version),
        python: None,
        why: "a bill of materials",
    }))
}

fn read(document: &Document) -> Result<(Vec<Requirement>, String), Broken> {
    let node = json::parse(&document.text)?;
    let root = node.as_table()?;
    let (version, at) = root.needed("spdxVersion", "a bill of SPDX")?;
    if !version.starts_with("SPDX-2.") {
        return Err(Broken::at(
            Fault::Version,
            at,
            format!("{version} is a version that is not known; SPDX-2.x is"),
        ));
    }
    let mut subjects: Vec<&str> = root.texts("documentDescribes")?.into_iter().map(|(id, _)| id).collect();
    for relation in root.list("relationships")?.iter().filter_map(Node::table) {
        if relation.text("relationshipType")? == Some("DESCRIBES") {
            subjects.extend(relation.text("relatedSpdxElement")?);
        }
    }
    let mut out = Vec::new();
    for node in root.list("packages")? {
        let package = node.as_table()?;
        // Where everything is described, the document has no subject but its contents.
        if subjects.len() == 1 && package.text("SPDXID")?.is_some_and(|id| subjects.contains(&id)) {
            continue;
        }
        for reference in package.list("externalRefs")?.iter().filter_map(Node::table) {
            let Some(node) = reference.get("referenceLocator") else { continue };
            if let Some(found) = purl::requirement(node.as_text()?, document.place(node.at, node.end)) {
                out.push(found);
                break;
            }
        }
    }
    once(&mut out);
    Ok((bounded(out)?, version.to_owned()))
}
