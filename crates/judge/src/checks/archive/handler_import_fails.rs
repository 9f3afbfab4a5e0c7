//! Predictions come in; what they tell of `handler-import-fails` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ImportFails,
        "code at the top of a module runs when it is imported, and what it raises kills the worker",
        "move it into `initialize`, or guard it",
    )
}
