//! Predictions come in; what they tell of `archive-damaged` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::ArchiveDamaged,
        "Java ends unpacking with an exception: the model is skipped at start-up, and a registration is \
         answered with 500",
        "copy or build the archive again, its entries stored or deflated",
    )
}
