//! An entry's path and size in, whether its body is kept and where it then is out.

use std::collections::HashMap;

use envdiff_files::{Budget, Digest, ElfQuestion, Hashing, Likely};

use super::index::NOT_KEPT;
use super::input::Input;
use super::kept::{AllKept, Kept};
use super::probe::Prober;
use super::walk::{TarError, TarKind, Walk};
use super::wanted::{Want, Wanted};

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
    /// Adds its next bytes to others; how many there were, none only at its end.
    fn read(&mut self, most: u64, to: &mut Vec<u8>) -> Result<u64, TarError>;
    /// Goes on behind the next bytes.
    fn skip(&mut self, count: u64) -> Result<(), TarError>;
}

impl<I: Input> Bodies for Walk<I> {
    fn at(&self) -> u64 {
        self.header.body_at
    }
    fn read(&mut self, most: u64, to: &mut Vec<u8>) -> Result<u64, TarError> {
        self.read_body_to(most, to)
    }
    fn skip(&mut self, count: u64) -> Result<(), TarError> {
        self.skip_in_body(count)
    }
}

/// Keeps what observers will probably want.
pub(crate) struct Keeper<'a> {
    likely: Option<&'a Likely>,
    /// What is asked already when the stream begins, part by part, sorted.
    asked: &'a [Vec<&'a [u8]>],
    kept: &'a mut AllKept,
    /// The body that passes by, as far as it is read; its room serves for all of them.
    body: Vec<u8>,
    prober: Prober,
}

impl<'a> Keeper<'a> {
    /// Keeps to `kept` what is likely or asked already.
    pub(crate) fn new(likely: Option<&'a Likely>, asked: &'a [Vec<&'a [u8]>], kept: &'a mut AllKept) -> Self {
        Self { likely, asked, kept, body: Vec::new(), prober: Prober::default() }
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
        if size > likely.limit || self.kept.bytes() + size > MAX_LIKELY {
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
            if !program && questions.is_empty() || self.kept.bytes() > MAX_LIKELY {
                return Ok(NOT_KEPT);
            }
            self.body.clear();
            walk.read(size.min(Likely::PROGRAM_HEAD), &mut self.body)?;
            if program && self.body.starts_with(b"#!") && size <= MAX_SCRIPT {
                walk.read(size - self.body.len() as u64, &mut self.body)?;
            } else if !questions.is_empty() {
                // The head is among what is read first of an ELF file.
                let kept = self.prober.probe(walk, size, &self.body, &[], &[], &questions)?;
                return Ok(self.kept.push(kept));
            }
            return Ok(self.kept.push_first(&self.body));
        }
        self.body.clear();
        walk.read(size, &mut self.body)?;
        Ok(self.kept.push_first(&self.body))
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

    fn read(&mut self, most: u64, to: &mut Vec<u8>) -> Result<u64, TarError> {
        let before = to.len();
        let count = self.body.read(most, to)?;
        self.hashing.take(to.get(before..).unwrap_or_default());
        Ok(count)
    }

    fn skip(&mut self, count: u64) -> Result<(), TarError> {
        let mut left = count;
        let mut bytes = Vec::new();
        while left > 0 {
            bytes.clear();
            match self.read(left.min(HASHED), &mut bytes)? {
                // What is left of the body is less.
                0 => break,
                count => left -= count,
            }
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
    let mut prober = Prober::default();
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
            let kept = taken(&mut body, size, want, &mut prober)?;
            Kept { digest: Some(body.done(size)?), ..kept }
        } else {
            taken(walk, size, want, &mut prober)?
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
fn taken(body: &mut dyn Bodies, size: u64, want: &Want, prober: &mut Prober) -> Result<Kept, TarError> {
    let mut parts = want.parts.clone();
    parts.sort_unstable();
    if !want.questions.is_empty() {
        return prober.probe(body, size, &[], &want.held, &parts, &want.questions);
    }
    let mut pieces = Vec::new();
    let mut at = 0_u64;
    for (from, len) in parts {
        // What was read already is in an earlier piece: ask for the rest only.
        let end = from.saturating_add(len).min(size);
        let from = from.max(at);
        if from < end {
            body.skip(from - at)?;
            let mut piece = Vec::new();
            body.read(end - from, &mut piece)?;
            pieces.push((from, piece.into_boxed_slice()));
            at = end;
        }
    }
    Ok(pieces.into())
}
