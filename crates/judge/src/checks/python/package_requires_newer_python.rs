//! `Requires-Python` of what is installed and the image's Python come in; a warning for each package that wants a newer
//! one comes out.

use envdiff_model::{Direction, Evidence, Text, say};
use envdiff_packaging::{Difference, SpecifierSet};

use super::lock_for_another_python::version_of;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(python) = case.environment.python.value() else { return Vec::new() };
    let Some(running) = version_of(python) else { return Vec::new() };
    case.installed
        .all()
        .filter_map(|(name, _, copy)| {
            let written = copy.distribution.requires_python.as_ref()?;
            let wanted = SpecifierSet::parse(written.as_str()?).ok()?;
            // An upper bound is caution more often than knowledge; only a lower one is told.
            let difference = Difference::from_set(&running, &wanted)?;
            if difference.direction != Direction::Older {
                return None;
            }
            let version = copy.distribution.version.clone().unwrap_or_default();
            Some(
                Spoken::new(
                    name.as_str(),
                    say!(name, " ", version, " wants Python ", written, ", the image runs ", python),
                )
                .seen([Evidence::new(copy.distribution.metadata.clone(), say!("Requires-Python: ", written))])
                .why("pip would not have installed it here: it may use syntax or modules that this Python does not have, \
                      which shows as SyntaxError or ImportError when it is imported")
                .fix(Text::from("install it with the image's own pip, or take a base image with a Python that it supports")),
            )
        })
        .collect()
}
