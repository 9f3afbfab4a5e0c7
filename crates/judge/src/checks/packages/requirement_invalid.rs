//! Lines that no installer takes come in; one error each comes out.

use envdiff_model::{Verdict, say};

use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.of(Verdict::Invalid)
        .map(|subject| {
            let reason = subject.judged.reason.clone().unwrap_or_default();
            Spoken::new(subject.name(), say!("no installer takes the line `", subject.requirement.text, "`: ", reason))
                .about(subject.judged)
                .label(reason)
                .why("pip stops at this line and installs nothing of the file; the other lines were compared all the same")
                .fix("correct the line or take it out")
        })
        .collect()
}
