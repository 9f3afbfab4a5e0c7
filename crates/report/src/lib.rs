//! A report goes in, its text in one of the registered formats comes out of the `Write` that was given.
//!
//! Nothing here decides anything: verdicts and findings arrive made. Foreign text is escaped in one place, [`escape`] for
//! what people read and `envdiff-wire` for JSON.

mod columns;
pub mod escape;
pub mod inspect;
mod json;
pub mod lock;
mod registry;
mod stack;
mod terminal;
mod view;

pub use registry::{FORMATS, Format, find};
pub use terminal::wrapped;
pub use view::{Cost, Detail, View};
