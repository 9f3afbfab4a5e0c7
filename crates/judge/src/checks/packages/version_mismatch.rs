//! Requirements with another version installed come in; one error each, with how far apart they are, comes out.

use envdiff_model::{Change, Evidence, Name, Text, Verdict, say};

use crate::case::{Case, Spoken, Subject, seen};
use crate::installed::MOST_RIVALS;
use crate::verdict::Specifiers;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.of(Verdict::VersionMismatch).filter_map(|subject| speak(case, subject)).collect()
}

fn speak(case: &Case<'_>, subject: Subject<'_>) -> Option<Spoken> {
    let name = subject.requirement.name.as_ref()?;
    let Some(copy) = subject.copy else { return of_conda(case, subject, name) };
    let version = subject.judged.installed.clone().unwrap_or_default();
    let difference = wording::difference(subject.judged.change, subject.judged.direction);
    let wants = match &subject.judged.reason {
        Some(reason) if subject.requirement.specifier.is_empty() => say!("another one: ", reason),
        _ if subject.requirement.specifier.is_empty() => wording::wants(subject.requirement),
        _ => subject.requirement.specifier.as_str().into(),
    };
    let verb = if subject.requirement.constraint { "limits it to" } else { "wants" };
    let wants =
        if wording::is_from_variable(subject.requirement) { subject.requirement.text.clone() } else { wants };
    let hidden = hidden(case, subject);
    let fix = if hidden.is_empty() {
        say!("install what the lock says: ", wording::install(case, subject.requirement))
    } else {
        say!(
            "the copy that the lock wants is there: remove the one in ",
            copy.distribution.location,
            ", which hides it"
        )
    };
    let label = match &difference {
        Some(difference) => say!("image has ", version, " (", difference, ")"),
        None => say!("image has ", version),
    };
    Some(
        Spoken::new(subject.name(), say!(name, " ", version, " is installed, the lock ", verb, " ", wants))
            .about(subject.judged)
            .label(label)
            .seen([seen(copy.distribution)])
            .seen(hidden)
            .why(why(subject.judged.change))
            .fix(fix),
    )
}

/// A package of conda that is no distribution: the record of the image's prefix is what was seen.
fn of_conda(case: &Case<'_>, subject: Subject<'_>, name: &Name) -> Option<Spoken> {
    let own = subject.requirement.origin.package.as_ref().and_then(Text::as_str).map(Name::new);
    let records = &case.installed.conda;
    let package = own.and_then(|own| records.get(&own)).or_else(|| records.get(name))?;
    let wants = &subject.requirement.text;
    Some(
        Spoken::new(subject.name(), say!(name, " ", package.version, " of conda is installed, the lock wants ", wants))
            .about(subject.judged)
            .label(say!("image has ", package.version))
            .seen([Evidence::new(package.record.clone(), say!("version: ", package.version, ", build: ", package.build))])
            .why("libraries of a conda prefix are loaded by the packages in it; another version may lack what these were built against")
            .fix(say!("install what the lock says: conda install ", wants)),
    )
}

/// Later copies on `sys.path` that the lock would take: what was meant is there, and hidden.
fn hidden(case: &Case<'_>, subject: Subject<'_>) -> Vec<Evidence> {
    let Ok(wanted) = Specifiers::parse(&subject.requirement.specifier) else { return Vec::new() };
    let holding = subject.requirement.name.as_ref().and_then(|name| case.installed.by_name.get(name));
    holding
        .into_iter()
        .flat_map(|holding| holding.later.iter().take(MOST_RIVALS))
        .filter_map(|at| case.installed.copy(*at))
        .filter_map(|copy| {
            let version = copy.distribution.version.as_ref()?;
            wanted.contains(version.as_str()?).then(|| {
                let detail = say!("Version: ", version, ", hidden by the copy earlier on sys.path");
                Evidence::new(copy.distribution.metadata.clone(), detail)
            })
        })
        .collect()
}

fn why(change: Option<Change>) -> Text {
    match change {
        Some(Change::Major) => {
            "between major versions names and behaviour are removed; code and weights from training may not load or \
             give other results"
        }
        Some(Change::Minor) => {
            "between minor versions defaults and results may change, and what training used may not be there yet or \
             any more"
        }
        Some(Change::Patch) => "what was fixed or broken between the two gives other results than in training",
        Some(Change::Build) => {
            "it is another build of the release (CUDA variant, post-release): native code, and what it was compiled \
             for, may differ"
        }
        Some(Change::Other) | None => "what ran in training is not what runs here",
    }
    .into()
}
