//! Predictions come in; what they tell of `archive-name-refused` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ArchiveName,
        "the server takes two dots for a way out of the model store and refuses the name",
        "rename the file so that its name has no two dots in a row",
    )
}
