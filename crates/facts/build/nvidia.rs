//! `cuda.toml`, `drivers.toml` and `gpus.toml` come in; their static rows come out.

use serde::Deserialize;

use super::code::{At, Meta, Named, checked, read, row, rows};
use super::versions::{Capability, CudaVersion, DriverVersion, Numbers, Reach, Target};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CudaFile {
    meta: Meta,
    major: Vec<Major>,
    release: Vec<Release>,
    targets: Vec<Targets>,
    compat: Vec<Compat>,
    wheel_family: Vec<WheelFamily>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Major {
    cuda: String,
    min_driver_minor: Option<String>,
    note: Option<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    version: String,
    name: String,
    minor: String,
    min_driver_minor: String,
    toolkit_driver: Option<String>,
    sm_range: Option<String>,
    note: Option<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Targets {
    cuda: String,
    sm: Vec<String>,
    #[serde(default)]
    arch_specific: Vec<String>,
    #[serde(default)]
    family: Vec<String>,
    note: Option<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compat {
    package: String,
    driver_branch: String,
    #[serde(default)]
    host_branches: Vec<String>,
    #[serde(default)]
    later_rebuild_host_branches: Vec<String>,
    geforce_brands_listed: Option<bool>,
    note: Option<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WheelFamily {
    cuda_major: String,
    suffix: Option<String>,
    example: String,
    libcudart: String,
    libcublas: String,
    note: Option<String>,
    source: String,
}

fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The capability of a target with this suffix.
fn suffixed(reach: Reach) -> impl Fn(&str) -> Option<Capability> {
    move |text| Target::parse(text).filter(|t| t.reach == reach && !t.ptx).map(|t| t.capability)
}

pub fn cuda(text: &str) -> Result<String, String> {
    let file: CudaFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("major", "MAJORS", "Major"),
        &file.major,
        |r| r.cuda.clone(),
        |at, r| {
            let major = at.take("cuda", &r.cuda, whole::<u16>)?;
            let code = row!("Major",
                major: major,
                floor: at.maybe("min_driver_minor", r.min_driver_minor.as_ref(), DriverVersion::parse)?,
                note: at.text_if("note", r.note.as_ref())?,
                source: at.text("source", &r.source)?,
            );
            Ok((major, code))
        },
    )?;
    rows(
        &mut out,
        ("release", "RELEASES", "Release"),
        &file.release,
        |r| r.version.clone(),
        |at, r| {
            let numbers = at.take("version", &r.version, Numbers::parse)?;
            let cuda = at.take("minor", &r.minor, CudaVersion::parse)?;
            if CudaVersion::parse(&r.version) != Some(cuda) {
                return Err(at.fault("minor is not the minor of version"));
            }
            let code = row!("Release",
                version: at.text("version", &r.version)?,
                numbers: numbers,
                name: at.text("name", &r.name)?,
                cuda: cuda,
                floor: at.take("min_driver_minor", &r.min_driver_minor, DriverVersion::parse)?,
                toolkit_driver: at.maybe("toolkit_driver", r.toolkit_driver.as_ref(), DriverVersion::parse)?,
                capabilities: r.sm_range.as_ref().map(|t| at.range("sm_range", t, Capability::parse)).transpose()?,
                note: at.text_if("note", r.note.as_ref())?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((numbers, code))
        },
    )?;
    rows(
        &mut out,
        ("targets", "TARGETS", "Targets"),
        &file.targets,
        |r| r.cuda.clone(),
        |at, r| {
            let cuda = at.range("cuda", &r.cuda, CudaVersion::parse)?;
            let code = row!("Targets",
                cuda: cuda,
                sm: at.each("sm", &r.sm, Capability::parse)?,
                arch_specific: at.each("arch_specific", &r.arch_specific, suffixed(Reach::ArchSpecific))?,
                family: at.each("family", &r.family, suffixed(Reach::Family))?,
                note: at.text_if("note", r.note.as_ref())?,
                source: at.text("source", &r.source)?,
            );
            Ok((cuda, code))
        },
    )?;
    rows(
        &mut out,
        ("compat", "COMPAT_PACKAGES", "CompatPackage"),
        &file.compat,
        |r| r.package.clone(),
        |at, r| {
            let cuda = at.take("package", &r.package, |text| {
                let (major, minor) = text.strip_prefix("cuda-compat-")?.split_once('-')?;
                Some(CudaVersion::new(whole(major)?, whole(minor)?))
            })?;
            let branches = |column, texts: &[String]| at.each(column, texts, whole::<u16>);
            let code = row!("CompatPackage",
                package: at.text("package", &r.package)?,
                cuda: cuda,
                branch: at.take("driver_branch", &r.driver_branch, whole::<u16>)?,
                host_branches: branches("host_branches", &r.host_branches)?,
                later_host_branches: branches("later_rebuild_host_branches", &r.later_rebuild_host_branches)?,
                lists_geforce: r.geforce_brands_listed,
                note: at.text_if("note", r.note.as_ref())?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((cuda, code))
        },
    )?;
    let name = |r: &WheelFamily| r.cuda_major.clone();
    rows(&mut out, ("wheel_family", "WHEEL_FAMILIES", "WheelFamily"), &file.wheel_family, name, |at, r| {
        let major = at.take("cuda_major", &r.cuda_major, whole::<u16>)?;
        let code = row!("WheelFamily",
            major: major,
            suffix: at.text_if("suffix", r.suffix.as_ref())?,
            example: at.text("example", &r.example)?,
            libcudart: at.text("libcudart", &r.libcudart)?,
            libcublas: at.text("libcublas", &r.libcublas)?,
            note: at.text_if("note", r.note.as_ref())?,
            source: at.text("source", &r.source)?,
        );
        Ok((major, code))
    })?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DriverFile {
    meta: Meta,
    branch: Vec<Branch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Branch {
    branch: String,
    #[serde(rename = "type")]
    kind: String,
    max_cuda: Option<String>,
    end_of_life: Option<String>,
    #[serde(default)]
    end_of_life_unverified: bool,
    note: Option<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

/// `2026-06`
fn month(text: &str) -> Option<(u16, u8)> {
    let (year, month) = text.split_once('-')?;
    Some((whole(year)?, whole(month).filter(|m| (1..=12).contains(m))?))
}

pub fn drivers(text: &str) -> Result<String, String> {
    let file: DriverFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("branch", "BRANCHES", "Branch"),
        &file.branch,
        |r| r.branch.clone(),
        |at, r| {
            let branch = at.take("branch", &r.branch, whole::<u16>)?;
            let kind = match r.kind.as_str() {
                "LTSB" => "LongTerm",
                "production" => "Production",
                "new feature" => "NewFeature",
                "feature" => "Feature",
                "developer" => "Developer",
                other => return Err(at.fault(format_args!("type: {other:?} is no type of branch"))),
            };
            let code = row!("Branch",
                branch: branch,
                kind: Named(format!("BranchKind::{kind}")),
                cuda: at.maybe("max_cuda", r.max_cuda.as_ref(), CudaVersion::parse)?,
                end_of_life: at.maybe("end_of_life", r.end_of_life.as_ref(), month)?,
                end_of_life_unverified: r.end_of_life_unverified,
                note: at.text_if("note", r.note.as_ref())?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((branch, code))
        },
    )?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GpuFile {
    meta: Meta,
    gpu: Vec<Gpu>,
    generation: Vec<Generation>,
    instance: Vec<Instance>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gpu {
    name: String,
    cc: String,
    arch: String,
    kind: String,
    brand: Option<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generation {
    arch: String,
    cc: String,
    first_driver_branch: Option<String>,
    last_driver_branch: Option<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instance {
    cloud: String,
    #[serde(rename = "type")]
    kind: String,
    gpu: String,
    cc: String,
    #[serde(default)]
    unverified: bool,
    source: String,
}

/// The reference to a row of another table: `&CONSTANT[index]`.
fn reference<R>(
    at: &At<'_>,
    (column, constant): (&str, &str),
    others: &[R],
    matches: impl Fn(&R) -> bool,
) -> Result<Named, String> {
    let index = others
        .iter()
        .position(matches)
        .ok_or_else(|| at.fault(format_args!("{column}: there is no such row")))?;
    Ok(Named(format!("&{constant}[{index}]")))
}

pub fn gpus(text: &str) -> Result<String, String> {
    let file: GpuFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("generation", "GENERATIONS", "Generation"),
        &file.generation,
        |r| r.arch.clone(),
        |at, r| {
            let code = row!("Generation",
                name: at.text("arch", &r.arch)?,
                capabilities: at.range("cc", &r.cc, Capability::parse)?,
                first_branch: at.maybe("first_driver_branch", r.first_driver_branch.as_ref(), whole::<u16>)?,
                last_branch: at.maybe("last_driver_branch", r.last_driver_branch.as_ref(), whole::<u16>)?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((at.range("cc", &r.cc, Capability::parse)?.0, code))
        },
    )?;
    rows(
        &mut out,
        ("gpu", "GPUS", "Gpu"),
        &file.gpu,
        |r| r.name.clone(),
        |at, r| {
            if file.gpu.iter().filter(|other| other.name == r.name).count() > 1 {
                return Err(at.fault("stands twice"));
            }
            let capability = at.take("cc", &r.cc, Capability::parse)?;
            let kind = match r.kind.as_str() {
                "datacenter" => "Datacenter",
                "workstation" => "Workstation",
                "consumer" => "Consumer",
                "jetson" => "Jetson",
                other => return Err(at.fault(format_args!("kind: {other:?} is no kind of GPU"))),
            };
            let generation = file.generation.iter().find(|g| g.arch == r.arch);
            let range = generation.and_then(|g| at.range("cc", &g.cc, Capability::parse).ok());
            if !range.is_some_and(|(first, last)| first <= capability && capability <= last) {
                return Err(at.fault(format_args!("cc: {capability:?} is none of {:?}", r.arch)));
            }
            let code = row!("Gpu",
                name: at.text("name", &r.name)?,
                capability: capability,
                generation: reference(at, ("arch", "GENERATIONS"), &file.generation, |g| g.arch == r.arch)?,
                kind: Named(format!("Kind::{kind}")),
                brand: at.text_if("brand", r.brand.as_ref())?,
                source: at.text("source", &r.source)?,
            );
            Ok((at.row, code))
        },
    )?;
    rows(
        &mut out,
        ("instance", "INSTANCES", "Instance"),
        &file.instance,
        |r| r.kind.clone(),
        |at, r| {
            let gpu = file.gpu.iter().find(|gpu| gpu.name == r.gpu);
            if gpu.is_none_or(|gpu| gpu.cc != r.cc) {
                return Err(at.fault("gpu and cc are those of no row of [[gpu]]"));
            }
            let code = row!("Instance",
                cloud: at.text("cloud", &r.cloud)?,
                name: at.text("type", &r.kind)?,
                gpu: reference(at, ("gpu", "GPUS"), &file.gpu, |gpu| gpu.name == r.gpu)?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((at.row, code))
        },
    )?;
    Ok(out)
}
