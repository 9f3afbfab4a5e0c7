//! Predictions come in; what they tell of `pickle-runs-code` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::PickleRuns,
        "unpickling runs it in the worker, with the server's rights",
        "do not load the file unless you know who made it and why; take weights that carry no code",
    )
}
