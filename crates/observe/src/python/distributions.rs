//! The entries of `sys.path` to the distributions that `importlib.metadata` lists over them.
//!
//! Rules: `importlib.metadata` of CPython 3.8 to 3.14 (`FastPath.children`, `PathDistribution.read_text`, `metadata`,
//! `requires`), PEP 610 for `direct_url.json`. Of METADATA the head is read: a body that is no UTF-8, over which Python
//! itself would fall, is not seen.

use std::collections::HashMap;
use std::sync::Arc;

use envdiff_files::{ImagePath, Kind, Miss, Seen, ZipView};
use envdiff_model::{
    Distribution, Fact, MetadataKind, Name, Origin, PathSource, SysPathEntry, Text, Unknown, say,
};

use super::ask::{self, Found};
use super::layout::Feature;
use super::metadata::{self, Headers, NotUtf8};
use super::{direct_url, layout};

/// The most that is read of INSTALLER, `top_level.txt` and the like, in bytes.
const SMALL: u64 = 1 << 20;
/// The most distributions (contract, section 7).
const MAX_DISTRIBUTIONS: usize = 20_000;

/// Distributions and what of them could not be told.
pub(crate) struct Derived {
    pub(crate) distributions: Vec<Distribution>,
    pub(crate) unknown: Vec<Unknown>,
}

/// A metadata folder or file that stands on the path.
struct Candidate {
    /// As `sys.path` names it.
    metadata: Text,
    path: ImagePath,
    shape: Shape,
    kind: MetadataKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Folder,
    File,
    /// A link: what it leads to decides.
    Either,
    /// A FIFO or device.
    Odd,
}

/// Lists them.
pub(crate) fn derive(seen: &Seen, path: &[SysPathEntry], feature: Feature) -> Result<Derived, Miss> {
    let mut unknown = Vec::new();
    let links = egg_links(seen, path);
    let folders = seen.each(path.iter().enumerate(), |(index, entry)| in_entry(seen, index, entry, feature));
    let (links, folders) = (links?, folders?);
    let mut distributions = Vec::new();
    for (mut found, mut untold) in folders {
        distributions.append(&mut found);
        unknown.append(&mut untold);
    }
    if distributions.len() > MAX_DISTRIBUTIONS {
        distributions.truncate(MAX_DISTRIBUTIONS);
        unknown.push(Unknown {
            what: Text::from("distributions"),
            why: Text::from("more than 20000 distributions"),
        });
    }
    for distribution in &mut distributions {
        let in_place = distribution.name.as_ref().is_some_and(|name| {
            links
                .iter()
                .any(|(link, location)| *link == link_name(name) && *location == distribution.location)
        });
        distribution.editable |= in_place;
    }
    rank(&mut distributions);
    Ok(Derived { distributions, unknown })
}

/// Asks early for what a folder that will probably stand on the path holds.
pub(crate) fn foresee(seen: &Seen, folder: &ImagePath, feature: Feature) {
    // Once it has been asked there is nothing to foresee.
    let Ok(list) = seen.list(folder) else { return };
    let first = list.entries.iter().map(|(name, _)| name).find(|name| name.ends_with(b".dist-info"));
    if let Some(first) = first.and_then(|name| folder.join(name)?.join("METADATA"))
        && !matches!(seen.parsed_head(&first, metadata::parse), Err(Miss::Pending))
    {
        return;
    }
    let entry = SysPathEntry { path: Text::from(folder.as_bytes()), from: PathSource::Site, exists: true };
    drop(egg_links(seen, std::slice::from_ref(&entry)));
    drop(in_entry(seen, 0, &entry, feature));
}

/// Which copy of a name counts: an earlier folder shadows, two in one folder are ambiguous.
fn rank(distributions: &mut [Distribution]) {
    let mut first: HashMap<Name, usize> = HashMap::new();
    let mut ambiguous = Vec::new();
    let places: Vec<usize> = distributions.iter().map(|d| d.path_index).collect();
    for (index, distribution) in distributions.iter_mut().enumerate() {
        let Some(name) = distribution.name.as_ref().filter(|n| !n.is_empty()) else { continue };
        match first.entry(Name::new(&name.to_lossy())) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(index);
            }
            std::collections::hash_map::Entry::Occupied(other) => {
                if places.get(*other.get()) == Some(&distribution.path_index) {
                    distribution.ambiguous = true;
                    ambiguous.push(*other.get());
                } else {
                    distribution.shadowed = true;
                }
            }
        }
    }
    for index in ambiguous {
        if let Some(distribution) = distributions.get_mut(index) {
            distribution.ambiguous = true;
        }
    }
}

/// The egg-links of the site folders: normalised name and the folder that they lead to.
fn egg_links(seen: &Seen, path: &[SysPathEntry]) -> Result<Vec<(String, Text)>, Miss> {
    let folders: Vec<ImagePath> = path
        .iter()
        .filter(|e| matches!(e.from, PathSource::Site | PathSource::Venv | PathSource::User))
        .filter_map(|e| ImagePath::new(e.path.as_bytes()))
        .collect();
    let found = seen.each(&folders, |folder| {
        let Found::Is(list) = ask::list(seen, folder)? else { return Ok(Vec::new()) };
        let names: Vec<&[u8]> =
            list.entries.iter().map(|(n, _)| &**n).filter(|n| n.ends_with(b".egg-link")).collect();
        seen.each(names, |name| {
            let Some(file) = folder.join(name) else { return Ok(None) };
            let Found::Is(lines) = ask::parsed(seen, &file, SMALL, lines)? else { return Ok(None) };
            let stem = name.strip_suffix(b".egg-link").unwrap_or(name);
            Ok(lines.first().map(|line| (link_name(&Text::from(stem)), line.clone())))
        })
    })?;
    Ok(found.into_iter().flatten().flatten().collect())
}

/// What an egg-link's name and a distribution's are compared by (setuptools' `safe_name`, and PEP 503).
fn link_name(name: &Text) -> String {
    Name::new(&name.to_lossy()).as_str().to_owned()
}

/// The lines of a small file that hold something, blanks around them taken off.
fn lines(bytes: &[u8]) -> Vec<Text> {
    bytes
        .split(|b| matches!(b, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii)
        .filter(|l| !l.is_empty())
        .map(Text::from)
        .collect()
}

fn in_entry(
    seen: &Seen,
    index: usize,
    entry: &SysPathEntry,
    feature: Feature,
) -> Result<(Vec<Distribution>, Vec<Unknown>), Miss> {
    let Some(folder) = ImagePath::new(entry.path.as_bytes()) else { return Ok((Vec::new(), Vec::new())) };
    let mut root = entry.path.as_bytes();
    while root.len() > 1 && root.last() == Some(&b'/') {
        root = root.get(..root.len() - 1).unwrap_or_default();
    }
    let joint = if root == b"/" { "" } else { "/" };
    let named = |child: &[u8]| say!(root, joint, child);
    let list = match ask::list(seen, &folder)? {
        Found::Is(list) => list,
        Found::Absent => return Ok((Vec::new(), Vec::new())),
        Found::Unreadable(why) if why.as_str() == Some("not a folder") => {
            return in_zip(seen, index, entry, &folder, feature);
        }
        // A circle of links is nothing to Python either.
        Found::Unreadable(why) if why.as_str().is_some_and(|w| w.contains("symbolic links")) => {
            return Ok((Vec::new(), Vec::new()));
        }
        Found::Unreadable(why) => {
            let why = say!(entry.path, " cannot be listed: ", why);
            return Ok((Vec::new(), vec![Unknown { what: Text::from("distributions"), why }]));
        }
    };
    let egg = folder.file_name().to_ascii_lowercase().ends_with(b".egg");
    let mut candidates: Vec<Candidate> = Vec::new();
    for (name, kind) in &list.entries {
        let Some(metadata_kind) = metadata_kind(name, *kind, egg) else { continue };
        let Some(path) = folder.join(name) else { continue };
        let shape = match kind {
            Kind::Folder => Shape::Folder,
            Kind::File => Shape::File,
            Kind::Link => Shape::Either,
            Kind::Other => Shape::Odd,
        };
        candidates.push(Candidate { metadata: named(name), path, shape, kind: metadata_kind });
    }
    let mut out = seen.each(&candidates, |candidate| read(seen, index, entry, candidate, feature))?;
    out.sort_by(|a, b| a.metadata.cmp(&b.metadata));
    Ok((out, Vec::new()))
}

/// Whether a name is one of metadata, as `importlib.metadata` looks at names: without case.
fn metadata_kind(name: &[u8], kind: Kind, egg: bool) -> Option<MetadataKind> {
    let tail = |ending: &[u8]| {
        name.len() >= ending.len()
            && name.get(name.len() - ending.len()..).is_some_and(|t| t.eq_ignore_ascii_case(ending))
    };
    if tail(b".dist-info") {
        Some(MetadataKind::DistInfo)
    } else if tail(b".egg-info") {
        Some(if kind == Kind::File { MetadataKind::EggInfoFile } else { MetadataKind::EggInfoFolder })
    } else if egg && name.eq_ignore_ascii_case(b"egg-info") {
        Some(MetadataKind::Egg)
    } else {
        None
    }
}

/// One text of metadata, as `read_text` gives it.
enum Source {
    /// A text that is not empty.
    Headers(Arc<Result<Headers, NotUtf8>>),
    /// Not there, empty, or a folder.
    Nothing,
    /// Something that cannot be read; the reason.
    Unreadable(Text),
}

fn head(seen: &Seen, path: Option<ImagePath>) -> Result<Source, Miss> {
    let Some(path) = path else { return Ok(Source::Nothing) };
    Ok(match ask::head(seen, &path, metadata::parse)? {
        Found::Is(headers) => match &*headers {
            Ok(read) if read.is_empty_file() => Source::Nothing,
            _ => Source::Headers(headers),
        },
        Found::Absent => Source::Nothing,
        Found::Unreadable(why) if why.as_str() == Some("not a regular file") => Source::Nothing,
        Found::Unreadable(why) => Source::Unreadable(why),
    })
}

fn read(
    seen: &Seen,
    index: usize,
    entry: &SysPathEntry,
    candidate: &Candidate,
    feature: Feature,
) -> Result<Distribution, Miss> {
    let path = &candidate.path;
    let folder = candidate.shape != Shape::File;
    // All of one distribution's files in one batch.
    let first = if folder { head(seen, path.join("METADATA")) } else { Ok(Source::Nothing) };
    let second = if folder && candidate.kind != MetadataKind::DistInfo {
        Some(head(seen, path.join("PKG-INFO")))
    } else {
        None
    };
    let itself = if matches!(candidate.shape, Shape::File | Shape::Either) {
        head(seen, Some(path.clone()))
    } else {
        Ok(Source::Nothing)
    };
    let small = |name: &str| match path.join(name) {
        Some(file) if folder => ask::parsed(seen, &file, SMALL, lines).map(Some),
        _ => Ok(None),
    };
    let installer = small("INSTALLER");
    let top_level = small("top_level.txt");
    let origin = match path.join("direct_url.json") {
        Some(file) if folder => ask::parsed(seen, &file, SMALL, direct_url::parse),
        _ => Ok(Found::Absent),
    };
    let requires = match path.join("requires.txt") {
        Some(file) if folder && candidate.kind != MetadataKind::DistInfo => {
            ask::parsed(seen, &file, SMALL, metadata::requires_of_egg)
        }
        _ => Ok(Found::Absent),
    };
    let first = first?;
    let mut source = ("METADATA", first);
    if matches!(source.1, Source::Nothing) && folder {
        source = (
            "PKG-INFO",
            match second {
                Some(second) => second?,
                None => head(seen, path.join("PKG-INFO"))?,
            },
        );
    }
    if matches!(source.1, Source::Nothing) {
        source = ("it", itself?);
    }
    let (installer, top_level, origin, requires) = (installer?, top_level?, origin?, requires?);
    let mut out = Distribution {
        name: None,
        version: None,
        metadata: candidate.metadata.clone(),
        location: entry.path.clone(),
        path_index: index,
        kind: candidate.kind,
        installer: match installer {
            Some(Found::Is(lines)) => lines.first().cloned(),
            _ => None,
        },
        direct_url: match origin {
            Found::Is(origin) => Some(match &*origin {
                Ok(origin) => Fact::known(
                    origin.clone(),
                    ask::evidence(
                        seen,
                        &envdiff_files::Ask::Read {
                            path: path.join("direct_url.json").unwrap_or_else(|| path.clone()),
                            limit: SMALL,
                        },
                        "direct_url.json",
                    ),
                ),
                Err(why) => Fact::unknown(say!(candidate.metadata, "/direct_url.json is ", why)),
            }),
            Found::Absent => None,
            Found::Unreadable(why) if why.as_str() == Some("not a regular file") => None,
            Found::Unreadable(why) => {
                Some(Fact::unknown(say!(candidate.metadata, "/direct_url.json cannot be read: ", why)))
            }
        },
        editable: false,
        shadowed: false,
        ambiguous: false,
        error: None,
        requires: Vec::new(),
        provides_extra: Vec::new(),
        requires_python: None,
        top_level: match top_level {
            Some(Found::Is(lines)) => Some((*lines).clone()),
            _ => None,
        },
    };
    // Where the folder itself cannot be read, that is told once.
    if matches!((&source.1, &out.direct_url), (Source::Unreadable(_), Some(Fact::Unknown { .. }))) {
        out.direct_url = None;
    }
    if let Some(Fact::Known { value, .. }) = &out.direct_url {
        out.editable = matches!(value.origin, Origin::Directory { editable: true });
    }
    if candidate.shape == Shape::Odd {
        out.error = Some(Text::from("neither a file nor a folder"));
        return Ok(out);
    }
    fill(&mut out, &source.1, source.0, feature);
    if out.requires.is_empty()
        && let Found::Is(requires) = requires
    {
        out.requires.clone_from(&requires);
    }
    Ok(out)
}

/// Name, version and the rest out of the headers.
fn fill(out: &mut Distribution, source: &Source, file: &str, feature: Feature) {
    let headers = match source {
        Source::Headers(headers) => headers,
        Source::Nothing => {
            out.error = Some(Text::from("there is no METADATA and no PKG-INFO with anything in it"));
            return;
        }
        Source::Unreadable(why) => {
            out.error = Some(say!(file, " cannot be read: ", why));
            return;
        }
    };
    let headers = match &**headers {
        Ok(headers) => headers,
        Err(why) => {
            out.error = Some(say!(file, " is ", why.to_string()));
            return;
        }
    };
    let redent = feature.at_least(10);
    out.name = headers.first("Name", redent);
    out.version = headers.first("Version", redent);
    out.requires = headers.all("Requires-Dist", redent).collect();
    out.provides_extra = headers.all("Provides-Extra", redent).collect();
    out.requires_python = headers.first("Requires-Python", redent);
    out.error = match (&out.name, &out.version) {
        (None, None) => Some(say!(file, " has neither Name nor Version")),
        (None, _) => Some(say!(file, " has no Name")),
        (_, None) => Some(say!(file, " has no Version")),
        _ => None,
    };
}

/// A zip on the path: metadata folders at its top, or `EGG-INFO` of a zipped egg.
fn in_zip(
    seen: &Seen,
    index: usize,
    entry: &SysPathEntry,
    path: &ImagePath,
    feature: Feature,
) -> Result<(Vec<Distribution>, Vec<Unknown>), Miss> {
    let view = match seen.zip(path) {
        Ok(view) => view,
        Err(Miss::Pending) => return Err(Miss::Pending),
        Err(Miss::Absent) => return Ok((Vec::new(), Vec::new())),
        Err(Miss::Unreadable(why)) => {
            let word = why.to_string();
            // What is no zip, or a broken one, is nothing to Python.
            if word.contains("not a zip") || word.contains("damaged zip") {
                return Ok((Vec::new(), Vec::new()));
            }
            let why = say!(entry.path, " cannot be read: ", word);
            return Ok((Vec::new(), vec![Unknown { what: Text::from("distributions"), why }]));
        }
    };
    let egg = path.file_name().to_ascii_lowercase().ends_with(b".egg");
    let mut tops: Vec<&[u8]> = view.names.iter().filter_map(|n| n.split(|b| *b == b'/').next()).collect();
    tops.sort_unstable();
    tops.dedup();
    let mut out: Vec<Distribution> = tops
        .into_iter()
        .filter(|top| metadata_kind(top, Kind::Folder, egg).is_some())
        .map(|top| zipped(view, index, entry, top, feature))
        .collect();
    out.sort_by(|a, b| a.metadata.cmp(&b.metadata));
    Ok((out, Vec::new()))
}

fn zipped(view: &ZipView, index: usize, entry: &SysPathEntry, top: &[u8], feature: Feature) -> Distribution {
    let member = |name: &str| {
        let full = if name.is_empty() { top.to_vec() } else { [top, b"/", name.as_bytes()].concat() };
        view.member(&full)
    };
    let metadata = say!(entry.path, "/", top);
    let mut out = Distribution {
        name: None,
        version: None,
        metadata: metadata.clone(),
        location: entry.path.clone(),
        path_index: index,
        kind: MetadataKind::Zip,
        installer: member("INSTALLER").and_then(|b| lines(b).into_iter().next()),
        direct_url: member("direct_url.json").map(|bytes| match direct_url::parse(bytes) {
            Ok(origin) => {
                Fact::known(origin, envdiff_model::Evidence::new(say!(metadata, "/direct_url.json"), ""))
            }
            Err(why) => Fact::unknown(say!(metadata, "/direct_url.json is ", why)),
        }),
        editable: false,
        shadowed: false,
        ambiguous: false,
        error: None,
        requires: Vec::new(),
        provides_extra: Vec::new(),
        requires_python: None,
        top_level: member("top_level.txt").map(|b| lines(b)),
    };
    let found = ["METADATA", "PKG-INFO", ""].into_iter().find_map(|name| {
        let bytes = member(name).filter(|b| !b.is_empty())?;
        Some((if name.is_empty() { "it" } else { name }, metadata::parse(bytes)))
    });
    match found {
        Some((file, parsed)) => fill(&mut out, &Source::Headers(Arc::new(parsed)), file, feature),
        None => fill(&mut out, &Source::Nothing, "", feature),
    }
    if out.requires.is_empty()
        && let Some(bytes) = member("requires.txt")
    {
        out.requires = metadata::requires_of_egg(bytes);
    }
    out
}

/// What `importlib.metadata.version(name)` finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// This copy; its `version` may still be missing or unreadable.
    Found(&'a Distribution),
    /// One of these, whichever their folder lists first.
    OneOf(Vec<&'a Distribution>),
    /// `PackageNotFoundError`: lookup goes by the folder's name, not by what the metadata says.
    NotFound,
}

/// Looks a name up as `importlib.metadata.version(name)` of the environment's own Python does: by the names of metadata
/// folders, path entry by path entry.
#[must_use]
pub fn look_up<'a>(environment: &'a envdiff_model::Environment, name: &str) -> Lookup<'a> {
    let modern = environment
        .python
        .value()
        .and_then(|v| layout::Feature::from_name(&[b"python", v.as_bytes()].concat()))
        .is_none_or(|f| f.at_least(10));
    let wanted = folder_name(name.as_bytes(), modern);
    let legacy: Vec<u8> = name.to_ascii_lowercase().replace('-', "_").into_bytes();
    let mut matching: Vec<&Distribution> = Vec::new();
    for distribution in &environment.distributions {
        if matching.first().is_some_and(|first| first.path_index != distribution.path_index) {
            break;
        }
        let base = distribution.metadata.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
        let egg = base.eq_ignore_ascii_case(b"egg-info");
        let named = if egg {
            let egg_folder =
                distribution.location.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
            let lower = egg_folder.to_ascii_lowercase();
            let stem = lower.strip_suffix(b".egg").unwrap_or(&lower);
            let own = stem.split(|b| *b == b'-').next().unwrap_or_default();
            own.iter().map(|b| if *b == b'-' { b'_' } else { *b }).eq(legacy.iter().copied())
        } else {
            let lower = base.to_ascii_lowercase();
            let stem =
                lower.iter().rposition(|b| *b == b'.').and_then(|at| lower.get(..at)).unwrap_or(&lower);
            if modern {
                let own = stem.split(|b| *b == b'-').next().unwrap_or_default();
                folder_name(own, true) == wanted
            } else {
                stem == wanted || stem.strip_prefix(&*wanted).is_some_and(|rest| rest.starts_with(b"-"))
            }
        };
        if named {
            matching.push(distribution);
        }
    }
    match matching.as_slice() {
        [] => Lookup::NotFound,
        [one] => Lookup::Found(one),
        _ => Lookup::OneOf(matching),
    }
}

/// `Prepared.normalize` (3.10 and later) or `legacy_normalize`.
fn folder_name(name: &[u8], modern: bool) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    if !modern {
        return lower.into_iter().map(|b| if b == b'-' { b'_' } else { b }).collect();
    }
    let mut out: Vec<u8> = Vec::with_capacity(lower.len());
    let mut run = false;
    for byte in lower {
        let separator = matches!(byte, b'-' | b'_' | b'.');
        if !(separator && run) {
            out.push(if separator { b'_' } else { byte });
        }
        run = separator;
    }
    out
}
