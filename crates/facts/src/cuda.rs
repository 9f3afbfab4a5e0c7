//! A CUDA version comes in; its drivers, its targets, its package of forward compatibility and its wheels come out.

use crate::{Capability, CudaVersion, DriverVersion, Numbers};

include!(concat!(env!("OUT_DIR"), "/cuda.rs"));

/// A major of CUDA.
#[derive(Debug)]
pub struct Major {
    /// 12.
    pub major: u16,
    /// The oldest driver that runs every minor of it; `None` before CUDA 11, where each minor has its own.
    pub floor: Option<DriverVersion>,
    /// What else is to be known.
    pub note: Option<&'static str>,
    /// Where the row was read.
    pub source: &'static str,
}

/// A release of the toolkit.
#[derive(Debug)]
pub struct Release {
    /// As it is written: `12.8.1`.
    pub version: &'static str,
    /// The same, to be compared.
    pub numbers: Numbers,
    /// What NVIDIA calls it.
    pub name: &'static str,
    /// Its minor.
    pub cuda: CudaVersion,
    /// The oldest driver that runs it, under minor-version compatibility where there is such.
    pub floor: DriverVersion,
    /// The driver it was released with, which has every feature of it.
    pub toolkit_driver: Option<DriverVersion>,
    /// The lowest and highest capability that nvcc can target.
    pub capabilities: Option<(Capability, Capability)>,
    /// What else is to be known.
    pub note: Option<&'static str>,
    /// Whether a part of the row was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// What nvcc can compile for, for a range of CUDA minors.
#[derive(Debug)]
pub struct Targets {
    /// The first and last minor.
    pub cuda: (CudaVersion, CudaVersion),
    /// Ordinary cubins.
    pub sm: &'static [Capability],
    /// Those that run on one capability alone (`sm_90a`).
    pub arch_specific: &'static [Capability],
    /// Those that run on one family alone (`sm_100f`).
    pub family: &'static [Capability],
    /// What else is to be known.
    pub note: Option<&'static str>,
    /// Where the row was read.
    pub source: &'static str,
}

/// A package of forward compatibility: the user-mode driver of a newer branch, in the image.
#[derive(Debug)]
pub struct CompatPackage {
    /// `cuda-compat-12-1`
    pub package: &'static str,
    /// The CUDA it brings.
    pub cuda: CudaVersion,
    /// The driver branch it was built from.
    pub branch: u16,
    /// The branches of the host's driver that it is made for; empty where they are not known.
    pub host_branches: &'static [u16],
    /// The branches that later builds of the same images list, where those differ; empty where they do not.
    pub later_host_branches: &'static [u16],
    /// Whether the matching images also list GeForce boards for these branches.
    pub lists_geforce: Option<bool>,
    /// What else is to be known.
    pub note: Option<&'static str>,
    /// Whether a part of the row was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// How the wheels of a CUDA major are called.
#[derive(Debug)]
pub struct WheelFamily {
    /// 12.
    pub major: u16,
    /// `-cu12`; CUDA 13 has none.
    pub suffix: Option<&'static str>,
    /// Some of the names.
    pub example: &'static str,
    /// The soname of the runtime.
    pub libcudart: &'static str,
    /// The soname of cuBLAS.
    pub libcublas: &'static str,
    /// What else is to be known.
    pub note: Option<&'static str>,
    /// Where the row was read.
    pub source: &'static str,
}

/// What is known of a major.
#[must_use]
pub fn major(major: u16) -> Option<&'static Major> {
    MAJORS.iter().find(|row| row.major == major)
}

/// The releases of a minor, oldest first.
pub fn releases(cuda: CudaVersion) -> impl Iterator<Item = &'static Release> {
    RELEASES.iter().filter(move |release| release.cuda == cuda)
}

/// The driver of the first release of a minor that the table has one for; every newer driver has all its features.
#[must_use]
pub fn toolkit_driver(cuda: CudaVersion) -> Option<DriverVersion> {
    releases(cuda).filter_map(|release| release.toolkit_driver).min()
}

/// The oldest driver that runs a CUDA: the floor of its major from CUDA 11 on, also for a minor that the table does not
/// know yet; the floor of the minor itself before.
#[must_use]
pub fn floor(cuda: CudaVersion) -> Option<DriverVersion> {
    major(cuda.major)?.floor.or_else(|| releases(cuda).map(|release| release.floor).min())
}

/// What nvcc of a CUDA can compile for.
#[must_use]
pub fn targets(cuda: CudaVersion) -> Option<&'static Targets> {
    TARGETS.iter().find(|row| row.cuda.0 <= cuda && cuda <= row.cuda.1)
}

/// The compat package that brings a CUDA.
#[must_use]
pub fn compat(cuda: CudaVersion) -> Option<&'static CompatPackage> {
    COMPAT_PACKAGES.iter().find(|row| row.cuda == cuda)
}

/// The CUDA that a compat package of this name brings (`cuda-compat-12-1`), also one that is in no table.
#[must_use]
pub fn cuda_of_compat(package: &str) -> Option<CudaVersion> {
    let (major, minor) = package.strip_prefix("cuda-compat-")?.split_once('-')?;
    CudaVersion::parse(&format!("{major}.{minor}")).filter(|_| !minor.contains('.'))
}

/// How the wheels of a major are called.
#[must_use]
pub fn wheel_family(major: u16) -> Option<&'static WheelFamily> {
    WHEEL_FAMILIES.iter().find(|row| row.major == major)
}
