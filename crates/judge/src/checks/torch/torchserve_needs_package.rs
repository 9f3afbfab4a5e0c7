//! A TorchServe and the installed packages come in; what comes out for each package that its server or its workers import at
//! their start and that is missing: an error where the image starts TorchServe, else a warning.
//!
//! Read in the wheels: `ts/model_server.py` imports psutil (0.4.2 … 0.12.0), `ts/model_service_worker.py` reaches torch
//! (all) and, from 0.8.0 on, yaml (`ts/utils/util.py`); none of these imports is guarded. Metadata names psutil alone.

use envdiff_facts::Numbers;
use envdiff_model::{Fact, Name, Severity, say};

use crate::case::{Case, Spoken};
use crate::needs::Edge;
use crate::starts::{self, Starts};
use crate::verdict;
use crate::wording;

/// Distribution, module, the first TorchServe that imports it, and what ends then.
const IMPORTS: &[(&str, &str, Numbers, &str)] = &[
    ("psutil", "psutil", Numbers([0, 0, 0, 0]), "the command `torchserve`"),
    ("pyyaml", "yaml", Numbers([0, 8, 0, 0]), "every worker"),
    ("torch", "torch", Numbers([0, 0, 0, 0]), "every worker"),
];

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let stack = &case.environment.stack;
    let Some(Some(torchserve)) = stack.torchserve.value() else { return Vec::new() };
    let version = torchserve.version.as_str().and_then(Numbers::split).map(|(numbers, _)| numbers);
    let severity = match starts::torchserve(case) {
        Starts::It => Severity::Error,
        Starts::Another | Starts::Unknown => Severity::Warning,
    };
    IMPORTS
        .iter()
        .filter(|(.., since, _)| version.is_some_and(|version| version >= *since))
        .filter(|(name, ..)| is_missing(case, name))
        .map(|(name, module, _, who)| {
            Spoken::new(
                *name,
                say!("TorchServe ", torchserve.version, " imports ", *module, ", which is not installed"),
            )
            .severity(severity)
            .seen(stack.torchserve.evidence().iter().cloned())
            .why(say!(*who, " ends with ModuleNotFoundError: No module named '", *module, "'"))
            .fix(say!("`", wording::pip(case), " install ", *name, "`"))
        })
        .collect()
}

/// What the requirement of psutil means is told here.
pub(crate) fn tells(case: &Case<'_>, edge: &Edge<'_>) -> bool {
    edge.from_name.as_str() == "torchserve"
        && IMPORTS.iter().any(|(name, ..)| *name == edge.wanted.name.as_str())
        && is_missing(case, edge.wanted.name.as_str())
}

/// Nothing in the image can be it: an unreadable folder or a part of `sys.path` that is not known could.
fn is_missing(case: &Case<'_>, name: &str) -> bool {
    // torch can be there without a distribution.
    if name == "torch" && !matches!(case.environment.stack.torch, Fact::Known { value: None, .. }) {
        return false;
    }
    let name = Name::new(name);
    let installed = &case.installed;
    !installed.by_name.contains_key(&name)
        && !installed.unreadable.contains_key(&name)
        && !installed.conda.contains_key(&name)
        && verdict::gap(case.environment).is_none()
}
