//! Predictions come in; what they tell of `archive-duplicate` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ArchiveDuplicate,
        "the second one ends the whole server at start-up, and is answered with 409 when it is registered",
        "give one of them another `modelVersion` or `modelName`",
    )
}
