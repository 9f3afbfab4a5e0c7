//! A module of the image and a name come in; whether the module has that name comes out, by its source, else by what is known of
//! removed names.

use std::rc::Rc;

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

/// Names that packages dropped or did not have yet: the distribution, module and name, the first version that has it (empty: always
/// had), the first that has it no more (empty: still has). Sources: numpy 1.24 and 2.0 release notes; torch 1.8 to 2.x sources
/// (`torch/_six.py`, `torch.compile`, `torch.vmap`); Pillow 10.0 deprecations; torchvision 0.13 release notes.
#[rustfmt::skip]
const CHANGED: &[(&str, &str, &str, &str, &str)] = &[
    ("numpy", "numpy", "float", "", "1.24"),
    ("numpy", "numpy", "int", "", "1.24"),
    ("numpy", "numpy", "object", "", "1.24"),
    ("numpy", "numpy", "str", "", "1.24"),
    ("numpy", "numpy", "complex", "", "1.24"),
    ("numpy", "numpy", "typeDict", "", "1.25"),
    ("numpy", "numpy", "unicode", "", "1.24"),
    ("numpy", "numpy", "long", "", "1.24"),
    ("numpy", "numpy", "float_", "", "2.0"),
    ("numpy", "numpy", "complex_", "", "2.0"),
    ("numpy", "numpy", "unicode_", "", "2.0"),
    ("numpy", "numpy", "string_", "", "2.0"),
    ("numpy", "numpy", "NaN", "", "2.0"),
    ("numpy", "numpy", "Inf", "", "2.0"),
    ("numpy", "numpy", "Infinity", "", "2.0"),
    ("numpy", "numpy", "infty", "", "2.0"),
    ("numpy", "numpy", "PINF", "", "2.0"),
    ("numpy", "numpy", "NINF", "", "2.0"),
    ("numpy", "numpy", "cast", "", "2.0"),
    ("numpy", "numpy", "product", "", "2.0"),
    ("numpy", "numpy", "cumproduct", "", "2.0"),
    ("numpy", "numpy", "sometrue", "", "2.0"),
    ("numpy", "numpy", "alltrue", "", "2.0"),
    ("numpy", "numpy", "mat", "", "2.0"),
    ("numpy", "numpy", "find_common_type", "", "2.0"),
    ("torch", "torch", "compile", "2.0", ""),
    ("torch", "torch", "set_float32_matmul_precision", "1.12", ""),
    ("torch", "torch", "export", "2.1", ""),
    ("torch", "torch", "_dynamo", "2.0", ""),
    ("torch", "torch.nn.functional", "scaled_dot_product_attention", "2.0", ""),
    ("pillow", "PIL.Image", "ANTIALIAS", "", "10.0"),
    ("pillow", "PIL.Image", "LINEAR", "", "10.0"),
    ("pillow", "PIL.Image", "CUBIC", "", "10.0"),
];

fn before(version: &str, bound: &str) -> Option<bool> {
    use envdiff_packaging::Version;
    let (version, bound) = (Version::parse(version).ok()?, Version::parse(bound).ok()?);
    Some(version < bound)
}

/// The version of a distribution in the image.
pub(crate) fn version_of(run: &Run<'_>, distribution: &str) -> Option<String> {
    run.world.version_of(distribution).map(str::to_owned)
}

/// Whether the module has the name.
pub(crate) fn has(run: &mut Run<'_>, module: &Module, name: &str) -> Result<Has, Stop> {
    for (distribution, of, changed, since, until) in CHANGED {
        if *of != &*module.name || *changed != name {
            continue;
        }
        let Some(version) = version_of(run, distribution) else { return Ok(Has::Unknown) };
        let too_early = !since.is_empty() && before(&version, since) == Some(true);
        let too_late = !until.is_empty() && before(&version, until) == Some(false);
        return Ok(if too_early || too_late { Has::No } else { Has::Yes });
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
    if let Some((distribution, _, _, since, until)) =
        CHANGED.iter().find(|(_, of, changed, _, _)| *of == module && *changed == name)
    {
        let version = version_of(run, distribution).unwrap_or_default();
        let (what, fix) = if !until.is_empty() {
            (
                format!(
                    "{module}.{name} is gone from {distribution} {until} on, and the image has {version}"
                ),
                format!("change the handler, or serve it with {distribution} below {until}"),
            )
        } else {
            (
                format!("{module}.{name} came with {distribution} {since}, and the image has {version}"),
                format!("serve it with {distribution} {since} or newer"),
            )
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
