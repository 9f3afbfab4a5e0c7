//! The text of a JSON document comes in; its tree comes out, keys and values with their places.
//!
//! The grammar is that of RFC 8259 and of what Python's `json` writes beyond it (`NaN`, `Infinity`); a key that stands twice
//! is refused, for readers differ in which one they keep.

use std::borrow::Cow;

use super::{Entry, Node, Table, Value};
use crate::broken::{Broken, Fault};
use crate::limits::{DEEPEST, MOST_VALUES};

/// The whole document.
pub(crate) fn parse(text: &str) -> Result<Node<'_>, Broken> {
    let mut reader = Reader { text, at: 0, depth: 0, values: 0 };
    reader.blanks();
    let node = reader.value()?;
    reader.blanks();
    if reader.at < text.len() { Err(reader.wants("the end")) } else { Ok(node) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// How many were read.
    values: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn wants(&self, what: &str) -> Broken {
        let told = if self.at >= self.text.trim_end().len() {
            format!("no JSON: the file ends where {what} is expected")
        } else {
            format!("no JSON: {what} is expected here")
        };
        Broken::at(Fault::Syntax, self.at, told)
    }

    fn value(&mut self) -> Result<Node<'a>, Broken> {
        let at = self.at;
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(Broken::at(Fault::TooLarge, at, format!("it holds more than {MOST_VALUES} values")));
        }
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { at, end: self.at, value })
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value<'a>, Broken>,
    ) -> Result<Value<'a>, Broken> {
        if self.depth >= DEEPEST {
            return Err(Broken::at(
                Fault::TooDeep,
                self.at,
                format!("arrays or objects stand within each other more than {DEEPEST} deep"),
            ));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value<'a>, Broken> {
        let mut table = Table::new(self.at.saturating_sub(1));
        self.blanks();
        if self.eat(b'}') {
            return Ok(Value::Table(table));
        }
        loop {
            self.blanks();
            let at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.wants("a key in double quotes"));
            }
            let key = self.string()?;
            self.blanks();
            if !self.eat(b':') {
                return Err(self.wants("a colon"));
            }
            self.blanks();
            let node = self.value()?;
            let shown = key.clone();
            if !table.add(Entry { key, at, node }) {
                return Err(Broken::at(
                    Fault::DuplicateKey,
                    at,
                    format!("the key `{shown}` stands here a second time"),
                ));
            }
            self.blanks();
            if self.eat(b'}') {
                return Ok(Value::Table(table));
            }
            if !self.eat(b',') {
                return Err(self.wants("a comma or the object's end"));
            }
        }
    }

    fn array(&mut self) -> Result<Value<'a>, Broken> {
        let mut items = Vec::new();
        self.blanks();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            self.blanks();
            items.push(self.value()?);
            self.blanks();
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.wants("a comma or the array's end"));
            }
        }
    }

    fn number(&mut self) -> Result<Value<'a>, Broken> {
        let start = self.at;
        self.eat(b'-');
        if self.peek() == Some(b'I') {
            return self.word();
        }
        let mut is_whole = true;
        while let Some(byte) = self.peek() {
            match byte {
                b'0'..=b'9' => {}
                b'.' | b'e' | b'E' | b'+' | b'-' => is_whole = false,
                _ => break,
            }
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or("");
        if is_whole && let Ok(number) = text.parse() {
            return Ok(Value::Integer(number));
        }
        if text.parse::<f64>().is_err() {
            self.at = start;
            return Err(self.wants("a number"));
        }
        Ok(Value::Other(Cow::Borrowed(text)))
    }

    fn word(&mut self) -> Result<Value<'a>, Broken> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.at += 1;
        }
        match self.text.get(start..self.at) {
            Some("true") => Ok(Value::Bool(true)),
            Some("false") => Ok(Value::Bool(false)),
            Some("null") => Ok(Value::Null),
            Some(word @ ("NaN" | "Infinity")) => Ok(Value::Other(Cow::Borrowed(word))),
            _ => {
                self.at = start;
                Err(self.wants("a value"))
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        let mut out: Option<String> = None;
        let mut plain = start;
        loop {
            match self.peek() {
                None => {
                    return Err(Broken::at(
                        Fault::Syntax,
                        open,
                        "no JSON: the file ends inside the text that begins here",
                    ));
                }
                Some(b'"') => {
                    let rest = self.text.get(plain..self.at).unwrap_or("");
                    self.at += 1;
                    return Ok(match out {
                        None => Cow::Borrowed(rest),
                        Some(mut out) => {
                            out.push_str(rest);
                            Cow::Owned(out)
                        }
                    });
                }
                Some(b'\\') => {
                    let out = out.get_or_insert_default();
                    out.push_str(self.text.get(plain..self.at).unwrap_or(""));
                    let c = self.escape()?;
                    out.push(c);
                    plain = self.at;
                }
                Some(0..=31) => {
                    return Err(Broken::at(
                        Fault::Syntax,
                        self.at,
                        "no JSON: a control character inside a text",
                    ));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// What stands behind a backslash; half of a pair of surrogates becomes U+FFFD.
    fn escape(&mut self) -> Result<char, Broken> {
        let at = self.at;
        let bad = || Broken::at(Fault::Syntax, at, "no JSON: an escape that there is not");
        self.at += 1;
        let byte = self.peek().ok_or_else(bad)?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex().ok_or_else(bad)?;
                if (0xd800..0xdc00).contains(&high) && self.text.get(self.at..self.at + 2) == Some("\\u") {
                    let back = self.at;
                    self.at += 2;
                    let low = self.hex().ok_or_else(bad)?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
                    }
                    self.at = back;
                }
                char::from_u32(high).unwrap_or('\u{fffd}')
            }
            _ => return Err(bad()),
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn values_and_places() {
        let text = r#"{"a": [1, -2.5e3, NaN, "\ud83d\ude00\n"], "b": {"c": null}}"#;
        let node = parse(text).unwrap();
        let table = node.table().unwrap();
        let items = table.list("a").unwrap();
        let written: Vec<String> =
            items.iter().map(|item| item.written().unwrap_or_default().into_owned()).collect();
        assert_eq!(written, ["1", "-2.5e3", "NaN", "😀\n"]);
        assert_eq!(table.entry("b").unwrap().at, 42);
        assert_eq!(table.table("b").unwrap().unwrap().text("c").unwrap(), None);
    }

    #[test]
    fn faults_have_their_place() {
        let deep = "[".repeat(5_000);
        for (text, fault, at) in [
            (r#"{"a": 1, "a": 2}"#, Fault::DuplicateKey, 9),
            (r#"{"a": 1"#, Fault::Syntax, 7),
            (r#"{"a": "x"#, Fault::Syntax, 6),
            ("[1,]", Fault::Syntax, 3),
            ("[1] x", Fault::Syntax, 4),
            ("[1.2.3]", Fault::Syntax, 1),
            ("", Fault::Syntax, 0),
            (&deep, Fault::TooDeep, 128),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.fault, error.at), (fault, Some(at)), "{text:.20}: {}", error.message);
        }
    }
}
