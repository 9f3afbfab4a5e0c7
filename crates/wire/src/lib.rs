//! What is published and read again: nouns of the model go in, JSON of a stated version comes out, and back.
//!
//! An inner change never reaches a user: the published shapes are structs of their own, version by version ([`v1`]).
//! Within a version keys are only added.

mod error;
mod json;
pub mod limits;
mod mask;
mod mirror;
mod string;
pub mod v1;

pub use error::SnapshotError;
pub use limits::REPORT_STRING;
pub use mask::{MASK, is_secret_name, mask_urls};
pub use v1::{read_snapshot, write_report, write_snapshot};

/// The name of the tool in what it writes.
pub const TOOL: &str = "envdiff";
/// The version of the tool in what it writes.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
