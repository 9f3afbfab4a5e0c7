//! The entries of `sys.path` to the distributions that `importlib.metadata` lists over them.
//!
//! Rules: `importlib.metadata` of CPython 3.8 to 3.14 (`FastPath.children`, `PathDistribution.read_text`, `metadata`,
//! `requires`), PEP 610 for `direct_url.json`. Of METADATA the head is read: a body that is no UTF-8, over which Python
//! itself would fall, is not seen.

use std::cell::Cell;
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
use crate::limits::{DISTRIBUTIONS, METADATA_FILE};

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
    derive_within(seen, path, feature, DISTRIBUTIONS)
}

/// The same, at most `most` of them: no question is asked about one beyond.
pub(crate) fn derive_within(
    seen: &Seen,
    path: &[SysPathEntry],
    feature: Feature,
    most: usize,
) -> Result<Derived, Miss> {
    let mut unknown = Vec::new();
    let links = egg_links(seen, path);
    let left = Cell::new(Some(most));
    let folders =
        seen.each(path.iter().enumerate(), |(index, entry)| in_entry(seen, index, entry, feature, &left));
    let ((links, mut unlinked), folders) = (links?, folders?);
    unknown.append(&mut unlinked);
    let mut distributions = Vec::new();
    for (mut found, mut untold) in folders {
        distributions.append(&mut found);
        unknown.append(&mut untold);
    }
    if left.get().is_none() {
        let why = say!("more than ", most, " distributions");
        unknown.push(Unknown { what: Text::from("distributions"), why });
    }
    for distribution in &mut distributions {
        let in_place = distribution.name.as_ref().is_some_and(|name| {
            links.iter().any(|link| link.name == link_name(name) && link.folder == distribution.location)
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
    drop(in_entry(seen, 0, &entry, feature, &Cell::new(Some(DISTRIBUTIONS))));
}

/// Takes the first of what stands in a folder or zip, as many as are left to be told; nothing is left once there were more.
fn within<T>(mut found: Vec<T>, left: &Cell<Option<usize>>) -> Vec<T> {
    let most = left.get().unwrap_or(0);
    left.set(most.checked_sub(found.len()).filter(|_| left.get().is_some()));
    found.truncate(most);
    found
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

/// What installs a project in place, as setuptools did it before PEP 660.
pub(crate) struct EggLink {
    /// Normalised name.
    pub(crate) name: String,
    /// The folder that it leads to, as written.
    pub(crate) folder: Text,
    pub(crate) file: ImagePath,
}

/// The egg-links of the site folders, and those that cannot be read.
pub(crate) fn egg_links(seen: &Seen, path: &[SysPathEntry]) -> Result<(Vec<EggLink>, Vec<Unknown>), Miss> {
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
            let Some(file) = folder.join(name) else { return Ok((None, None)) };
            let found = ask::parsed(seen, &file, METADATA_FILE, lines)?;
            if let Some(why) = found.why().filter(|why| why.as_str() != Some("not a regular file")) {
                let what = Text::from(file.as_bytes());
                return Ok((None, Some(Unknown { what, why: say!("unreadable: ", why) })));
            }
            let Found::Is(lines) = found else { return Ok((None, None)) };
            let stem = name.strip_suffix(b".egg-link").unwrap_or(name);
            let link = lines.first().map(|line| EggLink {
                name: link_name(&Text::from(stem)),
                folder: line.clone(),
                file: file.clone(),
            });
            Ok((link, None))
        })
    })?;
    let (links, unknown): (Vec<_>, Vec<_>) = found.into_iter().flatten().unzip();
    Ok((links.into_iter().flatten().collect(), unknown.into_iter().flatten().collect()))
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
    left: &Cell<Option<usize>>,
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
            return in_zip(seen, index, entry, &folder, feature, left);
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
    let candidates = within(candidates, left);
    let mut unknown = Vec::new();
    let mut out = Vec::new();
    for (distribution, untold) in
        seen.each(&candidates, |candidate| read(seen, index, entry, candidate, feature))?
    {
        out.push(distribution);
        unknown.extend(untold);
    }
    out.sort_by(|a, b| a.metadata.cmp(&b.metadata));
    Ok((out, unknown))
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
) -> Result<(Distribution, Vec<Unknown>), Miss> {
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
        Some(file) if folder => ask::parsed(seen, &file, METADATA_FILE, lines).map(Some),
        _ => Ok(None),
    };
    let installer = small("INSTALLER");
    let top_level = small("top_level.txt");
    let wheel = match path.join("WHEEL") {
        Some(file) if candidate.kind == MetadataKind::DistInfo => {
            ask::parsed(seen, &file, METADATA_FILE, metadata::tags)
        }
        _ => Ok(Found::Absent),
    };
    let origin = match path.join("direct_url.json") {
        Some(file) if folder => ask::parsed(seen, &file, METADATA_FILE, direct_url::parse),
        _ => Ok(Found::Absent),
    };
    let requires = match path.join("requires.txt") {
        Some(file) if folder && candidate.kind != MetadataKind::DistInfo => {
            ask::parsed(seen, &file, METADATA_FILE, metadata::requires_of_egg)
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
    let wheel = wheel?;
    // Where the folder itself cannot be read, that is told once, by the metadata.
    let is_told = matches!(source.1, Source::Unreadable(_));
    let untold = |name: &str, why: Option<&Text>| {
        let why = why.filter(|why| !is_told && why.as_str() != Some("not a regular file"))?;
        Some(Unknown { what: say!(candidate.metadata, "/", name), why: say!("unreadable: ", why) })
    };
    let mut unknown = Vec::new();
    unknown.extend(untold("INSTALLER", installer.as_ref().and_then(Found::why)));
    unknown.extend(untold("top_level.txt", top_level.as_ref().and_then(Found::why)));
    unknown.extend(untold("WHEEL", wheel.why()));
    let no_requires = untold("requires.txt", requires.why());
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
                            limit: METADATA_FILE,
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
        tags: match wheel {
            Found::Is(tags) => Some((*tags).clone()),
            Found::Absent | Found::Unreadable(_) => None,
        },
        top_level: match top_level {
            Some(Found::Is(lines)) => Some((*lines).clone()),
            _ => None,
        },
    };
    if is_told && matches!(&out.direct_url, Some(Fact::Unknown { .. })) {
        out.direct_url = None;
    }
    if let Some(Fact::Known { value, .. }) = &out.direct_url {
        out.editable = matches!(value.origin, Origin::Directory { editable: true });
    }
    if candidate.shape == Shape::Odd {
        out.error = Some(Text::from("neither a file nor a folder"));
        return Ok((out, unknown));
    }
    fill(&mut out, &source.1, source.0, feature);
    if out.requires.is_empty() {
        if let Found::Is(requires) = &requires {
            out.requires.clone_from(requires);
        }
        unknown.extend(without_requires(&mut out, no_requires));
    }
    Ok((out, unknown))
}

/// A distribution whose `requires.txt` cannot be told says so itself, for that it lists nothing does not mean that it
/// requires nothing.
fn without_requires(out: &mut Distribution, untold: Option<Unknown>) -> Option<Unknown> {
    if let Some(untold) = &untold {
        out.error.get_or_insert_with(|| say!("requires.txt is ", untold.why));
    }
    untold
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
    left: &Cell<Option<usize>>,
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
    tops.retain(|top| metadata_kind(top, Kind::Folder, egg).is_some());
    let mut unknown = Vec::new();
    let mut out = Vec::new();
    for top in within(tops, left) {
        let (distribution, mut untold) = zipped(view, index, entry, top, feature);
        out.push(distribution);
        unknown.append(&mut untold);
    }
    out.sort_by(|a, b| a.metadata.cmp(&b.metadata));
    Ok((out, unknown))
}

/// Why a member that the zip names has no content.
const NOT_INFLATED: &str = "larger than 4 MiB, encrypted or damaged in the zip";

fn zipped(
    view: &ZipView,
    index: usize,
    entry: &SysPathEntry,
    top: &[u8],
    feature: Feature,
) -> (Distribution, Vec<Unknown>) {
    let full = |name: &str| {
        if name.is_empty() { top.to_vec() } else { [top, b"/", name.as_bytes()].concat() }
    };
    let member = |name: &str| view.member(&full(name));
    let is_untold = |name: &str| {
        member(name).is_none() && view.names.binary_search_by(|n| (**n).cmp(&*full(name))).is_ok()
    };
    let metadata = say!(entry.path, "/", top);
    let untold = |name: &str| {
        let why = say!("unreadable: ", NOT_INFLATED);
        is_untold(name).then(|| Unknown { what: say!(metadata, "/", name), why })
    };
    let mut unknown: Vec<Unknown> =
        ["INSTALLER", "top_level.txt", "WHEEL"].into_iter().filter_map(untold).collect();
    let mut out = Distribution {
        name: None,
        version: None,
        metadata: metadata.clone(),
        location: entry.path.clone(),
        path_index: index,
        kind: MetadataKind::Zip,
        installer: member("INSTALLER").and_then(|b| lines(b).into_iter().next()),
        direct_url: match member("direct_url.json").map(|bytes| direct_url::parse(bytes)) {
            Some(Ok(origin)) => Some(Fact::known(
                origin,
                envdiff_model::Evidence::new(say!(metadata, "/direct_url.json"), ""),
            )),
            Some(Err(why)) => Some(Fact::unknown(say!(metadata, "/direct_url.json is ", why))),
            None => is_untold("direct_url.json")
                .then(|| Fact::unknown(say!(metadata, "/direct_url.json is ", NOT_INFLATED))),
        },
        editable: false,
        shadowed: false,
        ambiguous: false,
        error: None,
        requires: Vec::new(),
        provides_extra: Vec::new(),
        requires_python: None,
        tags: member("WHEEL").map(|b| metadata::tags(b)),
        top_level: member("top_level.txt").map(|b| lines(b)),
    };
    let found = ["METADATA", "PKG-INFO", ""].into_iter().find_map(|name| {
        let called = if name.is_empty() { "it" } else { name };
        match member(name) {
            Some(bytes) if bytes.is_empty() => None,
            Some(bytes) => Some((called, Source::Headers(Arc::new(metadata::parse(bytes))))),
            None => is_untold(name).then(|| (called, Source::Unreadable(Text::from(NOT_INFLATED)))),
        }
    });
    match found {
        Some((file, source)) => fill(&mut out, &source, file, feature),
        None => fill(&mut out, &Source::Nothing, "", feature),
    }
    if out.requires.is_empty() {
        if let Some(bytes) = member("requires.txt") {
            out.requires = metadata::requires_of_egg(bytes);
        }
        unknown.extend(without_requires(&mut out, untold("requires.txt")));
    }
    (out, unknown)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use envdiff_files::{Budget, Literal, Seen, converse};
    use envdiff_model::{PathSource, SysPathEntry, Text};

    use super::{Feature, derive_within};

    /// The bound is a parameter here: 20,000 distributions are 120,000 questions.
    #[test]
    fn distributions_beyond_the_bound_are_not_asked_about() {
        let entry =
            |path: &str| SysPathEntry { path: Text::from(path), from: PathSource::Site, exists: true };
        let path = [entry("/one"), entry("/two")];
        let literal =
            ["/one/a", "/one/b", "/two/c", "/two/d"].into_iter().fold(Literal::new(), |literal, name| {
                literal.file(&format!("{name}-1.dist-info/METADATA"), "Name: x\nVersion: 1\n\n")
            });
        let told = |most: usize| {
            let (mut seen, mut budget) = (Seen::new(), Budget::default());
            let feature = Feature::from_name(b"python3.11").unwrap();
            let observe = |seen: &Seen| derive_within(seen, &path, feature, most);
            let derived = converse(&mut literal.clone(), &mut seen, &mut budget, observe).unwrap();
            let asked = seen.replies().any(|(ask, _)| ask.path().as_bytes().starts_with(b"/two/d"));
            let why: Vec<String> = derived.unknown.iter().map(|u| u.why.to_lossy().into_owned()).collect();
            (derived.distributions.len(), asked, why)
        };
        assert_eq!(told(4), (4, true, Vec::new()));
        assert_eq!(told(3), (3, false, vec!["more than 3 distributions".to_owned()]));
        assert_eq!(told(1), (1, false, vec!["more than 1 distributions".to_owned()]));
    }
}
