//! A report of `pip inspect` comes in; what was installed, from where, and on which Python comes out.
//!
//! Version 1 of the report, as pip 22.2 and newer write it.

use envdiff_model::{Evidence, Fact, Name, PackageSource, Requirement, Selection, SourceKind, say};

use crate::LockError;
use crate::broken::{Broken, Fault};
use crate::formats::pip_list::{Recorded, bounded};
use crate::package::{come_from, git, git_source, pinned, shown};
use crate::registry::{Input, Selectable};
use crate::text::Document;
use crate::tree::{Node, Table, json};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let (packages, python) = read(&document).map_err(|broken| input.refuse(&document, broken))?;
    let python = python.map(|(version, at)| {
        let line = document.place(at, at + 1).line;
        Fact::known(
            version.as_str().into(),
            Evidence::new(
                document.path.clone(),
                say!("line ", line, ": python_full_version: ", version.as_str()),
            ),
        )
    });
    Ok(Box::new(Recorded {
        document,
        packages,
        format_version: Some("1".into()),
        python,
        why: "a report of pip inspect",
    }))
}

type Read = (Vec<Requirement>, Option<(String, usize)>);

fn read(document: &Document) -> Result<Read, Broken> {
    let node = json::parse(&document.text)?;
    let root = node.as_table()?;
    if !root.has("installed") && root.has("install") {
        return Err(Broken::at(
            Fault::Value,
            root.at,
            "a report of pip install: it tells what would change and leaves out what was there; pip inspect tells that",
        ));
    }
    match root.get("version") {
        Some(node) if node.text() == Some("1") => {}
        Some(node) => {
            let told = node.written().unwrap_or_default();
            return Err(Broken::at(
                Fault::Version,
                node.at,
                format!("version {told} of pip inspect; 1 is the one that is known"),
            ));
        }
        None => {
            return Err(Broken::at(
                Fault::MissingKey,
                root.at,
                "a report of pip inspect without its `version`",
            ));
        }
    }
    if !root.has("installed") {
        return Err(Broken::at(Fault::MissingKey, root.at, "a report of pip inspect without `installed`"));
    }
    let packages =
        root.list("installed")?.iter().map(|node| package(document, node)).collect::<Result<Vec<_>, _>>()?;
    let python = root
        .table("environment")?
        .and_then(|environment| environment.get("python_full_version"))
        .and_then(|node| Some((node.text()?.to_owned(), node.at)));
    Ok((bounded(packages)?, python))
}

fn package(document: &Document, node: &Node<'_>) -> Result<Requirement, Broken> {
    let table = node.as_table()?;
    let Some(metadata) = table.table("metadata")? else {
        return Err(Broken::at(Fault::MissingKey, table.at, "a package without its `metadata`"));
    };
    let (name, at) = metadata.needed("name", "a package")?;
    let (version, _) = metadata.needed("version", "a package")?;
    let mut out = pinned(&Name::new(name), Some(version), document.place(at, at + name.len() + 2));
    if let Some(direct) = table.table("direct_url")? {
        direct_url(&mut out, direct)?;
    }
    out.selection = Selection::Selected;
    Ok(out)
}

/// What PEP 610 says of a package's source.
fn direct_url(out: &mut Requirement, direct: &Table<'_>) -> Result<(), Broken> {
    let (url, _) = direct.needed("url", "a direct_url")?;
    let folder = direct.text("subdirectory")?;
    let is_file = url.starts_with("file:");
    if let Some(vcs) = direct.table("vcs_info")? {
        let commit = vcs.text("commit_id")?;
        let kind = vcs.text("vcs")?.unwrap_or("git");
        let link = format!("{kind}+{}", git(url, commit, folder).trim_start_matches("git+"));
        come_from(out, git_source(url, commit, folder), Some(&link));
    } else if let Some(info) = direct.table("dir_info")? {
        let kind = if info.flag("editable")? { SourceKind::Editable } else { SourceKind::Directory };
        come_from(out, PackageSource::at(kind, shown(url)), None);
    } else {
        let kind = if is_file { SourceKind::Path } else { SourceKind::Url };
        come_from(out, PackageSource::at(kind, shown(url)), (!is_file).then_some(url));
        if let Some(info) = direct.table("archive_info")? {
            for entry in info.table("hashes")?.map_or(&[][..], |table| &table.entries) {
                out.hashes.push(say!(&*entry.key, ":", entry.node.as_text()?));
            }
        }
    }
    Ok(())
}
