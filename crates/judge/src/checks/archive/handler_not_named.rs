//! Predictions come in; what they tell of `handler-not-named` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::HandlerMissing,
        "workers are told to import the folder's name, and die of it; `handler:` in model-config.yaml does not count",
        "name the handler in the manifest: `\"handler\": \"handler.py\"`",
    )
}
