//! The distributions of an environment come in; those that have C++ code for torch, with the CUDA that they were built for,
//! come out.

use envdiff_facts::CudaVersion;
use envdiff_facts::companions::{BuildLabel, LabelledCuda};
use envdiff_files::{Ask, ImagePath, Miss, Seen};
use envdiff_model::{Companion, Distribution, Environment, Evidence, Fact, Name, Text, say};

use super::version::{self, VersionFile};
use crate::limits::SOURCE_FILE;
use crate::python::ask::{self, Found};

/// Packages with C++ code that links torch, or that torch itself links, by normalised name; the folder whose `version.py`
/// and extension tell the CUDA that it was built for, where there is such.
const COMPANIONS: &[(&str, Option<&str>)] = &[
    ("apex", None),
    ("auto-gptq", None),
    ("bitsandbytes", None),
    ("causal-conv1d", None),
    ("detectron2", None),
    ("exllamav2", None),
    ("fbgemm-gpu", None),
    ("flash-attn", None),
    ("mamba-ssm", None),
    ("mmcv", None),
    ("mmcv-full", None),
    ("pyg-lib", None),
    ("torch-cluster", None),
    ("torch-scatter", None),
    ("torch-sparse", None),
    ("torch-spline-conv", None),
    ("torch-tensorrt", None),
    ("torchao", None),
    ("torchaudio", Some("torchaudio")),
    ("torchcodec", None),
    ("torchdata", None),
    ("torchrec", None),
    ("torchtext", None),
    ("torchvision", Some("torchvision")),
    ("transformer-engine", None),
    ("triton", None),
    ("vllm", None),
    ("xformers", None),
];

/// The extensions of torchvision and torchaudio, by age, below their folders: `DT_NEEDED` of a build for CUDA names its
/// runtime.
pub const EXTENSIONS: &[(&str, &[&str])] = &[
    ("torchaudio", &["lib/libtorchaudio.so", "lib/libtorchaudio.abi3.so"]),
    ("torchvision", &["_C.so", "_C_stable.so"]),
];

/// The companions, by name.
pub(super) fn derive(seen: &Seen, environment: &Environment) -> Result<Vec<Companion>, Miss> {
    let mut installed: Vec<(&str, Option<&str>, &Distribution)> = environment
        .distributions
        .iter()
        .filter(|found| !found.shadowed)
        .filter_map(|found| {
            let name = Name::new(found.name.as_ref()?.as_str()?);
            let (name, folder) = COMPANIONS.iter().find(|(known, _)| *known == name.as_str())?;
            Some((*name, *folder, found))
        })
        .collect();
    installed.sort_by_key(|(name, ..)| *name);
    installed.dedup_by_key(|(name, ..)| *name);
    let told = seen.each(&installed, |(_, folder, found)| cuda(seen, *folder, found));
    let each = seen.each(&installed, |(name, _, found)| each_cuda(seen, name, found))?;
    let companions =
        installed.iter().zip(told?).zip(each).filter_map(|(((name, _, found), cuda), each_cuda)| {
            Some(Companion { name: Text::from(*name), version: found.version.clone()?, cuda, each_cuda })
        });
    Ok(companions.collect())
}

/// bitsandbytes carries `libbitsandbytes_cuda118.so` and its kin side by side and loads the one for torch's CUDA: the names
/// tell for which it has one (`bitsandbytes/cextension.py`, 0.42.0 … 0.50.2: two digits of the major, then the minor).
fn each_cuda(seen: &Seen, name: &str, found: &Distribution) -> Result<Option<Fact<Vec<Text>>>, Miss> {
    if name != "bitsandbytes" {
        return Ok(None);
    }
    let Some(folder) = ImagePath::new(found.location.as_bytes()).and_then(|place| place.join(name)) else {
        return Ok(None);
    };
    let at = Text::from(folder.as_bytes());
    let listing = match ask::list(seen, &folder)? {
        Found::Is(listing) => listing,
        Found::Absent => return Ok(Some(Fact::unknown(say!(at, " is not there")))),
        Found::Unreadable(why) => return Ok(Some(Fact::unknown(say!(at, " cannot be read: ", why)))),
    };
    let digits = listing.entries.iter().filter_map(|(name, _)| {
        let code = name.strip_prefix(b"libbitsandbytes_cuda")?.strip_suffix(b".so")?;
        std::str::from_utf8(code).ok().filter(|code| code.bytes().all(|b| b.is_ascii_digit()))
    });
    let mut versions: Vec<CudaVersion> = digits
        .filter_map(|code| {
            let (major, minor) = code.split_at_checked(2)?;
            CudaVersion::parse(&format!("{major}.{minor}"))
        })
        .collect();
    versions.sort_unstable();
    let told = versions.into_iter().map(|version| Text::from(version.to_string())).collect();
    Ok(Some(Fact::known(told, Evidence::new(at, "libbitsandbytes_cuda….so"))))
}

/// By the label of `__version__` or of METADATA, else by what its extension links.
fn cuda(seen: &Seen, folder: Option<&str>, found: &Distribution) -> Result<Fact<Option<Text>>, Miss> {
    let place = folder.and_then(|folder| ImagePath::new(found.location.as_bytes())?.join(folder));
    let file = match place.as_ref().and_then(|place| place.join("version.py")) {
        Some(path) => own_version(seen, &path)?,
        None => None,
    };
    let of_metadata = found
        .version
        .as_ref()
        .map(|version| (version.clone(), Evidence::new(found.metadata.clone(), say!("Version: ", version))));
    for (version, evidence) in file.into_iter().chain(of_metadata) {
        if let Some(cuda) = labelled(&version) {
            return Ok(Fact::known(cuda, evidence));
        }
    }
    let Some(place) = place else {
        return Ok(Fact::unknown("its version names no build"));
    };
    by_extension(seen, folder.unwrap_or_default(), &place)
}

/// `__version__` of a `version.py`, where it is plain.
fn own_version(seen: &Seen, path: &ImagePath) -> Result<Option<(Text, Evidence)>, Miss> {
    let question = Ask::Read { path: path.clone(), limit: SOURCE_FILE };
    Ok(match ask::parsed(seen, path, SOURCE_FILE, version::parse)? {
        Found::Is(parsed) => match &*parsed {
            Ok(file) => VersionFile::text(file, "__version__").map(|version| {
                (version.clone(), ask::evidence(seen, &question, say!("__version__ = '", version, "'")))
            }),
            Err(_) => None,
        },
        // Its label is one way to tell the build; METADATA and the extension are others.
        Found::Absent | Found::Unreadable(_) => None,
    })
}

/// What the label of a version says: a known `None` is a CPU build.
fn labelled(version: &Text) -> Option<Option<Text>> {
    let (_, label) = version.as_str()?.split_once('+')?;
    Some(match BuildLabel::parse(label)?.cuda? {
        LabelledCuda::Cpu => None,
        LabelledCuda::Major(major) => Some(Text::from(major.to_string())),
        LabelledCuda::Version(version) => Some(Text::from(version.to_string())),
    })
}

/// The runtime that the extension of a build for CUDA needs: `libcudart.so.12`, so only a major, but of CUDA 11.0 alone
/// (whose name serves all of 11).
fn by_extension(seen: &Seen, name: &str, place: &ImagePath) -> Result<Fact<Option<Text>>, Miss> {
    let paths = EXTENSIONS.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, paths)| *paths);
    let paths: Vec<ImagePath> = paths.iter().filter_map(|path| place.join(path)).collect();
    let views = seen.each(&paths, |path| ask::elf(seen, path))?;
    let mut doubt = Text::from("its version names no build, and its extension is not there");
    for (path, view) in paths.iter().zip(views) {
        let view = match view {
            Found::Is(view) => view,
            Found::Absent => continue,
            Found::Unreadable(why) => {
                doubt = say!("its version names no build, and ", path.as_bytes(), " cannot be read: ", why);
                continue;
            }
        };
        let needs = |prefix: &[u8]| view.needed.iter().find(|needed| needed.starts_with(prefix));
        let evidence = |detail: Text| ask::evidence(seen, &Ask::Elf(path.clone()), detail);
        if let Some(runtime) = needs(b"libcudart.so.") {
            let major = runtime.split(|b| *b == b'.').nth(2).unwrap_or_default();
            if !major.is_empty() && major.iter().all(u8::is_ascii_digit) {
                return Ok(Fact::known(Some(Text::from(major)), evidence(say!("needs ", **runtime))));
            }
        }
        return Ok(match needs(b"libtorch_cuda").or_else(|| needs(b"libc10_cuda")) {
            Some(library) => {
                Fact::unknown(say!(path.as_bytes(), " needs ", **library, " and no CUDA runtime"))
            }
            None if needs(b"libtorch_hip").or_else(|| needs(b"libc10_hip")).is_some() => {
                Fact::unknown("a build for AMD's GPUs")
            }
            None => Fact::known(None, evidence("needs no library of CUDA".into())),
        });
    }
    Ok(Fact::Unknown { reason: doubt })
}
