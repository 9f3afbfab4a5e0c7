//! Paths as `os.path` and `pathlib` treat them: texts come in, texts come out.

use std::rc::Rc;

use crate::handler::value::Value;
use crate::handler::world::MODEL_DIR;

/// `os.path.join`.
pub(crate) fn join(parts: &[&str]) -> String {
    let mut out = String::new();
    for part in parts {
        if part.starts_with('/') || out.is_empty() {
            out = (*part).to_owned();
        } else {
            if !out.ends_with('/') {
                out.push('/');
            }
            out.push_str(part);
        }
    }
    out
}

/// `os.path.normpath`.
pub(crate) fn normal(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.last().is_some_and(|last| *last != "..") {
                    parts.pop();
                } else if !rooted {
                    parts.push("..");
                }
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// The absolute, normalised path; relative ones begin in the model's folder, which is the worker's working folder.
pub(crate) fn absolute(path: &str) -> String {
    normal(&join(&[MODEL_DIR, path]))
}

/// `os.path.split`.
pub(crate) fn split(path: &str) -> (String, String) {
    match path.rfind('/') {
        None => (String::new(), path.to_owned()),
        Some(at) => {
            let (head, tail) = path.split_at(at + 1);
            let cut = head.trim_end_matches('/');
            ((if cut.is_empty() { head } else { cut }).to_owned(), tail.to_owned())
        }
    }
}

/// `os.path.splitext`.
pub(crate) fn split_suffix(path: &str) -> (String, String) {
    let begin = path.rfind('/').map_or(0, |at| at + 1);
    let name = path.get(begin..).unwrap_or(path);
    let bare = name.trim_start_matches('.');
    let lead = name.len() - bare.len();
    match bare.rfind('.') {
        Some(at) => {
            let cut = begin + lead + at;
            (path.get(..cut).unwrap_or(path).to_owned(), path.get(cut..).unwrap_or("").to_owned())
        }
        None => (path.to_owned(), String::new()),
    }
}

/// A property of `pathlib.Path`.
pub(crate) fn attribute(path: &str, name: &str) -> Option<Value> {
    let (head, tail) = split(path);
    let (stem, suffix) = split_suffix(&tail);
    Some(match name {
        "name" => Value::str(tail),
        "stem" => Value::str(stem),
        "suffix" => Value::str(suffix),
        "parent" => Value::Path(Rc::from(if head.is_empty() { ".".to_owned() } else { head })),
        "parents" | "parts" | "drive" | "root" | "anchor" | "suffixes" => Value::Unknown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{absolute, join, normal, split, split_suffix};

    #[test]
    fn paths_are_pythons() {
        assert_eq!(join(&["/a", "b", "c.txt"]), "/a/b/c.txt");
        assert_eq!(join(&["/a/", "/b"]), "/b");
        assert_eq!(join(&["", "b"]), "b");
        assert_eq!(normal("/a/./b/../c//d"), "/a/c/d");
        assert_eq!(normal("a/../../b"), "../b");
        assert_eq!(absolute("x.json"), "/tmp/models/<model_dir>/x.json");
        assert_eq!(split("/a/b.c"), ("/a".to_owned(), "b.c".to_owned()));
        assert_eq!(split("/b"), ("/".to_owned(), "b".to_owned()));
        assert_eq!(split_suffix("/a.b/c"), ("/a.b/c".to_owned(), String::new()));
        assert_eq!(split_suffix("x/.bashrc"), ("x/.bashrc".to_owned(), String::new()));
        assert_eq!(split_suffix("x/a.tar.gz"), ("x/a.tar".to_owned(), ".gz".to_owned()));
    }
}
