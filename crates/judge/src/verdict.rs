//! A requirement and what is installed come in; its verdict comes out.
//!
//! Compared are the first copy of a name on `sys.path` and what PyPI's `packaging` says of its version, pre-releases
//! taken as `pip check` takes them. What cannot be told is `unverifiable` with its reason, never `missing`.

use envdiff_model::{
    Change, CondaPackage, Direction, Environment, Judged, Lock, Name, Requirement, RequirementKind,
    Selection, SourceKind, Text, Url, Verdict, say,
};
use envdiff_packaging::{Difference, Operator, SpecifierSet, Version};

use crate::installed::{Copy, Installed, MOST_RIVALS};
use crate::markers::{Holds, Surroundings};
use crate::origin;
use crate::vendor;

/// A verdict with what explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<Text>,
    pub(crate) difference: Option<(Change, Option<Direction>)>,
    /// The version that the image has, where no distribution tells it.
    pub(crate) installed: Option<Text>,
}

impl Said {
    pub(crate) fn new(verdict: Verdict, reason: impl Into<Text>) -> Self {
        Self { verdict, reason: Some(reason.into()), difference: None, installed: None }
    }
    pub(crate) const fn satisfied() -> Self {
        Self { verdict: Verdict::Satisfied, reason: None, difference: None, installed: None }
    }
    pub(crate) fn unverifiable(reason: impl Into<Text>) -> Self {
        Self::new(Verdict::Unverifiable, reason)
    }
    const fn bare(verdict: Verdict) -> Self {
        Self { verdict, reason: None, difference: None, installed: None }
    }
}

/// Judges every requirement of every lock, in file order.
pub(crate) fn all(
    environment: &Environment,
    installed: &Installed<'_>,
    surroundings: &Surroundings<'_>,
    locks: &[Lock],
) -> Vec<Judged> {
    let court = Court {
        installed,
        surroundings,
        conda: &environment.conda,
        nothing_seen: nothing_seen(environment),
        gap: gap(environment),
    };
    let mut out = Vec::with_capacity(locks.iter().map(|lock| lock.requirements.len()).sum());
    for (lock, requirements) in locks.iter().map(|lock| &lock.requirements).enumerate() {
        for (index, requirement) in requirements.iter().enumerate() {
            let (said, distribution) = court.judge(requirement);
            let installed = distribution
                .and_then(|at| environment.distributions.get(at))
                .and_then(|distribution| distribution.version.clone())
                .or_else(|| said.installed.clone());
            let (change, direction) = match said.difference {
                Some((change, direction)) => (Some(change), direction),
                None => (None, None),
            };
            out.push(Judged {
                lock,
                requirement: index,
                verdict: said.verdict,
                installed,
                distribution,
                change,
                direction,
                reason: said.reason,
            });
        }
    }
    out
}

/// Why nothing of what is installed is known: there is no Python, or which one starts cannot be told.
pub(crate) fn nothing_seen(environment: &Environment) -> Option<Text> {
    if !environment.distributions.is_empty() {
        return None;
    }
    let reason = environment.sys_path.reason()?;
    Some(environment.interpreter.reason().unwrap_or(reason).clone())
}

/// Why a package that was not seen may be there all the same: `sys.path` is not wholly known, or an entry of it cannot be
/// read.
pub(crate) fn gap(environment: &Environment) -> Option<Text> {
    if let Some(reason) = environment.sys_path.reason() {
        return Some(say!("sys.path is not known: ", reason));
    }
    let entries = environment.sys_path.value().map_or(&[][..], Vec::as_slice);
    environment.unknown.iter().find_map(|unknown| {
        let what = unknown.what.as_bytes();
        if what == b"sys_path" || what.starts_with(b"sys_path.") || what == b"distributions" {
            return Some(say!("sys.path is not wholly known: ", unknown.why));
        }
        entries
            .iter()
            .any(|entry| entry.path == unknown.what)
            .then(|| say!(unknown.what, " on sys.path cannot be read: ", unknown.why))
    })
}

struct Court<'a> {
    installed: &'a Installed<'a>,
    surroundings: &'a Surroundings<'a>,
    conda: &'a [CondaPackage],
    nothing_seen: Option<Text>,
    gap: Option<Text>,
}

impl Court<'_> {
    /// The verdict and the distribution that was compared.
    fn judge(&self, requirement: &Requirement) -> (Said, Option<usize>) {
        if let RequirementKind::Invalid { reason } = &requirement.kind {
            return (Said::new(Verdict::Invalid, reason.clone()), None);
        }
        match &requirement.selection {
            Selection::NotSelected { reason } => {
                return (Said::new(Verdict::NotApplicable, reason.clone()), None);
            }
            Selection::Undetermined { reason } => {
                // What is there as the lock has it is there, whether the lock wants it or not.
                let (said, at) = self.compare(requirement);
                return if said.verdict == Verdict::Satisfied {
                    (said, at)
                } else {
                    (Said::unverifiable(reason.clone()), at)
                };
            }
            Selection::Selected | Selection::ByMarker => {}
        }
        if requirement.selection == Selection::ByMarker
            && let Some(marker) = &requirement.marker
        {
            match self.surroundings.holds_text(marker) {
                Holds::Yes => {}
                Holds::No => return (Said::bare(Verdict::NotApplicable), None),
                Holds::Unknown(reason) => return (Said::unverifiable(reason), None),
            }
        }
        self.compare(requirement)
    }

    /// The verdict over what is installed, whatever the selection.
    fn compare(&self, requirement: &Requirement) -> (Said, Option<usize>) {
        if let RequirementKind::Conda { surely } = requirement.kind
            && let Some(name) = &requirement.name
            && let Some(said) = self.of_conda(requirement, name, surely)
        {
            return (said, None);
        }
        let name = match (&requirement.kind, &requirement.name) {
            (RequirementKind::Unnamed { reason }, _) => return (Said::unverifiable(reason.clone()), None),
            (_, None) => return (Said::unverifiable("only a build would tell its name"), None),
            (_, Some(name)) => name,
        };
        if let Some(reason) = &self.nothing_seen {
            return (Said::unverifiable(say!("what is installed is not known: ", reason)), None);
        }
        let Ok(wanted) = Wanted::of(requirement) else {
            return (Said::unverifiable("its version specifier cannot be read"), None);
        };
        // What the index calls faiss-cpu, conda's package of that name calls faiss: either is it.
        let of_conda = requirement.origin.package.as_ref().and_then(Text::as_str).map(Name::new);
        let by_name = |name| self.installed.by_name.get(name);
        let Some(holding) = by_name(name).or_else(|| of_conda.as_ref().and_then(by_name)) else {
            if let Some(said) = of_conda.and_then(|name| self.of_record(requirement, &name)) {
                return (said, None);
            }
            if let Some(broken) = self.installed.unreadable.get(name) {
                return (Said::unverifiable(self.broken(*broken)), Some(*broken));
            }
            return (self.absent(requirement), None);
        };
        if !holding.rivals.is_empty() {
            return (self.among(&wanted, &holding.rivals), Some(holding.first));
        }
        let Some(copy) = self.installed.copy(holding.first) else { return (self.absent(requirement), None) };
        (self.one(&wanted, copy), Some(holding.first))
    }

    /// A package of conda that is no Python distribution, by the records of the image's conda prefix; `None` where it may be a
    /// distribution after all, which is compared as one then.
    fn of_conda(&self, requirement: &Requirement, name: &Name, surely: bool) -> Option<Said> {
        if name.as_str() == "python" {
            return Some(Said::new(
                Verdict::NotApplicable,
                "the interpreter is no distribution; it is compared by itself",
            ));
        }
        if let Some(said) = self.of_record(requirement, name) {
            return Some(said);
        }
        let is_distribution = self.installed.by_name.contains_key(name);
        match (surely, self.conda.is_empty()) {
            (false, _) if is_distribution => None,
            (true, true) => Some(Said::new(
                Verdict::NotApplicable,
                "a package of conda that is no Python distribution, and the image holds no conda prefix",
            )),
            (false, true) => Some(Said::unverifiable(
                "the image holds no conda prefix, and whether this package of conda is a Python distribution is not known",
            )),
            (_, false) => Some(Said::bare(Verdict::Missing)),
        }
    }

    /// By the record of the image's conda prefix for a package of this name, where there is one.
    fn of_record(&self, requirement: &Requirement, name: &Name) -> Option<Said> {
        let package = self.installed.conda.get(name)?;
        let version = package.version.to_lossy();
        let is_it = requirement.version.as_deref() == Some(version.as_ref());
        let is_in = Specifiers::parse(&requirement.specifier).is_ok_and(|set| set.contains(&version));
        Some(Said {
            installed: Some(package.version.clone()),
            difference: (!(is_it || is_in)).then_some((Change::Other, None)),
            ..Said::bare(if is_it || is_in { Verdict::Satisfied } else { Verdict::VersionMismatch })
        })
    }

    fn broken(&self, index: usize) -> Text {
        match self.installed.copy(index).and_then(|copy| copy.distribution.error.as_ref()) {
            Some(error) => say!("its metadata cannot be read: ", error),
            None => "its metadata tells no name".into(),
        }
    }

    fn absent(&self, requirement: &Requirement) -> Said {
        match (&self.gap, requirement.constraint) {
            (Some(reason), _) => Said::unverifiable(say!("it was not found, and ", reason)),
            (None, true) => Said::new(Verdict::NotApplicable, "a constraint on what is not installed"),
            (None, false) => Said::bare(Verdict::Missing),
        }
    }

    /// Several copies in one folder: a verdict only where all of them have the same.
    fn among(&self, wanted: &Wanted<'_>, rivals: &[usize]) -> Said {
        if rivals.len() > MOST_RIVALS {
            return Said::unverifiable("more distributions of this name lie in one folder than are compared");
        }
        let mut first: Option<Said> = None;
        for said in
            rivals.iter().filter_map(|at| self.installed.copy(*at)).map(|copy| wanted.against(copy, None))
        {
            match &first {
                Some(other) if other.verdict != said.verdict => {
                    return Said::unverifiable(
                        "two distributions of this name lie in one folder, and which one counts is the file system's order",
                    );
                }
                Some(_) => {}
                None => first = Some(said),
            }
        }
        first.unwrap_or_else(|| Said::bare(Verdict::Missing))
    }

    /// One copy; where its folder bears another version than its metadata, a verdict only where both have the same.
    fn one(&self, wanted: &Wanted<'_>, copy: &Copy<'_>) -> Said {
        let said = wanted.against(copy, None);
        let (Some(folder), Some(version)) = (&copy.folder_version, copy_version(copy)) else { return said };
        if folder == version {
            return said;
        }
        let same = match (Version::parse(folder), &copy.version) {
            (Ok(folder), Some(version)) => folder == *version,
            _ => folder == version,
        };
        if same || wanted.against(copy, Some(folder)).verdict == said.verdict {
            return said;
        }
        Said::unverifiable(say!("its folder's name says ", folder, ", its METADATA ", version))
    }
}

fn copy_version<'a>(copy: &Copy<'a>) -> Option<&'a str> {
    copy.distribution.version.as_ref().and_then(Text::as_str)
}

/// The specifier of a requirement: sets of which one must hold.
pub(crate) struct Specifiers(Vec<SpecifierSet>);

impl Specifiers {
    pub(crate) fn parse(text: &str) -> Result<Self, envdiff_packaging::ParseError> {
        text.split("||").map(SpecifierSet::parse).collect::<Result<_, _>>().map(Self)
    }
    pub(crate) fn contains(&self, version: &str) -> bool {
        self.0.iter().any(|set| set.contains(version))
    }
    fn is_empty(&self) -> bool {
        self.0.iter().any(SpecifierSet::is_empty)
    }
    fn has_identical(&self) -> bool {
        self.0.iter().any(SpecifierSet::has_identical)
    }
}

/// What a requirement asks of a copy.
struct Wanted<'a> {
    specifiers: Specifiers,
    url: Option<&'a Url>,
    file_version: Option<Version>,
    /// Of archives of Python packages: those of conda's packages are of other files.
    hashes: &'a [Text],
}

impl<'a> Wanted<'a> {
    fn of(requirement: &'a Requirement) -> Result<Self, envdiff_packaging::ParseError> {
        let told = match &requirement.kind {
            RequirementKind::Named { file_version } => file_version.as_deref(),
            _ => None,
        };
        Ok(Self {
            specifiers: Specifiers::parse(&requirement.specifier)?,
            url: requirement.url.as_ref(),
            file_version: told
                .and_then(|version| Version::parse(version).ok())
                .or_else(|| requirement.url.as_ref().and_then(origin::wheel_version)),
            hashes: if requirement.origin.kind == SourceKind::Conda { &[] } else { &requirement.hashes },
        })
    }

    /// The verdict over one copy; `version` stands in for the one that its metadata tells.
    fn against(&self, copy: &Copy<'_>, version: Option<&str>) -> Said {
        let Some(text) = version.or_else(|| copy_version(copy)) else {
            return Said::unverifiable(match &copy.distribution.error {
                Some(error) => say!("it is installed and its version cannot be read: ", error),
                None => "it is installed without a version".into(),
            });
        };
        let parsed = match version {
            Some(version) => Version::parse(version).ok(),
            None => copy.version.clone(),
        };
        let Some(parsed) = parsed else {
            if !self.specifiers.is_empty() && !self.specifiers.has_identical() {
                return Said::unverifiable(say!("the installed version ", text, " is none of PEP 440"));
            }
            return if self.specifiers.contains(text) {
                Said::satisfied()
            } else {
                Said {
                    verdict: Verdict::VersionMismatch,
                    reason: None,
                    difference: Some((Change::Other, None)),
                    installed: None,
                }
            };
        };
        let of_vendor = vendor::release(&parsed).filter(|release| {
            !self.specifiers.contains(text) && self.specifiers.contains(&release.to_string())
        });
        if let (Some(release), None) = (&of_vendor, self.url) {
            return Said::new(
                Verdict::Satisfied,
                say!(
                    "compared by its release, ",
                    release.to_string(),
                    ": the vendor's build calls itself a pre-release of it"
                ),
            );
        }
        if !self.specifiers.contains(text) {
            return Said {
                verdict: Verdict::VersionMismatch,
                reason: None,
                difference: Some(self.difference(&parsed)),
                installed: None,
            };
        }
        let direct_url = copy.distribution.direct_url.as_ref();
        let of_archive = || origin::archive(self.hashes, direct_url).unwrap_or_else(Said::satisfied);
        let Some(url) = self.url else { return of_archive() };
        if let Some(told) = &self.file_version
            && *told != parsed
        {
            let difference = Difference::between(&parsed, told).map(|d| (d.change, Some(d.direction)));
            return Said {
                verdict: Verdict::VersionMismatch,
                reason: Some(say!("the file name in the lock says ", told.to_string())),
                difference,
                installed: None,
            };
        }
        let said = origin::compare(url, direct_url, Some(&parsed));
        if said.verdict == Verdict::Satisfied && said.reason.is_none() { of_archive() } else { said }
    }

    fn difference(&self, installed: &Version) -> (Change, Option<Direction>) {
        // How far it is from several ranges at once is nothing that can be said.
        let [specifiers] = self.specifiers.0.as_slice() else { return (Change::Other, None) };
        if let Some(difference) = Difference::from_set(installed, specifiers) {
            return (difference.change, Some(difference.direction));
        }
        let identical = specifiers.specifiers().iter().find(|s| s.operator() == Operator::Identical);
        let told = identical.and_then(|s| Version::parse(s.to_string().trim_start_matches('=').trim()).ok());
        match told.and_then(|told| Difference::between(installed, &told)) {
            Some(difference) => (difference.change, Some(difference.direction)),
            None => (Change::Other, None),
        }
    }
}
