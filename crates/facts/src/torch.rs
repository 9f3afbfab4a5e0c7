//! A version of torch comes in; its release, its builds and what the package index serves for it come out.

use crate::{Capability, CudaVersion, Minor, Numbers, Variant};

include!(concat!(env!("OUT_DIR"), "/torch.rs"));

/// Where a build keeps the libraries of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CudaLibraries {
    /// In `torch/lib`.
    Bundled,
    /// In distributions of their own (`nvidia-cublas-cu12` and so on).
    Wheels,
}

/// A release of torch.
#[derive(Debug)]
pub struct Release {
    /// As the package index writes it.
    pub version: &'static str,
    /// The same, to be compared.
    pub numbers: Numbers,
    /// The day (UTC) on which its first file was uploaded.
    pub released: &'static str,
    /// Its Requires-Python.
    pub requires_python: &'static str,
    /// The minors of CPython that have a wheel.
    pub pythons: &'static [Minor],
    /// Python tags of free-threaded wheels: `cp313t`.
    pub free_threaded: &'static [&'static str],
    /// The variants on the project's own wheel index, Linux x86_64.
    pub index_variants: &'static [Variant],
    /// Whether that list was not read at its origin.
    pub index_variants_unverified: bool,
    /// The Linux x86_64 wheel of the package index.
    pub package_index: IndexWheel,
    /// The glibc that its symbols need, whatever its tag says.
    pub glibc_min: Minor,
    /// Whether libstdc++'s new ABI was used to build the wheel of the package index.
    pub cxx11_abi: bool,
    /// The variants for which it is the other way round.
    pub cxx11_abi_exceptions: &'static [Variant],
    /// The major of numpy whose headers it was built with.
    pub numpy_built_against: u8,
    /// Where the wheel of the package index has the libraries of CUDA.
    pub cuda_libraries: CudaLibraries,
    /// Its other requirements, as metadata writes them.
    pub requires: &'static [&'static str],
    /// Name and specifier of every wheel of CUDA it asks for.
    pub nvidia: &'static [(&'static str, &'static str)],
    /// Where the row was read.
    pub source: &'static str,
}

/// What the package index serves for Linux x86_64 when nothing but `torch==VERSION` is asked for.
#[derive(Debug)]
pub struct IndexWheel {
    /// What it is built for; its version carries no label that says so.
    pub variant: Variant,
    /// Its CUDA.
    pub cuda: CudaVersion,
    /// The cuDNN it asks for; not told for wheels that bundle it, see [`Build`].
    pub cudnn: Option<&'static str>,
    /// The NCCL it asks for.
    pub nccl: Option<&'static str>,
    /// The specifier of its requirement of triton.
    pub triton: Option<&'static str>,
    /// The marker of that requirement.
    pub triton_marker: Option<&'static str>,
    /// The cuda-toolkit it asks for, which names the parts of CUDA from 2.11 on.
    pub cuda_toolkit: Option<&'static str>,
    /// Platform tags of the x86_64 wheels; `manylinux1` is nominal, see `glibc_min`.
    pub tags_x86_64: &'static [&'static str],
    /// Platform tags of the aarch64 wheels.
    pub tags_aarch64: &'static [&'static str],
}

/// A Linux x86_64 build of a torch minor.
#[derive(Debug)]
pub struct Build {
    /// The minor of torch.
    pub torch: Minor,
    /// What it is built for.
    pub variant: Variant,
    /// Its CUDA.
    pub cuda: CudaVersion,
    /// Whether it is the one that the package index serves.
    pub on_package_index: bool,
    /// The capabilities it has cubins for.
    pub sm: &'static [Capability],
    /// The capabilities it has PTX for.
    pub ptx: &'static [Capability],
    /// Its cuDNN.
    pub cudnn: Option<&'static str>,
    /// Its NCCL.
    pub nccl: Option<&'static str>,
    /// Whether libstdc++'s new ABI was used.
    pub cxx11_abi: bool,
    /// The glibc that its symbols need.
    pub glibc_min: Minor,
    /// Whether a part of the row was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// What the package index serves for Linux aarch64, for a range of torch minors.
#[derive(Debug)]
pub struct Aarch64 {
    /// The first minor.
    pub since: Option<Minor>,
    /// The last minor.
    pub until: Option<Minor>,
    /// Whether the wheel is a build for CUDA.
    pub has_cuda: bool,
    /// Whether it was inferred.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// The code in the builds for Linux aarch64.
#[derive(Debug)]
pub struct Aarch64Build {
    /// The variants.
    pub variants: &'static [Variant],
    /// The capabilities they have cubins for.
    pub sm: &'static [Capability],
    /// Whether it was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

impl Release {
    /// Whether the build of this variant uses libstdc++'s new ABI.
    #[must_use]
    pub fn uses_cxx11_abi(&self, variant: Variant) -> bool {
        self.cxx11_abi != self.cxx11_abi_exceptions.contains(&variant)
    }

    /// The minor it belongs to.
    #[must_use]
    pub fn minor(&self) -> Option<Minor> {
        self.numbers.minor()
    }
}

/// The release of a version as metadata writes it; its local label does not matter. Pre-releases, nightlies and
/// NVIDIA's own builds (`2.4.0a0+f70bd71a48.nv24.6`) are no releases.
#[must_use]
pub fn release(version: &str) -> Option<&'static Release> {
    let (numbers, "") = Numbers::split(version)? else { return None };
    RELEASES.iter().find(|release| release.numbers == numbers)
}

/// Whether a version is newer than every release of the table, so that its absence there says nothing.
#[must_use]
pub fn is_newer_than_known(version: &str) -> bool {
    Numbers::split(version)
        .zip(RELEASES.last())
        .is_some_and(|((numbers, _), newest)| numbers > newest.numbers)
}

/// The builds of a torch minor, by variant.
pub fn builds(torch: Minor) -> impl Iterator<Item = &'static Build> {
    BUILDS.iter().filter(move |build| build.torch == torch)
}

/// The Linux x86_64 build of a torch minor for a variant.
#[must_use]
pub fn build(torch: Minor, variant: Variant) -> Option<&'static Build> {
    builds(torch).find(|build| build.variant == variant)
}

/// The variant that the package index serves for a version on Linux x86_64.
#[must_use]
pub fn package_index_variant(version: &str) -> Option<Variant> {
    release(version).map(|release| release.package_index.variant)
}

/// What the package index serves for a torch minor on Linux aarch64; `None` below and above what the table knows.
#[must_use]
pub fn aarch64(torch: Minor) -> Option<&'static Aarch64> {
    let known = |release: Option<&Release>| release.and_then(Release::minor);
    let (first, last) = (known(RELEASES.first())?, known(RELEASES.last())?);
    if torch < first || torch > last {
        return None;
    }
    AARCH64.iter().find(|row| {
        row.since.is_none_or(|since| torch >= since) && row.until.is_none_or(|until| torch <= until)
    })
}

/// The code in the Linux aarch64 build for a variant.
#[must_use]
pub fn aarch64_build(variant: Variant) -> Option<&'static Aarch64Build> {
    AARCH64_BUILDS.iter().find(|row| row.variants.contains(&variant))
}
