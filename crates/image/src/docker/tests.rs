//! The ways of reading an image against each other and against a literal, on a real engine; and against a mock of one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod alone;
mod engine;
mod mock;
mod odd;

use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::Events;
use crate::docker::client::{Engine, SILENCE};
use crate::docker::context::{Settings, find};
use crate::docker::reactor::reactor;

pub(super) struct Silent;

impl Events for Silent {
    fn step(&self, _: &'static str, _: u64) {}
}

pub(super) fn silent() -> Arc<dyn Events> {
    Arc::new(Silent)
}

/// The engine of this machine; `None`, told on stderr, where there is none. With `CI=true` there must be one.
pub(super) fn engine() -> Option<Engine> {
    let engine =
        find(&Settings::of_process()).and_then(|address| Engine::new(address, SILENCE)).and_then(|engine| {
            let asked = engine.clone();
            reactor()?.wait(async move { asked.get("answer", "/_ping").await })?;
            Ok(engine)
        });
    match engine {
        Ok(engine) => Some(engine),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no engine: {why}"),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

pub(super) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output().expect("docker");
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
