//! Opens any target, asks it what an audit of its Python packages asks, and tells how long that took and what memory.
//!
//! `measure TARGET [layers|walker|export]`: the time until it was open, until all was answered, entries and files, peak
//! memory in KiB.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to its terminal")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use envdiff_files::{Answer, Ask, ImagePath, Likely, Reply, Source as _};
use envdiff_image::{Events, Here, ImageError, OpenOptions, Opened, ReadBy, TargetSpec, open};

struct Silent;

impl Events for Silent {
    fn step(&self, _: &'static str, _: u64) {}
}

const LIKELY: Likely = Likely {
    names: &["METADATA", "PKG-INFO", "pyvenv.cfg"],
    suffixes: &[".pth"],
    folders: &[],
    programs: &[],
    paths: &["etc/passwd", "etc/os-release"],
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
    let begin = Instant::now();
    let mut arguments = std::env::args().skip(1);
    let spec = TargetSpec::parse(&arguments.next().unwrap_or_default(), &Here)?;
    let read = match arguments.next().as_deref() {
        Some("layers") => ReadBy::Layers,
        Some("walker") => ReadBy::Walker,
        Some("export") => ReadBy::Export,
        _ => ReadBy::Auto,
    };
    let options = OpenOptions { read, likely: Some(LIKELY), ..OpenOptions::default() };
    let events: Arc<dyn Events> = Arc::new(Silent);
    let Opened::Files(mut files) = open(&spec, &options, &events)? else { return Ok(()) };
    let opened = begin.elapsed();
    files.source.expect(&LIKELY);
    // Where packages may lie: `site-packages` and `dist-packages` four levels below these.
    let tops = ["/usr/lib", "/usr/local/lib", "/opt", "/home", "/root/.local/lib", "/srv"];
    let mut asks: Vec<Ask> = tops.into_iter().filter_map(ImagePath::new).map(Ask::List).collect();
    let (mut questions, mut read_files, mut entries) = (0, 0, 0);
    for _ in 0..8 {
        questions += asks.len();
        let replies = files.source.answer(&asks)?;
        let mut next = Vec::new();
        for reply in &replies {
            let Reply::Answered(answered) = reply else { continue };
            let Answer::Listing(listing) = &answered.answer else {
                read_files += 1;
                continue;
            };
            entries += listing.entries.len();
            let here = answered.real.file_name();
            for (name, _) in &listing.entries {
                let Some(path) = answered.real.join(name) else { continue };
                let wanted: &[&[u8]] =
                    &[b"lib", b"venv", b"python3", b"site-packages", b"dist-packages", b"env"];
                if here == b"site-packages" || here == b"dist-packages" {
                    let metadata = [(&b".dist-info"[..], "METADATA"), (b".egg-info", "PKG-INFO")];
                    let file = metadata.iter().find(|(suffix, _)| name.ends_with(suffix));
                    next.extend(file.and_then(|(_, file)| path.join(file)).map(Ask::Head));
                } else if wanted.iter().any(|w| name.starts_with(w)) || here == b"opt" || here == b"home" {
                    next.push(Ask::List(path));
                }
            }
        }
        if next.is_empty() {
            break;
        }
        asks = next;
    }
    let answered = begin.elapsed();
    files.told.complete(&mut files.target);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    println!(
        "{}: open {opened:?}, answered {answered:?}, {questions} questions, {entries} entries, {read_files} files, peak {peak}",
        files.target.gathered_by
    );
    for notice in &files.target.notices {
        println!("{notice:?}");
    }
    Ok(())
}
