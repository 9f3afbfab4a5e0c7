//! A Python environment in JSON, and back: `ENVIRONMENT` of the contract.

use std::collections::BTreeMap;

use envdiff_model as model;
use model::{MarkerVariable, Text};
use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::stack::{
    Cuda, Hidden, InPlace, Java, Library, Machine, Native, Overwritten, Told, Torch, Torchserve, Verified,
};
use super::words::{MetadataKind, PathSource};
use crate::mirror::Mirror;
use crate::string::Str;

/// Everything known of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Environment<D> {
    /// `platform.python_version()` of the interpreter that starts.
    pub python: Fact<Str>,
    /// The interpreter that starts.
    pub interpreter: Fact<Interpreter>,
    /// `sys.path` of `python -m` in the image's working folder, environment and user.
    pub sys_path: Fact<Vec<PathEntry>>,
    /// The marker variables of PEP 508.
    pub markers: Markers,
    /// Every copy that `importlib.metadata` lists over `sys_path`.
    pub distributions: Vec<D>,
    /// Interpreters that are there and do not start.
    pub interpreters: Vec<OtherInterpreter>,
    /// Packages of the conda prefix that the interpreter belongs to.
    pub conda: Vec<Conda>,
    /// The torch that is imported; a known null where there is none.
    #[serde(default)]
    pub torch: Fact<Option<Torch>>,
    /// CUDA in the image.
    #[serde(default)]
    pub cuda: Fact<Cuda>,
    /// The cuDNN that torch loads; a known null where there is none.
    #[serde(default)]
    pub cudnn: Fact<Option<Library>>,
    /// The NCCL that torch loads; a known null where there is none.
    #[serde(default)]
    pub nccl: Fact<Option<Library>>,
    /// C library, C++ library, extension modules.
    #[serde(default)]
    pub native: Fact<Native>,
    /// Files that several distributions own.
    pub overwritten: Fact<Vec<Overwritten>>,
    /// Modules that a file earlier on `sys.path` hides.
    pub hidden: Fact<Vec<Hidden>>,
    /// Distributions that are installed in place.
    #[serde(default)]
    pub in_place: Fact<Vec<InPlace>>,
    /// TorchServe; a known null where it is not installed.
    #[serde(default)]
    pub torchserve: Fact<Option<Torchserve>>,
    /// The Java that TorchServe would start; a known null where there is none.
    #[serde(default)]
    pub java: Fact<Option<Java>>,
    /// The machine that the image will run on.
    #[serde(default)]
    pub machine: Machine,
    /// What the image's own interpreter said; null where it was not started.
    #[serde(default)]
    pub told: Option<Told>,
    /// Installed files held against their RECORDs; not there without `--verify`, and in no snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Fact<Verified>>,
}

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interpreter {
    /// `sys.executable`, links not resolved.
    pub executable: Str,
    /// The file behind it.
    pub real: Str,
    /// `sys.implementation.name`.
    pub implementation: Str,
    /// `sys.prefix`.
    pub prefix: Str,
    /// `sys.base_prefix`.
    pub base_prefix: Str,
    /// Arguments before the program.
    pub flags: Vec<Str>,
    /// How it is reached, one step each.
    pub reached_by: Vec<Str>,
}

/// One entry of `sys.path`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PathEntry {
    /// As it stands in `sys.path`.
    pub path: Str,
    /// Where it comes from.
    pub from: PathSource,
    /// Whether it is there.
    pub exists: bool,
}

/// The marker variables of PEP 508, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs, reason = "PEP 508 says what each variable is")]
pub struct Markers {
    pub implementation_name: Fact<Str>,
    pub implementation_version: Fact<Str>,
    pub os_name: Fact<Str>,
    pub platform_machine: Fact<Str>,
    pub platform_python_implementation: Fact<Str>,
    pub platform_release: Fact<Str>,
    pub platform_system: Fact<Str>,
    pub platform_version: Fact<Str>,
    pub python_full_version: Fact<Str>,
    pub python_version: Fact<Str>,
    pub sys_platform: Fact<Str>,
}

/// One copy of a distribution, as a report tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Distribution {
    /// `Name` as its metadata writes it; null where it cannot be read.
    pub name: Option<Str>,
    /// `Version` as its metadata writes it; null where it cannot be read.
    pub version: Option<Str>,
    /// The metadata folder or file.
    pub metadata: Str,
    /// The entry of `sys.path` that holds it.
    pub location: Str,
    /// Index of that entry.
    pub path_index: usize,
    /// First line of `INSTALLER`.
    pub installer: Option<Str>,
    /// `direct_url.json` (PEP 610); null where there is none.
    pub direct_url: Option<Fact<DirectUrl>>,
    /// Installed in place.
    pub editable: bool,
    /// An earlier entry of `sys.path` holds the name.
    pub shadowed: bool,
    /// Another copy of this name lies in the same folder.
    pub ambiguous: bool,
    /// Why name or version is null, or what else is wrong with the metadata.
    pub error: Option<Str>,
}

/// One copy of a distribution, as a snapshot tells it: with what it asks for.
// Not `Distribution` flattened: serde buffers what it flattens as `str`, and lone surrogates would not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Described {
    /// `Name` as its metadata writes it; null where it cannot be read.
    pub name: Option<Str>,
    /// `Version` as its metadata writes it; null where it cannot be read.
    pub version: Option<Str>,
    /// The metadata folder or file.
    pub metadata: Str,
    /// The entry of `sys.path` that holds it.
    pub location: Str,
    /// Index of that entry.
    pub path_index: usize,
    /// First line of `INSTALLER`.
    pub installer: Option<Str>,
    /// `direct_url.json` (PEP 610); null where there is none.
    pub direct_url: Option<Fact<DirectUrl>>,
    /// Installed in place.
    pub editable: bool,
    /// An earlier entry of `sys.path` holds the name.
    pub shadowed: bool,
    /// Another copy of this name lies in the same folder.
    pub ambiguous: bool,
    /// Why name or version is null, or what else is wrong with the metadata.
    pub error: Option<Str>,
    /// `Requires-Dist` as written.
    pub requires: Vec<Str>,
    /// `Provides-Extra` as written.
    pub provides_extra: Vec<Str>,
    /// `Requires-Python` as written.
    pub requires_python: Option<Str>,
    /// Names that it installs at top level; null where neither `top_level.txt` nor RECORD was read.
    pub top_level: Option<Vec<Str>>,
    /// `Tag` lines of `WHEEL`; null where it was not read.
    #[serde(default)]
    pub tags: Option<Vec<Str>>,
    /// The shape of its metadata.
    pub kind: MetadataKind,
}

/// `direct_url.json` (PEP 610).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectUrl {
    /// `url`, credentials masked.
    pub url: Str,
    /// `subdirectory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdirectory: Option<Str>,
    /// For a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcs_info: Option<VcsInfo>,
    /// For an archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_info: Option<ArchiveInfo>,
    /// For a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir_info: Option<DirInfo>,
}

/// `vcs_info` of PEP 610.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VcsInfo {
    /// `git`, `hg`, `svn`, `bzr`.
    pub vcs: Str,
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_revision: Option<Str>,
    /// What that was then.
    pub commit_id: Str,
}

/// `archive_info` of PEP 610.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArchiveInfo {
    /// In the file's order.
    pub hashes: Vec<Hash>,
}

/// A hash of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hash {
    /// `sha256`.
    pub algorithm: Str,
    /// Hexadecimal.
    pub digest: Str,
}

/// `dir_info` of PEP 610.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirInfo {
    /// Installed in place.
    pub editable: bool,
}

/// An interpreter that is there and does not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OtherInterpreter {
    /// Absolute path.
    pub executable: Str,
    /// Its version.
    pub version: Fact<Str>,
}

/// A record of `conda-meta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Conda {
    /// conda's name.
    pub name: Str,
    /// Its version.
    pub version: Str,
    /// The build string.
    pub build: Str,
    /// The channel.
    pub channel: Str,
    /// The record's file; in a snapshot alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Str>,
}

/// Something that could not be determined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unknown {
    /// A dotted name or a path.
    pub what: Str,
    /// The reason.
    pub why: Str,
}

pub(crate) fn strs<'a>(texts: impl IntoIterator<Item = &'a Text>) -> Vec<Str> {
    texts.into_iter().map(Str::from).collect()
}

pub(crate) fn texts(strs: Vec<Str>) -> Vec<Text> {
    strs.into_iter().map(Text::from).collect()
}

impl Environment<Distribution> {
    /// What a report tells.
    pub(crate) fn reported(environment: &model::Environment) -> Self {
        Self::of(environment, |d| d.into(), false)
    }
}

impl<D> Environment<D> {
    fn of(
        environment: &model::Environment,
        distribution: impl Fn(&model::Distribution) -> D,
        records: bool,
    ) -> Self {
        Self {
            python: Fact::of(&environment.python, Str::from),
            interpreter: Fact::of(&environment.interpreter, Interpreter::from),
            sys_path: Fact::of(&environment.sys_path, |p| p.iter().map(PathEntry::from).collect()),
            markers: Markers::from(&environment.markers),
            distributions: environment.distributions.iter().map(distribution).collect(),
            interpreters: environment
                .interpreters
                .iter()
                .map(|i| OtherInterpreter {
                    executable: (&i.executable).into(),
                    version: Fact::of(&i.version, Str::from),
                })
                .collect(),
            conda: environment.conda.iter().map(|package| Conda::of(package, records)).collect(),
            torch: Mirror::of(&environment.stack.torch),
            cuda: Mirror::of(&environment.stack.cuda),
            cudnn: Mirror::of(&environment.stack.cudnn),
            nccl: Mirror::of(&environment.stack.nccl),
            native: Mirror::of(&environment.stack.native),
            overwritten: Mirror::of(&environment.stack.overwritten),
            hidden: Mirror::of(&environment.stack.hidden),
            in_place: Mirror::of(&environment.stack.in_place),
            torchserve: Mirror::of(&environment.stack.torchserve),
            java: Mirror::of(&environment.stack.java),
            machine: Mirror::of(&environment.machine),
            told: Mirror::of(&environment.told),
            verified: Mirror::of(&environment.verified),
        }
    }
}

impl Environment<Described> {
    /// What a snapshot tells.
    pub(crate) fn described(environment: &model::Environment) -> Self {
        Self::of(environment, |d| d.into(), true)
    }

    /// Back to the model.
    pub(crate) fn into_model(self, unknown: Vec<Unknown>) -> model::Environment {
        model::Environment {
            python: self.python.into_model(Text::from),
            interpreter: self.interpreter.into_model(model::Interpreter::from),
            sys_path: self.sys_path.into_model(|p| p.into_iter().map(model::SysPathEntry::from).collect()),
            markers: self.markers.into_model(),
            distributions: self.distributions.into_iter().map(model::Distribution::from).collect(),
            interpreters: self
                .interpreters
                .into_iter()
                .map(|i| model::OtherInterpreter {
                    executable: i.executable.into(),
                    version: i.version.into_model(Text::from),
                })
                .collect(),
            conda: self.conda.into_iter().map(model::CondaPackage::from).collect(),
            stack: model::Stack {
                torch: Mirror::into_model(self.torch),
                cuda: Mirror::into_model(self.cuda),
                cudnn: Mirror::into_model(self.cudnn),
                nccl: Mirror::into_model(self.nccl),
                native: Mirror::into_model(self.native),
                overwritten: Mirror::into_model(self.overwritten),
                hidden: Mirror::into_model(self.hidden),
                in_place: Mirror::into_model(self.in_place),
                torchserve: Mirror::into_model(self.torchserve),
                java: Mirror::into_model(self.java),
            },
            machine: self.machine.into_model(),
            told: self.told.into_model(),
            verified: self.verified.into_model(),
            unknown: unknown.into_iter().map(model::Unknown::from).collect(),
        }
    }
}

impl From<&model::Interpreter> for Interpreter {
    fn from(i: &model::Interpreter) -> Self {
        Self {
            executable: (&i.executable).into(),
            real: (&i.real).into(),
            implementation: (&i.implementation).into(),
            prefix: (&i.prefix).into(),
            base_prefix: (&i.base_prefix).into(),
            flags: strs(&i.flags),
            reached_by: strs(&i.reached_by),
        }
    }
}
impl From<Interpreter> for model::Interpreter {
    fn from(i: Interpreter) -> Self {
        Self {
            executable: i.executable.into(),
            real: i.real.into(),
            implementation: i.implementation.into(),
            prefix: i.prefix.into(),
            base_prefix: i.base_prefix.into(),
            flags: texts(i.flags),
            reached_by: texts(i.reached_by),
        }
    }
}

impl From<&model::SysPathEntry> for PathEntry {
    fn from(entry: &model::SysPathEntry) -> Self {
        Self { path: (&entry.path).into(), from: entry.from.into(), exists: entry.exists }
    }
}
impl From<PathEntry> for model::SysPathEntry {
    fn from(entry: PathEntry) -> Self {
        Self { path: entry.path.into(), from: entry.from.into(), exists: entry.exists }
    }
}

/// One arm for each marker variable, so that a variable more in the model does not compile here.
macro_rules! markers {
    ($($variant:ident $field:ident),*) => {
        impl From<&BTreeMap<MarkerVariable, model::Fact<Text>>> for Markers {
            fn from(markers: &BTreeMap<MarkerVariable, model::Fact<Text>>) -> Self {
                let fact = |variable| match markers.get(&variable) {
                    Some(fact) => Fact::of(fact, Str::from),
                    None => Fact::Unknown { unknown: "nothing was found out about it".into() },
                };
                Self { $($field: fact(MarkerVariable::$variant)),* }
            }
        }
        impl Markers {
            fn into_model(self) -> BTreeMap<MarkerVariable, model::Fact<Text>> {
                // All of them by a match that knows each: the map below holds every variable.
                const _: fn(MarkerVariable) = |variable| match variable { $(MarkerVariable::$variant => (),)* };
                BTreeMap::from([$((MarkerVariable::$variant, self.$field.into_model(Text::from))),*])
            }
        }
    };
}
markers! {
    ImplementationName implementation_name, ImplementationVersion implementation_version, OsName os_name,
    PlatformMachine platform_machine, PlatformPythonImplementation platform_python_implementation,
    PlatformRelease platform_release, PlatformSystem platform_system, PlatformVersion platform_version,
    PythonFullVersion python_full_version, PythonVersion python_version, SysPlatform sys_platform
}

impl From<&model::Distribution> for Distribution {
    fn from(d: &model::Distribution) -> Self {
        Self {
            name: d.name.as_ref().map(Str::from),
            version: d.version.as_ref().map(Str::from),
            metadata: (&d.metadata).into(),
            location: (&d.location).into(),
            path_index: d.path_index,
            installer: d.installer.as_ref().map(Str::from),
            direct_url: d.direct_url.as_ref().map(|fact| Fact::of(fact, DirectUrl::from)),
            editable: d.editable,
            shadowed: d.shadowed,
            ambiguous: d.ambiguous,
            error: d.error.as_ref().map(Str::from),
        }
    }
}
impl From<&model::Distribution> for Described {
    fn from(d: &model::Distribution) -> Self {
        Self {
            name: d.name.as_ref().map(Str::from),
            version: d.version.as_ref().map(Str::from),
            metadata: (&d.metadata).into(),
            location: (&d.location).into(),
            path_index: d.path_index,
            installer: d.installer.as_ref().map(Str::from),
            direct_url: d.direct_url.as_ref().map(|fact| Fact::of(fact, DirectUrl::from)),
            editable: d.editable,
            shadowed: d.shadowed,
            ambiguous: d.ambiguous,
            error: d.error.as_ref().map(Str::from),
            requires: strs(&d.requires),
            provides_extra: strs(&d.provides_extra),
            requires_python: d.requires_python.as_ref().map(Str::from),
            top_level: d.top_level.as_ref().map(strs),
            tags: d.tags.as_ref().map(strs),
            kind: d.kind.into(),
        }
    }
}
impl From<Described> for model::Distribution {
    fn from(d: Described) -> Self {
        Self {
            name: d.name.map(Into::into),
            version: d.version.map(Into::into),
            metadata: d.metadata.into(),
            location: d.location.into(),
            path_index: d.path_index,
            kind: d.kind.into(),
            installer: d.installer.map(Into::into),
            direct_url: d.direct_url.map(|fact| fact.into_model(model::DirectUrl::from)),
            editable: d.editable,
            shadowed: d.shadowed,
            ambiguous: d.ambiguous,
            error: d.error.map(Into::into),
            requires: texts(d.requires),
            provides_extra: texts(d.provides_extra),
            requires_python: d.requires_python.map(Into::into),
            top_level: d.top_level.map(texts),
            tags: d.tags.map(texts),
        }
    }
}

impl From<&model::DirectUrl> for DirectUrl {
    fn from(direct: &model::DirectUrl) -> Self {
        let mut out = Self {
            url: (&direct.url).into(),
            subdirectory: direct.subdirectory.as_ref().map(Str::from),
            vcs_info: None,
            archive_info: None,
            dir_info: None,
        };
        match &direct.origin {
            model::Origin::Vcs { vcs, requested_revision, commit_id } => {
                out.vcs_info = Some(VcsInfo {
                    vcs: vcs.into(),
                    requested_revision: requested_revision.as_ref().map(Str::from),
                    commit_id: commit_id.into(),
                });
            }
            model::Origin::Archive { hashes } => {
                out.archive_info = Some(ArchiveInfo {
                    hashes: hashes
                        .iter()
                        .map(|(a, d)| Hash { algorithm: a.into(), digest: d.into() })
                        .collect(),
                });
            }
            model::Origin::Directory { editable } => out.dir_info = Some(DirInfo { editable: *editable }),
        }
        out
    }
}
impl From<DirectUrl> for model::DirectUrl {
    fn from(direct: DirectUrl) -> Self {
        let origin = match (direct.vcs_info, direct.archive_info, direct.dir_info) {
            (Some(vcs), _, _) => model::Origin::Vcs {
                vcs: vcs.vcs.into(),
                requested_revision: vcs.requested_revision.map(Into::into),
                commit_id: vcs.commit_id.into(),
            },
            (None, _, Some(dir)) => model::Origin::Directory { editable: dir.editable },
            (None, archive, None) => model::Origin::Archive {
                hashes: archive
                    .into_iter()
                    .flat_map(|archive| archive.hashes)
                    .map(|hash| (hash.algorithm.into(), hash.digest.into()))
                    .collect(),
            },
        };
        Self { url: direct.url.into(), subdirectory: direct.subdirectory.map(Into::into), origin }
    }
}

impl Conda {
    fn of(package: &model::CondaPackage, record: bool) -> Self {
        Self {
            name: (&package.name).into(),
            version: (&package.version).into(),
            build: (&package.build).into(),
            channel: (&package.channel).into(),
            record: record.then(|| (&package.record).into()),
        }
    }
}
impl From<Conda> for model::CondaPackage {
    fn from(package: Conda) -> Self {
        Self {
            name: package.name.into(),
            version: package.version.into(),
            build: package.build.into(),
            channel: package.channel.into(),
            record: package.record.map(Into::into).unwrap_or_default(),
        }
    }
}

impl Mirror for Unknown {
    type Model = model::Unknown;
    fn of(unknown: &model::Unknown) -> Self {
        unknown.into()
    }
    fn into_model(self) -> model::Unknown {
        self.into()
    }
}
impl From<&model::Unknown> for Unknown {
    fn from(unknown: &model::Unknown) -> Self {
        Self { what: (&unknown.what).into(), why: (&unknown.why).into() }
    }
}
impl From<Unknown> for model::Unknown {
    fn from(unknown: Unknown) -> Self {
        Self { what: unknown.what.into(), why: unknown.why.into() }
    }
}
