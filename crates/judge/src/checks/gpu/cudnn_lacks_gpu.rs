//! The cuDNN that torch loads and each host's GPUs come in; an error for each GPU that it has no code for comes out, a warning
//! where the table is not certain.

use envdiff_facts::coverage::Covered;
use envdiff_facts::cudnn;
use envdiff_model::{Evidence, Severity, say};

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let Some(Some(library)) = case.environment.stack.cudnn.value() else { return Vec::new() };
    let Some(version) = &library.version else { return Vec::new() };
    let Some(line) = version.as_str().and_then(|version| cudnn::line(version, runtime.cuda)) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for host in machine::hosts(case) {
        for board in host.known_gpus() {
            let Some(capability) = board.capability else { continue };
            // A newer GPU than it lists may run its PTX. Where torch itself has no code, that is told.
            let is_dropped = capability < line.capabilities.0;
            if !is_dropped || runtime.covers(capability).is_none_or(|covered| covered == Covered::No) {
                continue;
            }
            let message = say!(
                "cuDNN ",
                version,
                " has no code for ",
                board.shown(),
                " of ",
                host.who(),
                "; it begins at ",
                line.capabilities.0.to_string()
            );
            let severity = if line.unverified { Severity::Warning } else { Severity::Error };
            out.push(
                Spoken::new("cudnn", message)
                    .severity(severity)
                    .seen([Evidence::new(library.path.clone(), say!("cuDNN ", version))])
                    .seen(host.gpus_seen())
                    .why("torch has code for the GPU, and convolutions and recurrent layers end in an error of cuDNN")
                    .fix("install the cuDNN that this torch requires, or an older torch"),
            );
        }
    }
    out
}
