//! Extensions whose label names the C++ ABI that they were built with come in; an error for each that meets a torch of the
//! other comes out.

use envdiff_model::say;

use crate::case::{Case, Spoken};
use crate::stack;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    let Some(abi) = torch.cxx11_abi.value() else { return Vec::new() };
    let installed = stack::minor(&torch.version);
    stack::labels(case)
        .filter(|(_, _, label, _)| label.cxx11_abi.is_some_and(|built| built != *abi))
        // One for another torch has its own finding.
        .filter(|(_, _, label, _)| label.torch.is_none() || label.torch == installed)
        .filter_map(|(name, copy, _, evidence)| {
            let (its, torchs) = if *abi { ("old", "new") } else { ("new", "old") };
            let version = copy.distribution.version.clone()?;
            Some(
                Spoken::new(
                    name.as_str(),
                    say!(
                        name, " ", version, " is built with the ", its, " C++ ABI, torch ", torch.version, " with the ",
                        torchs
                    ),
                )
                .seen([evidence])
                .seen(torch.cxx11_abi.evidence().iter().cloned())
                .why(
                    "their names for std::string differ: the import ends with ImportError, \"undefined symbol\" with \
                     `__cxx11` or `B5cxx11` in it",
                )
                .fix(say!(
                    "install the wheel whose label says cxx11abi",
                    if *abi { "TRUE" } else { "FALSE" }
                )),
            )
        })
        .collect()
}
