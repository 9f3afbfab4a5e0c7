//! What the readers of installers' locks say of a package comes in; a requirement with its place comes out.

use envdiff_model::{Name, PackageSource, Place, Requirement, RequirementKind, SourceKind, Text, Url, say};
use envdiff_packaging::{Link, Operator, Requirement as Pep508, Span, Version, ssh_of_scp};

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

/// A requirement of PEP 508 in a file of another format; one that no installer takes is told as such.
pub(crate) fn from_pep_508(text: &str, at: Place) -> Requirement {
    let masked: Text = envdiff_packaging::masked(text, &[]).into();
    let parsed = match Pep508::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let mut out = Requirement::named(Name::new(""), at);
            out.name = None;
            out.text = masked;
            out.kind = RequirementKind::Invalid { reason: error.to_string().into() };
            return out;
        }
    };
    let mut out = Requirement::named(parsed.canonical_name(), at);
    out.extras = parsed.canonical_extras();
    out.specifier = parsed.specifiers.written();
    out.marker = parsed.marker.as_ref().map(|_| slice(text, parsed.marker_span).to_owned());
    if let Some((url, _)) = &parsed.url {
        let vcs = ["git+", "hg+", "svn+", "bzr+"].iter().any(|vcs| url.starts_with(vcs));
        let source = if vcs {
            let (place, commit) = url.split_once("://").map_or((url.as_str(), None), |(_, rest)| {
                rest.split('#')
                    .next()
                    .unwrap_or(rest)
                    .rsplit_once('@')
                    .map_or((url.as_str(), None), |(_, commit)| (url.as_str(), Some(commit)))
            });
            git_source(place, commit, None)
        } else {
            PackageSource::at(
                if url.starts_with("file:") { SourceKind::Path } else { SourceKind::Url },
                shown(url),
            )
        };
        come_from(&mut out, source, Some(url));
    }
    if let [one] = parsed.specifiers.specifiers()
        && matches!(one.operator(), Operator::Equal | Operator::Identical)
    {
        let version = one.to_string().trim_start_matches('=').trim().to_owned();
        out.version = (!version.ends_with(".*")).then_some(version);
    }
    out.text = masked;
    out
}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or("")
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

/// The URL of a commit as pip writes it: `git+URL@COMMIT#subdirectory=FOLDER`. What git takes and pip does not, `git@host:path`, is
/// written as the URL of the same repository.
pub(crate) fn git(url: &str, commit: Option<&str>, subdirectory: Option<&str>) -> String {
    let is_other = ["hg+", "svn+", "bzr+"].iter().any(|vcs| url.starts_with(vcs));
    let ssh = if is_other { None } else { ssh_of_scp(url) };
    let url = ssh.as_deref().unwrap_or(url);
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

#[cfg(test)]
mod tests {
    use super::git;

    #[test]
    fn the_short_way_in_over_ssh_is_written_as_pip_takes_it() {
        for (url, written) in [
            ("git@h.example:a/b.git", "git+ssh://git@h.example/a/b.git@c0"),
            ("ssh://git@h.example:a/b.git", "git+ssh://git@h.example/a/b.git@c0"),
            ("ssh://git@h.example:22/a/b.git", "git+ssh://git@h.example:22/a/b.git@c0"),
            ("https://h.example/a/b", "git+https://h.example/a/b@c0"),
        ] {
            assert_eq!(git(url, Some("c0"), None), written);
        }
    }
}
