//! The image's environment comes in; a note where it switches its own requirements off comes out.

use envdiff_facts::require::{self, Collected};
use envdiff_model::{Evidence, say};

use crate::case::{Case, Spoken};
use crate::machine;

const NAME: &str = "NVIDIA_DISABLE_REQUIRE";

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let environment = machine::environment(case);
    if require::collect(environment.iter().copied()) != Collected::Disabled {
        return Vec::new();
    }
    let others = environment.iter().copied().filter(|(name, _)| *name != NAME);
    let Collected::Requirements(requirements) = require::collect(others) else { return Vec::new() };
    let Some((variable, value)) = requirements.first() else { return Vec::new() };
    let set = case.config.and_then(|config| config.var(NAME)).cloned().unwrap_or_default();
    vec![
        Spoken::new(NAME, say!("the image asks for `", first(value), "` and switches the check of it off"))
            .seen([machine::variable(NAME, &set)])
            .seen([Evidence::new("image configuration", say!(*variable, "=", **value))])
            .why(
                "on a host with too old a driver the container starts, and the error comes from CUDA instead",
            )
            .fix("nothing where that is meant"),
    ]
}

/// What the hook's message would name.
fn first(value: &str) -> &str {
    value.split(' ').next().unwrap_or_default()
}
