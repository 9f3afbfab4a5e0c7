//! The name and version of a package that goes with torch come in; the torch it wants comes out.

use crate::{Minor, Numbers};

include!(concat!(env!("OUT_DIR"), "/companions.rs"));

/// What the metadata of a companion says of torch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorchNeed {
    /// It has no requirement of torch.
    NotNamed,
    /// It requires torch in any version.
    AnyVersion,
    /// It requires torch in these versions (PEP 440).
    Specifier(&'static str),
}

/// A release of a companion.
#[derive(Debug)]
pub struct Companion {
    /// Its normalised name.
    pub name: &'static str,
    /// As the package index writes it.
    pub version: &'static str,
    /// Its release numbers, to be compared.
    pub numbers: Numbers,
    /// What follows them: `.post1`.
    pub suffix: &'static str,
    /// What it says of torch.
    pub torch: TorchNeed,
    /// Its Requires-Python.
    pub requires_python: Option<&'static str>,
    /// Its other requirements that matter here, as metadata writes them.
    pub requires: &'static [&'static str],
    /// Python tag and platform tag of the Linux wheel looked at.
    pub wheel: &'static str,
    /// Where the row was read.
    pub source: &'static str,
}

impl Companion {
    /// Whether it pins a local build of torch (`==1.10.0+cu102`), which no wheel of the package index satisfies to the
    /// letter: a fault of its metadata, not of an image that holds it.
    #[must_use]
    pub fn pins_a_local_build(&self) -> bool {
        matches!(self.torch, TorchNeed::Specifier(text) if text.contains('+'))
    }
}

/// The minor of torch that a minor of a companion is built for, where metadata may not say so.
#[derive(Debug)]
pub struct BuiltFor {
    /// Its normalised name.
    pub name: &'static str,
    /// Its minor.
    pub minor: Minor,
    /// The minor of torch.
    pub torch: Minor,
    /// Whether it was inferred.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// The releases of a companion, oldest first; nothing for a package that is none. `name` is normalised (PEP 503).
pub fn releases(name: &str) -> impl Iterator<Item = &'static Companion> {
    COMPANIONS.iter().filter(move |companion| companion.name == name)
}

/// The release of a companion; the local label of `version` does not matter. `name` is normalised.
#[must_use]
pub fn companion(name: &str, version: &str) -> Option<&'static Companion> {
    let (numbers, suffix) = Numbers::split(version)?;
    releases(name).find(|companion| companion.numbers == numbers && companion.suffix == suffix)
}

/// The minor of torch that a version of a companion is built for. `name` is normalised.
#[must_use]
pub fn built_for(name: &str, version: &str) -> Option<&'static BuiltFor> {
    let minor = Minor::of(version)?;
    BUILT_FOR.iter().find(|row| row.name == name && row.minor == minor)
}
