//! What a binary was compiled for and a GPU's capability come in; whether it has code for that GPU comes out.
//!
//! The rules are those of the CUDA C++ Programming Guide (binary and PTX compatibility) with the exceptions of torch's
//! own table (`DEVICE_REQUIREMENT` in `torch/cuda/__init__.py`, 2.15.0), which is what torch's warning prints.

use crate::{Capability, CudaVersion, Reach, Target};

/// What runs on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    /// The cubin for this capability.
    Cubin(Capability),
    /// Nothing but the PTX for this capability, which the driver compiles at first use; a driver older than the toolkit
    /// that wrote it cannot.
    Ptx(Capability),
    /// Nothing: the first kernel ends with "no kernel image is available for execution on the device".
    No,
}

/// Parts with an integrated GPU, in the order in which they came: code for one runs on that one alone, and code for a
/// board does not run on them.
const TEGRA: [Capability; 5] = [
    Capability::new(5, 3),
    Capability::new(6, 2),
    Capability::new(7, 2),
    Capability::new(8, 7),
    Capability::new(11, 0),
];

/// The parts that a build with this CUDA takes for ordinary ones.
const TEGRA_OPENED: (CudaVersion, [Capability; 2]) =
    (CudaVersion::new(13, 2), [Capability::new(7, 2), Capability::new(8, 7)]);

/// CUDA 13.0 renamed 10.1 to 11.0; the device is one.
fn present_name(capability: Capability) -> Capability {
    if capability == Capability::new(10, 1) { Capability::new(11, 0) } else { capability }
}

/// Whether a cubin for `code`, in a build with this CUDA, runs on a GPU of capability `device`.
#[must_use]
pub fn reaches(code: Capability, device: Capability, cuda: CudaVersion) -> bool {
    let (code, device) = (present_name(code), present_name(device));
    if code == device {
        return true;
    }
    if code.major != device.major || code.minor > device.minor || TEGRA.contains(&code) {
        return false;
    }
    !TEGRA.contains(&device) || (cuda >= TEGRA_OPENED.0 && TEGRA_OPENED.1.contains(&device))
}

/// What of a build's cubins (`sm`) and PTX (`ptx`) runs on a GPU: the cubin nearest to it, else the PTX nearest to it.
#[must_use]
pub fn covers(sm: &[Capability], ptx: &[Capability], device: Capability, cuda: CudaVersion) -> Covered {
    if let Some(code) = sm.iter().copied().filter(|code| reaches(*code, device, cuda)).max() {
        return Covered::Cubin(code);
    }
    let compiles = |code: &Capability| *code <= device || present_name(*code) == present_name(device);
    ptx.iter().copied().filter(compiles).max().map_or(Covered::No, Covered::Ptx)
}

/// The same for targets as a binary names them. What is made for one architecture or family (`sm_90a`, `sm_100f`)
/// stands in torch for a few kernels beside the ordinary ones and never counts.
#[must_use]
pub fn covers_targets(targets: &[Target], device: Capability, cuda: CudaVersion) -> Covered {
    let ordinary = |ptx| -> Vec<Capability> {
        let counts = |target: &&Target| target.reach == Reach::Ordinary && target.ptx == ptx;
        targets.iter().filter(counts).map(|target| target.capability).collect()
    };
    covers(&ordinary(false), &ordinary(true), device, cuda)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Minor, Variant, torch};

    fn cc(text: &str) -> Capability {
        Capability::parse(text).unwrap()
    }

    const OLD: CudaVersion = CudaVersion::new(12, 8);

    #[test]
    fn builds_of_torch() {
        let cubin = |text| Covered::Cubin(cc(text));
        for (minor, variant, device, covered) in [
            ("1.12", "cu102", "7.5", cubin("7.0")),
            ("1.13", "cu117", "9.0", Covered::No),
            ("2.1", "cu118", "3.7", cubin("3.7")),
            ("2.1", "cu121", "3.7", Covered::No),
            ("2.1", "cu121", "8.7", Covered::No),
            ("2.6", "cu124", "8.9", cubin("8.6")),
            ("2.6", "cu124", "12.0", Covered::No),
            ("2.7", "cu128", "7.0", Covered::No),
            ("2.7", "cu128", "12.1", cubin("12.0")),
            ("2.8", "cu126", "6.1", cubin("6.0")),
            ("2.9", "cu130", "7.0", Covered::No),
            ("2.10", "cu128", "7.0", cubin("7.0")),
            ("2.11", "cu128", "7.0", Covered::No),
            ("2.14", "cu130", "10.3", cubin("10.0")),
            ("2.15", "cu132", "8.7", cubin("8.6")),
            ("2.15", "cu130", "8.7", Covered::No),
        ] {
            let build = torch::build(Minor::parse(minor).unwrap(), Variant::parse(variant).unwrap()).unwrap();
            let told = covers(build.sm, build.ptx, cc(device), build.cuda);
            assert_eq!(told, covered, "{minor} {variant} on {device}");
        }
        let orin = torch::aarch64_build(Variant::parse("cu132").unwrap()).unwrap();
        assert_eq!(covers(orin.sm, &[], cc("8.7"), CudaVersion::new(13, 2)), cubin("8.0"));
    }

    /// Every code against every device, as the table of torch 2.15.0 has it.
    #[test]
    fn each_code_reaches_what_the_table_says() {
        let all = [
            "3.5", "3.7", "5.0", "5.2", "5.3", "6.0", "6.1", "6.2", "7.0", "7.2", "7.5", "8.0", "8.6", "8.7",
            "8.9", "9.0", "10.0", "10.1", "10.3", "11.0", "12.0", "12.1",
        ];
        for (code, devices) in [
            ("3.5", &["3.5", "3.7"][..]),
            ("3.7", &["3.7"]),
            ("5.0", &["5.0", "5.2"]),
            ("5.2", &["5.2"]),
            ("5.3", &["5.3"]),
            ("6.0", &["6.0", "6.1"]),
            ("6.1", &["6.1"]),
            ("6.2", &["6.2"]),
            ("7.0", &["7.0", "7.5"]),
            ("7.2", &["7.2"]),
            ("7.5", &["7.5"]),
            ("8.0", &["8.0", "8.6", "8.9"]),
            ("8.6", &["8.6", "8.9"]),
            ("8.7", &["8.7"]),
            ("8.9", &["8.9"]),
            ("9.0", &["9.0"]),
            ("10.0", &["10.0", "10.3"]),
            ("10.1", &["10.1", "11.0"]),
            ("10.3", &["10.3"]),
            ("11.0", &["10.1", "11.0"]),
            ("12.0", &["12.0", "12.1"]),
            ("12.1", &["12.1"]),
        ] {
            let told: Vec<&str> =
                all.into_iter().filter(|device| reaches(cc(code), cc(device), OLD)).collect();
            assert_eq!(told, devices, "{code}");
        }
        for (code, device, reached) in [
            ("7.0", "7.2", true),
            ("8.0", "8.7", true),
            ("8.6", "8.7", true),
            ("8.7", "8.9", false),
            ("7.2", "7.5", false),
            ("5.0", "5.3", false),
            ("6.0", "6.2", false),
            ("8.9", "8.7", false),
        ] {
            assert_eq!(reaches(cc(code), cc(device), CudaVersion::new(13, 2)), reached, "{code} on {device}");
        }
    }

    #[test]
    fn ptx_goes_up_and_across_majors() {
        for (ptx, device, covered) in [
            ("12.0", "12.1", true),
            ("12.0", "13.0", true),
            ("9.0", "12.0", true),
            ("12.0", "9.0", false),
            ("8.0", "8.7", true),
            ("5.2", "5.3", true),
            ("10.3", "10.1", false),
            ("11.0", "10.1", true),
        ] {
            let told = covers(&[], &[cc(ptx)], cc(device), OLD);
            assert_eq!(told, if covered { Covered::Ptx(cc(ptx)) } else { Covered::No }, "{ptx} on {device}");
        }
        assert_eq!(
            covers(&[cc("8.0")], &[cc("8.6")], cc("8.9"), OLD),
            Covered::Cubin(cc("8.0")),
            "a cubin is taken"
        );
        assert_eq!(covers(&[], &[], cc("8.9"), OLD), Covered::No);
    }

    #[test]
    fn special_targets_never_count() {
        let targets =
            |texts: &[&str]| -> Vec<Target> { texts.iter().map(|t| Target::parse(t).unwrap()).collect() };
        for (list, device, covered) in [
            (&["sm_80", "sm_90a"][..], "9.0", Covered::No),
            (&["sm_100f"], "10.3", Covered::No),
            (&["compute_90a"], "9.0", Covered::No),
            (&["sm_90", "sm_90a", "compute_90"], "9.0", Covered::Cubin(cc("9.0"))),
            (&["sm_90a", "compute_90"], "12.0", Covered::Ptx(cc("9.0"))),
        ] {
            assert_eq!(covers_targets(&targets(list), cc(device), OLD), covered, "{list:?} on {device}");
        }
    }
}
