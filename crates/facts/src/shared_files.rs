//! A distribution comes in; the distributions that install files of the same path come out.

include!(concat!(env!("OUT_DIR"), "/shared_files.rs"));

/// Distributions of which one overwrites files of the others.
#[derive(Debug)]
pub struct Set {
    /// The package that each of them installs; dots where it lies in another.
    pub package: &'static str,
    /// Their normalised names.
    pub distributions: &'static [&'static str],
    /// Where the row was read.
    pub source: &'static str,
}

/// The set of a distribution, and its name as the table has it. `name` is normalised (PEP 503).
#[must_use]
pub fn set_of(name: &str) -> Option<(&'static Set, &'static str)> {
    SETS.iter().find_map(|set| Some((set, *set.distributions.iter().find(|other| **other == name)?)))
}
