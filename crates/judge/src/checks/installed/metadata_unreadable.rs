//! Distributions without a readable name or version come in; a warning each, or a note where a readable copy stands beside
//! it, comes out.

use envdiff_model::{Name, Severity, Text, say};

use crate::case::{Case, Spoken, seen};
use crate::installed::{bears_a_name, file_name};
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.installed
        .copies
        .iter()
        .filter(|copy| copy.name.is_none() || copy.distribution.version.is_none())
        .filter(|copy| copy.name.is_none() || copy.counts)
        .map(|copy| {
            let folder: Text = file_name(&copy.distribution.metadata).into();
            let by_folder = folder
                .as_str()
                .filter(|folder| bears_a_name(folder.as_bytes()))
                .and_then(|f| f.split_once('-'))
                .map(|(name, _)| Name::new(name));
            let name = copy.name.clone().or(by_folder);
            let readable = name.as_ref().and_then(|name| case.installed.first(name));
            let severity = if readable.is_some_and(|first| first.distribution.version.is_some()) {
                Severity::Note
            } else {
                Severity::Warning
            };
            let lacks = match (&copy.name, &copy.distribution.version) {
                (None, None) => "neither name nor version",
                (None, Some(_)) => "no name",
                (Some(_), _) => "no version",
            };
            let reason = match &copy.distribution.error {
                Some(error) => say!(": ", error),
                None => Text::new(),
            };
            let fix = match &name {
                Some(name) => say!(
                    "remove ",
                    copy.distribution.metadata,
                    " and install it again: `",
                    wording::pip(case),
                    " install --force-reinstall ",
                    name,
                    "`"
                ),
                None => say!("remove ", copy.distribution.metadata),
            };
            Spoken::new(name.map_or_else(|| folder.clone(), |name| name.as_str().into()), say!(folder, " tells ", lacks, reason))
                .severity(severity)
                .seen([seen(copy.distribution)])
                .why("code that asks importlib.metadata for its version gets PackageNotFoundError or None, often while it \
                      is being imported; installers differ in what they make of it")
                .fix(fix)
        })
        .collect()
}
