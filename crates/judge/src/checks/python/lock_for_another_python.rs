//! The Python that a lock is for and the image's come in; an error where the lock's own range excludes it, a warning where
//! the lock was made with another minor version, comes out.

use envdiff_model::{Evidence, Fact, Lock, Severity, Text, say};
use envdiff_packaging::{Number, SpecifierSet, Version};

use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(python) = case.environment.python.value() else { return Vec::new() };
    let Some(version) = version_of(python) else { return Vec::new() };
    let evidence = case.environment.python.evidence();
    case.locks.iter().filter_map(|lock| speak(lock, python, &version, evidence)).collect()
}

/// `platform.python_version()` as a version; a build between releases ends in `+`.
pub(crate) fn version_of(python: &Text) -> Option<Version> {
    Version::parse(python.as_str()?.trim_end_matches('+')).ok()
}

fn speak(lock: &Lock, python: &Text, version: &Version, evidence: &[Evidence]) -> Option<Spoken> {
    if let Some(range) = &lock.requires_python
        && let Some(set) = range.as_str().and_then(|range| SpecifierSet::parse(range).ok())
        && !set.contains(&version.to_string())
    {
        return Some(
            Spoken::new("python", say!("the image runs Python ", python, ", ", lock.path, " is for ", range))
                .severity(Severity::Error)
                .seen(evidence.iter().cloned())
                .why("the tool that wrote the lock refuses to install it there; what it pins was never chosen for this Python")
                .fix("take a base image with a Python in that range, or make the lock anew for this one"),
        );
    }
    let Some(Fact::Known { value: made_with, evidence: told }) = &lock.python else { return None };
    let made = version_of(made_with)?;
    if minor(&made) == minor(version) {
        return None;
    }
    Some(
        Spoken::new("python", say!("the image runs Python ", python, ", ", lock.path, " was made with Python ", made_with))
            .seen(told.iter().chain(evidence).cloned())
            .why("versions were chosen for that Python: under another minor version other wheels are taken, some pins \
                  have none, and what a marker left out there may be needed here")
            .fix("take the Python of training in the base image, or make the lock anew for this one"),
    )
}

fn minor(version: &Version) -> Vec<Option<u64>> {
    version.release().map(Number::short).chain(std::iter::repeat(Some(0))).take(2).collect()
}
