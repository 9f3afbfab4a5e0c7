//! A package URL comes in (`pkg:pypi/torch@2.4.1%2Bcpu?vcs_url=…`); name, version and source of a Python package come out.

use envdiff_model::{Name, PackageSource, Place, Requirement, Selection, SourceKind};

use crate::package::{come_from, git_source, pinned, shown};

/// The requirement that a package URL of the type `pypi` stands for; `None` for other types.
pub(crate) fn requirement(purl: &str, at: Place) -> Option<Requirement> {
    let rest = purl.strip_prefix("pkg:pypi/")?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (name, version) = path.split_once('@').map_or((path, None), |(name, version)| (name, Some(version)));
    let version = version.map(decoded).filter(|version| !version.is_empty());
    let mut out = pinned(&Name::new(&decoded(name)), version.as_deref(), at);
    for pair in qualifiers.split('&') {
        match pair.split_once('=') {
            Some(("vcs_url", url)) => {
                let url = decoded(url);
                let commit = url
                    .rsplit_once('@')
                    .filter(|(before, _)| before.contains("://"))
                    .map(|(_, commit)| commit.to_owned());
                let place = commit
                    .as_ref()
                    .and_then(|commit| url.strip_suffix(commit))
                    .map_or(url.as_str(), |url| url.trim_end_matches('@'));
                let link = if url.contains('+') { url.clone() } else { format!("git+{url}") };
                come_from(&mut out, git_source(place, commit.as_deref(), None), Some(&link));
            }
            Some(("download_url", url)) => {
                let url = decoded(url);
                come_from(&mut out, PackageSource::at(SourceKind::Url, shown(&url)), Some(&url));
            }
            _ => {}
        }
    }
    out.selection = Selection::Selected;
    Some(out)
}

/// Percent-decoded, as far as that is text.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        match (first, behind) {
            (b'%', [a, b, after @ ..]) if hex(a).is_some() && hex(b).is_some() => {
                let code = hex(a).unwrap_or(0) * 16 + hex(b).unwrap_or(0);
                out.push(u8::try_from(code).unwrap_or(b'?'));
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn package_urls_of_python() {
        let at = Place { file: "l".into(), line: 1, column: 1, end_column: 2 };
        let torch = requirement("pkg:pypi/torch@2.4.1%2Bcpu", at.clone()).unwrap();
        assert_eq!((torch.name.unwrap(), torch.version.as_deref()), (Name::new("torch"), Some("2.4.1+cpu")));
        let git =
            requirement("pkg:pypi/a@1?vcs_url=git%2Bhttps://h.example/a.git%40abc", at.clone()).unwrap();
        assert_eq!((git.origin.kind, git.origin.commit), (SourceKind::Git, Some("abc".into())));
        assert_eq!(requirement("pkg:pypi/a", at.clone()).unwrap().version, None);
        assert!(requirement("pkg:deb/debian/a@1", at).is_none());
    }
}
