//! The cuDNN of training and the one that the image's torch loads come in; a note where they differ, and no other check said
//! so, comes out.

use envdiff_model::{Evidence, Text, say};

use super::is_told;
use crate::case::{Case, Spoken};
use crate::checks::native::{cudnn_subset_mixed, system_libraries_shadow_wheels};
use crate::checks::torch::{nvidia_wheel_version_differs, torch_variant_differs_from_lock};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    speak(case).into_iter().collect()
}

fn speak(case: &Case<'_>) -> Option<Spoken> {
    let training = case.training.cudnn.as_ref()?;
    let trained = training.value()?;
    let Some(Some(library)) = case.environment.stack.cudnn.value() else { return None };
    let served = library.version.as_ref()?;
    if release(trained)? == release(served)? || is_told(case, "torch") || is_told_by_another(case) {
        return None;
    }
    Some(
        Spoken::new("cudnn", say!("torch loads cuDNN ", served, ", training had ", trained))
            .seen(training.evidence().to_vec())
            .seen([Evidence::new(library.path.clone(), library.found_by.clone())])
            .why("it may choose other algorithms: results differ in the last digits, and speed may; nothing is known to break")
            .fix("install the version of training where the same results are needed"),
    )
}

/// The first three numbers: what follows is a build of the same code.
fn release(version: &Text) -> Option<Vec<&str>> {
    Some(version.as_str()?.split('.').take(3).collect())
}

/// The wheel that the lock pins, the wheel that torch pins, a copy that is taken in its place, another CUDA of torch: what
/// makes the cuDNN another one.
fn is_told_by_another(case: &Case<'_>) -> bool {
    ["nvidia-cudnn", "nvidia-cudnn-cu11", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13"]
        .iter()
        .any(|name| is_told(case, name))
        || nvidia_wheel_version_differs::listen(case)
            .iter()
            .any(|spoken| spoken.subject.as_bytes().starts_with(b"nvidia-cudnn"))
        || !system_libraries_shadow_wheels::listen(case).is_empty()
        || !cudnn_subset_mixed::listen(case).is_empty()
        || !torch_variant_differs_from_lock::listen(case).is_empty()
}
