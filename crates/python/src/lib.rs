//! Python source comes in; a tree of what it does comes out, or the place where this Python's grammar refuses it. The one user
//! of the Python parser.

mod check;
mod encoding;
pub mod limits;
mod lower;
pub mod outline;
mod parse;
mod place;
mod refusal;
mod scan;
pub mod tree;
mod words;

pub use parse::parse;
pub use refusal::{Class, Kind, Refusal, Version};
