//! Predictions come in; what they tell of `archive-entry-escapes` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ArchiveSlip,
        "since 0.9 TorchServe refuses such an archive; older ones write the file where it leads",
        "build the archive without that entry",
    )
}
