//! One small tree through every source that reads from a disk or a stream: all must answer as the literal does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use envdiff_files::{Answer, Ask, ImagePath, Kind, Likely, Literal, Reply, Seen, Source};
use sha2::{Digest as _, Sha256};

use crate::stream::StreamSource;
use crate::{Events, Files, ImageError, OpenOptions, Opened, TargetSpec, Told, open, record};

struct Quiet;
impl Events for Quiet {
    fn step(&self, _: &'static str, _: u64) {}
}
fn quiet() -> Arc<dyn Events> {
    Arc::new(Quiet)
}

const LIKELY: Likely = Likely {
    names: &["METADATA", "pyvenv.cfg"],
    suffixes: &[".pth"],
    folders: &[".dist-info"],
    programs: &[],
    paths: &["etc/passwd"],
    limit: 1 << 20,
};

#[derive(Clone)]
enum Item {
    File(Vec<u8>),
    Folder,
    Link(&'static str),
    /// Another name of a file before.
    Hard(&'static str),
}

const SITE: &str = "/opt/venv/lib/python3.11/site-packages";

/// Packs a layer or an archive.
type Pack = fn(&[u8]) -> Vec<u8>;

/// By path, in an order in which they can be made.
fn items() -> Vec<(String, Item)> {
    let file = |content: &str| Item::File(content.as_bytes().to_vec());
    let long = format!("Name: long\nVersion: 1\n\n{}", "x".repeat(20_000));
    let endless = "no empty line\n".repeat(100_000);
    let site = |name: &str| format!("{SITE}/{name}");
    vec![
        ("/etc/passwd".into(), file("root:x:0:0::/root:/bin/sh\n")),
        ("/etc/hosts".into(), file("127.0.0.1 localhost\n")),
        ("/proc/version".into(), file("Linux\n")),
        ("/usr/bin/python3.11".into(), Item::File(vec![0x7F, b'E', b'L', b'F', 0, 1, 2, 3])),
        ("/usr/bin/python3".into(), Item::Link("python3.11")),
        ("/bin".into(), Item::Link("usr/bin")),
        ("/opt/venv/bin/python".into(), Item::Link("/bin/python3")),
        ("/opt/venv/pyvenv.cfg".into(), file("home = /usr/bin\n")),
        (site("a-1.0.dist-info/METADATA"), file("Name: a\nVersion: 1.0\n\nBody\n")),
        (site("a-1.0.dist-info/RECORD"), file("a.py,,\n")),
        (site("crlf-1.0.dist-info/METADATA"), file("Name: crlf\r\n\r\nBody\r\n")),
        (site("long-1.0.dist-info/METADATA"), file(&long)),
        (site("empty-1.0.dist-info/METADATA"), file("")),
        (
            site("hard-1.0.dist-info/METADATA"),
            Item::Hard("/opt/venv/lib/python3.11/site-packages/a-1.0.dist-info/METADATA"),
        ),
        (site("x.pth"), file("/srv/x\n")),
        (site("a.py"), file("print(1)\n")),
        (site(&format!("{}.py", "n".repeat(120))), file("long name\n")),
        (site("egg.egg"), Item::File(zip())),
        ("/srv/endless".into(), file(&endless)),
        ("/srv/loop".into(), Item::Link("loop2")),
        ("/srv/loop2".into(), Item::Link("/srv/loop")),
        ("/srv/out".into(), Item::Link("../../../../../etc/passwd")),
        ("/srv/gone".into(), Item::Link("/nowhere/at/all")),
        ("/srv/folder".into(), Item::Folder),
        ("/srv/deep/er/and/deeper/file".into(), file("deep\n")),
        ("/srv/far".into(), Item::Link(Box::leak("a/".repeat(80).into_boxed_str()))),
    ]
}

/// A zip with one stored member, as the format's own rules have it.
fn zip() -> Vec<u8> {
    let (name, content) = (&b"EGG-INFO/PKG-INFO"[..], &b"Name: egg\n"[..]);
    let sizes = [(content.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
    let name_len = (name.len() as u16).to_le_bytes();
    let mut out = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    out.extend([&sizes[..], &name_len, &[0, 0], name, content].concat());
    let at = out.len() as u32;
    out.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
    out.extend([&sizes[..], &name_len, &[0; 12], &0_u32.to_le_bytes(), name].concat());
    let len = out.len() as u32 - at;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend([len.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend([0, 0]);
    out
}

fn literal() -> Literal {
    let mut out = Literal::new();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (path, item) in items() {
        out = match item {
            Item::File(content) => {
                files.insert(path.clone(), content.clone());
                out.file(&path, content)
            }
            Item::Folder => out.folder(&path),
            Item::Link(text) => out.link(&path, text),
            Item::Hard(target) => out.file(&path, &files[target]),
        };
    }
    out
}

fn on_disk(dir: &Path) {
    for (path, item) in items() {
        let target = dir.join(&path[1..]);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        match item {
            Item::File(content) => fs::write(target, content).unwrap(),
            Item::Folder => fs::create_dir(target).unwrap(),
            Item::Link(text) => std::os::unix::fs::symlink(text, target).unwrap(),
            Item::Hard(first) => fs::hard_link(dir.join(&first[1..]), target).unwrap(),
        }
    }
}

fn tar_of(items: &[(String, Item)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, item) in items {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        let path = &path[1..];
        match item {
            Item::File(content) => {
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, &content[..]).unwrap();
            }
            Item::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                builder.append_data(&mut header, path, &b""[..]).unwrap();
            }
            Item::Link(text) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                builder.append_link(&mut header, path, text).unwrap();
            }
            Item::Hard(first) => {
                header.set_entry_type(tar::EntryType::Link);
                header.set_size(0);
                builder.append_link(&mut header, path, &first[1..]).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Two members, as layers have them that were packed in parallel.
    let mut out = Vec::new();
    for part in [&bytes[..bytes.len() / 2], &bytes[bytes.len() / 2..]] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(part).unwrap();
        out.extend(encoder.finish().unwrap());
    }
    out
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    // A skippable frame, then two frames.
    let mut out = b"\x50\x2A\x4D\x18\x03\0\0\0abc".to_vec();
    for part in [&bytes[..bytes.len() / 2], &bytes[bytes.len() / 2..]] {
        out.extend(ruzstd::encoding::compress_to_vec(part, ruzstd::encoding::CompressionLevel::Fastest));
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The tree in two layers: the lower has what the upper hides, removes or replaces.
fn two_layers() -> [Vec<u8>; 2] {
    let file = |content: &str| Item::File(content.as_bytes().to_vec());
    let lower: Vec<(String, Item)> = vec![
        ("/etc/removed".into(), file("1")),
        ("/etc/passwd".into(), file("old")),
        ("/srv/folder/hidden".into(), file("2")),
        ("/srv/gone/was".into(), file("a folder")),
        (format!("{SITE}/old-1.0.dist-info/METADATA"), file("Name: old\n\n")),
        (format!("{SITE}/a-1.0.dist-info/INSTALLER"), file("pip\n")),
        ("/srv/deep/er/x".into(), file("3")),
    ];
    let mut upper = items();
    upper.insert(0, ("/etc/.wh.removed".into(), file("")));
    upper.push(("/srv/folder/.wh..wh..opq".into(), file("")));
    upper.push((format!("{SITE}/.wh.old-1.0.dist-info"), file("")));
    upper.push((format!("{SITE}/a-1.0.dist-info/.wh.INSTALLER"), file("")));
    upper.push(("/srv/deep/.wh..wh..opq".into(), file("")));
    [tar_of(&lower), tar_of(&upper)]
}

fn config(layers: &[Vec<u8>]) -> String {
    let ids: Vec<String> = layers.iter().map(|layer| format!("\"sha256:{}\"", hex(layer))).collect();
    format!(
        r#"{{"architecture":"{}","os":"linux","config":{{"Env":["PATH=/opt/venv/bin","API_KEY=hush"],"User":"1000"}},
        "rootfs":{{"type":"layers","diff_ids":[{}]}},"history":[{{"created_by":"/bin/sh -c #(nop) ADD a"}},
        {{"created_by":"ENV X=1","empty_layer":true}},{{"created_by":"RUN /bin/sh -c pip install a # buildkit"}}]}}"#,
        if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        ids.join(",")
    )
}

fn outer(entries: &[(String, Item)]) -> Vec<u8> {
    tar_of(&entries.iter().map(|(path, item)| (format!("/{path}"), item.clone())).collect::<Vec<_>>())
}

/// What `docker save` wrote before version 25.
fn old_layout(pack: Pack) -> Vec<u8> {
    let layers = two_layers();
    let config = config(&layers).into_bytes();
    let manifest = format!(
        r#"[{{"Config":"{}.json","RepoTags":["app:1.0"],"Layers":["one/layer.tar","two/layer.tar"]}}]"#,
        hex(&config)
    );
    outer(&[
        ("two/layer.tar".into(), Item::Link("../zzz/layer.tar")),
        ("one/VERSION".into(), Item::File(b"1.0".to_vec())),
        ("one/layer.tar".into(), Item::File(pack(&layers[0]))),
        (format!("{}.json", hex(&config)), Item::File(config)),
        ("zzz/layer.tar".into(), Item::File(pack(&layers[1]))),
        ("manifest.json".into(), Item::File(manifest.into_bytes())),
        ("repositories".into(), Item::File(b"{}".to_vec())),
    ])
}

fn oci_entries(pack: Pack) -> Vec<(String, Item)> {
    let layers = two_layers();
    let mut entries =
        vec![("oci-layout".to_owned(), Item::File(br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()))];
    let mut add = |bytes: Vec<u8>, media: &str| {
        let (hex, size) = (hex(&bytes), bytes.len());
        entries.push((format!("blobs/sha256/{hex}"), Item::File(bytes)));
        format!(r#"{{"mediaType":"application/vnd.oci.image.{media}","digest":"sha256:{hex}","size":{size}"#)
    };
    let config = add(config(&layers).into_bytes(), "config.v1+json");
    let layers: Vec<String> = layers.iter().map(|l| add(pack(l), "layer.v1.tar") + "}").collect();
    let manifest = format!(r#"{{"schemaVersion":2,"config":{config}}},"layers":[{}]}}"#, layers.join(","));
    let manifest = add(manifest.into_bytes(), "manifest.v1+json");
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{manifest},"platform":{{"os":"linux","architecture":"{architecture}"}}}},
        {{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{}","size":1,
          "platform":{{"os":"linux","architecture":"s390x"}}}},
        {{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{}","size":1,
          "platform":{{"os":"unknown","architecture":"unknown"}}}}]}}"#,
        "0".repeat(64),
        "1".repeat(64)
    );
    let index = add(index.into_bytes(), "index.v1+json");
    let top = format!(
        r#"{{"schemaVersion":2,"manifests":[{index},"annotations":{{"org.opencontainers.image.ref.name":"1.0",
        "io.containerd.image.name":"docker.io/library/app:1.0"}}}}]}}"#
    );
    entries.push(("index.json".to_owned(), Item::File(top.into_bytes())));
    entries
}

fn asks() -> Vec<Ask> {
    let mut asks = Vec::new();
    let mut paths: Vec<String> = items().into_iter().map(|(path, _)| path).collect();
    paths.extend(
        [
            "/",
            "/etc",
            "/srv",
            "/opt/venv",
            SITE,
            "/bin",
            "/bin/python3",
            "/bin/../etc/passwd",
            "/etc/removed",
            "/srv/folder/hidden",
            "/srv/out/x",
            "/srv/loop/x",
            "/etc/passwd/x",
            "/etc/passwd/..",
            "/usr/bin/../bin",
            "/nothing",
            "/nothing/at/all",
            "/.dockerenv",
            "/dev/null",
            "/srv/gone/was",
            "/srv/deep/er/x",
            "/a",
        ]
        .map(str::to_owned),
    );
    paths.push(format!("{SITE}/old-1.0.dist-info"));
    paths.push(format!("{SITE}/old-1.0.dist-info/METADATA"));
    paths.push(format!("{SITE}/a-1.0.dist-info"));
    paths.push(format!("{SITE}/a-1.0.dist-info/INSTALLER"));
    paths.push(format!("/{}", "n".repeat(300)));
    for path in paths {
        let path = ImagePath::new(path).unwrap();
        asks.extend([
            Ask::List(path.clone()),
            Ask::Stat(path.clone()),
            Ask::Link(path.clone()),
            Ask::Head(path.clone()),
            Ask::Read { path: path.clone(), limit: 1 << 20 },
            Ask::Read { path: path.clone(), limit: 5 },
            Ask::Range { path: path.clone(), at: 3, len: 7 },
            Ask::Range { path: path.clone(), at: 1 << 40, len: 7 },
            Ask::Tree { path: path.clone(), depth: 1, suffixes: Vec::new() },
            Ask::Tree { path: path.clone(), depth: 40, suffixes: vec![".py", "METADATA"] },
            Ask::Zip(path),
        ]);
    }
    asks
}

/// A reply without its layer, in words.
fn said(reply: &Reply) -> String {
    match reply {
        Reply::Answered(answered) => format!("{:?} at {:?}", answered.answer, answered.real),
        other => format!("{other:?}"),
    }
}

fn replies<S: Source<Error: std::fmt::Debug> + ?Sized>(source: &mut S) -> Vec<String> {
    source.expect(&LIKELY);
    source.answer(&asks()).unwrap().iter().map(said).collect()
}

fn must_be_the_same(source: &mut (impl Source<Error = ImageError> + ?Sized), what: &str) {
    let wanted = replies(&mut literal());
    for ((ask, want), have) in asks().iter().zip(&wanted).zip(replies(source)) {
        let cut = |text: &str| text.chars().take(600).collect::<String>();
        assert!(*want == have, "{what} {:?}\nwant {}\nhave {}", ask, cut(want), cut(&have));
    }
}

fn opened(spec: &TargetSpec) -> Files {
    match open(spec, &OpenOptions::default(), &quiet()) {
        Ok(Opened::Files(files)) => *files,
        Ok(Opened::Snapshot(_)) => panic!("a snapshot"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_folder() {
    let dir = tempfile::tempdir().unwrap();
    on_disk(dir.path());
    must_be_the_same(&mut *opened(&TargetSpec::Dir(dir.path().into())).source, "dir:");
}

#[test]
fn a_stream_that_knows_what_is_likely_and_one_that_does_not() {
    let mut tar = tar_of(&items());
    for likely in [true, false] {
        let told = Told::default();
        let bytes = tar.clone();
        let begin =
            Box::new(move || Ok(Box::new(std::io::Cursor::new(bytes.clone())) as Box<dyn std::io::Read>));
        let mut source = StreamSource::new("the export".into(), begin, quiet(), told);
        if likely {
            must_be_the_same(&mut source, "stream");
        } else {
            let wanted = replies(&mut literal());
            let have: Vec<String> = source.answer(&asks()).unwrap().iter().map(said).collect();
            assert_eq!(have, wanted);
        }
    }
    // Without its end marker nobody knows what is missing.
    tar.truncate(tar.len() - 1024);
    let begin = Box::new(move || Ok(Box::new(std::io::Cursor::new(tar.clone())) as Box<dyn std::io::Read>));
    let mut source = StreamSource::new("the export".into(), begin, quiet(), Told::default());
    let error = source.answer(&asks()).unwrap_err().to_string();
    assert_eq!(error, "the export is damaged: it is cut off: the end marker is missing");
}

#[test]
fn archives_of_every_layout_and_packing() {
    let dir = tempfile::tempdir().unwrap();
    let plain: Pack = <[u8]>::to_vec;
    let whole: [(&str, Pack); 3] = [("tar", plain), ("tar.gz", gzip), ("tar.zst", zstd)];
    for (inner, pack) in [("plain", plain), ("gzip", gzip as _), ("zstd", zstd as _)] {
        for (suffix, pack_all) in whole {
            for (layout, bytes) in [("old", old_layout(pack)), ("oci", outer(&oci_entries(pack)))] {
                let file = dir.path().join(format!("{layout}-{inner}.{suffix}"));
                fs::write(&file, pack_all(&bytes)).unwrap();
                for image in [None, Some("app:1.0".to_owned())] {
                    let mut files = opened(&TargetSpec::Archive { file: file.clone(), image });
                    must_be_the_same(&mut *files.source, file.to_str().unwrap());
                    let told = files.target.layers.unwrap();
                    assert_eq!(told.len(), 2);
                    assert_eq!(told[1].instruction.as_ref().unwrap(), &"RUN pip install a");
                    assert!(files.target.id.unwrap().to_lossy().starts_with("sha256:"));
                }
            }
        }
    }
    for (path, item) in oci_entries(gzip) {
        let target = dir.path().join("layout").join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let Item::File(content) = item else { panic!("a blob is a file") };
        fs::write(target, content).unwrap();
    }
    for tag in [None, Some("1.0".to_owned()), Some("app:1.0".to_owned())] {
        let mut files = opened(&TargetSpec::Oci { dir: dir.path().join("layout"), tag });
        must_be_the_same(&mut *files.source, "oci:");
    }
}

#[test]
fn layers_are_told_with_each_answer() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.tar");
    fs::write(&file, old_layout(<[u8]>::to_vec)).unwrap();
    let mut files = opened(&TargetSpec::Archive { file, image: None });
    let stat = |path: &str| Ask::Stat(ImagePath::new(path).unwrap());
    let replies = files.source.answer(&[stat("/etc/passwd"), stat("/srv/deep"), stat("/opt")]).unwrap();
    for reply in replies {
        let Reply::Answered(answered) = reply else { panic!("{reply:?}") };
        assert_eq!(answered.layer, Some(1));
    }
}

#[test]
fn a_bundle_gives_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.tar");
    fs::write(&file, old_layout(<[u8]>::to_vec)).unwrap();
    let mut files = opened(&TargetSpec::Archive { file, image: None });
    let mut seen = Seen::new();
    for (ask, reply) in asks().into_iter().zip(files.source.answer(&asks()).unwrap()) {
        seen.learn(ask, reply);
    }
    let bundle = dir.path().join("bundle");
    record(&bundle, &seen, &mut files).unwrap();
    let mut again = opened(&TargetSpec::Dir(bundle.clone()));
    must_be_the_same(&mut *again.source, "bundle");
    let (had, has) = (files.config.clone().unwrap(), again.config.unwrap());
    assert_eq!(has.var("API_KEY").unwrap(), &"****");
    assert_eq!(had.var("PATH"), has.var("PATH"));
    assert_eq!((had.user, had.architecture), (has.user, has.architecture));
    let error = record(&bundle, &seen, &mut files).unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
}

#[test]
fn a_bundle_of_little_does_not_pretend_to_be_all() {
    let dir = tempfile::tempdir().unwrap();
    on_disk(dir.path());
    let mut files = opened(&TargetSpec::Dir(dir.path().into()));
    let few = [
        Ask::Stat(ImagePath::new("/opt/venv/bin/python").unwrap()),
        Ask::List(ImagePath::new(SITE).unwrap()),
        Ask::Stat(ImagePath::new("/srv/gone").unwrap()),
    ];
    let mut seen = Seen::new();
    let first = files.source.answer(&few).unwrap();
    for (ask, reply) in few.iter().cloned().zip(first.clone()) {
        seen.learn(ask, reply);
    }
    let out = tempfile::tempdir().unwrap();
    record(&out.path().join("b"), &seen, &mut files).unwrap();
    let mut bundle = opened(&TargetSpec::Dir(out.path().join("b")));
    assert!(bundle.config.is_none());
    let again = bundle.source.answer(&few).unwrap();
    assert_eq!(first.iter().map(said).collect::<Vec<_>>(), again.iter().map(said).collect::<Vec<_>>());
    let more = [
        Ask::List(ImagePath::new("/usr/bin").unwrap()),
        Ask::Head(ImagePath::new(format!("{SITE}/a.py")).unwrap()),
        Ask::List(ImagePath::new(format!("{SITE}/a-1.0.dist-info")).unwrap()),
        Ask::Stat(ImagePath::new(format!("{SITE}/a.py")).unwrap()),
    ];
    let told: Vec<String> = bundle.source.answer(&more).unwrap().iter().map(said).collect();
    assert_eq!(&told[..3], ["Unreadable(Placeholder)"; 3]);
    assert!(told[3].contains("size: 9"), "{}", told[3]);
}

#[test]
fn kinds_of_a_listing_are_those_of_the_literal() {
    let Reply::Answered(answered) = &literal().answer(&[Ask::List(ImagePath::root())]).unwrap()[0] else {
        panic!("no listing")
    };
    let Answer::Listing(listing) = &answered.answer else { panic!("no listing") };
    assert_eq!(listing.get(b"proc"), None, "what a runtime mounts is not listed");
    assert_eq!(listing.get(b"bin"), Some(Kind::Link));
}
