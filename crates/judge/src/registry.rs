//! The one list of checks: id, default severity, family, title, page, and the rule itself.

use envdiff_model::Severity;

use crate::case::{Case, Spoken};
use crate::checks;

/// A check.
pub struct Check {
    /// Names the fault, in kebab case; what `--ignore` and `explain` take.
    pub id: &'static str,
    /// The level of its findings where the check itself does not say otherwise.
    pub severity: Severity,
    /// The folder that holds it.
    pub family: &'static str,
    /// One line: what is so when it speaks.
    pub title: &'static str,
    /// Its page, Markdown.
    pub page: &'static str,
    pub(crate) listen: fn(&Case<'_>) -> Vec<Spoken>,
}

macro_rules! check {
    ($family:ident::$file:ident, $id:literal, $severity:ident, $title:literal) => {
        Check {
            id: $id,
            severity: Severity::$severity,
            family: stringify!($family),
            title: $title,
            page: include_str!(concat!("checks/", stringify!($family), "/", stringify!($file), ".md")),
            listen: checks::$family::$file::listen,
        }
    };
}

/// Every check, in the order in which findings of one level and place are told.
#[rustfmt::skip]
pub static CHECKS: &[Check] = &[
    check!(python::interpreter_missing, "interpreter-missing", Error, "The image has no Python to hold the lock against"),
    check!(python::lock_for_another_python, "lock-for-another-python", Warning, "The lock was made for another Python than the image's"),
    check!(python::lock_for_another_platform, "lock-for-another-platform", Warning, "The lock was made on another system than the image's"),
    check!(packages::package_missing, "package-missing", Error, "A package of the lock is not installed"),
    check!(packages::version_mismatch, "version-mismatch", Error, "Another version is installed than the lock wants"),
    check!(packages::source_mismatch, "source-mismatch", Error, "A package was installed from another place than the lock names"),
    check!(packages::requirement_invalid, "requirement-invalid", Error, "A line of the lock is one that no installer takes"),
    check!(native::glibc_too_old, "glibc-too-old", Error, "An extension module needs a newer glibc than the image has"),
    check!(native::libstdcxx_too_old, "libstdcxx-too-old", Error, "An extension module needs a newer libstdc++ than it gets"),
    check!(native::shared_library_missing, "shared-library-missing", Error, "An extension module needs a library that the loader would not find"),
    check!(native::musl_image_with_glibc_wheels, "musl-image-with-glibc-wheels", Error, "Extension modules are built for glibc and the image has musl"),
    check!(native::machine_differs, "machine-differs", Error, "Extension modules are built for another processor"),
    check!(native::executable_stack, "executable-stack", Warning, "A library wants an executable stack, which the image's glibc refuses"),
    check!(native::numpy_abi_mismatch, "numpy-abi-mismatch", Error, "A package was built for numpy 1 and numpy 2 is installed"),
    check!(native::system_libraries_shadow_wheels, "system-libraries-shadow-wheels", Warning, "LD_LIBRARY_PATH leads to another cuDNN or NCCL than the one torch brings"),
    check!(native::cudnn_subset_mixed, "cudnn-subset-mixed", Error, "Parts of cuDNN would be taken from another version"),
    check!(native::cudnn8_needed_cudnn9_present, "cudnn8-needed-cudnn9-present", Error, "A package needs cuDNN 8 and the image has cuDNN 9"),
    check!(packages::undetermined, "undetermined", Warning, "Something could not be told, so a check could not speak"),
    check!(packages::build_differs, "build-differs", Note, "The version is right, and it is a particular build of it"),
    check!(packages::package_not_in_lock, "package-not-in-lock", Note, "Packages are installed that the lock does not name"),
    check!(python::package_requires_newer_python, "package-requires-newer-python", Warning, "An installed package wants a newer Python than the image's"),
    check!(installed::requirement_of_installed_package_broken, "requirement-of-installed-package-broken", Warning, "An installed package requires another one that is missing or of another version"),
    check!(installed::same_package_twice, "same-package-twice", Warning, "Several copies of one package are installed"),
    check!(installed::metadata_unreadable, "metadata-unreadable", Warning, "The metadata of an installed package cannot be read"),
    check!(installed::pip_disagrees, "pip-disagrees", Note, "The image's own pip tells another story than its interpreter"),
    check!(installed::known_bad_pair, "known-bad-pair", Error, "Two packages are installed of which one cannot be imported beside the other"),
    check!(installed::setuptools_without_pkg_resources, "setuptools-without-pkg-resources", Error, "A package imports pkg_resources, which is not there"),
    check!(installed::wheel_for_another_python_or_platform, "wheel-for-another-python-or-platform", Warning, "An installed wheel was built for another Python or machine than the image's"),
    check!(installed::files_overwritten_by_another_package, "files-overwritten-by-another-package", Warning, "Several installed packages own the same file with different content"),
    check!(installed::wheel_file_changed, "wheel-file-changed", Warning, "Files of an installed package are missing or not what its RECORD says (--verify)"),
    check!(installed::import_name_shadowed, "import-name-shadowed", Warning, "A file earlier on sys.path hides a module of the standard library or of a package"),
    check!(installed::editable_install_in_image, "editable-install-in-image", Error, "A package is installed in place from a folder that is not in the image"),
    check!(installed::prerelease_in_image, "prerelease-in-image", Note, "A pre-release is installed"),
    check!(training::numpy_major_differs_from_training, "numpy-major-differs-from-training", Warning, "Another major version of numpy is installed than in training"),
    check!(training::cudnn_differs_from_training, "cudnn-differs-from-training", Note, "torch loads another cuDNN than in training"),
    check!(installed::conda_record_stale, "conda-record-stale", Note, "conda's record tells another version than what is installed"),
    check!(gpu::driver_too_old_for_cuda, "driver-too-old-for-cuda", Error, "The driver is too old for the CUDA that torch is built for"),
    check!(gpu::driver_older_than_toolkit, "driver-older-than-toolkit", Note, "The driver is older than torch's CUDA and runs it with limits"),
    check!(gpu::driver_dropped_gpu, "driver-dropped-gpu", Error, "The driver does not drive the machine's GPU any more"),
    check!(gpu::driver_branch_end_of_life, "driver-branch-end-of-life", Note, "The branch of the driver is not supported any more"),
    check!(gpu::gpu_not_in_torch_arch_list, "gpu-not-in-torch-arch-list", Error, "torch has no code for the machine's GPU"),
    check!(gpu::gpu_runs_through_ptx_jit, "gpu-runs-through-ptx-jit", Warning, "torch has only PTX for the machine's GPU, to be compiled at first use"),
    check!(gpu::cudnn_lacks_gpu, "cudnn-lacks-gpu", Error, "The cuDNN that torch loads has no code for the machine's GPU"),
    check!(gpu::triton_too_old_gpu, "triton-too-old-gpu", Warning, "Triton does not compile for the machine's GPU"),
    check!(gpu::nvidia_require_unsatisfied, "nvidia-require-unsatisfied", Warning, "The machine is none that the image's NVIDIA_REQUIRE_* asks for"),
    check!(gpu::nvidia_require_malformed, "nvidia-require-malformed", Warning, "A condition of NVIDIA_REQUIRE_* is one that the NVIDIA hook cannot read"),
    check!(gpu::nvidia_disable_require_not_a_boolean, "nvidia-disable-require-not-a-boolean", Warning, "NVIDIA_DISABLE_REQUIRE is meant to be true and counts as false"),
    check!(gpu::nvidia_require_disabled, "nvidia-require-disabled", Note, "The image switches the check of its own requirements off"),
    check!(gpu::nvidia_require_contradicts_torch, "nvidia-require-contradicts-torch", Note, "The image asks hosts for another CUDA than torch is built for"),
    check!(gpu::visible_devices_not_set, "visible-devices-not-set", Note, "The image asks for no GPU, or hides them"),
    check!(gpu::driver_capabilities_lack_compute, "driver-capabilities-lack-compute", Warning, "NVIDIA_DRIVER_CAPABILITIES leaves out what torch or TorchServe needs"),
    check!(gpu::compat_library_shadows_newer_driver, "compat-library-shadows-newer-driver", Error, "Compatibility libraries hide a newer driver"),
    check!(gpu::compat_not_usable_on_geforce, "compat-not-usable-on-geforce", Error, "Compatibility libraries are needed, or taken, on a GPU on which they do not work"),
    check!(gpu::libcuda_baked_into_image, "libcuda-baked-into-image", Error, "Libraries of a driver lie in the image"),
    check!(gpu::cuda_stub_in_loader_path, "cuda-stub-in-loader-path", Error, "A stub of libcuda is on the loader's path"),
    check!(gpu::wsl_driver_numbers, "wsl-driver-numbers", Note, "The driver is that of Windows, numbered otherwise"),
    check!(torch::java_missing, "java-missing", Error, "TorchServe is installed and finds no Java"),
    check!(torch::java_too_old, "java-too-old", Error, "The Java that TorchServe starts is older than it needs"),
    check!(torch::torchserve_needs_package, "torchserve-needs-package", Error, "A package that TorchServe imports at its start is missing"),
    check!(torch::python_too_new_for_torch, "python-too-new-for-torch", Error, "No wheel of this torch is for the image's Python"),
    check!(torch::nvidia_wheel_missing, "nvidia-wheel-missing", Warning, "CUDA wheels that torch requires are not installed"),
    check!(torch::nvidia_wheel_version_differs, "nvidia-wheel-version-differs", Warning, "A CUDA wheel is of another version than torch pins"),
    check!(torch::companion_built_for_another_torch, "companion-built-for-another-torch", Error, "torchvision, torchaudio or torchtext was built for another torch"),
    check!(torch::companion_of_another_variant, "companion-of-another-variant", Error, "torchvision or torchaudio was built for another CUDA than torch"),
    check!(torch::extension_built_for_another_torch, "extension-built-for-another-torch", Error, "The label of an extension names another torch or CUDA"),
    check!(torch::cxx11_abi_mismatch, "cxx11-abi-mismatch", Error, "An extension was built with the other C++ ABI than torch"),
    check!(torch::bitsandbytes_lacks_cuda_library, "bitsandbytes-lacks-cuda-library", Warning, "bitsandbytes carries no library for the CUDA of torch"),
    check!(torch::torch_is_cpu_only, "torch-is-cpu-only", Warning, "torch is a CPU build where lock or machine say GPU"),
    check!(torch::torch_variant_differs_from_lock, "torch-variant-differs-from-lock", Warning, "torch is of the right version and built for another CUDA than the lock's"),
    check!(torch::triton_version_differs, "triton-version-differs", Warning, "triton is of another version than torch pins"),
    check!(torch::nvidia_wheels_of_two_majors, "nvidia-wheels-of-two-majors", Note, "CUDA wheels of another major are left behind"),
    check!(torch::torch_cuda_build_without_gpu_host, "torch-cuda-build-without-gpu-host", Note, "torch is a CUDA build and the machine has no GPU"),
    check!(python::locale_not_utf8, "locale-not-utf8", Note, "An old Python reads and writes text as ASCII in the image's locale"),
    check!(told::exec_differs, "exec-differs", Warning, "The image's own interpreter tells another story than its files"),
    check!(told::exec_failed, "exec-failed", Note, "The image's own interpreter could not be asked, or did not answer"),
    check!(told::exec_gpus_unavailable, "exec-gpus-unavailable", Note, "The image's interpreter was to have GPUs and has none, or torch cannot use them"),
    check!(archive::server_config_invalid, "server-config-invalid", Error, "The server's configuration ends it before it serves anything"),
    check!(archive::archive_suffix_wrong, "archive-suffix-wrong", Error, "The archive's name makes the server unpack it in the wrong way"),
    check!(archive::archive_name_refused, "archive-name-refused", Error, "The archive's name holds two dots, which the server refuses"),
    check!(archive::archive_not_an_archive, "archive-not-an-archive", Error, "The file is no archive at all"),
    check!(archive::archive_damaged, "archive-damaged", Error, "The archive cannot be unpacked"),
    check!(archive::archive_entry_escapes, "archive-entry-escapes", Error, "An entry of the archive leads out of the folder it is unpacked into"),
    check!(archive::archive_entry_name_not_utf8, "archive-entry-name-not-utf8", Error, "The name of an entry is no UTF-8"),
    check!(archive::archive_views_differ, "archive-views-differ", Warning, "Java sees other entries in the zip than other tools do"),
    check!(archive::archive_duplicate, "archive-duplicate", Error, "Two archives have the same model name and version"),
    check!(archive::manifest_missing, "manifest-missing", Error, "MAR-INF/MANIFEST.json is not where it is looked for"),
    check!(archive::manifest_invalid, "manifest-invalid", Error, "The server cannot read the manifest"),
    check!(archive::manifest_not_strict_json, "manifest-not-strict-json", Error, "The server reads the manifest, and its workers do not"),
    check!(archive::manifest_runtime_invalid, "manifest-runtime-invalid", Error, "The manifest names a runtime that there is not"),
    check!(archive::model_name_missing, "model-name-missing", Error, "The manifest gives the model no name"),
    check!(archive::handler_not_named, "handler-not-named", Error, "The manifest names no handler"),
    check!(archive::model_config_invalid, "model-config-invalid", Error, "model-config.yaml cannot be used"),
    check!(archive::model_config_key_ineffective, "model-config-key-ineffective", Note, "A key of model-config.yaml has no effect, or another than it seems"),
    check!(archive::archive_requirements_missing, "archive-requirements-missing", Error, "The archive's requirements file is not in it"),
    check!(archive::archive_requirements_unmet, "archive-requirements-unmet", Warning, "The archive asks for packages that the image lacks, and nothing installs them"),
    check!(archive::archive_requirements_installed_at_load, "archive-requirements-installed-at-load", Warning, "Whether the archive loads hangs on what pip can fetch then"),
    check!(archive::archive_shadows_module, "archive-shadows-module", Error, "A file of the archive stands in front of a module that is needed"),
    check!(archive::worker_cannot_start, "worker-cannot-start", Error, "The worker's process cannot start in this image"),
    check!(archive::handler_not_found, "handler-not-found", Error, "The handler's module is not where it is looked for"),
    check!(archive::module_not_in_image, "module-not-in-image", Error, "A module that the archive's code imports is neither in it nor in the image"),
    check!(archive::name_not_in_module, "name-not-in-module", Error, "A name that the archive's code takes from a module is not in it"),
    check!(archive::relative_import_without_package, "relative-import-without-package", Error, "The handler imports relatively and is in no package"),
    check!(archive::handler_syntax_error, "handler-syntax-error", Error, "The image's Python refuses the syntax of a file that is imported"),
    check!(archive::module_of_another_python, "module-of-another-python", Error, "Byte code or an extension module of the archive is of another Python"),
    check!(archive::handler_import_fails, "handler-import-fails", Error, "Something ends the import of the handler"),
    check!(archive::entry_point_not_found, "entry-point-not-found", Error, "The handler's module has neither the function nor exactly one class"),
    check!(archive::handler_class_unusable, "handler-class-unusable", Error, "The handler's class cannot be constructed, or lacks a method"),
    check!(archive::handler_signature_wrong, "handler-signature-wrong", Error, "The handler's function or method does not take what it is given"),
    check!(archive::service_envelope_unknown, "service-envelope-unknown", Error, "The server's service_envelope is none that TorchServe has"),
    check!(archive::file_not_in_archive, "file-not-in-archive", Error, "A file that is opened while the model loads is not there"),
    check!(archive::weights_kind_wrong, "weights-kind-wrong", Error, "The weights are of another kind than what reads them"),
    check!(archive::weights_damaged, "weights-damaged", Error, "The weights are damaged"),
    check!(archive::weights_class_not_importable, "weights-class-not-importable", Error, "A class in the pickled weights cannot be imported"),
    check!(archive::weights_only_refused, "weights-only-refused", Error, "torch refuses the pickled weights, since it takes weights only"),
    check!(archive::weights_on_cuda, "weights-on-cuda", Error, "The weights are on CUDA, and are not mapped to where they are loaded"),
    check!(archive::weights_do_not_fit, "weights-do-not-fit", Error, "The weights are not those of the model's class"),
    check!(archive::model_file_unusable, "model-file-unusable", Error, "The model's file has not exactly one class that can be constructed"),
    check!(archive::torchscript_operator_unknown, "torchscript-operator-unknown", Error, "The TorchScript uses an operator that the image's torch does not know"),
    check!(archive::key_not_given, "key-not-given", Error, "A key that the handler reads is not in the manifest, the configuration or the context"),
    check!(archive::environment_variable_not_set, "environment-variable-not-set", Error, "A variable of the environment that the handler reads is not set in the image"),
    check!(archive::labels_invalid, "labels-invalid", Error, "index_to_name.json is not what the stock handlers take"),
    check!(archive::initialize_fails, "initialize-fails", Error, "Something else ends the handler's initialization"),
    check!(archive::startup_timeout_too_short, "startup-timeout-too-short", Error, "The model is given less time to load than it surely takes"),
    check!(archive::compiler_missing_for_torch_compile, "compiler-missing-for-torch-compile", Warning, "torch.compile needs a compiler that the image does not have"),
    check!(archive::shm_too_small, "shm-too-small", Note, "The handler hands tensors between processes through /dev/shm, of which a container has little"),
    check!(archive::pickle_runs_code, "pickle-runs-code", Warning, "Unpickling a file of the archive would run code that is no part of a model"),
];

/// The check of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

/// The id that differs least from `id`, where it differs by no more than a third of its letters.
#[must_use]
pub fn nearest(id: &str) -> Option<&'static str> {
    if id.len() > 100 {
        return None;
    }
    CHECKS
        .iter()
        .map(|check| (distance(id, check.id), check.id))
        .filter(|(distance, nearest)| *distance * 3 <= nearest.len())
        .min()
        .map(|(_, nearest)| nearest)
}

/// How many letters must be put in, taken out or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((other, pair), before) in b.iter().zip(row.windows(2)).zip(0..) {
            let [diagonal, above] = *pair else { continue };
            let left: usize = next.get::<usize>(before).copied().unwrap_or(usize::MAX - 1);
            next.push((left + 1).min(above + 1).min(diagonal + usize::from(letter != *other)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
