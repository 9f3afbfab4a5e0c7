//! The lock's requirements against what is installed.

pub(crate) mod build_differs;
pub(crate) mod package_missing;
pub(crate) mod package_not_in_lock;
pub(crate) mod requirement_invalid;
pub(crate) mod source_mismatch;
pub(crate) mod undetermined;
pub(crate) mod version_mismatch;
