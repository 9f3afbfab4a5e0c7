//! The one list of lock formats.

use envdiff_model::Lock;

use crate::recognise::Look;
use crate::{LockError, ReadAsChoice, Reader, requirements};

/// What a reader of a format makes of a file: the lock, and what its installer would stop at.
pub(crate) type Reading = Result<(Lock, Option<LockError>), LockError>;

/// A lock format.
pub struct Format {
    /// What `Lock::format` and JSON say.
    pub id: &'static str,
    /// One line: what it is and who writes it.
    pub title: &'static str,
    /// One line: how its content is recognised.
    pub recognised: &'static str,
    pub(crate) is: fn(&Look) -> bool,
    pub(crate) read: fn(&str, &[u8], &dyn Reader, ReadAsChoice) -> Reading,
}

/// Every format, in the order in which a file is tried; the last takes what is text and nothing else.
pub static FORMATS: &[Format] = &[Format {
    id: "requirements",
    title: "requirements file of pip: pip freeze, pip-compile, uv pip compile, uv export, poetry export, by hand",
    recognised: "text that is none of the other formats",
    is: requirements::is,
    read: requirements::read,
}];
