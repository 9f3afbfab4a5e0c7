//! Installed files held against their RECORDs come in; a warning for each distribution of which some are missing or changed
//! comes out.

use envdiff_model::{Differing, Fact, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    differing(case)
        .filter(|differing| differing.missing + differing.changed > 0)
        .map(|d| speak(case, d))
        .collect()
}

/// What kept this check from speaking.
pub(crate) fn undetermined(case: &Case<'_>) -> Vec<Spoken> {
    const WHAT: &str = "whether installed files are as their RECORD says cannot be told: ";
    if let Some(Fact::Unknown { reason }) = &case.environment.verified {
        return vec![Spoken::new("RECORD", say!(WHAT, reason)).severity(Severity::Note)];
    }
    differing(case)
        .filter(|differing| differing.unreadable > 0)
        .map(|differing| {
            // Where RECORD itself cannot be read, no file was looked at.
            let files = match differing.files {
                0 => Text::from("the files"),
                _ => wording::count(differing.unreadable, "file", "files"),
            };
            let is =
                if differing.unreadable == 1 && differing.files > 0 { " is as its" } else { " are as its" };
            Spoken::new(
                differing.distribution.clone(),
                say!("whether ", files, " of ", differing.distribution, is, " RECORD says cannot be told"),
            )
            .severity(Severity::Note)
            .seen(differing.first_unreadable.iter().cloned())
        })
        .collect()
}

fn differing<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Differing> {
    case.environment
        .verified
        .as_ref()
        .and_then(Fact::value)
        .into_iter()
        .flat_map(|verified| &verified.differing)
}

fn speak(case: &Case<'_>, differing: &Differing) -> Spoken {
    let Differing { distribution, files, missing, changed, first, .. } = differing;
    let of = say!(" of ", wording::count(*files, "file", "files"), " of ", distribution);
    let what: Text = match (missing, changed) {
        (missing, 0) => say!(missing, of, verb(*missing, " is missing", " are missing")),
        (0, changed) => {
            say!(changed, of, verb(*changed, " is not what its", " are not what its"), " RECORD says")
        }
        (missing, changed) => {
            say!(
                missing + changed,
                of,
                " are not as its RECORD says: ",
                missing,
                " missing, ",
                changed,
                " changed"
            )
        }
    };
    let rest = (missing + changed).saturating_sub(first.len());
    let more = (rest > 0).then(|| {
        let detail = wording::count(rest, "further file", "further files");
        envdiff_model::Evidence::new(say!(differing.metadata, "/RECORD"), detail)
    });
    Spoken::new(distribution.clone(), what)
        .seen(first.iter().cloned())
        .seen(more)
        .why(
            "the package is not what was installed: what was deleted fails at its first import, and what was replaced is of \
             another version or was changed by hand, which no lock tells",
        )
        .fix(say!(
            "where that is not meant, install it anew: `",
            wording::pip(case),
            " install --force-reinstall --no-deps ",
            distribution,
            "`, with the version of the lock"
        ))
}

fn verb(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}
