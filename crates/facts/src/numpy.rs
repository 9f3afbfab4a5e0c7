//! A numpy, a torch or another package comes in; which ABI of numpy it has or was built for comes out.

use crate::{Minor, Numbers};

include!(concat!(env!("OUT_DIR"), "/numpy_abi.rs"));

/// A release of numpy, one for each minor that was looked at.
#[derive(Debug)]
pub struct Release {
    /// As the package index writes it.
    pub version: &'static str,
    /// The same, to be compared.
    pub numbers: Numbers,
    /// `NPY_ABI_VERSION`. One of another value cannot be imported, but for 2 built code under 1.
    pub abi: u32,
    /// `NPY_API_VERSION`, which messages write as `0xf`.
    pub api: u32,
    /// Its Requires-Python.
    pub requires_python: &'static str,
    /// Where the row was read.
    pub source: &'static str,
}

/// How a range of torch minors goes with numpy.
#[derive(Debug)]
pub struct TorchSide {
    /// The first minor.
    pub since: Option<Minor>,
    /// The first minor that is out of it.
    pub before: Option<Minor>,
    /// The major of numpy whose headers it was built with.
    pub built_against: u8,
    /// The releases of numpy it was built with.
    pub detail: &'static str,
    /// What happens with numpy 2.
    pub with_numpy_2: &'static str,
    /// Where the row was read.
    pub source: &'static str,
}

/// The first release of a package whose wheels take numpy 2.
#[derive(Debug)]
pub struct FirstForNumpy2 {
    /// Its normalised name.
    pub name: &'static str,
    /// That release.
    pub version: &'static str,
    /// Whether it was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// What is known of the minor of a numpy version. ABI and API do not change within one.
#[must_use]
pub fn minor(version: &str) -> Option<&'static Release> {
    let minor = Minor::of(version)?;
    RELEASES.iter().find(|release| release.numbers.minor() == Some(minor))
}

/// The oldest numpy of the table that has this API version, to say what `0xf` means.
#[must_use]
pub fn first_with_api(api: u32) -> Option<&'static Release> {
    RELEASES.iter().find(|release| release.api == api)
}

/// How a torch minor goes with numpy.
#[must_use]
pub fn torch_side(torch: Minor) -> Option<&'static TorchSide> {
    TORCH_SIDES.iter().find(|row| {
        row.since.is_none_or(|since| torch >= since) && row.before.is_none_or(|before| torch < before)
    })
}

/// The first release of a package that takes numpy 2. `name` is normalised (PEP 503).
#[must_use]
pub fn first_for_numpy_2(name: &str) -> Option<&'static FirstForNumpy2> {
    FIRST_FOR_NUMPY_2.iter().find(|row| row.name == name)
}
