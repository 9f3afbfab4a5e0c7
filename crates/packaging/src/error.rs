//! Why a version, specifier, marker or requirement cannot be read, with the place of the fault in its text.

use thiserror::Error;

use crate::Span;

/// A text that is not what it was read as; the span is in bytes of that text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{fault}")]
pub struct ParseError {
    /// Where the reader stopped understanding.
    pub span: Span,
    /// What is wrong there.
    pub fault: Fault,
}

impl ParseError {
    pub(crate) const fn new(fault: Fault, start: usize, end: usize) -> Self {
        Self { span: Span::new(start, end), fault }
    }

    /// The first byte of the fault.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.span.start
    }

    /// How many bytes it covers; 0 where something is missing.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.span.len()
    }

    /// Whether it covers no byte: something is missing there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.span.is_empty()
    }

    /// The same fault in a text that begins `by` bytes earlier.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self { span: self.span.shifted(by), fault: self.fault }
    }
}

/// What is wrong with a text, as a clause without a full stop and without the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// PEP 440.
    #[error("not a version of PEP 440")]
    Version,
    /// A number with more digits than Python converts.
    #[error("a number of more than 4300 digits")]
    NumberTooLong,
    /// PEP 440, version specifiers.
    #[error("not a version specifier of PEP 440")]
    Specifier,
    /// `>=1.*`
    #[error("`.*` is only allowed behind == and !=")]
    PrefixOperator,
    /// `==1.0a1.*`
    #[error("`.*` is only allowed behind a plain release number")]
    PrefixVersion,
    /// `>=1.0+local`
    #[error("a local version (`+...`) is only allowed behind == and !=")]
    LocalVersion,
    /// Nothing that a requirement could begin with.
    #[error("a package name was expected")]
    Name,
    /// `name[a,]`
    #[error("the name of an extra was expected after the comma")]
    ExtraName,
    /// `name[a b]`
    #[error("a comma was expected between two extras")]
    ExtraComma,
    /// `name[a`
    #[error("the bracket of the extras is not closed")]
    Bracket,
    /// `name(>=1` and `(os_name == "posix"`
    #[error("the parenthesis is not closed")]
    Parenthesis,
    /// `name @`
    #[error("a URL was expected after @")]
    Url,
    /// Something else than a marker behind a URL.
    #[error("behind a URL only ` ; marker` can follow")]
    AfterUrl,
    /// Something else than specifier or marker behind a name.
    #[error("a version specifier (==, >=, ~=, ...), a semicolon with a marker, or the end was expected")]
    AfterName,
    /// Something else than a comma or marker behind a specifier.
    #[error("a comma with another specifier, a semicolon with a marker, or the end was expected")]
    AfterSpecifier,
    /// `name =1.0`
    #[error("`=` is no operator; `==` asks for one version")]
    SingleEquals,
    /// `name==`
    #[error("no version stands behind the operator")]
    NoVersion,
    /// `name==${NAME}`, `name==$NAME`
    #[error(
        "a variable stands where a version was expected: pip fills in ${{NAME}} where that is set, and nothing else"
    )]
    Variable,
    /// Something behind a whole marker.
    #[error("`and`, `or` or the end of the marker was expected")]
    AfterMarker,
    /// `3.8 > python_version`
    #[error("a marker variable or a quoted text was expected")]
    MarkerValue,
    /// `python_version => "3"`
    #[error("a comparison was expected: ==, !=, <, <=, >, >=, ~=, ===, in or not in")]
    MarkerOperator,
    /// `not(in)`
    #[error("`in` was expected after `not`")]
    NotIn,
    /// A quoted text that Python does not take as a literal.
    #[error("the quoted text is no literal of Python")]
    Literal,
    /// More parentheses within each other than any marker needs.
    #[error("more than 128 parentheses within each other")]
    TooDeep,
    /// PEP 427.
    #[error("a file name of a wheel was expected: name-version-tag-tag-tag.whl")]
    WheelName,
    /// A source archive's name without version.
    #[error("a file name of a source archive was expected: name-version.tar.gz")]
    SdistName,
}
