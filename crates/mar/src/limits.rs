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
/// The largest packed file that is kept in memory while it is read, in bytes.
pub const IN_MEMORY: u64 = 64 << 20;
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
];
