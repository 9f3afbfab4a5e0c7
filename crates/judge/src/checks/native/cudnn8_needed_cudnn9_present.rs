//! The libraries that are missing and the cuDNN that torch loads come in; an error for each distribution that needs cuDNN 8
//! where only 9 is there comes out.

use envdiff_model::{Evidence, Library, Text, say};

use crate::case::{Case, Spoken};
use crate::modules::{self, SHOWN};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let (Some(native), Some(cudnn)) = (modules::native(case.environment), cudnn_9(case)) else {
        return Vec::new();
    };
    let of = modules::by_distribution(native, |file| {
        modules::is_loadable(native, file) && file.missing.iter().any(|library| is_8(&library.soname))
    });
    of.into_iter()
        .map(|(name, modules)| {
            let needs = modules.iter().flat_map(|module| {
                let missing = module.file.missing.iter().filter(|library| is_8(&library.soname));
                missing.map(|library| module.seen(say!("needs ", library.soname)))
            });
            Spoken::new(name.clone(), say!(name, " needs cuDNN 8, the image has cuDNN 9"))
                .severity(modules::severity(name))
                .seen(needs.take(SHOWN))
                .seen([Evidence::new(cudnn.path.clone(), cudnn.found_by.clone())])
                .why("Could not load library libcudnn_ops_infer.so.8; the two majors do not stand in for each other")
                .fix(say!("install a release of ", name, " for cuDNN 9, or a torch before 2.4"))
        })
        .collect()
}

/// Whether that a library is missing is told here.
pub(crate) fn is_told(case: &Case<'_>, soname: &Text) -> bool {
    is_8(soname) && cudnn_9(case).is_some()
}

fn is_8(soname: &Text) -> bool {
    soname.as_bytes().starts_with(b"libcudnn") && soname.as_bytes().ends_with(b".so.8")
}

fn cudnn_9<'a>(case: &Case<'a>) -> Option<&'a Library> {
    let library = case.environment.stack.cudnn.value()?.as_ref()?;
    library.path.as_bytes().ends_with(b"libcudnn.so.9").then_some(library)
}
