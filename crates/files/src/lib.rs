//! The questions that can be asked of a file system, and what has been answered.
//!
//! Observers are plain sequential code over [`Seen`]: a question without an answer is noted and ends that run with
//! [`Miss::Pending`]; [`converse`] has the source answer all that was noted as one batch and runs the observer again.

mod ask;
mod digest;
mod elf;
pub mod limits;
mod literal;
mod path;
mod resolve;
mod seen;
mod source;
mod zip;

pub use ask::{
    Answer, Answered, Ask, Bytes, Digest, Kind, Listing, Reason, Reply, Stat, TreeEntry, ZipMember, ZipView,
};
pub use digest::{Hashing, digest_of};
#[cfg(any(test, feature = "made"))]
pub use elf::made;
pub use elf::{
    ByteOrder, ElfClass, ElfError, ElfKind, ElfMachine, ElfQuestion, ElfReading, ElfView, MAX_MATCH,
    MAX_MATCHES, MAX_SCAN, MAX_TURNS, MAX_VIEW, Match, NeededVersion, Pattern, Scan, Turn, VersionNeed,
    code_begins, elf_answer, elf_view,
};
pub use literal::{Literal, head};
pub use path::{ImagePath, MAX_PATH};
pub use resolve::{MAX_HOPS, Node, Nodes, Resolved, is_mount_of_the_runtime, resolve};
pub use seen::{Miss, Seen, optional};
pub use source::{Budget, Converse, Likely, MAX_ROUNDS, Source, converse};
pub use zip::{ReadAt, ZipError, view as zip_view};
