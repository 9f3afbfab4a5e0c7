//! Predictions come in; what they tell of `relative-import-without-package` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::RelativeImport,
        "a handler is imported as a module of its own, and the dot stands for a package",
        "leave the dot out: the archive's root is on sys.path",
    )
}
