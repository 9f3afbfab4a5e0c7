//! A path in the image: absolute raw bytes, never a path of the host.

use std::fmt;

/// The longest path that is asked for, in bytes (contract, section 7).
pub const MAX_PATH: usize = 4096;

/// An absolute path inside an image. Double slashes and `.` are dropped; `..` stays, for it means something only after
/// the links before it are resolved. No NUL, at most [`MAX_PATH`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(Box<[u8]>);

impl ImagePath {
    /// `/`
    #[must_use]
    pub fn root() -> Self {
        Self(Box::from(&b"/"[..]))
    }

    /// A path from the text of an absolute path; `None` when it is relative, holds a NUL or is too long.
    #[must_use]
    pub fn new(path: impl AsRef<[u8]>) -> Option<Self> {
        let path = path.as_ref();
        if path.first() != Some(&b'/') || path.len() > MAX_PATH || path.contains(&0) {
            return None;
        }
        let mut out = Vec::with_capacity(path.len());
        for part in path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
            out.push(b'/');
            out.extend_from_slice(part);
        }
        if out.is_empty() {
            out.push(b'/');
        }
        Some(Self(out.into_boxed_slice()))
    }

    /// This path with `more` behind it; an absolute `more` stands alone, as for `os.path.join`. `None` as for [`Self::new`].
    #[must_use]
    pub fn join(&self, more: impl AsRef<[u8]>) -> Option<Self> {
        let more = more.as_ref();
        if more.first() == Some(&b'/') {
            return Self::new(more);
        }
        let mut out = self.0.to_vec();
        out.push(b'/');
        out.extend_from_slice(more);
        Self::new(out)
    }

    /// The path without its last component; `None` for the root. Purely lexical: links are not looked at.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if &*self.0 == b"/" {
            return None;
        }
        let at = self.0.iter().rposition(|b| *b == b'/')?;
        Some(if at == 0 { Self::root() } else { Self(Box::from(self.0.get(..at)?)) })
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|b| *b == b'/').next().unwrap_or_default()
    }

    /// The components from the top, `..` among them.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/').filter(|p| !p.is_empty())
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this path is `dir` or lies below it, lexically.
    #[must_use]
    pub fn is_below(&self, dir: &Self) -> bool {
        match self.0.strip_prefix(&*dir.0) {
            Some(rest) => rest.is_empty() || rest.first() == Some(&b'/') || &*dir.0 == b"/",
            None => false,
        }
    }

    /// What `..` and `.` leave when no component is a link (`os.path.normpath`).
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in self.components() {
            if part == b".." {
                parts.pop();
            } else {
                parts.push(part);
            }
        }
        let mut out = Vec::with_capacity(self.0.len());
        for part in parts {
            out.push(b'/');
            out.extend_from_slice(part);
        }
        if out.is_empty() {
            out.push(b'/');
        }
        Self(out.into_boxed_slice())
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::ImagePath;

    #[test]
    fn doubles_and_dots_go_and_parents_stay() {
        let path = |p: &str| ImagePath::new(p).map(|p| String::from_utf8_lossy(p.as_bytes()).into_owned());
        assert_eq!(path("//a/./b//").as_deref(), Some("/a/b"));
        assert_eq!(path("/a/../b").as_deref(), Some("/a/../b"));
        assert_eq!(path("/").as_deref(), Some("/"));
        assert_eq!(path("a"), None);
        assert_eq!(path("/a\0b"), None);
        assert_eq!(ImagePath::new("/a/../../b/c/..").unwrap().normalised(), ImagePath::new("/b").unwrap());
    }

    #[test]
    fn below_means_whole_components() {
        let path = |p: &str| ImagePath::new(p).unwrap();
        assert!(path("/proc/self").is_below(&path("/proc")));
        assert!(path("/proc").is_below(&path("/proc")));
        assert!(!path("/process").is_below(&path("/proc")));
        assert!(path("/x").is_below(&ImagePath::root()));
        assert_eq!(path("/a").parent(), Some(ImagePath::root()));
        assert_eq!(ImagePath::root().parent(), None);
    }
}
