//! An import name comes in; the distributions that may provide it come out.

include!(concat!(env!("OUT_DIR"), "/import_names.rs"));

/// An import name whose distribution is called otherwise, or that several provide.
#[derive(Debug)]
pub struct Import {
    /// As it is imported; case matters.
    pub name: &'static str,
    /// The distributions that provide it, the most usual first, as their projects write them (not normalised).
    pub distributions: &'static [&'static str],
    /// Those of them that the package index does not have.
    pub not_on_package_index: &'static [&'static str],
    /// Whether it is from general knowledge.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// The row of a dotted name, or of the longest name it lies in. Without one, the distribution is usually called as the
/// first name is.
#[must_use]
pub fn import(name: &str) -> Option<&'static Import> {
    std::iter::successors(Some(name), |name| name.rsplit_once('.').map(|(above, _)| above)).find_map(|name| {
        let at = IMPORTS.binary_search_by(|row| row.name.cmp(name)).ok()?;
        IMPORTS.get(at)
    })
}

/// The distributions that may provide a dotted name, the most usual first; none where the table does not tell.
#[must_use]
pub fn candidates(name: &str) -> &'static [&'static str] {
    import(name).map_or(&[], |row| row.distributions)
}
