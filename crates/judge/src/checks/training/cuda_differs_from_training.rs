//! The CUDA of the torch that the package index serves for the lock's pin, and that of the image's torch come in; a note where
//! they differ comes out.

use envdiff_facts::CudaVersion;
use envdiff_model::{Fact, Text, TorchVariant, say};

use super::is_told;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    speak(case).into_iter().collect()
}

fn speak(case: &Case<'_>) -> Option<Spoken> {
    let training = case.training.cuda.as_ref()?;
    let (trained, pinned) = (training.value()?, case.training.torch.as_ref()?.value()?);
    let Some(Some(torch)) = case.environment.stack.torch.value() else { return None };
    let Fact::Known { value: TorchVariant::Cuda(served), evidence } = &torch.variant else { return None };
    let cuda = |text: &Text| text.as_str().and_then(CudaVersion::parse);
    if cuda(trained)? == cuda(served)? || is_told(case, "torch") || tells_itself(case, pinned) {
        return None;
    }
    Some(
        Spoken::new(
            "torch",
            say!(
                "torch ", torch.version, " is built for CUDA ", served, ", the package index serves ", pinned,
                " for CUDA ", trained
            ),
        )
        .seen(training.evidence().to_vec())
        .seen(evidence.iter().cloned())
        .why("if training took it from there, results may differ in the last digits; nothing is known to break")
        .fix("where it was another index, name its build in the lock; else install the one of the package index"),
    )
}

/// Whether the lock itself tells the build, by a label or by its pin of CUDA's runtime: that is held against the image by
/// another check.
fn tells_itself(case: &Case<'_>, pinned: &Text) -> bool {
    pinned.as_bytes().contains(&b'+')
        || case.locks.iter().flat_map(|lock| &lock.requirements).any(|requirement| {
            requirement.name.as_ref().is_some_and(|name| name.as_str().starts_with("nvidia-cuda-runtime"))
        })
}
