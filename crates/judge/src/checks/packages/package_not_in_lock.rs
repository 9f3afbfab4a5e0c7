//! Packages that are installed and that no lock accounts for come in; one note that names them comes out.

use std::collections::BTreeSet;

use envdiff_model::{Name, RequirementKind, Text, say};

use crate::case::{Case, Spoken, seen};
use crate::verdict;
use crate::wording;

/// What builds and installs packages; no lock names it and nothing is to be concluded from it.
const TOOLS: [&str; 4] = ["pip", "setuptools", "wheel", "distribute"];
/// What a TorchServe image holds for serving and training need not: the server, its archiver, and what the server's own
/// installation asks for (TorchServe 0.12, `setup.py` and `requirements/`).
const SERVER: [&str; 9] = [
    "torchserve",
    "torch-model-archiver",
    "torch-workflow-archiver",
    "captum",
    "nvgpu",
    "psutil",
    "pynvml",
    "packaging",
    "pyyaml",
];

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    if case.locks.is_empty() || verdict::nothing_seen(case.environment).is_some() {
        return Vec::new();
    }
    let known = accounted_for(case);
    let has_unnamed = case
        .locks
        .iter()
        .flat_map(|lock| &lock.requirements)
        .any(|requirement| matches!(requirement.kind, RequirementKind::Unnamed { .. }));
    let mut names: Vec<&Name> = Vec::new();
    let mut out = Vec::new();
    for (name, _, copy) in case.installed.all().filter(|(name, ..)| !known.contains(*name)) {
        // A path without a name in the lock may be just this one.
        if has_unnamed && (copy.distribution.editable || copy.distribution.direct_url.is_some()) {
            continue;
        }
        if case.policy.allowance("package-not-in-lock", &name.as_str().into()).is_some() {
            let version = copy.distribution.version.clone().unwrap_or_default();
            out.push(
                Spoken::new(name.as_str(), say!(name, " ", version, " is installed and not in the lock"))
                    .seen([seen(copy.distribution)])
                    .why(WHY),
            );
        } else {
            names.push(name);
        }
    }
    if !names.is_empty() {
        let paths: Vec<&Text> = case.locks.iter().map(|lock| &lock.path).collect();
        let message = say!(
            wording::count(names.len(), "package is", "packages are"),
            " installed and not in ",
            wording::list(&paths),
            ": ",
            wording::list(&names)
        );
        out.push(
            Spoken::new(Text::join(&paths, ", "), message)
                .why(WHY)
                .fix("nothing, unless the image is to hold the lock and no more"),
        );
    }
    out
}

const WHY: &str = "no lock names them and nothing that a lock names requires them; they were not there in training, or \
                   serving alone needs them";

/// What the locks name, what that requires in turn, installers, and of a TorchServe image the server.
fn accounted_for(case: &Case<'_>) -> BTreeSet<Name> {
    let mut open: Vec<Name> =
        case.locks.iter().flat_map(|lock| &lock.requirements).filter_map(|r| r.name.clone()).collect();
    open.extend(TOOLS.map(Name::new));
    if case.installed.by_name.contains_key(&Name::new("torchserve")) {
        open.extend(SERVER.map(Name::new));
    }
    let mut known = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(holding) = case.installed.by_name.get(&name)
            && !known.contains(&name)
        {
            open.extend(case.needs.by(holding.first).map(|edge| edge.wanted.name.clone()));
        }
        known.insert(name);
    }
    known
}
