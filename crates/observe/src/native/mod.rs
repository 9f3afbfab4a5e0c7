//! A Python environment comes in; C library, C++ library, and the extension modules that ask for them come out.

pub mod cache;
pub mod conf;
pub(crate) mod loader;

use envdiff_files::{Miss, Seen};
use envdiff_model::{Environment, Fact, Native};

use crate::Inputs;
use loader::Loader;

/// Derives them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(
    seen: &Seen,
    inputs: &Inputs<'_>,
    environment: &Environment,
) -> Result<Fact<Native>, Miss> {
    drop(Loader::derive(seen, inputs, environment)?);
    Ok(Fact::unknown("it was not looked at"))
}
