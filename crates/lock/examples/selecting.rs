//! The path of a lock comes in; how long reading it and selecting from it takes, and the most memory that took, come out.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a tool of measuring")]

use std::time::Instant;

use envdiff_lock::{Disk, Environment, ReadAsChoice, Wishes, open, select};

fn main() {
    let path = std::env::args().nth(1).expect("the path of a lock");
    let environment = Environment::named(Some("3.11.7"), Some("linux-x86_64")).expect("an environment");
    let mut best = u128::MAX;
    let mut counted = 0;
    for _ in 0..9 {
        let since = Instant::now();
        let opened = open(&path, &Disk::new(), ReadAsChoice::Auto).expect("a lock");
        let selected =
            select(std::slice::from_ref(&opened), &environment, &Wishes::default()).expect("a selection");
        best = best.min(since.elapsed().as_micros());
        counted = selected.iter().map(|one| one.lock.requirements.len()).sum();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("{counted} packages, best of 9: {:.1} ms, {peak}", best as f64 / 1000.0);
}
