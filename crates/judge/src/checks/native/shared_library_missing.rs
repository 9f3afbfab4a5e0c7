//! Extension modules and the libraries that the loader does not find for them come in; an error for each distribution comes
//! out.

use std::collections::{BTreeMap, BTreeSet};

use envdiff_model::{Fact, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::checks::native::cudnn8_needed_cudnn9_present as cudnn8;
use crate::checks::torch::{
    companion_built_for_another_torch as another_torch, companion_of_another_variant as another_variant,
    extension_built_for_another_torch as extension, nvidia_wheel_missing as wheel_missing,
};
use crate::modules::{self, Readable, SHOWN};
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(native) = modules::native(case.environment) else { return Vec::new() };
    let of = modules::by_distribution(native, |file| modules::is_loadable(native, file));
    let told = Told::of(case);
    of.into_iter().filter_map(|(name, modules)| speak(case, &told, name, &modules)).collect()
}

/// What the checks of torch say of libraries that are not found: one cause, one finding.
struct Told {
    /// Packages that are told to be built for another torch or another CUDA.
    others: BTreeSet<Text>,
    /// It is told that CUDA wheels are missing.
    wheels: bool,
    /// There is no torch, which what is built on it imports first.
    no_torch: bool,
}

impl Told {
    fn of(case: &Case<'_>) -> Self {
        let spoken = [another_variant::listen(case), another_torch::listen(case), extension::listen(case)];
        Self {
            others: spoken.into_iter().flatten().map(|spoken| spoken.subject).collect(),
            wheels: !wheel_missing::listen(case).is_empty(),
            no_torch: matches!(case.environment.stack.torch, Fact::Known { value: None, .. }),
        }
    }
}

fn speak(case: &Case<'_>, told: &Told, name: &Text, modules: &[Readable<'_>]) -> Option<Spoken> {
    // Each library once, with the first file that needs it.
    let mut missing: BTreeMap<&Text, Readable<'_>> = BTreeMap::new();
    for module in modules {
        for library in &module.file.missing {
            if !is_told_elsewhere(case, told, name, &library.soname) {
                missing.entry(&library.soname).or_insert(*module);
            }
        }
    }
    let (first, _) = missing.first_key_value()?;
    let names = modules::names(missing.keys().copied());
    let evidence = missing.iter().take(SHOWN).map(|(soname, module)| module.seen(say!("needs ", *soname)));
    Some(
        Spoken::new(name.clone(), say!(name, " needs ", names, ", which the loader would not find"))
            .severity(modules::severity(name))
            .seen(evidence)
            .why(say!(
                "its import ends with ImportError: ",
                *first,
                ": cannot open shared object file: No such file or directory"
            ))
            .fix(fix(case, name, &missing)),
    )
}

fn fix(case: &Case<'_>, name: &Text, missing: &BTreeMap<&Text, Readable<'_>>) -> Text {
    let known = missing.keys().filter_map(|soname| envdiff_facts::native::debian_package(soname.as_str()?));
    let mut packages: Vec<&str> = known.collect();
    packages.dedup();
    let headless = match name.as_str() {
        Some("opencv-python") => Some("opencv-python-headless"),
        Some("opencv-contrib-python") => Some("opencv-contrib-python-headless"),
        _ => None,
    };
    let install = (!packages.is_empty()).then(|| {
        say!("install what brings it (Debian and Ubuntu: `apt-get install ", Text::join(packages, " "), "`)")
    });
    match (headless, install) {
        (Some(headless), Some(install)) => {
            say!("install ", headless, " in its place, which needs no display: `", wording::pip(case), " install ", headless, "`; or ", install)
        }
        (None, Some(install)) => install,
        _ => "install the package of the system, or of Python, that brings it; where it lies in a folder of its own, name that in \
              LD_LIBRARY_PATH or /etc/ld.so.conf.d and run ldconfig"
            .into(),
    }
}

/// What the checks of torch tell: wheels of CUDA that it asks for and that are missing, packages that were built for another
/// torch or another CUDA. Another major of cuDNN has its own check.
fn is_told_elsewhere(case: &Case<'_>, told: &Told, name: &Text, soname: &Text) -> bool {
    const OF_CUDA: [&str; 3] = ["libcu", "libnv", "libnccl."];
    const OF_TORCH: [&str; 3] = ["libtorch", "libc10", "libshm"];
    let starts = |with: &[&str]| with.iter().any(|start| soname.as_bytes().starts_with(start.as_bytes()));
    let is_companion =
        name.as_str().is_some_and(|name| envdiff_facts::companions::releases(name).next().is_some());
    let asks_wheels = *name == "torch"
        && case.installed.all().any(|(own, _, copy)| {
            own.as_str() == "torch"
                && copy.distribution.requires.iter().any(|need| need.as_bytes().starts_with(b"nvidia-"))
        });
    let other = told.others.contains(name) || (is_companion && told.no_torch);
    (starts(&OF_CUDA) && (other || asks_wheels || (is_companion && told.wheels)))
        || (starts(&OF_TORCH) && other)
        || cudnn8::is_told(case, soname)
}

/// What kept this check from speaking: a library was not found where a folder cannot be read.
pub(crate) fn undetermined(case: &Case<'_>) -> Vec<Spoken> {
    let Some(native) = modules::native(case.environment) else { return Vec::new() };
    let of = modules::by_distribution(native, |file| {
        modules::is_loadable(native, file) && !file.doubts.is_empty()
    });
    of.into_iter()
        .filter_map(|(name, modules)| {
            let first = modules.first()?;
            let doubt = first.file.doubts.first()?;
            Some(
                Spoken::new(
                    name.clone(),
                    say!("whether ", name, " finds all libraries that it needs cannot be told: ", doubt),
                )
                .severity(Severity::Note)
                .seen([first.seen(doubt.clone())])
                .why("a library that is not found shows as ImportError when the package is imported")
                .fix("import the package in the image once"),
            )
        })
        .collect()
}
