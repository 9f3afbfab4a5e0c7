//! Opens any target, asks it about the ELF files below a folder, and tells how long that took and what memory.
//!
//! `measure_elf TARGET [layers|walker|export] [FOLDER]`: the time until the names were there, until all views were, until the texts
//! of `.rodata` were that name GPU architectures, and peak memory in KiB.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to its terminal")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use envdiff_files::{Answer, Ask, ImagePath, Likely, Pattern, Reply, Source as _};
use envdiff_image::{Events, Here, ImageError, OpenOptions, Opened, ReadBy, TargetSpec, open};

struct Silent;

impl Events for Silent {
    fn step(&self, _: &'static str, _: u64) {}
}

const ARCHITECTURES: Pattern = Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 256 };
const SCANNED: [&str; 2] = ["libtorch_python.so", "libtorch_cuda.so"];

const LIKELY: Likely = Likely {
    elf: &[".so"],
    scans: &[(SCANNED[0], ".rodata", ARCHITECTURES), (SCANNED[1], ".rodata", ARCHITECTURES)],
    limit: 4 << 20,
    ..Likely::NONE
};

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn measure() -> Result<(), ImageError> {
    let mut arguments = std::env::args().skip(1);
    let spec = TargetSpec::parse(&arguments.next().unwrap_or_default(), &Here)?;
    let read = match arguments.next().as_deref() {
        Some("layers") => ReadBy::Layers,
        Some("walker") => ReadBy::Walker,
        Some("export") => ReadBy::Export,
        _ => ReadBy::Auto,
    };
    let folder =
        ImagePath::new(arguments.next().unwrap_or_else(|| "/".to_owned())).unwrap_or_else(ImagePath::root);
    let likely = if std::env::var_os("UNFORESEEN").is_some() { Likely::NONE } else { LIKELY };
    let options = OpenOptions { read, likely: Some(likely), ..OpenOptions::default() };
    let events: Arc<dyn Events> = Arc::new(Silent);
    let began = Instant::now();
    let Opened::Files(mut files) = open(&spec, &options, &events)? else { return Ok(()) };
    files.source.expect(&likely);
    let tree = Ask::Tree { path: folder.clone(), depth: 99, suffixes: Vec::new() };
    let replies = files.source.answer(&[tree])?;
    let named = began.elapsed();
    let Some(Reply::Answered(answered)) = replies.into_iter().next() else { return Ok(()) };
    let Answer::Tree(entries) = &answered.answer else { return Ok(()) };
    let paths: Vec<ImagePath> = entries
        .iter()
        .filter(|entry| entry.size > 0 && entry.path.windows(3).any(|part| part == b".so"))
        .filter_map(|entry| folder.join(&entry.path))
        .collect();
    let views: Vec<Ask> = paths.iter().cloned().map(Ask::Elf).collect();
    let scanned = paths.iter().filter(|path| SCANNED.iter().any(|name| path.file_name() == name.as_bytes()));
    let scans: Vec<Ask> = scanned
        .map(|path| Ask::Scan { path: path.clone(), section: ".rodata", pattern: ARCHITECTURES })
        .collect();
    let before = Instant::now();
    let told = files.source.answer(&views)?;
    let viewed = before.elapsed();
    let before = Instant::now();
    let found = files.source.answer(&scans)?;
    let searched = before.elapsed();
    files.told.complete(&mut files.target);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    let answered = told.iter().filter(|reply| matches!(reply, Reply::Answered(_))).count();
    println!(
        "{}: names {named:?}, {answered} of {} views {viewed:?}, {} searches {searched:?}, peak {peak}",
        files.target.gathered_by,
        views.len(),
        scans.len()
    );
    for (ask, reply) in scans.iter().zip(&found) {
        let said = match reply {
            Reply::Answered(answered) => match &answered.answer {
                Answer::Scan(scan) => {
                    let texts =
                        scan.matches.iter().map(|found| String::from_utf8_lossy(&found.text).into_owned());
                    format!("complete {}, {:?}", scan.complete, texts.collect::<Vec<_>>())
                }
                _ => "something else".to_owned(),
            },
            other => format!("{other:?}"),
        };
        println!("{:?}: {said}", ask.path());
    }
    for (ask, reply) in
        views.iter().zip(&told).filter(|(_, reply)| !matches!(reply, Reply::Answered(_))).take(9)
    {
        println!("{:?}: {reply:?}", ask.path());
    }
    for notice in &files.target.notices {
        println!("{notice:?}");
    }
    Ok(())
}
