//! The numpy that a lock pins and the one of the image come in; a warning where their majors differ, and no other check said
//! so, comes out.

use envdiff_model::{Name, say};
use envdiff_packaging::Version;

use super::is_told;
use crate::case::{Case, Spoken, seen};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    speak(case).into_iter().collect()
}

fn speak(case: &Case<'_>) -> Option<Spoken> {
    let training = case.training.numpy.as_ref()?;
    let trained = training.value()?;
    let copy = case.installed.first(&Name::new("numpy"))?;
    let served = copy.version.as_ref()?;
    let major = |version: &Version| version.release().next().map(|n| n.to_string());
    if major(&Version::parse(trained.as_str()?).ok()?) == major(served) || is_told(case, "numpy") {
        return None;
    }
    let version = copy.distribution.version.clone().unwrap_or_default();
    Some(
        Spoken::new("numpy", say!("numpy ", version, " is installed, training had ", trained))
            .seen(training.evidence().to_vec())
            .seen([seen(copy.distribution)])
            .why(
                "the line that pins it does not hold for this image. Between majors of numpy the C interface, the rules of \
                 promotion and the names in pickles change: extension modules, results and `numpy.load` are concerned",
            )
            .fix("install the major version of training, and packages that are built for it"),
    )
}
