//! What was met while an archive was unpacked comes in; contents, troubles and endings of the stage `archive` come out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use envdiff_model::{Fault, Stage, Text, Trouble, Weight, say};

use super::raw::Raw;
use super::tree::{self, Body, Leaf, Refused, Tree};
use super::zip::{Entry, Stop, Thrown};
use super::{Container, Contents, Unpacked, folder as folders, looks_like, some, targz as tars, zip as zips};
use crate::Version;
use crate::ending::{Found, How, With as _, trouble};

fn told(fault: Fault, weight: Weight, what: impl Into<Text>) -> Trouble {
    trouble(fault, weight, Stage::Archive, what)
}

fn contents(raw: &Raw, tree: Tree, container: Container) -> Contents {
    Contents { raw: raw.clone(), tree: Arc::new(tree), container, weights: Arc::default() }
}

/// The file itself cannot be read.
pub(super) fn unreadable(raw: &Raw, container: Container, error: &io::Error) -> Unpacked {
    let mut found = Found::clean(contents(raw, Tree::default(), container));
    let what = say!("the archive cannot be read: ", error.to_string());
    found.end(How::Unknown, told(Fault::ArchiveDamaged, Weight::MayBreak, what));
    found
}

fn head(raw: &Raw) -> io::Result<Vec<u8>> {
    let mut head = vec![0; 512];
    let count = raw.read_at(0, &mut head)?;
    head.truncate(count);
    Ok(head)
}

/// Writes an entry; what then goes wrong is a trouble that ends the load, or `None`.
fn put(tree: &mut Tree, name: &str, is_folder: bool, leaf: Leaf) -> Option<(How, Trouble)> {
    let result = if is_folder { tree.folder(name) } else { tree.file(name, leaf) };
    let refused = result.err()?;
    let damaged = |what: Text, says: String| {
        (How::Skip, told(Fault::ArchiveDamaged, Weight::Breaks, what).says(says).seen("entry", name))
    };
    Some(match refused {
        Refused::FileInTheWay(file) => damaged(
            say!("the entry `", name, "` lies below `", file, "`, which is a file in the same archive"),
            "java.io.IOException".to_owned(),
        ),
        Refused::IsFolder => damaged(
            say!("the entry `", name, "` is a file where the archive has a folder already"),
            "java.nio.file.FileSystemException: Is a directory".to_owned(),
        ),
        Refused::NameTooLong => damaged(
            say!("a part of the entry's name `", name, "` is longer than 255 bytes"),
            "java.nio.file.FileSystemException: File name too long".to_owned(),
        ),
        Refused::NoSuchFolder => damaged(
            say!("the entry `", name, "` goes up from a folder that is not there yet"),
            "java.io.IOException".to_owned(),
        ),
        Refused::Nul => damaged(
            say!("the entry's name `", name, "` holds a NUL byte"),
            "java.io.IOException: Invalid file path".to_owned(),
        ),
        Refused::TooMany => bound("more than 400,000 files and folders"),
        Refused::PathTooLong => bound("a path of more than 4,096 bytes"),
    })
}

fn bound(what: &str) -> (How, Trouble) {
    let what = say!("the archive holds ", what, ", which is more than is read here");
    (How::Unknown, told(Fault::ArchiveDamaged, Weight::MayBreak, what))
}

/// An entry that leaves the folder; `None` where it is refused by no check and lands elsewhere.
fn slip(name: &str, version: Version) -> (Option<How>, Trouble) {
    if version.since(0, 9, 0) {
        let what = say!("the entry `", name, "` leads out of the model's folder");
        let trouble = told(Fault::ArchiveSlip, Weight::Breaks, what)
            .says(say!("java.io.IOException: Detected Zip Slip vulnerability: ", name));
        return (Some(How::Skip), trouble);
    }
    let what = say!(
        "the entry `",
        name,
        "` is written outside of the model's folder: TorchServe ",
        version.to_string(),
        " does not check for that"
    );
    (None, told(Fault::ArchiveSlip, Weight::Remark, what))
}

/// Unpacks as zip.
pub(super) fn zip(name: &str, raw: &Raw, version: Version, verify: bool) -> io::Result<Unpacked> {
    let sequence = zips::sequence(raw, verify)?;
    let mut tree = Tree::default();
    let mut found = Found::clean(Contents::default());
    let mut unverified = Vec::new();
    let mut backslashes = Vec::new();
    let mut is_ended = false;
    for entry in &sequence.entries {
        if tree::leads_out(&entry.name) {
            let (how, trouble) = slip(&entry.name, version);
            if let Some(how) = how {
                found.end(how, trouble);
                is_ended = true;
                break;
            }
            found.notice(trouble);
            continue;
        }
        if entry.name.contains('\\') {
            backslashes.push(entry.name.clone());
        }
        if !entry.verified {
            unverified.push(entry.name.clone());
        }
        let leaf = Leaf { body: entry.body.clone(), verified: entry.verified };
        if let Some((how, trouble)) = put(&mut tree, &entry.name, entry.name.ends_with('/'), leaf) {
            found.end(how, trouble);
            is_ended = true;
            break;
        }
    }
    if let (false, Stop::Thrown(thrown, at)) = (is_ended, &sequence.stop) {
        let (how, trouble) = damage(thrown, at.as_deref());
        found.end(how, trouble);
        is_ended = true;
    }
    if !is_ended && sequence.entries.is_empty() {
        found.notice(nothing(name, raw, version)?);
    } else if !is_ended {
        views(raw, &sequence, &mut found)?;
    }
    if !backslashes.is_empty() {
        let what = say!(
            "names with backslashes are files of that name on Linux, not files in folders: ",
            some(&backslashes)
        );
        found.notice(told(Fault::ArchiveViews, Weight::MayBreak, what));
    }
    if !unverified.is_empty() {
        let what =
            say!("the content of large entries was not held against its checksum: ", some(&unverified));
        found.notice(told(Fault::ArchiveDamaged, Weight::Remark, what).fix("--verify reads them whole"));
    }
    found.facts = contents(raw, tree, Container::Zip);
    Ok(found)
}

fn damage(thrown: &Thrown, at: Option<&str>) -> (How, Trouble) {
    let entry = at.map_or_else(|| Text::from("an entry"), |name| say!("the entry `", name, "`"));
    let (how, fault, what) = match thrown {
        Thrown::Bound(what) => return bound(what),
        Thrown::Malformed { name, .. } => {
            (How::Stop, Fault::ArchiveNotUtf8, say!("the name of an entry is no UTF-8: ", name.as_slice()))
        }
        Thrown::Eof(_) => (How::Skip, Fault::ArchiveDamaged, say!("the archive is cut off in ", entry)),
        Thrown::Zip(text) => {
            let what = match text.as_str() {
                "unexpected EOF" => say!("the archive is cut off in ", entry),
                "encrypted ZIP entry not supported" => say!(entry, " is encrypted"),
                "invalid compression method" => {
                    say!(entry, " is packed in a way that Java does not know; it knows stored and deflated")
                }
                "only DEFLATED entries can have EXT descriptor" => {
                    say!(
                        entry,
                        " is stored and has its sizes only behind its data, as zips have that were written to a pipe"
                    )
                }
                _ => say!(entry, " is damaged"),
            };
            (How::Skip, Fault::ArchiveDamaged, what)
        }
    };
    (how, told(fault, Weight::Breaks, what).says(thrown.message()))
}

/// A zip without a single entry, which is no error for Java.
fn nothing(name: &str, raw: &Raw, version: Version) -> io::Result<Trouble> {
    let head = head(raw)?;
    let is = looks_like(&head, raw.size());
    let central = zips::central(raw)?;
    if central.is_ok_and(|central| !central.is_empty()) {
        let what = say!(
            "bytes stand before the archive proper: Java reads a zip from its first byte and unpacks nothing from this one"
        );
        return Ok(told(Fault::ArchiveViews, Weight::Breaks, what).seen(name, is));
    }
    if head.starts_with(b"\x1f\x8b") {
        let until = if version.since(0, 8, 0) { "what ends in `.mar`" } else { "every file" };
        let what = say!(
            "`",
            name,
            "` holds gzipped data, and TorchServe ",
            version.to_string(),
            " reads ",
            until,
            " as zip"
        );
        return Ok(told(Fault::ArchiveSuffix, Weight::Breaks, what));
    }
    let what = say!("`", name, "` is ", is, ": the server unpacks nothing from it, without an error");
    Ok(told(Fault::NotAnArchive, Weight::Breaks, what))
}

/// Compares what Java meets with what the central directory says.
fn views(raw: &Raw, sequence: &zips::Sequence, found: &mut Unpacked) -> io::Result<()> {
    let central = match zips::central(raw)? {
        Ok(central) => central,
        Err(why) => {
            let what = say!(
                why,
                ": Java, which never looks there, unpacks the archive, and other programs refuse it"
            );
            found.notice(told(Fault::ArchiveViews, Weight::Remark, what));
            return Ok(());
        }
    };
    let mut ours: BTreeMap<&[u8], &Entry> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for entry in &sequence.entries {
        if ours.insert(entry.name.as_bytes(), entry).is_some() {
            twice.insert(entry.name.clone());
        }
    }
    let lossy = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let hidden: Vec<String> =
        central.keys().filter(|name| !ours.contains_key(name.as_slice())).map(|name| lossy(name)).collect();
    let extra: Vec<String> =
        ours.keys().filter(|name| !central.contains_key(**name)).map(|name| lossy(name)).collect();
    let moved: Vec<String> = ours
        .iter()
        .filter(|(name, entry)| central.get(**name).is_some_and(|at| *at != entry.header))
        .map(|(name, _)| lossy(name))
        .collect();
    if !hidden.is_empty() {
        let at = match sequence.stop {
            Stop::Silent(at) => at,
            Stop::Thrown(..) => 0,
        };
        let what = say!("Java stops without an error at byte ", at, " and does not unpack ", some(&hidden));
        found.notice(told(Fault::ArchiveViews, Weight::MayBreak, what));
    }
    if !extra.is_empty() {
        let what = say!("Java unpacks what the archive's directory does not list: ", some(&extra));
        found.notice(told(Fault::ArchiveViews, Weight::Remark, what));
    }
    if !moved.is_empty() {
        let what =
            say!("Java takes another entry of that name than the archive's directory does: ", some(&moved));
        found.notice(told(Fault::ArchiveViews, Weight::Remark, what));
    }
    let twice: Vec<String> = twice.into_iter().filter(|name| !name.ends_with('/')).collect();
    if !twice.is_empty() {
        let what = say!("names stand in the archive more than once, and the last one counts: ", some(&twice));
        found.notice(told(Fault::ArchiveViews, Weight::Remark, what));
    }
    Ok(())
}

/// Unpacks as gzipped tar.
pub(super) fn targz(name: &str, raw: &Raw, version: Version) -> io::Result<Unpacked> {
    let sequence = tars::sequence(raw)?;
    let mut tree = Tree::default();
    let mut found = Found::clean(Contents::default());
    let mut links = Vec::new();
    let mut is_ended = false;
    for entry in &sequence.entries {
        let cut = entry.name.split_once('/').map_or(entry.name.as_str(), |(_, rest)| rest);
        if tree::leads_out(cut) {
            let (how, trouble) = slip(cut, version);
            if let Some(how) = how {
                found.end(how, trouble);
                is_ended = true;
                break;
            }
            found.notice(trouble);
            continue;
        }
        if entry.is_link {
            links.push(cut.to_owned());
        }
        let body = if entry.is_link { Body::Empty } else { entry.body.clone() };
        if let Some((how, trouble)) = put(&mut tree, cut, entry.is_folder, Leaf { body, verified: true }) {
            found.end(how, trouble);
            is_ended = true;
            break;
        }
    }
    match &sequence.stop {
        _ if is_ended => {}
        tars::Stop::End => {}
        tars::Stop::Bound(what) => {
            let (how, trouble) = bound(what);
            found.end(how, trouble);
        }
        tars::Stop::Thrown(thrown) if thrown.ends_with("Input is not in the .gz format") => {
            found.end(How::Skip, not_gzip(name, raw, version)?.says(thrown.clone()));
        }
        tars::Stop::Thrown(thrown) => {
            let what = say!("the archive is damaged or cut off");
            found.end(How::Skip, told(Fault::ArchiveDamaged, Weight::Breaks, what).says(thrown.clone()));
        }
    }
    if !links.is_empty() {
        let what = say!("links of the archive become empty files: ", some(&links));
        found.notice(told(Fault::ArchiveDamaged, Weight::MayBreak, what));
    }
    found.facts = contents(raw, tree, Container::TarGz);
    Ok(found)
}

fn not_gzip(name: &str, raw: &Raw, version: Version) -> io::Result<Trouble> {
    let head = head(raw)?;
    let is = looks_like(&head, raw.size());
    if head.starts_with(b"PK") {
        let what = say!(
            "`",
            name,
            "` holds a zip, and TorchServe ",
            version.to_string(),
            " reads as zip only what ends in `.mar`"
        );
        return Ok(told(Fault::ArchiveSuffix, Weight::Breaks, what)
            .fix("rename it so that it ends in `.mar`, in small letters"));
    }
    let what =
        say!("`", name, "` is ", is, ", and TorchServe ", version.to_string(), " reads it as gzipped tar");
    Ok(told(Fault::NotAnArchive, Weight::Breaks, what))
}

/// Uses a folder in place; the single folder in it where it holds nothing else (since 0.8.0).
pub(super) fn folder(path: &Path, version: Version) -> Unpacked {
    let mut found = Found::clean(Contents { container: Container::Folder, ..Contents::default() });
    let inner = folders::names(path).map(|names| match names.as_slice() {
        [(only, true)] if version.since(0, 8, 0) => Some(only.clone()),
        _ => None,
    });
    let walked = match inner {
        Ok(Some(inner)) => folders::walk(&inner),
        Ok(None) => folders::walk(path),
        Err(error) => Err(error),
    };
    let walked = match walked {
        Ok(walked) => walked,
        Err(error) => {
            let what = say!("the folder cannot be read: ", error.to_string());
            found.end(How::Unknown, told(Fault::ArchiveDamaged, Weight::MayBreak, what));
            return found;
        }
    };
    if let Some(what) = walked.bound {
        let (how, trouble) = bound(what);
        found.end(how, trouble);
    }
    if !walked.outside.is_empty() {
        let what = say!(
            "links lead out of the folder, and what they lead to was not looked at: ",
            some(&walked.outside)
        );
        found.notice(told(Fault::ArchiveDamaged, Weight::MayBreak, what));
    }
    if !walked.unreadable.is_empty() {
        let what = say!("entries of the folder cannot be read: ", some(&walked.unreadable));
        found.notice(told(Fault::ArchiveDamaged, Weight::MayBreak, what));
    }
    found.facts.tree = Arc::new(walked.tree);
    found
}
