//! The bytes of a METADATA or PKG-INFO file to its header fields, as `importlib.metadata` sees them.
//!
//! The rules are those of CPython's `email.feedparser` and `email.policy.Compat32` (what `message_from_string` uses) over
//! a file opened as UTF-8 text with universal newlines, and of `importlib.metadata._adapters` (3.10 and later).

use envdiff_model::Text;

/// The header fields of one metadata file, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(Text, Text)>,
    empty: bool,
}

/// The file is not UTF-8: `importlib.metadata` raises `UnicodeDecodeError` for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8 at byte {at}")]
pub struct NotUtf8 {
    /// Offset of the first byte that is none.
    pub at: usize,
}

impl Headers {
    /// Whether the file was empty, so that the next candidate (PKG-INFO after METADATA) is taken.
    #[must_use]
    pub const fn is_empty_file(&self) -> bool {
        self.empty
    }

    /// Whether there is no header at all.
    #[must_use]
    pub const fn has_no_field(&self) -> bool {
        self.fields.is_empty()
    }

    /// The first field of this name, compared without case. `redent`: take a common indentation out of a folded value,
    /// as Python 3.10 and later do.
    #[must_use]
    pub fn first(&self, name: &str, redent: bool) -> Option<Text> {
        self.all(name, redent).next()
    }

    /// Every field of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str, redent: bool) -> impl Iterator<Item = Text> + 'a {
        self.fields
            .iter()
            .filter(move |(key, _)| key.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
            .map(move |(_, value)| if redent { redented(value) } else { value.clone() })
    }
}

/// Reads the head of a metadata file. What stands behind the first empty line is not looked at.
///
/// # Errors
/// [`NotUtf8`].
pub fn parse(bytes: &[u8]) -> Result<Headers, NotUtf8> {
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(NotUtf8 { at: error.valid_up_to() });
    }
    let unified = unify_newlines(bytes);
    let mut fields = Vec::new();
    let mut current: Option<(Text, Vec<u8>)> = None;
    for (number, line) in unified.split_inclusive(|b| *b == b'\n').enumerate() {
        let Some(kind) = header_line(line) else { break };
        match kind {
            Line::Continuation => {
                if let Some((_, value)) = &mut current {
                    value.extend_from_slice(line);
                }
            }
            // An mbox "From " line is passed over at the top and anywhere else.
            Line::From => {
                flush(&mut fields, &mut current);
                if number > 0 {
                    continue;
                }
            }
            Line::Field(0) => flush(&mut fields, &mut current),
            Line::Field(colon) => {
                flush(&mut fields, &mut current);
                let (name, rest) = line.split_at(colon.min(line.len()));
                let value = rest.get(1..).unwrap_or_default();
                let skip = value.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                current = Some((Text::from(name), value.get(skip..).unwrap_or_default().to_vec()));
            }
        }
    }
    flush(&mut fields, &mut current);
    Ok(Headers { fields, empty: bytes.is_empty() })
}

enum Line {
    /// Begins with a blank or tab.
    Continuation,
    /// `From ` without a colon rule.
    From,
    /// A field; where its colon is.
    Field(usize),
}

/// What a line of the head is; `None` ends the head.
fn header_line(line: &[u8]) -> Option<Line> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Some(Line::Continuation);
    }
    if line.starts_with(b"From ") {
        return Some(Line::From);
    }
    let colon = line.iter().position(|b| !matches!(b, 0x21..=0x39 | 0x3b..=0x7e))?;
    (line.get(colon) == Some(&b':')).then_some(Line::Field(colon))
}

fn flush(fields: &mut Vec<(Text, Text)>, current: &mut Option<(Text, Vec<u8>)>) {
    if let Some((name, mut value)) = current.take() {
        while matches!(value.last(), Some(b'\r' | b'\n')) {
            value.pop();
        }
        fields.push((name, Text::from(value)));
    }
}

/// CR LF and CR become LF, as in Python's text mode.
pub(crate) fn unify_newlines(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if !bytes.contains(&b'\r') {
        return std::borrow::Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte == b'\r' {
            if rest.peek() == Some(&b'\n') {
                rest.next();
            }
            out.push(b'\n');
        } else {
            out.push(byte);
        }
    }
    std::borrow::Cow::Owned(out)
}

/// `textwrap.dedent(" " * 8 + value)` for a value of several lines (`_adapters.Message._repair_headers`).
fn redented(value: &Text) -> Text {
    let bytes = value.as_bytes();
    if !bytes.contains(&b'\n') {
        return value.clone();
    }
    let mut whole = vec![b' '; 8];
    whole.extend_from_slice(bytes);
    let blank = |line: &[u8]| line.iter().all(|b| matches!(b, b' ' | b'\t'));
    let lines: Vec<&[u8]> =
        whole.split(|b| *b == b'\n').map(|line| if blank(line) { &[][..] } else { line }).collect();
    let margin = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count())
        .zip(lines.iter().filter(|line| !line.is_empty()))
        .map(|(len, line)| line.get(..len).unwrap_or_default())
        .reduce(|a, b| {
            let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
            a.get(..same).unwrap_or_default()
        })
        .unwrap_or_default()
        .len();
    let cut: Vec<&[u8]> = lines.iter().map(|line| line.get(margin..).unwrap_or_default()).collect();
    Text::from(cut.join(&b'\n'))
}

/// `Tag` lines of a WHEEL file, in their order; a line with several tags in one (`py2.py3-none-any`) is told as written.
#[must_use]
pub fn tags(bytes: &[u8]) -> Vec<Text> {
    match parse(bytes) {
        Ok(headers) => headers.all("Tag", false).filter(|tag| !tag.is_empty()).collect(),
        Err(NotUtf8 { .. }) => Vec::new(),
    }
}

/// An egg's `requires.txt` in the form of `Requires-Dist` (`Distribution._deps_from_requires_text`): sections
/// `[extra]`, `[:marker]` and `[extra:marker]` become markers.
#[must_use]
pub fn requires_of_egg(bytes: &[u8]) -> Vec<Text> {
    let unified = unify_newlines(bytes);
    let mut section: &[u8] = b"";
    let mut out = Vec::new();
    for line in unified.split(|b| *b == b'\n').map(<[u8]>::trim_ascii) {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if let Some(inner) = line.strip_prefix(b"[").and_then(|l| l.strip_suffix(b"]")) {
            section = inner;
            continue;
        }
        let mut text = line.to_vec();
        let colon = section.iter().position(|b| *b == b':');
        let (extra, marker) = match colon {
            Some(at) => (section.get(..at).unwrap_or_default(), section.get(at + 1..).unwrap_or_default()),
            None => (section, &[][..]),
        };
        if !extra.is_empty() || !marker.is_empty() {
            // A URL may end in any character but a blank.
            if line.contains(&b'@') {
                text.push(b' ');
            }
            text.extend_from_slice(b"; ");
            match (extra.is_empty(), marker.is_empty()) {
                (true, _) => text.extend_from_slice(marker),
                (false, false) => {
                    text.push(b'(');
                    text.extend_from_slice(marker);
                    text.extend_from_slice(b") and ");
                }
                (false, true) => {}
            }
            if !extra.is_empty() {
                text.extend_from_slice(b"extra == \"");
                text.extend_from_slice(extra);
                text.push(b'"');
            }
        }
        out.push(Text::from(text));
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{parse, requires_of_egg};

    fn version(bytes: &[u8], redent: bool) -> Option<String> {
        parse(bytes).unwrap().first("Version", redent).map(|t| t.as_str().unwrap().to_owned())
    }

    /// Right sides as CPython 3.11's and 3.9's `importlib.metadata` say them.
    #[test]
    fn values_are_what_the_email_parser_makes_of_them() {
        assert_eq!(version(b"Name: a\nVersion: 1.0\n\nVersion: 2\n", true).as_deref(), Some("1.0"));
        assert_eq!(version(b"Name: a\r\nversion:\t1.0 \r\n", true).as_deref(), Some("1.0 "));
        assert_eq!(version(b"Name: a\rVersion: 1.0\r", true).as_deref(), Some("1.0"));
        assert_eq!(version(b"Version:\n 1.0\nSummary: x\n", true).as_deref(), Some("\n1.0"));
        assert_eq!(version(b"Version:\n 1.0\nSummary: x\n", false).as_deref(), Some("\n 1.0"));
        assert_eq!(version(b"Version: a\n        b\n  c\n", true).as_deref(), Some("      a\n      b\nc"));
        assert_eq!(version(b"\xef\xbb\xbfVersion: 1.0\n", true), None, "a BOM begins the body");
        assert_eq!(version(b"Just text\nVersion: 1.0\n", true), None);
        assert_eq!(version(b"From me\nVersion: 1.0\n", true).as_deref(), Some("1.0"));
        assert_eq!(version(b": x\nVersion: 1.0\n", true).as_deref(), Some("1.0"));
        assert_eq!(version(b"Version: 1.0\nVersion: 2.0\n", true).as_deref(), Some("1.0"));
        assert_eq!(version(b" x\nVersion: 1.0\n", true).as_deref(), Some("1.0"));
        assert_eq!(parse(b"Name: Andr\xe9\n").unwrap_err().at, 10);
        assert!(parse(b"").unwrap().is_empty_file());
    }

    #[test]
    fn sections_of_requires_txt_become_markers() {
        let text = b"six>=1\n# no\n\n[socks]\npysocks\n\n[:python_version < \"3\"]\nenum34\n[a:os_name=='nt']\nx @ http://e/x\n";
        let lines: Vec<String> =
            requires_of_egg(text).iter().map(|t| t.as_str().unwrap().to_owned()).collect();
        assert_eq!(
            lines,
            [
                "six>=1",
                "pysocks; extra == \"socks\"",
                "enum34; python_version < \"3\"",
                "x @ http://e/x ; (os_name=='nt') and extra == \"a\"",
            ]
        );
    }
}
