//! Locks come in; what they tell of the training environment comes out.

use envdiff_facts::{Minor, Variant, torch};
use envdiff_model::{
    Evidence, Fact, Lock, Requirement, RequirementKind, Selection, Text, TorchVariant, Training, say,
};
use envdiff_packaging::{Operator, SpecifierSet, Wanted};

/// So many pins are a whole environment: a library that is not among them was not there.
const WHOLE: usize = 20;

/// The first lock that tells counts, for each fact.
pub(crate) fn of(locks: &[Lock]) -> Training {
    let mut training = Training {
        python: locks.iter().find_map(|lock| lock.python.clone()),
        torch: pinned(locks, |name| name == "torch").map(|(_, fact)| fact),
        numpy: pinned(locks, |name| name == "numpy").map(|(_, fact)| fact),
        ..Training::default()
    };
    if let Some((lock, fact)) = pinned(locks, |name| name == "torch") {
        of_torch(&mut training, locks, lock, &fact);
    }
    // What a lock says itself stands above what a table knows of the torch that it pins.
    if let Some((_, fact)) = pinned(locks, |name| family(name, "nvidia-cudnn")) {
        training.cudnn = Some(fact);
    }
    if let Some((_, fact)) = pinned(locks, |name| family(name, "nvidia-nccl")) {
        training.nccl = Some(fact);
    }
    // An environment that was read tells of its torch what no pin does.
    if let Some(told) = locks.iter().map(|lock| &lock.training).find(|told| told.variant.is_some()) {
        training.torch.clone_from(&told.torch);
        training.variant.clone_from(&told.variant);
        training.cuda.clone_from(&told.cuda);
        training.cudnn.clone_from(&told.cudnn);
        training.nccl.clone_from(&told.nccl);
    }
    for told in locks.iter().map(|lock| &lock.training) {
        // A pin is what was installed; a report of the machine says what nothing pins.
        training.torch = training.torch.or_else(|| told.torch.clone());
        training.cuda = told.cuda.clone().or(training.cuda);
        training.cudnn = training.cudnn.or_else(|| told.cudnn.clone());
        training.driver = training.driver.or_else(|| told.driver.clone());
        training.gpu = training.gpu.or_else(|| told.gpu.clone());
    }
    training
}

/// Whether a distribution is one of NVIDIA's for some CUDA: `nvidia-cudnn-cu12`, and `nvidia-cudnn`.
fn family(name: &str, library: &str) -> bool {
    name.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with("-cu"))
}

/// The version of a package that a lock pins, with the lock; unknown where it pins several.
fn pinned(locks: &[Lock], is_it: impl Fn(&str) -> bool) -> Option<(&Lock, Fact<Text>)> {
    locks.iter().find_map(|lock| {
        let mut pins = lock
            .requirements
            .iter()
            .filter(|r| !r.constraint && !matches!(r.selection, Selection::NotSelected { .. }))
            .filter(|r| r.name.as_ref().is_some_and(|name| is_it(name.as_str())))
            .filter_map(|r| Some((r, version(r)?)));
        let (requirement, first) = pins.next()?;
        let evidence = evidence(requirement);
        Some(match pins.find(|(_, other)| *other != first) {
            Some((_, other)) => {
                (lock, Fact::unknown(say!("the lock pins ", first, " and ", other, ", by marker or by file")))
            }
            None => (lock, Fact::known(Text::from(first), evidence)),
        })
    })
}

fn evidence(requirement: &Requirement) -> Evidence {
    let line = say!("line ", requirement.at.line, ": ", requirement.text);
    Evidence::new(requirement.at.file.clone(), line)
}

fn version(requirement: &Requirement) -> Option<String> {
    pin(&requirement.specifier).or_else(|| match &requirement.kind {
        RequirementKind::Named { file_version } => file_version.clone(),
        _ => None,
    })
}

/// What the pinned torch was built for, and the libraries that it was built with.
fn of_torch(training: &mut Training, locks: &[Lock], lock: &Lock, fact: &Fact<Text>) {
    let Some(version) = fact.value().and_then(Text::as_str) else { return };
    let evidence = || fact.evidence().to_vec();
    let labelled = version.split_once('+').map(|(_, label)| label);
    let variant = match labelled {
        // A vendor's label says nothing of the build.
        Some(label) => Variant::parse(label).ok_or_else(|| say!("the label ", label, " tells no CUDA")),
        None => on_package_index(locks, lock, version),
    };
    let variant = match variant {
        Ok(variant) => variant,
        Err(reason) => {
            training.variant = Some(Fact::unknown(reason.clone()));
            training.cuda = Some(Fact::unknown(reason));
            return;
        }
    };
    let told = match variant {
        Variant::Cpu => TorchVariant::Cpu,
        Variant::Cuda(cuda) => TorchVariant::Cuda(cuda.to_string().into()),
        Variant::Rocm(major, minor, patch) => TorchVariant::Rocm(say!(major, ".", minor, ".", patch)),
        Variant::Xpu => TorchVariant::Xpu(Text::new()),
    };
    if let TorchVariant::Cuda(cuda) = &told {
        training.cuda = Some(Fact::seen(cuda.clone(), evidence()));
        let index = torch::release(version).filter(|_| labelled.is_none()).map(|r| &r.package_index);
        let build =
            Minor::of(version).and_then(|minor| torch::build(minor, variant)).filter(|b| !b.unverified);
        let of = |exact: Option<&'static str>, build: Option<&'static str>| {
            exact.or(build).map(|version| Fact::seen(Text::from(version), evidence()))
        };
        training.cudnn = of(index.and_then(|i| i.cudnn), build.and_then(|b| b.cudnn));
        training.nccl = of(index.and_then(|i| i.nccl), build.and_then(|b| b.nccl));
    }
    training.variant = Some(Fact::seen(told, evidence()));
}

/// The build that the package index serves for a version without a label, where the lock leaves no doubt that it was
/// installed from there, on Linux x86_64; else why that cannot be told.
fn on_package_index(locks: &[Lock], lock: &Lock, version: &str) -> Result<Variant, Text> {
    let Some(release) = torch::release(version) else {
        return Err(if torch::is_newer_than_known(version) {
            say!("torch ", version, " is newer than what this envdiff knows")
        } else {
            say!("torch ", version, " is no release that is known")
        });
    };
    if lock.sources.iter().flat_map(|source| &source.lines).any(|(_, line)| names_an_index(line.as_bytes())) {
        return Err("the lock names another index, which may serve another build".into());
    }
    let is_torch = |r: &&Requirement| r.name.as_ref().is_some_and(|name| name.as_str() == "torch");
    if lock.requirements.iter().filter(is_torch).any(|r| r.origin.at.is_some()) {
        return Err(
            "the lock says from which index torch comes, and another index may serve another build".into()
        );
    }
    let names = || locks.iter().flat_map(|l| &l.requirements).filter_map(|r| r.name.as_ref());
    // conda's and macOS' torch has the same version, and the lock that was made there names none of NVIDIA's wheels.
    let brings_wheels = !release.nvidia.is_empty();
    if brings_wheels
        && lock.requirements.len() >= WHOLE
        && !names().any(|n| n.as_str().starts_with("nvidia-"))
    {
        return Err("the lock names none of the nvidia-* wheels that this torch brings on Linux".into());
    }
    Ok(release.package_index.variant)
}

/// Whether a line of a requirements file names where packages come from.
fn names_an_index(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let takes = [&b"--index-url"[..], b"--extra-index-url", b"--find-links", b"-i ", b"-f ", b"--no-index"];
    takes.iter().any(|option| line.starts_with(option))
}

/// The one version that a specifier allows (`==2.1.2`, `===2.1.2`); `None` for a range.
pub(crate) fn pin(specifier: &str) -> Option<String> {
    let set = SpecifierSet::parse(specifier).ok()?;
    set.specifiers().iter().find_map(|s| match (s.operator(), s.wanted()) {
        (Operator::Equal, Wanted::Version(version)) => Some(version.to_string()),
        (Operator::Identical, Wanted::Text(text)) => Some(text.to_string()),
        _ => None,
    })
}
