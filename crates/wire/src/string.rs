//! Foreign text in published JSON: raw bytes go in and come back equal, credentials in URLs masked on the way out.

use std::fmt;

use envdiff_model::{Say, Text};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::mask_urls;

/// A text in JSON. Written by [`crate::json`]; a byte that is no UTF-8 stands as `\udcXX` there (PEP 383).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Str(Vec<u8>);

impl From<&Text> for Str {
    fn from(text: &Text) -> Self {
        Self(mask_urls(text).as_bytes().to_vec())
    }
}
impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}
impl From<Str> for Text {
    fn from(text: Str) -> Self {
        text.0.into()
    }
}

impl Str {
    /// The text as a sentence can hold it.
    pub(crate) fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl Say for Str {
    fn say(&self, out: &mut Text) {
        out.push(self.0.as_slice());
    }
}

impl Serialize for Str {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // serde_json hands lone surrogates on only when bytes are asked for, encoded as WTF-8.
        deserializer.deserialize_bytes(Bytes)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Str;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Str, E> {
        Ok(text.into())
    }
    fn visit_bytes<E: Error>(self, wtf8: &[u8]) -> Result<Str, E> {
        Ok(Str(unescape(wtf8)))
    }
}

/// WTF-8 to the bytes that surrogateescape stands for: U+DC80 to U+DCFF is `ED B2 80` to `ED B3 BF` there.
fn unescape(wtf8: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(wtf8.len());
    let mut rest = wtf8;
    while let Some((first, after)) = rest.split_first() {
        match rest {
            [0xed, high @ (0xb2 | 0xb3), low, more @ ..] => {
                out.push(((high & 1) << 6) | (low & 0x3f) | 0x80);
                rest = more;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Str {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "string".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::Str;
    use envdiff_model::Text;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).chain(*b"\xed\xb2\x80 end \xf0\x9f\x90\x8d\xed\xa0\x80").collect();
        let mut json = Vec::new();
        crate::json::write(&Str(all.clone()), None, &mut json).unwrap();
        let back: Str = serde_json::from_slice(&json).unwrap();
        assert_eq!(back, Str(all));
    }

    #[test]
    fn credentials_do_not_get_out() {
        let text = Str::from(&Text::from("git+https://me:hunter2@host/x.git"));
        assert_eq!(text.lossy(), "git+https://****@host/x.git");
    }
}
