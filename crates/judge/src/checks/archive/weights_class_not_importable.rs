//! Predictions come in; what they tell of `weights-class-not-importable` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::WeightsClass,
        "unpickling imports what the pickle names, and the worker dies where that is not there",
        "save the state dict instead of the whole model, or bring the module under that name",
    )
}
