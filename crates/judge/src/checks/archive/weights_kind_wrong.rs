//! Predictions come in; what they tell of `weights-kind-wrong` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::WeightsKind,
        "the worker dies when it reads the file",
        "bring the model's class (`modelFile`) beside a state dict, or export the model as TorchScript",
    )
}
