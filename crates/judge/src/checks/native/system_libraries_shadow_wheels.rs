//! The CUDA libraries that torch loads and the copies in `LD_LIBRARY_PATH` come in; a warning for each of another version comes
//! out.

use envdiff_model::{Evidence, Fact, Library, LibraryOrigin, Text, say};

use crate::case::{Case, Spoken};
use crate::checks::native::cudnn_subset_mixed as mixed;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let stack = &case.environment.stack;
    [("cuDNN", &stack.cudnn), ("NCCL", &stack.nccl)]
        .into_iter()
        .filter_map(|(what, library)| speak(what, library))
        .collect()
}

fn speak(what: &str, library: &Fact<Option<Library>>) -> Option<Spoken> {
    let library = library.value()?.as_ref()?;
    if !matches!(library.origin, LibraryOrigin::Wheel | LibraryOrigin::Bundled) || mixed::is_mixed(library) {
        return None;
    }
    let own = library.version.as_ref()?;
    let differing =
        |path: &&Text| mixed::version_of(path).is_some_and(|version| mixed::differs(&version, own));
    let other = library.others.iter().find(differing)?;
    let version = mixed::version_of(other)?;
    Some(
        Spoken::new(
            say!(what),
            say!("LD_LIBRARY_PATH leads to ", what, " ", version, ", torch loads its own ", own),
        )
        .seen([
            Evidence::new(other.clone(), "LD_LIBRARY_PATH"),
            Evidence::new(library.path.clone(), library.found_by.clone()),
        ])
        .why("packages that name no folder themselves get that one, and a process holds one of a name: which it is hangs on \
              which package is imported first")
        .fix("take the folder out of LD_LIBRARY_PATH; wheels bring their own"),
    )
}
