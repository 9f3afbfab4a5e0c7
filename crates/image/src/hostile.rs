//! Folders, layers and archives made to harm in; a reply or one clear message out, never a wait, a panic or a byte from
//! outside the root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use envdiff_files::{Answer, Answered, Ask, ImagePath, Likely, Reason, Reply, Source};

use crate::disk::{Disk, Marks};
use crate::folder::OnDisk;
use crate::{
    Events, Files, ImageError, OpenOptions, Opened, TargetSpec, index_tar_bytes, open, read_archive_bytes,
};

struct Quiet;
impl Events for Quiet {
    fn step(&self, _: &'static str, _: u64) {}
}

pub(crate) fn opened(spec: &TargetSpec) -> Result<Files, ImageError> {
    let quiet: Arc<dyn Events> = Arc::new(Quiet);
    match open(spec, &OpenOptions::default(), &quiet)? {
        Opened::Files(files) => Ok(*files),
        Opened::Snapshot(_) => panic!("a snapshot"),
    }
}

fn path(path: &str) -> ImagePath {
    ImagePath::new(path).unwrap()
}

pub(crate) fn read(source: &mut (impl Source<Error = ImageError> + ?Sized), name: &str) -> Reply {
    let ask = Ask::Read { path: path(name), limit: 1 << 20 };
    source.answer(&[ask]).unwrap().pop().unwrap()
}

fn bytes(reply: &Reply) -> Option<&[u8]> {
    match reply {
        Reply::Answered(Answered { answer: Answer::Bytes(bytes), .. }) => Some(&bytes.content),
        _ => None,
    }
}

#[test]
fn what_is_no_regular_file_is_never_opened() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "host").unwrap();
    let here = |name: &str| root.join(name);
    let _socket = std::os::unix::net::UnixListener::bind(here("socket")).unwrap();
    symlink(&secret, here("absolute")).unwrap();
    symlink("../secret", here("relative")).unwrap();
    symlink("../../../../../../../../etc/passwd", here("far")).unwrap();
    symlink("b", here("a")).unwrap();
    symlink("a", here("b")).unwrap();
    symlink("self/self", here("self")).unwrap();
    let sparse = fs::File::create(here("sparse")).unwrap();
    sparse.set_len(1 << 42).unwrap();
    let mut names = vec!["socket"];
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
        mknodat(CWD, here("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        names.push("fifo");
        // Needs root; `/dev/zero`, which has no end, by another name.
        if mknodat(CWD, here("zero"), FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(1, 5))
            .is_ok()
        {
            names.push("zero");
        }
    }
    let mut files = opened(&TargetSpec::Dir(root.clone())).unwrap();
    let began = Instant::now();
    for name in names {
        for ask in [
            Ask::Read { path: path(&format!("/{name}")), limit: 10 },
            Ask::Head(path(&format!("/{name}"))),
            Ask::Zip(path(&format!("/{name}"))),
            Ask::Digest { path: path(&format!("/{name}")), limit: 10 },
        ] {
            let reply = files.source.answer(&[ask]).unwrap().pop().unwrap();
            assert!(matches!(reply, Reply::Unreadable(Reason::NotAFile)), "{name}: {reply:?}");
        }
    }
    for name in ["/absolute", "/relative", "/far"] {
        assert!(matches!(read(&mut *files.source, name), Reply::Absent), "{name}");
    }
    for name in ["/a", "/self"] {
        assert!(matches!(read(&mut *files.source, name), Reply::Unreadable(Reason::Loop)), "{name}");
    }
    let source = &mut *files.source;
    assert!(matches!(read(source, "/sparse"), Reply::Unreadable(Reason::TooLarge { .. })));
    let head = source.answer(&[Ask::Head(path("/sparse"))]).unwrap().pop().unwrap();
    assert!(matches!(head, Reply::Unreadable(Reason::TooLarge { .. })), "{head:?}");
    let range = Ask::Range { path: path("/sparse"), at: 0, len: 1 << 40 };
    let range = source.answer(&[range]).unwrap().pop().unwrap();
    assert!(matches!(range, Reply::Unreadable(Reason::Budget)), "{range:?}");
    // Of a file without an end no more is hashed than somebody says that it should have.
    let digest = Ask::Digest { path: path("/sparse"), limit: 1 << 41 };
    let digest = source.answer(&[digest]).unwrap().pop().unwrap();
    assert!(format!("{digest:?}").contains("size: 4398046511104, sha256: None"), "{digest:?}");
    assert!(began.elapsed().as_secs() < 5);
}

#[test]
fn a_folder_that_becomes_a_link_leads_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    let root = dir.path().join("root");
    fs::create_dir_all(&outside).unwrap();
    fs::create_dir_all(root.join("kept")).unwrap();
    fs::write(outside.join("file"), "host").unwrap();
    fs::write(root.join("kept/file"), "image").unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (done, root) = (Arc::clone(&done), root.clone());
        std::thread::spawn(move || {
            let (name, aside) = (root.join("swapped"), root.join("kept"));
            for _ in 0..10_000 {
                let _ = fs::rename(&aside, &name);
                let _ = fs::rename(&name, &aside);
                let _ = symlink("../outside", &name);
                let _ = fs::remove_file(&name);
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let mut count = 0_u64;
    while !done.load(Ordering::SeqCst) || count == 0 {
        // A new source each time: what it opened once it would keep.
        let mut source = OnDisk::new(Disk::open([&root], Marks::None).unwrap());
        let reply = read(&mut source, "/swapped/file");
        assert_ne!(bytes(&reply), Some(&b"host"[..]), "a file outside the root was read");
        count += 1;
    }
    swapper.join().unwrap();
    println!("{count} reads against 10,000 swaps");
}

/// Layers as the drivers leave them, in all forms that need no privilege, and those that do where root runs the tests.
#[test]
fn every_form_of_removal_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let [low, mid, top] = ["low", "mid", "top"].map(|name| dir.path().join(name));
    let put = |layer: &Path, name: &str| {
        let file = layer.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, layer.file_name().unwrap().to_str().unwrap()).unwrap();
    };
    for name in [
        "same/x",
        "gone/x",
        "file",
        "marker/x",
        "attribute/x",
        "replaced/x",
        "returned/x",
        "chr",
        "link_to/x",
        "over",
        "deep/a/b/c",
        "twice/old",
    ] {
        put(&low, name);
    }
    symlink("link_to", low.join("link")).unwrap();
    put(&mid, "same/y");
    put(&mid, ".wh.gone");
    put(&mid, ".wh.file");
    put(&mid, "marker/.wh..wh..opq");
    put(&mid, "marker/new");
    put(&mid, "attribute/new");
    put(&mid, "replaced");
    put(&mid, ".wh.returned");
    put(&mid, "link/new");
    put(&mid, ".wh.over");
    put(&mid, "twice/.wh.old");
    put(&mid, "deep/.wh.a");
    put(&top, "returned/y");
    put(&top, "over");
    put(&top, "deep/a/new");
    let set = |dir: &Path, name: &str, value: &[u8]| {
        rustix::fs::setxattr(dir, name, value, rustix::fs::XattrFlags::empty()).is_ok()
    };
    let attribute = set(&mid.join("attribute"), "user.fuseoverlayfs.opaque", b"y");
    #[cfg(target_os = "linux")]
    let device = {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, mid.join("chr"), FileType::CharacterDevice, Mode::empty(), 0).is_ok()
    };
    #[cfg(not(target_os = "linux"))]
    let device = false;

    let mut source = OnDisk::new(Disk::open([&top, &mid, &low], Marks::FuseOverlay).unwrap());
    let mut told = |name: &str| match read(&mut source, name) {
        Reply::Answered(Answered { answer: Answer::Bytes(bytes), layer, .. }) => {
            format!("{}{}", String::from_utf8(bytes.content.to_vec()).unwrap(), layer.unwrap())
        }
        Reply::Absent => "-".to_owned(),
        other => format!("{other:?}"),
    };
    for (name, want) in [
        ("/same/x", "low0"),
        ("/same/y", "mid1"),
        ("/gone/x", "-"),
        ("/file", "-"),
        ("/marker/x", "-"),
        ("/marker/new", "mid1"),
        ("/replaced", "mid1"),
        ("/replaced/x", "-"),
        ("/returned/x", "-"),
        ("/returned/y", "top2"),
        ("/link/new", "mid1"),
        ("/link/x", "-"),
        ("/over", "top2"),
        ("/deep/a/b/c", "-"),
        ("/deep/a/new", "top2"),
        ("/twice/old", "-"),
        ("/.wh.gone", "-"),
    ] {
        assert_eq!(told(name), want, "{name}");
    }
    if attribute {
        assert_eq!(told("/attribute/x"), "-");
        assert_eq!(told("/attribute/new"), "mid1");
    }
    if device {
        assert_eq!(told("/chr"), "-");
    }
    let list = |source: &mut OnDisk<Disk>, name: &str| -> Vec<String> {
        let reply = source.answer(&[Ask::List(path(name))]).unwrap().pop().unwrap();
        let Reply::Answered(Answered { answer: Answer::Listing(listing), .. }) = reply else {
            panic!("{reply:?}")
        };
        listing.entries.iter().map(|(name, _)| String::from_utf8(name.to_vec()).unwrap()).collect()
    };
    let mut want = vec![
        "attribute",
        "deep",
        "link",
        "link_to",
        "marker",
        "over",
        "replaced",
        "returned",
        "same",
        "twice",
    ];
    if !device {
        want.insert(1, "chr");
    }
    assert_eq!(list(&mut source, "/"), want);
    assert_eq!(list(&mut source, "/same"), ["x", "y"]);
    assert_eq!(list(&mut source, "/marker"), ["new"]);
    assert_eq!(list(&mut source, "/returned"), ["y"]);
    // The same, listed before anything is looked for by name.
    let mut source = OnDisk::new(Disk::open([&top, &mid, &low], Marks::FuseOverlay).unwrap());
    assert_eq!(list(&mut source, "/"), want);
    assert!(matches!(read(&mut source, "/gone/x"), Reply::Absent));
    assert!(matches!(read(&mut source, "/returned/x"), Reply::Absent));
    // Linux's own overlay knows no markers: there they are files.
    let mut source = OnDisk::new(Disk::open([&top, &mid, &low], Marks::Overlay).unwrap());
    assert_eq!(bytes(&read(&mut source, "/file")), Some(&b"low"[..]));
    assert_eq!(bytes(&read(&mut source, "/.wh.file")), Some(&b"mid"[..]));
    if attribute && set(&mid.join("same"), "user.overlay.opaque", b"y") {
        let mut source = OnDisk::new(Disk::open([&top, &mid, &low], Marks::Overlay).unwrap());
        assert!(matches!(read(&mut source, "/same/x"), Reply::Absent));
    }
    // What only the kernel can merge.
    if attribute && set(&mid.join("deep"), "user.overlay.redirect", b"/elsewhere") {
        let layers = [&top, &mid, &low].map(|p| p.to_str().unwrap().to_owned());
        let folders = crate::docker::layers::LayerFolders::new(
            "overlay2",
            Some(&layers[0]),
            Some(&layers[1..].join(":")),
        )
        .unwrap()
        .open();
        let mut source = folders.unwrap();
        let error = source.answer(&[Ask::Stat(path("/deep/a"))]).unwrap_err();
        assert!(matches!(error, ImageError::NotLayers { .. }), "{error}");
    }
}

pub(crate) fn tar_with(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        // As bytes: the crate refuses names that lead out.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn image_of(layer: Vec<u8>) -> Vec<u8> {
    let config = br#"{"os":"linux","config":{},"rootfs":{"diff_ids":["sha256:1"]}}"#;
    let manifest = br#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}]"#;
    tar_with(&[("c.json", config), ("l.tar", &layer), ("manifest.json", manifest)])
}

pub(crate) fn message(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.tar");
    fs::write(&file, bytes).unwrap();
    let spec = TargetSpec::Archive { file, image: None };
    let said = match opened(&spec) {
        Ok(mut files) => match files.source.answer(&[Ask::Stat(path("/x"))]) {
            Ok(replies) => format!("{replies:?}"),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    said.replace(&dir.path().display().to_string(), "DIR")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_no_image_gets_one_clear_message() {
    let good = image_of(tar_with(&[("x", b"1")]));
    assert!(message(&good).contains("Answered"), "{}", message(&good));
    let two = br#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":[]},{"Config":"d.json","RepoTags":["b:1"],"Layers":[]}]"#;
    for (bytes, want) in [
        (b"".to_vec(), "DIR/a.tar is no image: it is empty"),
        (b"hello, world".to_vec(), "neither a tar nor a tar packed with gzip or zstd"),
        (b"{\"schema\":1}".to_vec(), "a snapshot is written snapshot:FILE"),
        (b"BZh91AY&SY".to_vec(), "packed with bzip2"),
        (gzip(b"hello"), "is"),
        (gzip(&good)[..good.len() / 40].to_vec(), "is damaged"),
        (good[..good.len() - 1024].to_vec(), "the end marker is missing"),
        (good[..2000].to_vec(), "cut off"),
        (tar_with(&[("a", b"1")]), "neither manifest.json (docker save) nor index.json"),
        (tar_with(&[("etc/passwd", b"1")]), "dir:FOLDER"),
        (tar_with(&[("repositories", b"{}")]), "before 1.10"),
        (tar_with(&[("manifest.json", b"[")]), "manifest.json: EOF"),
        (tar_with(&[("manifest.json", b"[]")]), "there is no image in it"),
        (
            tar_with(&[("manifest.json", two)]),
            "holds 2 images: [\"a:1\", \"b:1\"]; write one of them behind the path, archive:DIR/a.tar:a:1",
        ),
        (tar_with(&[("manifest.json", br#"[{"Config":"../../etc/passwd","Layers":[]}]"#)]), "is missing"),
        (tar_with(&[("../manifest.json", b"[]")]), "\"../manifest.json\" in it leads out of the image"),
        (
            image_of(tar_with(&[("../../etc/cron.d/x", b"1")])),
            "\"../../etc/cron.d/x\" in it leads out of the image",
        ),
        (
            image_of(b"not a tar, though long enough to be one".repeat(40)),
            "is no image: it does not begin with a tar header",
        ),
        (image_of(tar_with(&[("x", &[b'1'; 900])])[..700].to_vec()), "cut off"),
        (image_of([&tar_with(&[("x", b"1")])[..1024], &[7_u8; 512][..]].concat()), "no tar header at byte"),
        (image_of(b"BZh91AY&SY".to_vec()), "packed with bzip2, which no engine reads"),
    ] {
        assert!(message(&bytes).contains(want), "want {want}\nhave {}", message(&bytes));
    }
    let absolute = image_of(tar_with(&[("/x", b"absolute")]));
    assert!(message(&absolute).contains("size: 8"), "an absolute path is below the root, as for the engine");
    let dir = tempfile::tempdir().unwrap();
    let gone = message_of(&TargetSpec::Archive { file: dir.path().join("gone.tar"), image: None });
    assert!(gone.starts_with("cannot read "), "{gone}");
    let folder = message_of(&TargetSpec::Archive { file: dir.path().into(), image: None });
    assert!(folder.contains("is a folder, not a file"), "{folder}");
    let layout = message_of(&TargetSpec::Oci { dir: dir.path().into(), tag: None });
    assert!(layout.ends_with("is no image: it has no index.json"), "{layout}");
}

pub(crate) fn message_of(spec: &TargetSpec) -> String {
    opened(spec).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn bombs_are_bounded() {
    // Zeros: the deepest that deflate goes is 1,032 : 1.
    let mut header = tar::Header::new_gnu();
    header.set_path("METADATA").unwrap();
    header.set_size(72 << 20);
    header.set_mode(0o644);
    header.set_cksum();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..72 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.write_all(&zeros[..1024]).unwrap();
    let said = message(&image_of(encoder.finish().unwrap()));
    assert!(said.contains("more than 1000 times its packed size"), "{said}");
    // A name of a gigabyte.
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 30);
    header.set_cksum();
    assert!(message(&image_of(header.as_bytes().to_vec())).contains("a name of 1073741824 bytes"));
    let layers = vec!["\"l.tar\""; 1_025].join(",");
    let manifest = format!(r#"[{{"Config":"c.json","Layers":[{layers}]}}]"#);
    let many = tar_with(&[("c.json", br#"{"config":{}}"#), ("manifest.json", manifest.as_bytes())]);
    assert!(message(&many).contains("1025 layers, at most 1024 are read"));
}

#[test]
fn links_in_circles_inside_an_archive_end() {
    let mut builder = tar::Builder::new(Vec::new());
    let link = |builder: &mut tar::Builder<Vec<u8>>, kind, name: &str, target: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, name, target).unwrap();
    };
    use tar::EntryType::{Link, Symlink};
    link(&mut builder, Symlink, "a", "b");
    link(&mut builder, Symlink, "b", "a");
    link(&mut builder, Symlink, "out", "../../../../etc/passwd");
    link(&mut builder, Link, "hard", "nothing");
    link(&mut builder, Link, "self", "self");
    link(&mut builder, Symlink, "a/through", "x");
    let layer = builder.into_inner().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.tar");
    fs::write(&file, image_of(layer)).unwrap();
    let mut files = opened(&TargetSpec::Archive { file, image: None }).unwrap();
    assert!(matches!(read(&mut *files.source, "/a"), Reply::Unreadable(Reason::Loop)));
    assert!(matches!(read(&mut *files.source, "/out"), Reply::Absent));
    assert!(
        matches!(read(&mut *files.source, "/hard"), Reply::Unreadable(_)),
        "there, and its content is not"
    );
    assert!(matches!(read(&mut *files.source, "/self"), Reply::Unreadable(_)));
    // The same in the archive itself.
    let mut builder = tar::Builder::new(Vec::new());
    link(&mut builder, Symlink, "manifest.json", "index.json");
    link(&mut builder, Symlink, "index.json", "manifest.json");
    assert!(message(&builder.into_inner().unwrap()).contains("neither manifest.json"));
}

#[test]
fn no_prefix_of_an_archive_is_taken_for_the_whole() {
    let likely = Likely { names: &["x"], limit: 100, ..Likely::NONE };
    let good = image_of(tar_with(&[("x", b"1"), ("y/z", b"2")]));
    assert_eq!(read_archive_bytes(&good, &likely).unwrap(), 1);
    for cut in (0..good.len() - 1024).step_by(37) {
        assert!(read_archive_bytes(&good[..cut], &likely).is_err(), "cut at {cut}");
        let _ = index_tar_bytes(&good[..cut]);
    }
    // Every byte of the headers changed: any answer but a panic.
    for at in (0..good.len()).step_by(11) {
        for change in [0_u8, 0xFF, b'/', b'.'] {
            let mut bad = good.clone();
            bad[at] = change;
            let _ = read_archive_bytes(&bad, &likely);
            let _ = index_tar_bytes(&bad);
        }
    }
}

#[test]
fn an_environment_of_this_machine_is_read_from_its_root() {
    let dir = tempfile::tempdir().unwrap();
    let env: PathBuf = dir.path().join("env");
    fs::create_dir_all(env.join("bin")).unwrap();
    fs::write(env.join("pyvenv.cfg"), "home = /usr/bin\n").unwrap();
    symlink("/usr/bin/python3", env.join("bin/python3")).unwrap();
    let mut files = opened(&TargetSpec::Dir(env.clone())).unwrap();
    let python = ImagePath::new(env.join("bin/python3").to_str().unwrap()).unwrap();
    assert_eq!(files.begin, crate::Begin::Interpreter(python));
    let cfg = env.join("pyvenv.cfg");
    assert_eq!(bytes(&read(&mut *files.source, cfg.to_str().unwrap())), Some(&b"home = /usr/bin\n"[..]));
    // The same folder in a bundle is read from the bundle's root.
    let bundle = dir.path().join("bundle");
    fs::create_dir_all(bundle.join("rootfs/opt/env/bin")).unwrap();
    fs::write(bundle.join("image.json"), r#"{"config":{"User":"1"}}"#).unwrap();
    fs::write(bundle.join("placeholders.txt"), "opt/env/bin/python\t17\r\n\n").unwrap();
    fs::write(bundle.join("rootfs/opt/env/pyvenv.cfg"), "").unwrap();
    let mut files = opened(&TargetSpec::Dir(bundle.join("rootfs/opt/env"))).unwrap();
    assert_eq!(files.begin, crate::Begin::Interpreter(path("/opt/env/bin/python")));
    assert!(matches!(
        read(&mut *files.source, "/opt/env/bin/python"),
        Reply::Unreadable(Reason::Placeholder)
    ));
    assert_eq!(files.config.unwrap().user, "1");
    fs::write(bundle.join("placeholders.txt"), "opt/x\t1\n../../x\t3\n").unwrap();
    let error = message_of(&TargetSpec::Dir(bundle));
    assert!(error.ends_with("placeholders.txt line 2 is not a path, a tab and a size"), "{error}");
}

#[test]
fn a_bundle_is_never_written_outside_its_folder() {
    use envdiff_files::{Kind, Listing, Seen, TreeEntry};
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("a")).unwrap();
    let mut files = opened(&TargetSpec::Dir(root)).unwrap();
    let mut seen = Seen::new();
    let answered = |answer, real: &str| Reply::Answered(Answered { answer, real: path(real), layer: None });
    let names: Vec<Box<[u8]>> =
        [&b".."[..], b".", b"", b"../../evil", b"b/../../../evil", b"/evil"].map(Box::from).to_vec();
    let entries = names.iter().map(|name| (name.clone(), Kind::Folder)).collect();
    seen.learn(Ask::List(path("/a")), answered(Answer::Listing(Arc::new(Listing { entries })), "/a"));
    let entries = names.iter().map(|name| TreeEntry { path: name.clone(), kind: Kind::File, size: 0 });
    let tree = Ask::Tree { path: path("/"), depth: 9, suffixes: Vec::new() };
    seen.learn(tree, answered(Answer::Tree(Arc::new(entries.collect())), "/"));
    seen.learn(
        Ask::Stat(path("/x")),
        answered(Answer::Link(Box::from(&b"../../../.."[..])), "/a/../../link"),
    );
    // A link where a folder with a file is, and a file below a link: one source contradicts itself.
    seen.learn(Ask::Link(path("/l")), answered(Answer::Link(Box::from(&b"../.."[..])), "/l"));
    let content = envdiff_files::Bytes { content: Arc::from(&b"evil"[..]), size: 4 };
    let read = Ask::Read { path: path("/l/evil"), limit: 9 };
    seen.learn(read, answered(Answer::Bytes(content), "/l/evil"));
    seen.learn(Ask::Link(path("/l/m")), answered(Answer::Link(Box::from(&b"x"[..])), "/l/m"));
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    crate::record(&out.join("deep/bundle"), &seen, &mut files).unwrap();
    let mut found: Vec<PathBuf> = Vec::new();
    let mut todo = vec![dir.path().to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.file_name().to_string_lossy().contains("evil") {
                found.push(entry.path());
            }
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            }
        }
    }
    assert_eq!(found, [out.join("deep/bundle/rootfs/l/evil")]);
    assert!(fs::read_dir(out.join("deep")).unwrap().count() == 1, "nothing temporary is left");
}
