//! Questions and a merged view in, replies out: the one place where a source's answers are put together.

use std::collections::HashMap;
use std::sync::Arc;

use envdiff_files::{
    Answer, Answered, Ask, Budget, Bytes, ImagePath, Kind, Node, Nodes, ReadAt, Reason, Reply, Resolved,
    Stat, TreeEntry, elf_answer, head, is_mount_of_the_runtime, resolve, zip_view,
};

use crate::Events;
use crate::limits::IMAGE_ENTRIES;
use crate::merge::{Item, Layers, Merged};

/// What is read of a file before it is known where its head ends, in bytes.
const FIRST_WINDOW: usize = 8 << 10;

/// A merged view with the folders that were resolved before.
pub(crate) struct Answers<L: Layers> {
    pub(crate) view: Merged<L>,
    /// Where folders asked for lead: what is asked next lies beside what was asked before.
    folders: HashMap<ImagePath, Resolved>,
    /// Who is told how far hashing came: it alone takes long where files lie on a disk.
    events: Option<Arc<dyn Events>>,
}

/// What the hashing of files is called while it runs.
pub(crate) const HASHING: &str = "hashing files";

impl<L: Layers> Answers<L> {
    pub(crate) fn new(layers: L) -> Self {
        Self { view: Merged::new(layers), folders: HashMap::new(), events: None }
    }

    /// Tells how far it came.
    pub(crate) fn watched(self, events: &Arc<dyn Events>) -> Self {
        Self { events: Some(Arc::clone(events)), ..self }
    }

    /// One reply for each question.
    pub(crate) fn answer(&mut self, asks: &[Ask]) -> Vec<Reply> {
        let mut hashed = 0;
        asks.iter()
            .map(|ask| {
                if let (Ask::Digest { .. }, Some(events)) = (ask, &self.events) {
                    hashed += 1;
                    events.step(HASHING, hashed);
                }
                self.reply(ask)
            })
            .collect()
    }

    /// The reply to one question.
    pub(crate) fn reply(&mut self, ask: &Ask) -> Reply {
        self.view.layers.asked(ask);
        match self.answered(ask) {
            Ok(Some(answered)) => Reply::Answered(answered),
            Ok(None) => Reply::Absent,
            Err(reason) => Reply::Unreadable(reason),
        }
    }

    fn answered(&mut self, ask: &Ask) -> Result<Option<Answered>, Reason> {
        let Resolved::Found(real, kind) = self.resolve(ask.path(), !matches!(ask, Ask::Link(_)))? else {
            return Ok(None);
        };
        let Some(item) = self.view.item(&real)? else { return Ok(None) };
        let answer = match ask {
            Ask::Stat(_) => Answer::Stat(Stat { kind, size: self.view.size(&real, item)? }),
            Ask::Link(_) if kind == Kind::Link => Answer::Link(self.view.text(&real, item)?),
            Ask::Link(_) => return Err(Reason::NotALink),
            Ask::List(_) | Ask::Tree { .. } if kind != Kind::Folder => return Err(Reason::NotAFolder),
            Ask::List(_) => match self.view.list(&real)? {
                Some(listing) => Answer::Listing(listing),
                None => return Ok(None),
            },
            Ask::Tree { depth, suffixes, .. } => Answer::Tree(Arc::new(self.tree(&real, *depth, suffixes)?)),
            _ if kind != Kind::File => return Err(Reason::NotAFile),
            Ask::Head(_) => Answer::Bytes(self.view.read(&real, item, head_of)?),
            Ask::Read { limit, .. } => Answer::Bytes(self.view.read(&real, item, |f| whole(f, *limit))?),
            Ask::Range { at, len, .. } => {
                Answer::Bytes(self.view.read(&real, item, |f| range(f, *at, *len))?)
            }
            Ask::Zip(_) => Answer::Zip(Arc::new(self.view.read(&real, item, |f| Ok(zip_view(f)?))?)),
            Ask::Elf(_) | Ask::Scan { .. } => self.view.read(&real, item, |f| elf_answer(ask, f))?,
            Ask::Digest { limit, .. } => Answer::Digest(self.view.read(&real, item, |f| f.digest(*limit))?),
        };
        Ok(Some(Answered { answer, real, layer: self.view.layers.number(item.layer) }))
    }

    /// As [`resolve`], but a folder that was resolved before is not walked again.
    fn resolve(&mut self, path: &ImagePath, follow_last: bool) -> Result<Resolved, Reason> {
        let name = path.file_name();
        let Some(parent) = path.parent().filter(|_| name != b"..") else {
            return resolve(&mut self.view, path, follow_last);
        };
        let folder = match self.folders.get(&parent) {
            Some(folder) => folder.clone(),
            None => {
                let folder = resolve(&mut self.view, &parent, true)?;
                self.folders.insert(parent, folder.clone());
                folder
            }
        };
        let Resolved::Found(folder, Kind::Folder) = folder else { return Ok(Resolved::Absent) };
        let real = folder.join(name).ok_or(Reason::PathTooLong)?;
        if is_mount_of_the_runtime(&real) {
            return Ok(Resolved::Absent);
        }
        match self.view.node(&real)? {
            None => Ok(Resolved::Absent),
            Some(Node::Is(kind)) => Ok(Resolved::Found(real, kind)),
            Some(Node::Link(_)) if !follow_last => Ok(Resolved::Found(real, Kind::Link)),
            // The hops before and behind this link count together.
            Some(Node::Link(_)) => resolve(&mut self.view, path, follow_last),
        }
    }

    fn tree(
        &mut self,
        top: &ImagePath,
        depth: u32,
        suffixes: &[&'static str],
    ) -> Result<Vec<TreeEntry>, Reason> {
        let cut = if *top == ImagePath::root() { 1 } else { top.as_bytes().len() + 1 };
        let mut out = Vec::new();
        let mut todo = if depth == 0 { Vec::new() } else { vec![(top.clone(), 1_u32)] };
        while let Some((folder, level)) = todo.pop() {
            let Some(listing) = self.view.list(&folder)? else { continue };
            for (name, kind) in &listing.entries {
                let told = *kind == Kind::Folder
                    || suffixes.is_empty()
                    || suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes()));
                if !told {
                    continue;
                }
                let path = folder.join(name).ok_or(Reason::PathTooLong)?;
                let size = match kind {
                    Kind::File => self.size_of(&path)?,
                    _ => 0,
                };
                let relative = path.as_bytes().get(cut..).unwrap_or_default();
                out.push(TreeEntry { path: Box::from(relative), kind: *kind, size });
                if out.len() > IMAGE_ENTRIES {
                    return Err(Reason::TooMany { limit: IMAGE_ENTRIES as u64 });
                }
                if *kind == Kind::Folder && level < depth {
                    todo.push((path, level + 1));
                }
            }
        }
        out.sort_unstable();
        Ok(out)
    }

    fn size_of(&mut self, real: &ImagePath) -> Result<u64, Reason> {
        match self.view.item(real)? {
            Some(item @ Item { kind: Kind::File, .. }) => self.view.size(real, item),
            _ => Ok(0),
        }
    }
}

fn read_all(file: &mut dyn ReadAt, at: u64, len: u64) -> Result<Vec<u8>, Reason> {
    if len > Budget::MAX_BYTES {
        return Err(Reason::Budget);
    }
    let mut buffer = vec![0; usize::try_from(len).map_err(|_| Reason::Budget)?];
    let count = file.read_at(at, &mut buffer)?;
    buffer.truncate(count);
    Ok(buffer)
}

fn head_of(file: &mut dyn ReadAt) -> Result<Bytes, Reason> {
    let size = file.size();
    let most = usize::try_from(size.min(Ask::HEAD_LIMIT)).unwrap_or(usize::MAX);
    let mut window = FIRST_WINDOW.min(most);
    loop {
        let content = read_all(file, 0, window as u64)?;
        let whole = content.len() < window || window as u64 == size;
        // A window that ends inside the file can only tell an empty line that lies wholly in it.
        match head(&content, content.len() as u64) {
            Ok(found) if whole || ends_in_empty_line(&found) => {
                return Ok(Bytes { content: found, size });
            }
            Ok(_) if window < most => window = window.saturating_mul(8).min(most),
            Ok(_) => return Err(Reason::TooLarge { limit: Ask::HEAD_LIMIT }),
            Err(reason) => return Err(reason),
        }
    }
}

fn ends_in_empty_line(content: &[u8]) -> bool {
    content == b"\n" || content == b"\r\n" || content.ends_with(b"\n\n") || content.ends_with(b"\n\r\n")
}

fn whole(file: &mut dyn ReadAt, limit: u64) -> Result<Bytes, Reason> {
    let size = file.size();
    if size > limit {
        return Err(Reason::TooLarge { limit });
    }
    Ok(Bytes { content: Arc::from(read_all(file, 0, size)?), size })
}

fn range(file: &mut dyn ReadAt, at: u64, len: u64) -> Result<Bytes, Reason> {
    let size = file.size();
    let at = at.min(size);
    Ok(Bytes { content: Arc::from(read_all(file, at, len.min(size - at))?), size })
}
