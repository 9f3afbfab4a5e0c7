//! torch's CUDA and the CUDAs for which bitsandbytes carries a library come in; an error where none is loaded and the machine
//! has a GPU, a warning where the machine is not known, comes out.
//!
//! Which one is loaded was read in `bitsandbytes/cextension.py` and `cuda_setup/main.py` of 0.42.0, 0.43.1, 0.44.1, 0.45.5,
//! 0.46.1, 0.47.0, 0.48.2, 0.49.2 and 0.50.2: the one for `torch.version.cuda` or for BNB_CUDA_VERSION; from 0.50 on, without
//! the latter, any of the same major.

use envdiff_facts::{CudaVersion, Numbers};
use envdiff_model::{Evidence, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::stack;
use crate::wording;

/// The first that chooses as above.
const FIRST_READ: Numbers = Numbers([0, 42, 0, 0]);
/// The first whose import does not take the library for the CPU in its place.
const FIRST_THAT_REFUSES: Numbers = Numbers([0, 46, 0, 0]);
/// The first that takes another minor.
const FIRST_THAT_ROUNDS: Numbers = Numbers([0, 50, 0, 0]);

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    speak(case).into_iter().collect()
}

fn speak(case: &Case<'_>) -> Option<Spoken> {
    let torch = stack::torch(case)?;
    let cuda = stack::cuda(torch)?;
    let companion = torch.companions.iter().find(|companion| companion.name == "bitsandbytes")?;
    let carried = companion.each_cuda.as_ref()?;
    let (version, _) = Numbers::split(companion.version.as_str()?)?;
    if version < FIRST_READ || stack::hosts_lack_gpus(case) {
        return None;
    }
    let set = case.config.and_then(|config| config.var("BNB_CUDA_VERSION")).filter(|set| !set.is_empty());
    let wanted = match set {
        Some(set) => of_code(set.as_str()?)?,
        None => cuda,
    };
    let has =
        carried.value()?.iter().filter_map(|version| CudaVersion::parse(version.as_str()?)).any(|carried| {
            carried == wanted
                || (set.is_none() && version >= FIRST_THAT_ROUNDS && carried.major == wanted.major)
        });
    if has {
        return None;
    }
    let has_gpu = case.environment.machine.gpus().value().is_some_and(|gpus| !gpus.is_empty());
    let why = if version < FIRST_THAT_REFUSES {
        "on a machine with a GPU its import takes its library for the CPU: 8-bit and 4-bit layers and optimizers end with an error \
         at first use"
    } else {
        "on a machine with a GPU its import goes on and what it calls first ends with RuntimeError: \"Configured CUDA binary not \
         found\""
    };
    let by = match set {
        Some(set) => say!("BNB_CUDA_VERSION=", set),
        None => say!("torch ", torch.version, " is built for it"),
    };
    let names: Vec<&Text> = carried.value()?.iter().collect();
    let carries = if names.is_empty() {
        "and none for another".into()
    } else {
        say!("only for ", wording::list(&names))
    };
    Some(
        Spoken::new(
            "bitsandbytes",
            say!("bitsandbytes ", companion.version, " has no library for CUDA ", wanted.to_string(), " (", by, "), ", carries),
        )
        .severity(if has_gpu { Severity::Error } else { Severity::Warning })
        .seen(carried.evidence().iter().cloned())
        .seen(torch.variant.evidence().iter().cloned())
        .seen(set.map(|set| Evidence::new("image configuration", say!("BNB_CUDA_VERSION=", set))))
        .why(why)
        .fix("install a bitsandbytes that carries a library for this CUDA, or set BNB_CUDA_VERSION to one of the same major that it has"),
    )
}

/// What kept this check from speaking.
pub(crate) fn undetermined(case: &Case<'_>) -> Option<Spoken> {
    let torch = stack::torch(case)?;
    stack::cuda(torch)?;
    let companion = torch.companions.iter().find(|companion| companion.name == "bitsandbytes")?;
    let reason = companion.each_cuda.as_ref()?.reason()?;
    Some(Spoken::new(
        "bitsandbytes",
        say!("whether bitsandbytes has a library for torch's CUDA cannot be told: ", reason),
    ))
}

/// 12.1 of `121`: two digits of the major, then the minor.
fn of_code(code: &str) -> Option<CudaVersion> {
    let (major, minor) = code.split_at_checked(2)?;
    CudaVersion::parse(&format!("{major}.{minor}"))
}
