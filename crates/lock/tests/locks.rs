//! What is no requirements file is told by its content, and each bad word and file gets one clear error.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use envdiff_lock::{Disk, FORMATS, LockError, ReadAsChoice, Reader, read};
use envdiff_model::{Fact, Lock, Name, ReadAs, RequirementKind, Selection};
use envdiff_packaging::file::{self, ReadError};

/// Files by path; a path that ends in a slash is a folder.
struct Files(BTreeMap<&'static str, Vec<u8>>);

impl Files {
    fn one(name: &'static str, content: impl Into<Vec<u8>>) -> Self {
        Self(BTreeMap::from([(name, content.into())]))
    }
}

impl file::Reader for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        match self.0.get(path) {
            Some(content) if content == b"DENIED" => Err(ReadError::Unreadable("permission denied".into())),
            Some(content) => Ok(content.clone()),
            None => Err(ReadError::Absent),
        }
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn is_folder(&self, path: &str) -> bool {
        self.0.keys().any(|name| {
            name.strip_prefix(path.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
        })
    }
}
impl Reader for Files {
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        Ok(self.0.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect())
    }
}

fn one(content: impl Into<Vec<u8>>) -> Result<Lock, LockError> {
    read("train.lock", &Files::one("train.lock", content), ReadAsChoice::Auto)
}

fn told(arg: &str, files: &Files) -> String {
    let error = read(arg, files, ReadAsChoice::Auto).unwrap_err();
    format!("{error} | {}", error.help())
}

#[test]
fn words_that_are_no_file() {
    let files = Files(BTreeMap::from([
        ("project/uv.lock", Vec::new()),
        ("project/poetry.lock", Vec::new()),
        ("project/requirements-dev.txt", Vec::new()),
        ("project/README.md", Vec::new()),
        ("empty/x.py", Vec::new()),
        ("secret.txt", b"DENIED".to_vec()),
    ]));
    for (arg, message) in [
        (
            "train.txt",
            "there is no lock train.txt | give the path of a lock, or - for standard input; `envdiff explain locks` lists the formats",
        ),
        (
            "./train:1",
            "there is no lock ./train:1 | give the path of a lock, or - for standard input; `envdiff explain locks` lists the formats",
        ),
        (
            "train:1.0",
            "there is no lock train:1.0 | to compare with an image, write it with its prefix: docker:train:1.0",
        ),
        (
            "registry.example/team/train",
            "there is no lock registry.example/team/train | to compare with an image, write it with its prefix: docker:registry.example/team/train",
        ),
        (
            "registry:h.example/train:1.0",
            "registry:h.example/train:1.0 is no target that can be read as a lock | `envdiff explain targets` lists what can be; an image of a registry is pulled first",
        ),
        (
            "project",
            "project is a folder, and a lock is a file | it holds poetry.lock, requirements-dev.txt, uv.lock: give one of them, such as project/poetry.lock",
        ),
        (
            "empty/",
            "empty/ is a folder, and a lock is a file | give a file in it; `envdiff explain locks` lists the formats",
        ),
        (
            "secret.txt",
            "the lock secret.txt cannot be read: permission denied | check its permissions and that it is a file",
        ),
        (
            "a\u{1b}[31m\u{202e}b",
            "there is no lock a\\u{1b}[31m\\u{202e}b | give the path of a lock, or - for standard input; `envdiff explain locks` lists the formats",
        ),
    ] {
        assert_eq!(told(arg, &files), message, "{arg:?}");
    }
}

#[test]
fn files_at_which_pip_stops() {
    let files = |name, content: &str| Files::one(name, content);
    for (content, message) in [
        ("", "the lock l is empty"),
        ("\n  \n\t\n", "the lock l is empty"),
        ("a==1\n-r gone.txt", "l:2: "),
        ("-r l", "l:1: "),
        ("# coding: klingon\na", "l:1: "),
    ] {
        let told = told("l", &files("l", content));
        assert!(told.starts_with(message), "{content:?}: {told}");
    }
    assert!(told("l", &Files::one("l", &b"caf\xe9==1"[..])).starts_with("l:1: "));
    let prose =
        "This is a text.\nIt goes on for lines;\nand is no lock at all,\nwhatever one does,\nor is it?\n";
    assert_eq!(
        told("l", &files("l", prose)),
        "l is no lock: 5 of its 5 lines are no requirements; line 1: a version specifier (==, >=, ~=, ...), a semicolon \
         with a marker, or the end was expected | give what an installer locked or listed: a requirements file (lines such as \
         torch==2.1.2), uv.lock, poetry.lock, what pip list or conda list printed; `envdiff explain locks` lists all formats"
    );
    let noise: Vec<u8> = (0..=255).collect();
    assert!(told("l", &Files::one("l", noise)).starts_with("l is no lock: it is no text"));
}

#[test]
fn a_lock_with_some_wrong_lines_is_read() {
    let lock =
        one("numpy==1.26.4\nnumpy=1.26.4\n[tool.poetry]\ntorch==2.1.2  # why\n-r https://h.example/r.txt\n")
            .unwrap();
    let kinds: Vec<bool> =
        lock.requirements.iter().map(|r| matches!(r.kind, RequirementKind::Invalid { .. })).collect();
    assert_eq!(kinds, [false, true, true, false]);
    assert_eq!(lock.problems.len(), 1);
    assert_eq!(
        (lock.requirements[3].at.line, lock.requirements[3].at.column, lock.requirements[3].at.end_column),
        (4, 1, 13)
    );
    assert_eq!(lock.requirements[3].text, "torch==2.1.2");
    assert_eq!(lock.sources[0].lines[3], (4, "torch==2.1.2  # why".into()));
}

#[test]
fn demand_and_record() {
    let freeze: String = (10..40).map(|n| format!("package-{n}=={n}.0\n")).collect();
    let read_as = |content: &str, choice| {
        let lock = read("l", &Files::one("l", content), choice).unwrap();
        (lock.read_as, lock.read_as_because.to_lossy().into_owned())
    };
    assert_eq!(read_as(&freeze, ReadAsChoice::Auto), (ReadAs::Record, "shape of pip freeze".into()));
    assert_eq!(read_as(&freeze, ReadAsChoice::Demand), (ReadAs::Demand, "--demand".into()));
    assert_eq!(read_as("a==1", ReadAsChoice::Auto).0, ReadAs::Demand);
    assert_eq!(read_as("a==1", ReadAsChoice::Record), (ReadAs::Record, "--record".into()));
    assert_eq!(read_as(&format!("{freeze}zz>=1\n"), ReadAsChoice::Auto).0, ReadAs::Demand);
}

#[test]
fn what_a_requirement_carries() {
    let lock = one("#\n# This file is autogenerated by pip-compile with Python 3.11\n#\n\
         Torch_Vision[B,a] >= 0.16 , <1 ; python_version >= '3.8' --hash=sha256:00 --hash=sha256:11\n\
         x @ https://user:pw@h.example/x-1.0-py3-none-any.whl\n-e ./here\n")
    .unwrap();
    let [vision, x, here] = &lock.requirements[..] else { panic!("{:?}", lock.requirements) };
    assert_eq!(vision.name.as_ref().unwrap().as_str(), "torch-vision");
    assert_eq!(vision.specifier, ">=0.16,<1");
    assert_eq!(vision.marker.as_deref(), Some("python_version >= '3.8'"));
    assert_eq!(vision.extras.iter().map(|e| e.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(vision.hashes, ["sha256:00", "sha256:11"]);
    assert_eq!(x.url.as_ref().unwrap().shown, "https://****@h.example/x-1.0-py3-none-any.whl");
    assert_eq!(x.kind, RequirementKind::Named { file_version: Some("1.0".into()) });
    assert!(!format!("{lock:?}").contains("pw@"));
    assert!(here.editable && matches!(here.kind, RequirementKind::Unnamed { .. }));
    assert_eq!(here.text, "-e ./here");
    assert_eq!(lock.python.as_ref().and_then(Fact::value).unwrap(), &"3.11");
}

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("ENVDIFF_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    if root.join("locks").exists() {
        return Some(root.join("locks"));
    }
    assert!(std::env::var_os("CI").is_none(), "the corpus is not at {}", root.display());
    eprintln!("skipped: the corpus is not at {}", root.display());
    None
}

fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files_below(&entry, out) } else { out.push(entry) }
    }
}

#[test]
fn every_other_format_of_the_corpus_is_named() {
    let Some(corpus) = corpus() else { return };
    let mut files = Vec::new();
    files_below(&corpus, &mut files);
    files.sort();
    let mut told = String::new();
    for path in files {
        let name = path.strip_prefix(&corpus).unwrap().to_str().unwrap();
        if name.starts_with("requirements/") {
            continue;
        }
        let said = match read(path.to_str().unwrap(), &Disk::new(), ReadAsChoice::Auto) {
            Ok(lock) => format!("{} requirements, {}", lock.requirements.len(), lock.read_as.as_str()),
            Err(error) => {
                error.to_string().replace(corpus.to_str().unwrap(), "").replace(&format!("/{name}"), "it")
            }
        };
        told.push_str(&format!("{name}: {said}\n"));
    }
    insta::assert_snapshot!("corpus", told);
}

#[test]
fn ids_of_formats_are_there_once() {
    let mut ids: Vec<&str> = FORMATS.iter().map(|format| format.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), FORMATS.len());
}

#[test]
fn a_lock_that_is_cut_off_anywhere_ends_no_reader() {
    let Some(corpus) = corpus() else { return };
    let mut files = Vec::new();
    files_below(&corpus, &mut files);
    for path in files {
        let name = path.strip_prefix(&corpus).unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        if name.starts_with("requirements/") || name.ends_with("truth.json") || bytes.len() > 300_000 {
            continue;
        }
        let cuts = 24;
        for format in FORMATS.iter().filter(|format| format.id != "requirements") {
            let is_of = name.contains(format.id.split('-').next().unwrap());
            for cut in 1..=if is_of { cuts } else { 1 } {
                let end = bytes.len() * cut / if is_of { cuts } else { 1 };
                envdiff_lock::fuzz::read(format.id, &bytes[..end]);
            }
        }
    }
}

/// Bytes changed by a fixed series of numbers; `ENVDIFF_MUTATIONS` asks for more of them than the few that always run.
#[test]
fn a_lock_with_changed_bytes_ends_no_reader() {
    let Some(corpus) = corpus() else { return };
    let rounds: usize = std::env::var("ENVDIFF_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 16).unwrap()
    };
    const PIECES: [&[u8]; 12] = [
        b"\"",
        b"[",
        b"]",
        b"{",
        b"}",
        b"\n",
        b"=",
        b"'",
        b"\xff",
        b"[[package]]\n",
        b"- ",
        b"999999999999999999999",
    ];
    let mut files = Vec::new();
    files_below(&corpus, &mut files);
    for path in files {
        let name = path.strip_prefix(&corpus).unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        if name.starts_with("requirements/")
            || name.ends_with("truth.json")
            || bytes.len() > 100_000
            || bytes.is_empty()
        {
            continue;
        }
        for format in FORMATS.iter().filter(|format| format.id != "requirements") {
            if !name.contains(format.id.split('-').next().unwrap()) {
                continue;
            }
            for _ in 0..rounds {
                let mut changed = bytes.clone();
                for _ in 0..1 + next() % 4 {
                    let at = next() % changed.len();
                    let end = (at + next() % 8).min(changed.len());
                    changed.splice(at..end, PIECES[next() % PIECES.len()].iter().copied());
                }
                envdiff_lock::fuzz::read(format.id, &changed);
            }
        }
    }
}

#[test]
fn alternatives_of_versions_are_kept() {
    let conda = one("name: e\ndependencies:\n- numpy=1.26|1.24\n- scipy (1.1|1.3),!=1.2\n").unwrap();
    assert_eq!(conda.requirements[0].specifier, "==1.26.* || ==1.24");
    assert!(matches!(conda.requirements[1].selection, Selection::Undetermined { .. }));
    assert_eq!(conda.requirements[1].specifier, "(1.1|1.3),!=1.2");
    let poetry = one(
        "[tool.poetry.dependencies]\na = \"^0.30 || ^0.31\"\nb = \">=2024,<2025 | >2025\"\nc = \"<1 || *\"\n",
    )
    .unwrap();
    let specifiers: Vec<&str> = poetry.requirements.iter().map(|r| r.specifier.as_str()).collect();
    assert_eq!(specifiers, [">=0.30,<0.31 || >=0.31,<0.32", ">=2024,<2025 || >2025", ""]);
}

#[test]
fn what_pip_takes_in_a_list_of_conda_is_taken() {
    let yml = "dependencies:\n- python=3.11\n- pip:\n  - git+https://h.example/a/b@v1#egg=b\n  - git+https://h.example/a/b.git\n  \
               - https://h.example/idna-3.6-py3-none-any.whl\n  - ./wheels/idna-3.6-py3-none-any.whl\n  \
               - idna==3.6 --hash=sha256:aa\n  - -c c.txt\n  - --requirement=r.txt\n  - -r https://h.example/r.txt\n  - six==\n";
    let files = Files(BTreeMap::from([
        ("p/environment.yml", yml.as_bytes().to_vec()),
        ("p/c.txt", b"six<2\n".to_vec()),
        ("p/r.txt", b"attrs\n".to_vec()),
    ]));
    let lock = read("p/environment.yml", &files, ReadAsChoice::Auto).unwrap();
    assert_eq!(lock.format, "conda-environment");
    let told: Vec<(String, bool, &str, usize)> = lock
        .requirements
        .iter()
        .map(|r| {
            let invalid = matches!(r.kind, RequirementKind::Invalid { .. });
            (r.text.to_lossy().into_owned(), invalid || r.constraint, r.at.file.as_str().unwrap(), r.at.line)
        })
        .collect();
    let yml = "p/environment.yml";
    let of = |text: &str, is_odd, file: &'static str, line| (text.to_owned(), is_odd, file, line);
    assert_eq!(
        told,
        [
            of("python=3.11", false, yml, 2),
            of("git+https://h.example/a/b@v1#egg=b", false, yml, 4),
            of("git+https://h.example/a/b.git", false, yml, 5),
            of("https://h.example/idna-3.6-py3-none-any.whl", false, yml, 6),
            of("./wheels/idna-3.6-py3-none-any.whl", false, yml, 7),
            of("idna==3.6", false, yml, 8),
            of("six<2", true, "p/c.txt", 1),
            of("attrs", false, "p/r.txt", 1),
            of("six==", true, yml, 12),
        ]
    );
    assert_eq!(lock.requirements[5].hashes, ["sha256:aa"]);
    assert_eq!((lock.problems.len(), lock.problems[0].at.line), (1, 11));
}

#[test]
fn what_is_not_fetched_is_noted_where_nothing_is_judged() {
    let files = Files::one("r.txt", "-r https://h.example/r.txt\nidna\n");
    let opened = envdiff_lock::open("r.txt", &files, ReadAsChoice::Auto).unwrap();
    let environment = envdiff_lock::Environment::unknown();
    let locks = [opened];
    let mut selected = envdiff_lock::select(&locks, &environment, &envdiff_lock::Wishes::default()).unwrap();
    selected[0].settle(&environment);
    assert_eq!(
        selected[0].lock.notes,
        ["what it asks for is not known: https://h.example/r.txt is a URL, and nothing is fetched (r.txt:1)"]
    );
}

/// The names of what is installed of a member alone.
fn of_member(files: &Files, member: &str) -> Vec<String> {
    let opened = [envdiff_lock::open("uv.lock", files, ReadAsChoice::Auto).unwrap()];
    let wishes =
        envdiff_lock::Wishes { packages: vec![Name::new(member)], ..envdiff_lock::Wishes::default() };
    let selected = envdiff_lock::select(&opened, &envdiff_lock::Environment::unknown(), &wishes).unwrap();
    let requirements = &selected[0].lock.requirements;
    let chosen = requirements.iter().filter(|r| r.selection == Selection::Selected);
    chosen.map(|r| r.name.as_ref().unwrap().as_str().to_owned()).collect()
}

#[test]
fn a_member_of_a_workspace_has_default_groups_of_its_own() {
    let registry = |name: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"1\"\nsource = {{ registry = \"https://h.example/simple\" }}\n"
        )
    };
    let lock = format!(
        "version = 1\nrequires-python = \">=3.9\"\n[manifest]\nmembers = [\"m1\"]\n\
         [manifest.dependency-groups]\ndev = [{{ name = \"iniconfig\" }}]\n{}{}{}{}\
         [[package]]\nname = \"m1\"\nversion = \"1\"\nsource = {{ virtual = \"m1\" }}\n\
         dependencies = [{{ name = \"idna\" }}]\n[package.dev-dependencies]\n\
         dev = [{{ name = \"six\" }}]\ntest = [{{ name = \"attrs\" }}]\n",
        registry("attrs"),
        registry("idna"),
        registry("iniconfig"),
        registry("six"),
    );
    for (root, own, names) in [
        ("[tool.uv.workspace]\nmembers = [\"m1\"]\n", "[project]\nname = \"m1\"\n", vec!["idna", "six"]),
        ("[tool.uv]\ndefault-groups = [\"docs\"]\n", "[project]\nname = \"m1\"\n", vec!["idna", "six"]),
        ("[tool.uv]\ndefault-groups = \"all\"\n", "[project]\nname = \"m1\"\n", vec!["idna", "six"]),
        ("[project]\nname = \"r\"\n", "[tool.uv]\ndefault-groups = [\"test\"]\n", vec!["attrs", "idna"]),
    ] {
        let files = Files(BTreeMap::from([
            ("uv.lock", lock.clone().into_bytes()),
            ("pyproject.toml", root.as_bytes().to_vec()),
            ("m1/pyproject.toml", own.as_bytes().to_vec()),
        ]));
        assert_eq!(of_member(&files, "m1"), names, "{root}");
    }
}
