//! Extension modules and the image's C library come in; an error for each distribution that is built for glibc where the image
//! has musl comes out.

use envdiff_model::{Libc, Severity, say};

use crate::case::{Case, Spoken};
use crate::modules::{self, SHOWN};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(native) = modules::native(case.environment) else { return Vec::new() };
    let Some(Libc::Musl(_)) = native.libc.value() else { return Vec::new() };
    // A module without a C library of either kind says nothing.
    let of = modules::by_distribution(native, |file| !file.musl && file.glibc.is_some());
    of.into_iter()
        .map(|(name, modules)| {
            // The layer of compatibility stands among the doubts: it makes some of them work.
            let layered = modules.iter().any(|module| !module.file.doubts.is_empty());
            let severity = if layered { Severity::Warning } else { modules::severity(name) };
            Spoken::new(name.clone(), say!(name, " is built for glibc, the image's Python runs on musl"))
                .severity(severity)
                .seen(modules.iter().take(SHOWN).map(|module| module.seen("needs symbols of glibc")))
                .seen(native.libc.evidence().iter().cloned())
                .why("musl's loader finds neither ld-linux-x86-64.so.2 nor the versioned symbols of glibc, and its Python does \
                      not take such modules' names")
                .fix("take a base image with glibc (Debian slim), or wheels that are tagged musllinux; torch has none")
        })
        .collect()
}
