//! Predictions come in; what they tell of `handler-signature-wrong` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::EntrySignature,
        "the worker dies with TypeError at the first call",
        "let it take what it is given: `initialize(self, context)`, `handle(data, context)`",
    )
}
