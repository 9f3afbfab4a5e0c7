//! Predictions come in; what they tell of `archive-requirements-installed-at-load` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::RequirementsInstalled,
        "pip fetches everything anew, with all it requires, and puts it in front of the image's own packages",
        "install the packages into the image instead, or ship wheels in the archive and name them by path",
    )
}
