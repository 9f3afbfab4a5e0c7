//! Predictions come in; what they tell of `archive-shadows-module` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::Shadowed,
        "the archive's folder comes first on sys.path, so that the worker imports this file instead",
        "rename the file, or put it into a package of the archive's own",
    )
}
