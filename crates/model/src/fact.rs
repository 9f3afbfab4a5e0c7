//! A value that is known with its evidence, or unknown with the reason.

use crate::Text;

/// Something that is known and where it was seen, or not known and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<T> {
    /// The value, and where it was read.
    Known {
        /// What is so.
        value: T,
        /// Where that was seen; never empty for what was read from a file.
        evidence: Vec<Evidence>,
    },
    /// Nothing is known; `reason` is a clause without a full stop ("belongs to the kernel that will run the image").
    Unknown {
        /// Why.
        reason: Text,
    },
}

impl<T> Fact<T> {
    /// A known value with one piece of evidence.
    pub fn known(value: T, evidence: Evidence) -> Self {
        Self::Known { value, evidence: vec![evidence] }
    }

    /// A known value with evidence.
    pub const fn seen(value: T, evidence: Vec<Evidence>) -> Self {
        Self::Known { value, evidence }
    }

    /// An unknown value.
    pub fn unknown(reason: impl Into<Text>) -> Self {
        Self::Unknown { reason: reason.into() }
    }

    /// The value, if it is known.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Unknown { .. } => None,
        }
    }

    /// The reason, if the value is unknown.
    pub const fn reason(&self) -> Option<&Text> {
        match self {
            Self::Known { .. } => None,
            Self::Unknown { reason } => Some(reason),
        }
    }

    /// The evidence; empty for what is unknown.
    pub fn evidence(&self) -> &[Evidence] {
        match self {
            Self::Known { evidence, .. } => evidence,
            Self::Unknown { .. } => &[],
        }
    }

    /// The same evidence or reason around another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known { value, evidence } => Fact::Known { value: f(value), evidence },
            Self::Unknown { reason } => Fact::Unknown { reason },
        }
    }

    /// The same evidence or reason around a reference to the value.
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known { value, evidence } => Fact::Known { value, evidence: evidence.clone() },
            Self::Unknown { reason } => Fact::Unknown { reason: reason.clone() },
        }
    }
}

/// Where something was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// Absolute path in the image, or where else it stands ("image configuration").
    pub path: Text,
    /// What stands there: `Version: 2.0.1`, `line 3: home = /usr/bin`. May be empty.
    pub detail: Text,
    /// Index into `Target::layers` of the layer that brought it; `None` where the source cannot tell.
    pub layer: Option<usize>,
}

impl Evidence {
    /// Evidence without a layer.
    pub fn new(path: impl Into<Text>, detail: impl Into<Text>) -> Self {
        Self { path: path.into(), detail: detail.into(), layer: None }
    }
}
