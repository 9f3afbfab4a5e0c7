//! A package comes in; packages with which its import fails, though the metadata of neither says so, come out.

include!(concat!(env!("OUT_DIR"), "/bad_pairs.rs"));

/// Two packages that do not go together in these versions.
#[derive(Debug)]
pub struct Pair {
    /// Normalised name of the package whose import fails.
    pub package: &'static str,
    /// In these versions (PEP 440).
    pub versions: &'static str,
    /// Normalised name of the package that it takes something from.
    pub other: &'static str,
    /// Which lost that in these versions.
    pub other_versions: &'static str,
    /// The module whose import fails.
    pub import: &'static str,
    /// The last line of what it says.
    pub says: &'static str,
    /// Where the row was read or seen.
    pub source: &'static str,
}

/// The rows of a package. `name` is normalised (PEP 503).
pub fn of(name: &str) -> impl Iterator<Item = &'static Pair> {
    PAIRS.iter().filter(move |pair| pair.package == name)
}
