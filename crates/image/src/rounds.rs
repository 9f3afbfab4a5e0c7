//! Questions about many ELF files in, their answers out, in as few rounds as the deepest of them needs: every file that
//! waits for a part of it asks for it in the same round.

use envdiff_files::{Answer, ElfReading, ImagePath, Pattern, Reason, Turn};

/// What is asked for in one round, in bytes, unless one file alone wants more.
const ROUND: u64 = 32 << 20;

/// A part of a file.
pub(crate) struct Part {
    /// The file's real path.
    pub(crate) real: ImagePath,
    /// Offset.
    pub(crate) at: u64,
    /// Length.
    pub(crate) len: u64,
    /// It is only searched for this: what of it is no match may come as zeros.
    pub(crate) only: Option<Pattern>,
}

/// A reading with its file's real path and, in the end, its answer.
pub(crate) struct Open {
    pub(crate) real: ImagePath,
    pub(crate) reading: ElfReading,
    pub(crate) answer: Option<Result<Answer, Reason>>,
    todo: Vec<(u64, u64)>,
    /// What `todo` is only searched for.
    only: Option<Pattern>,
}

impl Open {
    pub(crate) fn new(real: ImagePath, reading: ElfReading) -> Self {
        Self { real, reading, answer: None, todo: Vec::new(), only: None }
    }

    /// Takes the first bytes of the file where they have come already.
    pub(crate) fn begin(&mut self, first: Vec<u8>) {
        self.turn();
        if let [range] = *self.todo {
            self.take(range, Ok(first));
            self.todo.clear();
        }
    }

    fn turn(&mut self) {
        match self.reading.turn() {
            Turn::Read(ranges) => (self.todo, self.only) = (ranges, None),
            Turn::Search(ranges, pattern) => (self.todo, self.only) = (ranges, Some(pattern)),
            Turn::Done(answer) => self.answer = Some(answer),
        }
    }

    fn take(&mut self, (at, len): (u64, u64), bytes: Result<Vec<u8>, Reason>) {
        match bytes {
            Ok(bytes) if bytes.len() as u64 == len => self.reading.take(at, bytes),
            Ok(_) => self.answer = Some(Err(Reason::System("it changed while it was read".into()))),
            Err(reason) => self.answer = Some(Err(reason)),
        }
    }
}

/// Goes on until every reading has its answer; `ask` reads parts, one result for each.
///
/// # Errors
/// What `ask` says.
pub(crate) fn in_rounds<E>(
    open: &mut [Open],
    mut ask: impl FnMut(&[Part]) -> Result<Vec<Result<Vec<u8>, Reason>>, E>,
) -> Result<(), E> {
    loop {
        let mut parts = Vec::new();
        let mut whose = Vec::new();
        let mut bytes = 0;
        for file in open.iter_mut().filter(|file| file.answer.is_none()) {
            if file.todo.is_empty() {
                file.turn();
            }
            // The others wait for the next round.
            if bytes < ROUND && file.answer.is_none() {
                for (at, len) in std::mem::take(&mut file.todo) {
                    parts.push(Part { real: file.real.clone(), at, len, only: file.only });
                    bytes += len;
                }
                whose.push((file, parts.len()));
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        let mut told = parts.iter().zip(ask(&parts)?).enumerate().peekable();
        for (file, end) in whose {
            while let Some((_, (part, bytes))) = told.next_if(|(index, _)| *index < end) {
                file.take((part.at, part.len), bytes);
            }
        }
    }
}
