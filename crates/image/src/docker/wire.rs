//! Questions to the walker as bytes, and its bytes as checked replies. The other side is `crates/walker/walker.rs`.

use std::sync::Arc;

use envdiff_files::{
    Ask, Budget, ElfQuestion, ElfReading, ImagePath, Kind, Listing, MAX_MATCH, MAX_PATH, MAX_SCAN, Pattern,
    Reason, TreeEntry, is_mount_of_the_runtime,
};

use crate::limits::FOLDER_ENTRIES;

/// What the walker writes before anything else.
pub(crate) const MAGIC: &[u8] = b"EDW1";
/// The most entries of one folder.
const MAX_ENTRIES: u64 = FOLDER_ENTRIES as u64;
/// A header's length.
const HEADER: usize = 16;
/// Longer than any record of a folder's entry: kind, length, size, name.
const ENTRY: u64 = 3 + 8 + 1024;

/// In front of a part of an ELF file: its offset and its length.
const PART: u64 = 8 + 4;
/// The most bytes of an ELF file behind its first that come unasked.
const ELF_AHEAD: u64 = 32 << 10;
/// More than the parts in which they come.
const ELF_PARTS: u64 = 128;
/// More than all that comes of a file.
const ELF: u64 = ElfReading::FIRST + ELF_AHEAD + ELF_PARTS * PART;
/// In place of a part's length: here is what a search found.
const SEARCHED: u32 = u32::MAX;

/// One question as the walker takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    Stat(ImagePath),
    Link(ImagePath),
    List(ImagePath),
    /// Folders, and with their sizes the files and links with one of the suffixes.
    Level(ImagePath, Vec<&'static str>),
    Head(ImagePath),
    Read(ImagePath, u64),
    Range(ImagePath, u64, u64),
    /// What of a range matches.
    Find(ImagePath, u64, u64, Pattern),
    /// Parts of an ELF file that the question will most likely want.
    Elf(ImagePath, ElfQuestion),
}

/// What it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Found { kind: Kind, real: ImagePath, size: u64, body: Vec<u8> },
    Absent,
    Unreadable(Reason),
}

impl Question {
    fn path(&self) -> &ImagePath {
        match self {
            Self::Stat(path)
            | Self::Link(path)
            | Self::List(path)
            | Self::Level(path, _)
            | Self::Head(path)
            | Self::Read(path, _)
            | Self::Range(path, _, _)
            | Self::Find(path, ..)
            | Self::Elf(path, _) => path,
        }
    }

    /// Appends the question as the walker reads it.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let (op, a, b) = match self {
            Self::Stat(_) => (b'S', 0, 0),
            Self::Link(_) => (b'L', 0, 0),
            Self::List(_) => (b'D', MAX_ENTRIES, 0),
            Self::Level(..) => (b'D', MAX_ENTRIES, 1),
            Self::Head(_) => (b'H', Ask::HEAD_LIMIT, 0),
            Self::Read(_, limit) => (b'R', (*limit).min(Budget::MAX_BYTES), 0),
            Self::Range(_, at, len) => (b'G', *at, (*len).min(Budget::MAX_BYTES)),
            Self::Find(_, at, len, _) => (b'F', *at, (*len).min(Budget::MAX_BYTES)),
            Self::Elf(_, ElfQuestion::View) => (b'E', 0, 0),
            Self::Elf(_, ElfQuestion::Scan { .. }) => (b'E', 1, MAX_SCAN),
        };
        let mut suffixes = Vec::new();
        let mut put = |part: &[u8]| {
            suffixes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            suffixes.extend_from_slice(part.get(..255).unwrap_or(part));
        };
        if let Self::Elf(_, ElfQuestion::Scan { section, .. }) = self {
            put(section.as_bytes());
        }
        if let Self::Find(.., pattern) | Self::Elf(_, ElfQuestion::Scan { pattern, .. }) = self {
            let most = u16::try_from(pattern.max_len.min(MAX_MATCH)).unwrap_or(u16::MAX).to_le_bytes();
            for part in [pattern.prefix, pattern.body, &most] {
                put(part);
            }
        }
        if let Self::Level(_, wanted) = self {
            for suffix in wanted.iter().filter_map(|suffix| Some((u8::try_from(suffix.len()).ok()?, suffix)))
            {
                suffixes.push(suffix.0);
                suffixes.extend_from_slice(suffix.1.as_bytes());
            }
            // What does not fit is sorted out here, from all names.
            if suffixes.len() > 8_192 || wanted.iter().any(|suffix| suffix.len() > 255) {
                suffixes.clear();
            }
        }
        let path = self.path().as_bytes();
        let len = 19 + path.len() + suffixes.len();
        out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        out.push(op);
        out.extend_from_slice(&u64::to_le_bytes(a));
        out.extend_from_slice(&u64::to_le_bytes(b));
        out.extend_from_slice(&u16::try_from(path.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(path);
        out.extend_from_slice(&suffixes);
    }

    /// The longest body that may come, in bytes.
    fn bound(&self) -> u64 {
        match self {
            Self::Stat(_) => 0,
            Self::Link(_) => 4097,
            Self::List(_) | Self::Level(..) => MAX_ENTRIES * ENTRY,
            Self::Head(_) => Ask::HEAD_LIMIT,
            Self::Read(_, limit) => *limit,
            Self::Range(_, _, len) => *len,
            // Of a match of two bytes come three and ten.
            Self::Find(_, _, len, _) => len.saturating_mul(7),
            Self::Elf(_, ElfQuestion::View) => ELF,
            Self::Elf(_, ElfQuestion::Scan { .. }) => ELF + PART + 8 + MAX_SCAN * 7,
        }
        .min(Budget::MAX_BYTES)
    }

    /// What a limit that was passed is called in the reply.
    fn limit(&self) -> u64 {
        match self {
            Self::Head(_) => Ask::HEAD_LIMIT,
            Self::Read(_, limit) => *limit,
            _ => 0,
        }
    }
}

/// Takes the walker's bytes as they come and tells its replies.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    from: usize,
    greeted: bool,
    /// A header that has come, while its body comes.
    open: Option<Open>,
    /// Bytes of bodies in this batch.
    total: u64,
}

#[derive(Debug)]
struct Open {
    kind: Kind,
    real: ImagePath,
    size: u64,
    body: Vec<u8>,
    /// Past the bound of all bodies together: the rest is passed over.
    dropped: bool,
}

/// Why what came is none of the walker's.
pub(crate) type Broken = &'static str;

impl Decoder {
    /// Keeps what came.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.from > 0 {
            self.buffer.drain(..self.from);
            self.from = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// A new batch begins: its bodies are counted anew.
    pub(crate) fn begin(&mut self) {
        self.total = 0;
    }

    /// Whether the walker has said that it is there.
    ///
    /// # Errors
    /// Something else wrote.
    pub(crate) fn greeted(&mut self) -> Result<bool, Broken> {
        if !self.greeted {
            let have = self.buffer.get(self.from..).unwrap_or_default();
            if have.len() < MAGIC.len() {
                return if MAGIC.starts_with(have) {
                    Ok(false)
                } else {
                    Err("it is not our program that answers")
                };
            }
            if !have.starts_with(MAGIC) {
                return Err("it is not our program that answers");
            }
            self.from += MAGIC.len();
            self.greeted = true;
        }
        Ok(true)
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let end = self.from.checked_add(count)?;
        let taken = self.buffer.get(self.from..end)?;
        self.from = end;
        Some(taken)
    }

    fn peek_u32(&self, at: usize) -> Option<u32> {
        let at = self.from + at;
        self.buffer.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// The reply to `question`, if all of it has come.
    ///
    /// # Errors
    /// Bytes that the walker does not write, or more than was asked for.
    pub(crate) fn next(&mut self, question: &Question) -> Result<Option<Told>, Broken> {
        if !self.greeted()? {
            return Ok(None);
        }
        if self.open.is_none() {
            match self.header(question)? {
                None => return Ok(None),
                Some(Some(told)) => return Ok(Some(told)),
                Some(None) => {}
            }
        }
        loop {
            let Some(len) = self.peek_u32(0) else { return Ok(None) };
            if len == 0 || len == u32::MAX {
                let Some(open) = self.open.take() else { return Err("a body without a header") };
                if len == 0 {
                    self.take(4);
                    if open.dropped {
                        return Ok(Some(Told::Unreadable(Reason::Budget)));
                    }
                    let Open { kind, real, size, body, .. } = open;
                    return Ok(Some(Told::Found { kind, real, size, body }));
                }
                let (Some(code), Some(error)) = (self.peek_u32(4), self.peek_u32(8)) else {
                    self.open = Some(open);
                    return Ok(None);
                };
                self.take(12);
                let code = u8::try_from(code).map_err(|_| "an unknown reason")?;
                return Ok(Some(Told::Unreadable(reason(code, error, None, question)?)));
            }
            let len = len as usize;
            if len > 64 << 10 {
                return Err("a piece that is too long");
            }
            if self.buffer.len() - self.from < 4 + len {
                return Ok(None);
            }
            self.take(4);
            let bound = question.bound();
            let total = self.total + len as u64;
            self.total = total;
            let piece = self.buffer.get(self.from..self.from + len).unwrap_or_default();
            let Some(open) = &mut self.open else { return Err("a body without a header") };
            if open.body.len() as u64 + len as u64 > bound {
                return Err("more than was asked for");
            }
            if total > Budget::MAX_BYTES {
                open.dropped = true;
                open.body = Vec::new();
            } else if !open.dropped {
                open.body.extend_from_slice(piece);
            }
            self.from += len;
        }
    }

    /// `None` while it is not all there; `Some(None)` when a body follows.
    fn header(&mut self, question: &Question) -> Result<Option<Option<Told>>, Broken> {
        let Some(head) = self.buffer.get(self.from..self.from + HEADER) else { return Ok(None) };
        let [status, kind, p0, p1, e0, e1, e2, e3, size @ ..] = head else { return Ok(None) };
        let (status, code) = (*status, *kind);
        let path_len = usize::from(u16::from_le_bytes([*p0, *p1]));
        let error = u32::from_le_bytes([*e0, *e1, *e2, *e3]);
        let size = size.try_into().map(u64::from_le_bytes).map_err(|_| "a header of another length")?;
        // Not waited for what cannot be.
        if status > 2 || path_len > MAX_PATH {
            return Err("an unknown status");
        }
        if self.buffer.len() - self.from < HEADER + path_len {
            return Ok(None);
        }
        self.take(HEADER);
        let real = match path_len {
            0 => None,
            _ => Some(self.take(path_len).and_then(ImagePath::new).ok_or("a path that is none")?),
        };
        match (status, real) {
            (0, Some(real)) => {
                self.open = Some(Open { kind: kind_of(code)?, real, size, body: Vec::new(), dropped: false });
                Ok(Some(None))
            }
            (1, None) => Ok(Some(Some(Told::Absent))),
            (2, real) => Ok(Some(Some(Told::Unreadable(reason(code, error, real, question)?)))),
            _ => Err("an unknown status"),
        }
    }
}

fn kind_of(code: u8) -> Result<Kind, Broken> {
    Ok(match code {
        0 => Kind::File,
        1 => Kind::Folder,
        2 => Kind::Link,
        3 => Kind::Other,
        _ => return Err("an unknown kind"),
    })
}

fn reason(code: u8, error: u32, real: Option<ImagePath>, question: &Question) -> Result<Reason, Broken> {
    Ok(match (code, real) {
        (1, None) => Reason::Denied,
        (2, None) => Reason::TooLarge { limit: question.limit() },
        (3, None) => Reason::TooMany { limit: MAX_ENTRIES },
        (4, None) => Reason::NotAFile,
        (5, None) => Reason::NotAFolder,
        (6, None) => Reason::NotALink,
        (7, None) => Reason::Loop,
        (8, None) => Reason::PathTooLong,
        (9, None) => Reason::System(system(error)),
        (10, Some(mount)) => Reason::BelowVolume(mount),
        _ => return Err("an unknown reason"),
    })
}

/// The system's words for a Linux error number; those of another system would be others.
fn system(error: u32) -> Box<str> {
    let known = match error {
        5 => "input/output error",
        12 => "out of memory",
        23 | 24 => "too many open files",
        40 => "too many levels of symbolic links",
        74 => "bad message",
        116 => "stale file handle",
        117 => "structure needs cleaning",
        _ => return format!("error number {error} of the system").into(),
    };
    known.into()
}

/// The `len` bytes from `at` of a file, as what was found in them tells: zeros but for the matches, in which there is no zero.
///
/// # Errors
/// Records that the walker does not write.
pub(crate) fn found(at: u64, len: u64, body: &[u8]) -> Result<Vec<u8>, Broken> {
    const WHAT: Broken = "a match that is none";
    let mut out = vec![0; usize::try_from(len).map_err(|_| WHAT)?];
    let mut rest = body;
    while !rest.is_empty() {
        let (from, more) = rest.split_first_chunk().ok_or(WHAT)?;
        let (count, more) = more.split_first_chunk().ok_or(WHAT)?;
        let (text, more) = more.split_at_checked(usize::from(u16::from_le_bytes(*count))).ok_or(WHAT)?;
        let from = u64::from_le_bytes(*from).checked_sub(at).and_then(|from| usize::try_from(from).ok());
        let from = from.ok_or(WHAT)?;
        let to = from.checked_add(text.len()).ok_or(WHAT)?;
        out.get_mut(from..to).ok_or(WHAT)?.copy_from_slice(text);
        rest = more;
    }
    Ok(out)
}

/// What came for an `Elf`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// Parts of the file, by offset.
    pub(crate) read: Vec<(u64, &'a [u8])>,
    /// The offset of what was searched, and that itself as [`found`] tells it.
    pub(crate) searched: Option<(u64, Vec<u8>)>,
}

/// The parts of a file that came for an `Elf`, and what a search of a section found.
///
/// # Errors
/// Records that the walker does not write.
pub(crate) fn parts(body: &[u8]) -> Result<Parts<'_>, Broken> {
    const WHAT: Broken = "a part of a file that is none";
    let mut out = Parts::default();
    let mut rest = body;
    while !rest.is_empty() {
        let (at, more) = rest.split_first_chunk().ok_or(WHAT)?;
        let (len, more) = more.split_first_chunk().ok_or(WHAT)?;
        let (at, len) = (u64::from_le_bytes(*at), u32::from_le_bytes(*len));
        if len == SEARCHED {
            let (len, matches) = more.split_first_chunk().ok_or(WHAT)?;
            let len = u64::from_le_bytes(*len);
            if len > MAX_SCAN {
                return Err("more was searched than may be");
            }
            out.searched = Some((at, found(at, len, matches)?));
            break;
        }
        let len = usize::try_from(len).map_err(|_| WHAT)?;
        let (bytes, more) = more.split_at_checked(len).ok_or(WHAT)?;
        out.read.push((at, bytes));
        rest = more;
    }
    Ok(out)
}

/// The entries of a `List`, without what a runtime puts there.
///
/// # Errors
/// Records that the walker does not write.
pub(crate) fn listing(real: &ImagePath, body: &[u8]) -> Result<Arc<Listing>, Broken> {
    let mut entries = Vec::new();
    for record in (Records { rest: body, sized: false }) {
        let (kind, name, _) = record?;
        if real.join(name).is_none_or(|path| !is_mount_of_the_runtime(&path)) {
            entries.push((Box::from(name), kind));
        }
    }
    entries.sort_unstable();
    Ok(Arc::new(Listing { entries }))
}

/// The entries of a `Level`, with their real paths; `cut` bytes of these stand before the relative path.
///
/// # Errors
/// Records that the walker does not write.
pub(crate) fn level(
    real: &ImagePath,
    cut: usize,
    suffixes: &[&str],
    body: &[u8],
) -> Result<Vec<(TreeEntry, ImagePath)>, Broken> {
    let mut entries = Vec::new();
    for record in (Records { rest: body, sized: true }) {
        let (kind, name, size) = record?;
        let wanted = kind == Kind::Folder
            || suffixes.is_empty()
            || suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes()));
        let Some(path) = real.join(name).filter(|path| wanted && !is_mount_of_the_runtime(path)) else {
            continue;
        };
        let relative = Box::from(path.as_bytes().get(cut..).unwrap_or_default());
        let size = if kind == Kind::File { size } else { 0 };
        entries.push((TreeEntry { path: relative, kind, size }, path));
    }
    Ok(entries)
}

/// Kind, name, size.
type Record<'a> = (Kind, &'a [u8], u64);

struct Records<'a> {
    rest: &'a [u8],
    sized: bool,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_none() {
            self.rest = &[];
        }
        Some(record.unwrap_or(Err("a folder's entry that is cut off")))
    }
}

impl<'a> Records<'a> {
    fn record(&mut self) -> Option<Result<Record<'a>, Broken>> {
        let (head, mut rest) = self.rest.split_at_checked(3)?;
        let [kind, low, high] = head else { return None };
        let mut size = 0;
        if self.sized {
            let (number, after) = rest.split_at_checked(8)?;
            size = u64::from_le_bytes(number.try_into().ok()?);
            rest = after;
        }
        let (name, after) = rest.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))?;
        self.rest = after;
        if name.is_empty() || name.contains(&b'/') || name.contains(&0) || name == b"." || name == b".." {
            return Some(Err("a folder's entry that is no name"));
        }
        Some(kind_of(*kind).map(|kind| (kind, name, size)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use envdiff_files::{ImagePath, Kind, MAX_SCAN, Reason};

    use super::{Decoder, Parts, Question, Told, found, listing, parts};

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    fn answered(kind: u8, real: &str, size: u64, pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0, kind];
        out.extend_from_slice(&(real.len() as u16).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(real.as_bytes());
        for piece in pieces {
            out.extend_from_slice(&(piece.len() as u32).to_le_bytes());
            out.extend_from_slice(piece);
        }
        out.extend_from_slice(&[0; 4]);
        out
    }

    #[test]
    fn what_was_found_lies_among_zeros() {
        let record = |at: u64, text: &[u8]| {
            let len = u16::try_from(text.len()).unwrap();
            [&at.to_le_bytes()[..], &len.to_le_bytes(), text].concat()
        };
        let body = [record(101, b"sm_5"), record(106, b"sm")].concat();
        assert_eq!(found(100, 9, &body).unwrap(), b"\0sm_5\0sm\0");
        for wrong in [record(99, b"s"), record(105, b"sm_50"), record(u64::MAX, b"sm"), b"short".to_vec()] {
            assert!(found(100, 9, &wrong).is_err(), "{wrong:?}");
        }
        assert!(found(100, 9, body.get(..body.len() - 1).unwrap()).is_err());
    }

    #[test]
    fn parts_of_a_file_are_told_as_they_came() {
        let body =
            [&[0; 8][..], &[2, 0, 0, 0], b"\x7FE", &[0, 1, 0, 0, 0, 0, 0, 0], &[1, 0, 0, 0], b"x"].concat();
        let read = vec![(0, &b"\x7FE"[..]), (256, b"x")];
        assert_eq!(parts(&body).unwrap(), Parts { read: read.clone(), searched: None });
        assert_eq!(parts(b"").unwrap(), Parts::default());
        for cut in [1, 8, 11, 13, body.len() - 1] {
            assert!(parts(body.get(..cut).unwrap()).is_err(), "{cut}");
        }
        let searched = |len: u64, matches: &[u8]| {
            [&body[..], &[9, 0, 0, 0, 0, 0, 0, 0], &[0xFF; 4], &len.to_le_bytes(), matches].concat()
        };
        let one = [&[10, 0, 0, 0, 0, 0, 0, 0, 2, 0][..], b"ab"].concat();
        let told = searched(4, &one);
        assert_eq!(parts(&told).unwrap(), Parts { read, searched: Some((9, b"\0ab\0".to_vec())) });
        assert_eq!(parts(&searched(3, b"")).unwrap().searched, Some((9, vec![0; 3])));
        for told in [searched(2, &one), searched(MAX_SCAN + 1, b""), searched(4, &one[..11])] {
            assert!(parts(&told).is_err(), "{told:?}");
        }
    }

    #[test]
    fn replies_are_told_however_the_bytes_come() {
        let mut all = b"EDW1".to_vec();
        all.extend(answered(0, "/a/b", 5, &[b"he", b"llo"]));
        all.extend([1; 1]);
        all.extend([0; 15]);
        for step in 1..all.len() {
            let mut decoder = Decoder::default();
            let question = Question::Read(path("/x"), 10);
            let mut told = Vec::new();
            for part in all.chunks(step) {
                decoder.push(part);
                while let Some(reply) = decoder.next(&question).unwrap() {
                    told.push(reply);
                }
            }
            let found =
                Told::Found { kind: Kind::File, real: path("/a/b"), size: 5, body: b"hello".to_vec() };
            assert_eq!(told, [found, Told::Absent]);
        }
    }

    #[test]
    fn what_no_walker_writes_is_refused() {
        let told = |bytes: &[u8], question: &Question| {
            let mut decoder = Decoder::default();
            decoder.push(bytes);
            decoder.next(question)
        };
        let read = Question::Read(path("/x"), 4);
        assert!(told(b"EDX", &read).is_err());
        assert!(told(b"bash: no such file", &read).is_err());
        assert_eq!(told(b"ED", &read), Ok(None));
        let long = [b"EDW1".to_vec(), answered(0, "/x", 5, &[b"hello"])].concat();
        assert_eq!(told(&long, &read), Err("more than was asked for"));
        assert!(
            told(&[b"EDW1".to_vec(), answered(0, "x", 5, &[])].concat(), &read).is_err(),
            "a relative path"
        );
        assert!(told(&[b"EDW1".to_vec(), answered(9, "/x", 5, &[])].concat(), &read).is_err(), "a kind");
        assert!(told(&[b"EDW1".to_vec(), vec![7; 40]].concat(), &read).is_err(), "a status");
        let denied = [b"EDW1".to_vec(), vec![2, 1], vec![0; 14]].concat();
        assert_eq!(told(&denied, &read), Ok(Some(Told::Unreadable(Reason::Denied))));
        let giant = [answered(0, "/x", 0, &[]).split_off(0), vec![]].concat();
        let mut giant = [b"EDW1".to_vec(), giant].concat();
        let at = giant.len() - 4;
        giant.splice(at.., u32::to_le_bytes(1 << 30));
        assert!(told(&giant, &Question::Stat(path("/x"))).is_err(), "a piece of a gigabyte");
    }

    #[test]
    fn entries_are_checked_and_sorted() {
        let body = [&[0_u8, 1, 0][..], b"b", &[1, 1, 0], b"a", &[1, 4, 0], b"proc"].concat();
        let seen = listing(&ImagePath::root(), &body).unwrap();
        assert_eq!(seen.entries.len(), 2);
        assert_eq!(seen.get(b"a"), Some(Kind::Folder));
        assert!(listing(&ImagePath::root(), &body[..2]).is_err());
        assert!(listing(&ImagePath::root(), &[0, 2, 0, b'.', b'.']).is_err());
        assert!(listing(&ImagePath::root(), &[0, 3, 0, b'a', b'/', b'b']).is_err());
        assert!(listing(&ImagePath::root(), &[0, 0, 0]).is_err());
    }
}
