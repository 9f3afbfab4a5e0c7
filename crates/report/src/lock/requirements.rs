//! What locks install as lines of a requirements file, sorted by name; what cannot be told is a comment.

use std::io::{self, Write};

use envdiff_model::{Locked, ReadAs, Requirement, Selection, SourceKind};

use crate::View;
use crate::escape::shown;

pub(super) fn write(locked: &Locked, _: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for lock in &locked.locks {
        if locked.locks.len() > 1 {
            writeln!(out, "# {}", shown(&lock.path))?;
        }
        for problem in lock.problems.iter().filter(|problem| !problem.refused) {
            writeln!(out, "# not determined, {}: {}", shown(&problem.message), shown(&problem.text))?;
        }
        let mut lines: Vec<&Requirement> = lock.requirements.iter().collect();
        lines.sort_by(|a, b| a.name.cmp(&b.name).then(a.at.line.cmp(&b.at.line)));
        for requirement in lines {
            match &requirement.selection {
                Selection::Selected => writeln!(out, "{}", line(requirement, lock.read_as))?,
                Selection::Undetermined { reason } => {
                    let line = line(requirement, lock.read_as);
                    writeln!(out, "# not determined, {}: {line}", shown(reason))?;
                }
                Selection::NotSelected { .. } | Selection::ByMarker => {}
            }
        }
    }
    Ok(())
}

/// A requirement as pip takes it, without its marker, which holds here. Of a record a folder or file that a package was built from
/// is one of the machine that built it: its version is told instead.
pub(super) fn line(requirement: &Requirement, read_as: ReadAs) -> String {
    let Some(name) = &requirement.name else { return shown(&requirement.text) };
    let mut out = name.as_str().to_owned();
    if !requirement.extras.is_empty() {
        let extras: Vec<&str> = requirement.extras.iter().map(envdiff_model::Name::as_str).collect();
        out = format!("{out}[{}]", extras.join(","));
    }
    let origin = &requirement.origin;
    match (&requirement.url, &origin.at, origin.kind) {
        (Some(url), ..) => format!("{out} @ {}", shown(&url.shown)),
        (None, Some(path), SourceKind::Editable) => format!("-e {}", relative(&shown(path))),
        (None, Some(path), SourceKind::Path | SourceKind::Directory)
            if read_as == ReadAs::Demand || requirement.version.is_none() =>
        {
            relative(&shown(path))
        }
        (None, _, SourceKind::Conda) => {
            // By conda's own name and in conda's own words.
            let own = origin.package.as_ref().map_or(out, shown);
            match &requirement.version {
                Some(version) => format!("# conda: {own}={version}"),
                None => format!("# conda: {}", shown(&requirement.text)),
            }
        }
        // Of alternatives no requirements file can say anything.
        _ if requirement.specifier.contains("||") => format!("# one of: {out} {}", requirement.specifier),
        _ => out + &requirement.specifier,
    }
}

/// A path that pip does not take for a name.
fn relative(path: &str) -> String {
    if path.starts_with(['.', '/']) || path.contains("://") { path.to_owned() } else { format!("./{path}") }
}
