//! A name of conda's comes in; the name of the Python distribution that the package installs comes out, or that it installs none.

include!(concat!(env!("OUT_DIR"), "/conda_names.rs"));

/// A package of conda whose distribution is called otherwise, or that is taken for one and is none.
#[derive(Debug)]
pub struct CondaName {
    /// conda's name.
    pub name: &'static str,
    /// The distribution that it installs, normalised; `None` where it surely installs none.
    pub distribution: Option<&'static str>,
    /// Where the row was read.
    pub source: &'static str,
}

/// What the table says of a name; `None` where it does not tell.
#[must_use]
pub fn conda_name(name: &str) -> Option<&'static CondaName> {
    let at = CONDA_NAMES.binary_search_by(|row| row.name.cmp(name)).ok()?;
    CONDA_NAMES.get(at)
}
