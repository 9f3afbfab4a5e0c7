//! What a Python environment is, as its own interpreter would tell it.

use std::collections::BTreeMap;

use crate::{Evidence, Fact, Machine, Stack, Text, Told};

/// Everything known of the environment in a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Version of the interpreter that starts, as `platform.python_version()` gives it: `3.11.2`, `3.13.0rc1`.
    pub python: Fact<Text>,
    /// The interpreter that starts.
    pub interpreter: Fact<Interpreter>,
    /// `sys.path` of `python -m` in the image's working folder, environment and user.
    pub sys_path: Fact<Vec<SysPathEntry>>,
    /// The marker variables of PEP 508 (`extra` is not among them); every variable has an entry.
    pub markers: BTreeMap<MarkerVariable, Fact<Text>>,
    /// Every copy that `importlib.metadata` lists over `sys_path`: by path entry, within one by metadata name.
    pub distributions: Vec<Distribution>,
    /// Interpreters that are there and do not start.
    pub interpreters: Vec<OtherInterpreter>,
    /// Packages of the conda prefix that the interpreter belongs to.
    pub conda: Vec<CondaPackage>,
    /// torch, CUDA, C library, TorchServe and Java: what lies under the packages.
    pub stack: Stack,
    /// The machine that the image will run on.
    pub machine: Machine,
    /// What the image's own interpreter said; `None` where it was not started.
    pub told: Option<Told>,
    /// Installed files held against their RECORDs (`--verify`); `None` where that was not asked for.
    pub verified: Option<Fact<Verified>>,
    /// What could not be determined beside the facts above, in the order in which it was met.
    pub unknown: Vec<Unknown>,
}

impl Environment {
    /// Nothing is known of it; `reason` is a clause.
    #[must_use]
    pub fn nothing(reason: &Text) -> Self {
        Self {
            python: Fact::unknown(reason.clone()),
            interpreter: Fact::unknown(reason.clone()),
            sys_path: Fact::unknown(reason.clone()),
            markers: MarkerVariable::ALL.into_iter().map(|v| (v, Fact::unknown(reason.clone()))).collect(),
            distributions: Vec::new(),
            interpreters: Vec::new(),
            conda: Vec::new(),
            stack: Stack::unknown(reason),
            machine: Machine::unknown(reason.clone()),
            told: None,
            verified: None,
            unknown: Vec::new(),
        }
    }
}

/// The interpreter that a target starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// `sys.executable`: absolute, as it was called, links not resolved.
    pub executable: Text,
    /// The file behind it.
    pub real: Text,
    /// `sys.implementation.name`: `cpython`, `pypy`.
    pub implementation: Text,
    /// `sys.prefix`.
    pub prefix: Text,
    /// `sys.base_prefix`; another one than `prefix` in a virtual environment.
    pub base_prefix: Text,
    /// Arguments before the program, as written: `-I`, `-u`, `-s`.
    pub flags: Vec<Text>,
    /// How it is reached, one step each: `ENTRYPOINT /usr/local/bin/start`, `shebang #!/bin/sh`.
    pub reached_by: Vec<Text>,
}

/// Where an entry of `sys.path` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathSource {
    /// The working folder.
    Cwd,
    /// `PYTHONPATH`.
    Env,
    /// `pythonXY.zip`.
    Zip,
    /// The standard library and its `lib-dynload`.
    Stdlib,
    /// `site-packages` or Debian's `dist-packages` outside a virtual environment.
    Site,
    /// The user's site.
    User,
    /// `site-packages` of a virtual environment.
    Venv,
    /// A line of a `.pth` file.
    Pth,
    /// An egg that a `.pth` file names.
    Egg,
}

impl PathSource {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cwd => "cwd",
            Self::Env => "env",
            Self::Zip => "zip",
            Self::Stdlib => "stdlib",
            Self::Site => "site",
            Self::User => "user",
            Self::Venv => "venv",
            Self::Pth => "pth",
            Self::Egg => "egg",
        }
    }
}

/// One entry of `sys.path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysPathEntry {
    /// As it stands in `sys.path`.
    pub path: Text,
    /// Where it comes from.
    pub from: PathSource,
    /// Whether it is there.
    pub exists: bool,
}

/// A variable of PEP 508's markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkerVariable {
    /// `implementation_name`
    ImplementationName,
    /// `implementation_version`
    ImplementationVersion,
    /// `os_name`
    OsName,
    /// `platform_machine`
    PlatformMachine,
    /// `platform_python_implementation`
    PlatformPythonImplementation,
    /// `platform_release`
    PlatformRelease,
    /// `platform_system`
    PlatformSystem,
    /// `platform_version`
    PlatformVersion,
    /// `python_full_version`
    PythonFullVersion,
    /// `python_version`
    PythonVersion,
    /// `sys_platform`
    SysPlatform,
}

impl MarkerVariable {
    /// All of them, by name.
    pub const ALL: [Self; 11] = [
        Self::ImplementationName,
        Self::ImplementationVersion,
        Self::OsName,
        Self::PlatformMachine,
        Self::PlatformPythonImplementation,
        Self::PlatformRelease,
        Self::PlatformSystem,
        Self::PlatformVersion,
        Self::PythonFullVersion,
        Self::PythonVersion,
        Self::SysPlatform,
    ];

    /// The variable as PEP 508 writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImplementationName => "implementation_name",
            Self::ImplementationVersion => "implementation_version",
            Self::OsName => "os_name",
            Self::PlatformMachine => "platform_machine",
            Self::PlatformPythonImplementation => "platform_python_implementation",
            Self::PlatformRelease => "platform_release",
            Self::PlatformSystem => "platform_system",
            Self::PlatformVersion => "platform_version",
            Self::PythonFullVersion => "python_full_version",
            Self::PythonVersion => "python_version",
            Self::SysPlatform => "sys_platform",
        }
    }
}

/// The shape of a distribution's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetadataKind {
    /// A `.dist-info` folder.
    DistInfo,
    /// An `.egg-info` folder.
    EggInfoFolder,
    /// An `.egg-info` file (distutils).
    EggInfoFile,
    /// `EGG-INFO` in an egg folder.
    Egg,
    /// `EGG-INFO` in a zipped egg, or a metadata folder in a zip on `sys.path`.
    Zip,
}

/// One copy of a distribution, as `importlib.metadata` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// `Name` as its metadata writes it; `None` where it cannot be read or is not there.
    pub name: Option<Text>,
    /// `Version` as its metadata writes it; `None` where it cannot be read or is not there.
    pub version: Option<Text>,
    /// The metadata folder or file, absolute, under the path as `sys.path` names it.
    pub metadata: Text,
    /// The entry of `sys.path` that holds it.
    pub location: Text,
    /// Index of that entry in `sys_path`.
    pub path_index: usize,
    /// The shape of the metadata.
    pub kind: MetadataKind,
    /// First line of `INSTALLER`.
    pub installer: Option<Text>,
    /// `direct_url.json`, or why it could not be read.
    pub direct_url: Option<Fact<DirectUrl>>,
    /// Whether it is installed in place (`direct_url.json`, an egg-link, a path line that leads to its source).
    pub editable: bool,
    /// An earlier entry of `sys.path` holds a distribution of the same name.
    pub shadowed: bool,
    /// Another copy of this name lies in the same folder: which one counts is the file system's order.
    pub ambiguous: bool,
    /// Why name or version is `None`, or what else is wrong with the metadata.
    pub error: Option<Text>,
    /// `Requires-Dist` as written (for an egg: `requires.txt` in that form).
    pub requires: Vec<Text>,
    /// `Provides-Extra` as written.
    pub provides_extra: Vec<Text>,
    /// `Requires-Python` as written.
    pub requires_python: Option<Text>,
    /// Names that it installs at top level, from `top_level.txt` or RECORD; `None` where neither was read.
    pub top_level: Option<Vec<Text>>,
    /// `Tag` lines of `WHEEL`: `cp311-cp311-manylinux_2_28_x86_64`; `None` where it was not read.
    pub tags: Option<Vec<Text>>,
}

/// `direct_url.json` (PEP 610).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectUrl {
    /// `url`, as written; it can hold credentials, so it is shown masked.
    pub url: Text,
    /// `subdirectory`.
    pub subdirectory: Option<Text>,
    /// What kind of origin.
    pub origin: Origin,
}

/// The three kinds of origin in PEP 610.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `vcs_info`
    Vcs {
        /// `git`, `hg`, `svn`, `bzr`.
        vcs: Text,
        /// What was asked for: a branch, a tag, a commit.
        requested_revision: Option<Text>,
        /// What that was then.
        commit_id: Text,
    },
    /// `archive_info`
    Archive {
        /// Algorithm and hexadecimal digest, from `hashes` and from the older `hash`.
        hashes: Vec<(Text, Text)>,
    },
    /// `dir_info`
    Directory {
        /// Installed in place.
        editable: bool,
    },
}

/// An interpreter that is there and does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherInterpreter {
    /// Absolute path, links not resolved.
    pub executable: Text,
    /// Its version, where that can be told.
    pub version: Fact<Text>,
}

/// A record of `conda-meta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CondaPackage {
    /// conda's name.
    pub name: Text,
    /// Its version.
    pub version: Text,
    /// The build string.
    pub build: Text,
    /// The channel, as written in the record.
    pub channel: Text,
    /// The record's file.
    pub record: Text,
}

/// Installed files held against the RECORDs that name them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Distributions whose RECORD was read.
    pub distributions: usize,
    /// Files that were looked at.
    pub files: usize,
    /// Bytes of those that are as their row says.
    pub bytes: u64,
    /// Rows that were not held against their files: without a hash, of byte code, or of what installers write themselves.
    pub unchecked: usize,
    /// Distributions whose files are not all as their RECORD says, or cannot all be told, in the order of
    /// [`Environment::distributions`].
    pub differing: Vec<Differing>,
    /// Distributions of which nothing tells what their files should be: the metadata folder or file, and why.
    pub not_verifiable: Vec<Unknown>,
}

/// A distribution whose files are not all as its RECORD says, or cannot all be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differing {
    /// Normalised name; the metadata folder's where the name cannot be read.
    pub distribution: Text,
    /// Its metadata folder.
    pub metadata: Text,
    /// How many of its files were looked at.
    pub files: usize,
    /// How many are not there.
    pub missing: usize,
    /// How many have another size or hash.
    pub changed: usize,
    /// How many cannot be told.
    pub unreadable: usize,
    /// The first of the missing and changed ones, at most [`Differing::SHOWN`], with what is the matter.
    pub first: Vec<Evidence>,
    /// The first of those that cannot be told, as many, with the reason.
    pub first_unreadable: Vec<Evidence>,
}

impl Differing {
    /// The most files that are named.
    pub const SHOWN: usize = 5;
}

/// Something that could not be determined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// A dotted name of what: `markers.platform_release`, `sys_path`, a file's path.
    pub what: Text,
    /// The reason, a clause.
    pub why: Text,
}
