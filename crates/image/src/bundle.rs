//! A bundle in, a root file system out in which what is listed in `placeholders.txt` exists and cannot be read.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;

use envdiff_files::{Kind, ReadAt, Reason};

use crate::ImageError;
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

enum Held {
    /// A file that is not carried, with its real size in bytes.
    File(u64),
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

/// A bundle's files: one layer.
pub(crate) struct Bundle {
    disk: Disk,
    /// What is not carried, folder by folder; the first is the root.
    held: Vec<HeldFolder>,
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
        let mut bundle = Self { disk, held: vec![HeldFolder::default()] };
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
        Ok(bundle)
    }

    /// Takes one line; `None` when it is no path, tab and size.
    fn hold(&mut self, line: &[u8]) -> Option<()> {
        let tab = line.iter().rposition(|b| *b == b'\t')?;
        let size: u64 = std::str::from_utf8(line.get(tab + 1..)?).ok()?.trim().parse().ok()?;
        let path = unquote(line.get(..tab)?)?;
        let closes = path.last() == Some(&b'/');
        let mut parts = path.split(|b| *b == b'/').filter(|part| !part.is_empty()).peekable();
        let mut folder = 0;
        while let Some(part) = parts.next() {
            if part == b"." || part == b".." || part.contains(&0) {
                return None;
            }
            if parts.peek().is_none() && !closes {
                self.held.get_mut(folder)?.entries.insert(Box::from(part), Held::File(size));
                return Some(());
            }
            folder = match self.held.get(folder)?.entries.get(part) {
                Some(Held::Folder(inner)) => *inner,
                Some(Held::File(_)) => return None,
                None => {
                    self.held.push(HeldFolder::default());
                    let inner = self.held.len() - 1;
                    self.held.get_mut(folder)?.entries.insert(Box::from(part), Held::Folder(inner));
                    inner
                }
            };
        }
        self.held.get_mut(folder)?.closed = closes;
        closes.then_some(())
    }

    fn held(&self, folder: &Opened, name: &[u8]) -> Option<&Held> {
        self.held.get(folder.held?)?.entries.get(name)
    }
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
        Ok(match (on_disk, self.held(folder, name)) {
            (Found::Nothing | Found::Is { kind: Kind::File, .. }, Some(Held::File(size))) => {
                Found::Is { kind: Kind::File, size: *size }
            }
            (Found::Nothing, Some(Held::Folder(_))) => Found::Is { kind: Kind::Folder, size: 0 },
            (found, _) => found,
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
                    let kind = if matches!(what, Held::File(_)) { Kind::File } else { Kind::Folder };
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
