//! The Python environment of an image comes in; what lies under its packages comes out: torch, CUDA, the C library,
//! TorchServe, Java.

use envdiff_files::{Miss, Seen};
use envdiff_model::{Cuda, Environment, Stack, Text};

use crate::native::cuda_libraries::{self, CudaLibraries};
use crate::native::loader::Loader;
use crate::{Inputs, native, torch};

/// Derives everything beside Python; `library_path` as [`crate::python::Derived`] has it. The parts ask independently, so that their questions go out in the same batches.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(
    seen: &Seen,
    inputs: &Inputs<'_>,
    environment: &Environment,
    library_path: Option<&Option<Text>>,
) -> Result<Stack, Miss> {
    let unknown = Stack::unknown(&Text::from("it was not looked at"));
    let torch = torch::derive(seen, inputs, environment);
    let loader = Loader::derive(seen, inputs, environment, library_path);
    let native = match &loader {
        Ok(loader) => native::derive(seen, loader, environment),
        Err(miss) => Err(miss.clone()),
    };
    let libraries = match &loader {
        Ok(loader) => cuda_libraries::derive(seen, loader, environment),
        Err(miss) => Err(miss.clone()),
    };
    let (torch, native, libraries) = (torch?, native?, libraries?);
    let CudaLibraries { runtime, cudnn, nccl } = libraries;
    let cuda = runtime.map(|runtime| Cuda { runtime, ..Cuda::default() });
    Ok(Stack { torch, cuda, cudnn, nccl, native, ..unknown })
}
