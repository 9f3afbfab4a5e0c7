//! What is installed against itself.

pub(crate) mod conda_record_stale;
pub(crate) mod metadata_unreadable;
pub(crate) mod pip_disagrees;
pub(crate) mod requirement_of_installed_package_broken;
pub(crate) mod same_package_twice;
