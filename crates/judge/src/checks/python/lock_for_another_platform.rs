//! Locks and the packages in them that one platform alone needs come in; a warning for each lock that was made for another
//! platform than the image's comes out.

use envdiff_facts::platforms::{self, Platform};
use envdiff_model::{Evidence, MarkerVariable, Name, Text, Verdict, say};

use crate::case::{Case, Spoken, Subject};
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let runs_on = case.environment.markers.get(&MarkerVariable::SysPlatform).and_then(|fact| fact.value());
    if runs_on.is_none_or(|platform| *platform != "linux") {
        return Vec::new();
    }
    (0..case.locks.len()).filter_map(|lock| speak(case, lock)).collect()
}

fn speak(case: &Case<'_>, lock: usize) -> Option<Spoken> {
    // A marker that does not hold here is how a lock for all platforms names them.
    let told: Vec<(Subject<'_>, &Name, Platform)> = case
        .of(Verdict::Missing)
        .filter(|subject| subject.judged.lock == lock)
        .filter_map(|subject| {
            let name = subject.requirement.name.as_ref()?;
            Some((subject, name, platforms::only(name.as_str())?.platform))
        })
        .collect();
    let (first, _, platform) = told.first()?;
    if told.iter().any(|(_, _, other)| other != platform) {
        return None;
    }
    let names: Vec<&Name> = told.iter().map(|(_, name, _)| *name).collect();
    let needs = if names.len() == 1 { " is" } else { " are" };
    let system = platform.to_string();
    let lines = told.iter().take(3).map(|(subject, ..)| {
        let line: Text = say!("line ", subject.requirement.at.line, ": ", subject.requirement.text);
        Evidence::new(subject.requirement.at.file.clone(), line)
    });
    Some(
        Spoken::new(
            first.lock.path.clone(),
            say!(first.lock.path, " was made on ", system, ": ", wording::list(&names), needs, " needed there alone"),
        )
        .about(first.judged)
        .label(say!("needed on ", system, " alone"))
        .seen(lines)
        .why(
            "its versions were chosen for that system: what packages require on Linux alone, such as the CUDA wheels of torch, is \
             not in it, and what it names for that system alone cannot be installed here or does nothing",
        )
        .fix(
            "make the lock on Linux, or for all systems at once (`uv pip compile --universal`; the locks of uv, Poetry and PDM are so \
             by themselves)",
        ),
    )
}
