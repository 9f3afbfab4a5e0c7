//! `envdiff lock`: locks and an environment go in, what the locks install there comes out.

use std::sync::Arc;

use envdiff_lock::{Disk, Environment, Libc, LockError, Opened, ReadAsChoice, Selected};
use envdiff_model::{Libc as ImageLibc, Locked, Machine};

use crate::cli::{LockCommand, Shared, TargetOptions, Way, platform};
use crate::failure::Failure;
use crate::gather::gather;
use crate::output::{Stdout, view};
use crate::progress::Progress;
use crate::status::Status;

pub(crate) fn run(options: &LockCommand, shared: &Shared) -> Result<Status, Failure> {
    let progress = Arc::new(Progress::new(shared.quiet));
    let of_locks = LockTargets { platform: None, read: options.read };
    let locks = open(&options.locks, ReadAsChoice::Auto, &of_locks, &progress)?;
    progress.clear();
    let environment = match &options.target {
        Some(target) => {
            let how = TargetOptions {
                platform: options.platform.as_deref().map(of_target).transpose()?,
                read: options.read,
                python: options.python.clone(),
                image_config: options.image_config.clone(),
                exec: false,
                exec_gpus: None,
            };
            let (snapshot, _) = gather(target, &how, None, &progress)?;
            progress.clear();
            of_image(&snapshot.environment)
        }
        None => Environment::named(options.python_version.as_deref(), options.platform.as_deref())
            .map_err(Failure::NoEnvironment)?,
    };
    let mut selected = envdiff_lock::select(&locks, &environment, &options.groups.wishes())?;
    if let Some(refusal) = refusal(&mut selected) {
        return Err(refusal.into());
    }
    for (opened, lock) in locks.iter().zip(&mut selected) {
        lock.settle(&environment);
        if options.format.0.hashes {
            opened.add_hashes(lock, |_| true);
        }
    }
    let locked = Locked {
        markers: environment.markers().clone(),
        locks: selected.into_iter().map(|selected| selected.lock).collect(),
    };
    let mut text = Vec::new();
    (options.format.0.write)(&locked, &view(shared), &mut text).map_err(Failure::Stdout)?;
    Stdout::new(shared).finish(&text)
}

/// Beside `--for` a platform is one of an image.
fn of_target(written: &str) -> Result<String, Failure> {
    platform(written).map_err(|why| Failure::NoEnvironment(why.to_owned()))
}

/// The first reason why a lock's own tool would install nothing.
fn refusal(selected: &mut [Selected]) -> Option<LockError> {
    selected.iter_mut().find(|lock| !lock.refusals.is_empty()).map(|lock| lock.refusals.swap_remove(0))
}

/// How targets that stand where a lock is wanted are read.
pub(crate) struct LockTargets {
    pub(crate) platform: Option<String>,
    pub(crate) read: Way,
}

/// Opens locks; standard input can be one of them, and targets, written with their prefix.
pub(crate) fn open(
    locks: &[String],
    choice: ReadAsChoice,
    targets: &LockTargets,
    progress: &Arc<Progress>,
) -> Result<Vec<Opened>, Failure> {
    let from_stdin = locks.iter().filter(|lock| *lock == "-").count();
    if from_stdin > 1 {
        return Err(Failure::StandardInputTwice(from_stdin));
    }
    let disk = Disk::new();
    locks
        .iter()
        .map(|lock| {
            if !envdiff_lock::is_target(lock, &disk) {
                return Ok(envdiff_lock::open(lock, &disk, choice)?);
            }
            let how = TargetOptions {
                platform: targets.platform.clone(),
                read: targets.read,
                python: None,
                image_config: None,
                exec: false,
                exec_gpus: None,
            };
            // The machine that an image will be served by is not the one that it trained on; a snapshot tells its own.
            let machine = (!lock.starts_with("snapshot:")).then(|| Machine::unknown(NOT_TOLD));
            let (snapshot, _) = gather(lock, &how, machine, progress)?;
            Ok(envdiff_lock::of_target(lock, &snapshot, choice)?)
        })
        .collect()
}

const NOT_TOLD: &str = "no image tells which machine it ran on";

/// The environment of an image, as locks are selected for it.
pub(crate) fn of_image(environment: &envdiff_model::Environment) -> Environment {
    let libc = environment.stack.native.value().and_then(|native| match native.libc.value()? {
        ImageLibc::Musl(_) => Some(Libc::Musl),
        ImageLibc::Glibc(version) => glibc(version.as_str()?),
    });
    Environment::new(environment.markers.clone(), libc)
}

fn glibc(version: &str) -> Option<Libc> {
    let (major, minor) = version.split_once('.')?;
    Some(Libc::Glibc(major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
