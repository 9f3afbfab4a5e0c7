//! The body of an ELF file that passes by and questions about it in, the parts of it that answer them out.
//!
//! What a question needs next it knows only from what it has read, and what it needs then may have passed by: the strings of
//! a library stand before the table that leads to them, its sections before the list of them. So the beginning of a body is
//! held while it passes, far enough for the tables in front of all but the largest libraries; what comes behind that is picked
//! out as it comes, and what is searched for is searched for everywhere. What is still missing in the end costs another pass,
//! which knows more when it begins.

use envdiff_files::{ElfQuestion, ElfReading, Turn};

use super::hunt::Hunt;
use super::keep::{Bodies, Kept, Piece};
use super::walk::TarError;

/// How much of a body's beginning is held while it passes, in bytes; none of it is kept but what was needed. Of the libraries in
/// the wheels of torch 1.13 to 2.15 the tables in front end within 12 MiB.
const START: u64 = if cfg!(test) { 64 << 10 } else { 13 << 20 };
/// How much of its end is held, in bytes: the names of sections lie before the list of them, the last in most files.
const TAIL: usize = if cfg!(test) { 512 } else { 64 << 10 };
/// How much is held of what lies right before something far behind: a library that was rewritten for a wheel has its strings there,
/// before the table that leads to them.
const LEAD: u64 = if cfg!(test) { 1 << 10 } else { 3 << 20 };
/// How much is read at once.
const STEP: u64 = 1 << 20;

/// A question, or parts that were asked for by themselves.
struct Asking {
    reading: Option<ElfReading>,
    todo: Vec<(u64, u64)>,
    open: bool,
    /// What is searched for, where that may have passed by before it is known where.
    hunt: Option<Hunt>,
}

/// The body so far.
struct Passing<'a> {
    body: &'a mut dyn Bodies,
    /// Kept of it in passes before.
    held: &'a [Piece],
    /// Its beginning.
    start: Vec<u8>,
    /// Its last bytes so far, where anything is searched for.
    tail: Vec<u8>,
    /// What lies before the piece that was read last, with its offset; nothing of it is kept but what is needed.
    lead: (u64, Vec<u8>),
    /// Offset of what comes next.
    at: u64,
    pieces: Vec<Piece>,
}

/// Reads a body of `size` bytes, of which `start` has been read, as far as the questions need; the parts that they and
/// `parts` want, without those in `held`.
///
/// # Errors
/// The stream broke.
pub(crate) fn probe(
    body: &mut dyn Bodies,
    size: u64,
    start: Vec<u8>,
    held: &[Piece],
    parts: &[(u64, u64)],
    questions: &[ElfQuestion],
) -> Result<Kept, TarError> {
    let at = start.len() as u64;
    let mut passing =
        Passing { body, held, start, tail: Vec::new(), lead: (0, Vec::new()), at, pieces: Vec::new() };
    let room = usize::try_from(size.min(START)).unwrap_or(0).saturating_sub(passing.start.len());
    passing.start.reserve_exact(room);
    let todo = parts.iter().map(|(at, len)| ((*at).min(size), (*len).min(size - (*at).min(size)))).collect();
    let mut asking = vec![Asking { reading: None, todo, open: true, hunt: None }];
    asking.extend(questions.iter().map(|question| {
        let hunt = match question {
            ElfQuestion::Scan { pattern, .. } if size > START => Some(Hunt::new(*pattern)),
            _ => None,
        };
        Asking { reading: Some(ElfReading::new(*question, size)), todo: Vec::new(), open: true, hunt }
    }));
    for hunt in asking.iter_mut().filter_map(|asking| asking.hunt.as_mut()) {
        hunt.feed(&passing.start);
    }
    loop {
        // First missing byte and end of what comes first.
        let mut next: Option<(u64, u64)> = None;
        for asking in asking.iter_mut().filter(|asking| asking.open) {
            asking.go(&mut passing);
            let todo = asking.todo.iter();
            let missing = todo.filter_map(|(at, len)| Some((passing.find((*at, *len)).err()?, at + len)));
            match missing.min() {
                // What has passed by cannot be had in this pass.
                Some((at, _)) if at < passing.at => asking.open = false,
                Some(range) => next = Some(next.map_or(range, |next| next.min(range))),
                None => asking.hunt = None,
            }
        }
        let mut hunts: Vec<&mut Hunt> = asking.iter_mut().filter_map(|asking| asking.hunt.as_mut()).collect();
        match next {
            Some(range) => passing.go_to(range, &mut hunts)?,
            None => {
                if !hunts.is_empty() {
                    passing.pass(size, &mut hunts)?;
                }
                break;
            }
        }
    }
    let mut kept = Kept { pieces: passing.pieces, ..Kept::default() };
    for hunt in asking.into_iter().filter_map(|asking| asking.hunt) {
        let pattern = hunt.pattern;
        if let Some(found) = hunt.end() {
            kept.searched.push((pattern, found));
        }
    }
    Ok(kept)
}

impl Asking {
    /// Goes as far as what is there lets it.
    fn go(&mut self, passing: &mut Passing<'_>) {
        while self.open {
            let reading = &mut self.reading;
            self.todo.retain(|range| match passing.find(*range) {
                Ok(bytes) => {
                    if let Some(reading) = reading {
                        reading.take(range.0, bytes.clone());
                    }
                    passing.keep(range.0, bytes);
                    false
                }
                Err(_) => true,
            });
            if !self.todo.is_empty() {
                return;
            }
            match self.reading.as_mut().map(ElfReading::turn) {
                Some(Turn::Read(ranges) | Turn::Search(ranges, _)) => self.todo = ranges,
                Some(Turn::Done(_)) | None => self.open = false,
            }
        }
    }
}

impl Passing<'_> {
    /// What is there from an offset on, at least one byte of it.
    fn from(&self, at: u64) -> &[u8] {
        let cut = |from: u64, bytes: &[u8]| {
            usize::try_from(at.checked_sub(from)?).ok().filter(|offset| *offset < bytes.len())
        };
        if let Some(offset) = cut(0, &self.start) {
            return self.start.get(offset..).unwrap_or_default();
        }
        if let Some(offset) = cut(self.at.saturating_sub(self.tail.len() as u64), &self.tail) {
            return self.tail.get(offset..).unwrap_or_default();
        }
        if let Some(offset) = cut(self.lead.0, &self.lead.1) {
            return self.lead.1.get(offset..).unwrap_or_default();
        }
        let pieces = self.pieces.iter().chain(self.held);
        let found = pieces.filter_map(|(from, bytes)| bytes.get(cut(*from, bytes)?..));
        found.max_by_key(|rest| rest.len()).unwrap_or_default()
    }

    /// The bytes of a range, or the offset of the first that is not there.
    fn find(&self, (at, len): (u64, u64)) -> Result<Vec<u8>, u64> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mut out = Vec::new();
        while out.len() < len {
            let here = at + out.len() as u64;
            match self.from(here) {
                [] => return Err(here),
                rest => out.extend_from_slice(rest.get(..len - out.len()).unwrap_or(rest)),
            }
        }
        Ok(out)
    }

    fn keep(&mut self, at: u64, bytes: Vec<u8>) {
        let end = at + bytes.len() as u64;
        let covers = |(from, have): &Piece| *from <= at && end <= from + have.len() as u64;
        if !bytes.is_empty() && !self.pieces.iter().chain(self.held).any(covers) {
            self.pieces.push((at, bytes.into_boxed_slice()));
        }
    }

    /// The next bytes.
    fn read(&mut self, most: u64, hunts: &mut [&mut Hunt]) -> Result<Box<[u8]>, TarError> {
        let bytes = self.body.read(most)?;
        self.at += bytes.len() as u64;
        if !hunts.is_empty() {
            for hunt in &mut *hunts {
                hunt.feed(&bytes);
            }
            self.tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default());
            self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        }
        Ok(bytes)
    }

    /// Goes on to an offset.
    fn pass(&mut self, to: u64, hunts: &mut [&mut Hunt]) -> Result<(), TarError> {
        if hunts.is_empty() && to > self.at {
            self.body.skip(to - self.at)?;
            self.at = to;
        }
        while self.at < to {
            if self.read((to - self.at).min(STEP), hunts)?.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Goes on to what is not there of a range, and reads it.
    fn go_to(&mut self, (missing, end): (u64, u64), hunts: &mut [&mut Hunt]) -> Result<(), TarError> {
        // While nothing has been passed over, all is held.
        while self.at == self.start.len() as u64 && self.at < end.min(START) {
            let step = self.read((end.min(START) - self.at).min(STEP), hunts)?;
            if step.is_empty() {
                break;
            }
            self.start.extend_from_slice(&step);
        }
        if self.at < end {
            let from = missing.max(self.at);
            self.pass(from.saturating_sub(LEAD).max(self.at), hunts)?;
            self.lead = (self.at, Vec::new());
            while self.at < from {
                let step = self.read((from - self.at).min(STEP), hunts)?;
                if step.is_empty() {
                    break;
                }
                self.lead.1.extend_from_slice(&step);
            }
            let piece = self.read(end - from, hunts)?;
            self.pieces.push((from, piece));
        }
        Ok(())
    }
}
