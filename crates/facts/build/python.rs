//! `python_stdlib.toml`, `import_names.toml`, `module_names.toml` and `conda_names.toml` come in; their static rows come out, sorted by name.

use serde::Deserialize;

use super::code::{Meta, checked, read, row, rows};
use super::versions::Minor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StdlibFile {
    meta: Meta,
    removed: Vec<Removed>,
    added: Vec<Added>,
    removed_name: Vec<Name>,
    added_name: Vec<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Removed {
    module: String,
    in_python: String,
    replacement: Option<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Added {
    module: String,
    in_python: String,
    backport: Option<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    name: String,
    in_python: String,
    #[serde(default)]
    unverified: bool,
    source: String,
}

/// A dotted name of Python.
fn dotted_name(text: &str) -> Option<&str> {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    text.split('.').all(is_part).then_some(text)
}

pub fn stdlib(text: &str) -> Result<String, String> {
    let file: StdlibFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("removed", "REMOVED", "Removed"),
        &file.removed,
        |r| r.module.clone(),
        |at, r| {
            dotted_name(&r.module).ok_or_else(|| at.fault("module: is no name"))?;
            let code = row!("Removed",
                module: r.module.as_str(),
                python: at.take("in_python", &r.in_python, Minor::parse)?,
                replacement: at.text_if("replacement", r.replacement.as_ref())?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((r.module.clone(), code))
        },
    )?;
    rows(
        &mut out,
        ("added", "ADDED", "Added"),
        &file.added,
        |r| r.module.clone(),
        |at, r| {
            dotted_name(&r.module).ok_or_else(|| at.fault("module: is no name"))?;
            let code = row!("Added",
                module: r.module.as_str(),
                python: at.take("in_python", &r.in_python, Minor::parse)?,
                backport: at.text_if("backport", r.backport.as_ref())?,
                unverified: r.unverified,
                source: at.text("source", &r.source)?,
            );
            Ok((r.module.clone(), code))
        },
    )?;
    for (table, constant, list) in [
        ("removed_name", "REMOVED_NAMES", &file.removed_name),
        ("added_name", "ADDED_NAMES", &file.added_name),
    ] {
        rows(
            &mut out,
            (table, constant, "ChangedName"),
            list,
            |r| r.name.clone(),
            |at, r| {
                dotted_name(&r.name).ok_or_else(|| at.fault("name: is no name"))?;
                let code = row!("ChangedName",
                    name: r.name.as_str(),
                    python: at.take("in_python", &r.in_python, Minor::parse)?,
                    unverified: r.unverified,
                    source: at.text("source", &r.source)?,
                );
                Ok((r.name.clone(), code))
            },
        )?;
    }
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportFile {
    meta: Meta,
    import: Vec<Import>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    name: String,
    distributions: Vec<String>,
    #[serde(default)]
    not_on_package_index: Vec<String>,
    #[serde(default)]
    unverified: bool,
    source: String,
}

pub fn import_names(text: &str) -> Result<String, String> {
    let file: ImportFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("import", "IMPORTS", "Import"),
        &file.import,
        |r| r.name.clone(),
        |at, r| {
            dotted_name(&r.name).ok_or_else(|| at.fault("name: is no name"))?;
            if r.distributions.is_empty() {
                return Err(at.fault("distributions: is empty"));
            }
            if let Some(stray) = r.not_on_package_index.iter().find(|name| !r.distributions.contains(name)) {
                return Err(
                    at.fault(format_args!("not_on_package_index: {stray:?} is none of its distributions"))
                );
            }
            let code = row!("Import",
                name: r.name.as_str(),
                distributions: at.texts("distributions", &r.distributions)?,
                not_on_package_index: at.texts("not_on_package_index", &r.not_on_package_index)?,
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
struct ModuleNameFile {
    meta: Meta,
    module_name: Vec<ModuleName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModuleName {
    distribution: String,
    module: String,
    name: String,
    first: bool,
    changes: Vec<String>,
    asked: String,
    source: String,
}

pub fn module_names(text: &str) -> Result<String, String> {
    let file: ModuleNameFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("module_name", "MODULE_NAMES", "ModuleName"),
        &file.module_name,
        |r| format!("{}.{}", r.module, r.name),
        |at, r| {
            dotted_name(&r.module).ok_or_else(|| at.fault("module: is no name"))?;
            dotted_name(&r.name).ok_or_else(|| at.fault("name: is no name"))?;
            let changes: Vec<Minor> = r
                .changes
                .iter()
                .map(|text| at.take("changes", text, Minor::parse))
                .collect::<Result<_, _>>()?;
            let asked = at.take("asked", &r.asked, Minor::parse)?;
            if changes.is_empty() || !changes.is_sorted_by(|a, b| a < b) || changes.last() > Some(&asked) {
                return Err(at.fault("changes: are none, not in order, or beyond what was asked"));
            }
            let code = row!("ModuleName",
                distribution: at.text("distribution", &r.distribution)?,
                module: r.module.as_str(),
                name: r.name.as_str(),
                first: r.first,
                changes: changes,
                asked: asked,
                source: at.text("source", &r.source)?,
            );
            Ok(((r.module.clone(), r.name.clone()), code))
        },
    )?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CondaFile {
    meta: Meta,
    conda: Vec<CondaName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CondaName {
    name: String,
    distribution: Option<String>,
    source: String,
}

pub fn conda_names(text: &str) -> Result<String, String> {
    let file: CondaFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("conda", "CONDA_NAMES", "CondaName"),
        &file.conda,
        |r| r.name.clone(),
        |at, r| {
            let is_name =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
            if r.name.is_empty() || !r.name.chars().all(is_name) {
                return Err(at.fault("name: is none of conda's"));
            }
            if let Some(distribution) = &r.distribution {
                at.text("distribution", distribution)?;
            }
            let code = row!("CondaName",
                name: r.name.as_str(),
                distribution: r.distribution.as_deref(),
                source: at.text("source", &r.source)?,
            );
            Ok((r.name.clone(), code))
        },
    )?;
    Ok(out)
}
