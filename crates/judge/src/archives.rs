//! Predictions for model archives come in; what the checks of the family `archive` say of them, and who imports what, comes out.

use envdiff_facts::imports;
use envdiff_model::{
    About, Evidence, Fault, Import, Load, Name, Outcome, Severity, TargetKind, Text, Trouble, Way, Weight,
    say,
};

use crate::case::{Case, Spoken};
use crate::registry::Check;

/// Checks of other families that tell why TorchServe would not start at all.
const OF_A_START: [&str; 4] = ["java-missing", "java-too-old", "torchserve-needs-package", "undetermined"];

/// Whether a check speaks where a question is about this.
pub(crate) fn is_heard(about: About, check: &Check) -> bool {
    match about {
        About::Image => true,
        About::Archives => check.family == "archive" || OF_A_START.contains(&check.id),
    }
}

/// Every trouble of this fault as a finding about its archive; `why` and `fix` stand where the trouble itself has no better
/// words.
pub(crate) fn told(case: &Case<'_>, fault: Fault, why: &str, fix: &str) -> Vec<Spoken> {
    let mut out = Vec::new();
    for load in case.loads {
        let mut before: Vec<&Trouble> = Vec::new();
        for trouble in load.troubles.iter().filter(|trouble| trouble.fault == fault) {
            if !before.contains(&trouble) {
                before.push(trouble);
                out.push(spoken(load, trouble, why, fix));
            }
        }
    }
    out
}

fn spoken(load: &Load, trouble: &Trouble, why: &str, fix: &str) -> Spoken {
    let severity = match trouble.weight {
        Weight::Breaks => Severity::Error,
        Weight::MayBreak => Severity::Warning,
        Weight::Remark => Severity::Note,
    };
    let spoken = Spoken::new(load.archive.clone(), trouble.what.clone())
        .severity(severity)
        .label(trouble.message.clone())
        .seen(trouble.evidence.iter().cloned())
        .why(why)
        .fix(if trouble.fix.is_empty() { Text::from(fix) } else { trouble.fix.clone() });
    match load.place(trouble) {
        Some(place) => spoken.at(&place),
        // Without a place there is no mark to write it under.
        None if trouble.message.is_empty() => spoken,
        None => spoken.seen([Evidence::new("the server will say", trouble.message.clone())]),
    }
}

/// What could not be predicted.
pub(crate) fn undetermined(case: &Case<'_>) -> impl Iterator<Item = Spoken> {
    let fix = match case.target.kind {
        TargetKind::Mar => "name the image that will serve it: --in IMAGE",
        _ => "load it once where that does no harm, or allow it with --ignore",
    };
    case.loads.iter().filter_map(move |load| {
        let way = Way::ALL.into_iter().find(|way| load.by(*way).outcome == Outcome::Unknown)?;
        let prediction = load.by(way);
        let reason = prediction.reason.clone().unwrap_or_else(|| "nothing tells".into());
        let how = match (load.is_one(), way) {
            (true, _) => "",
            (false, Way::AtStartup) => " while the server starts",
            (false, Way::Register) => " by a request",
        };
        let seen = load.cause(way).map(|trouble| {
            let at = load.place(trouble);
            let path = at.as_ref().map_or_else(|| load.archive.clone(), |at| say!(at.file, ":", at.line));
            Evidence::new(path, trouble.what.clone())
        });
        let seen = seen.unwrap_or_else(|| Evidence::new(load.archive.clone(), reason.clone()));
        let message = say!("whether ", load.archive, " loads", how, " is not known: ", reason);
        Some(
            Spoken::new(load.archive.clone(), message)
                .severity(Severity::Warning)
                .seen([seen])
                .why("it counts neither as an archive that loads nor as one that fails")
                .fix(fix),
        )
    })
}

/// The imports of archives that a distribution of this name provides, or usually does.
pub(crate) fn imports_of<'a>(case: &Case<'a>, name: &Name) -> impl Iterator<Item = (&'a Load, &'a Import)> {
    case.loads
        .iter()
        .flat_map(|load| load.imports.iter().map(move |import| (load, import)))
        .filter(move |(_, import)| import.module.as_str().is_some_and(|module| is_of(module, name)))
}

/// Whether a module is one of a distribution: by the table of import names, else by its own first name.
fn is_of(module: &str, name: &Name) -> bool {
    match imports::candidates(module) {
        [] => module.split('.').next().is_some_and(|first| Name::new(first) == *name),
        candidates => candidates.iter().any(|candidate| Name::new(candidate) == *name),
    }
}

#[cfg(test)]
mod tests {
    use super::is_of;
    use envdiff_model::Name;

    #[test]
    fn modules_and_their_distributions() {
        for (module, name, wanted) in [
            ("cv2", "opencv-python-headless", true),
            ("cv2.dnn", "opencv-python", true),
            ("captum.attr", "captum", true),
            ("PIL.Image", "pillow", true),
            ("captum", "torch", false),
            ("cv2", "cv2", false),
        ] {
            assert_eq!(is_of(module, &Name::new(name)), wanted, "{module} {name}");
        }
    }
}
