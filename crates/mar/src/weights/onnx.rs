//! An ONNX model comes in; its versions come out. Of the protobuf only the top level and operator sets are read, everything
//! else is passed (ONNX, `onnx/onnx.proto`).

use envdiff_files::ReadAt;

use super::limits;
use super::stream::{Short, Stream};

/// What a model says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Onnx {
    /// `ir_version`
    pub ir_version: Option<u64>,
    /// Operator sets: domain (empty or `ai.onnx` is ONNX's own) and version.
    pub opsets: Vec<(String, u64)>,
    /// `producer_name`
    pub producer: String,
    /// `producer_version`
    pub producer_version: String,
    /// Whether it has a graph, and how long it is in bytes.
    pub graph: Option<u64>,
    /// Whether the bytes are a whole message: else they were cut off or damaged.
    pub whole: bool,
}

enum Wire {
    Varint(u64),
    Bytes(u64),
    Fixed(u64),
}

fn varint(stream: &mut Stream<'_>) -> Result<Option<u64>, Short> {
    let mut out = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = stream.byte()?;
        out |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(Some(out));
        }
    }
    Ok(None)
}

/// A field's number and value; of bytes the length, which are not taken yet.
fn field(stream: &mut Stream<'_>) -> Result<Option<(u64, Wire)>, Short> {
    let Some(key) = varint(stream)? else { return Ok(None) };
    let wire = match key & 7 {
        0 => varint(stream)?.map(Wire::Varint),
        1 => Some(Wire::Fixed(8)),
        2 => varint(stream)?.map(Wire::Bytes),
        5 => Some(Wire::Fixed(4)),
        _ => None,
    };
    Ok(wire.filter(|_| key >> 3 != 0).map(|wire| (key >> 3, wire)))
}

impl Onnx {
    /// Reads the top level of a message; `None` where that is no model.
    pub(super) fn read(file: &mut dyn ReadAt) -> Option<Self> {
        let size = file.size();
        let mut stream = Stream::new(file, 0, size);
        let mut out = Self::default();
        for _ in 0..limits::ONNX_FIELDS {
            if stream.left() == 0 {
                out.whole = true;
                break;
            }
            let Ok(Some((number, wire))) = field(&mut stream) else { break };
            let read = match (number, wire) {
                (1, Wire::Varint(version)) => {
                    out.ir_version = Some(version);
                    Ok(())
                }
                (2, Wire::Bytes(length)) => text(&mut stream, length).map(|text| out.producer = text),
                (3, Wire::Bytes(length)) => text(&mut stream, length).map(|text| out.producer_version = text),
                (7, Wire::Bytes(length)) => {
                    out.graph = Some(length);
                    stream.skip(length)
                }
                (8, Wire::Bytes(length)) if length <= 4_096 && out.opsets.len() < 10_000 => {
                    opset(&mut stream, length).map(|opset| out.opsets.push(opset))
                }
                (_, Wire::Varint(_)) => Ok(()),
                (_, Wire::Bytes(length) | Wire::Fixed(length)) => stream.skip(length),
            };
            if read.is_err() {
                break;
            }
        }
        // Any bytes are protobuf for a while: what has neither version nor graph is no model.
        (out.ir_version.is_some_and(|version| version < 1_000)
            && (out.graph.is_some() || !out.opsets.is_empty()))
        .then_some(out)
    }
}

fn text(stream: &mut Stream<'_>, length: u64) -> Result<String, Short> {
    if length > 4_096 {
        stream.skip(length)?;
        return Ok(String::new());
    }
    let bytes = stream.take(usize::try_from(length).unwrap_or(4_096))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn opset(stream: &mut Stream<'_>, length: u64) -> Result<(String, u64), Short> {
    let bytes = stream.take(usize::try_from(length).unwrap_or(4_096))?;
    let mut inner = &*bytes;
    let mut stream = Stream::new(&mut inner, 0, length);
    let mut out = (String::new(), 0);
    while stream.left() > 0 {
        match field(&mut stream) {
            Ok(Some((1, Wire::Bytes(length)))) => out.0 = text(&mut stream, length)?,
            Ok(Some((2, Wire::Varint(version)))) => out.1 = version,
            Ok(Some((_, Wire::Varint(_)))) => {}
            Ok(Some((_, Wire::Bytes(length) | Wire::Fixed(length)))) => stream.skip(length)?,
            Ok(None) | Err(_) => break,
        }
    }
    Ok(out)
}
