//! The CUDA wheels that torch pins come in; what comes out for each of another version: an error where torch is known to
//! refuse it, a note where it is known to go on, else a warning.

use envdiff_facts::Numbers;
use envdiff_model::{CudaLibraries, Evidence, Severity, say};

use super::nvidia_wheel_missing::is_of_torch;
use crate::case::{Case, Spoken, seen};
use crate::checks::installed::requirement_of_installed_package_broken::{Broken, judge};
use crate::needs::Edge;
use crate::stack;
use crate::training::pin;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    stack::torch_needs(case).filter(|edge| differs(case, edge)).filter_map(|edge| speak(case, edge)).collect()
}

/// What such a requirement means is told here.
pub(crate) fn tells(case: &Case<'_>, edge: &Edge<'_>) -> bool {
    is_of_torch(edge) && differs(case, edge)
}

fn differs(case: &Case<'_>, edge: &Edge<'_>) -> bool {
    let takes_wheels = stack::torch(case).is_some_and(|torch| torch.libraries == Some(CudaLibraries::Wheels));
    takes_wheels
        && stack::cuda_wheel(&edge.wanted.name).is_some()
        && matches!(judge(case, edge.wanted), Some(Broken::Version(_)))
}

fn speak(case: &Case<'_>, edge: &Edge<'_>) -> Option<Spoken> {
    let name = &edge.wanted.name;
    let (part, _) = stack::cuda_wheel(name)?;
    let copy = case.installed.first(name)?;
    let version = copy.distribution.version.clone()?;
    let written = edge.wanted.requirement.specifiers.written();
    let numbers = |text: &str| Numbers::split(text).map(|(numbers, _)| numbers);
    let both = version.as_str().and_then(numbers).zip(pin(&written).as_deref().and_then(numbers));
    let (severity, why) = match (part, both) {
        // `torch/backends/cudnn/__init__.py`: the major must be the same and the minor no older.
        ("cudnn", Some((have, wanted))) if have.minor() < wanted.minor() || major(have) != major(wanted) => (
            Severity::Error,
            "the first use of cuDNN ends with RuntimeError: \"cuDNN version incompatibility: PyTorch was compiled against …\"",
        ),
        ("cudnn" | "nccl", Some((have, wanted))) if major(have) == major(wanted) && have > wanted => {
            (Severity::Note, "a newer one of the same major does what the older one did")
        }
        ("cudnn", Some((have, wanted))) if have < wanted => {
            (Severity::Note, "torch takes any patch of the minor that it was compiled against")
        }
        ("nvjitlink", Some((have, wanted)))
            if have.minor() < wanted.minor() && cusparse_is_as_pinned(case) =>
        {
            (
                Severity::Error,
                "cuSPARSE asks it for a symbol of its own minor: `import torch` ends with \"undefined symbol: \
             __nvJitLinkComplete_…, version libnvJitLink.so…\"",
            )
        }
        ("nccl", Some(_)) => (
            Severity::Warning,
            "torch calls functions that an older NCCL may lack: \"undefined symbol: ncclComm…\"",
        ),
        _ => (Severity::Warning, "torch was never tried with it; within a major of CUDA it usually works"),
    };
    let metadata = case.installed.copy(edge.from)?;
    Some(
        Spoken::new(name.as_str(), say!("torch requires ", name, written, ", ", version, " is installed"))
            .severity(severity)
            .seen([
                Evidence::new(
                    metadata.distribution.metadata.clone(),
                    say!("Requires-Dist: ", edge.need.text),
                ),
                seen(copy.distribution),
            ])
            .why(why)
            .fix(say!(
                "install the pinned version: `",
                wording::pip(case),
                " install '",
                name,
                written,
                "'`"
            )),
    )
}

const fn major(numbers: Numbers) -> u32 {
    let [major, ..] = numbers.0;
    major
}

/// cuSPARSE is there in the version that torch pins, so that it needs the linker of its minor.
fn cusparse_is_as_pinned(case: &Case<'_>) -> bool {
    stack::torch_needs(case)
        .filter(|edge| stack::cuda_wheel(&edge.wanted.name).is_some_and(|(part, _)| part == "cusparse"))
        .any(|edge| judge(case, edge.wanted).is_none())
}
