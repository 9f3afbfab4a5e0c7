//! Predictions come in; what they tell of `initialize-fails` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::InitializeFails,
        "the worker dies with that exception while it initializes",
        "correct the line; a function entry must take `None` as data",
    )
}
