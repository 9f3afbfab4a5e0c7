//! Predictions come in; what they tell of `weights-on-cuda` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::WeightsDevice,
        "without a GPU that torch can use, torch.load refuses tensors that were saved on one",
        "pass `map_location` to torch.load",
    )
}
