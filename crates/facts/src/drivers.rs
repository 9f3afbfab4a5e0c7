//! A driver version comes in; its branch and its own CUDA come out, and whether a CUDA runtime works with it on a GPU.

use crate::gpus::Kind;
use crate::{CudaVersion, DriverVersion, cuda};

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

/// How a CUDA runtime goes with a host's driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The driver has everything that this CUDA can ask for.
    Fine,
    /// It runs, with the limits of minor-version compatibility: PTX of a newer toolkit is not compiled (error 222),
    /// what came after the driver's own CUDA is not supported.
    MinorVersionCompatibility,
    /// It runs through the user-mode driver of the cuda-compat package in the image.
    ForwardCompatibility,
    /// CUDA does not start: error 35, "CUDA driver version is insufficient for CUDA runtime version".
    TooOld,
    /// The compat package does not work on such a GPU: error 804.
    ForwardNotOnThisGpu,
    /// The compat package is not made for the host's driver branch.
    ForwardNotForThisBranch,
    /// The tables cannot tell.
    Unknown(Doubt),
}

/// Why the tables cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The CUDA's major, or a minor from before CUDA 11, is in no table.
    CudaNotKnown,
    /// It runs, but whether in full or under minor-version compatibility needs a toolkit's driver that is in no table.
    ToolkitDriverNotKnown,
    /// Which host branches the compat package is made for is in no table.
    HostBranchesNotKnown,
    /// Earlier builds of the images with this compat package list the host's branch, later ones do not.
    BuildsDiffer,
    /// The compat package decides, and which GPU it meets is not known.
    GpuNotKnown,
    /// The compat package works on the workstation boards sold in NGC-Ready servers and on no others.
    NgcReadyNotKnown,
    /// Drivers of Jetson are numbered otherwise; these tables are those of boards.
    JetsonDriver,
}

/// How a CUDA runtime (torch's, not the toolkit's in the image) goes with a host's driver.
///
/// `compat` is the CUDA of the cuda-compat package that the loader would find in the image, see
/// [`cuda::cuda_of_compat`] and, for a bare `libcuda.so.530.30.02`, [`own_cuda`]. Whether a driver dropped the GPU
/// itself is asked of [`crate::gpus::Gpu::driven_by`].
///
/// The rules: NVIDIA's CUDA Compatibility (backward, minor-version and forward compatibility).
#[must_use]
pub fn verdict(
    runtime: CudaVersion,
    driver: DriverVersion,
    gpu: Option<Kind>,
    compat: Option<CudaVersion>,
) -> Verdict {
    if gpu == Some(Kind::Jetson) {
        return Verdict::Unknown(Doubt::JetsonDriver);
    }
    let own = own_cuda(driver);
    let toolkit = cuda::toolkit_driver(runtime);
    if own.at_least.is_some_and(|own| own >= runtime) || toolkit.is_some_and(|needed| driver >= needed) {
        return Verdict::Fine;
    }
    let Some(floor) = cuda::floor(runtime) else { return Verdict::Unknown(Doubt::CudaNotKnown) };
    if driver < floor {
        return below_floor(runtime, driver, gpu, compat);
    }
    if own.at_most.is_some_and(|own| own < runtime) || toolkit.is_some() {
        Verdict::MinorVersionCompatibility
    } else if is_newer_than_known(driver) && cuda::releases(runtime).next().is_some() {
        // The table knows this CUDA, and a driver newer than all that it knows came after it.
        Verdict::Fine
    } else {
        Verdict::Unknown(Doubt::ToolkitDriverNotKnown)
    }
}

fn below_floor(
    runtime: CudaVersion,
    driver: DriverVersion,
    gpu: Option<Kind>,
    compat: Option<CudaVersion>,
) -> Verdict {
    // The package's user-mode driver takes the place of the host's: it must reach the floor, that is the runtime's
    // major.
    let Some(compat) = compat.filter(|compat| compat.major >= runtime.major) else { return Verdict::TooOld };
    if gpu == Some(Kind::Consumer) {
        return Verdict::ForwardNotOnThisGpu;
    }
    let Some(package) = cuda::compat(compat).filter(|package| !package.host_branches.is_empty()) else {
        return Verdict::Unknown(Doubt::HostBranchesNotKnown);
    };
    if !package.host_branches.contains(&driver.branch) {
        return Verdict::ForwardNotForThisBranch;
    }
    if !package.later_host_branches.is_empty() && !package.later_host_branches.contains(&driver.branch) {
        return Verdict::Unknown(Doubt::BuildsDiffer);
    }
    match gpu {
        Some(Kind::Datacenter) => Verdict::ForwardCompatibility,
        Some(Kind::Workstation) => Verdict::Unknown(Doubt::NgcReadyNotKnown),
        Some(Kind::Consumer) => Verdict::ForwardNotOnThisGpu,
        Some(Kind::Jetson) => Verdict::Unknown(Doubt::JetsonDriver),
        None => Verdict::Unknown(Doubt::GpuNotKnown),
    }
}

#[cfg(test)]
mod tests {
    use super::Doubt::*;
    use super::Verdict::*;
    use super::*;
    use crate::gpus::Kind::*;

    fn told(runtime: &str, driver: &str, gpu: Option<Kind>, compat: &str) -> Verdict {
        let compat = (compat != "-").then(|| cuda::cuda_of_compat(compat).unwrap());
        verdict(CudaVersion::parse(runtime).unwrap(), DriverVersion::parse(driver).unwrap(), gpu, compat)
    }

    #[test]
    fn runtimes_and_drivers() {
        for (runtime, driver, gpu, compat, verdict) in [
            ("12.1", "535.104.05", None, "-", Fine),
            ("12.8", "535.104.05", None, "-", MinorVersionCompatibility),
            ("12.1", "470.199.02", Some(Datacenter), "cuda-compat-12-1", ForwardCompatibility),
            ("12.1", "470.199.02", Some(Consumer), "cuda-compat-12-1", ForwardNotOnThisGpu),
            ("12.1", "470.199.02", None, "-", TooOld),
            ("13.0", "570.124.06", None, "-", TooOld),
            ("13.0", "570.124.06", Some(Datacenter), "cuda-compat-13-0", ForwardCompatibility),
            ("13.0", "560.35.05", Some(Datacenter), "cuda-compat-13-0", ForwardNotForThisBranch),
            ("11.8", "580.65.06", None, "-", Fine),
            ("11.8", "450.80.02", None, "-", MinorVersionCompatibility),
            ("11.8", "450.51.06", None, "-", TooOld),
            ("12.6", "590.48.01", Some(Datacenter), "-", Fine),
            // The CUDA of the driver itself decides, not the build that one toolkit happened to ship.
            ("12.0", "525.60.13", None, "-", Fine),
            ("12.1", "525.60.13", None, "-", MinorVersionCompatibility),
            ("12.0", "525.60.11", None, "-", Fine),
            ("12.1", "525.60.11", None, "-", TooOld),
            ("11.0", "450.36.06", None, "-", Fine),
            ("12.8", "570.26", None, "-", Fine),
            ("12.7", "565.57.01", None, "-", Fine),
            ("13.0", "580.65.06", None, "-", Fine),
            // Before CUDA 11 each minor has its own floor.
            ("10.2", "440.33", None, "-", Fine),
            ("10.2", "430.50", None, "-", TooOld),
            ("10.1", "418.39", None, "-", Fine),
            ("9.2", "418.39", None, "-", Fine),
            ("9.2", "396.26", None, "-", Unknown(CudaNotKnown)),
            // Branches that no table has, between and above those that it has.
            ("12.2", "540.0", None, "-", Fine),
            ("12.4", "540.0", None, "-", MinorVersionCompatibility),
            ("13.2", "700.10.01", None, "-", Fine),
            ("13.4", "700.10.01", None, "-", Fine),
            ("13.5", "700.10.01", None, "-", Fine),
            ("13.9", "700.10.01", None, "-", Unknown(ToolkitDriverNotKnown)),
            ("13.9", "610.43.02", None, "-", MinorVersionCompatibility),
            ("13.9", "570.26", None, "-", TooOld),
            ("13.4", "615.10", None, "-", Unknown(ToolkitDriverNotKnown)),
            ("14.0", "700.10.01", None, "-", Unknown(CudaNotKnown)),
            // What a compat package can and cannot do.
            ("12.4", "470.199.02", Some(Datacenter), "cuda-compat-12-1", ForwardCompatibility),
            ("11.8", "440.33", Some(Datacenter), "cuda-compat-12-1", ForwardNotForThisBranch),
            ("13.0", "535.104.05", Some(Datacenter), "cuda-compat-12-8", TooOld),
            ("12.1", "515.48.07", Some(Datacenter), "cuda-compat-12-1", Unknown(BuildsDiffer)),
            ("12.2", "470.199.02", Some(Datacenter), "cuda-compat-12-2", Unknown(HostBranchesNotKnown)),
            ("13.1", "535.104.05", Some(Datacenter), "cuda-compat-13-1", Unknown(HostBranchesNotKnown)),
            ("12.1", "470.199.02", None, "cuda-compat-12-1", Unknown(GpuNotKnown)),
            ("12.1", "470.199.02", Some(Workstation), "cuda-compat-12-1", Unknown(NgcReadyNotKnown)),
            ("12.1", "535.104.05", Some(Consumer), "cuda-compat-12-1", Fine),
            ("12.6", "35.4.1", Some(Jetson), "-", Unknown(JetsonDriver)),
        ] {
            assert_eq!(
                told(runtime, driver, gpu, compat),
                verdict,
                "{runtime} on {driver}, {gpu:?}, {compat}"
            );
        }
    }

    #[test]
    fn a_driver_runs_every_older_cuda() {
        for branch in BRANCHES.iter().filter(|row| !row.unverified) {
            let Some(own) = branch.cuda else { continue };
            for release in cuda::RELEASES.iter().filter(|release| release.cuda <= own) {
                let driver = DriverVersion::new(branch.branch, 0, 0);
                assert_eq!(
                    verdict(release.cuda, driver, None, None),
                    Fine,
                    "{} on {driver}",
                    release.version
                );
            }
        }
    }

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
