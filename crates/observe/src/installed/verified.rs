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

/// How many folders above an absent file are asked for their names.
const FOLDERS_ABOVE: usize = 40;

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
    let owners = owners(&held, &looks);
    for (held, look) in held.iter().zip(looks) {
        out.files += look.files;
        out.bytes += look.bytes;
        out.unchecked += look.unchecked;
        let mut told = Differing::of(held.distribution, look.files);
        for (path, outcome) in look.odd {
            // As it reads best; it was asked for as the RECORD names it.
            let file = Text::from(path.normalised().as_bytes());
            match outcome {
                Odd::Missing => told.missing(file),
                Odd::Unreadable(why) => told.cannot_be_told(file, why),
                Odd::Changed(detail, matters) => match owners.get(&path) {
                    // Nobody imports it, and several packages bring one of that name; or an older copy of the same
                    // package left its RECORD behind, which is told as such.
                    Some(owner) if !matters || *owner == name(held.distribution) => {
                        out.unchecked += 1;
                        told.files -= 1;
                        out.files -= 1;
                    }
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
    // conda writes its prefix into files; distributions strip libraries and move scripts. The RECORD is the build's.
    let by = |name: &str| distribution.installer.as_ref().is_some_and(|installer| *installer == name);
    if by("conda") {
        return Ok(Told::None("conda rewrites files when it installs them, and their RECORD is the build's"));
    }
    // dpkg's alone (Debian Python Policy, 3.1): pip has a folder below /usr/local.
    let debian = distribution.location.as_bytes().ends_with(b"/usr/lib/python3/dist-packages");
    if debian || by("debian") || by("rpm") {
        return Ok(Told::None(
            "the system's packages change files when they are built, after RECORD was written",
        ));
    }
    let metadata = ImagePath::new(distribution.metadata.as_bytes());
    let Some((metadata, folder)) = metadata.and_then(|path| Some((path.clone(), path.parent()?))) else {
        return Ok(Told::None("it lies nowhere"));
    };
    let Some(file) = metadata.join("RECORD") else { return Ok(Told::None("its path is too long")) };
    Ok(match ask::parsed(seen, &file, RECORD_FILE, record::parse)? {
        Found::Is(record) if record.cut => Told::Unreadable("it has too many lines".into()),
        Found::Is(record) => Told::Record(record, folder),
        Found::Absent => match is_gone(seen, &file)? {
            Found::Unreadable(why) => Told::Unreadable(why),
            Found::Is(()) | Found::Absent => Told::None("it has no RECORD"),
        },
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
            Ok(match self.row(entry) {
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
    fn row<'e>(&self, entry: &'e Entry) -> Option<Row<'e>> {
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
        Some(Row { entry, path, sha256 })
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
            Found::Absent => {
                // Whoever copies an environment's packages from another stage leaves programs and manuals behind.
                if self.leads_out() {
                    return Ok(Outcome::Silent);
                }
                return Ok(Outcome::Odd(match is_gone(seen, &self.path)? {
                    Found::Unreadable(why) => Odd::Unreadable(why),
                    Found::Is(()) | Found::Absent => Odd::Missing,
                }));
            }
            Found::Unreadable(why) => return Ok(Outcome::Odd(Odd::Unreadable(why))),
        };
        let changed = match (self.entry.size, digest.sha256) {
            (Some(size), _) if size != digest.size => say!("size ", digest.size, " in place of ", size),
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

    /// Whether it lies outside of the folder of the packages.
    fn leads_out(&self) -> bool {
        self.entry.path.starts_with(b"..") || self.entry.path.starts_with(b"/")
    }

    /// Whether it lies among the programs of its environment.
    fn is_script_by_name(&self) -> bool {
        self.leads_out() && self.path.parent().is_some_and(|folder| folder.file_name() == b"bin")
    }
}

/// Whether what is absent is known to be: the nearest folder above it that is there tells its names. A bundle holds what was
/// asked about, and of its other folders no names.
fn is_gone(seen: &Seen, path: &ImagePath) -> Result<Found<()>, Miss> {
    let above = std::iter::successors(path.parent(), ImagePath::parent).take(FOLDERS_ABOVE);
    let told = seen.each(above, |folder| {
        Ok(match ask::list(seen, &folder)? {
            Found::Is(_) => Found::Is(()),
            Found::Absent => Found::Absent,
            Found::Unreadable(why) => Found::Unreadable(why),
        })
    })?;
    Ok(told.into_iter().find(|told| !matches!(told, Found::Absent)).unwrap_or(Found::Absent))
}

/// The digest of a row's second field: `sha256=` and 43 letters.
fn sha256(hash: &[u8]) -> Option<[u8; 32]> {
    let text = hash.strip_prefix(b"sha256=")?;
    let text = text.strip_suffix(b"=").unwrap_or(text);
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Of changed files those that are as another distribution's RECORD says, with its name.
fn owners(held: &[Held<'_>], looks: &[Look]) -> HashMap<ImagePath, Text> {
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
        for row in held.record.entries.iter().filter_map(|entry| held.row(entry)) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
    use base64::Engine as _;
    use envdiff_files::{Ask, Budget, Literal, Reason, Reply, Seen, Source, converse};
    use envdiff_model::{Environment, Fact, ImageConfig, Verified};

    use super::{Bounds, URL_SAFE_NO_PAD, sha256, within};
    use crate::{Inputs, environment};

    const SITE: &str = "/usr/local/lib/python3.11/site-packages";
    const BOUNDS: Bounds = Bounds { files: 1_000, bytes: 1 << 20, unsized_file: 100 };

    fn image() -> Literal {
        Literal::new()
            .file("/usr/local/bin/python3.11", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0")
            .link("/usr/local/bin/python", "python3.11")
            .file("/usr/local/lib/python3.11/os.py", "")
            .folder("/usr/local/lib/python3.11/lib-dynload")
            .folder(SITE)
    }

    fn package(files: Literal, name: &str, rows: &[String]) -> Literal {
        let folder = format!("{SITE}/{name}-1.dist-info");
        files
            .file(&format!("{folder}/METADATA"), format!("Name: {name}\nVersion: 1\n\n"))
            .file(&format!("{folder}/INSTALLER"), "pip\n")
            .file(&format!("{folder}/RECORD"), rows.join("\n"))
    }

    fn row(path: &str, content: &str) -> String {
        let Ok(mut replies) = Literal::new()
            .file("/x", content)
            .answer(&[Ask::Digest { path: envdiff_files::ImagePath::new("/x").unwrap(), limit: u64::MAX }]);
        let Reply::Answered(answered) = replies.pop().unwrap() else { panic!() };
        let envdiff_files::Answer::Digest(digest) = answered.answer else { panic!() };
        format!("{path},sha256={},{}", URL_SAFE_NO_PAD.encode(digest.sha256.unwrap()), content.len())
    }

    fn verified(files: &Literal, bounds: &Bounds) -> (Fact<Verified>, Budget) {
        verified_by(&mut files.clone(), bounds)
    }

    fn verified_by<S: Source<Error: std::fmt::Debug>>(
        files: &mut S,
        bounds: &Bounds,
    ) -> (Fact<Verified>, Budget) {
        let config = ImageConfig {
            env: vec![("PATH".into(), "/usr/local/bin".into())],
            cmd: vec!["python".into()],
            os: Some("linux".into()),
            ..ImageConfig::default()
        };
        let inputs = Inputs { config: Some(&config), ..Inputs::default() };
        let (mut seen, mut budget) = (Seen::new(), Budget::default());
        let environment: Environment =
            converse(files, &mut seen, &mut budget, |seen| environment(seen, &inputs)).unwrap();
        let before = budget;
        let told =
            converse(files, &mut seen, &mut budget, |seen| within(seen, &environment, bounds)).unwrap();
        let cost = Budget {
            rounds: budget.rounds - before.rounds,
            questions: budget.questions - before.questions,
            bytes: budget.bytes - before.bytes,
            names: budget.names - before.names,
        };
        (told, cost)
    }

    /// Each file with what is the matter, a line each.
    fn lines(verified: &Verified) -> Vec<String> {
        let all = verified.differing.iter().flat_map(|d| d.first.iter().chain(&d.first_unreadable));
        all.map(|file| {
            let path = file.path.to_lossy().replace(SITE, "SITE");
            format!("{path}: {}", file.detail.to_lossy())
        })
        .collect()
    }

    #[test]
    fn every_row_is_what_it_says_or_told() {
        let script = "#!/usr/local/bin/python\n";
        let rows = [
            row("a/same.py", "same"),
            row("a/empty.py", ""),
            row("a/missing.py", "x"),
            row("a/longer.py", "x"),
            row("a/shorter.py", "xx"),
            row("a/other.py", "x"),
            row("a/closed.py", "x"),
            row("a/folder.py", "x"),
            row("a/__pycache__/b.pyc", "x"),
            row("a-1.dist-info/INSTALLER", "uv"),
            row("../../../bin/moved", script),
            row("../../../bin/gone", script),
            row("../../../bin/program", "\x7fELF"),
            row("/opt/absolute", "x"),
            "a/without.py,,".into(),
            "a/md5.py,md5=abc,1".into(),
            "a/bad.py,sha256=%%%,1".into(),
        ];
        let files = package(image(), "a", &rows)
            .file(&format!("{SITE}/a/same.py"), "same")
            .file(&format!("{SITE}/a/empty.py"), "")
            .file(&format!("{SITE}/a/longer.py"), "xx")
            .file(&format!("{SITE}/a/shorter.py"), "x")
            .file(&format!("{SITE}/a/other.py"), "y")
            .unreadable(&format!("{SITE}/a/closed.py"), Reason::Denied)
            .folder(&format!("{SITE}/a/folder.py"))
            .file("/usr/local/bin/moved", "#!/opt/bin/python\n")
            .file("/usr/local/bin/program", "\x7fELG")
            .file("/opt/absolute", "x");
        let (told, cost) = verified(&files, &BOUNDS);
        let told = told.value().unwrap();
        let [one] = &told.differing[..] else { panic!("{told:?}") };
        assert_eq!(one.distribution, "a");
        assert_eq!((one.missing, one.changed, one.unreadable), (1, 4, 2));
        assert_eq!((told.distributions, told.files, told.bytes, told.unchecked), (1, 10, 5, 7));
        assert_eq!(
            lines(told),
            [
                "/usr/local/bin/program: another SHA-256, the same size",
                "SITE/a/longer.py: size 2 in place of 1",
                "SITE/a/missing.py: missing",
                "SITE/a/other.py: another SHA-256, the same size",
                "SITE/a/shorter.py: size 1 in place of 2",
                "SITE/a/closed.py: permission denied",
                "SITE/a/folder.py: not a regular file",
            ]
        );
        // RECORD, the files, the first bytes of two programs and the folders of what is missing; of what was hashed nothing is kept.
        assert_eq!(cost.rounds, 3);
        assert!(cost.bytes < 2_000, "{cost:?}");
    }

    #[test]
    fn files_of_another_distribution_are_told_as_such_but_for_tests() {
        let ours = [row("x/a.py", "1"), row("tests/a.py", "1"), row("tests/b.py", "1")];
        let files = package(image(), "a", &ours);
        let files = package(files, "b", &[row("x/a.py", "22"), row("tests/a.py", "22")])
            .file(&format!("{SITE}/x/a.py"), "22")
            .file(&format!("{SITE}/tests/a.py"), "22")
            .file(&format!("{SITE}/tests/b.py"), "3");
        let (told, _) = verified(&files, &BOUNDS);
        let told = told.value().unwrap();
        assert_eq!(told.differing.len(), 1);
        assert_eq!(
            lines(told),
            [
                "SITE/tests/b.py: another SHA-256, the same size",
                "SITE/x/a.py: size 2 in place of 1; it is the file of b",
            ]
        );
    }

    #[test]
    fn a_record_that_an_older_copy_left_behind_is_not_told() {
        let files = package(image(), "a", &[row("a.py", "1")])
            .file(&format!("{SITE}/a-2.dist-info/METADATA"), "Name: a\nVersion: 2\n\n")
            .file(&format!("{SITE}/a-2.dist-info/RECORD"), row("a.py", "22"))
            .file(&format!("{SITE}/a.py"), "22");
        let (told, _) = verified(&files, &BOUNDS);
        assert_eq!(told.value().unwrap().differing, []);
    }

    #[test]
    fn what_has_no_record_is_not_verifiable() {
        let files = package(image(), "c", &[row("c.py", "1")])
            .file(&format!("{SITE}/c-1.dist-info/INSTALLER"), "conda\n")
            .file(&format!("{SITE}/d-1.dist-info/METADATA"), "Name: d\nVersion: 1\n\n")
            .file(&format!("{SITE}/e-1.egg-info/PKG-INFO"), "Name: e\nVersion: 1\n\n");
        let files = package(files, "f", &[row("f.py", "1")])
            .file(&format!("{SITE}/f-1.dist-info/INSTALLER"), "rpm\n");
        let (told, _) = verified(&files, &BOUNDS);
        let told = told.value().unwrap();
        let why: Vec<_> = told.not_verifiable.iter().map(|unknown| unknown.why.to_lossy()).collect();
        assert_eq!(
            why,
            [
                "conda rewrites files when it installs them, and their RECORD is the build's",
                "it has no RECORD",
                "eggs and distutils leave no RECORD",
                "the system's packages change files when they are built, after RECORD was written",
            ]
        );
        assert_eq!((told.distributions, told.differing.len()), (0, 0));
        // One that cannot be read may well be there.
        let files = files.unreadable(&format!("{SITE}/d-1.dist-info/RECORD"), Reason::Denied);
        let (told, _) = verified(&files, &BOUNDS);
        let told = told.value().unwrap();
        assert_eq!((told.not_verifiable.len(), told.differing[0].unreadable), (3, 1));
        assert_eq!(lines(told), ["SITE/d-1.dist-info/RECORD: permission denied"]);
    }

    #[test]
    fn absent_in_a_folder_that_cannot_be_listed_is_not_missing() {
        /// As a bundle answers: of some folders not all names are known.
        struct Thin(Literal, &'static str);
        impl envdiff_files::Source for Thin {
            type Error = std::convert::Infallible;
            fn expect(&mut self, _: &envdiff_files::Likely) {}
            fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, Self::Error> {
                let Ok(replies) = self.0.answer(asks);
                let closed =
                    |ask: &Ask| matches!(ask, Ask::List(path) if path.as_bytes() == self.1.as_bytes());
                let told = asks.iter().zip(replies).map(|(ask, reply)| {
                    if closed(ask) { Reply::Unreadable(Reason::Placeholder) } else { reply }
                });
                Ok(told.collect())
            }
        }
        let files = package(image(), "a", &[row("a/b/c.py", "1"), row("a.py", "1")])
            .file(&format!("{SITE}/b-1.dist-info/METADATA"), "Name: b\nVersion: 1\n\n")
            .folder(&format!("{SITE}/a"));
        let told = |closed| verified_by(&mut Thin(files.clone(), closed), &BOUNDS).0;
        let open = told("/nowhere");
        assert_eq!(lines(open.value().unwrap()), ["SITE/a.py: missing", "SITE/a/b/c.py: missing"]);
        assert_eq!(open.value().unwrap().not_verifiable.len(), 1);
        let closed = told("/usr/local/lib/python3.11/site-packages/a");
        assert_eq!(lines(closed.value().unwrap()), ["SITE/a.py: missing", "SITE/a/b/c.py: placeholder"]);
        let closed = told("/usr/local/lib/python3.11/site-packages/b-1.dist-info");
        assert!(
            lines(closed.value().unwrap()).contains(&"SITE/b-1.dist-info/RECORD: placeholder".to_owned())
        );
        assert_eq!(closed.value().unwrap().not_verifiable, []);
    }

    #[test]
    fn rows_and_bytes_beyond_the_bounds_are_not_looked_at() {
        let files = package(image(), "a", &[row("a.py", "1"), row("b.py", "22"), row("c.py", "333")])
            .file(&format!("{SITE}/a.py"), "1")
            .file(&format!("{SITE}/b.py"), "22")
            .file(&format!("{SITE}/c.py"), "333");
        for (bounds, beyond) in [
            (Bounds { files: 3, bytes: 6, unsized_file: 0 }, 0),
            (Bounds { files: 2, bytes: 6, unsized_file: 0 }, 1),
            (Bounds { files: 3, bytes: 5, unsized_file: 0 }, 1),
            (Bounds { files: 0, bytes: 6, unsized_file: 0 }, 3),
        ] {
            let (told, _) = verified(&files, &bounds);
            let told = told.value().unwrap();
            assert_eq!(told.differing.iter().map(|d| d.unreadable).sum::<usize>(), beyond);
            assert!(told.differing.iter().all(|d| d.missing + d.changed == 0));
        }
    }

    #[test]
    fn a_row_without_a_size_is_hashed_up_to_a_bound() {
        let content = "x".repeat(100);
        let without =
            |path: &str, content: &str| row(path, content).rsplit_once(',').unwrap().0.to_owned() + ",";
        let rows = [without("a.py", &content), without("b.py", &content), without("c.py", &content)];
        let files = package(image(), "a", &rows)
            .file(&format!("{SITE}/a.py"), &content)
            .file(&format!("{SITE}/b.py"), content.replace('x', "y"))
            .file(&format!("{SITE}/c.py"), content.clone() + "x");
        let (told, _) = verified(&files, &BOUNDS);
        assert_eq!(
            lines(told.value().unwrap()),
            ["SITE/b.py: another SHA-256", "SITE/c.py: larger than 100 bytes, and its row tells no size"]
        );
    }

    #[test]
    fn a_hash_is_read_as_installers_write_it() {
        let empty = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        assert!(sha256(format!("sha256={empty}").as_bytes()).is_some());
        assert_eq!(
            sha256(format!("sha256={empty}=").as_bytes()),
            sha256(format!("sha256={empty}").as_bytes())
        );
        for bad in ["", "sha256=", "sha384=abc", "sha256=47DEQpj8HBSa", &format!("sha512={empty}")] {
            assert_eq!(sha256(bad.as_bytes()), None, "{bad}");
        }
    }
}
