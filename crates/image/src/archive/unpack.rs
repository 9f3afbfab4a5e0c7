//! A stream that may be compressed in, the plain stream out, within a bound on how much larger it may get.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::limits::{INFLATED_FREE, INFLATED_TO_DEFLATED};

/// How bytes are packed, by their first ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packed {
    /// RFC 1952.
    Gzip,
    /// RFC 8878, also when a skippable frame comes first.
    Zstd,
    /// Known and not read.
    Unread(&'static str),
    /// Not by anything known.
    No,
}

impl Packed {
    pub(crate) fn by_magic(start: &[u8]) -> Self {
        match start {
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Unread("bzip2"),
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Self::Unread("xz"),
            [b'P', b'K', 3, 4, ..] => Self::Unread("zip"),
            _ => Self::No,
        }
    }
}

/// The plain stream of a packed one.
pub(crate) fn unpack<'a>(packed: Packed, inner: impl Read + 'a) -> Box<dyn Read + 'a> {
    let taken = Rc::new(Cell::new(0));
    let counted = BufReader::with_capacity(64 << 10, Counted { inner, taken: Rc::clone(&taken) });
    match packed {
        Packed::Gzip => Box::new(Bounded { inner: MultiGzDecoder::new(counted), taken, given: 0 }),
        Packed::Zstd => {
            let inner = Frames { source: counted, decoder: FrameDecoder::new(), in_frame: false };
            Box::new(Bounded { inner, taken, given: 0 })
        }
        Packed::Unread(_) | Packed::No => Box::new(counted),
    }
}

struct Counted<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

struct Bounded<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        if self.given > INFLATED_FREE && self.given / INFLATED_TO_DEFLATED > self.taken.get() {
            return Err(io::Error::other(format!(
                "more than {INFLATED_TO_DEFLATED} times its packed size comes out of it, beyond {} MiB",
                INFLATED_FREE >> 20
            )));
        }
        Ok(count)
    }
}

/// The frames of a zstd stream, one after the other; skippable ones are passed over. (The decoder knows one frame.)
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Frames<R> {
    /// Begins the next frame; `false` at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.init(&mut self.source) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
            }
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
        Ok(true)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| io::Error::other(error.to_string()))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.in_frame = false;
        }
    }
}
