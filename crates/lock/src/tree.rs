//! The text of a TOML, JSON or YAML document comes in; a tree comes out in which every key and value keeps its place.

pub(crate) mod json;
pub(crate) mod toml;
pub(crate) mod yaml;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::broken::{Broken, Fault};

/// A value and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'a> {
    pub(crate) at: usize,
    pub(crate) end: usize,
    pub(crate) value: Value<'a>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is no whole one, a date, a time: as written.
    Other(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Table(Table<'a>),
    /// Passed over; [`toml::value`] reads it.
    Raw,
}

impl Value<'_> {
    pub(crate) const fn what(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "a number",
            Self::Other(_) => "a number or date",
            Self::Text(_) => "a text",
            Self::List(_) | Self::Raw => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl<'a> Node<'a> {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) const fn integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Node<'a>]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) const fn table(&self) -> Option<&Table<'a>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// A text, a number or a date as written.
    pub(crate) fn written(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Value::Text(text) | Value::Other(text) => Some(Cow::Borrowed(text)),
            Value::Integer(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }

    pub(crate) fn wants(&self, what: &str) -> Broken {
        Broken::at(Fault::Value, self.at, format!("{what} is expected here, not {}", self.value.what()))
    }

    pub(crate) fn as_text(&self) -> Result<&str, Broken> {
        self.text().ok_or_else(|| self.wants("a text"))
    }

    pub(crate) fn as_list(&self) -> Result<&[Node<'a>], Broken> {
        self.list().ok_or_else(|| self.wants("a list"))
    }

    pub(crate) fn as_table(&self) -> Result<&Table<'a>, Broken> {
        self.table().ok_or_else(|| self.wants("a table"))
    }
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) at: usize,
    pub(crate) node: Node<'a>,
}

/// Keys with values in the order of the text, each key once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table<'a> {
    /// Where it begins.
    pub(crate) at: usize,
    pub(crate) entries: Vec<Entry<'a>>,
    /// Where each key is, once there are more than a look along the entries is good for.
    #[expect(
        clippy::box_collection,
        reason = "few tables have one, and a map in place makes every value larger"
    )]
    index: Option<Box<HashMap<Cow<'a, str>, usize>>>,
    /// How it came about, which decides in TOML whether it may be added to.
    made: Made,
}

/// How a table of TOML came about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Made {
    /// By a header or a value of its own: complete.
    #[default]
    Whole,
    /// By a longer header: a header of its own may follow.
    ByLongerHeader,
    /// By a dotted key.
    Dotted,
}

const FEW: usize = 16;

impl<'a> Table<'a> {
    pub(crate) fn new(at: usize) -> Self {
        Self { at, ..Self::default() }
    }

    fn find(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|entry| entry.key == key),
        }
    }

    /// Adds an entry; `false` where the key is there already.
    fn add(&mut self, entry: Entry<'a>) -> bool {
        if self.find(&entry.key).is_some() {
            return false;
        }
        let at = self.entries.len();
        if let Some(index) = &mut self.index {
            index.insert(entry.key.clone(), at);
        } else if at >= FEW {
            let all = self.entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at));
            self.index = Some(Box::new(all.chain([(entry.key.clone(), at)]).collect()));
        }
        self.entries.push(entry);
        true
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.find(key).and_then(|at| self.entries.get(at))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The text under a key; `None` where there is no such key or null.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, Broken> {
        match self.get(key) {
            None => Ok(None),
            Some(Node { value: Value::Null, .. }) => Ok(None),
            Some(node) => node.as_text().map(Some),
        }
    }

    /// The text under a key that must be there; `of` is what lacks it.
    pub(crate) fn needed(&self, key: &str, of: &str) -> Result<(&str, usize), Broken> {
        match self.get(key) {
            Some(node) => Ok((node.as_text()?, node.at)),
            None => Err(Broken::at(Fault::MissingKey, self.at, format!("{of} has no `{key}`"))),
        }
    }

    /// The items under a key; none where there is no such key.
    pub(crate) fn list(&self, key: &str) -> Result<&[Node<'a>], Broken> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Node { value: Value::Null, .. }) => Ok(&[]),
            Some(node) => node.as_list(),
        }
    }

    /// The table under a key.
    pub(crate) fn table(&self, key: &str) -> Result<Option<&Table<'a>>, Broken> {
        match self.get(key) {
            None => Ok(None),
            Some(Node { value: Value::Null, .. }) => Ok(None),
            Some(node) => node.as_table().map(Some),
        }
    }

    /// Whether a key stands for true; false where there is no such key.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, Broken> {
        match self.get(key) {
            None => Ok(false),
            Some(Node { value: Value::Bool(value), .. }) => Ok(*value),
            Some(Node { value: Value::Null, .. }) => Ok(false),
            Some(node) => Err(node.wants("a boolean")),
        }
    }

    /// The texts in the list under a key, each with its place.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<(&str, usize)>, Broken> {
        self.list(key)?.iter().map(|node| Ok((node.as_text()?, node.at))).collect()
    }
}
