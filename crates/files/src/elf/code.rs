//! The first bytes of an ELF file in, where its code begins out: linkers put the tables that a loader reads in front of it.

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

/// Where code begins in the file whose first bytes these are, in bytes from its beginning; `None` where the headers do not
/// tell, or lie elsewhere. Tables that only who loads the file needs (`.dynsym`, `.dynstr`, `.gnu.version_r`) lie before it
/// where a linker wrote them (GNU ld's and LLVM's order of sections); a tool that rewrote the file may have moved them.
///
/// A segment of code begins with it where the linker keeps code apart (`-z separate-code`); in one that holds tables too, the
/// entry point tells: GNU ld sets it to the first byte of `.text` where nothing else is asked for ("Entry Point", ld's manual).
#[must_use]
pub fn code_begins(head: &[u8]) -> Option<u64> {
    match head.get(4)? {
        1 => of::<FileHeader32<Endianness>>(head),
        2 => of::<FileHeader64<Endianness>>(head),
        _ => None,
    }
}

fn of<H: FileHeader<Endian = Endianness>>(head: &[u8]) -> Option<u64> {
    let header = H::parse(head).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, head).ok()?;
    let code = segments.iter().find(|segment| {
        segment.p_type(endian) == elf::PT_LOAD && segment.p_flags(endian).contains(elf::PF_X)
    })?;
    let (at, len) = code.file_range(endian);
    if at > 0 {
        return Some(at);
    }
    let entry: u64 = header.e_entry(endian).into();
    let offset = entry.checked_sub(code.p_vaddr(endian).into())?;
    (0 < offset && offset < len).then_some(offset)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::code_begins;
    use crate::made::{Made, elf};

    /// Offset of the first program header of a 64 bit file, and what lies at offsets in it.
    const HEADER: usize = 64;

    fn with(flags: u32, at: u64, entry: u64) -> Vec<u8> {
        let mut bytes = Made::library().bytes();
        bytes[HEADER + 4..HEADER + 8].copy_from_slice(&flags.to_le_bytes());
        bytes[HEADER + 8..HEADER + 16].copy_from_slice(&at.to_le_bytes());
        bytes[24..32].copy_from_slice(&entry.to_le_bytes());
        bytes
    }

    #[test]
    fn headers_tell_where_code_begins() {
        let (read, code) = (elf::PF_R.0, elf::PF_R.0 | elf::PF_X.0);
        let base = u64::from_le_bytes(Made::library().bytes()[HEADER + 16..HEADER + 24].try_into().unwrap());
        assert_eq!(code_begins(&with(code, 0x1000, 0)), Some(0x1000));
        assert_eq!(code_begins(&with(code, 0, base + 0x200)), Some(0x200));
        for (flags, at, entry) in [(read, 0x1000, base + 0x200), (code, 0, 0), (code, 0, base), (code, 0, 1)]
        {
            assert_eq!(code_begins(&with(flags, at, entry)), None);
        }
        // An entry point behind the end of the segment.
        assert_eq!(code_begins(&with(code, 0, base + (1 << 40))), None);
        let whole = with(code, 0x1000, 0);
        for len in [0, 4, 5, 40, HEADER, HEADER + 55] {
            assert_eq!(code_begins(&whole[..len]), None);
        }
        assert_eq!(code_begins(b"#!/bin/sh\n"), None);
    }
}
