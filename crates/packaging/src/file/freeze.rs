//! The lines of a requirement file come in; whether they have the shape of what `pip freeze` prints comes out.

use crate::cursor::slice;
use crate::{Operator, Requirement};

/// A file with no more lines than this can look like `pip freeze` by chance.
const FEWEST: usize = 21;
/// A longer line is none that pip prints.
const LONGEST: usize = 16_384;

/// Whether a file tells what was installed rather than what must be: more than 20 lines, each `name==version`,
/// `name @ url` or `-e ...`, sorted without case, no marker, hash or option, comments only as pip writes them
/// (`pip._internal.operations.freeze`, 26.3).
#[must_use]
pub fn is_freeze_shape<'a>(lines: impl IntoIterator<Item = &'a str>) -> bool {
    let mut count = 0;
    let mut before: Option<(String, String)> = None;
    let mut told: Option<String> = None;
    for line in lines {
        let line = line.trim_end();
        if line.is_empty() {
            continue;
        }
        if line.starts_with('#') {
            if !is_comment_of_pip(line) {
                return false;
            }
            told = named_in_comment(line).or(told);
            continue;
        }
        let name = match line.strip_prefix("-e ") {
            Some(editable) => editable_name(editable).or_else(|| told.take()),
            None => match pinned_name(line) {
                Some(name) => Some(name),
                None => return false,
            },
        };
        told = None;
        count += 1;
        if let Some(name) = name {
            // pip sorts by the name as the metadata has it; some tools by its normal form.
            let keys = (name.to_lowercase(), name.to_lowercase().replace(['_', '.'], "-"));
            if before.is_some_and(|(written, normal)| keys.0 < written && keys.1 < normal) {
                return false;
            }
            before = Some(keys);
        }
    }
    count >= FEWEST
}

/// The name of `name==version`, `name===version` or `name @ url`, `None` where the line is none of them.
fn pinned_name(line: &str) -> Option<String> {
    if line.len() > LONGEST
        || line.starts_with(|c: char| !c.is_ascii_alphanumeric())
        || line.contains(" #")
        || line.contains(" --")
    {
        return None;
    }
    let requirement = Requirement::parse(line).ok()?;
    let pinned = match requirement.specifiers.specifiers() {
        [] => requirement.url.is_some(),
        [only] => {
            matches!(only.operator(), Operator::Identical)
                || (matches!(only.operator(), Operator::Equal) && !line.ends_with(".*"))
        }
        _ => false,
    };
    (pinned && requirement.marker.is_none() && requirement.extras.is_empty()).then_some(requirement.name)
}

fn editable_name(editable: &str) -> Option<String> {
    let (_, egg) = editable.split_once("#egg=").or_else(|| editable.split_once("&egg="))?;
    Some(egg.split('&').next().unwrap_or("").to_owned())
}

/// The comments that `pip freeze` has written since version 10.
fn is_comment_of_pip(line: &str) -> bool {
    line.starts_with("# Editable ")
        || line == "## The following requirements were added by pip freeze:"
        || line == "## !! Could not determine repository location"
        || line.starts_with("## FIXME: could not find svn URL in dependency_links for this package:")
        || line.starts_with("# FIXME: could not find svn URL in dependency_links for this package:")
        // The remote of an editable install whose address pip cannot use.
        || (line.starts_with("# '") && line.ends_with('\''))
}

/// The name in `# Editable install with no version control (name==1.0)`.
fn named_in_comment(line: &str) -> Option<String> {
    let (_, behind) = line.split_once('(')?;
    let pin = slice(behind, 0, behind.find(')')?);
    pin.split_once("==").map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::is_freeze_shape;

    #[test]
    fn shape() {
        let many: Vec<String> = (0..25).map(|n| format!("name{n:02}=={n}.0")).collect();
        let with = |more: &[&str]| {
            let mut lines: Vec<&str> = many.iter().map(String::as_str).collect();
            lines.extend(more);
            is_freeze_shape(lines)
        };
        assert!(with(&[]));
        assert!(with(&[
            "# Editable install with no version control (zed==1.0)",
            "-e /src/zed",
            "Zoo @ file:///x"
        ]));
        assert!(with(&["nameX===2004d", "-e git+https://h/r@main#egg=Z_a&subdirectory=x"]));
        for line in [
            "aaa==1.0",
            "zed>=1",
            "zed",
            "zed==1.0 ; python_version > '3'",
            "zed==1.0 --hash=sha256:00",
            "--index-url https://h",
            "# pinned because",
            "zed[extra]==1",
            "zed==1.0 # why",
            "zed==1.*",
        ] {
            assert!(!with(&[line]), "{line}");
        }
        assert!(!is_freeze_shape(many.iter().take(20).map(String::as_str)));
    }
}
