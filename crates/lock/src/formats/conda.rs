//! What conda's files say of a package comes in: name, version, build, channel; a requirement comes out, by the name of the
//! Python distribution that it installs, where it installs one.

use envdiff_facts::conda;
use envdiff_model::{
    MarkerVariable, Name, PackageSource, Place, Requirement, RequirementKind, Selection, SourceKind, Text,
    say,
};
use envdiff_packaging::{SpecifierSet, Version};

use crate::environment::Environment;
use crate::package::specifier;

/// A package of a channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: Option<&'a str>,
    pub(crate) build: Option<&'a str>,
    pub(crate) channel: Option<&'a str>,
    /// The names on the Python index that the lock itself tells; an empty list says that there is none.
    pub(crate) purls: Option<Vec<String>>,
}

impl Package<'_> {
    /// The Python distribution that it installs: its name, `None` where it is surely none, or that it cannot be told.
    fn distribution(&self) -> Told {
        if let Some(purls) = &self.purls {
            return purls.first().map_or(Told::None, |name| Told::Distribution(Name::new(name)));
        }
        if let Some(row) = conda::conda_name(self.name) {
            return row.distribution.map_or(Told::None, |name| Told::Distribution(Name::new(name)));
        }
        match self.build {
            // `py311h64a7726_0`, `cuda120_py311h6ff95a9_302`, `pyhd8ed1ab_1`: built for a Python, or of Python alone.
            Some(build) if is_of_python(build) => Told::Distribution(Name::new(self.name)),
            Some(build) if build.starts_with('h') || build.contains("_h") => Told::None,
            _ => Told::Unknown,
        }
    }

    /// The package as a requirement.
    pub(crate) fn requirement(&self, at: Place) -> Requirement {
        let mut out = match self.distribution() {
            Told::Distribution(name) => Requirement::named(name, at),
            told => {
                let mut out = Requirement::named(Name::new(self.name), at);
                out.kind = RequirementKind::Conda { surely: told == Told::None };
                out
            }
        };
        if let Some(version) = self.version {
            out.specifier = specifier(version);
            out.version = Some(version.to_owned());
        }
        out.text = match (self.version, self.build) {
            (Some(version), Some(build)) => say!(self.name, "=", version, "=", build),
            (Some(version), None) => say!(self.name, "=", version),
            _ => self.name.into(),
        };
        out.origin = PackageSource {
            package: Some(self.name.into()),
            build: self.build.map(Text::from),
            at: self.channel.map(crate::package::shown),
            ..PackageSource::of(SourceKind::Conda)
        };
        out.selection = Selection::Selected;
        out
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Distribution(Name),
    None,
    Unknown,
}

/// Whether a build string names a Python: `py` with digits, or `pyh`.
fn is_of_python(build: &str) -> bool {
    build.split('_').any(|part| {
        part.strip_prefix("py")
            .is_some_and(|rest| rest.starts_with('h') || rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// `name-version-build.conda` or `.tar.bz2` at the end of a URL.
pub(crate) fn of_file(url: &str) -> Option<Package<'_>> {
    let path = url.split(['#', '?']).next()?;
    let file = path.rsplit('/').next()?;
    let stem = file.strip_suffix(".conda").or_else(|| file.strip_suffix(".tar.bz2"))?;
    let (rest, build) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let channel = path.rsplit_once('/')?.0.rsplit_once('/').map(|(channel, _)| channel);
    (!name.is_empty()).then_some(Package {
        name,
        version: Some(version),
        build: Some(build),
        channel,
        purls: None,
    })
}

/// The platform of conda's that an environment is; `None` where it is not known.
pub(crate) fn subdir(environment: &Environment) -> Option<&'static str> {
    let machine = environment.value(MarkerVariable::PlatformMachine)?.to_ascii_lowercase();
    Some(match (environment.value(MarkerVariable::SysPlatform)?, machine.as_str()) {
        ("linux", "x86_64") => "linux-64",
        ("linux", "aarch64") => "linux-aarch64",
        ("linux", "ppc64le") => "linux-ppc64le",
        ("darwin", "arm64") => "osx-arm64",
        ("darwin", "x86_64") => "osx-64",
        ("win32", "amd64" | "x86_64") => "win-64",
        ("win32", "arm64") => "win-arm64",
        _ => return None,
    })
}

/// What a match specification asks of a version.
pub(crate) enum Versions {
    /// As PEP 440 says it, alternatives joined by ` || `; empty for any.
    Set(String),
    /// As conda says it and PEP 440 cannot.
    Other(String),
}

/// A match specification: `[channel::]name[ version[ build]]`, `name=1.2`, `name==1.2`, `name=1.2=build`, `name[version='…']`.
pub(crate) struct MatchSpec<'a> {
    pub(crate) name: &'a str,
    /// The one version, where it asks for one.
    pub(crate) version: Option<String>,
    pub(crate) build: Option<String>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) versions: Versions,
}

impl<'a> MatchSpec<'a> {
    /// The package that it asks for.
    pub(crate) fn package(&self) -> Package<'_> {
        Package {
            name: self.name,
            version: self.version.as_deref(),
            build: self.build.as_deref(),
            channel: self.channel,
            purls: None,
        }
    }

    /// Reads one; `None` where it names nothing.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (channel, rest) = match text.split_once("::") {
            Some((channel, rest)) => (Some(channel), rest),
            None => (None, text),
        };
        let (rest, brackets) = match rest.split_once('[') {
            Some((rest, brackets)) => (rest.trim(), brackets.strip_suffix(']')?),
            None => (rest, ""),
        };
        let end =
            rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(rest.len());
        let (name, behind) = rest.split_at_checked(end)?;
        if name.is_empty() {
            return None;
        }
        let tight = tightened(behind);
        let (mut version, mut build) = version_and_build(&tight);
        for pair in quoted_pairs(brackets) {
            match pair {
                ("version", value) => version = value.to_owned(),
                ("build", value) => build = Some(value.to_owned()),
                _ => {}
            }
        }
        let versions = versions(version.trim(), build.is_some());
        let build = build.map(|build| build.trim().to_owned()).filter(|build| !build.is_empty());
        let exact = match &versions {
            Versions::Set(set) => {
                set.strip_prefix("==").filter(|one| !one.contains(['*', ',', '|'])).map(str::to_owned)
            }
            Versions::Other(_) => None,
        };
        Some(Self { name, version: exact, build, channel, versions })
    }
}

/// Without the blanks around `,` and `|` and behind operators, which part nothing.
fn tightened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        if matches!(c, ',' | '|') {
            out.truncate(out.trim_end().len());
        }
        if c != ' ' || !out.ends_with([',', '|', '<', '>', '=', '!', '~']) {
            out.push(c);
        }
    }
    out
}

/// conda's `_parse_version_plus_build`: the build stands behind the first blank or `=` that follows no operator and is followed by
/// none.
fn version_and_build(text: &str) -> (String, Option<String>) {
    let is_operator = |c: char| matches!(c, '=' | '!' | '|' | ',' | '<' | '>' | '~');
    let cut = text.char_indices().find(|(at, c)| {
        let before = text.get(..*at).unwrap_or("");
        let behind = text.get(at + 1..).unwrap_or("").trim();
        matches!(c, ' ' | '=')
            && !before.is_empty()
            && !before.ends_with(is_operator)
            && !behind.is_empty()
            && !behind.contains(|c| c == '-' || is_operator(c))
    });
    match cut {
        Some((at, _)) => {
            let (version, build) = text.split_at_checked(at).unwrap_or((text, ""));
            (version.to_owned(), Some(build.get(1..).unwrap_or("").to_owned()))
        }
        None => (text.to_owned(), None),
    }
}

/// `key='value'` and `key=value`, joined by commas outside of quotes.
fn quoted_pairs(text: &str) -> Vec<(&str, &str)> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((key, behind)) = rest.split_once('=') {
        let quote = behind.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let (value, after) = match quote {
            Some(quote) => {
                let inner = behind.get(1..).unwrap_or("");
                inner.split_once(quote).unwrap_or((inner, ""))
            }
            None => behind.split_once(',').map_or((behind, ""), |(value, after)| (value, after)),
        };
        out.push((key.trim().trim_start_matches(',').trim(), value));
        rest = after.trim_start_matches([',', ' ']);
    }
    out
}

/// What conda's words for versions say: alternatives of ranges that all hold. With a build, `=1.2` is that version; alone it is every
/// one that begins so.
fn versions(text: &str, has_build: bool) -> Versions {
    let alternatives: Option<Vec<String>> = text.split('|').map(|one| range(one.trim(), has_build)).collect();
    match alternatives {
        // One of them takes every version.
        Some(all) if all.iter().any(String::is_empty) => Versions::Set(String::new()),
        Some(all) => Versions::Set(all.join(" || ")),
        None => Versions::Other(text.to_owned()),
    }
}

fn range(text: &str, has_build: bool) -> Option<String> {
    if text.contains(['(', ')', '^', '$']) {
        return None;
    }
    let mut out = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !matches!(*part, "" | "*" | "=*" | "==*")) {
        let operator_end =
            part.find(|c: char| !matches!(c, '<' | '>' | '=' | '!' | '~')).unwrap_or(part.len());
        let (operator, version) = part.split_at_checked(operator_end)?;
        let bare = version.trim().trim_end_matches(".*").trim_end_matches('*');
        let has_star = bare.len() < version.trim().len();
        Version::parse(bare).ok()?;
        out.push(match operator {
            "" | "==" if !has_star => format!("=={bare}"),
            "=" if has_build && !has_star => format!("=={bare}"),
            "" | "=" | "==" => format!("=={bare}.*"),
            "!=" if has_star => format!("!={bare}.*"),
            "~=" | "!=" | "<" | "<=" | ">" | ">=" => format!("{operator}{bare}"),
            _ => return None,
        });
    }
    let joined = out.join(",");
    SpecifierSet::parse(&joined).is_ok().then_some(joined)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn match_specifications() {
        for (text, name, set, build) in [
            ("python=3.11", "python", "==3.11.*", None),
            ("pytorch>=2.4,<2.5", "pytorch", ">=2.4,<2.5", None),
            ("conda-forge::numpy=1.26.4=py311h64a7726_0", "numpy", "==1.26.4", Some("py311h64a7726_0")),
            ("pillow =10.4.*", "pillow", "==10.4.*", None),
            ("pyyaml[version='>=6,<7',build=py311*]", "pyyaml", ">=6,<7", Some("py311*")),
            ("cudnn", "cudnn", "", None),
            ("numpy==1.26", "numpy", "==1.26", None),
            ("numpy 1.26.4 py311h64a7726_0", "numpy", "==1.26.4", Some("py311h64a7726_0")),
            ("ruamel.yaml=0.18", "ruamel.yaml", "==0.18.*", None),
            ("numpy=1.26|1.24", "numpy", "==1.26.* || ==1.24", None),
            ("numpy>=1.26|<1.20", "numpy", ">=1.26 || <1.20", None),
            ("scipy 1.12.* | 1.11.*", "scipy", "==1.12.* || ==1.11.*", None),
            ("scipy >= 1.10, <1.12 py311_0", "scipy", ">=1.10,<1.12", Some("py311_0")),
            ("numpy=1.26,<1.26.4", "numpy", "==1.26.*,<1.26.4", None),
            ("numpy[version='>=1.26|1.24.*']", "numpy", ">=1.26 || ==1.24.*", None),
            ("numpy 1.26|*", "numpy", "", None),
            ("numpy * py311*", "numpy", "", Some("py311*")),
        ] {
            let spec = MatchSpec::parse(text).unwrap();
            let Versions::Set(found) = &spec.versions else { unreachable!("{text}") };
            assert_eq!((spec.name, found.as_str(), spec.build.as_deref()), (name, set, build), "{text}");
        }
        for text in ["a (1.1|1.3),!=1.2", "a ^1\\.2.*$", "a =1.2|nightly-x"] {
            assert!(matches!(MatchSpec::parse(text).unwrap().versions, Versions::Other(_)), "{text}");
        }
        assert!(MatchSpec::parse(">=1").is_none());
    }

    #[test]
    fn file_names_are_split_from_behind() {
        let package =
            of_file("https://h.example/c/noarch/typing-extensions-more-4.12.2-pyha770c72_1.conda#00")
                .unwrap();
        assert_eq!(
            (package.name, package.version, package.build),
            ("typing-extensions-more", Some("4.12.2"), Some("pyha770c72_1"))
        );
        assert_eq!(package.channel, Some("https://h.example/c"));
        assert!(of_file("https://h.example/a.whl").is_none());
    }

    #[test]
    fn which_packages_are_distributions() {
        let of = |name, build| Package { name, build: Some(build), ..Package::default() }.distribution();
        assert_eq!(of("pytorch", "cuda120_py311h6ff95a9_302"), Told::Distribution(Name::new("torch")));
        assert_eq!(of("somelib", "py311h64a7726_0"), Told::Distribution(Name::new("somelib")));
        assert_eq!(of("somelib", "h64a7726_0"), Told::None);
        assert_eq!(of("somelib", "0"), Told::Unknown);
        assert_eq!(of("python", "h9e4cc4f_1_cpython"), Told::None);
    }
}
