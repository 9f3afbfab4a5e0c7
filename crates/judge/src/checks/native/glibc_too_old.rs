//! Extension modules and the image's glibc come in; an error for each distribution that needs a newer one comes out.

use envdiff_model::{Libc, Text, say};

use crate::case::{Case, Spoken};
use crate::modules::{self, Readable, SHOWN};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(native) = modules::native(case.environment) else { return Vec::new() };
    let Some(Libc::Glibc(own)) = native.libc.value() else { return Vec::new() };
    let above = |needed: &Text| modules::is_above(needed, own) == Some(true);
    let of = modules::by_distribution(native, |file| {
        modules::is_loadable(native, file) && file.glibc.as_ref().is_some_and(above)
    });
    of.into_iter().filter_map(|(name, modules)| speak(case, name, &modules, own)).collect()
}

fn speak(case: &Case<'_>, name: &Text, modules: &[Readable<'_>], own: &Text) -> Option<Spoken> {
    let highest =
        modules.iter().filter_map(|module| module.file.glibc.as_ref()).max_by_key(|v| modules::numbers(v))?;
    let native = modules::native(case.environment)?;
    let needs = |module: &Readable<'_>| {
        module.seen(say!("needs GLIBC_", module.file.glibc.as_ref().unwrap_or(highest)))
    };
    Some(
        Spoken::new(name.clone(), say!(name, " needs glibc ", highest, ", the image has ", own))
            .severity(modules::severity(name))
            .seen(modules.iter().take(SHOWN).map(needs))
            .seen(native.libc.evidence().iter().cloned())
            .why(say!(
                "its import ends with ImportError: version `GLIBC_",
                highest,
                "' not found; the loader refuses a library whose versions are not there"
            ))
            .fix(say!("take a base image with glibc ", highest, " or newer, or an older release of ", name)),
    )
}
