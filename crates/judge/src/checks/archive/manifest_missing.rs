//! Predictions come in; what they tell of `manifest-missing` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ManifestMissing,
        "the server goes on without a handler, and the workers die of a module that nobody named",
        "put `MAR-INF/MANIFEST.json` at the root of a .mar, and one folder around everything in a .tar.gz",
    )
}
