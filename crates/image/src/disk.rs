//! Folders of this machine in, their names and bytes out, whatever lies in them: nothing but a regular file is ever
//! opened, no link is followed by the system, and no name leads out of the folder that was given.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use envdiff_files::{Kind, ReadAt, Reason};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, open, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::limits::FOLDER_ENTRIES;
use crate::merge::{Entered, Found, Layers, Names};

/// How the layers of a stack say that something was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// Not at all: a plain folder.
    None,
    /// Linux's overlay file system (`Documentation/filesystems/overlayfs.rst`): character devices 0/0, extended attributes.
    Overlay,
    /// fuse-overlayfs 1.x: those, and the files `.wh.NAME` and `.wh..wh..opq` of image layers.
    FuseOverlay,
}

/// The prefix of a file that stands for a removed name (OCI image specification, `layer.md`, "Whiteouts").
pub(crate) const WHITEOUT: &[u8] = b".wh.";
/// The file that makes its folder opaque.
pub(crate) const OPAQUE: &[u8] = b".wh..wh..opq";

/// A stack of folders; the first is the topmost.
pub(crate) struct Disk {
    roots: Vec<OwnedFd>,
    marks: Marks,
    /// Why these folders cannot be merged by us, once that was met.
    refused: Option<String>,
}

impl Disk {
    /// Opens the folders, the topmost first.
    pub(crate) fn open<P: AsRef<Path>>(
        folders: impl IntoIterator<Item = P>,
        marks: Marks,
    ) -> Result<Self, (P, std::io::Error)> {
        let mut roots = Vec::new();
        for folder in folders {
            // What the user names may be reached through links; only what lies below it may not.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
            match open(folder.as_ref(), flags, Mode::empty()) {
                Ok(fd) => roots.push(fd),
                Err(errno) => return Err((folder, errno.into())),
            }
        }
        Ok(Self { roots, marks, refused: None })
    }

    /// Why the folders cannot be merged by us, if that was met; whatever was answered since is void.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    fn refuse(&mut self, why: &str) -> Reason {
        self.refused.get_or_insert_with(|| why.to_owned());
        Reason::System(why.into())
    }

    fn is_removed(&self, folder: &OwnedFd, name: &[u8]) -> Result<bool, Reason> {
        if self.marks != Marks::FuseOverlay {
            return Ok(false);
        }
        let marker = [WHITEOUT, name].concat();
        Ok(lstat(folder, &marker)?.is_some())
    }

    /// Whether an opened folder hides what lies below it.
    fn is_opaque(&mut self, folder: &OwnedFd) -> Result<bool, Reason> {
        if self.marks == Marks::None {
            return Ok(false);
        }
        let names = attributes(folder)?;
        for name in names.split(|b| *b == 0) {
            match name {
                b"trusted.overlay.redirect" | b"user.overlay.redirect" => {
                    return Err(self.refuse("a folder in them was renamed (attribute overlay.redirect)"));
                }
                b"trusted.overlay.opaque" | b"user.overlay.opaque" | b"user.fuseoverlayfs.opaque" => {
                    match attribute(folder, name)?.as_slice() {
                        b"y" => return Ok(true),
                        b"x" => {
                            return Err(self.refuse("they use whiteouts in attributes (overlay.opaque is x)"));
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        if self.marks == Marks::FuseOverlay {
            return Ok(lstat(folder, OPAQUE)?.is_some());
        }
        Ok(false)
    }

    fn hides_by_device(&self, stat: &Stat) -> bool {
        self.marks != Marks::None
            && FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && stat.st_rdev == 0
    }
}

impl Layers for Disk {
    type Folder = OwnedFd;

    fn count(&self) -> usize {
        self.roots.len()
    }

    fn number(&self, layer: usize) -> Option<usize> {
        (self.marks != Marks::None).then(|| self.roots.len().saturating_sub(layer + 1))
    }

    fn root(&mut self, layer: usize) -> Result<Entered<OwnedFd>, Reason> {
        let Some(root) = self.roots.get(layer) else { return Ok(Entered::Nothing) };
        let folder = root.try_clone().map_err(|e| system(&e))?;
        let opaque = self.is_opaque(&folder)?;
        Ok(Entered::Folder { folder, opaque })
    }

    fn look(&mut self, _: usize, folder: &OwnedFd, name: &[u8]) -> Result<Found, Reason> {
        if self.marks == Marks::FuseOverlay && name.starts_with(WHITEOUT) {
            return Ok(Found::Nothing);
        }
        match lstat(folder, name)? {
            Some(stat) if self.hides_by_device(&stat) => Ok(Found::Hidden),
            Some(stat) => Ok(Found::Is { kind: kind_of(stat_type(&stat)), size: size_of(&stat) }),
            None if self.is_removed(folder, name)? => Ok(Found::Hidden),
            None => Ok(Found::Nothing),
        }
    }

    fn enter(&mut self, _: usize, folder: &OwnedFd, name: &[u8]) -> Result<Entered<OwnedFd>, Reason> {
        if self.marks == Marks::FuseOverlay && name.starts_with(WHITEOUT) {
            return Ok(Entered::Nothing);
        }
        // Without marks nothing of the folder itself is read here, so that one may be passed through that may not be listed.
        let flags = folder_flags(self.marks);
        match openat(folder, name, flags, Mode::empty()) {
            Ok(inner) => {
                let opaque = self.is_opaque(&inner)? || self.is_removed(folder, name)?;
                Ok(Entered::Folder { folder: inner, opaque })
            }
            Err(Errno::NOENT | Errno::NAMETOOLONG) if self.is_removed(folder, name)? => Ok(Entered::Hidden),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(Entered::Nothing),
            Err(Errno::NOTDIR | Errno::LOOP) => Ok(Entered::NotAFolder),
            Err(errno) => Err(reason(errno)),
        }
    }

    fn names(&mut self, _: usize, folder: &OwnedFd) -> Result<Names, Reason> {
        let mut names = Names::default();
        // A descriptor of its own: the folder's may be one that only leads on, and its offset is not shared.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let own = openat(folder, ".", flags, Mode::empty()).map_err(reason)?;
        for entry in Dir::new(own).map_err(reason)? {
            let entry = entry.map_err(reason)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            // One more than are told, so that the view over all layers knows.
            if names.entries.len() + names.hidden.len() > FOLDER_ENTRIES {
                return Err(Reason::TooMany { limit: FOLDER_ENTRIES as u64 });
            }
            if self.marks == Marks::FuseOverlay
                && let Some(removed) = name.strip_prefix(WHITEOUT)
            {
                if name != OPAQUE {
                    names.hidden.push(Box::from(removed));
                }
                continue;
            }
            let mut kind = entry.file_type();
            let marks = self.marks != Marks::None;
            if kind == FileType::Unknown || (marks && kind == FileType::CharacterDevice) {
                let Some(stat) = lstat(folder, name)? else { continue };
                if self.hides_by_device(&stat) {
                    names.hidden.push(Box::from(name));
                    continue;
                }
                kind = stat_type(&stat);
            }
            names.entries.push((Box::from(name), kind_of(kind)));
        }
        Ok(names)
    }

    fn link(&mut self, _: usize, folder: &OwnedFd, name: &[u8]) -> Result<Box<[u8]>, Reason> {
        match readlinkat(folder, name, Vec::new()) {
            Ok(text) => Ok(Box::from(text.to_bytes())),
            Err(errno) => Err(reason(errno)),
        }
    }

    fn open<'a>(
        &'a mut self,
        _: usize,
        folder: &OwnedFd,
        name: &[u8],
    ) -> Result<Box<dyn ReadAt + 'a>, Reason> {
        let file = open_regular(folder, name)?;
        if self.marks != Marks::None {
            let names = attributes(&file.file)?;
            let is_metacopy = |n: &[u8]| n == b"trusted.overlay.metacopy" || n == b"user.overlay.metacopy";
            if names.split(|b| *b == 0).any(is_metacopy) {
                return Err(
                    self.refuse("a file in them has its content elsewhere (attribute overlay.metacopy)")
                );
            }
        }
        Ok(Box::new(file))
    }
}

fn folder_flags(marks: Marks) -> OFlags {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    if marks == Marks::None {
        return flags | OFlags::PATH;
    }
    let _ = marks;
    flags | OFlags::RDONLY | OFlags::NONBLOCK
}

/// A regular file, opened for reading.
#[derive(Debug)]
pub(crate) struct Regular {
    file: File,
    size: u64,
}

impl ReadAt for Regular {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, at + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(system(&error)),
            }
        }
        Ok(done)
    }
}

/// Opens a regular file for reading, and nothing else: no FIFO waits, no device wakes, no link is followed.
#[cfg(target_os = "linux")]
fn open_regular(folder: &OwnedFd, name: &[u8]) -> Result<Regular, Reason> {
    // With O_PATH nothing is opened yet; what the descriptor stands for can no longer be exchanged.
    let path = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = openat(folder, name, path, Mode::empty()).map_err(reason)?;
    let stat = fstat(&held).map_err(reason)?;
    if stat_type(&stat) != FileType::RegularFile {
        return Err(Reason::NotAFile);
    }
    let read = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match open(format!("/proc/self/fd/{}", held.as_raw_fd()), read, Mode::empty()) {
        Ok(fd) => Ok(Regular { file: File::from(fd), size: size_of(&stat) }),
        // No /proc here: by its name again, and it must be the same file.
        Err(Errno::NOENT) => {
            let fd = openat(folder, name, read | OFlags::NOFOLLOW, Mode::empty()).map_err(reason)?;
            let again = fstat(&fd).map_err(reason)?;
            if (again.st_dev, again.st_ino) != (stat.st_dev, stat.st_ino) {
                return Err(Reason::System("it changed while it was read".into()));
            }
            Ok(Regular { file: File::from(fd), size: size_of(&stat) })
        }
        Err(errno) => Err(reason(errno)),
    }
}

/// Opens a regular file for reading. Without O_PATH the file is looked at before and after it is opened.
#[cfg(not(target_os = "linux"))]
fn open_regular(folder: &OwnedFd, name: &[u8]) -> Result<Regular, Reason> {
    match lstat(folder, name)? {
        Some(stat) if stat_type(&stat) == FileType::RegularFile => {}
        _ => return Err(Reason::NotAFile),
    }
    let read = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(folder, name, read, Mode::empty()).map_err(reason)?;
    let stat = fstat(&fd).map_err(reason)?;
    if stat_type(&stat) != FileType::RegularFile {
        return Err(Reason::NotAFile);
    }
    Ok(Regular { file: File::from(fd), size: size_of(&stat) })
}

/// What is under a name, links not followed; `None` when nothing is.
fn lstat(folder: impl AsFd, name: &[u8]) -> Result<Option<Stat>, Reason> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => Ok(None),
        Err(errno) => Err(reason(errno)),
    }
}

/// The names of the extended attributes, each ended by a NUL; empty where the file system has none.
fn attributes(file: impl AsFd) -> Result<Vec<u8>, Reason> {
    let mut names = vec![0_u8; 1 << 10];
    loop {
        match rustix::fs::flistxattr(&file, &mut *names) {
            Ok(len) => {
                names.truncate(len);
                return Ok(names);
            }
            Err(Errno::RANGE) if names.len() < 1 << 16 => names.resize(1 << 16, 0),
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            Err(errno) => return Err(reason(errno)),
        }
    }
}

fn attribute(file: impl AsFd, name: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut value = vec![0_u8; 64];
    match rustix::fs::fgetxattr(file, name, &mut *value) {
        Ok(len) => {
            value.truncate(len);
            Ok(value)
        }
        Err(Errno::RANGE | Errno::NODATA) => Ok(Vec::new()),
        Err(errno) => Err(reason(errno)),
    }
}

fn stat_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn size_of(stat: &Stat) -> u64 {
    if stat_type(stat) == FileType::RegularFile { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 }
}

const fn kind_of(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

/// The system's refusal as a reason.
pub(crate) fn reason(errno: Errno) -> Reason {
    match errno {
        Errno::ACCESS | Errno::PERM => Reason::Denied,
        _ => system(&errno.into()),
    }
}

fn system(error: &std::io::Error) -> Reason {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Reason::Denied,
        _ => Reason::System(error.to_string().into()),
    }
}

/// The bytes of a path of this machine.
pub(crate) fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
