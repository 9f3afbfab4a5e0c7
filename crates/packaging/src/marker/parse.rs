//! The text of a marker to its tree.

use envdiff_model::{MarkerVariable, Name};

use super::{Comparator, Comparison, Marker, Operand, Term, Variable, literal};
use crate::cursor::Cursor;
use crate::limits::DEEPEST_MARKER;
use crate::{Fault, Operator, ParseError, Span};

/// As markers write the variables; a dot for an underscore is how they were written before PEP 508.
const VARIABLES: [(&str, Variable); 20] = [
    ("python_version", Variable::Environment(MarkerVariable::PythonVersion)),
    ("python_full_version", Variable::Environment(MarkerVariable::PythonFullVersion)),
    ("os_name", Variable::Environment(MarkerVariable::OsName)),
    ("os.name", Variable::Environment(MarkerVariable::OsName)),
    ("sys_platform", Variable::Environment(MarkerVariable::SysPlatform)),
    ("sys.platform", Variable::Environment(MarkerVariable::SysPlatform)),
    ("platform_release", Variable::Environment(MarkerVariable::PlatformRelease)),
    ("platform_system", Variable::Environment(MarkerVariable::PlatformSystem)),
    ("platform_version", Variable::Environment(MarkerVariable::PlatformVersion)),
    ("platform.version", Variable::Environment(MarkerVariable::PlatformVersion)),
    ("platform_machine", Variable::Environment(MarkerVariable::PlatformMachine)),
    ("platform.machine", Variable::Environment(MarkerVariable::PlatformMachine)),
    ("platform_python_implementation", Variable::Environment(MarkerVariable::PlatformPythonImplementation)),
    ("platform.python_implementation", Variable::Environment(MarkerVariable::PlatformPythonImplementation)),
    ("python_implementation", Variable::Environment(MarkerVariable::PlatformPythonImplementation)),
    ("implementation_name", Variable::Environment(MarkerVariable::ImplementationName)),
    ("implementation_version", Variable::Environment(MarkerVariable::ImplementationVersion)),
    ("extras", Variable::Extras),
    ("extra", Variable::Extra),
    ("dependency_groups", Variable::DependencyGroups),
];

impl Marker {
    /// Reads a marker, as `packaging.markers.Marker` does.
    ///
    /// # Errors
    /// Where the grammar of PEP 508 does not go on, or beyond 128 nested parentheses; the span is in `text`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(text);
        let marker = Self::read(&mut cursor)?;
        if cursor.is_done() { Ok(marker) } else { Err(missing(Fault::AfterMarker, &cursor)) }
    }

    /// Reads the marker that begins here, and the blanks behind it.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        read(cursor, DEEPEST_MARKER)
    }
}

/// A fault where something else stands than what was expected; it covers the next character.
fn missing(fault: Fault, cursor: &Cursor<'_>) -> ParseError {
    let at = cursor.at();
    ParseError::new(fault, at, at + cursor.peek().map_or(0, char::len_utf8))
}

fn read(cursor: &mut Cursor<'_>, deeper: usize) -> Result<Marker, ParseError> {
    let mut alternatives = Vec::new();
    let mut terms = vec![term(cursor, deeper)?];
    loop {
        if cursor.eat_word("and") {
            terms.push(term(cursor, deeper)?);
        } else if cursor.eat_word("or") {
            alternatives.push(std::mem::replace(&mut terms, vec![term(cursor, deeper)?]));
        } else {
            alternatives.push(terms);
            return Ok(Marker { alternatives });
        }
    }
}

fn term(cursor: &mut Cursor<'_>, deeper: usize) -> Result<Term, ParseError> {
    cursor.blanks();
    let open = cursor.at();
    let term = if cursor.eat("(") {
        let deeper = deeper.checked_sub(1).ok_or(ParseError::new(Fault::TooDeep, open, open + 1))?;
        let marker = read(cursor, deeper)?;
        if !cursor.eat(")") {
            return Err(if cursor.is_done() {
                ParseError::new(Fault::Parenthesis, open, open + 1)
            } else {
                missing(Fault::AfterMarker, cursor)
            });
        }
        Term::Group(marker)
    } else {
        Term::Comparison(comparison(cursor)?)
    };
    cursor.blanks();
    Ok(term)
}

fn comparison(cursor: &mut Cursor<'_>) -> Result<Comparison, ParseError> {
    let start = cursor.at();
    let mut left = operand(cursor)?;
    cursor.blanks();
    let comparator = comparator(cursor)?;
    cursor.blanks();
    let mut right = operand(cursor)?;
    normalise(&mut left, &mut right);
    Ok(Comparison { left, comparator, right, span: Span::new(start, cursor.at()) })
}

/// Names of extras and groups are compared in normal form (PEP 685, PEP 735).
fn normalise(left: &mut Operand, right: &mut Operand) {
    match (left, right) {
        (Operand::Variable(Variable::Extra), Operand::Text(text))
        | (
            Operand::Text(text),
            Operand::Variable(Variable::Extra | Variable::Extras | Variable::DependencyGroups),
        ) => *text = Name::new(text).as_str().to_owned(),
        _ => {}
    }
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, ParseError> {
    for (written, variable) in VARIABLES {
        if cursor.eat_word(written) {
            return Ok(Operand::Variable(variable));
        }
    }
    let start = cursor.at();
    for (quote, is_quote) in [("'", '\''), ("\"", '"')] {
        if cursor.eat(quote) {
            let inside = cursor.eat_while(|c| c != is_quote);
            if !cursor.eat(quote) {
                cursor.move_to(start);
                return Err(missing(Fault::MarkerValue, cursor));
            }
            return literal::unescape(inside).map(Operand::Text).ok_or(ParseError::new(
                Fault::Literal,
                start,
                cursor.at(),
            ));
        }
    }
    Err(missing(Fault::MarkerValue, cursor))
}

fn comparator(cursor: &mut Cursor<'_>) -> Result<Comparator, ParseError> {
    let start = cursor.at();
    if cursor.eat_word("in") {
        return Ok(Comparator::In);
    }
    if cursor.eat_word("not") {
        if cursor.blanks() && cursor.eat_word("in") {
            return Ok(Comparator::NotIn);
        }
        return Err(ParseError::new(Fault::NotIn, start, cursor.at()));
    }
    Operator::ALL
        .into_iter()
        .find(|operator| cursor.eat(operator.as_str()))
        .map(Comparator::Version)
        .ok_or_else(|| missing(Fault::MarkerOperator, cursor))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Fault, Marker};

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}os_name == 'a'{}", "(".repeat(n), ")".repeat(n));
        assert!(Marker::parse(&nested(128)).is_ok());
        assert_eq!(Marker::parse(&nested(129)).unwrap_err().fault, Fault::TooDeep);
        assert_eq!(Marker::parse(&"(".repeat(1_000_000)).unwrap_err().fault, Fault::TooDeep);
    }

    #[test]
    fn faults_have_their_place() {
        for (marker, fault, start, end) in [
            ("python_version >= 3.8", Fault::MarkerValue, 18, 19),
            ("python_version", Fault::MarkerOperator, 14, 14),
            ("(os_name == 'a'", Fault::Parenthesis, 0, 1),
            ("os_name == 'a' os_name", Fault::AfterMarker, 15, 16),
            ("os_name not(in) 'a'", Fault::NotIn, 8, 11),
            (r"os_name == '\x'", Fault::Literal, 11, 15),
        ] {
            let error = Marker::parse(marker).unwrap_err();
            assert_eq!((error.fault, error.span.start, error.span.end), (fault, start, end), "{marker}");
        }
    }
}
