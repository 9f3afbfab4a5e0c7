//! Predictions come in; what they tell of `torchscript-operator-unknown` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::TorchScript,
        "the image's torch compiles the code when it loads it, and does not know the operator",
        "export the model with the torch that serves, or serve it with the torch that exported it",
    )
}
