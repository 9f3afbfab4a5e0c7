//! `sys.path` and the distributions on it come in; modules that a file earlier on the path hides come out: those of the
//! standard library, and those of installed packages.
//!
//! Rules: `importlib` (`PathFinder`, `FileFinder`) of CPython: the first entry with a module or a regular package of the
//! name wins, a folder without `__init__` is a part of a namespace and lets the search go on. Built-in modules and frozen
//! ones are found before any path. Only the working folder and PYTHONPATH hide by accident; that an environment hides the
//! system's packages is what it is for.

use std::collections::{BTreeMap, BTreeSet};

use envdiff_facts::imports;
use envdiff_files::{ImagePath, Kind, Listing, Miss, Seen};
use envdiff_model::{
    Distribution, Environment, Evidence, Fact, Hidden, Name, Origin, PathSource, SysPathEntry, Text, say,
};

use crate::limits::HIDDEN_MODULES;
use crate::python::ask::{self, Found};

/// Modules of the standard library that no file hides in practice: imported before the working folder is on the path, or
/// frozen (3.11 and later); and those that are no part of a program: tests, demonstrations, tools.
const NEVER: &[&str] = &[
    "__future__",
    "__hello__",
    "__phello__",
    "_collections_abc",
    "_distutils_hack",
    "_sitebuiltins",
    "abc",
    "antigravity",
    "codecs",
    "encodings",
    "genericpath",
    "idlelib",
    "io",
    "lib2to3",
    "ntpath",
    "os",
    "posixpath",
    "pydoc_data",
    "site",
    "sitecustomize",
    "stat",
    "test",
    "tests",
    "this",
    "turtledemo",
    "usercustomize",
    "zipimport",
];

/// What a folder in front of the path has of a name.
enum Front {
    /// A module in one file.
    Module(ImagePath),
    /// A folder; it wins where it is a regular package.
    Folder(ImagePath),
}

/// Derives them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(seen: &Seen, environment: &Environment) -> Result<Fact<Vec<Hidden>>, Miss> {
    let Some(path) = environment.sys_path.value() else {
        let reason = environment.sys_path.reason().cloned().unwrap_or_default();
        return Ok(Fact::unknown(reason));
    };
    let listings = seen.each(path, |entry| listing(seen, entry))?;
    let mut candidates = Vec::new();
    for (index, (entry, listing)) in path.iter().zip(&listings).enumerate() {
        let (PathSource::Cwd | PathSource::Env, Found::Is(listing)) = (entry.from, listing) else { continue };
        let same = |other: &SysPathEntry| trimmed(&other.path) == trimmed(&entry.path);
        let later: Vec<_> = path
            .iter()
            .zip(&listings)
            .enumerate()
            .skip(index + 1)
            .filter_map(|(at, (other, found))| match found {
                Found::Is(found) if !same(other) => Some((at, other, *found)),
                _ => None,
            })
            .collect();
        for (name, front) in modules(entry, listing) {
            if NEVER.binary_search(&name).is_ok() {
                continue;
            }
            if candidates.len() == HIDDEN_MODULES {
                return Ok(Fact::unknown(say!("more than ", HIDDEN_MODULES, " modules are hidden")));
            }
            let hidden = later.iter().find_map(|(at, other, listing)| {
                let has = importable(listing, name);
                match other.from {
                    PathSource::Stdlib if has => Some(None),
                    PathSource::Site | PathSource::Venv | PathSource::User if has => {
                        owner(environment, *at, name).map(Some)
                    }
                    _ => None,
                }
            });
            match hidden {
                Some(Some(owner)) if belongs(environment, index, entry, owner) => {}
                Some(owner) => candidates.push((name.to_owned(), front, owner.and_then(|d| d.name.clone()))),
                None => {}
            }
        }
    }
    let told = seen.each(candidates, |(module, front, owner)| {
        let Some(by) = wins(seen, front)? else { return Ok(None) };
        let distribution =
            owner.as_ref().and_then(Text::as_str).map(|name| Text::from(Name::new(name).as_str()));
        Ok(Some(Hidden { module: module.into(), by: by.as_bytes().into(), distribution }))
    })?;
    // A name that two folders hide is taken from the first.
    let mut names = BTreeSet::new();
    let told: Vec<Hidden> = told.into_iter().flatten().filter(|h| names.insert(h.module.clone())).collect();
    let evidence = told.iter().map(|hidden| Evidence::new(hidden.by.clone(), "it is found first")).collect();
    Ok(Fact::seen(told, evidence))
}

fn listing<'a>(seen: &'a Seen, entry: &SysPathEntry) -> Result<Found<&'a Listing>, Miss> {
    match ImagePath::new(entry.path.as_bytes()) {
        Some(folder) => ask::list(seen, &folder),
        None => Ok(Found::Absent),
    }
}

/// A path without slashes behind it.
fn trimmed(path: &Text) -> &[u8] {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The modules and folders of a folder in front of the path, by name.
fn modules<'a>(entry: &SysPathEntry, listing: &'a Listing) -> BTreeMap<&'a str, Front> {
    let mut out = BTreeMap::new();
    let Some(folder) = ImagePath::new(entry.path.as_bytes()) else { return out };
    for (bytes, kind) in &listing.entries {
        let (Ok(file), Some(path)) = (std::str::from_utf8(bytes), folder.join(bytes)) else { continue };
        match (module_name(file), kind) {
            (Some(name), Kind::File | Kind::Link) if is_identifier(name) => {
                // A package of the same name in the same folder is found before the file.
                out.entry(name).or_insert(Front::Module(path));
            }
            (None, Kind::Folder | Kind::Link) if is_identifier(file) => {
                out.entry(file).or_insert(Front::Folder(path));
            }
            _ => {}
        }
    }
    out
}

/// `random` of `random.py`; of an extension module with any of its endings.
fn module_name(file: &str) -> Option<&str> {
    let stem = file.strip_suffix(".py").or_else(|| file.strip_suffix(".so"))?;
    Some(stem.split('.').next().unwrap_or(stem))
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a folder of the path has a module or a folder of this name.
fn importable(listing: &Listing, name: &str) -> bool {
    let has = |file: &str| listing.get(file.as_bytes()).is_some();
    let begins = |file: &[u8]| {
        file.strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.starts_with(b".") && rest.ends_with(b".so"))
    };
    has(&format!("{name}.py"))
        || matches!(listing.get(name.as_bytes()), Some(Kind::Folder | Kind::Link))
        || listing.entries.iter().any(|(file, _)| begins(file))
}

/// The installed distribution that a module of a folder belongs to, where that can be told.
fn owner<'a>(environment: &'a Environment, path_index: usize, module: &str) -> Option<&'a Distribution> {
    let known = imports::candidates(module);
    environment.distributions.iter().filter(|d| d.path_index == path_index).find(|distribution| {
        if let Some(names) = &distribution.top_level {
            return names.iter().any(|name| name.as_str() == Some(module));
        }
        let Some(name) = distribution.name.as_ref().and_then(Text::as_str) else { return false };
        let name = Name::new(name);
        let is = |other: &str| Name::new(other).as_str() == name.as_str();
        is(module) || known.iter().any(|other| is(other))
    })
}

/// Whether what is in front is the package itself: another copy of it with metadata beside it, or the project's own source.
fn belongs(environment: &Environment, front: usize, entry: &SysPathEntry, owner: &Distribution) -> bool {
    let named = |d: &Distribution| d.name.as_ref().map(|name| Name::new(&name.to_lossy()));
    let has_metadata =
        environment.distributions.iter().any(|d| d.path_index == front && named(d) == named(owner));
    let from_source = matches!(
        &owner.direct_url,
        Some(Fact::Known { value, .. }) if matches!(value.origin, Origin::Directory { .. })
    );
    has_metadata || from_source || owner.editable || trimmed(&owner.location) == trimmed(&entry.path)
}

/// The file that is taken, where one is.
fn wins(seen: &Seen, front: Front) -> Result<Option<ImagePath>, Miss> {
    match front {
        Front::Module(path) => Ok(matches!(ask::is_file(seen, &path)?, Found::Is(true)).then_some(path)),
        Front::Folder(path) => {
            let Some(init) = path.join("__init__.py") else { return Ok(None) };
            Ok(matches!(ask::is_file(seen, &init)?, Found::Is(true)).then_some(path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NEVER, is_identifier, module_name};

    #[test]
    fn names_are_those_that_an_import_can_write() {
        for (file, name) in [
            ("random.py", Some("random")),
            ("_speed.cpython-311-x86_64-linux-gnu.so", Some("_speed")),
            ("x.abi3.so", Some("x")),
            ("random", None),
            ("random.pyi", None),
        ] {
            assert_eq!(module_name(file), name, "{file}");
        }
        assert!(!is_identifier("my-script") && !is_identifier("") && !is_identifier("3d"));
        assert!(NEVER.is_sorted());
    }
}
