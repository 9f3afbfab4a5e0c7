//! A module of a package, a name and the package's version come in; whether the module has that name comes out, where it came or
//! went between releases.

use crate::versions::Minor;

include!(concat!(env!("OUT_DIR"), "/module_names.rs"));

/// A name that some releases have and others have not.
#[derive(Debug)]
pub struct ModuleName {
    /// The distribution.
    pub distribution: &'static str,
    /// The module, in full.
    pub module: &'static str,
    /// The name in it.
    pub name: &'static str,
    /// Whether the oldest release that was asked has it.
    pub first: bool,
    /// The versions from which that is turned round.
    pub changes: &'static [Minor],
    /// The newest release that was asked.
    pub asked: Minor,
    /// Where the row was read.
    pub source: &'static str,
}

/// The row of a name.
#[must_use]
pub fn row(module: &str, name: &str) -> Option<&'static ModuleName> {
    let at = MODULE_NAMES.binary_search_by(|row| (row.module, row.name).cmp(&(module, name))).ok()?;
    MODULE_NAMES.get(at)
}

impl ModuleName {
    /// Whether a release has it; `None` for one that is newer than what was asked, where the name was gone last.
    #[must_use]
    pub fn is_in(&self, version: Minor) -> Option<bool> {
        let turned = self.changes.iter().filter(|change| version >= **change).count();
        let has = self.first ^ !turned.is_multiple_of(2);
        (has || version <= self.asked).then_some(has)
    }

    /// The last change up to a release: the version from which it is as it is there.
    #[must_use]
    pub fn since(&self, version: Minor) -> Option<Minor> {
        self.changes.iter().copied().rfind(|change| version >= *change)
    }

    /// The next change after a release.
    #[must_use]
    pub fn until(&self, version: Minor) -> Option<Minor> {
        self.changes.iter().copied().find(|change| version < *change)
    }
}

#[cfg(test)]
mod tests {
    use super::{Minor, row};

    #[test]
    fn names_come_and_go_and_come_again() {
        let asked =
            |name: &str, major, minor| row("numpy", name).and_then(|row| row.is_in(Minor::new(major, minor)));
        assert_eq!(asked("bool", 1, 23), Some(true));
        assert_eq!(asked("bool", 1, 26), Some(false));
        assert_eq!(asked("bool", 2, 0), Some(true));
        assert_eq!(asked("float", 2, 3), Some(false));
        assert_eq!(asked("float", 9, 0), None);
        assert_eq!(asked("trapezoid", 1, 26), Some(false));
        assert_eq!(asked("trapezoid", 9, 0), Some(true));
        assert_eq!(asked("zeros", 2, 0), None);
    }
}
