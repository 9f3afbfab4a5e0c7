//! A text comes in; the document that Gson 2.9 reads from it in its lenient mode comes out (`JsonReader.java`).

use crate::limits::DEEPEST;

/// A value with its bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Null,
    Bool(bool),
    /// A text, quoted or not; numbers are among them.
    Text(String),
    List,
    Object(Vec<(String, Node)>),
}

impl Node {
    /// As the adapter for `String` takes it.
    pub(super) fn text(&self) -> Result<Option<String>, ()> {
        match &self.data {
            Data::Null => Ok(None),
            Data::Bool(value) => Ok(Some(value.to_string())),
            Data::Text(text) => Ok(Some(text.clone())),
            Data::List | Data::Object(_) => Err(()),
        }
    }
}

/// Why it is refused, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) at: usize,
    pub(super) what: &'static str,
    /// Not Gson refuses it, but we.
    pub(super) is_bound: bool,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// The document, or `None` for a text in which there is nothing.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Error> {
    let mut scanner = Scanner { text, at: 0 };
    if scanner.peek() == Some('\u{feff}') {
        scanner.at = '\u{feff}'.len_utf8();
    }
    scanner.skip()?;
    if scanner.rest().starts_with(")]}'\n") {
        scanner.at += 5;
        scanner.skip()?;
    }
    if scanner.peek().is_none() {
        return Ok(None);
    }
    let node = scanner.value(0)?;
    // Behind the document Gson is strict again: a comment there is refused.
    scanner.at += scanner.rest().len() - scanner.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    if scanner.peek().is_some() { Err(scanner.error("text follows the document")) } else { Ok(Some(node)) }
}

/// What ends a text without quotes.
const ENDS: &[char] =
    &['/', '\\', ';', '#', '=', '{', '}', '[', ']', ':', ',', ' ', '\t', '\u{c}', '\r', '\n'];

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    const fn error(&self, what: &'static str) -> Error {
        Error { at: self.at, what, is_bound: false }
    }

    /// White space and comments.
    fn skip(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("/*") {
                let Some(end) = rest
                    .find("*/")
                    .filter(|end| *end >= 2)
                    .or_else(|| rest.get(2..).and_then(|inner| inner.find("*/")).map(|end| end + 2))
                else {
                    return Err(self.error("a comment has no end"));
                };
                self.at += end + 2;
            } else if rest.starts_with("//") || rest.starts_with('#') {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Error> {
        if depth > DEEPEST {
            return Err(Error {
                at: self.at,
                what: "the manifest is nested deeper than is read here",
                is_bound: true,
            });
        }
        self.skip()?;
        let from = self.at;
        let data = match self.peek() {
            None => return Err(self.error("the document ends too early")),
            Some('{') => self.object(depth)?,
            Some('[') => self.list(depth)?,
            Some('"' | '\'') => Data::Text(self.quoted()?),
            Some(_) => {
                let text = self.bare()?;
                match text.to_ascii_lowercase().as_str() {
                    "null" => Data::Null,
                    "true" => Data::Bool(true),
                    "false" => Data::Bool(false),
                    _ => Data::Text(text),
                }
            }
        };
        Ok(Node { from, to: self.at, data })
    }

    fn object(&mut self, depth: usize) -> Result<Data, Error> {
        self.at += 1;
        let mut pairs = Vec::new();
        self.skip()?;
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(Data::Object(pairs));
        }
        loop {
            self.skip()?;
            let key = match self.peek() {
                Some('"' | '\'') => self.quoted()?,
                Some('}') | None => return Err(self.error("a name is expected here")),
                Some(_) => self.bare().map_err(|error| Error { what: "a name is expected here", ..error })?,
            };
            self.skip()?;
            match self.peek() {
                Some(':') => self.at += 1,
                Some('=') => {
                    self.at += 1;
                    if self.peek() == Some('>') {
                        self.at += 1;
                    }
                }
                _ => return Err(self.error("`:` is expected here")),
            }
            let node = self.value(depth + 1)?;
            pairs.push((key, node));
            self.skip()?;
            match self.peek() {
                Some('}') => {
                    self.at += 1;
                    return Ok(Data::Object(pairs));
                }
                Some(',' | ';') => self.at += 1,
                _ => return Err(self.error("an object has no end")),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Data, Error> {
        self.at += 1;
        loop {
            self.skip()?;
            match self.peek() {
                Some(']') => {
                    self.at += 1;
                    return Ok(Data::List);
                }
                // Nothing between two commas is null.
                Some(',' | ';') => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            self.value(depth + 1)?;
            self.skip()?;
            match self.peek() {
                Some(']') => {}
                Some(',' | ';') => self.at += 1,
                _ => return Err(self.error("a list has no end")),
            }
        }
    }

    fn bare(&mut self) -> Result<String, Error> {
        let rest = self.rest();
        let end = rest.find(ENDS).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error("a value is expected here"));
        }
        let text = rest.get(..end).unwrap_or("").to_owned();
        self.at += end;
        Ok(text)
    }

    fn quoted(&mut self) -> Result<String, Error> {
        let begin = self.error("a text has no end");
        let Some(quote) = self.peek() else { return Err(begin) };
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(next) = self.peek() else { return Err(begin) };
            self.at += next.len_utf8();
            if next == quote {
                return Ok(out);
            }
            if next != '\\' {
                out.push(next);
                continue;
            }
            let Some(escape) = self.peek() else { return Err(begin) };
            let bad = self.error("an escape that is none");
            self.at += escape.len_utf8();
            out.push(match escape {
                't' => '\t',
                'b' => '\u{8}',
                'n' | '\n' => '\n',
                'r' => '\r',
                'f' => '\u{c}',
                '"' | '\'' | '\\' | '/' => escape,
                'u' => {
                    let digits = self.rest().get(..4).ok_or_else(|| bad.clone())?;
                    let code = u32::from_str_radix(digits, 16).map_err(|_| bad)?;
                    self.at += 4;
                    let low = self.rest().get(..6).and_then(|low| low.strip_prefix("\\u"));
                    let low = low.and_then(|low| u32::from_str_radix(low, 16).ok());
                    match (code, low) {
                        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
                            self.at += 6;
                            char::from_u32(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
                        }
                        _ => char::from_u32(code),
                    }
                    .unwrap_or('\u{fffd}')
                }
                _ => return Err(bad),
            });
        }
    }
}
