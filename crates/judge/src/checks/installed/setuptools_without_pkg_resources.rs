//! Installed packages that import `pkg_resources` come in; an error for each where setuptools is missing or has dropped it
//! comes out.

use envdiff_facts::pkg_resources::{self, User};
use envdiff_model::{Name, Text, say};

use super::known_bad_pair::installed_in;
use crate::case::{Case, Spoken, seen};
use crate::verdict;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let without: Text = match case.installed.by_name.get(&Name::new("setuptools")) {
        Some(_) => match installed_in(case.installed, "setuptools", &say_gone()) {
            Some(copy) => {
                let version = copy.distribution.version.clone().unwrap_or_default();
                say!("setuptools ", version, " has none any more")
            }
            None => return Vec::new(),
        },
        // What was not seen may be there.
        None if verdict::gap(case.environment).is_some() || brought_otherwise(case) => return Vec::new(),
        None => "setuptools is not installed".into(),
    };
    pkg_resources::USERS.iter().filter_map(|user| speak(case, user, &without)).collect()
}

/// `>=82`
fn say_gone() -> String {
    format!(">={}", pkg_resources::GONE_IN)
}

/// Whether metadata of setuptools is there that cannot be read, or the requirement itself is told as missing.
fn brought_otherwise(case: &Case<'_>) -> bool {
    let name = Name::new("setuptools");
    case.installed.unreadable.contains_key(&name)
        || case.installed.leftovers.contains_key(&name)
        || case.installed.conda.contains_key(&name)
}

fn speak(case: &Case<'_>, user: &User, without: &Text) -> Option<Spoken> {
    let copy = installed_in(case.installed, user.package, user.versions)?;
    // Where its metadata asks for a setuptools that is missing, that is told already.
    let asks =
        case.needs.of_name(&Name::new("setuptools")).any(|edge| edge.from_name.as_str() == user.package);
    if asks && !case.installed.by_name.contains_key(&Name::new("setuptools")) {
        return None;
    }
    let version = copy.distribution.version.clone().unwrap_or_default();
    let have = case.installed.first(&Name::new("setuptools")).map(|copy| seen(copy.distribution));
    Some(
        Spoken::new(user.package, say!(user.package, " ", version, " imports pkg_resources, and ", without))
            .seen([seen(copy.distribution)])
            .seen(have)
            .why(say!(
                "`import ",
                user.import,
                "` ends with ModuleNotFoundError: No module named 'pkg_resources'"
            ))
            .fix(say!(
                "`",
                wording::pip(case),
                " install 'setuptools<",
                pkg_resources::GONE_IN,
                "'`, or install a newer ",
                user.package
            )),
    )
}

#[cfg(test)]
mod tests {
    use envdiff_packaging::SpecifierSet;

    use super::say_gone;

    #[test]
    fn the_bound_is_a_specifier() {
        assert!(
            SpecifierSet::parse(&say_gone())
                .is_ok_and(|set| set.contains("82.0.0") && !set.contains("81.0.0"))
        );
    }
}
