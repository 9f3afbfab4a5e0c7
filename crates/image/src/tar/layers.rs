//! Indexed tars in, a stack of layers out; bodies come from where they lie in a file, or from what was kept of a stream.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

use envdiff_files::{Ask, Budget, Digest, ElfQuestion, Pattern, ReadAt, Reason, digest_of};

use crate::disk::OPAQUE;
use crate::limits::FOLDER_ENTRIES;
use crate::merge::{Entered, Found, Layers, Names};

use super::index::{Forest, Id, NOT_KEPT, What, removed};
use super::kept::{AllKept, Found as InBody, Kept};
use super::wanted::Wanted;

/// A file of at most so many bytes is kept whole when a part of it is asked for.
const WHOLE: u64 = 16 << 20;

/// Where the bodies of a layer's files are.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// In a file: an entry's body begins at its block number.
    InPlace(Rc<File>),
    /// Kept as the stream passed by: an entry has the number of its body.
    Kept,
}

/// One layer: a tree of the forest.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) root: Id,
    pub(crate) store: Store,
}

/// Layers that are trees of one forest; the first is the topmost.
pub(crate) struct TarLayers {
    pub(crate) forest: Forest,
    pub(crate) trees: Vec<Tree>,
    pub(crate) kept: AllKept,
    /// Whether names are whiteouts: in an image's layers, not in an export.
    pub(crate) marks: bool,
    /// What was asked for and not kept, layer by layer.
    pub(crate) wanted: Vec<Wanted>,
    /// Whether another pass can be made; if not, what was not kept cannot be told.
    pub(crate) can_pass_again: bool,
    /// Whether another pass can be made to hash files. It is foreseen, and so is not counted among those that are not.
    pub(crate) can_hash: bool,
    /// What the current question needs of a file that was not kept.
    need: Need,
    wanted_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
enum Need {
    All {
        limit: u64,
    },
    Part {
        at: u64,
        len: u64,
    },
    /// What it needs it finds out while the file passes by.
    Elf(ElfQuestion),
    /// Of all of it no more than its digest.
    Digest,
}

impl TarLayers {
    pub(crate) fn new(marks: bool) -> Self {
        Self {
            forest: Forest::new(),
            trees: Vec::new(),
            kept: AllKept::new(),
            marks,
            wanted: Vec::new(),
            can_pass_again: true,
            can_hash: true,
            need: Need::All { limit: 0 },
            wanted_bytes: 0,
        }
    }

    fn is_removed(&self, folder: Id, name: &[u8]) -> bool {
        self.marks && self.forest.child(folder, &[crate::disk::WHITEOUT, name].concat()).is_some()
    }

    fn is_opaque(&self, folder: Id) -> bool {
        self.marks && self.forest.child(folder, OPAQUE).is_some()
    }

    /// Takes what was wanted of each layer, for the next pass.
    pub(crate) fn take_wanted(&mut self) -> Vec<Wanted> {
        self.wanted_bytes = 0;
        std::mem::take(&mut self.wanted)
    }

    /// Keeps what was gathered of the file at a path of a layer.
    pub(crate) fn keep(&mut self, layer: usize, path: &[u8], kept: Kept) {
        let Some(root) = self.trees.get(layer).map(|tree| tree.root) else { return };
        let parts = path.split(|b| *b == b'/').filter(|part| !part.is_empty());
        let mut id = root;
        for part in parts {
            let Some(child) = self.forest.child(id, part) else { return };
            id = child;
        }
        let (id, body) = self.forest.body(id);
        if body == NOT_KEPT {
            let body = self.kept.push(kept);
            self.forest.set_body(id, body);
        } else {
            self.kept.add(body, kept);
        }
    }

    /// Notes that a file's content is wanted in the next pass.
    fn want(&mut self, layer: usize, id: Id) -> Reason {
        let size = self.forest.size(id);
        let (at, len) = match self.need {
            Need::All { limit } if size > limit => (0, 0),
            Need::All { .. } => (0, size),
            // What is asked for in part is asked for in other parts soon, and there is no third pass.
            Need::Part { .. } if size <= WHOLE => (0, size),
            Need::Part { at, len } => (at.min(size), len.min(size - at.min(size))),
            Need::Elf(_) | Need::Digest => (0, 0),
        };
        self.wanted_bytes += len;
        // What was kept before stays: one pass after the other would add up.
        if self.kept.bytes() + self.wanted_bytes > Budget::MAX_BYTES {
            return Reason::Budget;
        }
        let may = if matches!(self.need, Need::Digest) { self.can_hash } else { self.can_pass_again };
        if !may {
            return Reason::System(
                "it was not kept when the image's stream passed by, and it is not read once more".into(),
            );
        }
        if self.wanted.len() < self.trees.len() {
            self.wanted.resize_with(self.trees.len(), Wanted::default);
        }
        if self.forest.what(id) == What::Gone {
            return Reason::System("its content was replaced in the layer".into());
        }
        let path = self.forest.path(id);
        let body = self.forest.body(id).1;
        if let Some(wanted) = self.wanted.get_mut(layer) {
            let want = wanted.entry(path).or_default();
            match self.need {
                Need::Elf(question) => {
                    if !want.questions.contains(&question) {
                        want.questions.push(question);
                    }
                    want.held = self.kept.get(body).map_or_else(Vec::new, |kept| kept.pieces.clone());
                }
                Need::Digest => want.digest = true,
                Need::All { .. } | Need::Part { .. } => want.parts.push((at, len)),
            }
        }
        Reason::System("it is read in a second pass".into())
    }
}

impl Layers for TarLayers {
    type Folder = Id;

    fn count(&self) -> usize {
        self.trees.len()
    }

    fn number(&self, layer: usize) -> Option<usize> {
        self.marks.then(|| self.trees.len().saturating_sub(layer + 1))
    }

    fn asked(&mut self, ask: &Ask) {
        self.need = match ask {
            Ask::Head(_) => Need::Part { at: 0, len: Ask::HEAD_LIMIT },
            Ask::Range { at, len, .. } => Need::Part { at: *at, len: *len },
            Ask::Read { limit, .. } => Need::All { limit: *limit },
            Ask::Elf(_) => Need::Elf(ElfQuestion::View),
            Ask::Scan { section, pattern, .. } => Need::Elf(ElfQuestion::Scan { section, pattern: *pattern }),
            Ask::Digest { .. } => Need::Digest,
            _ => Need::All { limit: Budget::MAX_BYTES },
        };
    }

    fn root(&mut self, layer: usize) -> Result<Entered<Id>, Reason> {
        let Some(root) = self.trees.get(layer).map(|tree| tree.root) else { return Ok(Entered::Nothing) };
        Ok(Entered::Folder { folder: root, opaque: self.is_opaque(root) })
    }

    fn look(&mut self, _: usize, folder: &Id, name: &[u8]) -> Result<Found, Reason> {
        if self.marks && removed(name).is_some() {
            return Ok(Found::Nothing);
        }
        let found = self.forest.child(*folder, name).and_then(|id| Some((id, self.forest.kind(id)?)));
        Ok(match found {
            Some((id, kind)) => Found::Is { kind, size: self.forest.size(id) },
            None if self.is_removed(*folder, name) => Found::Hidden,
            None => Found::Nothing,
        })
    }

    fn enter(&mut self, _: usize, folder: &Id, name: &[u8]) -> Result<Entered<Id>, Reason> {
        if self.marks && removed(name).is_some() {
            return Ok(Entered::Nothing);
        }
        Ok(match self.forest.child(*folder, name) {
            Some(id) if self.forest.what(id) == What::Folder => {
                Entered::Folder { folder: id, opaque: self.is_opaque(id) || self.is_removed(*folder, name) }
            }
            Some(_) => Entered::NotAFolder,
            None if self.is_removed(*folder, name) => Entered::Hidden,
            None => Entered::Nothing,
        })
    }

    fn names(&mut self, _: usize, folder: &Id) -> Result<Names, Reason> {
        let mut names = Names::default();
        for id in self.forest.children(*folder) {
            let name = self.forest.name(id);
            match removed(&name).filter(|_| self.marks) {
                Some(_) if name == OPAQUE => {}
                Some(removed) => names.hidden.push(Box::from(removed)),
                None => {
                    let Some(kind) = self.forest.kind(id) else { continue };
                    names.entries.push((name.into_boxed_slice(), kind));
                }
            }
            if names.entries.len() + names.hidden.len() > FOLDER_ENTRIES {
                return Err(Reason::TooMany { limit: FOLDER_ENTRIES as u64 });
            }
        }
        Ok(names)
    }

    fn link(&mut self, _: usize, folder: &Id, name: &[u8]) -> Result<Box<[u8]>, Reason> {
        match self.forest.child(*folder, name).filter(|id| self.forest.what(*id) == What::Link) {
            Some(id) => Ok(self.forest.text(id).into_boxed_slice()),
            None => Err(Reason::NotALink),
        }
    }

    fn open<'a>(
        &'a mut self,
        layer: usize,
        folder: &Id,
        name: &[u8],
    ) -> Result<Box<dyn ReadAt + 'a>, Reason> {
        let gone = || Reason::System("it is not in the layer".into());
        let id = self.forest.child(*folder, name).ok_or_else(gone)?;
        let size = self.forest.size(id);
        match self.forest.what(id) {
            What::File | What::Shared => {}
            What::Lost => {
                return Err(Reason::System(
                    "its content is not in the image (sparse, or a link to nothing)".into(),
                ));
            }
            _ => return Err(Reason::NotAFile),
        }
        let (holder, body) = self.forest.body(id);
        match self.trees.get(layer).map(|tree| &tree.store) {
            Some(Store::InPlace(file)) => {
                Ok(Box::new(Part { file: Rc::clone(file), at: u64::from(body) * 512, size }))
            }
            Some(Store::Kept) => Ok(Box::new(FromKept { layers: self, layer, holder, body, size })),
            None => Err(gone()),
        }
    }
}

/// A body where it lies in a file.
struct Part {
    file: Rc<File>,
    at: u64,
    size: u64,
}

impl ReadAt for Part {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..most).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, self.at + at + done as u64) {
                Ok(0) => return Err(Reason::System("the archive ends before it does".into())),
                Ok(count) => done += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Reason::System(error.to_string().into())),
            }
        }
        Ok(done)
    }
}

/// A body of which pieces were kept; what lies in none is wanted in the next pass.
struct FromKept<'a> {
    layers: &'a mut TarLayers,
    layer: usize,
    holder: Id,
    body: u32,
    size: u64,
}

impl FromKept<'_> {
    fn fill(&mut self, at: u64, buffer: &mut [u8], pattern: Option<&Pattern>) -> Result<usize, Reason> {
        let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let mut done = 0;
        while done < most {
            let rest = buffer.get_mut(done..most).unwrap_or_default();
            let kept = self.layers.kept.get(self.body);
            let count = match kept.map_or(InBody::Nothing, |kept| kept.from(at + done as u64, pattern)) {
                InBody::Bytes(bytes) => {
                    let count = bytes.len().min(rest.len());
                    if let (Some(to), Some(from)) = (rest.get_mut(..count), bytes.get(..count)) {
                        to.copy_from_slice(from);
                    }
                    count
                }
                InBody::Zeros(count) => {
                    let count = rest.len().min(usize::try_from(count).unwrap_or(usize::MAX));
                    rest.get_mut(..count).unwrap_or_default().fill(0);
                    count
                }
                InBody::Nothing => return Err(self.layers.want(self.layer, self.holder)),
            };
            done += count;
        }
        Ok(done)
    }
}

impl ReadAt for FromKept<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        self.fill(at, buffer, None)
    }

    fn search_at(&mut self, at: u64, buffer: &mut [u8], pattern: &Pattern) -> Result<usize, Reason> {
        self.fill(at, buffer, Some(pattern))
    }

    fn digest(&mut self, limit: u64) -> Result<Digest, Reason> {
        match self.layers.kept.get(self.body).and_then(|kept| kept.digest) {
            Some(digest) if self.size <= limit => Ok(digest),
            _ => digest_of(self, limit),
        }
    }
}
