//! Predictions come in; what they tell of `manifest-invalid` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ManifestInvalid,
        "the server refuses the archive; an empty or `null` manifest ends it wholly while it starts",
        "write the manifest as JSON, or let `torch-model-archiver` write it",
    )
}
