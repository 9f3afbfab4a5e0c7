//! What `pip list` printed comes in, as a table or as JSON; what was installed there comes out.
//!
//! `pip list --format freeze` is a requirements file and read as one; `uv pip list` writes the same forms.

use envdiff_model::{Name, PackageSource, Requirement, Selection, SourceKind};

use crate::broken::{Broken, Fault};
use crate::package::{come_from, pinned};
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::text::Document;
use crate::tree::json;
use crate::{Environment, LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let is_json = document.text.trim_start().starts_with('[');
    let read = if is_json { of_json(&document) } else { of_columns(&document) };
    let packages = read.map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(Recorded { document, packages, format_version: None, python: None, why: "a list of pip" }))
}

/// What was installed in an environment: every package counts.
pub(crate) struct Recorded {
    pub(crate) document: Document,
    pub(crate) packages: Vec<Requirement>,
    pub(crate) format_version: Option<String>,
    pub(crate) python: Option<envdiff_model::Fact<envdiff_model::Text>>,
    pub(crate) why: &'static str,
}

impl Selectable for Recorded {
    fn offers(&self) -> Offers {
        Offers::default()
    }

    fn select(&self, _: &Environment, _: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = Chosen::record(self.why);
        chosen.format_version = self.format_version.as_deref().map(Into::into);
        chosen.python.clone_from(&self.python);
        chosen.requirements.clone_from(&self.packages);
        chosen.quote(&self.document);
        Ok(chosen)
    }
}

fn package(
    document: &Document,
    name: &str,
    version: &str,
    editable: Option<&str>,
    at: (usize, usize),
) -> Requirement {
    let mut out = pinned(&Name::new(name), Some(version), document.place(at.0, at.1));
    if let Some(folder) = editable {
        come_from(&mut out, PackageSource::at(SourceKind::Editable, folder.into()), None);
    }
    out.selection = Selection::Selected;
    out
}

fn of_json(document: &Document) -> Result<Vec<Requirement>, Broken> {
    let node = json::parse(&document.text)?;
    let mut out = Vec::new();
    for item in node.as_list()? {
        let table = item.as_table()?;
        let (name, at) = table.needed("name", "a package")?;
        let (version, _) = table.needed("version", "a package")?;
        let editable = table.text("editable_project_location")?.filter(|folder| !folder.is_empty());
        out.push(package(document, name, version, editable, (at, at + name.len() + 2)));
    }
    bounded(out)
}

pub(crate) fn bounded(packages: Vec<Requirement>) -> Result<Vec<Requirement>, Broken> {
    if packages.len() > crate::limits::MOST_PACKAGES {
        return Err(Broken::whole(Fault::TooLarge, "it holds more than 200,000 packages"));
    }
    Ok(packages)
}

/// The table: a head, a line of dashes that says where columns begin, a package a line.
fn of_columns(document: &Document) -> Result<Vec<Requirement>, Broken> {
    let mut at = 0;
    let mut columns: Vec<(usize, usize)> = Vec::new();
    let mut head: Vec<&str> = Vec::new();
    let mut before = "";
    let mut out = Vec::new();
    for line in document.text.split_inclusive('\n') {
        let body = line.trim_end();
        let start = at;
        at += line.len();
        if columns.is_empty() {
            if !body.is_empty() && body.bytes().all(|b| matches!(b, b'-' | b' ')) && body.contains("--") {
                let mut from = 0;
                for dashes in body.split(' ') {
                    if !dashes.is_empty() {
                        columns.push((from, from + dashes.len()));
                    }
                    from += dashes.len() + 1;
                }
                head = columns.iter().map(|column| cell(before, *column)).collect();
            }
            before = body;
            continue;
        }
        // A blank line ends it; below stand notices of pip.
        if body.is_empty() {
            break;
        }
        let of = |title: &str| {
            let index = head.iter().position(|found| *found == title)?;
            columns.get(index).map(|column| cell(body, *column)).filter(|cell| !cell.is_empty())
        };
        let (Some(name), Some(version)) = (of("Package"), of("Version")) else {
            return Err(Broken::at(Fault::Value, start, "a line of the table has no package or no version"));
        };
        out.push(package(
            document,
            name,
            version,
            of("Editable project location"),
            (start, start + name.len()),
        ));
    }
    if out.is_empty() {
        return Err(Broken::whole(Fault::Truncated, "the table has no package"));
    }
    bounded(out)
}

/// What stands in a column; the last one, and one whose neighbour is empty, may be longer than its dashes.
fn cell(line: &str, (from, to): (usize, usize)) -> &str {
    let rest = line.get(from..).unwrap_or("");
    let end = rest.len().min(to - from);
    let more = rest.get(end..).unwrap_or("").find(' ').unwrap_or(rest.len() - end);
    rest.get(..end + more).unwrap_or(rest).trim()
}
