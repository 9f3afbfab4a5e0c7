//! The image's environment and the machine come in; what comes out is a warning where the image hides every GPU, and a note
//! where it is made for NVIDIA's runtime and asks for none on a machine that has some.

use envdiff_model::{Severity, say};

use crate::case::{Case, Spoken};
use crate::machine;

const NAME: &str = "NVIDIA_VISIBLE_DEVICES";

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let (Some(config), Some(runtime)) = (case.config, machine::runtime(case)) else { return Vec::new() };
    match config.var(NAME) {
        Some(value) if value.is_empty() || matches!(value.as_str(), Some("void" | "none")) => {
            let message = say!("the image sets ", NAME, " to `", value, "`, which hides every GPU");
            vec![
                Spoken::new(NAME, message)
                    .severity(Severity::Warning)
                    .seen([machine::variable(NAME, value)])
                    .seen(runtime.seen())
                    .why("where the container's GPUs come from this variable alone (`--runtime=nvidia` without `--gpus`, a default runtime of nvidia) torch finds none and runs on the CPU")
                    .fix(say!("set ", NAME, "=all, or ask for GPUs when the container is started: --gpus all")),
            ]
        }
        Some(_) => Vec::new(),
        // With CUDA_VERSION the hook takes the image for one that wants all GPUs; a cluster's device plugin sets it.
        None if config.var("CUDA_VERSION").is_some_and(|version| !version.is_empty()) => Vec::new(),
        // Without any of its variables an image is started with --gpus.
        None if !config.env.iter().any(|(name, _)| name.as_bytes().starts_with(b"NVIDIA_")) => Vec::new(),
        None => {
            let hosts = machine::hosts(case);
            let with_gpu = hosts.iter().find(|host| !host.are_nodes() && !host.known_gpus().is_empty());
            let Some(host) = with_gpu else { return Vec::new() };
            let message =
                say!("the image does not set ", NAME, ", so a GPU has to be asked for when it is started");
            vec![
                Spoken::new(NAME, message)
                    .seen(runtime.seen())
                    .seen(host.gpus_seen())
                    .why("`--runtime=nvidia` alone gives such a container no GPU; torch then runs on the CPU")
                    .fix(say!("start it with --gpus all, or set ", NAME, "=all")),
            ]
        }
    }
}
