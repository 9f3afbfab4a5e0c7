//! Bytes of a body that come one portion after the other in, what of them lies from an offset on out.

use std::cell::OnceCell;

use super::packed::{Packed, Packer};

/// How much lies there as it is, in bytes. What comes behind it is packed: of the largest libraries tables of 12 MiB are held.
const PLAIN: usize = if cfg!(test) { 8 << 10 } else { 512 << 10 };

/// A stretch of a body, without holes. Emptied, it keeps its room: one serves for all bodies of a stream.
#[derive(Default)]
pub(super) struct Stretch {
    /// Its offset in the body.
    at: u64,
    plain: Vec<u8>,
    packed: Vec<Portion>,
    packer: Packer,
    len: u64,
}

struct Portion {
    /// Its offset in the body.
    at: u64,
    packed: Packed,
    /// What was wanted once will be wanted again.
    unpacked: OnceCell<Vec<u8>>,
}

impl Stretch {
    /// Empties it; what comes next lies at this offset.
    pub(super) fn begin(&mut self, at: u64) {
        self.at = at;
        self.len = 0;
        self.plain.clear();
        self.packed.clear();
    }

    /// Offset of what comes next.
    pub(super) const fn end(&self) -> u64 {
        self.at + self.len
    }

    /// Adds what comes next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.packed.is_empty() && self.plain.len() + bytes.len() <= PLAIN {
            self.plain.extend_from_slice(bytes);
        } else {
            let packed = self.packer.pack(bytes);
            self.packed.push(Portion { at: self.end(), packed, unpacked: OnceCell::new() });
        }
        self.len += bytes.len() as u64;
    }

    /// Its first bytes, as far as they lie in one piece.
    pub(super) fn first(&self) -> &[u8] {
        &self.plain
    }

    /// The bytes from an offset of the body on, as far as they lie in one piece; none where it has none.
    pub(super) fn from(&self, at: u64) -> &[u8] {
        let cut = |from: u64, bytes: &'_ [u8]| {
            usize::try_from(at.checked_sub(from)?).ok().filter(|offset| *offset < bytes.len())
        };
        if let Some(offset) = cut(self.at, &self.plain) {
            return self.plain.get(offset..).unwrap_or_default();
        }
        if at >= self.end() {
            return &[];
        }
        let next = self.packed.partition_point(|portion| portion.at <= at);
        let Some(portion) = next.checked_sub(1).and_then(|last| self.packed.get(last)) else { return &[] };
        let bytes = portion.unpacked.get_or_init(|| portion.packed.unpacked());
        cut(portion.at, bytes).and_then(|offset| bytes.get(offset..)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{PLAIN, Stretch};

    #[test]
    fn what_is_packed_is_there() {
        let body: Vec<u8> = (0..PLAIN * 5).map(|n| u8::try_from(n / 7 % 251).unwrap()).collect();
        let mut stretch = Stretch::default();
        for begin in [0_u64, 70_000] {
            stretch.begin(begin);
            assert_eq!(stretch.from(begin), b"");
            for portion in body.chunks(3_000) {
                stretch.push(portion);
            }
            assert_eq!(stretch.end(), begin + body.len() as u64);
            assert!(!stretch.packed.is_empty() && stretch.first().len() <= PLAIN);
            for at in (0..body.len()).step_by(777) {
                let mut told = Vec::new();
                while told.len() < 5_000.min(body.len() - at) {
                    let more = stretch.from(begin + (at + told.len()) as u64);
                    assert!(!more.is_empty(), "{at}");
                    told.extend_from_slice(more);
                }
                assert!(body.get(at..).unwrap().starts_with(&told), "{at}");
            }
            assert_eq!(stretch.from(stretch.end()), b"");
            assert_eq!(stretch.from(begin.wrapping_sub(1)), b"");
        }
    }
}
