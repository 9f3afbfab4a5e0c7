//! Parts of a file that were read in, slices of them out; what is asked for and not there is noted, to be read next.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use object::read::ReadRef;

use super::{ElfError, MAX_STRING, MAX_TURNS, MAX_VIEW};

/// What is read of a string before it is known how long it is, in bytes.
const STRING: u64 = 256;
/// Two parts that lie nearer than this are read as one: a read costs more than these bytes.
const GAP: u64 = 512;

/// The parts of one file.
#[derive(Debug)]
pub(super) struct Windows {
    size: u64,
    /// By offset; none touches another.
    parts: BTreeMap<u64, Vec<u8>>,
    missing: RefCell<Vec<Range<u64>>>,
    /// Asked for in all turns, in bytes.
    asked: u64,
    turns: usize,
}

/// Why there is no answer yet.
#[derive(Debug)]
pub(super) enum Stop {
    /// What is noted must be read first.
    More,
    /// There is none.
    Never(ElfError),
}

impl From<ElfError> for Stop {
    fn from(error: ElfError) -> Self {
        Self::Never(error)
    }
}

impl Windows {
    pub(super) fn new(size: u64) -> Self {
        Self { size, parts: BTreeMap::new(), missing: RefCell::default(), asked: 0, turns: 0 }
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// The bytes from `at` that are there, up to the end of the part they lie in.
    fn part_from(&self, at: u64) -> &[u8] {
        let part = self.parts.range(..=at).next_back();
        part.and_then(|(from, part)| part.get(usize::try_from(at - from).ok()?..)).unwrap_or_default()
    }

    /// The bytes of a range, if they are there.
    pub(super) fn held(&self, at: u64, len: u64) -> Option<&[u8]> {
        self.part_from(at).get(..usize::try_from(len).ok()?)
    }

    /// Notes a part that will be needed, so that it comes in one turn with others; what leads out of the file is cut off.
    pub(super) fn expect(&self, at: u64, len: u64) {
        let end = at.saturating_add(len).min(self.size);
        if at < end && self.held(at, end - at).is_none() {
            self.missing.borrow_mut().push(at..end);
        }
    }

    /// Nothing noted is missing.
    pub(super) fn all_there(&self) -> Result<(), Stop> {
        if self.missing.borrow().is_empty() { Ok(()) } else { Err(Stop::More) }
    }

    /// A result that may be one of the next turn: `None` where something is missing, so that more can be noted before.
    pub(super) fn got<T, E>(&self, result: Result<T, E>, what: &'static str) -> Result<Option<T>, Stop> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if !self.missing.borrow().is_empty() => Ok(None),
            Err(_) => Err(ElfError::Damaged(what).into()),
        }
    }

    /// A result without which nothing more can be noted.
    pub(super) fn must<T, E>(&self, result: Result<T, E>, what: &'static str) -> Result<T, Stop> {
        self.got(result, what)?.ok_or(Stop::More)
    }

    /// What was noted, in order, without what is there; an error past the bounds.
    pub(super) fn next_turn(&mut self) -> Result<Vec<(u64, u64)>, ElfError> {
        self.turns += 1;
        if self.turns > MAX_TURNS {
            return Err(ElfError::TooLarge("its tables lie scattered"));
        }
        let mut noted = std::mem::take(&mut *self.missing.borrow_mut());
        noted.sort_unstable_by_key(|range| (range.start, range.end));
        let mut merged: Vec<Range<u64>> = Vec::new();
        for range in noted {
            match merged.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(GAP) => {
                    last.end = last.end.max(range.end);
                }
                _ => merged.push(range),
            }
        }
        let ranges: Vec<(u64, u64)> =
            merged.into_iter().flat_map(|range| self.without_held(range.start, range.end)).collect();
        self.asked = ranges.iter().fold(self.asked, |sum, (_, len)| sum.saturating_add(*len));
        if self.asked > MAX_VIEW {
            return Err(ElfError::TooLarge("its tables are large"));
        }
        Ok(ranges)
    }

    /// What of a range is not there.
    pub(super) fn without_held(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut out = Vec::new();
        let mut at = start;
        while at < end {
            let held = self.part_from(at).len() as u64;
            if held > 0 {
                at = at.saturating_add(held);
                continue;
            }
            let next = self.parts.range(at..).next().map_or(end, |(from, _)| (*from).min(end));
            out.push((at, next - at));
            at = next;
        }
        out
    }

    /// Takes bytes in.
    pub(super) fn take(&mut self, at: u64, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let end = at.saturating_add(bytes.len() as u64);
        let mut start = at;
        let mut joined = bytes;
        // What touches the new bytes becomes one part with them.
        let before = self.parts.range(..=at).next_back().map(|(from, part)| (*from, part.len() as u64));
        if let Some((from, len)) = before
            && from + len >= at
            && let Some(part) = self.parts.remove(&from)
        {
            let have = usize::try_from(from + len - at).unwrap_or(usize::MAX);
            let new = std::mem::replace(&mut joined, part);
            joined.extend_from_slice(new.get(have..).unwrap_or_default());
            start = from;
        }
        let cover = |joined: &Vec<u8>| start + joined.len() as u64;
        while let Some(next) = self.parts.range(start..=end).next().map(|(from, _)| *from) {
            let Some(part) = self.parts.remove(&next) else { break };
            let have = usize::try_from(cover(&joined).saturating_sub(next)).unwrap_or(usize::MAX);
            joined.extend_from_slice(part.get(have..).unwrap_or_default());
        }
        self.parts.insert(start, joined);
    }
}

impl<'a> ReadRef<'a> for &'a Windows {
    fn len(self) -> Result<u64, ()> {
        Ok(self.size)
    }

    fn read_bytes_at(self, at: u64, len: u64) -> Result<&'a [u8], ()> {
        if len == 0 {
            return Ok(&[]);
        }
        if at.checked_add(len).is_none_or(|end| end > self.size) {
            return Err(());
        }
        self.held(at, len).ok_or_else(|| self.missing.borrow_mut().push(at..at + len))
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let end = range.end.min(self.size).min(range.start.saturating_add(MAX_STRING));
        let most = end.checked_sub(range.start).filter(|most| *most > 0).ok_or(())?;
        let held = self.part_from(range.start);
        let held = held.get(..usize::try_from(most).unwrap_or(usize::MAX)).unwrap_or(held);
        if let Some(found) = memchr::memchr(delimiter, held) {
            return held.get(..found).ok_or(());
        }
        let have = held.len() as u64;
        if have < most {
            // Twice as much each turn.
            self.expect(range.start + have, have.max(STRING).min(most - have));
        }
        Err(())
    }
}
