//! Modules that a file earlier on `sys.path` hides come in; a warning for each, or one for all of a folder that hides many,
//! comes out.

use std::collections::BTreeMap;

use envdiff_model::{Evidence, Hidden, PathSource, Text, say};

use crate::case::{Case, Spoken};
use crate::wording;

/// So many modules of one folder are told one by one.
const ONE_BY_ONE: usize = 5;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let mut by_folder: BTreeMap<&[u8], Vec<&Hidden>> = BTreeMap::new();
    for hidden in case.environment.stack.hidden.value().into_iter().flatten() {
        by_folder.entry(folder(&hidden.by)).or_default().push(hidden);
    }
    by_folder
        .into_iter()
        .flat_map(|(folder, hidden)| {
            if hidden.len() > ONE_BY_ONE {
                vec![all(case, folder, &hidden)]
            } else {
                hidden.into_iter().map(|hidden| one(case, folder, hidden)).collect()
            }
        })
        .collect()
}

/// What kept this check from speaking.
pub(crate) fn undetermined(case: &Case<'_>) -> Option<Spoken> {
    let reason = case.environment.stack.hidden.reason()?;
    case.environment.sys_path.value()?;
    Some(Spoken::new("sys.path", say!("whether files hide modules cannot be told: ", reason)))
}

fn folder(path: &Text) -> &[u8] {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|b| *b == b'/').unwrap_or(0);
    bytes.get(..end.max(1)).unwrap_or_default()
}

/// What puts the folder in front, and when it does.
fn because(case: &Case<'_>, folder: &[u8]) -> &'static str {
    let same = |path: &Text| path.as_bytes().trim_ascii_end() == folder;
    let entries = case.environment.sys_path.value().into_iter().flatten();
    match entries.into_iter().find(|entry| same(&entry.path)).map(|entry| entry.from) {
        Some(PathSource::Cwd) => {
            "it is the working folder, which `python -m`, `python -c` and a script that lies there put in front"
        }
        _ => "PYTHONPATH puts its folder in front of all others",
    }
}

fn one(case: &Case<'_>, folder: &[u8], hidden: &Hidden) -> Spoken {
    let of: Text = match &hidden.distribution {
        Some(distribution) => say!("of the package ", distribution),
        None => "of the standard library".into(),
    };
    Spoken::new(hidden.module.clone(), say!(hidden.by, " hides the module ", hidden.module, " ", of))
        .seen([Evidence::new(hidden.by.clone(), "found first on sys.path")])
        .why(say!(
            because(case, folder),
            "; whoever imports ",
            hidden.module,
            ", libraries too, gets this file, and fails where it lacks what they want"
        ))
        .fix("rename the file, or start with another working folder and PYTHONPATH (Python 3.11: `-P`)")
}

fn all(case: &Case<'_>, folder: &[u8], hidden: &[&Hidden]) -> Spoken {
    let names: Vec<&Text> = hidden.iter().map(|hidden| &hidden.module).collect();
    let count = wording::count(hidden.len(), "module", "modules");
    Spoken::new(folder, say!(folder, " hides ", count, ": ", wording::list(&names)))
        .seen(hidden.iter().take(ONE_BY_ONE).map(|h| Evidence::new(h.by.clone(), "found first on sys.path")))
        .why(say!(because(case, folder), "; whoever imports one of them, libraries too, gets what lies there"))
        .fix("start with another working folder and PYTHONPATH (Python 3.11: `-P`), or take what is meant out of there")
}
