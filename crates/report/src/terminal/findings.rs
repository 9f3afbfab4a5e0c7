//! Findings from the gravest, each with its place in the lock, where it was seen, why it matters and what to do.

use std::collections::BTreeMap;
use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use envdiff_model::{Audit, Evidence, Finding, Name, Severity, Target};
use unicode_width::UnicodeWidthStr as _;

use super::snippet::{LEAST_MARK, quote};
use super::style::{BAD, BOLD};
use super::{paint, wrapped};
use crate::escape::{line, shown};
use crate::{Detail, View};

/// How many findings of one check are shown without `-v`.
const OF_A_KIND: usize = 10;
/// How many places of one finding are shown without `-v`.
const PLACES: usize = 3;
/// How much of an instruction is shown.
const INSTRUCTION: usize = 60;

/// All findings; the accepted ones under `-v` alone.
pub(super) fn write(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let all = view.detail >= Detail::Verbose;
    let mut told = Told::default();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let of_level: Vec<&Finding> = audit
            .findings
            .iter()
            .filter(|f| f.severity == severity && (all || f.accepted.is_none()))
            .collect();
        let mut of_check: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in &of_level {
            *of_check.entry(finding.check).or_default() += 1;
        }
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in of_level {
            let nth = seen.entry(finding.check).or_default();
            *nth += 1;
            let total = of_check.get(finding.check).copied().unwrap_or(0);
            if all || *nth <= OF_A_KIND {
                told.write(finding, audit, view, out)?;
            }
            if !all && *nth == total && total > OF_A_KIND {
                writeln!(out)?;
                let rest = format!("… and {} more {}: -v shows all", total - OF_A_KIND, finding.check);
                writeln!(out, "{}", paint(BOLD, rest))?;
            }
        }
    }
    Ok(())
}

/// The findings about one package.
pub(super) fn write_about(
    audit: &Audit,
    name: &Name,
    view: &View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut told = Told::default();
    for finding in &audit.findings {
        if finding.subject.as_str().is_some_and(|subject| Name::new(subject) == *name) {
            told.write(finding, audit, view, out)?;
        }
    }
    Ok(())
}

/// One line for each finding of a level, for `-q`.
pub(super) fn write_short(audit: &Audit, severity: Severity, out: &mut dyn Write) -> io::Result<()> {
    for finding in audit.findings.iter().filter(|f| f.severity == severity && f.accepted.is_none()) {
        let head = format!("{}[{}]", severity.as_str(), finding.check);
        let place = match &finding.at {
            Some(at) => format!(" ({}:{}:{})", shown(&at.file), at.line, at.column),
            None => String::new(),
        };
        writeln!(out, "{}: {}{place}", paint(BAD, head), shown(&finding.message))?;
    }
    Ok(())
}

/// Remembers what was said under the finding before, so that a run of alike findings says it once.
#[derive(Default)]
struct Told {
    check: &'static str,
    places: Vec<String>,
    why: String,
    fix: String,
}

/// What is said under a finding.
struct Under<'a> {
    places: &'a [String],
    why: Option<&'a str>,
    fix: Option<&'a str>,
}

impl Told {
    fn write(
        &mut self,
        finding: &Finding,
        audit: &Audit,
        view: &View<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let places: Vec<String> = finding.evidence.iter().map(|e| place(e, &audit.target)).collect();
        let (why, fix) = (shown(&finding.why), shown(&finding.fix));
        let again = self.check == finding.check;
        let new = |text: &str, before: &str| !(text.is_empty() || again && text == before);
        let under = Under {
            places: if again && places == self.places { &[] } else { &places },
            why: new(&why, &self.why).then_some(why.as_str()),
            fix: new(&fix, &self.fix).then_some(fix.as_str()),
        };
        let text = render(finding, audit, view, &under);
        *self = Self { check: finding.check, places, why, fix };
        writeln!(out)?;
        writeln!(out, "{text}")
    }
}

fn render(finding: &Finding, audit: &Audit, view: &View<'_>, under: &Under<'_>) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut title = shown(&finding.message);
    if let Some(accepted) = &finding.accepted {
        title.push_str(&format!(" (accepted: --ignore {})", shown(accepted)));
    }
    let title_text = title.clone();
    let mut group = Group::with_title(level.primary_title(title).id(finding.check));
    // A label that has no room behind the mark, and is not the title's own words, stands below.
    let mut beside: Option<String> = None;
    let mut digits = 1;
    if let Some(at) = &finding.at {
        digits = at.line.to_string().len();
        let file = shown(&at.file);
        let label = shown(&finding.label);
        // ` 3 | ` stands before the line.
        let columns = view.width.saturating_sub(digits + 4);
        group = match quote(audit, at, columns, label.width()) {
            Some(quoted) => {
                let mark = AnnotationKind::Primary.span(quoted.marked.clone());
                let before = quoted.line.get(..quoted.marked.start).unwrap_or_default().width();
                let fits = before + LEAST_MARK + 1 + label.width() <= columns;
                let mark = match fits && !label.is_empty() {
                    true => mark.label(label.clone()),
                    false => mark,
                };
                beside = Some(label).filter(|label| !fits && !title_text.contains(label.as_str()));
                group.element(Snippet::source(quoted.line).line_start(at.line).path(file).annotation(mark))
            }
            None => group.element(Origin::path(file).line(at.line).char_column(at.column)),
        };
    }
    // `   = seen: ` stands before each line of a message.
    let room = view.width.saturating_sub(digits + 10);
    let mut say = |name: &'static str, text: &str| {
        let message = Level::NOTE.with_name(name).message(wrapped(text, room, ""));
        let taken = std::mem::replace(&mut group, Group::with_level(Level::NOTE));
        group = taken.element(message);
    };
    if let Some(label) = beside {
        say("here", &label);
    }
    let all = view.detail >= Detail::Verbose || under.places.len() <= PLACES + 1;
    let shown_places = if all { under.places.len() } else { PLACES };
    for place in under.places.iter().take(shown_places) {
        say("seen", place);
    }
    if shown_places < under.places.len() {
        say("seen", &format!("… and in {} more places: -v shows all", under.places.len() - shown_places));
    }
    if let Some(why) = under.why {
        say("why", why);
    }
    if let Some(fix) = under.fix {
        say("fix", fix);
    }
    let text = Renderer::styled().term_width(view.width).render(&[group]);
    // The renderer leaves the title as long as it is.
    match text.split_once('\n') {
        Some((title, rest)) => format!("{}\n{rest}", wrapped(title, view.width, "  ")),
        None => wrapped(&text, view.width, "  "),
    }
}

/// `/home/venv/…/METADATA (Version: 2.0.1), layer 5 `RUN pip install torch``
fn place(evidence: &Evidence, target: &Target) -> String {
    let mut out = shown(&evidence.path);
    if !evidence.detail.is_empty() {
        out.push_str(&format!(" ({})", shown(&evidence.detail)));
    }
    let Some(index) = evidence.layer else { return out };
    out.push_str(&format!(", layer {}", index + 1));
    let layer = target.layers.as_ref().and_then(|layers| layers.get(index));
    if let Some(instruction) = layer.and_then(|layer| layer.instruction.as_ref()) {
        let masked = envdiff_wire::mask_urls(instruction);
        out.push_str(&format!(" `{}`", line(masked.as_bytes(), INSTRUCTION)));
    }
    out
}
