//! What has been answered so far, and which questions came up without an answer.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::{
    Answer, Answered, Ask, Bytes, ElfView, ImagePath, Listing, Pattern, Reason, Reply, Scan, Stat, TreeEntry,
    ZipView,
};

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// Not asked of the source yet; the observer is run again when it is.
    Pending,
    /// Nothing is there.
    Absent,
    /// Something is there and cannot be told.
    Unreadable(Reason),
}

/// Turns only "absent" into `None`; "unreadable" stays a miss, for what cannot be read is not "not there".
///
/// # Errors
/// [`Miss::Pending`] and [`Miss::Unreadable`], as they came.
pub fn optional<T>(result: Result<T, Miss>) -> Result<Option<T>, Miss> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Miss::Absent) => Ok(None),
        Err(miss) => Err(miss),
    }
}

/// What a parser made of a file; kept in place of the file's bytes.
type Parsed = Arc<dyn Any + Send + Sync>;

/// The answers so far. A question without an answer is noted for the next batch.
#[derive(Default)]
pub struct Seen {
    replies: HashMap<Ask, Reply>,
    parsed: RefCell<HashMap<(Ask, TypeId, usize), Parsed>>,
    pending: RefCell<Vec<Ask>>,
    noted: RefCell<std::collections::HashSet<Ask>>,
}

impl Seen {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn ask(&self, ask: Ask) -> Result<&Answered, Miss> {
        match self.replies.get(&ask) {
            Some(Reply::Answered(answered)) => Ok(answered),
            Some(Reply::Absent) => Err(Miss::Absent),
            Some(Reply::Unreadable(reason)) => Err(Miss::Unreadable(reason.clone())),
            None => {
                if self.noted.borrow_mut().insert(ask.clone()) {
                    self.pending.borrow_mut().push(ask);
                }
                Err(Miss::Pending)
            }
        }
    }

    /// The entries of a folder.
    ///
    /// # Errors
    /// A [`Miss`], here as in every question.
    pub fn list(&self, folder: &ImagePath) -> Result<&Listing, Miss> {
        match &self.ask(Ask::List(folder.clone()))?.answer {
            Answer::Listing(listing) => Ok(listing),
            _ => Err(mixed_up()),
        }
    }

    /// Kind and size of what a path leads to.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn stat(&self, path: &ImagePath) -> Result<Stat, Miss> {
        match self.ask(Ask::Stat(path.clone()))?.answer {
            Answer::Stat(stat) => Ok(stat),
            _ => Err(mixed_up()),
        }
    }

    /// The path with every link resolved.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn real(&self, path: &ImagePath) -> Result<&ImagePath, Miss> {
        Ok(&self.ask(Ask::Stat(path.clone()))?.real)
    }

    /// A link's own text, one hop. [`Reason::NotALink`] for what is no link.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn link(&self, path: &ImagePath) -> Result<&[u8], Miss> {
        match &self.ask(Ask::Link(path.clone()))?.answer {
            Answer::Link(text) => Ok(text),
            _ => Err(mixed_up()),
        }
    }

    /// `len` bytes from `at`.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn range(&self, path: &ImagePath, at: u64, len: u64) -> Result<&Bytes, Miss> {
        match &self.ask(Ask::Range { path: path.clone(), at, len })?.answer {
            Answer::Bytes(bytes) => Ok(bytes),
            _ => Err(mixed_up()),
        }
    }

    /// The names below a folder.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn tree(
        &self,
        path: &ImagePath,
        depth: u32,
        suffixes: &[&'static str],
    ) -> Result<&[TreeEntry], Miss> {
        match &self.ask(Ask::Tree { path: path.clone(), depth, suffixes: suffixes.to_vec() })?.answer {
            Answer::Tree(entries) => Ok(entries),
            _ => Err(mixed_up()),
        }
    }

    /// A zip's names and metadata members.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn zip(&self, path: &ImagePath) -> Result<&ZipView, Miss> {
        match &self.ask(Ask::Zip(path.clone()))?.answer {
            Answer::Zip(view) => Ok(view),
            _ => Err(mixed_up()),
        }
    }

    /// What an ELF file tells its loader.
    ///
    /// # Errors
    /// A [`Miss`]; [`Reason::Elf`] for what is no ELF file.
    pub fn elf(&self, path: &ImagePath) -> Result<&ElfView, Miss> {
        match &self.ask(Ask::Elf(path.clone()))?.answer {
            Answer::Elf(view) => Ok(view),
            _ => Err(mixed_up()),
        }
    }

    /// The texts of a section of an ELF file that match. Where [`Scan::complete`] does not hold, that nothing was found says
    /// nothing.
    ///
    /// # Errors
    /// A [`Miss`]; [`Reason::Elf`] for what is no ELF file.
    pub fn scan(&self, path: &ImagePath, section: &'static str, pattern: Pattern) -> Result<&Scan, Miss> {
        match &self.ask(Ask::Scan { path: path.clone(), section, pattern })?.answer {
            Answer::Scan(scan) => Ok(scan),
            _ => Err(mixed_up()),
        }
    }

    /// What `parse` makes of a file of at most `limit` bytes. It is parsed once and its bytes are dropped.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn parsed<T: Any + Send + Sync>(
        &self,
        path: &ImagePath,
        limit: u64,
        parse: fn(&[u8]) -> T,
    ) -> Result<Arc<T>, Miss> {
        self.parse_once(Ask::Read { path: path.clone(), limit }, parse)
    }

    /// What `parse` makes of a file's head (see [`Ask::Head`]). It is parsed once and its bytes are dropped.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn parsed_head<T: Any + Send + Sync>(
        &self,
        path: &ImagePath,
        parse: fn(&[u8]) -> T,
    ) -> Result<Arc<T>, Miss> {
        self.parse_once(Ask::Head(path.clone()), parse)
    }

    fn parse_once<T: Any + Send + Sync>(&self, ask: Ask, parse: fn(&[u8]) -> T) -> Result<Arc<T>, Miss> {
        if !matches!(self.replies.get(&ask), Some(Reply::Answered(_))) {
            return Err(self.ask(ask).err().unwrap_or_else(mixed_up));
        }
        let key = (ask.clone(), TypeId::of::<T>(), parse as usize);
        if let Some(done) = self.parsed.borrow().get(&key) {
            return Arc::clone(done).downcast().map_err(|_| mixed_up());
        }
        let Answer::Bytes(bytes) = &self.ask(ask)?.answer else { return Err(mixed_up()) };
        let value = Arc::new(parse(&bytes.content));
        self.parsed.borrow_mut().insert(key, Arc::clone(&value) as Parsed);
        Ok(value)
    }

    /// The layer that a path comes from, of a question that has been answered; never asks.
    #[must_use]
    pub fn layer_of(&self, ask: &Ask) -> Option<usize> {
        match self.replies.get(ask) {
            Some(Reply::Answered(answered)) => answered.layer,
            _ => None,
        }
    }

    /// Runs `f` over all items before it fails once: the only loop around questions that asks for all in one batch.
    ///
    /// # Errors
    /// [`Miss::Pending`] when any item is pending, else the first item's own [`Miss`].
    pub fn each<I: IntoIterator, T>(
        &self,
        items: I,
        mut f: impl FnMut(I::Item) -> Result<T, Miss>,
    ) -> Result<Vec<T>, Miss> {
        let mut out = Vec::new();
        let mut failed: Option<Miss> = None;
        for item in items {
            match f(item) {
                Ok(value) => out.push(value),
                Err(Miss::Pending) => failed = Some(Miss::Pending),
                Err(miss) => failed = failed.or(Some(miss)),
            }
        }
        failed.map_or(Ok(out), Err)
    }

    /// Takes the questions noted since the last call.
    #[must_use]
    pub fn take_pending(&self) -> Vec<Ask> {
        std::mem::take(&mut *self.pending.borrow_mut())
    }

    /// Keeps a reply.
    pub fn learn(&mut self, ask: Ask, reply: Reply) {
        self.noted.borrow_mut().remove(&ask);
        self.replies.insert(ask, reply);
    }

    /// Everything asked so far with its reply, in no order; for bundles and for counting.
    pub fn replies(&self) -> impl Iterator<Item = (&Ask, &Reply)> {
        self.replies.iter()
    }
}

/// A source gave an answer of another shape than its question's: told as unreadable, never as absent.
fn mixed_up() -> Miss {
    Miss::Unreadable(Reason::System("the source answered another question".into()))
}
