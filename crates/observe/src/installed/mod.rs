//! A Python environment comes in; what its packages do to each other comes out: files that several of them own, modules
//! that a file earlier on `sys.path` hides.

mod hidden;
mod overwritten;
pub mod record;

pub(crate) use hidden::derive as hidden;
pub(crate) use overwritten::derive as overwritten;
