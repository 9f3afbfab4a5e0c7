//! Predictions come in; what they tell of `archive-views-differ` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ArchiveViews,
        "what other tools list is not what the server unpacks; the prediction goes by what Java sees",
        "build the archive anew from its files",
    )
}
