//! An entry's path and size in, whether its body is kept and where it then is out.

use std::collections::HashMap;

use envdiff_files::{Budget, Digest, ElfQuestion, Hashing, Likely, Pattern};

use super::index::NOT_KEPT;
use super::input::Input;
use super::probe::probe;
use super::walk::{TarError, TarKind, Walk};

/// What all bodies kept for what is likely may take together, in bytes. What does not fit costs a second pass.
const MAX_LIKELY: u64 = 16 << 20;

/// How much of a body is hashed at once, in bytes.
const HASHED: u64 = 256 << 10;

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
    /// Goes on behind the next bytes.
    fn skip(&mut self, count: u64) -> Result<(), TarError>;
}

impl<I: Input> Bodies for Walk<I> {
    fn at(&self) -> u64 {
        self.header.body_at
    }
    fn read(&mut self, most: u64) -> Result<Box<[u8]>, TarError> {
        self.read_body(most)
    }
    fn skip(&mut self, count: u64) -> Result<(), TarError> {
        self.skip_in_body(count)
    }
}

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
    fn len(&self) -> u64 {
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

/// Bodies by number.
#[derive(Default)]
pub(crate) struct AllKept {
    bodies: Vec<Kept>,
    bytes: u64,
}

impl AllKept {
    /// Keeps a body; its number.
    pub(crate) fn push(&mut self, kept: Kept) -> u32 {
        self.bytes += kept.len();
        self.bodies.push(kept);
        u32::try_from(self.bodies.len() - 1).unwrap_or(NOT_KEPT)
    }

    /// How many bytes are kept.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds to what was kept of a body.
    pub(crate) fn add(&mut self, body: u32, kept: Kept) {
        self.bytes += kept.len();
        if let Some(have) = self.bodies.get_mut(body as usize) {
            have.pieces.splice(0..0, kept.pieces);
            have.searched.extend(kept.searched);
            have.digest = kept.digest.or(have.digest);
        }
    }

    /// What was kept of a body.
    pub(crate) fn get(&self, body: u32) -> Option<&Kept> {
        self.bodies.get(body as usize)
    }
}

/// Keeps what observers will probably want.
pub(crate) struct Keeper<'a> {
    likely: Option<&'a Likely>,
    /// What is asked already when the stream begins, part by part, sorted.
    asked: &'a [Vec<&'a [u8]>],
    kept: &'a mut AllKept,
}

impl<'a> Keeper<'a> {
    /// Keeps to `kept` what is likely or asked already.
    pub(crate) fn new(likely: Option<&'a Likely>, asked: &'a [Vec<&'a [u8]>], kept: &'a mut AllKept) -> Self {
        Self { likely, asked, kept }
    }
}

impl Keeper<'_> {
    fn is_program(&self, path: &[&[u8]]) -> bool {
        let Some(likely) = self.likely else { return false };
        path.iter().nth_back(1).is_some_and(|f| likely.programs.iter().any(|s| f.ends_with(s.as_bytes())))
    }

    /// What will be asked about an ELF file of this name.
    fn questions(&self, path: &[&[u8]]) -> Vec<ElfQuestion> {
        let (Some(likely), Some(name)) = (self.likely, path.last()) else { return Vec::new() };
        let holds = |part: &str| memchr::memmem::find(name, part.as_bytes()).is_some();
        let view = likely.elf.iter().any(|part| holds(part)).then_some(ElfQuestion::View);
        let scans = likely.scans.iter().filter(|(part, _, _)| holds(part));
        let scans = scans.map(|(_, section, pattern)| ElfQuestion::Scan { section, pattern: *pattern });
        view.into_iter().chain(scans).collect()
    }

    fn is_likely(&self, path: &[&[u8]], size: u64) -> bool {
        let Some(likely) = self.likely else { return false };
        let Some((name, above)) = path.split_last() else { return false };
        if size > likely.limit || self.kept.bytes + size > MAX_LIKELY {
            return false;
        }
        self.asked.binary_search_by(|asked| asked.as_slice().cmp(path)).is_ok()
            || likely.names.iter().any(|n| n.as_bytes() == *name)
            || likely.suffixes.iter().any(|s| name.ends_with(s.as_bytes()))
            || above.last().is_some_and(|f| likely.folders.iter().any(|s| f.ends_with(s.as_bytes())))
            || likely.paths.iter().any(|p| p.as_bytes().split(|b| *b == b'/').eq(path.iter().copied()))
    }
}

impl Keep for Keeper<'_> {
    fn keep(&mut self, walk: &mut dyn Bodies, path: &[&[u8]], size: u64) -> Result<u32, TarError> {
        if !self.is_likely(path, size) {
            let program = self.is_program(path);
            let questions = self.questions(path);
            if !program && questions.is_empty() || self.kept.bytes > MAX_LIKELY {
                return Ok(NOT_KEPT);
            }
            let head = walk.read(size.min(Likely::PROGRAM_HEAD))?;
            if !program || !head.starts_with(b"#!") || size > MAX_SCRIPT {
                if questions.is_empty() {
                    return Ok(self.kept.push(vec![(0, head)].into()));
                }
                // The head is among what is read first of an ELF file.
                let kept = probe(walk, size, head.into_vec(), &[], &[], &questions)?;
                return Ok(self.kept.push(kept));
            }
            let rest = walk.read(size - head.len() as u64)?;
            let whole = [head, rest].concat().into_boxed_slice();
            return Ok(self.kept.push(vec![(0, whole)].into()));
        }
        let body = walk.read(size)?;
        Ok(self.kept.push(vec![(0, body)].into()))
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

/// Files of which something was asked for that had not been kept, by path.
pub(crate) type Wanted = HashMap<Vec<u8>, Want>;

/// What was asked for of one file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Want {
    /// Offset and length.
    pub(crate) parts: Vec<(u64, u64)>,
    /// Questions that find out by themselves which parts they need.
    pub(crate) questions: Vec<ElfQuestion>,
    /// What was kept of it before.
    pub(crate) held: Vec<Piece>,
    /// Whether all of it is to be hashed.
    pub(crate) digest: bool,
}

impl Want {
    /// Whether nothing of it is to be kept.
    pub(crate) fn is_digest_alone(&self) -> bool {
        self.digest && self.parts.is_empty() && self.questions.is_empty()
    }
}

/// A body that is hashed as it passes by.
struct Hashed<'a> {
    body: &'a mut dyn Bodies,
    hashing: Hashing,
}

impl Hashed<'_> {
    /// Lets the rest of a body of `size` bytes pass.
    fn done(mut self, size: u64) -> Result<Digest, TarError> {
        self.skip(size.saturating_sub(self.hashing.taken()))?;
        Ok(self.hashing.done())
    }
}

impl Bodies for Hashed<'_> {
    fn at(&self) -> u64 {
        self.body.at()
    }

    fn read(&mut self, most: u64) -> Result<Box<[u8]>, TarError> {
        let bytes = self.body.read(most)?;
        self.hashing.take(&bytes);
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), TarError> {
        let mut left = count;
        while left > 0 {
            let bytes = self.read(left.min(HASHED))?;
            // What is left of the body is less.
            if bytes.is_empty() {
                break;
            }
            left -= bytes.len() as u64;
        }
        Ok(())
    }
}

/// Gathers what was wanted in a second pass; nothing is indexed again.
pub(crate) fn gather<I: Input>(
    walk: &mut Walk<I>,
    wanted: &Wanted,
    progress: &mut dyn FnMut(u64),
    found: &mut dyn FnMut(&[u8], Kept),
) -> Result<(), TarError> {
    let mut gathered: HashMap<Vec<u8>, Kept> = HashMap::new();
    let mut bytes = 0;
    // To the end: of two entries of one path the later counts, and nothing of the earlier may be left beside it.
    while walk.next()? {
        if walk.header.kind != TarKind::File {
            continue;
        }
        let mut path = Vec::with_capacity(walk.header.path.len() + 1);
        for part in walk.header.path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        let Some(want) = wanted.get(&path) else { continue };
        if !want.questions.is_empty() && bytes > Budget::MAX_BYTES {
            // Too much of hostile files: what is left out is told as unreadable.
            gathered.remove(&path);
            continue;
        }
        let size = walk.header.size;
        let kept = if want.digest {
            let mut body = Hashed { body: walk, hashing: Hashing::default() };
            let kept = taken(&mut body, size, want)?;
            Kept { digest: Some(body.done(size)?), ..kept }
        } else {
            taken(walk, size, want)?
        };
        if !want.questions.is_empty() {
            bytes += kept.len();
        }
        gathered.insert(path, kept);
        progress(gathered.len() as u64);
    }
    for (path, kept) in gathered {
        found(&path, kept);
    }
    Ok(())
}

/// What is wanted of one body of `size` bytes.
fn taken(body: &mut dyn Bodies, size: u64, want: &Want) -> Result<Kept, TarError> {
    let mut parts = want.parts.clone();
    parts.sort_unstable();
    if !want.questions.is_empty() {
        return probe(body, size, Vec::new(), &want.held, &parts, &want.questions);
    }
    let mut pieces = Vec::new();
    let mut at = 0_u64;
    for (from, len) in parts {
        // What was read already is in an earlier piece: ask for the rest only.
        let end = from.saturating_add(len).min(size);
        let from = from.max(at);
        if from < end {
            body.skip(from - at)?;
            pieces.push((from, body.read(end - from)?));
            at = end;
        }
    }
    Ok(pieces.into())
}
