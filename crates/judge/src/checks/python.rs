//! The interpreter against the lock and against what is installed.

pub(crate) mod interpreter_missing;
pub(crate) mod locale_not_utf8;
pub(crate) mod lock_for_another_platform;
pub(crate) mod lock_for_another_python;
pub(crate) mod package_requires_newer_python;
