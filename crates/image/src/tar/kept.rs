//! What was kept of bodies that passed by in, by number what is there of one from an offset on out.

use envdiff_files::{Digest, Pattern};

use super::index::NOT_KEPT;
use super::packed::{Packed, Packer};

/// A part of a file, from an offset.
pub(crate) type Piece = (u64, Box<[u8]>);

/// What was kept of one body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) pieces: Vec<Piece>,
    /// All of it was searched for these; with what of it can match, by offset.
    pub(crate) searched: Vec<(Pattern, Vec<Piece>)>,
    /// All of it was hashed.
    pub(crate) digest: Option<Digest>,
}

impl Kept {
    /// How many bytes that is.
    pub(crate) fn len(&self) -> u64 {
        let found = self.searched.iter().flat_map(|(_, found)| found);
        self.pieces.iter().chain(found).map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// What is there from an offset on. Zeros stand for nothing that was found where the pattern was searched for.
    pub(crate) fn from(&self, at: u64, pattern: Option<&Pattern>) -> Found<'_> {
        let rest = |(from, bytes): &'_ Piece| {
            let offset = usize::try_from(at.checked_sub(*from)?).ok()?;
            Some(offset).filter(|offset| *offset < bytes.len())
        };
        let cut = |piece| rest(piece).and_then(|offset| piece.1.get(offset..));
        if let Some(bytes) = self.pieces.iter().find_map(cut) {
            return Found::Bytes(bytes);
        }
        let mut zeros = None;
        for (of, found) in &self.searched {
            // Of matches that lie over another the later reaches farther.
            let next = found.partition_point(|(from, _)| *from <= at);
            let last = next.checked_sub(1).and_then(|last| found.get(last));
            if let Some(bytes) = last.and_then(cut) {
                return Found::Bytes(bytes);
            }
            if pattern == Some(of) {
                zeros = Some(found.get(next).map_or(u64::MAX, |(from, _)| from - at));
            }
        }
        let Some(zeros) = zeros else { return Found::Nothing };
        let next = self.pieces.iter().filter_map(|(from, _)| from.checked_sub(at)).min();
        Found::Zeros(next.map_or(zeros, |next| next.min(zeros)))
    }
}

/// What is there of a body from an offset on.
pub(crate) enum Found<'a> {
    Bytes(&'a [u8]),
    /// As many zeros, for who searches.
    Zeros(u64),
    Nothing,
}

impl From<Vec<Piece>> for Kept {
    fn from(pieces: Vec<Piece>) -> Self {
        Self { pieces, ..Self::default() }
    }
}

/// A body at rest: its pieces, one behind the other, are packed.
struct Resting {
    /// Offset and length of each piece.
    places: Box<[(u64, usize)]>,
    packed: Packed,
    /// What is left without its pieces.
    rest: Kept,
}

impl Resting {
    fn new(mut kept: Kept, packer: &mut Packer) -> Self {
        let pieces = std::mem::take(&mut kept.pieces);
        let places = pieces.iter().map(|(at, bytes)| (*at, bytes.len())).collect();
        let packed = match pieces.as_slice() {
            [(_, bytes)] => packer.pack(bytes),
            pieces => packer.pack(&pieces.iter().flat_map(|(_, bytes)| bytes).copied().collect::<Vec<u8>>()),
        };
        Self { places, packed, rest: kept }
    }

    fn awake(&self) -> Kept {
        let all = self.packed.unpacked();
        let mut at = 0;
        let pieces = self.places.iter().filter_map(|(from, len)| {
            let bytes = all.get(at..at + len)?;
            at += len;
            Some((*from, bytes.into()))
        });
        Kept { pieces: pieces.collect(), ..self.rest.clone() }
    }
}

/// Bodies by number.
pub(crate) struct AllKept {
    bodies: Vec<Resting>,
    bytes: u64,
    packer: Packer,
    /// The body that was wanted last, by its number: it is wanted part by part.
    awake: Option<(u32, Kept)>,
}

impl AllKept {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { bodies: Vec::new(), bytes: 0, packer: Packer::default(), awake: None }
    }

    /// Keeps what there is of a body; its number.
    pub(crate) fn push(&mut self, kept: Kept) -> u32 {
        self.bytes += kept.len();
        let resting = Resting::new(kept, &mut self.packer);
        self.rest(resting)
    }

    /// Keeps the first bytes of a body; its number.
    pub(crate) fn push_first(&mut self, bytes: &[u8]) -> u32 {
        self.bytes += bytes.len() as u64;
        let places = Box::new([(0, bytes.len())]);
        let resting = Resting { places, packed: self.packer.pack(bytes), rest: Kept::default() };
        self.rest(resting)
    }

    fn rest(&mut self, resting: Resting) -> u32 {
        self.bodies.push(resting);
        u32::try_from(self.bodies.len() - 1).unwrap_or(NOT_KEPT)
    }

    /// How many bytes are kept, as they were before they were packed.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds to what was kept of a body.
    pub(crate) fn add(&mut self, body: u32, kept: Kept) {
        self.bytes += kept.len();
        self.awake = None;
        if let Some(resting) = self.bodies.get_mut(body as usize) {
            let mut have = resting.awake();
            have.pieces.splice(0..0, kept.pieces);
            have.searched.extend(kept.searched);
            have.digest = kept.digest.or(have.digest);
            *resting = Resting::new(have, &mut self.packer);
        }
    }

    /// What was kept of a body.
    pub(crate) fn get(&mut self, body: u32) -> Option<&Kept> {
        if self.awake.as_ref().is_none_or(|(number, _)| *number != body) {
            self.awake = Some((body, self.bodies.get(body as usize)?.awake()));
        }
        self.awake.as_ref().map(|(_, kept)| kept)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{AllKept, Found, Piece};

    fn bytes_from(all: &mut AllKept, body: u32, at: u64) -> Vec<u8> {
        match all.get(body).unwrap().from(at, None) {
            Found::Bytes(bytes) => bytes.to_vec(),
            Found::Zeros(_) | Found::Nothing => Vec::new(),
        }
    }

    #[test]
    fn bodies_come_back_piece_by_piece() {
        let mut all = AllKept::new();
        let piece = |at: u64, bytes: &[u8]| -> Piece { (at, bytes.into()) };
        let long = b"Name: torch\n".repeat(100);
        let whole = all.push_first(&long);
        let parts = all.push(vec![piece(0, &long), piece(9_000, b"end"), piece(4_000, &long)].into());
        let empty = all.push(Vec::new().into());
        assert_eq!(bytes_from(&mut all, whole, 6), long.get(6..).unwrap());
        assert_eq!(bytes_from(&mut all, parts, 9_001), b"nd");
        assert_eq!(bytes_from(&mut all, parts, 4_000), long);
        assert_eq!(bytes_from(&mut all, parts, 3_999), b"");
        assert_eq!(bytes_from(&mut all, empty, 0), b"");
        all.add(parts, vec![piece(20_000, b"more")].into());
        assert_eq!(bytes_from(&mut all, parts, 20_000), b"more");
        assert_eq!(bytes_from(&mut all, parts, 9_000), b"end");
        assert_eq!(all.bytes(), 3 * 1_200 + 3 + 4);
        assert!(all.get(99).is_none());
    }
}
