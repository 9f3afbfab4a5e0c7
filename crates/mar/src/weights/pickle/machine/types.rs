//! Values of the machine come in; the error that CPython's unpickler raises over their types comes out, where the type is known
//! to be a built-in one (`Modules/_pickle.c`, `load_reduce`, `do_append`, `do_setitems`, `load_additems`, `load_build`). Held
//! against six releases in `fixtures/weights/truth/pickles.json`.

use super::{Halt, Machine, Node, Value, other};
use crate::weights::pickle::{Error, Subject};

/// How many values of nested tuples are looked at for one that cannot be hashed.
const HASHED: usize = 10_000;

fn raised(exception: &'static str, text: String) -> Halt {
    Halt::Fails(Error::Other(exception, text))
}

impl Machine<'_> {
    /// The built-in type that a value certainly has.
    fn builtin(&self, value: Value) -> Option<&'static str> {
        match self.subject(value) {
            Subject::Builtin(name) => Some(name),
            _ => None,
        }
    }

    /// The type of a value, or of one in a tuple, that has no hash.
    fn unhashable(&self, value: Value) -> Option<&'static str> {
        let mut waiting = vec![value];
        let mut looked = 0;
        while let Some(value) = waiting.pop() {
            looked += 1;
            if looked > HASHED {
                return None;
            }
            match self.at_node(value) {
                Some(Node::Tuple(elements)) => waiting.extend(elements.iter().rev()),
                Some(Node::List(_) | Node::Dict(_) | Node::Set) => return self.builtin(value),
                _ if value == Value::Bytearray => return Some("bytearray"),
                _ => {}
            }
        }
        None
    }

    fn check_hash(&self, value: Value) -> Result<(), Halt> {
        match self.unhashable(value) {
            Some(name) => Err(raised("TypeError", format!("unhashable type: '{name}'"))),
            None => Ok(()),
        }
    }

    /// Elements of a set, on the stack from there on.
    pub(super) fn check_hashed(&self, from: usize) -> Result<(), Halt> {
        self.stack.get(from..).unwrap_or_default().iter().try_for_each(|value| self.check_hash(*value))
    }

    /// `ADDITEMS` of what is on the stack from there on.
    pub(super) fn check_add(&self, object: Value, from: usize) -> Result<(), Halt> {
        match self.builtin(object) {
            Some("set") => self.check_hashed(from),
            Some(name) if from < self.stack.len() => {
                Err(raised("AttributeError", format!("'{name}' object has no attribute 'add'")))
            }
            _ => Ok(()),
        }
    }

    /// `APPEND` and `APPENDS`, to what is no list.
    pub(super) fn check_append(&self, object: Value) -> Result<(), Halt> {
        match self.builtin(object) {
            None | Some("list" | "bytearray") => Ok(()),
            Some(name) => Err(raised("AttributeError", format!("'{name}' object has no attribute 'append'"))),
        }
    }

    /// `SETITEM` and its like, of one key.
    pub(super) fn check_item(&self, object: Value, key: Value) -> Result<(), Halt> {
        match self.builtin(object) {
            Some("dict") => self.check_hash(key),
            None | Some("list" | "bytearray") => Ok(()),
            Some(name) => {
                Err(raised("TypeError", format!("'{name}' object does not support item assignment")))
            }
        }
    }

    /// `REDUCE` and `NEWOBJ`.
    pub(super) fn check_call(&self, callee: Value, arguments: Value, class: bool) -> Result<(), Halt> {
        let given = self.builtin(arguments).filter(|name| *name != "tuple");
        match (self.builtin(callee), given) {
            (Some(name), _) if class => {
                Err(other(format!("NEWOBJ class argument must be a type, not {name}")))
            }
            (_, Some(given)) if class => {
                Err(other(format!("NEWOBJ args argument must be a tuple, not {given}")))
            }
            (_, Some(_)) => Err(raised("TypeError", "argument list must be a tuple".to_owned())),
            (Some(name), None) => Err(raised("TypeError", format!("'{name}' object is not callable"))),
            (None, None) => Ok(()),
        }
    }

    /// `BUILD`; of a pair the first is the state, the second that of slots.
    pub(super) fn check_state(&self, object: Value, state: Value) -> Result<(), Halt> {
        let state = match self.elements(state) {
            Some([first, _]) => *first,
            _ => state,
        };
        match (self.builtin(object), self.builtin(state)) {
            (Some(name), Some("dict")) => {
                Err(raised("AttributeError", format!("'{name}' object has no attribute '__dict__'")))
            }
            (Some(_), Some(state)) if state != "NoneType" => Err(other("state is not a dictionary")),
            _ => Ok(()),
        }
    }
}
