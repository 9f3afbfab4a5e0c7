//! `NVIDIA_DISABLE_REQUIRE` comes in; a warning where it is meant to switch the requirements off and does not comes out.

use envdiff_facts::require::{self, Collected};
use envdiff_model::say;

use crate::case::{Case, Spoken};
use crate::machine;

const NAME: &str = "NVIDIA_DISABLE_REQUIRE";

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(value) = case.config.and_then(|config| config.var(NAME)) else { return Vec::new() };
    // An empty value takes back what a base image set.
    if value.is_empty() || value.as_str().is_some_and(|value| require::go_boolean(value).is_some()) {
        return Vec::new();
    }
    let nothing_asked = matches!(
        require::collect(machine::environment(case)),
        Collected::Requirements(requirements) if requirements.is_empty()
    );
    if nothing_asked {
        return Vec::new();
    }
    vec![
        Spoken::new(NAME, say!(NAME, " is `", value, "`, which counts as false: the requirements are checked all the same"))
            .seen([machine::variable(NAME, value)])
            .why("NVIDIA's container toolkit reads a Go boolean: 1, t, T, TRUE, true, True, or 0, f, F, FALSE, false, False")
            .fix(say!("set ", NAME, "=1")),
    ]
}
