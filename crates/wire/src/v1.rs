//! Version 1 of what is published: `envdiff.report/1` and `envdiff.snapshot/1`, one file a noun.

mod environment;
mod fact;
mod report;
mod snapshot;
mod target;
mod words;

pub use environment::{
    ArchiveInfo, Conda, Described, DirInfo, DirectUrl, Distribution, Environment, Hash, Interpreter, Markers,
    OtherInterpreter, PathEntry, Unknown, VcsInfo,
};
pub use fact::{Fact, Seen};
pub use report::{
    Archive, Audit, Evidence, Finding, Lock, Place, Position, Report, Requirement, Requirements, Summary,
    Training,
};
pub use snapshot::{Config, Env, Snapshot};
pub use target::{Layer, Target, Tool};
pub use words::{
    Change, Direction, MetadataKind, Outcome, PathSource, ReadAs, Severity, TargetKind, Verdict,
};

pub use report::write_report;
pub use snapshot::{read_snapshot, write_snapshot};
