//! What `-v` and `-vv` add: facts that are unknown, and every requirement with its verdict.

use std::io::{self, Write};

use envdiff_model::{Audit, Verdict};

use super::style::BOLD;
use super::{paint, wrapped};
use crate::View;
use crate::escape::shown;

/// Facts that could not be determined, with the reason.
pub(super) fn write_unknown(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    if audit.unknown.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    writeln!(out, "{}", paint(BOLD, "not known"))?;
    for unknown in &audit.unknown {
        let line = format!("  {}: {}", shown(&unknown.what), shown(&unknown.why));
        writeln!(out, "{}", wrapped(&line, view.width, "    "))?;
    }
    Ok(())
}

/// Every requirement with its verdict, in file order.
pub(super) fn write_requirements(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    if audit.requirements.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    writeln!(out, "{}", paint(BOLD, "requirements"))?;
    for judged in &audit.requirements {
        let Some(asked) =
            audit.locks.get(judged.lock).and_then(|lock| lock.requirements.get(judged.requirement))
        else {
            continue;
        };
        let mut line = format!("  {}: {}", judged.verdict.as_str(), shown(&asked.text));
        if let Some(installed) = judged.installed.as_ref().filter(|_| judged.verdict != Verdict::Missing) {
            line.push_str(&format!(" (image has {})", shown(installed)));
        }
        if let Some(reason) = &judged.reason {
            line.push_str(&format!(", {}", shown(reason)));
        }
        line.push_str(&format!(" [{}:{}]", shown(&asked.at.file), asked.at.line));
        writeln!(out, "{}", wrapped(&line, view.width, "    "))?;
    }
    Ok(())
}
