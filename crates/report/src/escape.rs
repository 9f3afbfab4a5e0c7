//! Foreign text to text that a terminal shows as it is: control characters, C1, invisible and reordering marks, line ends
//! and bytes that are no UTF-8 as escapes; credentials in URLs as `****`; what is too long cut.

use std::fmt::Write as _;

use envdiff_model::Text;
use envdiff_wire::{REPORT_STRING, mask_urls};
use unicode_width::UnicodeWidthChar as _;

/// The text for one line of a terminal.
#[must_use]
pub fn shown(text: &Text) -> String {
    line(mask_urls(text).as_bytes(), REPORT_STRING)
}

/// Bytes for one line of a terminal, at most `limit` characters of them; what is cut ends in `…`.
pub(crate) fn line(bytes: &[u8], limit: usize) -> String {
    let mut out = String::with_capacity(bytes.len());
    for (n, piece) in pieces(bytes).enumerate() {
        if n == limit {
            out.push('…');
            break;
        }
        piece.push(&mut out);
    }
    out
}

/// A character, or a byte that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Part of UTF-8.
    Char(char),
    /// Not part of UTF-8.
    Byte(u8),
}

/// The text piece by piece, as an editor counts columns.
pub(crate) fn pieces(bytes: &[u8]) -> impl Iterator<Item = Piece> {
    bytes.utf8_chunks().flat_map(|chunk| {
        chunk.valid().chars().map(Piece::Char).chain(chunk.invalid().iter().copied().map(Piece::Byte))
    })
}

impl Piece {
    /// Appends the piece, escaped where it must be.
    pub(crate) fn push(self, out: &mut String) {
        match self {
            Self::Char('\n') => out.push_str("\\n"),
            Self::Char('\r') => out.push_str("\\r"),
            Self::Char('\t') => out.push_str("\\t"),
            Self::Char(c) if c.is_ascii_control() => hex(out, u32::from(c)),
            Self::Char(c) if c.is_control() || is_unseen(c) => {
                // Infallible: a String takes everything.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            Self::Char(c) => out.push(c),
            Self::Byte(byte) => hex(out, u32::from(byte)),
        }
    }
}

impl Piece {
    /// How many columns of a terminal it takes.
    pub(crate) fn columns(self) -> usize {
        match self {
            // A tab is drawn as four columns.
            Self::Char('\t') => 4,
            Self::Char(c) if c.is_control() || is_unseen(c) => 8,
            Self::Char(c) => c.width().unwrap_or(1),
            Self::Byte(_) => 4,
        }
    }
}

fn hex(out: &mut String, byte: u32) {
    let _ = write!(out, "\\x{byte:02x}");
}

/// Characters that are not seen or that change the order in which others are seen: Unicode's category Cf, the line and
/// paragraph separators, and what is drawn as nothing (UAX #9, UTR #36 section 2.5).
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::shown;
    use envdiff_model::Text;

    #[test]
    fn nothing_that_moves_or_hides_gets_through() {
        for (bytes, seen) in [
            (&b"plain-name_1.0"[..], "plain-name_1.0"),
            (b"\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
            (b"a\nb\rc\td", "a\\nb\\rc\\td"),
            (b"caf\xe9", "caf\\xe9"),
            ("gr\u{fc}n \u{6570}".as_bytes(), "gr\u{fc}n \u{6570}"),
            ("a\u{9b}31m".as_bytes(), "a\\u{9b}31m"),
            ("x\u{202e}gpj.exe".as_bytes(), "x\\u{202e}gpj.exe"),
            ("zero\u{200b}width\u{feff}".as_bytes(), "zero\\u{200b}width\\u{feff}"),
            ("\u{2028}".as_bytes(), "\\u{2028}"),
            (b"\x7f\x00", "\\x7f\\x00"),
            (b"https://me:pw@host/x", "https://****@host/x"),
        ] {
            assert_eq!(shown(&Text::from(bytes)), seen);
        }
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let long = shown(&Text::from("x".repeat(5000)));
        assert_eq!(long.chars().count(), 4097);
        assert!(long.ends_with('…'));
    }
}
