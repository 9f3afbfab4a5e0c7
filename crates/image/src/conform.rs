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

use envdiff_files::{
    Answer, Ask, ElfError, ImagePath, Kind, Likely, Literal, Pattern, Reason, Reply, Seen, Source,
};
use object::Endianness;
use sha2::{Digest as _, Sha256};

use crate::made::Made;
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
    elf: &[".so", "static"],
    scans: &[("libfar", ".rodata", ARCHITECTURES), ("libmade", ".rodata", ARCHITECTURES)],
    limit: 1 << 20,
};

const ARCHITECTURES: Pattern = Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 256 };
const NCCL: Pattern = Pattern { prefix: b"NCCL version ", body: Pattern::VERSION, max_len: 64 };

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
        ("/usr/lib/libmade.so.1".into(), Item::File(Made::library().bytes())),
        ("/usr/lib/libmade.so".into(), Item::Link("libmade.so.1")),
        ("/usr/lib/libhard.so".into(), Item::Hard("/usr/lib/libmade.so.1")),
        ("/usr/lib/libold.so.1".into(), Item::File(old_library().bytes())),
        ("/usr/lib/libscript.so".into(), file("INPUT(libmade.so.1)\n")),
        ("/usr/lib/libcut.so".into(), Item::File(Made::library().bytes()[..3_000].to_vec())),
        ("/usr/lib/libfar.so.2".into(), Item::File(far_library().bytes())),
        ("/usr/bin/static".into(), Item::File(include_bytes!("../programs/walker-x86_64").to_vec())),
    ]
}

/// Of the other width and order, without section headers.
fn old_library() -> Made {
    Made { is_64: false, order: Endianness::Big, sections: false, ..Made::library() }
}

/// With its tables farther apart than is held of a stream, and its strings at the end, as in the libraries of torch.
fn far_library() -> Made {
    Made { filler: 300_000, strings_last: true, ..Made::library() }
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
            Ask::Zip(path.clone()),
            Ask::Elf(path.clone()),
            Ask::Scan { path: path.clone(), section: ".rodata", pattern: ARCHITECTURES },
            Ask::Digest { path: path.clone(), limit: 1 << 40 },
            Ask::Digest { path: path.clone(), limit: 9 },
            Ask::Digest { path, limit: 0 },
        ]);
    }
    asks
}

/// Nothing but what is read of ELF files: no other question brings the bytes.
fn elf_asks() -> Vec<Ask> {
    let mut asks = Vec::new();
    for path in items().into_iter().filter_map(|(path, _)| ImagePath::new(path)) {
        if path.as_bytes().starts_with(b"/usr/lib/") || path.file_name() == b"static" {
            asks.push(Ask::Elf(path.clone()));
            asks.push(Ask::Scan { path: path.clone(), section: ".rodata", pattern: ARCHITECTURES });
            asks.push(Ask::Scan { path: path.clone(), section: ".none", pattern: NCCL });
        }
    }
    asks
}

fn told_of(source: &mut (impl Source<Error: std::fmt::Debug> + ?Sized), asks: &[Ask]) -> Vec<String> {
    asks.iter()
        .zip(source.answer(asks).unwrap())
        .map(|(ask, reply)| format!("{ask:?}\n{}", said(&reply)))
        .collect()
}

#[test]
fn elf_files_are_told_alike_by_every_source() {
    let (mut literal, asks) = (literal(), elf_asks());
    let wanted = told_of(&mut literal, &asks);
    let all = wanted.concat();
    for text in [
        "sm_90a compute_90",
        "has_section: false",
        "Elf(NotElf)",
        "Elf(NoSections)",
        "Elf(Damaged",
        "libc10.so",
    ] {
        let shown: Vec<u8> = text.bytes().collect();
        let numbers = format!("{shown:?}");
        assert!(all.contains(text) || all.contains(numbers.trim_matches(['[', ']'])), "{text}");
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    on_disk(&root);
    let mut files = opened(&TargetSpec::Dir(root));
    assert_eq!(told_of(&mut *files.source, &asks), wanted, "dir:");
    let plain: Pack = <[u8]>::to_vec;
    for (inner, pack) in [("plain", plain), ("gzip", gzip as _), ("zstd", zstd as _)] {
        for (outer_name, pack_all) in [("tar", plain), ("tar.gz", gzip as _)] {
            for likely in [Some(LIKELY), None] {
                let file = dir.path().join(format!("{inner}.{outer_name}"));
                fs::write(&file, pack_all(&outer(&oci_entries(pack)))).unwrap();
                let options = OpenOptions { likely, ..OpenOptions::default() };
                let spec = TargetSpec::Archive { file: file.clone(), image: None };
                let Opened::Files(mut files) = open(&spec, &options, &quiet()).unwrap() else {
                    panic!("a snapshot")
                };
                if let Some(likely) = &likely {
                    files.source.expect(likely);
                }
                assert_eq!(told_of(&mut *files.source, &asks), wanted, "{}", file.display());
            }
        }
    }
}

/// What a stream tells, and how often it was begun.
fn by_stream(tar: &[u8], likely: Option<Likely>, batches: &[&[Ask]]) -> (Vec<Vec<String>>, usize) {
    let passes = std::rc::Rc::new(std::cell::Cell::new(0));
    let (counted, bytes) = (std::rc::Rc::clone(&passes), tar.to_vec());
    let begin = Box::new(move || {
        counted.set(counted.get() + 1);
        Ok(Box::new(std::io::Cursor::new(bytes.clone())) as Box<dyn std::io::Read>)
    });
    let mut source = StreamSource::new("the export".into(), begin, quiet(), Told::default());
    if let Some(likely) = &likely {
        source.expect(likely);
    }
    (batches.iter().map(|asks| told_of(&mut source, asks)).collect(), passes.get())
}

#[test]
fn elf_files_of_a_stream_cost_one_pass_or_two() {
    let (tar, asks) = (tar_of(&items()), elf_asks());
    let wanted = told_of(&mut literal(), &asks);
    let (told, passes) = by_stream(&tar, Some(LIKELY), &[&asks]);
    for (told, wanted) in told[0].iter().zip(&wanted) {
        assert_eq!(told, wanted);
    }
    // A second one for the searches that were not foreseen.
    assert_eq!(passes, 2);
    let is_far = |ask: &Ask| ask.path().file_name() == b"libfar.so.2" && matches!(ask, Ask::Scan { .. });
    let (far, near): (Vec<Ask>, Vec<Ask>) = asks.into_iter().partition(is_far);
    let views: Vec<Ask> = near.iter().filter(|ask| matches!(ask, Ask::Elf(_))).cloned().collect();
    let wanted = [&views, &near, &far].map(|asks| told_of(&mut literal(), asks));
    assert_eq!(by_stream(&tar, Some(LIKELY), &[&views]), (vec![wanted[0].clone()], 1));
    assert_eq!(by_stream(&tar, Some(LIKELY), &[&near]).0, [wanted[1].clone()]);
    assert_eq!(by_stream(&tar, None, &[&near]), (vec![wanted[1].clone()], 2));
    // The section has passed by before it is known where it lies, and is searched all the same.
    assert_eq!(by_stream(&tar, Some(LIKELY), &[&far[..1]]), (vec![wanted[2][..1].to_vec()], 1));
    assert_eq!(by_stream(&tar, None, &[&far]), (vec![wanted[2].clone()], 2));
    // Many matches are kept, too many cost another pass, both soon.
    let began = std::time::Instant::now();
    for (count, wanted_passes) in [(5_000, 1), (200_000, 2)] {
        let bytes = Made { rodata: b"sm_1\0".repeat(count), ..far_library() }.bytes();
        let name = "/usr/lib/libfar.so.2";
        let wanted = told_of(&mut Literal::new().file(name, &bytes), &far[..1]);
        let tar = tar_of(&[(name.into(), Item::File(bytes))]);
        assert_eq!(by_stream(&tar, Some(LIKELY), &[&far[..1]]), (vec![wanted], wanted_passes));
    }
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    // Names that lie a little before the list of the sections are held until they are asked for. Where they have passed by, that
    // costs another pass; what was not foreseen is not guessed.
    for (gap, wanted_passes) in [(800, 1), (2_000, 2)] {
        let mut bytes = far_library().bytes();
        let headers = usize::try_from(u64::from_le_bytes(bytes[40..48].try_into().unwrap())).unwrap();
        let table = bytes[headers..].to_vec();
        bytes[40..48].copy_from_slice(&((headers + gap) as u64).to_le_bytes());
        bytes.splice(headers.., vec![0; gap]);
        bytes.extend(table);
        let name = "/usr/lib/libfar.so.2";
        let (tar, mut truth) =
            (tar_of(&[(name.into(), Item::File(bytes.clone()))]), Literal::new().file(name, &bytes));
        let wanted = told_of(&mut truth, &far[..1]);
        assert!(wanted[0].contains("complete: true"), "{wanted:?}");
        assert_eq!(by_stream(&tar, Some(LIKELY), &[&far[..1]]), (vec![wanted], wanted_passes));
        let (told, passes) = by_stream(&tar, None, &[&far[..1]]);
        let is_told = told[0][0].contains("it was not kept when the image's stream passed by");
        assert!(passes == 2 && is_told == (wanted_passes == 2), "{gap}: {told:?}");
    }
    // Two entries of one path: nothing of the first is told.
    let mut twice = items();
    twice.push(("/usr/lib/libfar.so.2".into(), Item::File(Made::library().bytes())));
    let again = Literal::new().file("/usr/lib/libfar.so.2", Made::library().bytes());
    let path = ImagePath::new("/usr/lib/libfar.so.2").unwrap();
    let asks = [Ask::Elf(path.clone()), Ask::Scan { path, section: ".rodata", pattern: ARCHITECTURES }];
    for likely in [Some(LIKELY), None] {
        let wanted = told_of(&mut again.clone(), &asks);
        assert_eq!(by_stream(&tar_of(&twice), likely, &[&asks]).0, [wanted]);
    }
}

/// Files of many shapes and damaged in many ways: what a stream tells of them is what the literal tells, or that it was not kept.
#[test]
fn damaged_elf_files_of_a_stream_are_told_as_they_are() {
    const NOT_KEPT: &str = "it was not kept when the image's stream passed by";
    // A generator of Knuth's (MMIX), so that it is the same each time.
    let mut state = 9_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let name = "/usr/lib/libfar.so.2";
    let path = ImagePath::new(name).unwrap();
    let scan = |section| Ask::Scan { path: path.clone(), section, pattern: ARCHITECTURES };
    let asks = [Ask::Elf(path.clone()), scan(".rodata"), scan(".none")];
    let mut not_kept = [0; 2];
    for turn in 0..600 {
        let mut rodata = vec![0; [0, 90, 3_000, 30_000, 200_000][random(5)]];
        for _ in 0..random(40) {
            let (at, count) = (random(rodata.len()), random(40));
            for byte in rodata.iter_mut().skip(at).take(count) {
                *byte = [b's', b'm', b'_', b'9', 0][random(5)];
            }
        }
        let made = Made {
            rodata,
            filler: [0, 3_000, 20_000, 66_000, 300_000][random(5)],
            strings_last: random(2) == 0,
            sections: random(8) > 0,
            is_64: random(6) > 0,
            ..Made::library()
        };
        let mut bytes = made.bytes();
        let damages = random(5);
        for _ in 0..damages {
            // Mostly where the tables are: at the beginning and at the end.
            let at = match random(3) {
                0 => random(600.min(bytes.len())),
                1 => bytes.len() - 1 - random(1_500.min(bytes.len())),
                _ => random(bytes.len()),
            };
            let damage = [0, 0xFF, 0x7F, 0x80, 1, bytes[at].wrapping_add(1)][random(6)];
            let len = [1, 1, 2, 8][random(4)];
            bytes.iter_mut().skip(at).take(len).for_each(|byte| *byte = damage);
        }
        if random(6) == 0 {
            bytes.truncate(random(bytes.len()));
        }
        let wanted = told_of(&mut Literal::new().file(name, &bytes), &asks);
        let tar = tar_of(&[(name.into(), Item::File(bytes))]);
        for (likely, not_kept) in [Some(LIKELY), None].into_iter().zip(&mut not_kept) {
            let (told, passes) = by_stream(&tar, likely, &[&asks]);
            for (told, wanted) in told[0].iter().zip(&wanted) {
                if told.contains(NOT_KEPT) {
                    *not_kept += 1;
                } else {
                    assert_eq!(told, wanted, "turn {turn}");
                }
            }
            assert!(passes <= 2, "turn {turn}: {passes} passes");
        }
    }
    let [foreseen, not_foreseen] = not_kept;
    assert!(foreseen == 0 && not_foreseen < 30, "{not_kept:?} were not kept");
}

#[test]
fn a_bundle_keeps_of_elf_files_what_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    on_disk(&root);
    let mut files = opened(&TargetSpec::Dir(root));
    let mut asks = elf_asks();
    // Whether something is a program is seen by its first bytes.
    let program = ImagePath::new("/usr/lib/libmade.so.1").unwrap();
    asks.push(Ask::Range { path: program, at: 0, len: 64 });
    // A search of a section that a search before has not kept, and what only the file's own bytes can tell.
    let far = ImagePath::new("/usr/lib/libfar.so.2").unwrap();
    let kept = asks.len();
    asks.push(Ask::Scan { path: far.clone(), section: ".rodata", pattern: NCCL });
    asks.push(Ask::Range { path: far.clone(), at: 150_000, len: 9 });
    asks.push(Ask::Digest { path: far.clone(), limit: 1 << 40 });
    let mut seen = Seen::new();
    let replies = files.source.answer(&asks[..kept]).unwrap();
    for (ask, reply) in asks.iter().zip(replies) {
        seen.learn(ask.clone(), reply);
    }
    let bundle = dir.path().join("bundle");
    record(&bundle, &seen, &mut files).unwrap();
    assert!(!bundle.join("rootfs/usr/lib/libmade.so.1").exists());
    let carried = fs::metadata(bundle.join("ranges.bin")).unwrap().len();
    assert!(carried < 30_000, "{carried} bytes");
    let mut again = opened(&TargetSpec::Dir(bundle.clone()));
    let told = told_of(&mut *again.source, &asks);
    let wanted = told_of(&mut literal(), &asks[..kept]);
    assert_eq!(told[..kept], wanted);
    for told in &told[kept..] {
        assert!(told.ends_with("Unreadable(Placeholder)"), "{told}");
    }
    // A bundle of a bundle carries the same.
    let mut seen = Seen::new();
    for (ask, reply) in asks.iter().zip(again.source.answer(&asks[..kept]).unwrap()) {
        seen.learn(ask.clone(), reply);
    }
    let second = dir.path().join("second");
    record(&second, &seen, &mut again).unwrap();
    for file in ["ranges.txt", "ranges.bin", "placeholders.txt"] {
        let [first, second] = [&bundle, &second].map(|dir| fs::read(dir.join(file)).unwrap());
        assert!(first == second, "{}\n{}", first.escape_ascii(), second.escape_ascii());
    }
    // What a list promises must be there.
    let list = fs::read_to_string(bundle.join("ranges.txt")).unwrap();
    for (bad, line) in [
        ("1\t0+2\t\tx\n", 1),
        ("9\t0+2\t\t../x\n", 1),
        ("9\t0-2\t\tx\n", 1),
        ("9\t0+2\tx\n", 1),
        ("18446744073709551615\t1+18446744073709551615\t\tx\n", 1),
        ("\n9999999999\t0+9999999999\t\tx\n", 2),
    ] {
        fs::write(bundle.join("ranges.txt"), bad).unwrap();
        let error = open(&TargetSpec::Dir(bundle.clone()), &OpenOptions::default(), &quiet())
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains(&format!("ranges.txt line {line} is not")), "{bad:?}: {error}");
    }
    fs::write(bundle.join("ranges.txt"), list).unwrap();
    fs::remove_file(bundle.join("ranges.bin")).unwrap();
    assert!(open(&TargetSpec::Dir(bundle), &OpenOptions::default(), &quiet()).is_err());
    assert_eq!(ElfError::NotElf.to_string(), Reason::from(ElfError::NotElf).to_string());
}

#[test]
fn files_are_hashed_in_one_more_pass_and_not_kept() {
    let (tar, mut truth) = (tar_of(&items()), literal());
    let digests: Vec<Ask> = items()
        .into_iter()
        .filter_map(|(path, _)| Some(Ask::Digest { path: ImagePath::new(path)?, limit: 1 << 30 }))
        .collect();
    let unforeseen = [Ask::Read { path: ImagePath::new("/srv/endless").unwrap(), limit: 1 << 30 }];
    let wanted = told_of(&mut truth, &digests);
    let endless = told_of(&mut truth, &unforeseen);
    assert_eq!(by_stream(&tar, Some(LIKELY), &[&digests]), (vec![wanted.clone()], 2));
    // What is asked again is known; and neither takes the pass of the other.
    let batches: [&[Ask]; 3] = [&digests, &unforeseen, &digests];
    let all = vec![wanted.clone(), endless.clone(), wanted.clone()];
    assert_eq!(by_stream(&tar, Some(LIKELY), &batches), (all, 3));
    let batches: [&[Ask]; 2] = [&unforeseen, &digests];
    assert_eq!(by_stream(&tar, Some(LIKELY), &batches), (vec![endless, wanted.clone()], 3));
    // Together with everything else that is asked of the same files, one pass does.
    let both = [elf_asks(), digests.clone()].concat();
    let told = told_of(&mut truth, &both);
    assert_eq!(by_stream(&tar, None, &[&both]).0, [told]);
    // Of two entries of one path the later is the file.
    let mut twice = items();
    twice.push(("/srv/endless".into(), Item::File(b"another".to_vec())));
    let ask = [Ask::Digest { path: ImagePath::new("/srv/endless").unwrap(), limit: 1 << 30 }];
    let wanted = told_of(&mut Literal::new().file("/srv/endless", "another"), &ask);
    assert_eq!(by_stream(&tar_of(&twice), Some(LIKELY), &[&ask]).0, [wanted]);
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
