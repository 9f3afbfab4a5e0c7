//! The cuDNN that torch loads and the files that the loader takes for its parts come in; an error where they are of another
//! version comes out.

use envdiff_model::{Evidence, Library, Text, say};

use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(Some(library)) = case.environment.stack.cudnn.value() else { return Vec::new() };
    let Some(own) = &library.version else { return Vec::new() };
    let strangers: Vec<(&Text, Text)> = strangers(library).collect();
    let Some((_, version)) = strangers.first() else { return Vec::new() };
    vec![
        Spoken::new("cuDNN", say!("torch loads cuDNN ", own, ", and its parts would be those of ", version))
            .seen(strangers.iter().take(3).map(|(path, _)| Evidence::new((*path).clone(), "taken for a part of cuDNN")))
            .seen([Evidence::new(library.path.clone(), library.found_by.clone())])
            .why("cuDNN opens its parts by name and refuses those of another version: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH \
                  at the first convolution")
            .fix("take the folder with the other cuDNN out of LD_LIBRARY_PATH"),
    ]
}

/// Whether parts would be taken from another version.
pub(crate) fn is_mixed(library: &Library) -> bool {
    strangers(library).next().is_some()
}

/// Files for parts of cuDNN of another version.
fn strangers(library: &Library) -> impl Iterator<Item = (&Text, Text)> {
    library.others.iter().filter_map(|path| {
        let name = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let version = version_of(path)?;
        let own = library.version.as_ref()?;
        (name.starts_with(b"libcudnn_") && differs(&version, own)).then_some((path, version))
    })
}

/// What a file's name says behind `.so.`; a major alone is none.
pub(crate) fn version_of(path: &Text) -> Option<Text> {
    let path = path.as_str()?;
    let version = path.rsplit('/').next()?.rsplit_once(".so.")?.1;
    (version.contains('.') && version.split('.').all(|part| part.parse::<u32>().is_ok()))
        .then(|| version.into())
}

/// Whether two versions differ as far as both go: 9.1.0 is 9.1.0.70.
pub(crate) fn differs(a: &Text, b: &Text) -> bool {
    let (a, b) = (a.to_lossy(), b.to_lossy());
    a.split('.').zip(b.split('.')).any(|(a, b)| a != b)
}
