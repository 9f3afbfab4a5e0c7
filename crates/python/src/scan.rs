//! A text comes in; how deep its brackets, blocks and operator chains nest comes out, and the first fault that a tokenizer
//! would name. One pass without recursion, before the parser sees the text: what it builds is dropped recursively.

use crate::limits;

/// What one pass over a text told.
#[derive(Debug, Default)]
pub struct Scan {
    /// How many statements, brackets and links lie within each other at most; never less than the parser's tree is deep.
    pub depth: usize,
    /// The first thing that no tokenizer takes.
    pub fault: Option<Fault>,
    /// Whether the depth is not to be trusted behind the fault, and too large if all of the rest nested.
    pub hopeless: bool,
}

/// What a tokenizer refuses, with byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// More than [`limits::BRACKETS`] within each other.
    Brackets(usize),
    /// More than [`limits::INDENTS`].
    Indents(usize),
    /// Tabs and spaces that do not compare.
    Tabs(usize),
    /// A line that stands on no outer level.
    Dedent(usize),
    /// A closing bracket that nothing opened.
    Unmatched(usize),
    /// A closing bracket of another kind than the opening one.
    Mismatched {
        /// Of the closing one.
        at: usize,
        /// Of the opening one.
        open: usize,
    },
    /// An opening bracket, never closed.
    Unclosed(usize),
    /// A text that its line does not end.
    Text(usize),
    /// A text in three quotes that the file does not end.
    LongText(usize),
    /// Something after a backslash.
    Backslash(usize),
    /// Within an f-string.
    Field(usize),
    /// A chain longer than [`limits::CHAIN`].
    Chain(usize),
}

impl Fault {
    /// Where it stands.
    pub fn at(self) -> usize {
        match self {
            Self::Brackets(at)
            | Self::Indents(at)
            | Self::Tabs(at)
            | Self::Dedent(at)
            | Self::Unmatched(at)
            | Self::Mismatched { at, .. }
            | Self::Unclosed(at)
            | Self::Text(at)
            | Self::LongText(at)
            | Self::Backslash(at)
            | Self::Field(at)
            | Self::Chain(at) => at,
        }
    }
}

/// Scans a text.
pub fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        at: 0,
        open: Vec::new(),
        indents: vec![(0, 0)],
        outer: Links::default(),
        sum: 0,
        depth: 0,
        fault: None,
    };
    scanner.run();
    let Scanner { depth, fault, at, bytes, .. } = scanner;
    let rest = bytes.get(at..).unwrap_or_default();
    let hopeless = fault.is_some() && depth + could_nest(rest) > limits::CHAIN;
    let depth = if fault.is_some() { depth + could_nest(rest) } else { depth };
    Scan { depth, fault, hopeless }
}

/// How deep the rest of a text could nest, whatever its tokens are.
fn could_nest(rest: &[u8]) -> usize {
    let mut words = 0;
    let mut in_word = false;
    for byte in rest {
        let is_word = is_word(*byte);
        words += usize::from(is_word != in_word || (!is_word && byte.is_ascii_punctuation()));
        in_word = is_word;
    }
    words
}

/// The links of a chain, which nest in the parser's tree.
#[derive(Debug, Clone, Copy, Default)]
struct Links {
    /// Operators, which a comma ends.
    short: usize,
    /// Keywords that nest beyond commas.
    long: usize,
}

/// What is open.
#[derive(Debug, Clone, Copy)]
enum Open {
    /// A bracket, also the brace of a replacement field.
    Bracket { byte: u8, at: usize, links: Links, is_field: bool },
    /// The literal part of an f-string.
    Text { quote: u8, is_long: bool, is_raw: bool, at: usize },
    /// The format spec of a field.
    Spec,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
    indents: Vec<(usize, usize)>,
    outer: Links,
    /// Of the links of everything that is open.
    sum: usize,
    depth: usize,
    fault: Option<Fault>,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn run(&mut self) {
        self.indentation();
        while self.fault.is_none() {
            match self.open.last() {
                Some(Open::Text { quote, is_long, is_raw, at }) => {
                    let (quote, is_long, is_raw, at) = (*quote, *is_long, *is_raw, *at);
                    self.literal(quote, is_long, is_raw, at);
                }
                Some(Open::Spec) => self.spec(),
                _ => {
                    if !self.code() {
                        break;
                    }
                }
            }
        }
        if self.fault.is_none() {
            self.fault = self.open.iter().rev().find_map(|open| match open {
                Open::Bracket { at, is_field: false, .. } => Some(Fault::Unclosed(*at)),
                Open::Bracket { at, .. } => Some(Fault::Field(*at)),
                Open::Text { at, .. } => Some(Fault::LongText(*at)),
                Open::Spec => None,
            });
        }
    }

    /// One token of code; whether there was one.
    fn code(&mut self) -> bool {
        let Some(byte) = self.peek(0) else { return false };
        match byte {
            b'\n' | b'\r' => {
                self.at += 1;
                if self.open.is_empty() {
                    self.outer = Links::default();
                    self.sum = 0;
                    if byte == b'\r' && self.peek(0) == Some(b'\n') {
                        self.at += 1;
                    }
                    self.indentation();
                }
            }
            b'#' => self.skip_comment(),
            b'\\' => self.continuation(),
            b'\'' | b'"' => self.text(&[]),
            b'(' | b'[' | b'{' => self.bracket(byte, false),
            b')' | b']' | b'}' => self.close(byte),
            b',' | b';' => {
                self.at += 1;
                let links = self.links();
                let short = std::mem::take(&mut links.short);
                self.sum -= short;
            }
            b':' | b'!' if self.ends_field(byte) => {}
            byte if is_word(byte) => self.word(),
            byte => {
                self.at += 1;
                if byte.is_ascii_punctuation() {
                    self.link(false);
                }
            }
        }
        true
    }

    fn links(&mut self) -> &mut Links {
        match self.open.last_mut() {
            Some(Open::Bracket { links, .. }) => links,
            _ => &mut self.outer,
        }
    }

    fn link(&mut self, is_long: bool) {
        let links = self.links();
        if is_long {
            links.long += 1;
        } else {
            links.short += 1;
        }
        self.sum += 1;
        self.deepest();
    }

    fn deepest(&mut self) {
        self.depth = self.depth.max(self.sum + self.open.len() + self.indents.len());
        if self.depth > limits::CHAIN {
            self.fault = Some(Fault::Chain(self.at.saturating_sub(1)));
        }
    }

    fn skip_comment(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
    }

    fn continuation(&mut self) {
        match (self.peek(1), self.peek(2)) {
            (Some(b'\r'), Some(b'\n')) => self.at += 3,
            (Some(b'\r' | b'\n'), _) => self.at += 2,
            _ => self.fault = Some(Fault::Backslash(self.at)),
        }
    }

    fn bracket(&mut self, byte: u8, is_field: bool) {
        if !is_field {
            self.link(false);
        }
        self.open.push(Open::Bracket { byte, at: self.at, links: Links::default(), is_field });
        self.deepest();
        if self.open.len() > limits::BRACKETS && self.fault.is_none() {
            self.fault = Some(Fault::Brackets(self.at));
        }
        self.at += 1;
    }

    fn close(&mut self, byte: u8) {
        match self.open.last() {
            Some(Open::Bracket { byte: open, at, links, is_field }) => {
                let fits = matches!((open, byte), (b'(', b')') | (b'[', b']') | (b'{', b'}'));
                if !fits {
                    self.fault = Some(if *is_field {
                        Fault::Field(self.at)
                    } else {
                        Fault::Mismatched { at: self.at, open: *at }
                    });
                    return;
                }
                self.sum -= links.short + links.long;
                self.open.pop();
                self.at += 1;
            }
            _ => self.fault = Some(Fault::Unmatched(self.at)),
        }
    }

    /// `:` and `!r` directly in a replacement field; `!=` is an operator.
    fn ends_field(&mut self, byte: u8) -> bool {
        if !matches!(self.open.last(), Some(Open::Bracket { is_field: true, .. })) {
            return false;
        }
        if byte == b'!' {
            if self.peek(1) == Some(b'=') {
                return false;
            }
            self.at += 1;
            return true;
        }
        self.at += 1;
        self.open.push(Open::Spec);
        true
    }

    fn word(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        self.at += length;
        match word {
            b"not" | b"await" | b"yield" | b"and" | b"or" => self.link(false),
            b"lambda" | b"if" | b"elif" | b"else" | b"for" | b"while" | b"with" | b"try" | b"except"
            | b"finally" | b"def" | b"class" | b"match" | b"case" | b"async" | b"from" | b"type"
            | b"lazy" => self.link(true),
            // `1if x else 2`: a keyword may touch a number.
            [b'0'..=b'9', rest @ ..] if rest.iter().any(u8::is_ascii_alphabetic) => self.link(true),
            _ => {}
        }
        if matches!(self.peek(0), Some(b'\'' | b'"')) && word.len() <= 2 {
            self.text(word);
        }
    }

    /// A quote, after its prefix.
    fn text(&mut self, prefix: &[u8]) {
        let Some(quote) = self.peek(0) else { return };
        let has = |letter: u8| prefix.iter().any(|byte| byte.eq_ignore_ascii_case(&letter));
        let is_prefix = prefix.iter().all(|byte| b"rRbBuUfFtT".contains(byte));
        let start = self.at - if is_prefix { prefix.len() } else { 0 };
        let is_long = self.peek(1) == Some(quote) && self.peek(2) == Some(quote);
        self.at += if is_long { 3 } else { 1 };
        if is_prefix && (has(b'f') || has(b't')) {
            self.open.push(Open::Text { quote, is_long, is_raw: has(b'r'), at: start });
            self.deepest();
            // Python 3.12 has a bound of its own here; this one is only for safety.
            if self.open.len() > limits::BRACKETS {
                self.fault = Some(Fault::Field(start));
            }
            return;
        }
        loop {
            match self.peek(0) {
                None if is_long => return self.fault = Some(Fault::LongText(start)),
                None => return self.fault = Some(Fault::Text(start)),
                Some(b'\\') => self.at += self.escaped(),
                Some(b'\n' | b'\r') if !is_long => return self.fault = Some(Fault::Text(start)),
                Some(byte) if byte == quote => {
                    if !is_long {
                        self.at += 1;
                        return;
                    }
                    if self.peek(1) == Some(quote) && self.peek(2) == Some(quote) {
                        self.at += 3;
                        return;
                    }
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// How long a backslash and what it escapes are.
    fn escaped(&self) -> usize {
        if self.peek(1) == Some(b'\r') && self.peek(2) == Some(b'\n') { 3 } else { 2 }
    }

    /// The literal part of an f-string up to its end or a field.
    fn literal(&mut self, quote: u8, is_long: bool, is_raw: bool, start: usize) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => {
                    self.fault = Some(if is_long { Fault::LongText(start) } else { Fault::Text(start) });
                    return;
                }
                (Some(b'\\'), Some(b'N')) if !is_raw && self.peek(2) == Some(b'{') => {
                    // The name of a character.
                    self.at += 3;
                }
                // A brace is not escaped.
                (Some(b'\\'), Some(b'{' | b'}')) => self.at += 1,
                (Some(b'\\'), _) => self.at += self.escaped(),
                (Some(b'\n' | b'\r'), _) if !is_long => return self.fault = Some(Fault::Text(start)),
                (Some(b'{'), Some(b'{')) => self.at += 2,
                (Some(b'{'), _) => return self.bracket(b'{', true),
                (Some(byte), next) if byte == quote => {
                    if !is_long {
                        self.at += 1;
                        self.open.pop();
                        return;
                    }
                    if next == Some(quote) && self.peek(2) == Some(quote) {
                        self.at += 3;
                        self.open.pop();
                        return;
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    /// A format spec up to its end or a field in it.
    fn spec(&mut self) {
        let text = self.open.iter().rev().find_map(|open| match open {
            Open::Text { quote, is_long, at, .. } => Some((*quote, *is_long, *at)),
            _ => None,
        });
        let Some((quote, is_long, start)) = text else { return self.fault = Some(Fault::Field(self.at)) };
        loop {
            match self.peek(0) {
                None => return self.fault = Some(Fault::LongText(start)),
                Some(b'}') => {
                    self.open.pop();
                    return self.close(b'}');
                }
                Some(b'{') => return self.bracket(b'{', true),
                Some(b'\n' | b'\r') if !is_long => return self.fault = Some(Fault::Field(self.at)),
                Some(byte)
                    if byte == quote
                        && (!is_long || (self.peek(1) == Some(quote) && self.peek(2) == Some(quote))) =>
                {
                    return self.fault = Some(Fault::Field(self.at));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// The start of a logical line: CPython's tokenizer counts a tab to the next multiple of eight, and once more as one.
    fn indentation(&mut self) {
        let (mut column, mut other) = (0_usize, 0_usize);
        loop {
            match self.peek(0) {
                Some(b' ') => (column, other) = (column + 1, other + 1),
                Some(b'\t') => (column, other) = ((column / 8 + 1) * 8, other + 1),
                Some(b'\x0c') => (column, other) = (0, 0),
                // What a continued line's indentation counts as differs between versions.
                Some(b'#' | b'\n' | b'\r' | b'\\') | None => return,
                Some(_) => break,
            }
            self.at += 1;
        }
        let last = self.indents.last().copied().unwrap_or_default();
        if column > last.0 {
            if self.indents.len() >= limits::INDENTS {
                self.fault = Some(Fault::Indents(self.at));
            } else if other <= last.1 {
                self.fault = Some(Fault::Tabs(self.at));
            }
            self.indents.push((column, other));
            self.deepest();
            return;
        }
        while self.indents.last().is_some_and(|level| column < level.0) {
            self.indents.pop();
        }
        match self.indents.last() {
            Some(level) if *level == (column, other) => {}
            Some(level) if level.0 == column => self.fault = Some(Fault::Tabs(self.at)),
            _ => self.fault = Some(Fault::Dedent(self.at)),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
