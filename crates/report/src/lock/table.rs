//! What locks install for people: for each lock the environment, then names, versions, sources, and what cannot be told.

use std::io::{self, Write};

use envdiff_model::{Fact, Lock, Locked, MarkerVariable, Requirement, Selection, SourceKind, Text};

use crate::View;
use crate::columns::Columns;
use crate::escape::shown;
use crate::terminal::{count, paint, wrapped};

pub(super) fn write(locked: &Locked, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (at, lock) in locked.locks.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        one(lock, locked, view, out)?;
    }
    Ok(())
}

fn one(lock: &Lock, locked: &Locked, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut by_name: Vec<&Requirement> = lock.requirements.iter().collect();
    by_name.sort_by(|a, b| a.name.cmp(&b.name).then(a.at.line.cmp(&b.at.line)));
    let selected: Vec<&&Requirement> =
        by_name.iter().filter(|requirement| requirement.selection == Selection::Selected).collect();
    let value = |variable| locked.markers.get(&variable).and_then(Fact::value).map(shown);
    let unknown = || "unknown".to_owned();
    let python = value(MarkerVariable::PythonFullVersion).or_else(|| value(MarkerVariable::PythonVersion));
    let head = format!(
        "{} ({}): {} of {} on Python {}, {} {}",
        shown(&lock.path),
        lock.format,
        selected.len(),
        count(lock.requirements.len(), "package"),
        python.unwrap_or_else(unknown),
        value(MarkerVariable::SysPlatform).unwrap_or_else(unknown),
        value(MarkerVariable::PlatformMachine).unwrap_or_else(unknown),
    );
    writeln!(out, "{}", paint(anstyle::Style::new().bold(), wrapped(&head, view.width, "  ")))?;
    for (what, names) in [("groups", &lock.groups), ("extras", &lock.extras)] {
        if !names.is_empty() {
            let line = format!("{what}: {}", names.iter().map(shown).collect::<Vec<_>>().join(", "));
            writeln!(out, "{}", wrapped(&line, view.width, "  "))?;
        }
    }
    for note in &lock.notes {
        writeln!(out, "{}", wrapped(&format!("note: {}", shown(note)), view.width, "  "))?;
    }
    let mut table = Columns::fitting(view);
    for requirement in selected {
        table.row([name(requirement), version(requirement), source(requirement)]);
    }
    for line in table.lines() {
        writeln!(out, "{line}")?;
    }
    for requirement in by_name {
        if let Selection::Undetermined { reason } = &requirement.selection {
            let line =
                format!("not determined: {} {}: {}", name(requirement), version(requirement), shown(reason));
            writeln!(out, "{}", wrapped(&line, view.width, "  "))?;
        }
    }
    Ok(())
}

fn name(requirement: &Requirement) -> String {
    requirement.name.as_ref().map_or_else(|| shown(&requirement.text), |name| name.as_str().to_owned())
}

fn version(requirement: &Requirement) -> String {
    requirement.version.clone().unwrap_or_else(|| requirement.specifier.clone())
}

fn source(requirement: &Requirement) -> String {
    let origin = &requirement.origin;
    let at = origin.at.as_ref().map(shown);
    match (origin.kind, at) {
        (SourceKind::Registry, None) => String::new(),
        (SourceKind::Registry, Some(at)) => at,
        (kind, at) => {
            let build = origin.build.as_ref().map(shown);
            let commit = origin.commit.as_ref().map(|commit: &Text| shown(commit));
            let parts = [Some(kind.as_str().to_owned()), at, build, commit];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}
