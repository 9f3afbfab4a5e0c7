//! The bytes of a requirement file come in; its text comes out, decoded as pip 26.3 does it: a byte order mark, else a
//! PEP 263 cookie in the first two lines, else UTF-8. (pip then asks the locale, which is UTF-8 wherever it matters.)

use encoding_rs::Encoding;

/// Why a file is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undecoded {
    /// Its bytes are not what its encoding allows; the offset of the first that is not, where it is known.
    Bytes(Option<usize>),
    /// The cookie names an encoding that Python does not have, or that is not read here.
    Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wide {
    Little,
    Big,
    /// Little, unless the text begins with a mark of its own.
    Marked,
}

#[derive(Debug, Clone, Copy)]
enum Codec {
    Utf8,
    Utf8Marked,
    Ascii,
    Latin1,
    Utf16(Wide),
    Utf32(Wide),
    /// A table of the encoding standard; where it differs from Python's, `Quirk` says how.
    Table(&'static Encoding, Quirk),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quirk {
    None,
    /// Python leaves the bytes undefined that the standard maps to C1 controls.
    NoControls,
    /// Python maps 0x80 to 0x9f to C1 controls, where the standard has the Windows code page.
    Controls,
}

/// Decodes the file.
pub(super) fn decode(bytes: &[u8]) -> Result<String, Undecoded> {
    // The mark of UTF-32 begins with that of UTF-16.
    const MARKS: [(&[u8], Codec); 5] = [
        (b"\xef\xbb\xbf", Codec::Utf8),
        (b"\xff\xfe\0\0", Codec::Utf32(Wide::Marked)),
        (b"\0\0\xfe\xff", Codec::Utf32(Wide::Big)),
        (b"\xff\xfe", Codec::Utf16(Wide::Marked)),
        (b"\xfe\xff", Codec::Utf16(Wide::Big)),
    ];
    for (mark, codec) in MARKS {
        if let Some(rest) = bytes.strip_prefix(mark) {
            return codec.decode(rest).map_err(|e| e.shifted(mark.len()));
        }
    }
    for line in bytes.split(|b| *b == b'\n').take(2) {
        if line.starts_with(b"#")
            && let Some(name) = cookie(line)
        {
            return codec(name, bytes).ok_or(Undecoded::Encoding)?.decode(bytes);
        }
    }
    Codec::Utf8.decode(bytes)
}

impl Undecoded {
    const fn shifted(self, by: usize) -> Self {
        match self {
            Self::Bytes(Some(at)) => Self::Bytes(Some(at + by)),
            other => other,
        }
    }
}

/// The name in `coding: name` or `coding=name`.
fn cookie(line: &[u8]) -> Option<&str> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    line.windows(7).enumerate().filter(|(_, word)| *word == b"coding:" || *word == b"coding=").find_map(
        |(at, _)| {
            let rest = line.get(at + 7..)?;
            let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'\t'..=b'\r')).count();
            let name = rest.get(blank..)?;
            let len = name.iter().take_while(|b| is_name(b)).count();
            name.get(..len).filter(|name| !name.is_empty()).and_then(|name| std::str::from_utf8(name).ok())
        },
    )
}

/// The codec that Python finds under a name.
fn codec(name: &str, bytes: &[u8]) -> Option<Codec> {
    let mut normal = String::new();
    for part in name.split(['-', '_']).filter(|part| !part.is_empty()) {
        if !normal.is_empty() {
            normal.push('_');
        }
        normal.push_str(&part.to_ascii_lowercase());
    }
    let normal = normal.replace('.', "_");
    let table = |label: &str, quirk| Encoding::for_label(label.as_bytes()).map(|e| Codec::Table(e, quirk));
    match normal.as_str() {
        "utf_8" | "utf8" | "u8" | "utf" | "cp65001" | "utf8_ucs2" | "utf8_ucs4" => Some(Codec::Utf8),
        "utf_8_sig" => Some(Codec::Utf8Marked),
        "ascii" | "us_ascii" | "646" | "us" | "ansi_x3_4_1968" | "ansi_x3_4_1986" | "cp367" | "csascii"
        | "ibm367" | "iso646_us" | "iso_646_irv_1991" | "iso_ir_6" => Some(Codec::Ascii),
        "latin_1" | "latin1" | "latin" | "l1" | "iso8859_1" | "iso_8859_1" | "iso8859" | "8859" | "cp819"
        | "ibm819" | "csisolatin1" | "iso_8859_1_1987" | "iso_ir_100" => Some(Codec::Latin1),
        "utf_16" | "utf16" | "u16" => Some(Codec::Utf16(Wide::Marked)),
        "utf_16_le" | "utf_16le" | "unicodelittleunmarked" => Some(Codec::Utf16(Wide::Little)),
        "utf_16_be" | "utf_16be" | "unicodebigunmarked" => Some(Codec::Utf16(Wide::Big)),
        "utf_32" | "utf32" | "u32" => Some(Codec::Utf32(Wide::Marked)),
        "utf_32_le" | "utf_32le" => Some(Codec::Utf32(Wide::Little)),
        "utf_32_be" | "utf_32be" => Some(Codec::Utf32(Wide::Big)),
        "iso8859_9" | "iso_8859_9" | "iso_8859_9_1989" | "latin5" | "l5" | "csisolatin5" | "iso_ir_148" => {
            table("windows-1254", Quirk::Controls)
        }
        "iso8859_11" | "iso_8859_11" | "iso_8859_11_2001" | "thai" | "tis620" | "tis_620" | "tis_620_0"
        | "tis_620_2529_0" | "tis_620_2529_1" | "iso_ir_166" => table("windows-874", Quirk::Controls),
        "cp874" => table("windows-874", Quirk::NoControls),
        "cp866" | "866" | "ibm866" | "csibm866" => table("ibm866", Quirk::None),
        "koi8_r" | "cskoi8r" => table("koi8-r", Quirk::None),
        "mac_roman" | "macroman" | "macintosh" => table("macintosh", Quirk::None),
        "gbk" | "936" | "cp936" | "ms936" | "gb2312" | "chinese" | "euc_cn" | "euccn" | "eucgb2312_cn"
        | "gb2312_1980" | "gb2312_80" | "iso_ir_58" | "csiso58gb231280" => table("gbk", Quirk::None),
        "gb18030" | "gb18030_2000" => table("gb18030", Quirk::None),
        "big5" | "big5_tw" | "csbig5" | "cp950" | "950" | "ms950" | "big5hkscs" | "big5_hkscs" | "hkscs" => {
            table("big5", Quirk::None)
        }
        "euc_jp" | "eucjp" | "u_jis" | "ujis" => table("euc-jp", Quirk::None),
        "shift_jis" | "shiftjis" | "sjis" | "s_jis" | "csshiftjis" | "cp932" | "932" | "ms932"
        | "mskanji" | "ms_kanji" => table("shift_jis", Quirk::None),
        "iso2022_jp" | "iso2022jp" | "iso_2022_jp" | "csiso2022jp" => table("iso-2022-jp", Quirk::None),
        "euc_kr" | "euckr" | "korean" | "ksc5601" | "ks_c_5601" | "ks_c_5601_1987" | "ks_x_1001"
        | "ksx1001" | "cp949" | "949" | "ms949" | "uhc" => table("euc-kr", Quirk::None),
        "unicode_escape" | "raw_unicode_escape" | "utf_7" | "utf7" | "u7" | "unicode_1_1_utf_7" => None,
        other => windows(other).or_else(|| iso(other)).or_else(|| like_ascii(other, bytes)),
    }
}

fn windows(name: &str) -> Option<Codec> {
    let page = name.strip_prefix("cp").or_else(|| name.strip_prefix("windows_")).unwrap_or(name);
    let known =
        matches!(page, "1250" | "1251" | "1252" | "1253" | "1254" | "1255" | "1256" | "1257" | "1258");
    let encoding = Encoding::for_label(format!("windows-{page}").as_bytes()).filter(|_| known)?;
    Some(Codec::Table(encoding, Quirk::NoControls))
}

fn iso(name: &str) -> Option<Codec> {
    let part = match name {
        "latin2" | "l2" => "2",
        "latin3" | "l3" => "3",
        "latin4" | "l4" => "4",
        "cyrillic" => "5",
        "arabic" => "6",
        "greek" | "greek8" => "7",
        "hebrew" => "8",
        "latin6" | "l6" => "10",
        "latin7" | "l7" => "13",
        "latin8" | "l8" | "iso_celtic" => "14",
        "latin9" | "l9" => "15",
        "latin10" | "l10" => "16",
        other => other.strip_prefix("iso8859_").or_else(|| other.strip_prefix("iso_8859_"))?,
    };
    // The standard's name for the visual order of Hebrew has the same table.
    let known = matches!(part, "2" | "3" | "4" | "5" | "6" | "7" | "8" | "10" | "13" | "14" | "15" | "16");
    let encoding = Encoding::for_label(format!("iso-8859-{part}").as_bytes()).filter(|_| known)?;
    Some(Codec::Table(encoding, Quirk::None))
}

/// Codecs of Python that have no table here and agree with ASCII: they are read where there is nothing but ASCII.
fn like_ascii(name: &str, bytes: &[u8]) -> Option<Codec> {
    let page = name.strip_prefix("cp").or_else(|| name.strip_prefix("ibm")).unwrap_or(name);
    let known = matches!(
        page,
        "437"
            | "720"
            | "737"
            | "775"
            | "850"
            | "852"
            | "855"
            | "856"
            | "857"
            | "858"
            | "860"
            | "861"
            | "862"
            | "863"
            | "865"
            | "869"
            | "1006"
            | "1125"
    ) || matches!(
        name,
        "koi8_u"
            | "koi8_t"
            | "kz1048"
            | "hp_roman8"
            | "ptcp154"
            | "palmos"
            | "mac_cyrillic"
            | "maccyrillic"
            | "mac_greek"
            | "macgreek"
            | "mac_iceland"
            | "maciceland"
            | "mac_latin2"
            | "maclatin2"
            | "mac_turkish"
            | "macturkish"
            | "mac_croatian"
            | "mac_romanian"
    );
    (known && bytes.is_ascii()).then_some(Codec::Ascii)
}

impl Codec {
    fn decode(self, bytes: &[u8]) -> Result<String, Undecoded> {
        match self {
            Self::Utf8 => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(e) => Err(Undecoded::Bytes(Some(e.valid_up_to()))),
            },
            Self::Utf8Marked => Self::Utf8.decode(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
            Self::Ascii => match bytes.iter().position(|b| !b.is_ascii()) {
                None => Self::Utf8.decode(bytes),
                at => Err(Undecoded::Bytes(at)),
            },
            Self::Latin1 => Ok(bytes.iter().map(|b| char::from(*b)).collect()),
            Self::Utf16(wide) => utf16(bytes, wide),
            Self::Utf32(wide) => utf32(bytes, wide),
            Self::Table(encoding, quirk) => table(encoding, quirk, bytes),
        }
    }
}

fn utf16(bytes: &[u8], wide: Wide) -> Result<String, Undecoded> {
    let (bytes, big) = match (wide, bytes) {
        (Wide::Marked, [0xff, 0xfe, rest @ ..]) => (rest, false),
        (Wide::Marked, [0xfe, 0xff, rest @ ..]) => (rest, true),
        (wide, bytes) => (bytes, wide == Wide::Big),
    };
    let (units, odd) = bytes.as_chunks::<2>();
    let units =
        units.iter().map(|unit| if big { u16::from_be_bytes(*unit) } else { u16::from_le_bytes(*unit) });
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if odd.is_empty() => Ok(text),
        _ => Err(Undecoded::Bytes(None)),
    }
}

fn utf32(bytes: &[u8], wide: Wide) -> Result<String, Undecoded> {
    let (bytes, big) = match (wide, bytes) {
        (Wide::Marked, [0xff, 0xfe, 0, 0, rest @ ..]) => (rest, false),
        (Wide::Marked, [0, 0, 0xfe, 0xff, rest @ ..]) => (rest, true),
        (wide, bytes) => (bytes, wide == Wide::Big),
    };
    let (units, odd) = bytes.as_chunks::<4>();
    let text: Option<String> = units
        .iter()
        .map(|unit| char::from_u32(if big { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) }))
        .collect();
    text.filter(|_| odd.is_empty()).ok_or(Undecoded::Bytes(None))
}

fn table(encoding: &'static Encoding, quirk: Quirk, bytes: &[u8]) -> Result<String, Undecoded> {
    let whole = |bytes: &[u8]| {
        encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
    };
    let is_control = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    let text = if quirk == Quirk::Controls {
        let mut text = String::with_capacity(bytes.len());
        for run in bytes.chunk_by(|a, b| (0x80..=0x9f).contains(a) == (0x80..=0x9f).contains(b)) {
            if run.iter().all(|b| (0x80..=0x9f).contains(b)) {
                text.extend(run.iter().map(|b| char::from(*b)));
            } else {
                text.push_str(&whole(run).ok_or(Undecoded::Bytes(None))?);
            }
        }
        Some(text)
    } else {
        whole(bytes).filter(|text| quirk != Quirk::NoControls || !text.contains(is_control))
    };
    text.ok_or(Undecoded::Bytes(None))
}

#[cfg(test)]
mod tests {
    use super::{Undecoded, decode};

    #[test]
    fn marks_cookies_and_the_rest() {
        for (bytes, text) in [
            (&b"\xef\xbb\xbfa"[..], Ok("a")),
            (b"\xff\xfea\0", Ok("a")),
            (b"\xff\xfe\0\0a\0\0\0", Ok("a")),
            (b"\xfe\xff\0a", Ok("a")),
            (b"# -*- coding: latin-1 -*-\n\xe9", Ok("# -*- coding: latin-1 -*-\n\u{e9}")),
            (
                b"#\n# vim: set fileencoding=CP1252 :\n\x80",
                Ok("#\n# vim: set fileencoding=CP1252 :\n\u{20ac}"),
            ),
            (b"#\n#\n# coding: latin-1\n\xe9", Err(Undecoded::Bytes(Some(22)))),
            (b"a\n# coding: iso-8859-15\n\xa4", Ok("a\n# coding: iso-8859-15\n\u{20ac}")),
            (b"# coding: cp1252\n\x81", Err(Undecoded::Bytes(None))),
            (b"# coding: klingon\n", Err(Undecoded::Encoding)),
            (b"# coding: ascii\n\xe9", Err(Undecoded::Bytes(Some(16)))),
            (b"# coding: cp437\n", Ok("# coding: cp437\n")),
            (b"# coding: cp437\n\xe9", Err(Undecoded::Encoding)),
            (b"\xff\xfea", Err(Undecoded::Bytes(None))),
            (b"caf\xe9", Err(Undecoded::Bytes(Some(3)))),
        ] {
            assert_eq!(decode(bytes).as_deref().map_err(|e| *e), text, "{}", bytes.escape_ascii());
        }
    }
}
