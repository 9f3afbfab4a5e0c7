//! A Python environment comes in; torch, its companions and the CUDA libraries around it come out.

use envdiff_files::{Miss, Seen};
use envdiff_model::{Environment, Fact, Torch};

use crate::Inputs;

/// Derives them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(_: &Seen, _: &Inputs<'_>, _: &Environment) -> Result<Fact<Option<Torch>>, Miss> {
    Ok(Fact::unknown("it was not looked at"))
}
