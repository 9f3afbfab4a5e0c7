//! Predictions for model archives: the sentence of each, a table of several, what was read, and the way each prediction took.

use std::io::{self, Write};

use anstyle::Style;
use envdiff_model::{About, Audit, Fault, Finding, Load, Outcome, Prediction, TargetKind, Way, Weight};

use super::style::{BAD, BOLD, DIM, DOUBT, GOOD};
use super::{count, paint, wrapped};
use crate::View;
use crate::columns::Columns;
use crate::escape::shown;

/// Whether a finding is about an archive and not about the image or its locks.
pub(super) fn is_about_one(finding: &Finding, audit: &Audit) -> bool {
    Fault::ALL.iter().any(|fault| fault.id() == finding.check)
        || finding.check == "undetermined" && audit.loads.iter().any(|load| load.archive == finding.subject)
}

/// The first lines of a report that is about archives.
pub(super) fn write_verdict(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let lines = match audit.loads.as_slice() {
        [] => vec![(DOUBT, "no archive was predicted".to_owned())],
        [one] => sentences(one, audit),
        _ => vec![summary(audit)],
    };
    for (style, line) in lines {
        writeln!(out, "{}", paint(style, wrapped(&line, view.width, "  ")))?;
    }
    Ok(())
}

/// ` in serving:1.4`, or nothing where there is no image.
fn place(audit: &Audit) -> String {
    match audit.target.kind {
        TargetKind::Mar => String::new(),
        _ => format!(" in {}", shown(&audit.target.name)),
    }
}

/// One line where both ways of loading end alike, else one for each.
fn sentences(load: &Load, audit: &Audit) -> Vec<(Style, String)> {
    let (name, place) = (shown(&load.archive), place(audit));
    let prediction = &load.at_startup;
    if !load.is_one() {
        let ways = [(Way::AtStartup, "loaded at start-up"), (Way::Register, "registered by a request")];
        return ways
            .into_iter()
            .map(|(way, how)| {
                let prediction = load.by(way);
                let ends = match prediction.outcome {
                    Outcome::Ready => "loads".into(),
                    Outcome::Fails => format!("will not load: {}", because(load, way)),
                    Outcome::ServerFails => format!("ends the whole server: {}", because(load, way)),
                    Outcome::Unknown => format!("is not known: {}", reason(prediction)),
                };
                (style(prediction.outcome), format!("{name}{place}, {how}, {ends}"))
            })
            .collect();
    }
    let because = || because(load, Way::AtStartup);
    let line = match prediction.outcome {
        Outcome::Ready => format!("{name} loads{place}"),
        Outcome::Fails => format!("{name} will not load{place}: {}", because()),
        Outcome::ServerFails => format!("{name} ends the whole server{place}: {}", because()),
        Outcome::Unknown if audit.target.kind == TargetKind::Mar && !breaks(load) => {
            let hangs = match &prediction.reason {
                Some(reason) if *reason != *Load::ALONE => shown(reason),
                _ => "whether it loads hangs on the image".into(),
            };
            format!("nothing in {name} keeps it from loading by itself; {hangs}")
        }
        Outcome::Unknown => format!("whether {name} loads{place} is not known: {}", reason(prediction)),
    };
    vec![(style(prediction.outcome), line)]
}

fn breaks(load: &Load) -> bool {
    load.troubles.iter().any(|trouble| trouble.weight == Weight::Breaks)
}

const fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Ready => GOOD,
        Outcome::Fails | Outcome::ServerFails => BAD,
        Outcome::Unknown => DOUBT,
    }
}

/// `module-not-in-image at import (ModuleNotFoundError: No module named 'captum')`
fn because(load: &Load, way: Way) -> String {
    let mut out = match load.cause(way) {
        Some(trouble) => trouble.fault.id().to_owned(),
        None => "nothing tells why".into(),
    };
    if let Some(stage) = load.by(way).stage {
        out.push_str(&format!(" at {}", stage.as_str()));
    }
    if let Some(trouble) = load.cause(way).filter(|trouble| !trouble.message.is_empty()) {
        out.push_str(&format!(" ({})", shown(&trouble.message)));
    }
    out
}

fn reason(prediction: &Prediction) -> String {
    prediction.reason.as_ref().map_or_else(|| "nothing tells why".into(), shown)
}

/// The way that decides a word about an archive: the worse one.
fn worse(load: &Load) -> Outcome {
    // The names stand from good to bad, but that what is not known is worse than good alone.
    let rank = |outcome: Outcome| match outcome {
        Outcome::Ready => 0,
        Outcome::Unknown => 1,
        Outcome::Fails => 2,
        Outcome::ServerFails => 3,
    };
    let (one, other) = (load.at_startup.outcome, load.register.outcome);
    if rank(other) > rank(one) { other } else { one }
}

/// `2 of 5 archives will not load in serving:1.4, 1 not known`
fn summary(audit: &Audit) -> (Style, String) {
    let place = place(audit);
    let all = audit.loads.len();
    match clause(&audit.loads, &place) {
        Some(told) => told,
        None => (GOOD, format!("{all} archives load{place}")),
    }
}

/// What is to be said about archives that do not all load; `place` is where.
pub(super) fn clause(loads: &[Load], place: &str) -> Option<(Style, String)> {
    let of = |outcomes: &[Outcome]| loads.iter().filter(|load| outcomes.contains(&worse(load))).count();
    let (fails, unknown) = (of(&[Outcome::Fails, Outcome::ServerFails]), of(&[Outcome::Unknown]));
    let all = count(loads.len(), "archive");
    match (fails, unknown) {
        (0, 0) => None,
        (0, unknown) => Some((DOUBT, format!("{unknown} of {all} not known to load{place}"))),
        (fails, 0) => Some((BAD, format!("{fails} of {all} will not load{place}"))),
        (fails, unknown) => {
            Some((BAD, format!("{fails} of {all} will not load{place}, {unknown} not known")))
        }
    }
}

/// Several archives in one table; in a report about an image also a single one.
pub(super) fn write_table(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let least = if audit.about == About::Archives { 2 } else { 1 };
    if audit.loads.len() < least {
        return Ok(());
    }
    let ends = |prediction: &Prediction| match (prediction.outcome, prediction.stage) {
        (Outcome::Ready, _) => "loads".to_owned(),
        (Outcome::Fails, Some(stage)) => format!("fails at {}", stage.as_str()),
        (Outcome::Fails, None) => "fails".into(),
        (Outcome::ServerFails, _) => "ends the server".into(),
        (Outcome::Unknown, _) => "not known".into(),
    };
    let cause = |load: &Load| {
        let mut causes: Vec<&str> =
            Way::ALL.into_iter().filter_map(|way| Some(load.cause(way)?.fault.id())).collect();
        causes.dedup();
        causes.join(", ")
    };
    let mut columns = Columns::fitting(view);
    let is_one = audit.loads.iter().all(|load| ends(&load.at_startup) == ends(&load.register));
    if is_one {
        columns.row(["archive", "", ""]);
    } else {
        columns.row(["archive", "at start-up", "by a request", ""]);
    }
    for load in &audit.loads {
        let name = shown(&load.archive);
        if is_one {
            columns.row([name, ends(&load.at_startup), cause(load)]);
        } else {
            columns.row([name, ends(&load.at_startup), ends(&load.register), cause(load)]);
        }
    }
    writeln!(out)?;
    for (i, line) in columns.lines().into_iter().enumerate() {
        if i == 0 {
            writeln!(out, "{}", paint(DIM, line))?;
        } else {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// What each load reads.
pub(super) fn write_reads(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for load in audit.loads.iter().filter(|load| !load.reads.is_empty()) {
        writeln!(out)?;
        writeln!(out, "{}", paint(BOLD, wrapped(&title(load), view.width, "  ")))?;
        let mut columns = Columns::whole();
        for (what, name) in &load.reads {
            columns.row([format!("  {what}"), shown(name)]);
        }
        for line in columns.lines() {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// `model.mar: resnet 1.0`
fn title(load: &Load) -> String {
    let named = [&load.model, &load.version].into_iter().flatten().map(shown).collect::<Vec<_>>();
    match named.as_slice() {
        [] => shown(&load.archive),
        named => format!("{}: {}", shown(&load.archive), named.join(" ")),
    }
}

/// The way that each prediction took, stage by stage.
pub(super) fn write_steps(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for load in audit.loads.iter().filter(|load| !load.steps.is_empty()) {
        writeln!(out)?;
        let head = format!("how the prediction for {} came about", shown(&load.archive));
        writeln!(out, "{}", paint(BOLD, wrapped(&head, view.width, "  ")))?;
        for step in &load.steps {
            let line = format!("  {}: {}", step.stage.as_str(), shown(&step.what));
            writeln!(out, "{}", wrapped(&line, view.width, "    "))?;
            for evidence in &step.evidence {
                let mut line = format!("    seen: {}", shown(&evidence.path));
                if !evidence.detail.is_empty() {
                    line.push_str(&format!(" ({})", shown(&evidence.detail)));
                }
                writeln!(out, "{}", paint(DIM, wrapped(&line, view.width, "      ")))?;
            }
        }
    }
    Ok(())
}
