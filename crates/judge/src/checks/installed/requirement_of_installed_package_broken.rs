//! What installed packages require of each other comes in; a warning for each requirement that is missing or of another
//! version comes out, as `pip check` finds them, with the extras that are asked for.

use std::collections::BTreeSet;

use envdiff_model::{Evidence, Name, Severity, Text, Verdict, say};
use envdiff_packaging::Version;

use crate::case::{Case, Spoken, seen};
use crate::checks::torch;
use crate::installed::{Copy, Holding, MOST_RIVALS, Wanted};
use crate::needs::Edge;
use crate::vendor;
use crate::verdict;
use crate::wording;

/// What comes of one requirement.
pub(crate) enum Broken {
    /// Not installed.
    Missing,
    /// Another version.
    Version(Text),
    /// It cannot be told; a clause.
    Unknown(Text),
}

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    // What a lock wants and misses is told there, with who requires it.
    let missed: BTreeSet<Name> =
        case.of(Verdict::Missing).filter_map(|subject| subject.requirement.name.clone()).collect();
    let mut told: BTreeSet<(usize, Name, Text)> = BTreeSet::new();
    case.needs
        .edges
        .iter()
        .filter(|edge| edge.doubt.is_none())
        .filter_map(|edge| {
            let wanted = edge.wanted;
            let broken = judge(case, wanted)?;
            if matches!(broken, Broken::Missing) && missed.contains(&wanted.name) {
                return None;
            }
            // Where more is known of what it means, that finding alone tells it.
            if torch::tells(case, edge) {
                return None;
            }
            if !told.insert((edge.from, wanted.name.clone(), edge.need.text.clone())) {
                return None;
            }
            speak(case, edge, wanted, &broken)
        })
        .collect()
}

/// What kept this check from speaking: markers that hang on what is not known, lines that cannot be read, several copies.
pub(crate) fn undetermined(case: &Case<'_>) -> Vec<Spoken> {
    let mut out = Vec::new();
    for (from, need) in &case.needs.unreadable {
        let Some(copy) = case.installed.copy(*from) else { continue };
        let Some(name) = &copy.name else { continue };
        let fault: Text = match &need.read {
            Err(Some(error)) => error.to_string().into(),
            _ => "it is not UTF-8".into(),
        };
        out.push(
            note(
                name,
                say!(
                    "what ",
                    name,
                    " requires is not wholly known: a line of its metadata cannot be read: ",
                    fault
                ),
            )
            .seen([Evidence::new(copy.distribution.metadata.clone(), say!("Requires-Dist: ", need.text))]),
        );
    }
    // With name and version known, what is wrong with the metadata is that its requirements cannot be read.
    for (name, holding) in &case.installed.by_name {
        let Some(copy) = case.installed.copy(holding.first) else { continue };
        if let (Some(error), Some(_)) = (&copy.distribution.error, &copy.distribution.version) {
            let message = say!("what ", name, " requires is not wholly known: ", error);
            out.push(note(name, message).seen([seen(copy.distribution)]));
        }
    }
    for edge in &case.needs.edges {
        let Some(broken) = judge(case, edge.wanted) else { continue };
        let reason = match (&edge.doubt, broken) {
            (Some(doubt), _) => doubt.clone(),
            (None, Broken::Unknown(reason)) => reason,
            (None, _) => continue,
        };
        let Some(copy) = case.installed.copy(edge.from) else { continue };
        out.push(
            note(
                edge.from_name,
                say!("whether ", edge.from_name, " has what it requires cannot be told: ", reason),
            )
            .seen([Evidence::new(
                copy.distribution.metadata.clone(),
                say!("Requires-Dist: ", edge.need.text),
            )]),
        );
    }
    out
}

fn note(subject: &Name, message: Text) -> Spoken {
    Spoken::new(subject.as_str(), message)
        .severity(Severity::Note)
        .why("a requirement that is not met shows as ImportError or as a wrong result, not at installation")
        .fix("compare it by hand where it matters")
}

/// `None` where what is wanted is there.
pub(crate) fn judge(case: &Case<'_>, wanted: &Wanted) -> Option<Broken> {
    let Some(holding) = case.installed.by_name.get(&wanted.name) else {
        if case.installed.unreadable.contains_key(&wanted.name) {
            return Some(Broken::Unknown(say!("the metadata of ", wanted.name, " cannot be read")));
        }
        return Some(match verdict::gap(case.environment) {
            Some(gap) => Broken::Unknown(say!(wanted.name, " was not found, and ", gap)),
            None => Broken::Missing,
        });
    };
    let set = &wanted.requirement.specifiers;
    if set.is_empty() || *wanted.met.get_or_init(|| met(case, wanted, holding)) {
        return None;
    }
    let verdicts = verdicts(case, wanted, holding);
    let version = case.installed.first(&wanted.name).and_then(|copy| copy.distribution.version.clone());
    if verdicts.iter().all(|v| *v == Some(false)) {
        return version.map(Broken::Version);
    }
    Some(Broken::Unknown(say!("which version of ", wanted.name, " counts cannot be told")))
}

/// Whether every copy that may count is one that is wanted.
fn met(case: &Case<'_>, wanted: &Wanted, holding: &Holding) -> bool {
    verdicts(case, wanted, holding).iter().all(|verdict| *verdict == Some(true))
}

/// For every copy that may count whether it is wanted; `None` where that cannot be told.
fn verdicts(case: &Case<'_>, wanted: &Wanted, holding: &Holding) -> Vec<Option<bool>> {
    let set = &wanted.requirement.specifiers;
    let takes = |copy: &Copy<'_>| -> Option<bool> {
        let text = copy.distribution.version.as_ref()?.as_str()?;
        let Some(version) = &copy.version else { return set.has_identical().then(|| set.contains(text)) };
        let by_metadata =
            set.contains(text) || vendor::release(version).is_some_and(|v| set.contains(&v.to_string()));
        // Where folder and METADATA disagree and one of them would do, which one counts hangs on pip's version.
        if let Some(folder) = copy.folder_version.as_deref().filter(|folder| *folder != text)
            && set.contains(folder) != by_metadata
        {
            let same = Version::parse(folder).is_ok_and(|folder| folder == *version);
            return same.then_some(by_metadata);
        }
        Some(by_metadata)
    };
    rivals(holding).take(MOST_RIVALS).filter_map(|at| case.installed.copy(at)).map(takes).collect()
}

fn rivals(holding: &Holding) -> impl Iterator<Item = usize> {
    let only = holding.rivals.is_empty().then_some(holding.first);
    holding.rivals.iter().copied().chain(only)
}

fn speak(case: &Case<'_>, edge: &Edge<'_>, wanted: &Wanted, broken: &Broken) -> Option<Spoken> {
    let from = case.installed.copy(edge.from)?;
    let extra = edge.extra.map(|extra| say!("[", extra, "]")).unwrap_or_default();
    let who = say!(edge.from_name, extra, " ", from.distribution.version.clone().unwrap_or_default());
    let set = wanted.requirement.specifiers.written();
    let evidence = Evidence::new(from.distribution.metadata.clone(), say!("Requires-Dist: ", edge.need.text));
    let have = case.installed.first(&wanted.name).map(|copy| seen(copy.distribution));
    let (message, why) = match broken {
        Broken::Missing => (
            say!(who, " requires ", wanted.name, set, ", which is not installed"),
            say!("importing ", edge.from_name, ", or a part of it, ends with ModuleNotFoundError"),
        ),
        Broken::Version(version) => (
            say!(who, " requires ", wanted.name, set, ", ", version, " is installed"),
            say!(
                edge.from_name,
                " was never tried with this version; some libraries refuse it when they are imported"
            ),
        ),
        Broken::Unknown(_) => return None,
    };
    let wish = say!(wanted.name, set);
    Some(Spoken::new(edge.from_name.as_str(), message).seen([evidence]).seen(have).why(why).fix(say!(
        "install what it requires: `",
        wording::pip(case),
        " install '",
        wish,
        "'`"
    )))
}
