//! What an audit ends in: each requirement's verdict, the findings, the counts.

use crate::{
    Environment, Fact, Finding, ImageConfig, Load, Lock, Severity, Target, Text, TorchVariant, Unknown,
};

/// The whole answer of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every audit, in the order asked for.
    pub audits: Vec<Audit>,
    /// What was asked for beside them and could not be audited.
    pub unaudited: Vec<Unaudited>,
    /// Whether something could not be audited, or a finding that is not accepted is at or above the level of `--fail-on`.
    pub fails: bool,
    /// Allowances that matched nothing, as written.
    pub unmatched_ignores: Vec<Text>,
}

impl Report {
    /// The counts over all audits.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for audit in &self.audits {
            for finding in audit.findings.iter().filter(|f| f.accepted.is_none()) {
                match finding.severity {
                    Severity::Error => counts.error += 1,
                    Severity::Warning => counts.warning += 1,
                    Severity::Note => counts.note += 1,
                }
            }
            counts.unknown += audit.unknown.len();
            for judged in &audit.requirements {
                counts.requirements.add(judged.verdict);
            }
        }
        counts
    }
}

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Findings at error level that are not accepted.
    pub error: usize,
    /// Findings at warning level that are not accepted.
    pub warning: usize,
    /// Findings at note level that are not accepted.
    pub note: usize,
    /// Facts that could not be read.
    pub unknown: usize,
    /// Requirements by verdict.
    pub requirements: Tally,
}

/// Requirements by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [usize; Verdict::ALL.len()],
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        if let Some(count) = self.counts.get_mut(verdict as usize) {
            *count += 1;
        }
    }

    /// How many have this verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> usize {
        self.counts.get(verdict as usize).copied().unwrap_or(0)
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// Something that was asked for and could not be audited, while others were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unaudited {
    /// What it is.
    pub target: Target,
    /// What happened; a sentence without a full stop.
    pub message: Text,
    /// Why, in the system's words. May be empty.
    pub cause: Text,
    /// What to do.
    pub help: Text,
}

/// What an audit is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum About {
    /// The image: whether it holds what it is to hold.
    #[default]
    Image,
    /// Model archives: whether they load in it.
    Archives,
}

/// One target held against its locks and archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// What the question was about.
    pub about: About,
    /// What was audited; with archives alone, those.
    pub target: Target,
    /// Its configuration, where there is one.
    pub config: Option<ImageConfig>,
    /// The locks, as read.
    pub locks: Vec<Lock>,
    /// What the image holds.
    pub environment: Environment,
    /// The same facts on the training side, as far as the locks tell.
    pub training: Training,
    /// Every requirement of every lock in file order.
    pub requirements: Vec<Judged>,
    /// Predictions for model archives, in the order asked for, then those that the image itself would load.
    pub loads: Vec<Load>,
    /// Errors first, then warnings, then notes.
    pub findings: Vec<Finding>,
    /// Facts that could not be read.
    pub unknown: Vec<Unknown>,
}

/// What the locks tell about the training environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Training {
    /// The Python it ran, where a lock tells.
    pub python: Option<Fact<Text>>,
    /// The torch it held, where a lock pins it: the version as pinned.
    pub torch: Option<Fact<Text>>,
    /// What that torch was built for: by its label, else what the package index serves under that version.
    pub variant: Option<Fact<TorchVariant>>,
    /// The CUDA that it was built with: `12.1`.
    pub cuda: Option<Fact<Text>>,
    /// The cuDNN that it came with.
    pub cudnn: Option<Fact<Text>>,
    /// The NCCL that it came with.
    pub nccl: Option<Fact<Text>>,
    /// The numpy that a lock pins.
    pub numpy: Option<Fact<Text>>,
    /// The version of the driver, where a lock tells.
    pub driver: Option<Fact<Text>>,
    /// The GPU, where a lock tells.
    pub gpu: Option<Fact<Text>>,
}

impl Training {
    /// Nothing is told.
    pub const NONE: Self = Self {
        python: None,
        torch: None,
        variant: None,
        cuda: None,
        cudnn: None,
        nccl: None,
        numpy: None,
        driver: None,
        gpu: None,
    };
}

/// A requirement with its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Index of the lock in the audit.
    pub lock: usize,
    /// Index of the requirement in that lock.
    pub requirement: usize,
    /// What came of it.
    pub verdict: Verdict,
    /// The version that the image has, as its metadata writes it.
    pub installed: Option<Text>,
    /// Index of the distribution that was compared.
    pub distribution: Option<usize>,
    /// How large the difference of a mismatch is.
    pub change: Option<Change>,
    /// Which side is newer.
    pub direction: Option<Direction>,
    /// Why, where the verdict alone does not say it; a clause.
    pub reason: Option<Text>,
}

/// What came of a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Verdict {
    /// The image holds it.
    Satisfied,
    /// The image has no such distribution.
    Missing,
    /// Another version.
    VersionMismatch,
    /// Another URL or commit.
    SourceMismatch,
    /// Marker or selection leaves it out.
    NotApplicable,
    /// It cannot be told, with the reason.
    Unverifiable,
    /// No installer takes the line.
    Invalid,
}

impl Verdict {
    /// All of them, in the order of the report's summary.
    pub const ALL: [Self; 7] = [
        Self::Satisfied,
        Self::Missing,
        Self::VersionMismatch,
        Self::SourceMismatch,
        Self::NotApplicable,
        Self::Unverifiable,
        Self::Invalid,
    ];

    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::Missing => "missing",
            Self::VersionMismatch => "version-mismatch",
            Self::SourceMismatch => "source-mismatch",
            Self::NotApplicable => "not-applicable",
            Self::Unverifiable => "unverifiable",
            Self::Invalid => "invalid",
        }
    }
}

/// The largest part of the version in which two versions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The first number.
    Major,
    /// The second.
    Minor,
    /// The third or a later one, or a pre-release of the same release.
    Patch,
    /// Only local version, post or dev part.
    Build,
    /// Epochs differ, or one is no version.
    Other,
}

impl Change {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::Build => "build",
            Self::Other => "other",
        }
    }
}

/// Which way the image differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The image's version is newer.
    Newer,
    /// The image's version is older.
    Older,
}

impl Direction {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newer => "newer",
            Self::Older => "older",
        }
    }
}
