//! Requirements whose package came from another URL or commit come in; one finding each comes out: an error against a
//! demand, a warning against a record.

use envdiff_model::{Evidence, Fact, ReadAs, Severity, Verdict, say};

use crate::case::{Case, Spoken, Subject, seen};
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.of(Verdict::SourceMismatch).filter_map(|subject| speak(case, subject)).collect()
}

fn speak(case: &Case<'_>, subject: Subject<'_>) -> Option<Spoken> {
    let copy = subject.copy?;
    let wants = wording::wants(subject.requirement);
    let reason = subject.judged.reason.clone().unwrap_or_default();
    let recorded: Vec<Evidence> =
        copy.distribution.direct_url.as_ref().map(Fact::evidence).unwrap_or_default().to_vec();
    Some(
        Spoken::new(subject.name(), say!(subject.name(), " is ", reason, ", the lock names ", wants))
            .severity(match subject.lock.read_as {
                ReadAs::Demand => Severity::Error,
                ReadAs::Record => Severity::Warning,
            })
            .about(subject.judged)
            .label(say!("image has it ", reason))
            .seen(if recorded.is_empty() { vec![seen(copy.distribution)] } else { recorded })
            .why("the version may be the same and the code another: what was trained with is not what serves")
            .fix(say!("install it from where the lock says: ", wording::install(case, subject.requirement))),
    )
}
