//! A Python environment comes in; C library, C++ library, and the extension modules that ask for them come out.

pub mod cache;
pub mod conf;
pub(crate) mod cuda_libraries;
pub(crate) mod foresee;
mod libc;
pub(crate) mod loader;
pub(crate) mod modules;
#[cfg(test)]
mod tests;

use envdiff_files::{Ask, Miss, Seen};
use envdiff_model::{Environment, Fact, Native, Text};

use crate::python::ask;
use loader::Loader;

/// Derives them; `known` is what was found in earlier runs for the same environment and loader. Files that several distributions own, and modules that are hidden, are told elsewhere.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(
    seen: &Seen,
    loader: &Loader<'_>,
    environment: &Environment,
    known: &modules::Known,
) -> Result<Fact<Native>, Miss> {
    let libc = libc::libc(seen, loader);
    let libstdcxx = libc::libstdcxx(seen, loader, &[]);
    let own = match &libstdcxx {
        Ok(fact) => fact.clone(),
        Err(_) => Fact::unknown("it is not known yet"),
    };
    let modules = modules::modules(seen, loader, environment, &own, known);
    let architecture = match loader.interpreter() {
        Some(interpreter) => match interpreter.view.machine.name() {
            Some(name) => {
                let question = Ask::Elf(interpreter.path.clone());
                Fact::known(Text::from(name), ask::evidence(seen, &question, "e_machine"))
            }
            None => Fact::unknown("its number is of no processor that is known here"),
        },
        None => Fact::unknown("the interpreter is not known, or cannot be read"),
    };
    let (libc, libstdcxx, modules) = (libc?, libstdcxx?, modules?);
    let evidence: Vec<_> = architecture.evidence().to_vec();
    let native = Native { architecture, libc, libstdcxx, modules };
    Ok(Fact::seen(native, evidence))
}
