//! A report for people: the verdict first, then what was audited, the two sides, findings from the gravest, what was examined.
//! Colours are ANSI escapes; the caller takes them out where they are not wanted.

mod archives;
mod findings;
mod foot;
mod listing;
mod sides;
mod snippet;
mod style;
mod verdict;
mod why;

use std::io::{self, Write};

use envdiff_model::{About, Audit, Report, Severity, Unaudited};

use crate::escape::shown;
use crate::{Detail, View};

pub use style::wrapped;
pub(crate) use style::{count, paint};

pub(crate) fn write(report: &Report, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (i, audit) in report.audits.iter().enumerate() {
        if i > 0 && view.detail > Detail::Quiet {
            writeln!(out)?;
        }
        write_audit(audit, view.why.filter(|_| i == 0), view, out)?;
    }
    for (i, unaudited) in report.unaudited.iter().enumerate() {
        if i == 0 && view.detail > Detail::Quiet {
            writeln!(out)?;
        }
        write_unaudited(unaudited, view, out)?;
    }
    if view.detail > Detail::Quiet {
        for unmatched in &report.unmatched_ignores {
            writeln!(out, "--ignore {} matched nothing", shown(unmatched))?;
        }
    }
    Ok(())
}

fn write_unaudited(unaudited: &Unaudited, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut line = format!("not audited: {}", shown(&unaudited.message));
    if !unaudited.cause.is_empty() {
        line.push_str(&format!(": {}", shown(&unaudited.cause)));
    }
    writeln!(out, "{}", paint(style::BAD, wrapped(&line, view.width, "  ")))?;
    if view.detail > Detail::Quiet && !unaudited.help.is_empty() {
        writeln!(out, "{}", wrapped(&format!("  fix: {}", shown(&unaudited.help)), view.width, "       "))?;
    }
    Ok(())
}

fn write_audit(
    audit: &Audit,
    why: Option<&envdiff_model::Why>,
    view: &View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    verdict::write(audit, view, out)?;
    if view.detail == Detail::Quiet {
        return findings::write_short(audit, Severity::Error, out);
    }
    verdict::write_how(audit, view, out)?;
    if let Some(why) = why {
        why::write(why, audit, view, out)?;
        return findings::write_about(audit, &why.name, view, out);
    }
    if audit.about == About::Image {
        sides::write(audit, view, out)?;
    }
    archives::write_table(audit, view, out)?;
    findings::write(audit, view, out)?;
    let is_in_depth = view.detail >= Detail::Verbose;
    if audit.about == About::Archives || is_in_depth {
        archives::write_reads(audit, view, out)?;
    }
    if view.steps || is_in_depth {
        archives::write_steps(audit, view, out)?;
    }
    if view.detail == Detail::Full {
        listing::write_requirements(audit, view, out)?;
    }
    if view.detail >= Detail::Verbose {
        listing::write_unknown(audit, view, out)?;
    }
    foot::write(audit, view, out)
}
