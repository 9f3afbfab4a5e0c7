//! What a target tells while something slow runs, as one line on stderr; nothing where stderr is no terminal.

use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use envdiff_image::Events;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is over sooner is not told.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the line is drawn, in a second.
const RATE: u8 = 10;

/// The progress line.
pub(crate) struct Progress {
    wanted: bool,
    since: Instant,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// A line that appears when the work takes long, unless `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { wanted: !quiet && io::stderr().is_terminal(), since: Instant::now(), bar: Mutex::new(None) }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

impl Events for Progress {
    fn step(&self, what: &'static str, done: u64) {
        if !self.wanted || self.since.elapsed() < PATIENCE {
            return;
        }
        let mut slot = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = slot.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(RATE));
            // The template is fixed and sound; the plain style is as good.
            let style = ProgressStyle::with_template("{spinner} {msg} {human_pos}, {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        bar.set_message(what);
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
