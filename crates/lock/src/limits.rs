//! What locks in TOML, JSON and YAML are read within, as the constants that the readers compare with and as rows of
//! `docs/limits.md`. Their size and the number of their requirements are bounded as those of requirements files.

use envdiff_model::{Amount, Limit, Past};

/// How deep arrays and tables may stand within each other (contract, section 7).
pub const DEEPEST: usize = 128;
/// How many values all aliases of a YAML document together may stand for (contract, section 7).
pub const MOST_COPIES: usize = 1_000;
/// The most values of a JSON lock, and of a YAML lock without the packages that are read as they pass: a tree of them takes 100 to
/// 200 bytes each.
pub const MOST_VALUES: usize = 1_000_000;
/// The most parts (keys, values, brackets) of a TOML lock beside its packages, of one of its packages, and of one statement: more are no
/// lock's.
pub const MOST_PARTS: usize = 4_000_000;
/// The most packages of a lock (contract, section 7).
pub const MOST_PACKAGES: usize = envdiff_packaging::limits::MOST_REQUIREMENTS;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::new(
        "arrays, tables, lists and mappings of a lock that stand within each other",
        Amount::count(DEEPEST),
        Past::Refused,
        "crates/lock/src/limits.rs::a_lock_is_nested_128_deep",
    ),
    Limit::new(
        "values that the aliases of a YAML lock stand for",
        Amount::count(MOST_COPIES),
        Past::Refused,
        "crates/lock/src/limits.rs::aliases_stand_for_1000_values",
    ),
    Limit::new(
        "values of a JSON lock, and of a YAML lock beside its packages",
        Amount::count(MOST_VALUES),
        Past::Refused,
        "crates/lock/src/limits.rs::a_tree_has_1_000_000_values",
    ),
    Limit::new(
        "parts of a TOML lock beside its packages, of one package and of one value of it",
        Amount::count(MOST_PARTS),
        Past::Refused,
        "crates/lock/src/limits.rs::a_value_of_toml_has_4_000_000_parts",
    ),
    Limit::new(
        "packages of a lock that is no requirements file",
        Amount::count(MOST_PACKAGES),
        Past::Refused,
        "crates/lock/src/limits.rs::a_lock_has_200_000_packages",
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;
    use crate::broken::{Broken, Fault};
    use crate::tree::{json, toml, yaml};

    fn fault<T>(read: Result<T, Broken>) -> Option<Fault> {
        read.err().map(|broken| broken.fault)
    }

    #[test]
    fn a_lock_is_nested_128_deep() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for (depth, wanted) in [(DEEPEST - 1, None), (DEEPEST + 1, Some(Fault::TooDeep))] {
            assert_eq!(fault(toml::parse(&format!("a = {}", nested(depth)))), wanted, "TOML {depth}");
            assert_eq!(fault(json::parse(&nested(depth))), wanted, "JSON {depth}");
            assert_eq!(fault(yaml::parse(&nested(depth))), wanted, "YAML {depth}");
        }
    }

    #[test]
    fn aliases_stand_for_1000_values() {
        let aliases = |count: usize| format!("a: &a 1\nb: [{}]\n", vec!["*a"; count].join(","));
        assert_eq!(fault(yaml::parse(&aliases(MOST_COPIES))), None);
        assert_eq!(fault(yaml::parse(&aliases(MOST_COPIES + 1))), Some(Fault::TooLarge));
    }

    #[test]
    fn a_tree_has_1_000_000_values() {
        let items = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        assert_eq!(fault(json::parse(&items(MOST_VALUES))), None);
        assert_eq!(fault(json::parse(&items(MOST_VALUES + 1))), Some(Fault::TooLarge));
        let list = "- a\n".repeat(MOST_VALUES);
        assert_eq!(fault(yaml::parse(&list)), Some(Fault::TooLarge));
        // What is given out does not count.
        let mut given = 0;
        let lock = format!("package:\n{list}");
        assert_eq!(fault(yaml::read(&lock, "package", &mut |_| given += 1)), None);
        assert_eq!(given, MOST_VALUES);
    }

    #[test]
    fn a_value_of_toml_has_4_000_000_parts() {
        let long = format!("a = [{}]", "1,".repeat(MOST_PARTS / 2));
        assert_eq!(fault(toml::parse(&long)), Some(Fault::TooLarge));
        let statements: String =
            (0..MOST_PARTS / 1000).map(|n| format!("k{n} = [{}]\n", "1,".repeat(1000))).collect();
        assert_eq!(fault(toml::parse(&statements)), Some(Fault::TooLarge));
        // As many in packages, which are read one by one, and in comments, are read.
        let plan = toml::Plan { stream: &["package"], skip: &[] };
        let packages = statements.replace("k", "[[package]]\nk");
        assert_eq!(fault(toml::read(&packages, &plan, &mut |_| {})), None);
        let many = "# a comment\n".repeat(MOST_PARTS / 2);
        assert_eq!(fault(toml::parse(&many)), None);
    }

    #[test]
    fn a_lock_has_200_000_packages() {
        let one = "[[packages]]\nname = \"a\"\n";
        let lock = format!("lock-version = \"1.0\"\ncreated-by = \"t\"\n{}", one.repeat(MOST_PACKAGES + 1));
        let reader = crate::Disk::new();
        let input =
            crate::registry::Input { path: "l", bytes: lock.into_bytes(), reader: &reader, format: "pylock" };
        match crate::formats::pylock::open(input) {
            Err(crate::LockError::Broken { fault, .. }) => assert_eq!(fault, Fault::TooLarge),
            other => panic!("{}", other.is_ok()),
        }
    }
}
