//! An entry's path and size in, whether its body is kept and where it then is out.

use std::collections::HashMap;

use envdiff_files::Likely;

use super::index::NOT_KEPT;
use super::input::Input;
use super::walk::{TarError, Walk};

/// What all bodies kept for what is likely may take together, in bytes. What does not fit costs a second pass.
const MAX_LIKELY: u64 = 16 << 20;

/// The largest script that is kept, in bytes.
const MAX_SCRIPT: u64 = 1 << 20;

/// Decides over the bodies of one layer as they pass by.
pub(crate) trait Keep {
    /// Where the body of the regular file that `walk` stands at is; [`NOT_KEPT`] when it is passed over.
    fn keep(&mut self, walk: &mut dyn Bodies, path: &[&[u8]], size: u64) -> Result<u32, TarError>;
}

/// The body of the current entry.
pub(crate) trait Bodies {
    /// Its offset in the input.
    fn at(&self) -> u64;
    /// Its next bytes.
    fn read(&mut self, most: u64) -> Result<Box<[u8]>, TarError>;
}

impl<I: Input> Bodies for Walk<I> {
    fn at(&self) -> u64 {
        self.header.body_at
    }
    fn read(&mut self, most: u64) -> Result<Box<[u8]>, TarError> {
        self.read_body(most)
    }
}

/// A part of a file, from an offset.
pub(crate) type Piece = (u64, Box<[u8]>);

/// Bodies by number, each as the pieces that were wanted of it.
#[derive(Default)]
pub(crate) struct Kept {
    bodies: Vec<Vec<Piece>>,
    bytes: u64,
}

impl Kept {
    /// Keeps a body; its number.
    pub(crate) fn push(&mut self, pieces: Vec<Piece>) -> u32 {
        self.bytes += pieces.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        self.bodies.push(pieces);
        u32::try_from(self.bodies.len() - 1).unwrap_or(NOT_KEPT)
    }

    /// How many bytes are kept.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds pieces to a body.
    pub(crate) fn add(&mut self, body: u32, pieces: Vec<Piece>) {
        self.bytes += pieces.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        if let Some(have) = self.bodies.get_mut(body as usize) {
            // The newest first: of two entries of one path the later counts.
            have.splice(0..0, pieces);
        }
    }

    pub(crate) fn pieces(&self, body: u32) -> &[Piece] {
        self.bodies.get(body as usize).map_or(&[], Vec::as_slice)
    }
}

/// Keeps what observers will probably want.
pub(crate) struct Keeper<'a> {
    pub(crate) likely: Option<&'a Likely>,
    pub(crate) kept: &'a mut Kept,
}

impl Keeper<'_> {
    fn is_program(&self, path: &[&[u8]]) -> bool {
        let Some(likely) = self.likely else { return false };
        path.iter().nth_back(1).is_some_and(|f| likely.programs.iter().any(|s| f.ends_with(s.as_bytes())))
    }

    fn is_likely(&self, path: &[&[u8]], size: u64) -> bool {
        let Some(likely) = self.likely else { return false };
        let Some((name, above)) = path.split_last() else { return false };
        if size > likely.limit || self.kept.bytes + size > MAX_LIKELY {
            return false;
        }
        likely.names.iter().any(|n| n.as_bytes() == *name)
            || likely.suffixes.iter().any(|s| name.ends_with(s.as_bytes()))
            || above.last().is_some_and(|f| likely.folders.iter().any(|s| f.ends_with(s.as_bytes())))
            || likely.paths.iter().any(|p| p.as_bytes().split(|b| *b == b'/').eq(path.iter().copied()))
    }
}

impl Keep for Keeper<'_> {
    fn keep(&mut self, walk: &mut dyn Bodies, path: &[&[u8]], size: u64) -> Result<u32, TarError> {
        if !self.is_likely(path, size) {
            if !self.is_program(path) || self.kept.bytes > MAX_LIKELY {
                return Ok(NOT_KEPT);
            }
            let head = walk.read(size.min(Likely::PROGRAM_HEAD))?;
            if !head.starts_with(b"#!") || size > MAX_SCRIPT {
                return Ok(self.kept.push(vec![(0, head)]));
            }
            let rest = walk.read(size - head.len() as u64)?;
            let whole = [head, rest].concat().into_boxed_slice();
            return Ok(self.kept.push(vec![(0, whole)]));
        }
        let body = walk.read(size)?;
        Ok(self.kept.push(vec![(0, body)]))
    }
}

/// Keeps nothing, for a body is read where it lies: its block number in the file.
pub(crate) struct InPlace {
    /// Where the layer ends in the file.
    pub(crate) end: u64,
}

impl Keep for InPlace {
    fn keep(&mut self, walk: &mut dyn Bodies, _: &[&[u8]], size: u64) -> Result<u32, TarError> {
        let at = walk.at();
        if at.saturating_add(size) > self.end {
            return Err(TarError::CutOff { at: self.end });
        }
        // Every body begins at a block; a file of more than 2 TiB is no image.
        u32::try_from(at / 512)
            .ok()
            .filter(|_| at.is_multiple_of(512))
            .ok_or(TarError::TooMuch { what: "bodies beyond 2 TiB, or not at a block".to_owned() })
    }
}

/// Parts of files that were asked for and had not been kept: by path, offset and length in order.
pub(crate) type Wanted = HashMap<Vec<u8>, Vec<(u64, u64)>>;

/// Gathers what was wanted in a second pass; nothing is indexed again.
pub(crate) fn gather<I: Input>(
    walk: &mut Walk<I>,
    wanted: &Wanted,
    found: &mut dyn FnMut(&[u8], Vec<Piece>),
) -> Result<(), TarError> {
    use super::walk::TarKind;
    // To the end: of two entries of one path the later counts.
    while walk.next()? {
        if walk.header.kind != TarKind::File {
            continue;
        }
        let mut path = Vec::with_capacity(walk.header.path.len() + 1);
        for part in walk.header.path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        let Some(mut parts) = wanted.get(&path).cloned() else { continue };
        parts.sort_unstable();
        let mut pieces = Vec::new();
        let mut at = 0_u64;
        for (from, len) in parts {
            // What was read already is in an earlier piece: ask for the rest only.
            let end = from.saturating_add(len).min(walk.header.size);
            let from = from.max(at);
            if from < end {
                walk.skip_in_body(from - at)?;
                pieces.push((from, walk.read_body(end - from)?));
                at = end;
            }
        }
        found(&path, pieces);
    }
    Ok(())
}
