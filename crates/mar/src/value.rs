//! What a manifest or a model-config.yaml holds, as the Python worker sees it: one kind of value for both, each with its place.

/// A place in a text: lines and columns from 1, in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// One past the last character on that line.
    pub end_column: usize,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Where it stands; of a list or mapping, where it begins.
    pub at: At,
    /// What it is.
    pub data: Data,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// `None`
    None,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// An `int` beyond 64 bits, by its decimal digits.
    BigInt(Box<str>),
    /// `float`
    Float(f64),
    /// `str`; a lone surrogate of JSON is U+FFFD here.
    Str(Box<str>),
    /// `list`; of YAML also `!!set`'s and `!!omap`'s own shapes as far as `safe_load` makes lists of them.
    List(Vec<Value>),
    /// `dict`
    Map(Map),
    /// What only YAML has: `datetime.date`, `datetime.datetime`, `bytes`, `set`; as written.
    Other(Type, Box<str>),
}

/// The types that only YAML has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// `datetime.date`
    Date,
    /// `datetime.datetime`
    DateTime,
    /// `bytes`
    Bytes,
    /// `set`
    Set,
}

/// A `dict`: keys in the order of their first place, values those of the last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map {
    /// Keys and values.
    pub pairs: Vec<(Value, Value)>,
}

impl Map {
    /// The value under a text key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.pair(key).map(|(_, value)| value)
    }

    /// Key and value under a text key.
    #[must_use]
    pub fn pair(&self, key: &str) -> Option<(&Value, &Value)> {
        self.pairs.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(k, v)| (k, v))
    }
}

impl Value {
    /// A value.
    #[must_use]
    pub const fn new(at: At, data: Data) -> Self {
        Self { at, data }
    }

    /// The text of a `str`.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The pairs of a `dict`.
    #[must_use]
    pub const fn as_map(&self) -> Option<&Map> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items of a `list`.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value under a text key of a `dict`; `None` for everything else.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map().and_then(|map| map.get(key))
    }

    /// Whether it is `None`.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self.data, Data::None)
    }

    /// The name of its type in Python.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match &self.data {
            Data::None => "NoneType",
            Data::Bool(_) => "bool",
            Data::Int(_) | Data::BigInt(_) => "int",
            Data::Float(_) => "float",
            Data::Str(_) => "str",
            Data::List(_) => "list",
            Data::Map(_) => "dict",
            Data::Other(Type::Date, _) => "datetime.date",
            Data::Other(Type::DateTime, _) => "datetime.datetime",
            Data::Other(Type::Bytes, _) => "bytes",
            Data::Other(Type::Set, _) => "set",
        }
    }

    /// What two keys of a `dict` must have in common to be one: `1`, `1.0` and `True` are.
    pub(crate) fn key(&self) -> Option<String> {
        Some(match &self.data {
            Data::None => "n".to_owned(),
            Data::Bool(value) => format!("i{}", i64::from(*value)),
            Data::Int(value) => format!("i{value}"),
            Data::BigInt(digits) => format!("i{digits}"),
            Data::Float(value) => {
                let whole = value.trunc();
                let fits = whole.abs() < 9e15 && (whole - value).abs() < f64::EPSILON;
                if fits { format!("i{whole:.0}") } else { format!("f{value:?}") }
            }
            Data::Str(text) => format!("s{text}"),
            Data::Other(kind, text) => format!("o{kind:?}{text}"),
            Data::List(_) | Data::Map(_) => return None,
        })
    }
}

/// Puts a `dict` together: of two equal keys the first keeps its place in the order, the last gives the value.
#[derive(Debug, Default)]
pub(crate) struct MapBuilder {
    map: Map,
    index: std::collections::HashMap<String, usize>,
}

impl MapBuilder {
    pub(crate) fn add(&mut self, key: Value, value: Value) {
        // A list as key, which only Java's maps take.
        let Some(text) = key.key() else { return self.map.pairs.push((key, value)) };
        match self.index.get(&text).and_then(|at| self.map.pairs.get_mut(*at)) {
            Some(pair) => pair.1 = value,
            None => {
                self.index.insert(text, self.map.pairs.len());
                self.map.pairs.push((key, value));
            }
        }
    }

    pub(crate) fn has(&self, key: &Value) -> bool {
        key.key().is_some_and(|key| self.index.contains_key(&key))
    }

    pub(crate) fn finish(self) -> Map {
        self.map
    }
}

/// Offsets of the lines of a text, so that a place in bytes becomes a line and a column.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The place of a range of bytes; what goes over the line's end is cut there.
    pub(crate) fn at(&self, from: usize, to: usize) -> At {
        let index = self.starts.partition_point(|start| *start <= from).saturating_sub(1);
        let start = self.starts.get(index).copied().unwrap_or(0);
        let column = 1 + self.text.get(start..from).map_or(0, |before| before.chars().count());
        let inside = self.text.get(from..to.max(from)).unwrap_or("");
        let first = inside.split('\n').next().unwrap_or("");
        At { line: index + 1, column, end_column: column + first.chars().count() }
    }

    /// A line from 1, without its end, cut at 400 characters.
    pub(crate) fn line(&self, line: usize) -> &'a str {
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("").trim_end_matches('\r');
        line.char_indices().nth(400).and_then(|(at, _)| line.get(..at)).unwrap_or(line)
    }
}
