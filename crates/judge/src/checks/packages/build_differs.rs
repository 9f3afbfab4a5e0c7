//! Requirements that are satisfied by a build with a local version come in; one note each comes out.

use envdiff_model::{Verdict, say};
use envdiff_packaging::{Operator, SpecifierSet, Wanted};

use crate::case::{Case, Spoken, Subject, seen};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.of(Verdict::Satisfied).filter_map(speak).collect()
}

fn speak(subject: Subject<'_>) -> Option<Spoken> {
    let copy = subject.copy?;
    let name = subject.requirement.name.as_ref()?;
    let version = copy.version.as_ref().filter(|version| version.has_local())?;
    let public = version.without_local();
    let set = SpecifierSet::parse(&subject.requirement.specifier).ok()?;
    let pins_public = set.specifiers().iter().any(|s| {
        s.operator() == Operator::Equal && matches!(s.wanted(), Wanted::Version(wanted) if *wanted == public)
    });
    if !pins_public {
        return None;
    }
    let local = version.local()?;
    Some(
        Spoken::new(
            subject.name(),
            say!(name, " ", version.to_string(), " is installed, the lock says ", subject.requirement.specifier, ": the same release, build +", local),
        )
        .about(subject.judged)
        .label(say!("image has build +", local))
        .seen([seen(copy.distribution)])
        .why("PEP 440 takes any build for the release; builds differ in what they were compiled for, such as the CUDA version")
        .fix(say!("if this build is meant, pin it: `", name, "==", version.to_string(), "`")),
    )
}
