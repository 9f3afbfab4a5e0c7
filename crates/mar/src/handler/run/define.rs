//! `def` and `class` come in; functions and classes with their decorators come out.

use std::rc::Rc;
use std::sync::Arc;

use envdiff_python::tree::{self, Expr, StmtKind};

use super::{Done, Frame, Run};
use crate::handler::state::{Body, Class, Function, Kind, Names, Object, Scope};
use crate::handler::value::{Id, Place, Str, Value};

impl Run<'_> {
    /// A `def`.
    pub(super) fn define(&mut self, function: &Arc<tree::Function>) -> Done<()> {
        let (defaults, _) = self.parameters(&function.parameters)?;
        if let Some(returns) = &function.returns {
            self.annotation(returns)?;
        }
        let Some(frame) = self.frames.last() else { return Ok(()) };
        let (scope, module, mangles) = (frame.scope, frame.module, frame.mangles.clone());
        let class_body = self.is_class_body(scope);
        let outer = if class_body {
            self.state.scope(scope).and_then(|scope| scope.outer)
        } else if Some(scope) == self.globals() {
            None
        } else {
            Some(scope)
        };
        let id = self.state.put(Object::Function(Function {
            body: Body::Def(Arc::clone(function)),
            outer,
            module,
            class: None,
            defaults,
            kind: Kind::Plain,
            is_abstract: false,
            is_wrapped: false,
            is_settable: false,
            is_cached: false,
            setter: None,
            mangles,
            memo: None,
        }));
        let mut value = Value::Function(id);
        for decorator in function.decorators.iter().rev() {
            value = self.decorate(value, decorator)?;
        }
        self.set_name(&function.name, value);
        Ok(())
    }

    /// The defaults of parameters, evaluated; and their annotations.
    pub(crate) fn parameters(&mut self, parameters: &tree::Parameters) -> Done<(Names, ())> {
        let mut defaults = Names::new();
        let all = parameters
            .positional_only
            .iter()
            .chain(&parameters.positional)
            .chain(&parameters.keyword_only)
            .chain(&parameters.rest)
            .chain(&parameters.keyword_rest);
        for parameter in all {
            if let Some(default) = &parameter.default {
                let value = self.eval(default)?;
                defaults.insert(Rc::from(parameter.name.as_str()), value);
            }
            if let Some(annotation) = &parameter.annotation {
                self.annotation(annotation)?;
            }
        }
        Ok((defaults, ()))
    }

    /// Evaluates an annotation where Python does.
    pub(super) fn annotation(&mut self, annotation: &Expr) -> Done<()> {
        let are_text = self.frames.last().is_some_and(|frame| frame.annotations_are_text);
        // Python 3.14 evaluates none of them.
        if are_text || self.world.python.is_none_or(|python| python >= (3, 14)) {
            return Ok(());
        }
        let at = self.frames.last().map(|frame| frame.at);
        self.eval(annotation)?;
        if let Some(at) = at {
            self.set_at(at);
        }
        Ok(())
    }

    pub(super) fn decorate(&mut self, value: Value, decorator: &Expr) -> Done<Value> {
        let with = self.eval(decorator)?;
        self.set_at(decorator.at);
        if let Value::Foreign(name) = &with {
            let id = match value {
                Value::Function(id) => Some(id),
                _ => None,
            };
            match (&**name, id) {
                ("builtins.staticmethod", Some(id)) => self.mark(id, |function| function.kind = Kind::Static),
                ("builtins.classmethod", Some(id)) => {
                    self.mark(id, |function| function.kind = Kind::ForClass)
                }
                ("builtins.property" | "functools.cached_property" | "abc.abstractproperty", Some(id)) => {
                    let is_cached = &**name == "functools.cached_property";
                    self.mark(id, |function| {
                        function.kind = Kind::Property;
                        function.is_cached = is_cached;
                    });
                }
                ("abc.abstractmethod", Some(id)) => self.mark(id, |function| function.is_abstract = true),
                ("contextlib.contextmanager", Some(_)) => {
                    return Ok(crate::handler::library::make(self, name, vec![value], Vec::new()));
                }
                ("functools.cache" | "functools.lru_cache", Some(id)) => {
                    self.mark(id, |function| function.memo = Some(Vec::new()))
                }
                // Which of its bodies runs hangs on what it is given.
                ("functools.singledispatch" | "functools.singledispatchmethod", _) => {
                    return Ok(Value::Unknown);
                }
                ("dataclasses.dataclass", _) => return self.as_dataclass(value, false),
                _ => {}
            }
            let none = crate::handler::library::Args { args: &[], named: &[] };
            crate::handler::later::note(self, name, &none);
            // Decorators of packages give back what they are given, or something that is called like it.
            return Ok(value);
        }
        if let Value::Made(id) = &with {
            let made = self.state.made(*id);
            let of = made.map(|made| made.of.clone());
            if of.as_deref() == Some("dataclasses.dataclass") {
                let is_odd = made.is_some_and(|made| {
                    made.keywords.iter().any(|(key, _)| matches!(&**key, "kw_only" | "init"))
                });
                return self.as_dataclass(value, is_odd);
            }
            if let (Some("functools.cache" | "functools.lru_cache"), Value::Function(id)) =
                (of.as_deref(), &value)
            {
                let id = *id;
                self.mark(id, |function| function.memo = Some(Vec::new()));
            }
            return Ok(value);
        }
        if let Value::Method(method) = &with
            && matches!(&*method.1, "setter" | "getter" | "deleter")
        {
            // The property that stands there stays what it is when it is read.
            if let (Value::Function(id), "setter") = (&method.0, &*method.1) {
                let id = *id;
                let setter = match &value {
                    Value::Function(setter) => Some(*setter),
                    _ => None,
                };
                self.mark(id, |function| {
                    function.is_settable = true;
                    function.setter = setter;
                });
            }
            return Ok(method.0.clone());
        }
        if !with.is_known() {
            if let Value::Function(id) = value {
                self.mark(id, |function| function.is_wrapped = true);
            }
            return Ok(value);
        }
        let made = self.call(&with, vec![value.clone()], Vec::new())?;
        // What wraps a function is called like it; its own body is what counts.
        Ok(match (&value, &made) {
            (Value::Function(id), Value::Function(other)) if id != other => {
                let id = *id;
                self.mark(id, |function| function.is_wrapped = true);
                made
            }
            (Value::Function(id), Value::Unknown) => {
                let id = *id;
                self.mark(id, |function| function.is_wrapped = true);
                value
            }
            (Value::Class(id), other) if !matches!(other, Value::Class(_)) => {
                if let Some(class) = self.state.class_mut(*id) {
                    class.is_open = true;
                }
                if other.is_known() { made } else { value }
            }
            _ => made,
        })
    }

    pub(super) fn mark(&mut self, id: Id, how: impl FnOnce(&mut Function)) {
        if let Some(function) = self.state.function_mut(id) {
            how(function);
        }
    }

    /// `is_odd`: its constructor does not take its fields in their order.
    pub(super) fn as_dataclass(&mut self, value: Value, is_odd: bool) -> Done<Value> {
        if let Value::Class(id) = value
            && let Some(class) = self.state.class(id)
        {
            if let Some(Value::Tuple(own)) = class.names.get("__annotated__") {
                // From Python 3.11 on whatever is unhashable, before that list, dict and set.
                let mutable = own.iter().filter_map(Value::text).find_map(|name| {
                    let default = class.names.get(name)?;
                    matches!(default, Value::List(_) | Value::Dict(_)).then_some((name, default))
                });
                if let Some((field, default)) = mutable {
                    let is_set = matches!(default, Value::List(id) if self.state.list(*id).is_some_and(|list| list.is_set));
                    let kind = if is_set { "set" } else { default.type_name().unwrap_or("list") };
                    let text = format!(
                        "mutable default <class '{kind}'> for field {field} is not allowed: use default_factory"
                    );
                    return self.raise("ValueError", text, self.fault_here());
                }
            }
            let mut fields = Vec::new();
            let mut needed = 0;
            let mut is_open = is_odd || class.names.contains_key("__only_named__");
            for base in &class.bases {
                match base {
                    Value::Class(base) => match self.state.class(*base) {
                        Some(base) => match &base.fields {
                            Some((more, more_needed)) => {
                                needed += more_needed;
                                fields.extend(more.iter().cloned());
                            }
                            None => is_open |= base.is_open,
                        },
                        None => is_open = true,
                    },
                    Value::Foreign(name) if &**name == "builtins.object" => {}
                    _ => is_open = true,
                }
            }
            if let Some(Value::Tuple(own)) = class.names.get("__annotated__") {
                for name in own.iter().filter_map(Value::text) {
                    if !class.names.contains_key(name) {
                        needed += 1;
                    }
                    fields.push(Rc::from(name));
                }
            }
            if let Some(class) = self.state.class_mut(id) {
                class.fields = (!is_open).then_some((fields, needed));
                class.is_open |= is_open;
            }
        }
        Ok(value)
    }

    /// Python's error where a base stands before a class that is derived from it: no order of the bases holds then.
    pub(super) fn base_before_its_kind(&self, bases: &[Value]) -> Option<String> {
        for (at, base) in bases.iter().enumerate() {
            let is_class = match base {
                Value::Class(_) => true,
                Value::Foreign(name) => matches!(&**name, "builtins.object" | "abc.ABC"),
                _ => false,
            };
            let later = bases.iter().skip(at + 1).any(
                |later| matches!(later, Value::Class(id) if later != base && self.mro(*id).contains(base)),
            );
            if is_class && later {
                let shown: Vec<String> = bases
                    .iter()
                    .map(|base| match base {
                        Value::Class(id) => {
                            self.state.class(*id).map_or_else(String::new, |class| class.name.to_string())
                        }
                        Value::Foreign(name) => name.rsplit('.').next().unwrap_or(name).to_owned(),
                        _ => "…".to_owned(),
                    })
                    .collect();
                return Some(format!(
                    "Cannot create a consistent method resolution order (MRO) for bases {}",
                    shown.join(", ")
                ));
            }
        }
        None
    }

    /// A `class`.
    pub(super) fn define_class(&mut self, class: &Arc<tree::Class>) -> Done<()> {
        let mut bases = Vec::new();
        for base in &class.bases {
            bases.push(self.eval(base)?);
        }
        let mut checks_abstract = false;
        let mut meta = None;
        let mut given: Vec<(Str, Value)> = Vec::new();
        for keyword in &class.keywords {
            let value = self.eval(&keyword.value)?;
            match keyword.name.as_deref() {
                Some("metaclass") => {
                    checks_abstract |= matches!(&value, Value::Foreign(name) if &**name == "abc.ABCMeta");
                    if let Value::Class(id) = value {
                        meta = Some(id);
                    }
                }
                Some(name) => given.push((Rc::from(name), value)),
                None => {}
            }
        }
        let inherited = bases.iter().find_map(|base| match base {
            Value::Class(id) => self.state.class(*id)?.meta,
            _ => None,
        });
        meta = meta.or(inherited);
        let Some(frame) = self.frames.last().cloned() else { return Ok(()) };
        let name: Str = Rc::from(class.name.as_str());
        let outer = if Some(frame.scope) == self.globals() || self.is_class_body(frame.scope) {
            self.state.scope(frame.scope).and_then(|scope| scope.outer)
        } else {
            Some(frame.scope)
        };
        let mut names = Names::new();
        names.insert(Rc::from("__qualname__"), Value::Str(name.clone()));
        let body = self.state.put(Object::Scope(Scope { names, outer, ..Scope::default() }));
        self.frames.push(Frame { scope: body, method: None, mangles: Some(name.clone()), ..frame.clone() });
        let result = self.deeper(|run| run.block(&class.body));
        self.frames.pop();
        result?;
        let mut names = self.state.scope(body).map(|scope| scope.names.clone()).unwrap_or_default();
        names.remove("__qualname__");
        let annotated: Vec<Value> = class
            .body
            .iter()
            .filter_map(|stmt| match &stmt.kind {
                StmtKind::AnnAssign { target, annotation, .. } => match &target.kind {
                    tree::ExprKind::Name(name) if !is_class_variable(annotation) => Some(Value::str(name)),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let order: Vec<Value> = class
            .body
            .iter()
            .filter_map(|stmt| match &stmt.kind {
                StmtKind::Assign { targets, .. } => match targets.as_slice() {
                    [tree::Expr { kind: tree::ExprKind::Name(name), .. }] => Some(Value::str(name)),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        names.insert(Rc::from("__order__"), Value::Tuple(order.into()));
        let only_named = class.body.iter().any(|stmt| match &stmt.kind {
            StmtKind::AnnAssign { annotation, .. } => is_only_named(annotation),
            _ => false,
        });
        if only_named {
            names.insert(Rc::from("__only_named__"), Value::Bool(true));
        }
        if !annotated.is_empty() {
            names.insert(Rc::from("__annotated__"), Value::Tuple(annotated.into()));
        }
        for base in &bases {
            match base {
                Value::Class(id) => {
                    checks_abstract |= self.state.class(*id).is_some_and(|class| class.checks_abstract)
                }
                Value::Foreign(name) => checks_abstract |= matches!(&**name, "abc.ABC"),
                _ => {}
            }
        }
        if let Some(text) = self.base_before_its_kind(&bases) {
            self.set_at(class.name_at);
            return self.raise("TypeError", text, self.fault_here());
        }
        let module =
            self.state.module(frame.module).map_or_else(|| Rc::from(""), |module| module.name.clone());
        let id = self.state.put(Object::Class(Class {
            name,
            module,
            at: Some(Place { file: frame.file.clone(), at: class.name_at }),
            bases,
            names: names.clone(),
            is_open: meta.is_some(),
            checks_abstract,
            fields: None,
            meta,
        }));
        for value in names.values() {
            if let Value::Function(function) = value
                && let Some(function) = self.state.function_mut(*function)
                && function.class.is_none()
            {
                function.class = Some(id);
            }
        }
        self.class_was_made(id, meta, given)?;
        let mut value = Value::Class(id);
        for decorator in class.decorators.iter().rev() {
            value = self.decorate(value, decorator)?;
        }
        self.set_name(&class.name, value);
        Ok(())
    }

    /// What Python calls when a class has been made: its metaclass, `__set_name__` of what its body bound, `__init_subclass__`. The
    /// members of an enumeration are made here too.
    fn class_was_made(&mut self, id: Id, meta: Option<Id>, given: Vec<(Str, Value)>) -> Done<()> {
        let made = Value::Class(id);
        let names = meta.and_then(|meta| self.state.class(meta)).map(|meta| meta.names.clone());
        let kept: Vec<Value> = names.iter().flat_map(|names| names.values().cloned()).collect();
        let kept: Vec<Value> =
            kept.into_iter().filter(|value| !matches!(value, Value::Function(_))).collect();
        self.escape(&kept, &[])?;
        for name in ["__new__", "__init__"] {
            if let Some(Value::Function(function)) = names.as_ref().and_then(|names| names.get(name)).cloned()
            {
                self.perhaps_called(&Value::Function(function))?;
            }
        }
        let own = self.state.class(id).map(|class| class.names.clone()).unwrap_or_default();
        for (name, value) in own {
            let class = match &value {
                Value::Instance(instance) => self.state.instance(*instance).map(|instance| instance.class),
                _ => None,
            };
            if let Some(Value::Function(function)) =
                class.and_then(|class| self.class_attribute(class, "__set_name__"))
            {
                self.call_function(function, vec![value, made.clone(), Value::Str(name)], Vec::new(), None)?;
            }
        }
        drop(self.enum_members(id));
        let above: Vec<Value> = self.mro(id).into_iter().skip(1).collect();
        if let Some(Value::Function(function)) = self.attribute_in(&above, "__init_subclass__") {
            self.call_function(function, vec![made], given, None)?;
        }
        Ok(())
    }
}

/// `KW_ONLY`: the fields behind it are given by name.
fn is_only_named(annotation: &Expr) -> bool {
    match &annotation.kind {
        tree::ExprKind::Name(name) | tree::ExprKind::Attribute { name, .. } => name == "KW_ONLY",
        _ => false,
    }
}

/// `ClassVar[…]` is no field.
pub(super) fn is_class_variable(annotation: &Expr) -> bool {
    match &annotation.kind {
        tree::ExprKind::Name(name) => name == "ClassVar",
        tree::ExprKind::Attribute { name, .. } => name == "ClassVar",
        tree::ExprKind::Subscript { value, .. } => is_class_variable(value),
        _ => false,
    }
}
