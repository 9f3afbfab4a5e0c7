//! A layout to the interpreter's full version, from what lies beside it.
//!
//! In this order: `patchlevel.h`, `build-details.json` (PEP 739), conda's record, the package manager's (dpkg, apk) for an
//! interpreter below `/usr`, the version text in the program or its library, and last `pyvenv.cfg`, which tells what made
//! the environment and not what is there now.

use envdiff_files::{Ask, ImagePath, Miss, Seen};
use envdiff_model::{Evidence, Fact, Text, say};
use serde_json::Value;

use super::ask::{self, Found};
use super::layout::{Feature, Implementation, Layout};
use crate::limits::{PACKAGE_DATABASE, PROGRAM_SEARCHED, VERSION_FILE};

/// A program is searched in pieces of this size, in bytes.
const PIECE: u64 = 4 << 20;

/// How a database is read.
type ReadPackages = fn(&[u8]) -> Packages;
/// Databases of package managers.
const DATABASES: &[(&str, ReadPackages)] =
    &[("/var/lib/dpkg/status", dpkg), ("/lib/apk/db/installed", apk), ("/usr/lib/apk/db/installed", apk)];
/// Where distroless images keep one file a package.
const SLIM: &str = "/var/lib/dpkg/status.d";

/// The version, as `platform.python_version()` gives it; for PyPy also PyPy's own, which is its `implementation_version`.
pub(crate) struct Versions {
    pub(crate) python: Fact<Text>,
    pub(crate) pypy: Option<Text>,
}

/// Finds it. `searches`: whether the program itself is searched when nothing else tells.
pub(crate) fn find(seen: &Seen, layout: &Layout, searches: bool) -> Result<Versions, Miss> {
    let feature = layout.feature;
    let folder = feature.folder();
    let header =
        layout.base.join("include").and_then(|p| p.join(&folder)).and_then(|p| p.join("patchlevel.h"));
    let details = layout.stdlib.join("build-details.json");
    let conda = layout.base.join("conda-meta");
    let owned = [&layout.real, &Some(layout.executable.clone())]
        .into_iter()
        .flatten()
        .any(|p| p.as_bytes().starts_with(b"/usr/bin/") || p.as_bytes().starts_with(b"/bin/"));
    let databases: Vec<(ImagePath, ReadPackages)> = if owned {
        DATABASES.iter().filter_map(|(path, parse)| Some((ImagePath::new(path)?, *parse))).collect()
    } else {
        Vec::new()
    };
    let distroless = if owned { ImagePath::new(SLIM) } else { None };

    // All of it in one batch.
    let header_found = header.as_ref().map(|p| ask::parsed(seen, p, VERSION_FILE, patchlevel)).transpose();
    let details_found =
        details.as_ref().map(|p| ask::parsed(seen, p, VERSION_FILE, build_details)).transpose();
    let conda_found = conda.as_ref().map(|p| ask::list(seen, p)).transpose();
    let packages = seen.each(&databases, |(path, parse)| ask::parsed(seen, path, PACKAGE_DATABASE, *parse));
    let slim = distroless.as_ref().map(|p| ask::list(seen, p)).transpose();

    let wanted = |version: &Text| of_feature(version, feature);
    let known = |version: &Text, evidence: Evidence, pypy: Option<Text>| {
        Ok(Versions { python: Fact::known(version.clone(), evidence), pypy })
    };
    let header_found = header_found?;
    let (details_found, conda_found, packages, slim) = (details_found?, conda_found?, packages?, slim?);
    if let (Some(path), Some(Found::Is(levels))) = (&header, &header_found)
        && let Some(version) = levels.python.as_ref().filter(|v| wanted(v))
    {
        let evidence = ask::evidence(
            seen,
            &Ask::Read { path: path.clone(), limit: VERSION_FILE },
            say!("PY_VERSION \"", version, "\""),
        );
        return known(version, evidence, levels.pypy.clone());
    }
    if let (Some(path), Some(Found::Is(version))) = (&details, &details_found)
        && let Some(version) = version.as_ref().as_ref().filter(|v| wanted(v))
    {
        let evidence =
            ask::evidence(seen, &Ask::Read { path: path.clone(), limit: VERSION_FILE }, version.clone());
        return known(version, evidence, None);
    }
    if let (Some(folder), Some(Found::Is(list))) = (&conda, &conda_found) {
        for (name, _) in &list.entries {
            if let Some(version) = conda_record(name).filter(wanted) {
                let mut evidence = ask::evidence(seen, &Ask::List(folder.clone()), Text::from(&**name));
                evidence.path = say!(folder.as_bytes(), "/", &**name);
                return known(&version, evidence, None);
            }
        }
    }
    for ((path, _), found) in databases.iter().zip(&packages) {
        if let Found::Is(packages) = found
            && let Some(version) = package_version(packages, feature)
        {
            let evidence = ask::evidence(
                seen,
                &Ask::Read { path: path.clone(), limit: PACKAGE_DATABASE },
                say!("Package: ", version.0, ", Version: ", version.1),
            );
            return known(&version.2, evidence, None);
        }
    }
    if let (Some(folder), Some(Found::Is(list))) = (&distroless, &slim) {
        let names: Vec<ImagePath> = list
            .entries
            .iter()
            .filter(|(name, _)| name.windows(6).any(|w| w == b"python") && !name.ends_with(b".md5sums"))
            .filter_map(|(name, _)| folder.join(name))
            .take(64)
            .collect();
        let read = seen.each(&names, |path| ask::parsed(seen, path, VERSION_FILE, dpkg))?;
        for (path, found) in names.iter().zip(read) {
            if let Found::Is(packages) = found
                && let Some(version) = package_version(&packages, feature)
            {
                let evidence = ask::evidence(
                    seen,
                    &Ask::Read { path: path.clone(), limit: VERSION_FILE },
                    say!("Package: ", version.0, ", Version: ", version.1),
                );
                return known(&version.2, evidence, None);
            }
        }
    }
    let mut reason = Text::from("neither header, package record nor the program itself tells it");
    if searches && feature.implementation == Implementation::CPython {
        match in_program(seen, layout)? {
            Ok((version, path)) => {
                let evidence = Evidence::new(path.as_bytes(), say!("the text \"", version, "\" in it"));
                return known(&version, evidence, None);
            }
            Err(why) => reason = why,
        }
    }
    if let Some(venv) = &layout.venv
        && let Some(version) = venv.settings.version.as_ref().and_then(of_venv)
        && wanted(&version)
    {
        let evidence = Evidence::new(venv.cfg.as_bytes(), say!("version = ", version));
        return known(&version, evidence, None);
    }
    // What is there and cannot be read might have told it.
    let files = [
        (&header, header_found.as_ref().and_then(Found::why)),
        (&details, details_found.as_ref().and_then(Found::why)),
    ];
    let files = files.into_iter().filter_map(|(path, why)| Some((path.as_ref()?, why?)));
    let records = databases.iter().zip(&packages).filter_map(|((path, _), found)| Some((path, found.why()?)));
    if let Some((path, why)) = files.chain(records).next() {
        reason = say!(reason, "; ", path.as_bytes(), " cannot be read: ", why);
    }
    Ok(Versions { python: Fact::unknown(say!(folder, ": ", reason)), pypy: None })
}

/// Asks early for what lies below a prefix that an interpreter may belong to.
pub(crate) fn foresee(seen: &Seen, prefix: &ImagePath, folder: &str) {
    if let Some(header) =
        prefix.join("include").and_then(|p| p.join(folder)).and_then(|p| p.join("patchlevel.h"))
    {
        drop(seen.parsed(&header, VERSION_FILE, patchlevel));
    }
    for lib in ["lib", "lib64"] {
        if let Some(details) =
            prefix.join(lib).and_then(|p| p.join(folder)).and_then(|p| p.join("build-details.json"))
        {
            drop(seen.parsed(&details, VERSION_FILE, build_details));
        }
    }
    if let Some(conda) = prefix.join("conda-meta") {
        drop(seen.list(&conda));
    }
    if prefix.as_bytes() == b"/usr" {
        for (path, parse) in DATABASES {
            if let Some(path) = ImagePath::new(path) {
                drop(seen.parsed(&path, PACKAGE_DATABASE, *parse));
            }
        }
        if let Some(slim) = ImagePath::new(SLIM) {
            drop(seen.list(&slim));
        }
    }
}

/// Whether a full version belongs to `X.Y`.
fn of_feature(version: &Text, feature: Feature) -> bool {
    let head = format!("{}.{}.", feature.major, feature.minor);
    version.as_bytes().starts_with(head.as_bytes())
}

/// The versions that a `patchlevel.h` defines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patchlevel {
    /// `PY_VERSION`; the `+` of a build between releases stays, as in `platform.python_version()`.
    pub python: Option<Text>,
    /// `PYPY_VERSION`
    pub pypy: Option<Text>,
}

/// Reads `patchlevel.h`.
#[must_use]
pub fn patchlevel(bytes: &[u8]) -> Patchlevel {
    let mut out = Patchlevel::default();
    for line in bytes.split(|b| *b == b'\n') {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        if words.next() != Some(b"#define") {
            continue;
        }
        let slot = match words.next() {
            Some(b"PY_VERSION") => &mut out.python,
            Some(b"PYPY_VERSION") => &mut out.pypy,
            _ => continue,
        };
        *slot = words
            .next()
            .map(|w| Text::from(w.strip_prefix(b"\"").and_then(|w| w.strip_suffix(b"\"")).unwrap_or(w)));
    }
    out
}

/// Reads `build-details.json` (PEP 739).
#[must_use]
pub fn build_details(bytes: &[u8]) -> Option<Text> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let version = value.get("implementation")?.get("version")?;
    let number = |key: &str| version.get(key).and_then(Value::as_u64);
    let (major, minor, micro) = (number("major")?, number("minor")?, number("micro")?);
    let letter = match version.get("releaselevel").and_then(Value::as_str) {
        Some("alpha") => "a",
        Some("beta") => "b",
        Some("candidate") => "rc",
        _ => "",
    };
    let serial = if letter.is_empty() { String::new() } else { number("serial")?.to_string() };
    Some(Text::from(format!("{major}.{minor}.{micro}{letter}{serial}")))
}

/// `python-3.9.2-h955ad1f_0.json` to `3.9.2`.
fn conda_record(name: &[u8]) -> Option<Text> {
    let stem = name.strip_prefix(b"python-")?.strip_suffix(b".json")?;
    let version = stem.split(|b| *b == b'-').next()?;
    version.first()?.is_ascii_digit().then(|| Text::from(version))
}

/// `3.9.2.final.0` (virtualenv) and `3.9.2` to `3.9.2`.
fn of_venv(version: &Text) -> Option<Text> {
    let text = version.as_str()?;
    let parts: Vec<&str> = text.split('.').collect();
    match parts.as_slice() {
        [a, b, c, "final", _] => Some(Text::from(format!("{a}.{b}.{c}"))),
        [a, b, c, level, serial] => {
            let letter = match *level {
                "alpha" => "a",
                "beta" => "b",
                "candidate" => "rc",
                _ => return None,
            };
            Some(Text::from(format!("{a}.{b}.{c}{letter}{serial}")))
        }
        [_, _, _] => Some(version.clone()),
        _ => None,
    }
}

/// Python packages of a system's database with their versions.
pub type Packages = Vec<(Text, Text)>;

/// Reads dpkg's `status`: packages whose name begins with `python`, `libpython` or `pypy`, and that are installed.
#[must_use]
pub fn dpkg(bytes: &[u8]) -> Packages {
    let mut out = Vec::new();
    let mut name: Option<&[u8]> = None;
    let mut version: Option<&[u8]> = None;
    let mut installed = true;
    for line in bytes.split(|b| *b == b'\n').chain([&b""[..]]) {
        if line.is_empty() {
            if let (Some(name), Some(version), true) = (name.take(), version.take(), installed) {
                out.push((Text::from(name), Text::from(version)));
            }
            installed = true;
        } else if let Some(value) = line.strip_prefix(b"Package: ") {
            let is_python =
                value.starts_with(b"python") || value.starts_with(b"libpython") || value.starts_with(b"pypy");
            name = is_python.then_some(value);
        } else if name.is_some() {
            if let Some(value) = line.strip_prefix(b"Version: ") {
                version = Some(value);
            } else if let Some(value) = line.strip_prefix(b"Status: ") {
                installed = value.ends_with(b" installed");
            }
        }
    }
    out
}

/// Reads apk's `installed`.
#[must_use]
pub fn apk(bytes: &[u8]) -> Packages {
    let mut out = Vec::new();
    let mut name: Option<&[u8]> = None;
    for line in bytes.split(|b| *b == b'\n') {
        if line.is_empty() {
            name = None;
        } else if let Some(value) = line.strip_prefix(b"P:") {
            name = value.starts_with(b"python").then_some(value);
        } else if let (Some(value), Some(name)) = (line.strip_prefix(b"V:"), name) {
            out.push((Text::from(name), Text::from(value)));
        }
    }
    // apk writes V after P, some versions before it; both orders lie in one paragraph.
    if out.is_empty() {
        for paragraph in bytes.split(|b| *b == b'\n').collect::<Vec<_>>().split(|l| l.is_empty()) {
            let field = |key: &[u8]| paragraph.iter().find_map(|l| l.strip_prefix(key));
            if let (Some(name), Some(version)) =
                (field(b"P:").filter(|n| n.starts_with(b"python")), field(b"V:"))
            {
                out.push((Text::from(name), Text::from(version)));
            }
        }
    }
    out
}

/// The package that carries this interpreter: its name, version, and the upstream version in it.
fn package_version(packages: &Packages, feature: Feature) -> Option<(Text, Text, Text)> {
    let xy = format!("{}.{}", feature.major, feature.minor);
    let names = [
        format!("python{xy}-minimal"),
        format!("libpython{xy}-minimal"),
        format!("python{xy}"),
        format!("libpython{xy}-stdlib"),
        format!("python-{xy}"),
        format!("python-{xy}-base"),
        "python3".to_owned(),
    ];
    names.iter().find_map(|name| {
        let (_, version) = packages.iter().find(|(n, _)| *n == **name)?;
        let upstream = upstream(version)?;
        of_feature(&upstream, feature).then(|| (Text::from(name), version.clone(), upstream))
    })
}

/// `3.11.2-6+deb12u6`, `1:3.9.2-3`, `3.13.0~rc2-1`, `3.11.6-r0` to the version that Python tells.
fn upstream(version: &Text) -> Option<Text> {
    let text = version.as_str()?;
    let text = text.split_once(':').map_or(text, |(_, rest)| rest);
    let text = text.rsplit_once('-').map_or(text, |(head, _)| head).replace(['~', '_'], "");
    let text = text.split('+').next().unwrap_or_default();
    version_text(text.as_bytes()).filter(|len| *len == text.len()).map(|_| Text::from(text))
}

/// The length of `X.Y.Z`, `X.Y.ZrcN`, `X.Y.Z+` at the beginning of bytes.
fn version_text(bytes: &[u8]) -> Option<usize> {
    let digits =
        |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = 0;
    for part in 0..3 {
        let len = digits(at);
        if len == 0 || len > 3 {
            return None;
        }
        at += len;
        if part < 2 {
            if bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
    }
    for letter in [&b"a"[..], b"b", b"rc"] {
        if bytes.get(at..).is_some_and(|r| r.starts_with(letter)) {
            let len = digits(at + letter.len());
            if len > 0 {
                at += letter.len() + len;
                break;
            }
        }
    }
    if bytes.get(at) == Some(&b'+') {
        at += 1;
    }
    Some(at)
}

/// The version text in the program, or in the `libpython` beside it. Every CPython holds `PY_VERSION` as a text of its own.
fn in_program(seen: &Seen, layout: &Layout) -> Result<Result<(Text, ImagePath), Text>, Miss> {
    let feature = layout.feature;
    let name = format!("lib{}.so.1.0", feature.folder());
    let mut files: Vec<ImagePath> = layout.real.iter().cloned().collect();
    for lib in ["lib", "lib64"] {
        files.extend(layout.base.join(lib).and_then(|p| p.join(&name)));
    }
    if layout.base.as_bytes() == b"/usr" {
        for lib in ["lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"] {
            files.extend(layout.base.join(lib).and_then(|p| p.join(&name)));
        }
    }
    let sections = seen.each(&files, |path| {
        Ok(match ask::range(seen, path, 0, 64)? {
            Found::Is(header) => section_table(header),
            _ => None,
        })
    })?;
    let tables: Vec<(&ImagePath, Table)> =
        files.iter().zip(sections).filter_map(|(path, table)| table.map(|t| (path, t))).collect();
    let read_only = seen.each(&tables, |(path, table)| {
        Ok(match ask::range(seen, path, table.at, table.len())? {
            Found::Is(bytes) => read_only_data(bytes, *table),
            _ => Vec::new(),
        })
    })?;
    let head = format!("{}.{}.", feature.major, feature.minor);
    let cut = read_only.iter().flatten().any(|(_, len)| *len > PROGRAM_SEARCHED);
    let places: Vec<(&ImagePath, u64, u64)> = tables
        .iter()
        .zip(read_only)
        .flat_map(|((path, _), parts)| parts.into_iter().map(move |(at, len)| (*path, at, len)))
        .flat_map(|(path, at, len)| {
            pieces(at, len.min(PROGRAM_SEARCHED)).map(move |(at, len)| (path, at, len))
        })
        .take(32)
        .collect();
    let found = seen.each(&places, |(path, at, len)| {
        Ok(match ask::range(seen, path, *at, *len)? {
            Found::Is(bytes) => texts(bytes, head.as_bytes()),
            _ => Vec::new(),
        })
    })?;
    let mut all: Vec<(Text, ImagePath)> = Vec::new();
    for ((path, ..), texts) in places.iter().zip(found) {
        for text in texts {
            if !all.iter().any(|(t, _)| *t == text) {
                all.push((text, (*path).clone()));
            }
        }
    }
    Ok(match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            let texts = all.iter().map(|(t, _)| t).chain([&last.0]);
            Err(say!("the program holds several texts of that form: ", Text::join(texts, ", ")))
        }
        (None, _) if cut => Err(say!(
            "neither header nor package record tells it, nor the first ",
            usize::try_from(PROGRAM_SEARCHED >> 20).unwrap_or(usize::MAX),
            " MiB of a section of the program"
        )),
        (None, _) => Err(Text::from("neither header, package record nor the program itself tells it")),
    })
}

/// Pieces that overlap by the longest text searched for.
fn pieces(at: u64, len: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..len.div_ceil(PIECE)).map(move |n| (at + n * PIECE, (PIECE + 32).min(len - n * PIECE)))
}

/// Where the section headers of a 64-bit ELF file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Table {
    at: u64,
    entry: u64,
    count: u64,
    big: bool,
}

impl Table {
    const fn len(self) -> u64 {
        self.entry * self.count
    }
}

fn number(bytes: &[u8], at: usize, len: usize, big: bool) -> Option<u64> {
    let part = bytes.get(at..at + len)?;
    let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    Some(if big { part.iter().fold(0, fold) } else { part.iter().rev().fold(0, fold) })
}

fn section_table(header: &[u8]) -> Option<Table> {
    if !header.starts_with(b"\x7fELF") || header.get(4) != Some(&2) {
        return None;
    }
    let big = header.get(5) == Some(&2);
    let table = Table {
        at: number(header, 40, 8, big)?,
        entry: number(header, 58, 2, big)?,
        count: number(header, 60, 2, big)?,
        big,
    };
    (table.at > 0 && table.entry >= 64 && table.count > 0 && table.count <= 4096).then_some(table)
}

/// Offset and size of sections that are loaded, hold data, and are neither written nor run.
fn read_only_data(bytes: &[u8], table: Table) -> Vec<(u64, u64)> {
    let mut out = Vec::new();
    for n in 0..table.count {
        let Ok(at) = usize::try_from(n * table.entry) else { break };
        let field = |offset: usize, len: usize| number(bytes, at + offset, len, table.big);
        let (Some(kind), Some(flags), Some(offset), Some(size)) =
            (field(4, 4), field(8, 8), field(24, 8), field(32, 8))
        else {
            break;
        };
        // PROGBITS; ALLOC without WRITE and EXECINSTR. The texts of a whole interpreter are never small.
        if kind == 1 && flags & 0x7 == 0x2 && size > 4096 {
            out.push((offset, size));
        }
    }
    out
}

/// Texts of the form `X.Y.Z` that stand alone: ended by NUL, not part of a longer number.
fn texts(bytes: &[u8], head: &[u8]) -> Vec<Text> {
    let mut out: Vec<Text> = Vec::new();
    for at in memchr::memmem::find_iter(bytes, head) {
        let rest = bytes.get(at..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|b| bytes.get(b)).copied();
        if before.is_some_and(|b| b != 0) {
            continue;
        }
        if let Some(len) = version_text(rest)
            && rest.get(len) == Some(&0)
            && let Some(text) = rest.get(..len)
        {
            let text = Text::from(text);
            if !out.contains(&text) {
                out.push(text);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{
        apk, build_details, conda_record, dpkg, of_venv, package_version, patchlevel, texts, upstream,
    };
    use crate::python::layout::{Feature, Implementation};
    use envdiff_model::Text;

    const ELEVEN: Feature =
        Feature { implementation: Implementation::CPython, major: 3, minor: 11, threads: false };

    #[test]
    fn headers_and_records_tell_the_version() {
        let levels = patchlevel(
            b"#define PY_MINOR_VERSION 9\n#define PY_VERSION \t\"3.9.18\"\n#define PYPY_VERSION \"7.3.15\"\n",
        );
        assert_eq!(levels.python.unwrap(), "3.9.18");
        assert_eq!(levels.pypy.unwrap(), "7.3.15");
        let json = br#"{"implementation": {"name": "cpython", "version": {"major": 3, "minor": 14, "micro": 0, "releaselevel": "candidate", "serial": 2}}}"#;
        assert_eq!(build_details(json).unwrap(), "3.14.0rc2");
        assert_eq!(conda_record(b"python-3.9.2-h955ad1f_0.json").unwrap(), "3.9.2");
        assert_eq!(conda_record(b"python-dateutil-2.8.2-pyhd.json"), None);
        assert_eq!(of_venv(&Text::from("3.13.0.candidate.1")).unwrap(), "3.13.0rc1");
        for (debian, python) in [
            ("3.11.2-6+deb12u6", "3.11.2"),
            ("3.13.0~rc2-1", "3.13.0rc2"),
            ("3.11.6-r0", "3.11.6"),
            ("1:3.9.2-3", "3.9.2"),
            ("3.12.0_rc1-r1", "3.12.0rc1"),
            ("3.8.10-0ubuntu1~20.04.9", "3.8.10"),
        ] {
            assert_eq!(upstream(&Text::from(debian)).unwrap(), python);
        }
    }

    #[test]
    fn only_installed_packages_of_the_version_count() {
        let status = b"Package: python3.11-minimal\nStatus: deinstall ok config-files\nVersion: 3.11.1-1\n\nPackage: bash\nVersion: 5\n\nPackage: python3.11\nStatus: install ok installed\nVersion: 3.11.2-6\n";
        assert_eq!(package_version(&dpkg(status), ELEVEN).unwrap().2, "3.11.2");
        assert_eq!(package_version(&dpkg(b"Package: python3\nVersion: 3.12.1\n"), ELEVEN), None);
        assert_eq!(
            package_version(&apk(b"C:x\nP:python3\nV:3.11.6-r0\nA:x86_64\n\nP:x\nV:1\n"), ELEVEN).unwrap().2,
            "3.11.6"
        );
    }

    #[test]
    fn a_text_in_a_program_stands_alone() {
        assert_eq!(
            texts(b"\x003.11.2\x00x3.11.4\x0013.11.5\x00\x003.11.2 (main)\x00\x003.11.2\x00", b"3.11."),
            [Text::from("3.11.2")]
        );
        assert!(texts(b"3.11.", b"3.11.").is_empty());
    }
}
