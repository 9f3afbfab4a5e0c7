//! A zip comes in; its entries come out as `java.util.zip.ZipInputStream` (OpenJDK 17) meets them: from the first byte on, by
//! local headers alone. What its central directory says is told beside that, so that the two views can be compared.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use flate2::Crc;

use super::raw::{End, Inflater, Raw};
use super::tree::Body;
use crate::limits::{CENTRAL, KEPT, KEPT_ALL, MOST_ENTRIES, VERIFIED, VERIFIED_ALL};

/// What Java throws, or our own bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Thrown {
    /// `java.util.zip.ZipException` with its text.
    Zip(String),
    /// `java.io.EOFException`, with or without text.
    Eof(Option<&'static str>),
    /// `java.lang.IllegalArgumentException`: a name that is no UTF-8; where and how many bytes.
    Malformed { name: Vec<u8>, off: usize, length: usize },
    /// More in it than is read here.
    Bound(&'static str),
}

impl Thrown {
    /// Class and text as they stand in the log.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Zip(text) if text.is_empty() => "java.util.zip.ZipException".to_owned(),
            Self::Zip(text) => format!("java.util.zip.ZipException: {text}"),
            Self::Eof(Some(text)) => format!("java.io.EOFException: {text}"),
            Self::Eof(None) => "java.io.EOFException".to_owned(),
            Self::Malformed { off, length, .. } => {
                format!("java.lang.IllegalArgumentException: malformed input off : {off}, length : {length}")
            }
            Self::Bound(_) => String::new(),
        }
    }
}

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) body: Body,
    /// Where its local header begins.
    pub(crate) header: u64,
    pub(crate) verified: bool,
}

/// How the reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Where no further local header stands: the offset.
    Silent(u64),
    /// In an entry, whose name is told where it was read.
    Thrown(Thrown, Option<String>),
}

/// What was met from the front.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) entries: Vec<Entry>,
    pub(crate) stop: Stop,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}
fn u32_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, |b| u64::from(u32::from_le_bytes(b)))
}
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

const LOCAL: usize = 30;
const MAGIC: u64 = 0xFFFF_FFFF;

/// How much of an archive has been read for its checksums, and what of it is kept.
struct Spent {
    verified: u64,
    kept: u64,
    verify_all: bool,
}

impl Spent {
    /// Whether so many bytes more are worth their checksum.
    fn takes(&mut self, size: u64) -> bool {
        let fits = size <= VERIFIED && self.verified.saturating_add(size) <= VERIFIED_ALL;
        if fits {
            self.verified += size;
        }
        fits || self.verify_all
    }
}

/// Reads from the front.
pub(crate) fn sequence(raw: &Raw, verify_all: bool) -> io::Result<Sequence> {
    let mut spent = Spent { verified: 0, kept: 0, verify_all };
    let mut entries = Vec::new();
    let mut at = 0;
    let stop = loop {
        let Some(header) = raw.exactly(at, LOCAL as u64)? else { break Stop::Silent(at) };
        if !header.starts_with(b"PK\x03\x04") {
            break Stop::Silent(at);
        }
        if entries.len() >= MOST_ENTRIES {
            break Stop::Thrown(Thrown::Bound("more than 200,000 entries"), None);
        }
        match entry(raw, at, &header, &mut spent)? {
            Ok((entry, next)) => {
                entries.push(entry);
                at = next;
            }
            Err((thrown, name)) => break Stop::Thrown(thrown, name),
        }
    };
    Ok(Sequence { entries, stop })
}

type Met = Result<(Entry, u64), (Thrown, Option<String>)>;

/// One entry with its content, and where the next header is looked for (`ZipInputStream.readLOC`, `read`, `readEnd`).
fn entry(raw: &Raw, at: u64, header: &[u8], spent: &mut Spent) -> io::Result<Met> {
    let flags = u16_at(header, 6);
    let method = u16_at(header, 8);
    let name_len = u64::from(u16_at(header, 26));
    let extra_len = u64::from(u16_at(header, 28));
    let name_at = at + LOCAL as u64;
    let Some(name) = raw.exactly(name_at, name_len)? else { return Ok(Err((Thrown::Eof(None), None))) };
    let name = match String::from_utf8(name) {
        Ok(name) => name,
        Err(error) => {
            let name = error.into_bytes();
            let (off, length) = malformed(&name);
            return Ok(Err((Thrown::Malformed { name, off, length }, None)));
        }
    };
    let thrown = |thrown: Thrown, name: String| Ok(Err((thrown, Some(name))));
    if flags & 1 == 1 {
        return thrown(Thrown::Zip("encrypted ZIP entry not supported".to_owned()), name);
    }
    let is_streamed = flags & 8 == 8;
    if is_streamed && method != 8 {
        return thrown(Thrown::Zip("only DEFLATED entries can have EXT descriptor".to_owned()), name);
    }
    let (crc, mut packed, mut size) = (u32_at(header, 14), u32_at(header, 18), u32_at(header, 22));
    if is_streamed {
        (packed, size) = (0, 0);
    }
    let Some(extra) = raw.exactly(name_at + name_len, extra_len)? else {
        return thrown(Thrown::Eof(None), name);
    };
    if (packed == MAGIC || size == MAGIC)
        && let Some((large, small)) = zip64(&extra)
    {
        (size, packed) = (large, small);
    }
    let data = name_at + name_len + extra_len;
    let is_folder = name.ends_with('/');
    match method {
        0 => {
            // Negative for Java, which reads nothing then.
            let size = if size > i64::MAX as u64 { 0 } else { size };
            let next = data.saturating_add(size);
            if next > raw.size() {
                return thrown(Thrown::Zip("unexpected EOF".to_owned()), name);
            }
            let verified = size == 0 || spent.takes(size);
            if verified && size > 0 {
                let ours = checksum(raw, data, size)?;
                if crc != u64::from(ours) {
                    return thrown(wrong_crc(crc, ours), name);
                }
            }
            let body = if size == 0 { Body::Empty } else { Body::Stored { at: data, len: size } };
            Ok(Ok((Entry { name, body, header: at, verified }, next)))
        }
        8 => {
            let claimed = Claimed { crc, packed, size };
            let inflated = deflated(raw, data, claimed, is_streamed, is_folder, spent)?;
            Ok(match inflated {
                Ok((body, verified, next)) => Ok((Entry { name, body, header: at, verified }, next)),
                Err(thrown) => Err((thrown, Some(name))),
            })
        }
        _ => thrown(Thrown::Zip("invalid compression method".to_owned()), name),
    }
}

/// What header or descriptor say of a deflated entry.
#[derive(Clone, Copy)]
struct Claimed {
    crc: u64,
    packed: u64,
    size: u64,
}

fn wrong_crc(wanted: u64, ours: u32) -> Thrown {
    Thrown::Zip(format!("invalid entry CRC (expected 0x{wanted:x} but got 0x{ours:x})"))
}

type Read = Result<(Body, bool, u64), Thrown>;

fn deflated(
    raw: &Raw,
    data: u64,
    mut claimed: Claimed,
    is_streamed: bool,
    is_folder: bool,
    spent: &mut Spent,
) -> io::Result<Read> {
    if !is_streamed && !spent.takes(claimed.size) {
        // The sizes alone: the stream must lie in the file, and what follows it must be where they say.
        let next = data.saturating_add(claimed.packed);
        if next > raw.size() {
            return Ok(Err(Thrown::Eof(Some("Unexpected end of ZLIB input stream"))));
        }
        return Ok(Ok((Body::Deflated { at: data, size: claimed.size }, false, next)));
    }
    let mut stream = Inflater::new(raw, data);
    let mut crc = Crc::new();
    let keep = (!is_folder && claimed.size <= KEPT && spent.kept.saturating_add(KEPT) <= KEPT_ALL)
        .then(Vec::<u8>::new);
    let (end, kept) = inflate(&mut stream, &mut crc, keep)?;
    match end {
        End::Whole => {}
        End::Cut => return Ok(Err(Thrown::Eof(Some("Unexpected end of ZLIB input stream")))),
        End::Bad(words) => return Ok(Err(Thrown::Zip(words.to_owned()))),
        End::Bomb => return Ok(Err(Thrown::Bound("more than 1,000 bytes come out of one"))),
    }
    let mut next = stream.position();
    if is_streamed {
        let is_large = stream.size() > MAGIC || stream.packed() > MAGIC;
        let width: u64 = if is_large { 24 } else { 16 };
        let Some(descriptor) = raw.exactly(next, width)? else { return Ok(Err(Thrown::Eof(None))) };
        let field = |at: usize| if is_large { u64_at(&descriptor, at) } else { u32_at(&descriptor, at) };
        let step = if is_large { 8 } else { 4 };
        let begin = if descriptor.starts_with(b"PK\x07\x08") { 4 } else { 0 };
        claimed = Claimed {
            crc: u32_at(&descriptor, begin),
            packed: field(begin + 4),
            size: field(begin + 4 + step),
        };
        next += width - if begin == 0 { 4 } else { 0 };
    }
    let (size, packed) = (stream.size(), stream.packed());
    if claimed.size != size {
        let text =
            format!("invalid entry size (expected {} but got {size} bytes)", claimed.size.cast_signed());
        return Ok(Err(Thrown::Zip(text)));
    }
    if claimed.packed != packed {
        let wanted = claimed.packed.cast_signed();
        let text = format!("invalid entry compressed size (expected {wanted} but got {packed} bytes)");
        return Ok(Err(Thrown::Zip(text)));
    }
    if claimed.crc != u64::from(crc.sum()) {
        return Ok(Err(wrong_crc(claimed.crc, crc.sum())));
    }
    let body = match kept {
        _ if size == 0 => Body::Empty,
        Some(bytes) => {
            spent.kept += size;
            Body::Held(Arc::from(bytes))
        }
        None => Body::Deflated { at: data, size },
    };
    Ok(Ok((body, true, next)))
}

/// Inflates to the end; keeps what comes out while it is small.
fn inflate(
    stream: &mut Inflater,
    crc: &mut Crc,
    mut keep: Option<Vec<u8>>,
) -> io::Result<(End, Option<Vec<u8>>)> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut buffer)?;
        let got = buffer.get(..count).unwrap_or_default();
        crc.update(got);
        if let Some(kept) = &mut keep {
            kept.extend_from_slice(got);
            if kept.len() as u64 > KEPT {
                keep = None;
            }
        }
        if let (0, Some(end)) = (count, stream.end()) {
            return Ok((end, keep));
        }
    }
}

fn checksum(raw: &Raw, at: u64, len: u64) -> io::Result<u32> {
    let mut crc = Crc::new();
    let mut buffer = vec![0; 256 << 10];
    let mut done = 0;
    while done < len {
        let wanted = usize::try_from(len - done).unwrap_or(usize::MAX).min(buffer.len());
        let Some(part) = buffer.get_mut(..wanted) else { break };
        let count = raw.read_at(at + done, part)?;
        if count == 0 {
            break;
        }
        crc.update(part.get(..count).unwrap_or_default());
        done += count as u64;
    }
    Ok(crc.sum())
}

/// Size and packed size of the zip64 extra field; only where it holds both (`ZipEntry.setExtra0`).
fn zip64(extra: &[u8]) -> Option<(u64, u64)> {
    let mut at = 0;
    let mut found = None;
    while at + 4 < extra.len() {
        let (tag, len) = (u16_at(extra, at), usize::from(u16_at(extra, at + 2)));
        at += 4;
        if at + len > extra.len() {
            break;
        }
        if tag == 1 && len >= 16 {
            found = Some((u64_at(extra, at), u64_at(extra, at + 8)));
        }
        at += len;
    }
    found
}

/// Offset and length in the text of Java 17's exception for a name that is no UTF-8 (`String.newStringUTF8NoRepl`).
fn malformed(bytes: &[u8]) -> (usize, usize) {
    let off = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| bytes.len());
    let left = bytes.len().saturating_sub(off);
    let first = bytes.get(off).copied().unwrap_or(0);
    let second = bytes.get(off + 1).copied();
    match first {
        // Of two bytes the second is at fault, there or not.
        0xC2..=0xDF => (off + 1, 1),
        0xE0..=0xEF if left > 2 => (off, 3),
        0xE0..=0xEF => match second {
            Some(second) if second & 0xC0 != 0x80 || (first == 0xE0 && second & 0xE0 == 0x80) => (off, 2),
            _ => (off + 1, 1),
        },
        0xF0..=0xF7 if left > 3 => (off, 4),
        _ => (off, 1),
    }
}

/// What the central directory says: name and place of each local header; or why there is none to be read.
pub(crate) type Central = Result<BTreeMap<Vec<u8>, u64>, &'static str>;

/// The central directory, as `zipfile` and `unzip` find it: from the end. Of entries with one name the last counts.
pub(crate) fn central(raw: &Raw) -> io::Result<Central> {
    let size = raw.size();
    let tail_len = size.min(22 + 0xFFFF);
    let tail_at = size - tail_len;
    let tail = raw.exactly(tail_at, tail_len)?.unwrap_or_default();
    let Some(end) = memchr::memmem::rfind(&tail, b"PK\x05\x06").filter(|at| at + 22 <= tail.len()) else {
        return Ok(Err("it has no central directory"));
    };
    let record = tail.get(end..).unwrap_or_default();
    let mut count = u64::from(u16_at(record, 10));
    let mut len = u32_at(record, 12);
    let mut offset = u32_at(record, 16);
    let mut directory_end = tail_at + end as u64;
    if let Some(locator_at) = directory_end.checked_sub(20)
        && let Some(locator) = raw.exactly(locator_at, 20)?
        && locator.starts_with(b"PK\x06\x07")
        && let Some(large) = raw.exactly(u64_at(&locator, 8), 56)?
        && large.starts_with(b"PK\x06\x06")
    {
        count = u64_at(&large, 32);
        len = u64_at(&large, 40);
        offset = u64_at(&large, 48);
        directory_end = u64_at(&locator, 8);
    }
    if len > CENTRAL {
        return Ok(Err("its central directory is larger than 256 MiB"));
    }
    let Some(begin) = directory_end.checked_sub(len) else {
        return Ok(Err("its central directory is damaged"));
    };
    let Some(before) = begin.checked_sub(offset) else { return Ok(Err("its central directory is damaged")) };
    let Some(bytes) = raw.exactly(begin, len)? else { return Ok(Err("its central directory is damaged")) };
    let mut found = BTreeMap::new();
    let mut at = 0;
    while (found.len() as u64) < count.max(1) && at + 46 <= bytes.len() && found.len() < MOST_ENTRIES {
        if bytes.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Ok(Err("its central directory is damaged"));
        }
        let name_len = usize::from(u16_at(&bytes, at + 28));
        let rest = usize::from(u16_at(&bytes, at + 30));
        let comment = usize::from(u16_at(&bytes, at + 32));
        let Some(name) = bytes.get(at + 46..at + 46 + name_len) else {
            return Ok(Err("its central directory is damaged"));
        };
        let extra = bytes.get(at + 46 + name_len..at + 46 + name_len + rest).unwrap_or_default();
        let mut local = u32_at(&bytes, at + 42);
        if local == MAGIC {
            local = large_offset(extra, u32_at(&bytes, at + 20), u32_at(&bytes, at + 24)).unwrap_or(local);
        }
        found.insert(name.to_vec(), local.saturating_add(before));
        at += 46 + name_len + rest + comment;
    }
    Ok(Ok(found))
}

/// The offset in the zip64 field of the central directory, which holds only what the short fields could not.
fn large_offset(extra: &[u8], packed: u64, size: u64) -> Option<u64> {
    let mut at = 0;
    while at + 4 <= extra.len() {
        let len = usize::from(u16_at(extra, at + 2));
        if u16_at(extra, at) == 1 {
            let before = [size, packed].into_iter().filter(|field| *field == MAGIC).count() * 8;
            return (before + 8 <= len).then(|| u64_at(extra, at + 4 + before));
        }
        at += 4 + len;
    }
    None
}
