//! Entries of an archive come in, one after the other, as the server writes them to its disk; the files and folders that are
//! there in the end come out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::limits::{LONGEST_PATH, MOST_NODES};

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// Nowhere: it is empty.
    Empty,
    /// As they are in the archive.
    Stored { at: u64, len: u64 },
    /// Deflated in the archive.
    Deflated { at: u64, size: u64 },
    /// In memory.
    Held(Arc<[u8]>),
    /// In the stream of a tar that begins at `at` in the archive.
    Streamed { at: u64, skip: u64, size: u64 },
    /// A file on this machine.
    Disk(PathBuf, u64),
    /// A link that leads out of the folder.
    Outside,
}

impl Body {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Empty | Self::Outside => 0,
            Self::Stored { len, .. } => *len,
            Self::Deflated { size, .. } | Self::Streamed { size, .. } | Self::Disk(_, size) => *size,
            Self::Held(bytes) => bytes.len() as u64,
        }
    }
}

/// A file.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) body: Body,
    /// Whether its content was read and its checksum fits, or there is none to compare with.
    pub(crate) verified: bool,
}

#[derive(Debug)]
enum Node {
    Folder { up: usize, names: BTreeMap<Box<str>, usize> },
    File(Leaf),
}

/// Why an entry cannot be written; the words are Java's as far as they do not name the random folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Something on the way is a file.
    FileInTheWay(String),
    /// It is a folder where a file is to be written.
    IsFolder,
    /// A part of the name is longer than 255 bytes.
    NameTooLong,
    /// A folder above one that is not there.
    NoSuchFolder,
    /// A byte that no path has.
    Nul,
    /// Our own bound on the number of files and folders.
    TooMany,
    /// Our own bound on the length of a path.
    PathTooLong,
}

/// Files and folders; the first node is the root.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    bound: usize,
}

/// The longest name that Linux' file systems take, in bytes.
const LONGEST_NAME: usize = 255;

impl Default for Tree {
    fn default() -> Self {
        Self::within(MOST_NODES)
    }
}

impl Tree {
    pub(crate) fn within(bound: usize) -> Self {
        Self { nodes: vec![Node::Folder { up: 0, names: BTreeMap::new() }], bound }
    }

    fn child(&self, folder: usize, name: &str) -> Option<usize> {
        match self.nodes.get(folder)? {
            Node::Folder { names, .. } => names.get(name).copied(),
            Node::File(_) => None,
        }
    }

    fn is_folder(&self, node: usize) -> bool {
        matches!(self.nodes.get(node), Some(Node::Folder { .. }))
    }

    fn up(&self, node: usize) -> usize {
        match self.nodes.get(node) {
            Some(Node::Folder { up, .. }) => *up,
            _ => 0,
        }
    }

    fn put(&mut self, folder: usize, name: &str, node: Node) -> Result<usize, Refused> {
        if name.len() > LONGEST_NAME {
            return Err(Refused::NameTooLong);
        }
        if self.nodes.len() >= self.bound {
            return Err(Refused::TooMany);
        }
        let new = self.nodes.len();
        if let Some(Node::Folder { names, .. }) = self.nodes.get_mut(folder) {
            names.insert(name.into(), new);
        }
        self.nodes.push(node);
        Ok(new)
    }

    fn check(path: &str) -> Result<(), Refused> {
        if path.contains('\0') {
            return Err(Refused::Nul);
        }
        if path.len() > LONGEST_PATH { Err(Refused::PathTooLong) } else { Ok(()) }
    }

    /// Makes a folder with those above it, as far as they are not there.
    pub(crate) fn folder(&mut self, path: &str) -> Result<(), Refused> {
        self.make(path).map(|_| ())
    }

    fn make(&mut self, path: &str) -> Result<usize, Refused> {
        Self::check(path)?;
        let mut at = 0;
        let mut is_new = false;
        for (done, part) in parts(path) {
            at = match part {
                "." => at,
                // Java asks the system for the folder above one that it has not made yet.
                ".." if is_new => return Err(Refused::NoSuchFolder),
                ".." => self.up(at),
                name => match self.child(at, name) {
                    Some(there) if self.is_folder(there) => there,
                    Some(_) => return Err(Refused::FileInTheWay(done.to_owned())),
                    None => {
                        is_new = true;
                        self.put(at, name, Node::Folder { up: at, names: BTreeMap::new() })?
                    }
                },
            };
        }
        Ok(at)
    }

    /// Writes a file, over one that is there, and makes the folders above it.
    pub(crate) fn file(&mut self, path: &str, leaf: Leaf) -> Result<(), Refused> {
        Self::check(path)?;
        let path = path.trim_end_matches('/');
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self.make(above)?;
        if matches!(name, "" | "." | "..") {
            return Err(Refused::IsFolder);
        }
        match self.child(folder, name) {
            Some(there) if self.is_folder(there) => Err(Refused::IsFolder),
            Some(there) => {
                if let Some(node) = self.nodes.get_mut(there) {
                    *node = Node::File(leaf);
                }
                Ok(())
            }
            None => self.put(folder, name, Node::File(leaf)).map(|_| ()),
        }
    }

    fn find(&self, path: &str) -> Option<usize> {
        let mut at = 0;
        for (_, part) in parts(path) {
            if !self.is_folder(at) {
                return None;
            }
            at = match part {
                "." => at,
                ".." if at == 0 => return None,
                ".." => self.up(at),
                name => self.child(at, name)?,
            };
        }
        if path.ends_with('/') && !self.is_folder(at) { None } else { Some(at) }
    }

    pub(crate) fn leaf(&self, path: &str) -> Option<&Leaf> {
        match self.nodes.get(self.find(path)?)? {
            Node::File(leaf) => Some(leaf),
            Node::Folder { .. } => None,
        }
    }

    pub(crate) fn has_folder(&self, path: &str) -> bool {
        self.find(path).is_some_and(|node| self.is_folder(node))
    }

    /// The entries of a folder by name: whether each is a folder.
    pub(crate) fn list(&self, path: &str) -> Option<Vec<(&str, bool)>> {
        match self.nodes.get(self.find(path)?)? {
            Node::Folder { names, .. } => {
                Some(names.iter().map(|(name, node)| (&**name, self.is_folder(*node))).collect())
            }
            Node::File(_) => None,
        }
    }

    /// All files with their paths, by path.
    pub(crate) fn files(&self) -> Vec<(String, &Leaf)> {
        let mut out = Vec::new();
        let mut open: Vec<(usize, String)> = vec![(0, String::new())];
        while let Some((node, path)) = open.pop() {
            match self.nodes.get(node) {
                Some(Node::File(leaf)) => out.push((path, leaf)),
                Some(Node::Folder { names, .. }) => {
                    for (name, child) in names.iter().rev() {
                        let below = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
                        open.push((*child, below));
                    }
                }
                None => {}
            }
        }
        out
    }
}

/// The parts of a path, each with what has been passed up to its end.
fn parts(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut at = 0;
    path.split('/').filter_map(move |part| {
        let end = at + part.len();
        at = end + 1;
        (!part.is_empty()).then(|| (path.get(..end).unwrap_or(path).trim_start_matches('/'), part))
    })
}

/// Whether a path, its dots resolved by their text, leads out of where it begins.
pub(crate) fn leads_out(path: &str) -> bool {
    let mut depth = 0_usize;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn leaf(bytes: &[u8]) -> Leaf {
        Leaf { body: Body::Held(bytes.into()), verified: true }
    }

    #[test]
    fn files_and_folders_get_into_each_other_s_way() {
        let mut tree = Tree::default();
        tree.file("/a//b", leaf(b"1")).unwrap();
        tree.file("a/b", leaf(b"22")).unwrap();
        assert_eq!(tree.leaf("a/./b").unwrap().body.size(), 2);
        assert_eq!(tree.file("a/b/c", leaf(b"")), Err(Refused::FileInTheWay("a/b".to_owned())));
        assert_eq!(tree.folder("a/b/"), Err(Refused::FileInTheWay("a/b".to_owned())));
        assert_eq!(tree.file("a", leaf(b"")), Err(Refused::IsFolder));
        assert_eq!(tree.folder("new/../x"), Err(Refused::NoSuchFolder));
        tree.file("a/../c", leaf(b"3")).unwrap();
        assert!(tree.leaf("c").is_some() && tree.leaf("c/").is_none() && tree.has_folder(""));
        assert_eq!(tree.list("a").unwrap(), [("b", false)]);
        let names: Vec<String> = tree.files().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a/b", "c"]);
    }

    #[test]
    fn what_leads_out() {
        for (path, out) in
            [("a/../b", false), ("../b", true), ("/../b", true), ("a/../../b", true), ("a..b", false)]
        {
            assert_eq!(leads_out(path), out, "{path}");
        }
    }
}
