//! Extension modules and the image's glibc come in; a warning for each distribution that wants an executable stack where glibc
//! refuses one comes out.

use envdiff_model::{Libc, say};

use crate::case::{Case, Spoken};
use crate::modules::{self, SHOWN};

/// The glibc that refuses.
const REFUSES: &str = "2.41";

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(native) = modules::native(case.environment) else { return Vec::new() };
    let Some(Libc::Glibc(own)) = native.libc.value() else { return Vec::new() };
    // Before, the loader made the stack executable.
    if modules::is_above(&REFUSES.into(), own) != Some(false) {
        return Vec::new();
    }
    let of =
        modules::by_distribution(native, |file| file.executable_stack && modules::is_loadable(native, file));
    of.into_iter()
        .map(|(name, modules)| {
            Spoken::new(name.clone(), say!(name, " wants an executable stack, which glibc ", own, " refuses"))
                .seen(modules.iter().take(SHOWN).map(|module| module.seen("PT_GNU_STACK: read, write, execute")))
                .seen(native.libc.evidence().iter().cloned())
                .why("its import ends with ImportError: cannot enable executable stack as shared object requires: Invalid argument")
                .fix(say!("install a newer release of ", name, ", or clear the flag: `patchelf --clear-execstack FILE`"))
        })
        .collect()
}
