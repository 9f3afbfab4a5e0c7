//! The words of a shell script: quotes, variables, substitutions.

use super::parse::Reader;
use super::syntax::{NotUnderstood, Operator, Part, Word};
use crate::limits::SCRIPT_NESTING;

impl Reader<'_> {
    pub(super) fn word(&mut self) -> Result<Word, NotUnderstood> {
        let word = self.word_until(&[])?;
        if word.parts.is_empty() { Err(self.fail()) } else { Ok(word) }
    }

    /// A word; inside `${ … }` it ends at `}` and blanks belong to it.
    pub(super) fn word_until(&mut self, ends: &[u8]) -> Result<Word, NotUnderstood> {
        self.depth += 1;
        if self.depth > SCRIPT_NESTING {
            return Err(self.fail());
        }
        let mut parts: Vec<Part> = Vec::new();
        let inside = !ends.is_empty();
        while let Some(byte) = self.peek() {
            if ends.contains(&byte) {
                break;
            }
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' if !inside => {
                    if byte == b'(' && !parts.is_empty() {
                        return Err(self.fail());
                    }
                    break;
                }
                b'\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'\n') => self.at += 1,
                        Some(next) => {
                            parts.push(Part::Text(vec![next], true));
                            self.at += 1;
                        }
                        None => parts.push(Part::Text(vec![b'\\'], true)),
                    }
                }
                b'\'' => {
                    self.at += 1;
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    let Some(len) = rest.iter().position(|b| *b == b'\'') else { return Err(self.fail()) };
                    parts.push(Part::Text(rest.get(..len).unwrap_or_default().to_vec(), true));
                    self.at += len + 1;
                }
                b'"' => {
                    self.at += 1;
                    self.double_quoted(&mut parts)?;
                }
                b'$' if self.ahead(b"$'") => {
                    self.at += 1;
                }
                b'$' => {
                    let part = self.dollar(false)?;
                    parts.push(part);
                }
                b'`' => {
                    let part = self.backquoted(false)?;
                    parts.push(part);
                }
                _ => {
                    match parts.last_mut() {
                        Some(Part::Text(text, false)) => text.push(byte),
                        _ => parts.push(Part::Text(vec![byte], false)),
                    }
                    self.at += 1;
                }
            }
        }
        self.depth -= 1;
        Ok(Word { parts })
    }

    pub(super) fn double_quoted(&mut self, parts: &mut Vec<Part>) -> Result<(), NotUnderstood> {
        let mut text = Vec::new();
        let mut any = false;
        loop {
            let Some(byte) = self.peek() else { return Err(self.fail()) };
            match byte {
                b'"' => {
                    self.at += 1;
                    if !text.is_empty() || !any {
                        parts.push(Part::Text(text, true));
                    }
                    return Ok(());
                }
                b'\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'\n') => {}
                        Some(next @ (b'"' | b'\\' | b'$' | b'`')) => text.push(next),
                        Some(next) => text.extend([b'\\', next]),
                        None => return Err(self.fail()),
                    }
                    self.at += 1;
                }
                b'$' | b'`' => {
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text), true));
                    }
                    let part = if byte == b'$' { self.dollar(true)? } else { self.backquoted(true)? };
                    parts.push(part);
                    any = true;
                }
                _ => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    pub(super) fn backquoted(&mut self, quoted: bool) -> Result<Part, NotUnderstood> {
        self.at += 1;
        let mut inner = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.fail()),
                Some(b'`') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(next @ (b'`' | b'\\' | b'$')) => inner.push(next),
                        Some(next) => inner.extend([b'\\', next]),
                        None => return Err(self.fail()),
                    }
                    self.at += 1;
                }
                Some(byte) => {
                    inner.push(byte);
                    self.at += 1;
                }
            }
        }
        let mut reader = Reader { bytes: &inner, at: 0, depth: self.depth, heredocs: Vec::new() };
        Ok(match reader.script(&[]) {
            Ok(script) if reader.at >= inner.len() => Part::Command(script, quoted),
            _ => Part::Unclear,
        })
    }

    pub(super) fn dollar(&mut self, quoted: bool) -> Result<Part, NotUnderstood> {
        self.at += 1;
        if self.take(b"((") {
            self.skip_arithmetic()?;
            return Ok(Part::Unclear);
        }
        if self.take(b"(") {
            let script = self.script(&[])?;
            if !self.take(b")") {
                return Err(self.fail());
            }
            return Ok(Part::Command(script, quoted));
        }
        if self.take(b"{") {
            return self.braced(quoted);
        }
        match self.peek() {
            Some(b'@' | b'*') => {
                self.at += 1;
                Ok(Part::All(quoted))
            }
            Some(byte @ (b'#' | b'?' | b'$' | b'!' | b'-' | b'0'..=b'9')) => {
                self.at += 1;
                Ok(Part::Variable { name: vec![byte], operator: Operator::Plain, quoted })
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                let name = self.name();
                Ok(Part::Variable { name, operator: Operator::Plain, quoted })
            }
            _ => Ok(Part::Text(vec![b'$'], quoted)),
        }
    }

    pub(super) fn name(&mut self) -> Vec<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        self.at += len;
        rest.get(..len).unwrap_or_default().to_vec()
    }

    pub(super) fn braced(&mut self, quoted: bool) -> Result<Part, NotUnderstood> {
        if self.take(b"#") && !self.ahead(b"}") {
            let name = if self.take(b"@") || self.take(b"*") { vec![b'#'] } else { self.name() };
            if !self.take(b"}") {
                return Err(self.fail());
            }
            let operator = if name == b"#" { Operator::Plain } else { Operator::Length };
            return Ok(Part::Variable { name, operator, quoted });
        }
        let mut name = if matches!(self.peek(), Some(b'@' | b'*' | b'#' | b'?' | b'!')) {
            let byte = self.peek().unwrap_or_default();
            self.at += 1;
            vec![byte]
        } else {
            self.name()
        };
        if name.is_empty() && self.bytes.get(self.at.wrapping_sub(1)) == Some(&b'#') {
            name = vec![b'#'];
        }
        let all = name == b"@" || name == b"*";
        if self.take(b"}") {
            return Ok(if all {
                Part::All(quoted)
            } else {
                Part::Variable { name, operator: Operator::Plain, quoted }
            });
        }
        let operator = if self.take(b":-") {
            Operator::Default(self.word_until(b"}")?, true)
        } else if self.take(b"-") {
            Operator::Default(self.word_until(b"}")?, false)
        } else if self.take(b":=") || self.take(b"=") {
            Operator::Assign(self.word_until(b"}")?)
        } else if self.take(b":+") {
            Operator::Alternative(self.word_until(b"}")?, true)
        } else if self.take(b"+") {
            Operator::Alternative(self.word_until(b"}")?, false)
        } else if self.take(b":?") || self.take(b"?") {
            self.word_until(b"}")?;
            Operator::Required
        } else if self.take(b"##") {
            Operator::CutFront(self.word_until(b"}")?, true)
        } else if self.take(b"#") {
            Operator::CutFront(self.word_until(b"}")?, false)
        } else if self.take(b"%%") {
            Operator::CutBack(self.word_until(b"}")?, true)
        } else if self.take(b"%") {
            Operator::CutBack(self.word_until(b"}")?, false)
        } else {
            let slice = self.take(b":");
            let word = self.word_until(b"}")?;
            match (slice, word.parts.as_slice()) {
                (true, [Part::Text(text, false)]) => slice_of(text),
                _ => Operator::Unclear,
            }
        };
        if !self.take(b"}") {
            return Err(self.fail());
        }
        if all {
            // `"${@:2}"`: from the second argument on.
            return Ok(match operator {
                Operator::Slice(..) | Operator::Default(..) | Operator::Alternative(..) => {
                    Part::Variable { name: vec![b'@'], operator, quoted }
                }
                _ => Part::Unclear,
            });
        }
        Ok(Part::Variable { name, operator, quoted })
    }
}

fn slice_of(text: &[u8]) -> Operator {
    let text = String::from_utf8_lossy(text);
    let mut parts = text.splitn(2, ':').map(|p| p.trim().parse::<usize>());
    match (parts.next(), parts.next()) {
        (Some(Ok(from)), None) => Operator::Slice(from, None),
        (Some(Ok(from)), Some(Ok(len))) => Operator::Slice(from, Some(len)),
        _ => Operator::Unclear,
    }
}
