//! A torch without CUDA comes in, and a lock or a machine that says GPU; a warning comes out.

use envdiff_model::{Evidence, Text, TorchVariant, say};

use super::torch_variant_differs_from_lock::locked_cuda;
use crate::case::{Case, Spoken};
use crate::stack;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    if torch.variant.value() != Some(&TorchVariant::Cpu) || stack::hosts_lack_gpus(case) {
        return Vec::new();
    }
    let gpus = case.environment.machine.gpus();
    let by_lock =
        locked_cuda(case).map(|locked| (say!("the lock was made with CUDA ", locked.cuda), locked.evidence));
    let by_machine = gpus.value().and_then(|gpus| gpus.first()).map(|gpu| {
        let name = gpu.name.clone().or_else(|| gpu.capability.clone()).unwrap_or_else(|| Text::from("a GPU"));
        (say!("the machine has a GPU: ", name), Evidence::new("machine", name))
    });
    let Some((reason, evidence)) = by_lock.or(by_machine) else { return Vec::new() };
    vec![
        Spoken::new("torch", say!("torch ", torch.version, " is a build for the CPU alone, and ", reason))
            .seen(torch.variant.evidence().iter().cloned())
            .seen([evidence])
            .why(
                "torch.cuda.is_available() is False without a word: TorchServe serves on the CPU, slowly; what asks for \
                 `cuda` by name ends with \"Torch not compiled with CUDA enabled\"",
            )
            .fix("install the build of the same version for CUDA, or name the machine without a GPU: --gpu none"),
    ]
}
