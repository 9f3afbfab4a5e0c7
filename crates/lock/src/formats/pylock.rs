//! A `pylock.toml` comes in; the packages that an installer takes of it in an environment come out (PEP 751).
//!
//! The steps of "installing" of the specification, as `packaging` 26.3 takes them (`Pylock.select`). A package that applies and
//! whose own `requires-python` excludes this Python, or that has no file for this environment, is a refusal of the whole lock.

use std::collections::HashMap;

use envdiff_model::{Name, PackageSource, Requirement, Selection, SourceKind, Text, say};
use envdiff_packaging::{Marker, SpecifierSet};

use crate::broken::{Broken, Fault};
use crate::environment::{Asked, Environment, Fit, Holds};
use crate::files::{self, Files};
use crate::package::{come_from, git, git_source, pinned, shown};
use crate::packages::{self, parse_marker};
use crate::registry::{Chosen, Input, Offers, Refusal, Selectable};
use crate::text::Document;
use crate::tree::Table;
use crate::tree::toml::Plan;
use crate::{LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let lock = read(&document.text).map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(Pylock { document, lock }))
}

struct Pylock {
    document: Document,
    lock: Lock,
}

struct Lock {
    version: String,
    created_by: String,
    environments: Vec<(Marker, usize)>,
    requires_python: Option<Range>,
    extras: Vec<Name>,
    groups: Vec<Name>,
    default_groups: Vec<Name>,
    packages: Vec<Package>,
    /// A minor version that is newer than what is known.
    is_newer: bool,
}

struct Range {
    text: String,
    set: SpecifierSet,
    at: usize,
}

struct Package {
    name: Name,
    version: Option<String>,
    marker: Option<(String, Marker)>,
    requires_python: Option<Range>,
    origin: PackageSource,
    /// A URL that `direct_url.json` can be compared with.
    url: Option<String>,
    /// Where its table, and where its name stands.
    table_at: usize,
    at: usize,
    end: usize,
    wheels: Files,
    /// Everything else that has hashes.
    others: Files,
    has_sdist: bool,
}

/// The newest minor version of 1 that is known.
const MINOR: u64 = 0;

fn read(text: &str) -> Result<Lock, Broken> {
    let plan = Plan { stream: &["packages"], skip: &["wheels", "sdist"] };
    let (root, passed) = packages::read(text, &plan, package)?;
    let (version, at) = match root.get("lock-version") {
        Some(node) => (node.as_text()?, node.at),
        None => return Err(Broken::whole(Fault::MissingKey, "a pylock.toml without its `lock-version`")),
    };
    let minor = version.strip_prefix("1.").and_then(|minor| minor.parse::<u64>().ok());
    let Some(minor) = minor.or_else(|| (version == "1").then_some(0)) else {
        let message = format!("lock-version {version} of pylock.toml; 1.0 is the one that is known");
        return Err(Broken::at(Fault::Version, at, message));
    };
    let created_by = match root.text("created-by")? {
        Some(tool) => tool.to_owned(),
        None => {
            return Err(Broken::whole(
                Fault::MissingKey,
                "a pylock.toml without `created-by`, which PEP 751 demands",
            ));
        }
    };
    if !root.has("packages") {
        return Err(Broken::whole(
            Fault::MissingKey,
            "a pylock.toml without `packages`, which PEP 751 demands",
        ));
    }
    // Written as one array of inline tables.
    let mut packages = passed.all()?;
    for node in root.list("packages")? {
        packages.push(package(node.as_table()?)?);
    }
    let packages = packages::bounded(packages)?;
    let names = |key: &str| -> Result<Vec<Name>, Broken> {
        Ok(root.texts(key)?.iter().map(|(name, _)| Name::new(name)).collect())
    };
    let environments = root.texts("environments")?;
    Ok(Lock {
        version: version.to_owned(),
        created_by,
        environments: environments
            .into_iter()
            .map(|(text, at)| Ok((parse_marker(text, at)?, at)))
            .collect::<Result<_, Broken>>()?,
        requires_python: range(&root, "requires-python")?,
        extras: names("extras")?,
        groups: names("dependency-groups")?,
        default_groups: names("default-groups")?,
        packages,
        is_newer: minor > MINOR,
    })
}

fn range(table: &Table<'_>, key: &str) -> Result<Option<Range>, Broken> {
    let Some(node) = table.get(key) else { return Ok(None) };
    let text = node.as_text()?;
    let set = SpecifierSet::parse(text)
        .map_err(|_| Broken::at(Fault::Value, node.at, format!("`{text}` is no range of versions")))?;
    Ok(Some(Range { text: text.to_owned(), set, at: node.at }))
}

fn package(table: &Table<'_>) -> Result<Package, Broken> {
    let (name, _) = table.needed("name", "a package")?;
    let node = table.get("name");
    let version = packages::version(table)?;
    let marker = match table.get("marker") {
        None => None,
        Some(node) => {
            let text = node.as_text()?;
            Some((text.to_owned(), parse_marker(text, node.at)?))
        }
    };
    let places: Vec<&str> =
        ["vcs", "directory", "archive"].into_iter().filter(|key| table.has(key)).collect();
    let is_of_index = table.has("sdist") || table.has("wheels");
    if places.len() + usize::from(is_of_index) > 1 {
        let mut all: Vec<String> = places.iter().map(|key| format!("`{key}`")).collect();
        if is_of_index {
            all.push("files of an index".into());
        }
        let message = format!("{name} is to come from {}, and PEP 751 allows one of them", all.join(" and "));
        return Err(Broken::at(Fault::Inconsistent, table.at, message));
    }
    let (origin, url) = match places.first() {
        None => (
            PackageSource { at: table.text("index")?.map(shown), ..PackageSource::of(SourceKind::Registry) },
            None,
        ),
        Some(key) => place(key, table.table(key)?.unwrap_or(table))?,
    };
    Ok(Package {
        name: Name::new(name),
        version,
        marker,
        requires_python: range(table, "requires-python")?,
        origin,
        url,
        table_at: table.at,
        at: table.entry("name").map_or(table.at, |entry| entry.at),
        end: node.map_or(table.at, |node| node.end),
        has_sdist: table.has("sdist"),
        wheels: Files::under(table, &["wheels"]),
        others: Files::under(table, &["sdist", "archive"]),
    })
}

/// Where a package comes from that does not come from an index.
fn place(key: &str, table: &Table<'_>) -> Result<(PackageSource, Option<String>), Broken> {
    let folder = table.text("subdirectory")?;
    let (url, path) = (table.text("url")?, table.text("path")?);
    let subdirectory = folder.map(Text::from);
    let missing = || Broken::at(Fault::MissingKey, table.at, format!("`{key}` has neither `url` nor `path`"));
    Ok(match key {
        "vcs" => {
            let commit = table.text("commit-id")?;
            let vcs = table.text("type")?.unwrap_or("git");
            let at = url.or(path).ok_or_else(missing)?;
            let link = match vcs {
                "git" => git(at, commit, folder),
                vcs => git(&format!("{vcs}+{at}"), commit, folder).replacen("git+", "", 1),
            };
            (git_source(at, commit, folder), url.is_some().then_some(link))
        }
        "directory" => {
            let kind = if table.flag("editable")? { SourceKind::Editable } else { SourceKind::Directory };
            let at = path.ok_or_else(missing)?;
            (PackageSource { subdirectory, ..PackageSource::at(kind, at.into()) }, None)
        }
        _ => match (url, path) {
            (Some(url), _) => {
                let source = PackageSource { subdirectory, ..PackageSource::at(SourceKind::Url, shown(url)) };
                (source, Some(url.to_owned()))
            }
            (None, Some(path)) => {
                (PackageSource { subdirectory, ..PackageSource::at(SourceKind::Path, path.into()) }, None)
            }
            (None, None) => return Err(missing()),
        },
    })
}

impl Pylock {
    fn refuse(&self, chosen: &mut Chosen, at: usize, message: Text, is_python: bool) {
        chosen.refusals.push(Refusal { at: Some(self.document.place(at, at + 1)), message, is_python });
    }

    /// Whether the lock as a whole is for this environment.
    fn suits(&self, environment: &Environment, chosen: &mut Chosen) {
        let told = environment.python_told();
        if let Some(Range { text, set, at }) = &self.lock.requires_python {
            match environment.python_in(set) {
                Holds::Yes => {}
                Holds::No => {
                    let message = say!("it is for Python ", text.as_str(), ", and there is ", told);
                    self.refuse(chosen, *at, message, true);
                }
                Holds::Unknown(why) => {
                    chosen.note(say!(
                        "it is for Python ",
                        text.as_str(),
                        ", and whether that is there cannot be told: ",
                        why
                    ));
                }
            }
        }
        let mut one = Holds::No;
        for (marker, _) in &self.lock.environments {
            one = one.or(environment.holds(marker, &Asked::Nothing));
        }
        if let Some((_, at)) = self.lock.environments.first() {
            match one {
                Holds::Yes => {}
                Holds::No => {
                    let all: Vec<String> =
                        self.lock.environments.iter().map(|(marker, _)| marker.to_string()).collect();
                    self.refuse(chosen, *at, say!("it is for other environments: ", all.join("; ")), false);
                }
                Holds::Unknown(why) => {
                    chosen.note(say!("whether it is for this environment cannot be told: ", why))
                }
            }
        }
        if self.lock.is_newer {
            chosen.note(say!(
                "lock-version ",
                self.lock.version.as_str(),
                " is newer than 1.0, which was read"
            ));
        }
    }

    fn requirement(&self, package: &Package) -> Requirement {
        let at = self.document.place(package.at, package.end);
        let mut requirement = pinned(&package.name, package.version.as_deref(), at);
        come_from(&mut requirement, package.origin.clone(), package.url.as_deref());
        requirement.marker = package.marker.as_ref().map(|(text, _)| text.clone());
        requirement
    }

    /// What an installer stops at once it has chosen the package.
    fn can_be_had(&self, environment: &Environment, package: &Package, chosen: &mut Chosen) {
        if let Some(Range { text, set, at }) = &package.requires_python
            && environment.python_in(set) == Holds::No
        {
            let message = say!(
                package.name,
                " is for Python ",
                text.as_str(),
                ", and there is ",
                environment.python_told()
            );
            self.refuse(chosen, *at, message, false);
        }
        if package.has_sdist || package.wheels.is_empty() || package.origin.kind != SourceKind::Registry {
            return;
        }
        if package.wheels.fit(&self.document.text, environment) == Fit::No {
            self.refuse(chosen, package.at, say!(package.name, files::NO_WHEEL), false);
        }
    }
}

impl Selectable for Pylock {
    fn offers(&self) -> Offers {
        Offers { groups: self.lock.groups.clone(), extras: self.lock.extras.clone(), packages: Vec::new() }
    }

    fn hashes(&self, requirement: usize) -> Vec<Text> {
        let Some(package) = self.lock.packages.get(requirement) else { return Vec::new() };
        let mut out = package.others.hashes(&self.document.text);
        out.extend(package.wheels.hashes(&self.document.text));
        out
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let lock = &self.lock;
        let mut chosen = Chosen::demand("an installer's lock");
        chosen.format_version = Some(say!(lock.version.as_str(), ", ", lock.created_by.as_str()));
        chosen.requires_python = lock.requires_python.as_ref().map(|range| range.text.as_str().into());
        self.suits(environment, &mut chosen);
        let unknown = |what, known: &[Name]| {
            let known: Vec<String> = known.iter().map(|name| name.as_str().to_owned()).collect();
            let path = self.document.path.clone();
            move |name: Name| LockError::Unknown { path, what, name: name.as_str().into(), known }
        };
        let groups =
            wishes.active(&lock.groups, &lock.default_groups).map_err(unknown("group", &lock.groups))?;
        let extras = wishes.active_extras(&lock.extras).map_err(unknown("extra", &lock.extras))?;
        let asked = Asked::Lists { extras: &extras, groups: &groups };
        let mut sure: HashMap<&Name, &Package> = HashMap::new();
        for package in &lock.packages {
            let mut requirement = self.requirement(package);
            let holds =
                package.marker.as_ref().map_or(Holds::Yes, |(_, marker)| environment.holds(marker, &asked));
            requirement.selection = match holds {
                Holds::Yes => Selection::Selected,
                Holds::No => Selection::NotSelected { reason: "its marker does not hold".into() },
                Holds::Unknown(reason) => Selection::Undetermined { reason },
            };
            if requirement.selection == Selection::Selected {
                if let Some(other) = sure.insert(&package.name, package) {
                    let line = self.document.place(other.at, other.end).line;
                    return Err(LockError::Broken {
                        path: self.document.path.clone(),
                        format: Some("pylock"),
                        at: Some(self.document.place(package.table_at, package.table_at + 12)),
                        fault: Fault::Inconsistent,
                        message: say!(
                            package.name,
                            " applies here and in line ",
                            line,
                            ", and PEP 751 allows one entry of a name in an environment"
                        ),
                    });
                }
                self.can_be_had(environment, package, &mut chosen);
            }
            chosen.requirements.push(requirement);
        }
        if lock.requires_python.is_none() && lock.environments.is_empty() {
            chosen.note(
                "it says neither for which Python nor for which environments it was made; wheels that fit are all that is checked",
            );
        }
        chosen.groups = groups;
        chosen.extras = extras;
        chosen.quote(&self.document);
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn what_pep_751_demands() {
        const HEAD: &str = "lock-version = \"1.0\"\ncreated-by = \"t\"\n";
        let package = |more: &str| format!("{HEAD}[[packages]]\nname = \"a\"\n{more}");
        for (text, fault) in [
            ("lock-version = \"2.0\"\ncreated-by = \"t\"\npackages = []".to_owned(), Fault::Version),
            ("lock-version = \"1.0\"\npackages = []".to_owned(), Fault::MissingKey),
            (HEAD.to_owned(), Fault::MissingKey),
            (package("version = \"x\""), Fault::BadVersion),
            (package("marker = \"python_version >> '3'\""), Fault::BadMarker),
            (package("vcs = {type = \"git\", url = \"u\"}\narchive = {url = \"u\"}"), Fault::Inconsistent),
            (package("archive = {hashes = {}}"), Fault::MissingKey),
            (package("version = 1"), Fault::Value),
        ] {
            match read(&text) {
                Err(broken) => assert_eq!(broken.fault, fault, "{text}: {}", broken.message),
                Ok(_) => panic!("{text} is read"),
            }
        }
        assert!(
            read(&format!("{HEAD}packages = [{{name = \"a\", version = \"1\"}}]")).unwrap().packages.len()
                == 1
        );
        assert!(read("lock-version = \"1.7\"\ncreated-by = \"t\"\npackages = []").unwrap().is_newer);
    }
}
