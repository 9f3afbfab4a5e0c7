//! Bytes that come by once, or a window on a file in, reads and skips in one direction out.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

/// What a header walk reads from.
pub(crate) trait Input {
    /// Fills the buffer; fewer bytes only at the end.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Goes on behind the next `count` bytes; how many of them there were.
    fn skip(&mut self, count: u64) -> io::Result<u64>;
    /// Offset of the next byte.
    fn at(&self) -> u64;
}

impl<I: Input + ?Sized> Input for &mut I {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).fill(buffer)
    }
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        (**self).skip(count)
    }
    fn at(&self) -> u64 {
        (**self).at()
    }
}

/// A stream: skipping is reading.
pub(crate) struct Flow<R> {
    inner: R,
    at: u64,
    scratch: Vec<u8>,
}

impl<R: Read> Flow<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, at: 0, scratch: Vec::new() }
    }
}

impl<R: Read> Input for Flow<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.inner.read(rest) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.at += done as u64;
        Ok(done)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(64 << 10, 0);
        let mut left = count;
        let mut result = Ok(());
        while left > 0 {
            let most = scratch.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.fill(scratch.get_mut(..most).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => left -= read as u64,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.scratch = scratch;
        result.map(|()| count - left)
    }

    fn at(&self) -> u64 {
        self.at
    }
}

/// What is read at once of a file: a header with a small body and the next header lie in it, and little is read in vain
/// before a large one.
const WINDOW: usize = 8 << 10;

/// A part of a file: skipping costs nothing. Offsets are those of the file.
pub(crate) struct Window {
    file: Rc<File>,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl Window {
    pub(crate) fn new(file: Rc<File>, at: u64, len: u64) -> Self {
        Self { file, at, end: at.saturating_add(len), buffer: Vec::new(), buffer_at: 0 }
    }

    fn buffered(&self) -> &[u8] {
        let from = self.at.checked_sub(self.buffer_at).and_then(|from| usize::try_from(from).ok());
        let rest = from.and_then(|from| self.buffer.get(from..)).unwrap_or_default();
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        rest.get(..left.min(rest.len())).unwrap_or_default()
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.buffered().is_empty() && buffer.len() < WINDOW {
            let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            self.buffer.resize(WINDOW.min(left), 0);
            self.buffer_at = self.at;
            let count = read_at(&self.file, self.at, &mut self.buffer)?;
            self.buffer.truncate(count);
        }
        let ready = self.buffered();
        let count = if ready.is_empty() {
            let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let most = buffer.len().min(left);
            read_at(&self.file, self.at, buffer.get_mut(..most).unwrap_or_default())?
        } else {
            let count = ready.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..count), ready.get(..count)) {
                to.copy_from_slice(from);
            }
            count
        };
        self.at += count as u64;
        Ok(count)
    }
}

fn read_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer)
    }
}

impl Input for Window {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.read_some(rest)? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let count = count.min(self.end.saturating_sub(self.at));
        self.at += count;
        Ok(count)
    }

    fn at(&self) -> u64 {
        self.at
    }
}
