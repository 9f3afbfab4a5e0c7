//! Predictions come in; what they tell of `module-not-in-image` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ModuleMissing,
        "the worker dies with ModuleNotFoundError as soon as it comes to this line",
        "install what provides the module into the image, or bring it in the archive",
    )
}
