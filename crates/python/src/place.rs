//! Byte offsets of a text to lines and columns, each in constant time after one pass: hostile source has lines of megabytes.

use ruff_text_size::TextRange;

use crate::tree::At;

/// How many bytes lie between two counts of characters.
const STRIDE: usize = 64;

/// Where the lines of a text begin, and how many characters precede each stride of bytes.
pub struct Places<'a> {
    text: &'a str,
    starts: Vec<u32>,
    /// Empty where the text is ASCII: a byte is a character then.
    counts: Vec<u32>,
}

impl<'a> Places<'a> {
    /// Of a text below 4 GiB. Lines end as Python's do: `\n`, `\r\n`, `\r`.
    pub fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at) != Some(&b'\n')) {
                starts.push(narrow(at));
            }
        }
        let mut counts = Vec::new();
        if !text.is_ascii() {
            let mut count = 0;
            for chunk in bytes.chunks(STRIDE) {
                counts.push(count);
                count += characters(chunk);
            }
        }
        Self { text, starts, counts }
    }

    /// How many characters precede an offset.
    fn before(&self, offset: usize) -> u32 {
        let offset = offset.min(self.text.len());
        if self.counts.is_empty() {
            return narrow(offset);
        }
        let stride = (offset / STRIDE).min(self.counts.len() - 1);
        let rest = self.text.as_bytes().get(stride * STRIDE..offset).unwrap_or_default();
        self.counts.get(stride).copied().unwrap_or_default() + characters(rest)
    }

    /// The index of the line that holds an offset.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start as usize <= offset).saturating_sub(1)
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line).map_or(self.text.len(), |start| *start as usize)
    }

    /// How many lines there are; an empty last one counts.
    pub fn lines(&self) -> usize {
        self.starts.len()
    }

    /// A line's text without its end; lines from 1.
    pub fn text(&self, line: u32) -> &'a str {
        let line = (line as usize).saturating_sub(1);
        let text = self.text.get(self.start(line)..self.start(line + 1)).unwrap_or_default();
        text.trim_end_matches(['\r', '\n'])
    }

    /// A stretch of bytes.
    pub fn span(&self, from: usize, to: usize) -> At {
        let line = self.line(from);
        let start = self.start(line);
        let first = self.before(start);
        let next = self.start(line + 1);
        let end = if to <= next && self.line(to.saturating_sub(1).max(from)) == line {
            to
        } else {
            start + self.text(narrow(line + 1)).len()
        };
        At {
            line: narrow(line + 1),
            column: self.before(from) - first + 1,
            end_column: self.before(end.max(from)) - first + 1,
        }
    }

    /// The first byte of code from an offset on, behind white space and comments.
    pub fn code_from(&self, from: usize) -> usize {
        let mut in_comment = false;
        let rest = self.text.as_bytes().get(from..).unwrap_or_default();
        let skipped = rest.iter().position(|byte| {
            in_comment = match byte {
                b'#' => true,
                b'\n' | b'\r' => false,
                _ => in_comment,
            };
            !in_comment && !matches!(byte, b' ' | b'\t' | b'\x0c' | b'\n' | b'\r' | b'\\')
        });
        from + skipped.unwrap_or_default()
    }

    /// A range of the parser's.
    pub fn at(&self, range: TextRange) -> At {
        self.span(range.start().to_usize(), range.end().to_usize())
    }
}

/// Characters that begin in these bytes.
fn characters(bytes: &[u8]) -> u32 {
    narrow(bytes.iter().filter(|byte| (**byte & 0xC0) != 0x80).count())
}

/// Sources are bounded far below 4 GiB.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
