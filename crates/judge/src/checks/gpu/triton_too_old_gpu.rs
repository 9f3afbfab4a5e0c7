//! Triton in the image and each host's GPUs come in; a warning for each GPU that Triton does not compile for comes out.

use envdiff_facts::Capability;
use envdiff_facts::coverage::Covered;
use envdiff_model::{Name, say};

use crate::case::{Case, Spoken, seen};
use crate::machine;

/// The first capability that Triton compiles for (`torch/_inductor`: "Triton only supports devices of CUDA Capability >=
/// 7.0").
const FIRST: Capability = Capability::new(7, 0);

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let installed =
        ["triton", "pytorch-triton"].iter().find_map(|name| case.installed.first(&Name::new(name)));
    let Some(triton) = installed else { return Vec::new() };
    let mut out = Vec::new();
    for host in machine::hosts(case) {
        for board in host.known_gpus() {
            let Some(capability) = board.capability.filter(|capability| *capability < FIRST) else {
                continue;
            };
            if runtime.covers(capability).is_none_or(|covered| covered == Covered::No) {
                continue;
            }
            let message = say!("Triton does not compile for ", board.shown(), " of ", host.who());
            out.push(
                Spoken::new("triton", message)
                    .seen([seen(triton.distribution)])
                    .seen(host.gpus_seen())
                    .why(
                        "torch runs, and torch.compile ends with `… is too old to be supported by the triton GPU compiler`: it needs capability 7.0",
                    )
                    .fix("use no torch.compile there, or a GPU of capability 7.0 or higher"),
            );
        }
    }
    out
}
