//! `raise` and `try` come in; the error on its way up, and the clause that takes it, come out.

use std::rc::Rc;

use envdiff_model::Fault;
use envdiff_python::tree::{self, At, Expr, Handler, Stmt};

use super::{Done, Flow, Run, Stop, join_either};
use crate::handler::value::{Id, Raised, Str, Value};

impl Run<'_> {
    pub(super) fn raise_statement(
        &mut self,
        error: Option<&Expr>,
        cause: Option<&Expr>,
        at: At,
    ) -> Done<Flow> {
        let Some(error) = error else {
            return match self.handling.last().cloned() {
                Some(raised) => Err(Stop::Raise(Box::new(raised))),
                None => self.raise("RuntimeError", "No active exception to reraise", self.fault_here()),
            };
        };
        let value = self.eval(error)?;
        if let Some(cause) = cause {
            self.eval(cause)?;
        }
        self.set_at(at);
        let mut raised = self.error_of(&value);
        raised.at = self.place_of_users();
        // What was being handled is printed before it, `from None` or not where it is named.
        let hides =
            cause.is_some_and(|cause| matches!(cause.kind, tree::ExprKind::Constant(tree::Constant::None)));
        if !hides && raised.cause.is_none() {
            raised.cause = self.handling.last().cloned().map(Box::new);
        }
        Err(Stop::Raise(Box::new(raised)))
    }

    /// What raising a value raises.
    pub(crate) fn error_of(&mut self, value: &Value) -> Raised {
        let fault = self.fault_here();
        match value {
            Value::Foreign(name) => {
                let class = plain_class(name);
                self.error(class, "", fault)
            }
            Value::Made(id) => {
                let Some(made) = self.state.made(*id).cloned() else {
                    return self.error("Exception", "", fault);
                };
                let text = match made.args.as_slice() {
                    [] => String::new(),
                    [one] => {
                        if plain_class(&made.of) == "KeyError" {
                            self.repr(one).unwrap_or_default()
                        } else {
                            self.shown(one).unwrap_or_default()
                        }
                    }
                    many => {
                        let parts: Option<Vec<String>> = many.iter().map(|arg| self.repr(arg)).collect();
                        parts.map(|parts| format!("({})", parts.join(", "))).unwrap_or_default()
                    }
                };
                let fault = if plain_class(&made.of) == "SystemExit" { Fault::ImportFails } else { fault };
                let mut raised = self.error(plain_class(&made.of), text, fault);
                raised.object = Some(value.clone());
                raised
            }
            Value::Class(id) => {
                let (name, bases) = self.class_and_bases(*id);
                let mut raised = self.error(&name, "", fault);
                raised.bases = bases;
                raised
            }
            Value::Instance(id) => {
                let class = self.state.instance(*id).map(|instance| instance.class);
                let (name, bases) =
                    class.map_or_else(|| (Rc::from("Exception"), Vec::new()), |id| self.class_and_bases(id));
                let mut raised = self.error(&name, "", fault);
                raised.bases = bases;
                raised.object = Some(value.clone());
                raised
            }
            Value::Str(_) | Value::Int(_) | Value::None => {
                self.error("TypeError", "exceptions must derive from BaseException", fault)
            }
            _ => {
                // An error that was caught and is raised again.
                match self.handling.last() {
                    Some(raised) => raised.clone(),
                    None => self.error("Exception", "", fault),
                }
            }
        }
    }

    /// The name of a class and the names of all its bases.
    pub(crate) fn class_and_bases(&self, id: Id) -> (Str, Vec<Str>) {
        let mut bases = Vec::new();
        let mut to_see = vec![id];
        let mut name: Str = Rc::from("Exception");
        let mut first = true;
        let mut seen = 0;
        while let Some(id) = to_see.pop() {
            seen += 1;
            let Some(class) = self.state.class(id) else { continue };
            if seen > 100 {
                break;
            }
            if first {
                name = class.name.clone();
                first = false;
            } else {
                bases.push(class.name.clone());
            }
            for base in &class.bases {
                match base {
                    Value::Class(id) => to_see.push(*id),
                    Value::Foreign(name) => bases.push(Rc::from(plain_class(name))),
                    _ => {}
                }
            }
        }
        (name, bases)
    }

    /// `except*`: which clauses take which part of a group is not followed.
    pub(super) fn star_statement(
        &mut self,
        body: &[Stmt],
        handlers: &[Handler],
        orelse: &[Stmt],
        finalbody: &[Stmt],
    ) -> Done<Flow> {
        let mut flow = match self.block(body) {
            Err(Stop::Raise(raised)) => {
                self.note_perhaps(*raised);
                Flow::On
            }
            other => other?,
        };
        for handler in handlers {
            if let Some(name) = &handler.name {
                self.set_name(name, Value::Unknown);
            }
            let taken = self.perhaps(|run| run.block(&handler.body))?;
            flow = join_either(flow, taken);
        }
        let other = self.perhaps(|run| run.block(orelse))?;
        flow = join_either(flow, other);
        match self.block(finalbody)? {
            Flow::On => Ok(flow),
            other => Ok(other),
        }
    }

    pub(super) fn try_statement(
        &mut self,
        body: &[Stmt],
        handlers: &[Handler],
        orelse: &[Stmt],
        finalbody: &[Stmt],
    ) -> Done<Flow> {
        let frames = self.frames.len();
        let doubt = self.doubt;
        let before = self.perhaps.len();
        let blind_before = self.blind.len();
        let result = self.block(body);
        let result = match result {
            Ok(flow) => {
                // What perhaps was raised is perhaps caught here.
                let late = self.perhaps.split_off(before.min(self.perhaps.len()));
                let mut caught = None;
                for raised in late {
                    match self.handler_for(&raised, handlers)? {
                        Some(handler) => {
                            caught.get_or_insert((raised, handler));
                        }
                        None => self.note_perhaps(raised),
                    }
                }
                // A guard around something that cannot be judged takes what it may raise.
                if self.blind.len() > blind_before && catches_all(handlers) && caught.is_none() {
                    let what = self.blind.get(blind_before).cloned();
                    self.blind.truncate(blind_before);
                    if let (Some(handler), Some(blind)) = (handlers.last(), what) {
                        let mut raised = self.error("Exception", "", self.fault_here());
                        raised.what = Some(blind.what);
                        caught = Some((raised, handler));
                    }
                }
                match caught {
                    None => {
                        if flow == Flow::On {
                            self.block(orelse)
                        } else {
                            Ok(flow)
                        }
                    }
                    Some((raised, handler)) => {
                        let orelse_flow =
                            |run: &mut Self| if flow == Flow::On { run.block(orelse) } else { Ok(flow) };
                        self.either(orelse_flow, |run| run.handle(raised, handler), join_either)
                    }
                }
            }
            Err(Stop::Raise(raised)) => {
                self.frames.truncate(frames);
                self.doubt = doubt;
                match self.handler_for(&raised, handlers)? {
                    Some(handler) => self.handle(*raised, handler),
                    None => Err(Stop::Raise(raised)),
                }
            }
            other => other,
        };
        if finalbody.is_empty() {
            return result;
        }
        match &result {
            Ok(_) | Err(Stop::Raise(_)) => match self.block(finalbody)? {
                Flow::On | Flow::Perhaps(_) => result,
                flow => Ok(flow),
            },
            Err(_) => result,
        }
    }

    pub(super) fn handle(&mut self, raised: Raised, handler: &Handler) -> Done<Flow> {
        if let Some(name) = &handler.name {
            let value = raised.object.clone().unwrap_or(Value::Unknown);
            self.set_name(name, value);
        }
        self.handling.push(raised);
        let mut result = self.deeper(|run| run.block(&handler.body));
        let handled = self.handling.pop();
        // An error in the clause is printed behind the one that it was about.
        if let Err(Stop::Raise(new)) = &mut result
            && let Some(handled) = handled
            && new.cause.is_none()
            && **new != handled
        {
            new.cause = Some(Box::new(handled));
        }
        result
    }

    /// The first clause that catches it. A class that is not known counts as one that does, for then nothing is said.
    pub(super) fn handler_for<'h>(
        &mut self,
        raised: &Raised,
        handlers: &'h [Handler],
    ) -> Done<Option<&'h Handler>> {
        for handler in handlers {
            let Some(types) = &handler.types else { return Ok(Some(handler)) };
            let value = self.eval(types)?;
            let types = match self.items(&value) {
                Some(items) => items,
                None => vec![value],
            };
            if self.is_caught(raised, &types) != Some(false) {
                return Ok(Some(handler));
            }
        }
        Ok(None)
    }

    /// Whether one of these classes catches it.
    pub(crate) fn is_caught(&self, raised: &Raised, types: &[Value]) -> Option<bool> {
        let mut known = true;
        for class in types {
            let name = match class {
                Value::Foreign(name) => {
                    if !name.starts_with("builtins.") && !is_alias_of_builtin(name) {
                        // A class of a package catches what that package raises; the errors told here are Python's own.
                        if same_foreign(name, &raised.class) {
                            return Some(true);
                        }
                        continue;
                    }
                    Rc::from(plain_class(name))
                }
                Value::Class(id) => self.class_and_bases(*id).0,
                _ => {
                    known = false;
                    continue;
                }
            };
            if *name == *raised.class
                || crate::handler::errors::is_subclass(&raised.class, &name)
                || raised
                    .bases
                    .iter()
                    .any(|base| **base == *name || crate::handler::errors::is_subclass(base, &name))
            {
                return Some(true);
            }
        }
        known.then_some(false)
    }
}

/// `builtins.ValueError` → `ValueError`; what is not Python's own keeps its dots.
pub(crate) fn plain_class(name: &str) -> &str {
    name.strip_prefix("builtins.").unwrap_or(name)
}

pub(super) fn is_alias_of_builtin(name: &str) -> bool {
    matches!(name, "socket.error" | "os.error" | "select.error")
}

pub(super) fn same_foreign(name: &str, class: &str) -> bool {
    name == class
        || match class {
            "_pickle.UnpicklingError" => name == "pickle.UnpicklingError",
            "json.decoder.JSONDecodeError" => {
                matches!(name, "json.JSONDecodeError" | "json.decoder.JSONDecodeError")
            }
            "safetensors._safetensors_rust.SafetensorError" => name == "safetensors.SafetensorError",
            _ => false,
        }
}

/// Whether the last clause takes every error.
pub(super) fn catches_all(handlers: &[Handler]) -> bool {
    handlers.last().is_some_and(|handler| match &handler.types {
        None => true,
        Some(types) => match &types.kind {
            tree::ExprKind::Name(name) => matches!(name.as_str(), "Exception" | "BaseException"),
            _ => false,
        },
    })
}
