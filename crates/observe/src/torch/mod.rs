//! A Python environment comes in; torch as it would be imported, its build and its companions come out.
//!
//! What is read: `torch/__init__.py` (that it is there), `torch/version.py`, the names in `torch/lib`, what
//! `libc10_cuda.so` tells its loader, and one text in `libtorch_python.so`; nothing of the large libraries.

mod architectures;
mod companions;
#[cfg(test)]
mod tests;
pub mod version;

use envdiff_facts::{Minor, Variant, numpy};
use envdiff_files::{Ask, ImagePath, Kind, Listing, Miss, Reason, Seen};
use envdiff_model::{
    CudaLibraries, Distribution, Environment, Evidence, Fact, Name, Text, Torch, TorchVariant, say,
};

use crate::limits::SOURCE_FILE;
use crate::python::ask::{self, Found};
use version::{Value, VersionFile};

pub use architectures::{ARCHITECTURES, FLAGS_LIBRARY};
pub use companions::EXTENSIONS;

/// The library beside torch whose paths tell where the CUDA libraries are looked for.
const LINKED_LIBRARY: &str = "lib/libc10_cuda.so";

/// Derives them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(seen: &Seen, environment: &Environment) -> Result<Fact<Option<Torch>>, Miss> {
    let companions = companions::derive(seen, environment);
    let found = find(seen, environment);
    let (place, index) = match found? {
        Place::Package(place, index) => (place, index),
        Place::None => return Ok(none(environment)),
        Place::Unknown(reason) => return Ok(Fact::Unknown { reason }),
    };
    package(seen, environment, &place, index, companions)
}

/// Where `import torch` ends.
enum Place {
    /// In this folder, found by this entry of `sys.path`.
    Package(ImagePath, usize),
    /// Nowhere.
    None,
    /// That cannot be told; a clause.
    Unknown(Text),
}

/// The first folder on `sys.path` that holds `torch/__init__.py`, by the rules of `importlib`'s path finder: within one
/// folder a package comes before a module; a folder without `__init__.py` counts only if nothing else is found.
fn find(seen: &Seen, environment: &Environment) -> Result<Place, Miss> {
    let entries = match &environment.sys_path {
        Fact::Known { value, .. } => value,
        Fact::Unknown { reason } => return Ok(Place::Unknown(reason.clone())),
    };
    let folders: Vec<(usize, ImagePath)> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.exists)
        .filter_map(|(index, entry)| Some((index, ImagePath::new(entry.path.as_bytes())?)))
        .collect();
    let steps = seen.each(&folders, |(index, folder)| Ok((*index, step(seen, folder)?)))?;
    for (index, step) in steps {
        match step {
            Step::Package(place) => return Ok(Place::Package(place, index)),
            Step::Other(reason) => return Ok(Place::Unknown(reason)),
            Step::Nothing => {}
        }
    }
    Ok(Place::None)
}

/// What one entry of `sys.path` has under the name.
enum Step {
    Package(ImagePath),
    Nothing,
    /// Another module of that name, or something that cannot be told; a clause.
    Other(Text),
}

fn step(seen: &Seen, folder: &ImagePath) -> Result<Step, Miss> {
    let listing: &Listing = match seen.list(folder) {
        Ok(listing) => listing,
        Err(Miss::Pending) => return Err(Miss::Pending),
        // Nothing is imported from a zip that has extension modules, as torch has.
        Err(Miss::Absent | Miss::Unreadable(Reason::NotAFolder)) => return Ok(Step::Nothing),
        Err(Miss::Unreadable(reason)) => {
            return Ok(Step::Other(say!(folder.as_bytes(), " cannot be read: ", reason.to_string())));
        }
    };
    if matches!(listing.get(b"torch"), Some(Kind::Folder | Kind::Link))
        && let Some(place) = folder.join("torch")
        && let Some(init) = place.join("__init__.py")
    {
        foresee(seen, &place);
        match ask::is_file(seen, &init)? {
            Found::Is(true) => return Ok(Step::Package(place)),
            Found::Is(false) | Found::Absent => {}
            Found::Unreadable(why) => {
                return Ok(Step::Other(say!(init.as_bytes(), " cannot be read: ", why)));
            }
        }
    }
    let module = listing.entries.iter().map(|(name, _)| &**name).find(|name| is_module(name));
    Ok(match module {
        Some(name) => Step::Other(say!("`import torch` takes ", folder.as_bytes(), "/", name)),
        None => Step::Nothing,
    })
}

/// `torch.py`, `torch.so`, `torch.cpython-311-x86_64-linux-gnu.so`, `torch.pyc`.
fn is_module(name: &[u8]) -> bool {
    name.strip_prefix(b"torch.").is_some_and(|rest| {
        matches!(rest, b"py" | b"pyc" | b"so" | b"abi3.so")
            || ((rest.starts_with(b"cpython-") || rest.starts_with(b"pypy")) && rest.ends_with(b".so"))
    })
}

/// What will be asked of the package, so that it shares a batch with whether it is one.
fn foresee(seen: &Seen, place: &ImagePath) {
    let join = |name: &str| place.join(name);
    if let (Some(version), Some(lib), Some(linked), Some(flags)) =
        (join("version.py"), join("lib"), join(LINKED_LIBRARY), join(FLAGS_LIBRARY))
    {
        drop(seen.parsed(&version, SOURCE_FILE, version::parse));
        drop(seen.list(&lib));
        drop(seen.elf(&linked));
        drop(seen.scan(&flags, ".rodata", ARCHITECTURES));
    }
}

/// No package was found: none is there, unless something says otherwise.
fn none(environment: &Environment) -> Fact<Option<Torch>> {
    if let Some(unknown) = environment.unknown.iter().find(|unknown| unknown.what == "sys_path") {
        return Fact::unknown(say!(
            "no package `torch` was found, and sys.path may hold more: ",
            unknown.why
        ));
    }
    if let Some(owner) = distributions(environment).next() {
        let reason = say!(owner.metadata, " is there, and no package `torch` was found on sys.path");
        return Fact::Unknown { reason };
    }
    let folders = environment.sys_path.value().into_iter().flatten().filter(|entry| entry.exists);
    let looked = folders.map(|entry| Evidence::new(entry.path.clone(), "no package `torch`"));
    Fact::seen(None, looked.collect())
}

/// The distributions called `torch`, in the order of `sys.path`.
fn distributions(environment: &Environment) -> impl Iterator<Item = &Distribution> {
    environment.distributions.iter().filter(|found| {
        found.name.as_ref().and_then(Text::as_str).is_some_and(|n| Name::new(n).as_str() == "torch")
    })
}

/// The distribution that owns the package: one beside it, else one that is installed in place.
fn owner<'a>(environment: &'a Environment, index: usize, version: Option<&Text>) -> Option<&'a Distribution> {
    let beside = || distributions(environment).filter(|found| found.path_index == index);
    // An interrupted upgrade can leave an older folder of metadata behind.
    let same = version.and_then(|version| {
        beside().find(|found| found.version.as_ref().is_some_and(|v| public(v) == public(version)))
    });
    same.or_else(|| beside().next())
        .or_else(|| distributions(environment).find(|found| found.editable && !found.shadowed))
}

/// A version without its local part.
fn public(version: &Text) -> &[u8] {
    version.as_bytes().split(|b| *b == b'+').next().unwrap_or_default()
}

fn package(
    seen: &Seen,
    environment: &Environment,
    place: &ImagePath,
    index: usize,
    companions: Result<Vec<envdiff_model::Companion>, Miss>,
) -> Result<Fact<Option<Torch>>, Miss> {
    let unreadable_path = || Fact::unknown(say!(place.as_bytes(), " is too long a path"));
    let Some(version_py) = place.join("version.py") else { return Ok(unreadable_path()) };
    let Some(lib) = place.join("lib") else { return Ok(unreadable_path()) };
    let file = ask::parsed(seen, &version_py, SOURCE_FILE, version::parse);
    let lib = ask::list(seen, &lib);
    let flags = architectures::scan(seen, place);
    let linked = linked(seen, place);
    let (file, lib, flags, linked) = (file?, lib?, flags?, linked?);
    let question = Ask::Read { path: version_py.clone(), limit: SOURCE_FILE };
    let at = |detail: Text| ask::evidence(seen, &question, detail);

    let file: Result<&VersionFile, Text> = match &file {
        Found::Is(parsed) => parsed.as_ref().as_ref().map_err(|why| say!(version_py.as_bytes(), ": ", why)),
        Found::Absent => Err(say!(version_py.as_bytes(), " is not there")),
        Found::Unreadable(why) => Err(say!(version_py.as_bytes(), " cannot be read: ", why)),
    };
    let own_version = file.as_ref().ok().and_then(|file| file.text("__version__"));
    let owner = owner(environment, index, own_version);
    let metadata_version = owner.and_then(|owner| owner.version.as_ref());
    let Some(version) = own_version.or(metadata_version) else {
        let why = match file {
            Err(why) => why,
            Ok(_) => say!(version_py.as_bytes(), " sets no plain `__version__`"),
        };
        return Ok(Fact::unknown(say!("a package `torch` that tells no version is there: ", why)));
    };
    let variant = match file {
        Ok(file) => variant(file, version, &at),
        Err(ref why) => Fact::unknown(why.clone()),
    };
    let label = version.as_str().and_then(Variant::of_version);
    let architecture = architecture(environment);
    let architectures =
        architectures::derive(place, version, variant.value(), architecture.as_deref(), flags);
    let libraries = match variant.value() {
        Some(TorchVariant::Cuda(_)) => libraries(&lib, &linked, owner),
        _ => None,
    };
    let evidence = match own_version {
        Some(version) => at(say!("__version__ = '", version, "'")),
        None => Evidence::new(
            owner.map_or_else(Text::new, |owner| owner.metadata.clone()),
            say!("Version: ", version),
        ),
    };
    let torch = Torch {
        version: version.clone(),
        metadata_version: metadata_version.cloned(),
        location: Text::from(place.as_bytes()),
        git_version: file.ok().and_then(|file| file.text("git_version")).cloned(),
        cxx11_abi: cxx11_abi(version, label, architecture.as_deref()),
        numpy_built_against: numpy_side(version, label),
        architectures,
        libraries,
        variant,
        companions: companions?,
    };
    Ok(Fact::known(Some(torch), evidence))
}

/// `uname -m` of what the interpreter runs on, as its markers have it.
fn architecture(environment: &Environment) -> Option<String> {
    let machine = environment.markers.get(&envdiff_model::MarkerVariable::PlatformMachine)?;
    Some(machine.value()?.as_str()?.to_owned())
}

/// What it was built for: `cuda`, `hip` and `xpu` of `torch/version.py`.
fn variant(file: &VersionFile, version: &Text, at: &dyn Fn(Text) -> Evidence) -> Fact<TorchVariant> {
    let told = |name: &str| match file.get(name) {
        Some(Value::Text(text)) => Ok(Some(text.clone())),
        // Before torch 1.5 there was no `hip`, before 2.6 no `xpu`.
        Some(Value::Nothing) | None => Ok(None),
        Some(Value::Other | Value::Computed) => {
            Err(say!("torch/version.py gives `", name, "` no plain value"))
        }
    };
    if file.get("cuda").is_none() {
        return Fact::unknown("torch/version.py does not set `cuda`");
    }
    let (cuda, hip, xpu) = match (told("cuda"), told("hip"), told("xpu")) {
        (Ok(cuda), Ok(hip), Ok(xpu)) => (cuda, hip, xpu),
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => return Fact::Unknown { reason: why },
    };
    let is = |name: &str, value: &Text| at(say!(name, " = '", value, "'"));
    match (cuda, hip, xpu) {
        (Some(cuda), None, None) => Fact::known(TorchVariant::Cuda(cuda.clone()), is("cuda", &cuda)),
        (None, Some(hip), None) => Fact::known(TorchVariant::Rocm(hip.clone()), is("hip", &hip)),
        (None, None, Some(xpu)) => Fact::known(TorchVariant::Xpu(xpu.clone()), is("xpu", &xpu)),
        (None, None, None) if version.as_str().and_then(Variant::of_version) == Some(Variant::Xpu) => {
            Fact::unknown("a build for Intel's GPUs that does not tell the version of its oneAPI")
        }
        (None, None, None) => Fact::known(TorchVariant::Cpu, at("cuda = None".into())),
        _ => Fact::unknown("torch/version.py names several accelerators"),
    }
}

/// Whether the paths of a library of torch lead to wheels of CUDA; `None` where that cannot be told.
fn linked(seen: &Seen, place: &ImagePath) -> Result<Option<bool>, Miss> {
    let Some(library) = place.join(LINKED_LIBRARY) else { return Ok(None) };
    match seen.elf(&library) {
        Ok(view) => {
            let mut paths =
                view.rpath.iter().chain(&view.runpath).flat_map(|paths| paths.split(|b| *b == b':'));
            let is_wheel = |path: &[u8]| path.windows(8).any(|part| part == b"/nvidia/");
            Ok(Some(paths.any(is_wheel)))
        }
        Err(Miss::Pending) => Err(Miss::Pending),
        Err(Miss::Absent | Miss::Unreadable(_)) => Ok(None),
    }
}

/// Where a CUDA build has its libraries.
fn libraries(
    lib: &Found<&Listing>,
    linked: &Option<bool>,
    owner: Option<&Distribution>,
) -> Option<CudaLibraries> {
    let Found::Is(lib) = lib else { return None };
    let bundles = |prefix: &[u8]| lib.entries.iter().any(|(name, _)| name.starts_with(prefix));
    if bundles(b"libcublas.so") || bundles(b"libcublas-") {
        return Some(CudaLibraries::Bundled);
    }
    let requires = owner.is_some_and(|owner| {
        owner.requires.iter().any(|line| {
            line.as_bytes().starts_with(b"nvidia-") || line.as_bytes().starts_with(b"cuda-toolkit")
        })
    });
    match (linked, requires) {
        (Some(true), _) => Some(CudaLibraries::Wheels),
        (Some(false), false) => Some(CudaLibraries::System),
        (None, true) => Some(CudaLibraries::Wheels),
        (Some(false), true) | (None, false) => None,
    }
}

/// By the table of releases: only the project's own wheels for x86-64 are in it.
fn cxx11_abi(version: &Text, label: Option<Variant>, architecture: Option<&str>) -> Fact<bool> {
    let Some(label) = label else {
        return Fact::unknown("its version names no build of the project, and only those are known");
    };
    if version.as_bytes().ends_with(b"cxx11.abi") {
        return Fact::known(true, Evidence::new("table of torch releases", say!("torch ", version)));
    }
    match (architecture, version.as_str().and_then(envdiff_facts::torch::release)) {
        (Some("x86_64"), Some(release)) => Fact::known(
            release.uses_cxx11_abi(label),
            Evidence::new("table of torch releases", say!("torch ", release.version, " ", label.to_string())),
        ),
        (Some("x86_64"), None) => Fact::unknown(say!("torch ", version, " is in no table")),
        (other, _) => Fact::unknown(say!("not known for ", other.unwrap_or("an unknown processor"))),
    }
}

/// By the table of releases: other builds choose their own numpy.
fn numpy_side(version: &Text, label: Option<Variant>) -> Fact<u8> {
    if label.is_none() {
        return Fact::unknown("its version names no build of the project, and only those are known");
    }
    let side =
        version.as_str().and_then(Minor::of).and_then(|minor| Some((minor, numpy::torch_side(minor)?)));
    match side {
        Some((minor, side)) => Fact::known(
            side.built_against,
            Evidence::new("table of numpy's ABI", say!("torch ", minor.to_string(), ": ", side.detail)),
        ),
        None => Fact::unknown(say!("torch ", version, " is in no table")),
    }
}
