//! Predictions come in; what they tell of `server-config-invalid` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ServerConfig,
        "the server prints `Invalid configuration` on standard output and ends with status 1; no archive is served",
        "correct the value; a blank behind it belongs to it",
    )
}
