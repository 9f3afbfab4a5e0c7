//! What a lock says of the files of a package comes in; whether one of them can be installed in an environment, and their
//! hashes, come out.

use envdiff_model::{Text, say};

use crate::environment::{Environment, Fit};
use crate::tree::{Node, Table, Value, toml};

/// Behind a package's name.
pub(crate) const NO_WHEEL: &str =
    " has no source archive in the lock, and none of its wheels is for this environment";

/// The file name that a table with `name`, `url` or `path` tells.
fn file_name(table: &Table<'_>) -> Option<String> {
    let text =
        ["name", "filename", "url", "path"].iter().find_map(|key| table.get(key).and_then(Node::text))?;
    let file = text.split(['#', '?']).next()?.rsplit(['/', '\\']).next()?;
    Some(file.replace("%2B", "+").replace("%2b", "+").replace("%21", "!"))
}

/// Files that a lock lists of a package: read only when they are asked for, where a machine wrote them so that they could be
/// passed over.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Where those stand that were passed over.
    places: Vec<(usize, usize)>,
    /// Names of those that were read; `None` where an entry tells none.
    names: Vec<Option<String>>,
    hashes: Vec<Text>,
}

impl Files {
    /// The files under a key of a package.
    pub(crate) fn under(package: &Table<'_>, keys: &[&str]) -> Self {
        let mut out = Self::default();
        for node in keys.iter().filter_map(|key| package.get(key)) {
            if node.value == Value::Raw {
                out.places.push((node.at, node.end));
            } else {
                out.add(node);
            }
        }
        out
    }

    /// Adds a file, or each of a list of them.
    pub(crate) fn add(&mut self, node: &Node<'_>) {
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| self.add(item)),
            Value::Table(table) => {
                self.names.push(file_name(table));
                if let Some(hash) = table.get("hash").and_then(Node::text) {
                    self.hashes.push(hash.into());
                }
                if let Some(hashes) = table.get("hashes").and_then(Node::table) {
                    for entry in &hashes.entries {
                        if let Some(digest) = entry.node.text() {
                            self.hashes.push(say!(&*entry.key, ":", digest));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.names.is_empty()
    }

    /// All of them, those included that were passed over in `text`.
    fn read(&self, text: &str) -> Self {
        let mut out = Self { places: Vec::new(), names: self.names.clone(), hashes: self.hashes.clone() };
        for (at, end) in &self.places {
            if let Ok(node) = toml::value(text, *at, *end) {
                out.add(&node);
            }
        }
        out
    }

    /// Whether one of these wheels can be installed.
    pub(crate) fn fit(&self, text: &str, environment: &Environment) -> Fit {
        let mut best = Fit::No;
        for file in self.read(text).names {
            match file.map_or(Fit::Unknown, |file| environment.fits(&file)) {
                Fit::Yes => return Fit::Yes,
                Fit::Unknown => best = Fit::Unknown,
                Fit::No => {}
            }
        }
        best
    }

    /// `algorithm:digest` of each.
    pub(crate) fn hashes(&self, text: &str) -> Vec<Text> {
        self.read(text).hashes
    }
}
