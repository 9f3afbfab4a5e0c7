//! A zip behind positioned reads comes in; its entries come out, each readable for itself. The central directory decides, as
//! in torch's reader and Python's `zipfile`.

use std::collections::HashMap;
use std::io::Read as _;

use envdiff_files::{ReadAt, Reason};

use super::limits;
use super::stream::{Short, Stream};

/// The entries of a zip.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Zip {
    /// In the order of the directory.
    pub entries: Vec<Entry>,
    /// Index of each name; of two with one name the last.
    places: HashMap<String, usize>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// How it is compressed: 0 stored, 8 deflated.
    pub method: u16,
    /// Bit 0: encrypted.
    pub flags: u16,
    /// Size in the zip, in bytes.
    pub packed: u64,
    /// Size when unpacked, in bytes.
    pub size: u64,
    /// Where its local header is, in the file.
    pub(super) local: u64,
}

/// Why a zip or an entry cannot be read; a clause.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ZipFault {
    /// No end of a central directory: cut off.
    #[error("the zip has no central directory: it is cut off")]
    NoDirectory,
    /// Offsets lead out of the file, or a record is no record.
    #[error("the zip is damaged ({0})")]
    Damaged(&'static str),
    /// More than is read.
    #[error("the zip has more in it than is read ({0})")]
    TooLarge(&'static str),
    /// A compression that is not known here, or an encrypted entry.
    #[error("an entry is packed in a way that is not read ({0})")]
    Method(u16),
    /// A read failed.
    #[error("the zip cannot be read")]
    Unread(Reason),
}

impl From<Reason> for ZipFault {
    fn from(reason: Reason) -> Self {
        Self::Unread(reason)
    }
}

/// What an entry holds.
pub(super) enum Content {
    /// It lies in the file as it is, from here to there.
    Stored(u64, u64),
    /// It was deflated, and is this.
    Inflated(Vec<u8>),
}

fn short(what: &'static str) -> impl Fn(Short) -> ZipFault {
    move |short| match short {
        Short::Unread(reason) => ZipFault::Unread(reason),
        Short::End | Short::TooLong => ZipFault::Damaged(what),
    }
}

fn u16_of(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}
fn u32_of(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}
fn u64_of(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

impl Zip {
    /// Reads the central directory.
    ///
    /// # Errors
    /// See [`ZipFault`].
    pub fn read(file: &mut dyn ReadAt) -> Result<Self, ZipFault> {
        let size = file.size();
        let tail_at = size - size.min(22 + 0xFFFF + 20);
        let tail_len = usize::try_from(size - tail_at).map_err(|_| ZipFault::NoDirectory)?;
        let tail = Stream::new(file, tail_at, size).take(tail_len).map_err(short("end record"))?;
        let end = (0..tail.len().saturating_sub(21))
            .rev()
            .find(|at| tail.get(*at..*at + 4) == Some(b"PK\x05\x06"))
            .ok_or(ZipFault::NoDirectory)?;
        let record = tail.get(end..).unwrap_or_default();
        let damaged = || ZipFault::Damaged("end record");
        let mut count = u64::from(u16_of(record, 10).ok_or_else(damaged)?);
        let mut len = u64::from(u32_of(record, 12).ok_or_else(damaged)?);
        let mut at = u64::from(u32_of(record, 16).ok_or_else(damaged)?);
        let mut directory_end = tail_at + end as u64;
        let locator = end.checked_sub(20).and_then(|from| tail.get(from..end));
        if let Some(locator) = locator.filter(|locator| locator.starts_with(b"PK\x06\x07")) {
            let wide_at = u64_of(locator, 8).ok_or_else(damaged)?;
            let wide = Stream::new(file, wide_at, size).take(56).map_err(short("zip64 end record"))?;
            if !wide.starts_with(b"PK\x06\x06") {
                return Err(ZipFault::Damaged("zip64 end record"));
            }
            count = u64_of(&wide, 32).ok_or_else(damaged)?;
            len = u64_of(&wide, 40).ok_or_else(damaged)?;
            at = u64_of(&wide, 48).ok_or_else(damaged)?;
            directory_end = wide_at;
        }
        if len > limits::ZIP_DIRECTORY {
            return Err(ZipFault::TooLarge("central directory"));
        }
        if count > limits::ZIP_ENTRIES {
            return Err(ZipFault::TooLarge("entries"));
        }
        let begin = directory_end.checked_sub(len).ok_or(ZipFault::Damaged("central directory"))?;
        let before = begin.checked_sub(at).ok_or(ZipFault::Damaged("central directory"))?;
        let mut stream = Stream::new(file, begin, directory_end);
        let mut zip = Self::default();
        for _ in 0..count {
            let entry = entry(&mut stream, before)?;
            zip.places.insert(entry.name.clone(), zip.entries.len());
            zip.entries.push(entry);
        }
        Ok(zip)
    }

    /// The entry of that name, the last of several.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.places.get(name).and_then(|place| self.entries.get(*place))
    }

    /// Where the content of an entry is, or what it is.
    pub(super) fn content(file: &mut dyn ReadAt, entry: &Entry, limit: u64) -> Result<Content, ZipFault> {
        if entry.flags & 1 != 0 {
            return Err(ZipFault::Method(entry.method));
        }
        let size = file.size();
        let header = Stream::new(file, entry.local, size).take(30).map_err(short("local header"))?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(ZipFault::Damaged("local header"));
        }
        let lens = u16_of(&header, 26).zip(u16_of(&header, 28)).ok_or(ZipFault::Damaged("local header"))?;
        let begin = entry.local + 30 + u64::from(lens.0) + u64::from(lens.1);
        let end =
            begin.checked_add(entry.packed).filter(|end| *end <= size).ok_or(ZipFault::Damaged("entry"))?;
        match entry.method {
            0 => Ok(Content::Stored(begin, end)),
            8 => {
                let bound = limit.min(entry.packed.saturating_mul(1_000).max(64 << 20));
                if entry.size > bound || entry.packed > limit {
                    return Err(ZipFault::TooLarge("entry"));
                }
                let len = usize::try_from(entry.packed).map_err(|_| ZipFault::TooLarge("entry"))?;
                let packed = Stream::new(file, begin, end).take(len).map_err(short("entry"))?;
                let mut out = Vec::new();
                let mut inflate = flate2::read::DeflateDecoder::new(&*packed).take(bound + 1);
                match inflate.read_to_end(&mut out) {
                    Ok(_) if out.len() as u64 == entry.size => Ok(Content::Inflated(out)),
                    Ok(_) | Err(_) => Err(ZipFault::Damaged("deflated entry")),
                }
            }
            method => Err(ZipFault::Method(method)),
        }
    }

    /// The bytes of an entry, where it is no longer than the limit.
    ///
    /// # Errors
    /// See [`ZipFault`].
    pub fn bytes(file: &mut dyn ReadAt, entry: &Entry, limit: u64) -> Result<Vec<u8>, ZipFault> {
        match Self::content(file, entry, limit)? {
            Content::Inflated(bytes) => Ok(bytes),
            Content::Stored(begin, end) => {
                if end - begin > limit {
                    return Err(ZipFault::TooLarge("entry"));
                }
                let len = usize::try_from(end - begin).map_err(|_| ZipFault::TooLarge("entry"))?;
                Stream::new(file, begin, end).take(len).map_err(short("entry"))
            }
        }
    }
}

fn entry(stream: &mut Stream<'_>, before: u64) -> Result<Entry, ZipFault> {
    let damaged = || ZipFault::Damaged("central directory");
    let head = stream.take(46).map_err(short("central directory"))?;
    if !head.starts_with(b"PK\x01\x02") {
        return Err(damaged());
    }
    let number = |at| u32_of(&head, at).map(u64::from).ok_or_else(damaged);
    let len = |at| u16_of(&head, at).map(usize::from).ok_or_else(damaged);
    let (mut packed, mut size, mut local) = (number(20)?, number(24)?, number(42)?);
    let name = stream.take(len(28)?).map_err(short("central directory"))?;
    let extra = stream.take(len(30)?).map_err(short("central directory"))?;
    stream.skip(len(32)? as u64).map_err(short("central directory"))?;
    let mut at = 0;
    while let (Some(id), Some(length)) = (u16_of(&extra, at), u16_of(&extra, at + 2)) {
        if id == 1 {
            let mut field = at + 4;
            for value in [&mut size, &mut packed, &mut local] {
                if *value == 0xFFFF_FFFF
                    && let Some(wide) = u64_of(&extra, field)
                {
                    *value = wide;
                    field += 8;
                }
            }
            break;
        }
        at += 4 + usize::from(length);
    }
    Ok(Entry {
        name: String::from_utf8_lossy(&name).into_owned(),
        method: u16_of(&head, 10).ok_or_else(damaged)?,
        flags: u16_of(&head, 8).ok_or_else(damaged)?,
        packed,
        size,
        local: local.checked_add(before).ok_or_else(damaged)?,
    })
}
