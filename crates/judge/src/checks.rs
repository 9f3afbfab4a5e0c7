//! The checks, one file each, by family: what each looks at comes in as a case, what it says comes out.

pub(crate) mod archive;
pub(crate) mod gpu;
pub(crate) mod installed;
pub(crate) mod native;
pub(crate) mod packages;
pub(crate) mod python;
pub(crate) mod told;
pub(crate) mod torch;
pub(crate) mod training;
