//! The images in the local engine in; that our view of their layer folders is what `docker export` tells, entry by entry, out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use envdiff_files::{Answer, Ask, ImagePath, Kind, Reply, Source as _, is_mount_of_the_runtime};
use envdiff_image::{Events, Files, OpenOptions, Opened, ReadBy, TargetSpec, open};
use envdiff_tests::{docker, each_of_two, engine, exported, images, skip};

/// Kind, size, content or link text where they are small.
type Told = (Kind, u64, Vec<u8>);

const SMALL: u64 = 16 << 10;

/// What the engine makes of every container, whatever the image; the contract's list has the others.
fn is_made_by_the_engine(path: &[u8]) -> bool {
    path == b"/etc/mtab" || path == b"/etc"
}

fn from_export(image: &str) -> BTreeMap<Vec<u8>, Told> {
    let mut archive =
        tar::Archive::new(std::io::BufReader::new(std::fs::File::open(exported(image)).unwrap()));
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
    out.retain(|path, _| {
        !is_made_by_the_engine(path) && !is_mount_of_the_runtime(&ImagePath::new(path).unwrap())
    });
    out
}

fn opened(target: TargetSpec) -> Box<Files> {
    let options = OpenOptions { read: ReadBy::Layers, ..OpenOptions::default() };
    let quiet: Arc<dyn Events> = Arc::new(Quiet);
    match open(&target, &options, &quiet) {
        Ok(Opened::Files(files)) => files,
        Ok(Opened::Snapshot(_)) => panic!("{target:?} is a snapshot"),
        Err(error) => panic!("{target:?}: {error}"),
    }
}

/// Everything that a source tells, with the contents of what is small.
fn told_by(mut files: Box<Files>) -> BTreeMap<Vec<u8>, Told> {
    let layers = files.target.layers.as_ref().unwrap().len();
    let source = &mut files.source;
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

/// Whether the engine's layer folders can be read here; if not, the test is skipped.
fn layer_folders() -> bool {
    let there = engine() && std::fs::read_dir("/var/lib/docker/image").is_ok();
    if !there {
        skip("the engine's layer folders cannot be read");
    }
    there
}

#[test]
fn every_image_is_as_its_container_sees_it() {
    if !layer_folders() {
        return;
    }
    let images = images();
    if images.is_empty() {
        skip("no image is built (tests/images.sh)");
        return;
    }
    each_of_two(&images, |image| {
        let exported = from_export(image);
        let ours = told_by(opened(TargetSpec::Docker(image.to_owned())));
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
    });
}

struct Quiet;
impl Events for Quiet {
    fn step(&self, _: &'static str, _: u64) {}
}

#[test]
fn what_the_engine_saves_is_what_its_layer_folders_hold() {
    let image = "envdiff-corpus/layers";
    if !layer_folders() || !envdiff_tests::image(image) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("saved.tar");
    docker(&["save", "-o", file.to_str().unwrap(), image]);
    let files = opened(TargetSpec::Archive { file, image: None });
    let id = docker(&["image", "inspect", "-f", "{{ .Id }}", image]);
    assert_eq!(files.target.id.as_ref().unwrap().to_lossy(), id);
    let (saved, ours) = (told_by(files), told_by(opened(TargetSpec::Docker(image.to_owned()))));
    assert!(saved.keys().eq(ours.keys()), "other paths");
    for (path, told) in &saved {
        assert!(ours.get(path) == Some(told), "{}", String::from_utf8_lossy(path));
    }
}
