//! Bytes that are held until the end in, the same bytes out when they are wanted; between the two they take less memory.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// Fewer bytes than these are held as they are: packing saves nothing.
const SMALL: usize = 256;

/// Bytes, packed where that makes them fewer.
#[derive(Debug, Clone)]
pub(crate) enum Packed {
    /// As they are.
    Plain(Box<[u8]>),
    /// An LZ4 block of so many bytes.
    Block(usize, Box<[u8]>),
}

impl Packed {
    /// The bytes again.
    pub(crate) fn unpacked(&self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) => bytes.to_vec(),
            Self::Block(len, block) => {
                let mut out = vec![0; *len];
                // Packed by us, so that it cannot fail; were it to, what is missing would be read in another pass.
                let count = decompress_into(block, &mut out).unwrap_or(0);
                out.truncate(count);
                out
            }
        }
    }
}

/// Packs, fast rather than small: what is packed passes by while the engine waits.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    out: Vec<u8>,
}

impl Packer {
    /// Packs these.
    pub(crate) fn pack(&mut self, bytes: &[u8]) -> Packed {
        if bytes.len() >= SMALL {
            self.out.resize(get_maximum_output_size(bytes.len()), 0);
            if let Ok(count) = compress_into(bytes, &mut self.out)
                && count < bytes.len()
                && let Some(block) = self.out.get(..count)
            {
                return Packed::Block(bytes.len(), block.into());
            }
        }
        Packed::Plain(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Packed, Packer};

    /// Bytes of every kind between the same and noise.
    #[test]
    fn whatever_is_packed_comes_back() {
        let mut packer = Packer::default();
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 40).unwrap_or(0)
        };
        for round in 0..2_000 {
            let alphabet = 1 + round % 256;
            let len = next() % if round % 100 == 0 { 300_000 } else { 6_000 };
            let mut body: Vec<u8> = Vec::new();
            while body.len() < len {
                match (next() % 3, body.len()) {
                    (0, have) if have > 0 => {
                        let from = next() % have;
                        let again: Vec<u8> = body.iter().skip(from).take(next() % 500).copied().collect();
                        body.extend(again);
                    }
                    _ => body.push(u8::try_from(next() % alphabet).unwrap_or(0)),
                }
            }
            assert_eq!(packer.pack(&body).unpacked(), body);
        }
    }

    #[test]
    fn bytes_come_back() {
        let mut packer = Packer::default();
        let noise = (0_u32..100_000).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let bodies: [Vec<u8>; 5] =
            [Vec::new(), b"short".to_vec(), b"Requires-Dist: numpy\n".repeat(5_000), noise, vec![0; 1 << 20]];
        for body in bodies {
            let packed = packer.pack(&body);
            assert_eq!(packed.unpacked(), body);
            if let Packed::Block(len, bytes) = &packed {
                assert!(*len == body.len() && bytes.len() < body.len());
            }
        }
        assert!(matches!(packer.pack(&[7; 4_096]), Packed::Block(4_096, bytes) if bytes.len() < 100));
    }
}
