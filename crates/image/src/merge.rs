//! Layers of folders in, one merged view of them by real paths out: what a union mount would show.
//!
//! A root file system is a view of one layer; a bundle is one of two; an image's layer folders and the layers in an
//! archive are merged by the same rules.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use envdiff_files::{Ask, ImagePath, Kind, Listing, Node, Nodes, ReadAt, Reason, is_mount_of_the_runtime};

use crate::limits::FOLDER_ENTRIES;

/// The most opened folders that are kept; macOS allows 256 descriptors by default, Linux 1,024.
const MAX_OPEN: usize = if cfg!(target_os = "linux") { 400 } else { 96 };

/// What one layer says of a name in one of its folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing: the layer below decides.
    Nothing,
    /// It was removed in this layer.
    Hidden,
    /// It is here; `size` is that of a regular file, else 0.
    Is { kind: Kind, size: u64 },
}

/// What one layer has where a folder is entered.
pub(crate) enum Entered<F> {
    /// Nothing: the layer below decides.
    Nothing,
    /// It was removed in this layer.
    Hidden,
    /// Something that is no folder.
    NotAFolder,
    /// The folder; when it is opaque, nothing below shows through.
    Folder { folder: F, opaque: bool },
}

/// The names in a folder of one layer.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// What is here, in no order.
    pub(crate) entries: Vec<(Box<[u8]>, Kind)>,
    /// What this layer removes from those below.
    pub(crate) hidden: Vec<Box<[u8]>>,
}

/// A stack of layers; number 0 is the topmost.
pub(crate) trait Layers {
    /// A folder of one layer, opened.
    type Folder;

    /// How many there are.
    fn count(&self) -> usize;
    /// The number that answers carry for a layer (from the lowest up), `None` where layers mean nothing to the user.
    fn number(&self, layer: usize) -> Option<usize>;
    /// Told before each question is answered, for layers that must know what a file is opened for.
    fn asked(&mut self, _: &Ask) {}
    /// The layer's root.
    fn root(&mut self, layer: usize) -> Result<Entered<Self::Folder>, Reason>;
    /// Looks for one name.
    fn look(&mut self, layer: usize, folder: &Self::Folder, name: &[u8]) -> Result<Found, Reason>;
    /// Opens a folder in a folder.
    fn enter(
        &mut self,
        layer: usize,
        folder: &Self::Folder,
        name: &[u8],
    ) -> Result<Entered<Self::Folder>, Reason>;
    /// All names of a folder, at most [`FOLDER_ENTRIES`].
    fn names(&mut self, layer: usize, folder: &Self::Folder) -> Result<Names, Reason>;
    /// A link's text.
    fn link(&mut self, layer: usize, folder: &Self::Folder, name: &[u8]) -> Result<Box<[u8]>, Reason>;
    /// Opens a regular file for positioned reads.
    fn open<'a>(
        &'a mut self,
        layer: usize,
        folder: &Self::Folder,
        name: &[u8],
    ) -> Result<Box<dyn ReadAt + 'a>, Reason>;
}

/// One name of the merged view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    /// Which layer it comes from; for a folder the topmost that has it.
    pub(crate) layer: usize,
    /// Size of a regular file where it is known already.
    pub(crate) size: Option<u64>,
}

/// A merged listing with the layer of each entry.
struct Listed {
    listing: Arc<Listing>,
    layers: Vec<u32>,
}

/// A folder of the merged view: the layers that have it, from the top.
pub(crate) struct Folder<F> {
    parts: Vec<(usize, F)>,
    listed: RefCell<Option<Rc<Listed>>>,
    known: RefCell<HashMap<Box<[u8]>, Option<Item>>>,
}

/// The merged view.
pub(crate) struct Merged<L: Layers> {
    pub(crate) layers: L,
    root: Option<Rc<Folder<L::Folder>>>,
    folders: HashMap<ImagePath, Rc<Folder<L::Folder>>>,
    open: usize,
}

impl<L: Layers> Merged<L> {
    pub(crate) fn new(layers: L) -> Self {
        Self { layers, root: None, folders: HashMap::new(), open: 0 }
    }

    fn root(&mut self) -> Result<Rc<Folder<L::Folder>>, Reason> {
        if let Some(root) = &self.root {
            return Ok(Rc::clone(root));
        }
        let mut parts = Vec::new();
        for layer in 0..self.layers.count() {
            if let Entered::Folder { folder, opaque } = self.layers.root(layer)? {
                parts.push((layer, folder));
                if opaque {
                    break;
                }
            }
        }
        let root = Rc::new(Folder { parts, listed: RefCell::default(), known: RefCell::default() });
        self.root = Some(Rc::clone(&root));
        Ok(root)
    }

    /// The folder at a real path; `None` when there is none.
    pub(crate) fn folder(&mut self, real: &ImagePath) -> Result<Option<Rc<Folder<L::Folder>>>, Reason> {
        if let Some(folder) = self.folders.get(real) {
            return Ok(Some(Rc::clone(folder)));
        }
        // Climb to the nearest folder that is open, then walk down again: no recursion over a hostile depth.
        let mut above = vec![real.clone()];
        let mut folder = loop {
            let Some(parent) = above.last().and_then(ImagePath::parent) else { break self.root()? };
            if let Some(folder) = self.folders.get(&parent) {
                break Rc::clone(folder);
            }
            above.push(parent);
        };
        while let Some(path) = above.pop() {
            if path.file_name().is_empty() {
                continue;
            }
            let Some(inner) = self.enter(&folder, path.file_name())? else { return Ok(None) };
            self.open += inner.parts.len();
            if self.open > MAX_OPEN {
                self.folders.clear();
                self.open = inner.parts.len();
            }
            folder = Rc::new(inner);
            self.folders.insert(path, Rc::clone(&folder));
        }
        Ok(Some(folder))
    }

    fn enter(
        &mut self,
        folder: &Folder<L::Folder>,
        name: &[u8],
    ) -> Result<Option<Folder<L::Folder>>, Reason> {
        let mut parts = Vec::new();
        for (layer, part) in &folder.parts {
            match self.layers.enter(*layer, part, name)? {
                Entered::Nothing => {}
                Entered::Hidden | Entered::NotAFolder => break,
                Entered::Folder { folder, opaque } => {
                    parts.push((*layer, folder));
                    if opaque {
                        break;
                    }
                }
            }
        }
        if parts.is_empty() {
            return Ok(None);
        }
        Ok(Some(Folder { parts, listed: RefCell::default(), known: RefCell::default() }))
    }

    /// What a folder has under a name.
    fn child(&mut self, folder: &Folder<L::Folder>, name: &[u8]) -> Result<Option<Item>, Reason> {
        if let Some(known) = folder.known.borrow().get(name) {
            return Ok(*known);
        }
        let listed = folder.listed.borrow().clone();
        if let Some(listed) = listed {
            return Ok(listed.get(name));
        }
        let mut item = None;
        for (layer, part) in &folder.parts {
            match self.layers.look(*layer, part, name)? {
                Found::Nothing => {}
                Found::Hidden => break,
                Found::Is { kind, size } => {
                    item = Some(Item { kind, layer: *layer, size: Some(size) });
                    break;
                }
            }
        }
        folder.known.borrow_mut().insert(Box::from(name), item);
        Ok(item)
    }

    /// What is at a real path.
    pub(crate) fn item(&mut self, real: &ImagePath) -> Result<Option<Item>, Reason> {
        let Some(parent) = real.parent() else {
            let layer = self.root()?.parts.first().map_or(0, |(layer, _)| *layer);
            return Ok(Some(Item { kind: Kind::Folder, layer, size: Some(0) }));
        };
        match self.folder(&parent)? {
            Some(folder) => self.child(&folder, real.file_name()),
            None => Ok(None),
        }
    }

    /// The size of the regular file at a real path.
    pub(crate) fn size(&mut self, real: &ImagePath, item: Item) -> Result<u64, Reason> {
        if let Some(size) = item.size {
            return Ok(size);
        }
        if item.kind != Kind::File {
            return Ok(0);
        }
        self.part_of(real, item, |layers, part, name| match layers.look(item.layer, part, name)? {
            Found::Is { kind: Kind::File, size } => Ok(size),
            _ => Err(Reason::System("it changed while it was read".into())),
        })
    }

    /// The text of the link at a real path.
    pub(crate) fn text(&mut self, real: &ImagePath, item: Item) -> Result<Box<[u8]>, Reason> {
        self.part_of(real, item, |layers, part, name| layers.link(item.layer, part, name))
    }

    /// Reads of the regular file at a real path.
    pub(crate) fn read<T>(
        &mut self,
        real: &ImagePath,
        item: Item,
        read: impl FnOnce(&mut dyn ReadAt) -> Result<T, Reason>,
    ) -> Result<T, Reason> {
        self.part_of(real, item, |layers, part, name| {
            let mut file = layers.open(item.layer, part, name)?;
            read(&mut *file)
        })
    }

    fn part_of<T>(
        &mut self,
        real: &ImagePath,
        item: Item,
        f: impl FnOnce(&mut L, &L::Folder, &[u8]) -> Result<T, Reason>,
    ) -> Result<T, Reason> {
        let gone = || Reason::System("it changed while it was read".into());
        let parent = real.parent().ok_or_else(gone)?;
        let folder = self.folder(&parent)?.ok_or_else(gone)?;
        let (_, part) = folder.parts.iter().find(|(layer, _)| *layer == item.layer).ok_or_else(gone)?;
        f(&mut self.layers, part, real.file_name())
    }

    /// The merged listing of the folder at a real path, without what a runtime mounts, and the layer of each entry.
    fn listed(&mut self, real: &ImagePath) -> Result<Option<Rc<Listed>>, Reason> {
        let Some(folder) = self.folder(real)? else { return Ok(None) };
        if let Some(listed) = &*folder.listed.borrow() {
            return Ok(Some(Rc::clone(listed)));
        }
        let mut all: Vec<(Box<[u8]>, Kind, u32)> = Vec::new();
        let mut hidden: Vec<(Box<[u8]>, u32)> = Vec::new();
        for (rank, (layer, part)) in folder.parts.iter().enumerate() {
            let rank = u32::try_from(rank).unwrap_or(u32::MAX);
            let names = self.layers.names(*layer, part)?;
            all.extend(names.entries.into_iter().map(|(name, kind)| (name, kind, rank)));
            hidden.extend(names.hidden.into_iter().map(|name| (name, rank)));
            if all.len() > FOLDER_ENTRIES * 4 {
                return Err(Reason::TooMany { limit: FOLDER_ENTRIES as u64 });
            }
        }
        // The topmost of a name comes first and stays; a name removed in a layer above it goes.
        all.sort_unstable_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
        all.dedup_by(|later, first| later.0 == first.0);
        if !hidden.is_empty() {
            hidden.sort_unstable();
            all.retain(|(name, _, rank)| {
                let at = hidden.partition_point(|(n, _)| n < name);
                !hidden.get(at).is_some_and(|(n, top)| n == name && top < rank)
            });
        }
        all.retain(|(name, _, _)| real.join(name).is_some_and(|path| !is_mount_of_the_runtime(&path)));
        if all.len() > FOLDER_ENTRIES {
            return Err(Reason::TooMany { limit: FOLDER_ENTRIES as u64 });
        }
        let layer_of = |rank: u32| folder.parts.get(rank as usize).map_or(0, |(layer, _)| *layer);
        let layers = all.iter().map(|(_, _, rank)| u32::try_from(layer_of(*rank)).unwrap_or(0)).collect();
        let entries = all.into_iter().map(|(name, kind, _)| (name, kind)).collect();
        let listed = Rc::new(Listed { listing: Arc::new(Listing { entries }), layers });
        *folder.listed.borrow_mut() = Some(Rc::clone(&listed));
        Ok(Some(listed))
    }

    /// The merged listing of the folder at a real path.
    pub(crate) fn list(&mut self, real: &ImagePath) -> Result<Option<Arc<Listing>>, Reason> {
        Ok(self.listed(real)?.map(|listed| Arc::clone(&listed.listing)))
    }
}

impl Listed {
    fn get(&self, name: &[u8]) -> Option<Item> {
        let at = self.listing.entries.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        let (_, kind) = self.listing.entries.get(at)?;
        Some(Item { kind: *kind, layer: *self.layers.get(at)? as usize, size: None })
    }
}

impl<L: Layers> Nodes for Merged<L> {
    fn node(&mut self, real: &ImagePath) -> Result<Option<Node>, Reason> {
        match self.item(real)? {
            None => Ok(None),
            Some(item) if item.kind == Kind::Link => Ok(Some(Node::Link(self.text(real, item)?))),
            Some(item) => Ok(Some(Node::Is(item.kind))),
        }
    }
}
