//! What requirement files, markers and versions are read within, as the constants that the readers compare with and as
//! rows of `docs/limits.md`.

use envdiff_model::{Amount, Limit, Past};

/// The largest requirement file, and the most that all of them may hold together, in bytes (contract, section 7).
pub const MOST_BYTES: usize = 64 << 20;
/// The most requirements over all files (contract, section 7).
pub const MOST_REQUIREMENTS: usize = 200_000;
/// How deep files may include each other (contract, section 7).
pub const DEEPEST_INCLUDE: usize = 32;
/// How many files may be included in all, the same one counted each time.
pub const MOST_INCLUDES: usize = 10_000;
/// The longest line after joining and filling in variables, in bytes; a longer one is refused.
pub const MOST_LINE: usize = 1 << 20;
/// How many physical lines of a file are kept for quoting.
pub const MOST_QUOTED: usize = 1_000_000;
/// How many parentheses of a marker may stand within each other (contract, section 7).
pub const DEEPEST_MARKER: usize = 128;
/// How many digits a number of a version may have: what `int(str)` of CPython 3.11 takes (`sys.get_int_max_str_digits`).
pub const MOST_DIGITS: usize = 4_300;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::new(
        "a lock with all files that it includes",
        Amount::bytes(MOST_BYTES),
        Past::Refused,
        "crates/packaging/src/limits.rs::files_hold_at_most_64_mib",
    ),
    Limit::new(
        "requirements of a lock",
        Amount::count(MOST_REQUIREMENTS),
        Past::Refused,
        "crates/packaging/src/limits.rs::there_are_at_most_200000_requirements",
    ),
    Limit::new(
        "requirement files that include one another",
        Amount::count(DEEPEST_INCLUDE),
        Past::Refused,
        "crates/packaging/src/limits.rs::files_include_each_other_32_deep",
    ),
    Limit::new(
        "includes of a lock, each time counted",
        Amount::count(MOST_INCLUDES),
        Past::Refused,
        "crates/packaging/src/limits.rs::files_are_included_10000_times",
    ),
    Limit::new(
        "a line of a lock, joined and with its variables",
        Amount::bytes(MOST_LINE),
        Past::Invalid,
        "crates/packaging/src/limits.rs::a_line_has_at_most_1_mib",
    ),
    Limit::new(
        "lines of a lock that can be quoted",
        Amount::count(MOST_QUOTED),
        Past::Cut,
        "crates/packaging/src/limits.rs::a_million_lines_can_be_quoted",
    ),
    Limit::new(
        "parentheses of a marker within each other",
        Amount::count(DEEPEST_MARKER),
        Past::Invalid,
        "crates/packaging/src/limits.rs::a_marker_has_128_parentheses_within_each_other",
    ),
    Limit::new(
        "digits of a number in a version",
        Amount::count(MOST_DIGITS),
        Past::Invalid,
        "crates/packaging/src/limits.rs::a_number_has_at_most_4300_digits",
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

    use super::{
        DEEPEST_INCLUDE, DEEPEST_MARKER, MOST_BYTES, MOST_DIGITS, MOST_INCLUDES, MOST_LINE, MOST_QUOTED,
        MOST_REQUIREMENTS,
    };
    use crate::file::{FileError, Most, ReadError, Reader, RequirementFile, read, read_within};
    use crate::{Fault, Marker, Version};

    /// What a path holds.
    struct Files<F: Fn(&str) -> Option<Vec<u8>>>(F);
    impl<F: Fn(&str) -> Option<Vec<u8>>> Reader for Files<F> {
        fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
            (self.0)(path).ok_or(ReadError::Absent)
        }
        fn variable(&self, name: &str) -> Option<String> {
            (name == "HALF").then(|| "x".repeat(MOST_LINE / 2))
        }
    }

    fn of(files: impl Fn(&str) -> Option<Vec<u8>>) -> Result<RequirementFile, FileError> {
        read("r.txt", &Files(files))
    }

    fn one(text: &str) -> RequirementFile {
        of(|path| (path == "r.txt").then(|| text.as_bytes().to_vec())).unwrap()
    }

    /// The bound is a parameter inside it: 64 MiB are not split into lines without optimisation in good time.
    #[test]
    fn files_hold_at_most_64_mib() {
        let ours = Most::default();
        assert_eq!(ours.bytes, MOST_BYTES);
        let files = Files(|path| match path {
            "r.txt" => Some(b"-r a\n".to_vec()),
            _ => Some(b"a==1\n".to_vec()),
        });
        assert_eq!(read_within("r.txt", &files, Most { bytes: 10, ..ours }).unwrap().entries.len(), 1);
        let told = read_within("r.txt", &files, Most { bytes: 9, ..ours }).unwrap_err();
        assert!(matches!(&told, FileError::TooLarge { file } if *file == "a"), "{told}");
        let told = of(|_| Some(vec![b'#'; MOST_BYTES + 1])).unwrap_err();
        assert_eq!(told.to_string(), "the requirement files hold more than 64 MiB");
        // The same over several files, each of which is small enough.
        let told = of(|path| match path {
            "r.txt" => Some(b"-r a".to_vec()),
            _ => Some(vec![b'#'; MOST_BYTES - 3]),
        });
        assert!(matches!(told, Err(FileError::TooLarge { .. })));
    }

    /// The bound is a parameter here: 200,000 requirements take seconds without optimisation.
    #[test]
    fn there_are_at_most_200000_requirements() {
        let ours = Most::default();
        assert_eq!(ours.requirements, MOST_REQUIREMENTS);
        let read = |requirements| {
            read_within(
                "r.txt",
                &Files(|_| Some(b"a\n-i x\n==\nb\n".to_vec())),
                Most { requirements, ..ours },
            )
        };
        assert_eq!(read(3).unwrap().entries.len(), 3, "invalid ones are counted, options are not");
        let told = read(2).unwrap_err();
        assert_eq!(told.to_string(), "there are more than 200,000 requirements");
    }

    #[test]
    fn files_include_each_other_32_deep() {
        let nested = |deepest: usize| {
            of(move |path| {
                let depth: usize =
                    path.strip_prefix('r').unwrap().trim_end_matches(".txt").parse().unwrap_or(0);
                Some(
                    if depth < deepest { format!("-r r{}\n", depth + 1) } else { "a\n".to_owned() }
                        .into_bytes(),
                )
            })
        };
        assert_eq!(nested(DEEPEST_INCLUDE).unwrap().entries.len(), 1);
        let told = nested(DEEPEST_INCLUDE + 1).unwrap_err();
        assert!(
            matches!(&told, FileError::TooManyIncludes { at } if at.file == "r32" && at.line == 1),
            "{told:?}"
        );
        assert_eq!(told.to_string(), "files are included more than 32 deep or more than 10,000 times");
    }

    #[test]
    fn files_are_included_10000_times() {
        let many = |count: usize| {
            of(move |path| {
                Some(if path == "r.txt" { "-r a\n".repeat(count).into_bytes() } else { Vec::new() })
            })
        };
        assert_eq!(many(MOST_INCLUDES).unwrap().sources.len(), MOST_INCLUDES + 1);
        let told = many(MOST_INCLUDES + 1).unwrap_err();
        assert!(
            matches!(&told, FileError::TooManyIncludes { at } if at.line == MOST_INCLUDES + 1),
            "{told:?}"
        );
    }

    #[test]
    fn a_line_has_at_most_1_mib() {
        let told = |line: &str| {
            let read = one(line);
            assert_eq!(read.entries.len(), 1);
            read.entries[0].asked.as_ref().map(|_| ()).map_err(|invalid| invalid.refusal.to_string())
        };
        let line = |len: usize| "x".repeat(len);
        assert_eq!(told(&line(MOST_LINE)), Ok(()));
        let long = Err("the line is longer than 1 MiB".to_owned());
        assert_eq!(told(&line(MOST_LINE + 1)), long);
        assert_eq!(told(&(line(MOST_LINE / 2) + "\\\n" + &line(MOST_LINE / 2 + 1))), long, "joined");
        assert_eq!(told("x${HALF}${HALF}"), long, "filled in");
    }

    /// The bound is a parameter here: a million lines take seconds without optimisation.
    #[test]
    fn a_million_lines_can_be_quoted() {
        let ours = Most::default();
        assert_eq!(ours.quoted, MOST_QUOTED);
        let files = Files(|_| Some(b"a\nb\nc\n".to_vec()));
        let read = |quoted| read_within("r.txt", &files, Most { quoted, ..ours }).unwrap();
        assert_eq!(read(3).sources[0].lines.len(), 3);
        let cut = read(2);
        assert_eq!((cut.sources[0].lines.len(), cut.entries.len()), (2, 3), "not quoted and not lost");
    }

    #[test]
    fn a_marker_has_128_parentheses_within_each_other() {
        let marker = |deep: usize| format!("{}os_name == 'posix'{}", "(".repeat(deep), ")".repeat(deep));
        assert!(Marker::parse(&marker(DEEPEST_MARKER)).is_ok());
        let told = Marker::parse(&marker(DEEPEST_MARKER + 1)).unwrap_err();
        assert_eq!(told.fault, Fault::TooDeep);
        let read = one(&format!("a ; {}\nb", marker(DEEPEST_MARKER + 1)));
        let told = read.entries[0].asked.as_ref().unwrap_err().refusal.to_string();
        assert_eq!(told, "more than 128 parentheses within each other");
        assert!(read.entries[1].asked.is_ok());
    }

    #[test]
    fn a_number_has_at_most_4300_digits() {
        assert!(Version::parse(&"1".repeat(MOST_DIGITS)).is_ok());
        let told = Version::parse(&"1".repeat(MOST_DIGITS + 1)).unwrap_err();
        assert_eq!(told.to_string(), "a number of more than 4300 digits");
        let read = one(&format!("a=={}", "1".repeat(MOST_DIGITS + 1)));
        assert!(read.entries[0].asked.is_err());
    }
}
