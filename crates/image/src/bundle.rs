//! A bundle in, a root file system out in which what is listed in `placeholders.txt` exists and cannot be read, and of what
//! is listed in `ranges.txt` only these parts can.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::rc::Rc;

use envdiff_files::{Kind, Pattern, ReadAt, Reason};

use crate::ImageError;
use crate::archive::open_regular;
use crate::disk::{Disk, Marks};
use crate::folder::read_file;
use crate::limits::PLACEHOLDERS_FILE;
use crate::merge::{Entered, Found, Layers, Names};

/// The folder in a bundle that holds the files.
pub(crate) const ROOTFS: &str = "rootfs";
/// The file in a bundle that holds the image's configuration.
pub(crate) const IMAGE_JSON: &str = "image.json";
/// The file in a bundle that lists what exists and is not carried.
pub(crate) const PLACEHOLDERS: &str = "placeholders.txt";

/// The file in a bundle that lists of which files only some parts are carried: the real size in bytes; the parts, each
/// `OFFSET+LENGTH`, with blanks between; a pattern, or nothing; the path; with tabs between. With a pattern, these parts were
/// searched for it, and what of them is carried too is all that matched: they are carried for nobody else.
pub(crate) const RANGES: &str = "ranges.txt";
/// The file in a bundle that holds these parts, one behind the other in the order of the list. One file, packed: git keeps no
/// holes.
pub(crate) const RANGES_BIN: &str = "ranges.bin";

/// The most parts of one file: each read looks through them.
const MAX_PARTS: usize = 10_000;

enum Held {
    /// A file that is not carried, with its real size in bytes.
    File(u64),
    /// Index of a file that is carried in parts.
    Parts(usize),
    /// Index of a folder that holds such files, or is itself closed.
    Folder(usize),
}

/// A folder of what is not carried.
#[derive(Default)]
struct HeldFolder {
    entries: BTreeMap<Box<[u8]>, Held>,
    /// Listed with a slash at its end: there is more in it than is carried, so its listing cannot be told.
    closed: bool,
}

/// A file that is carried in parts.
#[derive(Debug, Clone, Default)]
struct Parts {
    size: u64,
    /// Offset and length in the file, offset in `ranges.bin`.
    carried: Vec<(u64, u64, u64)>,
    /// Offset and length of what was searched, and for what.
    searched: Vec<(u64, u64, Rc<[u8]>)>,
}

/// A bundle's files: one layer.
pub(crate) struct Bundle {
    disk: Disk,
    /// What is not carried, folder by folder; the first is the root.
    held: Vec<HeldFolder>,
    parts: Vec<Parts>,
    /// What `parts` lie in.
    ranges: Option<Rc<File>>,
}

/// A folder of the bundle: what lies in `rootfs/`, what is listed, or both.
pub(crate) struct Opened {
    disk: Option<OwnedFd>,
    held: Option<usize>,
}

impl Bundle {
    pub(crate) fn open(dir: &Path) -> Result<Self, ImageError> {
        let rootfs = dir.join(ROOTFS);
        let disk =
            Disk::open([rootfs], Marks::None).map_err(|(path, error)| ImageError::Disk { path, error })?;
        let held = vec![HeldFolder::default()];
        let mut bundle = Self { disk, held, parts: Vec::new(), ranges: None };
        let list = dir.join(PLACEHOLDERS);
        if list.symlink_metadata().is_ok() {
            for (at, line) in read_file(&list, PLACEHOLDERS_FILE)?.split(|b| *b == b'\n').enumerate() {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if !line.is_empty() {
                    bundle
                        .hold(line)
                        .ok_or_else(|| ImageError::BadPlaceholder { path: list.clone(), line: at + 1 })?;
                }
            }
        }
        bundle.open_ranges(dir)?;
        Ok(bundle)
    }

    fn open_ranges(&mut self, dir: &Path) -> Result<(), ImageError> {
        let list = dir.join(RANGES);
        if list.symlink_metadata().is_err() {
            return Ok(());
        }
        let path = dir.join(RANGES_BIN);
        let (file, len) =
            open_regular(&path).map_err(|error| ImageError::Disk { path: path.clone(), error })?;
        self.ranges = Some(Rc::new(file));
        let mut carried = 0;
        for (at, line) in read_file(&list, PLACEHOLDERS_FILE)?.split(|b| *b == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                self.hold_parts(line, &mut carried)
                    .filter(|()| carried <= len)
                    .ok_or_else(|| ImageError::BadRanges { path: list.clone(), line: at + 1 })?;
            }
        }
        Ok(())
    }

    /// Takes one line of `ranges.txt`; `None` when it is none.
    fn hold_parts(&mut self, line: &[u8], carried: &mut u64) -> Option<()> {
        let mut columns = line.splitn(4, |b| *b == b'\t');
        let size: u64 = std::str::from_utf8(columns.next()?).ok()?.parse().ok()?;
        let ranges = std::str::from_utf8(columns.next()?).ok()?;
        let pattern = Some(columns.next()?).filter(|pattern| !pattern.is_empty()).map(Rc::<[u8]>::from);
        let (folder, name) = self.place(&unquote(columns.next()?)?)?;
        let entries = &mut self.held.get_mut(folder)?.entries;
        let index = match entries.get(&name) {
            Some(Held::Parts(index)) => *index,
            Some(Held::Folder(_)) => return None,
            Some(Held::File(_)) | None => {
                self.parts.push(Parts { size, ..Parts::default() });
                entries.insert(name, Held::Parts(self.parts.len() - 1));
                self.parts.len() - 1
            }
        };
        let parts = self.parts.get_mut(index).filter(|parts| parts.size == size)?;
        for range in ranges.split(' ').filter(|range| !range.is_empty()) {
            let (at, len) = range.split_once('+')?;
            let (at, len): (u64, u64) = (at.parse().ok()?, len.parse().ok()?);
            if at.checked_add(len)? > size || parts.carried.len() + parts.searched.len() >= MAX_PARTS {
                return None;
            }
            match &pattern {
                Some(pattern) => parts.searched.push((at, len, Rc::clone(pattern))),
                None => {
                    parts.carried.push((at, len, *carried));
                    *carried = carried.checked_add(len)?;
                }
            }
        }
        Some(())
    }

    /// Takes one line; `None` when it is no path, tab and size.
    fn hold(&mut self, line: &[u8]) -> Option<()> {
        let tab = line.iter().rposition(|b| *b == b'\t')?;
        let size: u64 = std::str::from_utf8(line.get(tab + 1..)?).ok()?.trim().parse().ok()?;
        let path = unquote(line.get(..tab)?)?;
        if path.last() == Some(&b'/') {
            let mut folder = path.split(|b| *b == b'/').filter(|part| !part.is_empty());
            let folder = folder.try_fold(0, |folder, part| self.inner(folder, part))?;
            self.held.get_mut(folder)?.closed = true;
            return Some(());
        }
        let (folder, name) = self.place(&path)?;
        self.held.get_mut(folder)?.entries.insert(name, Held::File(size));
        Some(())
    }

    /// The folder of a path's last component, and that.
    fn place(&mut self, path: &[u8]) -> Option<(usize, Box<[u8]>)> {
        let mut parts = path.split(|b| *b == b'/').filter(|part| !part.is_empty()).peekable();
        let mut folder = 0;
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return is_name(part).then(|| (folder, Box::from(part)));
            }
            folder = self.inner(folder, part)?;
        }
        None
    }

    /// A folder in a folder.
    fn inner(&mut self, folder: usize, name: &[u8]) -> Option<usize> {
        match self.held.get(folder)?.entries.get(name) {
            Some(Held::Folder(inner)) => Some(*inner),
            Some(Held::File(_) | Held::Parts(_)) => None,
            None if !is_name(name) => None,
            None => {
                self.held.push(HeldFolder::default());
                let inner = self.held.len() - 1;
                self.held.get_mut(folder)?.entries.insert(Box::from(name), Held::Folder(inner));
                Some(inner)
            }
        }
    }

    /// The real size of a file that is not carried, or in parts.
    fn size(&self, held: &Held) -> Option<u64> {
        match held {
            Held::File(size) => Some(*size),
            Held::Parts(index) => self.parts.get(*index).map(|parts| parts.size),
            Held::Folder(_) => None,
        }
    }

    fn held(&self, folder: &Opened, name: &[u8]) -> Option<&Held> {
        self.held.get(folder.held?)?.entries.get(name)
    }
}

fn is_name(part: &[u8]) -> bool {
    part != b"." && part != b".." && !part.contains(&0)
}

/// A path that holds a line break or begins with a quotation mark is written between quotation marks, with `\n`, `\r`,
/// `\t`, `\\` and `\"`.
pub(crate) fn quote(path: &[u8]) -> Vec<u8> {
    if !path.iter().any(|b| matches!(b, b'\n' | b'\r')) && path.first() != Some(&b'"') {
        return path.to_vec();
    }
    let mut out = vec![b'"'];
    for byte in path {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', *byte]),
            other => out.push(*other),
        }
    }
    out.push(b'"');
    out
}

fn unquote(path: &[u8]) -> Option<Vec<u8>> {
    let Some(rest) = path.strip_prefix(b"\"") else { return Some(path.to_vec()) };
    let mut bytes = rest.strip_suffix(b"\"")?.iter();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'\\' => b'\\',
                b'"' => b'"',
                _ => return None,
            },
            other => *other,
        });
    }
    Some(out)
}

impl Layers for Bundle {
    type Folder = Opened;

    fn count(&self) -> usize {
        1
    }

    fn number(&self, _: usize) -> Option<usize> {
        None
    }

    fn root(&mut self, _: usize) -> Result<Entered<Opened>, Reason> {
        Ok(match self.disk.root(0)? {
            Entered::Folder { folder, .. } => {
                Entered::Folder { folder: Opened { disk: Some(folder), held: Some(0) }, opaque: true }
            }
            _ => Entered::Nothing,
        })
    }

    fn look(&mut self, _: usize, folder: &Opened, name: &[u8]) -> Result<Found, Reason> {
        let on_disk = match &folder.disk {
            Some(disk) => self.disk.look(0, disk, name)?,
            None => Found::Nothing,
        };
        let held = self.held(folder, name);
        Ok(match (on_disk, held, held.and_then(|held| self.size(held))) {
            (Found::Nothing | Found::Is { kind: Kind::File, .. }, _, Some(size)) => {
                Found::Is { kind: Kind::File, size }
            }
            (Found::Nothing, Some(Held::Folder(_)), _) => Found::Is { kind: Kind::Folder, size: 0 },
            (found, ..) => found,
        })
    }

    fn enter(&mut self, _: usize, folder: &Opened, name: &[u8]) -> Result<Entered<Opened>, Reason> {
        let on_disk = match &folder.disk {
            Some(disk) => self.disk.enter(0, disk, name)?,
            None => Entered::Nothing,
        };
        let held = match self.held(folder, name) {
            Some(Held::Folder(inner)) => Some(*inner),
            _ => None,
        };
        Ok(match on_disk {
            Entered::Folder { folder, opaque } => {
                Entered::Folder { folder: Opened { disk: Some(folder), held }, opaque }
            }
            Entered::NotAFolder => Entered::NotAFolder,
            Entered::Nothing | Entered::Hidden if held.is_some() => {
                Entered::Folder { folder: Opened { disk: None, held }, opaque: true }
            }
            Entered::Nothing | Entered::Hidden => Entered::Nothing,
        })
    }

    fn names(&mut self, _: usize, folder: &Opened) -> Result<Names, Reason> {
        let held = folder.held.and_then(|at| self.held.get(at));
        if held.is_some_and(|held| held.closed) {
            return Err(Reason::Placeholder);
        }
        let mut names = match &folder.disk {
            Some(disk) => self.disk.names(0, disk)?,
            None => Names::default(),
        };
        if let Some(held) = folder.held.and_then(|at| self.held.get(at)) {
            let held = &held.entries;
            names.entries.sort_unstable();
            let mut more = Vec::new();
            for (name, what) in held {
                if names.entries.binary_search_by(|(n, _)| n.cmp(name)).is_err() {
                    let kind = if matches!(what, Held::Folder(_)) { Kind::Folder } else { Kind::File };
                    more.push((name.clone(), kind));
                }
            }
            names.entries.extend(more);
        }
        Ok(names)
    }

    fn link(&mut self, _: usize, folder: &Opened, name: &[u8]) -> Result<Box<[u8]>, Reason> {
        match &folder.disk {
            Some(disk) => self.disk.link(0, disk, name),
            None => Err(Reason::NotALink),
        }
    }

    fn open<'a>(
        &'a mut self,
        _: usize,
        folder: &Opened,
        name: &[u8],
    ) -> Result<Box<dyn ReadAt + 'a>, Reason> {
        match (self.held(folder, name), &folder.disk) {
            (Some(Held::File(size)), _) => Ok(Box::new(NotCarried(*size))),
            (Some(Held::Parts(index)), _) => {
                let parts = self.parts.get(*index).cloned().unwrap_or_default();
                let file = self.ranges.as_ref().map(Rc::clone).ok_or(Reason::Placeholder)?;
                Ok(Box::new(InParts { parts, file }))
            }
            (_, None) => Err(Reason::NotAFile),
            (_, Some(disk)) => self.disk.open(0, disk, name),
        }
    }
}

/// A file of which the size alone is carried.
struct NotCarried(u64);

impl ReadAt for NotCarried {
    fn size(&self) -> u64 {
        self.0
    }

    fn read_at(&mut self, _: u64, _: &mut [u8]) -> Result<usize, Reason> {
        Err(Reason::Placeholder)
    }
}

/// A file of which parts are carried.
struct InParts {
    parts: Parts,
    file: Rc<File>,
}

impl InParts {
    fn fill(&self, at: u64, buffer: &mut [u8], pattern: Option<&[u8]>) -> Result<usize, Reason> {
        let left = usize::try_from(self.parts.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..most).filter(|rest| !rest.is_empty()) {
            match self.some(at + done as u64, rest, pattern)? {
                0 => return Err(Reason::Placeholder),
                count => done += count,
            }
        }
        Ok(done)
    }

    /// Some bytes from `at`; none where nothing is carried.
    fn some(&self, at: u64, buffer: &mut [u8], pattern: Option<&[u8]>) -> Result<usize, Reason> {
        let room = |from: u64, len: u64| {
            let inside = from <= at && at - from < len;
            inside.then(|| usize::try_from(len - (at - from)).unwrap_or(usize::MAX).min(buffer.len()))
        };
        let mut carried = self.parts.carried.iter();
        if let Some((count, in_bin)) =
            carried.find_map(|(from, len, in_bin)| Some((room(*from, *len)?, in_bin + (at - from))))
        {
            let rest = buffer.get_mut(..count).unwrap_or_default();
            self.file
                .read_exact_at(rest, in_bin)
                .map_err(|error| Reason::System(error.to_string().into()))?;
            return Ok(count);
        }
        let searched = self.parts.searched.iter().filter(|(.., of)| pattern == Some(&**of));
        let Some(count) = searched.filter_map(|(from, len, _)| room(*from, *len)).max() else { return Ok(0) };
        // What matches is carried: up to where the next part begins.
        let next = self.parts.carried.iter().filter_map(|(from, ..)| from.checked_sub(at)).min();
        let next = next.map_or(usize::MAX, |next| usize::try_from(next).unwrap_or(usize::MAX));
        let count = count.min(next);
        buffer.get_mut(..count).unwrap_or_default().fill(0);
        Ok(count)
    }
}

impl ReadAt for InParts {
    fn size(&self) -> u64 {
        self.parts.size
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        self.fill(at, buffer, None)
    }

    fn search_at(&mut self, at: u64, buffer: &mut [u8], pattern: &Pattern) -> Result<usize, Reason> {
        self.fill(at, buffer, Some(pattern.to_string().as_bytes()))
    }
}
