//! GPUs that were asked for and what became of that come in; a note where the engine gave none, and a warning where torch
//! cannot use those that it gave, come out.

use envdiff_model::{Evidence, Fact, Severity, Text, say};

use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    spoken(case).into_iter().collect()
}

fn spoken(case: &Case<'_>) -> Option<Spoken> {
    let told = case.environment.told.as_ref()?;
    let asked = match told.gpus.as_ref()? {
        Fact::Unknown { reason } => {
            return Some(
                Spoken::new("gpus", say!("the engine gave no GPUs, and the interpreter was started without: ", reason))
                    .seen([Evidence::new("--exec-gpus", reason.clone())])
                    .why("whether torch can use a GPU was not asked; everything else that it said holds without one")
                    .fix(
                        "on a machine with NVIDIA GPUs install the NVIDIA Container Toolkit and run `nvidia-ctk runtime configure`; \
                         elsewhere leave --exec-gpus out",
                    ),
            );
        }
        Fact::Known { value, .. } => value,
    };
    let torch = told.torch.value()?.as_ref()?;
    if torch.available || (torch.cuda.is_none() && torch.hip.is_none()) {
        return None;
    }
    let words = match torch.warnings.last() {
        Some(words) => say!(": ", words),
        None => Text::new(),
    };
    Some(
        Spoken::new(
            "torch",
            say!("torch ", torch.version, " was given GPUs (", asked, ") and cannot use them", words),
        )
        .severity(Severity::Warning)
        .seen(torch.warnings.iter().map(|words| Evidence::new("torch.cuda", words.clone())))
        .why("on a machine like this one torch computes on the CPU, or what is moved to the GPU raises")
        .fix(
            "what torch says names the cause: most often a driver that is older than the CUDA of this torch",
        ),
    )
}
