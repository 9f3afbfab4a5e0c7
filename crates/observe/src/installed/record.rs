//! The bytes of a RECORD come in; the files that it lists come out, by path, with hash and size.
//!
//! Rules: the wheel format (PEP 427 and its successor on the packaging pages) and PEP 376: lines of CSV with path, hash,
//! size; a path with a comma or a quote stands in quotes.

use crate::limits::RECORD_LINES;

/// A file that a distribution owns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// As written: from the folder that holds the metadata folder.
    pub path: Box<[u8]>,
    /// `sha256=…`, as written; empty where none is given.
    pub hash: Box<[u8]>,
    /// In bytes, where that is given.
    pub size: Option<u64>,
}

/// What a RECORD lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// By path; of lines with the same path the last.
    pub entries: Vec<Entry>,
    /// There are more lines than are read.
    pub cut: bool,
}

impl Record {
    /// The entry of a path.
    #[must_use]
    pub fn get(&self, path: &[u8]) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| (*entry.path).cmp(path)).ok()?;
        self.entries.get(at)
    }
}

/// Reads a RECORD.
#[must_use]
pub fn parse(bytes: &[u8]) -> Record {
    parse_within(bytes, RECORD_LINES)
}

fn parse_within(bytes: &[u8], most: usize) -> Record {
    let mut entries = Vec::new();
    let mut lines = bytes.split(|b| *b == b'\n');
    for line in lines.by_ref().take(most) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some((path, rest)) = path(line) else { continue };
        let mut fields = rest.split(|b| *b == b',');
        let hash: Box<[u8]> = fields.next().unwrap_or_default().into();
        let size = fields.next().and_then(|s| std::str::from_utf8(s).ok()?.parse().ok());
        entries.push(Entry { path, hash, size });
    }
    let cut = lines.any(|line| !line.is_empty());
    // The last of equal ones stays.
    entries.reverse();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries.dedup_by(|later, first| later.path == first.path);
    Record { entries, cut }
}

/// The first field, and what stands behind its comma.
fn path(line: &[u8]) -> Option<(Box<[u8]>, &[u8])> {
    let Some(quoted) = line.strip_prefix(b"\"") else {
        let end = line.iter().position(|b| *b == b',')?;
        let (path, rest) = line.split_at(end);
        return (!path.is_empty()).then(|| (path.into(), rest.get(1..).unwrap_or_default()));
    };
    let mut path = Vec::new();
    let mut at = 0;
    loop {
        match (quoted.get(at)?, quoted.get(at + 1)) {
            (b'"', Some(b'"')) => {
                path.push(b'"');
                at += 2;
            }
            (b'"', _) => break,
            (byte, _) => {
                path.push(*byte);
                at += 1;
            }
        }
    }
    let rest = quoted.get(at + 1..).unwrap_or_default();
    let rest = rest.strip_prefix(b",").unwrap_or(rest);
    (!path.is_empty()).then(|| (path.into(), rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{parse, parse_within};

    #[test]
    fn lines_of_all_shapes() {
        let record = parse(
            b"cv2/__init__.py,sha256=aa,12\r\n\
              \"a, \"\"b\"\".py\",sha256=bb,3\n\
              x.dist-info/RECORD,,\n\
              broken\n\
              \"open,sha256=cc,1\n\
              ,sha256=dd,1\n\
              cv2/__init__.py,sha256=ee,13\n",
        );
        let told: Vec<(&[u8], &[u8], Option<u64>)> =
            record.entries.iter().map(|e| (&*e.path, &*e.hash, e.size)).collect();
        assert_eq!(
            told,
            [
                (&b"a, \"b\".py"[..], &b"sha256=bb"[..], Some(3)),
                (b"cv2/__init__.py", b"sha256=ee", Some(13)),
                (b"x.dist-info/RECORD", b"", None),
            ]
        );
        assert!(record.get(b"cv2/__init__.py").is_some() && record.get(b"cv2").is_none());
    }

    #[test]
    fn lines_beyond_the_bound_are_not_read() {
        let bytes = b"a,sha256=a,1\nb,sha256=b,1\n";
        let whole = parse_within(bytes, 2);
        assert_eq!((whole.entries.len(), whole.cut), (2, false));
        let part = parse_within(bytes, 1);
        assert_eq!((part.entries.len(), part.cut), (1, true));
    }
}
