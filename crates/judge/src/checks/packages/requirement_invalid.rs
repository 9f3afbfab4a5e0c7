//! Lines that no installer takes come in; one error each comes out.

use envdiff_model::{Verdict, say};

use crate::case::{Case, Spoken};

const WHY: &str =
    "pip stops at this line and installs nothing of the file; the other lines were compared all the same";
const FIX: &str = "correct the line or take it out";
const WHOLE: &str = "the tool that wrote the lock installs nothing of it in an environment like the image's; it was compared all the same";
const ANEW: &str = "make the lock anew for the image's platform, or take an image that it is for";

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let mut out: Vec<Spoken> = case
        .of(Verdict::Invalid)
        .map(|subject| {
            let reason = subject.judged.reason.clone().unwrap_or_default();
            Spoken::new(
                subject.name(),
                say!("no installer takes the line `", subject.requirement.text, "`: ", reason),
            )
            .about(subject.judged)
            .label(reason)
            .why(WHY)
            .fix(FIX)
        })
        .collect();
    for problem in case.locks.iter().flat_map(|lock| &lock.problems).filter(|problem| problem.refused) {
        if problem.text.is_empty() {
            let subject = problem.at.file.clone();
            out.push(Spoken::new(subject, problem.message.clone()).at(&problem.at).why(WHOLE).fix(ANEW));
            continue;
        }
        let message = say!("no installer takes the line `", problem.text, "`: ", problem.message);
        out.push(Spoken::new(problem.text.clone(), message).at(&problem.at).why(WHY).fix(FIX));
    }
    out
}
