//! An image of two layers with everything odd in it, and the literal that it must be told as.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use envdiff_files::{Ask, ImagePath, Literal, Pattern};
use sha2::{Digest as _, Sha256};
use tar::EntryType;

use crate::made::Made;

/// Its name in the engine.
pub(crate) const NAME: &str = "envdiff-test/odd:2";
/// The same with `/data` as a volume.
pub(crate) const WITH_VOLUME: &str = "envdiff-test/odd-volume:2";

struct Layer(tar::Builder<Vec<u8>>);

impl Layer {
    fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn put(&mut self, path: &[u8], kind: EntryType, mode: u32, owner: u64, link: &[u8], content: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        if kind == EntryType::Char {
            header.set_device_major(1).unwrap();
            header.set_device_minor(3).unwrap();
        }
        let bytes = |text: &[u8]| {
            use std::os::unix::ffi::OsStrExt as _;
            std::path::PathBuf::from(std::ffi::OsStr::from_bytes(text))
        };
        if !link.is_empty() {
            header.set_link_name_literal(link).unwrap();
        }
        self.0.append_data(&mut header, bytes(path), content).unwrap();
    }

    fn folder(&mut self, path: &str) {
        self.put(path.as_bytes(), EntryType::Directory, 0o755, 0, b"", b"");
    }
    fn file(&mut self, path: &str, content: &[u8]) {
        self.put(path.as_bytes(), EntryType::Regular, 0o644, 0, b"", content);
    }
    fn link(&mut self, path: &str, text: &str) {
        self.put(path.as_bytes(), EntryType::Symlink, 0o777, 0, text.as_bytes(), b"");
    }
}

/// METADATA whose head is longer than what is read first, and one without an empty line that is longer than a head.
fn heads() -> [(&'static str, Vec<u8>); 6] {
    let long = "Classifier: something that is rather long and comes often\n".repeat(400);
    [
        ("opt/app/short", b"Name: a\nVersion: 1\n\nbody\n\nmore".to_vec()),
        ("opt/app/crlf", b"Name: a\r\nVersion: 1\r\n\r\nbody".to_vec()),
        ("opt/app/long", format!("Name: a\n{long}\nbody\n{long}").into_bytes()),
        ("opt/app/endless", vec![b'x'; (1 << 20) + 1]),
        ("opt/app/whole", vec![b'x'; 1 << 20]),
        ("opt/app/returns", b"a\r\r\n\rb\n\n".to_vec()),
    ]
}

/// A stored zip with one member of metadata, made by the format's own rules.
fn egg() -> Vec<u8> {
    let (name, content) = (&b"EGG-INFO/PKG-INFO"[..], &b"Name: egg\n"[..]);
    let sizes = [(content.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
    let name_len = (name.len() as u16).to_le_bytes();
    let local = [&b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], &sizes, &name_len, &[0, 0], name, content]
        .concat();
    let central =
        [&b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], &sizes, &name_len, &[0; 12], &[0; 4], name]
            .concat();
    let (len, at) = ((central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes());
    [&local[..], &central, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &len, &at, &[0, 0]].concat()
}

/// With a section larger than is searched.
fn far_library() -> Vec<u8> {
    let rodata = [&b"\0sm_70 sm_80\0"[..], &b"nothing\0".repeat(9 << 17)].concat();
    Made { filler: 200_000, strings_last: true, rodata, ..Made::library() }.bytes()
}

fn layers() -> [Vec<u8>; 2] {
    let mut low = Layer::new();
    for folder in [
        "opt",
        "opt/app",
        "opt/app/dir",
        "opt/empty",
        "etc",
        "data",
        "proc",
        "dev",
        "sys",
        "run",
        "was-folder",
        "names",
    ] {
        low.folder(folder);
    }
    low.file("opt/app/a.txt", b"hello");
    low.file("opt/app/dir/b.pth", b"import x\n");
    low.file("opt/app/dir/c.py", b"pass\n");
    low.file("opt/app/dir/removed.py", b"pass\n");
    low.folder("opt/app/opaque");
    low.file("opt/app/opaque/below", b"1");
    low.file("was-folder/in", b"1");
    low.file("was-file", b"1");
    low.link("was-link", "opt/app");
    low.put(b"opt/app/hard", EntryType::Link, 0o644, 0, b"opt/app/a.txt", b"");
    low.put(b"opt/fifo", EntryType::Fifo, 0o644, 0, b"", b"");
    low.put(b"opt/null", EntryType::Char, 0o666, 0, b"", b"");
    low.put(b"opt/secret", EntryType::Directory, 0o700, 1234, b"", b"");
    low.put(b"opt/secret/key", EntryType::Regular, 0o600, 1234, b"", b"hidden");
    low.put(b"names/not\xffutf8\n", EntryType::Regular, 0o644, 0, b"", b"bytes");
    low.file(&format!("opt/{}", "n".repeat(255)), b"long");
    low.file("data/inside", b"of the image");
    low.file("opt/egg.zip", &egg());
    low.file("opt/empty-file", b"");
    low.file("opt/app/libmade.so.1", &Made::library().bytes());
    low.link("opt/app/libmade.so", "libmade.so.1");
    low.file("opt/app/libfar.so", &far_library());
    low.put(b"opt/secret/libmade.so", EntryType::Regular, 0o600, 1234, b"", &Made::library().bytes());
    low.file("opt/large", &(0..300_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    for (path, content) in heads() {
        low.file(path, &content);
    }
    for (path, text) in LINKS {
        low.link(path.trim_start_matches('/'), text);
    }
    for number in 0..41 {
        low.link(&format!("opt/hop{number}"), &format!("hop{}", number + 1));
    }
    low.file("opt/hop41", b"end");
    low.file("etc/hosts", b"of the image");
    low.file("etc/passwd", b"root:x:0:0::/:/bin/sh\n");
    let mut top = Layer::new();
    top.file("opt/app/dir/.wh.removed.py", b"");
    top.file("opt/app/opaque/.wh..wh..opq", b"");
    top.file("opt/app/opaque/above", b"2");
    top.file("was-folder", b"a file now");
    top.folder("was-file");
    top.file("was-file/in", b"a folder now");
    top.folder("was-link");
    top.file("was-link/own", b"not through the link");
    [low, top].map(|mut layer| {
        layer.0.finish().unwrap();
        layer.0.into_inner().unwrap()
    })
}

const LINKS: [(&str, &str); 14] = [
    ("/l1", "/opt/app"),
    ("/l2", "l1/dir"),
    ("/opt/up", "../../../../opt/app"),
    ("/loop1", "loop2"),
    ("/loop2", "/loop1"),
    ("/gone", "/nowhere/at/all"),
    ("/dots", "opt/app/dir/../a.txt"),
    ("/dots-behind-link", "l2/../a.txt"),
    ("/slash", "/opt/app/a.txt/"),
    ("/p", "/proc/self/root"),
    ("/opt/into-data", "/data"),
    ("/self", "."),
    ("/above", ".."),
    ("/here", "./opt/./app//dir/"),
];

/// The file system as a container sees it.
pub(crate) fn literal() -> Literal {
    let mut literal = Literal::new()
        .file("/opt/app/a.txt", "hello")
        .file("/opt/app/hard", "hello")
        .file("/opt/app/dir/b.pth", "import x\n")
        .file("/opt/app/dir/c.py", "pass\n")
        .file("/opt/app/opaque/above", "2")
        .file("/was-folder", "a file now")
        .file("/was-file/in", "a folder now")
        .file("/was-link/own", "not through the link")
        .folder("/opt/empty")
        .folder("/run")
        .other("/opt/fifo")
        .other("/opt/null")
        .file("/opt/secret/key", "hidden")
        .file(&format!("/opt/{}", "n".repeat(255)), "long")
        .file("/data/inside", "of the image")
        .file("/opt/egg.zip", egg())
        .file("/opt/empty-file", "")
        .file("/opt/app/libmade.so.1", Made::library().bytes())
        .link("/opt/app/libmade.so", "libmade.so.1")
        .file("/opt/app/libfar.so", far_library())
        .file("/opt/secret/libmade.so", Made::library().bytes())
        .file("/opt/large", (0..300_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>())
        .file("/opt/hop41", "end")
        .file("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
    for (path, content) in heads() {
        literal = literal.file(&format!("/{path}"), content);
    }
    for (path, text) in LINKS {
        literal = literal.link(path, text);
    }
    for number in 0..41 {
        literal = literal.link(&format!("/opt/hop{number}"), &format!("hop{}", number + 1));
    }
    literal
}

/// Every kind of question about every odd path. What a literal cannot hold (a name that is no text) and what engines add
/// (`/etc/mtab`) is not among them.
pub(crate) fn questions() -> Vec<Ask> {
    let long = format!("/opt/{}", "n".repeat(255));
    let longer = format!("/opt/{}", "n".repeat(256));
    let deep = format!("/{}", "opt/../".repeat(580));
    let too_deep = format!("/{}", "x/".repeat(2040));
    let paths = [
        "/",
        "/opt/app",
        "/opt/app/",
        "/opt/app/a.txt",
        "/opt/app/a.txt/",
        "/opt/app/a.txt/x",
        "/opt/app/a.txt/..",
        "/opt/app/hard",
        "/opt/app/dir/removed.py",
        "/opt/app/opaque",
        "/opt/app/opaque/below",
        "/opt/app/opaque/above",
        "/was-folder",
        "/was-folder/in",
        "/was-file",
        "/was-file/in",
        "/was-link",
        "/was-link/own",
        "/was-link/a.txt",
        "/l1",
        "/l1/a.txt",
        "/l2",
        "/l2/b.pth",
        "/l2/../a.txt",
        "/opt/up/dir/c.py",
        "/loop1",
        "/loop1/x",
        "/loop2",
        "/gone",
        "/gone/x",
        "/dots",
        "/dots-behind-link",
        "/slash",
        "/slash/x",
        "/p",
        "/p/etc/passwd",
        "/self/opt",
        "/self/self/opt/app/a.txt",
        "/above/above/opt/empty",
        "/here",
        "/here/c.py",
        "/opt/empty",
        "/opt/fifo",
        "/opt/fifo/x",
        "/opt/null",
        "/opt/secret",
        "/opt/secret/key",
        "/opt/egg.zip",
        "/opt/empty-file",
        "/opt/app/libmade.so.1",
        "/opt/app/libmade.so",
        "/opt/app/libfar.so",
        "/opt/secret/libmade.so",
        "/opt/large",
        "/opt/hop0",
        "/opt/hop1",
        "/opt/hop2/x",
        "/opt/app/short",
        "/opt/app/crlf",
        "/opt/app/long",
        "/opt/app/endless",
        "/opt/app/whole",
        "/opt/app/returns",
        "/nowhere",
        "/nowhere/..",
        "/nowhere/../opt",
        "/..",
        "/../opt",
        "/.",
        "/opt/app/dir/../../app/./dir",
        "/proc",
        "/proc/1/cmdline",
        "/proc/..",
        "/sys",
        "/sys/kernel",
        "/dev",
        "/dev/null",
        "/run/secrets",
        "/run/secrets/x",
        "/.dockerenv",
        "/etc/hosts",
        "/etc/hosts/..",
        "/etc/hostname",
        "/etc/resolv.conf",
        "/etc/passwd",
        "/.envdiff",
        "/.envdiff/walker",
        "/l1/../../proc/self",
        &long,
        &longer,
        &deep,
        &too_deep,
    ];
    let mut asks = Vec::new();
    for path in paths.iter().filter_map(ImagePath::new) {
        asks.push(Ask::Stat(path.clone()));
        asks.push(Ask::Link(path.clone()));
        asks.push(Ask::Head(path.clone()));
        asks.push(Ask::Read { path: path.clone(), limit: 1 << 21 });
        asks.push(Ask::Read { path: path.clone(), limit: 4 });
        asks.push(Ask::Read { path: path.clone(), limit: 5 });
        asks.push(Ask::Range { path: path.clone(), at: 3, len: 70_000 });
        asks.push(Ask::Range { path: path.clone(), at: u64::MAX, len: u64::MAX });
        asks.push(Ask::Range { path: path.clone(), at: 1 << 40, len: 1 });
        asks.push(Ask::Zip(path.clone()));
        asks.push(Ask::Elf(path.clone()));
        let pattern = Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 99 };
        asks.push(Ask::Scan { path: path.clone(), section: ".rodata", pattern });
        asks.push(Ask::Digest { path: path.clone(), limit: 1 << 40 });
        asks.push(Ask::Digest { path, limit: 5 });
    }
    for path in paths
        .iter()
        .filter_map(ImagePath::new)
        .filter(|path| !["/", "/.."].iter().any(|top| path.as_bytes() == top.as_bytes()))
    {
        if path.as_bytes().len() < 4000 {
            asks.push(Ask::List(path));
        }
    }
    for (path, depth, suffixes) in [
        ("/opt/app", 9, vec![]),
        ("/l1", 1, vec![]),
        ("/l1", 0, vec![]),
        ("/opt/app", 2, vec![".py", ".pth"]),
        ("/opt/app/a.txt", 2, vec![]),
        ("/nowhere", 2, vec![]),
        ("/was-file", u32::MAX, vec![]),
        ("/proc", 2, vec![]),
    ] {
        asks.push(Ask::Tree { path: ImagePath::new(path).unwrap(), depth, suffixes });
    }
    asks
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An archive as `docker save` writes it.
fn archive(name: &str, config: &str) -> Vec<u8> {
    let layers = layers();
    let digests: Vec<String> = layers.iter().map(|layer| format!("\"sha256:{}\"", sha256(layer))).collect();
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{config},"rootfs":{{"type":"layers","diff_ids":[{}]}},
        "history":[{{"created_by":"/bin/sh -c #(nop) ADD file:1 in / "}},{{"created_by":"/bin/sh -c make"}}]}}"#,
        digests.join(",")
    );
    let mut out = tar::Builder::new(Vec::new());
    let mut put = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        out.append_data(&mut header, name, content).unwrap();
    };
    let config_name = format!("{}.json", sha256(config.as_bytes()));
    put(&config_name, config.as_bytes());
    for (number, layer) in layers.iter().enumerate() {
        put(&format!("{number}/layer.tar"), layer);
    }
    let manifest = format!(
        r#"[{{"Config":"{config_name}","RepoTags":["{name}"],"Layers":["0/layer.tar","1/layer.tar"]}}]"#
    );
    put("manifest.json", manifest.as_bytes());
    out.into_inner().unwrap()
}

/// Loads both images, once.
pub(crate) fn load() {
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        load_into(&[]);
    });
}

/// Loads both images into the engine that `arguments` name.
pub(crate) fn load_into(arguments: &[&str]) {
    let plain = r#"{"Env":["A=1"],"Entrypoint":["/bin/entry"],"Cmd":["x"],"Healthcheck":{"Test":["CMD","/bin/health"]}}"#;
    for (name, config) in [(NAME, plain), (WITH_VOLUME, r#"{"Cmd":["x"],"Volumes":{"/data":{}}}"#)] {
        let mut child = Command::new("docker")
            .args(arguments)
            .args(["load", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&archive(name, config)).unwrap();
        assert!(child.wait().unwrap().success(), "docker load");
    }
}
