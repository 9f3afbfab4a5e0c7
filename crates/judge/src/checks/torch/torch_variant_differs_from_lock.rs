//! A lock whose CUDA wheels tell its torch's build, and the image's torch come in; what comes out is a warning where the
//! accelerator or the CUDA major is another, and a note where the minor is.

use envdiff_facts::CudaVersion;
use envdiff_model::{Evidence, Severity, TorchVariant, Verdict, say};

use crate::case::{Case, Spoken};
use crate::stack;
use crate::training::pin;

/// The CUDA of the torch that a lock was made with.
pub(crate) struct LockedCuda {
    pub(crate) version: CudaVersion,
    pub(crate) cuda: String,
    pub(crate) evidence: Evidence,
}

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    // Another version, also one that only its label makes another, has its own finding.
    let is_told = case
        .of(Verdict::VersionMismatch)
        .any(|subject| subject.requirement.name.as_ref().is_some_and(|name| name.as_str() == "torch"));
    if is_told {
        return Vec::new();
    }
    let (Some(locked), Some(variant)) = (locked_cuda(case), torch.variant.value()) else { return Vec::new() };
    let (built, severity) = match variant {
        // That has a finding of its own.
        TorchVariant::Cpu => return Vec::new(),
        TorchVariant::Rocm(version) => (say!("ROCm ", version), Severity::Warning),
        TorchVariant::Xpu(version) => (say!("oneAPI ", version), Severity::Warning),
        TorchVariant::Cuda(version) => match stack::cuda(torch) {
            Some(cuda) if cuda.major != locked.version.major => (say!("CUDA ", version), Severity::Warning),
            Some(cuda) if cuda != locked.version => (say!("CUDA ", version), Severity::Note),
            Some(_) | None => return Vec::new(),
        },
    };
    let why = match severity {
        Severity::Note => {
            "within a major of CUDA results and drivers go together; what was compiled against the other minor may not"
        }
        Severity::Warning | Severity::Error => {
            "extensions and compiled models of the one do not load in the other, and the driver that it needs is another"
        }
    };
    vec![
        Spoken::new(
            "torch",
            say!(
                "torch ",
                torch.version,
                " is built for ",
                built,
                ", the lock's torch for CUDA ",
                locked.cuda
            ),
        )
        .severity(severity)
        .seen(torch.variant.evidence().iter().cloned())
        .seen([locked.evidence])
        .why(why)
        .fix("install torch from the index of the build that training had"),
    ]
}

/// By the label of its pin of torch, else by its pin of the CUDA runtime, whose version is that of CUDA.
pub(crate) fn locked_cuda(case: &Case<'_>) -> Option<LockedCuda> {
    let runtimes = [
        "nvidia-cuda-runtime-cu11",
        "nvidia-cuda-runtime-cu12",
        "nvidia-cuda-runtime-cu13",
        "nvidia-cuda-runtime",
    ];
    let pins =
        case.judged.iter().filter(|judged| judged.verdict != Verdict::NotApplicable).filter_map(|judged| {
            let subject = case.subject(judged)?;
            let requirement = subject.requirement;
            Some((requirement.name.as_ref()?.as_str(), pin(&requirement.specifier)?, requirement))
        });
    let told = pins.filter_map(|(name, version, requirement)| {
        let cuda = match name {
            "torch" => envdiff_facts::Variant::of_version(&version)?.cuda()?,
            name if runtimes.contains(&name) => CudaVersion::parse(&version)?,
            _ => return None,
        };
        let evidence = Evidence::new(
            requirement.at.file.clone(),
            say!("line ", requirement.at.line, ": ", requirement.text),
        );
        Some((name != "torch", LockedCuda { version: cuda, cuda: cuda.to_string(), evidence }))
    });
    told.min_by_key(|(is_runtime, _)| *is_runtime).map(|(_, locked)| locked)
}
