//! `companions.toml` comes in; companions and what they are built for come out.

use serde::Deserialize;

use super::code::{At, Meta, Named, checked, read, row, rows};
use super::versions::{Minor, Numbers};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    meta: Meta,
    companion: Vec<Companion>,
    built_for: Vec<BuiltFor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Companion {
    name: String,
    version: String,
    torch: Option<String>,
    names_torch: Option<bool>,
    requires_python: Option<String>,
    #[serde(default)]
    requires: Vec<String>,
    wheel: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltFor {
    name: String,
    version: String,
    torch: String,
    #[serde(default)]
    unverified: bool,
    source: String,
}

/// One clause of PEP 440: an operator and a version of numbers, a local label, a star.
fn is_clause(clause: &str) -> bool {
    let version = clause.trim_start_matches(['<', '>', '=', '!', '~']);
    let Some(operator) = clause.strip_suffix(version) else { return false };
    let star = version.strip_suffix(".*");
    let (public, local) = match version.split_once('+') {
        Some((public, local)) => (public, Some(local)),
        None => (star.unwrap_or(version), None),
    };
    let equality = matches!(operator, "==" | "!=");
    matches!(operator, "==" | "!=" | "<=" | ">=" | "<" | ">" | "~=")
        && (star.is_none() || equality)
        && local.is_none_or(|label| {
            equality && !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
        })
        && Numbers::split(public).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(".post"))
}

/// Clauses with commas between them, as they are written.
fn specifier(text: &str) -> Option<Named> {
    (!text.is_empty() && text.split(',').all(is_clause)).then(|| Named(format!("{text:?}")))
}

fn companion(at: &At<'_>, r: &Companion) -> Result<((String, Numbers, String), String), String> {
    let (numbers, suffix) = Numbers::split(&r.version).ok_or_else(|| at.fault("version cannot be read"))?;
    let torch = match (&r.torch, r.names_torch) {
        (Some(text), None) => format!("TorchNeed::Specifier({})", at.take("torch", text, specifier)?.0),
        (None, Some(true)) => "TorchNeed::AnyVersion".into(),
        (None, Some(false)) => "TorchNeed::NotNamed".into(),
        _ => return Err(at.fault("wants either torch or names_torch")),
    };
    let code = row!("Companion",
        name: at.text("name", &r.name)?,
        version: at.text("version", &r.version)?,
        numbers: numbers,
        suffix: suffix,
        torch: Named(torch),
        requires_python: at.maybe("requires_python", r.requires_python.as_ref(), specifier)?,
        requires: at.texts("requires", &r.requires)?,
        wheel: at.text("wheel", &r.wheel)?,
        source: at.text("source", &r.source)?,
    );
    Ok(((r.name.clone(), numbers, suffix.to_owned()), code))
}

pub fn companions(text: &str) -> Result<String, String> {
    let file: File = read(text)?;
    let mut out = checked(&file.meta)?;
    let name = |r: &Companion| format!("{} {}", r.name, r.version);
    rows(&mut out, ("companion", "COMPANIONS", "Companion"), &file.companion, name, companion)?;
    let name = |r: &BuiltFor| format!("{} {}", r.name, r.version);
    rows(&mut out, ("built_for", "BUILT_FOR", "BuiltFor"), &file.built_for, name, |at, r| {
        let minor = at.take("version", &r.version, Minor::parse)?;
        let code = row!("BuiltFor",
            name: at.text("name", &r.name)?,
            minor: minor,
            torch: at.take("torch", &r.torch, Minor::parse)?,
            unverified: r.unverified,
            source: at.text("source", &r.source)?,
        );
        Ok(((r.name.clone(), minor), code))
    })?;
    Ok(out)
}
