//! The first two lines: does it match, and what was audited and how.

use std::io::{self, Write};

use envdiff_model::{
    About, Audit, Finding, Lock, ReadAs, Requirement, Selection, Severity, Target, TargetKind, Verdict,
};

use super::style::{BAD, DIM, DOUBT, GOOD};
use super::{archives, count, paint, wrapped};
use crate::escape::shown;
use crate::{Detail, View};

/// How many findings count, and what came of the requirements.
struct Sums {
    errors: usize,
    warnings: usize,
    undetermined: usize,
    asked: usize,
    satisfied: usize,
    unmet: usize,
    not_applicable: usize,
}

impl Sums {
    fn of(audit: &Audit) -> Self {
        let level = |severity| {
            let counts = |f: &&Finding| f.accepted.is_none() && !archives::is_about_one(f, audit);
            audit.findings.iter().filter(counts).filter(|f| f.severity == severity).count()
        };
        let verdict = |verdicts: &[Verdict]| {
            audit.requirements.iter().filter(|r| verdicts.contains(&r.verdict)).count()
        };
        let not_applicable = verdict(&[Verdict::NotApplicable]);
        let unverifiable = verdict(&[Verdict::Unverifiable]);
        Self {
            errors: level(Severity::Error),
            warnings: level(Severity::Warning),
            undetermined: if audit.locks.is_empty() {
                let counts = |f: &&Finding| f.check == "undetermined" && f.accepted.is_none();
                audit.findings.iter().filter(counts).filter(|f| !archives::is_about_one(f, audit)).count()
            } else {
                unverifiable
            },
            asked: audit.requirements.len() - not_applicable,
            satisfied: verdict(&[Verdict::Satisfied]),
            unmet: verdict(&[
                Verdict::Missing,
                Verdict::VersionMismatch,
                Verdict::SourceMismatch,
                Verdict::Invalid,
            ]),
            not_applicable,
        }
    }

    /// `: 2 errors, 1 warning, 1 not determined`, from what there is.
    fn told(&self) -> String {
        let mut parts = Vec::new();
        if self.errors > 0 {
            parts.push(count(self.errors, "error"));
        }
        if self.warnings > 0 {
            parts.push(count(self.warnings, "warning"));
        }
        if self.undetermined > 0 {
            parts.push(format!("{} not determined", self.undetermined));
        }
        parts.join(", ")
    }

    /// `140 of 143 requirements satisfied, 3 not determined, 2 not applicable`
    fn satisfied(&self) -> String {
        let mut out = format!("{} of {} satisfied", self.satisfied, count(self.asked, "requirement"));
        if self.unmet > 0 {
            out.push_str(&format!(", {} not", self.unmet));
        }
        if self.undetermined > 0 {
            out.push_str(&format!(", {} not determined", self.undetermined));
        }
        if self.not_applicable > 0 {
            out.push_str(&format!(", {} not applicable", self.not_applicable));
        }
        if self.warnings > 0 {
            out.push_str(&format!("; {}", count(self.warnings, "warning")));
        }
        out
    }
}

/// The verdict line. It never says "matches" while a requirement is unmet or undetermined.
pub(super) fn write(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    if audit.about == About::Archives {
        return archives::write_verdict(audit, view, out);
    }
    let sums = Sums::of(audit);
    let name = shown(&audit.target.name);
    let (mut style, mut line) = if audit.locks.is_empty() {
        alone(audit, &sums, &name)
    } else {
        let locks = lock_names(audit);
        if sums.errors > 0 {
            (BAD, format!("{name} does not match {locks}: {}", sums.told()))
        } else if sums.unmet > 0 {
            (DOUBT, format!("{name} differs from {locks}: {}", sums.satisfied()))
        } else if sums.undetermined > 0 {
            (DOUBT, format!("{name} against {locks}: {}", sums.satisfied()))
        } else {
            let style = if sums.warnings > 0 { DOUBT } else { GOOD };
            (style, format!("{name} matches {locks}: {}", sums.satisfied()))
        }
    };
    if let Some((of_archives, clause)) = archives::clause(&audit.loads, "") {
        line.push_str(&format!("; {clause}"));
        // The graver of the two.
        if style == GOOD || of_archives == BAD {
            style = of_archives;
        }
    }
    writeln!(out, "{}", paint(style, wrapped(&line, view.width, "  ")))
}

fn alone(audit: &Audit, sums: &Sums, name: &str) -> (anstyle::Style, String) {
    let held = count(audit.environment.distributions.len(), "distribution");
    if sums.errors + sums.warnings > 0 {
        let style = if sums.errors > 0 { BAD } else { DOUBT };
        return (style, format!("{name} is not consistent in itself: {}", sums.told()));
    }
    match audit.environment.python.reason() {
        Some(_) if audit.environment.distributions.is_empty() => {
            (DOUBT, format!("{name} was not checked: which Python starts is not known"))
        }
        _ if sums.undetermined > 0 => (
            DOUBT,
            format!("{name}: nothing inconsistent seen in {held}, {} not determined", sums.undetermined),
        ),
        _ => (GOOD, format!("{name} is consistent in itself: {held}")),
    }
}

fn lock_names(audit: &Audit) -> String {
    match audit.locks.as_slice() {
        [one] => lock_name(one),
        [one, two] => format!("{} and {}", lock_name(one), lock_name(two)),
        many => format!("{} locks", many.len()),
    }
}

fn lock_name(lock: &Lock) -> String {
    if lock.path == *"-" { "the lock on standard input".into() } else { shown(&lock.path) }
}

/// The line that says which image and interpreter, read how, and how each lock was read.
pub(super) fn write_how(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    if audit.target.kind == TargetKind::Mar {
        let line = "checked alone: what the image decides is not known; --in IMAGE names it";
        return writeln!(out, "{}", paint(DIM, wrapped(line, view.width, "")));
    }
    let mut parts: Vec<String> = Vec::new();
    if let Some(id) = &audit.target.id {
        parts.push(short_id(&shown(id)));
    }
    parts.push(interpreter(audit));
    if audit.about == About::Archives {
        parts.push(torchserve(audit));
    }
    parts.push(read_from(&audit.target).into());
    let mut line = parts.join(", ");
    for lock in &audit.locks {
        line.push_str("; ");
        line.push_str(&how_read(lock));
    }
    writeln!(out, "{}", paint(DIM, wrapped(&line, view.width, "")))?;
    if view.detail >= Detail::Verbose {
        for notice in &audit.target.notices {
            writeln!(out, "{}", paint(DIM, wrapped(&shown(notice), view.width, "  ")))?;
        }
    }
    Ok(())
}

/// `sha256:` and the first twelve digits, as `docker images` shows it.
fn short_id(id: &str) -> String {
    match id.split_once(':') {
        Some((algorithm, digest)) => format!("{algorithm}:{}", digest.chars().take(12).collect::<String>()),
        None => id.to_owned(),
    }
}

fn interpreter(audit: &Audit) -> String {
    let environment = &audit.environment;
    match (environment.interpreter.value(), &environment.python) {
        (Some(interpreter), python) => match python.value() {
            Some(version) => format!("{} {}", shown(&interpreter.executable), shown(version)),
            None => format!("{}, its version unknown", shown(&interpreter.executable)),
        },
        (None, _) => match environment.interpreter.reason() {
            Some(reason) if !reason.is_empty() => format!("no interpreter told ({})", shown(reason)),
            _ => "no interpreter told".into(),
        },
    }
}

fn torchserve(audit: &Audit) -> String {
    match audit.environment.stack.torchserve.value() {
        Some(Some(torchserve)) => format!("TorchServe {}", shown(&torchserve.version)),
        Some(None) => "no TorchServe".into(),
        None => "its TorchServe unknown".into(),
    }
}

fn read_from(target: &Target) -> &'static str {
    match target.gathered_by {
        "layers" => "read from layers",
        "walker" => "read by the walker",
        "export" => "read from an export",
        "archive" => "read from the archive",
        "oci" => "read from the OCI layout",
        "container" => "read from the container",
        "snapshot" => "read from the snapshot",
        _ => "read from the folder",
    }
}

/// `train.lock: requirements, 143 pins, read as a record (shape of pip freeze; --demand asks for all of it)`
fn how_read(lock: &Lock) -> String {
    let is_left_out = |r: &&Requirement| matches!(r.selection, Selection::NotSelected { .. });
    let left_out = lock.requirements.iter().filter(is_left_out).count();
    let wanted: Vec<_> = lock.requirements.iter().filter(|r| !r.constraint && !is_left_out(r)).collect();
    let pinned = |specifier: &str| specifier.starts_with("==") && !specifier.contains([',', '*']);
    let noun =
        if !wanted.is_empty() && wanted.iter().all(|r| pinned(&r.specifier)) { "pin" } else { "requirement" };
    let because = shown(&lock.read_as_because);
    let reason = match (lock.read_as, because.as_str()) {
        (_, "--demand" | "--record") => format!(" ({because})"),
        (ReadAs::Record, "") => " (--demand asks for all of it)".into(),
        (ReadAs::Record, because) => format!(" ({because}; --demand asks for all of it)"),
        (ReadAs::Demand, "") => String::new(),
        (ReadAs::Demand, because) => format!(" ({because})"),
    };
    let word = lock.read_as.as_str();
    let mut wants = count(wanted.len(), noun);
    if left_out > 0 {
        wants = format!("{wants} of {} packages", lock.requirements.len());
    }
    for (what, names) in [("group", &lock.groups), ("extra", &lock.extras)] {
        if let Some((first, more)) = names.split_first() {
            let names: Vec<String> = std::iter::once(first).chain(more).map(shown).collect();
            let plural = if more.is_empty() { "" } else { "s" };
            wants = format!("{wants}, {what}{plural} {}", names.join(", "));
        }
    }
    format!("{}: {}, {wants}, read as a {word}{reason}", lock_name(lock), lock.format)
}
