//! Predictions come in; what they tell of `model-config-key-ineffective` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ModelConfigKey,
        "the key is passed over, mostly in silence, and the default counts",
        "write the value as the key's type asks, or put it where it counts",
    )
}
