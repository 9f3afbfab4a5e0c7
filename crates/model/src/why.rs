//! Everything known of one package, as `--why NAME` tells it. Indices lead into the audit that it was made of.

use crate::{Name, Text};

/// All that is known of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The package.
    pub name: Name,
    /// What the locks say of it, in file order.
    pub lines: Vec<WhyLine>,
    /// Every copy in the image, in the order of `sys.path`; those that cannot be read and bear its name are among them.
    pub copies: Vec<WhyCopy>,
    /// Index of the distribution that is imported; `None` where there is none or the file system's order decides.
    pub imported: Option<usize>,
    /// Why that one, or why none; a clause.
    pub because: Text,
    /// Who requires it.
    pub required_by: Vec<WhyEdge>,
    /// What the copy that counts requires.
    pub requires: Vec<WhyEdge>,
}

/// A line of a lock about the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyLine {
    /// Index into the audit's `requirements`.
    pub judged: usize,
}

/// A copy of the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyCopy {
    /// Index into the environment's `distributions`.
    pub distribution: usize,
    /// How it stands among the others, a clause: `the one that is imported`, `hidden by ...`.
    pub standing: Text,
}

/// A requirement between two installed packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyEdge {
    /// The package at the other end: the one that requires, or the one that is required. Empty for a line that cannot be
    /// read.
    pub name: Name,
    /// Index of its distribution, where it is installed.
    pub distribution: Option<usize>,
    /// The extra that brings the requirement; `None` for what is always required.
    pub extra: Option<Name>,
    /// The line of `Requires-Dist` as written.
    pub written: Text,
    /// Whether its marker holds in the image; `None` where that cannot be told.
    pub holds: Option<bool>,
    /// Why that cannot be told; a clause.
    pub reason: Option<Text>,
    /// Whether the installed version is in the specifier; `None` where nothing is installed or its version is not known.
    pub met: Option<bool>,
}
