//! A file system made from a literal: paths and contents in, answers out. Tests and the examples of the checks' pages
//! are audited through it, and every other source must answer as it does.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use crate::{
    Answer, Answered, Ask, Bytes, ImagePath, Kind, Likely, Listing, Node, Nodes, Reason, Reply, Resolved,
    Source, Stat, TreeEntry, digest_of, elf_answer, is_mount_of_the_runtime, resolve, zip_view,
};

#[derive(Debug, Clone)]
enum Item {
    File(Arc<[u8]>),
    Folder,
    Link(Box<[u8]>),
    Other,
    Unreadable(Reason),
}

/// A file system in memory. Folders above an item come by themselves.
#[derive(Debug, Clone, Default)]
pub struct Literal {
    items: BTreeMap<ImagePath, Item>,
}

impl Literal {
    /// An empty root.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn put(mut self, path: &str, item: Item) -> Self {
        let Some(path) = ImagePath::new(path) else { return self };
        let mut above = path.parent();
        while let Some(folder) = above {
            above = folder.parent();
            self.items.entry(folder).or_insert(Item::Folder);
        }
        self.items.insert(path, item);
        self
    }

    /// With a regular file. A path that is not absolute is passed over, here and below.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.put(path, Item::File(Arc::from(content.as_ref())))
    }

    /// With a folder.
    #[must_use]
    pub fn folder(self, path: &str) -> Self {
        self.put(path, Item::Folder)
    }

    /// With a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, text: &str) -> Self {
        self.put(path, Item::Link(Box::from(text.as_bytes())))
    }

    /// With a FIFO, socket or device.
    #[must_use]
    pub fn other(self, path: &str) -> Self {
        self.put(path, Item::Other)
    }

    /// With a file that is there and cannot be read.
    #[must_use]
    pub fn unreadable(self, path: &str, reason: Reason) -> Self {
        self.put(path, Item::Unreadable(reason))
    }

    fn below<'a>(&'a self, folder: &'a ImagePath) -> impl Iterator<Item = (&'a ImagePath, &'a Item)> {
        self.items
            .range(folder.clone()..)
            .skip(1)
            .take_while(|(path, _)| path.as_bytes().starts_with(folder.as_bytes()))
            .filter(|(path, _)| path.is_below(folder) && !is_mount_of_the_runtime(path))
    }

    fn reply(&mut self, ask: &Ask) -> Result<Option<(Answer, ImagePath)>, Reason> {
        let Resolved::Found(real, kind) = resolve(self, ask.path(), !matches!(ask, Ask::Link(_)))? else {
            return Ok(None);
        };
        let file = |items: &BTreeMap<ImagePath, Item>| match items.get(&real) {
            Some(Item::File(content)) => Ok(Arc::clone(content)),
            Some(Item::Unreadable(reason)) => Err(reason.clone()),
            _ => Err(Reason::NotAFile),
        };
        let answer = match ask {
            Ask::Stat(_) => {
                let size = match self.items.get(&real) {
                    Some(Item::File(content)) => content.len() as u64,
                    _ => 0,
                };
                Answer::Stat(Stat { kind, size })
            }
            Ask::Link(_) => match self.items.get(&real) {
                Some(Item::Link(text)) => Answer::Link(text.clone()),
                _ => return Err(Reason::NotALink),
            },
            Ask::List(_) => {
                if kind != Kind::Folder {
                    return Err(Reason::NotAFolder);
                }
                let mut entries: Vec<(Box<[u8]>, Kind)> = self
                    .below(&real)
                    .filter(|(path, _)| path.parent().as_ref() == Some(&real))
                    .map(|(path, item)| (Box::from(path.file_name()), kind_of(item)))
                    .collect();
                entries.sort();
                Answer::Listing(Arc::new(Listing { entries }))
            }
            Ask::Head(_) => {
                let content = file(&self.items)?;
                Answer::Bytes(Bytes { size: content.len() as u64, content: head(&content, Ask::HEAD_LIMIT)? })
            }
            Ask::Read { limit, .. } => {
                let content = file(&self.items)?;
                if content.len() as u64 > *limit {
                    return Err(Reason::TooLarge { limit: *limit });
                }
                Answer::Bytes(Bytes { size: content.len() as u64, content })
            }
            Ask::Range { at, len, .. } => {
                let content = file(&self.items)?;
                let start = usize::try_from(*at).unwrap_or(usize::MAX).min(content.len());
                let end = usize::try_from(at.saturating_add(*len)).unwrap_or(usize::MAX).min(content.len());
                let part: Arc<[u8]> = Arc::from(content.get(start..end).unwrap_or_default());
                Answer::Bytes(Bytes { size: content.len() as u64, content: part })
            }
            Ask::Tree { depth, suffixes, .. } => {
                if kind != Kind::Folder {
                    return Err(Reason::NotAFolder);
                }
                let above = real.components().count();
                let cut = if real == ImagePath::root() { 1 } else { real.as_bytes().len() + 1 };
                let mut entries: Vec<TreeEntry> = self
                    .below(&real)
                    .filter(|(path, _)| path.components().count() - above <= *depth as usize)
                    .filter(|(path, item)| {
                        matches!(item, Item::Folder)
                            || suffixes.is_empty()
                            || suffixes.iter().any(|s| path.file_name().ends_with(s.as_bytes()))
                    })
                    .map(|(path, item)| TreeEntry {
                        path: Box::from(path.as_bytes().get(cut..).unwrap_or_default()),
                        kind: kind_of(item),
                        size: if let Item::File(content) = item { content.len() as u64 } else { 0 },
                    })
                    .collect();
                entries.sort();
                Answer::Tree(Arc::new(entries))
            }
            Ask::Zip(_) => Answer::Zip(Arc::new(zip_view(&mut &*file(&self.items)?)?)),
            Ask::Elf(_) | Ask::Scan { .. } => elf_answer(ask, &mut &*file(&self.items)?)?,
            Ask::Digest { limit, .. } => Answer::Digest(digest_of(&mut &*file(&self.items)?, *limit)?),
        };
        Ok(Some((answer, real)))
    }
}

const fn kind_of(item: &Item) -> Kind {
    match item {
        Item::File(_) | Item::Unreadable(_) => Kind::File,
        Item::Folder => Kind::Folder,
        Item::Link(_) => Kind::Link,
        Item::Other => Kind::Other,
    }
}

/// The part of a file up to and with its first empty line.
///
/// # Errors
/// [`Reason::TooLarge`] when there is none in `limit` bytes and the file goes on.
pub fn head(content: &[u8], limit: u64) -> Result<Arc<[u8]>, Reason> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let window = content.get(..most).unwrap_or(content);
    let mut start = 0;
    for line in window.split_inclusive(|b| *b == b'\n') {
        if line == b"\n" || line == b"\r\n" {
            return Ok(Arc::from(window.get(..start + line.len()).unwrap_or(window)));
        }
        start += line.len();
    }
    if content.len() > most { Err(Reason::TooLarge { limit }) } else { Ok(Arc::from(content)) }
}

impl Nodes for Literal {
    fn node(&mut self, real: &ImagePath) -> Result<Option<Node>, Reason> {
        Ok(self.items.get(real).map(|item| match item {
            Item::Link(text) => Node::Link(text.clone()),
            other => Node::Is(kind_of(other)),
        }))
    }
}

impl Source for Literal {
    type Error = Infallible;

    fn expect(&mut self, _: &Likely) {}

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, Infallible> {
        Ok(asks
            .iter()
            .map(|ask| match self.reply(ask) {
                Ok(Some((answer, real))) => Reply::Answered(Answered { answer, real, layer: None }),
                Ok(None) => Reply::Absent,
                Err(reason) => Reply::Unreadable(reason),
            })
            .collect())
    }
}
