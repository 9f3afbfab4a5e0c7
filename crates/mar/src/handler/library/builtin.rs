//! Python's built-in functions and the methods of its containers: arguments come in, values come out.

use std::rc::Rc;

use envdiff_model::Fault;

use super::Args;
use crate::handler::run::{ROUNDS, Run, Stop};
use crate::handler::state::{Dict, List, Object, Origin};
use crate::handler::value::{Id, OpenFile, Str, Value};
use crate::handler::world::There;

type Done<T> = Result<T, Stop>;

/// Calls `builtins.name`.
pub(crate) fn call(run: &mut Run<'_>, name: &str, args: &[Value], named: &[(Str, Value)]) -> Done<Value> {
    let given = Args { args, named };
    let first = args.first();
    Ok(match name {
        "open" => return open(run, &given),
        "len" => match first {
            Some(Value::None | Value::Int(_) | Value::Bool(_) | Value::Float(_)) => {
                let kind = first.and_then(Value::type_name).unwrap_or("object");
                return run.raise(
                    "TypeError",
                    format!("object of type '{kind}' has no len()"),
                    run.fault_here(),
                );
            }
            Some(value) => run
                .items(value)
                .map_or(Value::Unknown, |items| Value::Int(i64::try_from(items.len()).unwrap_or(i64::MAX))),
            None => Value::Unknown,
        },
        "str" => match (first, args.len()) {
            (None, _) => Value::str(""),
            (Some(value), 1) => run.shown(value).map_or(Value::Unknown, Value::str),
            _ => Value::Unknown,
        },
        "repr" => first.and_then(|value| run.repr(value)).map_or(Value::Unknown, Value::str),
        "bool" => {
            first.map_or(Value::Bool(false), |value| run.truth(value).map_or(Value::Unknown, Value::Bool))
        }
        "int" => return int(run, args),
        "float" => match first {
            Some(Value::Float(value)) => Value::Float(*value),
            #[allow(clippy::cast_precision_loss, reason = "as Python converts")]
            Some(Value::Int(value)) => Value::Float(*value as f64),
            Some(Value::Str(text)) => match text.trim().parse::<f64>() {
                Ok(value) => Value::Float(value),
                Err(_) => Value::Unknown,
            },
            Some(Value::None) => {
                return run.raise(
                    "TypeError",
                    "float() argument must be a string or a real number, not 'NoneType'",
                    run.fault_here(),
                );
            }
            _ => Value::Unknown,
        },
        "list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" => {
            let Some(value) = first else {
                return Ok(match name {
                    "tuple" => Value::Tuple(Vec::new().into()),
                    "set" | "frozenset" => {
                        Value::List(run.state.put(Object::List(List { is_set: true, ..List::default() })))
                    }
                    _ => run.state.new_list(Vec::new()),
                });
            };
            let Some(mut items) = run.iterate(value)? else {
                return Ok(if name == "tuple" { Value::Unknown } else { run.state.open_list() });
            };
            match name {
                "tuple" => Value::Tuple(items.into()),
                "sorted" => {
                    if named.is_empty() && items.iter().all(|item| matches!(item, Value::Str(_))) {
                        items.sort_by(|a, b| a.text().cmp(&b.text()));
                        run.state.new_list(items)
                    } else {
                        run.state.open_list()
                    }
                }
                "reversed" => {
                    items.reverse();
                    run.state.new_list(items)
                }
                "list" => run.state.new_list(items),
                _ => Value::List(run.state.put(Object::List(List { items, is_open: false, is_set: true }))),
            }
        }
        "dict" => to_dict(run, first, named),
        "range" => {
            let numbers: Option<Vec<i64>> = args
                .iter()
                .map(|arg| if let Value::Int(value) = arg { Some(*value) } else { None })
                .collect();
            let (from, to, by) = match numbers.as_deref() {
                Some([to]) => (0, *to, 1),
                Some([from, to]) => (*from, *to, 1),
                Some([from, to, by]) if *by != 0 => (*from, *to, *by),
                _ => return Ok(run.state.open_list()),
            };
            let count = if by > 0 { (to - from).max(0) / by } else { (from - to).max(0) / -by };
            if usize::try_from(count).map_or(true, |count| count > ROUNDS) {
                return Ok(run.state.open_list());
            }
            let mut items = Vec::new();
            let mut at = from;
            while (by > 0 && at < to) || (by < 0 && at > to) {
                items.push(Value::Int(at));
                at = at.saturating_add(by);
            }
            run.state.new_list(items)
        }
        "enumerate" => match first {
            Some(value) => match run.iterate(value)? {
                Some(items) => {
                    let start = match given.get(1, "start") {
                        None => 0,
                        Some(Value::Int(start)) => *start,
                        Some(_) => return Ok(run.state.open_list()),
                    };
                    let pairs = items
                        .into_iter()
                        .zip(start..)
                        .map(|(item, at)| Value::Tuple(vec![Value::Int(at), item].into()))
                        .collect();
                    run.state.new_list(pairs)
                }
                None => run.state.open_list(),
            },
            None => Value::Unknown,
        },
        "zip" => {
            let mut columns = Vec::new();
            for arg in args {
                match run.iterate(arg)? {
                    Some(items) => columns.push(items),
                    None => return Ok(run.state.open_list()),
                }
            }
            let len = columns.iter().map(Vec::len).min().unwrap_or(0);
            let rows = (0..len)
                .map(|at| {
                    let row: Vec<Value> = columns
                        .iter()
                        .map(|column| column.get(at).cloned().unwrap_or(Value::Unknown))
                        .collect();
                    Value::Tuple(row.into())
                })
                .collect();
            run.state.new_list(rows)
        }
        "map" => match (first, args.get(1), args.len()) {
            (Some(function), Some(over), 2) => match run.iterate(over)? {
                Some(items) => {
                    let mut out = Vec::with_capacity(items.len());
                    for item in items {
                        out.push(run.call(function, vec![item], Vec::new())?);
                    }
                    run.state.new_list(out)
                }
                None => run.state.open_list(),
            },
            _ => run.state.open_list(),
        },
        "filter" | "iter" => match (name, first) {
            ("iter", Some(value)) => match run.iterate(value)? {
                Some(items) => run.state.new_list(items),
                None => run.state.open_list(),
            },
            _ => run.state.open_list(),
        },
        "next" => match first {
            Some(Value::List(id)) => match run.state.list_mut(*id) {
                Some(list) if !list.is_open && !list.items.is_empty() => list.items.remove(0),
                Some(list) if !list.is_open && args.len() == 2 => {
                    args.get(1).cloned().unwrap_or(Value::Unknown)
                }
                Some(list) if !list.is_open => return run.raise("StopIteration", "", run.fault_here()),
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        },
        "any" | "all" => match first {
            Some(value) => match run.iterate(value)? {
                Some(items) => {
                    let wanted = name == "any";
                    let mut result = Some(!wanted);
                    for item in &items {
                        match run.truth(item) {
                            Some(truth) if truth == wanted => return Ok(Value::Bool(wanted)),
                            Some(_) => {}
                            None => result = None,
                        }
                    }
                    result.map_or(Value::Unknown, Value::Bool)
                }
                None => Value::Unknown,
            },
            None => Value::Unknown,
        },
        "min" | "max" => {
            let values = match args {
                [one] => run.iterate(one)?.unwrap_or_default(),
                many => many.to_vec(),
            };
            let numbers: Option<Vec<i64>> = values
                .iter()
                .map(|value| if let Value::Int(value) = value { Some(*value) } else { None })
                .collect();
            numbers
                .and_then(
                    |numbers| {
                        if name == "min" { numbers.into_iter().min() } else { numbers.into_iter().max() }
                    },
                )
                .map_or(Value::Unknown, Value::Int)
        }
        "isinstance" => match (first, args.get(1)) {
            (Some(value), Some(class)) => is_instance(run, value, class).map_or(Value::Unknown, Value::Bool),
            _ => Value::Unknown,
        },
        "issubclass" => match (first, args.get(1)) {
            (Some(Value::Class(id)), Some(of)) => {
                let order = run.mro(*id);
                if order.contains(of) {
                    Value::Bool(true)
                } else if order.iter().all(|base| matches!(base, Value::Class(_))) && !says_itself(run, of) {
                    Value::Bool(false)
                } else {
                    Value::Unknown
                }
            }
            _ => Value::Unknown,
        },
        "callable" => match first {
            Some(Value::Function(_) | Value::Class(_) | Value::Bound(_)) => Value::Bool(true),
            Some(Value::None | Value::Int(_) | Value::Str(_) | Value::List(_) | Value::Dict(_)) => {
                Value::Bool(false)
            }
            _ => Value::Unknown,
        },
        "hasattr" => match (first, args.get(1)) {
            (Some(value), Some(Value::Str(name))) => {
                let value = value.clone();
                match run.attribute_of(&value, &name.clone()) {
                    Ok(Some(Value::Unknown)) => Value::Unknown,
                    Ok(Some(Value::Method(_) | Value::Foreign(_))) if !is_plain(&value) => Value::Unknown,
                    Ok(Some(_)) => Value::Bool(true),
                    Ok(None) => Value::Bool(false),
                    Err(Stop::Raise(raised)) if &*raised.class == "AttributeError" => Value::Bool(false),
                    Err(stop) => return Err(stop),
                }
            }
            _ => Value::Unknown,
        },
        "getattr" => match (first, args.get(1)) {
            (Some(value), Some(Value::Str(name))) => {
                let value = value.clone();
                match args.get(2) {
                    None => return run.attribute(&value, &name.clone()),
                    Some(default) => match run.attribute_of(&value, &name.clone()) {
                        Ok(Some(found)) => match found {
                            Value::Method(_) | Value::Foreign(_) if !is_plain(&value) => Value::Unknown,
                            found => found,
                        },
                        Ok(None) => default.clone(),
                        Err(Stop::Raise(raised)) if &*raised.class == "AttributeError" => default.clone(),
                        Err(stop) => return Err(stop),
                    },
                }
            }
            _ => Value::Unknown,
        },
        "setattr" => match (first, args.get(1), args.get(2)) {
            (Some(value), Some(Value::Str(name)), Some(new)) => {
                let value = value.clone();
                run.set_attribute(&value, &name.clone(), new.clone())?;
                Value::None
            }
            (Some(Value::Instance(id)), ..) => {
                if let Some(instance) = run.state.instance_mut(*id) {
                    instance.is_open = true;
                }
                Value::None
            }
            _ => Value::None,
        },
        "super" => match args {
            [] => {
                let method = run.frames.iter().rev().find_map(|frame| frame.method.clone());
                match method {
                    Some((class, object)) => Value::Super(Rc::new((class, object))),
                    None => Value::Unknown,
                }
            }
            [Value::Class(class), object] => Value::Super(Rc::new((*class, object.clone()))),
            _ => Value::Unknown,
        },
        "type" => match args {
            [Value::Instance(id)] => {
                run.state.instance(*id).map_or(Value::Unknown, |instance| Value::Class(instance.class))
            }
            [Value::None] => Value::foreign("builtins.NoneType"),
            [one] => match one.type_name() {
                Some(kind @ ("bool" | "int" | "float" | "str" | "bytes" | "tuple" | "dict")) => {
                    Value::foreign(format!("builtins.{kind}"))
                }
                _ => Value::Unknown,
            },
            [Value::Str(name), ..] => {
                let module = run
                    .frames
                    .last()
                    .and_then(|frame| run.state.module(frame.module))
                    .map(|module| module.name.clone());
                Value::Class(run.state.put(Object::Class(crate::handler::state::Class {
                    name: name.clone(),
                    module: module.unwrap_or_else(|| Rc::from("")),
                    at: run.place(),
                    bases: Vec::new(),
                    names: crate::handler::state::Names::new(),
                    is_open: true,
                    checks_abstract: false,
                    fields: None,
                    meta: None,
                })))
            }
            _ => Value::Unknown,
        },
        "print" => Value::None,
        "exit" | "quit" => {
            let mut raised = run.error("SystemExit", "", run.fault_here());
            raised.what = Some(Rc::from(format!("the code ends the worker's process with {name}()")));
            return Err(Stop::Raise(Box::new(raised)));
        }
        "__import__" => match first {
            Some(Value::Str(module)) => {
                let module = module.clone();
                return run.import_module(&module);
            }
            _ => {
                run.cannot_see("a module is imported whose name is only known at run time");
                Value::Unknown
            }
        },
        "vars" if first.is_some() => {
            if let Some(value) = first {
                run.open_up(value);
            }
            Value::Unknown
        }
        "globals" | "locals" | "vars" => {
            // What is written through it is not followed.
            if let Some(scope) = run.globals().and_then(|id| run.state.scope_mut(id)) {
                scope.is_open = true;
            }
            Value::Unknown
        }
        "abs" => match first {
            Some(Value::Int(value)) => value.checked_abs().map_or(Value::Unknown, Value::Int),
            Some(Value::Float(value)) => Value::Float(value.abs()),
            _ => Value::Unknown,
        },
        "sum" => match first {
            Some(value) => match run.iterate(value)? {
                Some(items) => {
                    let mut total = 0_i64;
                    for item in &items {
                        match item {
                            Value::Int(value) => total = total.saturating_add(*value),
                            _ => return Ok(Value::Unknown),
                        }
                    }
                    Value::Int(total)
                }
                None => Value::Unknown,
            },
            None => Value::Unknown,
        },
        "chr" | "ord" | "hash" | "id" | "round" | "divmod" | "pow" | "hex" | "oct" | "bin" | "format"
        | "dir" | "input" | "bytes" | "bytearray" | "memoryview" | "complex" | "slice" | "ascii"
        | "object" | "property" | "staticmethod" | "classmethod" | "compile" | "breakpoint" | "help"
        | "aiter" | "anext" | "delattr" => {
            if name == "object" {
                return Ok(super::make(run, "builtins.object", Vec::new(), Vec::new()));
            }
            Value::Unknown
        }
        // Exceptions and what is left of the classes.
        _ if crate::handler::builtins::is_class(name) => {
            super::make(run, &format!("builtins.{name}"), args.to_vec(), named.to_vec())
        }
        _ => Value::Unknown,
    })
}

/// Whether a value's attributes are all known: what is found there is there.
fn is_plain(value: &Value) -> bool {
    matches!(
        value,
        Value::Str(_) | Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Path(_) | Value::File(_)
    )
}

fn int(run: &mut Run<'_>, args: &[Value]) -> Done<Value> {
    Ok(match args {
        [] => Value::Int(0),
        [Value::Int(value)] => Value::Int(*value),
        [Value::Bool(value)] => Value::Int(i64::from(*value)),
        #[allow(clippy::cast_possible_truncation, reason = "as Python cuts")]
        [Value::Float(value)] if value.abs() < 1e15 => Value::Int(value.trunc() as i64),
        [Value::Str(text)] => match text.trim().replace('_', "").parse::<i64>() {
            Ok(value) => Value::Int(value),
            Err(_) if text.trim().bytes().all(|byte| byte.is_ascii_digit()) && !text.trim().is_empty() => {
                Value::Unknown
            }
            Err(_) => {
                let shown = run.repr(&Value::Str(text.clone())).unwrap_or_default();
                return run.raise(
                    "ValueError",
                    format!("invalid literal for int() with base 10: {shown}"),
                    run.fault_here(),
                );
            }
        },
        [Value::None] => {
            return run.raise(
                "TypeError",
                "int() argument must be a string, a bytes-like object or a real number, not 'NoneType'",
                run.fault_here(),
            );
        }
        _ => Value::Unknown,
    })
}

/// `dict(source, **named)`.
pub(crate) fn to_dict(run: &mut Run<'_>, source: Option<&Value>, named: &[(Str, Value)]) -> Value {
    let mut dict = Dict { origin: Origin::Own, ..Dict::default() };
    match source {
        None => {}
        Some(value @ Value::Dict(_)) => match run.entries(value) {
            Some(entries) => dict.items = entries,
            None => dict.is_open = true,
        },
        Some(value) => match run.items(value) {
            Some(pairs) => {
                for pair in pairs {
                    match run.items(&pair).as_deref() {
                        Some([key, value]) if key.is_known() => {
                            dict.items.retain(|(other, _)| other != key);
                            dict.items.push((key.clone(), value.clone()));
                        }
                        _ => dict.is_open = true,
                    }
                }
            }
            None => dict.is_open = true,
        },
    }
    for (name, value) in named {
        let key = Value::Str(name.clone());
        dict.items.retain(|(other, _)| *other != key);
        dict.items.push((key, value.clone()));
    }
    Value::Dict(run.state.put(Object::Dict(dict)))
}

/// A method of a dictionary.
pub(crate) fn dict_method(run: &mut Run<'_>, id: Id, name: &str, given: &Args<'_>) -> Done<Value> {
    let Some(dict) = run.state.dict(id).cloned() else { return Ok(Value::Unknown) };
    let first = given.args.first();
    let found = first
        .and_then(|key| dict.items.iter().find(|(other, _)| other == key))
        .map(|(_, value)| value.clone());
    let default = given.get(1, "default").cloned();
    let known = first.is_some_and(Value::is_known);
    Ok(match name {
        "get" => match found {
            Some(value) => value,
            None if dict.is_open || !known => {
                // A variable that the container's runtime may give.
                Value::Unknown
            }
            None => default.unwrap_or(Value::None),
        },
        "pop" => {
            if let Some(key) = first
                && let Some(dict) = run.state.dict_mut(id)
            {
                dict.items.retain(|(other, _)| other != key);
            }
            match found {
                Some(value) => value,
                None if dict.is_open || !known => Value::Unknown,
                None => match default {
                    Some(default) => default,
                    None => return run.item(&Value::Dict(id), first.unwrap_or(&Value::Unknown)),
                },
            }
        }
        "setdefault" => match found {
            Some(value) => value,
            None => {
                let value = if dict.is_open { Value::Unknown } else { default.unwrap_or(Value::None) };
                if let Some(key) = first {
                    run.set_item(&Value::Dict(id), key.clone(), value.clone());
                }
                value
            }
        },
        "keys" | "values" | "items" => {
            let items = dict
                .items
                .iter()
                .map(|(key, value)| match name {
                    "keys" => key.clone(),
                    "values" => value.clone(),
                    _ => Value::Tuple(vec![key.clone(), value.clone()].into()),
                })
                .collect();
            Value::List(run.state.put(Object::List(List { items, is_open: dict.is_open, is_set: false })))
        }
        "update" => {
            let more = to_dict(run, first, given.named);
            let more = if let Value::Dict(more) = more { run.state.dict(more).cloned() } else { None };
            match more {
                Some(more) => {
                    for (key, value) in more.items {
                        run.set_item(&Value::Dict(id), key, value);
                    }
                    if more.is_open
                        && let Some(dict) = run.state.dict_mut(id)
                    {
                        dict.is_open = true;
                    }
                }
                None => {
                    if let Some(dict) = run.state.dict_mut(id) {
                        dict.is_open = true;
                    }
                }
            }
            Value::None
        }
        "copy" => Value::Dict(run.state.put(Object::Dict(dict))),
        "clear" => {
            if let Some(dict) = run.state.dict_mut(id) {
                dict.items.clear();
            }
            Value::None
        }
        _ => Value::Unknown,
    })
}

/// A method of a list or set.
pub(crate) fn list_method(run: &mut Run<'_>, id: Id, name: &str, given: &Args<'_>) -> Done<Value> {
    let first = given.args.first().cloned();
    let more = match (&first, name) {
        (Some(value), "extend" | "update" | "union") => Some(run.items(value)),
        _ => None,
    };
    let mut popped = Value::Unknown;
    let mut copy = None;
    if let Some(list) = run.state.list_mut(id) {
        match (name, first) {
            ("append" | "add", Some(value)) => {
                if list.items.len() < 100_000 {
                    list.items.push(value);
                } else {
                    list.is_open = true;
                }
                return Ok(Value::None);
            }
            ("extend" | "update", _) => {
                match more.flatten() {
                    Some(more) => list.items.extend(more),
                    None => list.is_open = true,
                }
                return Ok(Value::None);
            }
            ("insert", Some(Value::Int(at))) => {
                let at = usize::try_from(at).unwrap_or(0).min(list.items.len());
                list.items.insert(at, given.args.get(1).cloned().unwrap_or(Value::Unknown));
                return Ok(Value::None);
            }
            ("pop", first) if !list.is_open => {
                let at = match first {
                    None => list.items.len().checked_sub(1),
                    Some(Value::Int(at)) => usize::try_from(at).ok().filter(|at| *at < list.items.len()),
                    Some(_) => None,
                };
                match at {
                    Some(at) => popped = list.items.remove(at),
                    None => list.is_open = true,
                }
            }
            ("remove" | "discard" | "sort" | "reverse" | "pop", _) => {
                list.is_open = true;
                list.items.clear();
                return Ok(if name == "pop" { Value::Unknown } else { Value::None });
            }
            ("copy", _) => copy = Some(list.clone()),
            ("clear", _) => {
                list.items.clear();
                list.is_open = false;
                return Ok(Value::None);
            }
            _ => {}
        }
    }
    Ok(match copy {
        Some(list) => Value::List(run.state.put(Object::List(list))),
        None => popped,
    })
}

/// Whether a class may take for its own what is not derived from it: an abstract one, a protocol, one with a metaclass.
fn says_itself(run: &Run<'_>, class: &Value) -> bool {
    let Value::Class(id) = class else { return false };
    run.state.class(*id).is_none_or(|class| class.checks_abstract || class.meta.is_some())
        || run
            .mro(*id)
            .iter()
            .any(|base| matches!(base, Value::Foreign(name) if &**name != "builtins.object"))
        || run.class_attribute(*id, "__subclasshook__").is_some()
}

/// `isinstance(value, class)`.
fn is_instance(run: &Run<'_>, value: &Value, class: &Value) -> Option<bool> {
    if let Value::Tuple(many) = class {
        let mut result = Some(false);
        for class in many.iter() {
            match is_instance(run, value, class) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => result = None,
            }
        }
        return result;
    }
    let plain = match class {
        Value::Foreign(name) => name.strip_prefix("builtins."),
        _ => None,
    };
    match value {
        Value::Instance(id) => {
            let of = run.state.instance(*id)?.class;
            let order = run.mro(of);
            if order.contains(class) {
                return Some(true);
            }
            (order.iter().all(|base| matches!(base, Value::Class(_))) && !says_itself(run, class))
                .then_some(false)
        }
        Value::Unknown | Value::Foreign(_) | Value::Super(_) | Value::Method(_) | Value::Bound(_) => None,
        Value::Made(id) => {
            let of = &run.state.made(*id)?.of;
            match class {
                Value::Foreign(name) if name == of => Some(true),
                _ => None,
            }
        }
        other => {
            let kind = other.type_name()?;
            let Some(plain) = plain else {
                return match class {
                    Value::Class(_) if !says_itself(run, class) => Some(false),
                    _ => None,
                };
            };
            Some(match (kind, plain) {
                ("bool", "int") | (_, "object") => true,
                ("list", "set" | "frozenset" | "list") => {
                    let Value::List(id) = other else { return None };
                    run.state.list(*id)?.is_set == (plain != "list")
                }
                (kind, plain) => kind == plain,
            })
        }
    }
}

/// `open(path, mode)`.
pub(crate) fn open(run: &mut Run<'_>, given: &Args<'_>) -> Done<Value> {
    let mode = match given.get(1, "mode") {
        None => Some("r".to_owned()),
        Some(Value::Str(mode)) => Some(mode.to_string()),
        Some(_) => None,
    };
    let Some(path) = given.get(0, "file") else { return Ok(Value::Unknown) };
    match path {
        Value::None => {
            return run.raise(
                "TypeError",
                "expected str, bytes or os.PathLike object, not NoneType",
                run.fault_here(),
            );
        }
        Value::Int(_) => return Ok(Value::Unknown),
        _ => {}
    }
    let Some(path) = path.path().map(str::to_owned) else {
        run.cannot_see("a file is opened whose path is only known at run time");
        return Ok(Value::Unknown);
    };
    let Some(mode) = mode else { return Ok(Value::Unknown) };
    let full = super::paths::absolute(&path);
    let reads = !mode.contains(['w', 'a', 'x']);
    if reads {
        must_be_there(run, &path, &full)?;
        run.note_read("opens", &full);
    } else {
        run.state.written.insert(full.clone());
    }
    Ok(Value::File(Rc::new(OpenFile { path: Rc::from(full), reads, is_binary: mode.contains('b') })))
}

/// Raises what `open` raises where nothing, or a folder, is there.
pub(crate) fn must_be_there(run: &mut Run<'_>, path: &str, full: &str) -> Done<()> {
    match run.there(full)? {
        There::File(_) => Ok(()),
        There::Folder => {
            run.raise("IsADirectoryError", format!("[Errno 21] Is a directory: '{path}'"), Fault::FileMissing)
        }
        There::Absent => Err(Stop::Raise(Box::new(missing(run, path, full)))),
        There::Unknown => {
            if !run.is_written(full) {
                run.cannot_see(format!("whether {} is there", crate::handler::world::shown_path(full)));
            }
            Ok(())
        }
    }
}

/// The error of a file that is not there.
pub(crate) fn missing(run: &Run<'_>, path: &str, full: &str) -> crate::handler::value::Raised {
    let mut raised = run.error(
        "FileNotFoundError",
        format!("[Errno 2] No such file or directory: '{path}'"),
        Fault::FileMissing,
    );
    explain_missing(run, &mut raised, full);
    raised
}

/// Says of a file that is not there where it was looked for and what is nearest.
pub(crate) fn explain_missing(run: &Run<'_>, raised: &mut crate::handler::value::Raised, full: &str) {
    let shown = crate::handler::world::shown_path(full);
    if run.world.in_archive(full).is_none() {
        raised.what = Some(Rc::from(format!("{shown} is opened, and the image has no such file")));
        raised.condition = Some(Rc::from("a mount that brings it lifts it"));
        return;
    }
    raised.what = Some(Rc::from(format!("{shown} is opened, and the archive has no such file")));
    let files = run.world.contents.files();
    let name = shown.rsplit('/').next().unwrap_or(&shown);
    let elsewhere = files.iter().find(|(file, _)| file.rsplit('/').next() == Some(name));
    let near = files
        .iter()
        .map(|(file, _)| (strsim::normalized_damerau_levenshtein(file, &shown), file))
        .filter(|(score, _)| *score > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, file)| file);
    raised.fix = Some(Rc::from(match (elsewhere, near) {
        (Some((file, _)), _) => format!("the archive has it as {file}: name that path, or pack it there"),
        (None, Some(file)) => format!("the archive has {file}: is that the one?"),
        (None, None) => format!("pack {shown} with --extra-files"),
    }));
}
