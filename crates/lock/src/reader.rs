//! What the readers of locks ask of the machine.

use envdiff_packaging::file::{self, ReadError};

/// What the readers of locks ask of the machine; tests replace it.
pub trait Reader: file::Reader {
    /// The names in a folder.
    ///
    /// # Errors
    /// [`ReadError`], absent and unreadable apart.
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError>;
}
