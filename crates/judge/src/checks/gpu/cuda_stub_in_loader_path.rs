//! Stubs on the loader's path come in; an error where one is loaded instead of the driver comes out, a warning where that
//! hangs on the name by which it is asked for.

use envdiff_model::{DriverLibrary, Evidence, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(cuda) = case.environment.stack.cuda.value() else { return Vec::new() };
    // Links in the loader's own folders are made anew when a container with a GPU starts.
    let comes_first = |library: &&DriverLibrary| {
        let by = library.loaded_by.as_ref().and_then(Text::as_str);
        by.is_some_and(|by| by == "LD_LIBRARY_PATH" || by.starts_with("/etc/ld.so.conf"))
    };
    if machine::needs_no_cuda(case) {
        return Vec::new();
    }
    let stubs: Vec<&DriverLibrary> =
        cuda.stubs.iter().filter(|library| machine::is_libcuda(&library.path)).filter(comes_first).collect();
    // The runtime of CUDA opens libcuda.so.1; the toolkit calls its stub libcuda.so.
    let is_loaded = |library: &&&DriverLibrary| library.path.as_bytes().ends_with(b"/libcuda.so.1");
    let Some(library) = stubs.iter().find(is_loaded).or(stubs.first()) else { return Vec::new() };
    let by = library.loaded_by.clone().unwrap_or_default();
    let spoken = Spoken::new("libcuda", say!("the stub ", library.path, " is on the loader's path, by ", by))
        .seen([Evidence::new(library.path.clone(), say!("found by ", by))])
        .fix(say!(
            "take the folder of stubs out of ",
            by,
            "; it is for linking, where LIBRARY_PATH names it"
        ));
    let why = "it is taken before the driver that is mounted: `CUDA driver is a stub library` (error 34), and torch.cuda.is_available() is False";
    vec![if is_loaded(&library) && machine::runtime(case).is_some() {
        spoken.why(why)
    } else {
        spoken.severity(Severity::Warning).why(
            "what opens libcuda.so by that name (numba, older CuPy and Triton) gets the stub instead of the driver: `CUDA driver is a stub library` (error 34); torch opens libcuda.so.1",
        )
    }]
}
