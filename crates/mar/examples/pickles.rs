//! Files come in as arguments, or their names on standard input, one a line; for each a line of JSON comes out: what it is and
//! what would run while it is loaded.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::fs::File;
use std::io::BufRead as _;
use std::os::unix::fs::FileExt as _;

use envdiff_files::{ReadAt, Reason};
use envdiff_mar::weights::load::{Outcome, PickleLoad, pickle_load};
use envdiff_mar::weights::pickle::Pickle;
use envdiff_mar::weights::{Kind, Weights};

fn main() {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names = std::io::stdin().lock().lines().map_while(Result::ok).collect();
    }
    for name in names {
        println!("{}", told(&name));
    }
}

/// A file on the disk that counts what is read of it.
struct Disk {
    file: File,
    size: u64,
    read: u64,
}

impl ReadAt for Disk {
    fn size(&self) -> u64 {
        self.size
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, at + done as u64) {
                Ok(0) | Err(_) => break,
                Ok(count) => done += count,
            }
        }
        self.read += done as u64;
        Ok(done)
    }
}

fn told(name: &str) -> serde_json::Value {
    let opened = File::open(name).and_then(|file| Ok((file.metadata()?.len(), file)));
    let mut file = match opened {
        Ok((size, file)) => Disk { file, size, read: 0 },
        Err(error) => return serde_json::json!({"file": name, "error": error.to_string()}),
    };
    let weights = match Weights::read(&mut file) {
        Ok(weights) => weights,
        Err(reason) => return serde_json::json!({"file": name, "error": format!("{reason:?}")}),
    };
    let pickles: Vec<&Pickle> = weights.pickles();
    let dangers: Vec<serde_json::Value> = weights
        .dangers()
        .iter()
        .map(|danger| serde_json::json!({"name": danger.name, "why": danger.why, "called": danger.called}))
        .collect();
    let kind = match weights.kind {
        Kind::Foreign => "foreign",
        _ => weights.called(),
    };
    let globals: usize = pickles.iter().map(|pickle| pickle.globals.len()).sum();
    // What no unpickler takes is told too, as weights that are damaged.
    let raises = match pickle_load(&weights, &PickleLoad::default()).outcome {
        Outcome::Raises(raise) if matches!(weights.kind, Kind::Pickle | Kind::Foreign) => {
            Some(format!("{}: {}", raise.exception, raise.text))
        }
        _ => None,
    };
    let complete = pickles.iter().all(|pickle| pickle.complete);
    serde_json::json!({
        "file": name, "kind": kind, "flagged": !dangers.is_empty(), "raises": raises, "dangers": dangers, "globals": globals,
        "complete": complete, "size": file.size, "read": file.read,
    })
}
