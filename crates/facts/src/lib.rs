//! A version, a name, a capability comes in; what is known of it, with its source, and what the rules of NVIDIA and
//! torch say about two of them come out.
//!
//! The tables are the files under `data/`; the build script turns them into statics, so that nothing is parsed at
//! start. What a table does not hold is not guessed: a lookup is `None`, a verdict is `Unknown` with its reason.

pub mod bad_pairs;
pub mod companions;
pub mod conda;
pub mod coverage;
pub mod cuda;
pub mod cudnn;
pub mod drivers;
pub mod glibc;
pub mod gpus;
pub mod imports;
pub mod java;
pub mod module_names;
pub mod native;
pub mod numpy;
pub mod pkg_resources;
pub mod platforms;
pub mod require;
pub mod shared_files;
pub mod stdlib;
pub mod torch;
mod versions;

pub use versions::{Capability, CudaVersion, DriverVersion, Minor, Numbers, Reach, Target, Variant};
