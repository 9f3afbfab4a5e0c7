//! Predictions come in; what they tell of `model-name-missing` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ModelNameMissing,
        "a registration without ?model_name= is refused; at start-up a name is made of the file's",
        "set `modelName` in the manifest",
    )
}
