//! Predictions come in; what they tell of `archive-requirements-missing` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::RequirementsFile,
        "pip cannot open it, so the model is refused, and its name stays taken",
        "put the file into the archive, or take `requirementsFile` out of the manifest",
    )
}
