//! A wheel of torch and the image's Python come in; an error where no wheel of that release is for so new a Python comes out.

use envdiff_facts::{Minor, Variant, torch};
use envdiff_model::{Evidence, Name, say};

use crate::case::{Case, Spoken, seen};
use crate::stack;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    speak(case).into_iter().collect()
}

fn speak(case: &Case<'_>) -> Option<Spoken> {
    let installed = stack::torch(case)?;
    let version = installed.version.as_str()?;
    // Only the project's own wheels are known, and they have its label; other builds are for the Python that they met.
    Variant::of_version(version)?;
    let release = torch::release(version)?;
    let (python, evidence) = match &case.environment.python {
        envdiff_model::Fact::Known { value, evidence } => (Minor::of(value.as_str()?)?, evidence),
        envdiff_model::Fact::Unknown { .. } => return None,
    };
    let newest = release.pythons.iter().max()?;
    let copy = case.installed.first(&Name::new("torch"))?;
    let by_pip = copy.distribution.installer.as_ref().is_some_and(|by| *by == "pip" || *by == "uv");
    let code = format!("cp{}{}", python.major, python.minor);
    let is_for_it =
        copy.distribution.tags.iter().flatten().any(|tag| tag.as_bytes().starts_with(code.as_bytes()));
    if python <= *newest || !by_pip || is_for_it {
        return None;
    }
    let list = release.pythons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Some(
        Spoken::new(
            "torch",
            say!("torch ", installed.version, " has no wheel for Python ", python.to_string(), ", which the image starts"),
        )
        .seen([seen(copy.distribution)])
        .seen(evidence.iter().cloned())
        .seen([Evidence::new("table of torch releases", say!("torch ", release.version, ": Python ", list))])
        .why("its extension is compiled for one Python: the import ends with ModuleNotFoundError: No module named 'torch._C'")
        .fix(say!("start the Python that it was installed for, or install a torch for ", python.to_string())),
    )
}
