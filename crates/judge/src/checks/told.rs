//! What the image's own interpreter said when it was started (`--exec`), against what was read.

pub(crate) mod exec_differs;
pub(crate) mod exec_failed;
pub(crate) mod exec_gpus_unavailable;
