//! A package comes in; whether its import takes `pkg_resources` from setuptools comes out.

include!(concat!(env!("OUT_DIR"), "/pkg_resources.rs"));

/// The first setuptools without `pkg_resources`.
pub const GONE_IN: &str = "82";

/// A package that imports `pkg_resources` and falls without it.
#[derive(Debug)]
pub struct User {
    /// Its normalised name.
    pub package: &'static str,
    /// In these versions (PEP 440).
    pub versions: &'static str,
    /// The module whose import fails.
    pub import: &'static str,
    /// Where the row was read or seen.
    pub source: &'static str,
}

/// The row of a package. `name` is normalised (PEP 503).
#[must_use]
pub fn user(name: &str) -> Option<&'static User> {
    USERS.iter().find(|user| user.package == name)
}
