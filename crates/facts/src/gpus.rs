//! The name of a GPU as a tool prints it, or a cloud's instance type, comes in; its capability, kind and generation
//! come out.

use crate::{Capability, DriverVersion};

// A GPU refers to its generation by place; the build script looked the place up.
#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses a place that is not there"
)]
mod rows {
    use super::{Generation, Gpu, Instance, Kind};
    use crate::Capability;

    include!(concat!(env!("OUT_DIR"), "/gpus.rs"));
}
pub use rows::{CHECKED, GENERATIONS, GPUS, INSTANCES};

/// What a GPU is sold as; forward compatibility depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// For servers.
    Datacenter,
    /// For workstations: Quadro, RTX.
    Workstation,
    /// GeForce and TITAN.
    Consumer,
    /// Integrated: Jetson.
    Jetson,
}

/// A generation of GPUs.
#[derive(Debug)]
pub struct Generation {
    /// `Ampere`
    pub name: &'static str,
    /// Its lowest and highest capability.
    pub capabilities: (Capability, Capability),
    /// The first driver branch that drives it, some models only in a later build.
    pub first_branch: Option<u16>,
    /// The last driver branch that drives it; `None` while the newest does.
    pub last_branch: Option<u16>,
    /// Whether a part of the row was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// A GPU.
#[derive(Debug)]
pub struct Gpu {
    /// As nvidia-smi prints it.
    pub name: &'static str,
    /// Its compute capability.
    pub capability: Capability,
    /// Its generation.
    pub generation: &'static Generation,
    /// What it is sold as.
    pub kind: Kind,
    /// What `brand=` is compared with in `NVIDIA_REQUIRE_*`; not verified for each model.
    pub brand: Option<&'static str>,
    /// Where the row was read.
    pub source: &'static str,
}

/// A cloud's instance type, or a family of them.
#[derive(Debug)]
pub struct Instance {
    /// `aws`, `gcp`, `azure`
    pub cloud: &'static str,
    /// `g4dn`, `a2-highgpu`, `Standard_NC4as_T4_v3`
    pub name: &'static str,
    /// The GPU it has.
    pub gpu: &'static Gpu,
    /// Whether it is from general knowledge.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// Whether a driver drives a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// It does, as far as the table tells; a branch newer than all that it knows is taken for one that does.
    Yes,
    /// It came before the GPU: this is the first branch that does.
    NotYet(u16),
    /// It dropped the GPU: this is the last branch that did.
    Dropped(u16),
    /// Drivers of Jetson are numbered otherwise.
    Unknown,
}

impl Generation {
    /// Whether a driver of boards drives this generation.
    #[must_use]
    pub fn driven_by(&self, driver: DriverVersion) -> Driven {
        match (self.first_branch, self.last_branch) {
            (_, Some(last)) if driver.branch > last => Driven::Dropped(last),
            (Some(first), _) if driver.branch < first => Driven::NotYet(first),
            _ => Driven::Yes,
        }
    }
}

impl Gpu {
    /// Whether a driver drives this GPU.
    #[must_use]
    pub fn driven_by(&self, driver: DriverVersion) -> Driven {
        if self.kind == Kind::Jetson { Driven::Unknown } else { self.generation.driven_by(driver) }
    }
}

/// The generation of a capability, for a GPU of which nothing else is known.
#[must_use]
pub fn generation_of(capability: Capability) -> Option<&'static Generation> {
    // Of two that hold it the later one is the narrower: Blackwell Ultra within Blackwell.
    GENERATIONS.iter().rfind(|row| row.capabilities.0 <= capability && capability <= row.capabilities.1)
}

/// The words of a name that tell GPUs apart: without NVIDIA's own names, in lower case.
fn words(name: &str) -> Vec<String> {
    name.split(|c: char| c.is_whitespace() || c == '-' || c == '_')
        .map(str::to_ascii_lowercase)
        .filter(|word| {
            // What stands in brackets is a driver's note: `Orin (nvgpu)`.
            !word.is_empty()
                && !word.starts_with('(')
                && !matches!(word.as_str(), "nvidia" | "geforce" | "tesla" | "grid")
        })
        .collect()
}

/// The same without what changes neither capability nor kind: memory, form factor, slice and sharing.
fn model(name: &str) -> Vec<String> {
    let mut words = words(name);
    if let Some(slice) = words.iter().position(|word| word == "mig") {
        words.truncate(slice);
    }
    if let Some(max_q) = words.windows(4).position(|four| four == ["with", "max", "q", "design"]) {
        words.drain(max_q..max_q + 4);
    }
    // 80GB, and the profile of a virtual GPU: 16Q.
    let is_size = |word: &str| {
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
        unit.len() < word.len() && matches!(unit, "gb" | "q" | "c" | "a" | "b")
    };
    let is_form = |word: &str| {
        matches!(word, "pcie" | "nvl" | "fhhl" | "ac" | "laptop" | "gpu" | "shared" | "generation")
            || ["sxm", "hbm"].iter().any(|form| word.starts_with(form))
    };
    words.retain(|word| !is_size(word) && !is_form(word));
    words
}

/// The GPU of a name as nvidia-smi, a node label or a person writes it: case, the words NVIDIA, GeForce and Tesla, and
/// hyphens for blanks do not matter; memory and form factor (`80GB`, `PCIe`) may be left out or be others where all
/// GPUs of that name are of one capability and kind.
#[must_use]
pub fn named(name: &str) -> Option<&'static Gpu> {
    let wanted = words(name);
    if wanted.is_empty() {
        return None;
    }
    if let Some(gpu) = GPUS.iter().find(|gpu| words(gpu.name) == wanted) {
        return Some(gpu);
    }
    let wanted = model(name);
    if wanted.is_empty() {
        return None;
    }
    let mut candidates = GPUS.iter().filter(|gpu| model(gpu.name) == wanted);
    let first = candidates.next()?;
    candidates.all(|gpu| (gpu.capability, gpu.kind) == (first.capability, first.kind)).then_some(first)
}

/// The row of an instance type: `g4dn.xlarge`, `ml.g5.2xlarge`, `a2-highgpu-1g`, `Standard_NC8as_T4_v3`, and
/// `nvidia-tesla-t4`, which is attached to a machine of any type.
#[must_use]
pub fn instance(name: &str) -> Option<&'static Instance> {
    let name = name.trim().to_ascii_lowercase();
    INSTANCES.iter().find(|row| {
        let own = row.name.to_ascii_lowercase();
        match row.cloud {
            "aws" => {
                let name = name.strip_prefix("ml.").unwrap_or(&name);
                name.split('.').next() == Some(own.as_str())
            }
            "gcp" => {
                let accelerator = own.split_once(" + ").map(|(_, accelerator)| accelerator);
                accelerator == Some(name.as_str())
                    || name.strip_prefix(&own).is_some_and(|size| size.is_empty() || size.starts_with('-'))
            }
            "azure" => without_size(&own) == without_size(&name),
            _ => own == name,
        }
    })
}

/// A type of Azure without its number of cores: `standard_nc#as_t4_v3` of `standard_nc8as_t4_v3`.
fn without_size(name: &str) -> String {
    let digits = |c: char| c.is_ascii_digit();
    let start = name.find(digits).unwrap_or(name.len());
    let (family, rest) = name.split_at_checked(start).unwrap_or((name, ""));
    format!("{family}#{}", rest.trim_start_matches(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_tools_and_people_write_them() {
        for (name, capability) in [
            ("Tesla T4", "7.5"),
            ("tesla t4", "7.5"),
            ("T4", "7.5"),
            ("Tesla-T4", "7.5"),
            ("GRID T4-16Q", "7.5"),
            ("NVIDIA A100-SXM4-40GB", "8.0"),
            ("A100-SXM4-40GB", "8.0"),
            ("A100", "8.0"),
            ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "8.0"),
            ("NVIDIA A100 80GB PCIe MIG 1g.10gb", "8.0"),
            ("NVIDIA-A10G-SHARED", "8.6"),
            ("V100", "7.0"),
            ("Tesla V100-SXM2-32GB", "7.0"),
            ("H100", "9.0"),
            ("NVIDIA H100 80GB HBM2e", "9.0"),
            ("NVIDIA H200", "9.0"),
            ("L40S", "8.9"),
            ("GeForce RTX 3090", "8.6"),
            ("NVIDIA GeForce RTX 3090", "8.6"),
            ("rtx 3090", "8.6"),
            ("NVIDIA GeForce RTX 4090 Laptop GPU", "8.9"),
            ("GeForce GTX 1060 3GB", "6.1"),
            ("GeForce GTX 1650 with Max-Q Design", "7.5"),
            ("Quadro RTX 6000", "7.5"),
            ("RTX 6000 Ada", "8.9"),
            ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "12.0"),
            ("Orin", "8.7"),
            ("NVIDIA GB10", "12.1"),
        ] {
            let told = named(name).map(|gpu| gpu.capability.to_string());
            assert_eq!(told.as_deref(), Some(capability), "{name}");
        }
        // Of two kinds or generations, of no table, or nothing at all.
        for name in ["RTX 6000", "RTX PRO 6000 Blackwell", "T4000", "A1000", "", "NVIDIA", "80GB", "MIG", "é"]
        {
            assert!(named(name).is_none(), "{name}: {:?}", named(name).map(|gpu| gpu.name));
        }
        for gpu in GPUS {
            // Two names that differ in what does not matter are one GPU: `A100-SXM4-40GB` is the name before driver
            // 465.
            for name in [gpu.name.to_owned(), gpu.name.to_uppercase(), gpu.name.replace(' ', "-")] {
                let told = named(&name).unwrap();
                assert_eq!(words(told.name), words(gpu.name));
                assert_eq!((told.capability, told.kind), (gpu.capability, gpu.kind), "{name}");
            }
        }
    }

    #[test]
    fn instance_types() {
        for (name, gpu) in [
            ("g4dn.xlarge", "Tesla T4"),
            ("ml.g5.2xlarge", "NVIDIA A10G"),
            ("p3dn.24xlarge", "Tesla V100-SXM2-32GB"),
            ("p3.8xlarge", "Tesla V100-SXM2-16GB"),
            ("p6-b200.48xlarge", "NVIDIA B200"),
            ("a2-highgpu-1g", "NVIDIA A100-SXM4-40GB"),
            ("g2-standard-4", "NVIDIA L4"),
            ("nvidia-tesla-t4", "Tesla T4"),
            ("Standard_NC8as_T4_v3", "Tesla T4"),
            ("standard_nc24s_v3", "Tesla V100-PCIE-16GB"),
            ("Standard_NC12", "Tesla K80"),
            ("Standard_NV36ads_A10_v5", "NVIDIA A10"),
        ] {
            assert_eq!(instance(name).map(|row| row.gpu.name), Some(gpu), "{name}");
        }
        for name in
            ["g4ad.xlarge", "m5.large", "n1-standard-4", "Standard_NC6s_v2", "Standard_D2s_v3", "", "g2"]
        {
            assert!(instance(name).is_none(), "{name}: {:?}", instance(name).map(|row| row.name));
        }
    }

    #[test]
    fn generations_and_drivers() {
        let driver = |text| DriverVersion::parse(text).unwrap();
        for (gpu, version, driven) in [
            ("V100", "590.48.01", Driven::Dropped(580)),
            ("V100", "580.95.05", Driven::Yes),
            ("K80", "495.29.05", Driven::Dropped(470)),
            ("GTX 1080", "595.58.03", Driven::Dropped(580)),
            ("T4", "620.10", Driven::Yes),
            ("T4", "900.10", Driven::Yes),
            ("T4", "390.10", Driven::NotYet(410)),
            ("B200", "565.57.01", Driven::NotYet(570)),
            ("B300", "575.57.08", Driven::NotYet(580)),
            ("RTX 5090", "570.124.06", Driven::Yes),
            ("Orin", "540.4", Driven::Unknown),
        ] {
            assert_eq!(named(gpu).unwrap().driven_by(driver(version)), driven, "{gpu} on {version}");
        }
        for (capability, name) in [
            ("3.7", Some("Kepler")),
            ("7.0", Some("Volta")),
            ("7.5", Some("Turing")),
            ("8.9", Some("Ada Lovelace")),
            ("10.0", Some("Blackwell")),
            ("10.3", Some("Blackwell Ultra")),
            ("12.0", Some("Blackwell")),
            ("4.0", None),
            ("13.0", None),
        ] {
            let told = generation_of(Capability::parse(capability).unwrap()).map(|row| row.name);
            assert_eq!(told, name, "{capability}");
        }
    }
}
