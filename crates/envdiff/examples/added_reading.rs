//! Asks a target for its Python environment, and then, opened anew, for that and all that lies under it: torch, CUDA, C library.
//!
//! `added_reading TARGET [layers|walker|export] [TURNS]` prints a line of JSON for each turn: milliseconds, rounds, questions and
//! bytes of either conversation, and peak memory in KiB. Opening, and what the source does at its first question, is not counted.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to its terminal")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use envdiff_files::{Ask, Budget, ImagePath, Miss, Seen, Source as _, converse};
use envdiff_image::{Events, Files, Here, ImageError, OpenOptions, Opened, ReadBy, TargetSpec, open};
use envdiff_model::Environment;
use envdiff_observe::{Inputs, LIKELY, environment, python_environment};

struct Silent;

impl Events for Silent {
    fn step(&self, _: &'static str, _: u64) {}
}

type Observe = fn(&Seen, &Inputs<'_>) -> Result<Environment, Miss>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut words = arguments.iter().map(String::as_str);
    let target = words.next().unwrap_or_default();
    let read = match words.next() {
        Some("layers") => ReadBy::Layers,
        Some("walker") => ReadBy::Walker,
        Some("export") => ReadBy::Export,
        _ => ReadBy::Auto,
    };
    let turns: usize = words.next().and_then(|turns| turns.parse().ok()).unwrap_or(1);
    for _ in 0..turns {
        let told =
            [("python", python_environment as Observe), ("all", environment)].map(|(what, observe)| {
                conversation(target, read, observe).map(|told| format!("\"{what}\": {told}"))
            });
        match told {
            [Ok(python), Ok(all)] => println!("{{{python}, {all}, \"peak\": {}}}", peak()),
            [Err(error), _] | [_, Err(error)] => {
                eprintln!("error: {error}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

fn conversation(target: &str, read: ReadBy, observe: Observe) -> Result<String, ImageError> {
    let spec = TargetSpec::parse(target, &Here)?;
    let options = OpenOptions { read, likely: Some(LIKELY), ..OpenOptions::default() };
    let events: Arc<dyn Events> = Arc::new(Silent);
    let Opened::Files(files) = open(&spec, &options, &events)? else { return Ok("null".into()) };
    let Files { mut source, config, .. } = *files;
    source.expect(&LIKELY);
    source.answer(&[Ask::Stat(ImagePath::root())])?;
    let inputs = Inputs { config: config.as_ref(), ..Inputs::default() };
    let (mut seen, mut budget) = (Seen::new(), Budget::default());
    let began = Instant::now();
    let told = converse(&mut *source, &mut seen, &mut budget, |seen| observe(seen, &inputs));
    let milliseconds = began.elapsed().as_secs_f64() * 1e3;
    if let Err(error) = told {
        eprintln!("error: {error:?}");
    }
    Ok(format!(
        "{{\"ms\": {milliseconds:.2}, \"rounds\": {}, \"questions\": {}, \"bytes\": {}}}",
        budget.rounds, budget.questions, budget.bytes
    ))
}

/// The largest resident size of this process so far, in KiB.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().unwrap_or("0").to_owned()
}
