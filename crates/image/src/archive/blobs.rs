//! An archive's or layout's blobs by name: their bytes where they are JSON, where they lie where they are layers.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use envdiff_files::{Likely, MAX_HOPS};
use rustix::fs::{Mode, OFlags};

use crate::ImageError;
use crate::limits::{ARCHIVE_ENTRIES, IMAGE_NAMES, JSON_BYTES};
use crate::tar::{Flow, InPlace, Keeper, Store, TarError, TarKind, TarLayers, Tree, Walk, Window, grow};

use super::unpack::{Packed, unpack};

/// A layer of an image.
#[derive(Debug, Clone)]
pub(crate) enum Layer {
    /// A part of a file, packed or not.
    Part { file: Rc<File>, at: u64, len: u64 },
    /// Read already as it passed by, into this tree.
    Passed(Tree),
}

/// Where blobs are.
pub(crate) enum Blobs {
    /// In an uncompressed archive on disk.
    InFile { path: PathBuf, file: Rc<File>, places: HashMap<Vec<u8>, (u64, u64)>, links: Links },
    /// In the folder of an OCI layout.
    InFolder(PathBuf),
    /// In a stream that has passed by.
    Passed { path: PathBuf, jsons: HashMap<Vec<u8>, Vec<u8>>, trees: HashMap<Vec<u8>, Tree>, links: Links },
}

/// Entries that are other names of entries.
type Links = HashMap<Vec<u8>, Vec<u8>>;

impl Blobs {
    /// The file or folder.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::InFile { path, .. } | Self::InFolder(path) | Self::Passed { path, .. } => path,
        }
    }

    /// In which entry of a stream each tree was.
    pub(crate) fn outer(&self) -> Vec<(Vec<u8>, u32)> {
        match self {
            Self::Passed { trees, .. } => {
                trees.iter().map(|(name, tree)| (name.clone(), tree.root)).collect()
            }
            Self::InFile { .. } | Self::InFolder(_) => Vec::new(),
        }
    }

    /// Whether the archive holds files as a root file system has them.
    pub(crate) fn looks_like_files(&self) -> bool {
        let Self::InFile { places, .. } = self else { return false };
        places.keys().any(|name| [&b"etc/"[..], b"usr/", b"bin/"].iter().any(|top| name.starts_with(top)))
    }

    /// A JSON blob; `None` when it is not there.
    pub(crate) fn json(&self, name: &str) -> Result<Option<Vec<u8>>, ImageError> {
        let too_large = |len: u64| ImageError::TooMuch {
            name: format!("{} in {}", name.escape_debug(), self.path().display()),
            what: format!("{len} bytes of JSON"),
        };
        match self {
            Self::Passed { jsons, links, .. } => Ok(follow(name, links, |name| jsons.get(name).cloned())),
            _ => match self.layer(name)? {
                Some(Layer::Part { len, .. }) if len > JSON_BYTES => Err(too_large(len)),
                Some(Layer::Part { file, at, len }) => {
                    let mut json = vec![0; usize::try_from(len).map_err(|_| too_large(len))?];
                    file.read_exact_at(&mut json, at)
                        .map_err(|error| ImageError::Disk { path: self.path().to_owned(), error })?;
                    Ok(Some(json))
                }
                _ => Ok(None),
            },
        }
    }

    /// A layer; `None` when it is not there.
    pub(crate) fn layer(&self, name: &str) -> Result<Option<Layer>, ImageError> {
        match self {
            Self::InFile { file, places, links, .. } => Ok(follow(name, links, |name| {
                let (at, len) = *places.get(name)?;
                Some(Layer::Part { file: Rc::clone(file), at, len })
            })),
            Self::Passed { trees, links, .. } => {
                Ok(follow(name, links, |name| trees.get(name).cloned().map(Layer::Passed)))
            }
            Self::InFolder(dir) => {
                // A name from JSON: no part of it may lead out of the folder.
                let Some(name) = normal(name.as_bytes()).and_then(|name| String::from_utf8(name).ok()) else {
                    return Ok(None);
                };
                let path = dir.join(name);
                match open_regular(&path) {
                    Ok((file, len)) => Ok(Some(Layer::Part { file: Rc::new(file), at: 0, len })),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(ImageError::Disk { path, error }),
                }
            }
        }
    }
}

/// Opens a file of this machine that must be a regular one; a FIFO is not waited for. Its size, in bytes.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    Ok((file, meta.len()))
}

/// Looks a name up, other names of it followed.
fn follow<T>(name: &str, links: &Links, find: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let mut name = normal(name.as_bytes())?;
    // The name itself, and as many as there are hops.
    for _ in 0..=MAX_HOPS {
        if let Some(found) = find(&name) {
            return Some(found);
        }
        name = links.get(&name)?.clone();
    }
    None
}

/// A name without `.`, `..` and doubled slashes; `None` when it leads out.
fn normal(name: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
        if part == b".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join(&b'/'))
}

/// Notes what a link of the archive is another name of.
fn note_link(walk_link: &[u8], kind: TarKind, name: &[u8], links: &mut Links) {
    let target = if kind == TarKind::HardLink || walk_link.first() == Some(&b'/') {
        normal(walk_link)
    } else {
        let folder = name.rsplitn(2, |b| *b == b'/').nth(1).unwrap_or_default();
        normal(&[folder, b"/", walk_link].concat())
    };
    if let Some(target) = target {
        links.insert(name.to_vec(), target);
    }
}

/// What an archive may still hold of its own: its layers and their JSON, not the files in these.
struct Room {
    entries: usize,
    names: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { entries: ARCHIVE_ENTRIES, names: IMAGE_NAMES }
    }
}

impl Room {
    /// Takes one entry with so many bytes of name and link.
    fn take(&mut self, names: usize) -> Result<(), TarError> {
        let too_much = |what: String| TarError::TooMuch { what };
        self.entries = self
            .entries
            .checked_sub(1)
            .ok_or_else(|| too_much(format!("more than {ARCHIVE_ENTRIES} entries, so it is no image")))?;
        self.names = self
            .names
            .checked_sub(names)
            .ok_or_else(|| too_much(format!("more than {} MiB of names", IMAGE_NAMES >> 20)))?;
        Ok(())
    }
}

/// Reads the headers of an uncompressed archive.
pub(crate) fn of_file(path: &Path, file: File, len: u64) -> Result<Blobs, ImageError> {
    let file = Rc::new(file);
    let mut walk = Walk::new(Window::new(Rc::clone(&file), 0, len));
    let mut places = HashMap::new();
    let mut links = Links::new();
    let name = path.display().to_string();
    let mut room = Room::default();
    let mut scan = || {
        while walk.next()? {
            room.take(walk.header.path.len() + walk.header.link.len())?;
            let Some(name) = normal(&walk.header.path) else {
                return Err(TarError::LeadsOut { path: walk.header.path.clone() });
            };
            match walk.header.kind {
                TarKind::File => {
                    places.insert(name, (walk.header.body_at, walk.header.size));
                }
                TarKind::Link | TarKind::HardLink => {
                    note_link(&walk.header.link, walk.header.kind, &name, &mut links);
                }
                _ => {}
            }
            // What is skipped may lie behind the end of the file.
            if walk.header.body_at + walk.header.size > len {
                return Err(TarError::CutOff { at: len });
            }
        }
        walk.must_have_ended()
    };
    scan().map_err(|error| error.of(&name))?;
    Ok(Blobs::InFile { path: path.to_owned(), file, places, links })
}

/// Reads a whole archive as it passes by: JSON is kept, whatever is a tar is indexed as a layer.
pub(crate) fn of_stream(
    path: &Path,
    stream: impl Read,
    layers: &mut TarLayers,
    likely: Option<&Likely>,
    progress: &mut dyn FnMut(u64),
) -> Result<Blobs, ImageError> {
    let name = path.display().to_string();
    let mut jsons = HashMap::new();
    let mut json_bytes = 0_u64;
    let mut trees = HashMap::new();
    let mut links = Links::new();
    let mut walk = Walk::new(Flow::new(stream));
    let mut room = Room::default();
    let mut scan = || {
        while walk.next()? {
            room.take(walk.header.path.len() + walk.header.link.len())?;
            let Some(name) = normal(&walk.header.path) else {
                return Err(TarError::LeadsOut { path: walk.header.path.clone() });
            };
            let size = walk.header.size;
            match walk.header.kind {
                TarKind::Link | TarKind::HardLink => {
                    note_link(&walk.header.link, walk.header.kind, &name, &mut links);
                }
                TarKind::File => match Body::read(&mut walk)? {
                    Body::Json(start) => {
                        json_bytes += size;
                        if json_bytes > JSON_BYTES {
                            return Err(TarError::TooMuch {
                                what: format!("more than {} MiB of JSON", JSON_BYTES >> 20),
                            });
                        }
                        let rest = walk.read_body(size)?;
                        jsons.insert(name, [start, rest].concat());
                    }
                    Body::Tar { start, packed } => {
                        let root = layers.forest.plant();
                        let body = unpack(packed, start.chain(walk.body()));
                        let mut keeper = Keeper::new(likely, &[], &mut layers.kept);
                        let mut inner = Walk::new(Flow::new(body));
                        grow(&mut layers.forest, root, &mut inner, &mut keeper, progress)?;
                        trees.insert(name, Tree { root, store: Store::Kept });
                    }
                    Body::Other => {}
                },
                _ => {}
            }
        }
        walk.must_have_ended()
    };
    scan().map_err(|error| error.of(&name))?;
    Ok(Blobs::Passed { path: path.to_owned(), jsons, trees, links })
}

/// What an entry of a streamed archive is, by its first bytes.
pub(crate) enum Body {
    Json(Box<[u8]>),
    Tar { start: std::io::Cursor<Box<[u8]>>, packed: Packed },
    Other,
}

impl Body {
    pub(crate) fn read<I: crate::tar::Input>(walk: &mut Walk<I>) -> Result<Self, TarError> {
        let start = walk.read_body(1024)?;
        let packed = Packed::by_magic(&start);
        Ok(match start.iter().find(|b| !b.is_ascii_whitespace()) {
            Some(b'{' | b'[') => Self::Json(start),
            _ if matches!(packed, Packed::Gzip | Packed::Zstd) || is_tar(&start) => {
                Self::Tar { start: std::io::Cursor::new(start), packed }
            }
            _ => Self::Other,
        })
    }
}

/// Whether bytes begin as a tar does: a header, or the end marker of an empty one.
pub(crate) fn is_tar(start: &[u8]) -> bool {
    crate::tar::is_tar(start)
}

/// Indexes one layer. The names in an uncompressed one are read alone, its bodies stay where they are.
pub(crate) fn index(
    name: &str,
    layer: &Layer,
    layers: &mut TarLayers,
    likely: Option<&Likely>,
    progress: &mut dyn FnMut(u64),
) -> Result<Tree, ImageError> {
    let (file, at, len) = match layer {
        Layer::Passed(tree) => return Ok(tree.clone()),
        Layer::Part { file, at, len } => (file, *at, *len),
    };
    let root = layers.forest.plant();
    let packed = packing(file, at, len).map_err(|error| TarError::Io(error).of(name))?;
    let (grown, store) = match packed {
        Packed::No => {
            let mut walk = Walk::new(Window::new(Rc::clone(file), at, len));
            let grown = grow(&mut layers.forest, root, &mut walk, &mut InPlace { end: at + len }, progress);
            (grown, Store::InPlace(Rc::clone(file)))
        }
        Packed::Unread(what) => {
            let why = format!("a layer in it is packed with {what}, which no engine reads");
            return Err(ImageError::NotAnImage { path: name.into(), why });
        }
        packed => {
            let mut walk = Walk::new(Flow::new(unpack(packed, Window::new(Rc::clone(file), at, len))));
            let mut keeper = Keeper::new(likely, &[], &mut layers.kept);
            (grow(&mut layers.forest, root, &mut walk, &mut keeper, progress), Store::Kept)
        }
    };
    grown.map_err(|error| error.of(name))?;
    Ok(Tree { root, store })
}

/// How a part of a file is packed.
pub(crate) fn packing(file: &File, at: u64, len: u64) -> std::io::Result<Packed> {
    let mut start = [0; 8];
    let most = usize::try_from(len).unwrap_or(usize::MAX).min(start.len());
    let count = file.read_at(start.get_mut(..most).unwrap_or_default(), at)?;
    Ok(Packed::by_magic(start.get(..count).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::Room;
    use crate::limits::{ARCHIVE_ENTRIES, IMAGE_NAMES};

    #[test]
    fn an_archive_has_at_most_100000_entries_of_its_own() {
        let mut room = Room::default();
        for _ in 0..ARCHIVE_ENTRIES {
            room.take(1).unwrap();
        }
        let told = room.take(0).unwrap_err().of("a.tar").to_string();
        assert_eq!(told, "a.tar holds more than is read: more than 100000 entries, so it is no image");
        let mut room = Room::default();
        room.take(IMAGE_NAMES).unwrap();
        let told = room.take(1).unwrap_err().of("a.tar").to_string();
        assert_eq!(told, "a.tar holds more than is read: more than 256 MiB of names");
    }
}
