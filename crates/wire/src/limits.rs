//! What published JSON is cut at, as the constant that the writers use and as a row of `docs/limits.md`.

use envdiff_model::{Amount, Limit, Past};

/// The most characters of one string in a report (contract, section 7); what is cut ends in `…`.
pub const REPORT_STRING: usize = 4_096;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[Limit::new(
    "a string in a report",
    Amount::characters(REPORT_STRING),
    Past::Cut,
    "tests/tests/cli.rs::a_string_in_a_report_has_at_most_4096_characters",
)];
