//! What torch was compiled for and each host's GPUs come in; a warning for each GPU that it has PTX alone for comes out, an
//! error where the driver cannot compile that.

use envdiff_facts::coverage::Covered;
use envdiff_facts::drivers::Verdict;
use envdiff_model::{Severity, say};

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let mut out = Vec::new();
    for host in machine::hosts(case) {
        let verdicts = host.verdicts(runtime.cuda, None);
        let is_older = verdicts.iter().any(|(_, verdict)| *verdict == Verdict::MinorVersionCompatibility);
        for board in host.known_gpus() {
            let Some(Covered::Ptx(code)) = board.capability.and_then(|gpu| runtime.covers(gpu)) else {
                continue;
            };
            let target = say!("compute_", code.major, code.minor);
            let message = say!(
                runtime.shown(),
                " has no machine code for ",
                board.shown(),
                " of ",
                host.who(),
                ", only PTX (",
                target,
                ")"
            );
            let spoken = Spoken::new("torch", message)
                .seen(runtime.torch.architectures.evidence().to_vec())
                .seen(host.gpus_seen());
            out.push(if is_older {
                spoken
                    .severity(Severity::Error)
                    .seen(host.driver_seen())
                    .why(
                        "the driver compiles PTX at first use, and this one is older than the toolkit that wrote it: `the provided PTX was compiled with an unsupported toolchain` (error 222)",
                    )
                    .fix(say!(
                        "install a driver of CUDA ",
                        runtime.cuda.to_string(),
                        " or newer there, or a torch with machine code for the GPU"
                    ))
            } else {
                spoken
                    .why("the driver compiles it at first use: the first start of each kernel takes long, minutes for a large model, longer than a worker's time to respond may be")
                    .fix("install a torch with machine code for the GPU, or warm up and keep the cache (CUDA_CACHE_PATH) on a volume")
            });
        }
    }
    out
}
