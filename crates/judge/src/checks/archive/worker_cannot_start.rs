//! Predictions come in; what they tell of `worker-cannot-start` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::Worker,
        "no worker starts, whatever the archive: it imports torch, yaml and psutil by itself",
        "install what the worker imports for the interpreter that runs `torchserve`, or correct the path",
    )
}
