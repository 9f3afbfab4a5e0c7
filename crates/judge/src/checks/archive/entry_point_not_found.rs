//! Predictions come in; what they tell of `entry-point-not-found` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::EntryCount,
        "the loader takes a function of that name, else the only class that the file defines",
        "leave one class in the file and import the others, or add a function `handle(data, context)`",
    )
}
