//! The main job: an image and locks as the user wrote them go in, a report on stdout and in files comes out.
//!
//! Locks are read first, for a bad one costs nothing then; the image is opened, asked and judged; the layers behind the
//! findings are asked for last.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use envdiff_judge::Policy;
use envdiff_lock::{Opened, ReadAsChoice};
use envdiff_model::{Distribution, Environment, Fact, Lock, Name, Origin, Report, Requirement, say};
use envdiff_report::{Format, View};

use crate::cli::{Audit, FailOn, Shared};
use crate::failure::Failure;
use crate::gather::{gather, named_machine};
use crate::lock::{self, LockTargets};
use crate::output::{Destination, Stdout, view};
use crate::progress::Progress;
use crate::status::Status;

pub(crate) fn run(options: Audit, shared: &Shared) -> Result<Status, Failure> {
    let since = Instant::now();
    // clap requires it where no command is given.
    let image = options.image.clone().unwrap_or_default();
    let files = destinations(&options)?;
    let progress = Arc::new(Progress::new(shared.quiet));
    let opened = open_locks(&options, &progress)?;
    let wishes = options.groups.wishes();
    if opened.is_empty() && !wishes.is_empty() {
        return Err(Failure::WishesWithoutLock);
    }
    let policy = policy(&options);
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
    let mut audit = envdiff_judge::audit(snapshot, locks, &policy);
    let mut cost = None;
    if let Some(conversation) = &mut conversation {
        conversation.name_layers(&mut audit.findings)?;
        cost = Some(conversation.cost());
    }
    drop(conversation);
    progress.clear();

    let why = options.why.as_ref().map(|name| envdiff_judge::why(name, &audit));
    let report = envdiff_judge::report(vec![audit], &policy);
    let shown = View { elapsed: Some(since.elapsed()), cost, why: why.as_ref(), ..view(shared) };
    for (format, destination) in files {
        // A file is as wide as a pipe, whatever terminal the command was called from.
        let in_file = View { width: View::WIDTH, ..shown.clone() };
        destination.write(&written(format, &report, &in_file)?)?;
    }
    Stdout::new(shared).write(&written(options.format.0, &report, &shown)?)?;
    Ok(status(&policy, &report))
}

/// `never` is told in the policy: the report's own verdict goes by errors then, and the status does not.
fn status(policy: &Policy, report: &Report) -> Status {
    if report.fails && policy.fail_on.is_some() { Status::Findings } else { Status::Clean }
}

fn policy(options: &Audit) -> Policy {
    let fail_on = if options.exit_zero { FailOn::Never } else { options.fail_on };
    Policy { fail_on: fail_on.severity(), ignores: options.ignore.clone() }
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

/// The files of `--report`, made before anything slow, so that a folder that is not there costs nothing.
fn destinations(options: &Audit) -> Result<Vec<(&'static Format, Destination)>, Failure> {
    let mut seen: Vec<&PathBuf> = Vec::new();
    let mut out = Vec::new();
    for (format, path) in &options.reports {
        if seen.contains(&path) {
            return Err(Failure::SameFile(path.clone()));
        }
        seen.push(path);
        out.push((format.0, Destination::open(path)?));
    }
    Ok(out)
}

fn written(format: &Format, report: &Report, view: &View<'_>) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    (format.write)(report, view, &mut text).map_err(Failure::Stdout)?;
    Ok(text)
}
