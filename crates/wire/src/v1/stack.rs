//! torch, CUDA, C library, TorchServe, Java, the machine, and what the image's interpreter said, in JSON and back.

use envdiff_model as model;
use serde::{Deserialize, Serialize};

use super::environment::Unknown;
use super::fact::{Fact, Seen};
use super::words::{CudaLibraries, LibcKind, LibraryOrigin, VariantKind};
use crate::mirror::{Mirror, mirror};
use crate::string::Str;

mirror! {
    /// torch as the image's Python would import it.
    Torch {
        /// `torch.__version__`.
        version: Str,
        /// `Version` of its METADATA; null where no distribution owns it.
        metadata_version: Option<Str>,
        /// The package's folder.
        location: Str,
        /// What it was built for.
        variant: Fact<TorchVariant>,
        /// `torch.version.git_version`.
        git_version: Option<Str>,
        /// What GPU code it holds: `sm_80`, `compute_90`.
        architectures: Fact<Vec<Str>>,
        /// `torch.compiled_with_cxx11_abi()`.
        cxx11_abi: Fact<bool>,
        /// Major version of the numpy that it was built against.
        numpy_built_against: Fact<u8>,
        /// Where the CUDA libraries that it links lie.
        libraries: Option<CudaLibraries>,
        /// Packages with C++ code that link torch.
        companions: Vec<Companion>,
    }
    /// A package with C++ code that links torch.
    Companion {
        /// Normalised name.
        name: Str,
        /// Its version.
        version: Str,
        /// The CUDA that it was built for; a known null is a CPU build.
        cuda: Fact<Option<Str>>,
        /// Of one that carries a library for each CUDA: for which; null for all others.
        #[serde(default)]
        each_cuda: Option<Fact<Vec<Str>>>,
    }
    /// CUDA of the image beside torch's own.
    Cuda {
        /// `libcudart` that torch loads.
        runtime: Option<Library>,
        /// The toolkit or runtime that the image installs.
        toolkit: Option<Fact<Str>>,
        /// Compatibility libraries.
        compat: Vec<DriverLibrary>,
        /// Libraries of a driver package in the image.
        driver: Vec<DriverLibrary>,
        /// Stubs on the loader's path.
        stubs: Vec<DriverLibrary>,
        /// Libraries of wheels that the loader takes from elsewhere.
        replaced: Vec<ReplacedLibrary>,
        /// Why there may be more libraries than these, one clause each.
        doubts: Vec<Str>,
    }
    /// A library of a wheel in whose place the loader takes another.
    ReplacedLibrary {
        /// Its name.
        soname: Str,
        /// The file that names it.
        needed_by: Str,
        /// The file of the wheel.
        wheel: Str,
        /// The wheel's version.
        wheel_version: Option<Str>,
        /// The file that is taken, links resolved.
        taken: Str,
        /// Its version, by its name.
        version: Option<Str>,
        /// How the loader comes there.
        found_by: Str,
    }
    /// A library of the NVIDIA driver in the image.
    DriverLibrary {
        /// The file.
        path: Str,
        /// The driver's version, by the file's name.
        version: Option<Str>,
        /// Size in bytes.
        size: u64,
        /// What makes the loader look into its folder; null where nothing does.
        loaded_by: Option<Str>,
    }
    /// A shared library that a loader would take.
    Library {
        /// Its version where something tells.
        version: Option<Str>,
        /// The file.
        path: Str,
        /// Whose it is.
        origin: LibraryOrigin,
        /// How the loader comes there.
        found_by: Str,
        /// Other copies that a loader could meet.
        others: Vec<Str>,
    }
    /// C and C++ libraries, and the extension modules that ask for them.
    Native {
        /// The processor as `uname -m` calls it.
        architecture: Fact<Str>,
        /// The C library.
        libc: Fact<Libc>,
        /// The `libstdc++.so.6` that a loader finds; a known null where there is none.
        libstdcxx: Fact<Option<Libstdcxx>>,
        /// Extension modules that the import of an installed package loads.
        modules: Vec<Module>,
    }
    /// A C++ library.
    Libstdcxx {
        /// The file.
        path: Str,
        /// Highest `GLIBCXX_` version.
        glibcxx: Str,
        /// Highest `CXXABI_` version.
        cxxabi: Str,
    }
    /// An extension module.
    Module {
        /// The file.
        path: Str,
        /// Normalised name of the distribution that it belongs to.
        distribution: Str,
        /// What it asks of its surroundings.
        file: Fact<ModuleFile>,
    }
    /// What an extension module asks of its surroundings.
    ModuleFile {
        /// For which processor.
        machine: Str,
        /// Highest `GLIBC_` version that it needs.
        glibc: Option<Str>,
        /// Highest `GLIBCXX_` version.
        glibcxx: Option<Str>,
        /// Highest `CXXABI_` version.
        cxxabi: Option<Str>,
        /// The C++ library that it gets, where that is another one than the system's.
        libstdcxx: Option<Libstdcxx>,
        /// Libraries that the loader would not find.
        missing: Vec<MissingLibrary>,
        /// Why it cannot be told whether some library is found.
        doubts: Vec<Str>,
        /// It wants an executable stack.
        executable_stack: bool,
        /// It was built for musl.
        musl: bool,
        /// Major version of numpy's C API that it was built with.
        numpy: Option<u8>,
    }
    /// A library that is not there.
    MissingLibrary {
        /// As `DT_NEEDED` names it.
        soname: Str,
        /// The file that names it.
        needed_by: Str,
    }
    /// One path that several RECORDs claim with differing hashes.
    Overwritten {
        /// The file.
        path: Str,
        /// How many further files the same distributions share.
        more: usize,
        /// Normalised names.
        owners: Vec<Str>,
        /// The one whose file lies there; null where that cannot be told.
        kept: Option<Str>,
    }
    /// A module that another file hides.
    Hidden {
        /// The name that is imported.
        module: Str,
        /// The file or folder that is taken.
        by: Str,
        /// Whose it is otherwise; null for the standard library.
        distribution: Option<Str>,
    }
    /// A distribution that is installed in place.
    InPlace {
        /// Normalised name.
        distribution: Str,
        /// The folder of its project.
        folder: Str,
        /// The file that names the folder.
        told_by: Str,
        /// Whether the folder is there.
        exists: Fact<bool>,
    }
    /// TorchServe.
    Torchserve {
        /// Its version.
        version: Str,
        /// The package's folder.
        location: Str,
    }
    /// A Java runtime.
    Java {
        /// `JAVA_VERSION` of its `release` file.
        version: Option<Str>,
        /// The program that TorchServe starts.
        program: Str,
    }
    /// One machine.
    Host {
        /// A node's name.
        name: Option<Str>,
        /// The NVIDIA driver; a known null where there is none.
        driver: Fact<Option<Driver>>,
        /// Its GPUs.
        gpus: Fact<Vec<Gpu>>,
    }
    /// An NVIDIA driver.
    Driver {
        /// `535.104.05`.
        version: Str,
        /// The CUDA that it says to support.
        cuda: Option<Str>,
        /// It is the Windows driver behind WSL2.
        wsl: bool,
    }
    /// A GPU.
    Gpu {
        /// As `nvidia-smi` prints it.
        name: Option<Str>,
        /// Compute capability.
        capability: Option<Str>,
    }
    /// What the image's own interpreter said (`--exec`).
    Told {
        /// The command that was run, without the questions; empty where no interpreter is known.
        command: Vec<Str>,
        /// Why it said nothing at all; null where it spoke.
        failed: Option<Str>,
        /// The GPUs that were asked for; unknown where it was started without them, null where none were asked for.
        gpus: Option<Fact<Str>>,
        /// `platform.python_version()`.
        python: Fact<Str>,
        /// `sys.path`.
        sys_path: Fact<Vec<Str>>,
        /// Name and version of what `importlib.metadata` lists, in its order; empty where it has none.
        distributions: Fact<Vec<(Str, Str)>>,
        /// The lines of `pip freeze --all`.
        freeze: Fact<Vec<Str>>,
        /// What torch says of itself.
        torch: Fact<Option<ToldTorch>>,
        /// What `import torch` raised, where one is there.
        torch_error: Option<Str>,
    }
    /// Installed files held against the RECORDs that name them (`--verify`).
    Verified {
        /// Distributions whose RECORD was read.
        distributions: usize,
        /// Files that were looked at.
        files: usize,
        /// Bytes of those that are as their row says.
        bytes: u64,
        /// Rows that were not held against their files: without a hash, of byte code, or of what installers write themselves.
        unchecked: usize,
        /// Distributions whose files are not all as their RECORD says, or cannot all be told.
        differing: Vec<Differing>,
        /// Distributions of which nothing tells what their files should be.
        not_verifiable: Vec<Unknown>,
    }
    /// A distribution whose files are not all as its RECORD says, or cannot all be told.
    Differing {
        /// Normalised name; the metadata folder's where the name cannot be read.
        distribution: Str,
        /// Its metadata folder.
        metadata: Str,
        /// How many of its files were looked at.
        files: usize,
        /// How many are not there.
        missing: usize,
        /// How many have another size or hash.
        changed: usize,
        /// How many cannot be told.
        unreadable: usize,
        /// The first of the missing and changed ones.
        first: Vec<Seen>,
        /// The first of those that cannot be told, with the reason.
        first_unreadable: Vec<Seen>,
    }
    /// What torch says of itself.
    ToldTorch {
        /// `torch.__version__`.
        version: Str,
        /// `torch.version.cuda`.
        cuda: Option<Str>,
        /// `torch.version.hip`.
        hip: Option<Str>,
        /// `torch.backends.cudnn.version()`.
        cudnn: Option<u64>,
        /// `torch.cuda.nccl.version()`.
        nccl: Option<Str>,
        /// `torch._C._cuda_getArchFlags()`.
        architectures: Vec<Str>,
        /// `torch.cuda.is_available()`.
        available: bool,
        /// What it warned while it was asked.
        warnings: Vec<Str>,
        /// GPUs that it sees.
        gpus: Vec<Gpu>,
    }
}

/// What a torch was built for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TorchVariant {
    /// The kind.
    pub kind: VariantKind,
    /// Its version as `torch.version` writes it; null for a CPU build.
    pub version: Option<Str>,
}

impl Mirror for TorchVariant {
    type Model = model::TorchVariant;
    fn of(variant: &model::TorchVariant) -> Self {
        let kind = match variant {
            model::TorchVariant::Cpu => VariantKind::Cpu,
            model::TorchVariant::Cuda(_) => VariantKind::Cuda,
            model::TorchVariant::Rocm(_) => VariantKind::Rocm,
            model::TorchVariant::Xpu(_) => VariantKind::Xpu,
        };
        Self { kind, version: variant.version().map(Str::from) }
    }
    fn into_model(self) -> model::TorchVariant {
        let version = self.version.map(model::Text::from).unwrap_or_default();
        match self.kind {
            VariantKind::Cpu => model::TorchVariant::Cpu,
            VariantKind::Cuda => model::TorchVariant::Cuda(version),
            VariantKind::Rocm => model::TorchVariant::Rocm(version),
            VariantKind::Xpu => model::TorchVariant::Xpu(version),
        }
    }
}

/// A C library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Libc {
    /// Which one.
    pub kind: LibcKind,
    /// Its version; null where nothing tells musl's.
    pub version: Option<Str>,
}

impl Mirror for Libc {
    type Model = model::Libc;
    fn of(libc: &model::Libc) -> Self {
        match libc {
            model::Libc::Glibc(version) => Self { kind: LibcKind::Glibc, version: Some(version.into()) },
            model::Libc::Musl(version) => {
                Self { kind: LibcKind::Musl, version: version.as_ref().map(Str::from) }
            }
        }
    }
    fn into_model(self) -> model::Libc {
        let version = self.version.map(model::Text::from);
        match self.kind {
            LibcKind::Glibc => model::Libc::Glibc(version.unwrap_or_default()),
            LibcKind::Musl => model::Libc::Musl(version),
        }
    }
}

/// The machine that the image will run on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Machine {
    /// The driver, where it is one and the same on every host that has one.
    pub driver: Fact<Option<Driver>>,
    /// The GPUs of all hosts, each kind once.
    pub gpus: Fact<Vec<Gpu>>,
    /// Each host: one without name, or the nodes of a cluster.
    pub hosts: Vec<Host>,
}

impl Mirror for Machine {
    type Model = model::Machine;
    fn of(machine: &model::Machine) -> Self {
        Self {
            driver: Mirror::of(&machine.driver()),
            gpus: Mirror::of(&machine.gpus()),
            hosts: Mirror::of(&machine.hosts),
        }
    }
    fn into_model(self) -> model::Machine {
        let reason = match &self.driver {
            Fact::Unknown { unknown } if self.hosts.is_empty() => model::Text::from(unknown.clone()),
            Fact::Unknown { .. } | Fact::Known { .. } => model::Text::new(),
        };
        model::Machine { hosts: self.hosts.into_model(), reason }
    }
}
