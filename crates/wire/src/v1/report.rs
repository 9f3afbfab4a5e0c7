//! A report in JSON (`envdiff.report/1`).

use std::collections::BTreeMap;
use std::io::{self, Write};

use envdiff_model as model;
use model::Text;
use serde::{Serialize, Serializer};

use super::environment::{Distribution, Environment, Unknown, strs};
use super::fact::Fact;
use super::stack::TorchVariant;
use super::target::{Target, Tool};
use super::words::{Change, Direction, LoadOutcome, Outcome, ReadAs, Severity, Stage, Verdict};
use crate::REPORT_STRING;
use crate::mirror::Mirror;
use crate::string::Str;

/// The schema's name.
pub(crate) const REPORT: &str = "envdiff.report/1";

/// The whole answer of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(title = "envdiff.report/1"))]
pub struct Report {
    /// `envdiff.report/1`
    pub schema: Str,
    /// What wrote it.
    pub tool: Tool,
    /// Whether a finding is at or above the level of `--fail-on`.
    pub verdict: Outcome,
    /// The counts.
    pub summary: Summary,
    /// Every audit, in the order asked for; then what could not be audited.
    pub audits: Vec<Entry>,
}

/// An audit, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Entry {
    /// An audit.
    Audit(Box<Audit>),
    /// What was asked for and could not be audited.
    Unaudited(Unaudited),
}

/// What was asked for and could not be audited, while others were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unaudited {
    /// What it is.
    pub target: Target,
    /// Why there is no audit of it.
    pub error: Error,
}

/// Why something could not be audited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Error {
    /// What happened.
    pub message: Str,
    /// Why, in the system's words.
    pub cause: Str,
    /// What to do.
    pub help: Str,
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Summary {
    /// Findings at error level, the accepted ones left out.
    pub error: usize,
    /// Findings at warning level, the accepted ones left out.
    pub warning: usize,
    /// Findings at note level, the accepted ones left out.
    pub note: usize,
    /// Facts that could not be read.
    pub unknown: usize,
    /// Requirements by verdict.
    pub requirements: Requirements,
}

/// Requirements by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Requirements {
    /// All of them.
    pub total: usize,
    /// The image holds it.
    pub satisfied: usize,
    /// The image has no such distribution.
    pub missing: usize,
    /// Another version.
    pub version_mismatch: usize,
    /// Another URL or commit.
    pub source_mismatch: usize,
    /// Marker or selection leaves it out.
    pub not_applicable: usize,
    /// It cannot be told.
    pub unverifiable: usize,
    /// No installer takes the line.
    pub invalid: usize,
}

/// One target held against its locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Audit {
    /// What was audited.
    pub target: Target,
    /// The locks, as read.
    pub locks: Vec<Lock>,
    /// What the image holds.
    pub environment: Environment<Distribution>,
    /// The same facts on the training side, as far as the locks tell.
    pub training: Training,
    /// Every requirement of every lock in file order.
    pub requirements: Vec<Requirement>,
    /// Predictions for model archives.
    pub archives: Vec<Archive>,
    /// Errors first, then warnings, then notes.
    pub findings: Vec<Finding>,
    /// Facts that could not be read.
    pub unknown: Vec<Unknown>,
}

/// The prediction for a model archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Archive {
    /// As it was named, or where it lies in the image.
    pub archive: Str,
    /// The model's name.
    pub model: Option<Str>,
    /// The model's version.
    pub version: Option<Str>,
    /// Loaded by `load_models` while the server starts.
    pub at_startup: Prediction,
    /// Loaded by `POST /models?url=…&initial_workers=1&synchronous=true`.
    pub register: Prediction,
    /// What the load reads, each with what it is: `handler`, `entry`, `weights` and others.
    #[serde(serialize_with = "in_order")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Str>"))]
    pub reads: Vec<(&'static str, Str)>,
}

/// What is predicted for one way of loading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Prediction {
    /// What happens.
    pub outcome: LoadOutcome,
    /// At which stage; null where that is not known.
    pub stage: Option<Stage>,
    /// Id of the check whose finding decides.
    pub cause: Option<Str>,
    /// What the server or the worker will say.
    pub message: Option<Str>,
    /// Where in the archive, or in the image where the path is absolute.
    pub at: Option<Position>,
    /// Why it is not known.
    pub reason: Option<Str>,
}

/// An object with its keys in this order.
fn in_order<S: Serializer>(pairs: &[(&'static str, Str)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

/// A lock, as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lock {
    /// The path as given.
    pub path: Str,
    /// Id of its format.
    pub format: Str,
    /// Demand or record.
    pub read_as: ReadAs,
    /// The lock's own range of Python versions.
    pub requires_python: Option<Str>,
    /// Groups that were selected.
    pub groups: Vec<Str>,
    /// Extras that were selected.
    pub extras: Vec<Str>,
}

/// What the locks tell about training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Training {
    /// The Python it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<Fact<Str>>,
    /// The torch it held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torch: Option<Fact<Str>>,
    /// What that torch was built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<Fact<TorchVariant>>,
    /// The CUDA that it was built with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cuda: Option<Fact<Str>>,
    /// The cuDNN that it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cudnn: Option<Fact<Str>>,
    /// The NCCL that it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nccl: Option<Fact<Str>>,
    /// The numpy that a lock pins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numpy: Option<Fact<Str>>,
    /// The version of the driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<Fact<Str>>,
    /// The GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Fact<Str>>,
}

/// A requirement with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Requirement {
    /// The normalised name; null where only a build would tell it.
    pub name: Option<Str>,
    /// The version specifier; empty for none.
    pub specifier: Str,
    /// The marker as written.
    pub marker: Option<Str>,
    /// Requested extras.
    pub extras: Vec<Str>,
    /// The URL or path that it is to come from, credentials masked.
    pub url: Option<Str>,
    /// Where it stands.
    pub at: Position,
    /// As written.
    pub text: Str,
    /// What came of it.
    pub verdict: Verdict,
    /// The version that the image has.
    pub installed: Option<Str>,
    /// How large the difference is.
    pub change: Option<Change>,
    /// What the image's version is beside the lock's.
    pub direction: Option<Direction>,
    /// Why, where the verdict alone does not say it.
    pub reason: Option<Str>,
}

/// Where a requirement stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Position {
    /// The path as the user would open it.
    pub file: Str,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// A place in a file of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    /// The path as the user would open it.
    pub file: Str,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// One past the last character.
    pub end_column: usize,
}

/// A check that spoke about a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// Id of the check.
    pub check: Str,
    /// How grave.
    pub severity: Severity,
    /// Package, archive or file.
    pub subject: Str,
    /// What is.
    pub message: Str,
    /// Where in the lock.
    pub at: Option<Place>,
    /// Where in the image.
    pub evidence: Vec<Evidence>,
    /// Why it matters.
    pub why: Str,
    /// What to do.
    pub fix: Str,
    /// The allowance that covers it.
    pub accepted: Option<Str>,
}

/// Where something was seen, with the layer that brought it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// Absolute path in the image, or where else it stands.
    pub path: Str,
    /// What stands there.
    pub detail: Str,
    /// `sha256:…` of the layer.
    pub layer: Option<Str>,
    /// The instruction that made the layer.
    pub instruction: Option<Str>,
}

/// Writes a report as JSON, with a final newline; strings of foreign text are cut at [`REPORT_STRING`] characters.
///
/// # Errors
/// Those of `out`.
pub fn write_report(report: &model::Report, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    crate::json::write(&Report::from(report), Some(REPORT_STRING), out)
}

impl From<&model::Report> for Report {
    fn from(report: &model::Report) -> Self {
        Self {
            schema: REPORT.into(),
            tool: Tool::this(),
            verdict: if report.fails { Outcome::Fail } else { Outcome::Pass },
            summary: report.counts().into(),
            audits: report
                .audits
                .iter()
                .map(|audit| Entry::Audit(Box::new(audit.into())))
                .chain(report.unaudited.iter().map(|one| Entry::Unaudited(one.into())))
                .collect(),
        }
    }
}

impl From<model::Counts> for Summary {
    fn from(counts: model::Counts) -> Self {
        let of = |verdict| counts.requirements.of(verdict);
        Self {
            error: counts.error,
            warning: counts.warning,
            note: counts.note,
            unknown: counts.unknown,
            requirements: Requirements {
                total: counts.requirements.total(),
                satisfied: of(model::Verdict::Satisfied),
                missing: of(model::Verdict::Missing),
                version_mismatch: of(model::Verdict::VersionMismatch),
                source_mismatch: of(model::Verdict::SourceMismatch),
                not_applicable: of(model::Verdict::NotApplicable),
                unverifiable: of(model::Verdict::Unverifiable),
                invalid: of(model::Verdict::Invalid),
            },
        }
    }
}

impl From<&model::Audit> for Audit {
    fn from(audit: &model::Audit) -> Self {
        Self {
            target: (&audit.target).into(),
            locks: audit.locks.iter().map(Lock::from).collect(),
            environment: Environment::reported(&audit.environment),
            training: Training::from(&audit.training),
            requirements: audit
                .requirements
                .iter()
                .filter_map(|judged| {
                    let asked = audit.locks.get(judged.lock)?.requirements.get(judged.requirement)?;
                    Some(Requirement::of(judged, asked))
                })
                .collect(),
            archives: audit.loads.iter().map(Archive::from).collect(),
            findings: audit.findings.iter().map(|finding| Finding::of(finding, &audit.target)).collect(),
            unknown: audit.unknown.iter().map(Unknown::from).collect(),
        }
    }
}

impl From<&model::Unaudited> for Unaudited {
    fn from(one: &model::Unaudited) -> Self {
        let error =
            Error { message: (&one.message).into(), cause: (&one.cause).into(), help: (&one.help).into() };
        Self { target: (&one.target).into(), error }
    }
}

impl From<&model::Load> for Archive {
    fn from(load: &model::Load) -> Self {
        // What is read of one kind stands together: a key occurs once.
        let mut reads: BTreeMap<usize, (&'static str, Vec<&Text>)> = BTreeMap::new();
        for (key, what) in &load.reads {
            let first = load.reads.iter().position(|(other, _)| other == key).unwrap_or_default();
            reads.entry(first).or_insert((key, Vec::new())).1.push(what);
        }
        Self {
            archive: (&load.archive).into(),
            model: load.model.as_ref().map(Str::from),
            version: load.version.as_ref().map(Str::from),
            at_startup: Prediction::of(load, model::Way::AtStartup),
            register: Prediction::of(load, model::Way::Register),
            reads: reads.into_values().map(|(key, what)| (key, Str::from(&Text::join(what, ", ")))).collect(),
        }
    }
}

impl Prediction {
    fn of(load: &model::Load, way: model::Way) -> Self {
        let model::Prediction { outcome, stage, cause: _, reason } = load.by(way);
        let cause = load.cause(way);
        Self {
            outcome: (*outcome).into(),
            stage: stage.map(Into::into),
            cause: cause.map(|trouble| trouble.fault.id().into()),
            message: cause.filter(|t| !t.message.is_empty()).map(|trouble| (&trouble.message).into()),
            at: cause.and_then(|trouble| trouble.at.as_ref()).map(Position::from),
            reason: reason.as_ref().map(Str::from),
        }
    }
}

impl From<&model::Spot> for Position {
    fn from(spot: &model::Spot) -> Self {
        Self { file: (&spot.file).into(), line: spot.line, column: spot.column }
    }
}

impl From<&model::Training> for Training {
    fn from(training: &model::Training) -> Self {
        let model::Training { python, torch, variant, cuda, cudnn, nccl, numpy, driver, gpu } = training;
        Self {
            python: Mirror::of(python),
            torch: Mirror::of(torch),
            variant: Mirror::of(variant),
            cuda: Mirror::of(cuda),
            cudnn: Mirror::of(cudnn),
            nccl: Mirror::of(nccl),
            numpy: Mirror::of(numpy),
            driver: Mirror::of(driver),
            gpu: Mirror::of(gpu),
        }
    }
}

impl From<&model::Lock> for Lock {
    fn from(lock: &model::Lock) -> Self {
        Self {
            path: (&lock.path).into(),
            format: lock.format.into(),
            read_as: lock.read_as.into(),
            requires_python: lock.requires_python.as_ref().map(Str::from),
            groups: strs(&lock.groups),
            extras: strs(&lock.extras),
        }
    }
}

impl Requirement {
    fn of(judged: &model::Judged, asked: &model::Requirement) -> Self {
        // Written parts of a line go through `Text`, so that credentials in them are masked as everywhere. Where a variable
        // stands in the line, a part that is not written there holds its value.
        let line = asked.text.to_lossy();
        let has_variable = line.contains("${");
        let written = |text: &str| {
            if has_variable && !line.contains(text) {
                Str::from("****")
            } else {
                Str::from(&Text::from(text))
            }
        };
        Self {
            name: asked.name.as_ref().map(|name| name.as_str().into()),
            specifier: written(&asked.specifier),
            marker: asked.marker.as_deref().map(written),
            extras: asked.extras.iter().map(|extra| extra.as_str().into()).collect(),
            url: asked.url.as_ref().map(|url| (&url.shown).into()),
            at: Position { file: (&asked.at.file).into(), line: asked.at.line, column: asked.at.column },
            text: (&asked.text).into(),
            verdict: judged.verdict.into(),
            installed: judged.installed.as_ref().map(Str::from),
            change: judged.change.map(Into::into),
            direction: judged.direction.map(Into::into),
            reason: judged.reason.as_ref().map(Str::from),
        }
    }
}

impl From<&model::Place> for Place {
    fn from(place: &model::Place) -> Self {
        Self {
            file: (&place.file).into(),
            line: place.line,
            column: place.column,
            end_column: place.end_column,
        }
    }
}

impl Finding {
    fn of(finding: &model::Finding, target: &model::Target) -> Self {
        Self {
            check: finding.check.into(),
            severity: finding.severity.into(),
            subject: (&finding.subject).into(),
            message: (&finding.message).into(),
            at: finding.at.as_ref().map(Place::from),
            evidence: finding.evidence.iter().map(|evidence| Evidence::of(evidence, target)).collect(),
            why: (&finding.why).into(),
            fix: (&finding.fix).into(),
            accepted: finding.accepted.as_ref().map(Str::from),
        }
    }
}

impl Evidence {
    fn of(evidence: &model::Evidence, target: &model::Target) -> Self {
        let layer = evidence.layer.and_then(|index| target.layers.as_ref()?.get(index));
        Self {
            path: (&evidence.path).into(),
            detail: (&evidence.detail).into(),
            layer: layer.map(|layer| (&layer.id).into()),
            instruction: layer.and_then(|layer| layer.instruction.as_ref()).map(Str::from),
        }
    }
}
