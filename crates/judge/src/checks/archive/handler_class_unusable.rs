//! Predictions come in; what they tell of `handler-class-unusable` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::EntryClass,
        "the loader constructs it without arguments and wants `initialize` and `handle`",
        "give the constructor's arguments defaults, and the class both methods",
    )
}
