//! The distributions of an environment come in; by name: which copy counts, which ones rival it, which cannot be read.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use envdiff_model::{CondaPackage, Distribution, Environment, MetadataKind, Name, Text};
use envdiff_packaging::{ParseError, Requirement, Version};

use crate::markers::Holds;

/// The most copies of one name in one folder that are compared; of more nothing is said.
pub(crate) const MOST_RIVALS: usize = 64;

/// A line of `Requires-Dist`, parsed once for all distributions that hold it.
#[derive(Debug)]
pub(crate) struct Need {
    /// Its marker without an extra, worked out when first asked for.
    pub(crate) holds: OnceCell<Holds>,
    /// As written.
    pub(crate) text: Text,
    /// What it asks for, or why that cannot be read.
    pub(crate) read: Result<Wanted, Option<ParseError>>,
}

/// What a line of `Requires-Dist` asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) name: Name,
    pub(crate) extras: Vec<Name>,
    pub(crate) requirement: Requirement,
    /// Whether what is installed is wanted, worked out when first asked for.
    pub(crate) met: OnceCell<bool>,
}

/// What is derived of one distribution.
#[derive(Debug)]
pub(crate) struct Copy<'a> {
    pub(crate) distribution: &'a Distribution,
    /// The normalised name of its metadata.
    pub(crate) name: Option<Name>,
    /// Its version, where that is one of PEP 440.
    pub(crate) version: Option<Version>,
    /// What stands behind the first dash in the folder's name, of a dist-info that has a version.
    pub(crate) folder_version: Option<String>,
    /// pip takes it for a distribution: its metadata has a name and its folder is called as installers call theirs.
    pub(crate) counts: bool,
    pub(crate) needs: Vec<Rc<Need>>,
}

/// The copies of one name that count.
#[derive(Debug)]
pub(crate) struct Holding {
    /// Index of the first one on `sys.path`.
    pub(crate) first: usize,
    /// The first and all others of its folder, where there are any: which one is taken is the file system's order.
    pub(crate) rivals: Vec<usize>,
    /// Copies in later entries of `sys.path`.
    pub(crate) later: Vec<usize>,
}

/// All distributions of an environment.
#[derive(Debug)]
pub(crate) struct Installed<'a> {
    /// In the order of `Environment::distributions`.
    pub(crate) copies: Vec<Copy<'a>>,
    pub(crate) by_name: BTreeMap<Name, Holding>,
    /// Folders that bear a name and tell none; by the folder's name.
    pub(crate) unreadable: BTreeMap<Name, usize>,
    /// What interrupted installers left (`~orch-1.0.dist-info`); by the name that its metadata still tells.
    pub(crate) leftovers: BTreeMap<Name, Vec<usize>>,
    /// Records of conda by normalised name.
    pub(crate) conda: BTreeMap<Name, &'a CondaPackage>,
}

impl<'a> Installed<'a> {
    pub(crate) fn of(environment: &'a Environment) -> Self {
        let mut parsed: HashMap<&Text, Rc<Need>> = HashMap::new();
        let mut installed = Self {
            copies: Vec::new(),
            by_name: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            leftovers: BTreeMap::new(),
            conda: BTreeMap::new(),
        };
        for package in &environment.conda {
            if let Some(name) = package.name.as_str() {
                installed.conda.insert(Name::new(name), package);
            }
        }
        for (index, distribution) in environment.distributions.iter().enumerate() {
            let needs = distribution
                .requires
                .iter()
                .map(|text| Rc::clone(parsed.entry(text).or_insert_with(|| Rc::new(Need::read(text)))))
                .collect();
            installed.add(index, distribution, needs);
        }
        installed
    }

    fn add(&mut self, index: usize, distribution: &'a Distribution, needs: Vec<Rc<Need>>) {
        let stem = folder_stem(distribution);
        let name = distribution.name.as_ref().and_then(Text::as_str).map(Name::new);
        let is_dist_info = distribution.kind == MetadataKind::DistInfo;
        let counts = name.is_some() && (!is_dist_info || bears_a_name(file_name(&distribution.metadata)));
        let version =
            distribution.version.as_ref().and_then(Text::as_str).and_then(|v| Version::parse(v).ok());
        let folder_version = (is_dist_info && distribution.version.is_some())
            .then(|| split_once(stem, b'-').and_then(|(_, v)| std::str::from_utf8(v).ok()))
            .flatten()
            .filter(|v| !v.is_empty())
            .map(str::to_owned);
        match &name {
            Some(name) if counts => match self.by_name.get_mut(name) {
                None => {
                    let holding = Holding { first: index, rivals: Vec::new(), later: Vec::new() };
                    self.by_name.insert(name.clone(), holding);
                }
                Some(holding) => {
                    let same_folder = self
                        .copies
                        .get(holding.first)
                        .is_some_and(|first| first.distribution.path_index == distribution.path_index);
                    if !same_folder {
                        holding.later.push(index);
                    } else {
                        if holding.rivals.is_empty() {
                            holding.rivals.push(holding.first);
                        }
                        holding.rivals.push(index);
                    }
                }
            },
            Some(name) => self.leftovers.entry(name.clone()).or_default().push(index),
            None => {
                if let Some((stem, _)) = split_once(stem, b'-').filter(|(_, version)| !version.is_empty())
                    && bears_a_name(stem_with_dash(stem).as_slice())
                    && let Ok(stem) = std::str::from_utf8(stem)
                {
                    self.unreadable.entry(Name::new(stem)).or_insert(index);
                }
            }
        }
        self.copies.push(Copy { distribution, name, version, folder_version, counts, needs });
    }

    /// The first copy of a name that counts.
    pub(crate) fn first(&self, name: &Name) -> Option<&Copy<'a>> {
        self.copies.get(self.by_name.get(name)?.first)
    }

    pub(crate) fn copy(&self, index: usize) -> Option<&Copy<'a>> {
        self.copies.get(index)
    }

    /// Every name with the copy that counts.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Name, usize, &Copy<'a>)> {
        self.by_name.iter().filter_map(|(name, holding)| {
            self.copies.get(holding.first).map(|copy| (name, holding.first, copy))
        })
    }
}

impl Need {
    fn read(text: &Text) -> Self {
        let read = match text.as_str() {
            None => Err(None),
            Some(written) => Requirement::parse(written).map_err(Some).map(|requirement| Wanted {
                name: requirement.canonical_name(),
                extras: requirement.canonical_extras(),
                requirement,
                met: OnceCell::new(),
            }),
        };
        Self { holds: OnceCell::new(), text: text.clone(), read }
    }
}

/// The last component of a path.
pub(crate) fn file_name(path: &Text) -> &[u8] {
    path.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// The folder's or file's name without its ending; of an egg, the egg's.
fn folder_stem(distribution: &Distribution) -> &[u8] {
    let path = distribution.metadata.as_bytes();
    let mut parts = path.rsplit(|b| *b == b'/');
    let mut last = parts.next().unwrap_or_default();
    if last == b"EGG-INFO" {
        last = parts.next().unwrap_or_default();
    }
    [&b".dist-info"[..], b".egg-info", b".egg"].iter().find_map(|end| last.strip_suffix(*end)).unwrap_or(last)
}

fn stem_with_dash(stem: &[u8]) -> Vec<u8> {
    [stem, b"-"].concat()
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == at)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Whether pip takes a folder of this name for a distribution: before the first dash stand letters, digits, `.` and `_`,
/// a letter or digit first and last (pip 26.3, `metadata/importlib/_envs.py`; it warns "Ignoring invalid distribution").
pub(crate) fn bears_a_name(folder: &[u8]) -> bool {
    split_once(folder, b'-').is_some_and(|(name, _)| {
        name.first().is_some_and(u8::is_ascii_alphanumeric)
            && name.last().is_some_and(u8::is_ascii_alphanumeric)
            && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use super::bears_a_name;

    #[test]
    fn folders_that_pip_takes_for_distributions() {
        for (folder, takes) in [
            ("torch-2.1.2.dist-info", true),
            ("noversion.dist-info", true),
            ("a-1.dist-info", true),
            ("~orch-2.0.dist-info", false),
            ("-rch-2.0.dist-info", false),
            ("two words-1.0.dist-info", false),
            ("name_-1.0.dist-info", false),
            (".dist-info", false),
        ] {
            assert_eq!(bears_a_name(folder.as_bytes()), takes, "{folder}");
        }
    }
}
