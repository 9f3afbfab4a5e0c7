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
    /// As `Read`, and they will only be searched for the pattern.
    Search(Vec<(u64, u64)>, Pattern),
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
    section: Option<(u64, u64, bool)>,
    /// With the one too many, if there was one.
    matches: Vec<Match>,
    /// What was found, where that is known before.
    known: Option<Arc<Scan>>,
}

impl ElfReading {
    /// What is read first of every file, in bytes from its beginning; less where it ends.
    pub const FIRST: u64 = 1_024;

    /// About a file of `size` bytes.
    #[must_use]
    pub fn new(question: ElfQuestion, size: u64) -> Self {
        let windows = Windows::new(size);
        Self { question, windows, read: Vec::new(), section: None, matches: Vec::new(), known: None }
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
    pub fn take(&mut self, at: u64, bytes: Vec<u8>) {
        self.windows.take(at, bytes);
    }

    /// Says what the search found when it was made before: of the section only the matches are wanted then.
    pub fn know(&mut self, scan: Arc<Scan>) {
        // Where there were too many, which is one more than is told, all of them are searched for again.
        self.known = Some(scan).filter(|scan| scan.matches.len() < MAX_MATCHES);
    }

    fn scan(&mut self, section: &'static str, pattern: &Pattern) -> Result<Turn, Stop> {
        let (at, len, whole) = match self.section {
            Some(section) => section,
            None => {
                let Section::At(at, size) = scan::section(&self.windows, section)? else {
                    let scan = Scan { has_section: false, complete: true, matches: Vec::new() };
                    return Ok(Turn::Done(Ok(Answer::Scan(Arc::new(scan)))));
                };
                let len = scan::searched(size);
                self.section = Some((at, len, len == size));
                let wanted = match &self.known {
                    None => vec![(at, len)],
                    Some(known) => known.matches.iter().map(|found| with_next(found, at + len)).collect(),
                };
                let ranges = wanted.into_iter().flat_map(|(at, len)| self.windows.without_held(at, at + len));
                let ranges: Vec<(u64, u64)> = ranges.collect();
                if !ranges.is_empty() {
                    return Ok(match &self.known {
                        None => Turn::Search(ranges, *pattern),
                        Some(_) => Turn::Read(ranges),
                    });
                }
                (at, len, len == size)
            }
        };
        if let Some(known) = self.known.clone() {
            self.matches.clone_from(&known.matches);
            return Ok(Turn::Done(Ok(Answer::Scan(known))));
        }
        let bytes = if len == 0 { Some(&[][..]) } else { self.windows.held(at, len) };
        let bytes = bytes.ok_or(ElfError::Damaged("section"))?;
        self.matches = scan::search(bytes, at, pattern)?;
        let matches: Vec<Match> = self.matches.iter().take(MAX_MATCHES).cloned().collect();
        let complete = whole && matches.len() == self.matches.len();
        Ok(Turn::Done(Ok(Answer::Scan(Arc::new(Scan { has_section: true, complete, matches })))))
    }

    /// The parts that must be kept for the same answer, by offset, none over another: those that were read, but of a section
    /// that was searched only what matched, with the byte behind it.
    #[must_use]
    pub fn kept(&self) -> Vec<(u64, &[u8])> {
        let mut parts = self.read.clone();
        if let Some((from, len)) = self.searched() {
            parts.extend(self.matches.iter().map(|found| with_next(found, from + len)));
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
        // Parts that were wanted and never came are no parts.
        out.into_iter().filter_map(|(at, len)| Some((at, self.windows.held(at, len)?))).collect()
    }

    /// What was searched, offset and length; outside of [`Self::kept`] it can be taken for zeros by whoever searches it for
    /// the same pattern.
    #[must_use]
    pub fn searched(&self) -> Option<(u64, u64)> {
        self.section.map(|(at, len, _)| (at, len)).filter(|(_, len)| *len > 0)
    }
}

/// A match with the byte behind it, which ends it, up to the end of what is searched.
fn with_next(found: &Match, end: u64) -> (u64, u64) {
    (found.at, (found.text.len() as u64 + 1).min(end.saturating_sub(found.at)))
}
