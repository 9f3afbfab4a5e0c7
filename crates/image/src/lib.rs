//! Targets that answer questions: what the user named goes in, an opened [`Source`](envdiff_files::Source) with the
//! image's configuration comes out. Nothing of an image's code is run.

mod error;
mod open;
mod spec;

pub use error::ImageError;
pub use open::{Begin, Events, Files, OpenOptions, Opened, ReadBy};
pub use spec::TargetSpec;
