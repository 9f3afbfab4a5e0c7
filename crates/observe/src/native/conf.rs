//! The bytes of `/etc/ld.so.conf`, or of a file that it includes, come in; folders and patterns of further files come out.
//!
//! Rules: glibc's `elf/ldconfig.c`, `parse_conf`. The loader itself reads none of it: these are the folders that `ldconfig`
//! looks into when it writes the cache, which a container runtime lets it do once more when it brings a driver.

use envdiff_files::{ImagePath, Listing};

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A folder.
    Folder(ImagePath),
    /// Files that are read in its place: an absolute pattern, or one relative to the folder of the file.
    Include(Box<[u8]>),
}

/// Reads such a file. Lines that are none are passed over, as `ldconfig` does.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Line> {
    let mut out = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        let word = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if word == b"include" && word.len() < line.len() {
            let patterns = line.get(word.len()..).unwrap_or_default();
            let patterns = patterns.split(u8::is_ascii_whitespace).filter(|pattern| !pattern.is_empty());
            out.extend(patterns.map(|pattern| Line::Include(pattern.into())));
        } else if !word.eq_ignore_ascii_case(b"hwcap") {
            // `FOLDER=TYPE` limits what is taken there.
            let folder = line.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
            out.extend(ImagePath::new(folder).map(Line::Folder));
        }
    }
    out
}

/// The files of a folder that a pattern's last part names, in the order of `glob(3)`; those that begin with a dot only
/// where the pattern does.
pub fn matching<'a>(listing: &'a Listing, pattern: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    listing
        .entries
        .iter()
        .map(|(name, _)| &**name)
        .filter(move |name| name.starts_with(b".") == pattern.starts_with(b".") && is_match(name, pattern))
}

/// `fnmatch(3)` with `*` and `?`.
fn is_match(name: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut star = None;
    while let Some(letter) = name.get(at) {
        match pattern.get(next) {
            Some(b'*') => {
                star = Some((at, next));
                next += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == letter => {
                at += 1;
                next += 1;
            }
            _ => {
                // The last star takes one letter more.
                let Some((from, place)) = star else { return false };
                star = Some((from + 1, place));
                at = from + 1;
                next = place + 1;
            }
        }
    }
    pattern.get(next..).unwrap_or_default().iter().all(|letter| *letter == b'*')
}
