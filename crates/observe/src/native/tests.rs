//! What a real loader told of small libraries comes in; the loader here must say the same, and stop at its bounds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::{BTreeMap, VecDeque};

use envdiff_files::made::{Made, elf};
use envdiff_files::{Ask, Budget, ImagePath, Literal, Reply, Seen, Source as _, converse};
use envdiff_model::{Environment, Fact, ImageConfig, Interpreter, Module, Stack, Text};

use super::cache;
use super::loader::{Loader, Object};
use crate::limits::{
    CACHE_STRINGS, LOADER_CACHE, LOADER_CONF, LOADER_FOLDERS, LOADER_INCLUDES, MODULES, MODULES_OF_FOLDER,
};
use crate::python::ask::Found;
use crate::{Inputs, environment};

const PROGRAM: &str = "/bin/prog";

fn keep(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// A library with these keys: `needed`, `rpath`, `runpath`, `machine`.
fn library(keys: &str) -> Vec<u8> {
    let mut made =
        Made { needs: vec![], texts: vec![], definitions: vec![], rodata: vec![0], ..Made::library() };
    for (key, value) in keys.split_whitespace().map(|key| key.split_once('=').unwrap()) {
        match key {
            "needed" => made.texts.extend(value.split(',').map(|name| (elf::DT_NEEDED, keep(name)))),
            "rpath" => made.texts.push((elf::DT_RPATH, keep(value))),
            "runpath" => made.texts.push((elf::DT_RUNPATH, keep(value))),
            "interpreter" => made.interpreter = Some(keep(value)),
            "machine" => made.machine = elf::EM_AARCH64,
            other => panic!("{other}"),
        }
    }
    made.bytes()
}

fn program(keys: &str) -> Vec<u8> {
    library(&format!("interpreter=/lib64/ld-linux-x86-64.so.2 {keys}"))
}

/// An environment of which nothing is known but the interpreter.
fn started(literal: &Literal) -> Environment {
    let inputs = Inputs { config: Some(&ImageConfig::default()), ..Inputs::default() };
    let mut files = literal.clone();
    let mut found =
        converse(&mut files, &mut Seen::new(), &mut Budget::default(), |seen| environment(seen, &inputs))
            .unwrap();
    let interpreter = Interpreter {
        executable: PROGRAM.into(),
        real: PROGRAM.into(),
        implementation: "cpython".into(),
        prefix: "/".into(),
        base_prefix: "/".into(),
        flags: Vec::new(),
        reached_by: Vec::new(),
    };
    found.interpreter = Fact::seen(interpreter, Vec::new());
    found
}

/// What the loader takes for everything that the program needs, as lines of `told.txt`.
fn told(literal: &Literal, library_path: Option<&str>) -> Vec<String> {
    let environment = started(literal);
    let config = ImageConfig::default();
    let inputs = Inputs { config: Some(&config), ..Inputs::default() };
    let library_path = library_path.map(|path| Some(Text::from(path)));
    converse(&mut literal.clone(), &mut Seen::new(), &mut Budget::default(), |seen| {
        let loader = Loader::derive(seen, &inputs, &environment, library_path.as_ref())?;
        let own = loader.interpreter().unwrap();
        let mut out = Vec::new();
        let mut queue = VecDeque::from([(own.view, Vec::<Object<'_>>::new())]);
        let mut met = Vec::new();
        while let Some((view, by)) = queue.pop_front() {
            for name in &view.needed {
                if met.contains(name) {
                    continue;
                }
                met.push(name.clone());
                let shown = String::from_utf8_lossy(name);
                match loader.find(name, &by)? {
                    Found::Is(hit) => {
                        out.push(format!("{shown} {}", String::from_utf8_lossy(hit.path.as_bytes())));
                        let view = seen.elf(&hit.path)?;
                        let own = Object { path: hit.path, view };
                        queue.push_back((view, [vec![own], by.clone()].concat()));
                    }
                    Found::Absent => out.push(format!("{shown} not found")),
                    Found::Unreadable(why) => out.push(format!("{shown} unknown: {}", why.to_lossy())),
                }
            }
        }
        Ok(out)
    })
    .unwrap()
}

/// The sections of a file by what follows `case `.
fn sections(text: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut out: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("case ") {
            Some(name) => out.push((name, Vec::new())),
            None => out.last_mut().unwrap().1.push(line),
        }
    }
    out
}

#[test]
fn it_takes_what_the_real_loader_takes() {
    let answers: BTreeMap<_, _> = sections(include_str!("../../tests/loader/told.txt")).into_iter().collect();
    let cases = sections(include_str!("../../tests/loader/cases.txt"));
    assert!(cases.len() > 15);
    for (name, lines) in cases {
        let answer = &answers[name];
        let gone: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("rm ")).collect();
        let mut files = Literal::new();
        let mut library_path = None;
        let mut at = 0;
        while at < lines.len() {
            let (word, rest) = lines[at].split_once(' ').unwrap_or((lines[at], ""));
            at += 1;
            let mut text = String::new();
            while let Some(more) = lines.get(at).and_then(|line| line.strip_prefix("  ")) {
                text += &format!("{more}\n");
                at += 1;
            }
            let (path, keys) = rest.split_once(' ').unwrap_or((rest, ""));
            files = match word {
                "env" => {
                    library_path = rest.strip_prefix("LD_LIBRARY_PATH=");
                    files
                }
                "elf" if gone.contains(&path) => files,
                "elf" if path == PROGRAM => files.file(path, program(keys)),
                "elf" => files.file(path, library(keys)),
                "text" => files.file(path, text),
                "link" => files.link(path, keys),
                "ldconfig" => {
                    let hex = answer.iter().find_map(|line| line.strip_prefix("cache ")).unwrap();
                    let bytes: Vec<u8> = (0..hex.len())
                        .step_by(2)
                        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                        .collect();
                    files.file("/etc/ld.so.cache", bytes)
                }
                "rm" => files,
                other => panic!("{other}"),
            };
        }
        // Where no link is meant, `x/../y` is told as `y`: what counts is that it is the same file.
        let file = |line: &str| match line.split_once(' ') {
            Some((name, path)) if path.contains("/../") => {
                let ask = Ask::Stat(ImagePath::new(path).unwrap());
                let Reply::Answered(found) = files.clone().answer(&[ask]).unwrap().remove(0) else {
                    panic!("{line}")
                };
                format!("{name} {}", String::from_utf8_lossy(found.real.as_bytes()))
            }
            _ => line.to_owned(),
        };
        let real = answer.iter().filter(|line| !line.starts_with("cache ")).map(|line| file(line));
        let ours = told(&files, library_path);
        assert_eq!(
            ours.iter().map(|line| file(line)).collect::<Vec<_>>(),
            real.collect::<Vec<_>>(),
            "{name}"
        );
    }
}

/// A cache of one library under many names, with a path of this length.
fn made_cache(entries: usize, length: usize) -> Vec<u8> {
    let mut bytes = b"glibc-ld.so.cache1.1".to_vec();
    bytes.extend(u32::try_from(entries).unwrap().to_le_bytes());
    bytes.resize(48, 0);
    let strings = u32::try_from(48 + entries * 24).unwrap();
    for _ in 0..entries {
        for number in [0x303, strings, strings + 10, 0, 0, 0] {
            bytes.extend(u32::to_le_bytes(number));
        }
    }
    bytes.extend(b"liba.so.1\0/");
    bytes.resize(bytes.len() + length - 1, b'a');
    bytes.push(0);
    bytes
}

#[test]
fn a_cache_beyond_its_bounds_hides_nothing() {
    let found = |cache: Vec<u8>| {
        told(&Literal::new().file(PROGRAM, program("needed=liba.so.1")).file("/etc/ld.so.cache", cache), None)
    };
    assert_eq!(found(made_cache(1, 10)), ["liba.so.1 not found"]);
    let large = found([made_cache(1, 10), vec![0; usize::try_from(LOADER_CACHE).unwrap()]].concat());
    assert_eq!(large, ["liba.so.1 unknown: /etc/ld.so.cache cannot be read: larger than 4194304 bytes"]);
    // Many entries that name one long string.
    let many = made_cache(CACHE_STRINGS / 4_000, 4_000);
    assert!(cache::parse(&many).is_err());
    assert!(cache::parse(&made_cache(100, 4_000)).is_ok());
    assert!(
        found(many)[0].starts_with("liba.so.1 unknown: /etc/ld.so.cache cannot be read: its names and paths")
    );
    assert!(found(b"something else".to_vec())[0].starts_with("liba.so.1 unknown"));
}

/// Folders by what names them, and the doubts.
fn folders(literal: &Literal, library_path: &str) -> (Vec<String>, Vec<String>) {
    let environment = started(literal);
    let inputs = Inputs { config: Some(&ImageConfig::default()), ..Inputs::default() };
    let library_path = Some(Text::from(library_path));
    let loader = |seen: &Seen| {
        let loader = Loader::derive(seen, &inputs, &environment, Some(&library_path))?;
        let told = loader.folders().filter(|folder| folder.told_by != "the loader's own folders");
        let told = told.map(|folder| format!("{:?} {:?}", folder.path, folder.told_by)).collect();
        Ok((told, loader.doubts().map(|doubt| doubt.to_lossy().into_owned()).collect()))
    };
    converse(&mut literal.clone(), &mut Seen::new(), &mut Budget::default(), loader).unwrap()
}

#[test]
fn folders_are_told_with_what_names_them_within_bounds() {
    let base = || Literal::new().file(PROGRAM, program(""));
    let conf = base()
        .file("/etc/ld.so.conf", "include ld.so.conf.d/*.conf\n/opt/b # own\n")
        .file("/etc/ld.so.conf.d/cuda.conf", "/usr/local/cuda/lib64\n")
        .file("/etc/ld.so.conf.d/README", "/no\n");
    let (told, doubts) = folders(&conf, "/x:/y");
    assert_eq!(
        told,
        [
            "/x \"LD_LIBRARY_PATH\"",
            "/y \"LD_LIBRARY_PATH\"",
            "/usr/local/cuda/lib64 \"/etc/ld.so.conf.d/cuda.conf\"",
            "/opt/b \"/etc/ld.so.conf\"",
        ]
    );
    assert_eq!(doubts, [""; 0]);
    let (told, doubts) = folders(&base(), &"/x:".repeat(LOADER_FOLDERS + 5));
    assert_eq!((told.len(), doubts.len()), (LOADER_FOLDERS, 1));
    let (_, doubts) =
        folders(&base().file("/etc/ld.so.conf", "#".repeat(usize::try_from(LOADER_CONF).unwrap() + 1)), "");
    assert_eq!(doubts, ["/etc/ld.so.conf cannot be read: larger than 1048576 bytes"]);
    let chain = |deep: usize| {
        (0..deep).fold(base().file("/etc/ld.so.conf", "include /c0\n"), |files, at| {
            files.file(&format!("/c{at}"), format!("/f{at}\ninclude /c{}\n", at + 1))
        })
    };
    let (told, doubts) = folders(&chain(LOADER_INCLUDES + 1), "");
    assert_eq!((told.len(), doubts.len()), (LOADER_INCLUDES, 1));
    let (_, doubts) = folders(&chain(LOADER_INCLUDES), "");
    assert_eq!(doubts, [""; 0]);
}

const SITE: &str = "/usr/lib/python3.11/site-packages";

/// What lies under an environment whose image starts this.
fn stack(mut files: Literal, starts: &str) -> Stack {
    let config = ImageConfig {
        env: vec![("PATH".into(), "/usr/bin".into())],
        cmd: vec![starts.into()],
        ..ImageConfig::default()
    };
    let inputs = Inputs { config: Some(&config), ..Inputs::default() };
    let found =
        converse(&mut files, &mut Seen::new(), &mut Budget::default(), |seen| environment(seen, &inputs));
    found.unwrap().stack
}

/// With a Python that an image can start.
fn with_python(files: Literal) -> Literal {
    files
        .file("/usr/bin/python3.11", program("needed=libc.so.6"))
        .file("/usr/lib/python3.11/os.py", "")
        .file("/usr/lib/python3.11/lib-dynload/math.so", "")
}

/// Where it is not known into which folders Python looks, that none of them holds torch says nothing.
#[test]
fn libraries_of_a_torch_that_may_lie_elsewhere_are_unknown() {
    let known = stack(with_python(Literal::new()), "python3.11");
    assert!(matches!(&known.cudnn, Fact::Known { value: None, .. }));
    assert!(matches!(&known.nccl, Fact::Known { value: None, .. }));
    for files in [with_python(Literal::new()), Literal::new()] {
        let unknown = stack(files.file("/usr/bin/other", program("")), "other");
        for (what, fact) in [("cuDNN", &unknown.cudnn), ("NCCL", &unknown.nccl)] {
            let why = fact.reason().unwrap_or_else(|| panic!("{what} is told")).to_lossy();
            assert!(why.starts_with("no `torch/lib` was found, and sys.path may hold more: "), "{why}");
        }
    }
}

fn modules(files: Literal) -> Vec<Module> {
    let found = stack(with_python(files), "python3.11");
    found.native.value().unwrap().modules.clone()
}

#[test]
fn modules_are_looked_at_within_bounds() {
    let own = |count: usize| {
        (0..count).fold(Literal::new(), |files, at| files.file(&format!("{SITE}/m{at:04}.so"), library("")))
    };
    assert_eq!(modules(own(3)).len(), 3);
    assert_eq!(modules(own(MODULES_OF_FOLDER + 3)).len(), MODULES_OF_FOLDER);
    let names: Vec<String> = (0..MODULES).map(|at| format!("libn{at:04}.so")).collect();
    let files = names.iter().fold(own(1), |files, name| files.file(&format!("{SITE}/x/{name}"), library("")));
    let needs = format!("rpath=$ORIGIN/x needed={}", names.join(","));
    let told = modules(files.file(&format!("{SITE}/m0000.so"), library(&needs)));
    assert_eq!(told.len(), MODULES);
    let first = told.iter().find(|module| module.path.as_bytes().ends_with(b"/m0000.so")).unwrap();
    let doubts = &first.file.value().unwrap().doubts;
    assert_eq!(doubts.len(), 1);
    assert!(doubts[0].to_lossy().contains("libraries are loaded"));
}

#[test]
fn a_path_is_a_path() {
    let files = Literal::new()
        .file(PROGRAM, program("needed=/opt/liba.so.1,$ORIGIN/../opt/libb.so.1"))
        .file("/opt/liba.so.1", library(""))
        .file("/opt/libb.so.1", library(""));
    assert_eq!(
        told(&files, None),
        ["/opt/liba.so.1 /opt/liba.so.1", "$ORIGIN/../opt/libb.so.1 /bin/../opt/libb.so.1"]
    );
    assert!(ImagePath::new("relative").is_none());
}

#[test]
fn musl_has_an_order_of_its_own() {
    let prog = |keys: &str| library(&format!("interpreter=/lib/ld-musl-x86_64.so.1 {keys}"));
    let files = Literal::new()
        .file(PROGRAM, prog("needed=liba.so.1,libb.so.1,libc.so.6,libd.so.1 runpath=/r"))
        .file("/r/liba.so.1", library(""))
        .file("/e/liba.so.1", library("needed=libe.so.1"))
        .file("/r/libe.so.1", library(""))
        .file("/usr/local/lib/libb.so.1", library(""))
        .file("/usr/lib/libb.so.1", library(""))
        .file("/lib/ld-musl-x86_64.so.1", library(""));
    let expected = [
        "liba.so.1 /e/liba.so.1",
        "libb.so.1 /usr/local/lib/libb.so.1",
        "libc.so.6 /lib/ld-musl-x86_64.so.1",
        "libd.so.1 not found",
        "libe.so.1 /r/libe.so.1",
    ];
    assert_eq!(told(&files, Some("/e")), expected);
    let files = files.file("/etc/ld-musl-x86_64.path", "/own\n/usr/lib\n");
    assert_eq!(told(&files, Some("/e"))[1], "libb.so.1 /usr/lib/libb.so.1");
}
