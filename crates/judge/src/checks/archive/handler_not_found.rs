//! Predictions come in; what they tell of `handler-not-found` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::HandlerNotFound,
        "the worker dies; its last line names a module of TorchServe, which is only the second attempt",
        "name a module that lies at the archive's root, or a handler that TorchServe has",
    )
}
