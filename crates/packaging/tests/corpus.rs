//! The corpus of requirement files comes in, each with what pip 26.3 and `packaging` 26.3 say of every line; what is
//! read here must be the same. The verdicts against images are judged elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use envdiff_packaging::LinkKind;
use envdiff_packaging::file::{self, Entry, ProblemKind, ReadError, Reader, RequirementFile};
use serde_json::{Value as Json, json};

/// The folder of the corpus; `None`, said aloud, where there is none on this machine.
fn corpus() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let folder = std::env::var_os("ENVDIFF_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.is_dir() {
        return Some(folder.canonicalize().unwrap());
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no corpus: set ENVDIFF_CORPUS");
    eprintln!("skipped: no corpus (ENVDIFF_CORPUS)");
    None
}

struct Disk;

impl Reader for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        std::fs::read(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ReadError::Absent,
            _ => ReadError::Unreadable(error.to_string()),
        })
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "WHEEL_HOST").then(|| "wheels.example.com".to_owned())
    }
}

fn relative(root: &Path, file: &envdiff_model::Text) -> String {
    let file = file.as_str().unwrap();
    let root = root.to_str().unwrap();
    file.strip_prefix(root).map_or(file, |rest| rest.trim_start_matches('/')).to_owned()
}

/// The fields of a truth's row that reading alone decides.
fn row(root: &Path, entry: &Entry) -> Json {
    let mut row =
        json!({"file": relative(root, &entry.at.file), "line": entry.at.line, "text": entry.real.reveal()});
    let mut set = |key: &str, value: Json| row[key] = value;
    if entry.constraint {
        set("constraint", json!(true));
    }
    let Ok(asked) = &entry.asked else {
        set("verdict", json!("invalid"));
        return row;
    };
    set("name", json!(asked.name_written));
    if entry.editable {
        set("editable", json!(true));
    }
    if let Some(link) = &asked.link {
        let url = link.url.real.reveal();
        // pip turns a path that it takes into a URL; one that is not there stays as written, brackets included.
        let is_taken = asked.name.is_some() || url.ends_with(".tar.gz") || (url == "." && entry.editable);
        let url = if link.kind == LinkKind::Path && is_taken {
            format!("file://{}", url.trim_start_matches("./"))
        } else if link.kind == LinkKind::Path {
            url.split('[').next().unwrap().to_owned()
        } else {
            url.to_owned()
        };
        set("url", json!(url));
    }
    if asked.link.as_ref().is_none_or(|link| link.kind != LinkKind::Path || asked.name.is_some()) {
        set("specifier", json!(asked.specifiers.to_string()));
        set("extras", json!(asked.extras));
    }
    if let Some(marker) = &asked.marker {
        set("marker", json!(marker.to_string()));
    }
    if !entry.hashes.is_empty() {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (algorithm, _) in &entry.hashes {
            *counts.entry(algorithm).or_default() += 1;
        }
        set("hashes", json!(counts));
    }
    row
}

/// The same fields of the truth.
fn truth_row(truth: &Json) -> Json {
    let mut row = json!({"file": truth["file"], "line": truth["line"], "text": truth["text"]});
    if truth["verdict"] == "invalid" {
        row["verdict"] = json!("invalid");
        if truth.get("constraint").is_some() {
            row["constraint"] = json!(true);
        }
        return row;
    }
    for key in ["constraint", "name", "url", "specifier", "extras", "marker", "hashes"] {
        if let Some(value) = truth.get(key) {
            row[key] = value.clone();
        }
    }
    if truth["editable"] == json!(true) {
        row["editable"] = json!(true);
    }
    if truth["name"].is_null() {
        row["name"] = Json::Null;
        let url = truth["url"].as_str().unwrap();
        if !url.contains("://") {
            row["url"] = json!(url.split('[').next().unwrap());
        }
        if !url.contains("://")
            || url.starts_with("file://.")
            || !url.contains(":///") && url.starts_with("file://")
        {
            for key in ["specifier", "extras"] {
                row.as_object_mut().unwrap().remove(key);
            }
        }
    }
    row
}

fn kind(problem: &str) -> ProblemKind {
    if problem.starts_with("Could not open") {
        ProblemKind::MissingInclude
    } else if problem.contains("recursively references itself") {
        ProblemKind::Cycle
    } else if problem.starts_with("LookupError") {
        ProblemKind::UnknownEncoding
    } else if problem.starts_with("UnicodeDecodeError") {
        ProblemKind::Undecodable
    } else if problem.starts_with("not fetched") {
        ProblemKind::NotFetched
    } else {
        panic!("{problem}")
    }
}

fn compare(name: &str, root: &Path, read: &RequirementFile, truth: &Json) -> usize {
    let ours: Vec<Json> = read.entries.iter().map(|entry| row(root, entry)).collect();
    let theirs: Vec<Json> = truth["requirements"].as_array().unwrap().iter().map(truth_row).collect();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{name}");
    }
    assert_eq!(ours.len(), theirs.len(), "{name}");

    let ours: Vec<Json> = read
        .options
        .iter()
        .map(|line| json!({"file": relative(root, &line.at.file), "line": line.at.line, "text": line.real.reveal()}))
        .collect();
    assert_eq!(json!(ours), truth["options"], "{name}");

    let theirs: Vec<ProblemKind> =
        truth["problems"].as_array().unwrap().iter().map(|p| kind(p.as_str().unwrap())).collect();
    assert_eq!(read.problems.iter().map(|p| p.kind).collect::<Vec<_>>(), theirs, "{name}");

    let refused = !read.problems.is_empty() || read.entries.iter().any(|entry| entry.asked.is_err());
    assert!(!refused || !truth["pip_says"].is_null(), "{name}: pip takes it whole");
    read.entries.len()
}

#[test]
fn every_line_as_pip_reads_it() {
    let Some(corpus) = corpus() else { return };
    let locks = corpus.join("locks/requirements");
    let mut files = 0;
    let mut lines = 0;
    let mut truths: Vec<_> =
        std::fs::read_dir(locks.join("truth")).unwrap().map(|e| e.unwrap().path()).collect();
    truths.sort();
    for path in truths {
        let truth: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let lock = locks.join(truth["lock"].as_str().unwrap());
        let read = file::read(lock.to_str().unwrap(), &Disk).unwrap();
        lines += compare(path.file_stem().unwrap().to_str().unwrap(), lock.parent().unwrap(), &read, &truth);
        files += 1;
    }
    eprintln!("{files} truths, {lines} lines");
    assert!(files > 0);
}

#[test]
fn every_place_is_where_the_text_stands() {
    let Some(corpus) = corpus() else { return };
    for entry in std::fs::read_dir(corpus.join("locks/requirements")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let read = file::read(path.to_str().unwrap(), &Disk).unwrap();
        for entry in &read.entries {
            let Some(source) = read.sources.iter().find(|source| source.file == entry.at.file) else {
                continue;
            };
            let line: Vec<char> = source.line(entry.at.line).unwrap().as_str().unwrap().chars().collect();
            let stands: String = line[entry.at.column - 1..entry.at.end_column - 1].iter().collect();
            let written = entry.requirement.as_str().unwrap();
            let fits =
                |stands: &str| written.starts_with(stands.trim_end_matches('\\')) && !stands.is_empty();
            assert!(fits(&stands), "{path:?} {:?}: {stands} for {written}", entry.at);
        }
    }
}
