//! The extension modules of an environment come in; those that a check is about come out, by distribution.

use std::collections::BTreeMap;

use envdiff_model::{Environment, Evidence, Libc, ModuleFile, Native, Severity, Text, say};

use crate::wording;

/// A module that could be read.
#[derive(Clone, Copy)]
pub(crate) struct Readable<'a> {
    pub(crate) path: &'a Text,
    pub(crate) file: &'a ModuleFile,
}

impl Readable<'_> {
    /// The module with what it says.
    pub(crate) fn seen(&self, detail: impl Into<Text>) -> Evidence {
        Evidence::new(self.path.clone(), detail)
    }
}

/// The most modules of one distribution that are shown as evidence.
pub(crate) const SHOWN: usize = 3;

/// C library, C++ library, modules; nothing where they are not known.
pub(crate) fn native(environment: &Environment) -> Option<&Native> {
    environment.stack.native.value()
}

/// The modules that `keep` wants, by distribution.
pub(crate) fn by_distribution<'a>(
    native: &'a Native,
    keep: impl Fn(&ModuleFile) -> bool,
) -> BTreeMap<&'a Text, Vec<Readable<'a>>> {
    let mut out: BTreeMap<&Text, Vec<Readable<'_>>> = BTreeMap::new();
    for module in &native.modules {
        if let Some(file) = module.file.value().filter(|file| keep(file)) {
            out.entry(&module.distribution).or_default().push(Readable { path: &module.path, file });
        }
    }
    out
}

/// Whether the interpreter's loader would load a module at all: it is for the same processor and C library.
pub(crate) fn is_loadable(native: &Native, file: &ModuleFile) -> bool {
    let same = native.architecture.value().is_some_and(|own| *own == file.machine);
    let musl = native.libc.value().map(|libc| matches!(libc, Libc::Musl(_)));
    same && musl == Some(file.musl)
}

/// An error where the import of the package is known to load its modules; else a warning, for it may do without them.
pub(crate) fn severity(distribution: &Text) -> Severity {
    let known = distribution.as_str().is_some_and(|name| envdiff_facts::native::package(name).is_some());
    if known { Severity::Error } else { Severity::Warning }
}

/// `2.28` as numbers, to be compared; nothing for what is no such version.
pub(crate) fn numbers(version: &Text) -> Option<Vec<u32>> {
    version.as_str()?.split('.').map(|part| part.parse().ok()).collect()
}

/// Whether a version that is needed is above one that is there; `None` where one cannot be compared.
pub(crate) fn is_above(needed: &Text, there: &Text) -> Option<bool> {
    Some(numbers(needed)? > numbers(there)?)
}

/// `libGL.so.1 and libgthread-2.0.so.0`
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a Text>) -> Text {
    let names: Vec<&Text> = names.into_iter().collect();
    say!(wording::list(&names))
}
