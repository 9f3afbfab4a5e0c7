//! Something that answers questions in batches, and the loop between an observer and it.

use crate::{Answer, Ask, Miss, Pattern, Reason, Reply, Seen};

/// The most batches of one conversation (contract, section 7).
pub const MAX_ROUNDS: usize = 64;

/// What observers will probably want, so that a source which can pass only once keeps it as it passes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likely {
    /// Base names of files, whole: `METADATA`, `pyvenv.cfg`.
    pub names: &'static [&'static str],
    /// Endings of base names: `.pth`, `.egg-link`.
    pub suffixes: &'static [&'static str],
    /// Endings of the names of folders all of whose own small files are kept: `.dist-info`.
    pub folders: &'static [&'static str],
    /// Endings of the names of folders that hold programs: of those only scripts (`#!`) are kept, and of the others
    /// the first [`Likely::PROGRAM_HEAD`] bytes.
    pub programs: &'static [&'static str],
    /// Paths from the root, whole, without a leading slash: `etc/passwd`.
    pub paths: &'static [&'static str],
    /// Parts of the base names of ELF files, `.so`, `python3`: of these what [`Ask::Elf`] reads is kept, whatever their size.
    pub elf: &'static [&'static str],
    /// Of ELF files whose base name holds the first text, also what a search of the section for the pattern reads:
    /// [`Ask::Scan`].
    pub scans: &'static [(&'static str, &'static str, Pattern)],
    /// No file above this size is kept, in bytes.
    pub limit: u64,
}

impl Likely {
    /// Nothing.
    pub const NONE: Self = Self {
        names: &[],
        suffixes: &[],
        folders: &[],
        programs: &[],
        paths: &[],
        elf: &[],
        scans: &[],
        limit: 0,
    };

    /// How much of a program that is no script is kept, in bytes.
    pub const PROGRAM_HEAD: u64 = 512;

    /// What two observers want together. The lists live as long as the process: made once for a run.
    #[must_use]
    pub fn and(self, more: &Self) -> Self {
        fn both<T: Copy>(one: &[T], two: &[T]) -> &'static [T] {
            [one, two].concat().leak()
        }
        Self {
            names: both(self.names, more.names),
            suffixes: both(self.suffixes, more.suffixes),
            folders: both(self.folders, more.folders),
            programs: both(self.programs, more.programs),
            paths: both(self.paths, more.paths),
            elf: both(self.elf, more.elf),
            scans: both(self.scans, more.scans),
            limit: self.limit.max(more.limit),
        }
    }
}

/// A file system that answers questions.
pub trait Source {
    /// What ends a conversation: the engine is gone, the archive is cut off.
    type Error;

    /// Told once, before the first batch.
    fn expect(&mut self, likely: &Likely);

    /// Answers a batch: exactly one reply for each question, in the same order.
    ///
    /// # Errors
    /// What ends the conversation. That one file cannot be read is a [`Reply`], no error.
    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, Self::Error>;
}

impl<S: Source + ?Sized> Source for Box<S> {
    type Error = S::Error;
    fn expect(&mut self, likely: &Likely) {
        (**self).expect(likely);
    }
    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, Self::Error> {
        (**self).answer(asks)
    }
}
impl<S: Source + ?Sized> Source for &mut S {
    type Error = S::Error;
    fn expect(&mut self, likely: &Likely) {
        (**self).expect(likely);
    }
    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, Self::Error> {
        (**self).answer(asks)
    }
}

/// What a conversation cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Batches.
    pub rounds: usize,
    /// Questions.
    pub questions: usize,
    /// Bytes of files that came back.
    pub bytes: u64,
    /// Bytes of the names that listings hold, with what keeping each one takes.
    pub names: u64,
}

impl Budget {
    /// The most bytes of files kept for one target (contract, section 7).
    pub const MAX_BYTES: u64 = 256 << 20;
    /// The most bytes of names kept for one target: 2,000,000 entries with paths of ordinary length.
    pub const MAX_NAMES: u64 = 256 << 20;
    /// What keeping one name takes beside its bytes.
    const ENTRY: u64 = 24;
}

/// How a conversation ended without a result.
#[derive(Debug)]
pub enum Converse<E> {
    /// The source failed.
    Source(E),
    /// [`MAX_ROUNDS`] batches were not enough.
    TooManyRounds,
    /// The observer itself ended in a miss: it must turn what is absent or unreadable into facts.
    Observer(Miss),
}

/// Runs `observe` until nothing is pending: all that it asked for in vain is answered as one batch, then it is run again.
///
/// # Errors
/// See [`Converse`].
pub fn converse<S: Source + ?Sized, T>(
    source: &mut S,
    seen: &mut Seen,
    budget: &mut Budget,
    observe: impl Fn(&Seen) -> Result<T, Miss>,
) -> Result<T, Converse<S::Error>> {
    loop {
        let result = observe(seen);
        let asks = seen.take_pending();
        match result {
            Err(Miss::Pending) if !asks.is_empty() => {}
            Ok(value) if asks.is_empty() => return Ok(value),
            // An observer may go on past a pending question and finish: its result then rests on a gap.
            Ok(_) => {}
            Err(miss) => return Err(Converse::Observer(miss)),
        }
        budget.rounds += 1;
        budget.questions += asks.len();
        if budget.rounds > MAX_ROUNDS {
            return Err(Converse::TooManyRounds);
        }
        let replies = source.answer(&asks).map_err(Converse::Source)?;
        for (ask, reply) in asks.into_iter().zip(replies) {
            let reply = charge(budget, reply);
            seen.learn(ask, reply);
        }
    }
}

fn charge(budget: &mut Budget, reply: Reply) -> Reply {
    if let Reply::Answered(answered) = &reply {
        budget.bytes += match &answered.answer {
            Answer::Bytes(bytes) => bytes.content.len() as u64,
            Answer::Zip(view) => view.members.iter().map(|(_, content)| content.len() as u64).sum(),
            Answer::Elf(view) => view.weight() as u64,
            Answer::Scan(scan) => scan.matches.iter().map(|found| found.text.len() as u64).sum(),
            _ => 0,
        };
        budget.names += match &answered.answer {
            Answer::Listing(listing) => names(listing.entries.iter().map(|(name, _)| name.len())),
            Answer::Tree(tree) => names(tree.iter().map(|entry| entry.path.len())),
            Answer::Zip(view) => names(view.names.iter().map(|name| name.len())),
            _ => 0,
        };
        if budget.bytes > Budget::MAX_BYTES || budget.names > Budget::MAX_NAMES {
            return Reply::Unreadable(Reason::Budget);
        }
    }
    reply
}

/// What names of these lengths take.
fn names(lengths: impl Iterator<Item = usize>) -> u64 {
    lengths.map(|length| length as u64 + Budget::ENTRY).sum()
}
