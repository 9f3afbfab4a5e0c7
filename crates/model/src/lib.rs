//! The nouns of envdiff: what observers and lock readers produce, what the checks compare and what a report says.
//! Nothing here touches the world, and nothing here is published: `envdiff-wire` holds what users read.

mod environment;
mod fact;
mod finding;
mod limit;
mod load;
mod lock;
mod name;
mod report;
mod snapshot;
mod stack;
mod target;
mod text;
mod why;

pub use environment::{
    CondaPackage, Differing, DirectUrl, Distribution, Environment, Interpreter, MarkerVariable, MetadataKind,
    Origin, OtherInterpreter, PathSource, SysPathEntry, Unknown, Verified,
};
pub use fact::{Evidence, Fact};
pub use finding::{Finding, Place, Severity};
pub use limit::{Amount, Limit, Past};
pub use load::{Fault, Import, Load, Outcome, Prediction, Spot, Stage, Step, Trouble, Way, Weight};
pub use lock::{
    Lock, LockProblem, Locked, PackageSource, ReadAs, Requirement, RequirementKind, Secret, Selection,
    Source, SourceKind, Url,
};
pub use name::Name;
pub use report::{
    About, Audit, Change, Counts, Direction, Judged, Report, Tally, Training, Unaudited, Verdict,
};
pub use snapshot::Snapshot;
pub use stack::{
    Companion, Cuda, CudaLibraries, Driver, DriverLibrary, Gpu, Hidden, Host, InPlace, Java, Libc, Library,
    LibraryOrigin, Libstdcxx, Machine, MissingLibrary, Module, ModuleFile, Native, Overwritten,
    ReplacedLibrary, Stack, Told, ToldTorch, Torch, TorchVariant, Torchserve,
};
pub use target::{ImageConfig, Layer, Target, TargetKind};
pub use text::{Say, Text};
pub use why::{Why, WhyCopy, WhyEdge, WhyLine};
