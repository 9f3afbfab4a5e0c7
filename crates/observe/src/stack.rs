//! The Python environment of an image comes in; what lies under its packages comes out: torch, CUDA, the C library,
//! TorchServe, Java.

use std::sync::Arc;

use envdiff_files::{Miss, Seen};
use envdiff_model::{Cuda, Fact, Library, ReplacedLibrary, Stack, say};

use crate::native::cuda_libraries::{self, CudaLibraries};
use crate::native::loader::Loader;
use crate::native::modules::Known;
use crate::python::Derived;
use crate::{Inputs, cuda, installed, java, native, torch, torchserve};

/// One and the same derivation of Python: it is held, so that no other can come to lie where it lay.
struct Same(Arc<Derived>);

impl PartialEq for Same {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Derives everything beside Python. The parts ask independently, so that their questions go out in the same batches; those that
/// rest on answers and on Python alone are derived once, for the loader's take more rounds.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(seen: &Seen, inputs: &Inputs<'_>, derived: &Arc<Derived>) -> Result<Stack, Miss> {
    let environment = &derived.environment;
    let same = || Same(Arc::clone(derived));
    let torch = seen.settled("torch", same(), || torch::derive(seen, environment));
    let torchserve = seen.settled("torchserve", same(), || torchserve::derive(seen, environment));
    let java = seen.settled("java", same(), || java::derive(seen, derived.process.as_ref()));
    let overwritten = seen.settled("overwritten", same(), || installed::overwritten(seen, environment));
    let hidden = seen.settled("hidden", same(), || installed::hidden(seen, environment));
    let in_place = seen.settled("in place", same(), || installed::in_place(seen, environment));
    let loader = Loader::derive(seen, inputs, environment, derived.library_path.as_ref())?;
    let known = seen.settled("what modules need", same(), || Ok::<_, Miss>(Known::default()))?;
    let native = native::derive(seen, &loader, environment, &known);
    let libraries = cuda_libraries::derive(seen, &loader, environment);
    let cuda = cuda::derive(seen, inputs, &loader);
    let CudaLibraries { runtime, cudnn, nccl, replaced } = libraries?;
    Ok(Stack {
        torch: taken(torch?),
        cuda: with_libraries(cuda?, runtime, replaced),
        cudnn,
        nccl,
        native: native?,
        overwritten: taken(overwritten?),
        hidden: taken(hidden?),
        in_place: taken(in_place?),
        torchserve: taken(torchserve?),
        java: taken(java?),
    })
}

fn taken<T: Clone>(settled: Arc<T>) -> T {
    Arc::unwrap_or_clone(settled)
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
