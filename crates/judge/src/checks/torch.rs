//! torch against its companions, its CUDA libraries, the lock, and what TorchServe needs.

pub(crate) mod bitsandbytes_lacks_cuda_library;
pub(crate) mod companion_built_for_another_torch;
pub(crate) mod companion_of_another_variant;
pub(crate) mod cxx11_abi_mismatch;
pub(crate) mod extension_built_for_another_torch;
pub(crate) mod java_missing;
pub(crate) mod java_too_old;
pub(crate) mod nvidia_wheel_missing;
pub(crate) mod nvidia_wheel_version_differs;
pub(crate) mod nvidia_wheels_of_two_majors;
pub(crate) mod python_too_new_for_torch;
pub(crate) mod torch_cuda_build_without_gpu_host;
pub(crate) mod torch_is_cpu_only;
pub(crate) mod torch_variant_differs_from_lock;
pub(crate) mod torchserve_needs_package;
pub(crate) mod triton_version_differs;

use crate::case::Case;
use crate::needs::Edge;

/// Whether a check of this family tells what a broken requirement means, and more of it than that it is broken.
pub(crate) fn tells(case: &Case<'_>, edge: &Edge<'_>) -> bool {
    nvidia_wheel_missing::tells(case, edge)
        || nvidia_wheel_version_differs::tells(case, edge)
        || triton_version_differs::tells(case, edge)
        || companion_built_for_another_torch::tells(case, edge)
        || torchserve_needs_package::tells(case, edge)
}
