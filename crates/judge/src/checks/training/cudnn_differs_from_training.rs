//! The cuDNN of training and the one that the image's torch loads come in; a note where they differ comes out.

use envdiff_model::{Evidence, say};

use super::is_told;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    speak(case).into_iter().collect()
}

fn speak(case: &Case<'_>) -> Option<Spoken> {
    let training = case.training.cudnn.as_ref()?;
    let trained = training.value()?;
    let Some(Some(library)) = case.environment.stack.cudnn.value() else { return None };
    let served = library.version.as_ref()?;
    // The last number is a build of the same code.
    let release = |text: &str| text.split('.').take(3).map(str::to_owned).collect::<Vec<_>>();
    if release(trained.as_str()?) == release(served.as_str()?) || is_told(case, "torch") || is_wheel_told(case) {
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

/// Whether the lock pins a wheel of cuDNN, and the image's other version of it was told.
fn is_wheel_told(case: &Case<'_>) -> bool {
    ["nvidia-cudnn-cu11", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13"].iter().any(|name| is_told(case, name))
}
