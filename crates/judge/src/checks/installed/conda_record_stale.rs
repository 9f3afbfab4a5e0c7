//! The records of `conda-meta` and what the interpreter finds come in; a note for each package of another version comes
//! out.

use envdiff_model::{Evidence, say};
use envdiff_packaging::Version;

use crate::case::{Case, Spoken, seen};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.installed
        .conda
        .iter()
        .filter_map(|(name, record)| {
            // conda's names are its own: only a record and a distribution of one name are taken for one package.
            let copy = case.installed.first(name)?;
            let recorded = Version::parse(record.version.as_str()?).ok()?;
            let version = copy.version.as_ref()?;
            if recorded.without_local() == version.without_local() {
                return None;
            }
            let by = match &copy.distribution.installer {
                Some(installer) => say!(" (installed by ", installer, ")"),
                None => envdiff_model::Text::new(),
            };
            Some(
                Spoken::new(
                    name.as_str(),
                    say!(name, " ", version.to_string(), by, " is what runs, conda's record says ", record.version),
                )
                .seen([seen(copy.distribution)])
                .seen([Evidence::new(record.record.clone(), say!("version: ", record.version, ", build: ", record.build))])
                .why("conda list and conda env export tell the recorded version; the next conda command may put its files \
                      over those that run")
                .fix("install the package with one of the two tools only"),
            )
        })
        .collect()
}
