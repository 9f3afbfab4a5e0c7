//! A section of an ELF file and a pattern in, the texts that match it out.

use std::fmt;

use memchr::memmem;
use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader};

use super::view::class;
use super::windows::{Stop, Windows};
use super::{ElfClass, ElfError, MAX_MATCH, MAX_MATCHES, MAX_SCAN};

/// The largest table of section names that is read at once, in bytes.
const NAMES: u64 = 4_096;

/// What a text looks like: the prefix, then at least one of the bytes of the body, as many as there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// How it begins, at least one byte and none of them 0: `NCCL version `.
    pub prefix: &'static [u8],
    /// The bytes that may follow, none of them 0.
    pub body: &'static [u8],
    /// The longest match, prefix and all, in bytes; above [`MAX_MATCH`] it counts as that.
    pub max_len: usize,
}

impl Pattern {
    /// What numbers of versions are made of: `2.18.1+cuda12.1`.
    pub const VERSION: &'static [u8] = b"0123456789.+-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    /// What lists of GPU architectures are made of: `sm_50 sm_90a compute_90`.
    pub const ARCHITECTURES: &'static [u8] = b"0123456789_ abcdefghijklmnopqrstuvwxyz";

    fn is_sound(&self) -> bool {
        !self.prefix.is_empty() && !self.prefix.contains(&0) && !self.body.contains(&0)
    }
}

/// The same text for the same pattern, in every version; no tab or line break in it.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, body, max_len } = self;
        write!(f, "{} [{}] {max_len}", prefix.escape_ascii(), body.escape_ascii())
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Whether the file has a section of that name.
    pub has_section: bool,
    /// Whether all of the section was searched and all that was found is told. Without it, that there is no match does not
    /// mean that the text is not there.
    pub complete: bool,
    /// What matched, in order, none over another; at most [`MAX_MATCHES`].
    pub matches: Vec<Match>,
}

/// A text that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its offset in the file.
    pub at: u64,
    /// Prefix and body.
    pub text: Box<[u8]>,
    /// Whether the body goes on past the longest match.
    pub cut: bool,
}

/// Where a section lies in the file.
pub(super) enum Section {
    /// There is none of that name.
    Missing,
    /// Offset and size in bytes; of one without content in the file (`SHT_NOBITS`) 0.
    At(u64, u64),
}

pub(super) fn section(windows: &Windows, name: &'static str) -> Result<Section, Stop> {
    match class(windows)? {
        ElfClass::Bits32 => of::<FileHeader32<Endianness>>(windows, name),
        ElfClass::Bits64 => of::<FileHeader64<Endianness>>(windows, name),
    }
}

fn of<H: FileHeader<Endian = Endianness>>(windows: &Windows, name: &'static str) -> Result<Section, Stop> {
    const WHAT: &str = "section headers";
    let header = windows.must(H::parse(windows), "header")?;
    let endian = windows.must(header.endian(), "byte order")?;
    let sections = windows.must(header.sections(endian, windows), WHAT)?;
    if sections.is_empty() {
        return Err(ElfError::NoSections.into());
    }
    let names = windows.must(header.section_strings_index(endian, windows), WHAT)?;
    if let Some((at, len)) = sections.section(names).ok().and_then(|names| names.file_range(endian)) {
        windows.expect(at, len.min(NAMES));
    }
    let mut found = None;
    let mut nameless = Ok(());
    for section in sections.iter() {
        match windows.got(sections.section_name(endian, section), "names of sections") {
            Ok(Some(have)) if have == name.as_bytes() => found = found.or(Some(section)),
            Ok(_) => {}
            Err(error) => nameless = Err(error),
        }
    }
    windows.all_there()?;
    let Some(found) = found else {
        // Where not every name can be read, the section may be there.
        return nameless.map(|()| Section::Missing);
    };
    if found.sh_flags(endian).contains(elf::SHF_COMPRESSED) {
        return Err(ElfError::Compressed(name).into());
    }
    let Some((at, len)) = found.file_range(endian) else { return Ok(Section::At(0, 0)) };
    if at.checked_add(len).is_none_or(|end| end > windows.size()) {
        return Err(ElfError::Damaged("section").into());
    }
    Ok(Section::At(at, len))
}

/// What is read of a section of `len` bytes.
pub(super) fn searched(len: u64) -> u64 {
    len.min(MAX_SCAN)
}

/// A search's matches: one more than are told, where there are more.
pub(super) fn search(bytes: &[u8], at: u64, pattern: &Pattern) -> Result<Vec<Match>, ElfError> {
    if !pattern.is_sound() {
        return Err(ElfError::BadPattern);
    }
    let mut is_body = [false; 256];
    for byte in pattern.body {
        if let Some(is) = is_body.get_mut(usize::from(*byte)) {
            *is = true;
        }
    }
    let is_body = |byte: &u8| is_body.get(usize::from(*byte)).copied().unwrap_or(false);
    let most = pattern.max_len.min(MAX_MATCH).saturating_sub(pattern.prefix.len());
    let finder = memmem::Finder::new(pattern.prefix);
    let mut matches = Vec::new();
    let mut from = 0;
    while let Some(start) = finder.find(bytes.get(from..).unwrap_or_default()).map(|found| from + found) {
        let after = start + pattern.prefix.len();
        let run = bytes.get(after..).unwrap_or_default().iter().take_while(|byte| is_body(byte)).count();
        let taken = run.min(most);
        if taken == 0 {
            from = start + 1;
            continue;
        }
        let text = bytes.get(start..after + taken).unwrap_or_default();
        matches.push(Match { at: at + start as u64, text: Box::from(text), cut: run > taken });
        if matches.len() > MAX_MATCHES {
            break;
        }
        from = after + run;
    }
    Ok(matches)
}
