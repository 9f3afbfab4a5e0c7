//! Opens a target and asks it what a small audit asks; for tests that kill it and for measuring.
//!
//! `ask TARGET [layers|walker|export] [PATH...]`: prints when the first answer came, then one line a question. With the
//! variable `ASK_PAUSE_MS` it waits between two batches.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to its terminal")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use envdiff_files::{Answer, Ask, ImagePath, Likely, Reply, Source as _};
use envdiff_image::{Events, ImageError, OpenOptions, Opened, ReadBy, TargetSpec, open, settle};

struct Silent;

impl Events for Silent {
    fn step(&self, _: &'static str, _: u64) {}
}

const LIKELY: Likely = Likely {
    names: &["METADATA", "PKG-INFO", "pyvenv.cfg"],
    suffixes: &[".pth"],
    folders: &[".dist-info", ".egg-info"],
    programs: &[],
    paths: &["etc/passwd", "etc/os-release"],
    limit: 4 << 20,
    ..Likely::NONE
};

fn main() -> ExitCode {
    let code = match ask() {
        Ok(()) => ExitCode::SUCCESS,
        Err(ImageError::Interrupted { signal }) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    };
    settle();
    code
}

fn ask() -> Result<(), ImageError> {
    let begin = Instant::now();
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().unwrap_or_default();
    let read = match arguments.next().as_deref() {
        Some("layers") => ReadBy::Layers,
        Some("walker") => ReadBy::Walker,
        Some("export") => ReadBy::Export,
        _ => ReadBy::Auto,
    };
    let spec = match target.strip_prefix("container:") {
        Some(name) => TargetSpec::Container(name.to_owned()),
        None => TargetSpec::Docker(target),
    };
    let options = OpenOptions { read, ..OpenOptions::default() };
    let events: Arc<dyn Events> = Arc::new(Silent);
    let Opened::Files(mut files) = open(&spec, &options, &events)? else { return Ok(()) };
    files.source.expect(&LIKELY);
    let mut asks: Vec<Ask> = arguments.filter_map(ImagePath::new).map(Ask::List).collect();
    if asks.is_empty() {
        asks = ["/", "/usr/lib", "/etc"].into_iter().filter_map(ImagePath::new).map(Ask::List).collect();
    }
    let pause =
        std::env::var("ASK_PAUSE_MS").ok().and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let mut first = None;
    let mut lines = Vec::new();
    for round in 0..3 {
        let replies = files.source.answer(&asks)?;
        first.get_or_insert_with(|| begin.elapsed());
        let mut next = Vec::new();
        for (ask, reply) in asks.iter().zip(&replies) {
            let said = match reply {
                Reply::Answered(answered) => match &answered.answer {
                    Answer::Listing(listing) => {
                        for (name, _) in listing.entries.iter().take(40) {
                            next.extend(answered.real.join(name).map(Ask::Stat));
                        }
                        format!("{} entries", listing.entries.len())
                    }
                    Answer::Stat(stat) => format!("{:?}, {} bytes", stat.kind, stat.size),
                    _ => "something".to_owned(),
                },
                Reply::Absent => "absent".to_owned(),
                Reply::Unreadable(reason) => format!("unreadable: {reason}"),
            };
            lines.push(format!("{round} {:?}: {said}", ask.path()));
        }
        if next.is_empty() {
            break;
        }
        asks = next;
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
    }
    let answered = begin.elapsed();
    files.told.complete(&mut files.target);
    let by = files.target.gathered_by;
    drop(files);
    settle();
    println!(
        "first {:?} answered {answered:?} gone {:?} by {by}",
        first.unwrap_or_default(),
        begin.elapsed()
    );
    for line in lines {
        println!("{line}");
    }
    Ok(())
}
