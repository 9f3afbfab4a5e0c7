//! What was asked of a source and answered in, a bundle out (`--thin DIR`): the files that were read, as a small root file
//! system that gives the same answers to the same questions on another machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use envdiff_files::{
    Answer, Answered, Ask, Budget, Bytes, ElfQuestion, ElfReading, ImagePath, Kind, Node, Nodes, Reason,
    Reply, Resolved, Scan, Seen, Source, is_mount_of_the_runtime, resolve,
};
use envdiff_model::{ImageConfig, Text};
use serde_json::{Map, Value, json};

use crate::bundle::{IMAGE_JSON, PLACEHOLDERS, RANGES, RANGES_BIN, ROOTFS, quote};
use crate::rounds::{Open, in_rounds};
use crate::{Begin, Files, ImageError};

/// A file that was read in part is taken whole up to this size, in bytes.
const MAX_WHOLE: u64 = 64 << 20;
/// Questions that are put in one batch.
const BATCH: usize = 4_096;
/// Questions about ELF files that are put in one batch; each may hold 8 MiB until it is answered.
const ELF_BATCH: usize = 32;

/// Writes the bundle to `dir`, whole or not at all. Of ELF files only what was read of them is taken, and of other files above
/// 64 MiB; that stands in `ranges.txt` and `ranges.bin`. What was listed and not read stands in `placeholders.txt`; so do, with
/// a slash at their end, folders whose listing was not asked for or is not known, so that nobody takes them for empty.
/// Values of variables that look like secrets are masked.
///
/// # Errors
/// [`ImageError::RecordExists`] when something is there already, [`ImageError::Record`] when it cannot be written, and
/// what the source says when it is asked for the rest of a file.
pub fn record(dir: &Path, seen: &Seen, files: &mut Files) -> Result<(), ImageError> {
    let failed = |error: io::Error| ImageError::Record { path: dir.to_owned(), error };
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(ImageError::RecordExists { path: dir.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => return Err(ImageError::RecordExists { path: dir.to_owned() }),
    }
    let mut tree = Tree::default();
    tree.learn(seen);
    tree.complete(seen, &mut *files.source)?;

    let absolute = std::path::absolute(dir).map_err(failed)?;
    let parent = absolute.parent().unwrap_or(&absolute);
    fs::create_dir_all(parent).map_err(failed)?;
    let temporary = tempfile::Builder::new().prefix(".envdiff-").tempdir_in(parent).map_err(failed)?;
    tree.write(temporary.path()).map_err(failed)?;
    let image = image_json(files.config.as_ref(), &files.begin);
    fs::write(temporary.path().join(IMAGE_JSON), image).map_err(failed)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(temporary.path(), readable).map_err(failed)?;
    let written = temporary.keep();
    fs::rename(&written, &absolute).map_err(|error| {
        // Half a bundle beside the one that was asked for helps nobody.
        let _ = fs::remove_dir_all(&written);
        failed(error)
    })
}

/// A question about an ELF file, and what a search found.
struct AboutElf {
    real: ImagePath,
    question: ElfQuestion,
    found: Option<Arc<Scan>>,
}

/// One thing of the image, by its real path.
#[derive(Debug, Default)]
struct File {
    size: Option<u64>,
    /// What was read of it, by offset.
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Whether that is all of it.
    whole: bool,
    /// Read in part, so that the rest is asked for.
    wanted: bool,
    /// What was searched, offset and length, and for what: only what matched is among the pieces.
    searched: BTreeSet<(u64, u64, String)>,
}

impl File {
    /// Whether it begins as an ELF file does: a program, of which the first bytes were wanted.
    fn is_elf(&self) -> bool {
        self.pieces.get(&0).is_some_and(|first| first.starts_with(b"\x7fELF"))
    }

    /// What was read, by offset, none over another and none beside another.
    fn parts(&self) -> Vec<(u64, Vec<u8>)> {
        let mut out: Vec<(u64, Vec<u8>)> = Vec::new();
        for (at, piece) in &self.pieces {
            match out.last_mut() {
                Some((from, have)) if *at <= *from + have.len() as u64 => {
                    let known = usize::try_from(*from + have.len() as u64 - at).unwrap_or(usize::MAX);
                    have.extend_from_slice(piece.get(known..).unwrap_or_default());
                }
                _ => out.push((*at, piece.clone())),
            }
        }
        out.retain(|(_, piece)| !piece.is_empty());
        out
    }
}

#[derive(Debug, Default)]
struct Tree {
    files: BTreeMap<ImagePath, File>,
    folders: BTreeSet<ImagePath>,
    /// Folders all of whose entries were told.
    open: BTreeSet<ImagePath>,
    /// `None` until the text is known.
    links: BTreeMap<ImagePath, Option<Vec<u8>>>,
    others: BTreeSet<ImagePath>,
    bytes: u64,
}

/// Whether a name can stand in a folder; a source may be hostile.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/') && !name.contains(&0)
}

impl Tree {
    fn note(&mut self, path: ImagePath, kind: Kind, size: Option<u64>) {
        if is_mount_of_the_runtime(&path) || path.components().any(|part| !is_name(part)) {
            return;
        }
        match kind {
            Kind::File => {
                let file = self.files.entry(path).or_default();
                file.size = size.or(file.size);
            }
            Kind::Folder => {
                self.folders.insert(path);
            }
            Kind::Link => {
                self.links.entry(path).or_default();
            }
            Kind::Other => {
                self.others.insert(path);
            }
        }
    }

    /// What the replies tell by themselves.
    fn learn(&mut self, seen: &Seen) {
        for (ask, reply) in seen.replies() {
            let Reply::Answered(answered) = reply else { continue };
            let real = &answered.real;
            match &answered.answer {
                Answer::Stat(stat) => self.note(real.clone(), stat.kind, Some(stat.size)),
                Answer::Link(text) => {
                    self.links.insert(real.clone(), Some(text.to_vec()));
                }
                Answer::Listing(listing) => {
                    self.note(real.clone(), Kind::Folder, None);
                    self.open.insert(real.clone());
                    for (name, kind) in listing.entries.iter().filter(|(name, _)| is_name(name)) {
                        if let Some(path) = real.join(name) {
                            self.note(path, *kind, None);
                        }
                    }
                }
                Answer::Tree(entries) => {
                    self.note(real.clone(), Kind::Folder, None);
                    self.open.insert(real.clone());
                    let Ask::Tree { depth, .. } = ask else { continue };
                    for entry in entries.iter().filter(|entry| entry.path.first() != Some(&b'/')) {
                        let Some(path) = real.join(&entry.path) else { continue };
                        let below = entry.path.split(|b| *b == b'/').count();
                        if entry.kind == Kind::Folder && below < *depth as usize {
                            self.open.insert(path.clone());
                        }
                        self.note(path, entry.kind, Some(entry.size));
                    }
                }
                Answer::Bytes(bytes) => {
                    let at = if let Ask::Range { at, .. } = ask { *at } else { 0 };
                    self.take(real, at, bytes);
                }
                Answer::Zip(_) => {
                    self.note(real.clone(), Kind::File, None);
                    if let Some(file) = self.files.get_mut(real) {
                        file.wanted = true;
                    }
                }
                // Which parts are needed is found out once more.
                Answer::Elf(_) | Answer::Scan(_) => self.note(real.clone(), Kind::File, None),
                // Its content was not wanted, and what is not carried cannot be hashed again.
                Answer::Digest(digest) => self.note(real.clone(), Kind::File, Some(digest.size)),
            }
        }
    }

    fn take(&mut self, real: &ImagePath, at: u64, bytes: &Bytes) {
        self.note(real.clone(), Kind::File, Some(bytes.size));
        let Some(file) = self.files.get_mut(real) else { return };
        if at == 0 && bytes.content.len() as u64 == bytes.size {
            file.whole = true;
            file.pieces = BTreeMap::from([(0, bytes.content.to_vec())]);
        } else if !file.whole {
            file.wanted = true;
            let piece = file.pieces.entry(at.min(bytes.size)).or_default();
            if piece.len() < bytes.content.len() {
                *piece = bytes.content.to_vec();
            }
        }
        self.bytes += bytes.content.len() as u64;
    }

    /// Asks the source for what the replies do not tell: links on the way, sizes, the rest of files.
    fn complete(
        &mut self,
        seen: &Seen,
        source: &mut dyn Source<Error = ImageError>,
    ) -> Result<(), ImageError> {
        let mut asking = Asking { source, known: HashMap::new(), tree: self, failed: None };
        let mut about_elf: BTreeMap<(ImagePath, String), AboutElf> = BTreeMap::new();
        for (ask, reply) in seen.replies() {
            let mut real = match reply {
                Reply::Answered(answered) => Some(answered.real.clone()),
                _ => None,
            };
            if real.as_ref() != Some(ask.path()) {
                // What is absent or unreadable has its links and folders too.
                let led = resolve(&mut asking, ask.path(), !matches!(ask, Ask::Link(_)));
                if let (None, Ok(Resolved::Found(path, Kind::File))) = (&real, led) {
                    real = Some(path);
                }
            }
            // That a file is no ELF file is an answer as well, and rests on its first bytes.
            if let (Some(real), Some(question)) = (real, ElfQuestion::of(ask)) {
                let found = match reply {
                    Reply::Answered(Answered { answer: Answer::Scan(scan), .. }) => Some(Arc::clone(scan)),
                    _ => None,
                };
                about_elf.insert((real.clone(), format!("{question:?}")), AboutElf { real, question, found });
            }
            if let Some(error) = asking.failed.take() {
                return Err(error);
            }
        }
        let links: Vec<ImagePath> =
            self.links.iter().filter(|(_, text)| text.is_none()).map(|(path, _)| path.clone()).collect();
        for (path, reply) in ask_all(source, &links, |path| Ask::Link(path.clone()))? {
            if let Reply::Answered(answered) = reply
                && let Answer::Link(text) = answered.answer
            {
                self.links.insert(path, Some(text.to_vec()));
            }
        }
        let sizes: Vec<ImagePath> =
            self.files.iter().filter(|(_, file)| file.size.is_none()).map(|(path, _)| path.clone()).collect();
        for (path, reply) in ask_all(source, &sizes, |path| Ask::Stat(path.clone()))? {
            if let Reply::Answered(answered) = reply
                && let Answer::Stat(stat) = answered.answer
                && let Some(file) = self.files.get_mut(&path)
            {
                file.size = Some(stat.size);
            }
        }
        let wanted = self.files.iter().filter(|(_, file)| file.wanted && !file.whole);
        let wanted: Vec<ImagePath> = wanted
            .filter(|(_, file)| file.size.is_some_and(|s| s <= MAX_WHOLE) && !file.is_elf())
            .map(|(p, _)| p.clone())
            .collect();
        for (path, reply) in
            ask_all(source, &wanted, |path| Ask::Read { path: path.clone(), limit: MAX_WHOLE })?
        {
            if let Reply::Answered(answered) = reply
                && let Answer::Bytes(bytes) = answered.answer
                && self.bytes < Budget::MAX_BYTES
            {
                self.take(&path, 0, &bytes);
            }
        }
        let about_elf: Vec<AboutElf> = about_elf
            .into_values()
            .filter(|about| self.files.get(&about.real).is_some_and(|file| !file.whole))
            .collect();
        for batch in about_elf.chunks(ELF_BATCH) {
            self.read_elf(batch, source)?;
        }
        Ok(())
    }

    /// Keeps what questions about ELF files read of them.
    fn read_elf(
        &mut self,
        batch: &[AboutElf],
        source: &mut dyn Source<Error = ImageError>,
    ) -> Result<(), ImageError> {
        let size = |path| self.files.get(path).and_then(|file| file.size).unwrap_or(0);
        let mut open: Vec<Open> = batch
            .iter()
            .map(|about| {
                let mut reading = ElfReading::new(about.question, size(&about.real));
                if let Some(found) = &about.found {
                    reading.know(Arc::clone(found));
                }
                Open::new(about.real.clone(), reading)
            })
            .collect();
        in_rounds(&mut open, |parts| {
            let asks: Vec<Ask> = parts
                .iter()
                .map(|part| Ask::Range { path: part.real.clone(), at: part.at, len: part.len })
                .collect();
            let replies = source.answer(&asks)?.into_iter().map(|reply| match reply {
                Reply::Answered(answered) => match answered.answer {
                    Answer::Bytes(bytes) => Ok(bytes.content.to_vec()),
                    _ => Err(Reason::NotAFile),
                },
                Reply::Unreadable(reason) => Err(reason),
                Reply::Absent => Err(Reason::System("the file is gone".into())),
            });
            Ok::<_, ImageError>(replies.collect())
        })?;
        for (file, about) in open.iter().zip(batch) {
            let Some(into) = self.files.get_mut(&about.real) else { continue };
            for (at, bytes) in file.reading.kept() {
                let piece = into.pieces.entry(at).or_default();
                if piece.len() < bytes.len() && self.bytes < Budget::MAX_BYTES {
                    self.bytes += bytes.len() as u64;
                    *piece = bytes.to_vec();
                }
            }
            if let (Some((at, len)), ElfQuestion::Scan { pattern, .. }, Some(Ok(_))) =
                (file.reading.searched(), about.question, &file.answer)
            {
                into.searched.insert((at, len, pattern.to_string()));
            }
        }
        Ok(())
    }

    fn write(&self, dir: &Path) -> io::Result<()> {
        let root = dir.join(ROOTFS);
        fs::create_dir(&root)?;
        // No link is written before everything else stands, and of links the deepest first: nothing is ever written
        // through one.
        for folder in &self.folders {
            fs::create_dir_all(on_disk(&root, folder))?;
        }
        let mut held: Vec<(Vec<u8>, u64)> = Vec::new();
        let mut ranges = Ranges::default();
        for (path, file) in &self.files {
            let size = file.size.unwrap_or(0);
            let target = on_disk(&root, path);
            if !file.whole && size > 0 {
                let relative = path.as_bytes().get(1..).unwrap_or_default();
                match file.parts() {
                    parts if parts.is_empty() => held.push((relative.to_vec(), size)),
                    parts => ranges.add(relative, size, &parts, &file.searched),
                }
                continue;
            }
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            // Something else of this name, from a source that contradicts itself.
            let Ok(mut out) = fs::File::create_new(&target) else { continue };
            for content in file.pieces.values() {
                out.write_all(content)?;
            }
        }
        for path in &self.others {
            let target = on_disk(&root, path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            make_other(&target)?;
        }
        let mut links: Vec<(&ImagePath, &Vec<u8>)> =
            self.links.iter().filter_map(|(path, text)| Some((path, text.as_ref()?))).collect();
        links.sort_by_key(|(path, _)| std::cmp::Reverse(path.components().count()));
        for (path, _) in &links {
            if let Some(parent) = on_disk(&root, path).parent() {
                fs::create_dir_all(parent)?;
            }
        }
        for (path, text) in links {
            let target = on_disk(&root, path);
            match std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(text), &target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
        }
        for folder in self.closed() {
            held.push(([folder.as_bytes().get(1..).unwrap_or_default(), b"/"].concat(), 0));
        }
        held.sort();
        let mut list = Vec::new();
        for (path, size) in held {
            list.extend_from_slice(&quote(&path));
            list.extend_from_slice(format!("\t{size}\n").as_bytes());
        }
        if !ranges.list.is_empty() {
            fs::write(dir.join(RANGES), ranges.list)?;
            fs::write(dir.join(RANGES_BIN), ranges.bytes)?;
        }
        fs::write(dir.join(PLACEHOLDERS), list)
    }

    /// Folders that are there and whose entries were not all told.
    fn closed(&self) -> BTreeSet<ImagePath> {
        let mut all: BTreeSet<ImagePath> = self.folders.clone();
        let below = self.files.keys().chain(self.links.keys()).chain(&self.others).chain(&self.folders);
        for path in below {
            let mut above = path.parent();
            while let Some(folder) = above {
                above = folder.parent();
                if !all.insert(folder) {
                    break;
                }
            }
        }
        all.retain(|folder| !self.open.contains(folder));
        all
    }
}

/// `ranges.txt` and `ranges.bin`.
#[derive(Default)]
struct Ranges {
    list: Vec<u8>,
    bytes: Vec<u8>,
}

impl Ranges {
    fn add(
        &mut self,
        path: &[u8],
        size: u64,
        parts: &[(u64, Vec<u8>)],
        searched: &BTreeSet<(u64, u64, String)>,
    ) {
        let ranges: Vec<String> = parts.iter().map(|(at, bytes)| format!("{at}+{}", bytes.len())).collect();
        self.line(size, &ranges.join(" "), "", path);
        for (at, len, pattern) in searched {
            self.line(size, &format!("{at}+{len}"), pattern, path);
        }
        for (_, bytes) in parts {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn line(&mut self, size: u64, ranges: &str, pattern: &str, path: &[u8]) {
        self.list.extend_from_slice(format!("{size}\t{ranges}\t{pattern}\t").as_bytes());
        self.list.extend_from_slice(&quote(path));
        self.list.push(b'\n');
    }
}

fn on_disk(root: &Path, path: &ImagePath) -> PathBuf {
    let mut out = root.to_owned();
    for part in path.components() {
        out.push(std::ffi::OsStr::from_bytes(part));
    }
    out
}

/// Something that is neither file, folder nor link; which of them it was, no answer tells.
fn make_other(path: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    let made = {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).map_err(io::Error::from)
    };
    #[cfg(not(target_os = "linux"))]
    let made = std::os::unix::net::UnixListener::bind(path).map(|_| ());
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn ask_all(
    source: &mut dyn Source<Error = ImageError>,
    paths: &[ImagePath],
    ask: impl Fn(&ImagePath) -> Ask,
) -> Result<Vec<(ImagePath, Reply)>, ImageError> {
    let mut out = Vec::new();
    for batch in paths.chunks(BATCH) {
        let asks: Vec<Ask> = batch.iter().map(&ask).collect();
        out.extend(batch.iter().cloned().zip(source.answer(&asks)?));
    }
    Ok(out)
}

/// The source as a file system by real paths; whatever is met on a way is noted.
struct Asking<'a> {
    source: &'a mut dyn Source<Error = ImageError>,
    known: HashMap<ImagePath, Result<Option<Node>, Reason>>,
    tree: &'a mut Tree,
    failed: Option<ImageError>,
}

impl Asking<'_> {
    fn ask(&mut self, real: &ImagePath) -> Result<Option<Node>, Reason> {
        let asks = [Ask::Link(real.clone()), Ask::Stat(real.clone())];
        let replies = match self.source.answer(&asks) {
            Ok(replies) => replies,
            Err(error) => {
                self.failed = Some(error);
                return Ok(None);
            }
        };
        let mut replies = replies.into_iter();
        match (replies.next(), replies.next()) {
            (Some(Reply::Answered(answered)), _) => match answered.answer {
                Answer::Link(text) => {
                    self.tree.links.insert(real.clone(), Some(text.to_vec()));
                    Ok(Some(Node::Link(text)))
                }
                _ => Ok(None),
            },
            (Some(Reply::Unreadable(Reason::NotALink)), Some(Reply::Answered(answered))) => {
                let Answer::Stat(stat) = answered.answer else { return Ok(None) };
                self.tree.note(real.clone(), stat.kind, Some(stat.size));
                Ok(Some(Node::Is(stat.kind)))
            }
            (Some(Reply::Unreadable(reason)), _) => Err(reason),
            _ => Ok(None),
        }
    }
}

impl Nodes for Asking<'_> {
    fn node(&mut self, real: &ImagePath) -> Result<Option<Node>, Reason> {
        if let Some(known) = self.known.get(real) {
            return known.clone();
        }
        let node = self.ask(real);
        self.known.insert(real.clone(), node.clone());
        node
    }
}

/// The configuration as an image has it, secrets masked. Without one it says where the interpreter is looked for.
fn image_json(config: Option<&ImageConfig>, begin: &Begin) -> Vec<u8> {
    let text = |text: &Text| Value::String(text.to_lossy().into_owned());
    let texts = |all: &[Text]| Value::Array(all.iter().map(text).collect());
    let mut out = Map::new();
    if let Some(config) = config {
        for (key, value) in
            [("architecture", &config.architecture), ("os", &config.os), ("variant", &config.variant)]
        {
            if let Some(value) = value {
                out.insert(key.to_owned(), text(value));
            }
        }
        let env = config.env.iter().map(|(name, value)| {
            let name = name.to_lossy();
            let value = value.to_lossy();
            let shown =
                if envdiff_wire::is_secret_name(name.as_bytes()) { envdiff_wire::MASK } else { &value };
            Value::String(format!("{name}={shown}"))
        });
        let volumes: Map<String, Value> =
            config.volumes.iter().map(|volume| (volume.to_lossy().into_owned(), json!({}))).collect();
        let inner = json!({
            "Env": env.collect::<Vec<_>>(),
            "User": text(&config.user),
            "WorkingDir": text(&config.workdir),
            "Entrypoint": texts(&config.entrypoint),
            "Cmd": texts(&config.cmd),
            "Volumes": volumes,
        });
        out.insert("config".to_owned(), inner);
    }
    if let Begin::Interpreter(path) = begin {
        out.insert(
            "interpreter".to_owned(),
            Value::String(String::from_utf8_lossy(path.as_bytes()).into_owned()),
        );
    }
    let mut json = serde_json::to_vec_pretty(&Value::Object(out)).unwrap_or_default();
    json.push(b'\n');
    json
}
