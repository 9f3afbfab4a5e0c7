//! Predictions come in; what they tell of `model-config-invalid` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ModelConfig,
        "an empty file or one that is no mapping ends the whole server at start-up; else the workers die reading it",
        "make it a mapping of names, or take `configFile` out of the manifest",
    )
}
