//! Questions about many ELF files in, their answers out, in as few rounds as the deepest of them needs: every file that
//! waits for a part of it asks for it in the same round. What came of a file before it was asked for is not asked for again.

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
    /// What came unasked: offset and bytes.
    ahead: Vec<(u64, Vec<u8>)>,
    /// What was searched unasked for what the reading looks for: offset, and bytes of which those that are no match may be zeros.
    searched: Option<(u64, Vec<u8>)>,
}

impl Open {
    pub(crate) fn new(real: ImagePath, reading: ElfReading) -> Self {
        let (todo, ahead) = (Vec::new(), Vec::new());
        Self { real, reading, answer: None, todo, only: None, ahead, searched: None }
    }

    /// With parts of the file that have come already, and what was found where it was searched. The reading is given no more of
    /// them than it asks for: so it reads the same parts whatever came.
    pub(crate) fn ahead(mut self, parts: &[(u64, &[u8])], searched: Option<(u64, Vec<u8>)>) -> Self {
        self.ahead = parts.iter().map(|(at, bytes)| (*at, bytes.to_vec())).collect();
        self.searched = searched;
        self.turn();
        self
    }

    /// What the reading wants next, and that is not there.
    fn turn(&mut self) {
        while self.todo.is_empty() && self.answer.is_none() {
            match self.reading.turn() {
                Turn::Read(ranges) => {
                    self.only = None;
                    for (at, len) in ranges {
                        match part_of(&self.ahead, at, len) {
                            Some(bytes) => self.reading.take(at, bytes.to_vec()),
                            None => self.todo.push((at, len)),
                        }
                    }
                }
                // Only what is searched as a whole: a match goes on to the end of what was searched.
                Turn::Search(ranges, pattern) => match self.searched.take() {
                    Some((at, bytes)) if *ranges == [(at, bytes.len() as u64)] => {
                        self.reading.take(at, bytes)
                    }
                    _ => (self.todo, self.only) = (ranges, Some(pattern)),
                },
                Turn::Done(answer) => self.answer = Some(answer),
            }
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

/// The bytes of a range, where one part holds all of it.
fn part_of(parts: &[(u64, Vec<u8>)], at: u64, len: u64) -> Option<&[u8]> {
    parts.iter().find_map(|(from, bytes)| {
        let start = usize::try_from(at.checked_sub(*from)?).ok()?;
        bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    })
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
