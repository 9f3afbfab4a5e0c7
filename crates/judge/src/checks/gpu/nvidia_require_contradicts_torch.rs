//! The image's `NVIDIA_REQUIRE_*` and torch's CUDA come in; a note where they are of different majors comes out.

use envdiff_facts::CudaVersion;
use envdiff_facts::require::{self, Collected, Operator, Property};
use envdiff_model::{Evidence, say};

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let Collected::Requirements(requirements) = require::collect(machine::environment(case)) else {
        return Vec::new();
    };
    requirements
        .iter()
        .filter_map(|(variable, value)| {
            let asked = asked(value)?;
            let why = if asked.major > runtime.cuda.major {
                "the base image is for a newer CUDA than torch: where the requirement is checked, hosts are refused that would run this torch"
            } else if asked.major < runtime.cuda.major {
                "the base image is for an older CUDA than torch: hosts are let in on which this torch does not start"
            } else {
                return None;
            };
            let message = say!(
                "the image asks hosts for CUDA ",
                asked.to_string(),
                ", and ",
                runtime.shown(),
                " is built for CUDA ",
                runtime.cuda.to_string()
            );
            Some(
                Spoken::new(*variable, message)
                    .seen([Evidence::new("image configuration", say!(*variable, "=", **value))])
                    .seen(runtime.seen())
                    .why(why)
                    .fix("take a base image of torch's CUDA; wheels of torch bring their own libraries and need none of the base's"),
            )
        })
        .collect()
}

/// The CUDA that the first alternative asks for, which names the base image's.
fn asked(value: &str) -> Option<CudaVersion> {
    let requirement = require::parse(value);
    let factors = &requirement.alternatives.first()?.factors;
    factors.iter().find_map(|factor| {
        let condition = factor.read.as_ref().ok()?;
        let is_floor = condition.property == Property::Cuda && condition.operator == Operator::GreaterEqual;
        is_floor.then(|| CudaVersion::parse(condition.value)).flatten()
    })
}
