//! What is wrong with a file comes in; what kind of fault it is, where, and the sentence about it come out.

/// The kinds of faults that a lock is refused for, whatever the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The text does not follow the grammar of its syntax.
    Syntax,
    /// A key stands twice.
    DuplicateKey,
    /// The format has a version that is not known.
    Version,
    /// A key that the format demands is not there.
    MissingKey,
    /// A value is of another kind than the format says, or says what cannot be.
    Value,
    /// A version that is none of PEP 440.
    BadVersion,
    /// A marker that is none of PEP 508.
    BadMarker,
    /// Its parts contradict each other.
    Inconsistent,
    /// Its end is missing.
    Truncated,
    /// Marks of an unresolved merge.
    MergeConflict,
    /// Bytes that are no text.
    Encoding,
    /// Nested deeper than is read.
    TooDeep,
    /// Larger than is read, once it is expanded.
    TooLarge,
}

/// A fault with its place, an offset in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    pub(crate) at: Option<usize>,
    /// A sentence without a full stop.
    pub(crate) message: String,
}

impl Broken {
    pub(crate) fn at(fault: Fault, at: usize, message: impl Into<String>) -> Self {
        Self { fault, at: Some(at), message: message.into() }
    }

    pub(crate) fn whole(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, at: None, message: message.into() }
    }
}
