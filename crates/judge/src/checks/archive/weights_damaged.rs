//! Predictions come in; what they tell of `weights-damaged` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::WeightsDamaged,
        "the worker dies when it reads the file",
        "copy the weights again and build the archive anew",
    )
}
