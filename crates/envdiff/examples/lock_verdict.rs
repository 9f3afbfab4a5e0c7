//! A lock and a snapshot go in; what reading the lock, selecting from it for the snapshot's environment, and judging the two takes,
//! comes out.
//!
//! `lock_verdict LOCK SNAPSHOT [TURNS]` prints a line of JSON for each turn: milliseconds of reading and selecting, and of the verdicts,
//! how many requirements there are, and peak memory in KiB. Reading the snapshot is not counted.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to its terminal")]

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use envdiff_image::{Events, Here, OpenOptions, Opened, TargetSpec, open};
use envdiff_judge::Policy;
use envdiff_lock::{Disk, Environment, ReadAsChoice, Wishes};
use envdiff_model::Snapshot;

struct Silent;

impl Events for Silent {
    fn step(&self, _: &'static str, _: u64) {}
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let turns = arguments.get(2).and_then(|turns| turns.parse().ok()).unwrap_or(1);
    let (Some(lock), Some(snapshot)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("error: a lock and a snapshot are wanted");
        return ExitCode::from(2);
    };
    match measured(lock, snapshot, turns) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn measured(lock: &str, snapshot: &str, turns: usize) -> Result<(), Box<dyn Error>> {
    let snapshot = read(snapshot)?;
    let environment = Environment::new(snapshot.environment.markers.clone(), None);
    for _ in 0..turns {
        let snapshot = Snapshot::clone(&snapshot);
        let policy = Policy { fail_on: None, ignores: Vec::new() };
        let began = Instant::now();
        let opened = envdiff_lock::open(lock, &Disk::new(), ReadAsChoice::Auto)?;
        let wishes = Wishes::default();
        let selected = envdiff_lock::select(std::slice::from_ref(&opened), &environment, &wishes)?;
        let read = began.elapsed();
        let locks = selected.into_iter().map(|selected| selected.lock).collect();
        let audit = envdiff_judge::audit(snapshot, locks, Vec::new(), &policy);
        let all = began.elapsed();
        println!(
            "{{\"read\": {:.3}, \"judged\": {:.3}, \"requirements\": {}, \"peak\": {}}}",
            read.as_secs_f64() * 1e3,
            (all - read).as_secs_f64() * 1e3,
            audit.requirements.len(),
            peak()
        );
    }
    Ok(())
}

fn read(snapshot: &str) -> Result<Box<Snapshot>, Box<dyn Error>> {
    let spec = TargetSpec::parse(&format!("snapshot:{snapshot}"), &Here)?;
    let events: Arc<dyn Events> = Arc::new(Silent);
    match open(&spec, &OpenOptions::default(), &events)? {
        Opened::Snapshot(snapshot) => Ok(snapshot),
        Opened::Files(_) => Err("no snapshot".into()),
    }
}

/// The largest resident size of this process so far, in KiB.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().unwrap_or("0").to_owned()
}
