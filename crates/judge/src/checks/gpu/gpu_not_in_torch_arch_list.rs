//! What torch was compiled for and each host's GPUs come in; an error for each GPU that it has no code for comes out.
//!
//! The rules: CUDA C++ Programming Guide (binary and PTX compatibility) with the exceptions of torch's own table,
//! `envdiff_facts::coverage`.

use envdiff_facts::coverage::Covered;
use envdiff_model::{Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let mut out = Vec::new();
    for host in machine::hosts(case) {
        for board in host.known_gpus() {
            let Some(capability) = board.capability else { continue };
            if runtime.covers(capability) != Some(Covered::No) {
                continue;
            }
            let list = Text::join(runtime.torch.architectures.value().into_iter().flatten(), " ");
            let message = say!(
                runtime.shown(),
                " has no code for ",
                board.shown(),
                " of ",
                host.who(),
                "; it has ",
                list
            );
            out.push(
                Spoken::new("torch", message)
                    .seen(runtime.torch.architectures.evidence().to_vec())
                    .seen(host.gpus_seen())
                    .why(
                        "torch.cuda.is_available() is True and the first kernel fails: `CUDA error: no kernel image is available for execution on the device`; a worker starts, and its first inference ends so",
                    )
                    .fix(say!(
                        "install a torch whose torch.cuda.get_arch_list() has sm_",
                        capability.major,
                        capability.minor,
                        ", or another of that major that is no higher"
                    )),
            );
        }
    }
    out
}

/// What kept this check from speaking where a GPU is known.
pub(crate) fn undetermined(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let mut out = Vec::new();
    for host in machine::hosts(case) {
        for board in host.known_gpus() {
            let reason: Text = match board.capability {
                None => "its capability is in no table; --gpu takes one as sm_86".into(),
                Some(_) if runtime.torch.architectures.value().is_none() => {
                    machine::reason(&runtime.torch.architectures)
                }
                Some(capability) if runtime.covers(capability).is_none() => {
                    "what it has for that architecture alone may be all of it or a few kernels".into()
                }
                Some(_) => continue,
            };
            let message = say!(
                "whether ",
                runtime.shown(),
                " has code for ",
                board.shown(),
                " of ",
                host.who(),
                " cannot be told: ",
                reason
            );
            out.push(
                Spoken::new("torch", message)
                    .severity(Severity::Note)
                    .seen(host.gpus_seen())
                    .why("without code for the GPU the first kernel fails")
                    .fix("start it once on such a machine: python -c 'import torch; torch.zeros(1).cuda() + 1'"),
            );
        }
    }
    out
}
