//! Predictions come in; what they tell of `module-of-another-python` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ForeignBytecode,
        "the image's Python takes byte code of its own version alone, and does not see extension modules with \
         another tag",
        "bring the source, or a build for the image's Python",
    )
}
