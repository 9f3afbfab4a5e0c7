//! A Python environment comes in; what its packages do to each other comes out: files that several of them own, modules
//! that a file earlier on `sys.path` hides, folders of those that are installed in place.

mod hidden;
mod in_place;
mod overwritten;
pub mod record;

pub(crate) use hidden::derive as hidden;
pub(crate) use in_place::derive as in_place;
pub(crate) use overwritten::derive as overwritten;
