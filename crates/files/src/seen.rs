//! What has been answered so far, and which questions came up without an answer.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use crate::{
    Answer, Answered, Ask, Bytes, Digest, ElfView, ImagePath, Kind, Listing, Pattern, Reason, Reply, Scan,
    Stat, TreeEntry, ZipView,
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
    /// How often something was pending.
    misses: Cell<u64>,
    /// Results that are final, by what they are.
    settled: RefCell<HashMap<&'static str, Parsed>>,
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
                if self.is_missing(ask.path()) {
                    return Err(Miss::Absent);
                }
                self.misses.set(self.misses.get() + 1);
                if self.noted.borrow_mut().insert(ask.clone()) {
                    self.pending.borrow_mut().push(ask);
                }
                Err(Miss::Pending)
            }
        }
    }

    /// Whether listings that have been answered tell that nothing is there: of the folders above the deepest that was listed does
    /// not name what comes next.
    fn is_missing(&self, path: &ImagePath) -> bool {
        let mut above = path.parent();
        let mut name = path.file_name();
        while let Some(folder) = above {
            // Behind `..` it is not the name that counts.
            if name != b".." {
                match self.replies.get(&Ask::List(folder.clone())) {
                    Some(Reply::Absent) => return true,
                    Some(Reply::Answered(Answered { answer: Answer::Listing(listing), .. })) => {
                        return listing.get(name).is_none();
                    }
                    _ => {}
                }
            }
            let rest = path.as_bytes().get(..folder.as_bytes().len()).unwrap_or_default();
            name = rest.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            above = folder.parent();
        }
        false
    }

    /// The path without each `name/..` of which an answer says that `name` is a folder and no link: by either path the same is
    /// found. Answers are listings of the folder that holds it, and its own where no link led to it.
    #[must_use]
    pub fn shortened(&self, path: &ImagePath) -> ImagePath {
        let mut out = ImagePath::root();
        for part in path.components() {
            let before = || {
                let folder = out.parent()?;
                let named = match self.replies.get(&Ask::List(folder.clone())) {
                    Some(Reply::Answered(Answered { answer: Answer::Listing(listing), .. })) => {
                        listing.get(out.file_name()) == Some(Kind::Folder)
                    }
                    _ => false,
                };
                let entered = || match self.replies.get(&Ask::List(out.clone())) {
                    Some(Reply::Answered(Answered { real, .. })) => *real == out,
                    _ => false,
                };
                (named || entered()).then_some(folder)
            };
            match (part == b"..").then(before).flatten() {
                Some(folder) => out = folder,
                None => match out.join(part) {
                    Some(longer) => out = longer,
                    None => return path.clone(),
                },
            }
        }
        out
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

    /// Size and SHA-256 of a file; of one longer than `limit` the size alone.
    ///
    /// # Errors
    /// A [`Miss`].
    pub fn digest(&self, path: &ImagePath, limit: u64) -> Result<Digest, Miss> {
        match self.ask(Ask::Digest { path: path.clone(), limit })?.answer {
            Answer::Digest(digest) => Ok(digest),
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

    /// What `derive` makes of answers and of what it is `given` beside them. A result for which nothing was pending is final, for
    /// answers never change: it is kept under its name, and as long as the same is given, it is not derived again when the
    /// observer is run again.
    ///
    /// # Errors
    /// Those of `derive`, which are not kept.
    pub fn settled<G, T, E>(
        &self,
        name: &'static str,
        given: G,
        derive: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E>
    where
        G: PartialEq + Any + Send + Sync,
        T: Any + Send + Sync,
    {
        if let Some(known) = self.settled.borrow().get(name)
            && let Some((known_given, value)) = known.downcast_ref::<(G, Arc<T>)>()
            && *known_given == given
        {
            return Ok(Arc::clone(value));
        }
        let before = self.misses.get();
        let value = Arc::new(derive()?);
        if self.misses.get() == before {
            self.settled.borrow_mut().insert(name, Arc::new((given, Arc::clone(&value))));
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use super::{Miss, Seen};
    use crate::{Answer, Answered, Ask, ImagePath, Kind, Listing, Reply};

    fn path(path: &str) -> ImagePath {
        ImagePath::new(path).unwrap()
    }

    /// What was told of folders: names that end with a slash are folders, with `@` links; `None` is not there.
    fn seen(folders: &[(&str, Option<&[&str]>)]) -> Seen {
        let mut seen = Seen::new();
        for (folder, names) in folders {
            let folder = path(folder);
            let reply = names.map_or(Reply::Absent, |names| {
                let kind = |name: &str| match name.chars().next_back() {
                    Some('/') => Kind::Folder,
                    Some('@') => Kind::Link,
                    _ => Kind::File,
                };
                let entry =
                    |name: &&str| (Box::from(name.trim_end_matches(['/', '@']).as_bytes()), kind(name));
                let entries = names.iter().map(entry).collect();
                let answer = Answer::Listing(Arc::new(Listing { entries }));
                Reply::Answered(Answered { answer, real: folder.clone(), layer: None })
            });
            seen.learn(Ask::List(folder), reply);
        }
        seen
    }

    #[test]
    fn what_rests_on_answers_alone_is_derived_once() {
        let mut seen = seen(&[("/", Some(&["usr/"]))]);
        let runs = std::cell::Cell::new(0);
        let names = |seen: &Seen, folder: &str, given: u8| {
            let derive = || {
                runs.set(runs.get() + 1);
                // What is not answered yet may be passed over: then the result is not final.
                Ok::<usize, Miss>(seen.list(&path(folder)).map_or(0, |listing| listing.entries.len()))
            };
            let value = seen.settled("names", (folder.to_owned(), given), derive);
            (*value.unwrap(), runs.get())
        };
        assert_eq!(names(&seen, "/", 0), (1, 1));
        assert_eq!(names(&seen, "/", 0), (1, 1));
        assert_eq!(names(&seen, "/", 1), (1, 2), "given something else");
        assert_eq!(names(&seen, "/usr", 1), (0, 3));
        // Noted before and pending again.
        assert_eq!(names(&seen, "/usr", 1), (0, 4));
        let answer =
            Answer::Listing(Arc::new(Listing { entries: vec![(Box::from(&b"bin"[..]), Kind::Folder)] }));
        let answered = Answered { answer, real: path("/usr"), layer: None };
        seen.learn(Ask::List(path("/usr")), Reply::Answered(answered));
        assert_eq!(names(&seen, "/usr", 1), (1, 5));
        assert_eq!(names(&seen, "/usr", 1), (1, 5));
        let failed = seen.settled("failing", (), || seen.list(&path("/other")).map(|_| ()));
        assert_eq!(failed.unwrap_err(), Miss::Absent);
    }

    #[test]
    fn what_a_listing_does_not_name_is_not_asked_for() {
        let seen = seen(&[("/", Some(&["gone/", "usr/"])), ("/usr", Some(&["bin/"])), ("/gone", None)]);
        for (asked, miss) in [
            ("/usr/lib", Miss::Absent),
            ("/usr/lib/python3/x.py", Miss::Absent),
            ("/usr/bin/x", Miss::Pending),
            ("/usr/bin/../lib", Miss::Pending),
            ("/usr/lib/..", Miss::Absent),
            ("/gone/x", Miss::Absent),
            ("/opt", Miss::Absent),
        ] {
            assert_eq!(seen.stat(&path(asked)), Err(miss), "{asked}");
        }
        let asked: Vec<_> = seen.take_pending().iter().map(|ask| ask.path().clone()).collect();
        assert_eq!(asked, [path("/usr/bin/x"), path("/usr/bin/../lib")]);
    }

    #[test]
    fn a_path_is_shortened_where_no_link_can_be_meant() {
        let seen = seen(&[("/", Some(&["a/"])), ("/a", Some(&["b/", "link@"]))]);
        for (long, short) in [
            ("/a/b/../c", "/a/c"),
            ("/a/b/../../c", "/c"),
            ("/a/link/../c", "/a/link/../c"),
            ("/a/b/d/../c", "/a/b/d/../c"),
            ("/a/none/../c", "/a/none/../c"),
        ] {
            assert_eq!(seen.shortened(&path(long)), path(short), "{long}");
        }
    }

    #[test]
    fn a_folder_that_no_link_led_to_is_no_link() {
        let mut seen = seen(&[("/p/core", Some(&["m.so"]))]);
        let answer = Answer::Listing(Arc::new(Listing::default()));
        let answered = Answered { answer, real: path("/elsewhere"), layer: None };
        seen.learn(Ask::List(path("/p/link")), Reply::Answered(answered));
        assert_eq!(seen.shortened(&path("/p/core/../libs/x.so")), path("/p/libs/x.so"));
        assert_eq!(seen.shortened(&path("/p/link/../libs/x.so")), path("/p/link/../libs/x.so"));
        // What lies above it is the real folder's, whatever it is called.
        assert_eq!(seen.shortened(&path("/p/core/../../libs/x.so")), path("/p/../libs/x.so"));
    }
}
