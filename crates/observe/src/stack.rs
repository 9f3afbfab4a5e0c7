//! The Python environment of an image comes in; what lies under its packages comes out: torch, CUDA, the C library,
//! TorchServe, Java.

use envdiff_files::{Miss, Seen};
use envdiff_model::{Environment, Stack, Text};

use crate::python::process::Process;
use crate::{Inputs, installed, java, native, torch, torchserve};

/// Derives everything beside Python. The parts ask independently, so that their questions go out in the same batches.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(
    seen: &Seen,
    inputs: &Inputs<'_>,
    environment: &Environment,
    process: Option<&Process>,
) -> Result<Stack, Miss> {
    let unknown = Stack::unknown(&Text::from("it was not looked at"));
    let torch = torch::derive(seen, environment);
    let native = native::derive(seen, inputs, environment);
    let torchserve = torchserve::derive(seen, environment);
    let java = java::derive(seen, process);
    let overwritten = installed::overwritten(seen, environment);
    let hidden = installed::hidden(seen, environment);
    Ok(Stack {
        torch: torch?,
        native: native?,
        overwritten: overwritten?,
        hidden: hidden?,
        torchserve: torchserve?,
        java: java?,
        ..unknown
    })
}
