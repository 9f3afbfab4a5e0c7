//! Predictions come in; what they tell of `archive-not-an-archive` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::NotAnArchive,
        "it is unpacked to nothing, without an error: what the server then says does not tell the cause",
        "fetch the archive itself: `git lfs pull` for a pointer, the right address for a page",
    )
}
