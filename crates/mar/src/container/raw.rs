//! A file or bytes in memory come in; positioned reads and inflated streams come out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use envdiff_files::{ReadAt, Reason};
use flate2::{Decompress, FlushDecompress, Status};

use crate::limits::{ENDS, IN_MEMORY, RATIO, RATIO_BEYOND};

/// Bytes that are read by position; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    kind: Arc<Kind>,
    size: u64,
}

#[derive(Debug)]
enum Kind {
    File(File),
    Memory(Vec<u8>),
}

impl Raw {
    pub(crate) fn file(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { kind: Arc::new(Kind::File(file)), size })
    }

    pub(crate) fn memory(bytes: Vec<u8>) -> Self {
        Self { size: bytes.len() as u64, kind: Arc::new(Kind::Memory(bytes)) }
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Fills the buffer from `at`; fewer bytes only at the end.
    pub(crate) fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match &*self.kind {
            Kind::Memory(bytes) => (&mut bytes.as_slice()).read_at(at, buffer).map_err(io::Error::other),
            Kind::File(file) => {
                let mut done = 0;
                while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
                    match file.read_at(rest, at.saturating_add(done as u64)) {
                        Ok(0) => break,
                        Ok(count) => done += count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(done)
            }
        }
    }

    /// `len` bytes from `at`, or `None` where the file ends before.
    pub(crate) fn exactly(&self, at: u64, len: u64) -> io::Result<Option<Vec<u8>>> {
        if at.checked_add(len).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        let Ok(len) = usize::try_from(len) else { return Ok(None) };
        let mut bytes = vec![0; len];
        Ok((self.read_at(at, &mut bytes)? == len).then_some(bytes))
    }
}

/// The system's words, or our own.
pub(crate) fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Reason::Denied,
        _ => Reason::System(error.to_string().into()),
    }
}

/// A part of a file, read as a file of its own.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) raw: Raw,
    pub(crate) at: u64,
    pub(crate) len: u64,
}

impl ReadAt for Window {
    fn size(&self) -> u64 {
        self.len
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted) else { return Ok(0) };
        self.raw.read_at(self.at.saturating_add(at), buffer).map_err(|error| reason(&error))
    }
}

/// Bytes in memory, read as a file.
#[derive(Debug, Clone)]
pub(crate) struct Held(pub(crate) Arc<[u8]>);

impl ReadAt for Held {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        (&mut &*self.0).read_at(at, buffer)
    }
}

/// How inflating a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The stream's own end.
    Whole,
    /// The file ends before.
    Cut,
    /// No deflated data; zlib's words.
    Bad(&'static str),
    /// More comes out of it than is read.
    Bomb,
}

/// A deflated stream without header, inflated from its beginning on.
pub(crate) struct Inflater {
    raw: Raw,
    begin: u64,
    /// Where the next input is read from.
    at: u64,
    input: Vec<u8>,
    from: usize,
    filled: usize,
    stream: Decompress,
    end: Option<End>,
}

const CHUNK: usize = 64 << 10;

impl Inflater {
    pub(crate) fn new(raw: &Raw, at: u64) -> Self {
        Self {
            raw: raw.clone(),
            begin: at,
            at,
            input: Vec::new(),
            from: 0,
            filled: 0,
            stream: Decompress::new(false),
            end: None,
        }
    }

    /// Bytes that went in.
    pub(crate) fn packed(&self) -> u64 {
        self.stream.total_in()
    }

    /// Bytes that came out.
    pub(crate) fn size(&self) -> u64 {
        self.stream.total_out()
    }

    /// Where the stream ends, once it has ended.
    pub(crate) fn position(&self) -> u64 {
        self.begin.saturating_add(self.packed())
    }

    /// How it ended; `None` while it goes on.
    pub(crate) const fn end(&self) -> Option<End> {
        self.end
    }

    /// The next bytes; 0 at the end, see [`Self::end`].
    pub(crate) fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        while self.end.is_none() {
            if self.from == self.filled {
                if self.input.is_empty() {
                    self.input = vec![0; CHUNK];
                }
                self.filled = self.raw.read_at(self.at, &mut self.input)?;
                self.from = 0;
                self.at = self.at.saturating_add(self.filled as u64);
            }
            let input = self.input.get(self.from..self.filled).unwrap_or_default();
            let is_over = input.is_empty();
            let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(input, output, FlushDecompress::None);
            let took = self.stream.total_in() - before_in;
            let gave = self.stream.total_out() - before_out;
            self.from += usize::try_from(took).unwrap_or(usize::MAX).min(self.filled - self.from);
            match status {
                Ok(Status::StreamEnd) => self.end = Some(End::Whole),
                Ok(Status::Ok | Status::BufError) if is_over && gave == 0 => self.end = Some(End::Cut),
                Ok(_) => {}
                Err(error) => self.end = Some(End::Bad(words(error.message()))),
            }
            let packed = self.packed();
            if self.size() > RATIO_BEYOND && self.size() / packed.max(1) > RATIO {
                self.end = Some(End::Bomb);
            }
            if gave > 0 {
                return Ok(usize::try_from(gave).unwrap_or(0));
            }
        }
        Ok(0)
    }
}

/// zlib's own words, which Java hands on; nothing where the fault came after some output, for then our inflater has lost them.
fn words(message: Option<&str>) -> &'static str {
    const KNOWN: &[&str] = &[
        "invalid block type",
        "invalid stored block lengths",
        "too many length or distance symbols",
        "invalid code lengths set",
        "invalid bit length repeat",
        "invalid code -- missing end-of-block",
        "invalid literal/lengths set",
        "invalid distances set",
        "invalid literal/length code",
        "invalid distance code",
        "invalid distance too far back",
    ];
    let message = message.unwrap_or("");
    KNOWN.iter().find(|known| message.starts_with(**known)).copied().unwrap_or("")
}

/// A packed file, inflated as it is read. Its first and last bytes stay in memory when they pass: the directory of a zip is at its
/// end, and the first of what `torch.save` writes is the pickle, so that one passage is enough for both. Where somebody goes back
/// to what lies between, a small file is inflated into memory, and a large one anew from its beginning.
pub(crate) struct Unrolled {
    raw: Raw,
    at: u64,
    /// What of the inflated stream is the file.
    skip: u64,
    size: u64,
    stream: Inflater,
    /// How much of the stream has passed.
    passed: u64,
    head: Part,
    tail: Part,
    whole: Option<Vec<u8>>,
}

/// Consecutive bytes of a file that have passed.
#[derive(Debug, Default)]
struct Part {
    /// Where they begin in the file.
    from: u64,
    bytes: Vec<u8>,
}

impl Part {
    /// Takes what continues it, up to `most` bytes in all.
    fn take(&mut self, at: u64, passing: &[u8], most: usize) {
        let end = self.from.saturating_add(self.bytes.len() as u64);
        let known = end.checked_sub(at).and_then(|known| usize::try_from(known).ok());
        if let Some(new) = known.and_then(|known| passing.get(known..)) {
            let room = most.saturating_sub(self.bytes.len());
            self.bytes.extend(new.iter().take(room));
        }
    }

    /// Fills the buffer from `at`, if it holds all of that.
    fn give(&self, at: u64, buffer: &mut [u8]) -> Option<()> {
        let from = usize::try_from(at.checked_sub(self.from)?).ok()?;
        buffer.copy_from_slice(self.bytes.get(from..from.checked_add(buffer.len())?)?);
        Some(())
    }
}

impl Unrolled {
    pub(crate) fn new(raw: &Raw, at: u64, skip: u64, size: u64) -> Self {
        let tail = Part { from: size.saturating_sub(ENDS as u64), bytes: Vec::new() };
        let stream = Inflater::new(raw, at);
        Self { raw: raw.clone(), at, skip, size, stream, passed: 0, head: Part::default(), tail, whole: None }
    }

    /// Inflates the next bytes into the buffer; 0 at the end.
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Reason> {
        let count = self.stream.read(buffer).map_err(|error| reason(&error))?;
        let before = self.passed;
        self.passed += count as u64;
        let passing = buffer.get(..count).unwrap_or_default();
        // What of it is the file.
        let lead = usize::try_from(self.skip.saturating_sub(before)).unwrap_or(usize::MAX);
        if let Some(passing) = passing.get(lead..) {
            let at = before.saturating_sub(self.skip);
            self.head.take(at, passing, ENDS);
            let lead = usize::try_from(self.tail.from.saturating_sub(at)).unwrap_or(usize::MAX);
            if let Some(passing) = passing.get(lead..) {
                self.tail.take(at.max(self.tail.from), passing, ENDS);
            }
        }
        Ok(count)
    }
}

impl ReadAt for Unrolled {
    fn size(&self) -> u64 {
        self.size
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let wanted = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
        let from = self.skip.saturating_add(at);
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        if self.head.give(at, buffer).or_else(|| self.tail.give(at, buffer)).is_some() {
            return Ok(wanted);
        }
        if let Some(whole) = &self.whole {
            return (&mut whole.as_slice()).read_at(at, buffer);
        }
        if from < self.passed {
            self.stream = Inflater::new(&self.raw, self.at);
            self.passed = 0;
            if self.size <= IN_MEMORY {
                let mut whole = vec![0; usize::try_from(self.size).unwrap_or(0)];
                let count = self.read_at(0, &mut whole)?;
                whole.truncate(count);
                let whole = self.whole.insert(whole);
                return (&mut whole.as_slice()).read_at(at, buffer);
            }
        }
        let mut scratch = vec![0; CHUNK];
        while self.passed < from {
            let to_skip = usize::try_from(from - self.passed).unwrap_or(usize::MAX).min(CHUNK);
            if self.next(scratch.get_mut(..to_skip).unwrap_or_default())? == 0 {
                return Ok(0);
            }
        }
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let count = self.next(rest)?;
            if count == 0 {
                break;
            }
            done += count;
        }
        Ok(done)
    }
}
