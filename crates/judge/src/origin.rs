//! The URL or path of a requirement and the `direct_url.json` of an installed copy come in; whether the one is the other
//! comes out.

use envdiff_model::{DirectUrl, Fact, Origin as Recorded, Text, Url, Verdict, say};
use envdiff_packaging::{Link, LinkKind, Origin, Version};

use crate::verdict::Said;

/// Compares where a requirement is to come from with where a copy came from (PEP 610). `installed` is the copy's version
/// where it is one of PEP 440.
///
/// Credentials, fragments and `.git` are put aside. A revision of 40 hexadecimal digits is a commit and is compared as one,
/// a shorter one as its beginning, whatever repository it was taken from; names of branches and tags are equal by name in one
/// repository or cannot be compared. An archive whose hash the URL names is that archive, wherever it was taken from.
pub(crate) fn compare(url: &Url, direct_url: Option<&Fact<DirectUrl>>, installed: Option<&Version>) -> Said {
    let got = match direct_url {
        None => return Said::unverifiable("no direct_url.json tells where it was installed from"),
        Some(Fact::Unknown { reason }) => {
            return Said::unverifiable(say!("its direct_url.json cannot be read: ", reason));
        }
        Some(Fact::Known { value, .. }) => value,
    };
    let real = url.real.reveal();
    let link = link_of(real);
    match link.kind {
        LinkKind::Vcs => vcs(&link, got),
        LinkKind::File | LinkKind::Path => file(&link, real, got, installed),
        LinkKind::Download | LinkKind::Other => {
            if let Some(said) = by_hash(&link, got) {
                said
            } else if link.origin.is_some() && link.origin == recorded(got) {
                Said::satisfied()
            } else {
                Said::new(Verdict::SourceMismatch, say!("installed from ", shown(got)))
            }
        }
    }
}

/// Compares the hashes of a lock with that of the archive that a copy was installed from, where its `direct_url.json` tells one
/// (`archive_info.hashes`); `None` where the two have no algorithm in common. Nothing else in an image tells the hash of an archive:
/// RECORD has those of the files in it.
pub(crate) fn archive(wanted: &[Text], direct_url: Option<&Fact<DirectUrl>>) -> Option<Said> {
    let got = direct_url?.value()?;
    let Recorded::Archive { hashes } = &got.origin else { return None };
    let mut other = None;
    for (algorithm, digest) in hashes {
        let prefix = say!(algorithm, ":");
        let mut of_it =
            wanted.iter().filter_map(|hash| hash.as_bytes().strip_prefix(prefix.as_bytes())).peekable();
        if of_it.peek().is_none() {
            continue;
        }
        if of_it.any(|hash| hash.eq_ignore_ascii_case(digest.as_bytes())) {
            return Some(Said::satisfied());
        }
        other = Some(say!(
            "installed from ",
            shown(got),
            ", whose ",
            algorithm,
            " ",
            digest,
            " is none of the lock's"
        ));
    }
    other.map(|reason| Said::new(Verdict::SourceMismatch, reason))
}

/// The version in the file name of a wheel's URL or path.
pub(crate) fn wheel_version(url: &Url) -> Option<Version> {
    link_of(url.real.reveal()).wheel.map(|wheel| wheel.version)
}

fn link_of(real: &str) -> Link {
    let is_path = real.starts_with(['/', '.', '~']) || !real.contains(':');
    if is_path {
        return Link::path(real, &[]);
    }
    Link::parse(real, &[]).unwrap_or_else(|_| Link::path(real, &[]))
}

fn recorded(got: &DirectUrl) -> Option<Origin> {
    got.url.as_str().and_then(Origin::of)
}

/// The recorded URL with credentials masked.
fn shown(got: &DirectUrl) -> Text {
    match got.url.as_str() {
        Some(url) => envdiff_packaging::masked(url, &[]).into(),
        None => got.url.clone(),
    }
}

fn vcs(link: &Link, got: &DirectUrl) -> Said {
    let mismatch = |reason: Text| Said::new(Verdict::SourceMismatch, reason);
    let Recorded::Vcs { requested_revision, commit_id, .. } = &got.origin else {
        let what = if matches!(got.origin, Recorded::Archive { .. }) { "an archive" } else { "a folder" };
        return mismatch(say!("installed from ", what, ", ", shown(got)));
    };
    let folder = link.subdirectory.as_deref().unwrap_or("").trim_matches('/');
    let had = got.subdirectory.as_ref().map(Text::to_lossy).unwrap_or_default();
    let had = had.trim_matches('/');
    if folder != had {
        return mismatch(if had.is_empty() {
            "installed from the top of the repository".into()
        } else {
            say!("installed from the subdirectory ", had, " of the repository")
        });
    }
    let revision = link.revision.as_deref().unwrap_or("");
    let commit = commit_id.as_bytes();
    let is_hex = revision.bytes().all(|b| b.is_ascii_hexdigit());
    let is_commit = is_hex && matches!(revision.len(), 40 | 64);
    // A commit's name is its content: the same one is the same code, whatever the way in to it.
    if is_commit && commit.eq_ignore_ascii_case(revision.as_bytes()) {
        return Said::satisfied();
    }
    let begins_so = commit.get(..revision.len()).is_some_and(|c| c.eq_ignore_ascii_case(revision.as_bytes()));
    if is_hex && (7..64).contains(&revision.len()) && begins_so {
        return Said::satisfied();
    }
    let is_one = match (&link.origin, recorded(got)) {
        (Some(wanted), Some(recorded)) => wanted.is_repository(&recorded),
        _ => Some(false),
    };
    if is_one == Some(false) {
        return mismatch(say!("installed from the repository ", shown(got)));
    }
    if is_commit {
        return mismatch(say!("installed from commit ", commit_id));
    }
    if is_one.is_none() {
        return Said::unverifiable(say!(
            "it was installed from the repository ",
            shown(got),
            ", and whether that is the lock's, whose path differs in case, only its host could tell"
        ));
    }
    let requested = requested_revision.as_ref().map_or(&b""[..], Text::as_bytes);
    if revision.as_bytes() == requested {
        return Said::new(
            Verdict::Satisfied,
            say!("the same name of a revision, which was commit ", commit_id, " then and can have moved"),
        );
    }
    Said::unverifiable(say!(
        "it was installed from commit ",
        commit_id,
        "; names of revisions cannot be compared without the repository"
    ))
}

/// By the hash in the fragment of a URL, where `direct_url.json` tells one of the same algorithm: pip refuses any other file.
fn by_hash(link: &Link, got: &DirectUrl) -> Option<Said> {
    let (algorithm, digest) = link.hash.as_ref()?;
    let Recorded::Archive { hashes } = &got.origin else { return None };
    let (_, have) = hashes.iter().find(|(name, _)| *name == **algorithm)?;
    Some(if have.as_bytes().eq_ignore_ascii_case(digest.as_bytes()) {
        Said::satisfied()
    } else {
        Said::new(Verdict::SourceMismatch, say!("installed from a file with ", algorithm, " ", have))
    })
}

fn file(link: &Link, real: &str, got: &DirectUrl, installed: Option<&Version>) -> Said {
    if let Some(said) = by_hash(link, got) {
        return said;
    }
    let origin = match &link.origin {
        Some(origin) => Some(origin.clone()),
        None if real.starts_with('/') => Origin::of(&format!("file://{real}")),
        None => None,
    };
    if origin.is_some() && origin == recorded(got) {
        return Said::new(Verdict::Satisfied, "the same path; that it is the same file cannot be seen");
    }
    if let Some(wheel) = &link.wheel
        && installed == Some(&wheel.version)
    {
        return Said::new(Verdict::Satisfied, "the wheel's file name tells this version");
    }
    Said::unverifiable("it names a local path of another machine, which tells nothing about this copy")
}
