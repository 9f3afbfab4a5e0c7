//! The first entries of `sys.path` to what the `site` module makes of them: site folders, the user's site, `.pth` files.
//!
//! Rules: CPython's `Lib/site.py`, 3.8 to 3.14, with the changes of Debian (dist-packages, `VIRTUAL_ENV` in Debian 11) and
//! Fedora (`/usr/local`), which are recognised in the image's own `site.py`.

use std::collections::HashSet;
use std::sync::Arc;

use envdiff_files::{Ask, ImagePath, Kind, Miss, Seen};
use envdiff_model::{Evidence, PathSource, SysPathEntry, Text, Unknown, say};

use super::ask::{self, Found};
use super::distributions;
use super::layout::{Feature, Implementation, Layout};
use super::process::Vars;
use super::pth::{self, Code, Effect, LineKind};
use crate::limits::{PTH_FILE, PTH_FILES, SOURCE_FILE, SYS_PATH};

/// What an image's own `site.py` does beyond or other than CPython's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteRules {
    /// Debian's dist-packages.
    pub debian: bool,
    /// Debian 11: `VIRTUAL_ENV` adds `lib/pythonX.Y/site-packages`, whoever runs.
    pub virtual_env_variable: bool,
    /// Fedora: `/usr/local` before `/usr`.
    pub fedora: bool,
    /// `.hidden.pth` is passed over.
    pub skips_hidden: bool,
    /// A BOM is taken off, lines end as in `str.splitlines`.
    pub splits_lines: bool,
}

/// Reads a `site.py`.
#[must_use]
pub fn rules(source: &[u8]) -> SiteRules {
    let text = String::from_utf8_lossy(source);
    let has = |word: &str| text.contains(word);
    SiteRules {
        debian: has("\"dist-packages\"") || has("'dist-packages'"),
        virtual_env_variable: has("'VIRTUAL_ENV' in os.environ"),
        fedora: has("RPM_BUILD_ROOT"),
        skips_hidden: has("name.startswith(\".\")") || has("name.startswith('.')"),
        splits_lines: has("utf-8-sig"),
    }
}

/// Asks early for what `site` reads of a standard library.
pub(crate) fn foresee(seen: &Seen, stdlib: &ImagePath) {
    if let Some(own) = stdlib.join("site.py") {
        drop(seen.parsed(&own, SOURCE_FILE, rules));
    }
    if let Some(own) = stdlib.join("sitecustomize.py") {
        drop(seen.parsed(&own, SOURCE_FILE, touches_path));
    }
}

/// CPython's own rules, where no `site.py` is to be read.
const fn default_rules(feature: Feature) -> SiteRules {
    SiteRules {
        debian: false,
        virtual_env_variable: false,
        fedora: false,
        skips_hidden: feature.at_least(13),
        splits_lines: feature.at_least(13),
    }
}

/// What a `.pth` file holds.
type Lines = Result<Vec<pth::Line>, pth::BadPth>;

/// What bears on `site` beside the layout.
pub(crate) struct Given<'a> {
    pub(crate) vars: &'a Vars,
    /// `-E`, `-I`.
    pub(crate) ignores_environment: bool,
    /// `-s`, `-I`, `PYTHONNOUSERSITE`.
    pub(crate) no_user_site: bool,
}

/// `sys.path` while it is made.
pub(crate) struct Making<'a> {
    seen: &'a Seen,
    layout: &'a Layout,
    rules: SiteRules,
    cwd: &'a ImagePath,
    pub(crate) path: Vec<SysPathEntry>,
    known: HashSet<Text>,
    pub(crate) unknown: Vec<Unknown>,
    pub(crate) evidence: Vec<Evidence>,
    mark: Option<usize>,
    pth_files: usize,
}

impl<'a> Making<'a> {
    /// Begins with what getpath gave; makes it absolute and drops what stands twice (`removeduppaths`).
    pub(crate) fn new(
        seen: &'a Seen,
        layout: &'a Layout,
        cwd: &'a ImagePath,
        begin: Vec<SysPathEntry>,
    ) -> Result<Self, Miss> {
        let site_py = layout.stdlib.join("site.py");
        let mut unknown = Vec::new();
        let rules = match site_py.as_ref().map(|p| ask::parsed(seen, p, SOURCE_FILE, rules)).transpose()? {
            Some(Found::Is(rules)) => *rules,
            // Which folders a distribution's own site.py adds stands nowhere else.
            Some(Found::Unreadable(why)) => {
                let why = say!(layout.stdlib.as_bytes(), "/site.py cannot be read: ", why);
                unknown.push(Unknown { what: Text::from("sys_path"), why });
                default_rules(layout.feature)
            }
            Some(Found::Absent) | None => default_rules(layout.feature),
        };
        let mut making = Self {
            seen,
            layout,
            rules,
            cwd,
            path: Vec::new(),
            known: HashSet::new(),
            unknown,
            evidence: Vec::new(),
            mark: None,
            pth_files: 0,
        };
        for mut entry in begin {
            entry.path = making.absolute(&entry.path);
            if making.known.insert(entry.path.clone()) {
                let at = making.path.len();
                making.put(at, entry);
            }
        }
        Ok(making)
    }

    /// `os.path.abspath`.
    fn absolute(&self, path: &Text) -> Text {
        match self.cwd.join(path.as_bytes()) {
            Some(path) => Text::from(path.normalised().as_bytes()),
            None => path.clone(),
        }
    }

    /// `site.main()`.
    pub(crate) fn run(&mut self, given: &Given<'_>) -> Result<(), Miss> {
        let user = self.user_site(given);
        self.prefetch(given, user.as_ref())?;
        let mut user_site = !given.no_user_site;
        let mut prefixes: Vec<ImagePath> = vec![self.layout.base.clone(), self.layout.base_exec.clone()];
        if let Some(venv) = self.layout.venv.clone() {
            self.add_site_packages(std::slice::from_ref(&venv.prefix), given, PathSource::Venv)?;
            if venv.settings.system_site {
                prefixes.insert(0, venv.prefix);
            } else {
                prefixes = vec![venv.prefix];
                user_site = false;
            }
        }
        if user_site
            && let Some(folder) = user.and_then(|user| self.cwd.join(user.as_bytes())).map(|f| f.normalised())
            && self.is_folder(&folder)?
        {
            self.add_site_dir(&folder, PathSource::User, 0)?;
        }
        if self.rules.fedora && user_site && given.vars.get("RPM_BUILD_ROOT").is_none() {
            prefixes.extend(ImagePath::new("/usr/local"));
            prefixes.rotate_right(1);
        }
        self.add_site_packages(&prefixes, given, PathSource::Site)?;
        self.customize(user_site)
    }

    /// `~/.local/lib/pythonX.Y/site-packages` or below `PYTHONUSERBASE`.
    fn user_site(&self, given: &Given<'_>) -> Option<Text> {
        let base = if given.ignores_environment {
            None
        } else {
            given.vars.get("PYTHONUSERBASE").filter(|base| !base.is_empty())
        };
        let base = match base {
            Some(base) => base.clone(),
            None => {
                let home = given.vars.get("HOME")?;
                let mut home = home.as_bytes().to_vec();
                while home.last() == Some(&b'/') {
                    home.pop();
                }
                say!(&home[..], "/.local")
            }
        };
        Some(say!(base, "/lib/", self.layout.feature.folder(), "/site-packages"))
    }

    /// `getsitepackages` for one prefix.
    fn site_packages(&self, prefix: &ImagePath, given: &Given<'_>) -> Vec<ImagePath> {
        let folder = self.layout.feature.folder();
        let mut libs = vec![self.layout.platlibdir.as_str()];
        if self.layout.platlibdir != "lib" {
            libs.push("lib");
        }
        let mut out: Vec<String> = Vec::new();
        if self.rules.debian {
            if self.layout.venv.is_some()
                || (self.rules.virtual_env_variable && given.vars.get("VIRTUAL_ENV").is_some())
            {
                out.push(format!("lib/{folder}/site-packages"));
            }
            out.push(format!("local/lib/{folder}/dist-packages"));
            out.push(match self.layout.feature.implementation {
                Implementation::CPython => "lib/python3/dist-packages".to_owned(),
                Implementation::PyPy => "lib/pypy3/dist-packages".to_owned(),
            });
            out.extend(libs.iter().map(|lib| format!("{lib}/{folder}/dist-packages")));
        } else {
            out.extend(libs.iter().map(|lib| format!("{lib}/{folder}/site-packages")));
        }
        out.iter().filter_map(|more| prefix.join(more)).collect()
    }

    /// Asks for all that `run` will want, as one batch a level.
    fn prefetch(&self, given: &Given<'_>, user: Option<&Text>) -> Result<(), Miss> {
        let mut folders: Vec<ImagePath> = Vec::new();
        if let Some(venv) = &self.layout.venv {
            folders.extend(self.site_packages(&venv.prefix, given));
        }
        if self.layout.venv.as_ref().is_none_or(|v| v.settings.system_site) {
            folders.extend(self.site_packages(&self.layout.base, given));
            folders.extend(self.site_packages(&self.layout.base_exec, given));
            if self.rules.fedora {
                folders
                    .extend(ImagePath::new("/usr/local").iter().flat_map(|p| self.site_packages(p, given)));
            }
            folders.extend(user.and_then(|u| self.cwd.join(u.as_bytes())).map(|p| p.normalised()));
        }
        let seen = self.seen;
        let feature = self.layout.feature;
        seen.each(&folders, |folder| {
            let folder_stat = ask::is_folder(seen, folder);
            let list = ask::list(seen, folder);
            folder_stat?;
            let Found::Is(list) = list? else { return Ok(()) };
            distributions::foresee(seen, folder, feature);
            let names = pth_names(list, self.rules).into_iter().take(PTH_FILES);
            let files: Vec<ImagePath> = names.filter_map(|n| folder.join(n)).collect();
            seen.each(&files, |file| {
                let Found::Is(lines) = self.read_pth(file)? else { return Ok(()) };
                let Ok(lines) = &*lines else { return Ok(()) };
                seen.each(lines, |line| {
                    if let LineKind::Code(code) = &line.kind {
                        for effect in &code.effects {
                            if let Effect::Insert(_, path) | Effect::Append(path) | Effect::SiteDir(path) =
                                effect
                                && let Some(path) = self.cwd.join(path.as_bytes())
                            {
                                drop(ask::stat(seen, &path));
                                distributions::foresee(seen, &path.normalised(), feature);
                            }
                        }
                    }
                    if let LineKind::Path(path) = &line.kind
                        && let Some(path) = folder.join(path.as_bytes())
                    {
                        let path = path.normalised();
                        distributions::foresee(seen, &path, feature);
                        ask::stat(seen, &path)?;
                    }
                    Ok(())
                })
                .map(drop)
            })
            .map(drop)
        })
        .map(drop)
    }

    fn read_pth(&self, file: &ImagePath) -> Result<Found<Arc<Lines>>, Miss> {
        let parse = if self.rules.splits_lines { pth::parse_splitlines } else { pth::parse_text_mode };
        ask::parsed(self.seen, file, PTH_FILE, parse)
    }

    fn is_folder(&mut self, folder: &ImagePath) -> Result<bool, Miss> {
        Ok(match ask::is_folder(self.seen, folder)? {
            Found::Is(is) => is,
            Found::Absent => false,
            Found::Unreadable(why) => {
                self.untold("sys_path", say!(folder.as_bytes(), " cannot be read: ", why));
                false
            }
        })
    }

    fn untold(&mut self, what: &str, why: Text) {
        let unknown = Unknown { what: Text::from(what), why };
        if !self.unknown.contains(&unknown) {
            self.unknown.push(unknown);
        }
    }

    fn add_site_packages(
        &mut self,
        prefixes: &[ImagePath],
        given: &Given<'_>,
        from: PathSource,
    ) -> Result<(), Miss> {
        let mut done: Vec<&ImagePath> = Vec::new();
        for prefix in prefixes {
            if done.contains(&prefix) {
                continue;
            }
            done.push(prefix);
            let of_venv = self.layout.venv.as_ref().is_some_and(|v| v.prefix == *prefix);
            for folder in self.site_packages(prefix, given) {
                let folder = folder.normalised();
                if self.is_folder(&folder)? {
                    self.add_site_dir(&folder, if of_venv { PathSource::Venv } else { from }, 0)?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, path: &Text, from: PathSource) {
        self.put(self.path.len(), SysPathEntry { path: path.clone(), from, exists: true });
    }

    fn put(&mut self, at: usize, entry: SysPathEntry) {
        if self.path.len() < SYS_PATH {
            self.path.insert(at.min(self.path.len()), entry);
        } else {
            self.untold("sys_path", say!("more than ", SYS_PATH, " entries"));
        }
    }

    /// `site.addsitedir`.
    fn add_site_dir(&mut self, folder: &ImagePath, from: PathSource, depth: usize) -> Result<(), Miss> {
        let text = Text::from(folder.as_bytes());
        if self.known.insert(text.clone()) {
            self.push(&text, from);
            self.evidence.push(ask::evidence(self.seen, &Ask::List(folder.clone()), from.as_str()));
        }
        let list = match ask::list(self.seen, folder)? {
            Found::Is(list) => list,
            Found::Absent => return Ok(()),
            Found::Unreadable(why) => {
                self.untold("sys_path", say!(folder.as_bytes(), " cannot be listed: ", why));
                return Ok(());
            }
        };
        for name in pth_names(list, self.rules) {
            self.pth_files += 1;
            if self.pth_files > PTH_FILES {
                self.untold("sys_path", say!("more than ", PTH_FILES, " .pth files"));
                return Ok(());
            }
            if let Some(file) = folder.join(name) {
                self.add_package(folder, &file, depth)?;
            }
        }
        Ok(())
    }

    /// `site.addpackage`.
    fn add_package(&mut self, folder: &ImagePath, file: &ImagePath, depth: usize) -> Result<(), Miss> {
        let lines = match self.read_pth(file)? {
            Found::Is(lines) => lines,
            // A folder or a link that leads nowhere: Python passes over what it cannot open.
            Found::Absent => return Ok(()),
            Found::Unreadable(why) => {
                if !matches!(ask::is_file(self.seen, file)?, Found::Is(false)) {
                    self.untold("sys_path", say!(file.as_bytes(), " cannot be read: ", why));
                }
                return Ok(());
            }
        };
        let lines = match &*lines {
            Ok(lines) => lines,
            Err(why) => {
                self.untold("sys_path", say!(file.as_bytes(), " is ", why.to_string()));
                return Ok(());
            }
        };
        for line in lines {
            match &line.kind {
                LineKind::Path(path) => {
                    let Some(full) = folder.join(path.as_bytes()).map(|p| p.normalised()) else { continue };
                    let text = Text::from(full.as_bytes());
                    if self.known.contains(&text) {
                        continue;
                    }
                    match ask::stat(self.seen, &full)? {
                        Found::Is(_) => {
                            self.known.insert(text.clone());
                            let egg = text.as_bytes().to_ascii_lowercase().ends_with(b".egg");
                            self.push(&text, if egg { PathSource::Egg } else { PathSource::Pth });
                            self.evidence.push(ask::evidence(
                                self.seen,
                                &Ask::Read { path: file.clone(), limit: PTH_FILE },
                                say!("line ", line.number, ": ", path),
                            ));
                        }
                        Found::Absent => {}
                        Found::Unreadable(why) => {
                            if !why.as_str().is_some_and(|w| w.contains("symbolic links")) {
                                self.untold(
                                    "sys_path",
                                    say!(
                                        file.as_bytes(),
                                        " line ",
                                        line.number,
                                        ": ",
                                        text,
                                        " cannot be read: ",
                                        why
                                    ),
                                );
                            }
                        }
                    }
                }
                LineKind::Code(code) => {
                    if !self.run_code(code, file, line.number, depth)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Does what a line of code is known to do; `false` when the line fails, so that the rest of its file is dropped.
    fn run_code(&mut self, code: &Code, file: &ImagePath, number: usize, depth: usize) -> Result<bool, Miss> {
        if code.harmless {
            return Ok(true);
        }
        let here = say!(file.as_bytes(), " line ", number);
        for module in &code.imports {
            match self.module(module)? {
                Module::Missing => return Ok(false),
                Module::Standard => {}
                Module::Untold(why) => {
                    self.untold(
                        "sys_path",
                        say!(here, " imports ", module, ", of which nothing is known: ", why),
                    );
                }
                Module::Source(source) => {
                    if is_editable_hook(module) {
                        continue;
                    }
                    match ask::parsed(self.seen, &source, SOURCE_FILE, touches_path)? {
                        Found::Is(touches) if !*touches => {}
                        _ => self.untold(
                            "sys_path",
                            say!(here, " imports ", source.as_bytes(), ", which may change it"),
                        ),
                    }
                }
                Module::Native(native) => {
                    self.untold(
                        "sys_path",
                        say!(here, " imports ", native.as_bytes(), ", compiled code, which may change it"),
                    );
                }
            }
        }
        for effect in &code.effects {
            match effect {
                Effect::Insert(at, path) => {
                    let len = i64::try_from(self.path.len()).unwrap_or(i64::MAX);
                    let at = if *at < 0 { (len + at).max(0) } else { (*at).min(len) };
                    let at = usize::try_from(at).unwrap_or(0).min(self.path.len());
                    let exists = self.exists(path)?;
                    self.put(at, SysPathEntry { path: path.clone(), from: PathSource::Pth, exists });
                }
                Effect::Append(path) => {
                    let exists = self.exists(path)?;
                    let entry = SysPathEntry { path: path.clone(), from: PathSource::Pth, exists };
                    self.put(self.path.len(), entry);
                }
                Effect::SiteDir(path) => {
                    if depth >= 8 {
                        self.untold("sys_path", say!(here, " adds site folders more than 8 deep"));
                    } else if let Some(folder) = self.cwd.join(path.as_bytes()).map(|p| p.normalised()) {
                        // Called without the set of known paths: every entry that exists is known.
                        for entry in self.path.clone() {
                            self.known.insert(self.absolute(&entry.path));
                        }
                        self.add_site_dir(&folder, PathSource::Pth, depth + 1)?;
                    }
                }
                Effect::Mark => self.mark = Some(self.path.len()),
                Effect::MoveMarked => {
                    if let Some(mark) = self.mark.take()
                        && mark <= self.path.len()
                    {
                        let moved = self.path.split_off(mark);
                        self.path.splice(0..0, moved);
                    }
                }
                Effect::Finder(module) => self.finder(module)?,
                Effect::Opaque => self.untold("sys_path", say!(here, " runs code that may change it")),
            }
        }
        Ok(true)
    }

    fn exists(&self, path: &Text) -> Result<bool, Miss> {
        let Some(path) = self.cwd.join(path.as_bytes()) else { return Ok(false) };
        Ok(!matches!(ask::stat(self.seen, &path)?, Found::Absent))
    }

    /// A setuptools editable finder with namespace packages appends a marker to `sys.path`.
    fn finder(&mut self, module: &Text) -> Result<(), Miss> {
        let Module::Source(source) = self.module(module)? else { return Ok(()) };
        if let Found::Is(placeholder) = ask::parsed(self.seen, &source, SOURCE_FILE, placeholder)?
            && let Some(placeholder) = &*placeholder
            && !self.path.iter().any(|entry| entry.path == *placeholder)
        {
            let entry = SysPathEntry { path: placeholder.clone(), from: PathSource::Pth, exists: false };
            self.put(self.path.len(), entry);
        }
        Ok(())
    }

    /// Where the import system finds a top-level module now.
    fn module(&self, name: &Text) -> Result<Module, Miss> {
        if BUILT_IN.iter().any(|known| *name == **known) {
            return Ok(Module::Standard);
        }
        let folders: Vec<ImagePath> =
            self.path.iter().filter_map(|entry| self.cwd.join(entry.path.as_bytes())).collect();
        let lists = self.seen.each(&folders, |folder| ask::list(self.seen, folder))?;
        let standard = self.layout.stdlib.as_bytes();
        let mut namespace = false;
        let mut untold = None;
        for (folder, list) in folders.iter().zip(lists) {
            let list = match list {
                Found::Is(list) => list,
                Found::Absent => continue,
                Found::Unreadable(why) => {
                    // A zip or another file on the path is seldom where such a module lies; it is not searched.
                    if !matches!(ask::is_file(self.seen, folder)?, Found::Is(true)) {
                        untold = untold.or(Some(why));
                    }
                    continue;
                }
            };
            let is_standard =
                folder.as_bytes().starts_with(standard) && !folder.as_bytes().ends_with(b"-packages");
            if list.get(name.as_bytes()).is_some_and(|kind| matches!(kind, Kind::Folder | Kind::Link)) {
                let package = folder.join(name.as_bytes()).and_then(|p| p.join("__init__.py"));
                if let Some(package) = package {
                    if matches!(ask::is_file(self.seen, &package)?, Found::Is(true)) {
                        return Ok(if is_standard { Module::Standard } else { Module::Source(package) });
                    }
                    namespace = true;
                }
            }
            let prefix = say!(name, ".");
            for (entry, _) in &list.entries {
                let Some(ending) = entry.strip_prefix(prefix.as_bytes()) else { continue };
                if ending == b"py" || ending == b"pyc" || ending == b"so" || ending.ends_with(b".so") {
                    let Some(file) = folder.join(entry) else { continue };
                    return Ok(match (is_standard, ending) {
                        (true, _) => Module::Standard,
                        (false, b"py") => Module::Source(file),
                        (false, _) => Module::Native(file),
                    });
                }
            }
        }
        Ok(match untold {
            _ if namespace => Module::Standard,
            Some(why) => Module::Untold(why),
            None => Module::Missing,
        })
    }

    /// `sitecustomize` and `usercustomize` run after all that; one that does not name `sys.path` is taken as harmless.
    fn customize(&mut self, user_site: bool) -> Result<(), Miss> {
        for (name, runs) in [("sitecustomize", true), ("usercustomize", user_site)] {
            if !runs {
                continue;
            }
            let file = match self.module(&Text::from(name))? {
                Module::Missing => continue,
                Module::Source(file) | Module::Native(file) => Some(file),
                Module::Standard => [Some(&self.layout.stdlib)]
                    .into_iter()
                    .flatten()
                    .find_map(|s| s.join(format!("{name}.py"))),
                Module::Untold(why) => {
                    self.untold("sys_path", say!("whether there is a ", name, " is not known: ", why));
                    continue;
                }
            };
            let Some(file) = file else { continue };
            match ask::parsed(self.seen, &file, SOURCE_FILE, touches_path)? {
                Found::Is(touches) if !*touches => {}
                // Named as part of the standard library without a source: a folder of that name.
                Found::Absent => {}
                _ => self.untold("sys_path", say!(file.as_bytes(), " runs at start and may change it")),
            }
        }
        Ok(())
    }
}

/// Where a module is.
enum Module {
    Missing,
    Standard,
    Source(ImagePath),
    Native(ImagePath),
    Untold(Text),
}

/// Modules without a file in every CPython (`sys.builtin_module_names`, the part that all builds share) and `site`'s own.
const BUILT_IN: &[&str] = &[
    "_abc",
    "_ast",
    "_codecs",
    "_collections",
    "_functools",
    "_imp",
    "_io",
    "_locale",
    "_operator",
    "_signal",
    "_sre",
    "_stat",
    "_string",
    "_symtable",
    "_thread",
    "_tracemalloc",
    "_warnings",
    "_weakref",
    "atexit",
    "builtins",
    "errno",
    "faulthandler",
    "gc",
    "itertools",
    "marshal",
    "posix",
    "pwd",
    "sys",
    "time",
];

/// Modules that hook imports for an editable install and leave `sys.path` alone: setuptools, `editables` (hatchling,
/// pdm), scikit-build-core, meson-python; virtualenv's.
fn is_editable_hook(module: &Text) -> bool {
    let name = module.as_bytes();
    name.starts_with(b"__editable__")
        || name.starts_with(b"_editable_impl_")
        || name == b"_virtualenv"
        || (name.starts_with(b"_") && (name.ends_with(b"_editable") || name.ends_with(b"_editable_loader")))
}

/// Whether source names `sys.path` or what changes it.
fn touches_path(source: &[u8]) -> bool {
    let text = String::from_utf8_lossy(source);
    [
        "sys.path.",
        "sys.path[",
        "sys.path =",
        "sys.path+",
        "sys.path +",
        "import path",
        "addsitedir",
        "addusersitepackages",
        "exec(",
        "runpy",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// The marker that a setuptools editable finder appends to `sys.path` when it has namespace packages.
fn placeholder(source: &[u8]) -> Option<Text> {
    let text = String::from_utf8_lossy(source);
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let rest = line.strip_prefix(key)?;
            let (_, value) = rest.split_once('=')?;
            Some(value.trim().to_owned())
        })
    };
    let namespaces = value("NAMESPACES")?;
    if namespaces.is_empty() || namespaces == "{}" {
        return None;
    }
    let name = value("PATH_PLACEHOLDER")?;
    let name = name.split(['\'', '"']).nth(1)?;
    Some(Text::from(format!("{name}.__path_hook__")))
}

/// The `.pth` files of a folder in the order in which they are read.
fn pth_names(list: &envdiff_files::Listing, rules: SiteRules) -> Vec<&[u8]> {
    list.entries
        .iter()
        .map(|(name, _)| &**name)
        .filter(|name| name.ends_with(b".pth") && !(rules.skips_hidden && name.starts_with(b".")))
        .collect()
}
