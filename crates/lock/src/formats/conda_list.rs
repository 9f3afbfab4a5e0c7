//! What `conda list` printed comes in, in any of its forms (columns, `--export`, `--explicit`, `--json`), or an explicit lock of
//! conda-lock; what was installed there comes out.
//!
//! What pip installed stands in it with the build `pypi_0`; explicit lists leave it out, and conda-lock writes it as comments.

use envdiff_model::{Evidence, Fact, Name, Requirement, Selection, say};

use crate::LockError;
use crate::broken::{Broken, Fault};
use crate::formats::conda::{Package, of_file};
use crate::formats::pip_list::{Recorded, bounded};
use crate::package::{from_pep_508, pinned};
use crate::registry::{Input, Selectable};
use crate::text::Document;
use crate::tree::json;

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let read =
        if document.text.trim_start().starts_with('[') { of_json(&document) } else { of_lines(&document) };
    let packages = read.and_then(bounded).map_err(|broken| input.refuse(&document, broken))?;
    let python = python(&packages);
    Ok(Box::new(Recorded { document, packages, format_version: None, python, why: "a list of conda" }))
}

/// The Python that is among the packages.
pub(crate) fn python(packages: &[Requirement]) -> Option<Fact<envdiff_model::Text>> {
    let is_python = |requirement: &&Requirement| {
        requirement.selection == Selection::Selected
            && requirement.origin.package.as_ref().is_some_and(|name| *name == "python")
    };
    let found = packages.iter().find(is_python)?;
    let line = say!("line ", found.at.line, ": ", found.text);
    let version = found.version.as_deref()?;
    Some(Fact::known(version.into(), Evidence::new(found.at.file.clone(), line)))
}

fn package(document: &Document, package: &Package<'_>, at: (usize, usize)) -> Requirement {
    let place = document.place(at.0, at.1);
    if package.build.is_some_and(|build| build.starts_with("pypi_")) {
        let mut out = pinned(&Name::new(package.name), package.version, place);
        out.selection = Selection::Selected;
        return out;
    }
    package.requirement(place)
}

fn of_json(document: &Document) -> Result<Vec<Requirement>, Broken> {
    let node = json::parse(&document.text)?;
    let mut out = Vec::new();
    for item in node.as_list()? {
        let table = item.as_table()?;
        let (name, at) = table.needed("name", "a package")?;
        let (version, _) = table.needed("version", "a package")?;
        let channel = table.text("channel")?;
        // `pypi` is how conda calls what pip installed.
        let build = if channel == Some("pypi") { Some("pypi_0") } else { table.text("build_string")? };
        let found = Package { name, version: Some(version), build, channel, purls: None };
        out.push(package(document, &found, (at, at + name.len() + 2)));
    }
    Ok(out)
}

fn of_lines(document: &Document) -> Result<Vec<Requirement>, Broken> {
    let is_explicit = document.text.lines().any(|line| line.trim() == "@EXPLICIT");
    let is_columns = document.text.trim_start().starts_with("# packages in environment at");
    let mut out = Vec::new();
    let mut at = 0;
    for line in document.text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let body = line.trim();
        let place = (start, start + line.trim_end().len());
        let wrong = |what: &str| Broken::at(Fault::Value, start, format!("this line is {what}"));
        if let Some(wheel) = body.strip_prefix("# pip ").filter(|_| is_explicit) {
            out.push(of_pip(document, wheel, place));
            continue;
        }
        if body.is_empty() || body.starts_with('#') || body == "@EXPLICIT" {
            continue;
        }
        let found = if is_explicit {
            of_file(body).ok_or_else(|| wrong("no URL of a package of conda"))?
        } else if is_columns {
            let mut words = body.split_whitespace();
            let (Some(name), Some(version)) = (words.next(), words.next()) else {
                return Err(wrong("no name with a version"));
            };
            Package { name, version: Some(version), build: words.next(), channel: words.next(), purls: None }
        } else {
            let parts: Vec<&str> = body.split('=').collect();
            let [name, version, build] = parts.as_slice() else { return Err(wrong("no name=version=build")) };
            Package { name, version: Some(version), build: Some(build), channel: None, purls: None }
        };
        out.push(package(document, &found, place));
    }
    if out.is_empty() {
        return Err(Broken::whole(Fault::Truncated, "the list has no package"));
    }
    Ok(out)
}

/// `name @ URL#sha256=…`, as conda-lock writes what pip installs; the version is in the file's name.
fn of_pip(document: &Document, text: &str, place: (usize, usize)) -> Requirement {
    let place = document.place(place.0, place.1);
    let version = text.split(['#', '?']).next().and_then(|url| url.rsplit('/').next()).and_then(|file| {
        envdiff_packaging::WheelName::parse(file).ok().map(|wheel| wheel.version.to_string())
    });
    let name = text.split_whitespace().next().unwrap_or(text);
    let mut out = match version {
        Some(version) => pinned(&Name::new(name), Some(&version), place),
        None => from_pep_508(text, place),
    };
    out.selection = Selection::Selected;
    out
}
