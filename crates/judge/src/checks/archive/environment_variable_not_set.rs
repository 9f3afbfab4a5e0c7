//! Predictions come in; what they tell of `environment-variable-not-set` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::VariableMissing,
        "the worker dies with KeyError, unless who starts the container sets it",
        "set it in the image or where the container is started, or read it with a default",
    )
}
