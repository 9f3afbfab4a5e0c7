//! Why Python source is refused: the place, the class of the exception, and its text as CPython words it.

use crate::tree::At;

/// A Python's version: major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u8, pub u8);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The exception that CPython's `compile` raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `SyntaxError`.
    Syntax,
    /// `IndentationError`, a `SyntaxError` too.
    Indentation,
    /// `TabError`, an `IndentationError` too.
    Tab,
    /// `ValueError`: NUL bytes, before 3.12.
    Value,
    /// `RecursionError` or `MemoryError`: what CPython says of very deep source differs between versions and machines.
    Recursion,
}

impl Class {
    /// The name of the exception.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "SyntaxError",
            Self::Indentation => "IndentationError",
            Self::Tab => "TabError",
            Self::Value => "ValueError",
            Self::Recursion => "RecursionError",
        }
    }
}

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No Python of this major version takes it.
    Syntax,
    /// Another version takes it.
    Newer {
        /// What it needs: "match statement".
        needs: &'static str,
        /// The first version that has it.
        since: Version,
    },
    /// Newer Pythons refuse what older ones took.
    Older {
        /// What it uses: "`async` as a name".
        uses: &'static str,
        /// The first version that refuses it.
        until: Version,
    },
    /// Its bytes are not the text that it promises to be.
    Encoding,
    /// It is Python 2.
    Python2,
    /// It lies deeper than this reader follows; CPython may take it.
    TooDeep,
    /// It is larger than this reader reads; CPython may take it.
    TooLarge,
    /// It is written for a grammar or in an encoding that is not read here; CPython may take it.
    Unread,
}

impl Kind {
    /// Whether CPython refuses it: else only this reader does.
    #[must_use]
    pub fn is_certain(self) -> bool {
        !matches!(self, Self::TooDeep | Self::TooLarge | Self::Unread)
    }
}

/// A refusal. Reads as the last line of a traceback.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .class.name())]
pub struct Refusal {
    /// Where; line 0 where CPython names no line.
    pub at: At,
    /// The exception.
    pub class: Class,
    /// Its text.
    pub message: String,
    /// What kind of refusal it is.
    pub kind: Kind,
}

impl Refusal {
    /// A plain syntax error.
    pub(crate) fn syntax(at: At, message: impl Into<String>) -> Self {
        Self { at, class: Class::Syntax, message: message.into(), kind: Kind::Syntax }
    }

    /// The same of another exception.
    pub(crate) fn of(class: Class, at: At, message: impl Into<String>) -> Self {
        Self { at, class, message: message.into(), kind: Kind::Syntax }
    }

    /// What is deeper than the tree may be.
    pub(crate) fn too_deep(at: At) -> Self {
        Self {
            at,
            class: Class::Recursion,
            message: "statements or expressions are nested too deeply to be read".to_owned(),
            kind: Kind::TooDeep,
        }
    }
}
