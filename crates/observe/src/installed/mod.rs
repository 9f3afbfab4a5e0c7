//! A Python environment comes in; what its packages do to each other comes out: files that several of them own, modules
//! that a file earlier on `sys.path` hides, folders of those that are installed in place, and files that are not what their
//! RECORD says.

mod hidden;
mod in_place;
mod overwritten;
pub mod record;
mod verified;

pub(crate) use hidden::derive as hidden;
pub(crate) use in_place::derive as in_place;
pub(crate) use overwritten::derive as overwritten;
pub use verified::derive as verified;
