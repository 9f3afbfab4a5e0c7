//! Predictions come in; what they tell of `weights-only-refused` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::WeightsOnly,
        "from torch 2.6 on torch.load takes weights only, unless it is told otherwise",
        "save a plain state dict, or, where the file is trusted, load it with `weights_only=False`",
    )
}
