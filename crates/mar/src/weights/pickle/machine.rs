//! The opcodes of a pickle come in; what they do to stack and memo, as far as it is told, comes out: the unpickler without the
//! objects.

mod told;
mod types;

use std::collections::HashMap;

use envdiff_files::Reason;

use super::{End, Error, Event, Global, Nested, Pickle, Shape, Step, Storage, Subject};
use crate::weights::limits;
use crate::weights::python2::modern;
use crate::weights::shape::Name;
use crate::weights::stream::{Short, Stream};
use told::Told;

/// A value on the stack or in the memo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i32),
    /// Index in `wide`.
    Wide(u32),
    Float,
    /// Index in `strings`; [`LOST`] where it was too long.
    Text(u32),
    /// Index in `places`; [`LOST`] where there were too many.
    Bytes(u32),
    /// A `bytearray`.
    Bytearray,
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
    FrozenSet,
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
pub(super) enum Halt {
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

pub(super) struct Machine<'a> {
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
    /// Begin and length of bytes, from the begin of the pickle.
    places: Vec<(u64, u64)>,
    nested: Vec<Nested>,
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
    pub(super) joblib: bool,
}

impl<'a> Machine<'a> {
    pub(super) fn new(stream: Stream<'a>) -> Self {
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
            places: Vec::new(),
            nested: Vec::new(),
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

    pub(super) fn run(&mut self, most: u64) -> Halt {
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
        let begin = self.stream.offset();
        self.stream.skip(len)?;
        if self.places.len() >= limits::PICKLE_OBJECTS {
            return Ok(Value::Bytes(LOST));
        }
        self.places.push((begin, len));
        Ok(Value::Bytes(u32::try_from(self.places.len() - 1).unwrap_or(LOST)))
    }

    fn new_entries(&mut self) -> u32 {
        if self.entries.len() >= limits::PICKLE_ENTRIES {
            self.complete = false;
            return LOST;
        }
        self.entries.push(Vec::new());
        u32::try_from(self.entries.len() - 1).unwrap_or(LOST)
    }

    fn set_entry(&mut self, object: Value, key: Value, value: Value) -> Result<(), Halt> {
        self.check_item(object, key)?;
        self.keep_entry(object, key, value);
        Ok(())
    }

    fn keep_entry(&mut self, object: Value, key: Value, value: Value) {
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
            Value::Bytes(_) => Subject::Builtin("bytes"),
            Value::Bytearray => Subject::Builtin("bytearray"),
            Value::Unknown | Value::Empty => Subject::Unknown,
            Value::Node(_) => match self.at_node(value) {
                Some(Node::Tuple(_) | Node::Long(_)) => Subject::Builtin("tuple"),
                Some(Node::List(_)) => Subject::Builtin("list"),
                Some(Node::Set) => Subject::Builtin("set"),
                Some(Node::FrozenSet) => Subject::Builtin("frozenset"),
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
        self.check_call(callee, arguments, class)?;
        if !class
            && self
                .name_of(callee)
                .is_some_and(|by| by.module == "torch.storage" && by.name == "_load_from_bytes")
        {
            self.nest(arguments);
        }
        let made = self.make(callee, arguments, class);
        self.push(made)
    }

    /// `torch.storage._load_from_bytes(b)`: notes where the bytes are; where that is not known, that something unknown runs.
    fn nest(&mut self, arguments: Value) {
        let place = match self.elements(arguments) {
            Some([Value::Bytes(index)]) => self.places.get(*index as usize).copied(),
            _ => None,
        };
        match place {
            Some((begin, len)) if self.nested.len() < limits::PICKLE_NESTED => {
                self.nested.push(Nested { begin, len, at: self.at });
            }
            _ => self.note(0, Subject::Unknown, Step::Call),
        }
    }

    /// `APPEND` and its like: so many more elements of a list.
    fn extend(&mut self, object: Value, more: usize) -> Result<(), Halt> {
        let subject = self.subject(object);
        if let Value::Node(index) = object
            && let Some(Node::List(count)) = self.nodes.get_mut(index as usize)
        {
            *count = count.saturating_add(more);
            return Ok(());
        }
        self.note(3, subject, Step::Append);
        if more == 0 { Ok(()) } else { self.check_append(object) }
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
            // BINBYTES8
            0x8e => {
                let len = u64::from_le_bytes(self.stream.array()?);
                let value = self.bytes(len)?;
                self.push(value)
            }
            // BYTEARRAY8
            0x96 => {
                let len = u64::from_le_bytes(self.stream.array()?);
                self.stream.skip(len)?;
                self.push(Value::Bytearray)
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
                self.extend(object, 1)
            }
            b'e' => {
                let from = self.pop_mark()?;
                let count = self.stack.len().saturating_sub(from);
                self.stack.truncate(from);
                let object = self.top()?;
                self.extend(object, count)
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
                self.set_entry(object, key, value)
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
                let below = from.checked_sub(1).filter(|below| *below >= self.floor());
                let object = below.and_then(|below| self.stack.get(below)).copied();
                self.check_add(object.ok_or_else(|| self.underflow())?, from)?;
                self.stack.truncate(from);
                Ok(())
            }
            0x91 => {
                let from = self.pop_mark()?;
                self.check_hashed(from)?;
                self.stack.truncate(from);
                let value = self.node(Node::FrozenSet);
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
                self.check_state(object, state)?;
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
            self.set_entry(object, key, value)?;
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

    pub(super) fn finish(self, ended: Halt) -> Pickle {
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
            nested: self.nested,
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
