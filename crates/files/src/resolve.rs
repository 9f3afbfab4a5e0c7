//! From a path with links to the real path, component by component, inside the root.

use crate::{ImagePath, Kind, Reason};

/// The most links that are followed for one path, as Linux does (`MAXSYMLINKS`).
pub const MAX_HOPS: usize = 40;

/// What a source that resolves links by itself tells of one real path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A link, with its text.
    Link(Box<[u8]>),
    /// Anything else.
    Is(Kind),
}

/// A file system by its real paths: no component of `real` is a link.
pub trait Nodes {
    /// What is there; `Ok(None)` when nothing is.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn node(&mut self, real: &ImagePath) -> Result<Option<Node>, Reason>;
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The real path and what it is; `Link` only when the last link was not to be followed.
    Found(ImagePath, Kind),
    /// Nothing is there.
    Absent,
}

/// Resolves `path` inside the root. `follow_last` says whether a link in the last component is followed.
///
/// Below the mounts that a runtime puts into every container nothing is found, whatever the source holds there.
///
/// # Errors
/// [`Reason::Loop`] past [`MAX_HOPS`] links, [`Reason::PathTooLong`], and what [`Nodes::node`] says.
pub fn resolve(
    nodes: &mut (impl Nodes + ?Sized),
    path: &ImagePath,
    follow_last: bool,
) -> Result<Resolved, Reason> {
    let mut todo: Vec<Box<[u8]>> = path.components().rev().map(Box::from).collect();
    let mut real = ImagePath::root();
    let mut kind = Kind::Folder;
    let mut hops = 0_usize;
    while let Some(part) = todo.pop() {
        if kind != Kind::Folder {
            return Ok(Resolved::Absent);
        }
        if *part == *b".." {
            real = real.parent().unwrap_or(real);
            continue;
        }
        let next = real.join(&part).ok_or(Reason::PathTooLong)?;
        if is_mount_of_the_runtime(&next) {
            return Ok(Resolved::Absent);
        }
        match nodes.node(&next)? {
            None => return Ok(Resolved::Absent),
            Some(Node::Link(_)) if todo.is_empty() && !follow_last => {
                return Ok(Resolved::Found(next, Kind::Link));
            }
            Some(Node::Link(text)) => {
                hops += 1;
                if hops > MAX_HOPS {
                    return Err(Reason::Loop);
                }
                if text.len() > crate::path::MAX_PATH {
                    return Err(Reason::PathTooLong);
                }
                if text.is_empty() {
                    return Ok(Resolved::Absent);
                }
                if text.first() == Some(&b'/') {
                    real = ImagePath::root();
                }
                // A trailing slash asks for a folder; the loop's own test sees a file there only with more to come.
                todo.extend(
                    text.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".").rev().map(Box::from),
                );
                kind = Kind::Folder;
            }
            Some(Node::Is(what)) => {
                real = next;
                kind = what;
            }
        }
    }
    Ok(Resolved::Found(real, kind))
}

/// Whether a real path is what a container runtime mounts or makes itself: every source answers "absent" there, so that
/// all ways of reading tell the same.
#[must_use]
pub fn is_mount_of_the_runtime(real: &ImagePath) -> bool {
    let bytes = real.as_bytes();
    let below =
        |dir: &[u8]| bytes.strip_prefix(dir).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')));
    below(b"/proc")
        || below(b"/sys")
        || below(b"/dev")
        || below(b"/run/secrets")
        || below(b"/.envdiff")
        || [&b"/.dockerenv"[..], b"/etc/hosts", b"/etc/hostname", b"/etc/mtab", b"/etc/resolv.conf"]
            .contains(&bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{Resolved, resolve};
    use crate::{ImagePath, Kind, Literal, Reason};

    fn real(literal: &mut Literal, path: &str) -> Result<Option<String>, Reason> {
        Ok(match resolve(literal, &ImagePath::new(path).unwrap(), true)? {
            Resolved::Found(real, _) => Some(String::from_utf8(real.as_bytes().to_vec()).unwrap()),
            Resolved::Absent => None,
        })
    }

    #[test]
    fn links_stay_inside_the_root() {
        let mut fs = Literal::new()
            .file("/opt/real/x", "1")
            .link("/a", "/opt/real")
            .link("/opt/up", "../../../../opt/real")
            .link("/loop", "loop2")
            .link("/loop2", "/loop")
            .link("/gone", "/nowhere")
            .link("/p", "/proc/self/root");
        assert_eq!(real(&mut fs, "/a/x").unwrap().as_deref(), Some("/opt/real/x"));
        assert_eq!(real(&mut fs, "/opt/up/x").unwrap().as_deref(), Some("/opt/real/x"));
        assert_eq!(
            real(&mut fs, "/a/../real/x").unwrap().as_deref(),
            Some("/opt/real/x"),
            "after the link, not before"
        );
        assert_eq!(real(&mut fs, "/gone").unwrap(), None);
        assert_eq!(real(&mut fs, "/p").unwrap(), None);
        assert_eq!(real(&mut fs, "/a/x/y").unwrap(), None);
        assert_eq!(real(&mut fs, "/loop").unwrap_err(), Reason::Loop);
        let last = resolve(&mut fs, &ImagePath::new("/a").unwrap(), false).unwrap();
        assert_eq!(last, Resolved::Found(ImagePath::new("/a").unwrap(), Kind::Link));
    }
}
