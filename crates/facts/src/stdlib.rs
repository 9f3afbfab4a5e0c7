//! A module or a name of Python's standard library and a Python come in; whether it is gone from it, or not in it yet,
//! comes out.

use crate::Minor;

include!(concat!(env!("OUT_DIR"), "/python_stdlib.rs"));

/// A module that left.
#[derive(Debug)]
pub struct Removed {
    /// Its dotted name; what lies below it left with it.
    pub module: &'static str,
    /// The first Python without it.
    pub python: Minor,
    /// What took its place, in words or as a distribution.
    pub replacement: Option<&'static str>,
    /// Whether it was not measured.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// A module that joined.
#[derive(Debug)]
pub struct Added {
    /// Its dotted name.
    pub module: &'static str,
    /// The first Python with it.
    pub python: Minor,
    /// What brings it to an older Python, in words or as a distribution.
    pub backport: Option<&'static str>,
    /// Whether it was not measured.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// A name inside a module that left or joined.
#[derive(Debug)]
pub struct ChangedName {
    /// Its dotted name, the module first: `collections.Mapping`.
    pub name: &'static str,
    /// The first Python without it, or with it.
    pub python: Minor,
    /// Whether it was not measured.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// A dotted name and each name it lies in, the longest first.
fn itself_and_above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.rsplit_once('.').map(|(above, _)| above))
}

/// The row of a module, or of one it lies in, that this Python has no more.
#[must_use]
pub fn removed(module: &str, python: Minor) -> Option<&'static Removed> {
    itself_and_above(module)
        .find_map(|name| REMOVED.iter().find(|row| row.module == name && row.python <= python))
}

/// The row of a module, or of one it lies in, that this Python does not have yet.
#[must_use]
pub fn not_yet_added(module: &str, python: Minor) -> Option<&'static Added> {
    itself_and_above(module)
        .find_map(|name| ADDED.iter().find(|row| row.module == name && row.python > python))
}

/// The row of a name (`collections.Mapping`) that this Python has no more.
#[must_use]
pub fn removed_name(name: &str, python: Minor) -> Option<&'static ChangedName> {
    REMOVED_NAMES.iter().find(|row| row.name == name && row.python <= python)
}

/// The row of a name (`datetime.UTC`) that this Python does not have yet.
#[must_use]
pub fn name_not_yet_added(name: &str, python: Minor) -> Option<&'static ChangedName> {
    ADDED_NAMES.iter().find(|row| row.name == name && row.python > python)
}
