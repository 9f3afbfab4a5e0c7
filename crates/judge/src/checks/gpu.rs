//! The CUDA of an image against the drivers and GPUs that it will meet.

pub(crate) mod compat_library_shadows_newer_driver;
pub(crate) mod compat_not_usable_on_geforce;
pub(crate) mod cuda_stub_in_loader_path;
pub(crate) mod cudnn_lacks_gpu;
pub(crate) mod driver_branch_end_of_life;
pub(crate) mod driver_capabilities_lack_compute;
pub(crate) mod driver_dropped_gpu;
pub(crate) mod driver_older_than_toolkit;
pub(crate) mod driver_too_old_for_cuda;
pub(crate) mod gpu_not_in_torch_arch_list;
pub(crate) mod gpu_runs_through_ptx_jit;
pub(crate) mod libcuda_baked_into_image;
pub(crate) mod nvidia_disable_require_not_a_boolean;
pub(crate) mod nvidia_require_contradicts_torch;
pub(crate) mod nvidia_require_disabled;
pub(crate) mod nvidia_require_malformed;
pub(crate) mod nvidia_require_unsatisfied;
pub(crate) mod triton_too_old_gpu;
pub(crate) mod visible_devices_not_set;
pub(crate) mod wsl_driver_numbers;
