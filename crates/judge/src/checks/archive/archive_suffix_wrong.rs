//! Predictions come in; what they tell of `archive-suffix-wrong` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ArchiveSuffix,
        "the end of the name decides how it is unpacked: `.mar` as a zip, anything else as gzip and tar",
        "rename it: `.mar` for a zip, `.tar.gz` for a gzipped tar",
    )
}
