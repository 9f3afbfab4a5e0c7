//! Windows of an ELF file in, its view out, or what must be read first.

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{ReadRef, StringTable};

use super::windows::{Stop, Windows};
use super::{
    ByteOrder, ElfClass, ElfError, ElfKind, ElfMachine, ElfReading, ElfView, MAX_ENTRIES, MAX_STRINGS,
    NeededVersion, VersionNeed,
};

/// The longest interpreter and the largest note segment, in bytes.
const MAX_SMALL: u64 = 4_096;
/// The longest build id, in bytes.
const MAX_BUILD_ID: usize = 64;
/// What is read of a chain of version records at once, at the least, in bytes.
const RECORDS: u64 = 1_024;

/// Which of the two formats it is, told by its first bytes.
pub(super) fn class(windows: &Windows) -> Result<ElfClass, Stop> {
    windows.expect(0, ElfReading::FIRST);
    windows.all_there()?;
    match windows.read_bytes_at(0, 5) {
        Ok([0x7F, b'E', b'L', b'F', 1]) => Ok(ElfClass::Bits32),
        Ok([0x7F, b'E', b'L', b'F', 2]) => Ok(ElfClass::Bits64),
        Ok([0x7F, b'E', b'L', b'F', _]) => Err(ElfError::Damaged("class").into()),
        _ => Err(ElfError::NotElf.into()),
    }
}

pub(super) fn view(windows: &Windows) -> Result<ElfView, Stop> {
    match class(windows)? {
        ElfClass::Bits32 => of::<FileHeader32<Endianness>>(windows, ElfClass::Bits32),
        ElfClass::Bits64 => of::<FileHeader64<Endianness>>(windows, ElfClass::Bits64),
    }
}

fn of<H: FileHeader<Endian = Endianness>>(windows: &Windows, class: ElfClass) -> Result<ElfView, Stop> {
    let header = windows.must(H::parse(windows), "header")?;
    let endian = windows.must(header.endian(), "byte order")?;
    let kind = match header.e_type(endian) {
        elf::ET_REL => ElfKind::Relocatable,
        elf::ET_EXEC => ElfKind::Executable,
        elf::ET_DYN => ElfKind::Dynamic,
        elf::ET_CORE => ElfKind::Core,
        other => ElfKind::Other(other.0),
    };
    let mut view = ElfView {
        class,
        order: if header.is_big_endian() { ByteOrder::Big } else { ByteOrder::Little },
        machine: ElfMachine(header.e_machine(endian).0),
        kind,
        dynamic: false,
        soname: None,
        needed: Vec::new(),
        rpath: None,
        runpath: None,
        interpreter: None,
        version_needs: Vec::new(),
        version_definitions: Vec::new(),
        executable_stack: None,
        text_relocations: false,
        build_id: None,
    };
    let segments = windows.must(header.program_headers(endian, windows), "program headers")?;
    let mut loads = Vec::new();
    let mut dynamic = None;
    for segment in segments {
        let (at, len) = segment.file_range(endian);
        match segment.p_type(endian) {
            elf::PT_LOAD => loads.push(Load { address: segment.p_vaddr(endian).into(), at, len }),
            elf::PT_DYNAMIC => {
                // Of several the last counts, as for glibc's loader.
                dynamic = windows.got(segment.dynamic(endian, windows), "dynamic segment")?.flatten();
                view.dynamic = true;
            }
            elf::PT_INTERP if len > MAX_SMALL => return Err(ElfError::Damaged("interpreter").into()),
            elf::PT_INTERP if view.interpreter.is_none() => {
                let name = windows.got(segment.interpreter(endian, windows), "interpreter")?.flatten();
                view.interpreter = name.map(Box::from);
            }
            elf::PT_GNU_STACK => {
                view.executable_stack = Some(segment.p_flags(endian).contains(elf::PF_X));
            }
            elf::PT_NOTE if len <= MAX_SMALL && view.build_id.is_none() => {
                // Nothing rests on it, so a damaged one is none.
                view.build_id = build_id(segment, endian, windows);
            }
            _ => {}
        }
    }
    windows.all_there()?;
    if let Some(entries) = dynamic {
        let mut tables = Tables { windows, endian, loads, strings: StringTable::default(), weight: 0 };
        tables.dynamic::<H>(entries, &mut view)?;
    }
    windows.all_there()?;
    Ok(view)
}

fn build_id<P: ProgramHeader<Endian = Endianness>>(
    segment: &P,
    endian: Endianness,
    windows: &Windows,
) -> Option<Box<[u8]>> {
    let notes = segment.notes(endian, windows).ok().flatten()?;
    let is_id = |note: &object::read::elf::Note<'_, P::Elf>| {
        note.name() == b"GNU" && note.n_type(endian) == elf::NT_GNU_BUILD_ID
    };
    let note = notes.flatten().find(is_id)?;
    Some(note.desc()).filter(|id| id.len() <= MAX_BUILD_ID).map(Box::from)
}

/// A part of the file that is loaded.
struct Load {
    address: u64,
    at: u64,
    len: u64,
}

/// What the dynamic entries lead to.
struct Tables<'a> {
    windows: &'a Windows,
    endian: Endianness,
    loads: Vec<Load>,
    strings: StringTable<'a, &'a Windows>,
    /// Bytes of the strings told so far.
    weight: usize,
}

impl<'a> Tables<'a> {
    fn dynamic<H: FileHeader<Endian = Endianness>>(
        &mut self,
        entries: &'a [H::Dyn],
        view: &mut ElfView,
    ) -> Result<(), Stop> {
        let mut needed = Vec::new();
        let (mut soname, mut rpath, mut runpath) = (None, None, None);
        let (mut strings, mut strings_len) = (None, None);
        let (mut needs, mut needs_count, mut definitions, mut definitions_count) = (None, 0, None, 0);
        for entry in entries {
            let value = entry.val(self.endian);
            // Of several entries of one kind the last counts, as for glibc's loader.
            match entry.tag(self.endian) {
                elf::DT_NULL => break,
                elf::DT_NEEDED if needed.len() >= MAX_ENTRIES => {
                    return Err(ElfError::TooLarge("many libraries").into());
                }
                elf::DT_NEEDED => needed.push(value),
                elf::DT_SONAME => soname = Some(value),
                elf::DT_RPATH => rpath = Some(value),
                elf::DT_RUNPATH => runpath = Some(value),
                elf::DT_STRTAB => strings = Some(value),
                elf::DT_STRSZ => strings_len = Some(value),
                elf::DT_VERNEED => needs = Some(value),
                elf::DT_VERNEEDNUM => needs_count = value,
                elf::DT_VERDEF => definitions = Some(value),
                elf::DT_VERDEFNUM => definitions_count = value,
                elf::DT_TEXTREL => view.text_relocations = true,
                elf::DT_FLAGS => view.text_relocations |= value & elf::DF_TEXTREL.0 != 0,
                _ => {}
            }
        }
        if let Some(address) = strings {
            let (at, room) = self.place(address, "string table")?;
            self.strings = StringTable::new(self.windows, at, at + strings_len.unwrap_or(room).min(room));
        }
        for offset in needed {
            if let Some(name) = self.string(offset, "name of a library")? {
                view.needed.push(name);
            }
        }
        for (offset, text) in
            [(soname, &mut view.soname), (rpath, &mut view.rpath), (runpath, &mut view.runpath)]
        {
            if let Some(offset) = offset {
                *text = self.string(offset, "name or path")?;
            }
        }
        if let Some(address) = needs {
            let (at, _) = self.place(address, "version needs")?;
            // A record of a library and some of versions, 16 bytes each.
            self.windows.expect(at, needs_count.saturating_mul(80).clamp(64, 16 * RECORDS));
            view.version_needs = self.version_needs(at)?;
        }
        if let Some(address) = definitions {
            let (at, _) = self.place(address, "version definitions")?;
            // A record of 20 bytes, and one or two names of 8.
            self.windows.expect(at, definitions_count.saturating_mul(36).clamp(64, 16 * RECORDS));
            view.version_definitions = self.version_definitions(at)?;
        }
        Ok(())
    }

    /// Where an address lies in the file, and how much of its segment follows.
    fn place(&self, address: u64, what: &'static str) -> Result<(u64, u64), Stop> {
        let found = self.loads.iter().find_map(|load| {
            let offset = address.checked_sub(load.address).filter(|offset| *offset < load.len)?;
            let at = load.at.checked_add(offset).filter(|at| *at < self.windows.size())?;
            Some((at, (load.len - offset).min(self.windows.size() - at)))
        });
        found.ok_or_else(|| ElfError::Damaged(what).into())
    }

    fn string(&mut self, offset: u64, what: &'static str) -> Result<Option<Box<[u8]>>, Stop> {
        let offset = u32::try_from(offset).map_err(|_| ElfError::Damaged(what))?;
        let Some(text) = self.windows.got(self.strings.get(offset), what)? else { return Ok(None) };
        self.weight += text.len();
        if self.weight > MAX_STRINGS {
            return Err(ElfError::TooLarge("long strings").into());
        }
        Ok(Some(Box::from(text)))
    }

    /// A record of a chain; `None` where it is to be read first, with what probably follows.
    fn record<T: object::Pod>(&self, at: u64, what: &'static str) -> Result<Option<&'a T>, Stop> {
        let windows = self.windows;
        let record = windows.got(windows.read_at::<T>(at), what)?;
        if record.is_none() {
            windows.expect(at, RECORDS);
        }
        Ok(record)
    }

    fn version_needs(&mut self, mut at: u64) -> Result<Vec<VersionNeed>, Stop> {
        const WHAT: &str = "version needs";
        let mut out = Vec::new();
        let mut count = 0;
        // Every step leads on in the file, so a chain has an end; the number of entries is bounded all the same.
        loop {
            let Some(need) = self.record::<elf::Verneed<Endianness>>(at, WHAT)? else { return Ok(out) };
            let library = self.string(need.vn_file.get(self.endian).into(), WHAT)?.unwrap_or_default();
            let mut versions = Vec::new();
            let mut aux_at = on(at, need.vn_aux.get(self.endian), WHAT)?;
            for _ in 0..need.vn_cnt.get(self.endian) {
                count += 1;
                if count > MAX_ENTRIES {
                    return Err(ElfError::TooLarge("many versions").into());
                }
                let Some(aux) = self.record::<elf::Vernaux<Endianness>>(aux_at, WHAT)? else { break };
                let weak = aux.vna_flags.get(self.endian).contains(elf::VER_FLG_WEAK);
                if let Some(name) = self.string(aux.vna_name.get(self.endian).into(), WHAT)? {
                    versions.push(NeededVersion { name, weak });
                }
                match aux.vna_next.get(self.endian) {
                    0 => break,
                    next => aux_at = on(aux_at, next, WHAT)?,
                }
            }
            out.push(VersionNeed { library, versions });
            count += 1;
            match need.vn_next.get(self.endian) {
                0 => return Ok(out),
                _ if count > MAX_ENTRIES => return Err(ElfError::TooLarge("many versions").into()),
                next => at = on(at, next, WHAT)?,
            }
        }
    }

    fn version_definitions(&mut self, mut at: u64) -> Result<Vec<Box<[u8]>>, Stop> {
        const WHAT: &str = "version definitions";
        let mut out = Vec::new();
        for _ in 0..MAX_ENTRIES {
            let Some(definition) = self.record::<elf::Verdef<Endianness>>(at, WHAT)? else { return Ok(out) };
            // The base is the library's own name. Of several names the first is the version's, the others its parents'.
            let base = definition.vd_flags.get(self.endian).contains(elf::VER_FLG_BASE);
            if !base && definition.vd_cnt.get(self.endian) > 0 {
                let aux_at = on(at, definition.vd_aux.get(self.endian), WHAT)?;
                if let Some(aux) = self.record::<elf::Verdaux<Endianness>>(aux_at, WHAT)?
                    && let Some(name) = self.string(aux.vda_name.get(self.endian).into(), WHAT)?
                {
                    out.push(name);
                }
            }
            match definition.vd_next.get(self.endian) {
                0 => return Ok(out),
                next => at = on(at, next, WHAT)?,
            }
        }
        Err(ElfError::TooLarge("many versions").into())
    }
}

/// The offset of the next record.
fn on(at: u64, next: u32, what: &'static str) -> Result<u64, Stop> {
    at.checked_add(next.into()).ok_or_else(|| ElfError::Damaged(what).into())
}
