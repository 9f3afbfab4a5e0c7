//! The marker variables of an image come in; what a marker says there comes out, in three values with reasons.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use envdiff_model::{Environment, Fact, MarkerVariable, Name, Text, say};
use envdiff_packaging::{Marker, Truth, Value, Variable};

/// What a marker comes to in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holds {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// It cannot be told; the reason is a clause.
    Unknown(Text),
}

/// The image's side of every marker. What a marker's text comes to is worked out once: locks and metadata hold few
/// different ones, and many of each.
pub(crate) struct Surroundings<'a> {
    facts: &'a BTreeMap<MarkerVariable, Fact<Text>>,
    told: RefCell<HashMap<Box<str>, Holds>>,
}

impl<'a> Surroundings<'a> {
    pub(crate) fn of(environment: &'a Environment) -> Self {
        Self { facts: &environment.markers, told: RefCell::default() }
    }

    /// Evaluates the text of a marker, for no extra.
    pub(crate) fn holds_text(&self, marker: &str) -> Holds {
        if let Some(told) = self.told.borrow().get(marker) {
            return told.clone();
        }
        let holds = match Marker::parse(marker) {
            Ok(marker) => self.holds(&marker, ""),
            Err(error) => Holds::Unknown(say!("its marker cannot be read: ", error.to_string())),
        };
        self.told.borrow_mut().insert(marker.into(), holds.clone());
        holds
    }

    /// Evaluates a marker for an extra; the empty text where none is asked for.
    pub(crate) fn holds(&self, marker: &Marker, extra: &str) -> Holds {
        let truth = marker.evaluate(&|variable| match variable {
            Variable::Environment(variable) => self.value(variable),
            Variable::Extra => Value::Text(extra.to_owned()),
            Variable::Extras | Variable::DependencyGroups => Value::Absent,
        });
        match truth {
            Truth::True => Holds::Yes,
            Truth::False => Holds::No,
            Truth::Unknown { because } => Holds::Unknown(self.reason(&because)),
            Truth::Undefined(undefined) => Holds::Unknown(undefined.to_string().into()),
        }
    }

    fn value(&self, variable: MarkerVariable) -> Value {
        match self.facts.get(&variable).and_then(Fact::value).and_then(Text::as_str) {
            Some(text) => Value::Text(text.to_owned()),
            None => Value::Unknown,
        }
    }

    fn reason(&self, because: &[Variable]) -> Text {
        let parts = because.iter().map(|variable| {
            let known = match variable {
                Variable::Environment(variable) => self.facts.get(variable),
                _ => None,
            };
            match known.and_then(Fact::reason) {
                Some(reason) => say!(variable.as_str(), " is not known: ", reason),
                None => say!(variable.as_str(), " is not known"),
            }
        });
        say!("its marker hangs on what cannot be told from here: ", Text::join(parts, "; "))
    }
}

/// A name of an extra as a marker compares it.
pub(crate) fn extra_text(extra: Option<&Name>) -> &str {
    extra.map_or("", Name::as_str)
}
