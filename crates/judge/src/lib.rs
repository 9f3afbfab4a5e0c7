//! A snapshot, locks and predictions for archives come in; verdicts and findings come out. Pure: no file, no network, no clock.

mod archives;
mod case;
mod checks;
mod constraints;
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

use envdiff_model::{About, Audit, Finding, Load, Lock, Report, Severity, Snapshot, Unaudited};

pub use policy::{Ignore, IgnoreError, Policy};
pub use why::why;

use crate::case::Case;
use crate::installed::Installed;
use crate::markers::Surroundings;
use crate::needs::Needs;

/// Holds what an image holds against its locks, and against itself. Without a lock only the latter. What was predicted for
/// archives is told beside it.
///
/// Findings come errors first, then warnings, then notes; within a level by place in the locks, then by subject.
/// Findings that `policy` allows stay, marked `accepted`.
#[must_use]
pub fn audit(snapshot: Snapshot, locks: Vec<Lock>, loads: Vec<Load>, policy: &Policy) -> Audit {
    judged(About::Image, snapshot, locks, loads, policy)
}

/// What was predicted for archives, and of the image nothing but what keeps its TorchServe from starting.
#[must_use]
pub fn archives(snapshot: Snapshot, loads: Vec<Load>, policy: &Policy) -> Audit {
    judged(About::Archives, snapshot, Vec::new(), loads, policy)
}

fn judged(about: About, snapshot: Snapshot, locks: Vec<Lock>, loads: Vec<Load>, policy: &Policy) -> Audit {
    let Snapshot { target, config, environment } = snapshot;
    let training = training::of(&locks);
    let (requirements, findings) = {
        let surroundings = Surroundings::of(&environment);
        let installed = Installed::of(&environment);
        let mut judged = verdict::all(&environment, &installed, &surroundings, &locks);
        let needs = Needs::of(&installed, &surroundings, &locks, &judged);
        constraints::settle(&locks, &installed, &needs, &mut judged);
        let case = Case {
            about,
            target: &target,
            environment: &environment,
            config: config.as_ref(),
            locks: &locks,
            loads: &loads,
            training: &training,
            judged: &judged,
            installed: &installed,
            needs: &needs,
            policy,
        };
        let findings = case.hear(registry::CHECKS.iter().filter(|check| archives::is_heard(about, check)));
        (judged, findings)
    };
    let unknown = environment.unknown.clone();
    Audit { about, target, config, locks, environment, training, requirements, loads, findings, unknown }
}

/// Puts audits together and says whether they fail; what could not be audited fails at any level.
///
/// `fails` goes by the level of `--fail-on`; where that is `never` it goes by errors all the same, so that
/// `--exit-zero` changes the exit status and not the report.
#[must_use]
pub fn report(audits: Vec<Audit>, unaudited: Vec<Unaudited>, policy: &Policy) -> Report {
    let level = policy.fail_on.unwrap_or(Severity::Error);
    let findings = || audits.iter().flat_map(|audit| &audit.findings);
    let counts = |finding: &Finding| finding.accepted.is_none() && finding.severity >= level;
    let fails = !unaudited.is_empty() || findings().any(counts);
    let unmatched_ignores = policy
        .ignores
        .iter()
        .filter(|ignore| !findings().any(|finding| ignore.covers(finding.check, &finding.subject)))
        .map(|ignore| ignore.written().into())
        .collect();
    Report { audits, unaudited, fails, unmatched_ignores }
}
