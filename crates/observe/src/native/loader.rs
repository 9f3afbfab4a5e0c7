//! An image's environment and the name of a library come in; the file that its dynamic loader would take comes out, and how
//! it gets there, or that there is none, or why that cannot be told.
//!
//! Rules of glibc: ld.so(8), `elf/dl-load.c` (`_dl_map_object`, `decompose_rpath`, `fillin_rpath`, `open_path`) and
//! `elf/dl-cache.c` of glibc 2.36; `tests/loader` holds what a real one did. Rules of musl: `ldso/dynlink.c` of musl 1.2
//! (`load_library`, `fixup_rpath`, `path_open`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use envdiff_files::{ElfClass, ElfError, ElfMachine, ElfView, ImagePath, Kind, Listing, Miss, Reason, Seen};
use envdiff_model::{Environment, Text, say};

use super::cache::{self, Cache};
use super::conf::{self, Line};
use crate::Inputs;
use crate::limits::{LOADER_CACHE, LOADER_CONF, LOADER_FOLDERS, LOADER_INCLUDES};
use crate::python::ask::{self, Found};

/// The loader of an image's interpreter.
pub(crate) struct Loader<'a> {
    seen: &'a Seen,
    style: Style,
    /// The interpreter, and the libpython that it loads; empty where it is not known.
    program: Vec<Object<'a>>,
    /// The working folder, where it is known.
    cwd: Option<ImagePath>,
    environment: Vec<Folder>,
    configured: Vec<Folder>,
    own: Vec<Folder>,
    cache: Cached,
    /// Why a library may be found where no folder is known.
    doubts: Vec<Text>,
    /// Why `configured` may lack folders.
    unread: Vec<Text>,
    /// What was found by name alone.
    remembered: RefCell<HashMap<Box<[u8]>, Found<Hit>>>,
    /// The folders of an RPATH or RUNPATH in objects of one folder, and what was found along them: torch's libraries lie in one, and
    /// all name the same.
    along: RefCell<HashMap<Option<ImagePath>, Beside>>,
}

/// Whose rules it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// The GNU C library.
    Glibc,
    /// musl.
    Musl,
}

/// A folder that is looked into whatever asks for a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// As it is written there, made absolute.
    pub(crate) path: ImagePath,
    /// What names it: `LD_LIBRARY_PATH`, `/etc/ld.so.conf.d/cuda.conf`, `the loader's own folders`.
    pub(crate) told_by: Text,
}

/// A program or library that is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a> {
    /// The path by which it was opened; `$ORIGIN` is its folder, links not resolved.
    pub(crate) path: ImagePath,
    /// What it tells the loader.
    pub(crate) view: &'a ElfView,
}

/// A library that is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The path by which it is opened.
    pub(crate) path: ImagePath,
    /// How: `RPATH of /…/_C.so`, `LD_LIBRARY_PATH`, `/etc/ld.so.cache`.
    pub(crate) how: Text,
    /// It is one of the system: found through the cache or in the loader's own folders.
    pub(crate) system: bool,
}

/// What objects of one folder name, by their RPATH or RUNPATH as it is written.
type Beside = HashMap<Box<[u8]>, Along>;

/// The folders that an object names itself; not by what.
struct Along {
    folders: Rc<[Folder]>,
    /// By name.
    found: HashMap<Box<[u8]>, Found<Hit>>,
}

enum Cached {
    Known(Arc<Result<Cache, &'static str>>),
    Nowhere,
    Untold(Text),
}

/// The folders of a doubtful search, and the first doubt.
#[derive(Default)]
struct Doubt(Option<Text>);

impl Doubt {
    fn because(&mut self, why: Text) {
        self.0.get_or_insert(why);
    }
}

const ENVIRONMENT: &str = "LD_LIBRARY_PATH";
const CACHE: &str = "/etc/ld.so.cache";
const CONF: &str = "/etc/ld.so.conf";
const OWN: &str = "the loader's own folders";

/// What nearly every extension module leads to.
const USUAL: [&[u8]; 8] = [
    b"libc.so.6",
    b"libm.so.6",
    b"libpthread.so.0",
    b"libdl.so.2",
    b"librt.so.1",
    b"libgcc_s.so.1",
    b"libstdc++.so.6",
    b"libz.so.1",
];

/// Asks early for what every loader is asked.
pub(crate) fn foresee(seen: &Seen, interpreter: &ImagePath) {
    drop(configured(seen));
    let machine = seen.elf(interpreter).ok().map(|view| view.machine);
    if let Ok(Cached::Known(cache)) = cached(seen)
        && let Ok(cache) = &*cache
    {
        let entries = USUAL.iter().flat_map(|name| cache.entries(name, machine.unwrap_or(ElfMachine(0))));
        for path in entries.filter_map(|entry| ImagePath::new(&entry.path)) {
            drop((seen.elf(&path), ask::is_file(seen, &path)));
        }
    }
    for folder in glibc_folders(None, &[]) {
        drop(seen.list(&folder.path));
    }
}

impl<'a> Loader<'a> {
    /// The loader that the interpreter of `environment` asks for, as an image's process starts it, with its
    /// `LD_LIBRARY_PATH` as [`crate::python::Derived`] has it. Where the interpreter is
    /// not known it is taken for glibc's, with nothing loaded yet.
    ///
    /// # Errors
    /// [`Miss::Pending`] while questions are open; never another, here and below.
    pub(crate) fn derive(
        seen: &'a Seen,
        inputs: &Inputs<'_>,
        environment: &Environment,
        library_path: Option<&Option<Text>>,
    ) -> Result<Self, Miss> {
        let mut doubts = Vec::new();
        let interpreter = environment.interpreter.value();
        let path = interpreter.and_then(|interpreter| ImagePath::new(interpreter.real.as_bytes()));
        let conf = configured(seen);
        let cached = cached(seen);
        let program = match &path {
            Some(path) => seen.elf(path).map(Some),
            None => Ok(None),
        };
        let ((configured, conf_doubts), cache) = (conf?, cached?);
        let program = match program {
            Ok(view) => view,
            Err(Miss::Pending) => return Err(Miss::Pending),
            Err(Miss::Absent) => None,
            Err(Miss::Unreadable(reason)) => {
                doubts.push(say!("the interpreter cannot be read: ", reason.to_string()));
                None
            }
        };
        let view = program;
        let program: Vec<Object<'a>> =
            path.into_iter().zip(program).map(|(path, view)| Object { path, view }).collect();
        let asked_for = view.and_then(|view| view.interpreter.as_deref()).unwrap_or_default();
        let style = if is_musl(asked_for) { Style::Musl } else { Style::Glibc };
        let cwd = inputs.config.and_then(|config| ImagePath::root().join(config.workdir.as_bytes()));
        let mut loader = Self {
            seen,
            style,
            program,
            cwd,
            environment: Vec::new(),
            configured: Vec::new(),
            own: Vec::new(),
            cache,
            doubts,
            unread: Vec::new(),
            remembered: RefCell::default(),
            along: RefCell::default(),
        };
        match (library_path, inputs.config) {
            (None, _) => {}
            (Some(Some(value)), _) => loader.read_environment(value),
            (Some(None), None) => {
                loader.doubts.push("no image configuration was given, so LD_LIBRARY_PATH is not known".into())
            }
            (Some(None), Some(_)) => {
                loader.doubts.push("a start script sets LD_LIBRARY_PATH to what cannot be followed".into())
            }
        }
        match style {
            Style::Glibc => {
                (loader.configured, loader.unread) = (configured, conf_doubts);
                loader.own = glibc_folders(view.map(|view| view.machine), asked_for);
            }
            Style::Musl => {
                loader.own = musl_folders(seen, view.map(|view| view.machine), &mut loader.doubts)?
            }
        }
        loader.load_libpython()?;
        Ok(loader)
    }

    /// Folders that are looked into whatever asks for a library: of `LD_LIBRARY_PATH`, of `/etc/ld.so.conf` (as `ldconfig`
    /// would read it now), the loader's own, in this order. That one is named does not say that it is there.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.environment.iter().chain(&self.configured).chain(&self.own)
    }

    /// What makes the loader look into a folder, links resolved on both sides; `Absent` where nothing does.
    pub(crate) fn told_by(&self, folder: &ImagePath) -> Result<Found<Text>, Miss> {
        let own = ask::real(self.seen, folder)?;
        let others = self.seen.each(self.folders(), |other| {
            // What is not there leads nowhere.
            Ok((ask::real(self.seen, &other.path)?, other))
        })?;
        for (real, other) in others {
            let same = match (&own, &real) {
                (Found::Is(a), Found::Is(b)) => a == b,
                _ => other.path == *folder,
            };
            if same {
                return Ok(Found::Is(other.told_by.clone()));
            }
        }
        Ok(match self.doubts().next() {
            Some(doubt) => Found::Unreadable(doubt.clone()),
            None => Found::Absent,
        })
    }

    /// Why there may be folders that [`Self::folders`] does not name, one clause each.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = &Text> {
        self.doubts.iter().chain(&self.unread)
    }

    /// Whose rules it follows.
    pub(crate) const fn style(&self) -> Style {
        self.style
    }

    /// The interpreter; `None` where it is not known or cannot be read.
    pub(crate) fn interpreter(&self) -> Option<&Object<'a>> {
        self.program.first()
    }

    /// The file that the loader takes for `name`, which the first of `by` needs, which the next one loaded, and so on; the
    /// interpreter is not among them. `Unreadable` where a folder on the way cannot be told.
    ///
    /// What is loaded already is not known here: a name that is loaded is not looked for again.
    pub(crate) fn find(&self, name: &[u8], by: &[Object<'a>]) -> Result<Found<Hit>, Miss> {
        let mut doubt = Doubt::default();
        if name.contains(&b'/') {
            return self.by_path(name, by);
        }
        let found = match self.style {
            Style::Glibc => self.by_glibc(name, by, &mut doubt)?,
            Style::Musl => self.by_musl(name, by, &mut doubt)?,
        };
        Ok(match (found, doubt.0) {
            (Some(hit), _) => Found::Is(hit),
            (None, Some(why)) => Found::Unreadable(why),
            (None, None) => match self.doubts.first() {
                Some(why) => Found::Unreadable(why.clone()),
                None => Found::Absent,
            },
        })
    }

    fn by_path(&self, name: &[u8], by: &[Object<'a>]) -> Result<Found<Hit>, Miss> {
        let origin = by.first().or_else(|| self.interpreter()).and_then(|object| object.path.parent());
        for path in self.expand(name, origin.as_ref()) {
            match ask::is_file(self.seen, &path)? {
                Found::Is(true) => {
                    return Ok(Found::Is(Hit { path, how: "its path".into(), system: false }));
                }
                Found::Is(false) | Found::Absent => {}
                Found::Unreadable(why) => return Ok(Found::Unreadable(say!(path.as_bytes(), ": ", why))),
            }
        }
        Ok(Found::Absent)
    }

    fn by_glibc(&self, name: &[u8], by: &[Object<'a>], doubt: &mut Doubt) -> Result<Option<Hit>, Miss> {
        let first = by.first().or_else(|| self.interpreter());
        // DT_RUNPATH of what asks silences every DT_RPATH.
        if first.is_none_or(|object| object.view.runpath.is_none()) {
            let loaders = by.iter().chain(self.program.iter().rev());
            for object in loaders.filter(|object| object.view.runpath.is_none()) {
                if let Some(rpath) = &object.view.rpath
                    && let Some(hit) = self.along(name, rpath, object, "RPATH", doubt)?
                {
                    return Ok(Some(hit));
                }
            }
        }
        if let Some(hit) = self.in_folders(name, &self.environment, false, doubt)? {
            return Ok(Some(hit));
        }
        if let Some(object) = first
            && let Some(runpath) = &object.view.runpath
            && let Some(hit) = self.along(name, runpath, object, "RUNPATH", doubt)?
        {
            return Ok(Some(hit));
        }
        self.of_system(name, doubt)
    }

    fn by_musl(&self, name: &[u8], by: &[Object<'a>], doubt: &mut Doubt) -> Result<Option<Hit>, Miss> {
        // Its own parts, and glibc's names of them, lead to itself.
        const RESERVED: [&[u8]; 7] = [b"c", b"pthread", b"rt", b"m", b"dl", b"util", b"xnet"];
        let stem = name.strip_prefix(b"lib").and_then(|rest| rest.split(|byte| *byte == b'.').next());
        if name.contains(&b'.') && stem.is_some_and(|stem| RESERVED.contains(&stem)) {
            let asked_for = self.interpreter().and_then(|object| object.view.interpreter.as_deref());
            let path = asked_for.and_then(ImagePath::new);
            return Ok(path.map(|path| Hit { path, how: "the loader itself".into(), system: true }));
        }
        if let Some(hit) = self.in_folders(name, &self.environment, false, doubt)? {
            return Ok(Some(hit));
        }
        for object in by.iter().chain(self.program.iter().rev()) {
            let view = object.view;
            let (folders, tag) = match (&view.runpath, &view.rpath) {
                (Some(runpath), _) => (runpath, "RUNPATH"),
                (None, Some(rpath)) => (rpath, "RPATH"),
                (None, None) => continue,
            };
            if let Some(hit) = self.along(name, folders, object, tag, doubt)? {
                return Ok(Some(hit));
            }
        }
        self.of_system(name, doubt)
    }

    /// Along the folders that an object names itself.
    fn along(
        &self,
        name: &[u8],
        folders: &[u8],
        object: &Object<'a>,
        tag: &str,
        doubt: &mut Doubt,
    ) -> Result<Option<Hit>, Miss> {
        if folders.is_empty() {
            return Ok(None);
        }
        let (origin, written) = (object.path.parent(), folders);
        let known = self
            .along
            .borrow()
            .get(&origin)
            .and_then(|beside| beside.get(written))
            .map(|along| (Rc::clone(&along.folders), along.found.get(name).cloned()));
        let (folders, found) = match known {
            Some(known) => known,
            None => {
                let parts = folders.split(|byte| *byte == b':');
                let paths = parts.flat_map(|part| self.expand(part, origin.as_ref()));
                let folders: Rc<[Folder]> = paths.map(|path| Folder { path, told_by: Text::new() }).collect();
                let along = Along { folders: Rc::clone(&folders), found: HashMap::new() };
                self.along.borrow_mut().entry(origin.clone()).or_default().insert(written.into(), along);
                (folders, None)
            }
        };
        let found = match found {
            Some(found) => found,
            None => {
                let mut doubt = Doubt::default();
                let found = match (self.in_folders(name, &folders, false, &mut doubt)?, doubt.0) {
                    (Some(hit), _) => Found::Is(hit),
                    (None, Some(why)) => Found::Unreadable(why),
                    (None, None) => Found::Absent,
                };
                let mut along = self.along.borrow_mut();
                if let Some(along) = along.get_mut(&origin).and_then(|beside| beside.get_mut(written)) {
                    along.found.insert(name.into(), found.clone());
                }
                found
            }
        };
        Ok(match found {
            Found::Is(hit) => Some(Hit { how: say!(tag, " of ", object.path.as_bytes()), ..hit }),
            Found::Absent => None,
            Found::Unreadable(why) => {
                doubt.because(why);
                None
            }
        })
    }

    /// In the first of these folders that has it. All are asked at once: an RPATH of torch has a dozen, and one after the other
    /// each would cost a round.
    fn in_folders(
        &self,
        name: &[u8],
        folders: &[Folder],
        system: bool,
        doubt: &mut Doubt,
    ) -> Result<Option<Hit>, Miss> {
        let found = self.seen.each(folders, |folder| {
            let mut doubt = Doubt::default();
            Ok((self.in_folder(name, folder, system, &mut doubt)?, doubt))
        })?;
        for (hit, why) in found {
            if hit.is_some() {
                return Ok(hit);
            }
            if let Some(why) = why.0 {
                doubt.because(why);
            }
        }
        Ok(None)
    }

    /// Through the cache and the loader's own folders.
    fn of_system(&self, name: &[u8], doubt: &mut Doubt) -> Result<Option<Hit>, Miss> {
        let remembered = self.remembered.borrow().get(name).cloned();
        let found = match remembered {
            Some(found) => found,
            None => {
                let mut doubt = Doubt::default();
                let found = match (self.search_system(name, &mut doubt)?, doubt.0) {
                    (Some(hit), _) => Found::Is(hit),
                    (None, Some(why)) => Found::Unreadable(why),
                    (None, None) => Found::Absent,
                };
                self.remembered.borrow_mut().insert(name.into(), found.clone());
                found
            }
        };
        Ok(match found {
            Found::Is(hit) => Some(hit),
            Found::Absent => None,
            Found::Unreadable(why) => {
                doubt.because(why);
                None
            }
        })
    }

    fn search_system(&self, name: &[u8], doubt: &mut Doubt) -> Result<Option<Hit>, Miss> {
        if self.style == Style::Glibc {
            match &self.cache {
                Cached::Known(cache) => {
                    if let Ok(cache) = &**cache
                        && let Some(hit) = self.cached(cache, name, doubt)?
                    {
                        return Ok(Some(hit));
                    }
                }
                Cached::Nowhere => {}
                Cached::Untold(why) => doubt.because(why.clone()),
            }
        }
        self.in_folders(name, &self.own, true, doubt)
    }

    fn cached(&self, cache: &Cache, name: &[u8], doubt: &mut Doubt) -> Result<Option<Hit>, Miss> {
        let machine = self.machine();
        let entries = cache.entries(name, machine.unwrap_or(ElfMachine(0)));
        let entries = self.seen.each(entries, |entry| {
            let Some(path) = ImagePath::new(&entry.path) else { return Ok(None) };
            // What it needs itself is asked next, so that one round tells both.
            drop(self.seen.elf(&path));
            Ok(Some((ask::is_file(self.seen, &path)?, path, entry.featured)))
        })?;
        for (is_file, path, featured) in entries.into_iter().flatten() {
            match is_file {
                Found::Is(true) if !featured => {
                    return Ok(Some(Hit { path, how: CACHE.into(), system: true }));
                }
                Found::Is(true) => {
                    doubt.because(say!(path.as_bytes(), " is taken on processors with certain features"))
                }
                // The cache is older than the image's files.
                Found::Is(false) | Found::Absent => {}
                Found::Unreadable(why) => doubt.because(say!(path.as_bytes(), " cannot be read: ", why)),
            }
        }
        Ok(None)
    }

    fn machine(&self) -> Option<ElfMachine> {
        self.interpreter().map(|object| object.view.machine)
    }

    /// In one folder: a library for another processor is passed over, as the loader does.
    fn in_folder(
        &self,
        name: &[u8],
        folder: &Folder,
        system: bool,
        doubt: &mut Doubt,
    ) -> Result<Option<Hit>, Miss> {
        let listing = match self.seen.list(&folder.path) {
            Ok(listing) => listing,
            Err(Miss::Pending) => return Err(Miss::Pending),
            Err(Miss::Absent | Miss::Unreadable(Reason::NotAFolder | Reason::Loop)) => return Ok(None),
            Err(Miss::Unreadable(reason)) => {
                doubt.because(say!(folder.path.as_bytes(), " cannot be read: ", reason.to_string()));
                return Ok(None);
            }
        };
        let path = match listing.get(name) {
            Some(Kind::File | Kind::Link) => folder.path.join(name),
            Some(Kind::Folder | Kind::Other) | None => None,
        };
        let Some(path) = path else {
            if self.style == Style::Glibc
                && let Some(sub) = featured(listing)
            {
                doubt.because(say!(
                    folder.path.as_bytes(),
                    "/",
                    sub,
                    " may hold it for processors with certain features"
                ));
            }
            return Ok(None);
        };
        match self.seen.elf(&path) {
            Ok(view) if self.fits(view) => Ok(Some(Hit { path, how: folder.told_by.clone(), system })),
            Ok(_) | Err(Miss::Absent) => Ok(None),
            Err(Miss::Pending) => Err(Miss::Pending),
            Err(Miss::Unreadable(reason)) => {
                let why = if matches!(reason, Reason::Elf(ElfError::NotElf)) {
                    say!(path.as_bytes(), " is no library")
                } else {
                    say!(path.as_bytes(), " cannot be read: ", reason.to_string())
                };
                doubt.because(why);
                Ok(None)
            }
        }
    }

    /// Whether a library is for the interpreter's processor.
    pub(crate) fn fits(&self, view: &ElfView) -> bool {
        self.interpreter().is_none_or(|own| {
            (own.view.machine, own.view.class, own.view.order) == (view.machine, view.class, view.order)
        })
    }

    /// A folder or path with `$ORIGIN`, `$LIB` and `$PLATFORM` replaced, and made absolute; all that it may mean.
    fn expand(&self, text: &[u8], origin: Option<&ImagePath>) -> Vec<ImagePath> {
        let mut out = vec![Vec::new()];
        let mut rest = text;
        while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
            let (before, from) = rest.split_at(at);
            let mut values: Vec<Vec<u8>> = vec![b"$".to_vec()];
            let mut taken = 1;
            for token in ["ORIGIN", "LIB", "PLATFORM"] {
                let plain = format!("${token}");
                let braced = format!("${{{token}}}");
                let Some(written) =
                    [plain, braced].into_iter().find(|written| from.starts_with(written.as_bytes()))
                else {
                    continue;
                };
                if self.style == Style::Musl && token != "ORIGIN" {
                    continue;
                }
                taken = written.len();
                values = match token {
                    "ORIGIN" => match origin {
                        Some(origin) => vec![origin.as_bytes().to_vec()],
                        None => return Vec::new(),
                    },
                    "LIB" => self.lib_folders(),
                    _ => self.platforms(),
                };
            }
            out = out
                .iter()
                .flat_map(|start| values.iter().map(move |value| [start, before, value].concat()))
                .take(MOST_MEANINGS)
                .collect();
            rest = from.get(taken..).unwrap_or_default();
        }
        out.iter()
            .filter_map(|start| {
                let path = [start, rest].concat();
                // An empty part is the working folder too.
                let path = if path.first() == Some(&b'/') {
                    ImagePath::new(path)
                } else {
                    self.cwd.as_ref()?.join(path)
                };
                Some(self.seen.shortened(&path?))
            })
            .collect()
    }

    /// What `$LIB` stands for: Debian's loader has another value than the one as it is published.
    fn lib_folders(&self) -> Vec<Vec<u8>> {
        let triplet = self.machine().and_then(triplet);
        let wide = self.interpreter().is_none_or(|object| object.view.class == ElfClass::Bits64);
        triplet
            .map(|triplet| format!("lib/{triplet}").into_bytes())
            .into_iter()
            .chain([if wide { b"lib64".to_vec() } else { b"lib".to_vec() }])
            .collect()
    }

    /// What `$PLATFORM` stands for: the processor, or before glibc 2.37 its generation.
    fn platforms(&self) -> Vec<Vec<u8>> {
        let name = self.machine().and_then(ElfMachine::name).unwrap_or("x86_64");
        let mut out = vec![name.as_bytes().to_vec()];
        if name == "x86_64" {
            out.extend([b"haswell".to_vec(), b"xeon_phi".to_vec()]);
        }
        out
    }

    fn read_environment(&mut self, value: &Text) {
        if value.is_empty() {
            return;
        }
        let separator = |byte: &u8| *byte == b':' || (*byte == b';' && self.style == Style::Glibc);
        let origin = self.interpreter().and_then(|object| object.path.parent());
        let mut folders: Vec<Folder> = Vec::new();
        for part in value.as_bytes().split(separator) {
            if folders.len() >= LOADER_FOLDERS {
                self.doubts.push(say!("LD_LIBRARY_PATH names more than ", LOADER_FOLDERS, " folders"));
                break;
            }
            for path in self.expand(part, origin.as_ref()) {
                folders.push(Folder { path, told_by: ENVIRONMENT.into() });
            }
        }
        self.environment = folders;
    }

    /// A module of Python is loaded by the interpreter, or by the libpython that holds it.
    fn load_libpython(&mut self) -> Result<(), Miss> {
        let Some(interpreter) = self.interpreter() else { return Ok(()) };
        let Some(name) = interpreter.view.needed.iter().find(|name| name.starts_with(b"libpython")) else {
            return Ok(());
        };
        match self.find(name, &[])? {
            Found::Is(hit) => {
                if let Ok(view) = self.seen.elf(&hit.path) {
                    self.program.push(Object { path: hit.path, view });
                } else {
                    self.doubts.push(say!(hit.path.as_bytes(), " cannot be read"));
                }
            }
            Found::Absent => {}
            Found::Unreadable(why) => self.doubts.push(why),
        }
        Ok(())
    }
}

/// The most folders that one text with `$LIB` or `$PLATFORM` may stand for.
const MOST_MEANINGS: usize = 16;

/// Whether the loader that a program asks for is musl's.
pub(crate) fn is_musl(interpreter: &[u8]) -> bool {
    interpreter.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.starts_with(b"ld-musl-"))
}

/// Debian's name of a processor's folder.
const fn triplet(machine: ElfMachine) -> Option<&'static str> {
    Some(match machine.0 {
        3 => "i386-linux-gnu",
        22 => "s390x-linux-gnu",
        40 => "arm-linux-gnueabihf",
        62 => "x86_64-linux-gnu",
        183 => "aarch64-linux-gnu",
        _ => return None,
    })
}

/// A subfolder that glibc's loader tries before the folder itself, on a processor that has its features.
fn featured(listing: &Listing) -> Option<&'static str> {
    const NAMES: [&str; 5] = ["glibc-hwcaps", "tls", "haswell", "x86_64", "avx512_1"];
    NAMES.into_iter().find(|name| matches!(listing.get(name.as_bytes()), Some(Kind::Folder | Kind::Link)))
}

/// The folders that are built into glibc's loader: of Debian, and as they are published. A loader that lies elsewhere (Nix,
/// Guix) has others.
fn glibc_folders(machine: Option<ElfMachine>, asked_for: &[u8]) -> Vec<Folder> {
    let triplets: Vec<&str> = match machine {
        Some(machine) => triplet(machine).into_iter().collect(),
        None => vec!["x86_64-linux-gnu", "aarch64-linux-gnu"],
    };
    let multiarch =
        triplets.iter().flat_map(|triplet| [format!("/lib/{triplet}"), format!("/usr/lib/{triplet}")]);
    let common = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(str::to_owned);
    let mut out: Vec<ImagePath> = multiarch.chain(common).filter_map(ImagePath::new).collect();
    if let Some(folder) = ImagePath::new(asked_for).and_then(|path| path.parent())
        && !out.contains(&folder)
    {
        out.insert(0, folder);
    }
    out.into_iter().map(|path| Folder { path, told_by: OWN.into() }).collect()
}

/// The folders of musl's loader.
fn musl_folders(
    seen: &Seen,
    machine: Option<ElfMachine>,
    doubts: &mut Vec<Text>,
) -> Result<Vec<Folder>, Miss> {
    let name = match machine.and_then(ElfMachine::name) {
        Some("arm") => "armhf",
        Some(name) => name,
        None => "x86_64",
    };
    let file = format!("/etc/ld-musl-{name}.path");
    let Some(path) = ImagePath::new(&file) else { return Ok(Vec::new()) };
    let mut folders =
        vec![(b"/lib".to_vec(), OWN), (b"/usr/local/lib".to_vec(), OWN), (b"/usr/lib".to_vec(), OWN)];
    match ask::parsed(seen, &path, LOADER_CONF, <[u8]>::to_vec)? {
        Found::Is(text) => {
            let parts = text.split(|byte| matches!(byte, b':' | b'\n')).filter(|part| !part.is_empty());
            folders = parts.take(LOADER_FOLDERS).map(|part| (part.to_vec(), file.as_str())).collect();
        }
        Found::Absent => {}
        Found::Unreadable(why) => doubts.push(say!(&file, " cannot be read: ", why)),
    }
    let folder =
        |(path, by): (Vec<u8>, &str)| Some(Folder { path: ImagePath::new(path)?, told_by: by.into() });
    Ok(folders.into_iter().filter_map(folder).collect())
}

fn cached(seen: &Seen) -> Result<Cached, Miss> {
    let Some(path) = ImagePath::new(CACHE) else { return Ok(Cached::Nowhere) };
    Ok(match ask::parsed(seen, &path, LOADER_CACHE, cache::parse)? {
        Found::Is(cache) => match &*cache {
            Ok(_) => Cached::Known(cache),
            Err(why) => Cached::Untold(say!(CACHE, " cannot be read: ", *why)),
        },
        Found::Absent => Cached::Nowhere,
        Found::Unreadable(why) => Cached::Untold(say!(CACHE, " cannot be read: ", why)),
    })
}

/// The folders of `/etc/ld.so.conf` and of what it includes, and what of it cannot be told.
fn configured(seen: &Seen) -> Result<(Vec<Folder>, Vec<Text>), Miss> {
    let mut reading = Conf { seen, folders: Vec::new(), doubts: Vec::new(), files: 0 };
    if let Some(path) = ImagePath::new(CONF) {
        reading.file(&path, 0)?;
    }
    Ok((reading.folders, reading.doubts))
}

struct Conf<'a> {
    seen: &'a Seen,
    folders: Vec<Folder>,
    doubts: Vec<Text>,
    files: usize,
}

impl Conf<'_> {
    fn file(&mut self, path: &ImagePath, depth: usize) -> Result<(), Miss> {
        self.files += 1;
        if depth > LOADER_INCLUDES || self.files > LOADER_FOLDERS || self.folders.len() > LOADER_FOLDERS {
            let doubt = say!(CONF, " includes more than is followed");
            if !self.doubts.contains(&doubt) {
                self.doubts.push(doubt);
            }
            return Ok(());
        }
        let lines = match ask::parsed(self.seen, path, LOADER_CONF, conf::parse)? {
            Found::Is(lines) => lines,
            Found::Absent => return Ok(()),
            Found::Unreadable(why) => {
                self.doubts.push(say!(path.as_bytes(), " cannot be read: ", why));
                return Ok(());
            }
        };
        let mut pending = false;
        for line in &*lines {
            match line {
                Line::Folder(folder) => {
                    let folder = Folder { path: folder.clone(), told_by: path.as_bytes().into() };
                    self.folders.push(folder);
                }
                Line::Include(pattern) => match self.include(path, pattern, depth) {
                    Err(Miss::Pending) => pending = true,
                    other => other?,
                },
            }
        }
        if pending { Err(Miss::Pending) } else { Ok(()) }
    }

    fn include(&mut self, from: &ImagePath, pattern: &[u8], depth: usize) -> Result<(), Miss> {
        let Some(pattern) = from.parent().and_then(|folder| folder.join(pattern)) else { return Ok(()) };
        let (Some(folder), name) = (pattern.parent(), pattern.file_name()) else { return Ok(()) };
        if folder.as_bytes().iter().any(|byte| b"*?[".contains(byte)) || name.contains(&b'[') {
            self.doubts.push(say!(
                from.as_bytes(),
                " includes ",
                pattern.as_bytes(),
                ", which is not followed"
            ));
            return Ok(());
        }
        let listing = match ask::list(self.seen, &folder)? {
            Found::Is(listing) => listing,
            Found::Absent => return Ok(()),
            Found::Unreadable(why) => {
                self.doubts.push(say!(folder.as_bytes(), " cannot be read: ", why));
                return Ok(());
            }
        };
        let mut pending = false;
        for name in conf::matching(listing, name) {
            let Some(file) = folder.join(name) else { continue };
            match self.file(&file, depth + 1) {
                Err(Miss::Pending) => pending = true,
                other => other?,
            }
        }
        if pending { Err(Miss::Pending) } else { Ok(()) }
    }
}
