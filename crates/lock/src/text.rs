//! The bytes of a TOML, JSON or YAML file come in; its text comes out, and for an offset in it its line and column.

use envdiff_model::{Place, Source, Text};

use crate::broken::{Broken, Fault};

/// Decodes a file: UTF-8, or UTF-16 with a byte order mark, which PowerShell's `>` writes. A mark is dropped. Beside a fault stands
/// the text as far as it can be read, for telling its place.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, (Broken, String)> {
    let wide = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => Some((rest, false)),
        [0xfe, 0xff, rest @ ..] => Some((rest, true)),
        _ => None,
    };
    if let Some((rest, is_big)) = wide {
        let units = rest.chunks(2).map(|pair| match (pair, is_big) {
            ([a, b], true) => u16::from_be_bytes([*a, *b]),
            ([a, b], false) => u16::from_le_bytes([*a, *b]),
            _ => 0xdc00,
        });
        return char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .map_err(|_| (Broken::whole(Fault::Encoding, "it begins as UTF-16 and is none"), String::new()));
    }
    let bytes = match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        _ => bytes,
    };
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(at).copied().unwrap_or(0);
        let message = format!("no UTF-8: the byte 0x{byte:02X} at offset {at}");
        let readable = String::from_utf8_lossy(error.as_bytes().get(..at).unwrap_or(&[])).into_owned();
        (Broken::at(Fault::Encoding, at, message), readable + "?")
    })
}

/// Where the lines of a text begin.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    starts: Vec<u32>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes());
        let starts = newlines.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX));
        Self { starts: std::iter::once(0).chain(starts).collect() }
    }

    /// Where a line begins, counted from 1.
    pub(crate) fn start(&self, line: usize) -> usize {
        let at = line.saturating_sub(1).min(self.starts.len().saturating_sub(1));
        self.starts.get(at).map_or(0, |start| *start as usize)
    }

    /// The line of an offset, counted from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.starts.partition_point(|start| *start <= at).max(1)
    }
}

/// A text with its name, for places in it.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) path: Text,
    pub(crate) text: String,
    lines: Lines,
}

impl Document {
    pub(crate) fn new(path: &str, text: String) -> Self {
        let lines = Lines::of(&text);
        Self { path: path.into(), text, lines }
    }

    /// The text of a line without its end.
    fn line(&self, line: usize) -> &str {
        let start = self.lines.start(line);
        let rest = self.text.get(start..).unwrap_or("");
        rest.split('\n').next().unwrap_or("").trim_end_matches('\r')
    }

    /// The place of what stands from `at` to `end`, as far as it is on one line.
    pub(crate) fn place(&self, at: usize, end: usize) -> Place {
        let line = self.lines.line(at);
        let start = self.lines.start(line);
        let columns = |to: usize| self.text.get(start..to).map_or(0, |text| text.chars().count());
        let text = self.line(line);
        let column = columns(at) + 1;
        let end_column = if end <= start + text.len() { columns(end) + 1 } else { text.chars().count() + 1 };
        Place { file: self.path.clone(), line, column, end_column: end_column.max(column) }
    }

    /// The lines at these places, for quoting.
    pub(crate) fn quoted(&self, lines: impl IntoIterator<Item = usize>) -> Source {
        let mut lines: Vec<usize> = lines.into_iter().collect();
        lines.sort_unstable();
        lines.dedup();
        Source::some(
            self.path.clone(),
            lines.into_iter().map(|line| (line, Text::from(self.line(line)))).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn places_are_lines_and_characters() {
        let document = Document::new("l", "a = \"é\"\r\nb = 1\n".into());
        let place = document.place(10, 15);
        assert_eq!((place.line, place.column, place.end_column), (2, 1, 6));
        let place = document.place(5, 40);
        assert_eq!((place.line, place.column, place.end_column), (1, 6, 8));
    }

    #[test]
    fn marks_are_dropped_and_what_is_no_text_has_its_place() {
        assert_eq!(decode(b"\xef\xbb\xbfa".to_vec()).unwrap(), "a");
        assert_eq!(decode(b"\xff\xfea\0b\0".to_vec()).unwrap(), "ab");
        assert_eq!(decode(b"\xfe\xff\0a\0b".to_vec()).unwrap(), "ab");
        assert_eq!(decode(b"ab\xe9".to_vec()).unwrap_err().0.at, Some(2));
        assert!(decode(b"\xff\xfea".to_vec()).is_err());
    }
}
