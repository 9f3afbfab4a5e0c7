//! A Python environment comes in; C library, C++ library, and the extension modules that ask for them come out.

use envdiff_files::{Miss, Seen};
use envdiff_model::{Environment, Fact, Native};

use crate::Inputs;

/// Derives them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(_: &Seen, _: &Inputs<'_>, _: &Environment) -> Result<Fact<Native>, Miss> {
    Ok(Fact::unknown("it was not looked at"))
}
