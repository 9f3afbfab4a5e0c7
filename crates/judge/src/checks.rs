//! The checks, one file each, by family: what each looks at comes in as a case, what it says comes out.

pub(crate) mod installed;
pub(crate) mod packages;
pub(crate) mod python;
pub(crate) mod training;
