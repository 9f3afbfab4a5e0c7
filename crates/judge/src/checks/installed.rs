//! What is installed against itself.

pub(crate) mod conda_record_stale;
pub(crate) mod editable_install_in_image;
pub(crate) mod files_overwritten_by_another_package;
pub(crate) mod import_name_shadowed;
pub(crate) mod known_bad_pair;
pub(crate) mod metadata_unreadable;
pub(crate) mod pip_disagrees;
pub(crate) mod prerelease_in_image;
pub(crate) mod requirement_of_installed_package_broken;
pub(crate) mod same_package_twice;
pub(crate) mod setuptools_without_pkg_resources;
pub(crate) mod wheel_file_changed;
pub(crate) mod wheel_for_another_python_or_platform;
