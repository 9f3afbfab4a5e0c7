//! The bytes of a file come in; what kind of file it is comes out, by its content.
//!
//! Only marks that no requirements file has are looked for: a requirements file with a line of TOML or a merge conflict in it
//! stays one, with that line invalid.

use crate::LockError;
use crate::broken::Fault;
use crate::error::Other;
use crate::text::Document;

/// How much of a file is looked at, in bytes from its beginning.
const WINDOW: usize = 256 << 10;
/// And from its end, where some formats have what tells them.
const TAIL: usize = 64 << 10;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    UvLock,
    Pylock,
    PoetryLock,
    PdmLock,
    PipfileLock,
    Pyproject,
    SetupCfg,
    PipInspect,
    PipList,
    CondaList,
    CondaEnvironment,
    CondaLock,
    PixiLock,
    CollectEnv,
    Mlflow,
    CycloneDx,
    Spdx,
    Snapshot,
    /// Text that is nothing else.
    Text,
    /// Lines of an unresolved merge in what is otherwise one of the formats; the number of the first.
    Merge(usize),
    /// A format that is not read.
    Unread(Other),
    /// No text at all.
    Binary,
}

/// What was seen of a file's content.
pub(crate) struct Look {
    shape: Shape,
}

impl Look {
    /// The name counts only where the content says nothing.
    pub(crate) fn of(name: &str, bytes: &[u8]) -> Self {
        let window = bytes.get(..WINDOW).unwrap_or(bytes);
        if let Some(other) = binary(window) {
            return Self { shape: Shape::Unread(other) };
        }
        let Some(mut text) = decoded(window) else { return Self { shape: Shape::Binary } };
        if bytes.len() > WINDOW {
            let tail = bytes.get(bytes.len().saturating_sub(TAIL).max(WINDOW)..).unwrap_or(&[]);
            // What the window's last line lacks would change what it is.
            text.push_str("\n\n");
            let tail = String::from_utf8_lossy(tail);
            text.push_str(tail.split_once('\n').map_or("", |(_, rest)| rest));
        }
        let shape =
            if says_nothing(&text) && is_name_of_toml(name) { Shape::Unread(NO_KEY) } else { shape(&text) };
        let merge = || text.lines().position(|line| line.starts_with("<<<<<<< "));
        let is_format = !matches!(shape, Shape::Text | Shape::Unread(_) | Shape::Binary);
        match if is_format { merge() } else { None } {
            Some(line) => Self { shape: Shape::Merge(line + 1) },
            None => Self { shape },
        }
    }

    pub(crate) fn is(&self, shape: Shape) -> bool {
        self.shape == shape
    }

    /// Why no format takes the file.
    pub(crate) fn refusal(&self, path: &str, bytes: &[u8]) -> LockError {
        match self.shape {
            Shape::Unread(what) => LockError::OtherFormat { path: path.into(), what },
            Shape::Merge(line) => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let at = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
                let place = Document::new(path, text).place(at, at + 7);
                let message = "a merge is not resolved here (<<<<<<<)".into();
                LockError::Broken {
                    path: path.into(),
                    format: None,
                    at: Some(place),
                    fault: Fault::MergeConflict,
                    message,
                }
            }
            _ => LockError::NotALock { path: path.into(), why: "it is no text" },
        }
    }
}

macro_rules! export {
    ($what:literal, $command:literal) => {
        Other { what: $what, help: concat!("give what `", $command, "` writes") }
    };
}

const PIP_FREEZE: &str = "give what `python -m pip freeze` prints in that environment";
const NONE: &str = "give a lock; `envdiff explain locks` lists the formats";

/// Files by their first bytes.
fn binary(bytes: &[u8]) -> Option<Other> {
    let what = [
        (&b"\x1f\x8b"[..], "compressed by gzip, not a lock"),
        (b"PK\x03\x04", "a zip file (a wheel, a model archive), not a lock"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd, not a lock"),
        (b"\x7fELF", "a program, not a lock"),
        (b"%PDF-", "a PDF, not a lock"),
        (b"\x89PNG", "a picture, not a lock"),
        (b"\x80\x02", "a pickle, not a lock"),
        (b"\x80\x04", "a pickle, not a lock"),
        (b"SQLite format 3\0", "a database, not a lock"),
    ]
    .into_iter()
    .find_map(|(magic, what)| bytes.starts_with(magic).then_some(what))
    .or_else(|| (bytes.get(257..262) == Some(b"ustar")).then_some("a tar archive, not a lock"))?;
    Some(Other { what, help: NONE })
}

/// The text as far as recognising it needs: of wide encodings the bytes that are not NUL. `None` where it is none: bytes
/// that are no UTF-8 beside NULs, or a tenth of control characters.
fn decoded(bytes: &[u8]) -> Option<String> {
    let wide = bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || bytes.starts_with(b"\0\0\xfe\xff");
    if wide {
        let kept: Vec<u8> = bytes.iter().copied().filter(|b| !matches!(b, 0 | 0xfe | 0xff)).collect();
        return Some(String::from_utf8_lossy(&kept).into_owned());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_control = |b: &&u8| matches!(b, 1..=8 | 14..=27 | 127);
    if bytes.iter().filter(is_control).count() * 10 > bytes.len() {
        return None;
    }
    let is_whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // The window can end inside a character.
        Err(error) => error.error_len().is_none(),
    };
    (is_whole || !bytes.contains(&0)).then(|| String::from_utf8_lossy(bytes).into_owned())
}

const NO_KEY: Other =
    Other { what: "a TOML document without any key", help: "was it written by a command that failed?" };

/// Whether there is nothing but comments in a text that is not empty.
fn says_nothing(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    lines.peek().is_some() && lines.all(|line| line.starts_with('#'))
}

fn is_name_of_toml(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    name.ends_with(".toml") || ["uv.lock", "poetry.lock", "pdm.lock", "pipfile"].contains(&name.as_str())
}

/// What a text is.
fn shape(text: &str) -> Shape {
    if text.trim().is_empty() {
        return Shape::Text;
    }
    foreign(text).unwrap_or(Shape::Text)
}

/// Everything but requirements, by its text.
fn foreign(text: &str) -> Option<Shape> {
    let start = text.trim_start();
    let lower: String = start.chars().take(64).collect::<String>().to_ascii_lowercase();
    let unread = |what, help| Some(Shape::Unread(Other { what, help }));
    if lower.starts_with("<!doctype") || lower.starts_with("<html") {
        return unread(
            "an HTML page, not a lock",
            "was it downloaded from a page that shows the file? Give the file itself",
        );
    }
    if lower.starts_with("<?xml") {
        return unread("an XML document, not a lock", NONE);
    }
    if start.starts_with("version https://git-lfs") {
        return unread("a pointer of Git LFS, not the file itself", "fetch it: git lfs pull");
    }
    if start.starts_with('{') || is_json_list(start) {
        return Some(json(start));
    }
    let first = start.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    if let Some(line) = first
        && is_toml(line)
    {
        return Some(toml(text));
    }
    conda_or_list(text, first).or_else(|| first.and_then(|line| yaml(text, line)))
}

fn is_json_list(start: &str) -> bool {
    start.strip_prefix('[').is_some_and(|rest| {
        let rest = rest.trim_start();
        rest.starts_with('{')
            || rest.starts_with("[[")
            || (rest.starts_with(']') && rest.get(1..).is_some_and(|r| r.trim().is_empty()))
    })
}

fn json(text: &str) -> Shape {
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    let is_pipfile = has("pipfile-spec") || (has("_meta") && (has("default") || has("develop")));
    let other = if text.contains("\"envdiff.snapshot/") {
        return Shape::Snapshot;
    } else if is_pipfile {
        return Shape::PipfileLock;
    } else if has("lockfileVersion") {
        Other { what: "a package-lock.json of npm, which locks no Python", help: NONE }
    } else if has("bomFormat") {
        return Shape::CycloneDx;
    } else if has("spdxVersion") {
        return Shape::Spdx;
    } else if text.contains("\"envdiff.report/") {
        Other { what: "a report of envdiff, not a lock", help: NONE }
    } else if has("pip_version") {
        return Shape::PipInspect;
    } else if text.trim_start().starts_with('[') && has("name") && has("version") {
        if has("build_string") || has("dist_name") {
            return Shape::CondaList;
        } else {
            return Shape::PipList;
        }
    } else {
        Other { what: "a JSON document that is no known lock", help: NONE }
    };
    Shape::Unread(other)
}

/// A table's head, or a key with a value as TOML writes it.
fn is_toml(line: &str) -> bool {
    let code = line.split(" #").next().unwrap_or(line).trim_end();
    if let Some(head) = code.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let head = head.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(head);
        return head
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '"' | '\'' | ':' | ' '));
    }
    let Some((key, value)) = code.split_once('=') else { return false };
    let (key, value) = (key.trim(), value.trim());
    let is_key = !key.is_empty()
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '"'));
    let is_value = value.starts_with(['"', '\'', '[', '{'])
        || matches!(value, "true" | "false")
        || (!value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()));
    is_key && is_value && !value.starts_with('=')
}

/// What the lines of a TOML document say, taken in one pass.
#[derive(Default)]
struct Heads<'a> {
    /// Names in headers, without brackets.
    tables: Vec<&'a str>,
    /// Keys before the first header, with what stands behind their `=`.
    top: Vec<(&'a str, &'a str)>,
    /// Keys below headers.
    keys: Vec<(&'a str, &'a str)>,
}

impl<'a> Heads<'a> {
    fn of(text: &'a str) -> Self {
        let mut out = Self::default();
        for line in text.lines() {
            if let Some(head) = line.strip_prefix('[') {
                let head = head.trim_start_matches('[').split(']').next().unwrap_or("").trim();
                if out.tables.last() != Some(&head) && !out.tables.contains(&head) && out.tables.len() < 200 {
                    out.tables.push(head);
                }
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (key.trim_end(), value.trim_start());
                let keys = if out.tables.is_empty() { &mut out.top } else { &mut out.keys };
                if !key.starts_with([' ', '\t', '#', '"', '{']) && keys.len() < 5_000 {
                    keys.push((key, value));
                }
            }
        }
        out
    }
    fn table(&self, name: &str) -> bool {
        self.tables.iter().any(|table| {
            table.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
    fn top(&self, key: &str) -> bool {
        self.top.iter().any(|(found, _)| *found == key)
    }
    fn key(&self, key: &str) -> bool {
        self.keys.iter().any(|(found, _)| *found == key)
    }
    fn valued(&self, key: &str, start: &str) -> bool {
        self.keys.iter().any(|(found, value)| *found == key && value.starts_with(start))
    }
}

fn toml(text: &str) -> Shape {
    let heads = Heads::of(text);
    let is_locked = heads.table("package") || heads.table("distribution") || heads.table("metadata");
    let by = |tool: &str| {
        text.lines()
            .take(3)
            .any(|line| line.starts_with('#') && line.contains("@generated") && line.contains(tool))
    };
    let other = if heads.top("lock-version") {
        return Shape::Pylock;
    } else if is_locked
        && (by("Poetry") || heads.key("python-versions") || heads.valued("lock-version", "\""))
    {
        return Shape::PoetryLock;
    } else if is_locked && (by("PDM") || heads.key("lock_version") || heads.key("content_hash")) {
        return Shape::PdmLock;
    } else if is_locked && heads.valued("source", "\"registry+") && heads.key("checksum") {
        Other { what: "a Cargo.lock, which locks no Python", help: NONE }
    } else if heads.table("package") || heads.table("distribution") || heads.top("requires-python") {
        return Shape::UvLock;
    } else if heads.table("options") || text.contains("= attr:") {
        return Shape::SetupCfg;
    } else if (heads.table("workspace") || heads.table("project")) && heads.key("channels") {
        Other { what: "a pixi.toml", help: PIP_FREEZE }
    } else if heads.table("packages") || heads.table("dev-packages") || heads.table("source") {
        export!("a Pipfile", "pipenv requirements")
    } else if ["project", "tool", "build-system", "dependency-groups"].iter().any(|table| heads.table(table))
    {
        return Shape::Pyproject;
    } else {
        Other { what: "a TOML document that is no known lock", help: NONE }
    };
    Shape::Unread(other)
}

fn conda_or_list(text: &str, first: Option<&str>) -> Option<Shape> {
    let has_line = |wanted: &str| text.lines().take(200).any(|line| line.trim() == wanted);
    if has_line("@EXPLICIT") {
        return Some(Shape::CondaList);
    }
    if text.trim_start().starts_with("# packages in environment at") {
        return Some(Shape::CondaList);
    }
    let first = first?;
    let mut words = first.split_whitespace();
    if words.next() == Some("Package") && words.next() == Some("Version") {
        return Some(Shape::PipList);
    }
    let is_of_collect_env = |line: &str| {
        line.starts_with("PyTorch version:")
            || line.starts_with("[pip3] ")
            || line.starts_with("Collecting environment information")
    };
    if text.lines().take(400).any(is_of_collect_env) {
        return Some(Shape::CollectEnv);
    }
    // `name=version=build`: one `=` between three words, which no requirement has.
    let is_export = |line: &str| {
        let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
        let parts: Vec<&str> = line.split('=').collect();
        parts.len() == 3 && parts.iter().all(is_word)
    };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.by_ref().take(3).all(is_export).then_some(Shape::CondaList)
}

/// A mapping of YAML at the top, where its keys are those of a known format.
fn yaml(text: &str, first: &str) -> Option<Shape> {
    let is_key = |line: &str| {
        line.split_once(':').is_some_and(|(key, rest)| {
            !key.is_empty()
                && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                && (rest.is_empty() || rest.starts_with(' '))
        })
    };
    if first != "---" && !is_key(first) {
        return None;
    }
    let has =
        |key: &str| text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
    if has("flavors") || (has("build_dependencies") && has("python")) {
        Some(Shape::Mlflow)
    } else if has("environments") && has("packages") {
        Some(Shape::PixiLock)
    } else if has("metadata") && has("package") {
        Some(Shape::CondaLock)
    } else if has("dependencies") && (has("channels") || has("name") || has("prefix")) {
        Some(Shape::CondaEnvironment)
    } else if is_numbered(first) {
        Some(Shape::CondaLock)
    } else if has("dependencies") {
        // Neither a name nor channels need be there.
        Some(Shape::CondaEnvironment)
    } else {
        None
    }
}

/// `version: 1` and nothing that is known: what is wrong with it is said by a reader of YAML.
fn is_numbered(first: &str) -> bool {
    first
        .strip_prefix("version: ")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a word has a target's prefix; a file of that name is a lock all the same.
pub(crate) fn is_target(arg: &str) -> bool {
    ["docker:", "container:", "archive:", "oci:", "dir:", "snapshot:"]
        .iter()
        .any(|prefix| arg.starts_with(prefix))
}

/// What to say of a word that is no file: an image's name, a target, or nothing.
pub(crate) fn absent(arg: &str) -> LockError {
    if is_target(arg) || arg.starts_with("registry:") {
        LockError::Target { path: arg.into() }
    } else if is_image(arg) && !is_name_of_a_file(arg) {
        LockError::AbsentImage { path: arg.into() }
    } else {
        LockError::Absent { path: arg.into() }
    }
}

/// Whether a word could be an image's: `name:tag`, `host/name`, `name@sha256:...`, or a plain word.
fn is_image(arg: &str) -> bool {
    let is_path = arg.starts_with(['/', '.', '~', '-']) || arg.contains('\\') || arg.ends_with('/');
    let (name, digest) = arg.split_once('@').map_or((arg, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or(name);
    let tag = last.split_once(':').map(|(_, tag)| tag);
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !is_path
        && !name.is_empty()
        && name.chars().all(|c| is_word(c) || matches!(c, '/' | ':'))
        && !name.contains("//")
        && last.chars().next().is_some_and(|c| c.is_ascii_alphanumeric())
        && tag.is_none_or(|tag| !tag.is_empty() && tag.chars().all(is_word))
        && digest.is_none_or(|digest| digest.starts_with("sha256:"))
}

/// Whether a word ends as names of files do that people give for locks.
fn is_name_of_a_file(arg: &str) -> bool {
    let lower = arg.to_ascii_lowercase();
    is_name_of_a_lock(arg)
        || [".txt", ".in", ".toml", ".json", ".yml", ".yaml", ".cfg", ".list"]
            .iter()
            .any(|end| lower.ends_with(end))
}

/// Whether a file is called as locks are.
pub(crate) fn is_name_of_a_lock(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let known =
        ["pipfile", "pyproject.toml", "environment.yml", "environment.yaml", "conda-lock.yml", "mlmodel"];
    let is_pip = [".txt", ".in"].iter().any(|ending| name.ends_with(ending))
        && ["requirements", "constraints", "freeze", "lock"].iter().any(|word| name.contains(word));
    known.contains(&name.as_str())
        || name.ends_with(".lock")
        || is_pip
        || (name.starts_with("pylock") && name.ends_with(".toml"))
}
