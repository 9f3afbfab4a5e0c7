//! Predictions come in; what they tell of `service-envelope-unknown` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::Envelope,
        "every model dies of it; an `envelope` in the manifest has no effect",
        "write body, json, kserve or kservev2, or leave the key out",
    )
}
