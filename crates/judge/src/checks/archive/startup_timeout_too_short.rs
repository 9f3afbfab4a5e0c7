//! Predictions come in; what they tell of `startup-timeout-too-short` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::StartupTimeout,
        "the server gives up on the worker and starts it again",
        "raise `startupTimeout` in model-config.yaml",
    )
}
