//! A folder on this machine comes in; its files come out, links followed as long as they stay in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::tree::{Body, Leaf, Refused, Tree};
use crate::limits::MOST_ENTRIES;

/// What was met.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) tree: Tree,
    /// Links that lead out of the folder.
    pub(crate) outside: Vec<String>,
    /// What cannot be listed or is no file.
    pub(crate) unreadable: Vec<String>,
    pub(crate) bound: Option<&'static str>,
}

/// How deep folders are followed, links included.
const DEEPEST: usize = 64;

/// The entries of a folder; hidden ones count.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)?.take(MOST_ENTRIES) {
        let path = entry?.path();
        let is_folder = path.is_dir();
        found.push((path, is_folder));
    }
    found.sort();
    Ok(found)
}

/// All files below a folder.
pub(crate) fn walk(root: &Path) -> io::Result<Walked> {
    let real = root.canonicalize()?;
    let mut walked = Walked::default();
    let mut open = vec![(root.to_owned(), String::new(), 0)];
    let mut count = 0;
    while let Some((folder, path, depth)) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if path.is_empty() => return Err(error),
            Err(_) => {
                walked.unreadable.push(path);
                continue;
            }
        };
        for entry in entries {
            count += 1;
            if count > MOST_ENTRIES {
                walked.bound = Some("more than 200,000 entries");
                return Ok(walked);
            }
            let Ok(entry) = entry else { continue };
            let name = entry.file_name().to_string_lossy().into_owned();
            let below = if path.is_empty() { name } else { format!("{path}/{name}") };
            let is_inside = match entry.path().canonicalize() {
                Ok(target) => target.starts_with(&real),
                Err(_) => {
                    walked.unreadable.push(below);
                    continue;
                }
            };
            let put = match fs::metadata(entry.path()) {
                _ if !is_inside => {
                    walked.outside.push(below.clone());
                    walked.tree.file(&below, Leaf { body: Body::Outside, verified: false })
                }
                Ok(meta) if meta.is_dir() => {
                    if depth < DEEPEST {
                        open.push((entry.path(), below.clone(), depth + 1));
                    }
                    walked.tree.folder(&below)
                }
                Ok(meta) if meta.is_file() => {
                    let body = Body::Disk(entry.path(), meta.len());
                    walked.tree.file(&below, Leaf { body, verified: true })
                }
                _ => {
                    walked.unreadable.push(below);
                    Ok(())
                }
            };
            if let Err(refused) = put {
                walked.bound = Some(match refused {
                    Refused::PathTooLong => "a path of more than 4,096 bytes",
                    _ => "more than 400,000 files and folders",
                });
                return Ok(walked);
            }
        }
    }
    Ok(walked)
}
