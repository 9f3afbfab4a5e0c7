//! A torch for CUDA and a machine without a GPU come in; a note comes out.

use envdiff_model::{TorchVariant, say};

use crate::case::{Case, Spoken};
use crate::stack;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    let Some(TorchVariant::Cuda(cuda)) = torch.variant.value() else { return Vec::new() };
    if !stack::hosts_lack_gpus(case) {
        return Vec::new();
    }
    vec![
        Spoken::new(
            "torch",
            say!("torch ", torch.version, " is a build for CUDA ", cuda, ", and the machine has no GPU"),
        )
        .seen(torch.variant.evidence().iter().cloned())
        .seen(case.environment.machine.gpus().evidence().iter().cloned())
        .why("it runs on the CPU; its CUDA libraries are 2 to 5 GB that are carried for nothing")
        .fix("install the CPU build of the same version where that size matters"),
    ]
}
