//! ELF files of this machine in, one JSON-like line of each out, with what was read of it; for `elf_differential.py` and for
//! measuring.
//!
//! `elf FILE...`: path, then tab-separated words; a file that is none tells the reason.
#![allow(clippy::print_stdout, reason = "an example speaks to its terminal")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use envdiff_files::{ElfView, ReadAt, Reason, elf_view};

struct Counted {
    file: File,
    size: u64,
    read: u64,
    reads: usize,
}

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.size
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        self.reads += 1;
        let count =
            self.file.read_at(buffer, at).map_err(|error| Reason::System(error.to_string().into()))?;
        self.read += count as u64;
        Ok(count)
    }
}

fn main() {
    let began = Instant::now();
    let (mut files, mut read, mut reads, mut most) = (0, 0, 0, 0);
    for path in std::env::args_os().skip(1) {
        let Ok(file) = File::open(&path) else { continue };
        let size = file.metadata().map_or(0, |meta| meta.len());
        let mut file = Counted { file, size, read: 0, reads: 0 };
        match elf_view(&mut file) {
            Ok(view) => println!("{}\t{}", path.display(), words(&view).join("\t")),
            Err(reason) => println!("{}\terror={reason}", path.display()),
        }
        files += 1;
        read += file.read;
        reads += file.reads;
        most = most.max(file.read);
    }
    println!("#\t{files} files\t{read} bytes\t{reads} reads\tat most {most} bytes\t{:?}", began.elapsed());
}

fn words(view: &ElfView) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut out = vec![
        format!("class={:?}", view.class),
        format!("order={:?}", view.order),
        format!("machine={}", view.machine.0),
        format!("kind={:?}", view.kind),
        format!("stack={:?}", view.executable_stack),
        format!("textrel={}", view.text_relocations),
    ];
    out.extend(view.needed.iter().map(|name| format!("needed={}", text(name))));
    for (word, value) in [
        ("soname", &view.soname),
        ("rpath", &view.rpath),
        ("runpath", &view.runpath),
        ("interpreter", &view.interpreter),
    ] {
        out.extend(value.as_ref().map(|value| format!("{word}={}", text(value))));
    }
    if let Some(id) = &view.build_id {
        out.push(format!("id={}", id.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    }
    for need in &view.version_needs {
        for version in &need.versions {
            let weak = if version.weak { " weak" } else { "" };
            out.push(format!("need={} {}{weak}", text(&need.library), text(&version.name)));
        }
    }
    out.extend(view.version_definitions.iter().map(|name| format!("defines={}", text(name))));
    out
}
