//! A gzipped tar comes in; its entries come out as TorchServe unpacks it: the first component of each path cut off, links
//! as empty files.

use std::io::{self, Read};
use std::sync::Arc;

use super::raw::{End, Inflater, Raw};
use super::tree::Body;
use crate::limits::{KEPT, KEPT_ALL, LONGEST_PATH, MOST_ENTRIES};

/// One entry, its path as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_folder: bool,
    pub(crate) is_link: bool,
    pub(crate) body: Body,
}

/// How the reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At the end.
    End,
    /// `java.io.IOException` or `java.io.EOFException`, whole.
    Thrown(String),
    /// More in it than is read here.
    Bound(&'static str),
}

/// What was met.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) entries: Vec<Entry>,
    pub(crate) stop: Stop,
}

/// Length of the header of a gzip member (RFC 1952), or what Java says.
fn header(raw: &Raw) -> io::Result<Result<u64, String>> {
    let not = || Ok(Err("java.io.IOException: Input is not in the .gz format".to_owned()));
    let cut = || Ok(Err("java.io.EOFException".to_owned()));
    let Some(magic) = raw.exactly(0, 2)? else { return not() };
    if magic != b"\x1f\x8b" {
        return not();
    }
    let Some(fixed) = raw.exactly(0, 10)? else { return cut() };
    let method = fixed.get(2).copied().unwrap_or(0);
    let flags = fixed.get(3).copied().unwrap_or(0);
    if method != 8 {
        return Ok(Err(format!(
            "java.io.IOException: Unsupported compression method {method} in the .gz header"
        )));
    }
    if flags & 0xE0 != 0 {
        return Ok(Err("java.io.IOException: Reserved flags are set in the .gz header".to_owned()));
    }
    let mut at = 10;
    if flags & 4 != 0 {
        let Some(len) = raw.exactly(at, 2)? else { return cut() };
        let len = len.iter().rev().fold(0_u64, |sum, byte| sum * 256 + u64::from(*byte));
        at += 2 + len;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            match zero(raw, at)? {
                Some(next) => at = next,
                None => return cut(),
            }
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    if at > raw.size() { cut() } else { Ok(Ok(at)) }
}

/// Where the byte after the next zero is.
fn zero(raw: &Raw, mut at: u64) -> io::Result<Option<u64>> {
    let mut buffer = [0; 512];
    loop {
        let count = raw.read_at(at, &mut buffer)?;
        let got = buffer.get(..count).unwrap_or_default();
        if let Some(found) = memchr::memchr(0, got) {
            return Ok(Some(at + found as u64 + 1));
        }
        if count == 0 {
            return Ok(None);
        }
        at += count as u64;
    }
}

/// The inflated stream, counted; of a gzip only the first member, as commons-compress reads it.
struct Stream {
    inflater: Inflater,
    crc: flate2::Crc,
    passed: u64,
    raw: Raw,
    /// What went wrong, as Java says it.
    thrown: Option<String>,
    bomb: bool,
}

impl Stream {
    /// Compares what follows the deflated data: checksum and length.
    fn trailer(&self) -> io::Result<Option<String>> {
        let Some(trailer) = self.raw.exactly(self.inflater.position(), 8)? else {
            return Ok(Some("java.io.EOFException".to_owned()));
        };
        let word =
            |at: usize| trailer.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        if word(0) != self.crc.sum() {
            return Ok(Some("java.io.IOException: Gzip-compressed data is corrupt (CRC32 error)".to_owned()));
        }
        if word(4) != self.crc.amount() {
            let text = "java.io.IOException: Gzip-compressed data is corrupt(uncompressed size mismatch)";
            return Ok(Some(text.to_owned()));
        }
        Ok(None)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.thrown.is_some() || self.bomb {
            return Err(io::Error::other("thrown"));
        }
        let count = self.inflater.read(buffer)?;
        self.crc.update(buffer.get(..count).unwrap_or_default());
        self.passed += count as u64;
        if count == 0 && !buffer.is_empty() {
            match self.inflater.end() {
                Some(End::Whole) | None => self.thrown = self.trailer()?,
                Some(End::Cut) => self.thrown = Some("java.io.EOFException".to_owned()),
                Some(End::Bad(_)) => {
                    self.thrown = Some("java.io.IOException: Gzip-compressed data is corrupt.".to_owned());
                }
                Some(End::Bomb) => self.bomb = true,
            }
            if self.thrown.is_some() || self.bomb {
                return Err(io::Error::other("thrown"));
            }
        }
        Ok(count)
    }
}

/// Reads from the front.
pub(crate) fn sequence(raw: &Raw) -> io::Result<Sequence> {
    let begin = match header(raw)? {
        Ok(begin) => begin,
        Err(thrown) => return Ok(Sequence { entries: Vec::new(), stop: Stop::Thrown(thrown) }),
    };
    let inflater = Inflater::new(raw, begin);
    let mut stream =
        Stream { inflater, crc: flate2::Crc::new(), passed: 0, raw: raw.clone(), thrown: None, bomb: false };
    let mut entries = Vec::new();
    let stop = walk(&mut stream, begin, &mut entries);
    let stop = match stop {
        _ if stream.bomb => Stop::Bound("more than 1,000 bytes come out of one"),
        stop => match stream.thrown {
            Some(thrown) => Stop::Thrown(thrown),
            None => stop,
        },
    };
    Ok(Sequence { entries, stop })
}

fn walk(stream: &mut Stream, begin: u64, entries: &mut Vec<Entry>) -> Stop {
    let damaged = |error: &io::Error| {
        Stop::Thrown(format!("java.io.IOException: Error detected parsing the header ({error})"))
    };
    let mut archive = tar::Archive::new(stream);
    let met = match archive.entries() {
        Ok(met) => met,
        Err(error) => return damaged(&error),
    };
    let mut kept = 0;
    for entry in met {
        let mut entry = match entry {
            Ok(entry) => entry,
            // A stream that is over before the first header is an empty archive for Java.
            Err(error) => return damaged(&error),
        };
        if entries.len() >= MOST_ENTRIES {
            return Stop::Bound("more than 200,000 entries");
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if name.len() > LONGEST_PATH {
            return Stop::Bound("a path of more than 4,096 bytes");
        }
        let kind = entry.header().entry_type();
        let is_folder = kind.is_dir() || (kind.is_file() && name.ends_with('/'));
        let is_link = kind.is_symlink() || kind.is_hard_link();
        let size = entry.size();
        let skip = entry.raw_file_position();
        let mut body = Body::Empty;
        if !is_folder && !is_link && size > 0 {
            body = Body::Streamed { at: begin, skip, size };
            if size <= KEPT && kept + size <= KEPT_ALL {
                let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
                if let Err(error) = entry.read_to_end(&mut bytes) {
                    return damaged(&error);
                }
                if (bytes.len() as u64) < size {
                    return Stop::Thrown("java.io.IOException: Truncated TAR archive".to_owned());
                }
                kept += size;
                body = Body::Held(Arc::from(bytes));
            }
        }
        entries.push(Entry { name, is_folder, is_link, body });
    }
    Stop::End
}
