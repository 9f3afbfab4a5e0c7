//! The corpus images in the local engine in; that our view of their layer folders is what `docker export` tells out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Command, Stdio};

use envdiff_files::{Answer, Ask, ImagePath, Kind, Reply, Source, is_mount_of_the_runtime};

use super::LayerFolders;
use crate::{Events, ImageError, OpenOptions, Opened, TargetSpec, open};

/// Kind, size, content or link text where they are small.
type Told = (Kind, u64, Vec<u8>);

const SMALL: u64 = 16 << 10;

fn docker(args: &[&str]) -> Option<String> {
    let out = Command::new("docker").args(args).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// What the engine makes of every container, whatever the image; the contract's list has the others.
fn is_made_by_the_engine(path: &[u8]) -> bool {
    path == b"/etc/mtab" || path == b"/etc"
}

fn exported(image: &str) -> BTreeMap<Vec<u8>, Told> {
    let container = docker(&["create", "--network", "none", image, "x"]).expect("a container");
    let mut child =
        Command::new("docker").args(["export", &container]).stdout(Stdio::piped()).spawn().unwrap();
    let mut archive = tar::Archive::new(child.stdout.take().unwrap());
    let mut out: BTreeMap<Vec<u8>, Told> = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = [b"/", entry.path_bytes().strip_suffix(b"/").unwrap_or(&entry.path_bytes())].concat();
        let link = entry.link_name_bytes().map(|l| l.into_owned()).unwrap_or_default();
        let told = match entry.header().entry_type() {
            tar::EntryType::Directory => (Kind::Folder, 0, Vec::new()),
            tar::EntryType::Symlink => (Kind::Link, 0, link),
            tar::EntryType::Link => {
                out.get(&[b"/", &link[..]].concat()).expect("a hard link's target").clone()
            }
            tar::EntryType::Regular => {
                let size = entry.size();
                let mut content = Vec::new();
                if size <= SMALL {
                    entry.read_to_end(&mut content).unwrap();
                }
                (Kind::File, size, content)
            }
            _ => (Kind::Other, 0, Vec::new()),
        };
        out.insert(path, told);
    }
    assert!(child.wait().unwrap().success());
    docker(&["rm", "-f", &container]).expect("removed");
    out.retain(|path, _| {
        !is_made_by_the_engine(path) && !is_mount_of_the_runtime(&ImagePath::new(path).unwrap())
    });
    out
}

fn from_layers(image: &str) -> BTreeMap<Vec<u8>, Told> {
    let of = |what: &str| {
        docker(&["image", "inspect", "-f", &format!("{{{{ {what} }}}}"), image]).expect("an inspection")
    };
    let lower = of("if .GraphDriver.Data.LowerDir }}{{ .GraphDriver.Data.LowerDir }}{{ end");
    let layers =
        LayerFolders::new(&of(".GraphDriver.Name"), Some(&of(".GraphDriver.Data.UpperDir")), Some(&lower))
            .unwrap();
    assert_eq!(layers.count().to_string(), of("len .RootFS.Layers"));
    told_by(&mut layers.open().unwrap(), layers.count())
}

/// Everything that a source tells, with the contents of what is small.
fn told_by(source: &mut dyn Source<Error = ImageError>, layers: usize) -> BTreeMap<Vec<u8>, Told> {
    let tree = Ask::Tree { path: ImagePath::root(), depth: u32::MAX, suffixes: Vec::new() };
    let replies = source.answer(&[tree]).unwrap();
    let Some(Reply::Answered(answered)) = replies.first() else { panic!("no tree: {replies:?}") };
    let Answer::Tree(entries) = &answered.answer else { panic!("no tree") };
    let mut out = BTreeMap::new();
    let mut paths = Vec::new();
    for entry in entries.iter() {
        let path = ImagePath::root().join(&entry.path).unwrap();
        if is_made_by_the_engine(path.as_bytes()) {
            continue;
        }
        let ask = match entry.kind {
            Kind::Link => Ask::Link(path.clone()),
            Kind::File if entry.size <= SMALL => Ask::Read { path: path.clone(), limit: SMALL },
            _ => Ask::Stat(path.clone()),
        };
        paths.push((path, entry.kind, entry.size, ask));
    }
    let asks: Vec<Ask> = paths.iter().map(|(.., ask)| ask.clone()).collect();
    for (reply, (path, kind, size, _)) in source.answer(&asks).unwrap().into_iter().zip(paths) {
        let Reply::Answered(answered) = reply else { panic!("{path:?}: {reply:?}") };
        assert!(answered.layer.unwrap() < layers);
        assert_eq!(answered.real, path);
        let content = match answered.answer {
            Answer::Link(text) => text.to_vec(),
            Answer::Bytes(bytes) => bytes.content.to_vec(),
            Answer::Stat(stat) => {
                assert_eq!((stat.kind, stat.size), (kind, size));
                Vec::new()
            }
            other => panic!("{path:?}: {other:?}"),
        };
        out.insert(path.as_bytes().to_vec(), (kind, size, content));
    }
    out
}

#[test]
fn every_corpus_image_is_as_its_container_sees_it() {
    let images = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).unwrap_or_default();
    let root = std::fs::metadata("/var/lib/docker").and_then(|_| std::fs::read_dir("/var/lib/docker/image"));
    let mut corpus: Vec<&str> = images.lines().filter(|i| i.starts_with("envdiff-corpus/")).collect();
    corpus.sort_unstable();
    if corpus.is_empty() || root.is_err() {
        assert!(std::env::var_os("CI").is_none(), "the corpus images, the engine or root are not there");
        println!("skipped: the corpus images, the engine or root are not there");
        return;
    }
    for image in corpus {
        let (exported, ours) = (exported(image), from_layers(image));
        for (path, told) in &exported {
            let path_text = String::from_utf8_lossy(path);
            match ours.get(path) {
                Some(seen) => assert!(seen == told, "{image} {path_text}: {:?} is {:?}", told.0, seen.0),
                None => panic!("{image} {path_text}: is not in our view"),
            }
        }
        let more: Vec<_> = ours.keys().filter(|path| !exported.contains_key(*path)).collect();
        assert!(
            more.is_empty(),
            "{image}: more in our view: {:?}",
            more.iter().map(|p| String::from_utf8_lossy(p)).collect::<Vec<_>>()
        );
        println!("{image}: {} entries", ours.len());
    }
}

struct Quiet;
impl Events for Quiet {
    fn step(&self, _: &'static str, _: u64) {}
}

#[test]
fn what_the_engine_saves_is_what_its_layer_folders_hold() {
    let image = "envdiff-corpus/layers:latest";
    let there = docker(&["image", "inspect", image]).is_some();
    if !there || std::fs::read_dir("/var/lib/docker/image").is_err() {
        assert!(std::env::var_os("CI").is_none(), "the corpus images, the engine or root are not there");
        println!("skipped: the corpus images, the engine or root are not there");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("saved.tar");
    docker(&["save", "-o", file.to_str().unwrap(), image]).expect("saved");
    let quiet: std::sync::Arc<dyn Events> = std::sync::Arc::new(Quiet);
    let spec = TargetSpec::Archive { file, image: None };
    let Ok(Opened::Files(mut files)) = open(&spec, &OpenOptions::default(), &quiet) else {
        panic!("not opened")
    };
    let id = docker(&["image", "inspect", "-f", "{{ .Id }}", image]).unwrap();
    assert_eq!(files.target.id.as_ref().unwrap().to_lossy(), id);
    let layers = files.target.layers.as_ref().unwrap().len();
    let (saved, ours) = (told_by(&mut *files.source, layers), from_layers(image));
    assert!(saved.keys().eq(ours.keys()), "other paths");
    for (path, told) in &saved {
        assert!(ours.get(path) == Some(told), "{}", String::from_utf8_lossy(path));
    }
}
