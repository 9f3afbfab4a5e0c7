//! Predictions come in; what they tell of `model-file-unusable` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ModelFile,
        "the stock handlers take the only class of the file and construct it without arguments",
        "leave one class in the file, with defaults for what its constructor takes",
    )
}
