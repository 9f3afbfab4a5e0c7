//! A marker and the values of an environment come in; true, false, unknown or undefined comes out.
//!
//! The rules are those of `packaging` 26.3: every comparison is made before they are combined, so one that is undefined
//! makes the whole marker undefined whatever stands beside it. What is unknown follows Kleene's logic.

use envdiff_model::{MarkerVariable, Name};

use super::{Comparator, Comparison, Marker, Operand, Term, Variable};
use crate::{Operator, Span, Specifier};

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A set of names (`extras`, `dependency_groups`).
    Set(Vec<Name>),
    /// It has one, and it is not known.
    Unknown,
    /// The environment has no such variable.
    Absent,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// What a marker says of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It hangs on what is not known.
    Unknown {
        /// The variables that it hangs on, each once, in the order of the text.
        because: Vec<Variable>,
    },
    /// Installers stop here.
    Undefined(Undefined),
}

/// Why a marker has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// packaging's `UndefinedComparison`.
    #[error("the marker compares what cannot be compared so")]
    Comparison {
        /// The comparison.
        span: Span,
    },
    /// packaging's `UndefinedEnvironmentName`.
    #[error("the marker asks for a name that the environment does not have")]
    Name {
        /// The comparison.
        span: Span,
    },
}

/// What one comparison comes to.
enum Outcome {
    Known(bool),
    Unknown {
        variable: Variable,
        /// Whether there are values for which the comparison is undefined.
        may_fail: bool,
    },
}

/// A value in three-valued logic; the variables are what an unknown one hangs on.
#[derive(PartialEq)]
enum Kleene {
    True,
    False,
    Unknown(Vec<Variable>),
}

struct Evaluation<'a> {
    environment: &'a dyn Fn(Variable) -> Value,
    may_fail: Vec<Variable>,
}

impl Marker {
    /// Evaluates the marker. `environment` answers for each variable; `extra` must be a text (the empty one where no
    /// extra is asked for), or, in the lock files of uv and Poetry, the set of all that are asked for, where `==` says that
    /// a name is in it and `!=` that it is not; `extras` and `dependency_groups` are sets in the lock files of PEP 751 and absent elsewhere.
    #[must_use]
    pub fn evaluate(&self, environment: &dyn Fn(Variable) -> Value) -> Truth {
        let mut evaluation = Evaluation { environment, may_fail: Vec::new() };
        match evaluation.marker(self) {
            Err(undefined) => Truth::Undefined(undefined),
            // Where an unknown value can make an installer stop, the rest of the marker does not settle it.
            Ok(_) if !evaluation.may_fail.is_empty() => {
                Truth::Unknown { because: each_once(evaluation.may_fail) }
            }
            Ok(Kleene::True) => Truth::True,
            Ok(Kleene::False) => Truth::False,
            Ok(Kleene::Unknown(because)) => Truth::Unknown { because: each_once(because) },
        }
    }
}

fn each_once(mut variables: Vec<Variable>) -> Vec<Variable> {
    let mut seen = Vec::new();
    variables.retain(|variable| {
        let new = !seen.contains(variable);
        seen.push(*variable);
        new
    });
    variables
}

impl Evaluation<'_> {
    fn marker(&mut self, marker: &Marker) -> Result<Kleene, Undefined> {
        let mut any = Kleene::False;
        for terms in &marker.alternatives {
            let mut all = Kleene::True;
            for term in terms {
                let value = match term {
                    Term::Group(inner) => self.marker(inner)?,
                    Term::Comparison(comparison) => match self.comparison(comparison)? {
                        Outcome::Known(true) => Kleene::True,
                        Outcome::Known(false) => Kleene::False,
                        Outcome::Unknown { variable, may_fail } => {
                            if may_fail {
                                self.may_fail.push(variable);
                            }
                            Kleene::Unknown(vec![variable])
                        }
                    },
                };
                all = combine(all, value, &Kleene::False);
            }
            any = combine(any, all, &Kleene::True);
        }
        Ok(any)
    }

    fn comparison(&self, comparison: &Comparison) -> Result<Outcome, Undefined> {
        let span = comparison.span;
        // With a variable on the left, what stands on the right is a text even if it is a variable's name; with a text
        // on the left, the text on the right is looked up as a name.
        let (key, left, right) = match (&comparison.left, &comparison.right) {
            (Operand::Variable(key), right) => {
                let text = match right {
                    Operand::Variable(variable) => variable.as_str().to_owned(),
                    Operand::Text(text) => text.clone(),
                };
                (*key, self.value(*key), Value::Text(text))
            }
            (Operand::Text(text), right) => {
                let key = match right {
                    Operand::Variable(variable) => Some(*variable),
                    Operand::Text(name) => Variable::named(name),
                }
                .ok_or(Undefined::Name { span })?;
                (key, Value::Text(text.clone()), self.value(key))
            }
        };
        compare(key, left, comparison.comparator, right, span)
    }

    fn value(&self, variable: Variable) -> Value {
        let value = (self.environment)(variable);
        match (variable, value) {
            // platform.python_version() ends in `+` for a Python built between releases.
            (Variable::Environment(MarkerVariable::PythonFullVersion), Value::Text(text))
                if text.ends_with('+') =>
            {
                Value::Text(text + "local")
            }
            (Variable::Extra, Value::Text(text)) => Value::Text(Name::new(&text).as_str().to_owned()),
            (_, value) => value,
        }
    }
}

fn combine(so_far: Kleene, next: Kleene, deciding: &Kleene) -> Kleene {
    if so_far == *deciding || next == *deciding {
        return match deciding {
            Kleene::True => Kleene::True,
            _ => Kleene::False,
        };
    }
    match (so_far, next) {
        (Kleene::Unknown(mut a), Kleene::Unknown(b)) => {
            a.extend(b);
            Kleene::Unknown(a)
        }
        (Kleene::Unknown(a), _) | (_, Kleene::Unknown(a)) => Kleene::Unknown(a),
        (so_far, _) => so_far,
    }
}

const fn compares_versions(key: Variable) -> bool {
    matches!(
        key,
        Variable::Environment(
            MarkerVariable::ImplementationVersion
                | MarkerVariable::PlatformRelease
                | MarkerVariable::PythonFullVersion
                | MarkerVariable::PythonVersion
        )
    )
}

fn compare(
    key: Variable,
    left: Value,
    comparator: Comparator,
    right: Value,
    span: Span,
) -> Result<Outcome, Undefined> {
    let undefined = Undefined::Comparison { span };
    let versions = compares_versions(key);
    // `~=` and `===` have no meaning for texts.
    let is_text_comparator =
        !matches!(comparator, Comparator::Version(Operator::Compatible | Operator::Identical));
    if key == Variable::Extra
        && let (Value::Set(set), Value::Text(name)) | (Value::Text(name), Value::Set(set)) = (&left, &right)
    {
        let is_in = set.contains(&Name::new(name));
        return match comparator {
            Comparator::Version(Operator::Equal) => Ok(Outcome::Known(is_in)),
            Comparator::Version(Operator::NotEqual) => Ok(Outcome::Known(!is_in)),
            _ => Err(undefined),
        };
    }
    match (left, right) {
        (Value::Absent, _) | (_, Value::Absent) => Err(Undefined::Name { span }),
        (Value::Set(_), _) => Err(undefined),
        (Value::Unknown, Value::Text(right)) => {
            if is_text_comparator || (versions && as_specifier(comparator, &right).is_some()) {
                Ok(Outcome::Unknown { variable: key, may_fail: false })
            } else {
                Err(undefined)
            }
        }
        (_, Value::Unknown) => {
            if is_text_comparator || versions {
                Ok(Outcome::Unknown { variable: key, may_fail: !is_text_comparator })
            } else {
                Err(undefined)
            }
        }
        (Value::Unknown, Value::Set(_)) => Ok(Outcome::Unknown { variable: key, may_fail: false }),
        (Value::Text(left), Value::Text(right)) => {
            if versions && let Some(specifier) = as_specifier(comparator, &right) {
                return Ok(Outcome::Known(specifier.contains(&left)));
            }
            let (left, right) = if key.is_set() {
                (Name::new(&left).as_str().to_owned(), Name::new(&right).as_str().to_owned())
            } else {
                (left, right)
            };
            text(comparator, || left == right, || right.contains(&left)).map(Outcome::Known).ok_or(undefined)
        }
        (Value::Text(left), Value::Set(right)) => {
            let left = Name::new(&left);
            text(comparator, || false, || right.contains(&left)).map(Outcome::Known).ok_or(undefined)
        }
    }
}

fn as_specifier(comparator: Comparator, right: &str) -> Option<Specifier> {
    match comparator {
        Comparator::Version(operator) => Specifier::parse(&format!("{}{right}", operator.as_str())).ok(),
        Comparator::In | Comparator::NotIn => None,
    }
}

/// Texts have no order: `<` and `>` never hold, `<=` and `>=` hold for equal ones.
fn text(comparator: Comparator, equal: impl Fn() -> bool, within: impl Fn() -> bool) -> Option<bool> {
    match comparator {
        Comparator::In => Some(within()),
        Comparator::NotIn => Some(!within()),
        Comparator::Version(Operator::Equal | Operator::AtMost | Operator::AtLeast) => Some(equal()),
        Comparator::Version(Operator::NotEqual) => Some(!equal()),
        Comparator::Version(Operator::Below | Operator::Above) => Some(false),
        Comparator::Version(Operator::Compatible | Operator::Identical) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use envdiff_model::{MarkerVariable, Name};

    use super::{Marker, Truth, Undefined, Value, Variable};

    const RELEASE: Variable = Variable::Environment(MarkerVariable::PlatformRelease);

    fn evaluate(marker: &str) -> Truth {
        Marker::parse(marker).unwrap().evaluate(&|variable| match variable {
            Variable::Environment(MarkerVariable::PlatformRelease | MarkerVariable::PlatformVersion) => {
                Value::Unknown
            }
            Variable::Environment(MarkerVariable::PythonVersion) => "3.10".into(),
            Variable::Environment(MarkerVariable::SysPlatform) => "linux".into(),
            Variable::Environment(MarkerVariable::PythonFullVersion) => "3.10.1+".into(),
            Variable::Environment(_) | Variable::Extra => "".into(),
            Variable::Extras => Value::Set(vec![Name::new("Dev_Tools")]),
            Variable::DependencyGroups => Value::Absent,
        })
    }

    #[test]
    fn unknown_only_where_the_value_hangs_on_it() {
        let hangs = Truth::Unknown { because: vec![RELEASE] };
        for (marker, truth) in [
            ("platform_release >= '5'", hangs.clone()),
            ("platform_release >= '5' and sys_platform == 'win32'", Truth::False),
            ("platform_release >= '5' or sys_platform == 'linux'", Truth::True),
            (
                "(platform_release >= '5' or platform_release < '4') and sys_platform == 'linux'",
                hangs.clone(),
            ),
            ("sys_platform == 'win32' and '5' ~= platform_release", hangs),
            ("'dev.tools' in extras and python_full_version > '3.10.1'", Truth::False),
            ("'dev.tools' in extras and python_full_version >= '3.10.1'", Truth::True),
        ] {
            assert_eq!(evaluate(marker), truth, "{marker}");
        }
    }

    #[test]
    fn a_set_of_extras_holds_each_of_them() {
        for (marker, truth) in [
            ("extra == 'a-b'", Truth::True),
            ("'A_b' == extra", Truth::True),
            ("extra == 'a-b' and extra == 'c'", Truth::True),
            ("extra != 'c' or extra == 'd'", Truth::False),
        ] {
            let set = Value::Set(vec![Name::new("a-b"), Name::new("c")]);
            let told = Marker::parse(marker).unwrap().evaluate(&|_| set.clone());
            assert_eq!(told, truth, "{marker}");
        }
    }

    #[test]
    fn undefined_wins_over_everything() {
        assert!(matches!(
            evaluate("sys_platform == 'win32' and sys_platform ~= 'linux'"),
            Truth::Undefined(Undefined::Comparison { .. })
        ));
        assert!(matches!(evaluate("'a' == 'b'"), Truth::Undefined(Undefined::Name { .. })));
        assert!(matches!(evaluate("'a' in dependency_groups"), Truth::Undefined(Undefined::Name { .. })));
        assert!(matches!(evaluate("extras == 'a'"), Truth::Undefined(Undefined::Comparison { .. })));
        assert_eq!(evaluate("'linux' == 'sys_platform'"), Truth::True);
    }
}
