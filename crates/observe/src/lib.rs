//! From what was seen in an image to facts: which Python starts, what it finds on `sys.path`, which distributions are
//! there. Observers ask a [`Seen`] and are run again until nothing is pending; nothing of the image's code is run.
//! [`machine`] alone looks at the world: at the machine that the image will run on.

pub(crate) mod cuda;
mod freeze;
pub mod fuzz;
pub mod installed;
mod java;
pub mod limits;
pub mod machine;
pub mod native;
pub mod python;
mod stack;
pub mod told;
pub mod torch;
mod torchserve;

use envdiff_files::{ImagePath, Likely, Miss, Seen};
use envdiff_model::{Environment, ImageConfig, Text};

pub use freeze::{Checkout, Freeze, Git, Pip, checkouts, freeze, freeze_by};
pub use installed::verified;
pub use python::distributions::{Lookup, look_up};
pub use python::{Beginning, beginning};

/// What the observers will probably want, for sources that can pass only once.
pub const LIKELY: Likely = Likely {
    names: &[
        "METADATA",
        "PKG-INFO",
        "INSTALLER",
        "direct_url.json",
        "top_level.txt",
        "requires.txt",
        "pyvenv.cfg",
        "site.py",
        "sitecustomize.py",
        "usercustomize.py",
        "patchlevel.h",
        "build-details.json",
        "HEAD",
        "packed-refs",
        "version.json",
        "version.py",
        "version.txt",
        "release",
    ],
    suffixes: &[
        ".pth",
        ".dist-info",
        ".egg-link",
        ".egg-info",
        ".sh",
        ".egg",
        ".zip",
        ".whl",
        "_finder.py",
        "entrypoint",
    ],
    folders: &[
        ".dist-info",
        ".egg-info",
        "EGG-INFO",
        "conda-meta",
        "status.d",
        "docker-entrypoint.d",
        "ld.so.conf.d",
    ],
    programs: &["bin", "sbin"],
    paths: &[
        "etc/passwd",
        "etc/ld.so.cache",
        "etc/ld.so.conf",
        "etc/ld-musl-x86_64.path",
        "etc/ld-musl-aarch64.path",
        "etc/profile",
        "var/lib/dpkg/status",
        "lib/apk/db/installed",
        "usr/lib/apk/db/installed",
        "entrypoint",
        "start",
        "run",
    ],
    elf: &[".so", "python"],
    scans: &[("libtorch_python.so", ".rodata", torch::ARCHITECTURES)],
    limit: limits::METADATA_FILE,
};

/// What an environment is derived from beside the files.
#[derive(Debug, Clone, Default)]
pub struct Inputs<'a> {
    /// The image's configuration; `None` for a bare folder.
    pub config: Option<&'a ImageConfig>,
    /// `--python`, or the virtual environment or prefix that is the target: an interpreter's path, or a folder with one in
    /// its `bin`.
    pub interpreter: Option<ImagePath>,
}

impl Inputs<'_> {
    /// A variable of the image's configuration, as its process finds it; the last one of a name counts.
    pub(crate) fn variable(&self, name: &str) -> Option<&Text> {
        let env = &self.config?.env;
        env.iter().rev().find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

/// Derives the environment.
///
/// Whatever cannot be told is an unknown fact, or an entry of [`Environment::unknown`]: `sys_path` (it may hold more than
/// is told), `distributions` (a folder of it could not be listed), `config` (none was given), or a file's path. Where
/// `sys_path` or `distributions` is among them, that a distribution is not listed does not mean that it is missing.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub fn environment(seen: &Seen, inputs: &Inputs<'_>) -> Result<Environment, Miss> {
    // It hangs on no Python, so its questions go out beside Python's.
    let cuda = cuda::installed(seen, inputs);
    native::foresee::foresee(seen);
    let derived = python::environment(seen, inputs.config, inputs.interpreter.as_ref())?;
    drop(cuda?);
    let stack = stack::derive(seen, inputs, &derived)?;
    Ok(Environment { stack, ..derived.environment.clone() })
}

/// Derives the Python environment alone; what lies under it is unknown. `make bench` tells by it what the rest costs.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub fn python_environment(seen: &Seen, inputs: &Inputs<'_>) -> Result<Environment, Miss> {
    Ok(python::environment(seen, inputs.config, inputs.interpreter.as_ref())?.environment.clone())
}
