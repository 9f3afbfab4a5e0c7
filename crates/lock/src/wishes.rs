//! The group options of the command line come in as they were given; what a reader of a format asks about them comes out.

use envdiff_model::Name;

/// Which groups, extras and packages of a lock are wanted (contract, section 1, "what reads a lock").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `--group`
    pub groups: Vec<Name>,
    /// `--no-group`
    pub no_groups: Vec<Name>,
    /// `--only-group`
    pub only_groups: Vec<Name>,
    /// `--all-groups`
    pub all_groups: bool,
    /// `--no-default-groups`
    pub no_default_groups: bool,
    /// `--extra`
    pub extras: Vec<Name>,
    /// `--all-extras`
    pub all_extras: bool,
    /// `--package`
    pub packages: Vec<Name>,
    /// `--all-packages`
    pub all_packages: bool,
}

impl Wishes {
    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The groups that are active, sorted: the asked ones and, where they are not switched off, the default ones, less those that
    /// are not wanted. `known` are all that the lock has.
    ///
    /// # Errors
    /// The first group that is asked for and that the lock does not have. What is taken away and is in none of the locks, [`crate::select`] refuses.
    pub(crate) fn active(&self, known: &[Name], default: &[Name]) -> Result<Vec<Name>, Name> {
        let asked = if self.only_groups.is_empty() { &self.groups } else { &self.only_groups };
        if let Some(unknown) = asked.iter().find(|name| !known.contains(name)) {
            return Err(unknown.clone());
        }
        let mut out: Vec<Name> = if !self.only_groups.is_empty() {
            asked.clone()
        } else if self.all_groups {
            known.to_vec()
        } else {
            let default = if self.no_default_groups { &[] } else { default };
            default.iter().chain(asked).cloned().collect()
        };
        out.retain(|name| !self.no_groups.contains(name));
        out.sort();
        out.dedup();
        Ok(out)
    }

    /// The extras that are active, sorted.
    ///
    /// # Errors
    /// The first extra that is asked for and that the lock does not have.
    pub(crate) fn active_extras(&self, known: &[Name]) -> Result<Vec<Name>, Name> {
        if let Some(unknown) = self.extras.iter().find(|name| !known.contains(name)) {
            return Err(unknown.clone());
        }
        let mut out = if self.all_extras { known.to_vec() } else { self.extras.clone() };
        out.sort();
        out.dedup();
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, Wishes};

    fn names(words: &[&str]) -> Vec<Name> {
        words.iter().map(|word| Name::new(word)).collect()
    }

    #[test]
    fn groups_are_added_taken_away_and_alone() {
        let (known, default) = (names(&["dev", "lint", "train"]), names(&["dev"]));
        let active = |wishes: Wishes| wishes.active(&known, &default);
        assert_eq!(active(Wishes::default()), Ok(names(&["dev"])));
        let groups = names(&["train"]);
        assert_eq!(
            active(Wishes { groups: groups.clone(), ..Wishes::default() }),
            Ok(names(&["dev", "train"]))
        );
        assert_eq!(
            active(Wishes { groups, no_default_groups: true, ..Wishes::default() }),
            Ok(names(&["train"]))
        );
        assert_eq!(
            active(Wishes { all_groups: true, no_groups: names(&["lint"]), ..Wishes::default() }),
            Ok(names(&["dev", "train"]))
        );
        assert_eq!(
            active(Wishes { only_groups: names(&["lint"]), ..Wishes::default() }),
            Ok(names(&["lint"]))
        );
        assert_eq!(active(Wishes { groups: names(&["x"]), ..Wishes::default() }), Err(Name::new("x")));
    }
}
