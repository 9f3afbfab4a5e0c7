//! The CUDA wheels that torch requires come in; one finding for those that are missing comes out: an error where a library
//! of torch is known not to find what they hold, a note where it finds it elsewhere, else a warning.

use envdiff_model::{CudaLibraries, Evidence, Fact, Name, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::checks::installed::requirement_of_installed_package_broken::{Broken, judge};
use crate::needs::Edge;
use crate::stack;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(torch) = stack::torch(case) else { return Vec::new() };
    let missing: Vec<&Edge<'_>> = stack::torch_needs(case).filter(|edge| is_missing(case, edge)).collect();
    let Some(first) = missing.first() else { return Vec::new() };
    let mut names: Vec<&Name> = missing.iter().map(|edge| &edge.wanted.name).collect();
    names.sort();
    names.dedup();
    let lacking = lacking(case, &torch.location);
    let (severity, why) = match &lacking {
        Lacking::These(sonames) => (
            Severity::Error,
            say!("`import torch` ends with OSError: ", wording::list(sonames), ": cannot open shared object file"),
        ),
        Lacking::Nothing => (
            Severity::Note,
            "its libraries are found elsewhere in the image, in whatever version they have there".into(),
        ),
        Lacking::Unknown => (
            Severity::Warning,
            "where none of its libraries lies elsewhere on the loader's path, `import torch` ends with OSError: \
             libcublas.so…: cannot open shared object file"
                .into(),
        ),
    };
    let wishes = missing
        .iter()
        .map(|edge| say!("'", edge.wanted.name, edge.wanted.requirement.specifiers.written(), "'"));
    let wishes: Vec<Text> = wishes.collect();
    let metadata = case.installed.copy(first.from).map(|copy| {
        Evidence::new(copy.distribution.metadata.clone(), say!("Requires-Dist: ", first.need.text))
    });
    vec![
        Spoken::new(
            "torch",
            say!(
                "torch ",
                torch.version,
                " requires ",
                wording::list(&names),
                ", which ",
                if names.len() == 1 { "is" } else { "are" },
                " not installed"
            ),
        )
        .severity(severity)
        .seen(metadata)
        .why(why)
        .fix(say!(
            "install what it requires: `",
            wording::pip(case),
            " install ",
            Text::join(&wishes, " "),
            "`"
        )),
    ]
}

/// What such a requirement means is told here.
pub(crate) fn tells(case: &Case<'_>, edge: &Edge<'_>) -> bool {
    is_of_torch(edge) && is_missing(case, edge)
}

/// A requirement of torch, itself or through `cuda-toolkit`.
pub(super) fn is_of_torch(edge: &Edge<'_>) -> bool {
    edge.from_name.as_str() == "torch" || (edge.from_name.as_str() == "cuda-toolkit" && edge.extra.is_some())
}

fn is_missing(case: &Case<'_>, edge: &Edge<'_>) -> bool {
    let takes_wheels = stack::torch(case).is_some_and(|torch| torch.libraries == Some(CudaLibraries::Wheels));
    takes_wheels
        && stack::cuda_wheel(&edge.wanted.name).is_some()
        && matches!(judge(case, edge.wanted), Some(Broken::Missing))
}

enum Lacking {
    /// Libraries of torch need these, and a loader finds them nowhere.
    These(Vec<Text>),
    /// Its libraries find all they need.
    Nothing,
    Unknown,
}

/// What the libraries of torch do not find.
fn lacking(case: &Case<'_>, location: &Text) -> Lacking {
    let Fact::Known { value: native, .. } = &case.environment.stack.native else { return Lacking::Unknown };
    let below = say!(location, "/");
    let mut seen_one = false;
    let mut sonames: Vec<Text> = Vec::new();
    for module in native.modules.iter().filter(|module| module.path.as_bytes().starts_with(below.as_bytes()))
    {
        let Fact::Known { value: file, .. } = &module.file else { return Lacking::Unknown };
        if !file.doubts.is_empty() {
            return Lacking::Unknown;
        }
        seen_one = true;
        sonames.extend(file.missing.iter().map(|missing| missing.soname.clone()).filter(is_of_cuda));
    }
    sonames.sort();
    sonames.dedup();
    match (sonames.is_empty(), seen_one) {
        (false, _) => Lacking::These(sonames),
        (true, true) => Lacking::Nothing,
        (true, false) => Lacking::Unknown,
    }
}

/// A library that a CUDA wheel holds.
fn is_of_cuda(soname: &Text) -> bool {
    ["libcu", "libnccl", "libnv", "libnvToolsExt", "libnvrtc"]
        .iter()
        .any(|start| soname.as_bytes().starts_with(start.as_bytes()))
}
