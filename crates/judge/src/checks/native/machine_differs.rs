//! Extension modules and the interpreter's processor come in; an error for each distribution all of whose modules are for
//! another one comes out.

use envdiff_model::{Evidence, say};

use crate::case::{Case, Spoken};
use crate::modules::{self, SHOWN};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(native) = modules::native(case.environment) else { return Vec::new() };
    let Some(own) = native.architecture.value() else { return Vec::new() };
    modules::by_distribution(native, |_| true)
        .into_iter()
        // A package may bring one library for each processor and load the one that fits.
        .filter(|(_, modules)| modules.iter().all(|module| module.file.machine != *own))
        .filter_map(|(name, modules)| {
            let first = modules.first()?;
            let machine = &first.file.machine;
            let detail = |evidence: &Evidence| Evidence { detail: own.clone(), ..evidence.clone() };
            Some(
                Spoken::new(name.clone(), say!(name, " is built for ", machine, ", the image's Python for ", own))
                    .severity(modules::severity(name))
                    .seen(modules.iter().take(SHOWN).map(|module| module.seen(module.file.machine.clone())))
                    .seen(native.architecture.evidence().iter().map(detail))
                    .why("its modules cannot be loaded: ImportError, or ModuleNotFoundError where their names tell the processor")
                    .fix(say!("install the package on ", own, ", or build the image for ", machine)),
            )
        })
        .collect()
}
