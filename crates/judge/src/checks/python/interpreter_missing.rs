//! An image without any Python and a lock come in; one error comes out.

use envdiff_model::{Environment, say};

use crate::case::{Case, Spoken};
use crate::verdict;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    if case.locks.is_empty() || !is_missing(case.environment) {
        return Vec::new();
    }
    let wanted = case.locks.iter().map(|lock| lock.requirements.len()).sum();
    let reason = case.environment.interpreter.reason().cloned().unwrap_or_default();
    vec![
        Spoken::new(
            "python",
            say!(
                "the image has no Python, so ",
                wording::count(wanted, "requirement", "requirements"),
                " could not be compared: ",
                reason
            ),
        )
        .why("without an interpreter nothing that the lock names can be installed or imported")
        .fix("build the image on a base with Python, or name the interpreter that was overlooked: --python PATH"),
    ]
}

/// Whether no interpreter is there at all. One that may be there and could not be seen, or several of which none is known
/// to start, is another matter.
pub(crate) fn is_missing(environment: &Environment) -> bool {
    verdict::nothing_seen(environment).is_some()
        && environment.interpreter.value().is_none()
        && environment.interpreters.is_empty()
        && !environment.unknown.iter().any(|unknown| {
            let what = unknown.what.as_bytes();
            what == b"interpreter" || what == b"interpreters" || what.starts_with(b"interpreter.")
        })
}
