//! Version 1 of what is published: `envdiff.report/1` and `envdiff.snapshot/1`, one file a noun.

mod environment;
mod fact;
mod lock;
mod report;
mod snapshot;
mod stack;
mod target;
mod words;

pub use environment::{
    ArchiveInfo, Conda, Described, DirInfo, DirectUrl, Distribution, Environment, Hash, Interpreter, Markers,
    OtherInterpreter, PathEntry, Unknown, VcsInfo,
};
pub use fact::{Fact, Seen};
pub use lock::{Locked, Package, PackageSource, Selected, Undetermined};
pub use report::{
    Archive, Audit, Entry, Error, Evidence, Finding, Lock, Place, Position, Prediction, Report, Requirement,
    Requirements, Summary, Training, Unaudited,
};
pub use snapshot::{Config, Env, Snapshot};
pub use stack::{
    Companion, Cuda, Differing, Driver, DriverLibrary, Gpu, Hidden, Host, Java, Libc, Library, Libstdcxx,
    Machine, MissingLibrary, Module, ModuleFile, Native, Overwritten, Told, ToldTorch, Torch, TorchVariant,
    Torchserve, Verified,
};
pub use target::{Layer, Target, Tool};
pub use words::{
    Change, CudaLibraries, Direction, LibcKind, LibraryOrigin, LoadOutcome, MetadataKind, Outcome,
    PathSource, ReadAs, Severity, SourceKind, Stage, TargetKind, VariantKind, Verdict,
};

pub use lock::write_lock;
pub use report::write_report;
pub use snapshot::{read_snapshot, write_snapshot};
