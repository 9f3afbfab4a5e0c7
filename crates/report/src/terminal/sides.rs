//! The table of the two sides, training and serving; a row only where a lock tells the training side.

use std::io::{self, Write};

use envdiff_model::{Audit, Fact, Name, Text};

use super::paint;
use super::style::DIM;
use crate::View;
use crate::columns::Columns;
use crate::escape::shown;

pub(super) fn write(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    if let Some(training) = &audit.training.python {
        let serving = serving_text(&audit.environment.python);
        rows.push(row("Python", training, serving));
    }
    if let Some(training) = &audit.training.torch {
        rows.push(row("torch", training, torch(audit)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::fitting(view);
    columns.row(["", "training", "serving", ""]);
    for row in rows {
        columns.row(row);
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

fn row(what: &str, training: &Fact<Text>, serving: Result<String, String>) -> [String; 4] {
    let training = match training.value() {
        Some(value) => Ok(shown(value)),
        None => Err("unknown"),
    };
    let differs = match (&training, &serving) {
        (Ok(training), Ok(serving)) if same(training, serving) => "",
        (Ok(_), Ok(_)) => "differs",
        _ => "not determined",
    };
    let serving = match serving {
        Ok(value) | Err(value) => value,
    };
    [what.into(), training.unwrap_or_else(str::to_owned), serving, differs.into()]
}

fn serving_text(fact: &Fact<Text>) -> Result<String, String> {
    match fact.value() {
        Some(value) => Ok(shown(value)),
        None => Err("unknown".into()),
    }
}

/// The torch that is imported.
fn torch(audit: &Audit) -> Result<String, String> {
    let named = |name: &Text| name.as_str().is_some_and(|name| Name::new(name).as_str() == "torch");
    let found =
        audit.environment.distributions.iter().find(|d| !d.shadowed && d.name.as_ref().is_some_and(named));
    match found.map(|d| d.version.as_ref()) {
        Some(Some(version)) => Ok(shown(version)),
        Some(None) => Err("version unreadable".into()),
        None if audit.environment.sys_path.value().is_none() => Err("unknown".into()),
        None => Ok("not installed".into()),
    }
}

/// Whether what training tells holds for serving: `3.10` for `3.10.13`, `2.1.2` for `2.1.2+cu121`.
fn same(training: &str, serving: &str) -> bool {
    match serving.strip_prefix(training) {
        Some("") => true,
        Some(rest) => (rest.starts_with('.') && training.split('.').count() < 3) || rest.starts_with('+'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn what_training_tells_may_be_shorter() {
        for (training, serving, expected) in [
            ("3.10", "3.10.13", true),
            ("3.1", "3.10.13", false),
            ("3.10.13", "3.10.13", true),
            ("3.10.1", "3.10.13", false),
            ("2.1.2", "2.1.2+cu121", true),
            ("2.1.2+cu121", "2.1.2", false),
            ("2.1.2", "2.1.2.1", false),
        ] {
            assert_eq!(same(training, serving), expected, "{training} {serving}");
        }
    }
}
