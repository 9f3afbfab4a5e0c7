//! A shell script to the programs that it can end in: read as far as `sh` and `bash` scripts of the usual shape go.

mod builtin;
mod condition;
mod early;
mod expand;
mod parse;
mod pattern;
mod syntax;
mod walk;
mod words;

pub use parse::parse;
pub use syntax::Script;
pub(crate) use walk::{environment_after, follow};
