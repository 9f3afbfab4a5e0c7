//! An interpreter's path to where its prefixes and its standard library are, as `getpath` finds them.
//!
//! Rules: CPython's `Modules/getpath.c` (3.8 to 3.10) and `Modules/getpath.py` (3.11 and later), with `site.venv()`:
//! links of the executable itself are followed, folders are not; `pyvenv.cfg` beside it or one folder up; then up from
//! there to the first folder (never the root) that holds the standard library.

use envdiff_files::{Ask, ImagePath, MAX_HOPS, Miss, Seen};
use envdiff_model::{Evidence, Text, say};

use super::ask::{self, Found};
use super::foresee;
use super::pyvenv::{self, Settings};
use crate::limits::PYVENV_CFG;

/// Which program reads the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// CPython.
    CPython,
    /// PyPy.
    PyPy,
}

/// `X.Y` and what belongs to it in folder names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feature {
    pub(crate) implementation: Implementation,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    /// `t` of the free-threaded build.
    pub(crate) threads: bool,
}

impl Feature {
    /// Whether this is at least `3.minor`.
    pub(crate) const fn at_least(self, minor: u32) -> bool {
        self.major > 3 || (self.major == 3 && self.minor >= minor)
    }

    /// `python3.11`, `python3.13t`, `pypy3.9`.
    pub(crate) fn folder(self) -> String {
        let word = match self.implementation {
            Implementation::CPython => "python",
            Implementation::PyPy => "pypy",
        };
        format!("{word}{}.{}{}", self.major, self.minor, if self.threads { "t" } else { "" })
    }

    /// `python311.zip`.
    pub(crate) fn zip(self) -> String {
        let word = match self.implementation {
            Implementation::CPython => "python",
            Implementation::PyPy => "pypy",
        };
        format!("{word}{}{}{}.zip", self.major, self.minor, if self.threads { "t" } else { "" })
    }

    /// `X.Y` out of `python3.11`, `python3.13t`, `python3.8d`, `pypy3.9`.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(name).ok()?;
        let text = text.strip_suffix(".exe").unwrap_or(text);
        let (implementation, rest) = match text.strip_prefix("python") {
            Some(rest) => (Implementation::CPython, rest),
            None => (Implementation::PyPy, text.strip_prefix("pypy")?),
        };
        let (major, rest) = rest.split_once('.')?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let flags = rest.get(digits.len()..)?;
        if !flags.chars().all(|c| matches!(c, 't' | 'd' | 'm' | 'u')) {
            return None;
        }
        Some(Self {
            implementation,
            major: major.parse().ok()?,
            minor: digits.parse().ok()?,
            threads: flags.contains('t'),
        })
    }

    /// `X.Y` out of a version text: `3.11.2`, `3.12.0rc1`, `3.9.2.final.0`.
    fn from_version(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let major = parts.next()?.parse().ok()?;
        let minor: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
        Some(Self {
            implementation: Implementation::CPython,
            major,
            minor: minor.parse().ok()?,
            threads: false,
        })
    }
}

/// Whether a program's name says that it is a Python.
pub(crate) fn is_python_name(name: &[u8]) -> bool {
    let rest = name.strip_prefix(b"python").or_else(|| name.strip_prefix(b"pypy"));
    match rest {
        Some(b"" | b"2" | b"3") => true,
        Some(_) => Feature::from_name(name).is_some(),
        None => false,
    }
}

/// A virtual environment.
#[derive(Debug, Clone)]
pub(crate) struct Venv {
    /// `sys.prefix`.
    pub(crate) prefix: ImagePath,
    pub(crate) cfg: ImagePath,
    pub(crate) settings: Settings,
}

/// Where an interpreter finds its things.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) executable: ImagePath,
    /// The file behind it; `None` where it is not in what was read (a virtual environment alone).
    pub(crate) real: Option<ImagePath>,
    pub(crate) feature: Feature,
    pub(crate) venv: Option<Venv>,
    /// `sys.base_prefix` as the interpreter tells it.
    pub(crate) base_prefix: Text,
    /// The same without `..`.
    pub(crate) base: ImagePath,
    /// `sys.base_exec_prefix` without `..`.
    pub(crate) base_exec: ImagePath,
    /// `lib` or `lib64`.
    pub(crate) platlibdir: String,
    pub(crate) stdlib: ImagePath,
    /// Whether the standard library was seen.
    pub(crate) stdlib_seen: bool,
    pub(crate) evidence: Vec<Evidence>,
}

impl Layout {
    /// `sys.prefix` as the interpreter tells it.
    pub(crate) fn prefix(&self) -> Text {
        match &self.venv {
            Some(venv) => Text::from(venv.prefix.as_bytes()),
            None => self.base_prefix.clone(),
        }
    }
}

/// Raw text of a path that may hold `..`, as getpath keeps it.
fn path(bytes: &[u8]) -> Option<ImagePath> {
    ImagePath::new(bytes)
}

/// How an environment variable bears on the search.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `PYTHONHOME`.
    pub(crate) home: Option<Text>,
    /// `PYTHONPLATLIBDIR`.
    pub(crate) platlibdir: Option<Text>,
    /// Whether what comes next is asked for at the same time.
    pub(crate) looks_ahead: bool,
}

/// Finds them; `Err` inside `Ok` is the reason why they cannot be told.
pub(crate) fn find(
    seen: &Seen,
    executable: &ImagePath,
    overrides: &Overrides,
) -> Result<Result<Layout, Text>, Miss> {
    let Some(bin) = executable.parent() else {
        return Ok(Err(Text::from("the root folder is no interpreter")));
    };
    let above = bin.parent();
    // All of the first round at once, before any of it is used.
    let real = ask::real(seen, executable);
    let beside = bin.join("pyvenv.cfg");
    let over = above.as_ref().and_then(|a| a.join("pyvenv.cfg"));
    let in_bin = beside.as_ref().map(|p| ask::parsed(seen, p, PYVENV_CFG, pyvenv::parse)).transpose();
    let in_prefix = over.as_ref().map(|p| ask::parsed(seen, p, PYVENV_CFG, pyvenv::parse)).transpose();
    let first_hop = ask::link(seen, executable);
    let real = match real? {
        Found::Is(real) => Some(real.clone()),
        Found::Absent => None,
        Found::Unreadable(why) => return Ok(Err(say!(executable.as_bytes(), " cannot be read: ", why))),
    };
    let mut evidence = Vec::new();
    let mut venv = None;
    for (cfg, found) in [(&over, in_prefix?), (&beside, in_bin?)] {
        if venv.is_some() {
            continue;
        }
        match (cfg, found) {
            (Some(cfg), Some(Found::Is(settings))) => {
                evidence.push(ask::evidence(
                    seen,
                    &Ask::Read { path: cfg.clone(), limit: PYVENV_CFG },
                    settings
                        .home
                        .as_ref()
                        .map_or_else(|| Text::from("without home"), |home| say!("home = ", home)),
                ));
                let prefix = above.clone().unwrap_or_else(ImagePath::root);
                venv = Some(Venv { prefix, cfg: cfg.clone(), settings: (*settings).clone() });
            }
            (Some(cfg), Some(Found::Unreadable(why))) => {
                return Ok(Err(say!(cfg.as_bytes(), " cannot be read: ", why)));
            }
            _ => {}
        }
    }
    if real.is_none() && venv.is_none() {
        return Ok(Err(say!(executable.as_bytes(), " is not there")));
    }

    // The folder that the search begins in.
    let home = venv.as_ref().and_then(|v| v.settings.home.as_ref());
    let start: ImagePath = match home.and_then(|h| home_folder(h, venv.as_ref())) {
        Some(home) => home,
        None => match hops(seen, executable, first_hop?, real.as_ref())? {
            Ok(last) => last.parent().unwrap_or_else(ImagePath::root),
            Err(why) => return Ok(Err(why)),
        },
    };
    let from_real = real.as_ref().and_then(ImagePath::parent);

    let named = real
        .as_ref()
        .and_then(|r| Feature::from_name(r.file_name()))
        .or_else(|| Feature::from_name(executable.file_name()));
    let told =
        venv.as_ref().and_then(|v| v.settings.version.as_ref()).and_then(|v| v.as_str().map(str::to_owned));
    let mut feature = match (named, told.as_deref().and_then(Feature::from_version)) {
        (Some(feature), _) => feature,
        (None, Some(feature)) => feature,
        (None, None) => match only_library(seen, &start, from_real.as_ref())? {
            Ok(feature) => feature,
            Err(why) => {
                return Ok(Err(say!("the version of ", executable.as_bytes(), " is not known: ", why)));
            }
        },
    };
    if venv.as_ref().is_some_and(|v| {
        v.settings.implementation.as_ref().is_some_and(|i| i.as_bytes().eq_ignore_ascii_case(b"pypy"))
    }) {
        feature.implementation = Implementation::PyPy;
    }

    let given =
        overrides.home.as_ref().and_then(|h| h.as_str()).map(|h| h.split_once(':').map_or((h, h), |p| p));
    let search: Vec<Vec<ImagePath>> = match given {
        Some((home, exec)) => {
            vec![path(home.as_bytes()).into_iter().collect(), path(exec.as_bytes()).into_iter().collect()]
        }
        None => {
            let ups = upwards(&start);
            vec![ups.clone(), ups]
        }
    };
    if given.is_some() {
        venv = None;
    }
    let libs: Vec<String> =
        match overrides.platlibdir.as_ref().and_then(|p| p.as_str()).filter(|_| feature.at_least(9)) {
            Some(libdir) => vec![libdir.to_owned()],
            None => vec!["lib".to_owned(), "lib64".to_owned()],
        };
    let folder = feature.folder();
    let bases = search.first().cloned().unwrap_or_default();
    let execs = search.get(1).cloned().unwrap_or_default();
    let found = landmark(seen, &bases, &libs, &folder);
    let dynload = dynload(seen, &execs, &libs, &folder);
    // Compiled-in prefixes are where it was installed: up from the real file.
    let elsewhere =
        from_real.as_ref().filter(|r| **r != start && given.is_none()).map(upwards).unwrap_or_default();
    let found_real = landmark(seen, &elsewhere, &libs, &folder);
    if overrides.looks_ahead {
        foresee::library(seen, bases.get(1..3).unwrap_or(&bases), &libs, feature);
        foresee::library(seen, elsewhere.get(1..3).unwrap_or(&elsewhere), &libs, feature);
        let own = venv.as_ref().map(|v: &Venv| &v.prefix).map(std::slice::from_ref).unwrap_or_default();
        foresee::library(seen, own, &libs, feature);
    }
    let (found, dynload) = (found?, dynload?);
    let found = match found {
        Some(found) => Some(found),
        None => found_real?,
    };
    let (base, platlibdir, stdlib_seen) = match found {
        Some((base, lib)) => (base, lib, true),
        None => {
            let base = given
                .and_then(|(home, _)| path(home.as_bytes()))
                .or_else(|| start.parent())
                .unwrap_or_else(ImagePath::root);
            (base, libs.first().cloned().unwrap_or_else(|| "lib".to_owned()), false)
        }
    };
    if !stdlib_seen && venv.is_none() {
        return Ok(Err(say!(
            "no ",
            platlibdir,
            "/",
            folder,
            "/os.py is above ",
            start.as_bytes(),
            ", so ",
            executable.as_bytes(),
            " has no standard library"
        )));
    }
    let Some(stdlib) = base.join(&platlibdir).and_then(|p| p.join(&folder)) else {
        return Ok(Err(say!(base.as_bytes(), " is too long a path")));
    };
    let base_exec = dynload.unwrap_or_else(|| base.clone());
    // Up to 3.10 the prefix keeps the `..` of a relative link; from 3.11 on it is normalised.
    let base_prefix = if feature.at_least(11) {
        Text::from(base.normalised().as_bytes())
    } else {
        Text::from(base.as_bytes())
    };
    Ok(Ok(Layout {
        executable: executable.clone(),
        real,
        feature,
        venv,
        base_prefix,
        base: base.normalised(),
        base_exec: base_exec.normalised(),
        platlibdir,
        stdlib: stdlib.normalised(),
        stdlib_seen,
        evidence,
    }))
}

/// `home` of `pyvenv.cfg`; a relative one counts from the environment's folder.
fn home_folder(home: &Text, venv: Option<&Venv>) -> Option<ImagePath> {
    match ImagePath::new(home.as_bytes()) {
        Some(home) => Some(home),
        None if home.is_empty() => None,
        None => venv?.cfg.parent()?.join(home.as_bytes()),
    }
}

/// The executable after its own links, folders unresolved.
fn hops(
    seen: &Seen,
    executable: &ImagePath,
    first: Found<&[u8]>,
    real: Option<&ImagePath>,
) -> Result<Result<ImagePath, Text>, Miss> {
    let mut at = executable.clone();
    let mut link = first;
    for _ in 0..MAX_HOPS {
        let text = match link {
            Found::Is(text) => text.to_vec(),
            Found::Absent => return Ok(Ok(at)),
            Found::Unreadable(why) => return Ok(Err(say!(at.as_bytes(), " cannot be read: ", why))),
        };
        let Some(next) = at.parent().and_then(|p| p.join(&text)) else {
            return Ok(Err(say!(at.as_bytes(), " leads to a path that is too long")));
        };
        // Where it already is the real file, no further link can follow.
        if real.is_some_and(|real| next == *real) {
            return Ok(Ok(next));
        }
        at = next;
        link = ask::link(seen, &at)?;
    }
    Ok(Err(say!(executable.as_bytes(), " is a circle of links")))
}

/// The folder and those above it, the root left out, as `search_up` walks: names only, links not resolved.
fn upwards(start: &ImagePath) -> Vec<ImagePath> {
    let mut out = Vec::new();
    let mut at = start.clone();
    while at != ImagePath::root() && out.len() < 16 {
        out.push(at.clone());
        match at.parent() {
            Some(above) => at = above,
            None => break,
        }
    }
    out
}

/// The first folder that holds the standard library, and the name of the `lib` folder it is in.
fn landmark(
    seen: &Seen,
    folders: &[ImagePath],
    libs: &[String],
    name: &str,
) -> Result<Option<(ImagePath, String)>, Miss> {
    let places: Vec<(&ImagePath, &String)> =
        folders.iter().flat_map(|f| libs.iter().map(move |l| (f, l))).collect();
    let there = seen.each(&places, |(folder, lib)| {
        let source = folder.join(lib).and_then(|p| p.join(name)).and_then(|p| p.join("os.py"));
        let compiled = folder.join(lib).and_then(|p| p.join(name)).and_then(|p| p.join("os.pyc"));
        let (Some(source), Some(compiled)) = (source, compiled) else { return Ok(false) };
        let source = ask::is_file(seen, &source);
        let compiled = ask::is_file(seen, &compiled);
        Ok(matches!(source?, Found::Is(true)) | matches!(compiled?, Found::Is(true)))
    })?;
    Ok(places
        .iter()
        .zip(there)
        .find(|(_, there)| *there)
        .map(|((folder, lib), _)| ((*folder).clone(), (*lib).clone())))
}

/// The first folder that holds `lib-dynload`: `sys.exec_prefix`.
fn dynload(
    seen: &Seen,
    folders: &[ImagePath],
    libs: &[String],
    name: &str,
) -> Result<Option<ImagePath>, Miss> {
    let places: Vec<(&ImagePath, &String)> =
        folders.iter().flat_map(|f| libs.iter().map(move |l| (f, l))).collect();
    let there = seen.each(&places, |(folder, lib)| {
        let Some(path) = folder.join(lib).and_then(|p| p.join(name)).and_then(|p| p.join("lib-dynload"))
        else {
            return Ok(false);
        };
        Ok(matches!(ask::is_folder(seen, &path)?, Found::Is(true)))
    })?;
    Ok(places.iter().zip(there).find(|(_, there)| *there).map(|((folder, _), _)| (*folder).clone()))
}

/// Where neither name nor `pyvenv.cfg` tells the version: the only standard library above the file.
fn only_library(
    seen: &Seen,
    start: &ImagePath,
    real: Option<&ImagePath>,
) -> Result<Result<Feature, Text>, Miss> {
    let above: Vec<ImagePath> =
        [Some(start), real].into_iter().flatten().filter_map(ImagePath::parent).collect();
    let folders: Vec<ImagePath> =
        above.iter().flat_map(|a| [a.join("lib"), a.join("lib64")]).flatten().collect();
    let lists = seen.each(&folders, |folder| ask::list(seen, folder))?;
    let mut names: Vec<Feature> = Vec::new();
    let mut candidates: Vec<(ImagePath, Feature)> = Vec::new();
    for (folder, list) in folders.iter().zip(lists) {
        if let Found::Is(list) = list {
            for (name, _) in &list.entries {
                if let Some(feature) = Feature::from_name(name)
                    && let Some(os) = folder.join(name).and_then(|p| p.join("os.py"))
                {
                    candidates.push((os, feature));
                }
            }
        }
    }
    let there = seen.each(&candidates, |(os, _)| ask::is_file(seen, os))?;
    for ((_, feature), there) in candidates.into_iter().zip(there) {
        if matches!(there, Found::Is(true)) && !names.contains(&feature) {
            names.push(feature);
        }
    }
    Ok(match names.as_slice() {
        [one] => Ok(*one),
        [] => Err(Text::from("no standard library lies above it")),
        many => Err(Text::join(many.iter().map(|f| f.folder()), ", "))
            .map_err(|all: Text| say!("several standard libraries lie above it: ", all)),
    })
}
