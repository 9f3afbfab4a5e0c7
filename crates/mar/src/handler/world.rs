//! What a handler finds around it when it is loaded: the archive's files, the image's files, the interpreter, the variables.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use envdiff_files::{ImagePath, Kind as FileKind, Miss, Seen};
use envdiff_model::{Environment, ImageConfig, PathSource};
use envdiff_python::{Refusal, Version, tree};

use crate::container::{Archive, Contents, Kind};
use crate::value::Value as Json;

/// Where the archive is unpacked, as it is shown.
pub(crate) const MODEL_DIR: &str = "/tmp/models/<model_dir>";

/// The most bytes that are taken of one source file.
const SOURCE: u64 = 4 << 20;

/// The image, as far as the prediction asks it.
pub struct Image<'a> {
    /// What has been answered.
    pub seen: &'a Seen,
    /// What was derived of it.
    pub environment: &'a Environment,
    /// Its configuration, where there is one.
    pub config: Option<&'a ImageConfig>,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    /// A file of this many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// Nothing.
    Absent,
    /// It cannot be told.
    Unknown,
}

/// A parsed file, or why it is none.
pub(crate) type Parsed = Arc<Result<tree::Module, Refusal>>;

/// Everything around a handler.
pub(crate) struct World<'a> {
    pub(crate) contents: &'a Contents,
    pub(crate) image: Option<&'a Image<'a>>,
    /// The interpreter's version: major and minor.
    pub(crate) python: Option<(u8, u8)>,
    /// The whole version.
    pub(crate) python_full: Option<(u8, u8, u8)>,
    /// Variables of the worker; `None` where they are not known.
    pub(crate) variables: Option<Vec<(String, String)>>,
    /// Variables that are surely there, with values that are not known.
    pub(crate) given: &'static [&'static str],
    /// Whether torch sees a GPU; `None` where that is not known.
    pub(crate) gpu: Option<bool>,
    /// Folders before the standard library: of `PYTHONPATH` and for `module:function`, as paths.
    pub(crate) before: Vec<String>,
    /// The model's name.
    pub(crate) model: String,
    /// MANIFEST.json as the worker sees it.
    pub(crate) manifest: Option<Json>,
    /// model-config.yaml as the worker sees it.
    pub(crate) model_config: Option<Json>,
    /// The release of TorchServe.
    pub(crate) torchserve: crate::version::Version,
    /// Whether handler code is followed in `initialize` now.
    pub(crate) is_initialising: Cell<bool>,
    trees: RefCell<BTreeMap<String, Parsed>>,
    zips: RefCell<BTreeMap<String, Option<Arc<Contents>>>>,
    text_annotations: RefCell<BTreeMap<String, bool>>,
}

impl<'a> World<'a> {
    /// The archive alone.
    pub(crate) fn new(contents: &'a Contents, image: Option<&'a Image<'a>>) -> Self {
        Self {
            contents,
            image,
            python: None,
            python_full: None,
            variables: None,
            given: &[],
            gpu: None,
            before: Vec::new(),
            model: String::new(),
            manifest: None,
            model_config: None,
            torchserve: crate::version::Version::NEWEST,
            is_initialising: Cell::new(false),
            trees: RefCell::default(),
            zips: RefCell::default(),
            text_annotations: RefCell::default(),
        }
    }

    /// Whether a file's annotations are texts.
    pub(crate) fn has_text_annotations(&self, file: &str) -> bool {
        self.text_annotations.borrow().get(file).copied().unwrap_or(false)
    }

    /// The path relative to the model's folder, where it lies in it.
    pub(crate) fn in_archive<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(MODEL_DIR)?;
        if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
    }

    /// What lies at an absolute path, what the handler itself wrote left out.
    pub(crate) fn there(&self, path: &str) -> Result<There, Miss> {
        if let Some(inside) = self.in_archive(path) {
            return Ok(match self.contents.kind(inside) {
                Some(Kind::File(size)) => There::File(size),
                Some(Kind::Folder) => There::Folder,
                None => There::Absent,
            });
        }
        let Some(image) = self.image else { return Ok(There::Unknown) };
        // What a container gets when it runs is in no image.
        if ["/proc", "/sys", "/dev", "/run"]
            .iter()
            .any(|top| path == *top || path.starts_with(&format!("{top}/")))
        {
            return Ok(There::Unknown);
        }
        let Some(path) = ImagePath::new(path) else { return Ok(There::Unknown) };
        match image.seen.stat(&path) {
            Ok(stat) if stat.kind == FileKind::File => Ok(There::File(stat.size)),
            Ok(stat) if stat.kind == FileKind::Folder => Ok(There::Folder),
            Ok(_) => Ok(There::Unknown),
            Err(Miss::Absent) => Ok(There::Absent),
            Err(Miss::Unreadable(_)) => Ok(There::Unknown),
            Err(miss) => Err(miss),
        }
    }

    /// The bytes of a small file at an absolute path; `None` where they cannot be told.
    pub(crate) fn bytes(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Miss> {
        if let Some(inside) = self.in_archive(path) {
            return Ok(self.contents.read(inside, limit).map(Some).unwrap_or_default());
        }
        let (Some(image), Some(path)) = (self.image, ImagePath::new(path)) else { return Ok(None) };
        match image.seen.parsed(&path, limit, <[u8]>::to_vec) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Miss::Absent | Miss::Unreadable(_)) => Ok(None),
            Err(miss) => Err(miss),
        }
    }

    /// The names in a folder with whether each is a folder; `None` where they cannot be told, an empty list where it is not there.
    pub(crate) fn list(&self, folder: &str) -> Result<Option<Vec<(String, bool)>>, Miss> {
        if let Some(inside) = self.in_archive(folder) {
            let Some(list) = self.contents.list(inside) else { return Ok(Some(Vec::new())) };
            return Ok(Some(
                list.into_iter().map(|(name, is_folder)| (name.to_owned(), is_folder)).collect(),
            ));
        }
        let (Some(image), Some(path)) = (self.image, ImagePath::new(folder)) else { return Ok(None) };
        match image.seen.list(&path) {
            Ok(listing) => Ok(Some(
                listing
                    .entries
                    .iter()
                    .filter_map(|(name, kind)| {
                        // A link may lead to either; which is asked where it counts.
                        Some((std::str::from_utf8(name).ok()?.to_owned(), *kind != FileKind::File))
                    })
                    .collect(),
            )),
            Err(Miss::Absent) => Ok(Some(Vec::new())),
            Err(Miss::Unreadable(_)) => Ok(None),
            Err(miss) => Err(miss),
        }
    }

    /// A Python file, parsed by the interpreter's grammar; `None` where it cannot be read.
    pub(crate) fn python_file(&self, path: &str) -> Result<Option<Parsed>, Miss> {
        if let Some(parsed) = self.trees.borrow().get(path) {
            return Ok(Some(Arc::clone(parsed)));
        }
        let (major, minor) = self.python.unwrap_or((3, 14));
        let version = Version(major, minor);
        let in_zip =
            split_zip(path).filter(|(zip, _)| self.there(zip).is_ok_and(|there| there != There::Folder));
        let parsed = if let Some((zip, inside)) = in_zip {
            let Some(contents) = self.zip(zip)? else { return Ok(None) };
            let Ok(bytes) = contents.read(inside, SOURCE) else { return Ok(None) };
            Arc::new(envdiff_python::parse(&bytes, version))
        } else if let Some(inside) = self.in_archive(path) {
            let Ok(bytes) = self.contents.read(inside, SOURCE) else { return Ok(None) };
            Arc::new(envdiff_python::parse(&bytes, version))
        } else {
            let (Some(image), Some(at)) = (self.image, ImagePath::new(path)) else { return Ok(None) };
            match image.seen.parsed(&at, SOURCE, parse_newest) {
                Ok(parsed) => Arc::clone(parsed.as_ref()),
                Err(Miss::Absent | Miss::Unreadable(_)) => return Ok(None),
                Err(miss) => return Err(miss),
            }
        };
        let text = parsed.as_ref().as_ref().is_ok_and(|module| module.annotations_are_text);
        self.text_annotations.borrow_mut().insert(shown_path(path), text);
        self.trees.borrow_mut().insert(path.to_owned(), Arc::clone(&parsed));
        Ok(Some(parsed))
    }

    /// What a file of weights in the archive is, or why that cannot be told.
    pub(crate) fn weights(&self, inside: &str) -> crate::container::Read {
        self.contents.weights(inside)
    }

    /// A zip in the archive, as a folder of modules.
    pub(crate) fn zip(&self, path: &str) -> Result<Option<Arc<Contents>>, Miss> {
        if let Some(found) = self.zips.borrow().get(path) {
            return Ok(found.clone());
        }
        let Some(bytes) = self.bytes(path, 64 << 20)? else { return Ok(None) };
        let archive = Archive::of_bytes("modules.mar", bytes);
        let found = archive.unpack(crate::version::Version::NEWEST, false);
        let contents = found.endings.is_empty().then(|| Arc::new(found.facts));
        self.zips.borrow_mut().insert(path.to_owned(), contents.clone());
        Ok(contents)
    }

    /// The version of a distribution in the image, by its normalised name.
    pub(crate) fn version_of(&self, distribution: &str) -> Option<&'a str> {
        let is_it = |name: &str| envdiff_model::Name::new(name).as_str() == distribution;
        self.image?
            .environment
            .distributions
            .iter()
            .find(|found| {
                !found.shadowed && found.name.as_ref().and_then(|name| name.as_str()).is_some_and(is_it)
            })
            .and_then(|found| found.version.as_ref()?.as_str())
    }

    /// A variable of the worker: its value, `Some(None)` where it is not set, `None` where that is not known.
    pub(crate) fn variable(&self, name: &str) -> Option<Option<&str>> {
        let variables = self.variables.as_ref()?;
        let found = variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        // What a container gets from its runtime, and the server's own.
        if found.is_none()
            && (self.given.contains(&name)
                || matches!(
                    name,
                    "HOME" | "HOSTNAME" | "PATH" | "PYTHONPATH" | "LANG" | "PWD" | "TEMP" | "TMPDIR"
                ))
        {
            return None;
        }
        Some(found)
    }

    /// `sys.path` of the worker when it imports the handler, as paths; `None` for the part that is not known.
    pub(crate) fn search(&self) -> (Vec<String>, bool) {
        let mut out = self.before.clone();
        out.push(MODEL_DIR.to_owned());
        let Some(image) = self.image else { return (out, false) };
        let Some(entries) = image.environment.sys_path.value() else { return (out, false) };
        for entry in entries {
            let Some(path) = entry.path.as_str() else { continue };
            // The working folder is the model's, and what PYTHONPATH names stands before it.
            if matches!(entry.from, PathSource::Cwd | PathSource::Env) || path.is_empty() {
                continue;
            }
            if entry.exists && !out.iter().any(|other| other == path) {
                out.push(path.to_owned());
            }
        }
        (out, true)
    }
}

/// `/a/b.zip/c/d.py` of a zip that lies in the model's folder, in its two parts.
pub(crate) fn split_zip(path: &str) -> Option<(&str, &str)> {
    let at = path.find(".zip/").or_else(|| path.find(".egg/")).or_else(|| path.find(".whl/"))?;
    Some((path.get(..at + 4)?, path.get(at + 5..)?))
}

/// A path as it is told: relative in the archive, absolute in the image.
pub(crate) fn shown_path(path: &str) -> String {
    match path.strip_prefix(MODEL_DIR) {
        Some(rest) => rest.trim_start_matches('/').to_owned(),
        None => path.to_owned(),
    }
}

/// Files of the image are compiled by the interpreter that they were installed for.
fn parse_newest(bytes: &[u8]) -> Parsed {
    Arc::new(envdiff_python::parse(bytes, Version(3, 14)))
}
