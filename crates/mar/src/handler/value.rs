//! What is known of a Python value while a handler is followed without being run.

use std::rc::Rc;

/// A text that is shared.
pub(crate) type Str = Rc<str>;
/// Where an object lies in [`super::state::State`].
pub(crate) type Id = usize;

/// A value, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Anything.
    Unknown,
    /// `None`.
    None,
    /// `True`, `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Str(Str),
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// `...`.
    Ellipsis,
    /// A tuple.
    Tuple(Rc<[Value]>),
    /// A list, or a set, by its place.
    List(Id),
    /// A dictionary, by its place.
    Dict(Id),
    /// A module, by its place.
    Module(Id),
    /// A function written in Python, by its place.
    Function(Id),
    /// A class written in Python, by its place.
    Class(Id),
    /// An instance of such a class, by its place.
    Instance(Id),
    /// A function with the object before its dot.
    Bound(Rc<(Value, Value)>),
    /// What a module of the image or of the interpreter has under this dotted name: `torch.load`, `builtins.len`.
    Foreign(Str),
    /// What calling such a thing made, by its place.
    Made(Id),
    /// A method of a value that Python itself brings: `"".join`.
    Method(Rc<(Value, Str)>),
    /// `pathlib.Path`.
    Path(Str),
    /// An open file.
    File(Rc<OpenFile>),
    /// `super()`: the class whose bases are searched, and the object.
    Super(Rc<(Id, Value)>),
}

/// A file that `open` returned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenFile {
    /// Its path, absolute and normalised.
    pub(crate) path: Str,
    /// Whether it was opened for reading alone.
    pub(crate) reads: bool,
    /// Whether it was opened in binary.
    pub(crate) is_binary: bool,
}

impl Value {
    /// A text.
    pub(crate) fn str(text: impl AsRef<str>) -> Self {
        Self::Str(Rc::from(text.as_ref()))
    }

    /// What a module has under a dotted name.
    pub(crate) fn foreign(name: impl AsRef<str>) -> Self {
        Self::Foreign(Rc::from(name.as_ref()))
    }

    /// Whether something is known of it.
    pub(crate) const fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// The text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a path: a text or a `Path`.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Path(text) => Some(text),
            _ => None,
        }
    }

    /// What `type(value).__name__` says, where it is known.
    pub(crate) fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::Ellipsis => "ellipsis",
            Self::Tuple(_) => "tuple",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
            Self::Module(_) => "module",
            Self::Function(_) => "function",
            Self::Class(_) => "type",
            Self::Bound(_) => "method",
            Self::Path(_) => "PosixPath",
            Self::File(file) => {
                if file.is_binary {
                    "_io.BufferedReader"
                } else {
                    "_io.TextIOWrapper"
                }
            }
            _ => return None,
        })
    }
}

/// An error on its way up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Raised {
    /// The class, as Python prints it: `KeyError`, `_pickle.UnpicklingError`.
    pub(crate) class: Str,
    /// Its bases, nearest first, as far as they are known, for a class of the handler's own.
    pub(crate) bases: Vec<Str>,
    /// Its text.
    pub(crate) message: Str,
    /// Which fault it is.
    pub(crate) fault: envdiff_model::Fault,
    /// Where it was raised: file and place; innermost of what was written by the user where that is known.
    pub(crate) at: Option<Place>,
    /// One sentence without a full stop, where the exception's own text does not serve.
    pub(crate) what: Option<Str>,
    /// What to do, where that hangs on the case.
    pub(crate) fix: Option<Str>,
    /// The condition that a machine, a mount or a variable can change; a clause.
    pub(crate) condition: Option<Str>,
    /// The error before it in the chain.
    pub(crate) cause: Option<Box<Raised>>,
    /// The exception object that the handler made, where it made one.
    pub(crate) object: Option<Value>,
}

impl Raised {
    /// The first of the chain: the cause.
    pub(crate) fn first(&self) -> &Self {
        let mut at = self;
        while let Some(cause) = &at.cause {
            at = cause;
        }
        at
    }
}

/// A place in a file of the archive or of the image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// Relative in the archive, absolute in the image.
    pub(crate) file: Str,
    /// Where.
    pub(crate) at: envdiff_python::tree::At,
}
