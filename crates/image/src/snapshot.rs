//! `snapshot:`: a file that `envdiff inspect` wrote in, the snapshot out.

use std::path::Path;

use envdiff_model::{Snapshot, TargetKind};

use crate::ImageError;
use crate::disk::bytes_of;
use crate::folder::read_file;
use crate::limits::SNAPSHOT;

/// Reads a snapshot. The target in it becomes this file: what was audited here is what the file tells.
///
/// # Errors
/// When the file cannot be read or is no snapshot of a schema that this version knows.
pub(crate) fn open(file: &Path) -> Result<Snapshot, ImageError> {
    let json = read_file(file, SNAPSHOT)?;
    let mut snapshot = envdiff_wire::read_snapshot(&json)
        .map_err(|error| ImageError::NotASnapshot { path: file.to_owned(), why: error.to_string() })?;
    snapshot.target.kind = TargetKind::Snapshot;
    snapshot.target.name = bytes_of(file).into();
    snapshot.target.gathered_by = "snapshot";
    Ok(snapshot)
}
