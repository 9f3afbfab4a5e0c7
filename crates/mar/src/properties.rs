//! config.properties comes in; its keys and values as `java.util.Properties` reads them come out, with their lines, and what
//! the command `torchserve` reads from the same file in its own way.

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The key.
    pub key: String,
    /// The value; blanks behind it belong to it.
    pub value: String,
    /// The line, from 1, where the key begins.
    pub line: usize,
    /// That line as it stands in the file.
    pub written: String,
}

/// A file of properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// In the order of the file; of equal keys the last counts.
    pub all: Vec<Property>,
    /// The line of an escape that Java refuses: `\u` without four digits.
    pub malformed: Option<usize>,
    /// `model_store` as the command reads it.
    pub cli_model_store: Option<String>,
}

impl Properties {
    /// The property that counts.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Property> {
        self.all.iter().rev().find(|property| property.key == key)
    }

    /// The value that counts.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.get(key).map(|property| property.value.as_str())
    }
}

/// Reads a file; its bytes are ISO-8859-1 for Java.
#[must_use]
pub fn read(bytes: &[u8]) -> Properties {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let mut found = Properties { cli_model_store: cli(bytes), ..Properties::default() };
    let normal = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = normal.split('\n').enumerate();
    while let Some((number, first)) = lines.next() {
        let body = first.trim_start_matches(BLANK);
        if body.is_empty() || body.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = body.to_owned();
        while is_continued(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches(BLANK)),
                None => break,
            }
        }
        let (key, value) = split(&logical);
        match (unescape(key), unescape(value)) {
            (Some(key), Some(value)) => {
                found.all.push(Property { key, value, line: number + 1, written: first.to_owned() });
            }
            _ => {
                found.malformed = Some(number + 1);
                break;
            }
        }
    }
    found
}

const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// Key and value, still escaped.
fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = line.find(|c: char| {
        let ends = !is_escaped && (matches!(c, '=' | ':') || BLANK.contains(&c));
        is_escaped = !is_escaped && c == '\\';
        ends
    });
    let Some((key, rest)) = end.and_then(|end| line.split_at_checked(end)) else { return (line, "") };
    let rest = rest.trim_start_matches(BLANK);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(BLANK))
}

fn unescape(text: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        let c = match next {
            '\\' => match rest.next() {
                None => break,
                Some('t') => '\t',
                Some('r') => '\r',
                Some('n') => '\n',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    let is_code = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                    units.push(u16::from_str_radix(&digits, 16).ok().filter(|_| is_code)?);
                    continue;
                }
                Some(other) => other,
            },
            other => other,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

/// The command's own reading: lines split at the first `=`, both sides stripped (TorchServe, model_server.py).
fn cli(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut pairs = text.lines().rev().filter_map(|line| line.split_once('='));
    pairs.find(|(key, _)| key.trim() == "model_store").map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn java_s_reading() {
        let text = b"# c\n ! d\na=1\nb : 2 \nc 3\nd\\=e=f\\\n   g\nh=\\u00e9\\t.\na=4\nempty\nk==v\n";
        let read = read(text);
        for (key, value) in
            [("a", "4"), ("b", "2 "), ("c", "3"), ("d=e", "fg"), ("h", "é\t."), ("empty", ""), ("k", "=v")]
        {
            assert_eq!(read.value(key), Some(value), "{key}");
        }
        assert_eq!(read.get("a").unwrap().line, 9);
        assert_eq!(super::read(b"a=\\u12").malformed, Some(1));
        assert_eq!(super::read(b"model_store = /x \n").cli_model_store.as_deref(), Some("/x"));
    }
}
