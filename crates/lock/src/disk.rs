//! Paths come in; what this machine has there comes out: files, standard input, environment variables.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use envdiff_packaging::file::{self, MOST_BYTES, ReadError};

use crate::Reader;

/// This machine. Standard input is read once, whoever asks for it.
#[derive(Debug, Default)]
pub struct Disk {
    standard_input: OnceCell<Result<Vec<u8>, ReadError>>,
}

impl Disk {
    /// This machine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

fn refused(error: &io::Error) -> ReadError {
    match error.kind() {
        // A component that is a file: nothing can be there.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::Absent,
        _ => ReadError::Unreadable(error.to_string()),
    }
}

fn bounded(source: impl io::Read) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    source.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| refused(&error))?;
    if bytes.len() > MOST_BYTES { Err(ReadError::TooLarge) } else { Ok(bytes) }
}

impl file::Reader for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        if path == "-" {
            return self.standard_input.get_or_init(|| bounded(io::stdin().lock())).clone();
        }
        // A FIFO is read too: `<(pip freeze)` is one.
        bounded(File::open(path).map_err(|error| refused(&error))?)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn is_folder(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }

    fn folder(&self) -> String {
        std::env::current_dir()
            .ok()
            .and_then(|path| path.into_os_string().into_string().ok())
            .unwrap_or_default()
    }
}

impl Reader for Disk {
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        /// More names than any project has at its top.
        const MOST_NAMES: usize = 200_000;
        let entries = std::fs::read_dir(path).map_err(|error| refused(&error))?;
        Ok(entries.take(MOST_NAMES).filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    }
}
