//! torch and the packages that are compiled against it come in; an error for each that was built for another minor comes out.

use envdiff_facts::{Minor, companions};
use envdiff_model::{Evidence, Name, Severity, Text, Torch, say};

use crate::case::{Case, Spoken, seen};
use crate::installed::Copy;
use crate::needs::Edge;
use crate::stack;
use crate::training::pin;
use crate::wording;

/// Packages whose import loads a library that links torch, with the first minor whose import fails when that cannot be
/// loaded: torchvision before 0.16 goes on without its operators (`torchvision/extension.py` of 0.14.1, 0.15.2, 0.16.2);
/// `torchaudio/_extension` (0.13.1 … 2.6.0) and `torchtext/_extension.py` (0.16.2, 0.18.0) let the fault through.
const COMPANIONS: &[(&str, Minor)] = &[
    ("torch-tensorrt", Minor::new(0, 0)),
    ("torchaudio", Minor::new(0, 0)),
    ("torchtext", Minor::new(0, 0)),
    ("torchvision", Minor::new(0, 16)),
];

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    COMPANIONS
        .iter()
        .filter_map(|(name, fails_since)| {
            let name = Name::new(name);
            let copy = case.installed.first(&name)?;
            let (built_for, evidence) = built_for(case, torch, &name)?;
            let version = copy.distribution.version.clone()?;
            let fails = stack::minor(&version).is_none_or(|minor| minor >= *fails_since);
            let (severity, why) = if fails {
                (
                    Severity::Error,
                    "its library asks for symbols that this torch does not have: the import ends with \"undefined \
                     symbol\", or with \"operator torchvision::nms does not exist\"",
                )
            } else {
                (
                    Severity::Warning,
                    "its library asks for symbols that this torch does not have: the import goes on without its \
                     operators, and whoever uses one gets \"Couldn't load custom C++ ops\"",
                )
            };
            Some(
                Spoken::new(
                    name.as_str(),
                    say!(
                        name, " ", version, " is built for torch ", built_for.to_string(), ", torch ", torch.version,
                        " is installed"
                    ),
                )
                .severity(severity)
                .seen([evidence, seen(copy.distribution)])
                .seen(stack::torch_seen(case))
                .why(why)
                .fix(fix(case, &name, torch)),
            )
        })
        .collect()
}

/// What the requirement of torch of such a package means is told here.
pub(crate) fn tells(case: &Case<'_>, edge: &Edge<'_>) -> bool {
    edge.wanted.name.as_str() == "torch"
        && COMPANIONS.iter().any(|(name, _)| *name == edge.from_name.as_str())
        && stack::torch(case).is_some_and(|torch| built_for(case, torch, edge.from_name).is_some())
}

/// The minor that it was built for, where that is another than the image's. A pin in its metadata tells it: a build from
/// source has none, for the project's own builds alone set it. torchtext 0.18.0 is the one that has none and links torch.
fn built_for(case: &Case<'_>, torch: &Torch, name: &Name) -> Option<(Minor, Evidence)> {
    let copy = case.installed.first(name)?;
    let installed = stack::minor(&torch.version)?;
    stack::minor(copy.distribution.version.as_ref()?)?;
    let (minor, evidence) = pinned(copy).or_else(|| by_table(name, copy))?;
    (minor != installed).then_some((minor, evidence))
}

fn pinned(copy: &Copy<'_>) -> Option<(Minor, Evidence)> {
    copy.needs.iter().find_map(|need| {
        let wanted = need.read.as_ref().ok().filter(|wanted| wanted.name.as_str() == "torch")?;
        let minor = Minor::of(&pin(&wanted.requirement.specifiers.written())?)?;
        let line = say!("Requires-Dist: ", need.text);
        Some((minor, Evidence::new(copy.distribution.metadata.clone(), line)))
    })
}

fn by_table(name: &Name, copy: &Copy<'_>) -> Option<(Minor, Evidence)> {
    let version = copy.distribution.version.as_ref()?.as_str()?;
    let row = companions::companion(name.as_str(), version)?;
    let is_own = copy.needs.iter().any(|need| {
        matches!(row.torch, companions::TorchNeed::Specifier(written)
            if need.read.as_ref().is_ok_and(|w| w.name.as_str() == "torch" && w.requirement.specifiers.written() == *written))
    });
    let built = companions::built_for(name.as_str(), version).filter(|built| !built.unverified)?;
    (is_own && name.as_str() == "torchtext")
        .then(|| (built.torch, Evidence::new("table of torch's companions", say!(name, " ", version))))
}

/// The release of the companion that goes with the installed torch, where the table has one.
fn fix(case: &Case<'_>, name: &Name, torch: &Torch) -> Text {
    let wanted = torch.version.as_str().map(|version| version.split('+').next().unwrap_or(version));
    let fitting = companions::releases(name.as_str()).find(|row| {
        matches!((row.torch, wanted), (companions::TorchNeed::Specifier(spec), Some(wanted))
            if spec.strip_prefix("==") == Some(wanted))
    });
    match fitting {
        Some(row) => say!(
            "`",
            wording::pip(case),
            " install '",
            name,
            "==",
            row.version,
            "'`, from the index that torch came from"
        ),
        None => say!("install the ", name, " that goes with this torch, or the torch that it was built for"),
    }
}
