//! Any bytes come in, as a lock of one format and what lies beside it; that reading and selecting ends without a panic is what is
//! asked. What the fuzz targets call.

use envdiff_packaging::file::{self, ReadError};

use crate::registry::Input;
use crate::{Environment, FORMATS, Reader, Wishes};

/// What lies beside the lock, whatever it is called.
struct Beside<'a>(&'a [u8]);

impl file::Reader for Beside<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        if path == "lock" { Err(ReadError::Absent) } else { Ok(self.0.to_vec()) }
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn is_folder(&self, _: &str) -> bool {
        false
    }
}

impl Reader for Beside<'_> {
    fn list(&self, _: &str) -> Result<Vec<String>, ReadError> {
        Ok(Vec::new())
    }
}

/// Reads bytes as a lock of a format, whether or not it is one, and selects from it. What stands behind the first `\x1e` lies beside
/// it (a `pyproject.toml`, a `requirements.txt`).
pub fn read(format: &str, bytes: &[u8]) {
    let split = bytes.iter().position(|byte| *byte == 0x1e).unwrap_or(bytes.len());
    let (lock, beside) = bytes.split_at_checked(split).unwrap_or((bytes, &[]));
    let reader = Beside(beside.get(1..).unwrap_or(&[]));
    let Some(format) = FORMATS.iter().find(|known| known.id == format) else { return };
    let input = Input { path: "lock", bytes: lock.to_vec(), reader: &reader, format: format.id };
    let Ok(opened) = (format.open)(input) else { return };
    let offers = opened.offers();
    let wishes = [
        Wishes::default(),
        Wishes { all_groups: true, all_extras: true, all_packages: true, ..Wishes::default() },
        Wishes {
            only_groups: offers.groups.iter().take(1).cloned().collect(),
            extras: offers.extras.iter().take(1).cloned().collect(),
            packages: offers.packages.iter().take(1).cloned().collect(),
            ..Wishes::default()
        },
    ];
    let environments = [
        Environment::named(Some("3.11"), Some("linux-x86_64")).unwrap_or_else(|_| Environment::unknown()),
        Environment::unknown(),
    ];
    for environment in &environments {
        for wishes in &wishes {
            if let Ok(chosen) = opened.select(environment, wishes) {
                for at in 0..chosen.requirements.len().min(8) {
                    opened.hashes(at);
                }
            }
        }
    }
}
