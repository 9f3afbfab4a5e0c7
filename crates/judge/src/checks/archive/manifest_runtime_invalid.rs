//! Predictions come in; what they tell of `manifest-runtime-invalid` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::RuntimeInvalid,
        "the server refuses the archive: `Runtime is not defined or invalid.`",
        "write `\"runtime\": \"python\"`, the interpreter that TorchServe itself runs by",
    )
}
