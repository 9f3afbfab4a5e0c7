//! `envdiff explain`: a check's page, or one of the lists that the registries hold.

use std::fmt::Write as _;

use anstyle::Style;
use envdiff_judge::registry::{self, CHECKS, Check};
use envdiff_report::wrapped;

use crate::failure::Failure;
use crate::output::{Stdout, columns};
use crate::status::Status;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The forms of a TARGET and what each one is (contract, section 1).
pub const TARGETS: &[(&str, &str)] = &[
    ("NAME[:TAG][@DIGEST], ID", "an image of the engine that the Docker CLI would use; also docker:NAME"),
    ("container:NAME", "a container's present file system"),
    (
        "archive:FILE[:NAME:TAG]",
        "what docker save, podman save and skopeo copy write; also a path that ends in .tar, .tar.gz, .tgz, .tar.zst",
    ),
    ("oci:DIR[:TAG]", "an OCI image layout; also a folder that holds oci-layout"),
    (
        "dir:DIR",
        "a root file system (--image-config tells how it starts), a virtual environment, a conda prefix, a bundle that inspect --thin wrote; also any other folder",
    ),
    ("snapshot:FILE", "JSON that inspect --format json wrote"),
];

pub(crate) fn run(topic: Option<&str>, out: &mut Stdout) -> Result<Status, Failure> {
    let width = columns();
    let list = |rows: &mut dyn Iterator<Item = (&'static str, String)>| list(rows, width);
    let text = match topic {
        None => checks(width),
        Some("locks") => list(
            &mut envdiff_lock::FORMATS
                .iter()
                .map(|f| (f.id, format!("{}; recognised as {}", f.title, f.recognised))),
        ),
        Some("targets") => list(&mut TARGETS.iter().map(|(form, what)| (*form, (*what).to_owned()))),
        Some("reports") => {
            let reports = list(&mut envdiff_report::FORMATS.iter().map(|f| (f.id, f.about.to_owned())));
            let inspects =
                list(&mut envdiff_report::inspect::FORMATS.iter().map(|f| (f.id, f.about.to_owned())));
            format!(
                "{}\n\n{reports}\n{}\n\n{inspects}",
                bold("envdiff --format FORMAT, --report FORMAT=FILE"),
                bold("envdiff inspect --format FORMAT")
            )
        }
        Some(id) => match registry::find(id) {
            Some(check) => page(check, width),
            None => {
                return Err(Failure::NoSuchTopic { topic: id.to_owned(), nearest: registry::nearest(id) });
            }
        },
    };
    out.finish(text.as_bytes())
}

/// Every check: id, severity, title, by family.
fn checks(width: usize) -> String {
    let mut out = String::new();
    let mut families: Vec<&str> = Vec::new();
    for check in CHECKS {
        if !families.contains(&check.family) {
            families.push(check.family);
        }
    }
    for (i, family) in families.into_iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        line(&mut out, &bold(family));
        for check in CHECKS.iter().filter(|check| check.family == family) {
            line(&mut out, &format!("  {} ({})", check.id, check.severity.as_str()));
            line(&mut out, &wrapped(&format!("      {}", check.title), width, "      "));
        }
    }
    line(&mut out, "");
    let more = "`envdiff explain CHECK` shows a check's page; `envdiff explain locks`, `targets` and `reports` list what can \
                be read and written";
    line(&mut out, &wrapped(more, width, ""));
    out
}

fn list(rows: &mut dyn Iterator<Item = (&'static str, String)>, width: usize) -> String {
    let mut out = String::new();
    for (name, what) in rows {
        line(&mut out, &bold(name));
        line(&mut out, &wrapped(&format!("  {what}"), width, "  "));
    }
    out
}

/// A page of Markdown for a terminal: headings bold, paragraphs wrapped, examples dim and set in.
fn page(check: &Check, width: usize) -> String {
    let mut out = String::new();
    let title = format!("{} ({}): {}", bold(check.id), check.severity.as_str(), check.title);
    line(&mut out, &wrapped(&title, width, "  "));
    let mut paragraph = String::new();
    let mut in_example = false;
    for (i, text) in check.page.lines().enumerate() {
        let is_plain = !(in_example || text.is_empty() || text.starts_with(['#', '`']));
        if !is_plain || text.starts_with("- ") {
            flush(&mut out, &mut paragraph, width);
        }
        if text.starts_with("```") {
            in_example = !in_example;
        } else if in_example {
            line(&mut out, &format!("{}    {text}{}", DIM.render(), DIM.render_reset()));
        } else if i == 0 && text.starts_with("# ") {
            // The id, which stands above.
        } else if text.starts_with('#') {
            line(&mut out, &bold(text.trim_start_matches('#').trim_start()));
        } else if is_plain {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(text.trim());
        } else {
            line(&mut out, text);
        }
    }
    flush(&mut out, &mut paragraph, width);
    out
}

/// Writes a paragraph, or an item of a list, and empties it.
fn flush(out: &mut String, paragraph: &mut String, width: usize) {
    if !paragraph.is_empty() {
        let indent = if paragraph.starts_with("- ") { "  " } else { "" };
        line(out, &wrapped(paragraph, width, indent));
        paragraph.clear();
    }
}

fn bold(text: &str) -> String {
    format!("{}{text}{}", BOLD.render(), BOLD.render_reset())
}

fn line(out: &mut String, text: &str) {
    // Infallible: a String takes everything.
    let _ = writeln!(out, "{text}");
}
