//! A report for people: the verdict first, then what was audited, the two sides, findings from the gravest, what was examined.
//! Colours are ANSI escapes; the caller takes them out where they are not wanted.

mod findings;
mod foot;
mod listing;
mod sides;
mod snippet;
mod style;
mod verdict;
mod why;

use std::io::{self, Write};

use envdiff_model::{Audit, Report, Severity};

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
    if view.detail > Detail::Quiet {
        for unmatched in &report.unmatched_ignores {
            writeln!(out, "--ignore {} matched nothing", shown(unmatched))?;
        }
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
    sides::write(audit, view, out)?;
    findings::write(audit, view, out)?;
    if view.detail == Detail::Full {
        listing::write_requirements(audit, view, out)?;
    }
    if view.detail >= Detail::Verbose {
        listing::write_unknown(audit, view, out)?;
    }
    foot::write(audit, view, out)
}
