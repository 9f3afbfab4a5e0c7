//! A pickle comes in, opcode after opcode; the names it looks up, what it calls and builds, and the shape of the object come
//! out. Nothing is looked up, called or built (Python, `Lib/pickle.py` and `Modules/_pickle.c`; protocols 0 to 5).

mod machine;

use envdiff_files::{ReadAt, Reason};

use super::limits;
use super::shape::Name;
use super::stream::Stream;
use machine::Machine;

pub use super::shape::Shape;

/// What a pickle holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Pickle {
    /// The protocol that it says; `None` where it says none, which is 0 or 1.
    pub protocol: Option<u8>,
    /// Every class and function that is looked up, each once, in the order in which they are first.
    pub globals: Vec<Global>,
    /// What decides whether a careful unpickler takes it; each kind of step once, in the order in which they are first.
    pub events: Vec<Event>,
    /// Pickles in the bytes that `torch.storage._load_from_bytes` is given: how a tensor is pickled by anything but `torch.save`.
    pub nested: Vec<Nested>,
    /// The storages of a torch pickle, each once, in the order in which they are first.
    pub storages: Vec<Storage>,
    /// What comes out.
    pub shape: Shape,
    /// How it ends.
    pub end: End,
    /// How many opcodes it has.
    pub opcodes: u64,
    /// How many bytes it has, up to its end.
    pub len: u64,
    /// Whether all that it holds was followed: else there may be names, calls or keys that are not told.
    pub complete: bool,
}

/// A class or function that is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// Module and name as Python 3 looks them up.
    pub name: Name,
    /// Module and name as they stand in the pickle.
    pub written: Name,
    /// Where, in bytes from the begin of the pickle.
    pub at: u64,
    /// The opcode.
    pub opcode: u8,
}

/// A step that is not the same for every unpickler.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Where, in bytes from the begin of the pickle.
    pub at: u64,
    /// What.
    pub step: Step,
}

/// What such a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// An opcode that was not there before.
    Opcode(u8),
    /// Looks up [`Pickle::globals`] of this index.
    Global(usize),
    /// Looks up a name that was computed and is not known.
    UnknownGlobal,
    /// Calls something (`REDUCE`).
    Call(Subject),
    /// Makes an instance of a class without calling its `__init__` (`NEWOBJ`, `NEWOBJ_EX`), or with (`INST`, `OBJ`).
    New(Subject),
    /// Gives an object its state (`BUILD`).
    Build(Subject),
    /// Appends to something that is no list.
    Append(Subject),
    /// A persistent id that is no storage: the first element of a tuple; `None` where it is no tuple.
    Persistent(Option<String>),
    /// Looks up a number of the registry of `copyreg`.
    Extension(u32),
}

/// What a step is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// [`Pickle::globals`] of this index itself.
    Global(usize),
    /// What [`Pickle::globals`] of this index gave when it was called.
    Result(usize),
    /// An object of a built-in type: `list`.
    Builtin(&'static str),
    /// A tensor or storage from a persistent id.
    Storage,
    /// Not known.
    Unknown,
}

/// Bytes in a pickle that are loaded by `torch.load` while it is unpickled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nested {
    /// Where they begin, in bytes from the begin of the pickle.
    pub begin: u64,
    /// How many.
    pub len: u64,
    /// Where they are loaded, in bytes from the begin of the pickle.
    pub at: u64,
}

/// A storage: the bytes behind a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// `FloatStorage`
    pub class: String,
    /// Its name below `data/`.
    pub key: String,
    /// Where it was: `cpu`, `cuda:0`.
    pub location: String,
    /// How many elements it has.
    pub count: u64,
    /// Where it is asked for, in bytes from the begin of the pickle.
    pub at: u64,
}

impl Storage {
    /// torch's name of the elements' type and their size in bytes; `None` where the class is not known.
    #[must_use]
    pub fn element(&self) -> Option<(&'static str, u64)> {
        let bare = self.class.trim_end_matches("Storage");
        Some(match bare {
            "Float" => ("float32", 4),
            "Double" => ("float64", 8),
            "Half" => ("float16", 2),
            "BFloat16" => ("bfloat16", 2),
            "Long" => ("int64", 8),
            "Int" => ("int32", 4),
            "Short" => ("int16", 2),
            "Char" => ("int8", 1),
            "Byte" | "Untyped" => ("uint8", 1),
            "Bool" => ("bool", 1),
            "ComplexFloat" => ("complex64", 8),
            "ComplexDouble" => ("complex128", 16),
            "QInt8" => ("qint8", 1),
            "QUInt8" => ("quint8", 1),
            "QInt32" => ("qint32", 4),
            "QUInt4x2" => ("quint4x2", 1),
            "QUInt2x4" => ("quint2x4", 1),
            _ => return None,
        })
    }
}

/// How a pickle ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With its `STOP`.
    Stop,
    /// With an error of the unpickler.
    Fails {
        /// Which.
        error: Error,
        /// At which opcode, in bytes from the begin of the pickle.
        at: u64,
    },
    /// It has more than is read of it: what comes behind is not known.
    TooLarge(&'static str),
    /// A read failed.
    Unread(Reason),
}

/// An error of the unpickler itself, in Python's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No bytes where an opcode should be.
    RanOut,
    /// Bytes end within an opcode.
    Truncated {
        /// Which opcode.
        opcode: u8,
        /// How many bytes are left behind it.
        left: u64,
    },
    /// No opcode.
    InvalidKey(u8),
    /// A protocol that is not known.
    Protocol(u8),
    /// Any other, as exception and text.
    Other(&'static str, String),
}

impl Error {
    /// The exception as a traceback names it, and its text.
    #[must_use]
    pub fn told(&self) -> (&'static str, String) {
        match self {
            Self::RanOut => ("EOFError", "Ran out of input".to_owned()),
            Self::Truncated { .. } => ("_pickle.UnpicklingError", "pickle data was truncated".to_owned()),
            Self::InvalidKey(key) if (0x20..0x7f).contains(key) && *key != b'\'' && *key != b'\\' => {
                ("_pickle.UnpicklingError", format!("invalid load key, '{}'.", char::from(*key)))
            }
            Self::InvalidKey(key) => {
                ("_pickle.UnpicklingError", format!("invalid load key, '\\x{key:02x}'."))
            }
            Self::Protocol(number) => ("ValueError", format!("unsupported pickle protocol: {number}")),
            Self::Other(exception, text) => (*exception, text.clone()),
        }
    }
}

/// Reads the pickle that begins at `begin` and ends at `end` at the latest.
pub fn read(file: &mut dyn ReadAt, begin: u64, end: u64) -> Pickle {
    read_within(file, begin, end, limits::PICKLE_OPCODES)
}

/// The same for a pickle of joblib, which puts the bytes of each array behind the wrapper that describes it (joblib,
/// `joblib/numpy_pickle.py`).
pub fn read_joblib(file: &mut dyn ReadAt, begin: u64, end: u64) -> Pickle {
    let mut machine = Machine::new(Stream::new(file, begin, end));
    machine.joblib = true;
    let ended = machine.run(limits::PICKLE_OPCODES);
    machine.finish(ended)
}

/// The same with another bound on opcodes.
pub(super) fn read_within(file: &mut dyn ReadAt, begin: u64, end: u64, opcodes: u64) -> Pickle {
    let mut machine = Machine::new(Stream::new(file, begin, end));
    let ended = machine.run(opcodes);
    machine.finish(ended)
}
