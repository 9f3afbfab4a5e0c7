//! The bytes of `/etc/ld.so.cache` come in; which library lies where comes out.
//!
//! Rules: glibc's `elf/dl-cache.c` and `sysdeps/generic/dl-cache.h`: the format `glibc-ld.so.cache1.1`, alone or behind the
//! older `ld.so-1.7.0`, and the older one alone.

use std::collections::HashMap;

use envdiff_files::{ElfMachine, MAX_PATH};

use crate::limits::CACHE_STRINGS;

/// How the file with both formats, and the older one, begin.
const OLD: &[u8] = b"ld.so-1.7.0";
/// How the newer one begins, in its own file or behind the older one.
const NEW: &[u8] = b"glibc-ld.so.cache1.1";
/// Its header: magic, count, length of the strings, flags, offset of the extensions, three unused numbers.
const NEW_HEADER: usize = 48;
/// Its entries: flags, name, path, unused, processor features.
const NEW_ENTRY: usize = 24;
/// The older header, with what aligns the count behind it.
const OLD_HEADER: usize = 16;
/// The older entries: flags, name, path.
const OLD_ENTRY: usize = 12;

/// What the cache says of one library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `FLAG_…`: kind of C library and of processor.
    pub flags: u32,
    /// It is for processors with certain features only (`glibc-hwcaps`).
    pub featured: bool,
    /// Where it lies, as written.
    pub path: Box<[u8]>,
}

/// The cache, by name of the library.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cache {
    by_name: HashMap<Box<[u8]>, Vec<Entry>>,
    /// Bytes of all names and paths.
    size: usize,
}

impl Cache {
    /// What it holds under a name for a processor, in its order. Of processors whose flags are not known here all count.
    pub fn entries<'a>(&'a self, name: &[u8], machine: ElfMachine) -> impl Iterator<Item = &'a Entry> {
        let wanted = flags(machine);
        self.by_name
            .get(name)
            .into_iter()
            .flatten()
            .filter(move |entry| wanted.is_none_or(|wanted| wanted.contains(&entry.flags)))
    }

    /// How many libraries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// `_DL_CACHE_DEFAULT_ID` of a processor.
const fn flags(machine: ElfMachine) -> Option<&'static [u32]> {
    Some(match machine.0 {
        3 => &[0x0003],
        21 => &[0x0503],
        22 => &[0x0403],
        40 => &[0x0003, 0x0903, 0x0B03],
        62 => &[0x0303],
        183 => &[0x0A03],
        _ => return None,
    })
}

/// Reads a cache; a clause says why it is none.
///
/// # Errors
/// Another format, or tables that lead out of the file: the loader takes such a file for none.
pub fn parse(bytes: &[u8]) -> Result<Cache, &'static str> {
    if bytes.starts_with(NEW) {
        return new(bytes);
    }
    if !bytes.starts_with(OLD) {
        return Err("it is no cache of glibc's loader");
    }
    let count = number(bytes, 12)?;
    let end = OLD_HEADER + usize_of(count)?.checked_mul(OLD_ENTRY).ok_or(LEADS_OUT)?;
    // The newer format is aligned as its entries are.
    let inner = bytes.get(end.next_multiple_of(8)..).unwrap_or_default();
    if inner.starts_with(NEW) {
        return new(inner);
    }
    let table = bytes.get(OLD_HEADER..end).ok_or(LEADS_OUT)?;
    let strings = bytes.get(end..).ok_or(LEADS_OUT)?;
    let mut cache = Cache::default();
    for entry in table.chunks_exact(OLD_ENTRY) {
        cache.put(strings, number(entry, 0)?, number(entry, 4)?, number(entry, 8)?, false)?;
    }
    Ok(cache)
}

const LEADS_OUT: &str = "its tables lead out of the file";

fn new(bytes: &[u8]) -> Result<Cache, &'static str> {
    let count = usize_of(number(bytes, 20)?)?;
    let end = count.checked_mul(NEW_ENTRY).and_then(|size| size.checked_add(NEW_HEADER)).ok_or(LEADS_OUT)?;
    let table = bytes.get(NEW_HEADER..end).ok_or(LEADS_OUT)?;
    let mut cache = Cache::default();
    for entry in table.chunks_exact(NEW_ENTRY) {
        // Both halves: glibc-hwcaps sets a high bit, the features of before 2.33 are bits of either.
        let featured = number(entry, 16)? != 0 || number(entry, 20)? != 0;
        cache.put(bytes, number(entry, 0)?, number(entry, 4)?, number(entry, 8)?, featured)?;
    }
    Ok(cache)
}

impl Cache {
    fn put(
        &mut self,
        strings: &[u8],
        flags: u32,
        name: u32,
        path: u32,
        featured: bool,
    ) -> Result<(), &'static str> {
        let (name, path) = (string(strings, name)?, string(strings, path)?);
        self.size += name.len() + path.len();
        if self.size > CACHE_STRINGS {
            return Err("its names and paths are longer than 8 MiB");
        }
        self.by_name.entry(name.into()).or_default().push(Entry { flags, featured, path: path.into() });
        Ok(())
    }
}

/// The order of bytes is the processor's; all that glibc still supports with a wheel for them but s390x write small ends
/// first, and there the file begins to make no sense at its first count.
fn number(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(LEADS_OUT)?;
    Ok(u32::from_le_bytes(*four))
}

fn usize_of(number: u32) -> Result<usize, &'static str> {
    usize::try_from(number).map_err(|_| LEADS_OUT)
}

fn string(bytes: &[u8], at: u32) -> Result<&[u8], &'static str> {
    let rest = bytes.get(usize_of(at)?..).ok_or(LEADS_OUT)?;
    let rest = rest.get(..=MAX_PATH).unwrap_or(rest);
    let end = rest.iter().position(|byte| *byte == 0).ok_or(LEADS_OUT)?;
    rest.get(..end).ok_or(LEADS_OUT)
}
