//! A snapshot and locks come in; verdicts and findings come out. Pure: no file, no network, no clock.

mod case;
mod checks;
mod installed;
mod machine;
mod markers;
mod modules;
mod needs;
mod origin;
mod policy;
pub mod registry;
mod stack;
mod starts;
mod training;
mod vendor;
mod verdict;
mod why;
mod wording;

use envdiff_model::{Audit, Lock, Report, Severity, Snapshot};

pub use policy::{Ignore, IgnoreError, Policy};
pub use why::why;

use crate::case::Case;
use crate::installed::Installed;
use crate::markers::Surroundings;
use crate::needs::Needs;

/// Holds what an image holds against its locks, and against itself. Without a lock only the latter.
///
/// Findings come errors first, then warnings, then notes; within a level by place in the locks, then by subject.
/// Findings that `policy` allows stay, marked `accepted`.
#[must_use]
pub fn audit(snapshot: Snapshot, locks: Vec<Lock>, policy: &Policy) -> Audit {
    let Snapshot { target, config, environment } = snapshot;
    let training = training::of(&locks);
    let (requirements, findings) = {
        let surroundings = Surroundings::of(&environment);
        let installed = Installed::of(&environment);
        let judged = verdict::all(&environment, &installed, &surroundings, &locks);
        let needs = Needs::of(&installed, &surroundings, &locks, &judged);
        let case = Case {
            environment: &environment,
            config: config.as_ref(),
            locks: &locks,
            training: &training,
            judged: &judged,
            installed: &installed,
            needs: &needs,
            policy,
        };
        let findings = case.hear(registry::CHECKS);
        (judged, findings)
    };
    let unknown = environment.unknown.clone();
    Audit { target, config, locks, environment, training, requirements, findings, unknown }
}

/// Puts audits together and says whether they fail.
///
/// `fails` goes by the level of `--fail-on`; where that is `never` it goes by errors all the same, so that
/// `--exit-zero` changes the exit status and not the report.
#[must_use]
pub fn report(audits: Vec<Audit>, policy: &Policy) -> Report {
    let level = policy.fail_on.unwrap_or(Severity::Error);
    let findings = || audits.iter().flat_map(|audit| &audit.findings);
    let fails = findings().any(|finding| finding.accepted.is_none() && finding.severity >= level);
    let unmatched_ignores = policy
        .ignores
        .iter()
        .filter(|ignore| !findings().any(|finding| ignore.covers(finding.check, &finding.subject)))
        .map(|ignore| ignore.written().into())
        .collect();
    Report { audits, fails, unmatched_ignores }
}
