//! Extensions whose label names the torch that they were built with come in; an error for each that meets another comes out.

use envdiff_facts::companions::LabelledCuda;
use envdiff_model::{TorchVariant, say};

use crate::case::{Case, Spoken};
use crate::stack;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    let Some(installed) = stack::minor(&torch.version) else { return Vec::new() };
    stack::labels(case)
        .filter_map(|(name, copy, label, evidence)| {
            let minor = label.torch?;
            let cuda = match (label.cuda, torch.variant.value()) {
                (Some(built), Some(TorchVariant::Cuda(_))) => built.major().filter(|_| built != LabelledCuda::Cpu),
                _ => None,
            };
            let other_cuda = cuda.zip(stack::cuda(torch)).filter(|(built, cuda)| *built != cuda.major);
            let (differs, why) = match other_cuda {
                _ if minor != installed => (
                    say!("torch ", minor.to_string()),
                    "what is compiled against one minor of torch does not load in another: the import ends with \
                     ImportError, \"undefined symbol: _ZN…\"",
                ),
                Some((built, _)) => (
                    say!("CUDA ", built),
                    "it needs the CUDA runtime of its own major: the import ends with ImportError, \"libcudart.so…: \
                     cannot open shared object file\"",
                ),
                None => return None,
            };
            let have = match other_cuda {
                Some(_) if minor == installed => say!("torch ", torch.version, " is built for CUDA ", torch.variant.value()?.version()?),
                _ => say!("torch ", torch.version, " is installed"),
            };
            let version = copy.distribution.version.clone()?;
            Some(
                Spoken::new(name.as_str(), say!(name, " ", version, " is built for ", differs, ", ", have))
                    .seen([evidence])
                    .seen(stack::torch_seen(case))
                    .why(why)
                    .fix("install the wheel of the same version whose label names this torch and its CUDA"),
            )
        })
        .collect()
}
