//! `shared_files.toml`, `bad_pairs.toml`, `pkg_resources.toml` and `platform_only.toml` come in; their static rows come out.

use serde::Deserialize;

use super::code::{At, Meta, Named, checked, read, row, rows};

/// A normalised name (PEP 503).
fn name(text: &str) -> Option<&str> {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let parts = text.split('-').all(|part| !part.is_empty() && part.bytes().all(is_inner));
    parts.then_some(text)
}

/// Clauses of PEP 440 with commas between them; the judge's tests parse them whole.
fn specifier(text: &str) -> Option<&str> {
    let is_clause = |clause: &str| {
        let version = clause.trim_start_matches(['<', '>', '=', '!', '~']);
        clause.len() > version.len() && version.starts_with(|c: char| c.is_ascii_digit())
    };
    (!text.is_empty() && text.split(',').all(is_clause)).then_some(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedFile {
    meta: Meta,
    set: Vec<Set>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    package: String,
    distributions: Vec<String>,
    source: String,
}

pub fn shared_files(text: &str) -> Result<String, String> {
    let file: SharedFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("set", "SETS", "Set"),
        &file.set,
        |r| r.package.clone(),
        |at, r| {
            let distributions = at.each("distributions", &r.distributions, |n| name(n).map(str::to_owned))?;
            if distributions.len() < 2 {
                return Err(at.fault("distributions: one alone shares nothing"));
            }
            let code = row!("Set",
                package: at.text("package", &r.package)?,
                distributions: distributions.iter().map(String::as_str).collect::<Vec<_>>(),
                source: at.text("source", &r.source)?,
            );
            Ok((r.package.clone(), code))
        },
    )?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairFile {
    meta: Meta,
    pair: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    package: String,
    versions: String,
    other: String,
    other_versions: String,
    says: String,
    python: String,
    fails: Vec<String>,
    works: Vec<String>,
    import: String,
    source: String,
}

impl Pair {
    /// What the script that tries the row needs.
    fn check(&self, at: &At<'_>) -> Result<(), String> {
        at.take("python", &self.python, super::versions::Minor::parse)?;
        at.text("import", &self.import)?;
        for (column, pins) in [("fails", &self.fails), ("works", &self.works)] {
            let names = |wanted: &str| pins.iter().any(|pin| pin.split("==").next() == Some(wanted));
            if !names(&self.package) || !names(&self.other) {
                return Err(at.fault(format_args!("{column}: wants a version of both packages")));
            }
        }
        Ok(())
    }
}

pub fn bad_pairs(text: &str) -> Result<String, String> {
    let file: PairFile = read(text)?;
    let mut out = checked(&file.meta)?;
    let called = |r: &Pair| format!("{} with {}", r.package, r.other);
    rows(&mut out, ("pair", "PAIRS", "Pair"), &file.pair, called, |at, r| {
        r.check(at)?;
        let code = row!("Pair",
            package: at.take("package", &r.package, |n| name(n).map(str::to_owned))?.as_str(),
            versions: at.take("versions", &r.versions, |n| specifier(n).map(str::to_owned))?.as_str(),
            other: at.take("other", &r.other, |n| name(n).map(str::to_owned))?.as_str(),
            other_versions: at.take("other_versions", &r.other_versions, |n| specifier(n).map(str::to_owned))?.as_str(),
            import: r.import.as_str(),
            says: at.text("says", &r.says)?,
            source: at.text("source", &r.source)?,
        );
        Ok(((r.package.clone(), r.other.clone()), code))
    })?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserFile {
    meta: Meta,
    user: Vec<User>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    package: String,
    versions: String,
    import: String,
    python: String,
    fails: Vec<String>,
    works: Vec<String>,
    source: String,
}

pub fn pkg_resources(text: &str) -> Result<String, String> {
    let file: UserFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("user", "USERS", "User"),
        &file.user,
        |r| r.package.clone(),
        |at, r| {
            at.take("python", &r.python, super::versions::Minor::parse)?;
            if r.fails.is_empty() || !r.works.iter().any(|pin| pin.starts_with("setuptools==")) {
                return Err(at.fault("works: wants a setuptools that has pkg_resources"));
            }
            let code = row!("User",
                package: at.take("package", &r.package, |n| name(n).map(str::to_owned))?.as_str(),
                versions: at.take("versions", &r.versions, |n| specifier(n).map(str::to_owned))?.as_str(),
                import: at.text("import", &r.import)?,
                source: at.text("source", &r.source)?,
            );
            Ok((r.package.clone(), code))
        },
    )?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyFile {
    meta: Meta,
    only: Vec<Only>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    package: String,
    platform: String,
    source: String,
}

pub fn platform_only(text: &str) -> Result<String, String> {
    let file: OnlyFile = read(text)?;
    let mut out = checked(&file.meta)?;
    rows(
        &mut out,
        ("only", "ONLY", "Only"),
        &file.only,
        |r| r.package.clone(),
        |at, r| {
            let code = row!("Only",
                package: at.take("package", &r.package, |n| name(n).map(str::to_owned))?.as_str(),
                platform: at.take("platform", &r.platform, |p| match p {
                    "macos" => Some(Named("Platform::MacOs".into())),
                    "windows" => Some(Named("Platform::Windows".into())),
                    _ => None,
                })?,
                source: at.text("source", &r.source)?,
            );
            Ok((r.package.clone(), code))
        },
    )?;
    Ok(out)
}
