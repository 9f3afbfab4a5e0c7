//! Whole-command tests, house tests and real-engine tests; see the files beside `Cargo.toml`.
