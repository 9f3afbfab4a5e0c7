//! `envdiff mar`: model archives, and the image that will serve them, go in; whether they load comes out.

use std::sync::Arc;
use std::time::Instant;

use envdiff_model::{Environment, Snapshot, Target};
use envdiff_report::View;

use crate::answer::Answer;
use crate::archives::{self, Given};
use crate::cli::{MarCommand, Shared, TargetOptions};
use crate::failure::Failure;
use crate::gather::gather;
use crate::output::view;
use crate::progress::Progress;
use crate::status::Status;

pub(crate) fn run(options: MarCommand, shared: &Shared) -> Result<Status, Failure> {
    let since = Instant::now();
    let answer = Answer::prepare(&options.report)?;
    let wishes = archives::wishes(&options.server, options.verify)?;
    let given = Given::open(&options.archives).or_refused()?;

    let progress = Arc::new(Progress::new(shared.quiet));
    let (mut snapshot, mut conversation) = match &options.image {
        Some(image) => {
            let how = TargetOptions {
                platform: options.platform.clone(),
                read: options.read,
                python: options.python.clone(),
                image_config: options.image_config.clone(),
                exec: false,
                exec_gpus: None,
            };
            gather(image, &how, None, &progress)?
        }
        None => {
            let environment = Environment::nothing(&"no image is given".into());
            (Snapshot { target: Target::archives(given.title()), config: None, environment }, None)
        }
    };
    if let Some(conversation) = &mut conversation
        && options.python.is_none()
    {
        conversation.serve(&mut snapshot)?;
    }
    let (archives, unaudited) = given.for_server(&snapshot.environment);
    let why_not = options.image.as_ref().map(|_| archives::SNAPSHOT);
    let loads = match &mut conversation {
        Some(conversation) => conversation.predict(&archives, &snapshot, &wishes)?,
        None => archives::alone(&archives, &wishes, why_not)?,
    };
    if let Some(conversation) = &mut conversation {
        snapshot.target = conversation.target();
    }
    let mut audit = envdiff_judge::archives(snapshot, loads, &answer.policy);
    let mut cost = None;
    if let Some(conversation) = &mut conversation {
        conversation.name_layers(&mut audit.findings)?;
        cost = Some(conversation.cost());
    }
    drop(conversation);
    progress.clear();

    let report = envdiff_judge::report(vec![audit], unaudited, &answer.policy);
    let shown = View { elapsed: Some(since.elapsed()), cost, steps: options.explain, ..view(shared) };
    answer.give(&report, &shown, shared)
}
