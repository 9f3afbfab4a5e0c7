//! `cudnn.toml`, `numpy_abi.toml`, `glibc.toml`, `java.toml` and `native.toml` come in; their static rows come out.

use serde::Deserialize;

use super::code::{At, Code, Meta, Named, checked, read, row, rows};
use super::versions::{Capability, CudaVersion, DriverVersion, Minor, Numbers};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CudnnFile {
    meta: Meta,
    line: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    cudnn: String,
    cuda: String,
    min_driver: String,
    sm_range: String,
    soname: String,
    note: Option<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

pub fn cudnn(text: &str) -> Result<String, String> {
    let file: CudnnFile = read(text)?;
    let mut out = checked(&file.meta)?;
    let name = |r: &Line| format!("{} for CUDA {}", r.cudnn, r.cuda);
    rows(&mut out, ("line", "LINES", "Line"), &file.line, name, |at, r| {
        let versions = at.range("cudnn", &r.cudnn, Minor::parse)?;
        let cuda = match r.cuda.strip_suffix(".x") {
            Some(major) => {
                let major = at.take("cuda", major, |t| t.parse().ok())?;
                (CudaVersion::new(major, 0), CudaVersion::new(major, u16::MAX))
            }
            None => at.range("cuda", &r.cuda, CudaVersion::parse)?,
        };
        let code = row!("Line",
            versions: versions,
            cuda: cuda,
            min_driver: at.take("min_driver", &r.min_driver, DriverVersion::parse)?,
            capabilities: at.range("sm_range", &r.sm_range, Capability::parse)?,
            soname: at.text("soname", &r.soname)?,
            note: at.text_if("note", r.note.as_ref())?,
            unverified: r.unverified,
            source: at.text("source", &r.source)?,
        );
        Ok(((versions.0.major, cuda.0.major, versions, cuda), code))
    })?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumpyFile {
    meta: Meta,
    numpy: Vec<Numpy>,
    torch: Vec<TorchSide>,
    first_for_numpy_2: Vec<FirstForNumpy2>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numpy {
    version: String,
    abi: String,
    api: String,
    requires_python: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TorchSide {
    since: Option<String>,
    before: Option<String>,
    built_against: u8,
    detail: String,
    with_numpy_2: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstForNumpy2 {
    name: String,
    version: String,
    #[serde(default)]
    unverified: bool,
    source: String,
}

/// `0x0D`
fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

pub fn numpy_abi(text: &str) -> Result<String, String> {
    let file: NumpyFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("numpy", "RELEASES", "Release"),
        &file.numpy,
        |r| r.version.clone(),
        |at, r| {
            let numbers = at.take("version", &r.version, Numbers::parse)?;
            let code = row!("Release",
                version: at.text("version", &r.version)?,
                numbers: numbers,
                abi: at.take("abi", &r.abi, hexadecimal)?,
                api: at.take("api", &r.api, hexadecimal)?,
                requires_python: at.text("requires_python", &r.requires_python)?,
                source: at.text("source", &r.source)?,
            );
            Ok((numbers, code))
        },
    )?;
    let name = |r: &TorchSide| format!("built against {}", r.built_against);
    rows(&mut out, ("torch", "TORCH_SIDES", "TorchSide"), &file.torch, name, |at, r| {
        let since = at.maybe("since", r.since.as_ref(), Minor::parse)?;
        let code = row!("TorchSide",
            since: since,
            before: at.maybe("before", r.before.as_ref(), Minor::parse)?,
            built_against: r.built_against,
            detail: at.text("detail", &r.detail)?,
            with_numpy_2: at.text("with_numpy_2", &r.with_numpy_2)?,
            source: at.text("source", &r.source)?,
        );
        Ok((since, code))
    })?;
    let table = ("first_for_numpy_2", "FIRST_FOR_NUMPY_2", "FirstForNumpy2");
    rows(
        &mut out,
        table,
        &file.first_for_numpy_2,
        |r| r.name.clone(),
        |at, r| {
            let code = row!("FirstForNumpy2",
                name: at.text("name", &r.name)?,
                version: at.take("version", &r.version, |t| Numbers::parse(t).map(|_| Named(format!("{t:?}"))))?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((r.name.clone(), code))
        },
    )?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GlibcFile {
    meta: Meta,
    distribution: Vec<Distribution>,
    gcc: Vec<Gcc>,
    tag: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Distribution {
    name: String,
    os_release: Vec<String>,
    libc: String,
    version: String,
    glibcxx: Option<String>,
    cxxabi: Option<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gcc {
    version: String,
    glibcxx: String,
    cxxabi: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    tag: String,
    glibc: Option<String>,
    musl: Option<String>,
    note: Option<String>,
    source: String,
}

/// `ubuntu 22.04`, as two values.
fn os_release(text: &str) -> Option<Named> {
    let (id, version) = text.split_once(' ').filter(|(id, version)| !id.is_empty() && !version.is_empty())?;
    Some(Named(format!("({id:?}, {version:?})")))
}

pub fn glibc(text: &str) -> Result<String, String> {
    let file: GlibcFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("distribution", "DISTRIBUTIONS", "Distribution"),
        &file.distribution,
        |r| r.name.clone(),
        |at, r| {
            let twice =
                |id: &String| file.distribution.iter().filter(|d| d.os_release.contains(id)).count() > 1;
            if r.os_release.is_empty() || r.os_release.iter().any(twice) {
                return Err(at.fault("os_release: is empty, or stands in two rows"));
            }
            let libc = match r.libc.as_str() {
                "glibc" => Named(format!("Libc::Glibc({})", minor(at, &r.version)?)),
                "musl" => {
                    Named(format!("Libc::Musl({})", at.take("version", &r.version, Numbers::parse)?.code()))
                }
                other => return Err(at.fault(format_args!("libc: {other:?} is neither glibc nor musl"))),
            };
            let code = row!("Distribution",
                name: at.text("name", &r.name)?,
                os_release: at.each("os_release", &r.os_release, os_release)?,
                libc: libc,
                glibcxx: at.maybe("glibcxx", r.glibcxx.as_ref(), Numbers::parse)?,
                cxxabi: at.maybe("cxxabi", r.cxxabi.as_ref(), Numbers::parse)?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((at.row, code))
        },
    )?;
    rows(
        &mut out,
        ("gcc", "GCCS", "Gcc"),
        &file.gcc,
        |r| r.version.clone(),
        |at, r| {
            let numbers = at.take("version", &r.version, Numbers::parse)?;
            let code = row!("Gcc",
                version: at.text("version", &r.version)?,
                numbers: numbers,
                glibcxx: at.take("glibcxx", &r.glibcxx, Numbers::parse)?,
                cxxabi: at.take("cxxabi", &r.cxxabi, Numbers::parse)?,
                source: at.text("source", &r.source)?,
            );
            Ok((numbers, code))
        },
    )?;
    rows(
        &mut out,
        ("tag", "TAGS", "Tag"),
        &file.tag,
        |r| r.tag.clone(),
        |at, r| {
            let floor = match (&r.glibc, &r.musl) {
                (Some(version), None) => format!("Floor::Glibc({})", minor(at, version)?),
                (None, Some(version)) => format!("Floor::Musl({})", minor(at, version)?),
                (None, None) => "Floor::NotTold".into(),
                (Some(_), Some(_)) => return Err(at.fault("has glibc and musl")),
            };
            let code = row!("Tag",
                tag: at.text("tag", &r.tag)?,
                floor: Named(floor),
                note: at.text_if("note", r.note.as_ref())?,
                source: at.text("source", &r.source)?,
            );
            Ok((at.row, code))
        },
    )?;
    Ok(out)
}

fn minor(at: &At<'_>, text: &str) -> Result<String, String> {
    Ok(at.take("version", text, Minor::parse)?.code())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JavaFile {
    meta: Meta,
    torchserve: Vec<Torchserve>,
    class_file: Vec<ClassFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Torchserve {
    version: String,
    class_file: u16,
    documented: u16,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassFile {
    major: u16,
    java: u16,
    source: String,
}

pub fn java(text: &str) -> Result<String, String> {
    let file: JavaFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("torchserve", "TORCHSERVES", "Torchserve"),
        &file.torchserve,
        |r| r.version.clone(),
        |at, r| {
            let numbers = at.take("version", &r.version, Numbers::parse)?;
            if !file.class_file.iter().any(|c| c.major == r.class_file) {
                return Err(at.fault("class_file: is no row of [[class_file]]"));
            }
            let code = row!("Torchserve",
                version: at.text("version", &r.version)?,
                numbers: numbers,
                class_file: r.class_file,
                documented: r.documented,
                source: at.text("source", &r.source)?,
            );
            Ok((numbers, code))
        },
    )?;
    rows(
        &mut out,
        ("class_file", "CLASS_FILES", "ClassFile"),
        &file.class_file,
        |r| r.major.to_string(),
        |at, r| {
            let code = row!("ClassFile", major: r.major, java: r.java, source: at.text("source", &r.source)?);
            Ok((r.major, code))
        },
    )?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NativeFile {
    meta: Meta,
    package: Vec<Package>,
    library: Vec<Library>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Library {
    soname: String,
    debian: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    distributions: Vec<String>,
    modules: Vec<String>,
    numpy: Option<String>,
    source: String,
}

/// `numpy/_core/_simd`
fn module(text: &str) -> Option<Named> {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    text.split('/').all(is_part).then(|| Named(format!("{text:?}")))
}

pub fn native(text: &str) -> Result<String, String> {
    let file: NativeFile = read(text)?;
    let mut out = checked(&file.meta)?;
    let name = |r: &Package| r.distributions.first().cloned().unwrap_or_default();
    rows(&mut out, ("package", "PACKAGES", "Package"), &file.package, name, |at, r| {
        if r.distributions.is_empty() || r.modules.is_empty() {
            return Err(at.fault("distributions or modules is empty"));
        }
        let twice = |id: &String| file.package.iter().filter(|d| d.distributions.contains(id)).count() > 1;
        if r.distributions.iter().any(twice) {
            return Err(at.fault("distributions: stands in two rows"));
        }
        if r.numpy.as_ref().is_some_and(|probe| !r.modules.contains(probe)) {
            return Err(at.fault("numpy: is none of modules"));
        }
        let code = row!("Package",
            distributions: at.texts("distributions", &r.distributions)?,
            modules: at.each("modules", &r.modules, module)?,
            numpy: at.text_if("numpy", r.numpy.as_ref())?,
            source: at.text("source", &r.source)?,
        );
        Ok((name(r), code))
    })?;
    let name = |r: &Library| r.soname.clone();
    rows(&mut out, ("library", "LIBRARIES", "Library"), &file.library, name, |at, r| {
        let code = row!("Library",
            soname: at.text("soname", &r.soname)?,
            debian: at.text("debian", &r.debian)?,
            source: at.text("source", &r.source)?,
        );
        Ok((r.soname.clone(), code))
    })?;
    Ok(out)
}
