//! The one list of checks: id, default severity, family, title, page, and the rule itself.

use envdiff_model::Severity;

use crate::case::{Case, Spoken};
use crate::checks;

/// A check.
pub struct Check {
    /// Names the fault, in kebab case; what `--ignore` and `explain` take.
    pub id: &'static str,
    /// The level of its findings where the check itself does not say otherwise.
    pub severity: Severity,
    /// The folder that holds it.
    pub family: &'static str,
    /// One line: what is so when it speaks.
    pub title: &'static str,
    /// Its page, Markdown.
    pub page: &'static str,
    pub(crate) listen: fn(&Case<'_>) -> Vec<Spoken>,
}

macro_rules! check {
    ($family:ident::$file:ident, $id:literal, $severity:ident, $title:literal) => {
        Check {
            id: $id,
            severity: Severity::$severity,
            family: stringify!($family),
            title: $title,
            page: include_str!(concat!("checks/", stringify!($family), "/", stringify!($file), ".md")),
            listen: checks::$family::$file::listen,
        }
    };
}

/// Every check, in the order in which findings of one level and place are told.
#[rustfmt::skip]
pub static CHECKS: &[Check] = &[
    check!(python::interpreter_missing, "interpreter-missing", Error, "The image has no Python to hold the lock against"),
    check!(python::lock_for_another_python, "lock-for-another-python", Warning, "The lock was made for another Python than the image's"),
    check!(packages::package_missing, "package-missing", Error, "A package of the lock is not installed"),
    check!(packages::version_mismatch, "version-mismatch", Error, "Another version is installed than the lock wants"),
    check!(packages::source_mismatch, "source-mismatch", Error, "A package was installed from another place than the lock names"),
    check!(packages::requirement_invalid, "requirement-invalid", Error, "A line of the lock is one that no installer takes"),
    check!(packages::undetermined, "undetermined", Warning, "Something could not be told, so a check could not speak"),
    check!(packages::build_differs, "build-differs", Note, "The version is right, and it is a particular build of it"),
    check!(packages::package_not_in_lock, "package-not-in-lock", Note, "Packages are installed that the lock does not name"),
    check!(python::package_requires_newer_python, "package-requires-newer-python", Warning, "An installed package wants a newer Python than the image's"),
    check!(installed::requirement_of_installed_package_broken, "requirement-of-installed-package-broken", Warning, "An installed package requires another one that is missing or of another version"),
    check!(installed::same_package_twice, "same-package-twice", Warning, "Several copies of one package are installed"),
    check!(installed::metadata_unreadable, "metadata-unreadable", Warning, "The metadata of an installed package cannot be read"),
    check!(installed::pip_disagrees, "pip-disagrees", Note, "The image's own pip tells another story than its interpreter"),
    check!(installed::known_bad_pair, "known-bad-pair", Error, "Two packages are installed of which one cannot be imported beside the other"),
    check!(installed::setuptools_without_pkg_resources, "setuptools-without-pkg-resources", Error, "A package imports pkg_resources, which is not there"),
    check!(installed::wheel_for_another_python_or_platform, "wheel-for-another-python-or-platform", Warning, "An installed wheel was built for another Python or machine than the image's"),
    check!(installed::files_overwritten_by_another_package, "files-overwritten-by-another-package", Warning, "Several installed packages own the same file with different content"),
    check!(installed::import_name_shadowed, "import-name-shadowed", Warning, "A file earlier on sys.path hides a module of the standard library or of a package"),
    check!(installed::prerelease_in_image, "prerelease-in-image", Note, "A pre-release is installed"),
    check!(training::numpy_major_differs_from_training, "numpy-major-differs-from-training", Warning, "Another major version of numpy is installed than in training"),
    check!(installed::conda_record_stale, "conda-record-stale", Note, "conda's record tells another version than what is installed"),
];

/// The check of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

/// The id that differs least from `id`, where it differs by no more than a third of its letters.
#[must_use]
pub fn nearest(id: &str) -> Option<&'static str> {
    if id.len() > 100 {
        return None;
    }
    CHECKS
        .iter()
        .map(|check| (distance(id, check.id), check.id))
        .filter(|(distance, nearest)| *distance * 3 <= nearest.len())
        .min()
        .map(|(_, nearest)| nearest)
}

/// How many letters must be put in, taken out or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((other, pair), before) in b.iter().zip(row.windows(2)).zip(0..) {
            let [diagonal, above] = *pair else { continue };
            let left: usize = next.get::<usize>(before).copied().unwrap_or(usize::MAX - 1);
            next.push((left + 1).min(above + 1).min(diagonal + usize::from(letter != *other)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
