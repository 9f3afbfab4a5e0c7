//! torch, the CUDA libraries around it, the C library and the machine: what an image brings for computing on a GPU, and
//! what it will meet there.

use crate::{Fact, Text};

/// What lies under the packages of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// The torch that is imported; a known `None` where there is none.
    pub torch: Fact<Option<Torch>>,
    /// CUDA in the image.
    pub cuda: Fact<Cuda>,
    /// The cuDNN that torch loads; a known `None` where there is none.
    pub cudnn: Fact<Option<Library>>,
    /// The NCCL that torch loads; a known `None` where there is none.
    pub nccl: Fact<Option<Library>>,
    /// C library, C++ library, extension modules.
    pub native: Fact<Native>,
    /// Files that several distributions own; only sets that are known to share files are looked at.
    pub overwritten: Fact<Vec<Overwritten>>,
    /// Modules that a file earlier on `sys.path` hides.
    pub hidden: Fact<Vec<Hidden>>,
    /// Distributions that are installed in place, with the folders that hold their code.
    pub in_place: Fact<Vec<InPlace>>,
    /// TorchServe; a known `None` where it is not installed.
    pub torchserve: Fact<Option<Torchserve>>,
    /// The Java that TorchServe would start; a known `None` where there is none.
    pub java: Fact<Option<Java>>,
}

impl Stack {
    /// Nothing is known; `reason` is a clause.
    #[must_use]
    pub fn unknown(reason: &Text) -> Self {
        Self {
            torch: Fact::unknown(reason.clone()),
            cuda: Fact::unknown(reason.clone()),
            cudnn: Fact::unknown(reason.clone()),
            nccl: Fact::unknown(reason.clone()),
            native: Fact::unknown(reason.clone()),
            overwritten: Fact::unknown(reason.clone()),
            hidden: Fact::unknown(reason.clone()),
            in_place: Fact::unknown(reason.clone()),
            torchserve: Fact::unknown(reason.clone()),
            java: Fact::unknown(reason.clone()),
        }
    }
}

/// torch as the image's Python would import it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torch {
    /// `torch.__version__`: from `torch/version.py`, where that cannot be read from METADATA. `2.9.1+cu128`.
    pub version: Text,
    /// `Version` of its METADATA, which can lack the label: `2.9.1`. `None` where no distribution owns it.
    pub metadata_version: Option<Text>,
    /// The package's folder: `/…/site-packages/torch`.
    pub location: Text,
    /// What it was built for.
    pub variant: Fact<TorchVariant>,
    /// `torch.version.git_version`.
    pub git_version: Option<Text>,
    /// What GPU code it holds, as `torch.cuda.get_arch_list()` tells it: `sm_80`, `compute_90`. Empty for a build without
    /// CUDA.
    pub architectures: Fact<Vec<Text>>,
    /// `torch.compiled_with_cxx11_abi()`.
    pub cxx11_abi: Fact<bool>,
    /// Major version of the numpy that it was built against.
    pub numpy_built_against: Fact<u8>,
    /// Where the CUDA libraries that it links lie: beside it, in wheels of their own, or elsewhere.
    pub libraries: Option<CudaLibraries>,
    /// torchvision, torchaudio and others with C++ code of their own, that are installed.
    pub companions: Vec<Companion>,
}

/// What a torch was built for; versions as `torch.version.cuda`, `.hip`, `.xpu` write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TorchVariant {
    /// No accelerator.
    Cpu,
    /// CUDA: `12.1`.
    Cuda(Text),
    /// AMD's ROCm: `6.0.32830-d62f6a171`.
    Rocm(Text),
    /// Intel's oneAPI: `20250004`.
    Xpu(Text),
}

impl TorchVariant {
    /// The kind's word in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
            Self::Rocm(_) => "rocm",
            Self::Xpu(_) => "xpu",
        }
    }
    /// The version; `None` for [`Self::Cpu`].
    #[must_use]
    pub const fn version(&self) -> Option<&Text> {
        match self {
            Self::Cpu => None,
            Self::Cuda(version) | Self::Rocm(version) | Self::Xpu(version) => Some(version),
        }
    }
}

/// Where the CUDA libraries that torch links lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CudaLibraries {
    /// In `torch/lib`.
    Bundled,
    /// In wheels of their own (`nvidia/…/lib`).
    Wheels,
    /// Where the system's loader finds them.
    System,
}

/// A package with C++ code that links torch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// Normalised name of the distribution: `torchvision`.
    pub name: Text,
    /// Its version, as METADATA writes it.
    pub version: Text,
    /// The CUDA that it was built for, where its own files tell (`torchvision/version.py`): a known `None` is a CPU build.
    pub cuda: Fact<Option<Text>>,
    /// Of one that carries a library for each CUDA (bitsandbytes): for which, in order; `None` for all others.
    pub each_cuda: Option<Fact<Vec<Text>>>,
}

/// The CUDA of an image beside torch's own: toolkit, compatibility libraries, parts of the driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cuda {
    /// `libcudart` that torch loads.
    pub runtime: Option<Library>,
    /// The toolkit or runtime that the image installs: `12.1.1`; told by `CUDA_VERSION`, `version.json` or dpkg.
    pub toolkit: Option<Fact<Text>>,
    /// Compatibility libraries (`cuda-compat`): a newer user-mode driver for older kernels.
    pub compat: Vec<DriverLibrary>,
    /// Libraries of a driver package that lie in the image: `libcuda.so.535.104.05`, `libnvidia-ml.so.…`. Compatibility
    /// libraries and stubs are not among them.
    pub driver: Vec<DriverLibrary>,
    /// Stubs that stand in for the driver while something is linked, and that are on the loader's path, by the names under
    /// which they are found there: `/…/stubs/libcuda.so`.
    pub stubs: Vec<DriverLibrary>,
    /// Libraries of wheels that others of them need, and that the loader takes from elsewhere.
    pub replaced: Vec<ReplacedLibrary>,
    /// Why there may be more libraries than these, or why what leads to them is not wholly known, one clause each.
    pub doubts: Vec<Text>,
}

/// A library of a wheel in whose place the loader takes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedLibrary {
    /// `libnvJitLink.so.12`
    pub soname: Text,
    /// The file that names it: `/…/nvidia/cusparse/lib/libcusparse.so.12`.
    pub needed_by: Text,
    /// The file of the wheel.
    pub wheel: Text,
    /// The wheel's version; `None` where nothing tells.
    pub wheel_version: Option<Text>,
    /// The file that is taken, links resolved.
    pub taken: Text,
    /// Its version, by its name.
    pub version: Option<Text>,
    /// How the loader comes there: `LD_LIBRARY_PATH`.
    pub found_by: Text,
}

/// A library of the NVIDIA driver that lies in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverLibrary {
    /// The file.
    pub path: Text,
    /// The driver's version, by the file's name: `535.104.05`; `None` where the name tells none.
    pub version: Option<Text>,
    /// Size in bytes; 0 for what a committed GPU container leaves behind.
    pub size: u64,
    /// What makes the loader look into its folder (`LD_LIBRARY_PATH`, `/etc/ld.so.conf.d/…`); `None` where nothing does.
    pub loaded_by: Option<Text>,
}

/// A shared library that a loader would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Its version where something tells: the wheel's METADATA, the file's own name. `9.1.0.70`, `12.1.105`.
    pub version: Option<Text>,
    /// The file, as found.
    pub path: Text,
    /// Whose it is.
    pub origin: LibraryOrigin,
    /// How the loader comes there: `RPATH of …`, `LD_LIBRARY_PATH`, `/etc/ld.so.cache`.
    pub found_by: Text,
    /// Other copies that a loader could meet, in the order in which it would.
    pub others: Vec<Text>,
}

/// Who brought a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LibraryOrigin {
    /// A wheel of its own: `nvidia/cudnn/lib`.
    Wheel,
    /// It lies beside the library that needs it: `torch/lib`.
    Bundled,
    /// The conda prefix.
    Conda,
    /// The image's system.
    System,
}

/// The image's C and C++ libraries, and the extension modules that ask for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// The processor as `uname -m` calls it, by the interpreter's ELF header.
    pub architecture: Fact<Text>,
    /// The C library that the interpreter loads.
    pub libc: Fact<Libc>,
    /// The `libstdc++.so.6` that a loader finds without `RPATH`; a known `None` where there is none.
    pub libstdcxx: Fact<Option<Libstdcxx>>,
    /// Extension modules, and the libraries that come with them: those that the import of an installed package loads.
    pub modules: Vec<Module>,
}

/// A C library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Libc {
    /// The GNU C library: the highest `GLIBC_…` version that it defines, `2.36`.
    Glibc(Text),
    /// musl; its version where something tells.
    Musl(Option<Text>),
}

/// A C++ library: the highest symbol versions that it defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libstdcxx {
    /// The file.
    pub path: Text,
    /// Of `GLIBCXX_…`: `3.4.30`.
    pub glibcxx: Text,
    /// Of `CXXABI_…`: `1.3.13`; empty where it defines none.
    pub cxxabi: Text,
}

/// An extension module, or a library beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The file.
    pub path: Text,
    /// Normalised name of the distribution that it belongs to.
    pub distribution: Text,
    /// What is known of it; unknown where it cannot be read.
    pub file: Fact<ModuleFile>,
}

/// What an extension module asks of its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// For which processor, as `uname -m` calls it.
    pub machine: Text,
    /// Highest `GLIBC_…` version that it needs and cannot do without: `2.28`.
    pub glibc: Option<Text>,
    /// Highest `GLIBCXX_…` version.
    pub glibcxx: Option<Text>,
    /// Highest `CXXABI_…` version.
    pub cxxabi: Option<Text>,
    /// The `libstdc++.so.6` that it gets, where that is another one than [`Native::libstdcxx`].
    pub libstdcxx: Option<Libstdcxx>,
    /// Libraries that it needs, itself or through others that come with it, and that the loader would not find. Those that
    /// a GPU runtime mounts (`libcuda.so.1`, `libnvidia-ml.so.1`) are not among them.
    pub missing: Vec<MissingLibrary>,
    /// Why it cannot be told whether some library is found, one clause each.
    pub doubts: Vec<Text>,
    /// It wants a stack from which code can run.
    pub executable_stack: bool,
    /// It was built for musl.
    pub musl: bool,
    /// Major version of numpy's C API that it was built with; `None` where it uses none or that cannot be told.
    pub numpy: Option<u8>,
}

/// A library that is not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingLibrary {
    /// As `DT_NEEDED` names it: `libGL.so.1`.
    pub soname: Text,
    /// The file that names it.
    pub needed_by: Text,
}

/// One path that the RECORDs of several distributions claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwritten {
    /// The file.
    pub path: Text,
    /// How many further files the same distributions share.
    pub more: usize,
    /// Normalised names of those that own it with differing hashes.
    pub owners: Vec<Text>,
    /// The one of them whose file lies there, by the size that its RECORD tells; `None` where that does not tell.
    pub kept: Option<Text>,
}

/// A module of the standard library or of a distribution that another file hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The name that is imported: `random`.
    pub module: Text,
    /// The file or folder that is taken: `/app/random.py`.
    pub by: Text,
    /// Whose it is otherwise: `None` for the standard library, else a normalised name.
    pub distribution: Option<Text>,
}

/// A distribution that is installed in place: its code lies in a folder outside `sys.path`'s own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InPlace {
    /// Its normalised name.
    pub distribution: Text,
    /// The folder of its project.
    pub folder: Text,
    /// The file that names the folder: `…/direct_url.json`, `…/model.egg-link`.
    pub told_by: Text,
    /// Whether the folder is there.
    pub exists: Fact<bool>,
}

/// TorchServe in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torchserve {
    /// Its version, as METADATA writes it.
    pub version: Text,
    /// The package's folder: `/…/site-packages/ts`.
    pub location: Text,
}

/// A Java runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// `JAVA_VERSION` of its `release` file: `17.0.9`, `1.8.0_392`; `None` where none is there.
    pub version: Option<Text>,
    /// The program that TorchServe starts.
    pub program: Text,
}

/// The machine that the image will run on, or several of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// One without name, or each node of a cluster; empty where nothing is known of any.
    pub hosts: Vec<Host>,
    /// Why `hosts` is empty.
    pub reason: Text,
}

impl Machine {
    /// Nothing is known of it; `reason` is a clause.
    pub fn unknown(reason: impl Into<Text>) -> Self {
        Self { hosts: Vec::new(), reason: reason.into() }
    }

    /// The driver, where it is one and the same on every host that has one: a cluster has nodes without GPUs beside those
    /// with them.
    #[must_use]
    pub fn driver(&self) -> Fact<Option<Driver>> {
        let mut hosts = self.hosts.iter().filter(|host| host.driver.value() != Some(&None));
        let Some(first) = hosts.next().or(self.hosts.first()) else {
            return Fact::unknown(self.reason.clone());
        };
        if hosts.all(|host| host.driver.value() == first.driver.value()) {
            return first.driver.clone();
        }
        Fact::unknown("it is not the same on every node")
    }

    /// The GPUs of all hosts, each kind once; unknown where they are unknown of one.
    #[must_use]
    pub fn gpus(&self) -> Fact<Vec<Gpu>> {
        if self.hosts.is_empty() {
            return Fact::unknown(self.reason.clone());
        }
        let (mut gpus, mut evidence) = (Vec::new(), Vec::new());
        for host in &self.hosts {
            match &host.gpus {
                Fact::Unknown { reason } => return Fact::unknown(reason.clone()),
                Fact::Known { value, evidence: told } => {
                    for gpu in value {
                        if !gpus.contains(gpu) {
                            gpus.push(gpu.clone());
                        }
                    }
                    evidence.extend(told.iter().cloned());
                }
            }
        }
        Fact::seen(gpus, evidence)
    }
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A node's name; `None` for the machine that the command line names or that this is.
    pub name: Option<Text>,
    /// The NVIDIA driver; a known `None` where there is none.
    pub driver: Fact<Option<Driver>>,
    /// Its GPUs; known and empty where there are none.
    pub gpus: Fact<Vec<Gpu>>,
}

/// An NVIDIA driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// `535.104.05`.
    pub version: Text,
    /// The CUDA that it says to support, where it was asked: `12.2`.
    pub cuda: Option<Text>,
    /// It is the Windows driver behind WSL2, whose numbers are others.
    pub wsl: bool,
}

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// As `nvidia-smi` prints it: `NVIDIA H100 80GB HBM3`; `None` where only the capability was given.
    pub name: Option<Text>,
    /// Compute capability: `9.0`; `None` where the name is not one that is known.
    pub capability: Option<Text>,
}

/// What the image's own interpreter said when it was started (`--exec`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The command that was run, without the questions that it was given; empty where no interpreter is known.
    pub command: Vec<Text>,
    /// Why it said nothing at all, a clause; `None` where it spoke.
    pub failed: Option<Text>,
    /// The GPUs that were asked for (`all`, `2`, `GPU-…`); unknown, with the engine's reason, where it was started without
    /// them; `None` where none were asked for.
    pub gpus: Option<Fact<Text>>,
    /// `platform.python_version()`.
    pub python: Fact<Text>,
    /// `sys.path`.
    pub sys_path: Fact<Vec<Text>>,
    /// Name and version of what `importlib.metadata` lists, in its order; empty where it has none. Its evidence names the
    /// module that was asked: on a Python without it that is its backport, else [`Told::PKG_RESOURCES`].
    pub distributions: Fact<Vec<(Text, Text)>>,
    /// The lines of `pip freeze --all`.
    pub freeze: Fact<Vec<Text>>,
    /// What torch says of itself; a known `None` where no torch can be imported because none is there.
    pub torch: Fact<Option<ToldTorch>>,
    /// What `import torch` raised, where one is there.
    pub torch_error: Option<Text>,
}

impl Told {
    /// What old Pythons have in the place of `importlib.metadata`; it lists each name once, and not all kinds of metadata.
    pub const PKG_RESOURCES: &'static str = "pkg_resources";

    /// Nothing was said; `reason` is a clause.
    #[must_use]
    pub fn failed(command: Vec<Text>, reason: &Text) -> Self {
        Self {
            command,
            failed: Some(reason.clone()),
            gpus: None,
            python: Fact::unknown(reason.clone()),
            sys_path: Fact::unknown(reason.clone()),
            distributions: Fact::unknown(reason.clone()),
            freeze: Fact::unknown(reason.clone()),
            torch: Fact::unknown(reason.clone()),
            torch_error: None,
        }
    }
}

/// What torch says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldTorch {
    /// `torch.__version__`.
    pub version: Text,
    /// `torch.version.cuda`.
    pub cuda: Option<Text>,
    /// `torch.version.hip`.
    pub hip: Option<Text>,
    /// `torch.backends.cudnn.version()`: `90100`.
    pub cudnn: Option<u64>,
    /// `torch.cuda.nccl.version()`, joined by dots.
    pub nccl: Option<Text>,
    /// `torch._C._cuda_getArchFlags()`, split at spaces.
    pub architectures: Vec<Text>,
    /// `torch.cuda.is_available()`.
    pub available: bool,
    /// What it warned while it was asked, or why CUDA cannot be used.
    pub warnings: Vec<Text>,
    /// GPUs that it sees, name and capability.
    pub gpus: Vec<Gpu>,
}
