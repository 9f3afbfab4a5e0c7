//! Bytes of Python source come in; its text comes out, by its cookie (PEP 263), its byte order mark or UTF-8.

use std::borrow::Cow;

use crate::{
    refusal::{Class, Kind, Refusal, Version},
    tree::At,
};

mod names;

/// How bytes of a codec are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// UTF-8.
    Utf8,
    /// Each byte is the character of that number.
    Latin1,
    /// Bytes above 127 are errors.
    Ascii,
    /// The Encoding Standard has it under this label.
    Standard(&'static str),
    /// One byte is one character, and ASCII is ASCII; what the others are is not known here.
    Bytes,
    /// CPython knows it, and it is not read here.
    Foreign,
    /// CPython knows it, and it makes no text.
    NotText,
}

/// A text, and where it is not what the file holds.
#[derive(Debug)]
pub struct Text<'a> {
    /// Without a byte order mark. What is no UTF-8 is U+FFFD.
    pub text: Cow<'a, str>,
    /// What is no UTF-8. CPython decodes names and literals one by one, so that in a comment it does no harm.
    pub broken: Vec<Broken>,
}

/// A stretch that is no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Its place in the text.
    pub at: usize,
    /// Its place in the bytes.
    pub raw: usize,
}

/// The place of a byte; CPython names none for what it cannot decode.
fn place(bytes: &[u8], offset: usize) -> At {
    let before = bytes.get(..offset).unwrap_or_default();
    let begin = before.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |end| end + 1);
    let is_end =
        |(at, byte): (usize, &u8)| *byte == b'\n' || *byte == b'\r' && before.get(at + 1) != Some(&b'\n');
    let line = 1 + before.iter().enumerate().filter(|found| is_end(*found)).count();
    let column = 1 + String::from_utf8_lossy(before.get(begin..).unwrap_or_default()).chars().count();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    At { line: number(line), column: number(column), end_column: number(column.saturating_add(1)) }
}

/// Reads a source's bytes.
///
/// # Errors
/// NUL bytes, unknown codecs, and bytes that a named codec does not take.
pub fn decode(source: &[u8], version: Version) -> Result<Text<'_>, Refusal> {
    if let Some(at) = memchr::memchr(0, source) {
        // The first releases of 3.11 raised the other.
        let class = if version >= Version(3, 11) { Class::Syntax } else { Class::Value };
        return Err(Refusal::of(class, place(source, at), "source code string cannot contain null bytes"));
    }
    let (bytes, has_mark) = match source.strip_prefix(b"\xEF\xBB\xBF") {
        Some(bytes) => (bytes, true),
        None => (source, false),
    };
    let refused_at =
        |at: At, message: String| Refusal { at, class: Class::Syntax, message, kind: Kind::Encoding };
    let Some(cookie) = cookie(bytes) else { return Ok(utf8(bytes)) };
    // Where the cookie stands, which is in the first or second line.
    let follows =
        |at: &usize| matches!(bytes.get(..*at).unwrap_or_default().trim_ascii_end(), [.., b':' | b'=']);
    let begin = memchr::memmem::find_iter(bytes, cookie).find(follows);
    let named = place(bytes, begin.unwrap_or_default());
    let named =
        At { end_column: named.column.saturating_add(u32::try_from(cookie.len()).unwrap_or(1)), ..named };
    let refused = |message: String| refused_at(named, message);
    let name = usual(cookie);
    if name == "utf-8" {
        return Ok(utf8(bytes));
    }
    if has_mark {
        return Err(refused(format!("encoding problem: {name} with BOM")));
    }
    let Some(codec) = codec(&name) else { return Err(refused(format!("unknown encoding: {name}"))) };
    let whole = |text| Ok(Text { text, broken: Vec::new() });
    match codec {
        Codec::Utf8 => match std::str::from_utf8(bytes) {
            Ok(text) => whole(Cow::Borrowed(text)),
            Err(error) => {
                let at = error.valid_up_to();
                let rest = bytes.get(at..).unwrap_or_default();
                Err(refused_at(place(bytes, at), undecodable(rest, at, "utf-8")))
            }
        },
        Codec::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
            None => Ok(utf8(bytes)),
            Some(at) => Err(refused_at(
                place(bytes, at),
                format!(
                    "'ascii' codec can't decode byte 0x{:02x} in position {at}: ordinal not in range(128)",
                    bytes.get(at).copied().unwrap_or_default()
                ),
            )),
        },
        Codec::Latin1 => whole(bytes.iter().map(|byte| char::from(*byte)).collect()),
        // A letter is at home in names, literals and comments alike.
        Codec::Bytes => {
            whole(bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { 'é' }).collect())
        }
        Codec::Standard(label) => {
            let undefined = |at: &usize| {
                label == "windows-1252"
                    && bytes.get(*at).is_some_and(|byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D))
            };
            if let Some(at) = (0..bytes.len()).find(undefined) {
                let said = format!(
                    "'charmap' codec can't decode byte 0x{:02x} in position {at}: character maps to <undefined>",
                    bytes.get(at).copied().unwrap_or_default()
                );
                return Err(refused_at(place(bytes, at), said));
            }
            let text = encoding_rs::Encoding::for_label(label.as_bytes())
                .and_then(|encoding| encoding.decode_without_bom_handling_and_without_replacement(bytes));
            match text {
                Some(text) => whole(text),
                None => Err(refused(format!("'{name}' codec can't decode the source"))),
            }
        }
        Codec::Foreign => Err(Refusal {
            at: named,
            class: Class::Syntax,
            message: format!("source in encoding {name} is not read"),
            kind: Kind::Unread,
        }),
        Codec::NotText => Err(refused(format!(
            "'{name}' is not a text encoding; use codecs.decode() to handle arbitrary codecs"
        ))),
    }
}

/// UTF-8 that may be broken in places.
fn utf8(bytes: &[u8]) -> Text<'_> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Text { text: Cow::Borrowed(text), broken: Vec::new() };
    }
    let mut text = String::with_capacity(bytes.len());
    let mut broken = Vec::new();
    let mut raw = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        raw += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            broken.push(Broken { at: text.len(), raw });
            text.push(char::REPLACEMENT_CHARACTER);
            raw += chunk.invalid().len();
        }
    }
    Text { text: Cow::Owned(text), broken }
}

/// What CPython's UTF-8 codec says of the first of these bytes.
pub fn undecodable(rest: &[u8], position: usize, codec: &str) -> String {
    let first = rest.first().copied().unwrap_or_default();
    let reason = match std::str::from_utf8(rest) {
        Err(error) if error.error_len().is_none() => "unexpected end of data",
        _ if matches!(first, 0x80..=0xC1 | 0xF5..) => "invalid start byte",
        _ => "invalid continuation byte",
    };
    format!("'{codec}' codec can't decode byte 0x{first:02x} in position {position}: {reason}")
}

/// The name in the cookie: in a comment that stands alone in the first line, or in the second behind a first that holds nothing
/// else (`get_coding_spec` of CPython's tokenizer).
fn cookie(bytes: &[u8]) -> Option<&[u8]> {
    for line in bytes.split(|byte| *byte == b'\n').take(2) {
        let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\x0c'));
        let line = start.and_then(|start| line.get(start..)).unwrap_or_default();
        match line {
            [] | [b'\r', ..] => {}
            [b'#', comment @ ..] => {
                if let Some(name) = named(comment) {
                    return Some(name);
                }
            }
            _ => return None,
        }
    }
    None
}

fn named(comment: &[u8]) -> Option<&[u8]> {
    let mut rest = comment;
    while let Some(at) = rest.windows(6).position(|window| window == b"coding") {
        rest = rest.get(at + 6..)?;
        let Some((b':' | b'=', value)) = rest.split_first() else { continue };
        let start = value.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
        let value = value.get(start..)?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let end = value.iter().position(|byte| !is_name(byte)).unwrap_or(value.len());
        if end > 0 {
            return value.get(..end);
        }
    }
    None
}

/// The names that CPython's tokenizer brings to one spelling (`get_normal_name`).
fn usual(cookie: &[u8]) -> String {
    let name: String = cookie.iter().map(|byte| char::from(*byte)).collect();
    let folded: String = name
        .chars()
        .take(12)
        .map(|letter| if letter == '_' { '-' } else { letter.to_ascii_lowercase() })
        .collect();
    let is =
        |usual: &str| folded == usual || folded.strip_prefix(usual).is_some_and(|rest| rest.starts_with('-'));
    if is("utf-8") {
        return "utf-8".to_owned();
    }
    if is("latin-1") || is("iso-8859-1") || is("iso-latin-1") {
        return "iso-8859-1".to_owned();
    }
    name
}

/// The codec of a name, as `codecs.lookup` finds it.
fn codec(name: &str) -> Option<Codec> {
    let mut normal = String::new();
    let mut gap = false;
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() || letter == '.' {
            if gap && !normal.is_empty() {
                normal.push('_');
            }
            gap = false;
            normal.push(letter.to_ascii_lowercase());
        } else {
            gap = true;
        }
    }
    let find = |name: &str| {
        names::NAMES
            .binary_search_by(|(known, _)| (*known).cmp(name))
            .ok()
            .and_then(|at| names::NAMES.get(at))
            .map(|(_, codec)| *codec)
    };
    find(&normal).or_else(|| find(&normal.replace('.', "_")))
}
