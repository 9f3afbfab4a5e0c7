//! The name and version of a package that goes with torch come in; the torch it wants comes out.

use crate::{CudaVersion, Minor, Numbers, Variant};

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

/// The CUDA that a build's label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelledCuda {
    /// None: a build for the CPU alone.
    Cpu,
    /// A major alone: `cu12`.
    Major(u16),
    /// `cu121`
    Version(CudaVersion),
}

impl LabelledCuda {
    /// The major of a CUDA build.
    #[must_use]
    pub const fn major(self) -> Option<u16> {
        match self {
            Self::Cpu => None,
            Self::Major(major) => Some(major),
            Self::Version(version) => Some(version.major),
        }
    }
}

/// What the local part of an extension's version says of the torch that it was built with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildLabel {
    /// Its CUDA.
    pub cuda: Option<LabelledCuda>,
    /// The minor of torch.
    pub torch: Option<Minor>,
    /// Whether libstdc++'s new ABI was used.
    pub cxx11_abi: Option<bool>,
}

impl BuildLabel {
    /// Reads a local version without its plus, as the projects write it: `cu121` (torchvision, torchaudio), `pt24cu121`
    /// (torch-scatter and its kin), `cu12torch2.3cxx11abiFALSE` (flash-attn, causal-conv1d, mamba-ssm), also as metadata
    /// normalises it (`cu12torch2.3cxx11abifalse`), `cu121.torch2.3.1` (exllamav2). A label of another kind is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if let Some(rest) = text.strip_prefix("pt") {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (torch, build) = rest.split_at_checked(digits)?;
            // The first digit is the major: pt113 is 1.13, pt24 is 2.4.
            let (major, minor) = torch.split_at_checked(1)?;
            let torch = Minor::parse(&format!("{major}.{minor}"))?;
            return Some(Self { cuda: Some(labelled(build)?), torch: Some(torch), cxx11_abi: None });
        }
        let Some((build, rest)) = text.split_once("torch") else {
            return Some(Self { cuda: Some(labelled(&text)?), ..Self::default() });
        };
        let (torch, abi) = match rest.split_once("cxx11abi") {
            None => (rest, None),
            Some((torch, "true")) => (torch, Some(true)),
            Some((torch, "false")) => (torch, Some(false)),
            Some(_) => return None,
        };
        let (numbers, "") = Numbers::split(torch)? else { return None };
        Some(Self {
            cuda: Some(labelled(build.strip_suffix('.').unwrap_or(build))?),
            torch: torch.contains('.').then(|| numbers.minor()).flatten(),
            cxx11_abi: abi,
        })
    }
}

/// `cpu`, `cu12`, `cu121`.
fn labelled(build: &str) -> Option<LabelledCuda> {
    // CUDA 1.x never was a build of anything here, so two digits below 20 are a major.
    if let Some(major) =
        ["10", "11", "12", "13", "14", "15"].iter().find(|m| build.strip_prefix("cu") == Some(m))
    {
        return major.parse().ok().map(LabelledCuda::Major);
    }
    match Variant::parse(build)? {
        Variant::Cpu => Some(LabelledCuda::Cpu),
        Variant::Cuda(version) => Some(LabelledCuda::Version(version)),
        Variant::Rocm(..) | Variant::Xpu => None,
    }
}
