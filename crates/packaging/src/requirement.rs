//! A requirement of PEP 508 comes in; name, extras, specifiers or URL, and marker come out, each with its span.

use std::fmt;

use envdiff_model::Name;

use crate::cursor::{Cursor, slice};
use crate::specifier::{scan, trailing};
use crate::{Fault, Marker, ParseError, Span, SpecifierSet};

/// A requirement of PEP 508.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// The name as written.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// The extras as written, in the order of the text.
    pub extras: Vec<(String, Span)>,
    /// The specifiers; empty beside a URL.
    pub specifiers: SpecifierSet,
    /// Where the specifiers stand, parentheses excluded; empty where there are none.
    pub specifiers_span: Span,
    /// What stands behind `@`, which need not be a URL of any standard.
    pub url: Option<(String, Span)>,
    /// The marker.
    pub marker: Option<Marker>,
    /// Where the marker stands, the semicolon excluded.
    pub marker_span: Span,
}

impl Requirement {
    /// Reads a requirement, as `packaging.requirements.Requirement` does.
    ///
    /// # Errors
    /// Where the grammar of PEP 508 does not go on; the span is in `text`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(text);
        cursor.blanks();
        let start = cursor.at();
        let name = identifier(&mut cursor).ok_or_else(|| here(Fault::Name, &cursor))?.to_owned();
        let name_span = Span::new(start, cursor.at());
        cursor.blanks();
        let extras = extras(&mut cursor)?;
        cursor.blanks();
        let mut requirement = Self {
            name,
            name_span,
            extras,
            specifiers: SpecifierSet::default(),
            specifiers_span: Span::new(cursor.at(), cursor.at()),
            url: None,
            marker: None,
            marker_span: Span::new(text.len(), text.len()),
        };
        let expected = if cursor.eat("@") {
            requirement.read_url(&mut cursor)?;
            Fault::AfterUrl
        } else {
            requirement.read_specifiers(&mut cursor, text)?;
            if requirement.specifiers_span.is_empty() { Fault::AfterName } else { Fault::AfterSpecifier }
        };
        if cursor.is_done() {
            return Ok(requirement);
        }
        if !cursor.eat(";") {
            let fault = if expected == Fault::AfterUrl { None } else { of_operator(cursor.rest()) };
            return Err(here(fault.unwrap_or(expected), &cursor));
        }
        cursor.blanks();
        let start = cursor.at();
        let marker = Marker::read(&mut cursor)?;
        if !cursor.is_done() {
            return Err(here(Fault::AfterMarker, &cursor));
        }
        requirement.marker_span = Span::new(start, start + cursor.since(start).trim_end().len());
        requirement.marker = Some(marker);
        Ok(requirement)
    }

    /// The name in normal form.
    #[must_use]
    pub fn canonical_name(&self) -> Name {
        Name::new(&self.name)
    }

    /// The extras in normal form, sorted, each once.
    #[must_use]
    pub fn canonical_extras(&self) -> Vec<Name> {
        let mut extras: Vec<Name> = self.extras.iter().map(|(extra, _)| Name::new(extra)).collect();
        extras.sort();
        extras.dedup();
        extras
    }

    fn read_url(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
        cursor.blanks();
        let start = cursor.at();
        let url = cursor.eat_while(|c| !matches!(c, ' ' | '\t'));
        if url.is_empty() {
            return Err(here(Fault::Url, cursor));
        }
        self.url = Some((url.to_owned(), Span::new(start, cursor.at())));
        cursor.blanks();
        Ok(())
    }

    fn read_specifiers(&mut self, cursor: &mut Cursor<'_>, text: &str) -> Result<(), ParseError> {
        let open = cursor.at();
        let in_parentheses = cursor.eat("(");
        cursor.blanks();
        let mut start = cursor.at();
        let first = start;
        let mut end = start;
        while scan(cursor) {
            let scanned = slice(text, start, cursor.at());
            if let Some(mistake) = trailing(scanned, cursor, start) {
                return Err(mistake);
            }
            // `===` takes a comma into its text; the set splits there all the same.
            self.specifiers.extend_from(scanned, start)?;
            end = start + scanned.trim_end().len();
            cursor.blanks();
            if !cursor.eat(",") {
                break;
            }
            cursor.blanks();
            start = cursor.at();
        }
        self.specifiers_span = Span::new(first, end);
        cursor.blanks();
        if in_parentheses && !cursor.eat(")") {
            return Err(if cursor.is_done() {
                ParseError::new(Fault::Parenthesis, open, open + 1)
            } else {
                here(Fault::Specifier, cursor)
            });
        }
        cursor.blanks();
        Ok(())
    }
}

fn here(fault: Fault, cursor: &Cursor<'_>) -> ParseError {
    let at = cursor.at();
    ParseError::new(fault, at, at + cursor.peek().map_or(0, char::len_utf8))
}

/// The longest name that begins here and ends where a word ends: `torch-` gives `torch`, `torch_` is one.
fn identifier<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let start = cursor.at();
    if !cursor.byte()?.is_ascii_alphanumeric() {
        return None;
    }
    let long = cursor.eat_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let in_word = cursor.peek().is_some_and(crate::cursor::is_word);
    // A separator at the end is left over unless a word goes on behind it; a letter at the end is one of that word.
    let ends =
        |before: u8, after_is_word: bool| (before.is_ascii_alphanumeric() || before == b'_') != after_is_word;
    let mut after_is_word = in_word;
    for (len, byte) in long.bytes().enumerate().rev() {
        if ends(byte, after_is_word) {
            cursor.move_to(start + len + 1);
            return Some(cursor.since(start));
        }
        after_is_word = byte.is_ascii_alphanumeric() || byte == b'_';
    }
    cursor.move_to(start);
    None
}

fn extras(cursor: &mut Cursor<'_>) -> Result<Vec<(String, Span)>, ParseError> {
    let mut extras = Vec::new();
    let open = cursor.at();
    if !cursor.eat("[") {
        return Ok(extras);
    }
    cursor.blanks();
    let mut start = cursor.at();
    while let Some(extra) = identifier(cursor) {
        extras.push((extra.to_owned(), Span::new(start, cursor.at())));
        cursor.blanks();
        if cursor.byte().is_some_and(|b| b.is_ascii_alphanumeric()) {
            return Err(here(Fault::ExtraComma, cursor));
        }
        if !cursor.eat(",") {
            break;
        }
        cursor.blanks();
        start = cursor.at();
        if !cursor.byte().is_some_and(|b| b.is_ascii_alphanumeric()) {
            return Err(here(Fault::ExtraName, cursor));
        }
    }
    cursor.blanks();
    if cursor.eat("]") { Ok(extras) } else { Err(ParseError::new(Fault::Bracket, open, open + 1)) }
}

impl fmt::Display for Requirement {
    /// packaging's normal form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let mut extras: Vec<&str> = self.extras.iter().map(|(extra, _)| extra.as_str()).collect();
        extras.sort_unstable();
        extras.dedup();
        if !extras.is_empty() {
            write!(f, "[{}]", extras.join(","))?;
        }
        self.specifiers.fmt(f)?;
        if let Some((url, _)) = &self.url {
            write!(f, " @ {url}")?;
        }
        match (&self.marker, &self.url) {
            (Some(marker), Some(_)) => write!(f, " ; {marker}"),
            (Some(marker), None) => write!(f, "; {marker}"),
            (None, _) => Ok(()),
        }
    }
}

/// What is wrong where an operator stands and no specifier was read; `None` where none stands there.
fn of_operator(rest: &str) -> Option<Fault> {
    let rest = rest.trim_start_matches([',', ' ', '\t']);
    let behind = rest.trim_start_matches(['=', '<', '>', '!', '~']);
    let operator = rest.strip_suffix(behind)?;
    if operator.is_empty() {
        return None;
    }
    Some(match behind.trim_start().chars().next() {
        _ if operator == "=" => Fault::SingleEquals,
        None | Some(';' | ',' | ')') => Fault::NoVersion,
        Some('$') => Fault::Variable,
        Some(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

    use super::{Fault, Requirement};

    #[test]
    fn every_part_has_its_place() {
        let text = "Torch_Vision [cuda, CPU] ( >=2.0 , <3 ) ; python_version < '3.12' ";
        let requirement = Requirement::parse(text).unwrap();
        let at = |span: crate::Span| &text[span.start..span.end];
        assert_eq!(at(requirement.name_span), "Torch_Vision");
        assert_eq!(at(requirement.extras[1].1), "CPU");
        assert_eq!(at(requirement.specifiers_span), ">=2.0 , <3");
        assert_eq!(at(requirement.specifiers.specifiers()[1].span()), "<3");
        assert_eq!(at(requirement.marker_span), "python_version < '3.12'");
        assert_eq!(requirement.to_string(), "Torch_Vision[CPU,cuda]<3,>=2.0; python_version < \"3.12\"");
    }

    #[test]
    fn faults_have_their_place() {
        for (text, fault, at) in [
            ("requests=2.31.0", Fault::SingleEquals, 8),
            ("six==", Fault::NoVersion, 3),
            ("six== ; os_name == 'nt'", Fault::NoVersion, 3),
            ("idna==${IDNA_VER}", Fault::Variable, 4),
            ("requests==$REQ_V", Fault::Variable, 8),
            ("requests==x", Fault::AfterName, 8),
            ("requests 2.31.0", Fault::AfterName, 9),
            ("requests>=2 <3", Fault::AfterSpecifier, 12),
            ("requests[socks", Fault::Bracket, 8),
            ("requests[a b]", Fault::ExtraComma, 11),
            ("requests[a,]", Fault::ExtraName, 11),
            ("requests (2.31.0)", Fault::Specifier, 10),
            ("requests (>=2", Fault::Parenthesis, 9),
            ("requests>=1.*", Fault::PrefixOperator, 8),
            ("_requests", Fault::Name, 0),
            ("requests @", Fault::Url, 10),
            ("requests @ u v", Fault::AfterUrl, 13),
        ] {
            let error = Requirement::parse(text).unwrap_err();
            assert_eq!((error.fault, error.span.start), (fault, at), "{text}");
        }
    }
}
