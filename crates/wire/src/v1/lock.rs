//! What locks install in an environment, in JSON (`envdiff.lock/1`).

use std::collections::BTreeMap;
use std::io::{self, Write};

use envdiff_model as model;
use model::Selection;
use serde::Serialize;

use super::environment::strs;
use super::report::Position;
use super::words::SourceKind;
use crate::REPORT_STRING;
use crate::string::Str;

/// The schema's name.
pub(crate) const LOCK: &str = "envdiff.lock/1";

/// The answer of `envdiff lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(title = "envdiff.lock/1"))]
pub struct Locked {
    /// `envdiff.lock/1`
    pub schema: Str,
    /// The locks, in the order asked for.
    pub locks: Vec<Selected>,
}

/// What one lock installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Selected {
    /// The path as given.
    pub path: Str,
    /// Id of its format.
    pub format: Str,
    /// The version of the format that the file says it has.
    pub format_version: Option<Str>,
    /// The lock's own range of Python versions.
    pub requires_python: Option<Str>,
    /// The environment that it was selected for; null for what is not known.
    pub environment: BTreeMap<&'static str, Option<Str>>,
    /// What is installed there, by name.
    pub packages: Vec<Package>,
    /// Groups that were selected.
    pub groups: Vec<Str>,
    /// Extras that were selected.
    pub extras: Vec<Str>,
    /// Of what it cannot be told whether it is installed there, by name.
    pub undetermined: Vec<Undetermined>,
    /// What the selection rests on that the lock itself does not say.
    pub notes: Vec<Str>,
}

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Package {
    /// The normalised name; null where only a build would tell it.
    pub name: Option<Str>,
    /// The one version that the lock names; null where it names a range or none.
    pub version: Option<Str>,
    /// The version specifier; empty for none.
    pub specifier: Str,
    /// The marker as written, where it has one of its own.
    pub marker: Option<Str>,
    /// Requested extras.
    pub extras: Vec<Str>,
    /// Where it comes from.
    pub source: PackageSource,
    /// `algorithm:digest` of every hash named; they are of archives, and nothing that is installed is compared with them.
    pub hashes: Vec<Str>,
    /// Where it stands.
    pub at: Position,
}

/// A package of which it cannot be told whether it is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Undetermined {
    /// The package.
    #[serde(flatten)]
    pub package: Package,
    /// Why.
    pub reason: Str,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageSource {
    /// What kind of place.
    pub kind: SourceKind,
    /// The index, repository, file or folder, credentials masked; null for the default index.
    pub at: Option<Str>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Str>,
    /// The folder in an archive or repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdirectory: Option<Str>,
    /// conda's own name of the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<Str>,
    /// conda's build string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Str>,
}

/// Writes what locks install as JSON, with a final newline.
///
/// # Errors
/// Those of `out`.
pub fn write_lock(locked: &model::Locked, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    crate::json::write(&Locked::from(locked), Some(REPORT_STRING), out)
}

impl From<&model::Locked> for Locked {
    fn from(locked: &model::Locked) -> Self {
        let environment: BTreeMap<&'static str, Option<Str>> = model::MarkerVariable::ALL
            .into_iter()
            .map(|variable| {
                (variable.as_str(), locked.markers.get(&variable).and_then(model::Fact::value).map(Str::from))
            })
            .collect();
        let locks = locked.locks.iter().map(|lock| Selected::of(lock, environment.clone())).collect();
        Self { schema: LOCK.into(), locks }
    }
}

impl Selected {
    fn of(lock: &model::Lock, environment: BTreeMap<&'static str, Option<Str>>) -> Self {
        let mut by_name: Vec<&model::Requirement> = lock.requirements.iter().collect();
        by_name.sort_by(|a, b| a.name.cmp(&b.name).then(a.at.line.cmp(&b.at.line)));
        let packages = by_name.iter().filter(|requirement| requirement.selection == Selection::Selected);
        let undetermined = by_name.iter().filter_map(|requirement| match &requirement.selection {
            Selection::Undetermined { reason } => {
                Some(Undetermined { package: Package::from(*requirement), reason: reason.into() })
            }
            _ => None,
        });
        Self {
            path: (&lock.path).into(),
            format: lock.format.into(),
            format_version: lock.format_version.as_ref().map(Str::from),
            requires_python: lock.requires_python.as_ref().map(Str::from),
            environment,
            packages: packages.map(|requirement| Package::from(*requirement)).collect(),
            groups: strs(&lock.groups),
            extras: strs(&lock.extras),
            undetermined: undetermined.collect(),
            notes: strs(&lock.notes),
        }
    }
}

impl From<&model::Requirement> for Package {
    fn from(requirement: &model::Requirement) -> Self {
        let model::PackageSource { kind, at, commit, subdirectory, package, build } = &requirement.origin;
        let str = |text: &Option<model::Text>| text.as_ref().map(Str::from);
        Self {
            name: requirement.name.as_ref().map(|name| name.as_str().into()),
            version: requirement.version.as_deref().map(Str::from),
            specifier: requirement.specifier.as_str().into(),
            marker: requirement.marker.as_deref().map(|marker| Str::from(&model::Text::from(marker))),
            extras: requirement.extras.iter().map(|extra| extra.as_str().into()).collect(),
            source: PackageSource {
                kind: (*kind).into(),
                at: str(at),
                commit: str(commit),
                subdirectory: str(subdirectory),
                package: str(package),
                build: str(build),
            },
            hashes: strs(&requirement.hashes),
            at: Position {
                file: (&requirement.at.file).into(),
                line: requirement.at.line,
                column: requirement.at.column,
            },
        }
    }
}
