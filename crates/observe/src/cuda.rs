//! The files of an image and the folders that its loader looks into come in; the CUDA that it brings beside torch's own comes
//! out: the toolkit, compatibility libraries, parts of the driver, stubs.
//!
//! Where they lie: the packages of NVIDIA's CUDA repositories (`cuda-cudart-12-1`, `cuda-compat-12-1`) and of the driver
//! (`libnvidia-compute-535`). A library of the driver carries the driver's version in its name; `libcuda.so.1` is a link to it.

use envdiff_facts::{CudaVersion, DriverVersion};
use envdiff_files::{Ask, ImagePath, Kind, Miss, Seen};
use envdiff_model::{Cuda, DriverLibrary, Evidence, Fact, Text, say};
use serde::Deserialize;

use crate::Inputs;
use crate::limits::{CUDA_FOLDERS, PACKAGE_DATABASE, VERSION_FILE};
use crate::native::loader::Loader;
use crate::python::ask::{self, Found};

/// What the image installs, whichever Python it has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Installed {
    toolkit: Option<Fact<Text>>,
    /// Compatibility libraries with the folder that they are found in.
    compat: Vec<(ImagePath, DriverLibrary)>,
    /// Why there may be more; what a package of forward compatibility changes is too much to be passed over.
    unreadable: Option<Text>,
}

/// One thing that tells the toolkit's version.
struct Told {
    version: Text,
    evidence: Evidence,
}

impl Told {
    fn cuda(&self) -> Option<CudaVersion> {
        CudaVersion::parse(self.version.as_str()?)
    }
}

/// The toolkit and the compatibility libraries. Neither hangs on Python, so that the questions go out beside Python's.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another, here and below.
pub(crate) fn installed(seen: &Seen, inputs: &Inputs<'_>) -> Result<Installed, Miss> {
    let mut unreadable = None;
    let variable = inputs.variable("CUDA_VERSION").filter(|version| !version.is_empty());
    let folders = folders(seen, &mut unreadable)?;
    let database = (!folders.is_empty() || variable.is_some()).then(|| packages(seen));
    let parts = seen.each(&folders, |folder| {
        let compat = compat(seen, folder);
        let files = version_files(seen, folder);
        let real = ask::real(seen, folder);
        Ok((compat?, files?, real?, folder))
    });
    let packages = database.transpose()?.unwrap_or_default();
    let (mut told, mut libraries): (Vec<Told>, Vec<(ImagePath, DriverLibrary)>) = (Vec::new(), Vec::new());
    for (compat, files, real, folder) in parts? {
        for library in compat.0 {
            if !libraries.iter().any(|(_, other)| other.path == library.1.path) {
                libraries.push(library);
            }
        }
        unreadable = unreadable.or(compat.1);
        // `/usr/local/cuda` comes first and is the one that counts; others lie beside it.
        if told.is_empty() {
            told.extend(files);
            if let Found::Is(real) = &real
                && let Some(version) = real.file_name().strip_prefix(b"cuda-")
                && std::str::from_utf8(version).ok().and_then(CudaVersion::parse).is_some()
            {
                let detail = say!("leads to ", real.as_bytes());
                told.push(Told {
                    version: version.into(),
                    evidence: Evidence::new(folder.as_bytes(), detail),
                });
            }
        }
    }
    let of_folder = told.iter().find_map(Told::cuda);
    let fits = |version: &Told| of_folder.is_none_or(|cuda| version.cuda() == Some(cuda));
    let mut of_packages: Vec<Told> = packages.into_iter().filter(|told| fits(told)).collect();
    told.append(&mut of_packages);
    if let Some(version) = variable {
        let variable = Told {
            version: version.clone(),
            evidence: Evidence::new("image configuration", say!("CUDA_VERSION=", version)),
        };
        // The variable tells the release in full where files tell the minor; what files tell counts where they differ.
        let agrees = told.iter().find_map(Told::cuda).is_none_or(|cuda| variable.cuda() == Some(cuda));
        if agrees && variable.cuda().is_some() {
            told.insert(0, variable);
        } else {
            told.push(variable);
        }
    }
    let first = told.first().map(|told| told.version.clone());
    let toolkit =
        first.map(|version| Fact::seen(version, told.into_iter().map(|told| told.evidence).collect()));
    Ok(Installed { toolkit, compat: libraries, unreadable })
}

/// The folders of toolkits, `/usr/local/cuda` first.
fn folders(seen: &Seen, unreadable: &mut Option<Text>) -> Result<Vec<ImagePath>, Miss> {
    let Some(parent) = ImagePath::new("/usr/local") else { return Ok(Vec::new()) };
    match ask::list(seen, &parent)? {
        Found::Is(listing) => {
            let is_toolkit = |name: &[u8]| name == b"cuda" || name.starts_with(b"cuda-");
            let names = listing
                .entries
                .iter()
                .filter(|(name, kind)| is_toolkit(name) && matches!(kind, Kind::Folder | Kind::Link));
            let all: Vec<ImagePath> = names.filter_map(|(name, _)| parent.join(name)).collect();
            if all.len() > CUDA_FOLDERS {
                *unreadable = Some(say!("/usr/local holds more than ", CUDA_FOLDERS, " folders of CUDA"));
            }
            Ok(all.into_iter().take(CUDA_FOLDERS).collect())
        }
        Found::Absent => Ok(Vec::new()),
        Found::Unreadable(why) => {
            *unreadable = Some(say!("/usr/local cannot be read: ", why));
            Ok(Vec::new())
        }
    }
}

#[derive(Deserialize)]
struct VersionJson {
    cuda: Component,
}

#[derive(Deserialize)]
struct Component {
    version: String,
}

/// `version.json` of CUDA 11.1 and later: the version of `cuda`.
#[must_use]
pub(crate) fn version_json(bytes: &[u8]) -> Option<Text> {
    let read: VersionJson = serde_json::from_slice(bytes).ok()?;
    Some(Text::from(read.cuda.version))
}

/// `version.txt` of CUDA 11.0 and earlier: `CUDA Version 10.2.89`.
#[must_use]
pub(crate) fn version_txt(bytes: &[u8]) -> Option<Text> {
    let line = std::str::from_utf8(bytes).ok()?.lines().next()?;
    let version = line.strip_prefix("CUDA Version ")?.trim();
    CudaVersion::parse(version).map(|_| Text::from(version))
}

/// Reads a version out of a file.
type Parse = fn(&[u8]) -> Option<Text>;

fn version_files(seen: &Seen, folder: &ImagePath) -> Result<Vec<Told>, Miss> {
    let files: [(&str, Parse); 2] = [("version.json", version_json), ("version.txt", version_txt)];
    let read = seen.each(files, |(name, parse)| {
        let Some(path) = folder.join(name) else { return Ok(None) };
        let found = ask::parsed(seen, &path, VERSION_FILE, parse)?;
        let Found::Is(version) = found else { return Ok(None) };
        let Some(version) = Option::clone(&version) else { return Ok(None) };
        let question = Ask::Read { path, limit: VERSION_FILE };
        let evidence = ask::evidence(seen, &question, version.clone());
        Ok(Some(Told { version, evidence }))
    })?;
    Ok(read.into_iter().flatten().collect())
}

/// dpkg's database: installed packages `cuda-cudart-MAJOR-MINOR` with their versions.
#[must_use]
pub(crate) fn cudart_packages(bytes: &[u8]) -> Vec<(Text, Text)> {
    const PACKAGE: &[u8] = b"Package: cuda-cudart-";
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, PACKAGE) {
        let Some(entry) = rest.get(at..) else { break };
        let end = memchr::memmem::find(entry, b"\n\n").unwrap_or(entry.len());
        let (entry, behind) = entry.split_at(end);
        rest = behind;
        let field = |name: &[u8]| {
            entry
                .split(|byte| *byte == b'\n')
                .find_map(|line| line.strip_prefix(name))
                .map(<[u8]>::trim_ascii)
        };
        let installed = field(b"Status: ").is_none_or(|status| status.ends_with(b" installed"));
        let (Some(name), Some(version)) = (field(b"Package: "), field(b"Version: ")) else { continue };
        if installed && !name.starts_with(b"cuda-cudart-dev") {
            out.push((Text::from(name), Text::from(version)));
        }
    }
    out
}

fn packages(seen: &Seen) -> Result<Vec<Told>, Miss> {
    let Some(path) = ImagePath::new("/var/lib/dpkg/status") else { return Ok(Vec::new()) };
    // What other systems than Debian's have installed, their own variable and folders tell.
    let Found::Is(found) = ask::parsed(seen, &path, PACKAGE_DATABASE, cudart_packages)? else {
        return Ok(Vec::new());
    };
    let question = Ask::Read { path, limit: PACKAGE_DATABASE };
    let told = found.iter().filter_map(|(name, version)| {
        let minor = name.as_str()?.strip_prefix("cuda-cudart-")?.replace('-', ".");
        CudaVersion::parse(&minor)?;
        let evidence = ask::evidence(seen, &question, say!(name, " ", version));
        Some(Told { version: Text::from(minor), evidence })
    });
    Ok(told.collect())
}

type Compat = (Vec<(ImagePath, DriverLibrary)>, Option<Text>);

/// The libraries of a toolkit's `compat` folder, by the names that NVIDIA's container tool looks for:
/// `lib*.so.MAJOR.…` (libnvidia-container, `src/nvc_info.c`).
fn compat(seen: &Seen, folder: &ImagePath) -> Result<Compat, Miss> {
    let Some(folder) = folder.join("compat") else { return Ok(Compat::default()) };
    let (listing, real) = (ask::list(seen, &folder), ask::real(seen, &folder));
    let (listing, real) = (listing?, real?);
    let listing = match listing {
        Found::Is(listing) => listing,
        Found::Absent => return Ok(Compat::default()),
        Found::Unreadable(why) => {
            return Ok((Vec::new(), Some(say!(folder.as_bytes(), " cannot be read: ", why))));
        }
    };
    let Found::Is(real) = real else { return Ok(Compat::default()) };
    let libraries = listing.entries.iter().filter(|(_, kind)| *kind == Kind::File);
    let libraries: Vec<(ImagePath, DriverVersion)> =
        libraries.filter_map(|(name, _)| Some((real.join(name)?, version_of(name)?))).collect();
    let stats = seen.each(&libraries, |(path, version)| Ok((ask::stat(seen, path)?, path, version)))?;
    let mut out = Vec::new();
    for (stat, path, version) in stats {
        let size = match stat {
            Found::Is(stat) => stat.size,
            Found::Absent | Found::Unreadable(_) => continue,
        };
        let version = Some(Text::from(version.to_string()));
        let library = DriverLibrary { path: path.as_bytes().into(), version, size, loaded_by: None };
        out.push((folder.clone(), library));
    }
    Ok((out, None))
}

/// The driver's version in a library's name: `libcuda.so.535.104.05`. Branches before 300 are older than any that is of
/// concern, and numbers such as `1.1` are no drivers.
fn version_of(name: &[u8]) -> Option<DriverVersion> {
    let name = std::str::from_utf8(name).ok()?;
    let (library, version) = name.split_once(".so.")?;
    DriverVersion::parse(version).filter(|version| library.starts_with("lib") && version.branch >= 300)
}

/// CUDA of the image: what is installed, with what leads a loader there.
pub(crate) fn derive(seen: &Seen, inputs: &Inputs<'_>, loader: &Loader<'_>) -> Result<Fact<Cuda>, Miss> {
    let installed = installed(seen, inputs)?;
    let found = in_folders(seen, loader);
    let told_by = seen.each(&installed.compat, |(folder, _)| loader.told_by(folder));
    let (mut cuda, told_by) = (found?, told_by?);
    if let Some(why) = installed.unreadable {
        return Ok(Fact::unknown(why));
    }
    cuda.toolkit = installed.toolkit;
    for ((_, mut library), told) in installed.compat.into_iter().zip(told_by) {
        // A link from a folder of the loader leads there as well.
        let linked = cuda.compat.iter().position(|other| other.path == library.path);
        let linked = linked.map(|at| cuda.compat.remove(at)).and_then(|other| other.loaded_by);
        library.loaded_by = match told {
            Found::Is(by) => Some(by),
            Found::Absent | Found::Unreadable(_) => linked,
        };
        cuda.compat.push(library);
    }
    let evidence = [&cuda.compat, &cuda.driver, &cuda.stubs].into_iter().flatten();
    let mut evidence: Vec<Evidence> =
        evidence.map(|library| Evidence::new(library.path.clone(), "")).collect();
    if let Some(toolkit) = &cuda.toolkit {
        evidence.extend(toolkit.evidence().iter().cloned());
    }
    if evidence.is_empty() {
        evidence.push(Evidence::new("/usr/local", "no CUDA"));
    }
    Ok(Fact::seen(cuda, evidence))
}

/// Libraries of the driver, stubs and links to compatibility libraries in the folders that the loader looks into whatever
/// asks for them.
fn in_folders(seen: &Seen, loader: &Loader<'_>) -> Result<Cuda, Miss> {
    let mut cuda = Cuda { doubts: loader.doubts().cloned().collect(), ..Cuda::default() };
    let listed = seen.each(loader.folders(), |folder| {
        let listing = match ask::list(seen, &folder.path)? {
            Found::Is(listing) => listing,
            Found::Absent => return Ok((folder, None, Vec::new())),
            Found::Unreadable(why) => {
                let doubt = say!(folder.path.as_bytes(), " cannot be read: ", why);
                return Ok((folder, Some(doubt), Vec::new()));
            }
        };
        let names = listing
            .entries
            .iter()
            .filter(|(name, kind)| is_driver(name) && matches!(kind, Kind::File | Kind::Link));
        let paths: Vec<ImagePath> = names.filter_map(|(name, _)| folder.path.join(name)).collect();
        let found = seen.each(paths, |path| {
            let (stat, real) = (ask::stat(seen, &path), ask::real(seen, &path));
            Ok((stat?, real?, path))
        })?;
        Ok((folder, None, found))
    })?;
    for (folder, doubt, found) in listed {
        cuda.doubts.extend(doubt);
        for (stat, real, path) in found {
            // A link that leads nowhere is what a package of another folder left, or what the runtime fills.
            let (Found::Is(stat), Found::Is(real)) = (stat, real) else { continue };
            if stat.kind != Kind::File {
                continue;
            }
            let parent = real.parent();
            let within = |name: &[u8]| parent.as_ref().is_some_and(|parent| parent.file_name() == name);
            let is_stub = within(b"stubs");
            let version = version_of(real.file_name()).map(|version| Text::from(version.to_string()));
            let (into, file) = if is_stub {
                // Whether something asks for it under this name matters, so the name is kept.
                (&mut cuda.stubs, path.as_bytes())
            } else if within(b"compat") {
                (&mut cuda.compat, real.as_bytes())
            } else {
                (&mut cuda.driver, real.as_bytes())
            };
            let library = DriverLibrary {
                path: file.into(),
                version,
                size: stat.size,
                loaded_by: Some(folder.told_by.clone()),
            };
            if !into.iter().any(|other| other.path == library.path) {
                into.push(library);
            }
        }
    }
    Ok(cuda)
}

/// The two libraries by whose versions driver and kernel are compared.
fn is_driver(name: &[u8]) -> bool {
    [&b"libcuda.so"[..], b"libnvidia-ml.so"].iter().any(|library| {
        name.strip_prefix(*library).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
    })
}

/// Any bytes come in, nothing panics.
pub(crate) fn fuzz(bytes: &[u8]) {
    let _ = (
        version_json(bytes),
        version_txt(bytes),
        cudart_packages(bytes),
        version_of(bytes),
        is_driver(bytes),
    );
}

#[cfg(test)]
mod tests {
    use envdiff_files::{Budget, Literal, converse};
    use envdiff_model::{Environment, ImageConfig};

    use super::*;

    const LIB: &str = "/usr/lib/x86_64-linux-gnu";

    fn environment(mut files: Literal, env: &[(&str, &str)]) -> Environment {
        let elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0";
        files = files.file("/usr/bin/python3.11", elf).file("/usr/lib/python3.11/os.py", "").folder(LIB);
        let config = ImageConfig {
            env: env.iter().map(|(name, value)| (Text::from(*name), Text::from(*value))).collect(),
            cmd: vec!["/usr/bin/python3.11".into()],
            ..ImageConfig::default()
        };
        let inputs = Inputs { config: Some(&config), interpreter: None };
        let mut budget = Budget::default();
        let told =
            converse(&mut files, &mut Seen::new(), &mut budget, |seen| crate::environment(seen, &inputs))
                .unwrap();
        assert!(budget.rounds <= 12, "{} rounds", budget.rounds);
        told
    }

    fn cuda(files: Literal, env: &[(&str, &str)]) -> Cuda {
        let told = environment(files, env).stack.cuda.value().unwrap().clone();
        // The interpreter of these images is no whole ELF file.
        Cuda { doubts: Vec::new(), ..told }
    }

    fn libraries(libraries: &[DriverLibrary]) -> Vec<String> {
        let text = |text: Option<&Text>| text.map_or_else(|| "-".to_owned(), |t| t.to_lossy().into_owned());
        libraries
            .iter()
            .map(|library| {
                let (path, size) = (library.path.to_lossy(), library.size);
                format!(
                    "{path} {} {size} {}",
                    text(library.version.as_ref()),
                    text(library.loaded_by.as_ref())
                )
            })
            .collect()
    }

    fn toolkit(cuda: &Cuda) -> (String, Vec<String>) {
        let Some(toolkit) = &cuda.toolkit else { return ("none".into(), Vec::new()) };
        let seen = |e: &Evidence| format!("{}: {}", e.path.to_lossy(), e.detail.to_lossy());
        (toolkit.value().unwrap().to_lossy().into_owned(), toolkit.evidence().iter().map(seen).collect())
    }

    /// As the packages of a runtime image leave it.
    fn runtime() -> Literal {
        Literal::new()
            .link("/usr/local/cuda", "/etc/alternatives/cuda")
            .link("/etc/alternatives/cuda", "/usr/local/cuda-12.1")
            .file("/usr/local/cuda-12.1/compat/libcuda.so.530.30.02", "12345")
            .link("/usr/local/cuda-12.1/compat/libcuda.so.1", "libcuda.so.530.30.02")
            .file(
                "/var/lib/dpkg/status",
                "Package: cuda-cudart-12-1\nStatus: install ok installed\nVersion: 12.1.105-1\n\n\
                 Package: cuda-cudart-dev-12-1\nStatus: install ok installed\nVersion: 12.1.105-1\n\n\
                 Package: cuda-cudart-11-8\nStatus: deinstall ok config-files\nVersion: 11.8.89-1\n",
            )
    }

    #[test]
    fn a_toolkit_is_told_by_variable_files_and_packages() {
        let (version, seen) = toolkit(&cuda(runtime(), &[("CUDA_VERSION", "12.1.1")]));
        assert_eq!(version, "12.1.1");
        assert_eq!(
            seen,
            [
                "image configuration: CUDA_VERSION=12.1.1",
                "/usr/local/cuda: leads to /usr/local/cuda-12.1",
                "/var/lib/dpkg/status: cuda-cudart-12-1 12.1.105-1"
            ]
        );
        assert_eq!(toolkit(&cuda(runtime(), &[("CUDA_VERSION", "11.8.0")])).0, "12.1", "files count");
        let json =
            r#"{"cuda": {"name": "CUDA SDK", "version": "12.1.1"}, "cuda_cudart": {"version": "12.1.105"}}"#;
        let written = cuda(runtime().file("/usr/local/cuda-12.1/version.json", json), &[]);
        assert_eq!(toolkit(&written).0, "12.1.1");
        let old = Literal::new().file("/usr/local/cuda-10.2/version.txt", "CUDA Version 10.2.89\n");
        assert_eq!(toolkit(&cuda(old, &[])).0, "10.2.89");
        assert_eq!(toolkit(&cuda(Literal::new(), &[("CUDA_VERSION", "12.4.1")])).0, "12.4.1");
        assert_eq!(cuda(Literal::new(), &[]), Cuda::default());
    }

    #[test]
    fn compatibility_libraries_and_what_leads_to_them() {
        let path = "/usr/local/cuda-12.1/compat/libcuda.so.530.30.02";
        let told = cuda(runtime(), &[]);
        assert_eq!(libraries(&told.compat), [format!("{path} 530.30.02 5 -")]);
        assert_eq!(libraries(&told.driver), [""; 0]);
        let by = cuda(runtime(), &[("LD_LIBRARY_PATH", "/usr/local/cuda/compat:/x")]);
        assert_eq!(libraries(&by.compat), [format!("{path} 530.30.02 5 LD_LIBRARY_PATH")]);
        let conf = runtime()
            .file("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
            .file("/etc/ld.so.conf.d/compat.conf", "/usr/local/cuda-12.1/compat\n");
        let by = cuda(conf, &[]);
        assert_eq!(libraries(&by.compat), [format!("{path} 530.30.02 5 /etc/ld.so.conf.d/compat.conf")]);
        let link = runtime().link(&format!("{LIB}/libcuda.so.1"), "/usr/local/cuda/compat/libcuda.so.1");
        let by = cuda(link, &[]);
        assert_eq!(libraries(&by.compat), [format!("{path} 530.30.02 5 the loader's own folders")]);
        assert_eq!(libraries(&by.driver), [""; 0]);
    }

    #[test]
    fn a_driver_in_the_image_and_its_leftovers() {
        let package = Literal::new()
            .file(&format!("{LIB}/libcuda.so.535.104.05"), "driver")
            .link(&format!("{LIB}/libcuda.so.1"), "libcuda.so.535.104.05")
            .link(&format!("{LIB}/libcuda.so"), "libcuda.so.1")
            .file(&format!("{LIB}/libnvidia-ml.so.470.57.02"), "")
            .link(&format!("{LIB}/libnvidia-ml.so.1"), "/nowhere/libnvidia-ml.so.1");
        assert_eq!(
            libraries(&cuda(package, &[]).driver),
            [
                format!("{LIB}/libcuda.so.535.104.05 535.104.05 6 the loader's own folders"),
                format!("{LIB}/libnvidia-ml.so.470.57.02 470.57.02 0 the loader's own folders")
            ]
        );
    }

    #[test]
    fn stubs_on_the_path_and_stubs_to_link_with() {
        let stubs = "/usr/local/cuda-12.1/targets/x86_64-linux/lib/stubs";
        let toolkit = || {
            runtime()
                .file(&format!("{stubs}/libcuda.so"), "stub")
                .link("/usr/local/cuda-12.1/lib64", "targets/x86_64-linux/lib")
        };
        assert_eq!(cuda(toolkit(), &[("LIBRARY_PATH", "/usr/local/cuda/lib64/stubs")]).stubs, []);
        let on_path = [("LD_LIBRARY_PATH", "/usr/local/cuda/lib64/stubs")];
        assert_eq!(
            libraries(&cuda(toolkit(), &on_path).stubs),
            ["/usr/local/cuda/lib64/stubs/libcuda.so - 4 LD_LIBRARY_PATH"]
        );
        let linked = toolkit().link(&format!("{LIB}/libcuda.so.1"), &format!("{stubs}/libcuda.so"));
        assert_eq!(
            libraries(&cuda(linked, &[]).stubs),
            [format!("{LIB}/libcuda.so.1 - 4 the loader's own folders")]
        );
    }
}
