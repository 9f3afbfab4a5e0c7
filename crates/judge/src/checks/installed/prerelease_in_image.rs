//! Installed pre-releases come in; a warning for nightly builds of torch and its companions, and one note that names the
//! others, comes out.

use envdiff_model::{Name, Severity, Text, Verdict, say};
use envdiff_packaging::Version;

use crate::case::{Case, Spoken, seen};
use crate::installed::Copy;
use crate::vendor;
use crate::wording;

/// What is built every night beside torch.
const NIGHTLY: &[&str] = &["torch", "torchaudio", "torchtext", "torchvision"];

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let mut out = Vec::new();
    let mut others: Vec<(&Name, &Copy<'_>)> = Vec::new();
    for (name, _, copy) in case.installed.all() {
        let is_pre = copy
            .version
            .as_ref()
            .is_some_and(|version| version.is_prerelease() && vendor::release(version).is_none());
        if !is_pre || wanted(case, name) {
            continue;
        }
        if NIGHTLY.contains(&name.as_str()) && copy.version.as_ref().is_some_and(is_nightly) {
            out.push(nightly(name, copy));
        } else {
            others.push((name, copy));
        }
    }
    let Some((first, copy)) = others.first() else { return out };
    let names: Vec<Text> = others.iter().map(|(name, copy)| say!(*name, " ", version(copy))).collect();
    let message = match others.len() {
        1 => say!(first, " ", version(copy), " is a pre-release"),
        n => say!(n, " packages are pre-releases: ", wording::list(&names)),
    };
    let subject: Text = if others.len() == 1 { first.as_str().into() } else { "pre-releases".into() };
    out.push(
        Spoken::new(subject, message)
            .severity(Severity::Note)
            .seen(others.iter().take(5).map(|(_, copy)| seen(copy.distribution)))
            .why("an installer takes a pre-release only where it is asked for, or where there is no release")
            .fix("where it is not meant, install the release, and pin it"),
    );
    out
}

fn version(copy: &Copy<'_>) -> Text {
    copy.distribution.version.clone().unwrap_or_default()
}

/// Whether a lock wants the version that is there.
fn wanted(case: &Case<'_>, name: &Name) -> bool {
    case.of(Verdict::Satisfied).any(|subject| {
        subject.requirement.name.as_ref() == Some(name) && !subject.requirement.specifier.is_empty()
    })
}

/// `2.6.0.dev20241001+cu124`
fn is_nightly(version: &Version) -> bool {
    version.to_string().contains(".dev")
}

fn nightly(name: &Name, copy: &Copy<'_>) -> Spoken {
    Spoken::new(name.as_str(), say!(name, " ", version(copy), " is a nightly build"))
        .severity(Severity::Warning)
        .seen([seen(copy.distribution)])
        .why("nightly builds are taken off their index after some weeks, go with the nightly companions of the same day alone, \
              and are tested less than a release")
        .fix("install a release of it, and of its companions")
}
