//! Files come in as arguments, or their names on standard input, one a line; for each a line of JSON comes out: what it is and
//! what would run while it is loaded.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::fs;
use std::io::BufRead as _;

use envdiff_mar::weights::pickle::Pickle;
use envdiff_mar::weights::{Kind, Weights, danger};

fn main() {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names = std::io::stdin().lock().lines().map_while(Result::ok).collect();
    }
    for name in names {
        println!("{}", told(&name));
    }
}

fn told(name: &str) -> serde_json::Value {
    let bytes = match fs::read(name) {
        Ok(bytes) => bytes,
        Err(error) => return serde_json::json!({"file": name, "error": error.to_string()}),
    };
    let mut file = &*bytes;
    let weights = match Weights::read(&mut file) {
        Ok(weights) => weights,
        Err(reason) => return serde_json::json!({"file": name, "error": format!("{reason:?}")}),
    };
    let pickles: Vec<&Pickle> = weights.pickles();
    let dangers: Vec<serde_json::Value> = pickles
        .iter()
        .flat_map(|pickle| danger::judge(pickle))
        .map(|danger| serde_json::json!({"name": danger.name, "why": danger.why, "called": danger.called}))
        .collect();
    let kind = match weights.kind {
        Kind::Foreign => "foreign",
        _ => weights.called(),
    };
    let globals: usize = pickles.iter().map(|pickle| pickle.globals.len()).sum();
    let complete = pickles.iter().all(|pickle| pickle.complete);
    serde_json::json!({
        "file": name, "kind": kind, "flagged": !dangers.is_empty(), "dangers": dangers, "globals": globals,
        "complete": complete,
    })
}
