//! The text of an environment marker (PEP 508) comes in; a tree with spans comes out, and what it says of an environment
//! of which not everything need be known.

mod evaluate;
mod literal;
mod parse;

use std::fmt::{self, Display};

use envdiff_model::MarkerVariable;

use crate::Span;

pub use evaluate::{Truth, Undefined, Value};

/// A name that a marker can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// One of the eleven that describe an environment.
    Environment(MarkerVariable),
    /// `extra`: the extra for which a dependency is asked, a text.
    Extra,
    /// `extras` of PEP 751's lock files, a set.
    Extras,
    /// `dependency_groups` of PEP 751's lock files, a set.
    DependencyGroups,
}

impl Variable {
    /// As the normal form writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Environment(variable) => variable.as_str(),
            Self::Extra => "extra",
            Self::Extras => "extras",
            Self::DependencyGroups => "dependency_groups",
        }
    }

    /// The variable of this very name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        MarkerVariable::ALL
            .into_iter()
            .map(Self::Environment)
            .chain([Self::Extra, Self::Extras, Self::DependencyGroups])
            .find(|variable| variable.as_str() == name)
    }

    const fn is_set(self) -> bool {
        matches!(self, Self::Extras | Self::DependencyGroups)
    }
}

/// A comparison of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparator {
    /// A comparison of PEP 440.
    Version(crate::Operator),
    /// `in`
    In,
    /// `not in`
    NotIn,
}

impl Comparator {
    /// As the normal form writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version(operator) => operator.as_str(),
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A variable.
    Variable(Variable),
    /// A quoted text; beside `extra` and the sets it is normalised as a name (PEP 685).
    Text(String),
}

/// `os_name == "posix"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// What stands before the comparator.
    pub left: Operand,
    /// How they are compared.
    pub comparator: Comparator,
    /// What stands behind it.
    pub right: Operand,
    /// Where it stands in the text that was parsed.
    pub span: Span,
}

/// A comparison or a marker in parentheses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// A comparison.
    Comparison(Comparison),
    /// A marker in parentheses.
    Group(Marker),
}

/// An environment marker. Its nesting is at most 128.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker {
    /// It holds where all terms of one of these hold; neither list is ever empty.
    alternatives: Vec<Vec<Term>>,
}

impl Marker {
    /// What is joined by `or`, each a list of what is joined by `and`.
    #[must_use]
    pub fn alternatives(&self) -> &[Vec<Term>] {
        &self.alternatives
    }

    /// Every comparison in it, in the order of the text.
    pub fn comparisons(&self) -> Vec<&Comparison> {
        let mut out = Vec::new();
        self.collect(&mut out);
        out
    }

    fn collect<'a>(&'a self, out: &mut Vec<&'a Comparison>) {
        for term in self.alternatives.iter().flatten() {
            match term {
                Term::Comparison(comparison) => out.push(comparison),
                Term::Group(marker) => marker.collect(out),
            }
        }
    }

    /// Whether it asks for this variable.
    #[must_use]
    pub fn names(&self, variable: Variable) -> bool {
        self.comparisons().iter().any(|comparison| {
            comparison.left == Operand::Variable(variable) || comparison.right == Operand::Variable(variable)
        })
    }

    /// The one term that it holds, where it is alone.
    fn only(&self) -> Option<&Term> {
        match self.alternatives.as_slice() {
            [terms] => match terms.as_slice() {
                [term] => Some(term),
                _ => None,
            },
            _ => None,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, outermost: bool) -> fmt::Result {
        match self.only() {
            Some(Term::Group(inner)) => return inner.write(f, outermost),
            Some(Term::Comparison(comparison)) => return comparison.fmt(f),
            None => {}
        }
        if !outermost {
            f.write_str("(")?;
        }
        for (i, terms) in self.alternatives.iter().enumerate() {
            if i > 0 {
                f.write_str(" or ")?;
            }
            for (j, term) in terms.iter().enumerate() {
                if j > 0 {
                    f.write_str(" and ")?;
                }
                match term {
                    Term::Comparison(comparison) => comparison.fmt(f)?,
                    Term::Group(marker) => marker.write(f, false)?,
                }
            }
        }
        if !outermost {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl Display for Marker {
    /// packaging's normal form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, true)
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.comparator.as_str(), self.right)
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(variable) => f.write_str(variable.as_str()),
            Self::Text(text) if text.contains('"') => write!(f, "'{text}'"),
            Self::Text(text) => write!(f, "\"{text}\""),
        }
    }
}
