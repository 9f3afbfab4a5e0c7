//! C library, C++ library, extension modules and the libraries that they need.

pub(crate) mod cudnn8_needed_cudnn9_present;
pub(crate) mod cudnn_subset_mixed;
pub(crate) mod executable_stack;
pub(crate) mod glibc_too_old;
pub(crate) mod libstdcxx_too_old;
pub(crate) mod machine_differs;
pub(crate) mod musl_image_with_glibc_wheels;
pub(crate) mod numpy_abi_mismatch;
pub(crate) mod shared_library_missing;
pub(crate) mod system_libraries_shadow_wheels;
