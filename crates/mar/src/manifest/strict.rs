//! Bytes come in; the value that Python's `json.load(open(path))` makes of them comes out, or its exception.

use crate::limits::DEEPEST;
use crate::value::{Data, Lines, Map, MapBuilder, Value};

/// Why Python does not read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decode {
    /// `UnicodeDecodeError` at that byte.
    NotUtf8 {
        /// From 0.
        at: usize,
    },
    /// `json.decoder.JSONDecodeError`.
    Json {
        /// The byte.
        at: usize,
        /// Its words without the place.
        what: &'static str,
        /// Its whole text.
        message: String,
    },
    /// Nested deeper than is read here.
    Bound,
}

/// Reads a document.
///
/// # Errors
/// [`Decode`].
pub fn parse(bytes: &[u8]) -> Result<Value, Decode> {
    let text = std::str::from_utf8(bytes).map_err(|error| Decode::NotUtf8 { at: error.valid_up_to() })?;
    let mut scanner = Scanner { text, lines: Lines::of(text), at: 0 };
    if text.starts_with('\u{feff}') {
        return Err(scanner.error(0, "Unexpected UTF-8 BOM (decode using utf-8-sig)"));
    }
    scanner.skip();
    let value = scanner.value(0)?;
    scanner.skip();
    if scanner.at < text.len() { Err(scanner.error(scanner.at, "Extra data")) } else { Ok(value) }
}

struct Scanner<'a> {
    text: &'a str,
    lines: Lines<'a>,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, at: usize, what: &'static str) -> Decode {
        let place = self.lines.at(at, at);
        let char = self.text.get(..at).map_or(0, |before| before.chars().count());
        let message = format!("{what}: line {} column {} (char {char})", place.line, place.column);
        Decode::Json { at, what, message }
    }

    fn skip(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Decode> {
        if depth > DEEPEST {
            return Err(Decode::Bound);
        }
        let from = self.at;
        let data = match self.byte() {
            Some(b'{') => Data::Map(self.object(depth)?),
            Some(b'[') => Data::List(self.list(depth)?),
            Some(b'"') => Data::Str(self.string()?.into()),
            _ => self.word()?,
        };
        Ok(Value::new(self.lines.at(from, self.at), data))
    }

    fn word(&mut self) -> Result<Data, Decode> {
        let words = [
            ("null", Data::None),
            ("true", Data::Bool(true)),
            ("false", Data::Bool(false)),
            ("NaN", Data::Float(f64::NAN)),
            ("Infinity", Data::Float(f64::INFINITY)),
            ("-Infinity", Data::Float(f64::NEG_INFINITY)),
        ];
        if let Some((word, data)) = words.into_iter().find(|(word, _)| self.rest().starts_with(word)) {
            self.at += word.len();
            return Ok(data);
        }
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| {
            bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count()
        };
        let sign = usize::from(bytes.first() == Some(&b'-'));
        let whole = if bytes.get(sign) == Some(&b'0') { 1 } else { digits(sign) };
        if whole == 0 {
            return Err(self.error(self.at, "Expecting value"));
        }
        let mut end = sign + whole;
        let mut is_float = false;
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
            is_float = true;
        }
        if let Some(b'e' | b'E') = bytes.get(end) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let count = digits(end + 1 + sign);
            if count > 0 {
                end += 1 + sign + count;
                is_float = true;
            }
        }
        let text = self.rest().get(..end).unwrap_or("");
        let data = match text.parse::<i64>() {
            _ if is_float => Data::Float(text.parse().unwrap_or(f64::NAN)),
            Ok(number) => Data::Int(number),
            Err(_) => Data::BigInt(text.into()),
        };
        self.at += end;
        Ok(data)
    }

    fn object(&mut self, depth: usize) -> Result<Map, Decode> {
        self.at += 1;
        let mut map = MapBuilder::default();
        self.skip();
        if self.byte() == Some(b'}') {
            self.at += 1;
            return Ok(map.finish());
        }
        loop {
            if self.byte() != Some(b'"') {
                return Err(self.error(self.at, "Expecting property name enclosed in double quotes"));
            }
            let from = self.at;
            let key = self.string()?;
            let key = Value::new(self.lines.at(from, self.at), Data::Str(key.into()));
            self.skip();
            if self.byte() != Some(b':') {
                return Err(self.error(self.at, "Expecting ':' delimiter"));
            }
            self.at += 1;
            self.skip();
            let value = self.value(depth + 1)?;
            map.add(key, value);
            self.skip();
            match self.byte() {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(map.finish());
                }
                Some(b',') => self.at += 1,
                _ => return Err(self.error(self.at, "Expecting ',' delimiter")),
            }
            self.skip();
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, Decode> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip();
        if self.byte() == Some(b']') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip();
            match self.byte() {
                Some(b']') => {
                    self.at += 1;
                    return Ok(items);
                }
                Some(b',') => self.at += 1,
                _ => return Err(self.error(self.at, "Expecting ',' delimiter")),
            }
            self.skip();
        }
    }

    fn string(&mut self) -> Result<String, Decode> {
        let begin = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(next) = self.rest().chars().next() else {
                return Err(self.error(begin, "Unterminated string starting at"));
            };
            match next {
                '"' => {
                    self.at += 1;
                    return Ok(out);
                }
                '\\' => {
                    let back = self.at;
                    let Some(escape) = self.rest().chars().nth(1) else {
                        return Err(self.error(begin, "Unterminated string starting at"));
                    };
                    self.at += 1 + escape.len_utf8();
                    out.push(match escape {
                        '"' | '\\' | '/' => escape,
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => self.unicode(back)?,
                        _ => return Err(self.error(back, "Invalid \\escape")),
                    });
                }
                '\0'..='\u{1f}' => return Err(self.error(self.at, "Invalid control character at")),
                _ => {
                    out.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
    }

    /// Four digits, and those of the other half of a pair; a lone half is U+FFFD.
    fn unicode(&mut self, back: usize) -> Result<char, Decode> {
        let four = |text: Option<&str>| {
            text.filter(|text| text.len() == 4 && text.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|text| u32::from_str_radix(text, 16).ok())
        };
        let Some(high) = four(self.text.get(self.at..self.at + 4)) else {
            return Err(self.error(back + 1, "Invalid \\uXXXX escape"));
        };
        self.at += 4;
        let low = self.rest().strip_prefix("\\u").and_then(|rest| four(rest.get(..4)));
        if let (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) = (high, low) {
            self.at += 6;
            return Ok(
                char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).unwrap_or('\u{fffd}')
            );
        }
        Ok(char::from_u32(high).unwrap_or('\u{fffd}'))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests")]
    use super::*;

    /// The texts are CPython 3.11's.
    #[test]
    fn exceptions_are_those_of_python() {
        for (text, message) in [
            ("", "Expecting value: line 1 column 1 (char 0)"),
            ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{\"a\": 1,}", "Expecting property name enclosed in double quotes: line 1 column 9 (char 8)"),
            ("{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
            ("{\"a\": }", "Expecting value: line 1 column 7 (char 6)"),
            ("{\"a\": 1 \"b\"", "Expecting ',' delimiter: line 1 column 9 (char 8)"),
            ("[1, ]", "Expecting value: line 1 column 5 (char 4)"),
            ("[1", "Expecting ',' delimiter: line 1 column 3 (char 2)"),
            ("\"abc", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"a\nb\"", "Invalid control character at: line 1 column 3 (char 2)"),
            ("\"a\\x\"", "Invalid \\escape: line 1 column 3 (char 2)"),
            ("\"\\u12g4\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            ("{} x", "Extra data: line 1 column 4 (char 3)"),
            ("[\"é\",\n nope]", "Expecting value: line 2 column 2 (char 7)"),
            ("-", "Expecting value: line 1 column 1 (char 0)"),
            ("01", "Extra data: line 1 column 2 (char 1)"),
            ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
        ] {
            let Err(Decode::Json { message: ours, .. }) = parse(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(ours, message, "{text}");
        }
    }
}
