//! Predictions come in; what they tell of `name-not-in-module` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::NameMissing,
        "the worker dies with ImportError or AttributeError at this line",
        "use the name that took its place, or install the version that the code was written for",
    )
}
