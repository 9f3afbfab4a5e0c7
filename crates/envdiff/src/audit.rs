//! The main job: an image, locks and archives as the user wrote them go in, a report on stdout and in files comes out.
//!
//! Locks are read first, for a bad one costs nothing then; the image is opened and
//! asked, archives are followed into it, and all is judged; the layers behind the
//! findings are asked for last.

use std::sync::Arc;
use std::time::Instant;

use envdiff_lock::{Opened, ReadAsChoice};
use envdiff_model::{Distribution, Environment, Fact, Lock, Name, Origin, Requirement, say};
use envdiff_report::View;

use crate::answer::Answer;
use crate::archives::{self, Given};
use crate::cli::{Audit, Shared};
use crate::failure::Failure;
use crate::gather::{gather, named_machine};
use crate::lock::{self, LockTargets};
use crate::output::view;
use crate::progress::Progress;
use crate::status::Status;

pub(crate) fn run(options: Audit, shared: &Shared) -> Result<Status, Failure> {
    let since = Instant::now();
    // clap requires it where no command is given.
    let image = options.image.clone().unwrap_or_default();
    let answer = Answer::prepare(&options.report)?;
    let progress = Arc::new(Progress::new(shared.quiet));
    let opened = open_locks(&options, &progress)?;
    let wishes = options.groups.wishes();
    if opened.is_empty() && !wishes.is_empty() {
        return Err(Failure::WishesWithoutLock);
    }
    let archive_wishes = archives::wishes(&options.server, options.verify)?;
    let given = Given::open(&options.archives);
    let machine = named_machine(&options.machine)?;

    let (mut snapshot, mut conversation) = gather(&image, &options.target, machine, &progress)?;
    let locks = select(&opened, &snapshot.environment, &options, shared)?;
    if options.verify {
        snapshot.environment.verified = Some(match &mut conversation {
            Some(conversation) => conversation.verify(&snapshot.environment)?,
            None => Fact::unknown("a snapshot does not hold the files"),
        });
        if let Some(conversation) = &mut conversation {
            snapshot.target = conversation.target();
        }
    }
    let (mut archives, unaudited) = given.for_server(&snapshot.environment);
    let loads = match &mut conversation {
        Some(conversation) => {
            archives.extend(conversation.archives(&snapshot)?);
            if archives.is_empty() {
                Vec::new()
            } else {
                let loads = conversation.predict(&archives, &snapshot, &archive_wishes)?;
                snapshot.target = conversation.target();
                loads
            }
        }
        None => archives::alone(&archives, &archive_wishes, Some(archives::SNAPSHOT))?,
    };
    let mut audit = envdiff_judge::audit(snapshot, locks, loads, &answer.policy);
    let mut cost = None;
    if let Some(conversation) = &mut conversation {
        conversation.name_layers(&mut audit.findings)?;
        cost = Some(conversation.cost());
    }
    drop(conversation);
    progress.clear();

    let why = options.why.as_ref().map(|name| envdiff_judge::why(name, &audit));
    let report = envdiff_judge::report(vec![audit], unaudited, &answer.policy);
    let shown = View { elapsed: Some(since.elapsed()), cost, why: why.as_ref(), ..view(shared) };
    answer.give(&report, &shown, shared)
}

fn open_locks(options: &Audit, progress: &Arc<Progress>) -> Result<Vec<Opened>, Failure> {
    let choice = match (options.demand, options.record) {
        (true, _) => ReadAsChoice::Demand,
        (false, true) => ReadAsChoice::Record,
        (false, false) => ReadAsChoice::Auto,
    };
    let targets = LockTargets { platform: options.target.platform.clone(), read: options.target.read };
    lock::open(&options.locks, choice, &targets, progress)
}

/// What the locks install in the image's environment. A lock that its own tool would refuse there is compared all the same:
/// that it is refused is a finding. Hashes are read of what the image tells the archive of.
fn select(
    locks: &[Opened],
    environment: &Environment,
    options: &Audit,
    shared: &Shared,
) -> Result<Vec<Lock>, Failure> {
    let of_image = lock::of_image(environment);
    let mut selected = envdiff_lock::select(locks, &of_image, &options.groups.wishes())?;
    let hashed: Vec<Name> = environment.distributions.iter().filter_map(of_hashed_archive).collect();
    for (opened, selected) in locks.iter().zip(&mut selected) {
        let is_hashed =
            |requirement: &Requirement| requirement.name.as_ref().is_some_and(|name| hashed.contains(name));
        if !hashed.is_empty() {
            opened.add_hashes(selected, is_hashed);
        }
        if shared.verbose > 0 && opened.has_hashes(selected) {
            let compared = selected
                .lock
                .requirements
                .iter()
                .filter(|requirement| !requirement.hashes.is_empty() && is_hashed(requirement))
                .count();
            selected.lock.notes.push(say!(
                "its hashes are those of archives, and an image tells the archive of what was installed from a URL or file alone: ",
                compared,
                if compared == 1 { " package" } else { " packages" },
                " compared by them"
            ));
        }
    }
    Ok(selected.into_iter().map(|selected| selected.lock).collect())
}

/// The name of a distribution whose `direct_url.json` tells the hash of its archive.
fn of_hashed_archive(distribution: &Distribution) -> Option<Name> {
    match &distribution.direct_url.as_ref()?.value()?.origin {
        Origin::Archive { hashes } if !hashes.is_empty() => {
            distribution.name.as_ref()?.as_str().map(Name::new)
        }
        _ => None,
    }
}
