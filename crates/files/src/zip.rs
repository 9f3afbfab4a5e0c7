//! A zip behind positioned reads, to its names and the metadata files in it. Read as Python's `zipimport` and `zipfile`
//! do: the central directory decides, of entries with one name the last counts.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use crate::limits::{ZIP_DIRECTORY, ZIP_ENTRIES, ZIP_MEMBER, ZIP_MEMBERS};
use crate::{Digest, Pattern, Reason, ZipView, digest_of};

/// How much of a zip is read; production has the numbers of [`crate::limits`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Of the central directory, in bytes.
    pub(crate) directory: u64,
    /// Of a metadata file, in bytes.
    pub(crate) member: u64,
    /// Of all metadata files together, in bytes.
    pub(crate) members: u64,
    /// How many entries.
    pub(crate) entries: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { directory: ZIP_DIRECTORY, member: ZIP_MEMBER, members: ZIP_MEMBERS, entries: ZIP_ENTRIES }
    }
}

/// Positioned reads of one file.
pub trait ReadAt {
    /// Size in bytes.
    fn size(&self) -> u64;
    /// Fills `buffer` from `at`; fewer bytes only at the end of the file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason>;
    /// As [`Self::read_at`], for somebody who does nothing with these bytes but search them for the pattern: where that was
    /// done before, what does not match may be zeros.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn search_at(&mut self, at: u64, buffer: &mut [u8], _: &Pattern) -> Result<usize, Reason> {
        self.read_at(at, buffer)
    }
    /// Size and SHA-256; see [`digest_of`].
    ///
    /// # Errors
    /// Why it cannot be read.
    fn digest(&mut self, limit: u64) -> Result<Digest, Reason> {
        digest_of(self, limit)
    }
}

impl ReadAt for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        let rest = self.get(from..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }
}

/// Why a zip cannot be followed; reads as a clause.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ZipError {
    /// No end-of-central-directory record.
    #[error("not a zip file")]
    NotAZip,
    /// Offsets lead out of the file, or a record is cut off.
    #[error("damaged zip file ({0})")]
    Damaged(&'static str),
    /// Directory or member above the bounds.
    #[error("zip file with more in it than is read ({0})")]
    TooLarge(&'static str),
    /// A read failed.
    #[error("unreadable zip file: {0}")]
    Read(Box<Reason>),
}

impl From<Reason> for ZipError {
    fn from(reason: Reason) -> Self {
        Self::Read(Box::new(reason))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

fn exactly(
    file: &mut (impl ReadAt + ?Sized),
    at: u64,
    len: u64,
    what: &'static str,
) -> Result<Vec<u8>, ZipError> {
    if at.checked_add(len).is_none_or(|end| end > file.size()) {
        return Err(ZipError::Damaged(what));
    }
    let mut buffer = vec![0; usize::try_from(len).map_err(|_| ZipError::TooLarge(what))?];
    if file.read_at(at, &mut buffer)? != buffer.len() {
        return Err(ZipError::Damaged(what));
    }
    Ok(buffer)
}

struct Directory {
    at: u64,
    len: u64,
    entries: u64,
    /// Bytes before the archive proper: every offset in it is larger by this.
    before: u64,
}

fn directory(file: &mut (impl ReadAt + ?Sized), bounds: &Bounds) -> Result<Directory, ZipError> {
    let size = file.size();
    let tail_len = size.min(22 + 0xFFFF + 20);
    let tail_at = size - tail_len;
    let tail = exactly(file, tail_at, tail_len, "end record")?;
    let end = (0..tail.len().saturating_sub(21))
        .rev()
        .find(|at| tail.get(*at..at + 4) == Some(b"PK\x05\x06"))
        .ok_or(ZipError::NotAZip)?;
    let damaged = || ZipError::Damaged("end record");
    let mut entries = u64::from(u16_at(&tail, end + 10).ok_or_else(damaged)?);
    let mut len = u64::from(u32_at(&tail, end + 12).ok_or_else(damaged)?);
    let mut at = u64::from(u32_at(&tail, end + 16).ok_or_else(damaged)?);
    let mut directory_end = tail_at + end as u64;
    let locator = end.checked_sub(20).and_then(|l| tail.get(l..end)).filter(|l| l.starts_with(b"PK\x06\x07"));
    if let Some(locator) = locator {
        let record_at = u64_at(locator, 8).ok_or_else(damaged)?;
        let record = exactly(file, record_at, 56, "zip64 end record")?;
        if !record.starts_with(b"PK\x06\x06") {
            return Err(ZipError::Damaged("zip64 end record"));
        }
        entries = u64_at(&record, 32).ok_or_else(damaged)?;
        len = u64_at(&record, 40).ok_or_else(damaged)?;
        at = u64_at(&record, 48).ok_or_else(damaged)?;
        directory_end = record_at;
    }
    // The directory ends where the end record begins; what its offset lacks lies before the archive.
    let real_at = directory_end.checked_sub(len).ok_or(ZipError::Damaged("central directory"))?;
    let before = real_at.checked_sub(at).ok_or(ZipError::Damaged("central directory"))?;
    if len > bounds.directory {
        return Err(ZipError::TooLarge("central directory"));
    }
    if entries > bounds.entries {
        return Err(ZipError::TooLarge("entries"));
    }
    Ok(Directory { at: real_at, len, entries, before })
}

struct Entry {
    method: u16,
    flags: u16,
    packed: u64,
    size: u64,
    local: u64,
}

/// Names and metadata members of a zip.
///
/// # Errors
/// See [`ZipError`]. A single member that cannot be inflated or is too large is left out of `members`; its name stays.
pub fn view(file: &mut (impl ReadAt + ?Sized)) -> Result<ZipView, ZipError> {
    within(file, &Bounds::default())
}

/// The same within bounds of the caller's.
pub(crate) fn within(file: &mut (impl ReadAt + ?Sized), bounds: &Bounds) -> Result<ZipView, ZipError> {
    let directory = directory(file, bounds)?;
    let bytes = exactly(file, directory.at, directory.len, "central directory")?;
    let mut found: BTreeMap<Box<[u8]>, Entry> = BTreeMap::new();
    let mut at = 0_usize;
    let damaged = || ZipError::Damaged("central directory");
    for _ in 0..directory.entries {
        if bytes.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Err(damaged());
        }
        let name_len = usize::from(u16_at(&bytes, at + 28).ok_or_else(damaged)?);
        let extra_len = usize::from(u16_at(&bytes, at + 30).ok_or_else(damaged)?);
        let comment_len = usize::from(u16_at(&bytes, at + 32).ok_or_else(damaged)?);
        let name = bytes.get(at + 46..at + 46 + name_len).ok_or_else(damaged)?;
        let extra = bytes.get(at + 46 + name_len..at + 46 + name_len + extra_len).ok_or_else(damaged)?;
        let mut entry = Entry {
            flags: u16_at(&bytes, at + 8).ok_or_else(damaged)?,
            method: u16_at(&bytes, at + 10).ok_or_else(damaged)?,
            packed: u64::from(u32_at(&bytes, at + 20).ok_or_else(damaged)?),
            size: u64::from(u32_at(&bytes, at + 24).ok_or_else(damaged)?),
            local: u64::from(u32_at(&bytes, at + 42).ok_or_else(damaged)?),
        };
        widen(&mut entry, extra);
        found.insert(Box::from(name), entry);
        at += 46 + name_len + extra_len + comment_len;
    }
    let mut members = Vec::new();
    let mut total = 0_u64;
    for (name, entry) in found.iter().filter(|(name, _)| is_metadata(name)) {
        if entry.size > bounds.member || entry.packed > bounds.member {
            continue;
        }
        total += entry.size;
        if total > bounds.members {
            return Err(ZipError::TooLarge("metadata"));
        }
        if let Some(content) = member(file, entry, directory.before, bounds)? {
            members.push((name.clone(), Arc::from(content)));
        }
    }
    Ok(ZipView { names: found.into_keys().collect(), members })
}

/// Takes sizes and offset from the zip64 extra field where the short ones are full.
fn widen(entry: &mut Entry, extra: &[u8]) {
    let mut at = 0;
    while let (Some(id), Some(len)) = (u16_at(extra, at), u16_at(extra, at + 2)) {
        if id == 1 {
            let mut field = at + 4;
            for value in [&mut entry.size, &mut entry.packed, &mut entry.local] {
                if *value == 0xFFFF_FFFF
                    && let Some(wide) = u64_at(extra, field)
                {
                    *value = wide;
                    field += 8;
                }
            }
            return;
        }
        at += 4 + usize::from(len);
    }
}

/// The members that tell of a distribution: files of a metadata folder at the top or one level down, and egg-info files.
fn is_metadata(name: &[u8]) -> bool {
    let mut parts = name.split(|b| *b == b'/');
    let (Some(first), second, third) = (parts.next(), parts.next(), parts.next()) else { return false };
    match (second, third) {
        (None, _) => first.ends_with(b".egg-info"),
        (Some(file), None) => {
            !file.is_empty()
                && (first == b"EGG-INFO" || first.ends_with(b".dist-info") || first.ends_with(b".egg-info"))
        }
        _ => false,
    }
}

fn member(
    file: &mut (impl ReadAt + ?Sized),
    entry: &Entry,
    before: u64,
    bounds: &Bounds,
) -> Result<Option<Vec<u8>>, ZipError> {
    // Bit 0: encrypted.
    if entry.flags & 1 != 0 {
        return Ok(None);
    }
    let Some(local_at) = entry.local.checked_add(before) else { return Ok(None) };
    let Ok(local) = exactly(file, local_at, 30, "local header") else { return Ok(None) };
    if !local.starts_with(b"PK\x03\x04") {
        return Ok(None);
    }
    let (Some(name_len), Some(extra_len)) = (u16_at(&local, 26), u16_at(&local, 28)) else { return Ok(None) };
    let data_at = local_at + 30 + u64::from(name_len) + u64::from(extra_len);
    let Ok(packed) = exactly(file, data_at, entry.packed, "member") else { return Ok(None) };
    match entry.method {
        0 => Ok(Some(packed)),
        8 => {
            let mut out = Vec::new();
            let mut inflate = flate2::read::DeflateDecoder::new(&*packed).take(bounds.member + 1);
            match inflate.read_to_end(&mut out) {
                Ok(_) if out.len() as u64 == entry.size => Ok(Some(out)),
                _ => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::{ZipError, view};

    /// A stored zip with the given entries, made by the format's own rules.
    fn stored(entries: &[(&str, &str)], before: &str) -> Vec<u8> {
        let mut out = before.as_bytes().to_vec();
        let mut central = Vec::new();
        for (name, content) in entries {
            let at = (out.len() - before.len()) as u32;
            let sizes = [(content.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
            out.extend_from_slice(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
            out.extend_from_slice(&sizes);
            out.extend_from_slice(&(name.len() as u16).to_le_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(content.as_bytes());
            central.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
            central.extend_from_slice(&sizes);
            central.extend_from_slice(&(name.len() as u16).to_le_bytes());
            central.extend_from_slice(&[0; 12]);
            central.extend_from_slice(&at.to_le_bytes());
            central.extend_from_slice(name.as_bytes());
        }
        let at = (out.len() - before.len()) as u32;
        out.extend_from_slice(&central);
        out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        let count = (entries.len() as u16).to_le_bytes();
        out.extend_from_slice(&[count, count].concat());
        out.extend_from_slice(&(central.len() as u32).to_le_bytes());
        out.extend_from_slice(&at.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out
    }

    #[test]
    fn metadata_is_read_and_the_last_of_a_name_counts() {
        let zip = stored(
            &[("EGG-INFO/PKG-INFO", "Name: a"), ("a/__init__.py", "x"), ("EGG-INFO/PKG-INFO", "Name: b")],
            "#!shebang\n",
        );
        let seen = view(&mut &zip[..]).unwrap();
        assert_eq!(seen.names.len(), 2);
        assert_eq!(&**seen.member(b"EGG-INFO/PKG-INFO").unwrap(), b"Name: b");
        assert!(seen.member(b"a/__init__.py").is_none());
    }

    #[test]
    fn what_is_no_zip_or_cut_off_is_an_error() {
        assert_eq!(view(&mut &b"hello"[..]).unwrap_err(), ZipError::NotAZip);
        assert_eq!(view(&mut &b""[..]).unwrap_err(), ZipError::NotAZip);
        let zip = stored(&[("a", "b")], "");
        for cut in 1..zip.len() {
            assert!(view(&mut &zip[cut..]).is_err() || cut < 30, "cut at {cut}");
            assert!(view(&mut &zip[..zip.len() - cut]).is_err(), "cut {cut} from the end");
        }
    }
}
