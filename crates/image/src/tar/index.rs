//! Entries of tars in, trees of names out that take about 40 bytes an entry, whatever the files hold.

use std::hash::{BuildHasher as _, RandomState};

use envdiff_files::{Kind, MAX_HOPS, MAX_PATH};

use crate::disk::{OPAQUE, WHITEOUT};
use crate::limits::{IMAGE_ENTRIES, IMAGE_NAMES, NAME};

use super::input::Input;
use super::keep::Keep;
use super::walk::{Header, TarError, TarKind, Walk};

/// An entry's number in its forest.
pub(crate) type Id = u32;
/// No entry.
const NONE: Id = Id::MAX;

/// What an entry is; numbers that fit three bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A file; its body is at the entry's `at`, in the way of its store.
    File,
    /// A file that shares the body of the entry `at`.
    Shared,
    /// A file whose content nothing tells: a sparse one, a hard link to nothing.
    Lost,
    /// A folder; `at` is its first child.
    Folder,
    /// A link; `at` is where its text lies among the names.
    Link,
    /// A FIFO or device.
    Other,
    /// Replaced by a later entry of the same name.
    Gone,
}

impl What {
    const fn bits(self) -> u64 {
        self as u64
    }
    const fn of(bits: u64) -> Self {
        match bits & 7 {
            0 => Self::File,
            1 => Self::Shared,
            2 => Self::Lost,
            3 => Self::Folder,
            4 => Self::Link,
            5 => Self::Other,
            _ => Self::Gone,
        }
    }
}

/// 24 bytes.
#[derive(Debug, Clone, Copy)]
struct Entry {
    parent: Id,
    /// Where its name lies among the names.
    name: u32,
    /// The next child of its folder.
    next: Id,
    at: u32,
    /// Size and kind: 48 bits and 3.
    meta: u64,
}

/// The body of a file is not kept.
pub(crate) const NOT_KEPT: u32 = u32::MAX;

/// Trees of names, one for each layer.
pub(crate) struct Forest {
    entries: Chunks<Entry>,
    /// Open addressing over (folder, name); empty slots are [`NONE`].
    table: Vec<Id>,
    used: usize,
    names: Chunks<u8>,
    /// How often an entry gave way to another: what was found before then may be found no more.
    replaced: u64,
    hasher: RandomState,
    /// Roots among the entries: these are no image's.
    roots: usize,
    most_entries: usize,
    most_names: usize,
}

impl Forest {
    pub(crate) fn new() -> Self {
        Self::within(IMAGE_ENTRIES, IMAGE_NAMES)
    }

    /// With bounds of the caller's: how many entries, and how many bytes of names and link texts.
    fn within(most_entries: usize, most_names: usize) -> Self {
        Self {
            entries: Chunks::new(),
            table: vec![NONE; 1 << 10],
            used: 0,
            names: Chunks::new(),
            replaced: 0,
            hasher: RandomState::new(),
            roots: 0,
            most_entries,
            most_names,
        }
    }

    /// A new tree; its root.
    pub(crate) fn plant(&mut self) -> Id {
        let meta = What::Folder.bits() << 48;
        let id = u32::try_from(self.entries.len).unwrap_or(NONE);
        self.roots += 1;
        self.entries.push(Entry { parent: NONE, name: 0, next: NONE, at: NONE, meta });
        id
    }

    fn entry(&self, id: Id) -> Entry {
        let gone = Entry { parent: NONE, name: 0, next: NONE, at: NONE, meta: What::Gone.bits() << 48 };
        self.entries.get(id as usize).copied().unwrap_or(gone)
    }

    pub(crate) fn what(&self, id: Id) -> What {
        What::of(self.entry(id).meta >> 48)
    }

    /// Size of a file, in bytes.
    pub(crate) fn size(&self, id: Id) -> u64 {
        self.entry(id).meta & ((1 << 48) - 1)
    }

    /// The entry that holds a file's body, and where that is.
    pub(crate) fn body(&self, id: Id) -> (Id, u32) {
        match self.what(id) {
            What::Shared => (self.entry(id).at, self.entry(self.entry(id).at).at),
            _ => (id, self.entry(id).at),
        }
    }

    /// Says where a file's body is.
    pub(crate) fn set_body(&mut self, id: Id, at: u32) {
        if let Some(entry) = self.entries.get_mut(id as usize) {
            entry.at = at;
        }
    }

    pub(crate) fn kind(&self, id: Id) -> Option<Kind> {
        match self.what(id) {
            What::File | What::Shared | What::Lost => Some(Kind::File),
            What::Folder => Some(Kind::Folder),
            What::Link => Some(Kind::Link),
            What::Other => Some(Kind::Other),
            What::Gone => None,
        }
    }

    /// An entry's name.
    pub(crate) fn name(&self, id: Id) -> Vec<u8> {
        self.name_at(self.entry(id).name)
    }

    fn name_at(&self, at: u32) -> Vec<u8> {
        let at = at as usize;
        let len = self.names.get(at).copied().map_or(0, usize::from);
        self.names.slice(at + 1, len)
    }

    /// A link's text.
    pub(crate) fn text(&self, id: Id) -> Vec<u8> {
        self.text_at(self.entry(id).at)
    }

    fn text_at(&self, at: u32) -> Vec<u8> {
        let at = at as usize;
        let byte = |at| self.names.get(at).copied().map_or(0, usize::from);
        self.names.slice(at + 2, byte(at) * 256 + byte(at + 1))
    }

    fn has_name(&self, id: Id, name: &[u8]) -> bool {
        let at = self.entry(id).name as usize;
        self.names.get(at).copied().map(usize::from) == Some(name.len()) && self.names.is_at(at + 1, name)
    }

    /// The path of an entry from the root of its tree, `/a/b`.
    pub(crate) fn path(&self, id: Id) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = id;
        while self.entry(at).parent != NONE {
            parts.push(self.name(at));
            at = self.entry(at).parent;
        }
        let mut path = Vec::new();
        for part in parts.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        path
    }

    fn slot(&self, folder: Id, name: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let hash = usize::try_from(self.hasher.hash_one((folder, name)) & u64::from(u32::MAX)).unwrap_or(0);
        let mut slot = hash & mask;
        // The table is never full, so this ends.
        while let Some(id) = self.table.get(slot).copied().filter(|id| *id != NONE) {
            if self.entry(id).parent == folder && self.has_name(id, name) {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// What a folder has under a name.
    pub(crate) fn child(&self, folder: Id, name: &[u8]) -> Option<Id> {
        self.table.get(self.slot(folder, name)).copied().filter(|id| *id != NONE)
    }

    /// The children of a folder, in no order.
    pub(crate) fn children(&self, folder: Id) -> impl Iterator<Item = Id> {
        let first = if self.what(folder) == What::Folder { self.entry(folder).at } else { NONE };
        let mut next = first;
        std::iter::from_fn(move || {
            while next != NONE {
                let id = next;
                next = self.entry(id).next;
                if self.what(id) != What::Gone {
                    return Some(id);
                }
            }
            None
        })
    }

    /// Puts an entry into a folder; one of the same name gives way, but a folder stays a folder.
    fn put(&mut self, folder: Id, name: &[u8], what: What, size: u64, at: u32) -> Result<Id, TarError> {
        let mut slot = self.slot(folder, name);
        let old = self.table.get(slot).copied().filter(|id| *id != NONE);
        if let Some(old) = old {
            if what == What::Folder && self.what(old) == What::Folder {
                return Ok(old);
            }
            self.replaced += 1;
            // It stays where it is, for a hard link may lead to it, but nothing finds it any more.
            if let Some(entry) = self.entries.get_mut(old as usize) {
                entry.meta = What::Gone.bits() << 48 | (entry.meta & ((1 << 48) - 1));
            }
        }
        if self.entries.len - self.roots >= self.most_entries {
            return Err(TarError::TooMuch { what: format!("more than {} entries", self.most_entries) });
        }
        let text = self.write_name(name)?;
        let id = u32::try_from(self.entries.len).unwrap_or(NONE);
        let next = self.entry(folder).at;
        self.entries.push(Entry { parent: folder, name: text, next, at, meta: what.bits() << 48 | size });
        self.set_body(folder, id);
        if old.is_none() {
            self.used += 1;
            if self.used * 4 > self.table.len() * 3 {
                self.widen();
                slot = self.slot(folder, name);
            }
        }
        if let Some(place) = self.table.get_mut(slot) {
            *place = id;
        }
        Ok(id)
    }

    /// Twice as many slots; what was replaced is found no more.
    fn widen(&mut self) {
        let old = std::mem::take(&mut self.table);
        self.table = vec![NONE; old.len() * 2];
        for id in old.into_iter().filter(|id| *id != NONE) {
            let slot = self.slot(self.entry(id).parent, &self.name(id));
            if let Some(place) = self.table.get_mut(slot) {
                *place = id;
            }
        }
    }

    /// Where the next name lies, when `len` more bytes fit.
    fn room_for_name(&self, len: usize) -> Result<u32, TarError> {
        let fits = self.names.len.saturating_add(len) <= self.most_names;
        u32::try_from(self.names.len).ok().filter(|_| fits).ok_or_else(|| TarError::TooMuch {
            what: format!("more than {} MiB of names and link texts", self.most_names >> 20),
        })
    }

    fn write_name(&mut self, name: &[u8]) -> Result<u32, TarError> {
        let at = self.room_for_name(name.len())?;
        let len = u8::try_from(name.len())
            .map_err(|_| TarError::TooMuch { what: format!("a name of more than {NAME} bytes") })?;
        self.names.push(len);
        self.names.extend(name);
        Ok(at)
    }

    fn write_text(&mut self, text: &[u8]) -> Result<u32, TarError> {
        let len = u16::try_from(text.len())
            .ok()
            .filter(|len| usize::from(*len) <= MAX_PATH)
            .ok_or_else(|| TarError::TooMuch { what: format!("a link of more than {MAX_PATH} bytes") })?;
        let at = self.room_for_name(text.len())?;
        self.names.extend(&len.to_be_bytes());
        self.names.extend(text);
        Ok(at)
    }

    /// The folder of a path's last component, made where it is not there, as an engine makes it; links on the way are
    /// followed inside the tree. `None` when they go in circles.
    fn folder_for(&mut self, root: Id, parts: &[&[u8]]) -> Result<Option<Id>, TarError> {
        let mut folder = root;
        let mut todo: Vec<Vec<u8>> = Vec::new();
        let mut parts = parts.iter();
        let mut hops = 0;
        loop {
            let owned = todo.pop();
            let part: &[u8] = match &owned {
                Some(part) => part,
                None => match parts.next() {
                    Some(part) => part,
                    None => return Ok(Some(folder)),
                },
            };
            if part == b".." {
                folder = Some(self.entry(folder).parent).filter(|parent| *parent != NONE).unwrap_or(folder);
                continue;
            }
            match self.child(folder, part) {
                Some(id) if self.what(id) == What::Folder => folder = id,
                Some(id) if self.what(id) == What::Link => {
                    hops += 1;
                    if hops > MAX_HOPS {
                        return Ok(None);
                    }
                    let text = self.text(id);
                    if text.first() == Some(&b'/') {
                        folder = root;
                    }
                    todo.extend(components(&text).rev().map(<[u8]>::to_vec));
                }
                _ => folder = self.put(folder, part, What::Folder, 0, NONE)?,
            }
        }
    }

    /// The entry at a path, links on the way followed, the last component not.
    fn find(&self, root: Id, parts: &[&[u8]]) -> Option<Id> {
        let mut at = root;
        for part in parts {
            at = self.child(at, part)?;
        }
        Some(at)
    }
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

/// The components of an entry's path, as `filepath.Clean` leaves them. An absolute path is taken from the root.
fn clean(path: &[u8]) -> Result<Vec<&[u8]>, TarError> {
    let leads_out = || TarError::LeadsOut { path: path.get(..path.len().min(200)).unwrap_or(path).to_vec() };
    if path.len() > MAX_PATH {
        return Err(TarError::TooMuch { what: format!("a path of {} bytes", path.len()) });
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in components(path) {
        if part == b".." {
            if parts.pop().is_none() && path.first() != Some(&b'/') {
                return Err(leads_out());
            }
        } else {
            parts.push(part);
        }
    }
    Ok(parts)
}

/// Reads the entries of a tar into the tree at `root`; `progress` hears how many there are so far.
pub(crate) fn grow<I: Input>(
    forest: &mut Forest,
    root: Id,
    walk: &mut Walk<I>,
    keep: &mut dyn Keep,
    progress: &mut dyn FnMut(u64),
) -> Result<(), TarError> {
    // Hard links to what comes later in the stream, or from a layer below.
    let mut dangling: Vec<(Id, u32)> = Vec::new();
    let mut count = 0_u64;
    let mut last = LastFolder::default();
    while walk.next()? {
        count += 1;
        if count.is_multiple_of(1024) {
            progress(count);
        }
        if walk.header.kind == TarKind::Unknown {
            continue;
        }
        let path = std::mem::take(&mut walk.header.path);
        let added = add(forest, root, walk, &path, keep, &mut dangling, &mut last);
        walk.header.path = path;
        added?;
    }
    for (id, text) in dangling {
        let link = forest.text_at(text);
        share(forest, root, id, &link)?;
    }
    Ok(())
}

/// The folder of the entry before: in nearly every tar the next one lies beside it.
#[derive(Default)]
struct LastFolder {
    above: Vec<u8>,
    known: Option<(Id, u64)>,
}

impl LastFolder {
    fn or_find(&mut self, forest: &mut Forest, root: Id, above: &[&[u8]]) -> Result<Option<Id>, TarError> {
        if let Some((folder, replaced)) = self.known
            && replaced == forest.replaced
            && self.above.split(|byte| *byte == b'/').skip(1).eq(above.iter().copied())
        {
            return Ok(Some(folder));
        }
        let found = forest.folder_for(root, above)?;
        self.above.clear();
        for part in above {
            self.above.push(b'/');
            self.above.extend_from_slice(part);
        }
        self.known = found.map(|folder| (folder, forest.replaced));
        Ok(found)
    }
}

fn add<I: Input>(
    forest: &mut Forest,
    root: Id,
    walk: &mut Walk<I>,
    path: &[u8],
    keep: &mut dyn Keep,
    dangling: &mut Vec<(Id, u32)>,
    last: &mut LastFolder,
) -> Result<(), TarError> {
    let parts = clean(path)?;
    let Some((name, above)) = parts.split_last() else { return Ok(()) };
    // Files of the old AUFS driver about itself.
    if name.starts_with(b".wh..wh.") && *name != OPAQUE {
        return Ok(());
    }
    let Some(folder) = last.or_find(forest, root, above)? else { return Ok(()) };
    let Header { kind, size, real_size, .. } = walk.header;
    match kind {
        TarKind::Folder => {
            forest.put(folder, name, What::Folder, 0, NONE)?;
        }
        TarKind::Link => {
            let text = forest.write_text(&walk.header.link)?;
            forest.put(folder, name, What::Link, 0, text)?;
        }
        TarKind::Other => {
            forest.put(folder, name, What::Other, 0, NONE)?;
        }
        TarKind::Sparse => {
            forest.put(folder, name, What::Lost, real_size, NONE)?;
        }
        TarKind::HardLink => {
            let link = std::mem::take(&mut walk.header.link);
            let id = forest.put(folder, name, What::Lost, 0, NONE)?;
            if !share(forest, root, id, &link)? {
                // Among the names, so that their bound holds for it too.
                dangling.push((id, forest.write_text(&link)?));
            }
        }
        TarKind::File => {
            let at = keep.keep(walk, &parts, size)?;
            forest.put(folder, name, What::File, size, at)?;
        }
        TarKind::Unknown => {}
    }
    Ok(())
}

/// Lets an entry share what a hard link leads to; whether that is there.
fn share(forest: &mut Forest, root: Id, id: Id, link: &[u8]) -> Result<bool, TarError> {
    let Some(target) = forest.find(root, &clean(link)?).filter(|target| *target != id) else {
        return Ok(false);
    };
    let (what, size, at) = match forest.what(target) {
        What::File => (What::Shared, forest.size(target), target),
        What::Shared => (What::Shared, forest.size(target), forest.entry(target).at),
        What::Link => (What::Link, 0, forest.entry(target).at),
        What::Other => (What::Other, 0, NONE),
        What::Lost => (What::Lost, forest.size(target), NONE),
        What::Folder | What::Gone => return Ok(false),
    };
    if let Some(entry) = forest.entries.get_mut(id as usize) {
        entry.meta = what.bits() << 48 | size;
        entry.at = at;
    }
    Ok(true)
}

/// The name without its whiteout prefix, if it has one.
pub(crate) fn removed(name: &[u8]) -> Option<&[u8]> {
    name.strip_prefix(WHITEOUT)
}

/// A list in pieces, so that growing never copies what is there.
struct Chunks<T> {
    pieces: Vec<Vec<T>>,
    len: usize,
}

/// Elements of a piece: 64 Ki.
const PIECE: usize = 1 << 16;

impl<T: Copy> Chunks<T> {
    const fn new() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }

    fn push(&mut self, value: T) {
        if self.len.is_multiple_of(PIECE) {
            // The first piece grows as it is filled: most trees are small.
            let room = if self.pieces.is_empty() { 64 } else { PIECE };
            self.pieces.push(Vec::with_capacity(room));
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(value);
            self.len += 1;
        }
    }

    fn extend(&mut self, mut values: &[T]) {
        while let Some((first, rest)) = values.split_first() {
            self.push(*first);
            let Some(piece) = self.pieces.last_mut() else { return };
            let (fits, more) = rest.split_at(rest.len().min(PIECE - piece.len()));
            piece.extend_from_slice(fits);
            self.len += fits.len();
            values = more;
        }
    }

    fn get(&self, at: usize) -> Option<&T> {
        self.pieces.get(at / PIECE)?.get(at % PIECE)
    }

    fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.pieces.get_mut(at / PIECE)?.get_mut(at % PIECE)
    }

    fn slice(&self, at: usize, len: usize) -> Vec<T> {
        if let Some(piece) = self.pieces.get(at / PIECE)
            && let Some(slice) = piece.get(at % PIECE..at % PIECE + len)
        {
            return slice.to_vec();
        }
        (at..at + len).filter_map(|at| self.get(at).copied()).collect()
    }
}

impl Chunks<u8> {
    fn is_at(&self, at: usize, bytes: &[u8]) -> bool {
        if let Some(piece) = self.pieces.get(at / PIECE)
            && let Some(slice) = piece.get(at % PIECE..at % PIECE + bytes.len())
        {
            return slice == bytes;
        }
        bytes.iter().enumerate().all(|(offset, byte)| self.get(at + offset) == Some(byte))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use envdiff_files::{Ask, ImagePath, MAX_PATH, Reply};

    use super::{Chunks, Forest, NONE, PIECE, What, clean, grow};
    use crate::answer::Answers;
    use crate::hostile::tar_with;
    use crate::limits::{FOLDER_ENTRIES, IMAGE_ENTRIES, IMAGE_NAMES, NAME};
    use crate::tar::{Flow, Keeper, Store, TarError, TarLayers, Tree, Walk};

    #[test]
    fn pieces_are_one_list() {
        let mut list = Chunks::new();
        for at in 0..PIECE * 2 + 10 {
            list.push(u8::try_from(at % 251).unwrap());
        }
        let want: Vec<u8> = (PIECE - 3..PIECE + 3).map(|at| u8::try_from(at % 251).unwrap()).collect();
        assert_eq!(list.slice(PIECE - 3, 6), want);
        assert!(list.is_at(PIECE - 3, &want));
        assert!(!list.is_at(PIECE - 2, &want));
        assert_eq!(list.get(PIECE * 2 + 10), None);
    }

    #[test]
    fn paths_stay_in_the_root() {
        let parts = |path: &str| clean(path.as_bytes()).map(|parts| parts.join(&b'/')).ok();
        assert_eq!(parts("./a//b/."), Some(b"a/b".to_vec()));
        assert_eq!(parts("/etc/passwd"), Some(b"etc/passwd".to_vec()));
        assert_eq!(parts("a/../b"), Some(b"b".to_vec()));
        assert_eq!(parts("../b"), None);
        assert_eq!(parts("a/../../b"), None);
        assert_eq!(parts("/../b"), Some(b"b".to_vec()));
        assert_eq!(parts(&"a/".repeat(3000)), None);
    }

    fn told(result: Result<(), TarError>) -> String {
        result.map_or_else(|error| error.of("l.tar").to_string(), |()| "read".to_owned())
    }

    /// Reads a tar into a forest.
    fn grown(mut forest: Forest, tar: &[u8]) -> String {
        let root = forest.plant();
        let mut kept = super::super::kept::AllKept::new();
        let mut keeper = Keeper::new(None, &[], &mut kept);
        told(grow(&mut forest, root, &mut Walk::new(Flow::new(tar)), &mut keeper, &mut |_| ()))
    }

    #[test]
    fn a_folder_has_at_most_200000_entries() {
        let mut layers = TarLayers::new(true);
        let root = layers.forest.plant();
        layers.trees.push(Tree { root, store: Store::Kept });
        for at in 0..FOLDER_ENTRIES {
            layers.forest.put(root, &at.to_le_bytes()[..4], What::Other, 0, NONE).unwrap();
        }
        let mut answers = Answers::new(layers);
        let list = |answers: &mut Answers<TarLayers>| answers.reply(&Ask::List(ImagePath::root()));
        assert!(matches!(list(&mut answers), Reply::Answered(_)));
        let mut layers = answers.view.layers;
        layers.forest.put(root, b"more", What::Other, 0, NONE).unwrap();
        let Reply::Unreadable(why) = list(&mut Answers::new(layers)) else { panic!("listed") };
        assert_eq!(why.to_string(), "more than 200000 entries");
    }

    /// The bound is a parameter here: 2,000,000 entries take seconds without optimisation.
    #[test]
    fn an_image_has_at_most_2000000_entries() {
        let ours = Forest::new();
        assert_eq!((ours.most_entries, ours.most_names), (IMAGE_ENTRIES, IMAGE_NAMES));
        // The folder is one too.
        let tar = tar_with(&[("a/b", b""), ("a/c", b"")]);
        assert_eq!(grown(Forest::within(3, 100), &tar), "read");
        assert_eq!(grown(Forest::within(2, 100), &tar), "l.tar holds more than is read: more than 2 entries");
        let twice = tar_with(&[("a", b""), ("a", b""), ("a", b"")]);
        assert_eq!(grown(Forest::within(3, 100), &twice), "read");
        assert!(grown(Forest::within(2, 100), &twice).contains("more than 2 entries"), "replaced ones count");
    }

    #[test]
    fn the_names_of_an_image_have_at_most_256_mib() {
        let mut builder = tar::Builder::new(Vec::new());
        for (kind, name) in [(tar::EntryType::Symlink, "a"), (tar::EntryType::Link, "b")] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            builder.append_link(&mut header, name, "0123456789").unwrap();
        }
        let tar = builder.into_inner().unwrap();
        // A byte for the length of a name, two for that of a text.
        let all = 2 + 12 + 2 + 12;
        assert_eq!(grown(Forest::within(9, all), &tar), "read");
        // The text of a hard link to nothing lies there too.
        for most in [all - 3, all - 13, 11, 1] {
            let told = grown(Forest::within(9, most), &tar);
            assert_eq!(
                told, "l.tar holds more than is read: more than 0 MiB of names and link texts",
                "{most}"
            );
        }
    }

    #[test]
    fn a_layer_has_paths_names_and_links_of_a_file_system() {
        let entry = |path: &str, link: &str| {
            let mut builder = tar::Builder::new(Vec::new());
            builder
                .append_pax_extensions([("path", path.as_bytes()), ("linkpath", link.as_bytes())])
                .unwrap();
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_cksum();
            builder.append(&header, &[][..]).unwrap();
            grown(Forest::new(), &builder.into_inner().unwrap())
        };
        let path = |len: usize| format!("{}{}", "d/".repeat((len - 2) / 2), "f".repeat(2 - len % 2));
        assert_eq!(entry(&path(MAX_PATH), "x"), "read");
        let beyond = entry(&format!("{}f", path(MAX_PATH)), "x");
        assert_eq!(beyond, "l.tar holds more than is read: a path of 4097 bytes");
        assert_eq!(entry("a", &"l".repeat(MAX_PATH)), "read");
        let beyond = entry("a", &"l".repeat(MAX_PATH + 1));
        assert_eq!(beyond, "l.tar holds more than is read: a link of more than 4096 bytes");
        assert_eq!(entry(&"n".repeat(NAME), "x"), "read");
        let beyond = entry(&"n".repeat(NAME + 1), "x");
        assert_eq!(beyond, "l.tar holds more than is read: a name of more than 255 bytes");
    }
}
