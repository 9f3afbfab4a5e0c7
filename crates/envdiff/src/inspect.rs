//! `envdiff inspect`: a target as the user wrote it goes in, what it holds comes out.

use std::sync::Arc;

use envdiff_report::View;
use envdiff_report::inspect::Inspection;

use crate::cli::{Inspect, Shared};
use crate::failure::Failure;
use crate::gather::{Conversation, gather};
use crate::output::{Stdout, view};
use crate::progress::Progress;
use crate::status::Status;

pub(crate) fn run(options: Inspect, shared: &Shared) -> Result<Status, Failure> {
    let progress = Arc::new(Progress::new(shared.quiet));
    let (snapshot, mut conversation) = gather(&options.target, &options.options, None, &progress)?;
    let is_wanted = options.format.0.id == "requirements" || options.thin.is_some();
    let checkouts = match &mut conversation {
        Some(conversation) if is_wanted => conversation.checkouts(&snapshot.environment)?,
        _ => Vec::new(),
    };
    if let Some(dir) = &options.thin {
        conversation.as_mut().ok_or(Failure::ThinSnapshot)?.record(dir)?;
    }
    let cost = conversation.as_ref().map(Conversation::cost);
    drop(conversation);
    progress.clear();
    let freeze = envdiff_observe::freeze(&snapshot.environment, &checkouts);
    let inspection = Inspection { snapshot: &snapshot, freeze: &freeze.lines };
    let shown = View { cost, ..view(shared) };
    let mut text = Vec::new();
    (options.format.0.write)(&inspection, &shown, &mut text).map_err(Failure::Stdout)?;
    Stdout::new(shared).finish(&text)
}
