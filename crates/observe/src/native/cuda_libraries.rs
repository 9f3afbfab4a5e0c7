//! A loader and the torch of an environment come in; the CUDA libraries that this torch loads come out: runtime, cuDNN, NCCL,
//! each with its version and the other copies that a loader may meet in their place.

use envdiff_files::{Ask, ImagePath, Miss, Seen};
use envdiff_model::{
    Distribution, Environment, Evidence, Fact, Library, LibraryOrigin, Name, ReplacedLibrary, Text, say,
};

use super::loader::{Hit, Loader, Object};
use super::modules::sites;
use crate::limits::MODULES_OF_FOLDER;
use crate::python::ask::{self, Found};

/// The libraries of CUDA that torch loads; each a known `None` where torch needs none.
#[derive(Debug, Clone)]
pub(crate) struct CudaLibraries {
    /// `libcudart`
    pub(crate) runtime: Fact<Option<Library>>,
    /// `libcudnn`
    pub(crate) cudnn: Fact<Option<Library>>,
    /// `libnccl`
    pub(crate) nccl: Fact<Option<Library>>,
    /// Libraries of wheels that others of them need, and that the loader takes from elsewhere.
    pub(crate) replaced: Vec<ReplacedLibrary>,
}

/// Derives them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(
    seen: &Seen,
    loader: &Loader<'_>,
    environment: &Environment,
) -> Result<CudaLibraries, Miss> {
    let all = |fact: Fact<Option<Library>>| CudaLibraries {
        runtime: fact.clone(),
        cudnn: fact.clone(),
        nccl: fact,
        replaced: Vec::new(),
    };
    let mut lib = None;
    for site in sites(environment) {
        let Some(folder) = site.join("torch/lib") else { continue };
        match ask::list(seen, &folder)? {
            Found::Is(_) => {
                lib = Some((site, folder));
                break;
            }
            Found::Absent => {}
            Found::Unreadable(why) => {
                return Ok(all(Fact::unknown(say!(folder.as_bytes(), " cannot be read: ", why))));
            }
        }
    }
    let Some((site, folder)) = lib else {
        // Where it is not known which folders Python looks into, torch may lie in another.
        let untold = environment.unknown.iter().find(|unknown| unknown.what == "sys_path");
        let reason = environment.sys_path.reason().or(untold.map(|unknown| &unknown.why));
        return Ok(all(reason.map_or_else(
            || Fact::seen(None, Vec::new()),
            |why| Fact::unknown(say!("no `torch/lib` was found, and sys.path may hold more: ", why)),
        )));
    };
    // Loaded by torch/_C, one by the other: what asks for the libraries of CUDA, in that order.
    let names =
        ["libtorch_cuda.so", "libtorch_cuda_cpp.so", "libc10_cuda.so", "libtorch_python.so", "libtorch.so"];
    let paths = names.iter().filter_map(|name| folder.join(name));
    let objects = seen.each(paths, |path| match seen.elf(&path) {
        Ok(view) => Ok(Some(Object { path, view })),
        Err(Miss::Pending) => Err(Miss::Pending),
        Err(_) => Ok(None),
    })?;
    let objects: Vec<Object<'_>> = objects.into_iter().flatten().collect();
    let search = Search { seen, loader, environment, site: &site, folder: &folder, objects: &objects };
    let found = (search.one(b"libcudart"), search.one(b"libcudnn"), search.one(b"libnccl"));
    let replaced = search.replaced();
    Ok(CudaLibraries { runtime: found.0?, cudnn: found.1?, nccl: found.2?, replaced: replaced? })
}

struct Search<'s, 'a> {
    seen: &'a Seen,
    loader: &'s Loader<'a>,
    environment: &'s Environment,
    site: &'s ImagePath,
    /// `torch/lib`
    folder: &'s ImagePath,
    objects: &'s [Object<'a>],
}

impl<'a> Search<'_, 'a> {
    /// The library of this stem that torch loads.
    fn one(&self, stem: &[u8]) -> Result<Fact<Option<Library>>, Miss> {
        let is_it = |name: &[u8]| {
            name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(b".so") || rest.starts_with(b"-"))
        };
        let asking = self.objects.iter().find_map(|object| {
            let name = object.view.needed.iter().find(|name| is_it(name))?;
            Some((object, name))
        });
        let Some((object, soname)) = asking else { return Ok(Fact::seen(None, Vec::new())) };
        let by = std::slice::from_ref(object);
        let hit = match self.loader.find(soname, by)? {
            Found::Is(hit) => hit,
            // torch looks for it in every folder of sys.path before it gives up.
            Found::Absent => match self.preloaded(soname)? {
                Some(hit) => hit,
                None => return Ok(Fact::seen(None, Vec::new())),
            },
            Found::Unreadable(why) => return Ok(Fact::unknown(why)),
        };
        let Found::Is(real) = ask::real(self.seen, &hit.path)? else {
            return Ok(Fact::unknown(say!(hit.path.as_bytes(), " cannot be followed")));
        };
        let copies = self.copies(soname, real);
        let parts = self.parts(stem, soname, &hit, object);
        let origin = self.origin(&hit);
        let mut others = copies?;
        for part in parts? {
            if !others.contains(&part) {
                others.push(part);
            }
        }
        let library = Library {
            version: self.version(stem, &hit, real, origin),
            path: Text::from(hit.path.normalised().as_bytes()),
            origin,
            found_by: hit.how.clone(),
            others,
        };
        let evidence = ask::evidence(self.seen, &Ask::Stat(hit.path.clone()), hit.how);
        let asked = Evidence::new(object.path.as_bytes(), say!("needs ", soname[..]));
        Ok(Fact::seen(Some(library), vec![evidence, asked]))
    }

    /// `nvidia/LIBRARY/lib` of the folders of `sys.path` (`torch/__init__.py`, `_preload_cuda_deps`).
    fn preloaded(&self, soname: &[u8]) -> Result<Option<Hit>, Miss> {
        for site in sites(self.environment) {
            let Some(nvidia) = site.join("nvidia") else { continue };
            let Found::Is(listing) = ask::list(self.seen, &nvidia)? else { continue };
            let names = listing.entries.iter().take(MODULES_OF_FOLDER).map(|(name, _)| name);
            let folders: Vec<ImagePath> = names.filter_map(|name| nvidia.join(name)?.join("lib")).collect();
            let listings = self.seen.each(&folders, |folder| Ok((folder, ask::list(self.seen, folder)?)))?;
            for (folder, listing) in listings {
                if let Found::Is(listing) = listing
                    && listing.get(soname).is_some()
                    && let Some(path) = folder.join(soname)
                {
                    return Ok(Some(Hit { path, how: "torch/__init__.py".into(), system: false }));
                }
            }
        }
        Ok(None)
    }

    /// Copies of the same name in `LD_LIBRARY_PATH`, links resolved: what every other package gets, and torch where it names
    /// no folder itself.
    fn copies(&self, soname: &[u8], own: &ImagePath) -> Result<Vec<Text>, Miss> {
        let folders = self.loader.folders().filter(|folder| folder.told_by == "LD_LIBRARY_PATH");
        let found = self.seen.each(folders, |folder| {
            let Some(path) = folder.path.join(soname) else { return Ok(None) };
            match ask::real(self.seen, &path)? {
                Found::Is(real) if real != own => Ok(Some(Text::from(real.as_bytes()))),
                _ => Ok(None),
            }
        })?;
        let mut out: Vec<Text> = Vec::new();
        for path in found.into_iter().flatten() {
            if !out.contains(&path) {
                out.push(path);
            }
        }
        Ok(out)
    }

    /// Parts of cuDNN that it opens by name and that the loader takes from another folder than its own.
    fn parts(&self, stem: &[u8], soname: &[u8], hit: &Hit, asking: &Object<'a>) -> Result<Vec<Text>, Miss> {
        if stem != b"libcudnn" || hit.system {
            return Ok(Vec::new());
        }
        let Some(folder) = hit.path.parent() else { return Ok(Vec::new()) };
        let Found::Is(listing) = ask::list(self.seen, &folder)? else { return Ok(Vec::new()) };
        let view = match self.seen.elf(&hit.path) {
            Ok(view) => view,
            Err(Miss::Pending) => return Err(Miss::Pending),
            Err(_) => return Ok(Vec::new()),
        };
        let by = [Object { path: hit.path.clone(), view }, asking.clone()];
        let ending = soname.strip_prefix(stem).unwrap_or_default();
        let parts = listing.entries.iter().map(|(name, _)| &**name);
        let parts = parts.filter(|name| name.starts_with(b"libcudnn_") && name.ends_with(ending));
        let found = self.seen.each(parts.take(MODULES_OF_FOLDER), |name| {
            let Found::Is(part) = self.loader.find(name, &by)? else { return Ok(None) };
            if part.path.normalised().parent() == Some(folder.normalised()) {
                return Ok(None);
            }
            Ok(match ask::real(self.seen, &part.path)? {
                Found::Is(real) if real.parent().as_ref() != Some(&folder) => {
                    Some(Text::from(real.as_bytes()))
                }
                _ => None,
            })
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    fn origin(&self, hit: &Hit) -> LibraryOrigin {
        let path = hit.path.normalised();
        let below = |folder: Option<ImagePath>| folder.is_some_and(|folder| path.is_below(&folder));
        if path.is_below(self.folder) {
            LibraryOrigin::Bundled
        } else if sites(self.environment).iter().any(|site| below(site.join("nvidia"))) {
            LibraryOrigin::Wheel
        } else if !self.environment.conda.is_empty()
            && below(self.environment.interpreter.value().and_then(|i| ImagePath::new(i.prefix.as_bytes())))
        {
            LibraryOrigin::Conda
        } else if path.is_below(self.site) {
            LibraryOrigin::Bundled
        } else {
            LibraryOrigin::System
        }
    }

    /// The version: of the wheel's METADATA, else what the file's real name says beyond its major.
    fn version(&self, stem: &[u8], hit: &Hit, real: &ImagePath, origin: LibraryOrigin) -> Option<Text> {
        if origin == LibraryOrigin::Wheel {
            let mut of_wheel = self.of_wheel(stem, &hit.path);
            // Two of them (-cu11 and -cu12) own the same file: whose it is then, nobody can tell by name.
            if let (Some(one), None) = (of_wheel.next(), of_wheel.next()) {
                return one.version.clone();
            }
        }
        version_of_name(real.file_name())
    }

    /// The wheels that may have brought a library of this stem (`libcudnn`).
    fn of_wheel(&self, stem: &[u8], path: &ImagePath) -> impl Iterator<Item = &Distribution> {
        let wheel = WHEELS.iter().find(|(own, _)| own.as_bytes() == stem).map(|(_, wheel)| *wheel);
        self.environment.distributions.iter().filter(move |distribution| {
            let name = distribution.name.as_ref().map(|name| Name::new(&name.to_lossy()));
            let rest = name.as_ref().zip(wheel).and_then(|(name, wheel)| name.as_str().strip_prefix(wheel));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("-cu"))
                && path.as_bytes().starts_with(distribution.location.as_bytes())
        })
    }

    /// Libraries that those which torch needs name in turn, and that `LD_LIBRARY_PATH` leads to in place of the wheel's own:
    /// theirs is a `RUNPATH`, which comes after it. What torch itself needs is loaded before, by its `RPATH`.
    fn replaced(&self) -> Result<Vec<ReplacedLibrary>, Miss> {
        let is_by_variable = |how: &Text| *how == "LD_LIBRARY_PATH";
        if !self.loader.folders().any(|folder| is_by_variable(&folder.told_by)) {
            return Ok(Vec::new());
        }
        let is_of_cuda = |name: &[u8]| name.starts_with(b"libcu") || name.starts_with(b"libnv");
        let mut direct: Vec<(&Object<'a>, &[u8])> = Vec::new();
        for object in self.objects {
            for name in object.view.needed.iter().filter(|name| is_of_cuda(name)) {
                if !direct.iter().any(|(_, known)| **known == **name) {
                    direct.push((object, name));
                }
            }
        }
        let found = self.seen.each(&direct, |(object, name)| {
            let Found::Is(hit) = self.loader.find(name, std::slice::from_ref(object))? else {
                return Ok(Vec::new());
            };
            if self.origin(&hit) != LibraryOrigin::Wheel {
                return Ok(Vec::new());
            }
            let view = match self.seen.elf(&hit.path) {
                Ok(view) => view,
                Err(Miss::Pending) => return Err(Miss::Pending),
                Err(_) => return Ok(Vec::new()),
            };
            let by = [Object { path: hit.path, view }, (*object).clone()];
            let needed = view.needed.iter().filter(|name| is_of_cuda(name));
            let needed = needed.filter(|name| !direct.iter().any(|(_, known)| **known == ***name));
            let replaced = self.seen.each(needed, |name| {
                let Found::Is(taken) = self.loader.find(name, &by)? else { return Ok(None) };
                if !is_by_variable(&taken.how) {
                    return Ok(None);
                }
                let Some(wheel) = self.preloaded(name)? else { return Ok(None) };
                let (Found::Is(real), Found::Is(own)) =
                    (ask::real(self.seen, &taken.path)?, ask::real(self.seen, &wheel.path)?)
                else {
                    return Ok(None);
                };
                if real == own {
                    return Ok(None);
                }
                let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default();
                Ok(Some(ReplacedLibrary {
                    soname: Text::from(&**name),
                    needed_by: by
                        .first()
                        .map(|by| by.path.normalised().as_bytes().into())
                        .unwrap_or_default(),
                    wheel: Text::from(wheel.path.as_bytes()),
                    wheel_version: self.version(stem, &wheel, own, LibraryOrigin::Wheel),
                    taken: Text::from(real.as_bytes()),
                    version: version_of_name(real.file_name()),
                    found_by: taken.how,
                }))
            })?;
            Ok(replaced.into_iter().flatten().collect::<Vec<_>>())
        })?;
        let mut out: Vec<ReplacedLibrary> = Vec::new();
        for library in found.into_iter().flatten() {
            if !out.iter().any(|known| known.soname == library.soname) {
                out.push(library);
            }
        }
        Ok(out)
    }
}

/// Which wheel brings a library, its name without `-cu12`.
const WHEELS: [(&str, &str); 11] = [
    ("libcudart", "nvidia-cuda-runtime"),
    ("libcudnn", "nvidia-cudnn"),
    ("libnccl", "nvidia-nccl"),
    ("libnvJitLink", "nvidia-nvjitlink"),
    ("libcublas", "nvidia-cublas"),
    ("libcublasLt", "nvidia-cublas"),
    ("libcusparse", "nvidia-cusparse"),
    ("libcusolver", "nvidia-cusolver"),
    ("libcufft", "nvidia-cufft"),
    ("libcurand", "nvidia-curand"),
    ("libnvrtc", "nvidia-cuda-nvrtc"),
];

/// `libcudnn.so.8.9.2` and `libcudart-a7b20f20.so.11.0` to what follows `.so.`; a major alone is none.
pub(crate) fn version_of_name(name: &[u8]) -> Option<Text> {
    let at = memchr::memmem::find(name, b".so.")?;
    let version = name.get(at + b".so.".len()..)?;
    let is_version = version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    (is_version && version.contains(&b'.')).then(|| Text::from(version))
}
