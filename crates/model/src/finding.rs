//! What a check says: how grave, about what, where in the lock and where in the image, why, and what to do.

use crate::{Evidence, Text};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A difference without a mechanism.
    Note,
    /// It breaks under a condition that cannot be seen from here.
    Warning,
    /// Something breaks, or the lock is not met.
    Error,
}

impl Severity {
    /// The word in JSON and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place in a file of the user's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The path as the user would open it.
    pub file: Text,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// One past the last character on that line.
    pub end_column: usize,
}

/// A check that spoke about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the check.
    pub check: &'static str,
    /// How grave.
    pub severity: Severity,
    /// Package, archive or file: the word that `--ignore CHECK=SUBJECT` takes.
    pub subject: Text,
    /// One sentence without a full stop: what is.
    pub message: Text,
    /// Where in the lock.
    pub at: Option<Place>,
    /// What is written under the marked place: `image has 2.0.1 (older, minor)`. May be empty.
    pub label: Text,
    /// Where in the image.
    pub evidence: Vec<Evidence>,
    /// Why it matters.
    pub why: Text,
    /// What to do.
    pub fix: Text,
    /// The allowance that covers it, as the user wrote it; such a finding does not count.
    pub accepted: Option<Text>,
}
