//! How published JSON is laid out: a value that serde can write goes in, indented UTF-8 JSON with a final newline comes
//! out. Foreign text arrives as bytes and is written as one string, in this one place.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Writes `value`, strings of foreign text cut at `limit` characters where one is given.
pub(crate) fn write(
    value: &impl Serialize,
    limit: Option<usize>,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let layout = Layout { pretty: PrettyFormatter::with_indent(b"  "), limit: limit.unwrap_or(usize::MAX) };
    value.serialize(&mut Serializer::with_formatter(&mut *out, layout)).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

struct Layout {
    pretty: PrettyFormatter<'static>,
    limit: usize,
}

/// One string: UTF-8 as it is, what JSON wants escaped as `\uXXXX`, a byte that is no UTF-8 as Python's surrogateescape
/// writes it (PEP 383: byte 0xNN is the lone surrogate U+DCNN).
fn string<W: ?Sized + Write>(out: &mut W, bytes: &[u8], limit: usize) -> io::Result<()> {
    let mut left = limit;
    out.write_all(b"\"")?;
    'all: for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if left == 0 {
                break 'all;
            }
            left -= 1;
            match c {
                '"' => out.write_all(b"\\\"")?,
                '\\' => out.write_all(b"\\\\")?,
                '\n' => out.write_all(b"\\n")?,
                '\r' => out.write_all(b"\\r")?,
                '\t' => out.write_all(b"\\t")?,
                // DEL, C1 and the marks that reorder a line are legal in JSON; escaped, they also do no harm in a terminal.
                c if c.is_control() || is_bidi_mark(c) => write!(out, "\\u{:04x}", u32::from(c))?,
                c => write!(out, "{c}")?,
            }
        }
        for byte in chunk.invalid() {
            if left == 0 {
                break 'all;
            }
            left -= 1;
            write!(out, "\\udc{byte:02x}")?;
        }
    }
    if left == 0 && longer_than(bytes, limit) {
        out.write_all("…".as_bytes())?;
    }
    out.write_all(b"\"")
}

fn longer_than(bytes: &[u8], limit: usize) -> bool {
    bytes.len() > limit
        && bytes.utf8_chunks().map(|c| c.valid().chars().count() + c.invalid().len()).sum::<usize>() > limit
}

/// The marks of Unicode's bidirectional algorithm (UAX #9), which can show a line in another order than it is written,
/// and the two separators that end a line in some programs.
const fn is_bidi_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Formatter for Layout {
    fn write_byte_array<W: ?Sized + Write>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        string(writer, value, self.limit)
    }
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }
    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }
    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::string;

    fn written(bytes: &[u8], limit: usize) -> String {
        let mut out = Vec::new();
        string(&mut out, bytes, limit).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_string_is_ascii_safe_where_it_must_be() {
        for (bytes, json) in [
            (&b"plain"[..], "\"plain\""),
            ("Grün 数".as_bytes(), "\"Grün 数\""),
            (b"a\"b\\c\n\t\r", "\"a\\\"b\\\\c\\n\\t\\r\""),
            (b"\x1b[31m\x00\x7f", "\"\\u001b[31m\\u0000\\u007f\""),
            (b"caf\xe9", "\"caf\\udce9\""),
            (b"\xed\xb2\x80", "\"\\udced\\udcb2\\udc80\""),
            ("a\u{202e}b\u{9b}".as_bytes(), "\"a\\u202eb\\u009b\""),
        ] {
            assert_eq!(written(bytes, usize::MAX), json);
        }
    }

    #[test]
    fn a_long_string_is_cut_by_characters() {
        assert_eq!(written("äöü".as_bytes(), 3), "\"äöü\"");
        assert_eq!(written("äöüß".as_bytes(), 3), "\"äöü…\"");
        assert_eq!(written(b"\xff\xff\xff", 2), "\"\\udcff\\udcff…\"");
        assert_eq!(written(b"", 0), "\"\"");
    }
}
