//! A Python environment comes in; the TorchServe in it comes out.

use envdiff_files::{ImagePath, Miss, Seen};
use envdiff_model::{Environment, Evidence, Fact, Name, Text, Torchserve, say};

use crate::python::ask::{self, Found};

/// The distribution `torchserve` that counts, and its package `ts` beside it.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(seen: &Seen, environment: &Environment) -> Result<Fact<Option<Torchserve>>, Miss> {
    if let Fact::Unknown { reason } = &environment.sys_path {
        return Ok(Fact::Unknown { reason: reason.clone() });
    }
    let is_torchserve =
        |name: &Text| name.as_str().is_some_and(|name| Name::new(name).as_str() == "torchserve");
    let found = environment
        .distributions
        .iter()
        .find(|found| !found.shadowed && found.name.as_ref().is_some_and(is_torchserve));
    let Some(found) = found else {
        let gap = environment
            .unknown
            .iter()
            .find(|unknown| unknown.what == "sys_path" || unknown.what == "distributions");
        return Ok(match gap {
            Some(gap) => Fact::unknown(say!("it was not found, and ", gap.why)),
            None => Fact::seen(None, Vec::new()),
        });
    };
    let Some(version) = &found.version else {
        return Ok(Fact::unknown(say!("the version in ", found.metadata, " cannot be read")));
    };
    let package = ImagePath::new(found.location.as_bytes()).and_then(|folder| folder.join("ts"));
    let location = match package {
        Some(package) => match ask::is_folder(seen, &package)? {
            Found::Is(true) => Text::from(package.as_bytes()),
            // Installed in place, or by an archive that was cut: where its code lies is not known.
            Found::Is(false) | Found::Absent | Found::Unreadable(_) => Text::new(),
        },
        None => Text::new(),
    };
    let evidence = Evidence::new(found.metadata.clone(), say!("Version: ", version));
    Ok(Fact::known(Some(Torchserve { version: version.clone(), location }), evidence))
}
