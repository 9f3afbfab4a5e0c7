//! A driver version comes in; its branch and its own CUDA come out.

use crate::{CudaVersion, DriverVersion};

include!(concat!(env!("OUT_DIR"), "/drivers.rs"));

/// What NVIDIA calls a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchKind {
    /// Long-term support (LTSB).
    LongTerm,
    /// Production.
    Production,
    /// New feature.
    NewFeature,
    /// Feature.
    Feature,
    /// For developers.
    Developer,
}

/// A branch of the Linux driver.
#[derive(Debug)]
pub struct Branch {
    /// 535.
    pub branch: u16,
    /// What NVIDIA calls it.
    pub kind: BranchKind,
    /// The CUDA of its user-mode driver, which `nvidia-smi` prints.
    pub cuda: Option<CudaVersion>,
    /// The year and month in which its support ends.
    pub end_of_life: Option<(u16, u8)>,
    /// Whether that month was not read at its origin.
    pub end_of_life_unverified: bool,
    /// What else is to be known.
    pub note: Option<&'static str>,
    /// Whether a part of the row was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// The branch of a driver; `None` for one that the table does not know.
#[must_use]
pub fn branch(driver: DriverVersion) -> Option<&'static Branch> {
    BRANCHES.iter().find(|row| row.branch == driver.branch)
}

/// Whether a driver's branch is newer than every branch of the table.
#[must_use]
pub fn is_newer_than_known(driver: DriverVersion) -> bool {
    BRANCHES.last().is_some_and(|newest| driver.branch > newest.branch)
}

/// The CUDA of a driver itself, as far as the table tells: both bounds are equal for a branch it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnCuda {
    /// That of the nearest branch below, or of its own.
    pub at_least: Option<CudaVersion>,
    /// That of the nearest branch above, or of its own.
    pub at_most: Option<CudaVersion>,
}

/// The CUDA that a driver has itself; it runs that and every older one in full. Rows that were not read at their origin
/// are left out.
#[must_use]
pub fn own_cuda(driver: DriverVersion) -> OwnCuda {
    let known = || BRANCHES.iter().filter(|row| !row.unverified && row.cuda.is_some());
    OwnCuda {
        at_least: known().rfind(|row| row.branch <= driver.branch).and_then(|row| row.cuda),
        at_most: known().find(|row| row.branch >= driver.branch).and_then(|row| row.cuda),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_cuda_is_bounded_by_the_neighbours() {
        let told = |driver: &str| own_cuda(DriverVersion::parse(driver).unwrap());
        let cuda = |text| CudaVersion::parse(text);
        assert_eq!(told("535.104.05"), OwnCuda { at_least: cuda("12.2"), at_most: cuda("12.2") });
        assert_eq!(told("540.1"), OwnCuda { at_least: cuda("12.2"), at_most: cuda("12.3") });
        assert_eq!(told("900.1"), OwnCuda { at_least: cuda("13.3"), at_most: None });
        assert_eq!(told("390.1"), OwnCuda { at_least: None, at_most: cuda("10.1") });
    }
}
