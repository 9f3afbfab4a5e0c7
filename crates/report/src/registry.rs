//! The one list of report formats: what `--format` and `--report` take.

use std::io::{self, Write};

use envdiff_model::Report;

use crate::{View, json, terminal};

/// A format.
pub struct Format {
    /// What `--format` takes.
    pub id: &'static str,
    /// One line: what it is for.
    pub about: &'static str,
    /// Writes a report; colours, where it has any, as ANSI escapes, which the caller takes out where they are not wanted.
    pub write: fn(&Report, &View<'_>, &mut dyn Write) -> io::Result<()>,
}

/// Every format, the default first.
pub static FORMATS: &[Format] = &[
    Format {
        id: "terminal",
        about: "for people: verdict, table, findings with their place",
        write: terminal::write,
    },
    Format { id: "json", about: "for programs: envdiff.report/1, with a JSON Schema", write: json::write },
];

/// The format of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.id == id)
}
