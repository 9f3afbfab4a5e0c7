//! An environment comes in, as the JSON that `envdiff inspect` wrote or as it was just read from a target; what was installed there,
//! and what training ran on, come out.
//!
//! It is a record. The lines that findings quote are those of the list that is made here, a distribution a line: what was imported
//! there, by name. Of several copies the one that is imported counts; where that cannot be told, the package is undetermined.

use std::collections::{BTreeMap, HashSet};

use envdiff_model::{
    DirectUrl, Distribution, Environment as Read, Evidence, Fact, MetadataKind, Name, Origin, PackageSource,
    Place, Requirement, RequirementKind, Selection, Snapshot, Source, SourceKind, Text, TorchVariant,
    Training, say,
};
use envdiff_wire::SnapshotError;

use crate::broken::{Broken, Fault};
use crate::formats::conda::Package;
use crate::package::{come_from, git, git_source, pinned, shown};
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::{Environment, LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let snapshot = envdiff_wire::read_snapshot(document.text.as_bytes()).map_err(|error| {
        let fault = match error {
            SnapshotError::OtherVersion { .. } => Fault::Version,
            _ => Fault::Value,
        };
        input.refuse(&document, Broken::whole(fault, error.to_string()))
    })?;
    of_target(input.path, &snapshot)
}

/// A target that was read, as a lock.
pub(crate) fn of_target(path: &str, snapshot: &Snapshot) -> Result<Box<dyn Selectable>, LockError> {
    Ok(Box::new(of(path, &snapshot.environment)?))
}

struct Recorded {
    packages: Vec<Requirement>,
    source: Source,
    training: Training,
    notes: Vec<Text>,
}

impl Selectable for Recorded {
    fn offers(&self) -> Offers {
        Offers::default()
    }

    fn select(&self, _: &Environment, _: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = Chosen::record("what was installed there");
        chosen.python.clone_from(&self.training.python);
        chosen.training = self.training.clone();
        chosen.requirements.clone_from(&self.packages);
        chosen.notes.clone_from(&self.notes);
        chosen.sources.push(self.source.clone());
        Ok(chosen)
    }
}

fn of(path: &str, environment: &Read) -> Result<Recorded, LockError> {
    if environment.distributions.is_empty() {
        let why = environment.interpreter.reason().or_else(|| environment.sys_path.reason());
        let why = why.cloned().unwrap_or_else(|| "none is installed".into());
        return Err(LockError::NothingInstalled { path: path.into(), why });
    }
    let mut packages = distributions(environment);
    let unreadable = environment.distributions.iter().filter(|one| one.name.is_none()).count();
    packages.append(&mut conda(environment));
    let mut lines = Vec::with_capacity(packages.len());
    for (at, package) in packages.iter_mut().enumerate() {
        let line = package.text.clone();
        let end_column = line.to_lossy().chars().count() + 1;
        package.at = Place { file: path.into(), line: at + 1, column: 1, end_column };
        lines.push(line);
    }
    let mut notes = Vec::new();
    if unreadable > 0 {
        let of = if unreadable == 1 { " distribution of it tells" } else { " distributions of it tell" };
        notes.push(say!(unreadable, of, " no name, and cannot be compared"));
    }
    if let Some(reason) = environment.sys_path.reason() {
        notes.push(say!("what else was installed there is not known: ", reason));
    }
    Ok(Recorded {
        packages,
        source: Source::whole(path.into(), lines),
        training: training(environment),
        notes,
    })
}

/// What is imported under each name.
fn distributions(environment: &Read) -> Vec<Requirement> {
    let mut copies: BTreeMap<Name, Vec<&Distribution>> = BTreeMap::new();
    for distribution in environment.distributions.iter().filter(|one| !one.shadowed && !is_left_over(one)) {
        if let Some(name) = distribution.name.as_ref().and_then(Text::as_str) {
            copies.entry(Name::new(name)).or_default().push(distribution);
        }
    }
    copies.into_iter().filter_map(|(name, copies)| requirement(&name, &copies)).collect()
}

/// `~orch-2.0.dist-info`, which an interrupted installer left: pip takes it for no distribution.
fn is_left_over(distribution: &Distribution) -> bool {
    let file = distribution.metadata.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    distribution.kind == MetadataKind::DistInfo && !file.first().is_some_and(u8::is_ascii_alphanumeric)
}

fn requirement(name: &Name, copies: &[&Distribution]) -> Option<Requirement> {
    let first = copies.first()?;
    let version = |one: &Distribution| one.version.as_ref().and_then(Text::as_str).map(str::to_owned);
    let told = version(first);
    let nowhere = Place { file: Text::new(), line: 1, column: 1, end_column: 1 };
    let mut out = pinned(name, told.as_deref(), nowhere);
    out.selection = Selection::Selected;
    if copies.iter().any(|other| version(other) != told) {
        out = Requirement::named(name.clone(), out.at);
        out.selection = Selection::Undetermined {
            reason: "training held several copies of it in one folder, and which one counts is the file system's order"
                .into(),
        };
    } else if told.is_none() {
        let why = first.error.clone().unwrap_or_else(|| "its metadata tells none".into());
        out.selection =
            Selection::Undetermined { reason: say!("the version that training had is not known: ", why) };
    }
    if let Some(direct) = first.direct_url.as_ref().and_then(Fact::value) {
        direct_url(&mut out, direct);
    } else if first.editable {
        come_from(&mut out, PackageSource::of(SourceKind::Editable), None);
    }
    let detail = told.map_or_else(Text::new, |version| say!("Version: ", version));
    out.evidence.push(Evidence::new(first.metadata.clone(), detail));
    Some(out)
}

/// What PEP 610 says of a package's source.
fn direct_url(out: &mut Requirement, direct: &DirectUrl) {
    let Some(url) = direct.url.as_str() else { return };
    let folder = direct.subdirectory.as_ref().and_then(Text::as_str);
    match &direct.origin {
        Origin::Vcs { vcs, commit_id, .. } => {
            let commit = commit_id.as_str();
            let kind = vcs.as_str().unwrap_or("git");
            let link = format!("{kind}+{}", git(url, commit, folder).trim_start_matches("git+"));
            come_from(out, git_source(url, commit, folder), Some(&link));
        }
        Origin::Directory { editable } => {
            let kind = if *editable { SourceKind::Editable } else { SourceKind::Directory };
            come_from(out, PackageSource::at(kind, shown(url)), None);
        }
        Origin::Archive { hashes } => {
            let is_file = url.starts_with("file:");
            let kind = if is_file { SourceKind::Path } else { SourceKind::Url };
            come_from(out, PackageSource::at(kind, shown(url)), (!is_file).then_some(url));
            out.hashes.extend(hashes.iter().map(|(algorithm, digest)| say!(algorithm, ":", digest)));
        }
    }
}

/// The packages of a conda prefix that are no distributions: those are told by their own metadata.
fn conda(environment: &Read) -> Vec<Requirement> {
    let names: HashSet<Name> = environment
        .distributions
        .iter()
        .filter_map(|one| one.name.as_ref().and_then(Text::as_str).map(Name::new))
        .collect();
    let mut out = Vec::new();
    for record in &environment.conda {
        let (Some(name), Some(version)) = (record.name.as_str(), record.version.as_str()) else { continue };
        let nowhere = Place { file: Text::new(), line: 1, column: 1, end_column: 1 };
        let package = Package {
            name,
            version: Some(version),
            build: record.build.as_str().filter(|build| !build.is_empty()),
            channel: record.channel.as_str().filter(|channel| !channel.is_empty()),
            purls: None,
        };
        let mut found = package.requirement(nowhere);
        // All distributions of training are known: what is none of them is none.
        if let RequirementKind::Conda { surely } = &mut found.kind
            && !names.contains(&Name::new(name))
        {
            *surely = true;
            found.evidence.push(Evidence::new(record.record.clone(), say!("version ", version)));
            out.push(found);
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// What training ran on, as its environment was read.
fn training(environment: &Read) -> Training {
    let mut out = Training { python: Some(environment.python.clone()), ..Training::NONE };
    let stack = &environment.stack;
    if let Fact::Known { value: Some(torch), evidence } = &stack.torch {
        out.torch = Some(Fact::seen(torch.version.clone(), evidence.clone()));
        out.variant = Some(torch.variant.clone());
        out.cuda = match &torch.variant {
            Fact::Known { value: TorchVariant::Cuda(version), evidence } => {
                Some(Fact::seen(version.clone(), evidence.clone()))
            }
            Fact::Known { .. } => None,
            Fact::Unknown { reason } => Some(Fact::unknown(reason.clone())),
        };
        for (library, into) in [(&stack.cudnn, &mut out.cudnn), (&stack.nccl, &mut out.nccl)] {
            *into = match library {
                Fact::Known { value: Some(library), evidence } => Some(match &library.version {
                    Some(version) => Fact::seen(version.clone(), evidence.clone()),
                    None => Fact::unknown(say!("nothing tells the version of ", library.path)),
                }),
                Fact::Known { value: None, .. } => None,
                Fact::Unknown { reason } => Some(Fact::unknown(reason.clone())),
            };
        }
    }
    if let Fact::Known { value: Some(driver), evidence } = environment.machine.driver() {
        out.driver = Some(Fact::seen(driver.version, evidence));
    }
    if let Fact::Known { value: gpus, evidence } = environment.machine.gpus()
        && let Some(name) = gpus.iter().find_map(|gpu| gpu.name.clone())
    {
        out.gpu = Some(Fact::seen(name, evidence));
    }
    out
}
