//! A text and a place in it: the small tokens that the grammars of versions, specifiers and markers share come out.

/// A half-open range of bytes in the text that was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From `start` up to and without `end`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The same range in a text that begins `by` bytes earlier.
    #[must_use]
    pub const fn shifted(self, by: usize) -> Self {
        Self { start: self.start + by, end: self.end + by }
    }
}

/// The bytes of `text` from `start` to `end`; empty where that is no range of it.
pub(crate) fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or("")
}

/// What `str.isspace` and `\s` take for white space in Python: Unicode's and the four separators of ASCII.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// What `\w` takes. Python asks for letters and numbers of Unicode; where the two sets differ (combining marks)
/// no grammar here goes on, so the answer is an error either way.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Cuts Python's white space on both sides and says how many bytes were cut in front.
pub(crate) fn strip(text: &str) -> (&str, usize) {
    let tail = text.trim_start_matches(is_space);
    (tail.trim_end_matches(is_space), text.len() - tail.len())
}

/// A text with a place in it.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn move_to(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn rest(&self) -> &'a str {
        slice(self.text, self.at, self.text.len())
    }

    pub(crate) fn since(&self, start: usize) -> &'a str {
        slice(self.text, start, self.at)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves past `token` where it stands here.
    pub(crate) fn eat(&mut self, token: &str) -> bool {
        let here = self.rest().starts_with(token);
        if here {
            self.at += token.len();
        }
        here
    }

    /// Like [`Self::eat`] for a lower-case ASCII word in any case.
    pub(crate) fn eat_any_case(&mut self, word: &str) -> bool {
        let here = self
            .text
            .as_bytes()
            .get(self.at..self.at + word.len())
            .is_some_and(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()));
        if here {
            self.at += word.len();
        }
        here
    }

    /// Like [`Self::eat`] for a word that no letter, digit or underscore follows.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let here = self.rest().strip_prefix(word).is_some_and(|after| !after.starts_with(is_word));
        if here {
            self.at += word.len();
        }
        here
    }

    pub(crate) fn eat_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        let start = self.at;
        self.at += taken;
        self.since(start)
    }

    /// Moves past one of these ASCII characters.
    pub(crate) fn eat_one_of(&mut self, set: &[u8]) -> bool {
        let here = self.byte().is_some_and(|b| set.contains(&b));
        if here {
            self.at += 1;
        }
        here
    }

    pub(crate) fn digits(&mut self) -> &'a str {
        self.eat_while(|c| c.is_ascii_digit())
    }

    /// Blanks and tabs, the only white space between the tokens of PEP 508.
    pub(crate) fn blanks(&mut self) -> bool {
        !self.eat_while(|c| matches!(c, ' ' | '\t')).is_empty()
    }

    pub(crate) fn spaces(&mut self) {
        self.eat_while(is_space);
    }
}
