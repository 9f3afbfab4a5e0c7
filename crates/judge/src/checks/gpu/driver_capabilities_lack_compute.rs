//! `NVIDIA_DRIVER_CAPABILITIES` comes in; a warning where CUDA, or TorchServe's look at the GPUs, is not among them comes out.
//!
//! Only the legacy hook of NVIDIA's container toolkit goes by it (`cmd/nvidia-container-runtime-hook`, toolkit 1.20); by CDI a
//! container gets all of the driver.

use envdiff_model::say;

use crate::case::{Case, Spoken};
use crate::machine;

const NAME: &str = "NVIDIA_DRIVER_CAPABILITIES";

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let Some(value) = case.config.and_then(|config| config.var(NAME)) else { return Vec::new() };
    let words: Vec<&str> = value.as_str().unwrap_or_default().split(',').collect();
    let has = |word: &str| words.iter().any(|has| *has == word || *has == "all");
    let serves = matches!(case.environment.stack.torchserve.value(), Some(Some(_)));
    // Nothing in it means the default, utility and compute.
    let (lacks, why) = if value.is_empty() {
        return Vec::new();
    } else if !has("compute") {
        (
            "compute",
            "libcuda is not mounted: `CUDA initialization: Found no NVIDIA driver on your system`, and torch runs on the CPU",
        )
    } else if serves && !has("utility") {
        (
            "utility",
            "`nvidia-smi` and NVML are not mounted: TorchServe tells no GPU metrics and may count no GPUs",
        )
    } else {
        return Vec::new();
    };
    vec![
        Spoken::new(NAME, say!("the image sets ", NAME, " to `", value, "`, without ", lacks))
            .seen([machine::variable(NAME, value)])
            .seen(runtime.seen())
            .why(say!(
                "where the legacy hook of NVIDIA's container toolkit starts it, ",
                why,
                "; by CDI a container gets all of the driver"
            ))
            .fix(say!("set ", NAME, "=compute,utility")),
    ]
}
