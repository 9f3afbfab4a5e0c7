//! Names with several copies come in; a warning where which one counts is left to chance or to a setting, a note where an
//! earlier folder hides a later one by design, comes out.

use envdiff_model::{Name, PathSource, Severity, Text, say};

use crate::case::{Case, Spoken, seen};
use crate::installed::{Copy, Holding};
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.installed
        .by_name
        .iter()
        .flat_map(|(name, holding)| [in_one_folder(case, name, holding), in_two_folders(case, name, holding)])
        .flatten()
        .collect()
}

fn version(copy: &Copy<'_>) -> Text {
    copy.distribution.version.clone().unwrap_or_else(|| "without a version".into())
}

fn differ(a: &Copy<'_>, b: &Copy<'_>) -> bool {
    match (&a.version, &b.version) {
        (Some(a), Some(b)) => a != b,
        _ => a.distribution.version != b.distribution.version,
    }
}

fn in_one_folder(case: &Case<'_>, name: &Name, holding: &Holding) -> Option<Spoken> {
    let copies: Vec<&Copy<'_>> = holding.rivals.iter().filter_map(|at| case.installed.copy(*at)).collect();
    let (first, rest) = copies.split_first()?;
    // Two metadata folders that say the same are one package.
    if !rest.iter().any(|copy| differ(first, copy)) {
        return None;
    }
    let versions: Vec<Text> = copies.iter().map(|copy| version(copy)).collect();
    Some(
        Spoken::new(
            name.as_str(),
            say!(name, " has ", copies.len(), " metadata folders in ", first.distribution.location, ": ", wording::list(&versions)),
        )
        .seen(copies.iter().map(|copy| seen(copy.distribution)))
        .why("which one the interpreter tells is the order in which the file system lists them, and the code is that of \
              one of them or a mixture: an installation or removal was cut off")
        .fix(say!(
            "remove both and install it once: `",
            wording::pip(case),
            " uninstall -y ",
            name,
            "` until nothing is left, then install the version of the lock"
        )),
    )
}

fn in_two_folders(case: &Case<'_>, name: &Name, holding: &Holding) -> Option<Spoken> {
    let first = case.installed.copy(holding.first)?;
    let others: Vec<&Copy<'_>> = holding
        .later
        .iter()
        .filter_map(|at| case.installed.copy(*at))
        .filter(|copy| differ(first, copy))
        .collect();
    let hidden = others.first()?;
    let from = case
        .environment
        .sys_path
        .value()
        .and_then(|path| path.get(first.distribution.path_index))
        .map(|entry| entry.from);
    let (setting, severity) = match from {
        Some(PathSource::Env) => (" (PYTHONPATH)", Severity::Warning),
        Some(PathSource::Cwd) => (" (the working folder)", Severity::Warning),
        Some(PathSource::User) => (" (the user's own site)", Severity::Warning),
        Some(PathSource::Pth | PathSource::Egg) => (" (a line of a .pth file)", Severity::Warning),
        _ => ("", Severity::Note),
    };
    let why = if severity == Severity::Warning {
        "it is the setting that decides: under another user, working folder or environment the hidden version runs"
    } else {
        "the earlier folder of sys.path wins; an interpreter that does not see it runs the hidden version"
    };
    Some(
        Spoken::new(
            name.as_str(),
            say!(
                name,
                " ",
                version(first),
                " in ",
                first.distribution.location,
                setting,
                " hides ",
                version(hidden),
                " in ",
                hidden.distribution.location
            ),
        )
        .severity(severity)
        .seen([seen(first.distribution)])
        .seen(others.iter().map(|copy| seen(copy.distribution)))
        .why(why)
        .fix("keep the copy that is meant and uninstall the other"),
    )
}
