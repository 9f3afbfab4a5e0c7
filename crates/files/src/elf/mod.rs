//! An ELF file behind positioned reads in, what its dynamic loader needs of it and the text found in one of its sections
//! out. Read as the loader does, by program headers alone (System V ABI, gABI 4.1, chapter 5; symbol versions: LSB 5.0,
//! "Symbol Versioning"), so that a library stripped of its section headers tells the same.

use std::sync::Arc;

use crate::{Answer, Ask, ReadAt, Reason};

mod code;
mod reading;
mod scan;
mod view;
mod windows;

#[cfg(any(test, feature = "made"))]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]
pub mod made;
#[cfg(test)]
mod tests;

pub use code::code_begins;
pub use reading::{ElfQuestion, ElfReading, Turn};
pub use scan::{Match, Pattern, Scan};

/// The most bytes that are read of one file for its headers, tables and strings, however large it is.
pub const MAX_VIEW: u64 = 256 << 10;
/// The most turns in which they are read: each needs what the one before brought, so through the walker each is a round trip.
pub const MAX_TURNS: usize = 32;
/// The most bytes that are searched of one section.
pub const MAX_SCAN: u64 = 8 << 20;
/// The most matches of one search.
pub const MAX_MATCHES: usize = 64;
/// The longest match, in bytes.
pub const MAX_MATCH: usize = 4_096;
/// The longest string that is read, in bytes.
const MAX_STRING: u64 = 16 << 10;
/// All strings of one answer together, in bytes: hostile tables may name one long string many times.
const MAX_STRINGS: usize = 256 << 10;
/// The most libraries, version needs and version definitions, each.
const MAX_ENTRIES: usize = 4_096;

/// What an ELF file tells its dynamic loader. Strings are bytes as they stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfView {
    /// 32 or 64 bits.
    pub class: ElfClass,
    /// The order of bytes.
    pub order: ByteOrder,
    /// For which processor.
    pub machine: ElfMachine,
    /// Program, library or another kind.
    pub kind: ElfKind,
    /// Whether there is anything for a dynamic loader (`PT_DYNAMIC`); a static program has none.
    pub dynamic: bool,
    /// The library's own name (`DT_SONAME`).
    pub soname: Option<Box<[u8]>>,
    /// Names of the libraries that are loaded with it (`DT_NEEDED`), in order.
    pub needed: Vec<Box<[u8]>>,
    /// `DT_RPATH` as it stands there: folders between colons, `$ORIGIN` not replaced. Loaders pass it over where there is a
    /// `DT_RUNPATH`.
    pub rpath: Option<Box<[u8]>>,
    /// `DT_RUNPATH` as it stands there.
    pub runpath: Option<Box<[u8]>>,
    /// The loader that is asked for (`PT_INTERP`).
    pub interpreter: Option<Box<[u8]>>,
    /// Which versions of which libraries are needed (`.gnu.version_r`), in order.
    pub version_needs: Vec<VersionNeed>,
    /// Which versions it provides (`.gnu.version_d`), in order, without its own name: `GLIBC_2.34`, `CXXABI_1.3`.
    pub version_definitions: Vec<Box<[u8]>>,
    /// Whether it wants a stack from which code can run (`PT_GNU_STACK`); `None` where it says nothing, which some
    /// processors' loaders take for yes.
    pub executable_stack: Option<bool>,
    /// Whether relocations change its code (`DT_TEXTREL`, `DF_TEXTREL`).
    pub text_relocations: bool,
    /// `NT_GNU_BUILD_ID`.
    pub build_id: Option<Box<[u8]>>,
}

impl ElfView {
    /// The bytes of all its strings.
    pub(crate) fn weight(&self) -> usize {
        let one = |text: &Option<Box<[u8]>>| text.as_ref().map_or(0, |text| text.len());
        let needs = self.version_needs.iter().map(|need| {
            need.library.len() + need.versions.iter().map(|version| version.name.len()).sum::<usize>()
        });
        one(&self.soname)
            + one(&self.rpath)
            + one(&self.runpath)
            + one(&self.interpreter)
            + self.needed.iter().chain(&self.version_definitions).map(|text| text.len()).sum::<usize>()
            + needs.sum::<usize>()
    }
}

/// What is needed of one library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library's name, as in [`ElfView::needed`].
    pub library: Box<[u8]>,
    /// Its versions.
    pub versions: Vec<NeededVersion>,
}

/// A version that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededVersion {
    /// `GLIBC_2.17`
    pub name: Box<[u8]>,
    /// Only weak symbols ask for it (`VER_FLG_WEAK`): that it is missing is no error.
    pub weak: bool,
}

/// How wide addresses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElfClass {
    /// `ELFCLASS32`
    Bits32,
    /// `ELFCLASS64`
    Bits64,
}

/// The order of bytes in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ByteOrder {
    /// `ELFDATA2LSB`
    Little,
    /// `ELFDATA2MSB`
    Big,
}

/// A processor, by its number in `e_machine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElfMachine(pub u16);

impl ElfMachine {
    /// As `uname -m` calls the usual ones; the 32 and 64 bits of RISC-V have one number, as have the two orders of ppc64.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            3 => "i386",
            21 => "ppc64",
            22 => "s390x",
            40 => "arm",
            62 => "x86_64",
            183 => "aarch64",
            243 => "riscv",
            _ => return None,
        })
    }
}

/// What an ELF file is, by `e_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElfKind {
    /// `ET_REL`: an object file.
    Relocatable,
    /// `ET_EXEC`: a program at a fixed address.
    Executable,
    /// `ET_DYN`: a library, or a program that can lie anywhere.
    Dynamic,
    /// `ET_CORE`: the memory of a program that died.
    Core,
    /// Another number.
    Other(u16),
}

/// Why an ELF file cannot be followed; reads as a clause.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ElfError {
    /// It does not begin as one.
    #[error("not an ELF file")]
    NotElf,
    /// Offsets lead out of the file, or a table is cut off.
    #[error("damaged ELF file ({0})")]
    Damaged(&'static str),
    /// Above the bounds.
    #[error("ELF file of which more than {kib} KiB would have to be read ({0})", kib = MAX_VIEW >> 10)]
    TooLarge(&'static str),
    /// A section is asked for and its names are gone.
    #[error("ELF file without section headers")]
    NoSections,
    /// The section is packed.
    #[error("ELF file with a compressed section {0:?}")]
    Compressed(&'static str),
    /// A search for nothing, or for what only bytes of 0 begin.
    #[error("a pattern that begins with nothing or holds a byte of 0")]
    BadPattern,
}

/// The answer to [`Ask::Elf`] or [`Ask::Scan`] about the file; the one routine behind every source.
///
/// # Errors
/// [`Reason::Elf`], or why the file cannot be read.
pub fn elf_answer(ask: &Ask, file: &mut (impl ReadAt + ?Sized)) -> Result<Answer, Reason> {
    let Some(question) = ElfQuestion::of(ask) else {
        return Err(Reason::System("not a question about an ELF file".into()));
    };
    let mut reading = ElfReading::new(question, file.size());
    loop {
        let (ranges, pattern) = match reading.turn() {
            Turn::Done(answer) => return answer,
            Turn::Read(ranges) => (ranges, None),
            Turn::Search(ranges, pattern) => (ranges, Some(pattern)),
        };
        for (at, len) in ranges {
            let mut buffer = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
            let count = match &pattern {
                None => file.read_at(at, &mut buffer)?,
                Some(pattern) => file.search_at(at, &mut buffer, pattern)?,
            };
            if count != buffer.len() {
                return Err(Reason::System("it changed while it was read".into()));
            }
            reading.take(at, buffer);
        }
    }
}

/// What the loader needs of a file; for fuzzing and for measuring.
///
/// # Errors
/// As [`elf_answer`].
pub fn elf_view(file: &mut (impl ReadAt + ?Sized)) -> Result<Arc<ElfView>, Reason> {
    match elf_answer(&Ask::Elf(crate::ImagePath::root()), file)? {
        Answer::Elf(view) => Ok(view),
        _ => Err(ElfError::NotElf.into()),
    }
}
