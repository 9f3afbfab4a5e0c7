//! What is given to code that is not followed comes in; what may have become of it afterwards is known no more.
//!
//! A callback may be called, now, later or never; a dictionary or an object may be written to. So a callback is followed as one that
//! perhaps runs, and what either way holds stays known. Errors in it are not told: whether and with what it is called is not known.

use std::rc::Rc;

use envdiff_files::Miss;

use super::library::paths;
use super::run::{Run, Stop};
use super::state::Body;
use super::value::{Id, Str, Value};
use super::world::MODEL_DIR;

type Done<T> = Result<T, Stop>;

/// How deep callbacks that are given on by callbacks are followed.
const NESTED: usize = 3;
/// How deep callbacks are looked for in lists and dictionaries.
const DEEP: usize = 3;

impl Run<'_> {
    /// What is given to somebody who is not followed may be called and changed by him.
    pub(crate) fn escape(&mut self, args: &[Value], named: &[(Str, Value)]) -> Done<()> {
        let values: Vec<Value> = args.iter().chain(named.iter().map(|(_, value)| value)).cloned().collect();
        for value in &values {
            self.escape_one(value, DEEP)?;
        }
        Ok(())
    }

    fn escape_one(&mut self, value: &Value, deep: usize) -> Done<()> {
        let Some(deep) = deep.checked_sub(1) else { return Ok(()) };
        match value {
            Value::Function(_) | Value::Bound(_) => self.perhaps_called(value)?,
            Value::Dict(id) => {
                if let Some(dict) = self.state.dict_mut(*id) {
                    dict.is_open = true;
                    let values: Vec<Value> = dict.items.iter().map(|(_, value)| value.clone()).collect();
                    for value in &values {
                        self.escape_one(value, deep)?;
                    }
                }
            }
            Value::Instance(id) => {
                if let Some(instance) = self.state.instance_mut(*id) {
                    instance.is_open = true;
                }
            }
            Value::List(id) => {
                let items = self.state.list(*id).map(|list| list.items.clone()).unwrap_or_default();
                for item in &items {
                    self.escape_one(item, deep)?;
                }
            }
            Value::Tuple(items) => {
                for item in items.iter() {
                    self.escape_one(item, deep)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A function or method that perhaps is called, with what is not known.
    pub(crate) fn perhaps_called(&mut self, callee: &Value) -> Done<()> {
        let (id, mut args) = match callee {
            Value::Function(id) => (*id, Vec::new()),
            Value::Bound(bound) => match &bound.1 {
                Value::Function(id) => (*id, vec![bound.0.clone()]),
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        let Some(function) = self.state.function(id) else { return Ok(()) };
        let parameters = match &function.body {
            Body::Def(def) => &def.parameters,
            Body::Lambda(parameters, _) => parameters,
        };
        let positional = parameters.positional_only.iter().chain(&parameters.positional);
        let needed =
            positional.filter(|parameter| !function.defaults.contains_key(parameter.name.as_str())).count();
        args.resize(needed.max(args.len()), Value::Unknown);
        let named: Vec<(Str, Value)> = parameters
            .keyword_only
            .iter()
            .filter(|parameter| !function.defaults.contains_key(parameter.name.as_str()))
            .map(|parameter| (Rc::from(parameter.name.as_str()), Value::Unknown))
            .collect();
        self.perhaps_runs(|run| run.call_function(id, args, named, None).map(drop))
    }

    /// Something that perhaps runs, and whose errors are not this code's.
    pub(crate) fn perhaps_runs(&mut self, what: impl FnOnce(&mut Self) -> Done<()>) -> Done<()> {
        if self.escaped >= NESTED {
            return Ok(());
        }
        let (perhaps, blind, reads) = (self.perhaps.len(), self.blind.len(), self.reads.len());
        let (later, handling, slept) = (self.later.len(), self.handling.len(), self.state.slept);
        let at = self.frames.last().map(|frame| frame.at);
        self.escaped += 1;
        let result = self.either(what, |_| Ok(()), |(), ()| ());
        self.escaped -= 1;
        self.perhaps.truncate(perhaps);
        self.blind.truncate(blind);
        self.reads.truncate(reads);
        self.later.truncate(later);
        self.handling.truncate(handling);
        self.state.slept = slept;
        if let Some(at) = at {
            self.set_at(at);
        }
        match result {
            Err(Stop::Miss(Miss::Pending)) => Err(Stop::Miss(Miss::Pending)),
            _ => Ok(()),
        }
    }

    /// An object whose attributes are written past their names: through `__dict__`, by `vars`.
    pub(crate) fn open_up(&mut self, value: &Value) {
        match value {
            Value::Instance(id) => {
                if let Some(instance) = self.state.instance_mut(*id) {
                    instance.is_open = true;
                    instance.names.values_mut().for_each(|value| *value = Value::Unknown);
                }
            }
            Value::Class(id) => {
                if let Some(class) = self.state.class_mut(*id) {
                    class.is_open = true;
                }
            }
            Value::Module(id) => {
                let scope = self.state.module(*id).and_then(|module| module.scope);
                if let Some(scope) = scope.and_then(|scope| self.state.scope_mut(scope)) {
                    scope.is_open = true;
                }
            }
            _ => {}
        }
    }

    /// Files that a function which is not followed may have written where it is told to.
    pub(crate) fn perhaps_written(&mut self, name: &str, args: &[Value], named: &[(Str, Value)]) {
        const WRITERS: [&str; 24] = [
            "save", "dump", "write", "to_", "export", "extract", "copy", "move", "download", "link",
            "rename", "replace", "handler", "mkdir", "makedirs", "touch", "unpack", "store", "create",
            "convert", "compile", "fetch", "cache", "train",
        ];
        let last = name.rsplit('.').next().unwrap_or(name).to_lowercase();
        if !WRITERS.iter().any(|writer| last.contains(writer)) {
            return;
        }
        for value in args.iter().chain(named.iter().map(|(_, value)| value)) {
            if let Some(path) = value.path().filter(|path| !path.is_empty() && path.len() < 4_096) {
                let path = paths::absolute(path);
                if path != MODEL_DIR {
                    self.state.filled.insert(path);
                }
            }
        }
    }

    /// From here on any file may be there: another program was started, or the working folder is another.
    pub(crate) fn files_are_lost(&mut self) {
        for folder in [MODEL_DIR, "/tmp"] {
            self.state.filled.insert(folder.to_owned());
        }
    }

    /// Code that is made while it runs may bind any name that it sees.
    pub(crate) fn names_are_lost(&mut self) {
        let scopes: Vec<Id> =
            self.frames.last().map(|frame| frame.scope).into_iter().chain(self.globals()).collect();
        for scope in scopes {
            if let Some(scope) = self.state.scope_mut(scope) {
                scope.is_open = true;
            }
        }
    }
}
