//! Predictions come in; what they tell of `archive-requirements-unmet` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::RequirementsUnmet,
        "the server installs them only with install_py_dep_per_model=true, and says nothing otherwise",
        "install them into the image, or set `install_py_dep_per_model=true`",
    )
}
