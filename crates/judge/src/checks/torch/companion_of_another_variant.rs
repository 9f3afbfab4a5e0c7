//! torch and the torchvision and torchaudio beside it come in; what was built for another CUDA comes out: an error where
//! their own import refuses it, a warning where a part of them will not work.
//!
//! The rules are those of the packages: `torchaudio/_extension` compares major and minor (read in 0.13.1, 2.1.2, 2.6.0,
//! 2.11.0), `torchvision/extension.py` both up to 0.15 (0.14.1, 0.15.2) and the major alone from 0.16 on (0.16.2, 0.29.2).
//! torchtext and torchdata have no code for GPUs: their wheels say `+cpu` beside any torch.

use envdiff_facts::{CudaVersion, Minor};
use envdiff_model::{Companion, Severity, Text, TorchVariant, say};

use crate::case::{Case, Spoken};
use crate::stack;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    let Some(variant) = torch.variant.value() else { return Vec::new() };
    torch
        .companions
        .iter()
        .filter(|companion| companion.name == "torchvision" || companion.name == "torchaudio")
        .filter_map(|companion| {
            let built = companion.cuda.value()?;
            let (severity, why) = match (variant, built) {
                (TorchVariant::Cuda(_), Some(cuda)) => {
                    differs(stack::cuda(torch)?, cuda, companion).then_some((Severity::Error, REFUSES))?
                }
                (TorchVariant::Cpu, Some(_)) => without_cuda(companion),
                (TorchVariant::Cuda(_), None) => {
                    let matters = companion.name == "torchvision" && !stack::hosts_lack_gpus(case);
                    matters.then_some((Severity::Warning, NO_KERNELS))?
                }
                (TorchVariant::Cpu, None) | (TorchVariant::Rocm(_) | TorchVariant::Xpu(_), _) => return None,
            };
            let told = |cuda: Option<&Text>| match cuda {
                Some(cuda) => say!("for CUDA ", cuda),
                None => "for the CPU alone".into(),
            };
            Some(
                Spoken::new(
                    companion.name.clone(),
                    say!(
                        companion.name,
                        " ",
                        companion.version,
                        " is built ",
                        told(built.as_ref()),
                        ", torch ",
                        torch.version,
                        " ",
                        told(variant.version())
                    ),
                )
                .severity(severity)
                .seen(companion.cuda.evidence().iter().cloned())
                .seen(torch.variant.evidence().iter().cloned())
                .why(why)
                .fix("install both from the same index, in one command"),
            )
        })
        .collect()
}

const REFUSES: &str = "its import compares the two and ends with RuntimeError: \"Detected that PyTorch and … were compiled with \
                       different CUDA versions\"";
const NO_KERNELS: &str = "its operators have no code for GPUs: `nms` and `roi_align` on a GPU end with NotImplementedError: \
                          \"Could not run 'torchvision::nms' with arguments from the 'CUDA' backend\"";

/// Whether its import refuses this torch.
fn differs(torch: CudaVersion, built: &Text, companion: &Companion) -> bool {
    let Some(built) = built.as_str() else { return false };
    let major_alone = companion.name == "torchvision"
        && companion.version.as_str().and_then(Minor::of).is_none_or(|minor| minor >= Minor::new(0, 16));
    match (CudaVersion::parse(built), built.parse::<u16>()) {
        (Some(built), _) if major_alone => built.major != torch.major,
        (Some(built), _) => built != torch,
        (None, Ok(major)) => major != torch.major,
        (None, Err(_)) => false,
    }
}

/// A build for CUDA beside a torch without.
fn without_cuda(companion: &Companion) -> (Severity, &'static str) {
    let goes_on = companion.name == "torchvision"
        && companion.version.as_str().and_then(Minor::of).is_some_and(|minor| minor < Minor::new(0, 16));
    if goes_on {
        (Severity::Warning, "its library needs libtorch_cuda.so: the import goes on without its operators")
    } else {
        (
            Severity::Error,
            "its library needs libtorch_cuda.so, which this torch does not have: the import fails, for torchvision with \
             \"operator torchvision::nms does not exist\"",
        )
    }
}
