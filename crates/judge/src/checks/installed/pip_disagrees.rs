//! Distributions of which pip and the interpreter tell different stories come in; one note that says what the image's own
//! pip makes of each comes out.

use std::collections::{BTreeMap, BTreeSet};

use envdiff_model::{Evidence, MetadataKind, Name, Text, say};
use envdiff_packaging::Version;

use crate::case::{Case, Spoken};
use crate::checks::python::lock_for_another_python::version_of;
use crate::installed::{Copy, file_name};

/// From this pip on METADATA alone is asked for name and version, where Python is 3.11 or newer.
const BY_METADATA: &str = "22.2";
/// From this pip on the version of a dist-info is again what its folder's name says, and so is the name where METADATA has
/// none. (Measured with 20.3.4, 21.3.1, 22.3.1, 23.0.1, 24.0, 24.1.2, 24.2, 24.3, 25.0.1, 26.0 and 26.3.)
const BY_FOLDER: &str = "24.2";

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(pip) = case.installed.first(&Name::new("pip")) else { return Vec::new() };
    let Some(version) = &pip.version else { return Vec::new() };
    let by_folder = goes_by_folder(case, version);
    let mut stories: BTreeMap<Text, Text> = BTreeMap::new();
    for copy in &case.installed.copies {
        if let Some((subject, story)) = story(case, copy, by_folder) {
            stories.entry(subject).or_insert(story);
        }
    }
    if stories.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut common: BTreeSet<&Text> = BTreeSet::new();
    for (subject, story) in &stories {
        if case.policy.allowance("pip-disagrees", subject).is_some() {
            out.push(Spoken::new(subject.clone(), say!("pip ", version.to_string(), ": ", story)).why(WHY));
        } else {
            common.insert(subject);
        }
    }
    if !common.is_empty() {
        let evidence = case.installed.copies.iter().filter_map(|copy| {
            let (subject, story) = story(case, copy, by_folder)?;
            common.contains(&subject).then(|| Evidence::new(copy.distribution.metadata.clone(), story))
        });
        let names: Vec<&Text> = common.iter().copied().collect();
        out.push(
            Spoken::new(
                "pip",
                say!(
                    "pip ",
                    version.to_string(),
                    " of this image tells another story than its interpreter of ",
                    crate::wording::list(&names)
                ),
            )
            .seen(evidence)
            .why(WHY)
            .fix("remove what is left of cut-off installations and install those packages again"),
        );
    }
    out
}

fn goes_by_folder(case: &Case<'_>, pip: &Version) -> bool {
    let since = |text: &str, version: &Version| Version::parse(text).is_ok_and(|since| *version >= since);
    let is_new_python =
        case.environment.python.value().and_then(version_of).is_some_and(|python| since("3.11", &python));
    since(BY_FOLDER, pip) || !since(BY_METADATA, pip) || !is_new_python
}

const WHY: &str = "what `pip freeze` and `pip check` print in this image is then not what runs; envdiff goes by the interpreter";

/// What pip makes of a copy where that is not what the interpreter tells: the subject and a clause.
fn story(case: &Case<'_>, copy: &Copy<'_>, by_folder: bool) -> Option<(Text, Text)> {
    if copy.distribution.kind != MetadataKind::DistInfo {
        return None;
    }
    let folder = file_name(&copy.distribution.metadata);
    let stem = folder.strip_suffix(b".dist-info")?;
    let written = copy.distribution.name.as_ref();
    if let (Some(name), false) = (&copy.name, copy.counts) {
        let subject: Text = name.as_str().into();
        let hides = !by_folder && case.installed.by_name.contains_key(name);
        let story = if hides {
            say!(
                "passes over this folder, and where the file system lists it first over the real ",
                name,
                " too"
            )
        } else {
            say!("passes over this folder; importlib.metadata lists it as ", name)
        };
        return Some((subject, story));
    }
    let (by_name, by_version) = std::str::from_utf8(stem).ok()?.split_once('-')?;
    match (written, &copy.distribution.version) {
        (Some(_), Some(version)) => {
            let version = version.as_str()?;
            let same = match (Version::parse(by_version), &copy.version) {
                (Ok(folder), Some(version)) => folder == *version,
                _ => by_version == version,
            };
            (by_folder && !same).then(|| {
                let subject = copy.name.as_ref().map_or_else(Text::new, |name| name.as_str().into());
                (subject, say!("tells ", by_version, ", as the folder is called; METADATA says ", version))
            })
        }
        (None, _) | (_, None) => {
            let subject: Text = Name::new(by_name).as_str().into();
            let story = if by_folder {
                say!(
                    "tells ",
                    by_name,
                    " ",
                    by_version,
                    ", as the folder is called (and ends with a traceback where METADATA is not UTF-8)"
                )
            } else {
                "passes over it where METADATA has no name, and ends with a traceback where it has no version or is not UTF-8".into()
            };
            Some((subject, story))
        }
    }
}
