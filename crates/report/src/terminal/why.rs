//! `--why NAME`: what the locks say of a package, every copy in the image, which one is imported, who needs it.

use std::io::{self, Write};

use envdiff_model::{Audit, Why, WhyEdge};

use super::style::BOLD;
use super::{paint, wrapped};
use crate::View;
use crate::escape::shown;

pub(super) fn write(why: &Why, audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut part = Part { view, out };
    part.title(why.name.as_str())?;
    if !audit.locks.is_empty() {
        part.title("in the locks")?;
        part.lines(why.lines.iter().filter_map(|line| lock_line(audit, line.judged)), "no line names it")?;
    }
    part.title("in the image")?;
    part.lines(
        why.copies.iter().filter_map(|copy| {
            let distribution = audit.environment.distributions.get(copy.distribution)?;
            let version = distribution.version.as_ref().map_or_else(|| "no version".into(), shown);
            let mut line =
                format!("{version} at {}: {}", shown(&distribution.metadata), shown(&copy.standing));
            if let Some(installer) = &distribution.installer {
                line.push_str(&format!(", put there by {}", shown(installer)));
            }
            if distribution.editable {
                line.push_str(", editable");
            }
            Some(line)
        }),
        "no copy",
    )?;
    part.line(&shown(&why.because))?;
    part.title("required by")?;
    part.lines(why.required_by.iter().map(|edge| edge_line(edge, audit)), "nothing that is installed")?;
    part.title("requires")?;
    part.lines(why.requires.iter().map(|edge| edge_line(edge, audit)), "nothing")
}

struct Part<'a, 'b> {
    view: &'a View<'b>,
    out: &'a mut dyn Write,
}

impl Part<'_, '_> {
    fn title(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out)?;
        writeln!(self.out, "{}", paint(BOLD, title))
    }
    fn line(&mut self, line: &str) -> io::Result<()> {
        if line.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "{}", wrapped(&format!("  {line}"), self.view.width, "    "))
    }
    fn lines(&mut self, lines: impl Iterator<Item = String>, none: &str) -> io::Result<()> {
        let mut any = false;
        for line in lines {
            any = true;
            self.line(&line)?;
        }
        if any { Ok(()) } else { self.line(none) }
    }
}

fn lock_line(audit: &Audit, judged: usize) -> Option<String> {
    let judged = audit.requirements.get(judged)?;
    let asked = audit.locks.get(judged.lock)?.requirements.get(judged.requirement)?;
    let mut line = format!("{}:{}: {}", shown(&asked.at.file), asked.at.line, shown(&asked.text));
    if asked.constraint {
        line.push_str(" (a constraint)");
    }
    line.push_str(&format!(": {}", judged.verdict.as_str()));
    if let Some(reason) = &judged.reason {
        line.push_str(&format!(", {}", shown(reason)));
    }
    Some(line)
}

fn edge_line(edge: &WhyEdge, audit: &Audit) -> String {
    let mut line = String::new();
    if !edge.name.as_str().is_empty() {
        line.push_str(&shown(&edge.name.as_str().into()));
        let installed = edge.distribution.and_then(|index| audit.environment.distributions.get(index));
        match installed.and_then(|d| d.version.as_ref()) {
            Some(version) => line.push_str(&format!(" {}", shown(version))),
            None if edge.distribution.is_none() => line.push_str(" (not installed)"),
            None => {}
        }
        line.push_str(": ");
    }
    line.push_str(&shown(&edge.written));
    if let Some(extra) = &edge.extra {
        line.push_str(&format!(" (by its extra {})", shown(&extra.as_str().into())));
    }
    match (edge.holds, edge.met) {
        (Some(false), _) => line.push_str(", does not apply here"),
        (None, _) => match &edge.reason {
            Some(reason) => line.push_str(&format!(", not determined: {}", shown(reason))),
            None => line.push_str(", not determined"),
        },
        (Some(true), Some(true)) => line.push_str(", met"),
        (Some(true), Some(false)) => line.push_str(", not met"),
        (Some(true), None) => {}
    }
    line
}
