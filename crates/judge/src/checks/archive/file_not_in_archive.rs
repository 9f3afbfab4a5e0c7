//! Predictions come in; what they tell of `file-not-in-archive` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::FileMissing,
        "the worker dies when it comes to open it",
        "put it into the archive, or correct the path",
    )
}
