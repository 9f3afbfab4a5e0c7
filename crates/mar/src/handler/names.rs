//! A module of the image and a name come in; whether the module has that name comes out, by its source, else by what is known of
//! removed names.

use std::rc::Rc;

use envdiff_facts::{Minor, module_names};
use envdiff_files::Miss;
use envdiff_python::outline;

use super::run::{Run, Stop};
use super::state::Module;
use super::value::{Id, Raised};

/// Whether a module has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Has {
    /// It has.
    Yes,
    /// It has not.
    No,
    /// It cannot be told.
    Unknown,
}

/// How far `from x import *` is followed.
const STARS: usize = 6;

/// The version of a distribution in the image.
pub(crate) fn version_of(run: &Run<'_>, distribution: &str) -> Option<String> {
    run.world.version_of(distribution).map(str::to_owned)
}

/// Whether the module has the name.
pub(crate) fn has(run: &mut Run<'_>, module: &Module, name: &str) -> Result<Has, Stop> {
    if let Some(row) = module_names::row(&module.name, name) {
        let version = version_of(run, row.distribution).and_then(|version| Minor::of(&version));
        return Ok(match version.and_then(|version| row.is_in(version)) {
            Some(true) => Has::Yes,
            Some(false) => Has::No,
            None => Has::Unknown,
        });
    }
    // Tensor types of each backend are bound by torch's own library (torch/csrc/tensor/python_tensor.cpp).
    if name.ends_with("Tensor") && (&*module.name == "torch" || module.name.starts_with("torch.")) {
        return Ok(Has::Unknown);
    }
    // A file of the archive's that is called like one of Python's own modules is another thing.
    if (module.file.is_empty() || module.file.starts_with('/'))
        && let Some(python) = run.world.python
        && let Some(has) = super::stdlib::has(&module.name, name, python)
    {
        return Ok(if has { Has::Yes } else { Has::No });
    }
    let top = module.name.split('.').next().unwrap_or(&module.name);
    if super::stdlib::is_stdlib(top) && (module.file.is_empty() || module.file.starts_with('/')) {
        // Python's own library makes names as it goes (`enum.global_enum`, `globals().update`): only the table says "no".
        return Ok(Has::Unknown);
    }
    if module.file.is_empty() || !module.file.ends_with(".py") {
        return Ok(Has::Unknown);
    }
    by_source(run, module.file.as_ref(), name, 0).map_err(Stop::Miss)
}

/// Whether the `__init__.py` of a package of the image binds the name to its own module of that name at its level, and to nothing
/// else: `from . import name`, `from package import name`, `import package.name`.
pub(crate) fn binds_module(run: &mut Run<'_>, package: &Module, name: &str) -> Result<bool, Stop> {
    use envdiff_python::tree::StmtKind;
    if !package.file.starts_with('/') || !package.file.ends_with("/__init__.py") {
        return Ok(false);
    }
    let Some(parsed) = run.world.python_file(&package.file)? else { return Ok(false) };
    let Ok(module) = parsed.as_ref() else { return Ok(false) };
    let own = |level: u32, module: &str| match level {
        0 => module == &*package.name,
        1 => module.is_empty(),
        _ => false,
    };
    let mut binds = false;
    for stmt in &module.body {
        match &stmt.kind {
            StmtKind::ImportFrom { level, module, names } => {
                for alias in names {
                    let bound = alias.asname.as_deref().unwrap_or(&alias.name);
                    if bound == name {
                        if !own(*level, module) || alias.name != name {
                            return Ok(false);
                        }
                        binds = true;
                    }
                }
            }
            StmtKind::Import(names) => {
                let full = format!("{}.{name}", package.name);
                binds |= names.iter().any(|alias| alias.name == full && alias.asname.is_none());
            }
            StmtKind::Function(function) if function.name == name => return Ok(false),
            StmtKind::Class(class) if class.name == name => return Ok(false),
            StmtKind::Assign { targets, .. } => {
                let is_it = |target: &envdiff_python::tree::Expr| matches!(&target.kind, envdiff_python::tree::ExprKind::Name(bound) if bound == name);
                if targets.iter().any(is_it) {
                    return Ok(false);
                }
            }
            _ => {}
        }
    }
    Ok(binds)
}

/// The most modules of a package that are asked for what they import.
const SIBLINGS: usize = 64;

/// Whether importing a package of the image imports its module of that name: its `__init__.py` does, or a module of the package
/// that its `__init__.py` imports.
pub(crate) fn is_imported_with(run: &mut Run<'_>, package: &Module, name: &str) -> Result<bool, Stop> {
    let Some(folder) = package.file.strip_suffix("/__init__.py").filter(|folder| folder.starts_with('/'))
    else {
        return Ok(false);
    };
    let own = imported_from(run, &package.file, &package.name)?;
    if own.iter().any(|module| module == name) {
        return Ok(true);
    }
    let Some(entries) = run.world.list(folder)? else { return Ok(false) };
    let mut found = Ok(false);
    for module in own.iter().take(SIBLINGS) {
        let file = format!("{module}.py");
        if !entries.iter().any(|(entry, is_folder)| *entry == file && !*is_folder) {
            continue;
        }
        match imported_from(run, &format!("{folder}/{file}"), &package.name) {
            Ok(modules) if modules.iter().any(|module| module == name) => return Ok(true),
            Ok(_) => {}
            // The others are asked about in the same batch.
            Err(stop) => found = Err(stop),
        }
    }
    found
}

/// The names that a file right below a package imports of that package at its level.
fn imported_from(run: &mut Run<'_>, file: &str, package: &str) -> Result<Vec<String>, Stop> {
    use envdiff_python::tree::StmtKind;
    let Some(parsed) = run.world.python_file(file)? else { return Ok(Vec::new()) };
    let Ok(module) = parsed.as_ref() else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    let below = |full: &str| {
        let rest = full.strip_prefix(package)?.strip_prefix('.')?;
        rest.split('.').next().map(str::to_owned)
    };
    for stmt in &module.body {
        match &stmt.kind {
            StmtKind::ImportFrom { level, module, names } if *level <= 1 => {
                let is_own = if *level == 1 { module.is_empty() } else { module == package };
                if is_own {
                    out.extend(names.iter().map(|alias| alias.name.clone()));
                } else if *level == 1 {
                    out.extend(module.split('.').next().map(str::to_owned));
                } else {
                    out.extend(below(module));
                }
            }
            StmtKind::Import(names) => out.extend(names.iter().filter_map(|alias| below(&alias.name))),
            _ => {}
        }
    }
    Ok(out)
}

fn by_source(run: &mut Run<'_>, file: &str, name: &str, depth: usize) -> Result<Has, Miss> {
    if depth > STARS || !file.starts_with('/') {
        return Ok(Has::Unknown);
    }
    let Some(parsed) = run.world.python_file(file)? else { return Ok(Has::Unknown) };
    let Ok(module) = parsed.as_ref() else { return Ok(Has::Unknown) };
    let names = outline::names_bound(module);
    if names.bound.contains_key(name) {
        return Ok(Has::Yes);
    }
    if names.has_getattr || names.writes_itself.is_some() {
        return Ok(Has::Unknown);
    }
    for star in &names.stars {
        let Some(target) = star_file(run, file, star.level, &star.module)? else { return Ok(Has::Unknown) };
        match by_source(run, &target, name, depth + 1)? {
            Has::No => {}
            other => return Ok(other),
        }
    }
    Ok(Has::No)
}

/// The file that `from ..module import *` means in a file of the image.
fn star_file(run: &mut Run<'_>, file: &str, level: u32, module: &str) -> Result<Option<String>, Miss> {
    let Some((folder, _)) = file.rsplit_once('/') else { return Ok(None) };
    let mut base = folder.to_owned();
    if level == 0 {
        // From the top: only within the same package can it be told without looking through the whole path.
        let Some(at) = folder.find("/site-packages/").or_else(|| folder.find("/dist-packages/")) else {
            return Ok(None);
        };
        let Some(root) = folder.get(..at + "/site-packages".len()) else { return Ok(None) };
        base = root.to_owned();
    }
    for _ in 1..level {
        let Some((above, _)) = base.rsplit_once('/') else { return Ok(None) };
        base = above.to_owned();
    }
    let path = if module.is_empty() { base } else { format!("{base}/{}", module.replace('.', "/")) };
    let (folder, name) = match path.rsplit_once('/') {
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => return Ok(None),
    };
    let Some(entries) = run.world.list(&folder)? else { return Ok(None) };
    if entries.iter().any(|(entry, is_folder)| *entry == name && *is_folder) {
        return Ok(Some(format!("{path}/__init__.py")));
    }
    Ok(entries.iter().any(|(entry, _)| *entry == format!("{name}.py")).then(|| format!("{path}.py")))
}

/// Says of an attribute that a module lacks why that is.
pub(crate) fn explain(run: &Run<'_>, raised: &mut Raised, module: Id, name: &str) {
    if let Some(module) = run.state.module(module) {
        let full = module.name.to_string();
        explain_missing(run, raised, &full, name);
    }
}

/// Says of a name that a module lacks why that is.
pub(crate) fn explain_missing(run: &Run<'_>, raised: &mut Raised, module: &str, name: &str) {
    if let Some(row) = module_names::row(module, name)
        && let Some(version) = version_of(run, row.distribution)
        && let Some(minor) = Minor::of(&version)
    {
        let distribution = row.distribution;
        let (what, fix) = match (row.since(minor), row.until(minor)) {
            (Some(since), until) => {
                let again = until.map_or_else(String::new, |until| format!(", or with {until} or newer"));
                (
                    format!(
                        "{module}.{name} is gone from {distribution} {since} on, and the image has {version}"
                    ),
                    format!("change the handler, or serve it with {distribution} below {since}{again}"),
                )
            }
            (None, Some(until)) => (
                format!("{module}.{name} came with {distribution} {until}, and the image has {version}"),
                format!("serve it with {distribution} {until} or newer"),
            ),
            (None, None) => return,
        };
        raised.what = Some(Rc::from(what));
        raised.fix = Some(Rc::from(fix));
        return;
    }
    let top = module.split('.').next().unwrap_or(module);
    let distribution = distribution_of(run, top);
    let what = match distribution {
        Some((name_of, version)) => format!("{module} of {name_of} {version} has no name '{name}'"),
        None => format!("{module} has no name '{name}'"),
    };
    raised.what = Some(Rc::from(what));
}

/// The distribution that brings a module, with its version.
fn distribution_of(run: &Run<'_>, top: &str) -> Option<(String, String)> {
    let mut names: Vec<String> = vec![top.replace('_', "-").to_lowercase()];
    names.extend(envdiff_facts::imports::candidates(top).iter().map(|name| (*name).to_owned()));
    names.into_iter().find_map(|name| version_of(run, &name).map(|version| (name, version)))
}

/// Says of a module that is not there what brings it.
pub(crate) fn explain_module(run: &Run<'_>, raised: &mut Raised, full: &str) {
    let top = full.split('.').next().unwrap_or(full);
    if full.contains('.')
        && let Some((name, version)) = distribution_of(run, top)
    {
        raised.what = Some(Rc::from(format!("{name} {version} of the image has no module {full}")));
        return;
    }
    if let Some((major, minor)) = run.world.python
        && super::stdlib::is_stdlib(top)
    {
        let (more, fix) = of_another_python(full, (major, minor));
        raised.what =
            Some(Rc::from(format!("Python {major}.{minor} of the image has no module {top}{more}")));
        raised.fix = match run.world.variable("SETUPTOOLS_USE_DISTUTILS") {
            Some(Some(how)) if top == "distutils" && how != "local" => Some(Rc::from(format!(
                "leave SETUPTOOLS_USE_DISTUTILS={how} out of the image: it keeps setuptools from bringing distutils back"
            ))),
            _ => fix.map(Rc::from),
        };
        return;
    }
    let candidates = envdiff_facts::imports::candidates(top);
    let name = candidates.first().copied().unwrap_or(top);
    raised.what = Some(Rc::from(format!("neither the archive nor the image has a module {top}")));
    raised.fix = Some(Rc::from(format!("install {name} in the image, or put the module into the archive")));
}

/// Of a module that this Python's own library has no more, or not yet: since when, as a clause that goes on, and what to do.
fn of_another_python(full: &str, python: (u8, u8)) -> (String, Option<String>) {
    let python = envdiff_facts::Minor::new(python.0.into(), python.1.into());
    if let Some(gone) = envdiff_facts::stdlib::removed(full, python) {
        let (module, since) = (gone.module, gone.python);
        let fix = match gone.replacement {
            _ if module == "distutils" => {
                "install setuptools in the image: its distutils-precedence.pth brings distutils back"
                    .to_owned()
            }
            Some(other) if other.ends_with("(other API)") => {
                format!("change the import: what took its place is {other}")
            }
            Some(backport) => format!("install {backport} in the image, which brings {module} back"),
            None => format!("change the import, or serve it with a Python before {since}"),
        };
        return (format!(": {module} left the standard library in Python {since}"), Some(fix));
    }
    if let Some(new) = envdiff_facts::stdlib::not_yet_added(full, python) {
        let (module, since) = (new.module, new.python);
        let fix = match new.backport {
            Some(backport) => format!(
                "serve it with Python {since} or newer, or take the backport {backport} where {module} is not there"
            ),
            None => format!("serve it with Python {since} or newer"),
        };
        return (format!(": {module} came with Python {since}"), Some(fix));
    }
    (String::new(), None)
}
