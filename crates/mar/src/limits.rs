//! What model archives are read within, as the constants that the readers compare with and as rows of `docs/limits.md`.

use envdiff_model::{Amount, Limit, Past};

/// The most entries of an archive, and of a folder that is one.
pub const MOST_ENTRIES: usize = 200_000;
/// The most files and folders that they make, with the folders that only their paths name.
pub const MOST_NODES: usize = 400_000;
/// The longest path in an archive, in bytes (contract, section 7).
pub const LONGEST_PATH: usize = 4_096;
/// The largest central directory of a zip, in bytes (contract, section 7).
pub const CENTRAL: u64 = 256 << 20;
/// How many bytes may come out of one (contract, section 7) …
pub const RATIO: u64 = 1_000;
/// … beyond this many.
pub const RATIO_BEYOND: u64 = 64 << 20;
/// The largest entry whose content is checked while the archive is opened, in bytes.
pub const VERIFIED: u64 = 64 << 20;
/// What is checked so of one archive, in bytes.
pub const VERIFIED_ALL: u64 = 256 << 20;
/// The largest packed file that is inflated into memory where a reader goes back, in bytes.
pub const IN_MEMORY: u64 = 64 << 20;
/// How much of a packed file stays in memory from its begin, and as much from its end, in bytes.
pub const ENDS: usize = 4 << 20;
/// The largest file of a tar that is kept when it passes by, in bytes …
pub const KEPT: u64 = 4 << 20;
/// … and what all kept ones hold together.
pub const KEPT_ALL: u64 = 64 << 20;
/// The largest MANIFEST.json, model-config.yaml and config.properties, in bytes.
pub const LARGEST_TEXT: u64 = 4 << 20;
/// How deep lists and mappings may stand within each other (contract, section 7).
pub const DEEPEST: usize = 128;
/// How many values all aliases of a YAML document together may stand for.
pub const MOST_COPIES: usize = 10_000;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::new(
        "entries of a model archive",
        Amount::count(MOST_ENTRIES),
        Past::Unknown,
        "crates/mar/src/limits.rs::an_archive_has_200_000_entries",
    ),
    Limit::new(
        "files and folders of a model archive",
        Amount::count(MOST_NODES),
        Past::Unknown,
        "crates/mar/src/limits.rs::an_archive_makes_400_000_files_and_folders",
    ),
    Limit::new(
        "path in a model archive",
        Amount::bytes(LONGEST_PATH),
        Past::Unknown,
        "crates/mar/src/limits.rs::a_path_in_an_archive_has_4096_bytes",
    ),
    Limit::new(
        "central directory of a model archive",
        Amount::Bytes(CENTRAL),
        Past::Unknown,
        "crates/mar/src/limits.rs::the_central_directory_has_256_mib",
    ),
    Limit::new(
        "inflated to deflated in a model archive",
        Amount::Ratio { to_one: RATIO, beyond: RATIO_BEYOND },
        Past::Unknown,
        "crates/mar/src/limits.rs::a_thousand_comes_out_of_one",
    ),
    Limit::new(
        "MANIFEST.json, model-config.yaml or config.properties",
        Amount::Bytes(LARGEST_TEXT),
        Past::Unknown,
        "crates/mar/src/limits.rs::a_text_has_4_mib",
    ),
    Limit::new(
        "lists and mappings of a manifest or model-config.yaml that stand within each other",
        Amount::count(DEEPEST),
        Past::Unknown,
        "crates/mar/src/limits.rs::values_stand_128_deep",
    ),
    Limit::new(
        "values that the aliases of a model-config.yaml stand for",
        Amount::count(MOST_COPIES),
        Past::Unknown,
        "crates/mar/src/limits.rs::aliases_stand_for_10_000_values",
    ),
    Limit::new(
        "Python source of an archive or an image",
        Amount::bytes(envdiff_python::limits::SOURCE),
        Past::Unknown,
        "crates/python/tests/hostile.rs::the_bounds_are_cpythons_where_it_has_them",
    ),
    Limit::new(
        "brackets of Python source that stand within each other",
        Amount::count(envdiff_python::limits::BRACKETS),
        Past::Unknown,
        "crates/python/tests/hostile.rs::the_bounds_are_cpythons_where_it_has_them",
    ),
    Limit::new(
        "statements and expressions of Python source that stand within each other",
        Amount::count(envdiff_python::limits::DEPTH),
        Past::Unknown,
        "crates/python/tests/hostile.rs::what_is_as_deep_as_the_bound_is_dropped_without_overflow",
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::io::Write as _;

    use super::*;
    use crate::container::{Archive, Contents};
    use crate::ending::{Found, How};
    use crate::manifest::{self, MANIFEST};
    use crate::{Version, model_config};

    /// A zip of empty stored entries, without a central directory.
    fn zip(names: impl IntoIterator<Item = String>) -> Vec<u8> {
        let mut out = Vec::new();
        for name in names {
            out.extend_from_slice(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
            out.extend_from_slice(&[0; 12]);
            out.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(name.as_bytes());
        }
        out
    }

    fn unpack(bytes: Vec<u8>) -> Found<Contents> {
        Archive::of_bytes("a.mar", bytes).unpack(Version::NEWEST, false)
    }

    fn is_unknown<T>(found: &Found<T>) -> bool {
        found.endings.first().is_some_and(|ending| ending.how == How::Unknown)
    }

    #[test]
    fn an_archive_has_200_000_entries() {
        let entries = |count: usize| zip((0..count).map(|_| "a".to_owned()));
        assert!(!is_unknown(&unpack(entries(MOST_ENTRIES))));
        assert!(is_unknown(&unpack(entries(MOST_ENTRIES + 1))));
    }

    #[test]
    fn an_archive_makes_400_000_files_and_folders() {
        // The root is one; each name makes ten.
        let name = |at: usize| format!("{at}/b/c/d/e/f/g/h/i/j");
        assert!(!is_unknown(&unpack(zip((0..MOST_NODES / 10 - 1).map(name)))));
        assert!(is_unknown(&unpack(zip((0..MOST_NODES / 10).map(name)))));
    }

    #[test]
    fn a_path_in_an_archive_has_4096_bytes() {
        let path = |len: usize| "a/".repeat(len / 2 - 1) + &"b".repeat(len - 2 * (len / 2 - 1));
        assert!(!is_unknown(&unpack(zip([path(LONGEST_PATH)]))));
        assert!(is_unknown(&unpack(zip([path(LONGEST_PATH + 1)]))));
    }

    #[test]
    fn the_central_directory_has_256_mib() {
        let end = |len: u64| {
            let mut out = zip(["a".to_owned()]);
            out.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
            out.extend_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
            out.extend_from_slice(&[0; 6]);
            unpack(out).troubles[0].what.to_lossy().into_owned()
        };
        assert!(end(CENTRAL).contains("damaged"));
        assert!(end(CENTRAL + 1).contains("larger than 256 MiB"));
    }

    /// Deflated zeros that are written to a pipe, so that their length is not known before.
    fn zeros(mib: usize) -> Vec<u8> {
        let mut out = b"PK\x03\x04\x14\0\x08\0\x08\0\0\0\0\0".to_vec();
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(b"\x01\0\0\0a");
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(9));
        let mut crc = flate2::Crc::new();
        for _ in 0..mib {
            let part = vec![0; 1 << 20];
            crc.update(&part);
            packed.write_all(&part).unwrap();
        }
        let packed = packed.finish().unwrap();
        out.extend_from_slice(&packed);
        for word in [crc.sum(), u32::try_from(packed.len()).unwrap(), u32::try_from(mib << 20).unwrap()] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        // What Java reads ahead where no signature stands before the descriptor.
        out.extend_from_slice(&[0; 4]);
        out
    }

    #[test]
    fn a_thousand_comes_out_of_one() {
        let mib = usize::try_from(RATIO_BEYOND >> 20).unwrap();
        assert!(!is_unknown(&unpack(zeros(mib))));
        assert!(is_unknown(&unpack(zeros(mib + 8))));
    }

    #[test]
    fn a_text_has_4_mib() {
        let text = |len: u64| format!("{{}}{}", " ".repeat(usize::try_from(len).unwrap() - 2));
        let read =
            |len: u64| manifest::read(&Contents::of(&[(MANIFEST, text(len).as_bytes())]), Version::NEWEST);
        assert!(!is_unknown(&read(LARGEST_TEXT)));
        assert!(is_unknown(&read(LARGEST_TEXT + 1)));
    }

    fn config(text: &str) -> Found<model_config::ModelConfig> {
        let named = br#"{"model": {"configFile": "c"}}"#;
        let contents = Contents::of(&[(MANIFEST, named), ("c", text.as_bytes())]);
        let manifest = manifest::read(&contents, Version::NEWEST).facts;
        model_config::read(&contents, &manifest, Version::NEWEST)
    }

    #[test]
    fn values_stand_128_deep() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let json = |depth: usize| {
            let text = format!("{{\"a\": {}}}", nested(depth));
            manifest::read(&Contents::of(&[(MANIFEST, text.as_bytes())]), Version::NEWEST)
        };
        for (depth, wanted) in [(DEEPEST - 1, false), (DEEPEST + 1, true)] {
            assert_eq!(is_unknown(&json(depth)), wanted, "{depth}");
            assert_eq!(is_unknown(&config(&format!("a: {}", nested(depth)))), wanted, "{depth}");
        }
    }

    #[test]
    fn aliases_stand_for_10_000_values() {
        let aliases = |count: usize| format!("a: &a 1\nb: [{}]\n", vec!["*a"; count].join(","));
        assert!(!is_unknown(&config(&aliases(MOST_COPIES))));
        assert!(is_unknown(&config(&aliases(MOST_COPIES + 1))));
    }
}
