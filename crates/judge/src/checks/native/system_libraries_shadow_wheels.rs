//! The CUDA libraries that torch loads and the copies in `LD_LIBRARY_PATH` come in; a warning for each of another version comes
//! out, and an error where a wheel's library gets an nvJitLink that is too old for it.

use envdiff_facts::Minor;
use envdiff_model::{Evidence, Fact, Library, LibraryOrigin, ReplacedLibrary, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::checks::native::cudnn_subset_mixed as mixed;
use crate::{modules, stack};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let stack = &case.environment.stack;
    [("cuDNN", &stack.cudnn), ("NCCL", &stack.nccl)]
        .into_iter()
        .filter_map(|(what, library)| speak(what, library))
        .chain(old_linker(case))
        .collect()
}

/// Since this minor torch loads the nvJitLink of its wheels before anything else asks for one (measured: with 12.1's on
/// `LD_LIBRARY_PATH` the import of 2.5.1+cu124 fails, that of 2.6.0+cu124 does not).
const LOADS_ITS_OWN: Minor = Minor { major: 2, minor: 6 };

/// The symbols of nvJitLink carry the version of their CUDA, so a library of a wheel does not find its own in an older one.
fn old_linker(case: &Case<'_>) -> Option<Spoken> {
    let torch = stack::torch(case)?;
    if stack::minor(&torch.version).is_none_or(|minor| minor >= LOADS_ITS_OWN) {
        return None;
    }
    let is_old = |library: &&ReplacedLibrary| {
        library.soname.as_bytes().starts_with(b"libnvJitLink.so.")
            && library
                .wheel_version
                .as_ref()
                .zip(library.version.as_ref())
                .is_some_and(|(wheel, taken)| cuda_of(taken) < cuda_of(wheel) && cuda_of(taken).is_some())
    };
    let library = stack_replaced(case)?.iter().find(is_old)?;
    let (wheel, taken) = (library.wheel_version.as_ref()?, library.version.as_ref()?);
    Some(
        Spoken::new(
            "torch",
            say!("libraries of torch's wheels get nvJitLink ", taken, " in place of ", wheel),
        )
        .severity(Severity::Error)
        .seen([
            Evidence::new(library.taken.clone(), library.found_by.clone()),
            Evidence::new(library.needed_by.clone(), say!("needs ", library.soname)),
            Evidence::new(library.wheel.clone(), say!("nvJitLink ", wheel)),
        ])
        .why("import torch ends with ImportError: undefined symbol: __nvJitLinkComplete_…, version libnvJitLink.so.…; \
              LD_LIBRARY_PATH comes before the RUNPATH by which these libraries find each other")
        .fix("take the folder out of LD_LIBRARY_PATH; wheels bring their own CUDA"),
    )
}

fn stack_replaced<'a>(case: &Case<'a>) -> Option<&'a [ReplacedLibrary]> {
    case.environment.stack.cuda.value().map(|cuda| cuda.replaced.as_slice())
}

/// Major and minor: all that the symbols carry.
fn cuda_of(version: &Text) -> Option<Vec<u32>> {
    modules::numbers(version)?.get(..2).map(<[u32]>::to_vec)
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
