//! The Python environment of an image comes in; what lies under its packages comes out: torch, CUDA, the C library,
//! TorchServe, Java.

use envdiff_files::{Miss, Seen};
use envdiff_model::{Cuda, Fact, Library, ReplacedLibrary, Stack, say};

use crate::native::cuda_libraries::{self, CudaLibraries};
use crate::native::loader::Loader;
use crate::python::Derived;
use crate::{Inputs, cuda, installed, java, native, torch, torchserve};

/// Derives everything beside Python. The parts ask independently, so that their questions go out in the same batches.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(seen: &Seen, inputs: &Inputs<'_>, derived: &Derived) -> Result<Stack, Miss> {
    let environment = &derived.environment;
    let torch = torch::derive(seen, environment);
    let torchserve = torchserve::derive(seen, environment);
    let java = java::derive(seen, derived.process.as_ref());
    let loader = Loader::derive(seen, inputs, environment, derived.library_path.as_ref())?;
    let native = native::derive(seen, &loader, environment);
    let libraries = cuda_libraries::derive(seen, &loader, environment);
    let cuda = cuda::derive(seen, inputs, &loader);
    let overwritten = installed::overwritten(seen, environment);
    let hidden = installed::hidden(seen, environment);
    let in_place = installed::in_place(seen, environment);
    let CudaLibraries { runtime, cudnn, nccl, replaced } = libraries?;
    Ok(Stack {
        torch: torch?,
        cuda: with_libraries(cuda?, runtime, replaced),
        cudnn,
        nccl,
        native: native?,
        overwritten: overwritten?,
        hidden: hidden?,
        in_place: in_place?,
        torchserve: torchserve?,
        java: java?,
    })
}

/// CUDA with the runtime that torch loads, and the libraries of wheels that are taken from elsewhere.
fn with_libraries(
    cuda: Fact<Cuda>,
    runtime: Fact<Option<Library>>,
    replaced: Vec<ReplacedLibrary>,
) -> Fact<Cuda> {
    cuda.map(|mut cuda| {
        cuda.replaced = replaced;
        match runtime {
            Fact::Known { value, .. } => cuda.runtime = value,
            Fact::Unknown { reason } => {
                cuda.doubts.push(say!("which libcudart torch loads is not known: ", reason))
            }
        }
        cuda
    })
}
