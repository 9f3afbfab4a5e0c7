//! Predictions come in; what they tell of `manifest-not-strict-json` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ManifestLenient,
        "the server accepts it, then every worker dies with JSONDecodeError",
        "make it strict JSON: no comments, double quotes, no byte order mark",
    )
}
