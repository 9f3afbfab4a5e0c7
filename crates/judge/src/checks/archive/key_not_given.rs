//! Predictions come in; what they tell of `key-not-given` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::KeyMissing,
        "the worker dies when it reads a key that is not there",
        "give the key, or read it with a default",
    )
}
