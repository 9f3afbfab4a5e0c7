//! Predictions come in; what they tell of `compiler-missing-for-torch-compile` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::CompilerMissing,
        "torch.compile only prepares: the model loads, and what was compiled fails when it is called first, usually by the \
         first request",
        "install gcc, g++ and Python's headers in the image, or take another backend",
    )
}
