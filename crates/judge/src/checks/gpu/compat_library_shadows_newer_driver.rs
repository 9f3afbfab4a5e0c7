//! The image's compatibility libraries and each host's driver come in; an error where an older one hides the host's comes out.

use envdiff_facts::DriverVersion;
use envdiff_model::{DriverLibrary, Evidence, say};

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(cuda) = case.environment.stack.cuda.value() else { return Vec::new() };
    let found = cuda.compat.iter().find_map(loaded);
    let Some((library, version, by)) = found else { return Vec::new() };
    machine::hosts(case)
        .iter()
        .filter_map(|host| {
            let (host_version, driver) = host.driver().filter(|(_, driver)| !driver.wsl)?;
            let has_none = host.gpus().is_some_and(|gpus| gpus.is_empty());
            (version.branch < host_version.branch && !has_none).then(|| {
                let message = say!(
                    "compatibility libraries of driver ",
                    version.to_string(),
                    " hide the newer driver ",
                    driver.version,
                    " of ",
                    host.who()
                );
                Spoken::new("cuda-compat", message)
                    .seen([Evidence::new(library.path.clone(), say!("found by ", by))])
                    .seen(host.driver_seen())
                    .why(
                        "the loader takes them before the libraries that are mounted, and they do not work above a newer kernel module: error 803, `system has unsupported display driver / cuda driver combination`",
                    )
                    .fix(say!("take their folder out of ", by, "; NVIDIA's container toolkit finds them itself where they are needed"))
            })
        })
        .collect()
}

/// The first that the loader takes before what a runtime mounts. Links in the loader's own folders are made anew when the
/// container starts.
pub(super) fn loaded(
    library: &DriverLibrary,
) -> Option<(&DriverLibrary, DriverVersion, &envdiff_model::Text)> {
    let by = library.loaded_by.as_ref()?;
    let comes_first =
        by.as_str().is_some_and(|by| by == "LD_LIBRARY_PATH" || by.starts_with("/etc/ld.so.conf"));
    let version = DriverVersion::parse(library.version.as_ref()?.as_str()?)?;
    (comes_first && machine::is_libcuda(&library.path)).then_some((library, version, by))
}
