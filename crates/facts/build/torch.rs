//! `torch.toml` comes in; releases, builds and what stands for aarch64 come out.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::code::{At, Meta, Named, checked, date, read, row, rows};
use super::versions::{Capability, CudaVersion, Minor, Numbers, Variant};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    meta: Meta,
    torch: Vec<Release>,
    build: Vec<Build>,
    aarch64: Vec<Aarch64>,
    aarch64_build: Vec<Aarch64Build>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    version: String,
    released: String,
    requires_python: String,
    pythons: Vec<String>,
    #[serde(default)]
    free_threaded: Vec<String>,
    index_variants: Vec<String>,
    #[serde(default)]
    index_variants_unverified: bool,
    pypi_variant: String,
    pypi_cuda: String,
    pypi_cudnn: Option<String>,
    pypi_nccl: Option<String>,
    pypi_triton: Option<String>,
    pypi_triton_marker: Option<String>,
    pypi_cuda_toolkit: Option<String>,
    pypi_wheel_tags_x86_64: Vec<String>,
    #[serde(default)]
    pypi_wheel_tags_aarch64: Vec<String>,
    glibc_min: String,
    cxx11_abi: bool,
    #[serde(default)]
    cxx11_abi_exceptions: Vec<String>,
    numpy_abi_built: String,
    cuda_libs: String,
    requires: Vec<String>,
    #[serde(default)]
    nvidia: BTreeMap<String, String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    torch: String,
    variant: String,
    cuda: String,
    on_pypi: bool,
    sm: Vec<String>,
    #[serde(default)]
    ptx: Vec<String>,
    cudnn: Option<String>,
    nccl: Option<String>,
    cxx11_abi: bool,
    glibc_min: String,
    #[serde(default)]
    unverified: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aarch64 {
    since: Option<String>,
    until: Option<String>,
    pypi: String,
    #[serde(default)]
    unverified: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aarch64Build {
    variants: Vec<String>,
    sm: Vec<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

pub fn torch(text: &str) -> Result<String, String> {
    let file: File = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(&mut out, ("torch", "RELEASES", "Release"), &file.torch, |r| r.version.clone(), release)?;
    let name = |b: &Build| format!("{} {}", b.torch, b.variant);
    rows(&mut out, ("build", "BUILDS", "Build"), &file.build, name, build)?;
    let name = |a: &Aarch64| a.pypi.clone();
    rows(&mut out, ("aarch64", "AARCH64", "Aarch64"), &file.aarch64, name, |at, r| {
        let since = at.maybe("since", r.since.as_ref(), Minor::parse)?;
        let code = row!("Aarch64",
            since: since,
            until: at.maybe("until", r.until.as_ref(), Minor::parse)?,
            has_cuda: match r.pypi.as_str() {
                "cuda" => true,
                "cpu" => false,
                other => return Err(at.fault(format_args!("pypi: {other:?} is neither cuda nor cpu"))),
            },
            unverified: r.unverified,
            source: at.text("source", &r.source)?,
        );
        Ok((since, code))
    })?;
    let name = |a: &Aarch64Build| a.variants.join(" ");
    rows(
        &mut out,
        ("aarch64_build", "AARCH64_BUILDS", "Aarch64Build"),
        &file.aarch64_build,
        name,
        |at, r| {
            let variants = at.each("variants", &r.variants, Variant::parse)?;
            let first = *variants.first().ok_or_else(|| at.fault("variants: is empty"))?;
            let code = row!("Aarch64Build",
                variants: variants,
                sm: capabilities(at, "sm", &r.sm)?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((first, code))
        },
    )?;
    Ok(out)
}

/// Capabilities that rise.
fn capabilities(at: &At<'_>, column: &str, texts: &[String]) -> Result<Vec<Capability>, String> {
    let list = at.each(column, texts, Capability::parse)?;
    if !list.is_sorted_by(|a, b| a < b) {
        return Err(at.fault(format_args!("{column}: {texts:?} is not in order")));
    }
    Ok(list)
}

/// Dotted numbers, kept as they are written.
fn dotted(at: &At<'_>, column: &str, text: Option<&String>) -> Result<Option<Named>, String> {
    at.maybe(column, text, |t| Numbers::parse(t).map(|_| Named(format!("{t:?}"))))
}

fn release(at: &At<'_>, r: &Release) -> Result<((Numbers,), String), String> {
    let numbers = at.take("version", &r.version, Numbers::parse)?;
    let variant = at.take("pypi_variant", &r.pypi_variant, Variant::parse)?;
    let cuda = at.take("pypi_cuda", &r.pypi_cuda, CudaVersion::parse)?;
    if variant.cuda() != Some(cuda) {
        return Err(at.fault("pypi_cuda is not the CUDA of pypi_variant"));
    }
    let wheel = row!("IndexWheel",
        variant: variant,
        cuda: cuda,
        cudnn: dotted(at, "pypi_cudnn", r.pypi_cudnn.as_ref())?,
        nccl: dotted(at, "pypi_nccl", r.pypi_nccl.as_ref())?,
        triton: at.text_if("pypi_triton", r.pypi_triton.as_ref())?,
        triton_marker: at.text_if("pypi_triton_marker", r.pypi_triton_marker.as_ref())?,
        cuda_toolkit: dotted(at, "pypi_cuda_toolkit", r.pypi_cuda_toolkit.as_ref())?,
        tags_x86_64: at.texts("pypi_wheel_tags_x86_64", &r.pypi_wheel_tags_x86_64)?,
        tags_aarch64: at.texts("pypi_wheel_tags_aarch64", &r.pypi_wheel_tags_aarch64)?,
    );
    let nvidia = r.nvidia.iter().map(|(name, specifier)| Ok((name.as_str(), at.text(name, specifier)?)));
    let code = row!("Release",
        version: at.text("version", &r.version)?,
        numbers: numbers,
        released: at.take("released", &r.released, |t| date(t).map(|_| Named(format!("{t:?}"))))?,
        requires_python: at.text("requires_python", &r.requires_python)?,
        pythons: at.each("pythons", &r.pythons, Minor::parse)?,
        free_threaded: at.texts("free_threaded", &r.free_threaded)?,
        index_variants: at.each("index_variants", &r.index_variants, Variant::parse)?,
        index_variants_unverified: r.index_variants_unverified,
        package_index: Named(wheel),
        glibc_min: at.take("glibc_min", &r.glibc_min, Minor::parse)?,
        cxx11_abi: r.cxx11_abi,
        cxx11_abi_exceptions: at.each("cxx11_abi_exceptions", &r.cxx11_abi_exceptions, Variant::parse)?,
        numpy_built_against: at.take("numpy_abi_built", &r.numpy_abi_built, |t| t.parse::<u8>().ok())?,
        cuda_libraries: match r.cuda_libs.as_str() {
            "bundled" => Named("CudaLibraries::Bundled".into()),
            "wheels" => Named("CudaLibraries::Wheels".into()),
            other => return Err(at.fault(format_args!("cuda_libs: {other:?} is neither bundled nor wheels"))),
        },
        requires: at.texts("requires", &r.requires)?,
        nvidia: nvidia.collect::<Result<Vec<_>, String>>()?,
        source: at.text("source", &r.source)?,
    );
    Ok(((numbers,), code))
}

fn build(at: &At<'_>, r: &Build) -> Result<((Minor, Variant), String), String> {
    let torch = at.take("torch", &r.torch, Minor::parse)?;
    let variant = at.take("variant", &r.variant, Variant::parse)?;
    let cuda = at.take("cuda", &r.cuda, CudaVersion::parse)?;
    if variant.cuda() != Some(cuda) {
        return Err(at.fault("cuda is not the CUDA of variant"));
    }
    let sm = capabilities(at, "sm", &r.sm)?;
    if sm.is_empty() {
        return Err(at.fault("sm: is empty"));
    }
    let code = row!("Build",
        torch: torch,
        variant: variant,
        cuda: cuda,
        on_package_index: r.on_pypi,
        sm: sm,
        ptx: capabilities(at, "ptx", &r.ptx)?,
        cudnn: dotted(at, "cudnn", r.cudnn.as_ref())?,
        nccl: dotted(at, "nccl", r.nccl.as_ref())?,
        cxx11_abi: r.cxx11_abi,
        glibc_min: at.take("glibc_min", &r.glibc_min, Minor::parse)?,
        unverified: r.unverified,
        source: at.text("source", &r.source)?,
    );
    Ok(((torch, variant), code))
}
