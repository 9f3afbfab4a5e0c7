//! What locks install in an environment, in one of the formats of `envdiff lock`; one file a format, one registry.

mod json;
mod requirements;
mod table;

use std::io::{self, Write};

use envdiff_model::Locked;

use crate::View;

/// A format.
pub struct Format {
    /// What `--format` takes.
    pub id: &'static str,
    /// One line: what it is for.
    pub about: &'static str,
    /// Whether it shows hashes, which cost reading what is passed over otherwise.
    pub hashes: bool,
    /// Writes it.
    pub write: fn(&Locked, &View<'_>, &mut dyn Write) -> io::Result<()>,
}

/// Every format, the default first.
pub static FORMATS: &[Format] = &[
    Format {
        id: "requirements",
        about: "lines that pip and uv install",
        hashes: false,
        write: requirements::write,
    },
    Format {
        id: "table",
        about: "for people: names, versions, sources, what cannot be told",
        hashes: false,
        write: table::write,
    },
    Format { id: "json", about: "for programs", hashes: true, write: json::write },
];

/// The format of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.id == id)
}
