//! The name of a distribution comes in; the extension modules that its import loads come out. The name of a library comes
//! in; the package of the system that brings it comes out.

include!(concat!(env!("OUT_DIR"), "/native.rs"));

/// A package with extension modules.
#[derive(Debug)]
pub struct Package {
    /// Normalised names of the distributions that bring it.
    pub distributions: &'static [&'static str],
    /// The modules, as paths in site-packages without what follows the first dot of the file's name: `numpy/_core/_simd`.
    /// Of several releases: not all are there.
    pub modules: &'static [&'static str],
    /// The one of them that shows with which numpy's headers they were built; none where they do not use its C API.
    pub numpy: Option<&'static str>,
    /// Where the row was read.
    pub source: &'static str,
}

/// A library that systems bring.
#[derive(Debug)]
pub struct Library {
    /// `libGL.so.1`
    pub soname: &'static str,
    /// The package of Debian and Ubuntu: `libgl1`.
    pub debian: &'static str,
    /// Where the row was read.
    pub source: &'static str,
}

/// The package of Debian and Ubuntu that brings a library.
#[must_use]
pub fn debian_package(soname: &str) -> Option<&'static str> {
    LIBRARIES.iter().find(|library| library.soname == soname).map(|library| library.debian)
}

/// The package of a distribution. `name` is normalised (PEP 503).
#[must_use]
pub fn package(name: &str) -> Option<&'static Package> {
    PACKAGES.iter().find(|package| package.distributions.contains(&name))
}
