//! ELF files made by another program's rules, and by nobody's: views and searches against what was put in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::time::Instant;

use object::Endianness;
use object::elf;

use super::made::Made;
use super::{
    ByteOrder, ElfClass, ElfError, ElfKind, ElfMachine, ElfView, MAX_MATCHES, MAX_SCAN, MAX_VIEW, Match,
    Pattern, Scan, elf_answer, elf_view,
};
use crate::{Answer, Ask, ImagePath, ReadAt, Reason};

const ARCHITECTURES: Pattern = Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 256 };
const NCCL: Pattern = Pattern { prefix: b"NCCL version ", body: Pattern::VERSION, max_len: 64 };

fn view(bytes: &[u8]) -> Result<Arc<ElfView>, Reason> {
    elf_view(&mut &*bytes)
}

fn scan(bytes: &[u8], section: &'static str, pattern: Pattern) -> Result<Arc<Scan>, Reason> {
    match elf_answer(&Ask::Scan { path: ImagePath::root(), section, pattern }, &mut &*bytes)? {
        Answer::Scan(scan) => Ok(scan),
        other => panic!("{other:?}"),
    }
}

fn texts(of: &[Box<[u8]>]) -> Vec<&str> {
    of.iter().map(|text| std::str::from_utf8(text).unwrap()).collect()
}

fn as_made(made: &Made, seen: &ElfView) {
    let texts_of = |wanted| made.texts.iter().filter(move |(tag, _)| *tag == wanted).map(|(_, text)| *text);
    let last = |tag| texts_of(tag).next_back().map(str::as_bytes);
    assert_eq!(texts(&seen.needed), texts_of(elf::DT_NEEDED).collect::<Vec<_>>());
    assert_eq!(seen.soname.as_deref(), last(elf::DT_SONAME));
    assert_eq!(seen.rpath.as_deref(), last(elf::DT_RPATH));
    assert_eq!(seen.runpath.as_deref(), last(elf::DT_RUNPATH));
    assert_eq!(seen.interpreter.as_deref(), made.interpreter.map(str::as_bytes));
    let needs: Vec<(&str, Vec<(&str, bool)>)> = seen
        .version_needs
        .iter()
        .map(|need| {
            let versions =
                need.versions.iter().map(|v| (std::str::from_utf8(&v.name).unwrap(), v.weak)).collect();
            (std::str::from_utf8(&need.library).unwrap(), versions)
        })
        .collect();
    assert_eq!(needs, made.needs);
    assert_eq!(texts(&seen.version_definitions), made.definitions.get(1..).unwrap_or_default());
    assert_eq!(seen.class, if made.is_64 { ElfClass::Bits64 } else { ElfClass::Bits32 });
    assert_eq!(seen.order == ByteOrder::Little, made.order == Endianness::Little);
    assert_eq!(seen.machine, ElfMachine(made.machine.0));
    assert_eq!(seen.executable_stack, made.executable_stack);
    assert_eq!(seen.text_relocations, made.text_relocations);
    assert_eq!(seen.build_id.as_deref(), made.build_id);
    assert!(seen.dynamic);
}

#[test]
fn what_was_put_in_is_told_in_both_widths_and_orders_with_and_without_sections() {
    for is_64 in [true, false] {
        for order in [Endianness::Little, Endianness::Big] {
            for (sections, strings_last) in [(true, false), (true, true), (false, false), (false, true)] {
                let made = Made { is_64, order, sections, strings_last, ..Made::library() };
                let bytes = made.bytes();
                as_made(&made, &view(&bytes).unwrap());
                assert_eq!(scan(&bytes, ".rodata", ARCHITECTURES).is_ok(), sections);
            }
        }
    }
    let made = Made {
        machine: elf::EM_AARCH64,
        kind: elf::ET_EXEC,
        texts: vec![(elf::DT_NEEDED, "a"), (elf::DT_RPATH, "/first"), (elf::DT_RPATH, "/last:")],
        needs: Vec::new(),
        definitions: Vec::new(),
        interpreter: Some("/lib/ld-linux-aarch64.so.1"),
        executable_stack: Some(true),
        text_relocations: true,
        build_id: None,
        ..Made::library()
    };
    let seen = view(&made.bytes()).unwrap();
    as_made(&made, &seen);
    assert_eq!((seen.machine.name(), seen.kind), (Some("aarch64"), ElfKind::Executable));
    let made = Made { texts: Vec::new(), needs: Vec::new(), executable_stack: None, ..Made::library() };
    as_made(&made, &view(&made.bytes()).unwrap());
}

#[test]
fn our_own_programs_are_static() {
    for (bytes, machine) in [
        (&include_bytes!("../../../image/programs/walker-x86_64")[..], "x86_64"),
        (&include_bytes!("../../../image/programs/walker-aarch64")[..], "aarch64"),
    ] {
        let seen = view(bytes).unwrap();
        assert_eq!((seen.machine.name(), seen.class), (Some(machine), ElfClass::Bits64));
        assert!(!seen.dynamic && seen.needed.is_empty() && seen.interpreter.is_none());
    }
}

#[test]
fn texts_are_found_with_their_place() {
    let bytes = Made::library().bytes();
    let found = scan(&bytes, ".rodata", ARCHITECTURES).unwrap();
    let at = bytes.windows(6).position(|w| w == b"sm_50 ").unwrap() as u64;
    let text = Box::from(&b"sm_50 sm_60 sm_90a compute_90"[..]);
    let only = Match { at, text, cut: false };
    assert_eq!(
        *found,
        Scan { has_section: true, complete: true, matches: vec![only] },
        "one without a body is none"
    );
    let found = scan(&bytes, ".rodata", NCCL).unwrap();
    assert_eq!(found.matches.len(), 1);
    assert_eq!(&*found.matches[0].text, b"NCCL version 2.18.1+cuda12.1");
    let short = Pattern { max_len: 8, ..ARCHITECTURES };
    let found = scan(&bytes, ".rodata", short).unwrap();
    assert_eq!(
        (&*found.matches[0].text, found.matches[0].cut, found.matches.len()),
        (&b"sm_50 sm"[..], true, 1)
    );
    let none = scan(&bytes, ".rodatum", NCCL).unwrap();
    assert_eq!(*none, Scan { has_section: false, complete: true, matches: Vec::new() });
    let stripped = Made { sections: false, ..Made::library() }.bytes();
    assert_eq!(scan(&stripped, ".rodata", NCCL).unwrap_err(), ElfError::NoSections.into());
    for prefix in [&b""[..], b"a\0"] {
        let bad = Pattern { prefix, ..NCCL };
        assert_eq!(scan(&bytes, ".rodata", bad).unwrap_err(), ElfError::BadPattern.into());
    }
}

#[test]
fn a_search_that_was_cut_says_so() {
    let most = usize::try_from(MAX_SCAN).unwrap();
    let mut rodata = vec![b'.'; most - 3];
    rodata.extend_from_slice(b"sm_90\0");
    let found =
        scan(&Made { rodata: rodata.clone(), ..Made::library() }.bytes(), ".rodata", ARCHITECTURES).unwrap();
    assert_eq!(*found, Scan { has_section: true, complete: false, matches: Vec::new() });
    rodata.drain(..3);
    let found = scan(&Made { rodata, ..Made::library() }.bytes(), ".rodata", ARCHITECTURES).unwrap();
    assert_eq!((found.complete, found.matches.len()), (true, 1));
    for (count, complete) in [(MAX_MATCHES, true), (MAX_MATCHES + 1, false)] {
        let rodata = b"sm_1\0".repeat(count);
        let found = scan(&Made { rodata, ..Made::library() }.bytes(), ".rodata", ARCHITECTURES).unwrap();
        assert_eq!((found.complete, found.matches.len()), (complete, MAX_MATCHES));
    }
}

/// A file of any size that is zeros but for some parts, and counts what is read of it.
struct Vast {
    size: u64,
    parts: Vec<(u64, Vec<u8>)>,
    read: u64,
    reads: usize,
}

impl ReadAt for Vast {
    fn size(&self) -> u64 {
        self.size
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let len = buffer.len().min(usize::try_from(self.size.saturating_sub(at)).unwrap());
        self.read += len as u64;
        self.reads += 1;
        for (offset, byte) in buffer.iter_mut().enumerate().take(len) {
            let here = at + offset as u64;
            let part =
                self.parts.iter().find(|(from, part)| here >= *from && here - from < part.len() as u64);
            *byte = part.map_or(0, |(from, part)| part[usize::try_from(here - from).unwrap()]);
        }
        Ok(len)
    }
}

#[test]
fn a_gigabyte_costs_a_few_kilobytes() {
    let made = Made { filler: 300 << 20, ..Made::library() };
    let bytes = made.bytes();
    // As if between two halves lay a gigabyte more would not change what is read.
    let mut file = Counted { inner: &bytes, read: 0, reads: 0 };
    as_made(&made, &elf_view(&mut file).unwrap());
    assert!(file.read < 8 << 10, "{} bytes in {} reads", file.read, file.reads);
}

struct Counted<'a> {
    inner: &'a [u8],
    read: u64,
    reads: usize,
}

impl ReadAt for Counted<'_> {
    fn size(&self) -> u64 {
        self.inner.len() as u64
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        self.reads += 1;
        let count = self.inner.read_at(at, buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

/// The header of a 64-bit little-endian file: where its program headers are and how many, the same of its section headers.
fn header(phoff: u64, phnum: u16, shoff: u64, shnum: u16, shstrndx: u16) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    out.extend(phoff.to_le_bytes());
    out.extend(shoff.to_le_bytes());
    out.extend([0; 4]);
    for number in [64, 56, phnum, 64, shnum, shstrndx] {
        out.extend(u16::to_le_bytes(number));
    }
    out
}

fn segment(kind: u32, at: u64, address: u64, len: u64) -> Vec<u8> {
    let mut out = [kind.to_le_bytes(), 4_u32.to_le_bytes()].concat();
    for number in [at, address, 0, len, len, 8] {
        out.extend(u64::to_le_bytes(number));
    }
    out
}

fn dynamic(entries: &[(u64, u64)]) -> Vec<u8> {
    entries.iter().flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat()).collect()
}

const DT_STRTAB: u64 = 5;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_VERDEF: u64 = 0x6fff_fffc;

/// A file with the dynamic entries, loaded as it lies, of `size` bytes.
fn vast(size: u64, entries: &[(u64, u64)], parts: Vec<(u64, Vec<u8>)>) -> Vast {
    let dynamic = dynamic(entries);
    let mut head = header(64, 2, 0, 0, 0);
    head.extend(segment(1, 0, 0, size));
    head.extend(segment(2, 1 << 20, 1 << 20, dynamic.len() as u64));
    let mut all = vec![(0, head), (1 << 20, dynamic)];
    all.extend(parts);
    Vast { size, parts: all, read: 0, reads: 0 }
}

/// Reads it both ways; it must end, soon, and within the bound.
fn refused(mut file: Vast) -> ElfError {
    let began = Instant::now();
    let error = match elf_view(&mut file) {
        Err(Reason::Elf(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(file.read <= MAX_VIEW, "{} bytes", file.read);
    assert!(began.elapsed().as_millis() < 2_000, "{error}: {:?}", began.elapsed());
    error
}

#[test]
fn no_table_is_read_past_the_bound() {
    // A string table of the whole file, libraries all over it.
    let needed: Vec<(u64, u64)> = (0..2_000).map(|at| (1, at << 21)).chain([(DT_STRTAB, 0)]).collect();
    assert!(matches!(refused(vast(1 << 42, &needed, Vec::new())), ElfError::TooLarge(_)));
    // One long string many times.
    let text = (4 << 20, [vec![b'x'; 16_000], vec![0]].concat());
    let needed: Vec<(u64, u64)> = vec![(1, 4 << 20); 2_000].into_iter().chain([(DT_STRTAB, 0)]).collect();
    assert_eq!(refused(vast(1 << 30, &needed, vec![text])), ElfError::TooLarge("long strings"));
    // A string without an end.
    let text = (4 << 20, vec![b'x'; 1 << 20]);
    let needed = [(1, 4 << 20), (DT_STRTAB, 0)];
    assert_eq!(refused(vast(1 << 30, &needed, vec![text])), ElfError::Damaged("name of a library"));
    // Version records that lead on and on, near and far.
    for (next, apart) in [(16_u32, 16_usize), (1 << 20, 1 << 20)] {
        let record =
            |next: u32| [&[1, 0, 0, 0], &0_u32.to_le_bytes()[..], &[0; 4], &next.to_le_bytes()].concat();
        let parts = if apart == 16 {
            vec![(4 << 20, record(next).repeat(100_000))]
        } else {
            (0..200).map(|at| ((4 << 20) + (at << 20), record(next))).collect()
        };
        let error = refused(vast(1 << 30, &[(DT_STRTAB, 0), (DT_VERNEED, 4 << 20)], parts));
        assert!(matches!(error, ElfError::TooLarge(_)), "{error}");
    }
    // Sixty-five thousand versions of each of them, all the same ones.
    let mut records = Vec::new();
    for _ in 0..4_000 {
        records.extend(
            [&[1, 0, 0xFF, 0xFF][..], &0_u32.to_le_bytes(), &16_u32.to_le_bytes(), &16_u32.to_le_bytes()]
                .concat(),
        );
    }
    let error = refused(vast(1 << 30, &[(DT_STRTAB, 0), (DT_VERNEED, 4 << 20)], vec![(4 << 20, records)]));
    assert!(matches!(error, ElfError::TooLarge(_)), "{error}");
    // Definitions without an end.
    let records = (
        4 << 20,
        [&[1, 0, 0, 0, 0, 0, 1, 0][..], &[0; 4], &[0; 4], &20_u32.to_le_bytes()].concat().repeat(9_999),
    );
    let error = refused(vast(1 << 30, &[(DT_STRTAB, 0), (DT_VERDEF, 4 << 20)], vec![records]));
    assert!(matches!(error, ElfError::TooLarge(_)), "{error}");
    // More program headers than the bound has room for.
    let mut head = header(64, 0xFFFE, 0, 0, 0);
    head.extend(segment(1, 0, 0, 99));
    let file = Vast { size: 1 << 30, parts: vec![(0, head)], read: 0, reads: 0 };
    assert!(matches!(refused(file), ElfError::TooLarge(_)));
}

#[test]
fn offsets_that_lead_out_are_damage() {
    let far = u64::MAX - 8;
    for entries in [
        vec![(1, far), (DT_STRTAB, 0)],
        vec![(1, 0)],
        vec![(1, 0), (DT_STRTAB, far)],
        vec![(DT_STRTAB, 0), (DT_VERNEED, far)],
        vec![(DT_STRTAB, 0), (DT_VERDEF, far)],
        vec![(DT_STRTAB, 0), (DT_VERDEF, (1 << 30) - 3)],
    ] {
        let error = refused(vast(1 << 30, &entries, Vec::new()));
        assert!(matches!(error, ElfError::Damaged(_)), "{error}");
    }
    for kind in [2, 3] {
        for (at, len) in [(far, far), (0, far), (far, 16), (1 << 30, 16), ((1 << 30) - 1, 16)] {
            let head = [header(64, 1, 0, 0, 0), segment(kind, at, 0, len)].concat();
            let file = Vast { size: 1 << 30, parts: vec![(0, head)], read: 0, reads: 0 };
            assert!(matches!(refused(file), ElfError::Damaged(_) | ElfError::TooLarge(_)));
        }
    }
    for head in [header(far, 9, 0, 0, 0), header(64, 0xFFFF, far, 0, 0), header(64, 0xFFFF, 0, 0, 0)] {
        let file = Vast { size: 1 << 30, parts: vec![(0, head)], read: 0, reads: 0 };
        assert!(matches!(refused(file), ElfError::Damaged(_)));
    }
}

#[test]
fn sections_without_measure_are_refused() {
    let refused = |head: Vec<u8>, size| {
        let mut file = Vast { size, parts: vec![(0, head)], read: 0, reads: 0 };
        let ask = Ask::Scan { path: ImagePath::root(), section: ".rodata", pattern: NCCL };
        let answer = elf_answer(&ask, &mut file);
        assert!(file.read <= MAX_VIEW + MAX_SCAN);
        answer.unwrap_err()
    };
    for (shoff, shnum, shstrndx) in
        [(64, 65_535, 1), (64, 0, 1), (u64::MAX - 7, 3, 1), (64, 3, 9), (64, 3, 0xFFFF), (64, 65_000, 0)]
    {
        for size in [200, 1 << 40] {
            let error = refused(header(0, 0, shoff, shnum, shstrndx), size);
            assert!(
                matches!(
                    error,
                    Reason::Elf(ElfError::Damaged(_) | ElfError::TooLarge(_) | ElfError::NoSections)
                ),
                "{error}"
            );
        }
    }
    // Names that are all one string, and sections that lead out.
    let mut head = header(0, 0, 64, 3, 1);
    for (name, kind, at, len) in [(0_u32, 0_u32, 0_u64, 0_u64), (0, 3, 256, 64), (1, 1, 64, u64::MAX - 63)] {
        head.extend(
            [
                &name.to_le_bytes()[..],
                &kind.to_le_bytes(),
                &[0; 16],
                &at.to_le_bytes(),
                &len.to_le_bytes(),
                &[0; 24],
            ]
            .concat(),
        );
    }
    head.extend(b"\0.rodata\0");
    assert_eq!(refused(head, 1 << 20), ElfError::Damaged("section").into());
}

#[test]
fn no_prefix_and_no_changed_byte_does_harm() {
    assert_eq!(view(b"").unwrap_err(), ElfError::NotElf.into());
    assert_eq!(view(b"#!/bin/sh\n").unwrap_err(), ElfError::NotElf.into());
    assert_eq!(view(b"\x7fELF").unwrap_err().to_string(), "not an ELF file");
    let bytes = Made { filler: 64, ..Made::library() }.bytes();
    for cut in 0..bytes.len() {
        let _ = (view(&bytes[..cut]), scan(&bytes[..cut], ".rodata", NCCL));
    }
    for at in 0..bytes.len() {
        for change in [0, 1, 0x7F, 0xFF] {
            let mut bad = bytes.clone();
            bad[at] = change;
            let _ = (view(&bad), scan(&bad, ".rodata", ARCHITECTURES));
        }
    }
}
