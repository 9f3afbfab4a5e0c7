//! The name of a module comes in; where the worker finds it comes out, and what its source does when it is imported.

use std::rc::Rc;
use std::sync::Arc;

use envdiff_files::Miss;
use envdiff_model::Fault;
use envdiff_python::tree::{Alias, At};

use super::run::{Flow, Frame, Run, Stop};
use super::state::{Module, Names, Object, Scope};
use super::value::{Id, Place, Raised, Str, Value};
use super::world::{MODEL_DIR, There, shown_path};

type Done<T> = Result<T, Stop>;

/// What an import finds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finding {
    /// Python source at this path; whether it is a package's `__init__`.
    Source(String, bool),
    /// A compiled module: a package's or not.
    Compiled(String, bool),
    /// A folder without `__init__`.
    Namespace(Vec<String>),
    /// In the interpreter itself.
    BuiltIn,
    /// Nothing.
    Absent,
    /// It cannot be told whether it is there.
    Unknown,
}

impl Run<'_> {
    /// `import name as asname`.
    pub(crate) fn import(&mut self, name: &str, asname: Option<&str>) -> Done<()> {
        let module = self.soon(|run| run.import_module(name))?;
        match asname {
            Some(asname) => self.set_name(asname, module),
            None => {
                let top = name.split('.').next().unwrap_or(name);
                let value = match self.state.modules.get(top) {
                    Some(id) => Value::Module(*id),
                    None => Value::Unknown,
                };
                self.set_name(top, value);
            }
        }
        Ok(())
    }

    /// What must be asked first is unknown for now, so that all that stands behind it is asked in the same batch.
    fn soon(&mut self, what: impl FnOnce(&mut Self) -> Done<Value>) -> Done<Value> {
        match what(self) {
            Err(Stop::Miss(Miss::Pending)) => {
                self.pending = true;
                Ok(Value::Unknown)
            }
            other => other,
        }
    }

    /// `from module import names`.
    pub(crate) fn import_from(&mut self, level: u32, module: &str, names: &[Alias], at: At) -> Done<()> {
        if level == 0 && module == "__future__" {
            return Ok(());
        }
        let full = match self.absolute(level, module) {
            Ok(full) => full,
            Err(raised) => return Err(Stop::Raise(raised)),
        };
        self.set_at(at);
        let found = self.soon(|run| run.import_module(&full))?;
        for alias in names {
            self.set_at(alias.at);
            if alias.name == "*" {
                self.import_star(&found)?;
                continue;
            }
            let value = self.soon(|run| run.name_from(&found, &full, &alias.name))?;
            self.set_name(alias.asname.as_deref().unwrap_or(&alias.name), value);
        }
        Ok(())
    }

    /// The full name of what `from ..module` means here.
    fn absolute(&self, level: u32, module: &str) -> Result<String, Box<Raised>> {
        if level == 0 {
            return Ok(module.to_owned());
        }
        let here = self.frames.last().and_then(|frame| self.state.module(frame.module));
        let Some(here) = here else { return Ok(module.to_owned()) };
        let mut parts: Vec<&str> = here.name.split('.').collect();
        if !here.is_package {
            parts.pop();
        }
        let fail = |text: &str| {
            let mut raised = self.error("ImportError", text, Fault::RelativeImport);
            raised.what = Some(Rc::from(format!(
                "the import is relative, and {} is loaded as a module of its own, not as part of a package",
                here.file
            )));
            raised.fix = Some(Rc::from("import it by its plain name: the archive's folder is on sys.path"));
            Box::new(raised)
        };
        if parts.is_empty() {
            return Err(fail("attempted relative import with no known parent package"));
        }
        for _ in 1..level {
            parts.pop();
        }
        if parts.is_empty() {
            return Err(fail("attempted relative import beyond top-level package"));
        }
        if !module.is_empty() {
            parts.push(module);
        }
        Ok(parts.join("."))
    }

    /// `from module import *`.
    fn import_star(&mut self, module: &Value) -> Done<()> {
        let Value::Module(id) = module else {
            if let Some(scope) = self.scope_mut() {
                scope.is_open = true;
            }
            return Ok(());
        };
        let scope = self.state.module(*id).and_then(|module| module.scope);
        match scope.and_then(|scope| self.state.scope(scope)) {
            Some(scope) => {
                let names: Names = match scope.names.get("__all__").and_then(|all| self.items(all)) {
                    Some(all) => all
                        .iter()
                        .filter_map(Value::text)
                        .map(|name| {
                            (Rc::from(name), scope.names.get(name).cloned().unwrap_or(Value::Unknown))
                        })
                        .collect(),
                    None => scope
                        .names
                        .iter()
                        .filter(|(name, _)| !name.starts_with('_'))
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect(),
                };
                let is_open = scope.is_open;
                for (name, value) in names {
                    self.set_name(&name, value);
                }
                if let Some(scope) = self.scope_mut() {
                    scope.is_open |= is_open;
                }
            }
            None => {
                if let Some(scope) = self.scope_mut() {
                    scope.is_open = true;
                }
            }
        }
        Ok(())
    }

    /// `from module import name`: an attribute, else a module below it.
    fn name_from(&mut self, module: &Value, full: &str, name: &str) -> Done<Value> {
        let Value::Module(id) = module else { return Ok(Value::Unknown) };
        let id = *id;
        let Some(found) = self.state.module(id).cloned() else { return Ok(Value::Unknown) };
        if let Some(scope) = found.scope.and_then(|scope| self.state.scope(scope)) {
            if let Some(value) = scope.names.get(name) {
                return Ok(value.clone());
            }
            let is_open = scope.is_open || scope.names.contains_key("__getattr__");
            if found.is_package {
                let below = format!("{full}.{name}");
                match self.find(&below)? {
                    Finding::Absent => {}
                    _ => return self.import_module(&below),
                }
            }
            if is_open {
                return Ok(Value::Unknown);
            }
            return self.cannot_import(&found, name);
        }
        // A module whose source is not followed: names, and modules below it, are asked together.
        let has = super::names::has(self, &found, name);
        let below = if found.is_package { self.find(&format!("{full}.{name}")) } else { Ok(Finding::Absent) };
        match (below?, has?) {
            (Finding::Source(..) | Finding::Compiled(..), _) => self.import_module(&format!("{full}.{name}")),
            (_, super::names::Has::No) => self.cannot_import(&found, name),
            _ => Ok(self.foreign_name(full, name)),
        }
    }

    /// The value of a name of a package.
    fn foreign_name(&self, module: &str, name: &str) -> Value {
        super::library::constant(self.world, &format!("{module}.{name}"))
            .unwrap_or_else(|| Value::foreign(format!("{}.{name}", super::library::canonical(module))))
    }

    fn cannot_import(&mut self, module: &Module, name: &str) -> Done<Value> {
        let file = if module.file.starts_with('/') || module.file.is_empty() {
            module.file.to_string()
        } else {
            format!("{MODEL_DIR}/{}", module.file)
        };
        let shown = if file.is_empty() { "unknown location".to_owned() } else { file };
        let mut raised = self.error(
            "ImportError",
            format!("cannot import name '{name}' from '{}' ({shown})", module.name),
            Fault::NameMissing,
        );
        super::names::explain_missing(self, &mut raised, &module.name, name);
        Err(Stop::Raise(Box::new(raised)))
    }

    /// Imports a module by its full name.
    pub(crate) fn import_module(&mut self, full: &str) -> Done<Value> {
        if let Some(id) = self.state.modules.get(full) {
            return Ok(Value::Module(*id));
        }
        if full.is_empty() || full.len() > 500 {
            return Ok(Value::Unknown);
        }
        let parent = full.rsplit_once('.').map(|(parent, _)| parent.to_owned());
        if let Some(parent) = &parent {
            let above = self.import_module(parent)?;
            if let Some(id) = self.state.modules.get(full) {
                return Ok(Value::Module(*id));
            }
            let Value::Module(above) = above else { return Ok(Value::Unknown) };
            let is_package = self.state.module(above).is_none_or(|module| module.is_package);
            if full == "os.path" {
                // `os` puts it into sys.modules itself, though it is no package.
                return Ok(Value::Module(self.new_module(full, "", false)));
            }
            if !is_package {
                let mut raised = self.error(
                    "ModuleNotFoundError",
                    format!("No module named '{full}'; '{parent}' is not a package"),
                    Fault::ModuleMissing,
                );
                super::names::explain_module(self, &mut raised, full);
                return Err(Stop::Raise(Box::new(raised)));
            }
        }
        let finding = self.find(full)?;
        self.note_import(full, &finding);
        let id = match finding {
            Finding::Source(path, is_package) => {
                if self.is_followed(full, &path) {
                    self.run_source(full, &path, is_package)?
                } else {
                    self.new_module(full, &path, is_package)
                }
            }
            Finding::Compiled(path, is_package) => {
                self.check_bytecode(full, &path)?;
                self.new_module(full, &path, is_package)
            }
            Finding::Namespace(_) => self.new_module(full, "", true),
            Finding::BuiltIn => {
                // Where the standard library is not seen, any of its modules may be a package; `os` puts `os.path` into sys.modules.
                let is_module =
                    (super::stdlib::is_built_in(full) || super::stdlib::is_frozen(full)) && full != "os";
                self.new_module(full, "", !is_module)
            }
            Finding::Absent if self.state.modules_open => return Ok(Value::Unknown),
            Finding::Absent => {
                let mut raised = self.error(
                    "ModuleNotFoundError",
                    format!("No module named '{full}'"),
                    Fault::ModuleMissing,
                );
                super::names::explain_module(self, &mut raised, full);
                // Its file is there, and this interpreter does not look at it.
                let begin = format!("{full}.");
                if let Some((file, _)) = self
                    .world
                    .contents
                    .files()
                    .iter()
                    .find(|(file, _)| file.starts_with(&begin) && file.ends_with(".so"))
                {
                    raised.fault = Fault::ForeignBytecode;
                    raised.what = Some(Rc::from(format!(
                        "{file} is an extension module of another Python than the image's"
                    )));
                    raised.fix = Some(Rc::from("build it for the image's Python"));
                }
                return Err(Stop::Raise(Box::new(raised)));
            }
            Finding::Unknown => {
                let top = full.split('.').next().unwrap_or(full);
                if self.world.image.is_some() {
                    self.cannot_see(format!("whether the image has the module {top}"));
                }
                self.new_module(full, "", true)
            }
        };
        if let Some((parent, name)) = full.rsplit_once('.') {
            let scope = self
                .state
                .modules
                .get(parent)
                .and_then(|id| self.state.module(*id))
                .and_then(|module| module.scope);
            if let Some(scope) = scope.and_then(|scope| self.state.scope_mut(scope)) {
                scope.names.insert(Rc::from(name), Value::Module(id));
            }
        }
        Ok(Value::Module(id))
    }

    /// Keeps which packages of the image are imported.
    fn note_import(&mut self, full: &str, finding: &Finding) {
        let top = full.split('.').next().unwrap_or(full);
        let in_archive = match finding {
            Finding::Source(path, _) | Finding::Compiled(path, _) => self.world.in_archive(path).is_some(),
            _ => false,
        };
        let by_user = self.frames.last().is_some_and(|frame| !frame.file.starts_with('/'));
        if !in_archive && by_user && !super::stdlib::is_stdlib(top) && top != "ts" {
            self.imports.insert(Rc::from(top));
        }
    }

    fn new_module(&mut self, full: &str, path: &str, is_package: bool) -> Id {
        let id = self.state.put(Object::Module(Module {
            name: Rc::from(full),
            file: Rc::from(shown_path(path)),
            scope: None,
            is_package,
        }));
        self.state.modules.insert(Rc::from(full), id);
        id
    }

    /// Whether what a module does is followed statement by statement: what is in the archive, and TorchServe's own.
    fn is_followed(&self, full: &str, path: &str) -> bool {
        if self.world.in_archive(path).is_some() {
            return true;
        }
        (full == "ts" || full.starts_with("ts."))
            && !full.starts_with("ts.metrics")
            && !full.starts_with("ts.protocol")
    }

    /// Follows what a module does when it is imported.
    fn run_source(&mut self, full: &str, path: &str, is_package: bool) -> Done<Id> {
        let Some(parsed) = self.world.python_file(path)? else {
            if self.world.in_archive(path).is_some() {
                self.cannot_see(format!("what stands in {}, which cannot be read", shown_path(path)));
            }
            return Ok(self.new_module(full, path, is_package));
        };
        let tree = match parsed.as_ref() {
            Ok(_) => Arc::clone(&parsed),
            Err(refusal) => {
                if !refusal.kind.is_certain() || !self.knows_grammar(&refusal.kind) {
                    self.cannot_see(format!("what {} does: {}", shown_path(path), refusal.message));
                    return Ok(self.new_module(full, path, is_package));
                }
                let mut raised = self.error(refusal.class.name(), &refusal.message, Fault::Syntax);
                raised.at = Some(Place { file: Rc::from(shown_path(path)), at: refusal.at });
                if let envdiff_python::Kind::Newer { needs, since } = &refusal.kind {
                    let version = self
                        .world
                        .python
                        .map_or_else(String::new, |(major, minor)| format!("{major}.{minor}"));
                    raised.what = Some(Rc::from(format!(
                        "{needs} needs Python {}.{}, and the image has {version}",
                        since.0, since.1
                    )));
                }
                return Err(Stop::Raise(Box::new(raised)));
            }
        };
        let Ok(module) = tree.as_ref() else { return Ok(self.new_module(full, path, is_package)) };
        let mut names = Names::new();
        names.insert(Rc::from("__name__"), Value::str(full));
        names.insert(Rc::from("__file__"), Value::str(path));
        let scope = self.state.put(Object::Scope(Scope { names, ..Scope::default() }));
        let id = self.new_module(full, path, is_package);
        if let Some(found) = self.state.module_mut(id) {
            found.scope = Some(scope);
        }
        if self.frames.len() > 100 {
            return Err(Stop::Lost(Rc::from("imports lie too deep within each other to be followed")));
        }
        self.frames.push(Frame {
            module: id,
            file: Rc::from(shown_path(path)),
            scope,
            method: None,
            at: At::default(),
            annotations_are_text: module.annotations_are_text,
            mangles: None,
        });
        let result = self.deeper(|run| run.block(&module.body));
        self.frames.pop();
        match result {
            Ok(Flow::On | Flow::Perhaps(_) | Flow::Return(_) | Flow::Break | Flow::Continue) => Ok(id),
            Err(stop) => {
                self.state.modules.remove(full);
                Err(stop)
            }
        }
    }

    /// Whether a refusal holds for the interpreter that will read the file.
    fn knows_grammar(&self, kind: &envdiff_python::Kind) -> bool {
        match kind {
            envdiff_python::Kind::Newer { .. } | envdiff_python::Kind::Older { .. } => {
                self.world.python.is_some()
            }
            _ => true,
        }
    }

    /// Byte code without source must be of this interpreter.
    fn check_bytecode(&mut self, full: &str, path: &str) -> Done<()> {
        if !path.ends_with(".pyc") || self.world.in_archive(path).is_none() {
            return Ok(());
        }
        let Some(python) = self.world.python else {
            self.cannot_see(format!("whether {} is of the image's Python", shown_path(path)));
            return Ok(());
        };
        let Some(magic) = magic_of(python) else { return Ok(()) };
        let bytes = self.world.bytes(path, 64 << 20)?.unwrap_or_default();
        let found = match bytes.as_slice() {
            [a, b, ..] => u16::from_le_bytes([*a, *b]),
            _ => 0,
        };
        if magic.contains(&found) {
            return Ok(());
        }
        let head: String = bytes
            .iter()
            .take(4)
            .map(|byte| match byte {
                b'\r' => "\\r".to_owned(),
                b'\n' => "\\n".to_owned(),
                b'\t' => "\\t".to_owned(),
                b'\\' => "\\\\".to_owned(),
                b'\'' => "\\'".to_owned(),
                0x20..=0x7e => char::from(*byte).to_string(),
                other => format!("\\x{other:02x}"),
            })
            .collect();
        let mut raised = self.error(
            "ImportError",
            format!("bad magic number in '{full}': b'{head}'"),
            Fault::ForeignBytecode,
        );
        raised.what = Some(Rc::from(format!(
            "{} is byte code of another Python than {}.{}",
            shown_path(path),
            python.0,
            python.1
        )));
        raised.fix = Some(Rc::from("put the source into the archive"));
        Err(Stop::Raise(Box::new(raised)))
    }

    /// The folders of `sys.path` now, and whether those are all.
    fn search(&self) -> (Vec<String>, bool) {
        let (mut fixed, all) = self.world.search();
        let Some(list) = self.state.modules.get("sys\u{0}path").and_then(|id| self.state.list(*id)) else {
            return (fixed, all);
        };
        let mut out: Vec<String> =
            list.items.iter().filter_map(Value::path).map(super::library::paths::absolute).collect();
        let is_open = list.is_open;
        if is_open {
            fixed.retain(|path| !out.contains(path));
            out.extend(fixed);
        }
        (out, all && !is_open)
    }

    /// Where a module is found.
    pub(crate) fn find(&mut self, full: &str) -> Done<Finding> {
        let name = full.rsplit('.').next().unwrap_or(full);
        if let Some((parent, _)) = full.rsplit_once('.') {
            return self.find_below(parent, name);
        }
        if super::stdlib::is_built_in(name) {
            return Ok(Finding::BuiltIn);
        }
        if super::stdlib::is_frozen(name) && self.world.python.is_none_or(|python| python >= (3, 11)) {
            return Ok(Finding::BuiltIn);
        }
        let (folders, all) = self.search();
        let found = self.find_in(&folders, name)?;
        Ok(match found {
            Finding::Absent if name == "distutils" && all => match self.distutils_of_setuptools(&folders)? {
                Finding::Absent if self.is_hidden(name) => Finding::BuiltIn,
                other => other,
            },
            Finding::Absent if self.is_hidden(name) => Finding::BuiltIn,
            Finding::Absent if !all => Finding::Unknown,
            other => other,
        })
    }

    /// Whether it may be a module of a standard library that cannot be looked into.
    fn is_hidden(&self, name: &str) -> bool {
        let is_gone = self.world.python.is_some_and(|(major, minor)| {
            envdiff_facts::stdlib::removed(name, envdiff_facts::Minor::new(major.into(), minor.into()))
                .is_some()
        });
        super::stdlib::is_stdlib(name) && !is_gone && !self.has_stdlib()
    }

    /// Where a standard library has no `distutils`, setuptools puts its own copy there: by a `.pth` file where that lies in a site
    /// folder and `SETUPTOOLS_USE_DISTUTILS` does not say otherwise, else as soon as something imports setuptools (setuptools
    /// 75.8.0 asked in CPython 3.12.1 and 3.13.0; its `_distutils_hack`).
    fn distutils_of_setuptools(&mut self, folders: &[String]) -> Done<Finding> {
        let setuptools = match self.find_in(folders, "setuptools")? {
            Finding::Absent => return Ok(Finding::Absent),
            Finding::Source(path, true) => path,
            _ => return Ok(Finding::Unknown),
        };
        let Some(home) = setuptools.strip_suffix("/__init__.py") else { return Ok(Finding::Unknown) };
        match self.world.list(home)? {
            Some(entries) if entries.iter().any(|(entry, _)| entry == "_distutils") => {}
            Some(_) => return Ok(Finding::Absent),
            None => return Ok(Finding::Unknown),
        }
        let copy = format!("{home}/_distutils/__init__.py");
        let is_off = match self.world.variable("SETUPTOOLS_USE_DISTUTILS") {
            Some(Some(how)) => how != "local",
            _ => false,
        };
        if is_off {
            return Ok(Finding::Absent);
        }
        let Some(entries) = self.world.image.and_then(|image| image.environment.sys_path.value()) else {
            return Ok(Finding::Unknown);
        };
        for entry in entries {
            use envdiff_model::PathSource::{Site, User, Venv};
            let (Some(folder), Site | User | Venv) = (entry.path.as_str(), entry.from) else { continue };
            let is_there = match self.world.list(folder)? {
                Some(names) => names.iter().any(|(name, _)| name == "distutils-precedence.pth"),
                None => return Ok(Finding::Unknown),
            };
            // Before setuptools 60 the same file left distutils alone.
            if is_there {
                let text = self.world.bytes(&format!("{folder}/distutils-precedence.pth"), 1 << 16)?;
                return Ok(match text {
                    Some(text) if memchr::memmem::find(&text, b", 'stdlib')").is_some() => Finding::Unknown,
                    Some(_) => Finding::Source(copy, true),
                    None => Finding::Unknown,
                });
            }
        }
        Ok(Finding::Unknown)
    }

    /// Whether the standard library's folder can be looked into.
    fn has_stdlib(&self) -> bool {
        self.world.image.is_some_and(|image| {
            image.environment.sys_path.value().is_some_and(|entries| {
                entries.iter().any(|entry| entry.from == envdiff_model::PathSource::Stdlib && entry.exists)
            })
        })
    }

    fn find_below(&mut self, parent: &str, name: &str) -> Done<Finding> {
        let Some(module) = self.state.modules.get(parent).and_then(|id| self.state.module(*id)).cloned()
        else {
            return Ok(Finding::Unknown);
        };
        if module.file.is_empty() {
            // A namespace, or something of the interpreter's own.
            return match self.find_again(parent)? {
                Finding::Namespace(folders) => self.find_in(&folders, name),
                Finding::BuiltIn => Ok(Finding::BuiltIn),
                _ => Ok(Finding::Unknown),
            };
        }
        let file = if module.file.starts_with('/') {
            module.file.to_string()
        } else {
            format!("{MODEL_DIR}/{}", module.file)
        };
        let Some((folder, _)) = file.rsplit_once('/') else { return Ok(Finding::Unknown) };
        if !module.is_package {
            return Ok(Finding::Absent);
        }
        let found = self.find_in(&[folder.to_owned()], name)?;
        // `os.path` and its kin are put into sys.modules by the module itself.
        Ok(match (found, parent) {
            (Finding::Absent, "os" | "six" | "six.moves") => Finding::Unknown,
            (found, _) => found,
        })
    }

    fn find_again(&mut self, full: &str) -> Done<Finding> {
        self.find(full)
    }

    fn find_in(&mut self, folders: &[String], name: &str) -> Done<Finding> {
        let mut namespaces = Vec::new();
        let mut unknown = false;
        let mut pending = false;
        for folder in folders {
            let found = match self.find_in_folder(folder, name, &mut namespaces) {
                Ok(found) => found,
                Err(Miss::Pending) => {
                    pending = true;
                    continue;
                }
                Err(miss) => return Err(Stop::Miss(miss)),
            };
            match found {
                Finding::Absent => {}
                Finding::Unknown => unknown = true,
                _ if pending => return Err(Stop::Miss(Miss::Pending)),
                found => return Ok(if unknown { Finding::Unknown } else { found }),
            }
        }
        if pending {
            return Err(Stop::Miss(Miss::Pending));
        }
        Ok(if unknown {
            Finding::Unknown
        } else if namespaces.is_empty() {
            Finding::Absent
        } else {
            Finding::Namespace(namespaces)
        })
    }

    fn find_in_folder(
        &mut self,
        folder: &str,
        name: &str,
        namespaces: &mut Vec<String>,
    ) -> Result<Finding, Miss> {
        // A zip on the path.
        let is_zip = [".zip", ".egg", ".whl", ".jar"]
            .iter()
            .any(|end| folder.ends_with(end) || folder.contains(&format!("{end}/")));
        if is_zip && self.world.there(folder)? != There::Folder {
            let (zip, below) = match super::world::split_zip(folder) {
                Some((zip, below)) => (zip, format!("{below}/")),
                None => (folder, String::new()),
            };
            return Ok(match self.world.zip(zip)? {
                Some(contents) => {
                    if contents.is_file(&format!("{below}{name}/__init__.py")) {
                        Finding::Source(format!("{zip}/{below}{name}/__init__.py"), true)
                    } else if contents.is_file(&format!("{below}{name}.py")) {
                        Finding::Source(format!("{zip}/{below}{name}.py"), false)
                    } else {
                        Finding::Absent
                    }
                }
                None => match self.world.there(zip)? {
                    There::Absent => Finding::Absent,
                    _ => Finding::Unknown,
                },
            });
        }
        let below = |name: &str| format!("{folder}/{name}");
        // What the handler unpacked or wrote there itself.
        if self
            .state
            .filled
            .iter()
            .any(|filled| folder == filled || folder.starts_with(&format!("{filled}/")))
        {
            return Ok(Finding::Unknown);
        }
        let written = |run: &Self, path: &str| run.state.written.contains(path);
        if written(self, &below(&format!("{name}.py")))
            || written(self, &below(&format!("{name}/__init__.py")))
        {
            return Ok(Finding::Unknown);
        }
        let Some(entries) = self.world.list(folder)? else { return Ok(Finding::Unknown) };
        let has = |file: &str| entries.iter().any(|(entry, _)| entry == file);
        if entries.iter().any(|(entry, is_folder)| entry == name && *is_folder) {
            let inner = below(name);
            match self.world.list(&inner)? {
                Some(inside) => {
                    let holds =
                        |file: &str| inside.iter().any(|(entry, is_folder)| entry == file && !is_folder);
                    if let Some(file) = self.extension(&inside, "__init__") {
                        return Ok(Finding::Compiled(format!("{inner}/{file}"), true));
                    }
                    if holds("__init__.py") {
                        return Ok(Finding::Source(format!("{inner}/__init__.py"), true));
                    }
                    if holds("__init__.pyc") {
                        return Ok(Finding::Compiled(format!("{inner}/__init__.pyc"), true));
                    }
                    namespaces.push(inner);
                }
                None => return Ok(Finding::Unknown),
            }
        }
        if let Some(file) = self.extension(&entries, name) {
            return Ok(Finding::Compiled(below(&file), false));
        }
        let source = format!("{name}.py");
        if has(&source) {
            return Ok(Finding::Source(below(&source), false));
        }
        let bytecode = format!("{name}.pyc");
        if has(&bytecode) {
            return Ok(Finding::Compiled(below(&bytecode), false));
        }
        Ok(Finding::Absent)
    }

    /// The extension module of this name that the interpreter sees (`importlib.machinery.EXTENSION_SUFFIXES`).
    fn extension(&self, entries: &[(String, bool)], name: &str) -> Option<String> {
        for (entry, is_folder) in entries {
            let Some(rest) = entry.strip_prefix(name) else { continue };
            if *is_folder && entry.rsplit('.').next() != Some("so") {
                continue;
            }
            let Some(tag) = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix("so")) else { continue };
            let tag = tag.strip_suffix('.').unwrap_or(tag);
            let fits = match tag {
                "" | "abi3" => true,
                tag => match tag.strip_prefix("cpython-") {
                    Some(tag) => {
                        let version = tag.split('-').next().unwrap_or("");
                        let own = self.world.python.map(|(major, minor)| format!("{major}{minor}"));
                        own.is_none_or(|own| version.trim_end_matches(['d', 'm', 't']) == own)
                    }
                    None => false,
                },
            };
            if fits {
                return Some(entry.clone());
            }
        }
        None
    }

    /// `module.name`.
    pub(crate) fn module_attribute(&mut self, id: Id, name: &str) -> Done<Option<Value>> {
        let Some(found) = self.state.module(id).cloned() else { return Ok(Some(Value::Unknown)) };
        if let Some(scope) = found.scope.and_then(|scope| self.state.scope(scope)) {
            if let Some(value) = scope.names.get(name) {
                return Ok(Some(value.clone()));
            }
            if scope.is_open || self.state.modules_open || scope.names.contains_key("__getattr__") {
                return Ok(Some(Value::Unknown));
            }
            return Ok(match name {
                "__dict__" | "__doc__" | "__spec__" | "__path__" | "__package__" | "__loader__" => {
                    Some(Value::Unknown)
                }
                _ => None,
            });
        }
        let key = format!("{}\u{0}", found.name);
        if let Some(value) = self
            .state
            .modules
            .get(key.as_str())
            .and_then(|id| self.state.scope(*id))
            .and_then(|scope| scope.names.get(name))
        {
            return Ok(Some(value.clone()));
        }
        let full = format!("{}.{name}", found.name);
        if let Some(id) = self.state.modules.get(full.as_str()) {
            return Ok(Some(Value::Module(*id)));
        }
        if let Some(value) = super::library::module_value(self, &full) {
            return Ok(Some(value));
        }
        if name == "__name__" {
            return Ok(Some(Value::Str(found.name)));
        }
        if name.starts_with("__") {
            return Ok(Some(Value::Unknown));
        }
        let has = match super::names::has(self, &found, name) {
            // Which value it is does not hang on it: asked now, answered in the next round.
            Err(Stop::Miss(Miss::Pending)) => {
                self.pending = true;
                return Ok(Some(Value::Unknown));
            }
            other => other?,
        };
        if has == super::names::Has::No {
            return self.module_below(&found, &full, name);
        }
        if found.is_package
            && super::names::binds_module(self, &found, name)?
            && matches!(self.find(&full)?, Finding::Source(..))
        {
            return self.import_module(&full).map(Some);
        }
        Ok(Some(self.foreign_name(&found.name, name)))
    }
}

impl Run<'_> {
    /// A name that a package does not bind, but that may be a module below it: importing that binds it, whoever does.
    fn module_below(&mut self, package: &Module, full: &str, name: &str) -> Done<Option<Value>> {
        if !package.is_package || !matches!(self.find(full)?, Finding::Source(..) | Finding::Compiled(..)) {
            return Ok(None);
        }
        // Importing torch imports most of itself, by ways that are too many to follow.
        let top = package.name.split('.').next().unwrap_or_default();
        if matches!(top, "torch" | "torchvision") || super::names::is_imported_with(self, package, name)? {
            return self.import_module(full).map(Some);
        }
        let text = format!("module '{}' has no attribute '{name}'", package.name);
        let mut raised = self.error("AttributeError", text, Fault::NameMissing);
        raised.what = Some(Rc::from(format!("{full} is a module that has to be imported by its name")));
        raised.fix = Some(Rc::from(format!("import {full}")));
        raised.condition = Some(Rc::from("it is there where something else has imported it before"));
        self.note_perhaps(raised);
        Ok(Some(Value::Unknown))
    }
}

/// The magic numbers of byte code, by version (CPython, `Lib/importlib/_bootstrap_external.py`).
fn magic_of(python: (u8, u8)) -> Option<std::ops::RangeInclusive<u16>> {
    let one = |magic: u16| Some(magic..=magic);
    match python {
        (3, 7) => one(3394),
        (3, 8) => one(3413),
        (3, 9) => one(3425),
        (3, 10) => one(3439),
        (3, 11) => one(3495),
        (3, 12) => one(3531),
        (3, 13) => one(3571),
        _ => None,
    }
}

/// The key of `sys.path` among what the state keeps by name.
pub(crate) fn sys_path_key() -> Str {
    Rc::from("sys\u{0}path")
}
