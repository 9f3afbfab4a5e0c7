//! numpy, torch and the headers of numpy that extension modules were built with come in; what does not go together comes out.

use envdiff_facts::{Minor, numpy};
use envdiff_model::{Name, Severity, Text, say};

use crate::case::{Case, Spoken, seen};
use crate::installed::Copy;
use crate::modules;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(copy) = case.installed.first(&Name::new("numpy")) else { return Vec::new() };
    let Some(version) = &copy.version else { return Vec::new() };
    let version = version.to_string();
    let is_2 = Minor::of(&version).is_some_and(|minor| minor.major >= 2);
    if !is_2 {
        return Vec::new();
    }
    let mut out: Vec<Spoken> = extensions(case, copy, &version);
    out.extend(torch(case, copy, &version));
    out
}

/// Modules that name numpy 1's module alone; an import of theirs asks for it at once.
fn extensions(case: &Case<'_>, copy: &Copy<'_>, version: &str) -> Vec<Spoken> {
    let Some(native) = modules::native(case.environment) else { return Vec::new() };
    let of = modules::by_distribution(native, |file| file.numpy == Some(1));
    of.into_iter()
        .map(|(name, modules)| {
            Spoken::new(name.clone(), say!(name, " was built with numpy 1, and numpy ", version, " is installed"))
                .severity(modules::severity(name))
                .seen(modules.iter().take(1).map(|module| module.seen("names numpy.core._multiarray_umath alone")))
                .seen([seen(copy.distribution)])
                .why("its import ends with ImportError: numpy.core.multiarray failed to import, or ValueError: numpy.dtype size \
                      changed")
                .fix(fix(case, name))
        })
        .collect()
}

fn torch(case: &Case<'_>, copy: &Copy<'_>, version: &str) -> Option<Spoken> {
    let torch = case.environment.stack.torch.value().and_then(Option::as_ref);
    let installed = case.installed.first(&Name::new("torch"));
    let own: Text = match (torch, installed.and_then(|copy| copy.version.as_ref())) {
        (Some(torch), _) => torch.version.clone(),
        (None, Some(version)) => version.to_string().into(),
        (None, None) => return None,
    };
    let built = match torch.and_then(|torch| torch.numpy_built_against.value()) {
        Some(major) => *major,
        None => numpy::torch_side(Minor::of(own.as_str()?)?)?.built_against,
    };
    if built != 1 {
        return None;
    }
    let mut spoken = Spoken::new(
        "torch",
        say!("torch ", own, " was built with numpy 1, and numpy ", version, " is installed"),
    )
    .severity(Severity::Warning);
    if let Some(installed) = installed {
        spoken = spoken.seen([seen(installed.distribution)]);
    }
    Some(
        spoken
            .seen([seen(copy.distribution)])
            .why("tensor.numpy() and torch.from_numpy() raise RuntimeError: Numpy is not available; most image and text \
                  handlers call one of them")
            .fix(fix(case, &"torch".into())),
    )
}

fn fix(case: &Case<'_>, name: &Text) -> Text {
    let first = name.as_str().and_then(numpy::first_for_numpy_2);
    let older = say!("`", wording::pip(case), " install 'numpy<2'`");
    match (name.as_str(), first) {
        (Some("torch"), _) => say!(older, ", or torch 2.3 or newer"),
        (_, Some(first)) => say!(older, ", or ", name, " ", first.version, " or newer"),
        _ => say!(older, ", or a release of ", name, " that was built for numpy 2"),
    }
}
