//! Installed packages come in; an error for each two of them that are known not to go together, though their metadata does
//! not say so, comes out.

use envdiff_facts::bad_pairs::{self, Pair};
use envdiff_model::{Verdict, say};
use envdiff_packaging::SpecifierSet;

use crate::case::{Case, Spoken, seen};
use crate::installed::{Copy, Installed};
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    bad_pairs::PAIRS.iter().filter_map(|pair| speak(case, pair)).collect()
}

/// The copy of a name that counts, where its version is among these and no other copy in its folder may count instead.
pub(crate) fn installed_in<'a>(
    installed: &'a Installed<'a>,
    name: &str,
    versions: &str,
) -> Option<&'a Copy<'a>> {
    let holding = installed.by_name.get(&envdiff_model::Name::new(name))?;
    let copy = installed.copy(holding.first).filter(|_| holding.rivals.is_empty())?;
    let version = copy.version.as_ref()?.to_string();
    SpecifierSet::parse(versions).ok()?.contains(&version).then_some(copy)
}

fn speak(case: &Case<'_>, pair: &Pair) -> Option<Spoken> {
    let package = installed_in(case.installed, pair.package, pair.versions)?;
    let other = installed_in(case.installed, pair.other, pair.other_versions)?;
    let told = |name: &str| {
        let mut mismatches = case.of(Verdict::VersionMismatch);
        mismatches.any(|subject| subject.requirement.name.as_ref().is_some_and(|n| n.as_str() == name))
    };
    // What the lock wants in another version is to be installed in that one, and is told.
    if told(pair.package) || told(pair.other) {
        return None;
    }
    let version = |copy: &Copy<'_>| copy.distribution.version.clone().unwrap_or_default();
    Some(
        Spoken::new(
            pair.package,
            say!(
                pair.package,
                " ",
                version(package),
                " cannot be imported beside ",
                pair.other,
                " ",
                version(other)
            ),
        )
        .seen([seen(package.distribution), seen(other.distribution)])
        .why(say!("`import ", pair.import, "` ends with ", pair.says))
        .fix(say!(
            "install an older ",
            pair.other,
            ", or a newer ",
            pair.package,
            ": `",
            wording::pip(case),
            " install '",
            pair.other,
            below(pair.other_versions),
            "'`"
        )),
    )
}

/// `<2.1` of `>=2.1`.
fn below(versions: &str) -> String {
    let first = versions.split(',').next().unwrap_or_default();
    format!("<{}", first.trim_start_matches(['>', '=']))
}

#[cfg(test)]
mod tests {
    use envdiff_facts::{bad_pairs, pkg_resources};
    use envdiff_packaging::SpecifierSet;

    #[test]
    fn the_tables_hold_specifiers() {
        let pairs = bad_pairs::PAIRS.iter().flat_map(|pair| [pair.versions, pair.other_versions]);
        for specifier in pairs.chain(pkg_resources::USERS.iter().map(|user| user.versions)) {
            assert!(SpecifierSet::parse(specifier).is_ok(), "{specifier}");
        }
        assert!(bad_pairs::PAIRS.iter().all(|pair| pair.other_versions.starts_with(">=")));
    }
}
