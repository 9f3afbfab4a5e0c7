//! Predictions come in; what they tell of `labels-invalid` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::Labels,
        "the stock handlers read it while they initialize, and the worker dies of it",
        "write an object whose values are text: `{\"0\": \"cat\"}`",
    )
}
