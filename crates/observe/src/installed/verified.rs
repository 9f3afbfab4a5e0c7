//! The distributions of an environment come in; which of their files are not there, or not what the RECORD that names them
//! says, comes out.
//!
//! This alone reads installed files whole, so it is asked for by itself (`--verify`). Of a file no more is read than its row
//! says that it has: a longer one is another at any rate.
//!
//! Rules: "Recording installed projects" on the packaging pages (PEP 376, PEP 627): a row has path, hash, size; the hash is
//! the URL-safe base64 of a digest, without `=`. Installers write a RECORD when they are done, so what they changed in
//! scripts is in it; what others rewrite later, such as the first line of a script in a moved environment, is not.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use envdiff_files::{ImagePath, Miss, Seen};
use envdiff_model::{
    Differing, Distribution, Environment, Evidence, Fact, MetadataKind, Name, Text, Unknown, Verified, say,
};

use super::overwritten::matters;
use super::record::{self, Entry, Record};
use crate::limits::{RECORD_FILE, UNSIZED_FILE, VERIFIED_BYTES, VERIFIED_FILES};
use crate::python::ask::{self, Found};

/// Derives them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub fn derive(seen: &Seen, environment: &Environment) -> Result<Fact<Verified>, Miss> {
    within(
        seen,
        environment,
        &Bounds { files: VERIFIED_FILES, bytes: VERIFIED_BYTES, unsized_file: UNSIZED_FILE },
    )
}

struct Bounds {
    files: usize,
    bytes: u64,
    unsized_file: u64,
}

fn within(seen: &Seen, environment: &Environment, bounds: &Bounds) -> Result<Fact<Verified>, Miss> {
    if let Some(reason) = environment.sys_path.reason() {
        return Ok(Fact::unknown(reason.clone()));
    }
    let mut out = Verified::default();
    // What is shadowed is never imported, and what lies over it in the same folder is told by other checks.
    let installed: Vec<&Distribution> = environment.distributions.iter().filter(|d| !d.shadowed).collect();
    let records = seen.each(&installed, |distribution| told(seen, distribution))?;
    let mut held = Vec::new();
    let mut differing: Vec<(usize, Differing)> = Vec::new();
    for (index, (distribution, record)) in installed.into_iter().zip(records).enumerate() {
        let none = |why: &str| Unknown { what: distribution.metadata.clone(), why: why.into() };
        match record {
            Told::None(why) => out.not_verifiable.push(none(why)),
            Told::Unreadable(why) => {
                let mut unread = Differing::of(distribution, 0);
                unread.cannot_be_told(say!(distribution.metadata, "/RECORD"), why);
                differing.push((index, unread));
            }
            Told::Record(record, folder) => {
                if distribution.editable {
                    out.not_verifiable
                        .push(none("it is installed in place, and its RECORD does not name its code"));
                }
                held.push(Held { index, distribution, folder, record });
            }
        }
    }
    out.distributions = held.len();
    let left = Left { files: Cell::new(bounds.files), bytes: Cell::new(bounds.bytes) };
    let looks = seen.each(&held, |held| held.look(seen, bounds, &left))?;
    let owners = owners(seen, &held, &looks);
    for (held, look) in held.iter().zip(looks) {
        out.files += look.files;
        out.bytes += look.bytes;
        out.unchecked += look.unchecked;
        let mut told = Differing::of(held.distribution, look.files);
        for (path, outcome) in look.odd {
            let file = Text::from(path.as_bytes());
            match outcome {
                Odd::Missing => told.missing(file),
                Odd::Unreadable(why) => told.cannot_be_told(file, why),
                Odd::Changed(detail, matters) => match owners.get(&path) {
                    // Nobody imports it, and several packages bring one of that name.
                    Some(_) if !matters => out.unchecked += 1,
                    Some(owner) => told.changed(file, say!(detail, "; it is the file of ", owner)),
                    None => told.changed(file, detail),
                },
            }
        }
        if told.missing + told.changed + told.unreadable > 0 {
            differing.push((held.index, told));
        }
    }
    differing.sort_by_key(|(index, _)| *index);
    out.differing = differing.into_iter().map(|(_, differing)| differing).collect();
    Ok(Fact::seen(out, Vec::new()))
}

/// What tells which files a distribution has.
enum Told {
    /// Its RECORD, and the folder that paths in it begin at.
    Record(Arc<Record>, ImagePath),
    /// Nothing.
    None(&'static str),
    /// Something that cannot be read, and why.
    Unreadable(Text),
}

fn told(seen: &Seen, distribution: &Distribution) -> Result<Told, Miss> {
    if distribution.kind != MetadataKind::DistInfo {
        return Ok(Told::None("eggs and distutils leave no RECORD"));
    }
    // conda writes its prefix into files and compiles them anew; the RECORD is the one of the build.
    if distribution.installer.as_ref().is_some_and(|installer| *installer == "conda") {
        return Ok(Told::None("conda rewrites files when it installs them, and their RECORD is the build's"));
    }
    let metadata = ImagePath::new(distribution.metadata.as_bytes());
    let Some((metadata, folder)) = metadata.and_then(|path| Some((path.clone(), path.parent()?))) else {
        return Ok(Told::None("it lies nowhere"));
    };
    let Some(file) = metadata.join("RECORD") else { return Ok(Told::None("its path is too long")) };
    Ok(match ask::parsed(seen, &file, RECORD_FILE, record::parse)? {
        Found::Is(record) if record.cut => Told::Unreadable("it has too many lines".into()),
        Found::Is(record) => Told::Record(record, folder),
        Found::Absent => Told::None("it has no RECORD"),
        Found::Unreadable(why) => Told::Unreadable(why),
    })
}

/// A distribution with its RECORD.
struct Held<'a> {
    index: usize,
    distribution: &'a Distribution,
    folder: ImagePath,
    record: Arc<Record>,
}

/// How many files and bytes may still be asked for.
struct Left {
    files: Cell<usize>,
    bytes: Cell<u64>,
}

impl Left {
    /// Takes a file of so many bytes, or says what would be too much.
    fn take(&self, bytes: u64, bounds: &Bounds) -> Result<(), Text> {
        let (Some(files), Some(rest)) =
            (self.files.get().checked_sub(1), self.bytes.get().checked_sub(bytes))
        else {
            let (files, gigabytes) = (bounds.files, bounds.bytes >> 30);
            return Err(say!("more than ", files, " files or ", gigabytes, " GiB are to be hashed"));
        };
        self.files.set(files);
        self.bytes.set(rest);
        Ok(())
    }
}

/// What became of the rows of a RECORD.
struct Look {
    files: usize,
    bytes: u64,
    unchecked: usize,
    /// Files that are not as their row says.
    odd: Vec<(ImagePath, Odd)>,
}

/// What is the matter with a file.
enum Odd {
    Missing,
    /// In which way, and whether an import could take it.
    Changed(Text, bool),
    Unreadable(Text),
}

/// What one row came to.
enum Outcome {
    /// As it says; so many bytes.
    Holds(u64),
    Odd(Odd),
    /// It says nothing that could be held against the file.
    Silent,
}

/// A row that can be held against its file.
struct Row<'a> {
    entry: &'a Entry,
    path: ImagePath,
    sha256: [u8; 32],
}

impl Held<'_> {
    fn look(&self, seen: &Seen, bounds: &Bounds, left: &Left) -> Result<Look, Miss> {
        let mut look = Look { files: 0, bytes: 0, unchecked: 0, odd: Vec::new() };
        let outcomes = seen.each(&self.record.entries, |entry| {
            Ok(match self.row(seen, entry) {
                Some(row) => (Some(row.path.clone()), row.outcome(seen, bounds, left)?),
                None => (None, Outcome::Silent),
            })
        })?;
        for (path, outcome) in outcomes {
            match (path, outcome) {
                (Some(path), Outcome::Odd(odd)) => {
                    look.files += 1;
                    look.odd.push((path, odd));
                }
                (Some(_), Outcome::Holds(bytes)) => {
                    look.files += 1;
                    look.bytes += bytes;
                }
                (None, _) | (_, Outcome::Silent) => look.unchecked += 1,
            }
        }
        Ok(look)
    }

    /// The row as far as it can be held against a file: it has a SHA-256, and is neither byte code, which is compiled anew, nor
    /// one of the files that installers write when they are done.
    fn row<'e>(&self, seen: &Seen, entry: &'e Entry) -> Option<Row<'e>> {
        let sha256 = sha256(&entry.hash)?;
        let mut parts = entry.path.rsplit(|byte| *byte == b'/');
        let name = parts.next().unwrap_or_default();
        let in_metadata = parts.next().is_some_and(|folder| folder.ends_with(b".dist-info"));
        if name.ends_with(b".pyc")
            || in_metadata && matches!(name, b"INSTALLER" | b"REQUESTED" | b"direct_url.json")
        {
            return None;
        }
        let path = match &*entry.path {
            [b'/', ..] => ImagePath::new(&entry.path)?,
            relative => self.folder.join(relative)?,
        };
        Some(Row { entry, path: seen.shortened(&path), sha256 })
    }
}

impl Row<'_> {
    fn outcome(&self, seen: &Seen, bounds: &Bounds, left: &Left) -> Result<Outcome, Miss> {
        let limit = self.entry.size.unwrap_or(bounds.unsized_file);
        if let Err(why) = left.take(limit, bounds) {
            return Ok(Outcome::Odd(Odd::Unreadable(why)));
        }
        let digest = match ask::digest(seen, &self.path, limit)? {
            Found::Is(digest) => digest,
            Found::Absent => return Ok(Outcome::Odd(Odd::Missing)),
            Found::Unreadable(why) => return Ok(Outcome::Odd(Odd::Unreadable(why))),
        };
        let changed = match (self.entry.size, digest.sha256) {
            (Some(size), _) if size != digest.size => say!(digest.size, " bytes in place of ", size),
            (_, Some(sha256)) if sha256 == self.sha256 => return Ok(Outcome::Holds(digest.size)),
            (_, Some(_)) => "another SHA-256, the same size".into(),
            (_, None) => {
                let why = say!("larger than ", limit, " bytes, and its row tells no size");
                return Ok(Outcome::Odd(Odd::Unreadable(why)));
            }
        };
        let changed = if self.entry.size.is_some() { changed } else { "another SHA-256".into() };
        if self.is_script_by_name() {
            match ask::range(seen, &self.path, 0, 2)? {
                // Whoever moves an environment writes its path into the first line.
                Found::Is(b"#!") => return Ok(Outcome::Silent),
                Found::Is(_) | Found::Absent => {}
                Found::Unreadable(why) => return Ok(Outcome::Odd(Odd::Unreadable(why))),
            }
        }
        Ok(Outcome::Odd(Odd::Changed(changed, matters(&self.entry.path))))
    }

    /// Whether it lies among the programs of its environment.
    fn is_script_by_name(&self) -> bool {
        let outside = self.entry.path.starts_with(b"..") || self.entry.path.starts_with(b"/");
        outside && self.path.parent().is_some_and(|folder| folder.file_name() == b"bin")
    }
}

/// The digest of a row's second field: `sha256=` and 43 letters.
fn sha256(hash: &[u8]) -> Option<[u8; 32]> {
    let text = hash.strip_prefix(b"sha256=")?;
    let text = text.strip_suffix(b"=").unwrap_or(text);
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Of changed files those that are as another distribution's RECORD says, with its name.
fn owners(seen: &Seen, held: &[Held<'_>], looks: &[Look]) -> HashMap<ImagePath, Text> {
    let changed: HashSet<&ImagePath> = looks
        .iter()
        .flat_map(|look| &look.odd)
        .filter_map(|(path, odd)| matches!(odd, Odd::Changed(..)).then_some(path))
        .collect();
    let mut out = HashMap::new();
    if changed.is_empty() {
        return out;
    }
    for (held, look) in held.iter().zip(looks) {
        let odd: HashSet<&ImagePath> = look.odd.iter().map(|(path, _)| path).collect();
        for row in held.record.entries.iter().filter_map(|entry| held.row(seen, entry)) {
            if changed.contains(&row.path) && !odd.contains(&row.path) && !row.is_script_by_name() {
                out.entry(row.path).or_insert_with(|| name(held.distribution));
            }
        }
    }
    out
}

/// A distribution's normalised name, or its metadata folder's.
fn name(distribution: &Distribution) -> Text {
    match distribution.name.as_ref().and_then(Text::as_str) {
        Some(name) => Text::from(Name::new(name).as_str()),
        None => {
            let folder = distribution.metadata.as_bytes().rsplit(|byte| *byte == b'/').next();
            Text::from(folder.unwrap_or_default())
        }
    }
}

/// Adds to what is told of a distribution.
trait Adds {
    fn of(distribution: &Distribution, files: usize) -> Self;
    fn missing(&mut self, file: Text);
    fn changed(&mut self, file: Text, detail: Text);
    fn cannot_be_told(&mut self, file: Text, why: Text);
}

impl Adds for Differing {
    fn of(distribution: &Distribution, files: usize) -> Self {
        Self {
            distribution: name(distribution),
            metadata: distribution.metadata.clone(),
            files,
            missing: 0,
            changed: 0,
            unreadable: 0,
            first: Vec::new(),
            first_unreadable: Vec::new(),
        }
    }

    fn missing(&mut self, file: Text) {
        self.missing += 1;
        show(&mut self.first, file, "missing".into());
    }

    fn changed(&mut self, file: Text, detail: Text) {
        self.changed += 1;
        show(&mut self.first, file, detail);
    }

    fn cannot_be_told(&mut self, file: Text, why: Text) {
        self.unreadable += 1;
        show(&mut self.first_unreadable, file, why);
    }
}

fn show(shown: &mut Vec<Evidence>, file: Text, detail: Text) {
    if shown.len() < Differing::SHOWN {
        shown.push(Evidence::new(file, detail));
    }
}
