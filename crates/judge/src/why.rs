//! The name of a package and an audit come in; everything known of that package comes out.

use envdiff_model::{Audit, Name, Text, Why, WhyCopy, WhyEdge, WhyLine, say};

use crate::installed::{Copy, Installed};
use crate::markers::{Holds, Surroundings, extra_text};
use crate::needs::Needs;

/// Everything known of one package: the lines of the locks, every copy in the image, which of them is imported and why, who
/// requires it, what it requires.
#[must_use]
pub fn why(name: &Name, audit: &Audit) -> Why {
    let surroundings = Surroundings::of(&audit.environment);
    let installed = Installed::of(&audit.environment);
    let needs = Needs::of(&installed, &surroundings, &audit.locks, &audit.requirements);
    let lines = audit
        .requirements
        .iter()
        .enumerate()
        .filter_map(|(index, judged)| {
            let requirement = audit.locks.get(judged.lock)?.requirements.get(judged.requirement)?;
            (requirement.name.as_ref() == Some(name)).then_some(WhyLine { judged: index })
        })
        .collect();
    let copies: Vec<WhyCopy> = installed
        .copies
        .iter()
        .enumerate()
        .filter(|(index, copy)| {
            copy.name.as_ref() == Some(name) || installed.unreadable.get(name) == Some(index)
        })
        .map(|(index, copy)| WhyCopy {
            distribution: index,
            standing: standing(name, index, copy, &installed),
        })
        .collect();
    let imported =
        installed.by_name.get(name).filter(|holding| holding.rivals.is_empty()).map(|holding| holding.first);
    Why {
        name: name.clone(),
        lines,
        copies,
        imported,
        because: because(name, audit, &installed),
        required_by: required_by(name, &installed, &needs),
        requires: requires(name, &installed, &surroundings, &needs),
    }
}

/// How a copy stands among the others, a clause.
fn standing(name: &Name, index: usize, copy: &Copy<'_>, installed: &Installed<'_>) -> Text {
    if copy.name.is_none() {
        return match &copy.distribution.error {
            Some(error) => say!("cannot be read: ", error),
            None => "tells no name".into(),
        };
    }
    if !copy.counts {
        return "no installer takes a folder of this name for a package".into();
    }
    match installed.by_name.get(name) {
        Some(holding) if holding.rivals.contains(&index) => {
            "one of several in this folder; which one counts is the file system's order".into()
        }
        Some(holding) if holding.first == index => "the one that is imported".into(),
        Some(holding) => match installed.copy(holding.first) {
            Some(first) => {
                say!("hidden by ", first.distribution.location, ", which comes earlier on sys.path")
            }
            None => "hidden by an earlier entry of sys.path".into(),
        },
        None => "not imported".into(),
    }
}

/// Why the copy that is imported is that one, or why none is; a clause.
fn because(name: &Name, audit: &Audit, installed: &Installed<'_>) -> Text {
    let Some(holding) = installed.by_name.get(name) else {
        return match crate::verdict::gap(&audit.environment) {
            Some(reason) => say!("no copy was found, and ", reason),
            None => "no copy lies in any folder of sys.path".into(),
        };
    };
    let path = audit.environment.sys_path.value();
    let Some(first) = installed.copy(holding.first) else { return Text::new() };
    let at = first.distribution.path_index;
    let from = path.and_then(|path| path.get(at)).map_or("", |entry| entry.from.as_str());
    let place = say!(first.distribution.location, " is entry ", at, " of sys.path (", from, ")");
    if !holding.rivals.is_empty() {
        return say!(place, " and holds ", holding.rivals.len(), " copies");
    }
    if holding.later.is_empty() {
        say!(place, ", the only one that has it")
    } else {
        say!(place, ", the first that has it")
    }
}

fn required_by(name: &Name, installed: &Installed<'_>, needs: &Needs<'_>) -> Vec<WhyEdge> {
    needs
        .on(name)
        .map(|edge| WhyEdge {
            name: edge.from_name.clone(),
            distribution: Some(edge.from),
            extra: edge.extra.cloned(),
            written: edge.need.text.clone(),
            holds: if edge.doubt.is_some() { None } else { Some(true) },
            reason: edge.doubt.clone(),
            met: met(installed, edge.wanted),
        })
        .collect()
}

fn requires(
    name: &Name,
    installed: &Installed<'_>,
    surroundings: &Surroundings<'_>,
    needs: &Needs<'_>,
) -> Vec<WhyEdge> {
    let Some(holding) = installed.by_name.get(name) else { return Vec::new() };
    let Some(copy) = installed.copy(holding.first) else { return Vec::new() };
    copy.needs
        .iter()
        .map(|need| {
            let Ok(wanted) = &need.read else {
                return WhyEdge {
                    name: Name::new(""),
                    distribution: None,
                    extra: None,
                    written: need.text.clone(),
                    holds: None,
                    reason: Some("the line cannot be read".into()),
                    met: None,
                };
            };
            let edge = needs.by(holding.first).find(|edge| std::ptr::eq(edge.need, &**need));
            let extra = edge.and_then(|edge| edge.extra.cloned());
            let holds = wanted
                .requirement
                .marker
                .as_ref()
                .map_or(Holds::Yes, |marker| surroundings.holds(marker, extra_text(extra.as_ref())));
            let (holds, reason) = match holds {
                Holds::Yes => (Some(true), None),
                Holds::No => (Some(false), None),
                Holds::Unknown(reason) => (None, Some(reason)),
            };
            WhyEdge {
                name: wanted.name.clone(),
                distribution: installed.by_name.get(&wanted.name).map(|holding| holding.first),
                extra,
                written: need.text.clone(),
                holds,
                reason,
                met: met(installed, wanted),
            }
        })
        .collect()
}

/// Whether what is installed is in the specifier; `None` where nothing is installed or its version cannot be told.
fn met(installed: &Installed<'_>, wanted: &crate::installed::Wanted) -> Option<bool> {
    let copy = installed.first(&wanted.name)?;
    let version = copy.distribution.version.as_ref()?.as_str()?;
    Some(wanted.requirement.specifiers.contains(version))
}
