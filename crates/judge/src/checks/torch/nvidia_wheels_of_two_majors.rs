//! The CUDA wheels of an image come in; a note for those of another major than torch's, which nothing requires, comes out.

use envdiff_model::{Name, Text, say};

use crate::case::{Case, Spoken, seen};
use crate::stack;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    let Some(cuda) = stack::cuda(torch) else { return Vec::new() };
    let wheels = || {
        case.installed.all().filter_map(|(name, _, copy)| {
            let (_, major) = stack::cuda_wheel(name)?;
            Some((name, major?, copy))
        })
    };
    let has_own = stack::torch_needs(case).any(|edge| stack::cuda_wheel(&edge.wanted.name).is_some());
    let others: Vec<_> = wheels()
        .filter(|(_, major, _)| *major != cuda.major)
        // CuPy, TensorFlow or JAX may bring a set of their own.
        .filter(|(name, ..)| case.needs.on(name).next().is_none())
        .collect();
    let Some((_, major, _)) = others.first().filter(|_| has_own) else { return Vec::new() };
    let names: Vec<&Name> = others.iter().map(|(name, ..)| *name).collect();
    let remove: Vec<Text> = names.iter().map(|name| say!(*name)).collect();
    vec![
        Spoken::new(
            "torch",
            say!("wheels of CUDA ", *major, " are installed beside torch for CUDA ", cuda.to_string(), ", and nothing requires them: ", wording::list(&names)),
        )
        .seen(others.iter().map(|(.., copy)| seen(copy.distribution)))
        .seen(torch.variant.evidence().iter().cloned())
        .why("torch takes none of them; they stay behind when torch is installed over one for another CUDA, and are large")
        .fix(say!("`", wording::pip(case), " uninstall ", Text::join(&remove, " "), "`")),
    ]
}
