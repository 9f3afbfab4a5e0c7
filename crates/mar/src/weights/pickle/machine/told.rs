//! Values of the machine come in; shapes, and tensors as torch's functions would rebuild them, come out.

use std::collections::HashMap;

use super::{LOST, Machine, Node, Object, Value};
use crate::weights::limits;
use crate::weights::pickle::{Shape, Storage};
use crate::weights::shape::{Entries, Made, Name, Tensor};

/// Tells values as shapes, so many in all.
pub(super) struct Told<'m, 'a> {
    pub(super) machine: &'m Machine<'a>,
    pub(super) left: usize,
}

impl Told<'_, '_> {
    /// A value and what lies in it, so many levels deep.
    pub(super) fn shape(&mut self, value: Value, depth: usize) -> Shape {
        match value {
            Value::None => Shape::None,
            Value::Bool(value) => Shape::Bool(value),
            Value::Int(_) | Value::Wide(_) => self.machine.int_of(value).map_or(Shape::Unknown, Shape::Int),
            Value::Float => Shape::Float,
            Value::Text(_) => {
                self.machine.str_of(value).map_or(Shape::Unknown, |text| Shape::Text(text.to_owned()))
            }
            Value::Bytes(_) | Value::Bytearray => Shape::Bytes,
            Value::Unknown | Value::Empty => Shape::Unknown,
            Value::Node(_) => match self.machine.at_node(value) {
                Some(Node::Tuple(elements)) => Shape::Tuple(elements.len()),
                Some(Node::Long(count)) => Shape::Tuple(*count),
                Some(Node::List(count)) => Shape::List(*count),
                Some(Node::Set | Node::FrozenSet) => Shape::Set,
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
    pub(super) fn sizes(&self, value: Value) -> Option<Vec<u64>> {
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
