//! Predictions come in; what they tell of `handler-syntax-error` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::Syntax,
        "the file is compiled as a whole when it is imported, and the worker dies with SyntaxError",
        "correct the line, or write it in the grammar of the image's Python",
    )
}
