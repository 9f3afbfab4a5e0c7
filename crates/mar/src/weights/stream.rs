//! Positioned reads come in; bytes one after the other come out, with skips that cost nothing.

use envdiff_files::{ReadAt, Reason};

/// How much is read at once.
const WINDOW: usize = 64 << 10;

/// A part of a file, read from its begin to its end.
pub(super) struct Stream<'a> {
    file: &'a mut dyn ReadAt,
    /// Where the part begins, in the file.
    begin: u64,
    /// Where it ends, in the file.
    end: u64,
    /// Where the next byte is, in the file.
    at: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// What came instead of bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Short {
    /// The part ended.
    End,
    /// A line longer than is read.
    TooLong,
    /// A read failed.
    Unread(Reason),
}

impl From<Reason> for Short {
    fn from(reason: Reason) -> Self {
        Self::Unread(reason)
    }
}

impl<'a> Stream<'a> {
    /// The bytes from `begin` to `end` of a file; an end beyond the file's is the file's.
    pub(super) fn new(file: &'a mut dyn ReadAt, begin: u64, end: u64) -> Self {
        let end = end.min(file.size());
        let begin = begin.min(end);
        Self { file, begin, end, at: begin, window: Vec::new(), window_at: 0 }
    }

    /// How many bytes lie behind.
    pub(super) const fn offset(&self) -> u64 {
        self.at - self.begin
    }

    /// How many bytes lie ahead.
    pub(super) const fn left(&self) -> u64 {
        self.end - self.at
    }

    /// What of the window lies ahead; filled where it is empty.
    fn ahead(&mut self) -> Result<&[u8], Reason> {
        let inside = self.at.checked_sub(self.window_at).and_then(|at| usize::try_from(at).ok());
        let have = inside.and_then(|at| self.window.get(at..)).is_some_and(|rest| !rest.is_empty());
        if !have && self.at < self.end {
            let want = usize::try_from(self.end - self.at).unwrap_or(WINDOW).min(WINDOW);
            self.window.resize(want, 0);
            let count = self.file.read_at(self.at, &mut self.window)?;
            self.window.truncate(count);
            self.window_at = self.at;
            if count == 0 {
                // The file is shorter than it said.
                self.end = self.at;
            }
        }
        let inside = usize::try_from(self.at.saturating_sub(self.window_at)).unwrap_or(usize::MAX);
        Ok(self.window.get(inside..).unwrap_or_default())
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Short> {
        let byte = self.ahead()?.first().copied().ok_or(Short::End)?;
        self.at += 1;
        Ok(byte)
    }

    /// So many bytes as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let mut out = [0; N];
        for byte in &mut out {
            *byte = self.byte()?;
        }
        Ok(out)
    }

    /// So many bytes; nothing is taken where fewer are left.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<u8>, Short> {
        if self.left() < count as u64 {
            return Err(Short::End);
        }
        let mut out = Vec::with_capacity(count);
        while out.len() < count {
            let missing = count - out.len();
            let ahead = self.ahead()?;
            if ahead.is_empty() {
                return Err(Short::End);
            }
            let part = ahead.get(..missing.min(ahead.len())).unwrap_or_default();
            out.extend_from_slice(part);
            self.at += part.len() as u64;
        }
        Ok(out)
    }

    /// Passes so many bytes.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), Short> {
        if self.left() < count {
            return Err(Short::End);
        }
        self.at += count;
        Ok(())
    }

    /// The bytes up to the next line feed, without it.
    pub(super) fn line(&mut self, limit: usize) -> Result<Vec<u8>, Short> {
        let mut out = Vec::new();
        loop {
            let ahead = self.ahead()?;
            if ahead.is_empty() {
                return Err(Short::End);
            }
            let (part, found) = match memchr::memchr(b'\n', ahead) {
                Some(at) => (ahead.get(..at).unwrap_or_default(), true),
                None => (ahead, false),
            };
            if out.len() + part.len() > limit {
                return Err(Short::TooLong);
            }
            out.extend_from_slice(part);
            self.at += part.len() as u64 + u64::from(found);
            if found {
                return Ok(out);
            }
        }
    }
}
