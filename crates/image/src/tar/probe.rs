//! The body of an ELF file that passes by and questions about it in, the parts of it that answer them out.
//!
//! What a question needs next it knows only from what it has read, and what it needs then may have passed by: the strings of
//! a library stand before the table that leads to them, its sections before the list of them. So the beginning of a body is
//! held while it passes, as far as tables can lie there: to where the code begins. What comes behind that is picked out as it
//! comes, and what is searched for is searched for everywhere. What is still missing in the end costs another pass,
//! which knows more when it begins.

use envdiff_files::{ElfQuestion, ElfReading, Turn, code_begins};

use super::hunt::Hunt;
use super::keep::Bodies;
use super::kept::{Kept, Piece};
use super::stretch::Stretch;
use super::walk::TarError;

/// The most that is held of a body's beginning while it passes, in bytes; none of it is kept but what was needed. Of the
/// libraries in the wheels of torch 1.13 to 2.15 the tables in front end within 12 MiB.
const START: u64 = if cfg!(test) { 64 << 10 } else { 13 << 20 };
/// How much of its end is held, in bytes: the names of sections lie before the list of them, the last in most files.
const TAIL: usize = if cfg!(test) { 512 } else { 64 << 10 };
/// How much is held of what lies right before something far behind: a library that was rewritten for a wheel has its strings there,
/// before the table that leads to them.
const LEAD: u64 = if cfg!(test) { 1 << 10 } else { 3 << 20 };
/// How much is read at once.
const STEP: u64 = if cfg!(test) { 16 << 10 } else { 256 << 10 };

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
    start: &'a mut Stretch,
    /// All of the beginning is held, wherever code begins: what lies before it was not enough.
    whole_start: bool,
    /// Its last bytes so far, where anything is searched for.
    tail: Vec<u8>,
    /// What lies before the piece that was read last; nothing of it is kept but what is needed.
    lead: &'a mut Stretch,
    /// What was read last.
    step: &'a mut Vec<u8>,
    /// Offset of what comes next.
    at: u64,
    pieces: Vec<Piece>,
}

/// Reads bodies as far as questions need; what it needs for that serves for one after the other.
#[derive(Default)]
pub(crate) struct Prober {
    start: Stretch,
    lead: Stretch,
    step: Vec<u8>,
}

impl Prober {
    /// Reads a body of `size` bytes, of which `head` has been read, as far as the questions need; the parts that they and
    /// `parts` want, without those in `held`.
    ///
    /// # Errors
    /// The stream broke.
    pub(crate) fn probe(
        &mut self,
        body: &mut dyn Bodies,
        size: u64,
        head: &[u8],
        held: &[Piece],
        parts: &[(u64, u64)],
        questions: &[ElfQuestion],
    ) -> Result<Kept, TarError> {
        let Self { start, lead, step } = self;
        start.begin(0);
        start.push(head);
        lead.begin(0);
        let at = start.end();
        let (tail, pieces) = (Vec::new(), Vec::new());
        let whole_start = !held.is_empty();
        probe(
            Passing { body, held, start, whole_start, tail, lead, step, at, pieces },
            size,
            parts,
            questions,
        )
    }
}

fn probe(
    mut passing: Passing<'_>,
    size: u64,
    parts: &[(u64, u64)],
    questions: &[ElfQuestion],
) -> Result<Kept, TarError> {
    let todo = parts.iter().map(|(at, len)| ((*at).min(size), (*len).min(size - (*at).min(size)))).collect();
    let mut asking = vec![Asking { reading: None, todo, open: true, hunt: None }];
    asking.extend(questions.iter().map(|question| {
        let hunt = match question {
            ElfQuestion::Scan { pattern, .. } => Some(Hunt::new(*pattern)),
            ElfQuestion::View => None,
        };
        Asking { reading: Some(ElfReading::new(*question, size)), todo: Vec::new(), open: true, hunt }
    }));
    for hunt in asking.iter_mut().filter_map(|asking| asking.hunt.as_mut()) {
        hunt.feed(passing.start.first());
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
        let start = self.start.from(at);
        if !start.is_empty() {
            return start;
        }
        if let Some(offset) = cut(self.at.saturating_sub(self.tail.len() as u64), &self.tail) {
            return self.tail.get(offset..).unwrap_or_default();
        }
        let lead = self.lead.from(at);
        if !lead.is_empty() {
            return lead;
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

    /// Reads the next bytes into `step`; whether there were any.
    fn read(&mut self, most: u64, hunts: &mut [&mut Hunt]) -> Result<bool, TarError> {
        self.step.clear();
        self.at += self.body.read(most, self.step)?;
        if !hunts.is_empty() {
            for hunt in &mut *hunts {
                hunt.feed(self.step);
            }
            let last = self.step.get(self.step.len().saturating_sub(TAIL)..);
            self.tail.extend_from_slice(last.unwrap_or_default());
            self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        }
        Ok(!self.step.is_empty())
    }

    /// Goes on to an offset.
    fn pass(&mut self, to: u64, hunts: &mut [&mut Hunt]) -> Result<(), TarError> {
        if hunts.is_empty() && to > self.at {
            self.body.skip(to - self.at)?;
            self.at = to;
        }
        while self.at < to && self.read((to - self.at).min(STEP), hunts)? {}
        Ok(())
    }

    /// How far the beginning is held.
    fn start_ends(&self) -> u64 {
        let code = if self.whole_start { None } else { code_begins(self.start.first()) };
        code.unwrap_or(START).clamp(ElfReading::FIRST, START)
    }

    /// Goes on to what is not there of a range, and reads it.
    fn go_to(&mut self, (missing, end): (u64, u64), hunts: &mut [&mut Hunt]) -> Result<(), TarError> {
        // While nothing has been passed over, all is held.
        if self.at == self.start.end() {
            let end = end.min(self.start_ends());
            while self.at < end && self.read((end - self.at).min(STEP), hunts)? {
                self.start.push(self.step);
            }
        }
        if self.at < end {
            let from = missing.max(self.at);
            self.pass(from.saturating_sub(LEAD).max(self.at), hunts)?;
            self.lead.begin(self.at);
            while self.at < from && self.read((from - self.at).min(STEP), hunts)? {
                self.lead.push(self.step);
            }
            self.read(end - from, hunts)?;
            self.pieces.push((from, self.step.as_slice().into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use envdiff_files::{Answer, ElfQuestion, ElfReading, Turn};

    use super::{LEAD, Prober, START};
    use crate::made::{Made, elf};
    use crate::tar::keep::Bodies;
    use crate::tar::kept::{Kept, Piece};
    use crate::tar::walk::TarError;

    /// A body, and the most of its beginning that was read without passing anything over.
    struct Body<'a> {
        rest: &'a [u8],
        in_a_row: Option<u64>,
        from_start: u64,
    }

    impl Bodies for Body<'_> {
        fn at(&self) -> u64 {
            0
        }
        fn read(&mut self, most: u64, to: &mut Vec<u8>) -> Result<u64, TarError> {
            let (now, rest) = self.rest.split_at(self.rest.len().min(usize::try_from(most).unwrap()));
            self.rest = rest;
            if let Some(in_a_row) = &mut self.in_a_row {
                *in_a_row += now.len() as u64;
                self.from_start = *in_a_row;
            }
            to.extend_from_slice(now);
            Ok(now.len() as u64)
        }
        fn skip(&mut self, count: u64) -> Result<(), TarError> {
            self.read(count, &mut Vec::new())?;
            if count > 0 {
                self.from_start -= count.min(self.from_start);
                self.in_a_row = None;
            }
            Ok(())
        }
    }

    /// What a pass keeps, and how far the beginning was read.
    fn pass(bytes: &[u8], held: &[Piece]) -> (Kept, u64) {
        let mut body = Body { rest: bytes, in_a_row: Some(0), from_start: 0 };
        let questions = [ElfQuestion::View];
        let kept =
            Prober::default().probe(&mut body, bytes.len() as u64, &[], held, &[], &questions).unwrap();
        (kept, body.from_start)
    }

    /// The answer from what was kept, if that is enough.
    fn answer(bytes: &[u8], pieces: &[Piece]) -> Option<Answer> {
        let mut reading = ElfReading::new(ElfQuestion::View, bytes.len() as u64);
        loop {
            match reading.turn() {
                Turn::Done(answer) => return answer.ok(),
                Turn::Read(ranges) | Turn::Search(ranges, _) => {
                    for (at, len) in ranges {
                        let covers =
                            |(from, have): &&Piece| *from <= at && at + len <= from + have.len() as u64;
                        let (from, have) = pieces.iter().find(covers)?;
                        let from = usize::try_from(at - from).unwrap();
                        reading.take(at, have[from..from + usize::try_from(len).unwrap()].to_vec());
                    }
                }
            }
        }
    }

    /// A library whose tables lie in front, with code from an offset on, or so it says.
    fn library(code: u64, runpath: &'static str) -> Vec<u8> {
        let filler = usize::try_from(START * 2 + LEAD).unwrap();
        let texts = vec![(elf::DT_NEEDED, "libc.so.6"), (elf::DT_RUNPATH, runpath)];
        let mut bytes = Made { filler, texts, sections: false, ..Made::library() }.bytes();
        let base = u64::from_le_bytes(bytes[64 + 16..64 + 24].try_into().unwrap());
        bytes[64 + 4] |= u8::try_from(elf::PF_X.0).unwrap();
        bytes[24..32].copy_from_slice(&(base + code).to_le_bytes());
        bytes
    }

    #[test]
    fn the_beginning_is_held_to_where_code_begins() {
        let bytes = library(4_096, "$ORIGIN");
        let (kept, held) = pass(&bytes, &[]);
        assert!(answer(&bytes, &kept.pieces).is_some());
        assert!(held <= 4_096, "{held}");
        // Where nothing tells of code.
        let bytes = library(0, "$ORIGIN");
        let (kept, held) = pass(&bytes, &[]);
        assert!(answer(&bytes, &kept.pieces).is_some());
        assert_eq!(held, START);
    }

    #[test]
    fn tables_behind_the_code_cost_a_second_pass() {
        // Version names and folders, so many that they lie behind what is read first.
        let folders: &'static str = "$ORIGIN/some/folder/of/libraries:".repeat(99).leak();
        let bytes = library(ElfReading::FIRST, folders);
        let (kept, held) = pass(&bytes, &[]);
        assert_eq!((held, answer(&bytes, &kept.pieces).is_none()), (ElfReading::FIRST, true));
        let (more, _) = pass(&bytes, &kept.pieces);
        let pieces = [kept.pieces, more.pieces].concat();
        let told = answer(&bytes, &pieces);
        assert!(
            matches!(told, Some(Answer::Elf(view)) if view.runpath.as_deref() == Some(folders.as_bytes()))
        );
    }
}
