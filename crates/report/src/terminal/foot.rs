//! The last lines: what was examined, in what time, and how to accept a finding.

use std::io::{self, Write};

use envdiff_model::{About, Audit, Fact, Severity};

use super::style::DIM;
use super::{count, paint, wrapped};
use crate::escape::shown;
use crate::{Detail, View};

pub(super) fn write(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let archives = count(audit.loads.len(), "archive");
    let mut line = match audit.about {
        About::Archives => format!("examined {archives}"),
        About::Image => format!(
            "examined {}, {}, {archives}",
            count(audit.environment.distributions.len(), "distribution"),
            count(audit.requirements.len(), "requirement")
        ),
    };
    let unread = audit.unknown.iter().filter(|u| u.what.as_bytes().starts_with(b"/")).count();
    if unread > 0 {
        line.push_str(&format!("; {} could not be read", count(unread, "file")));
    }
    if let Some(Fact::Known { value: verified, .. }) = &audit.environment.verified {
        let (files, of) = (count(verified.files, "file"), count(verified.distributions, "distribution"));
        line.push_str(&format!("; {files} of {of} held against RECORD"));
        if !verified.not_verifiable.is_empty() {
            line.push_str(&format!(", {} not verifiable", verified.not_verifiable.len()));
        }
    }
    let accepted = audit.findings.iter().filter(|f| f.accepted.is_some()).count();
    if accepted > 0 {
        line.push_str(&format!("; {} accepted", count(accepted, "finding")));
    }
    if let Some(elapsed) = view.elapsed {
        line.push_str(&format!("; {:.2} s", elapsed.as_secs_f64()));
    }
    if let Some(cost) = view.cost.filter(|_| view.detail == Detail::Full) {
        line.push_str(&format!(
            "; {} in {}, {} bytes read",
            count(cost.questions, "question"),
            count(cost.rounds, "round"),
            cost.bytes
        ));
    }
    writeln!(out)?;
    // What a lock does not say itself and its selection rests on; the project's own files are what it is about.
    for lock in &audit.locks {
        for note in &lock.notes {
            let told = format!("{}: {}", shown(&lock.path), shown(note));
            writeln!(out, "{}", paint(DIM, wrapped(&told, view.width, "  ")))?;
        }
    }
    writeln!(out, "{}", paint(DIM, wrapped(&line, view.width, "")))?;
    let first = audit.findings.iter().find(|f| f.accepted.is_none() && f.severity >= Severity::Warning);
    if let Some(first) = first {
        let subject = shown(&first.subject);
        // A subject that a shell would read otherwise is left out: the check alone also works.
        let plain = !subject.is_empty()
            && subject
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'+'));
        let subject = if plain { format!("={subject}") } else { String::new() };
        writeln!(out, "{}", paint(DIM, format!("accept one: --ignore {}{subject}", first.check)))?;
    }
    Ok(())
}
