//! Predictions come in; what they tell of `archive-entry-name-not-utf8` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ArchiveNotUtf8,
        "Java cannot decode it: at start-up the whole server ends, and a registration is answered with 403",
        "rename the file, or build the archive with a tool that writes names in UTF-8",
    )
}
