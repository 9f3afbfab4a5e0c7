//! A tar in, its entries one by one out, as Go's `archive/tar` reads them (Go 1.23, `reader.go`), for that is what engines
//! read and write images with. The crate `tar` reads long names into memory whatever their size and cannot skip in a part
//! of a file; in tests it is the oracle.

use std::io::{self, Read};

use crate::ImageError;
use crate::limits::TAR_EXTENSION;

use super::header::{BLOCK, Block, pax_record};
use super::input::Input;

/// What an entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TarKind {
    /// A regular file.
    #[default]
    File,
    /// A file whose holes are left out: its body is not its content.
    Sparse,
    /// Another name of an entry before.
    HardLink,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// A FIFO or device.
    Other,
    /// A kind that makes no file.
    Unknown,
}

/// One entry's header.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: TarKind,
    /// Size of the body, in bytes.
    pub(crate) size: u64,
    /// Size of the file, which differs for a sparse one.
    pub(crate) real_size: u64,
    /// Offset of the body in the input.
    pub(crate) body_at: u64,
}

/// Why a tar cannot be followed.
#[derive(Debug)]
pub(crate) enum TarError {
    /// The stream under it broke.
    Io(io::Error),
    /// It ends in the middle.
    CutOff { at: u64 },
    /// It ends where a header could come, without the end marker.
    NoEnd,
    /// Not a tar at all.
    NoTar,
    /// Not a tar from here on.
    NoHeader { at: u64 },
    /// A field of a header makes no sense.
    BadField { at: u64, what: &'static str },
    /// A path that leads out of the root.
    LeadsOut { path: Vec<u8> },
    /// Past a bound.
    TooMuch { what: String },
}

impl TarError {
    /// The error of the file or stream `name`.
    pub(crate) fn of(self, name: &str) -> ImageError {
        let damaged = |why: String| ImageError::Damaged { name: name.to_owned(), why };
        match self {
            // What feeds the stream may have its own, better message.
            Self::Io(error) => {
                let words = error.to_string();
                let inner = error.into_inner().map(|inner| inner.downcast::<ImageError>());
                match inner {
                    Some(Ok(inner)) => *inner,
                    _ => damaged(words),
                }
            }
            Self::CutOff { at } => damaged(format!("it is cut off at byte {at}")),
            Self::NoEnd => damaged("it is cut off: the end marker is missing".to_owned()),
            Self::NoTar => ImageError::NotAnImage {
                path: name.into(),
                why: "it does not begin with a tar header".to_owned(),
            },
            Self::NoHeader { at } => damaged(format!("no tar header at byte {at}")),
            Self::BadField { at, what } => {
                damaged(format!("the tar header at byte {at} has no valid {what}"))
            }
            Self::LeadsOut { path } => {
                damaged(format!("the path \"{}\" in it leads out of the image", path.escape_ascii()))
            }
            Self::TooMuch { what } => ImageError::TooMuch { name: name.to_owned(), what },
        }
    }
}

impl From<io::Error> for TarError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A walk over the headers of a tar.
pub(crate) struct Walk<I> {
    input: I,
    /// What is left of the current body, and the padding behind it.
    left: u64,
    padding: u64,
    begun: bool,
    done: bool,
    /// Whether an end marker was met.
    ended: bool,
    /// The entry that [`Walk::next`] came to.
    pub(crate) header: Header,
}

impl<I: Input> Walk<I> {
    pub(crate) fn new(input: I) -> Self {
        Self {
            input,
            left: 0,
            padding: 0,
            begun: false,
            done: false,
            ended: false,
            header: Header::default(),
        }
    }

    /// Goes to the next entry; `false` at the end.
    pub(crate) fn next(&mut self) -> Result<bool, TarError> {
        let mut long_name: Option<Vec<u8>> = None;
        let mut long_link: Option<Vec<u8>> = None;
        let mut pax: Option<Vec<u8>> = None;
        loop {
            self.skip_body()?;
            let Some((block, at)) = self.block()? else { return Ok(false) };
            let bad = |what| TarError::BadField { at, what };
            let mut size = block.size().ok_or_else(|| bad("size"))?;
            match block.kind() {
                b'L' => long_name = Some(self.extension(size)?),
                b'K' => long_link = Some(self.extension(size)?),
                b'x' => pax = Some(self.extension(size)?),
                b'g' => self.set_body(size),
                kind => {
                    let mut header = std::mem::take(&mut self.header);
                    block.name(&mut header.path);
                    block.link(&mut header.link);
                    if let Some(name) = long_name {
                        header.path = name;
                    }
                    if let Some(link) = long_link {
                        header.link = link;
                    }
                    let mut sparse = kind == b'S';
                    let mut real_size = None;
                    if sparse {
                        let (real, mut more) = block.sparse();
                        real_size = real;
                        while more {
                            more = self.raw_block()?.sparse_goes_on();
                        }
                    }
                    if let Some(pax) = pax {
                        let told = Pax::read(&pax).ok_or_else(|| bad("pax record"))?;
                        sparse |= told.sparse;
                        real_size = told.real_size.or(real_size);
                        size = told.size.unwrap_or(size);
                        header.path = told.path.unwrap_or(header.path);
                        header.link = told.link.unwrap_or(header.link);
                    }
                    header.kind = match kind {
                        // Before POSIX a folder was a file whose name ends in a slash.
                        0 if header.path.ends_with(b"/") => TarKind::Folder,
                        _ if sparse => TarKind::Sparse,
                        0 | b'0' | b'7' => TarKind::File,
                        b'1' => TarKind::HardLink,
                        b'2' => TarKind::Link,
                        b'3' | b'4' | b'6' => TarKind::Other,
                        b'5' => TarKind::Folder,
                        _ => TarKind::Unknown,
                    };
                    // These have a header only, whatever their size field says.
                    if matches!(kind, b'1'..=b'6') {
                        size = 0;
                    }
                    if size >= 1 << 48 {
                        return Err(bad("size"));
                    }
                    self.set_body(size);
                    header.size = size;
                    header.real_size = real_size.filter(|_| sparse).unwrap_or(size).min((1 << 48) - 1);
                    header.body_at = self.input.at();
                    self.header = header;
                    return Ok(true);
                }
            }
        }
    }

    /// An error where the walk came to the end of the input and not to an end marker: what is missing cannot be known.
    pub(crate) fn must_have_ended(&self) -> Result<(), TarError> {
        if self.ended { Ok(()) } else { Err(TarError::NoEnd) }
    }

    fn set_body(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
    }

    fn skip_body(&mut self) -> Result<(), TarError> {
        let want = self.left.saturating_add(self.padding);
        if want > 0 {
            let got = self.input.skip(want)?;
            // Some writers leave out the padding behind the last body.
            if got < self.left {
                return Err(TarError::CutOff { at: self.input.at() });
            }
            self.left = 0;
            self.padding = 0;
        }
        Ok(())
    }

    /// The next header block and where it lies; `None` at the end.
    fn block(&mut self) -> Result<Option<(Block, u64)>, TarError> {
        if self.done {
            return Ok(None);
        }
        let at = self.input.at();
        let mut block = Block([0; BLOCK]);
        match self.input.fill(&mut block.0)? {
            0 => {
                self.done = true;
                return Ok(None);
            }
            BLOCK => {}
            _ => return Err(TarError::CutOff { at: self.input.at() }),
        }
        if block.is_empty() {
            self.done = true;
            self.ended = true;
            return Ok(None);
        }
        if !block.is_header() {
            return Err(if self.begun { TarError::NoHeader { at } } else { TarError::NoTar });
        }
        self.begun = true;
        Ok(Some((block, at)))
    }

    fn raw_block(&mut self) -> Result<Block, TarError> {
        let mut block = Block([0; BLOCK]);
        if self.input.fill(&mut block.0)? < BLOCK {
            return Err(TarError::CutOff { at: self.input.at() });
        }
        Ok(block)
    }

    /// The body of a header that tells of the next one, up to its first NUL but for pax.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > TAR_EXTENSION {
            return Err(TarError::TooMuch { what: format!("a name of {size} bytes") });
        }
        self.set_body(size);
        let body = self.read_body(size)?;
        let mut body = body.into_vec();
        while body.last() == Some(&0) {
            body.pop();
        }
        Ok(body)
    }

    /// The first `most` bytes of what is left of the body.
    pub(crate) fn read_body(&mut self, most: u64) -> Result<Box<[u8]>, TarError> {
        let mut body = Vec::new();
        self.read_body_to(most, &mut body)?;
        Ok(body.into_boxed_slice())
    }

    /// Adds the first `most` bytes of what is left of the body to others; how many there were.
    pub(crate) fn read_body_to(&mut self, most: u64, to: &mut Vec<u8>) -> Result<u64, TarError> {
        let len = usize::try_from(most.min(self.left)).unwrap_or(usize::MAX);
        let before = to.len();
        to.reserve_exact(len);
        to.resize(before + len, 0);
        let got = self.input.fill(to.get_mut(before..).unwrap_or_default())?;
        self.left -= got as u64;
        to.truncate(before + got);
        if got < len {
            return Err(TarError::CutOff { at: self.input.at() });
        }
        Ok(got as u64)
    }

    /// Goes on behind the next `count` bytes of the body.
    pub(crate) fn skip_in_body(&mut self, count: u64) -> Result<(), TarError> {
        let count = count.min(self.left);
        let got = self.input.skip(count)?;
        self.left -= got;
        if got < count { Err(TarError::CutOff { at: self.input.at() }) } else { Ok(()) }
    }

    /// What is left of the body, as a stream.
    pub(crate) fn body(&mut self) -> Body<'_, I> {
        Body { walk: self }
    }
}

/// The rest of an entry's body.
pub(crate) struct Body<'a, I> {
    walk: &'a mut Walk<I>,
}

impl<I: Input> Read for Body<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.walk.left).unwrap_or(usize::MAX));
        let got = self.walk.input.fill(buffer.get_mut(..most).unwrap_or_default())?;
        self.walk.left -= got as u64;
        if got < most {
            let why = format!("it is cut off at byte {}", self.walk.input.at());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        Ok(got)
    }
}

/// What a pax header tells of the next entry.
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    real_size: Option<u64>,
    sparse: bool,
}

impl Pax {
    /// `None` when a record is none, or a size no number.
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut pax = Self::default();
        let mut name = None;
        while !bytes.is_empty() {
            let (key, value, rest) = pax_record(bytes)?;
            bytes = rest;
            let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
            // An empty value takes back what a global header said, which is not read at all.
            if value.is_empty() {
                continue;
            }
            match key {
                b"path" => pax.path = Some(value.to_vec()),
                b"linkpath" => pax.link = Some(value.to_vec()),
                b"size" => pax.size = Some(number()?),
                b"GNU.sparse.realsize" | b"GNU.sparse.size" => {
                    pax.real_size = Some(number()?);
                    pax.sparse = true;
                }
                b"GNU.sparse.name" => name = Some(value.to_vec()),
                b"GNU.sparse.major" | b"GNU.sparse.map" => pax.sparse = true,
                _ => {}
            }
        }
        pax.path = name.or(pax.path);
        Some(pax)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::Read as _;

    use super::{TarKind, Walk};
    use crate::tar::Flow;

    /// Path, link, size and content of every entry.
    type Told = Vec<(Vec<u8>, Vec<u8>, u64, Vec<u8>)>;

    fn by_us(bytes: &[u8]) -> Told {
        let mut walk = Walk::new(Flow::new(bytes));
        let mut out = Vec::new();
        while walk.next().unwrap() {
            let linked = matches!(walk.header.kind, TarKind::Link | TarKind::HardLink);
            let link = if linked { walk.header.link.clone() } else { Vec::new() };
            let (path, size) = (walk.header.path.clone(), walk.header.size);
            let mut content = Vec::new();
            walk.body().read_to_end(&mut content).unwrap();
            out.push((path, link, size, content));
        }
        walk.must_have_ended().unwrap();
        out
    }

    fn by_the_crate(bytes: &[u8]) -> Told {
        let mut archive = tar::Archive::new(bytes);
        let told = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let link = entry.link_name_bytes().map(|link| link.to_vec()).unwrap_or_default();
            let (path, size) = (entry.path_bytes().to_vec(), entry.size());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (path, link, size, content)
        });
        told.collect()
    }

    #[test]
    fn the_crate_tar_tells_the_same() {
        let mut builder = tar::Builder::new(Vec::new());
        for len in [1, 99, 100, 101, 155, 156, 255, 256, 1000] {
            let path = format!("a/{}", "n".repeat(len));
            let content = vec![b'x'; len * 7];
            for ustar in [false, true] {
                let mut header = if ustar { tar::Header::new_ustar() } else { tar::Header::new_gnu() };
                header.set_size(content.len() as u64);
                if ustar && len > 99 {
                    builder.append_pax_extensions([("path", path.as_bytes()), ("mtime", b"1.5")]).unwrap();
                    header.set_cksum();
                    builder.append(&header, &*content).unwrap();
                } else {
                    builder.append_data(&mut header, &path, &*content).unwrap();
                }
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(if ustar { tar::EntryType::Link } else { tar::EntryType::Symlink });
                header.set_size(0);
                builder.append_link(&mut header, format!("link{len}"), &path).unwrap();
            }
        }
        let bytes = builder.into_inner().unwrap();
        let told = by_us(&bytes);
        assert_eq!(told.len(), 36);
        assert_eq!(told, by_the_crate(&bytes));
    }
}
