//! A file of safetensors comes in; its header, or what is wrong with it in the library's own words, comes out (safetensors,
//! `safetensors/src/tensor.rs`).

use envdiff_files::{ReadAt, Reason};

use super::limits;
use super::stream::{Short, Stream};

/// What the header says.
#[derive(Debug, Clone, PartialEq)]
pub struct Safetensors {
    /// The tensors, in the order of the header.
    pub tensors: Vec<SafeTensor>,
    /// Whether it has `__metadata__`, with `format`.
    pub format: Option<String>,
    /// What the library says of it; `None` where it is sound.
    pub fault: Option<String>,
}

/// One tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeTensor {
    /// Its name.
    pub name: String,
    /// The library's name of its type: `F32`.
    pub dtype: String,
    /// Its sizes.
    pub shape: Vec<u64>,
    /// Where its bytes begin and end behind the header.
    pub offsets: (u64, u64),
}

/// The types, in the library's order (0.8).
const DTYPES: &str = "`BOOL`, `F4`, `F6_E2M3`, `F6_E3M2`, `U8`, `I8`, `F8_E5M2`, `F8_E4M3`, `F8_E8M0`, `F8_E4M3FNUZ`, \
                      `F8_E5M2FNUZ`, `I16`, `U16`, `F16`, `BF16`, `I32`, `U32`, `F32`, `C64`, `F64`, `I64`, `U64`";

/// Bits of an element by the library's name of its type.
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "F64" | "I64" | "U64" | "C64" => 64,
        _ => return None,
    })
}

/// Whether a head may be that of safetensors: eight bytes, then a JSON object. What the eight bytes say does not matter: a wrong
/// length is a damage.
pub(super) fn looks_so(head: &[u8], size: u64) -> bool {
    let length = head.get(..8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let inside = length.is_some_and(|length| length <= size.saturating_sub(8));
    let mut text = head.get(8..).unwrap_or_default().iter().filter(|byte| !byte.is_ascii_whitespace());
    text.next() == Some(&b'{') && (inside || matches!(text.next(), Some(b'"' | b'}')))
}

impl Safetensors {
    /// Reads and checks the header, in the library's order.
    pub(super) fn read(file: &mut dyn ReadAt) -> Result<Self, Reason> {
        let size = file.size();
        let mut out = Self { tensors: Vec::new(), format: None, fault: None };
        let fault = |text: &str| Some(format!("Error while deserializing header: {text}"));
        let mut stream = Stream::new(file, 0, size);
        let length = match stream.array::<8>() {
            Ok(bytes) => u64::from_le_bytes(bytes),
            Err(Short::Unread(reason)) => return Err(reason),
            Err(_) => {
                out.fault = fault("header too small");
                return Ok(out);
            }
        };
        if length > limits::SAFETENSORS_HEADER {
            out.fault = fault("header too large");
            return Ok(out);
        }
        if length > size - 8 {
            out.fault = fault("invalid header length");
            return Ok(out);
        }
        let text = match stream.take(usize::try_from(length).unwrap_or(usize::MAX)) {
            Ok(bytes) => bytes,
            Err(Short::Unread(reason)) => return Err(reason),
            Err(_) => {
                out.fault = fault("invalid header length");
                return Ok(out);
            }
        };
        out.fault = out.header(&text, size - 8 - length).err().and_then(|text| fault(&text));
        Ok(out)
    }

    fn header(&mut self, text: &[u8], data: u64) -> Result<(), String> {
        let text = std::str::from_utf8(text).map_err(|error| format!("invalid UTF-8 in header: {error}"))?;
        let header: Header =
            serde_json::from_str(text).map_err(|error| format!("invalid JSON in header: {error}"))?;
        self.format = header.metadata.and_then(|metadata| metadata.get("format").cloned());
        for (name, told) in header.tensors {
            self.tensors.push(SafeTensor {
                name,
                dtype: told.dtype,
                shape: told.shape,
                offsets: told.data_offsets,
            });
        }
        let mut order: Vec<&SafeTensor> = self.tensors.iter().collect();
        order.sort_by_key(|tensor| tensor.offsets);
        let mut begin = 0;
        for tensor in order {
            let (from, to) = tensor.offsets;
            if from != begin || to < from {
                return Err(format!("invalid offset for tensor `{}`", tensor.name));
            }
            begin = to;
            let count = tensor.shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
            let wanted = count.and_then(|count| count.checked_mul(bits(&tensor.dtype)?));
            let Some(wanted) = wanted else {
                return Err("invalid shape, data type, or offset for tensor".to_owned());
            };
            if !wanted.is_multiple_of(8) {
                return Err("invalid shape, data type, or offset for tensor".to_owned());
            }
            if wanted / 8 != to - from {
                return Err("invalid shape, data type, or offset for tensor".to_owned());
            }
        }
        if begin != data {
            return Err("incomplete metadata, file not fully covered".to_owned());
        }
        Ok(())
    }
}

/// The header as JSON, in the order of the file.
struct Header {
    metadata: Option<std::collections::HashMap<String, String>>,
    tensors: Vec<(String, Told)>,
}

#[derive(serde::Deserialize)]
struct Told {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl<'de> serde::Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Header;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("struct HashMetadata")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                use serde::de::Error as _;
                let mut out = Header { metadata: None, tensors: Vec::new() };
                while let Some(key) = map.next_key::<String>()? {
                    if key == "__metadata__" {
                        out.metadata = Some(map.next_value()?);
                    } else {
                        let told: Told = map.next_value()?;
                        if bits(&told.dtype).is_none() {
                            return Err(A::Error::custom(format!(
                                "unknown variant `{}`, expected one of {DTYPES}",
                                told.dtype
                            )));
                        }
                        out.tensors.push((key, told));
                    }
                }
                Ok(out)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
