//! The folders of `sys.path` come in; the extension modules that an import of what is installed loads, and the libraries that
//! come with them, come out with what they ask of their surroundings.
//!
//! Looked at are the modules of `facts::native` and those that lie in a site folder itself, then what they need, as long as
//! it lies below a site folder. What the system brings is not followed: its own packages see to what that needs. Neither are
//! the wheels of CUDA, whose versions are compared by their metadata.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use envdiff_facts::native::{PACKAGES, Package};
use envdiff_files::{Ask, ElfMachine, ElfView, ImagePath, Kind, Listing, Miss, Pattern, Seen};
use envdiff_model::{
    Environment, Fact, Libstdcxx, MissingLibrary, Module, ModuleFile, Name, PathSource, Text, say,
};

use super::libc::{LIBSTDCXX, PARTS, highest, libstdcxx};
use super::loader::{Loader, Object, Style};
use crate::limits::{MODULES, MODULES_OF_FOLDER};
use crate::python::ask::{self, Found};

/// A module of the table that is there.
struct Candidate {
    path: ImagePath,
    package: Option<&'static Package>,
}

/// A library's name, as `DT_NEEDED` writes it.
type SoName = Box<[u8]>;

/// A file that is loaded, and by what.
struct Node<'a> {
    path: ImagePath,
    distribution: Text,
    package: Option<&'static Package>,
    view: Result<&'a ElfView, Text>,
    /// What needs it, first itself; of several the first that was met.
    by: Vec<Object<'a>>,
}

/// The site folders, in the order of `sys.path`.
pub(crate) fn sites(environment: &Environment) -> Vec<ImagePath> {
    let entries = environment.sys_path.value().map(Vec::as_slice).unwrap_or_default();
    let of_packages = |from: PathSource| {
        matches!(
            from,
            PathSource::Site | PathSource::User | PathSource::Venv | PathSource::Pth | PathSource::Env
        )
    };
    let mut out: Vec<ImagePath> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.exists && of_packages(entry.from)) {
        if let Some(path) = ImagePath::new(entry.path.as_bytes())
            && !out.contains(&path)
        {
            out.push(path);
        }
    }
    out
}

/// Asks early for the modules below a folder that will probably be a site folder.
pub(crate) fn foresee(seen: &Seen, site: &ImagePath) {
    if let Ok(found) = of_table(seen, site) {
        for candidate in found {
            drop(seen.elf(&candidate.path));
        }
    }
    for folder in beside(seen, site) {
        drop(bundled(seen, &folder));
    }
    // `lib` of the prefix, which is looked into where something is missing.
    if let Some(lib) = site.parent().and_then(|python| python.parent()) {
        drop(seen.list(&lib));
    }
    if let Ok(listing) = seen.list(site)
        && listing.get(b"torch").is_some()
        && let Ok(mut folders) = of_cuda(seen, site)
    {
        // The one wheel of CUDA that does not lie with the others.
        let cusparselt = listing.get(b"cusparselt").and_then(|_| site.join("cusparselt/lib"));
        folders.extend(cusparselt);
        for library in needed_of(seen, site, &folders) {
            drop(seen.elf(&library));
            // Where these really lie is told.
            if [&b"libcudart."[..], b"libcudnn.", b"libnccl."]
                .iter()
                .any(|s| library.file_name().starts_with(s))
            {
                drop(seen.stat(&library));
            }
        }
    }
}

/// The libraries in these folders that those in `torch/lib` of a site folder need, and the parts that cuDNN loads by itself.
fn needed_of(seen: &Seen, site: &ImagePath, folders: &[ImagePath]) -> Vec<ImagePath> {
    let Some(lib) = site.join("torch/lib") else { return Vec::new() };
    let Ok(listing) = seen.list(&lib) else { return Vec::new() };
    let libraries = listing.entries.iter().map(|(name, _)| &**name).filter(|name| is_library(name));
    let needed: BTreeSet<&[u8]> = libraries
        .take(MODULES_OF_FOLDER)
        .filter_map(|name| seen.elf(&lib.join(name)?).ok())
        .flat_map(|view| view.needed.iter().map(|name| &**name))
        .collect();
    let in_folder = |folder: &ImagePath| -> Vec<ImagePath> {
        let Ok(listing) = seen.list(folder) else { return Vec::new() };
        let names = listing.entries.iter().map(|(name, _)| &**name);
        let wanted = names.filter(|name| needed.contains(name) || name.starts_with(b"libcudnn_"));
        wanted.take(MODULES_OF_FOLDER).filter_map(|name| folder.join(name)).collect()
    };
    folders.iter().flat_map(in_folder).collect()
}

/// `nvidia/…/lib` of a site folder.
fn of_cuda(seen: &Seen, site: &ImagePath) -> Result<Vec<ImagePath>, Miss> {
    let Some(nvidia) = site.join("nvidia") else { return Ok(Vec::new()) };
    let Found::Is(listing) = ask::list(seen, &nvidia)? else { return Ok(Vec::new()) };
    let folders = listing.entries.iter().filter(|(_, kind)| *kind == Kind::Folder).take(MODULES_OF_FOLDER);
    Ok(folders.filter_map(|(name, _)| nvidia.join(name)?.join("lib")).collect())
}

/// Folders of libraries that the modules of a site folder will need: of torch, and those that auditwheel makes.
fn beside(seen: &Seen, site: &ImagePath) -> Vec<ImagePath> {
    let Ok(listing) = seen.list(site) else { return Vec::new() };
    let of_wheels =
        listing.entries.iter().filter(|(name, kind)| *kind == Kind::Folder && name.ends_with(b".libs"));
    let mut out: Vec<ImagePath> =
        of_wheels.take(MODULES_OF_FOLDER).filter_map(|(name, _)| site.join(name)).collect();
    if listing.get(b"torch").is_some() {
        out.extend(site.join("torch/lib"));
    }
    out
}

/// Asks for the libraries of such a folder.
fn bundled(seen: &Seen, folder: &ImagePath) -> Result<(), Miss> {
    let listing = seen.list(folder)?;
    let libraries = listing.entries.iter().map(|(name, _)| &**name).filter(|name| is_library(name));
    for path in libraries.take(MODULES_OF_FOLDER).filter_map(|name| folder.join(name)) {
        drop(seen.elf(&path));
    }
    Ok(())
}

/// `libfoo.so`, `libfoo-1a2b.so.3`
fn is_library(name: &[u8]) -> bool {
    name.starts_with(b"lib") && (name.ends_with(b".so") || memchr::memmem::find(name, b".so.").is_some())
}

/// The modules of the table that lie in a site folder.
fn of_table(seen: &Seen, site: &ImagePath) -> Result<Vec<Candidate>, Miss> {
    let listing = match seen.list(site) {
        Ok(listing) => listing,
        Err(Miss::Pending) => return Err(Miss::Pending),
        Err(_) => return Ok(Vec::new()),
    };
    let modules =
        PACKAGES.iter().flat_map(|package| package.modules.iter().map(move |module| (package, *module)));
    let found = seen.each(modules, |(package, module)| {
        let top = module.split('/').next().unwrap_or_default();
        let (folder, stem) = module.rsplit_once('/').unwrap_or(("", module));
        let inside = if folder.is_empty() {
            Some(listing)
        } else if listing.get(top.as_bytes()).is_none() {
            None
        } else {
            match site.join(folder).map(|folder| seen.list(&folder)) {
                Some(Ok(inside)) => Some(inside),
                Some(Err(Miss::Pending)) => return Err(Miss::Pending),
                // Of a folder that cannot be read nothing is said.
                Some(Err(_)) | None => None,
            }
        };
        let names = inside.map(|inside| named(inside, stem)).unwrap_or_default();
        let paths = names.into_iter().filter_map(|name| site.join(folder)?.join(name));
        Ok(paths.map(|path| Candidate { path, package: Some(package) }).collect::<Vec<_>>())
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// The libraries of a folder with this stem.
fn named<'a>(listing: &'a Listing, stem: &str) -> Vec<&'a [u8]> {
    let of_stem = |name: &[u8]| {
        name.strip_prefix(stem.as_bytes())
            .is_some_and(|rest| rest.starts_with(b".") && rest.ends_with(b".so"))
    };
    let is_file = |kind: Kind| matches!(kind, Kind::File | Kind::Link);
    listing
        .entries
        .iter()
        .filter(|(name, kind)| is_file(*kind) && of_stem(name))
        .map(|(name, _)| &**name)
        .collect()
}

/// Modules that lie in a site folder itself.
fn of_folder(site: &ImagePath, listing: &Listing) -> Vec<Candidate> {
    let is_module =
        |name: &[u8], kind: Kind| matches!(kind, Kind::File | Kind::Link) && name.ends_with(b".so");
    listing
        .entries
        .iter()
        .filter(|(name, kind)| is_module(name, *kind))
        .take(MODULES_OF_FOLDER)
        .filter_map(|(name, _)| Some(Candidate { path: site.join(name)?, package: None }))
        .collect()
}

/// Whether this Python would import a file of this name: `_C.cpython-311-x86_64-linux-gnu.so`, not one of 3.9.
fn is_of_python(name: &[u8], minor: Option<&str>) -> bool {
    let mut parts = name.split(|byte| *byte == b'.').skip(1);
    let (Some(tag), Some(minor)) = (parts.next(), minor) else { return true };
    match tag.strip_prefix(b"cpython-") {
        Some(rest) => {
            let version = rest.split(|byte| *byte == b'-').next().unwrap_or_default();
            let version = version.strip_suffix(b"t").unwrap_or(version);
            version == minor.replace('.', "").as_bytes()
        }
        None => !tag.starts_with(b"pypy"),
    }
}

/// `3.11`
fn minor(environment: &Environment) -> Option<String> {
    let python = environment.python.value()?.as_str()?;
    let mut parts = python.split('.');
    Some(format!("{}.{}", parts.next()?, parts.next()?))
}

/// Derives them; `known` is what was found in earlier runs for the same environment and loader.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn modules(
    seen: &Seen,
    loader: &Loader<'_>,
    environment: &Environment,
    own: &Fact<Option<Libstdcxx>>,
    known: &Known,
) -> Result<Vec<Module>, Miss> {
    let sites = sites(environment);
    let minor = minor(environment);
    let candidates = seen.each(&sites, |site| {
        let mut found = of_table(seen, site)?;
        if let Ok(listing) = seen.list(site) {
            for candidate in of_folder(site, listing) {
                if !found.iter().any(|known| known.path == candidate.path) {
                    found.push(candidate);
                }
            }
        }
        Ok(found)
    })?;
    // An earlier folder of sys.path hides what a later one holds under the same name.
    let mut met: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut roots: Vec<Candidate> = Vec::new();
    for (site, found) in sites.iter().zip(candidates) {
        let mut here: BTreeSet<Vec<u8>> = BTreeSet::new();
        for candidate in found {
            let relative = candidate.path.as_bytes().get(site.as_bytes().len()..).unwrap_or_default();
            let top = relative.split(|byte| matches!(byte, b'/' | b'.')).find(|part| !part.is_empty());
            let top = top.unwrap_or_default().to_vec();
            if is_of_python(candidate.path.file_name(), minor.as_deref()) && !met.contains(&top) {
                here.insert(top);
                roots.push(candidate);
            }
        }
        met.append(&mut here);
    }
    let owned = |candidate: &Candidate| owner(environment, candidate);
    let roots: Vec<(Candidate, Text)> =
        roots.into_iter().filter_map(|root| owned(&root).map(|owner| (root, owner))).collect();
    let walk = Walk { seen, loader, sites: &sites, known };
    let mut nodes = walk.nodes(roots)?;
    nodes.sort_by(|a, b| a.path.cmp(&b.path));
    walk.judge(&nodes, environment, own)
}

/// The distribution that a module belongs to; `None` for one of the table whose distribution is not installed, which then
/// is not what the table speaks about.
fn owner(environment: &Environment, candidate: &Candidate) -> Option<Text> {
    let installed = |name: &str| {
        environment.distributions.iter().any(|distribution| {
            distribution.name.as_ref().is_some_and(|own| Name::new(&own.to_lossy()).as_str() == name)
        })
    };
    if let Some(package) = candidate.package {
        return package.distributions.iter().find(|name| installed(name)).map(|name| Text::from(*name));
    }
    let stem = candidate.path.file_name().split(|byte| *byte == b'.').next().unwrap_or_default();
    let stem = Text::from(stem);
    let by_top_level = environment
        .distributions
        .iter()
        .find(|distribution| distribution.top_level.as_ref().is_some_and(|names| names.contains(&stem)));
    let by_top_level = by_top_level.and_then(|distribution| distribution.name.as_ref());
    let lossy = stem.to_lossy().into_owned();
    let by_table = || {
        let candidates = envdiff_facts::imports::candidates(&lossy);
        candidates.iter().map(|name| Name::new(name)).find(|name| installed(name.as_str()))
    };
    let name = by_top_level.map(|name| Name::new(&name.to_lossy())).or_else(by_table);
    Some(name.map_or_else(|| Name::new(lossy.trim_matches('_')).as_str().into(), |name| name.as_str().into()))
}

/// Whether something is not answered yet.
#[derive(Default)]
struct Open(bool);

impl Open {
    /// What is known; nothing where it is not answered yet.
    fn take<T>(&mut self, found: Result<T, Miss>) -> Result<Option<T>, Miss> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Miss::Pending) => {
                self.0 = true;
                Ok(None)
            }
            Err(miss) => Err(miss),
        }
    }
}

/// Libraries below the site folders that files need, by the paths of what loads them, the file itself first. The paths are
/// normalised, so that they are the same whatever was known when they were found.
pub(crate) type Known = Mutex<HashMap<Vec<ImagePath>, Arc<[ImagePath]>>>;

/// Following what modules need.
struct Walk<'w, 'a> {
    seen: &'a Seen,
    loader: &'w Loader<'a>,
    sites: &'w [ImagePath],
    /// What was found before, all of it answered.
    known: &'w Known,
}

impl<'a> Walk<'_, 'a> {
    /// The modules and what they need below the site folders. What is not answered yet keeps nothing else from being asked: one
    /// library that has to be looked for would cost all others a round.
    fn nodes(&self, roots: Vec<(Candidate, Text)>) -> Result<Vec<Node<'a>>, Miss> {
        let mut nodes: BTreeMap<ImagePath, Node<'a>> = BTreeMap::new();
        let mut open = Open::default();
        let mut level: Vec<Node<'a>> = Vec::new();
        for (root, distribution) in roots.into_iter().take(MODULES) {
            level.extend(open.take(self.node(root.path, distribution, root.package, &[]))?);
        }
        while !level.is_empty() {
            let mut needed = Vec::new();
            for node in &level {
                let by = (node.distribution.clone(), node.by.clone());
                needed.push((self.needed_by(node, &mut open)?, by));
            }
            for node in level {
                nodes.insert(node.path.clone(), node);
            }
            let mut next: BTreeMap<ImagePath, (Text, Vec<Object<'a>>)> = BTreeMap::new();
            for (paths, by) in needed {
                for path in paths.iter() {
                    if !nodes.contains_key(path) && nodes.len() + next.len() < MODULES {
                        next.entry(path.clone()).or_insert_with(|| by.clone());
                    }
                }
            }
            level = Vec::new();
            for (path, (distribution, by)) in next {
                level.extend(open.take(self.node(path, distribution, None, &by))?);
            }
        }
        if open.0 { Err(Miss::Pending) } else { Ok(nodes.into_values().collect()) }
    }

    fn node(
        &self,
        path: ImagePath,
        distribution: Text,
        package: Option<&'static Package>,
        by: &[Object<'a>],
    ) -> Result<Node<'a>, Miss> {
        let view = match self.seen.elf(&path) {
            Ok(view) => Ok(view),
            Err(Miss::Pending) => return Err(Miss::Pending),
            Err(Miss::Absent) => Err("it is a link that leads nowhere".into()),
            Err(Miss::Unreadable(reason)) => Err(Text::from(reason.to_string())),
        };
        let own = view.as_ref().ok().map(|view| Object { path: path.clone(), view });
        let by = own.into_iter().chain(by.iter().cloned()).collect();
        Ok(Node { path, distribution, package, view, by })
    }

    /// Libraries below the site folders that a file needs; what is not answered yet is left out.
    fn needed_by(&self, node: &Node<'a>, open: &mut Open) -> Result<Arc<[ImagePath]>, Miss> {
        let Ok(view) = node.view else { return Ok(Arc::default()) };
        if !self.is_searched(view) {
            return Ok(Arc::default());
        }
        let by: Vec<ImagePath> = node.by.iter().map(|object| object.path.clone()).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&by) {
            return Ok(Arc::clone(found));
        }
        let mut own = Open::default();
        let mut found = Vec::new();
        for name in &view.needed {
            if let Some(Found::Is(hit)) = own.take(self.loader.find(name, &node.by))?
                && !hit.system
            {
                found.push(hit.path.normalised());
            }
        }
        found.retain(|path| self.is_followed(path));
        let found: Arc<[ImagePath]> = found.into();
        if own.0 {
            open.0 = true;
        } else {
            known.insert(by, Arc::clone(&found));
        }
        Ok(found)
    }

    /// Below a site folder, and no wheel of CUDA.
    fn is_followed(&self, path: &ImagePath) -> bool {
        self.sites.iter().any(|site| {
            path.is_below(site) && site.join("nvidia").is_none_or(|of_cuda| !path.is_below(&of_cuda))
        })
    }

    /// Whether the interpreter's loader would load it at all.
    fn is_searched(&self, view: &ElfView) -> bool {
        self.loader.interpreter().is_some()
            && self.loader.fits(view)
            && is_of_musl(view) == (self.loader.style() == Style::Musl)
    }

    fn judge(
        &self,
        nodes: &[Node<'a>],
        environment: &Environment,
        own: &Fact<Option<Libstdcxx>>,
    ) -> Result<Vec<Module>, Miss> {
        // What is loaded is not looked for again; in which order packages are imported is not known.
        let mut loaded: BTreeSet<&[u8]> = BTreeSet::new();
        for node in nodes {
            loaded.insert(node.path.file_name());
            loaded.extend(node.view.as_ref().ok().and_then(|view| view.soname.as_deref()));
        }
        let full = nodes.len() >= MODULES;
        let missing = self.seen.each(nodes, |node| self.missing(node, &loaded))?;
        // Alpine's layer that lets some programs of glibc run on musl.
        let layer = match self.loader.style() {
            Style::Musl => matches!(self.loader.find(b"libgcompat.so.0", &[])?, Found::Is(_)),
            Style::Glibc => false,
        };
        let is_whole = missing.iter().all(|(missing, _)| missing.is_empty());
        let elsewhere = if is_whole { BTreeSet::new() } else { self.preloaded(environment)? };
        let numpy = self.seen.each(nodes, |node| self.numpy(node, environment))?;
        let libstdcxx = self.seen.each(nodes, |node| self.other_libstdcxx(node, own))?;
        let mut out = Vec::new();
        let told = missing.into_iter().zip(numpy).zip(libstdcxx);
        for (node, (((missing, mut doubts), numpy), libstdcxx)) in nodes.iter().zip(told) {
            if full {
                doubts.push(say!("more than ", MODULES, " libraries are loaded"));
            }
            let file = match node.view {
                Err(ref why) => Fact::unknown(why.clone()),
                Ok(view) => {
                    if layer && !is_of_musl(view) {
                        doubts.push("gcompat is installed, which makes some modules of glibc work".into());
                    }
                    let file = ModuleFile {
                        machine: machine(view.machine),
                        glibc: needs(view, &PARTS, "GLIBC_"),
                        glibcxx: needs(view, &[LIBSTDCXX], "GLIBCXX_"),
                        cxxabi: needs(view, &[LIBSTDCXX], "CXXABI_"),
                        libstdcxx,
                        missing: missing
                            .into_iter()
                            .filter(|name| !elsewhere.contains(name))
                            .map(|name| MissingLibrary {
                                soname: Text::from(&*name),
                                needed_by: Text::from(node.path.as_bytes()),
                            })
                            .collect(),
                        doubts,
                        executable_stack: view.executable_stack == Some(true),
                        musl: is_of_musl(view),
                        numpy,
                    };
                    let evidence = ask::evidence(self.seen, &Ask::Elf(node.path.clone()), "ELF");
                    Fact::known(file, evidence)
                }
            };
            out.push(Module {
                path: Text::from(node.path.as_bytes()),
                distribution: node.distribution.clone(),
                file,
            });
        }
        Ok(out)
    }

    /// Names that the loader would not find, and why that cannot be told of others.
    fn missing(&self, node: &Node<'a>, loaded: &BTreeSet<&[u8]>) -> Result<(Vec<SoName>, Vec<Text>), Miss> {
        let Ok(view) = node.view else { return Ok((Vec::new(), Vec::new())) };
        if !self.is_searched(view) {
            return Ok((Vec::new(), Vec::new()));
        }
        let asked = view.needed.iter().filter(|name| !loaded.contains(&***name) && !is_of_driver(name));
        let found = self.seen.each(asked, |name| Ok((name, self.loader.find(name, &node.by)?)))?;
        let (mut missing, mut doubts) = (Vec::new(), Vec::new());
        for (name, found) in found {
            match found {
                Found::Is(_) => {}
                Found::Absent => missing.push(name.clone()),
                Found::Unreadable(why) => doubts.push(say!(name[..], ": ", why)),
            }
        }
        Ok((missing, doubts))
    }

    /// Names of libraries that packages load themselves before others need them: `torch/lib`, `nvidia/…/lib`, what
    /// auditwheel put beside a package, the folders of the table's modules, and `lib` of the prefix.
    fn preloaded(&self, environment: &Environment) -> Result<BTreeSet<SoName>, Miss> {
        let mut folders: Vec<ImagePath> = Vec::new();
        if let Some(interpreter) = environment.interpreter.value() {
            for prefix in [&interpreter.prefix, &interpreter.base_prefix] {
                folders.extend(ImagePath::new(prefix.as_bytes()).and_then(|prefix| prefix.join("lib")));
            }
        }
        for site in self.sites {
            folders.extend(beside(self.seen, site));
            folders.extend(of_cuda(self.seen, site)?);
            if let Ok(listing) = self.seen.list(site) {
                let of_table = PACKAGES.iter().flat_map(|package| package.modules);
                let of_table = of_table.filter_map(|module| module.rsplit_once('/'));
                let there = of_table.filter(|(folder, _)| {
                    listing.get(folder.split('/').next().unwrap_or_default().as_bytes()).is_some()
                });
                folders.extend(there.filter_map(|(folder, _)| site.join(folder)));
            }
        }
        folders.sort();
        folders.dedup();
        let listings = self.seen.each(&folders, |folder| ask::list(self.seen, folder))?;
        let mut out = BTreeSet::new();
        for listing in listings {
            if let Found::Is(listing) = listing {
                out.extend(listing.entries.iter().map(|(name, _)| name.clone()));
            }
        }
        Ok(out)
    }

    /// The `libstdc++.so.6` of a module that names folders of its own, where it is another one than the image's.
    fn other_libstdcxx(
        &self,
        node: &Node<'a>,
        own: &Fact<Option<Libstdcxx>>,
    ) -> Result<Option<Libstdcxx>, Miss> {
        let Ok(view) = node.view else { return Ok(None) };
        if !self.is_searched(view) || !view.needed.iter().any(|name| **name == *LIBSTDCXX) {
            return Ok(None);
        }
        let found = libstdcxx(self.seen, self.loader, &node.by)?;
        Ok(found.value().cloned().flatten().filter(|found| {
            own.value().is_none_or(|own| own.as_ref().is_none_or(|own| own.path != found.path))
        }))
    }

    /// With which numpy's headers a module of the table was built, asked only where numpy 2 is installed and the module's
    /// release is not known to go with it.
    ///
    /// `import_array` of numpy's headers names the module that it asks: those of 1.x `numpy.core._multiarray_umath` alone,
    /// those of 2.x `numpy._core._multiarray_umath` and that one after it. Seen so in the wheels of pandas 2.2.0 and 3.1.1,
    /// h5py 3.10.0 and 3.16.0, numpy 1.26.4 and 2.4.6.
    fn numpy(&self, node: &Node<'a>, environment: &Environment) -> Result<Option<u8>, Miss> {
        let is_probe = node.package.and_then(|package| package.numpy).is_some_and(|probe| {
            let file = node.path.file_name().split(|byte| *byte == b'.').next().unwrap_or_default();
            probe.rsplit('/').next().is_some_and(|name| name.as_bytes() == file)
        });
        if !is_probe || !is_numpy_2(environment) || goes_with_numpy_2(environment, &node.distribution) {
            return Ok(None);
        }
        let found = self.seen.each([OF_NUMPY_2, OF_NUMPY_1], |pattern| {
            match self.seen.scan(&node.path, ".rodata", pattern) {
                Ok(scan) => Ok(Some((!scan.matches.is_empty(), scan.complete))),
                Err(Miss::Pending) => Err(Miss::Pending),
                Err(Miss::Absent | Miss::Unreadable(_)) => Ok(None),
            }
        })?;
        Ok(match found.as_slice() {
            [Some((true, _)), _] => Some(2),
            [Some((false, true)), Some((true, _))] => Some(1),
            _ => None,
        })
    }
}

const OF_NUMPY_1: Pattern = Pattern { prefix: b"numpy.core._multi", body: b"array_umh", max_len: 64 };
const OF_NUMPY_2: Pattern = Pattern { prefix: b"numpy._core._multi", body: b"array_umh", max_len: 64 };

/// Whether numpy 2 or later is what `import numpy` gives.
fn is_numpy_2(environment: &Environment) -> bool {
    version_of(environment, "numpy").is_some_and(|version| {
        version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 2)
    })
}

/// Whether the release of a distribution is one of those that take numpy 2.
fn goes_with_numpy_2(environment: &Environment, name: &Text) -> bool {
    let name = name.to_lossy();
    let Some(first) = envdiff_facts::numpy::first_for_numpy_2(&name) else { return false };
    let numbers = |version: &str| envdiff_facts::Numbers::split(version).map(|(numbers, _)| numbers);
    version_of(environment, &name)
        .and_then(|version| numbers(&version))
        .zip(numbers(first.version))
        .is_some_and(|(own, first)| own >= first)
}

fn version_of(environment: &Environment, name: &str) -> Option<String> {
    let own = environment.distributions.iter().find(|distribution| {
        !distribution.shadowed
            && distribution.name.as_ref().is_some_and(|own| Name::new(&own.to_lossy()).as_str() == name)
    })?;
    Some(own.version.as_ref()?.to_lossy().into_owned())
}

/// Libraries of the driver: a GPU runtime mounts them.
fn is_of_driver(name: &[u8]) -> bool {
    [&b"libcuda.so"[..], b"libnvidia-", b"libnvcuvid.so", b"libnvoptix.so"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// Whether it was linked against musl.
fn is_of_musl(view: &ElfView) -> bool {
    view.needed.iter().any(|name| name.starts_with(b"libc.musl-") || **name == *b"libc.so")
}

fn machine(machine: ElfMachine) -> Text {
    machine.name().map_or_else(|| say!("processor ", machine.0), Text::from)
}

/// The highest version that is needed and not only by weak symbols, of these libraries.
fn needs(view: &ElfView, libraries: &[&[u8]], prefix: &str) -> Option<Text> {
    let versions =
        view.version_needs.iter().filter(|need| libraries.contains(&&*need.library)).flat_map(|need| {
            need.versions.iter().filter(|version| !version.weak).map(|version| &version.name)
        });
    highest(versions, prefix).map(Text::from)
}
