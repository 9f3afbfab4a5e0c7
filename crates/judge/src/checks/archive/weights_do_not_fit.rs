//! Predictions come in; what they tell of `weights-do-not-fit` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::WeightsShape,
        "loading a state dict is strict: every key and shape must be the model's",
        "save the state dict of this very class, or bring the class that belongs to the weights",
    )
}
