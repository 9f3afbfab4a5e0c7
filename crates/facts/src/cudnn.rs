//! A cuDNN and a CUDA version come in; the driver and the GPUs of that cuDNN come out.

use crate::{Capability, CudaVersion, DriverVersion, Minor};

include!(concat!(env!("OUT_DIR"), "/cudnn.rs"));

/// A range of cuDNN minors built for a range of CUDA minors.
#[derive(Debug)]
pub struct Line {
    /// The first and last minor of cuDNN.
    pub versions: (Minor, Minor),
    /// The first and last minor of CUDA.
    pub cuda: (CudaVersion, CudaVersion),
    /// The oldest driver.
    pub min_driver: DriverVersion,
    /// The lowest and highest capability of its support matrix.
    pub capabilities: (Capability, Capability),
    /// The soname of the library.
    pub soname: &'static str,
    /// What else is to be known.
    pub note: Option<&'static str>,
    /// Whether a part of the row was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

impl Line {
    /// Whether the support matrix lists GPUs of this capability.
    #[must_use]
    pub fn supports(&self, capability: Capability) -> bool {
        self.capabilities.0 <= capability && capability <= self.capabilities.1
    }
}

/// The line of a cuDNN version (`9.1.0.70`) built for a CUDA; `None` for one that the table does not know.
#[must_use]
pub fn line(cudnn: &str, cuda: CudaVersion) -> Option<&'static Line> {
    let minor = Minor::of(cudnn)?;
    LINES.iter().find(|line| {
        line.versions.0 <= minor && minor <= line.versions.1 && line.cuda.0 <= cuda && cuda <= line.cuda.1
    })
}
