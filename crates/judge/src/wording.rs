//! Parts of sentences that several checks say alike: counts, lists of names, commands to run.

use envdiff_model::{Change, Direction, Requirement, Say, SourceKind, Text, say};

use crate::case::Case;

/// How many names a list shows before it counts the rest.
const NAMES_SHOWN: usize = 20;

/// `1 package`, `3 packages`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> Text {
    say!(n, " ", if n == 1 { one } else { many })
}

/// `a, b and c`; the rest counted after [`NAMES_SHOWN`].
pub(crate) fn list<T: Say>(items: &[T]) -> Text {
    let shown = items.get(..NAMES_SHOWN).unwrap_or(items);
    let rest = items.len() - shown.len();
    match shown {
        [] => Text::new(),
        [one] => say!(one),
        _ if rest > 0 => say!(Text::join(shown, ", "), " and ", rest, " more"),
        [most @ .., last] => say!(Text::join(most, ", "), " and ", last),
    }
}

/// `older, minor`
pub(crate) fn difference(change: Option<Change>, direction: Option<Direction>) -> Option<String> {
    match (direction, change?) {
        (Some(direction), change) => Some(format!("{}, {}", direction.as_str(), change.as_str())),
        (None, Change::Other) => None,
        (None, change) => Some(change.as_str().to_owned()),
    }
}

/// The command that installs what a requirement asks for, in backticks, with the image's own interpreter. What a lock has from a folder
/// or file is never asked for by its name: an index may have another project of that name.
pub(crate) fn install(case: &Case<'_>, requirement: &Requirement) -> Text {
    let origin = &requirement.origin;
    let is_local = matches!(
        origin.kind,
        SourceKind::Path | SourceKind::Directory | SourceKind::Editable | SourceKind::Virtual
    );
    if is_local && requirement.url.is_none() {
        let name = requirement.name.as_ref().map_or_else(|| requirement.text.clone(), |name| say!(name));
        let Some(path) = &origin.at else {
            return say!("from where the lock's machine has ", name, ", which is no project of an index");
        };
        let is_path = path.as_bytes().starts_with(b".") || path.as_bytes().starts_with(b"/");
        let dot = if is_path || path.to_lossy().contains("://") { "" } else { "./" };
        return say!(
            "`",
            pip(case),
            " install '",
            dot,
            path,
            "'`, the path that the lock has it from: by its name alone an index would be asked, whose ",
            name,
            " may be another"
        );
    }
    say!("`", pip(case), " install '", wish(requirement), "'`")
}

/// `/opt/venv/bin/python -m pip`
pub(crate) fn pip(case: &Case<'_>) -> Text {
    match case.interpreter() {
        Some(interpreter) => say!(interpreter.executable, " -m pip"),
        None => "python -m pip".into(),
    }
}

/// Whether a part of the requirement is the value of a variable, which no report shows: its text still has the variable.
pub(crate) fn is_from_variable(requirement: &Requirement) -> bool {
    requirement.text.as_bytes().windows(2).any(|pair| pair == b"${")
}

/// What a requirement asks for in one word of a shell: `torch[opt]==2.1.2`, `name @ url`.
fn wish(requirement: &Requirement) -> Text {
    let mut out = Text::new();
    let Some(name) = requirement.name.as_ref().filter(|_| !is_from_variable(requirement)) else {
        return requirement.text.clone();
    };
    out.push(name);
    if !requirement.extras.is_empty() {
        out.push(&say!("[", Text::join(&requirement.extras, ","), "]"));
    }
    match &requirement.url {
        Some(url) => out.push(&say!(" @ ", url.shown)),
        // Of alternatives pip takes one.
        None => out.push(&requirement.specifier.split(" || ").next().unwrap_or("")),
    }
    out
}

/// What a requirement wants, behind "the lock wants": `==2.1.2`, `any version`, a URL.
pub(crate) fn wants(requirement: &Requirement) -> Text {
    if is_from_variable(requirement) {
        return requirement.text.clone();
    }
    match (&requirement.url, requirement.specifier.as_str()) {
        (Some(url), _) => url.shown.clone(),
        (None, "") => "any version".into(),
        (None, specifier) => specifier.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, list};

    #[test]
    fn lists_and_counts() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        let many: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        assert!(list(&many).to_lossy().ends_with(", 19 and 5 more"));
        assert_eq!(count(1, "package", "packages"), "1 package");
    }
}
