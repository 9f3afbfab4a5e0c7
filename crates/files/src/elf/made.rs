//! What an ELF file is to hold in, its bytes out, written by the crate `object`; for tests here and of every source.

pub use object::Endianness;
pub use object::elf;
use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, Verdef, Vernaux, Verneed, Writer};

/// Where the file is loaded: an address is no offset.
const BASE: u64 = 0x40_0000;

/// An ELF file to be.
#[derive(Debug, Clone)]
pub struct Made {
    /// 64 bits, else 32.
    pub is_64: bool,
    /// The order of bytes.
    pub order: Endianness,
    /// For which processor.
    pub machine: elf::Machine,
    /// Program or library.
    pub kind: elf::FileType,
    /// `DT_` and the text.
    pub texts: Vec<(elf::DynamicTag, &'static str)>,
    /// Library, its versions and whether they are weak.
    pub needs: Vec<(&'static str, Vec<(&'static str, bool)>)>,
    /// The first is the library's own name.
    pub definitions: Vec<&'static str>,
    /// `PT_INTERP`.
    pub interpreter: Option<&'static str>,
    /// What `PT_GNU_STACK` says; `None` for none.
    pub executable_stack: Option<bool>,
    /// `DT_TEXTREL`.
    pub text_relocations: bool,
    /// `NT_GNU_BUILD_ID`.
    pub build_id: Option<&'static [u8]>,
    /// What stands in `.rodata`.
    pub rodata: Vec<u8>,
    /// Zeros between the tables in front and those at the end.
    pub filler: usize,
    /// The strings stand at the end, as `patchelf` puts them.
    pub strings_last: bool,
    /// Whether there are section headers.
    pub sections: bool,
}

impl Made {
    /// A library as they are.
    #[must_use]
    pub fn library() -> Self {
        Self {
            is_64: true,
            order: Endianness::Little,
            machine: elf::EM_X86_64,
            kind: elf::ET_DYN,
            texts: vec![
                (elf::DT_NEEDED, "libc10.so"),
                (elf::DT_NEEDED, "libstdc++.so.6"),
                (elf::DT_NEEDED, "libc.so.6"),
                (elf::DT_SONAME, "libmade.so.1"),
                (elf::DT_RUNPATH, "$ORIGIN:$ORIGIN/../nvidia/lib"),
            ],
            needs: vec![
                ("libc.so.6", vec![("GLIBC_2.17", false), ("GLIBC_2.34", false), ("GLIBC_2.38", true)]),
                ("libstdc++.so.6", vec![("GLIBCXX_3.4.29", false), ("CXXABI_1.3.8", false)]),
            ],
            definitions: vec!["libmade.so.1", "MADE_1.0", "MADE_1.1"],
            interpreter: None,
            executable_stack: Some(false),
            text_relocations: false,
            build_id: Some(b"\x01\x02\x03\x04\xFF"),
            rodata:
                b"zero\0sm_50 sm_60 sm_90a compute_90\0sm_\0NCCL version 2.18.1+cuda12.1\0NCCL version %d\0"
                    .to_vec(),
            filler: 3_000,
            strings_last: false,
            sections: true,
        }
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        let mut headers: Vec<u8> = Vec::new();
        let mut writer = Writer::new_single_phase(self.order, self.is_64, &mut out);
        let header = FileHeader { e_type: self.kind, e_machine: self.machine, ..FileHeader::default() };
        writer.write_file_header(&header).unwrap();
        let count = 2
            + u32::from(self.interpreter.is_some())
            + u32::from(self.executable_stack.is_some())
            + u32::from(self.build_id.is_some());
        writer.write_program_headers_placeholder(count);
        let part = |at: u64, len: usize| (at, len as u64);
        let interpreter = self.interpreter.map(|path| {
            let at = writer.offset();
            writer.write(&[path.as_bytes(), b"\0"].concat());
            part(at, path.len() + 1)
        });
        let note = self.build_id.map(|id| {
            let at = writer.write_align(4);
            for number in [4, id.len() as u32, elf::NT_GNU_BUILD_ID.0] {
                writer.write(&match self.order {
                    Endianness::Little => number.to_le_bytes(),
                    Endianness::Big => number.to_be_bytes(),
                });
            }
            writer.write(b"GNU\0");
            writer.write(id);
            writer.write_align(4);
            part(at, usize::try_from(writer.offset() - at).unwrap())
        });
        let texts: Vec<_> =
            self.texts.iter().map(|(tag, text)| (*tag, writer.add_dynamic_string(text.as_bytes()))).collect();
        let needs: Vec<_> = self
            .needs
            .iter()
            .map(|(library, versions)| {
                let versions: Vec<_> = versions
                    .iter()
                    .map(|(name, weak)| (writer.add_dynamic_string(name.as_bytes()), *weak))
                    .collect();
                (writer.add_dynamic_string(library.as_bytes()), versions)
            })
            .collect();
        let definitions: Vec<_> =
            self.definitions.iter().map(|name| writer.add_dynamic_string(name.as_bytes())).collect();
        let mut strings = if self.strings_last { (0, 0) } else { writer.write_dynstr().unwrap() };
        // In the single phase a string's offset is known when it is added.
        let of =
            |writer: &Writer<'_, object::write::elf::SinglePhase>, id| writer.dynamic_string_offset(Some(id));
        let needs_at = writer.write_align_gnu_verneed(needs.len() as u16);
        for (library, versions) in &needs {
            let file = of(&writer, *library);
            writer.write_gnu_verneed(&Verneed { version: 1, aux_count: versions.len() as u16, file });
            for (name, weak) in versions {
                let flags = if *weak { elf::VER_FLG_WEAK } else { elf::VersionFlags::default() };
                let name = of(&writer, *name);
                writer.write_gnu_vernaux(&Vernaux { flags, index: elf::VersionIndex(2), name, hash: 0 });
            }
        }
        let definitions_at = writer.write_align_gnu_verdef(definitions.len() as u16);
        for (index, id) in definitions.iter().enumerate() {
            let flags = if index == 0 { elf::VER_FLG_BASE } else { elf::VersionFlags::default() };
            // Each but the first two has a parent too.
            let aux_count = if index > 1 { 2 } else { 1 };
            let name = of(&writer, *id);
            let index = elf::VersionIndex(index as u16 + 1);
            writer.write_gnu_verdef(&Verdef { version: 1, flags, index, aux_count, name, hash: 0 });
            if aux_count > 1 {
                writer.write_gnu_verdaux(definitions[1]);
            }
        }
        writer.write(&vec![0; self.filler]);
        let rodata = part(writer.offset(), self.rodata.len());
        writer.write(&self.rodata);
        writer.write_align(8);
        let dynamic_at = writer.write_align_dynamic();
        for (tag, id) in &texts {
            writer.write_dynamic_string(*tag, *id).unwrap();
        }
        // Where the strings come last, their place is written when it is known.
        let hole = writer.offset();
        writer.write_dynamic(elf::DT_STRTAB, BASE + strings.0).unwrap();
        writer.write_dynamic(elf::DT_STRSZ, u64::from(strings.1)).unwrap();
        for (tag, number, at, count) in [
            (elf::DT_VERNEED, elf::DT_VERNEEDNUM, needs_at, needs.len()),
            (elf::DT_VERDEF, elf::DT_VERDEFNUM, definitions_at, definitions.len()),
        ] {
            if count > 0 {
                writer.write_dynamic(tag, BASE + at).unwrap();
                writer.write_dynamic(number, count as u64).unwrap();
            }
        }
        if self.text_relocations {
            writer.write_dynamic(elf::DT_FLAGS, elf::DF_TEXTREL.0).unwrap();
        }
        writer.write_dynamic(elf::DT_NULL, 0).unwrap();
        let dynamic = (dynamic_at, writer.offset() - dynamic_at);
        if self.strings_last {
            strings = writer.write_dynstr().unwrap();
        }
        let loaded = writer.offset();
        if self.sections {
            let name = writer.add_section_name(b".rodata");
            writer.write_shstrtab().unwrap();
            writer.write_null_section_header();
            let sh_name = writer.section_name_offset(Some(name));
            writer.write_section_header(&SectionHeader {
                sh_name,
                sh_type: elf::SHT_PROGBITS,
                sh_flags: elf::SHF_ALLOC,
                sh_addr: BASE + rodata.0,
                sh_offset: rodata.0,
                sh_size: rodata.1,
                sh_link: 0,
                sh_info: 0,
                sh_addralign: 1,
                sh_entsize: 0,
            });
            writer.write_shstrtab_section_header();
        }
        let segment = |kind, flags, (at, len): (u64, u64)| ProgramHeader {
            p_type: kind,
            p_flags: flags,
            p_offset: at,
            p_vaddr: BASE + at,
            p_paddr: 0,
            p_filesz: len,
            p_memsz: len,
            p_align: 4,
        };
        let mut segments = vec![segment(elf::PT_LOAD, elf::PF_R, (0, loaded))];
        segments.push(segment(elf::PT_DYNAMIC, elf::PF_R, dynamic));
        segments.extend(interpreter.map(|part| segment(elf::PT_INTERP, elf::PF_R, part)));
        segments.extend(note.map(|part| segment(elf::PT_NOTE, elf::PF_R, part)));
        segments.extend(self.executable_stack.map(|executable| {
            let flags = if executable { elf::PF_R | elf::PF_X } else { elf::PF_R };
            segment(elf::PT_GNU_STACK, flags, (0, 0))
        }));
        writer.write_headers_to(&mut headers, &segments).unwrap();
        drop(writer);
        out[..headers.len()].copy_from_slice(&headers);
        if self.strings_last {
            let word = |value: u64| match (self.is_64, self.order) {
                (true, Endianness::Little) => value.to_le_bytes().to_vec(),
                (true, Endianness::Big) => value.to_be_bytes().to_vec(),
                (false, Endianness::Little) => (value as u32).to_le_bytes().to_vec(),
                (false, Endianness::Big) => (value as u32).to_be_bytes().to_vec(),
            };
            let size = if self.is_64 { 8 } else { 4 };
            for (at, value) in [(1, BASE + strings.0), (3, u64::from(strings.1))] {
                let at = usize::try_from(hole).unwrap() + at * size;
                out[at..at + size].copy_from_slice(&word(value));
            }
        }
        out
    }
}
