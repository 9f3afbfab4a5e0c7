//! What an unpickled object looks like, without the object: dictionaries with their keys, tensors with their sizes.

/// An object, as far as it is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Shape {
    /// Nothing is known of it, or it lies deeper than is told.
    #[default]
    Unknown,
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float,
    /// Text, where it is short.
    Text(String),
    /// Bytes.
    Bytes,
    /// A tuple of so many.
    Tuple(usize),
    /// A list of so many.
    List(usize),
    /// A set.
    Set,
    /// A `dict`.
    Dict(Entries),
    /// A `collections.OrderedDict`.
    OrderedDict(Entries),
    /// A tensor or parameter.
    Tensor(Tensor),
    /// A storage without a tensor.
    Storage,
    /// A class or function itself.
    Global(Name),
    /// What a class or function gave when it was called: an instance of a class, mostly.
    Made(Box<Made>),
}

/// A class or function by its module and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// `torch.nn.modules.linear`
    pub module: String,
    /// `Linear`
    pub name: String,
}

/// What was called and what was put into the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The class or function.
    pub by: Name,
    /// Whether it was certainly a class: made by `__new__`.
    pub class: bool,
    /// What was set in it by keys.
    pub entries: Entries,
    /// What `__setstate__` or `__dict__` was given.
    pub state: Shape,
}

/// What a dictionary holds, in its order; a key that was set twice stands where it stood first, with the last value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entries {
    /// Keys and values; only keys that are text.
    pub named: Vec<(String, Shape)>,
    /// How many keys are something else.
    pub others: usize,
    /// Whether entries were left out, for there were more than are kept.
    pub cut: bool,
    /// The versions of the modules that a state dict was made of (`_metadata`), by their names; `load_state_dict` lets older ones
    /// lack something.
    pub versions: Vec<(String, i64)>,
}

impl Entries {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Shape> {
        self.named.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
    /// Whether every value is a tensor: a state dict. Never of an empty one.
    #[must_use]
    pub fn is_state_dict(&self) -> bool {
        !self.named.is_empty()
            && self.others == 0
            && self.named.iter().all(|(_, value)| matches!(value, Shape::Tensor(_)))
    }
}

/// A tensor or parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its sizes; `None` where they are not told.
    pub sizes: Option<Vec<u64>>,
    /// torch's name of its type: `float32`; `None` where not told.
    pub dtype: Option<&'static str>,
    /// Where its storage was: `cpu`, `cuda:0`; empty where not told.
    pub location: String,
    /// Whether it is a `Parameter`.
    pub parameter: bool,
}

impl Shape {
    /// The entries of a dictionary of any kind: `dict`, `OrderedDict`, `defaultdict`, `Counter`.
    #[must_use]
    pub fn entries(&self) -> Option<&Entries> {
        match self {
            Self::Dict(entries) | Self::OrderedDict(entries) => Some(entries),
            Self::Made(made) if made.by.module == "collections" => Some(&made.entries),
            _ => None,
        }
    }

    /// `type(object)` as Python prints it, where that is known: `<class 'list'>`.
    #[must_use]
    pub fn type_text(&self) -> Option<String> {
        let of = |name: &str| Some(format!("<class '{name}'>"));
        match self {
            Self::None => of("NoneType"),
            Self::Bool(_) => of("bool"),
            Self::Int(_) => of("int"),
            Self::Float => of("float"),
            Self::Text(_) => of("str"),
            Self::Bytes => of("bytes"),
            Self::Tuple(_) => of("tuple"),
            Self::List(_) => of("list"),
            Self::Set => of("set"),
            Self::Dict(_) => of("dict"),
            Self::OrderedDict(_) => of("collections.OrderedDict"),
            Self::Tensor(tensor) if tensor.parameter => of("torch.nn.parameter.Parameter"),
            Self::Tensor(_) => of("torch.Tensor"),
            Self::Made(made) if made.class || made.by.module == "collections" => {
                of(&format!("{}.{}", made.by.module, made.by.name))
            }
            Self::Unknown | Self::Storage | Self::Global(_) | Self::Made(_) => None,
        }
    }
}
