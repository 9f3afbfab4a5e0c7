//! A pickle comes in, opcode after opcode; the names it looks up, what it calls and builds, and the shape of the object come
//! out. Nothing is looked up, called or built (Python, `Lib/pickle.py` and `Modules/_pickle.c`; protocols 0 to 5).

use std::collections::HashMap;

use envdiff_files::{ReadAt, Reason};

use super::limits;
use super::python2::modern;
use super::shape::{Entries, Made, Name, Tensor};
use super::stream::{Short, Stream};

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

/// A value on the stack or in the memo.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    None,
    Bool(bool),
    Int(i32),
    /// Index in `wide`.
    Wide(u32),
    Float,
    /// Index in `strings`; [`LOST`] where it was too long.
    Text(u32),
    Bytes,
    Node(u32),
    Unknown,
    /// A place of the memo that nothing was put into.
    Empty,
}

const LOST: u32 = u32::MAX;

/// An object with something in it.
#[derive(Debug)]
enum Node {
    Tuple(Box<[Value]>),
    /// A tuple with too many elements to keep.
    Long(usize),
    List(usize),
    Set,
    /// Index in `entries`.
    Dict(u32),
    /// Index in `globals`.
    Global(u32),
    /// Index in `made`.
    Made(u32),
    /// Index in `storages`, or [`LOST`].
    Storage(u32),
}

/// What a call or `__new__` gave.
#[derive(Debug)]
struct Object {
    by: Value,
    arguments: Value,
    class: bool,
    entries: Option<u32>,
    state: Value,
}

/// Why the machine stopped.
enum Halt {
    Stop(Value),
    Fails(Error),
    TooLarge(&'static str),
    Unread(Reason),
}

impl From<Short> for Halt {
    fn from(short: Short) -> Self {
        match short {
            Short::End => Self::Fails(Error::Truncated { opcode: 0, left: 0 }),
            Short::TooLong => Self::TooLarge("a line"),
            Short::Unread(reason) => Self::Unread(reason),
        }
    }
}

fn other(text: impl Into<String>) -> Halt {
    Halt::Fails(Error::Other("_pickle.UnpicklingError", text.into()))
}

struct Machine<'a> {
    stream: Stream<'a>,
    protocol: Option<u8>,
    stack: Vec<Value>,
    /// Where marks are: lengths of the stack.
    marks: Vec<usize>,
    memo: Vec<Value>,
    /// Places of the memo that lie far beyond the others.
    far: HashMap<u64, Value>,
    /// How many places are taken.
    memoized: u64,
    wide: Vec<i64>,
    strings: Vec<Box<str>>,
    string_bytes: usize,
    nodes: Vec<Node>,
    tuple_elements: usize,
    made: Vec<Object>,
    entries: Vec<Vec<(Value, Value)>>,
    entry_count: usize,
    globals: Vec<Global>,
    global_of: HashMap<(Name, Name), u32>,
    events: Vec<Event>,
    seen: [bool; 256],
    seen_steps: HashMap<(u8, u64), ()>,
    storages: Vec<Storage>,
    storage_of: HashMap<String, u32>,
    opcodes: u64,
    /// Where the present opcode stands.
    at: u64,
    complete: bool,
    /// Whether arrays of joblib lie between the opcodes.
    joblib: bool,
}

impl<'a> Machine<'a> {
    fn new(stream: Stream<'a>) -> Self {
        Self {
            stream,
            protocol: None,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            far: HashMap::new(),
            memoized: 0,
            wide: Vec::new(),
            strings: Vec::new(),
            string_bytes: 0,
            nodes: Vec::new(),
            tuple_elements: 0,
            made: Vec::new(),
            entries: Vec::new(),
            entry_count: 0,
            globals: Vec::new(),
            global_of: HashMap::new(),
            events: Vec::new(),
            seen: [false; 256],
            seen_steps: HashMap::new(),
            storages: Vec::new(),
            storage_of: HashMap::new(),
            opcodes: 0,
            at: 0,
            complete: true,
            joblib: false,
        }
    }

    fn run(&mut self, most: u64) -> Halt {
        loop {
            self.at = self.stream.offset();
            let opcode = match self.stream.byte() {
                Ok(opcode) => opcode,
                Err(Short::Unread(reason)) => return Halt::Unread(reason),
                Err(_) => return Halt::Fails(Error::RanOut),
            };
            self.opcodes += 1;
            if self.opcodes > most {
                return Halt::TooLarge("opcodes");
            }
            if let Some(seen) = self.seen.get_mut(usize::from(opcode))
                && !*seen
            {
                *seen = true;
                self.events.push(Event { at: self.at, step: Step::Opcode(opcode) });
            }
            let left = self.stream.left();
            match self.step(opcode) {
                Ok(()) => {}
                Err(Halt::Fails(Error::Truncated { .. })) => {
                    return Halt::Fails(Error::Truncated { opcode, left });
                }
                Err(halt) => return halt,
            }
        }
    }

    fn push(&mut self, value: Value) -> Result<(), Halt> {
        if self.stack.len() >= limits::PICKLE_STACK {
            return Err(Halt::TooLarge("values on the stack"));
        }
        self.stack.push(value);
        Ok(())
    }

    /// Where the part of the stack above the last mark begins.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn underflow(&self) -> Halt {
        if self.marks.is_empty() {
            other("unpickling stack underflow")
        } else {
            other("unexpected MARK found")
        }
    }

    fn pop(&mut self) -> Result<Value, Halt> {
        if self.stack.len() <= self.floor() {
            return Err(self.underflow());
        }
        self.stack.pop().ok_or_else(|| self.underflow())
    }

    fn top(&self) -> Result<Value, Halt> {
        if self.stack.len() <= self.floor() {
            return Err(self.underflow());
        }
        self.stack.last().copied().ok_or_else(|| self.underflow())
    }

    fn pop_mark(&mut self) -> Result<usize, Halt> {
        self.marks.pop().ok_or_else(|| other("could not find MARK"))
    }

    fn node(&mut self, node: Node) -> Value {
        if self.nodes.len() >= limits::PICKLE_OBJECTS {
            self.complete = false;
            return Value::Unknown;
        }
        self.nodes.push(node);
        Value::Node(u32::try_from(self.nodes.len() - 1).unwrap_or(LOST))
    }

    fn at_node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(index) => self.nodes.get(index as usize),
            _ => None,
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Value {
        if bytes.len() > limits::PICKLE_STRING {
            return Value::Text(LOST);
        }
        if self.string_bytes + bytes.len() > limits::PICKLE_STRINGS
            || self.strings.len() >= limits::PICKLE_OBJECTS
        {
            self.complete = false;
            return Value::Text(LOST);
        }
        self.string_bytes += bytes.len();
        self.strings.push(String::from_utf8_lossy(bytes).into());
        Value::Text(u32::try_from(self.strings.len() - 1).unwrap_or(LOST))
    }

    fn int(&mut self, number: i64) -> Value {
        if let Ok(short) = i32::try_from(number) {
            return Value::Int(short);
        }
        if self.wide.len() >= limits::PICKLE_OBJECTS {
            self.complete = false;
            return Value::Unknown;
        }
        self.wide.push(number);
        Value::Wide(u32::try_from(self.wide.len() - 1).unwrap_or(LOST))
    }

    fn int_of(&self, value: Value) -> Option<i64> {
        match value {
            Value::Int(number) => Some(i64::from(number)),
            Value::Wide(index) => self.wide.get(index as usize).copied(),
            _ => None,
        }
    }

    fn str_of(&self, value: Value) -> Option<&str> {
        match value {
            Value::Text(index) => self.strings.get(index as usize).map(|text| &**text),
            _ => None,
        }
    }

    /// A string of so many bytes; long ones are passed.
    fn string(&mut self, len: u64) -> Result<Value, Halt> {
        match usize::try_from(len) {
            Ok(short) if short <= limits::PICKLE_STRING => {
                let bytes = self.stream.take(short)?;
                Ok(self.text(&bytes))
            }
            _ => {
                self.stream.skip(len)?;
                Ok(Value::Text(LOST))
            }
        }
    }

    fn bytes(&mut self, len: u64) -> Result<Value, Halt> {
        self.stream.skip(len)?;
        Ok(Value::Bytes)
    }

    fn new_entries(&mut self) -> u32 {
        if self.entries.len() >= limits::PICKLE_ENTRIES {
            self.complete = false;
            return LOST;
        }
        self.entries.push(Vec::new());
        u32::try_from(self.entries.len() - 1).unwrap_or(LOST)
    }

    fn set_entry(&mut self, object: Value, key: Value, value: Value) {
        let index = match self.at_node(object) {
            Some(Node::Dict(index)) => *index,
            Some(Node::Made(made)) => {
                let made = *made;
                match self.made.get(made as usize).map(|object| object.entries) {
                    Some(Some(index)) => index,
                    Some(None) => {
                        let index = self.new_entries();
                        if let Some(object) = self.made.get_mut(made as usize) {
                            object.entries = Some(index);
                        }
                        index
                    }
                    None => LOST,
                }
            }
            _ => return,
        };
        if self.entry_count >= limits::PICKLE_ENTRIES {
            self.complete = false;
            return;
        }
        if let Some(entries) = self.entries.get_mut(index as usize) {
            entries.push((key, value));
            self.entry_count += 1;
        }
    }

    fn tuple(&mut self, from: usize) -> Value {
        let count = self.stack.len().saturating_sub(from);
        let node = if count > 64 || self.tuple_elements + count > limits::PICKLE_TUPLES {
            if count <= 64 {
                self.complete = false;
            }
            Node::Long(count)
        } else {
            self.tuple_elements += count;
            Node::Tuple(self.stack.get(from..).unwrap_or_default().into())
        };
        self.stack.truncate(from);
        self.node(node)
    }

    fn tuple_of(&mut self, count: usize) -> Result<(), Halt> {
        if self.stack.len() < self.floor() + count {
            return Err(self.underflow());
        }
        let value = self.tuple(self.stack.len() - count);
        self.push(value)
    }

    fn memo_put(&mut self, place: u64) -> Result<(), Halt> {
        let value = self.top()?;
        let index = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some(slot) = self.memo.get_mut(index) {
            self.memoized += u64::from(*slot == Value::Empty);
            *slot = value;
        } else if index < limits::PICKLE_MEMO && index <= self.memo.len() * 2 + 1_024 {
            self.memo.resize(index, Value::Empty);
            self.memo.push(value);
            // What lay far away has its place here now.
            let moved: Vec<u64> = self.far.keys().copied().filter(|far| *far <= place).collect();
            for far in moved {
                let held = self.far.remove(&far);
                let slot = usize::try_from(far).ok().and_then(|far| self.memo.get_mut(far));
                if let (Some(held), Some(slot)) = (held, slot)
                    && *slot == Value::Empty
                {
                    *slot = held;
                }
            }
            self.memoized += 1;
        } else if self.far.len() < limits::PICKLE_ENTRIES {
            self.memoized += u64::from(self.far.insert(place, value).is_none());
        } else {
            return Err(Halt::TooLarge("places of the memo"));
        }
        Ok(())
    }

    fn memo_get(&mut self, place: u64) -> Result<(), Halt> {
        let index = usize::try_from(place).unwrap_or(usize::MAX);
        let near = self.memo.get(index).copied().filter(|value| *value != Value::Empty);
        let found = near.or_else(|| self.far.get(&place).copied());
        match found {
            Some(value) => self.push(value),
            None => Err(other(format!("Memo value not found at index {place}"))),
        }
    }

    /// Notes a step once for each subject.
    fn note(&mut self, kind: u8, subject: Subject, step: fn(Subject) -> Step) {
        let key = match &subject {
            Subject::Global(index) => *index as u64,
            Subject::Result(index) => (1 << 32) + *index as u64,
            Subject::Builtin(name) => (2 << 32) + name.bytes().fold(0_u64, |sum, b| sum * 31 + u64::from(b)),
            Subject::Storage => 3 << 32,
            Subject::Unknown => 4 << 32,
        };
        if self.seen_steps.insert((kind, key), ()).is_none() {
            self.events.push(Event { at: self.at, step: step(subject) });
        }
    }

    fn subject(&self, value: Value) -> Subject {
        match value {
            Value::None => Subject::Builtin("NoneType"),
            Value::Bool(_) => Subject::Builtin("bool"),
            Value::Int(_) | Value::Wide(_) => Subject::Builtin("int"),
            Value::Float => Subject::Builtin("float"),
            Value::Text(_) => Subject::Builtin("str"),
            Value::Bytes => Subject::Builtin("bytes"),
            Value::Unknown | Value::Empty => Subject::Unknown,
            Value::Node(_) => match self.at_node(value) {
                Some(Node::Tuple(_) | Node::Long(_)) => Subject::Builtin("tuple"),
                Some(Node::List(_)) => Subject::Builtin("list"),
                Some(Node::Set) => Subject::Builtin("set"),
                Some(Node::Dict(_)) => Subject::Builtin("dict"),
                Some(Node::Global(index)) => Subject::Global(*index as usize),
                Some(Node::Storage(_)) => Subject::Storage,
                Some(Node::Made(index)) => match self.made.get(*index as usize).map(|object| object.by) {
                    Some(by) => match self.at_node(by) {
                        Some(Node::Global(index)) => Subject::Result(*index as usize),
                        _ => Subject::Unknown,
                    },
                    None => Subject::Unknown,
                },
                None => Subject::Unknown,
            },
        }
    }

    fn global(&mut self, module: &str, name: &str, opcode: u8) -> Result<Value, Halt> {
        let written = Name { module: module.to_owned(), name: name.to_owned() };
        let mapped = if self.protocol.unwrap_or(0) < 3 { modern(module, name) } else { (module, name) };
        let found = Name { module: mapped.0.to_owned(), name: mapped.1.to_owned() };
        let key = (written, found);
        if let Some(index) = self.global_of.get(&key) {
            let index = *index;
            return Ok(self.node(Node::Global(index)));
        }
        if self.globals.len() >= limits::PICKLE_GLOBALS {
            return Err(Halt::TooLarge("classes and functions"));
        }
        let index = u32::try_from(self.globals.len()).unwrap_or(LOST);
        self.events.push(Event { at: self.at, step: Step::Global(self.globals.len()) });
        self.globals.push(Global { name: key.1.clone(), written: key.0.clone(), at: self.at, opcode });
        self.global_of.insert(key, index);
        Ok(self.node(Node::Global(index)))
    }

    fn lines(&mut self) -> Result<(String, String), Halt> {
        let module = self.stream.line(limits::PICKLE_LINE)?;
        let name = self.stream.line(limits::PICKLE_LINE)?;
        if module.len() > limits::PICKLE_STRING || name.len() > limits::PICKLE_STRING {
            return Err(Halt::TooLarge("the name of a class"));
        }
        Ok((String::from_utf8_lossy(&module).into_owned(), String::from_utf8_lossy(&name).into_owned()))
    }

    fn make(&mut self, by: Value, arguments: Value, class: bool) -> Value {
        if self.made.len() >= limits::PICKLE_OBJECTS {
            self.complete = false;
            return Value::Unknown;
        }
        self.made.push(Object { by, arguments, class, entries: None, state: Value::None });
        let index = u32::try_from(self.made.len() - 1).unwrap_or(LOST);
        self.node(Node::Made(index))
    }

    fn name_of(&self, value: Value) -> Option<&Name> {
        match self.at_node(value) {
            Some(Node::Global(index)) => self.globals.get(*index as usize).map(|global| &global.name),
            _ => None,
        }
    }

    fn elements(&self, value: Value) -> Option<&[Value]> {
        match self.at_node(value) {
            Some(Node::Tuple(elements)) => Some(elements),
            _ => None,
        }
    }

    /// A persistent id of torch: `('storage', type, key, location, count)`, in old files with a view behind.
    fn persistent(&mut self, id: Value) -> Value {
        let parts = self.elements(id).unwrap_or_default();
        let kind = parts.first().and_then(|first| self.str_of(*first)).map(str::to_owned);
        if kind.as_deref() != Some("storage") {
            // Saving a whole object with its source, old files say `('module', class, file, source)`.
            let module = if kind.as_deref() == Some("module") { parts.get(1).copied() } else { None };
            let is_tuple = matches!(self.at_node(id), Some(Node::Tuple(_) | Node::Long(_)));
            self.events.push_once(self.at, is_tuple.then(|| kind.unwrap_or_default()));
            return module.unwrap_or(Value::Unknown);
        }
        let class = parts.get(1).and_then(|class| self.name_of(*class)).map(|name| name.name.clone());
        let key = parts.get(2).and_then(|key| match self.int_of(*key) {
            Some(number) => Some(number.to_string()),
            None => self.str_of(*key).map(str::to_owned),
        });
        let location = parts.get(3).and_then(|location| self.str_of(*location)).map(str::to_owned);
        let count = parts.get(4).and_then(|count| u64::try_from(self.int_of(*count)?).ok());
        let (Some(class), Some(key), Some(location), Some(count)) = (class, key, location, count) else {
            return self.node(Node::Storage(LOST));
        };
        if let Some(index) = self.storage_of.get(&key) {
            let index = *index;
            return self.node(Node::Storage(index));
        }
        if self.storages.len() >= limits::PICKLE_STORAGES {
            self.complete = false;
            return self.node(Node::Storage(LOST));
        }
        let index = u32::try_from(self.storages.len()).unwrap_or(LOST);
        self.storage_of.insert(key.clone(), index);
        self.storages.push(Storage { class, key, location, count, at: self.at });
        self.node(Node::Storage(index))
    }

    fn number(&mut self) -> Result<Value, Halt> {
        let line = self.stream.line(limits::PICKLE_LINE)?;
        let text = String::from_utf8_lossy(&line);
        Ok(match &*text {
            "00" => Value::Bool(false),
            "01" => Value::Bool(true),
            text => match text.trim().trim_end_matches('L').parse() {
                Ok(number) => self.int(number),
                Err(_) => Value::Unknown,
            },
        })
    }

    fn place(&mut self) -> Result<u64, Halt> {
        let line = self.stream.line(limits::PICKLE_LINE)?;
        let text = String::from_utf8_lossy(&line);
        text.trim().parse().map_err(|_| {
            Halt::Fails(Error::Other(
                "ValueError",
                format!("invalid literal for int() with base 10: b'{}'", text.escape_debug()),
            ))
        })
    }

    /// A whole number of so many bytes, the lowest first.
    fn long(&mut self, len: u64) -> Result<Value, Halt> {
        if len > 8 {
            self.stream.skip(len)?;
            return Ok(Value::Unknown);
        }
        let bytes = self.stream.take(usize::try_from(len).unwrap_or(8))?;
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = if negative { [0xFF; 8] } else { [0; 8] };
        for (to, from) in wide.iter_mut().zip(&bytes) {
            *to = *from;
        }
        Ok(self.int(i64::from_le_bytes(wide)))
    }

    fn stack_global(&mut self) -> Result<(), Halt> {
        let name = self.pop()?;
        let module = self.pop()?;
        let text = |value: Value| matches!(value, Value::Text(_) | Value::Unknown);
        if !text(name) || !text(module) {
            return Err(other("STACK_GLOBAL requires str"));
        }
        let found = match (self.str_of(module), self.str_of(name)) {
            (Some(module), Some(name)) => {
                let (module, name) = (module.to_owned(), name.to_owned());
                self.global(&module, &name, 0x93)?
            }
            _ => {
                self.complete = false;
                self.events.push(Event { at: self.at, step: Step::UnknownGlobal });
                if self.events.len() > limits::PICKLE_GLOBALS * 4 {
                    return Err(Halt::TooLarge("names that are not known"));
                }
                Value::Unknown
            }
        };
        self.push(found)
    }

    fn call(&mut self, callee: Value, arguments: Value, class: bool) -> Result<(), Halt> {
        let subject = self.subject(callee);
        if class {
            self.note(1, subject, Step::New);
        } else {
            self.note(0, subject, Step::Call);
        }
        let made = self.make(callee, arguments, class);
        self.push(made)
    }

    /// `APPEND` and its like: so many more elements of a list.
    fn extend(&mut self, object: Value, more: usize) {
        let subject = self.subject(object);
        if let Value::Node(index) = object
            && let Some(Node::List(count)) = self.nodes.get_mut(index as usize)
        {
            *count = count.saturating_add(more);
            return;
        }
        self.note(3, subject, Step::Append);
    }

    #[expect(clippy::too_many_lines, reason = "one arm an opcode: the table of the format")]
    fn step(&mut self, opcode: u8) -> Result<(), Halt> {
        match opcode {
            // PROTO
            0x80 => {
                let number = self.stream.byte()?;
                if number > 5 {
                    return Err(Halt::Fails(Error::Protocol(number)));
                }
                self.protocol = Some(number);
                Ok(())
            }
            // FRAME
            0x95 => {
                self.stream.array::<8>()?;
                Ok(())
            }
            // STOP
            b'.' => Err(Halt::Stop(self.pop()?)),
            // MARK
            b'(' => {
                if self.marks.len() >= limits::PICKLE_STACK {
                    return Err(Halt::TooLarge("marks"));
                }
                self.marks.push(self.stack.len());
                Ok(())
            }
            // POP: of a mark, where one is on top.
            b'0' => {
                if self.stack.len() == self.floor() && !self.marks.is_empty() {
                    self.marks.pop();
                    Ok(())
                } else {
                    self.pop().map(drop)
                }
            }
            // POP_MARK
            b'1' => {
                let from = self.pop_mark()?;
                self.stack.truncate(from);
                Ok(())
            }
            // DUP
            b'2' => {
                let value = self.top()?;
                self.push(value)
            }
            // NONE
            b'N' => self.push(Value::None),
            // NEWTRUE, NEWFALSE
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            // INT, LONG
            b'I' | b'L' => {
                let value = self.number()?;
                self.push(value)
            }
            // BININT
            b'J' => {
                let number = i32::from_le_bytes(self.stream.array()?);
                self.push(Value::Int(number))
            }
            // BININT1
            b'K' => {
                let number = self.stream.byte()?;
                self.push(Value::Int(i32::from(number)))
            }
            // BININT2
            b'M' => {
                let number = u16::from_le_bytes(self.stream.array()?);
                self.push(Value::Int(i32::from(number)))
            }
            // LONG1
            0x8a => {
                let len = self.stream.byte()?;
                let value = self.long(u64::from(len))?;
                self.push(value)
            }
            // LONG4
            0x8b => {
                let len = i32::from_le_bytes(self.stream.array()?);
                let len = u64::try_from(len).map_err(|_| other("LONG pickle has negative byte count"))?;
                let value = self.long(len)?;
                self.push(value)
            }
            // FLOAT
            b'F' => {
                self.stream.line(limits::PICKLE_LINE)?;
                self.push(Value::Float)
            }
            // BINFLOAT
            b'G' => {
                self.stream.array::<8>()?;
                self.push(Value::Float)
            }
            // STRING: quoted.
            b'S' => {
                let line = self.stream.line(limits::PICKLE_LINE)?;
                let line = line.trim_ascii_end();
                let inner = match line {
                    [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
                    _ => return Err(other("the STRING opcode argument must be quoted")),
                };
                let value = self.text(inner);
                self.push(value)
            }
            // UNICODE
            b'V' => {
                let line = self.stream.line(limits::PICKLE_LINE)?;
                let value = self.text(&raw_unicode(&line));
                self.push(value)
            }
            // BINSTRING
            b'T' => {
                let len = i32::from_le_bytes(self.stream.array()?);
                let len =
                    u64::try_from(len).map_err(|_| other("BINSTRING pickle has negative byte count"))?;
                let value = self.string(len)?;
                self.push(value)
            }
            // SHORT_BINSTRING, SHORT_BINUNICODE
            b'U' | 0x8c => {
                let len = self.stream.byte()?;
                let value = self.string(u64::from(len))?;
                self.push(value)
            }
            // BINUNICODE
            b'X' => {
                let len = u32::from_le_bytes(self.stream.array()?);
                let value = self.string(u64::from(len))?;
                self.push(value)
            }
            // BINUNICODE8
            0x8d => {
                let len = u64::from_le_bytes(self.stream.array()?);
                let value = self.string(len)?;
                self.push(value)
            }
            // BINBYTES
            b'B' => {
                let len = u32::from_le_bytes(self.stream.array()?);
                let value = self.bytes(u64::from(len))?;
                self.push(value)
            }
            // SHORT_BINBYTES
            b'C' => {
                let len = self.stream.byte()?;
                let value = self.bytes(u64::from(len))?;
                self.push(value)
            }
            // BINBYTES8, BYTEARRAY8
            0x8e | 0x96 => {
                let len = u64::from_le_bytes(self.stream.array()?);
                let value = self.bytes(len)?;
                self.push(value)
            }
            // NEXT_BUFFER, READONLY_BUFFER
            0x97 => {
                Err(other("pickle stream refers to out-of-band data but no *buffers* argument was given"))
            }
            0x98 => self.top().map(drop),
            // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE
            b')' => self.tuple_of(0),
            0x85 => self.tuple_of(1),
            0x86 => self.tuple_of(2),
            0x87 => self.tuple_of(3),
            b't' => {
                let from = self.pop_mark()?;
                let value = self.tuple(from);
                self.push(value)
            }
            // EMPTY_LIST, LIST
            b']' => {
                let value = self.node(Node::List(0));
                self.push(value)
            }
            b'l' => {
                let from = self.pop_mark()?;
                let count = self.stack.len().saturating_sub(from);
                self.stack.truncate(from);
                let value = self.node(Node::List(count));
                self.push(value)
            }
            // APPEND, APPENDS
            b'a' => {
                self.pop()?;
                let object = self.top()?;
                self.extend(object, 1);
                Ok(())
            }
            b'e' => {
                let from = self.pop_mark()?;
                let count = self.stack.len().saturating_sub(from);
                self.stack.truncate(from);
                let object = self.top()?;
                self.extend(object, count);
                Ok(())
            }
            // EMPTY_DICT, DICT
            b'}' => {
                let index = self.new_entries();
                let value = self.node(Node::Dict(index));
                self.push(value)
            }
            b'd' => {
                let from = self.pop_mark()?;
                let index = self.new_entries();
                let value = self.node(Node::Dict(index));
                self.set_entries(value, from)?;
                self.push(value)
            }
            // SETITEM, SETITEMS
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                let object = self.top()?;
                self.set_entry(object, key, value);
                Ok(())
            }
            b'u' => {
                let from = self.pop_mark()?;
                let below = from.checked_sub(1).filter(|below| *below >= self.floor());
                let object = below.and_then(|below| self.stack.get(below)).copied();
                let object = object.ok_or_else(|| self.underflow())?;
                self.set_entries(object, from)
            }
            // EMPTY_SET, ADDITEMS, FROZENSET
            0x8f => {
                let value = self.node(Node::Set);
                self.push(value)
            }
            0x90 => {
                let from = self.pop_mark()?;
                self.stack.truncate(from);
                self.top().map(drop)
            }
            0x91 => {
                let from = self.pop_mark()?;
                self.stack.truncate(from);
                let value = self.node(Node::Set);
                self.push(value)
            }
            // GET, BINGET, LONG_BINGET
            b'g' => {
                let place = self.place()?;
                self.memo_get(place)
            }
            b'h' => {
                let place = self.stream.byte()?;
                self.memo_get(u64::from(place))
            }
            b'j' => {
                let place = u32::from_le_bytes(self.stream.array()?);
                self.memo_get(u64::from(place))
            }
            // PUT, BINPUT, LONG_BINPUT, MEMOIZE
            b'p' => {
                let place = self.place()?;
                self.memo_put(place)
            }
            b'q' => {
                let place = self.stream.byte()?;
                self.memo_put(u64::from(place))
            }
            b'r' => {
                let place = u32::from_le_bytes(self.stream.array()?);
                self.memo_put(u64::from(place))
            }
            0x94 => self.memo_put(self.memoized),
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let (module, name) = self.lines()?;
                let value = self.global(&module, &name, opcode)?;
                self.push(value)
            }
            0x93 => self.stack_global(),
            // EXT1, EXT2, EXT4
            0x82 => {
                let code = self.stream.byte()?;
                self.extension(u32::from(code))
            }
            0x83 => {
                let code = u16::from_le_bytes(self.stream.array()?);
                self.extension(u32::from(code))
            }
            0x84 => {
                let code = u32::from_le_bytes(self.stream.array()?);
                self.extension(code)
            }
            // REDUCE
            b'R' => {
                let arguments = self.pop()?;
                let callee = self.pop()?;
                self.call(callee, arguments, false)
            }
            // NEWOBJ
            0x81 => {
                let arguments = self.pop()?;
                let class = self.pop()?;
                self.call(class, arguments, true)
            }
            // NEWOBJ_EX
            0x92 => {
                self.pop()?;
                let arguments = self.pop()?;
                let class = self.pop()?;
                self.call(class, arguments, true)
            }
            // INST
            b'i' => {
                let (module, name) = self.lines()?;
                let class = self.global(&module, &name, opcode)?;
                let from = self.pop_mark()?;
                let arguments = self.tuple(from);
                self.call(class, arguments, true)
            }
            // OBJ
            b'o' => {
                let from = self.pop_mark()?;
                let class = self.stack.get(from).copied().ok_or_else(|| self.underflow())?;
                let arguments = self.tuple(from + 1);
                self.stack.truncate(from);
                self.call(class, arguments, true)
            }
            // BUILD
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                let subject = self.subject(object);
                self.note(2, subject, Step::Build);
                if let Some(Node::Made(index)) = self.at_node(object) {
                    let index = *index as usize;
                    if let Some(made) = self.made.get_mut(index) {
                        made.state = state;
                    }
                    if self.joblib {
                        return self.array_of_joblib(index);
                    }
                }
                Ok(())
            }
            // PERSID, BINPERSID
            b'P' => {
                self.stream.line(limits::PICKLE_LINE)?;
                self.events.push_once(self.at, None);
                self.push(Value::Unknown)
            }
            b'Q' => {
                let id = self.pop()?;
                let value = self.persistent(id);
                self.push(value)
            }
            unknown => Err(Halt::Fails(Error::InvalidKey(unknown))),
        }
    }

    /// Passes the bytes of an array, where the object that was given its state is joblib's wrapper of one.
    fn array_of_joblib(&mut self, index: usize) -> Result<(), Halt> {
        let Some(object) = self.made.get(index) else { return Ok(()) };
        let wrapper = self
            .name_of(object.by)
            .is_some_and(|by| by.module == "joblib.numpy_pickle" && by.name == "NumpyArrayWrapper");
        if !wrapper {
            return Ok(());
        }
        let Some(Node::Dict(state)) = self.at_node(object.state) else { return Ok(()) };
        let entries = self.entries.get(*state as usize).map(Vec::as_slice).unwrap_or_default();
        let field = |wanted: &str| {
            entries.iter().find(|(key, _)| self.str_of(*key) == Some(wanted)).map(|(_, value)| *value)
        };
        let sizes = field("shape").and_then(|shape| self.sizes(shape));
        let width = field("dtype").and_then(|dtype| self.width(dtype));
        let aligned = field("numpy_array_alignment_bytes").is_some_and(|bytes| bytes != Value::None);
        let bytes = sizes.zip(width).and_then(|(sizes, width)| {
            sizes.iter().try_fold(width, |product, size| product.checked_mul(*size))
        });
        let Some(bytes) = bytes else {
            return Err(Halt::TooLarge("arrays of joblib with compound elements"));
        };
        if aligned {
            let padding = self.stream.byte()?;
            self.stream.skip(u64::from(padding))?;
        }
        Ok(self.stream.skip(bytes)?)
    }

    /// Bytes of an element of `numpy.dtype('f4', False, True)`; `None` of objects and compound types.
    fn width(&self, dtype: Value) -> Option<u64> {
        let Some(Node::Made(index)) = self.at_node(dtype) else { return None };
        let object = self.made.get(*index as usize)?;
        if self.name_of(object.by)?.name != "dtype" {
            return None;
        }
        let text = self.str_of(*self.elements(object.arguments)?.first()?)?;
        let mut characters = text.chars();
        let kind = characters.next()?;
        let count: u64 = characters.as_str().parse().ok()?;
        match kind {
            'b' | 'i' | 'u' | 'f' | 'c' | 'S' | 'M' | 'm' => Some(count),
            'U' => count.checked_mul(4),
            _ => None,
        }
    }

    fn set_entries(&mut self, object: Value, from: usize) -> Result<(), Halt> {
        let count = self.stack.len().saturating_sub(from);
        if !count.is_multiple_of(2) {
            return Err(other("odd number of items for SETITEMS"));
        }
        let mut at = from;
        while let (Some(key), Some(value)) = (self.stack.get(at).copied(), self.stack.get(at + 1).copied()) {
            self.set_entry(object, key, value);
            at += 2;
        }
        self.stack.truncate(from);
        Ok(())
    }

    fn extension(&mut self, code: u32) -> Result<(), Halt> {
        if !self.seen_steps.contains_key(&(5, u64::from(code))) {
            if self.seen_steps.len() >= limits::PICKLE_GLOBALS * 4 {
                return Err(Halt::TooLarge("numbers of extensions"));
            }
            self.seen_steps.insert((5, u64::from(code)), ());
            self.events.push(Event { at: self.at, step: Step::Extension(code) });
        }
        self.push(Value::Unknown)
    }

    fn finish(self, ended: Halt) -> Pickle {
        let (end, shape, cut) = match ended {
            Halt::Stop(value) => {
                let mut told = Told { machine: &self, left: limits::PICKLE_ENTRIES };
                let shape = told.shape(value, 3);
                (End::Stop, shape, false)
            }
            Halt::Fails(error) => (End::Fails { error, at: self.at }, Shape::Unknown, false),
            Halt::TooLarge(what) => (End::TooLarge(what), Shape::Unknown, true),
            Halt::Unread(reason) => (End::Unread(reason), Shape::Unknown, true),
        };
        Pickle {
            protocol: self.protocol,
            complete: self.complete && !cut,
            opcodes: self.opcodes,
            len: self.stream.offset(),
            globals: self.globals,
            events: self.events,
            storages: self.storages,
            shape,
            end,
        }
    }
}

/// Notes a persistent id once for each kind.
trait PushOnce {
    fn push_once(&mut self, at: u64, kind: Option<String>);
}
impl PushOnce for Vec<Event> {
    fn push_once(&mut self, at: u64, kind: Option<String>) {
        // Of kinds there are two in real files; a hostile one stays small with the first few.
        let kinds = self.iter().filter(|event| matches!(event.step, Step::Persistent(_)));
        let known: Vec<&Event> = kinds.take(16).collect();
        let step = Step::Persistent(kind);
        if known.len() < 16 && !known.iter().any(|event| event.step == step) {
            self.push(Event { at, step });
        }
    }
}

/// `\uXXXX` and `\UXXXXXXXX`, other bytes as Latin 1 (the text of `UNICODE`).
fn raw_unicode(line: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, more)) = rest.split_first() {
        let width = match (first, more.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => 0,
        };
        let digits = more.get(1..=width).filter(|_| width > 0).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32) {
            Some(character) => {
                out.push(character);
                rest = more.get(1 + width..).unwrap_or_default();
            }
            None => {
                out.push(char::from(*first));
                rest = more;
            }
        }
    }
    out.into_bytes()
}

/// Tells values as shapes, so many in all.
struct Told<'m, 'a> {
    machine: &'m Machine<'a>,
    left: usize,
}

impl Told<'_, '_> {
    /// A value and what lies in it, so many levels deep.
    fn shape(&mut self, value: Value, depth: usize) -> Shape {
        match value {
            Value::None => Shape::None,
            Value::Bool(value) => Shape::Bool(value),
            Value::Int(_) | Value::Wide(_) => self.machine.int_of(value).map_or(Shape::Unknown, Shape::Int),
            Value::Float => Shape::Float,
            Value::Text(_) => {
                self.machine.str_of(value).map_or(Shape::Unknown, |text| Shape::Text(text.to_owned()))
            }
            Value::Bytes => Shape::Bytes,
            Value::Unknown | Value::Empty => Shape::Unknown,
            Value::Node(_) => match self.machine.at_node(value) {
                Some(Node::Tuple(elements)) => Shape::Tuple(elements.len()),
                Some(Node::Long(count)) => Shape::Tuple(*count),
                Some(Node::List(count)) => Shape::List(*count),
                Some(Node::Set) => Shape::Set,
                Some(Node::Dict(index)) => Shape::Dict(self.entries(Some(*index), depth)),
                Some(Node::Global(index)) => self
                    .machine
                    .globals
                    .get(*index as usize)
                    .map_or(Shape::Unknown, |global| Shape::Global(global.name.clone())),
                Some(Node::Storage(_)) => Shape::Storage,
                Some(Node::Made(index)) => self.made(*index, depth),
                None => Shape::Unknown,
            },
        }
    }

    fn entries(&mut self, index: Option<u32>, depth: usize) -> Entries {
        let mut out = Entries::default();
        let Some(entries) = index.and_then(|index| self.machine.entries.get(index as usize)) else {
            out.cut = index == Some(LOST);
            return out;
        };
        let Some(deeper) = depth.checked_sub(1) else {
            out.cut = !entries.is_empty();
            return out;
        };
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (key, value) in entries {
            if self.left == 0 {
                out.cut = true;
                break;
            }
            self.left -= 1;
            let Some(key) = self.machine.str_of(*key) else {
                out.others += 1;
                continue;
            };
            let shape = self.shape(*value, deeper);
            match places.get(key).and_then(|place| out.named.get_mut(*place)) {
                Some(entry) => entry.1 = shape,
                None => {
                    places.insert(key, out.named.len());
                    out.named.push((key.to_owned(), shape));
                }
            }
        }
        out.cut |= self.machine.entry_count >= limits::PICKLE_ENTRIES;
        out
    }

    fn made(&mut self, index: u32, depth: usize) -> Shape {
        let machine = self.machine;
        let Some(object) = machine.made.get(index as usize) else { return Shape::Unknown };
        let Some(by) = machine.name_of(object.by) else { return Shape::Unknown };
        let arguments = machine.elements(object.arguments).unwrap_or_default();
        if let Some(tensor) = machine.tensor(by, arguments, 4) {
            return Shape::Tensor(tensor);
        }
        match (&*by.module, &*by.name) {
            ("collections", "OrderedDict") => {
                let mut entries = self.entries(object.entries, depth);
                entries.versions = machine.versions(object.state);
                Shape::OrderedDict(entries)
            }
            ("builtins", "set" | "frozenset") => Shape::Set,
            ("builtins", "bytearray") | ("_codecs", "encode") => Shape::Bytes,
            // What protocols below 2 write for an instance: the class is the first argument.
            ("copyreg", "_reconstructor") => {
                let class = arguments.first().and_then(|class| machine.name_of(*class)).cloned();
                let Some(class) = class else { return Shape::Unknown };
                self.instance(class, true, object, depth)
            }
            _ => self.instance(by.clone(), object.class, object, depth),
        }
    }

    fn instance(&mut self, by: Name, class: bool, object: &Object, depth: usize) -> Shape {
        let entries = self.entries(object.entries, depth);
        let state = depth.checked_sub(1).map_or(Shape::Unknown, |deeper| self.shape(object.state, deeper));
        Shape::Made(Box::new(Made { by, class, entries, state }))
    }
}

impl Machine<'_> {
    /// What a rebuilding function of torch makes (torch, `torch/_utils.py`, `torch/_tensor.py`); `None` where it is none.
    fn tensor(&self, by: &Name, arguments: &[Value], depth: usize) -> Option<Tensor> {
        let depth = depth.checked_sub(1)?;
        let argument = |index: usize| arguments.get(index).copied().unwrap_or(Value::Unknown);
        let inner = |value: Value| -> Option<Tensor> {
            let Some(Node::Made(index)) = self.at_node(value) else { return None };
            let object = self.made.get(*index as usize)?;
            self.tensor(self.name_of(object.by)?, self.elements(object.arguments).unwrap_or_default(), depth)
        };
        let unknown = Tensor { sizes: None, dtype: None, location: String::new(), parameter: false };
        match (&*by.module, &*by.name) {
            (
                "torch._utils",
                "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3" | "_rebuild_qtensor",
            ) => {
                let storage = match self.at_node(argument(0)) {
                    Some(Node::Storage(index)) => self.storages.get(*index as usize),
                    _ => None,
                };
                // The third version names its type for itself, for its storage has none.
                let dtype = if by.name == "_rebuild_tensor_v3" {
                    self.name_of(argument(6)).and_then(|name| dtype(&name.name))
                } else {
                    storage.and_then(Storage::element).map(|(name, _)| name)
                };
                let location = storage.map(|storage| storage.location.clone()).unwrap_or_default();
                Some(Tensor { sizes: self.sizes(argument(2)), dtype, location, parameter: false })
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
            | ("torch.nn.parameter", "Parameter") => {
                Some(Tensor { parameter: true, ..inner(argument(0)).unwrap_or(unknown) })
            }
            ("torch._utils", "_rebuild_meta_tensor_no_storage") => {
                Some(Tensor { sizes: self.sizes(argument(1)), location: "meta".to_owned(), ..unknown })
            }
            ("torch._utils", "_rebuild_sparse_tensor" | "_rebuild_nested_tensor")
            | ("torch._utils", "_rebuild_device_tensor_from_numpy" | "_rebuild_sparse_csr_tensor")
            | ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor" | "_rebuild_wrapper_subclass") => {
                Some(unknown)
            }
            ("torch._tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => {
                let made = self
                    .name_of(argument(0))
                    .and_then(|by| self.tensor(by, self.elements(argument(2)).unwrap_or_default(), depth));
                let parameter =
                    self.name_of(argument(1)).is_some_and(|class| class.module == "torch.nn.parameter");
                let made = made.unwrap_or(unknown);
                Some(Tensor { parameter: parameter || made.parameter, ..made })
            }
            _ => None,
        }
    }

    /// The entries of a dictionary of any kind.
    fn entries_of(&self, value: Value) -> &[(Value, Value)] {
        let index = match self.at_node(value) {
            Some(Node::Dict(index)) => Some(*index),
            Some(Node::Made(made)) => self.made.get(*made as usize).and_then(|object| object.entries),
            _ => None,
        };
        index.and_then(|index| self.entries.get(index as usize)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The versions in the `_metadata` of a state dict's state.
    fn versions(&self, state: Value) -> Vec<(String, i64)> {
        let entry = |value: Value, wanted: &str| {
            let mut entries = self.entries_of(value).iter();
            entries.find(|(key, _)| self.str_of(*key) == Some(wanted)).map(|(_, value)| *value)
        };
        let Some(metadata) = entry(state, "_metadata") else { return Vec::new() };
        let modules = self.entries_of(metadata).iter();
        modules
            .filter_map(|(key, value)| {
                let version = self.int_of(entry(*value, "version")?)?;
                Some((self.str_of(*key)?.to_owned(), version))
            })
            .collect()
    }

    /// A tuple of whole numbers, or `torch.Size` of one.
    fn sizes(&self, value: Value) -> Option<Vec<u64>> {
        let value = match self.at_node(value) {
            Some(Node::Made(index)) => {
                let object = self.made.get(*index as usize)?;
                let name = self.name_of(object.by)?;
                if name.module != "torch" || name.name != "Size" {
                    return None;
                }
                self.elements(object.arguments)?.first().copied()?
            }
            _ => value,
        };
        let one = |value: &Value| u64::try_from(self.int_of(*value)?).ok();
        self.elements(value)?.iter().map(one).collect()
    }
}

/// torch's own constant for a name of a type.
fn dtype(name: &str) -> Option<&'static str> {
    const DTYPES: [&str; 22] = [
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "complex64",
        "complex128",
        "complex32",
        "qint8",
        "quint8",
        "qint32",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "uint16",
        "uint32",
        "uint64",
    ];
    DTYPES.into_iter().find(|known| *known == name)
}
