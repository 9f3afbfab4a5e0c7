//! What is in a target, in one of the formats of `envdiff inspect`; one file a format, one registry.

mod json;
mod requirements;
mod table;

use std::io::{self, Write};

use envdiff_model::{Snapshot, Text};

use crate::View;

/// What was found in a target.
#[derive(Debug, Clone, Copy)]
pub struct Inspection<'a> {
    /// The target as read.
    pub snapshot: &'a Snapshot,
    /// What `pip freeze` of the image would print, line by line.
    pub freeze: &'a [Text],
}

/// A format.
pub struct Format {
    /// What `--format` takes.
    pub id: &'static str,
    /// One line: what it is for.
    pub about: &'static str,
    /// Writes it.
    pub write: fn(&Inspection<'_>, &View<'_>, &mut dyn Write) -> io::Result<()>,
}

/// Every format, the default first.
pub static FORMATS: &[Format] = &[
    Format { id: "table", about: "for people: interpreter, sys.path, distributions", write: table::write },
    Format { id: "json", about: "for programs, and to be read again as snapshot:FILE", write: json::write },
    Format { id: "requirements", about: "what pip freeze would print", write: requirements::write },
];

/// The format of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.id == id)
}
