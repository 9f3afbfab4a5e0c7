//! What the readers of installers' locks say of a package comes in; a requirement with its place comes out.

use envdiff_model::{Name, PackageSource, Place, Requirement, RequirementKind, SourceKind, Text, Url, say};
use envdiff_packaging::{Link, Version};

/// A package that a lock names, with the version that it pins.
pub(crate) fn pinned(name: &Name, version: Option<&str>, at: Place) -> Requirement {
    let mut requirement = Requirement::named(name.clone(), at);
    if let Some(version) = version {
        requirement.specifier = specifier(version);
        requirement.text = say!(name, requirement.specifier);
        requirement.version = Some(version.to_owned());
    }
    requirement
}

/// The specifier that only this version meets, and of one without a label its builds.
pub(crate) fn specifier(version: &str) -> String {
    if Version::parse(version).is_ok() { format!("=={version}") } else { format!("==={version}") }
}

/// Says where a package comes from. A URL or repository is one that `direct_url.json` can be compared with; a path is one of
/// the machine that the lock was made on and says nothing of an image.
pub(crate) fn come_from(requirement: &mut Requirement, source: PackageSource, url: Option<&str>) {
    requirement.editable = source.kind == SourceKind::Editable;
    requirement.origin = source;
    let Some(url) = url else { return };
    if let Ok(link) = Link::parse(url, &[]) {
        let file_version = link.wheel.as_ref().map(|wheel| wheel.version.to_string());
        if let Some(name) = &requirement.name {
            requirement.text = say!(name, " @ ", link.url.shown);
        }
        requirement.kind = RequirementKind::Named { file_version };
        requirement.url = Some(link.url);
    }
}

/// A URL without its credentials.
pub(crate) fn shown(url: &str) -> Text {
    match Link::parse(url, &[]) {
        Ok(Link { url: Url { shown, .. }, .. }) => shown,
        Err(_) => envdiff_packaging::masked(url, &[]).into(),
    }
}

/// The URL of a commit as pip writes it: `git+URL@COMMIT#subdirectory=FOLDER`.
pub(crate) fn git(url: &str, commit: Option<&str>, subdirectory: Option<&str>) -> String {
    let mut out = if url.starts_with("git+") { url.to_owned() } else { format!("git+{url}") };
    if let Some(commit) = commit {
        out.push('@');
        out.push_str(commit);
    }
    if let Some(folder) = subdirectory {
        out.push_str("#subdirectory=");
        out.push_str(folder);
    }
    out
}

/// The source of a commit.
pub(crate) fn git_source(url: &str, commit: Option<&str>, subdirectory: Option<&str>) -> PackageSource {
    let mut source = PackageSource::at(SourceKind::Git, shown(url));
    source.commit = commit.map(Text::from);
    source.subdirectory = subdirectory.map(Text::from);
    source
}
