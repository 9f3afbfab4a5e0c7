//! Bytes that pass by and a pattern in, all that may match out: for a search of a section of which it is known only when it
//! has passed where it lies.

use envdiff_files::{MAX_MATCH, Pattern};
use memchr::memmem::Finder;

use super::kept::Piece;

/// What is found may take so much, in bytes. A hostile file may be one match after the other: its section is read in another
/// pass, when it is known where it lies.
const MAX_FOUND: usize = 1 << 20;
/// What one costs beside its bytes.
const OVERHEAD: usize = 48;
/// How much is gathered before it is searched, in bytes.
const STEP: usize = 256 << 10;
/// A match that begins so near the end of what has come may go on behind it.
const OPEN: usize = MAX_MATCH + 1;

/// A search that is under way.
pub(crate) struct Hunt {
    pub(crate) pattern: Pattern,
    finder: Finder<'static>,
    /// What has come and is not yet searched, and its offset.
    last: Vec<u8>,
    at: u64,
    found: Vec<Piece>,
    bytes: usize,
}

impl Hunt {
    pub(crate) fn new(pattern: Pattern) -> Self {
        let finder = Finder::new(pattern.prefix);
        Self { pattern, finder, last: Vec::new(), at: 0, found: Vec::new(), bytes: 0 }
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.last.extend_from_slice(bytes);
        if self.last.len() >= STEP {
            self.search(OPEN);
        }
    }

    /// What was found in all that came, by offset, each with the byte behind it; `None` where that is too much.
    pub(crate) fn end(mut self) -> Option<Vec<Piece>> {
        self.search(0);
        (self.bytes <= MAX_FOUND).then_some(self.found)
    }

    /// Searches what has come, but for what begins in its last `open` bytes.
    fn search(&mut self, open: usize) {
        let end = self.last.len().saturating_sub(open);
        let most = self.pattern.max_len.min(MAX_MATCH).saturating_sub(self.pattern.prefix.len());
        let mut behind = 0;
        for start in self.finder.find_iter(&self.last).take_while(|start| *start < end) {
            let body = self.last.get(start + self.pattern.prefix.len()..).unwrap_or_default();
            let run = body.iter().take(most).take_while(|byte| self.pattern.body.contains(byte)).count();
            if run == 0 || start < behind || self.bytes > MAX_FOUND {
                continue;
            }
            behind = (start + self.pattern.prefix.len() + run + 1).min(self.last.len());
            let piece = self.last.get(start..behind).unwrap_or_default();
            self.bytes += piece.len() + OVERHEAD;
            self.found.push((self.at + start as u64, Box::from(piece)));
        }
        self.last.drain(..end);
        self.at += end as u64;
    }
}
