//! A question about an ELF file in, turn by turn the parts of the file that must be read for it, in the end the answer.
//!
//! Every source feeds the same reading, whether it can read anywhere or waits for a round trip or a stream; so the same
//! parts are read everywhere, and a bundle that keeps them answers as the source did that it was made of.

use std::sync::Arc;

use crate::{Answer, Ask, Reason};

use super::scan::{self, Match, Section};
use super::windows::{Stop, Windows};
use super::{ElfError, MAX_MATCHES, Pattern, Scan, view};

/// A question about an ELF file, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElfQuestion {
    /// [`Ask::Elf`]
    View,
    /// [`Ask::Scan`]
    Scan {
        /// The section's name.
        section: &'static str,
        /// What is looked for.
        pattern: Pattern,
    },
}

impl ElfQuestion {
    /// The question, without the path; `None` where it is another kind of question.
    #[must_use]
    pub const fn of(ask: &Ask) -> Option<Self> {
        match ask {
            Ask::Elf(_) => Some(Self::View),
            Ask::Scan { section, pattern, .. } => Some(Self::Scan { section, pattern: *pattern }),
            _ => None,
        }
    }
}

/// What comes next.
#[derive(Debug)]
pub enum Turn {
    /// These parts, offset and length, are to be read and given to [`ElfReading::take`], all of them; they lie inside the
    /// file, in order, none over another.
    Read(Vec<(u64, u64)>),
    /// The answer.
    Done(Result<Answer, Reason>),
}

/// One question on its way.
#[derive(Debug)]
pub struct ElfReading {
    question: ElfQuestion,
    windows: Windows,
    /// All parts that were given out but those of the section that is searched.
    read: Vec<(u64, u64)>,
    /// What of the section is searched, once it is known where it lies: offset, length and whether that is all of it.
    searched: Option<(u64, u64, bool)>,
    /// With the one too many, if there was one.
    matches: Vec<Match>,
}

impl ElfReading {
    /// What is read first of every file, in bytes from its beginning; less where it ends.
    pub const FIRST: u64 = 1_024;

    /// About a file of `size` bytes.
    #[must_use]
    pub fn new(question: ElfQuestion, size: u64) -> Self {
        let windows = Windows::new(size);
        Self { question, windows, read: Vec::new(), searched: None, matches: Vec::new() }
    }

    /// What comes next; asked again only when all that the last turn wanted has been given.
    #[must_use]
    pub fn turn(&mut self) -> Turn {
        let stop = match self.question {
            ElfQuestion::View => match view::view(&self.windows) {
                Ok(view) => return Turn::Done(Ok(Answer::Elf(Arc::new(view)))),
                Err(stop) => stop,
            },
            ElfQuestion::Scan { section, pattern } => match self.scan(section, &pattern) {
                Ok(turn) => return turn,
                Err(stop) => stop,
            },
        };
        let ranges = match stop {
            Stop::Never(error) => Err(error),
            Stop::More => self.windows.next_turn(),
        };
        match ranges {
            Ok(ranges) => {
                self.read.extend_from_slice(&ranges);
                Turn::Read(ranges)
            }
            Err(error) => Turn::Done(Err(error.into())),
        }
    }

    /// Takes a part that a turn wanted.
    pub fn take(&mut self, at: u64, bytes: &[u8]) {
        self.windows.take(at, bytes);
    }

    fn scan(&mut self, section: &'static str, pattern: &Pattern) -> Result<Turn, Stop> {
        let (at, len, whole) = match self.searched {
            Some(searched) => searched,
            None => {
                let Section::At(at, size) = scan::section(&self.windows, section)? else {
                    let scan = Scan { has_section: false, complete: true, matches: Vec::new() };
                    return Ok(Turn::Done(Ok(Answer::Scan(Arc::new(scan)))));
                };
                let len = scan::searched(size);
                self.searched = Some((at, len, len == size));
                let ranges = self.windows.without_held(at, at + len);
                if !ranges.is_empty() {
                    return Ok(Turn::Read(ranges));
                }
                (at, len, len == size)
            }
        };
        let bytes = if len == 0 { Some(&[][..]) } else { self.windows.held(at, len) };
        let bytes = bytes.ok_or(ElfError::Damaged("section"))?;
        self.matches = scan::search(bytes, at, pattern)?;
        let matches: Vec<Match> = self.matches.iter().take(MAX_MATCHES).cloned().collect();
        let complete = whole && matches.len() == self.matches.len();
        Ok(Turn::Done(Ok(Answer::Scan(Arc::new(Scan { has_section: true, complete, matches })))))
    }

    /// The parts that must be kept for the same answer, offset and length, in order and none over another: those that were
    /// read, but of a section that was searched only what matched, with the byte behind it.
    #[must_use]
    pub fn kept(&self) -> Vec<(u64, u64)> {
        let mut parts = self.read.clone();
        if let Some((from, len)) = self.blank() {
            let end = from + len;
            parts.extend(
                self.matches
                    .iter()
                    .map(|found| (found.at, (found.text.len() as u64 + 1).min(end.saturating_sub(found.at)))),
            );
        }
        parts.sort_unstable();
        let mut out: Vec<(u64, u64)> = Vec::new();
        for (at, len) in parts {
            match out.last_mut() {
                Some((last, last_len)) if at <= *last + *last_len => {
                    *last_len = (*last_len).max(at + len - *last);
                }
                _ => out.push((at, len)),
            }
        }
        out
    }

    /// What was searched, offset and length; outside of [`Self::kept`] it can be taken for zeros by whoever searches it for
    /// the same pattern.
    #[must_use]
    pub fn blank(&self) -> Option<(u64, u64)> {
        self.searched.map(|(at, len, _)| (at, len)).filter(|(_, len)| *len > 0)
    }
}
