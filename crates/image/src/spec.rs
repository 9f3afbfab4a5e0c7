//! A TARGET as the user writes it, to what it means (contract, section 1).

use std::path::PathBuf;

/// What a TARGET names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// `name[:tag][@digest]`, an id, or `docker:…`.
    Docker(String),
    /// `container:NAME`
    Container(String),
    /// `archive:FILE[:NAME:TAG]` or a path with an archive's suffix.
    Archive {
        /// The file.
        file: PathBuf,
        /// Which image in it.
        image: Option<String>,
    },
    /// `oci:DIR[:TAG]` or a folder with `oci-layout` in it.
    Oci {
        /// The folder.
        dir: PathBuf,
        /// Which image in it.
        tag: Option<String>,
    },
    /// `dir:DIR` or any other folder.
    Dir(PathBuf),
    /// `snapshot:FILE`
    Snapshot(PathBuf),
}
