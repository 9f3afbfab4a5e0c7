//! An installed version and what a lock wants come in; how far they are apart, and which is newer, comes out.

use std::cmp::Ordering;

use envdiff_model::{Change, Direction};

use crate::{Number, Operator, Specifier, SpecifierSet, Version, Wanted};

/// How an installed version differs from what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// How large the difference is.
    pub change: Change,
    /// Whether what is installed is newer or older.
    pub direction: Direction,
}

impl Difference {
    /// The difference of two versions; `None` where they are equal.
    ///
    /// Major, minor and patch are the first, second and later numbers of the release (those of semantic versioning,
    /// padded with zeros), patch also another pre-release of the same release; build is a post, dev or local part.
    #[must_use]
    pub fn between(installed: &Version, wanted: &Version) -> Option<Self> {
        let direction = match installed.cmp(wanted) {
            Ordering::Equal => return None,
            Ordering::Greater => Direction::Newer,
            Ordering::Less => Direction::Older,
        };
        Some(Self { change: change(installed, wanted), direction })
    }

    /// What a mismatch is called, for an installed version as its metadata writes it. One that is no version of PEP 440
    /// cannot be compared: [`Change::Other`] without a direction.
    #[must_use]
    pub fn of_text(installed: &str, wanted: &SpecifierSet) -> (Option<Change>, Option<Direction>) {
        match Version::parse(installed) {
            Ok(version) => {
                let difference = Self::from_set(&version, wanted);
                (difference.map(|d| d.change), difference.map(|d| d.direction))
            }
            Err(_) => (Some(Change::Other), None),
        }
    }

    /// The difference of an installed version from the nearest bound of `wanted` that it violates; `None` where it
    /// violates none or where no bound has a direction (`!=1.0`, `===text`).
    #[must_use]
    pub fn from_set(installed: &Version, wanted: &SpecifierSet) -> Option<Self> {
        let text = installed.to_string();
        let mut nearest: Option<(&Version, Self)> = None;
        for specifier in wanted.specifiers().iter().filter(|s| !s.takes(&text, Some(installed))) {
            let Some((bound, difference)) = violated(installed, specifier) else { continue };
            let nearer =
                nearest.as_ref().is_none_or(|(have, best)| match (best.direction, difference.direction) {
                    (Direction::Newer, Direction::Newer) => bound > *have,
                    (Direction::Older, Direction::Older) => bound < *have,
                    _ => difference.change > best.change,
                });
            if nearer {
                nearest = Some((bound, difference));
            }
        }
        nearest.map(|(_, difference)| difference)
    }
}

/// The bound of a specifier that does not take `installed`.
fn violated<'a>(installed: &Version, specifier: &'a Specifier) -> Option<(&'a Version, Difference)> {
    let (Wanted::Version(bound) | Wanted::Prefix(bound)) = specifier.wanted() else { return None };
    let direction = match specifier.operator() {
        Operator::NotEqual | Operator::Identical => return None,
        Operator::AtLeast | Operator::Above => Direction::Older,
        Operator::AtMost | Operator::Below => Direction::Newer,
        Operator::Equal | Operator::Compatible => {
            let public = installed.without_local();
            let compared = if bound.has_local() { installed } else { &public };
            if *compared < *bound { Direction::Older } else { Direction::Newer }
        }
    };
    let change = match (specifier.operator(), change(installed, bound)) {
        // What is below `3` has another first number, however near `3` the installed version is.
        (Operator::Below, change) => change.min(last_level(bound)),
        // The bound itself violates it; the next version up would not.
        (Operator::Above, _) if installed.without_local() == *bound => Change::Patch,
        (_, change) => change,
    };
    Some((bound, Difference { change, direction }))
}

/// Which part of a version its last number is.
fn last_level(version: &Version) -> Change {
    if version.post().is_some() {
        return Change::Build;
    }
    match version.trimmed_release().len() {
        _ if version.is_prerelease() => Change::Patch,
        0 | 1 => Change::Major,
        2 => Change::Minor,
        _ => Change::Patch,
    }
}

fn change(a: &Version, b: &Version) -> Change {
    if a.epoch() != b.epoch() {
        return Change::Other;
    }
    if let (Some(a), Some(b)) = (semantic(a), semantic(b)) {
        return if a.major != b.major {
            Change::Major
        } else if a.minor != b.minor {
            Change::Minor
        } else if a.patch != b.patch || a.pre != b.pre {
            Change::Patch
        } else {
            Change::Build
        };
    }
    let numbers = a.release().len().max(b.release().len());
    let padded = |v: &Version| -> Vec<u64> {
        // Only whether two numbers differ counts; one that is too long is told apart below.
        v.release().map(|n| n.short().unwrap_or(u64::MAX)).chain(std::iter::repeat(0)).take(numbers).collect()
    };
    let first = padded(a).iter().zip(&padded(b)).position(|(a, b)| a != b).or_else(|| {
        let is_long = |n: Number<'_>| n.short().is_none();
        a.release().zip(b.release()).position(|(a, b)| (is_long(a) || is_long(b)) && a != b)
    });
    match first {
        Some(0) => Change::Major,
        Some(1) => Change::Minor,
        Some(_) => Change::Patch,
        None if a.pre() != b.pre() => Change::Patch,
        None => Change::Build,
    }
}

/// A version as one of semantic versioning, where its release has at most three numbers; post, dev and local part are
/// left out.
fn semantic(version: &Version) -> Option<semver::Version> {
    let mut release = version.release();
    if release.len() > 3 {
        return None;
    }
    let mut number = || release.next().map_or(Some(0), Number::short);
    let (major, minor, patch) = (number()?, number()?, number()?);
    let pre = match version.pre() {
        Some((kind, n)) => semver::Prerelease::new(&format!("{}.{n}", kind.as_str())).ok()?,
        None => semver::Prerelease::EMPTY,
    };
    Some(semver::Version { major, minor, patch, pre, build: semver::BuildMetadata::EMPTY })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Difference, SpecifierSet, Version};

    #[test]
    fn changes_and_directions() {
        for (installed, wanted, change, direction) in [
            ("2.0.1+cu117", "==2.1.2", "minor", "older"),
            ("3.0", "==2.1.2", "major", "newer"),
            ("2.1.3", "==2.1.2", "patch", "newer"),
            ("2.1.2+cu118", "==2.1.2+cu121", "build", "older"),
            ("2.1.2.post1", "==2.1.2", "build", "newer"),
            ("2.1.2.dev1", "==2.1.2", "build", "older"),
            ("2.1.2rc1", "==2.1.2", "patch", "older"),
            ("1!1.0", "==2.1.2", "other", "newer"),
            ("2.6", ">=2.4,<2.5", "minor", "newer"),
            ("1.9", ">=2.4,<3", "major", "older"),
            ("2.3.9", "~=2.4.0", "minor", "older"),
            ("2.5", "==2.4.*", "minor", "newer"),
            ("3.0", "<3", "major", "newer"),
            ("3.0.1", "<3", "major", "newer"),
            ("2.5.1", "<2.5", "minor", "newer"),
            ("2.5.1", "<=2.5", "patch", "newer"),
            ("2.4+cu121", ">2.4", "patch", "older"),
            ("1.0.post2", "<1.0.post1", "build", "newer"),
            ("9.1.0.71", "==9.1.0.70", "patch", "newer"),
            ("2", "==2.0.1", "patch", "older"),
            ("99999999999999999999", "==99999999999999999998", "major", "newer"),
        ] {
            let set = SpecifierSet::parse(wanted).unwrap();
            let difference = Difference::from_set(&Version::parse(installed).unwrap(), &set).unwrap();
            let told = (difference.change.as_str(), difference.direction.as_str());
            assert_eq!(told, (change, direction), "{installed} {wanted}");
        }
        for (installed, wanted) in [("2.0", "!=2.0"), ("2.0", "===2"), ("2.0", "==2.0"), ("2.0", "")] {
            let set = SpecifierSet::parse(wanted).unwrap();
            assert_eq!(Difference::from_set(&Version::parse(installed).unwrap(), &set), None);
        }
    }
}
