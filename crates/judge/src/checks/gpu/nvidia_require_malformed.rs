//! The image's `NVIDIA_REQUIRE_*` come in; a warning for each that the legacy hook cannot read comes out.

use envdiff_facts::require::{self, Collected, MAX_REQUIREMENTS, Malformed};
use envdiff_model::{Evidence, Text, say};

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    match require::collect(machine::environment(case)) {
        Collected::Disabled => Vec::new(),
        Collected::UnreadableCudaVersion(version) => vec![spoken(
            "CUDA_VERSION",
            version,
            say!("CUDA_VERSION is `", version, "`, which is no version to the legacy NVIDIA hook"),
            "failed to get requirements",
        )],
        Collected::Requirements(requirements) => {
            let mut out: Vec<Spoken> = requirements
                .iter()
                .filter_map(|(variable, value)| {
                    let requirement = require::parse(value);
                    let (span, fault) = requirement.faults().next()?;
                    let factor = value.get(span.clone()).unwrap_or_default();
                    let message = say!("`", factor, "` in ", *variable, " is no condition: ", clause(fault));
                    Some(spoken(variable, value, message, "invalid expression"))
                })
                .collect();
            if let Some((variable, value)) = requirements.get(MAX_REQUIREMENTS) {
                let message = say!(
                    "the image has ",
                    requirements.len(),
                    " variables NVIDIA_REQUIRE_*, and the legacy hook takes ",
                    MAX_REQUIREMENTS
                );
                out.push(spoken(variable, value, message, "too many requirements"));
            }
            out
        }
    }
}

fn spoken(variable: &str, value: &str, message: Text, error: &str) -> Spoken {
    Spoken::new(variable, message)
        .seen([Evidence::new("image configuration", say!(variable, "=", value))])
        .why(say!(
            "where the legacy hook of NVIDIA's container toolkit comes to it, the container does not start: `requirement error: ",
            error,
            "`; it reads from left to right and stops once the outcome is certain, and hosts that hand out GPUs by CDI do not read it"
        ))
        .fix("write conditions as `cuda>=12.4`: names cuda, driver, arch, brand; a comma is AND, one blank is OR, nothing else stands between")
}

fn clause(fault: Malformed) -> &'static str {
    match fault {
        Malformed::NoName => "nothing stands before its operator",
        Malformed::NoOperator => "it has no operator",
        Malformed::UnknownOperator => "its operator is none of =, !=, <, <=, >, >=",
        Malformed::NoValue => "nothing stands behind its operator",
        Malformed::UnknownName => "its name is none of cuda, driver, arch, brand",
        Malformed::NotAVersion => "its value is no version of digits and dots",
        Malformed::NoOrder => "brands have no order",
        Malformed::TooLong => "it is longer than 127 characters",
    }
}
