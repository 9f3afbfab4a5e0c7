//! Expressions come in; their values come out, as far as they are known, or the error that they raise.

use std::rc::Rc;
use std::sync::Arc;

use envdiff_model::Fault;
use envdiff_python::tree::{
    Binary, Compare, Comprehension, Constant, Expr, ExprKind, Generator, Piece, Unary,
};

use super::run::{Run, Stop};
use super::state::{Body, Dict, Function, Kind, List, Object, Origin, join_values};
use super::value::{Id, Str, Value};

type Done<T> = Result<T, Stop>;

impl Run<'_> {
    /// The value of an expression.
    pub(crate) fn eval(&mut self, expr: &Expr) -> Done<Value> {
        self.deeper(|run| run.eval_here(expr))
    }

    fn eval_here(&mut self, expr: &Expr) -> Done<Value> {
        Ok(match &expr.kind {
            ExprKind::Constant(constant) => match constant {
                Constant::None => Value::None,
                Constant::Bool(value) => Value::Bool(*value),
                Constant::Ellipsis => Value::Ellipsis,
                Constant::Int(Some(value)) => Value::Int(*value),
                Constant::Int(None) | Constant::Complex => Value::Unknown,
                Constant::Float(value) => Value::Float(*value),
                Constant::Str(text) => Value::str(text),
                Constant::Bytes(bytes) => Value::Bytes(Rc::from(bytes.as_slice())),
            },
            ExprKind::FString(pieces) => return self.fstring(pieces),
            ExprKind::Name(name) => {
                self.set_at(expr.at);
                return self.name(name);
            }
            ExprKind::Attribute { value, name } => {
                let object = self.eval(value)?;
                self.set_at(expr.at);
                return self.attribute(&object, &self.mangled(name));
            }
            ExprKind::Subscript { value, index } => {
                let object = self.eval(value)?;
                let index = self.eval(index)?;
                self.set_at(expr.at);
                return self.item(&object, &index);
            }
            ExprKind::Call { function, args, keywords } => {
                let callee = self.eval(function)?;
                let mut values = Vec::with_capacity(args.len());
                let mut is_open = false;
                for arg in args {
                    if let ExprKind::Starred(inner) = &arg.kind {
                        let value = self.eval(inner)?;
                        match self.items(&value) {
                            Some(items) => values.extend(items),
                            None => is_open = true,
                        }
                    } else {
                        values.push(self.eval(arg)?);
                    }
                }
                let mut named = Vec::with_capacity(keywords.len());
                for keyword in keywords {
                    let value = self.eval(&keyword.value)?;
                    match &keyword.name {
                        Some(name) => named.push((Rc::from(name.as_str()), value)),
                        None => match self.entries(&value) {
                            Some(entries) => {
                                for (key, value) in entries {
                                    match key {
                                        Value::Str(key) => named.push((key, value)),
                                        _ => is_open = true,
                                    }
                                }
                            }
                            None => is_open = true,
                        },
                    }
                }
                self.set_at(expr.at);
                if is_open {
                    return self.call_openly(&callee, values, named);
                }
                return self.call(&callee, values, named);
            }
            ExprKind::Binary { left, op, right } => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                self.set_at(expr.at);
                return self.binary(&left, *op, &right);
            }
            ExprKind::Unary { op, operand } => {
                let value = self.eval(operand)?;
                match (op, &value) {
                    (Unary::Not, _) => self.truth(&value).map_or(Value::Unknown, |truth| Value::Bool(!truth)),
                    (Unary::Minus, Value::Int(value)) => {
                        value.checked_neg().map_or(Value::Unknown, Value::Int)
                    }
                    (Unary::Minus, Value::Float(value)) => Value::Float(-value),
                    (Unary::Plus, Value::Int(_) | Value::Float(_)) => value,
                    _ => Value::Unknown,
                }
            }
            ExprKind::Bool { is_and, values } => return self.bool_chain(*is_and, values),
            ExprKind::Compare { left, rest } => {
                let mut left = self.eval(left)?;
                let mut result = Some(true);
                for (op, right) in rest {
                    let right = self.eval(right)?;
                    self.set_at(expr.at);
                    let one = self.compare(&left, *op, &right)?;
                    result = match (result, one) {
                        (_, Some(false)) => return Ok(Value::Bool(false)),
                        (Some(true), one) => one,
                        (None, _) | (Some(false), _) => None,
                    };
                    left = right;
                }
                result.map_or(Value::Unknown, Value::Bool)
            }
            ExprKind::IfElse { test, body, orelse } => {
                let value = self.eval(test)?;
                return match self.truth(&value) {
                    Some(true) => self.eval(body),
                    Some(false) => self.eval(orelse),
                    None => {
                        self.either(|run| run.eval(body), |run| run.eval(orelse), |a, b| join_values(&a, &b))
                    }
                };
            }
            ExprKind::Lambda { parameters, body } => {
                let (defaults, ()) = self.parameters(parameters)?;
                let Some(frame) = self.frames.last() else { return Ok(Value::Unknown) };
                let (scope, module, mangles) = (frame.scope, frame.module, frame.mangles.clone());
                let outer = (Some(scope) != self.globals()).then_some(scope);
                Value::Function(self.state.put(Object::Function(Function {
                    body: Body::Lambda(Arc::clone(parameters), Arc::clone(body)),
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
                })))
            }
            ExprKind::List(items) => {
                let (items, is_open) = self.sequence(items)?;
                Value::List(self.state.put(Object::List(List { items, is_open, is_set: false })))
            }
            ExprKind::Set(items) => {
                let (items, is_open) = self.sequence(items)?;
                Value::List(self.state.put(Object::List(List { items, is_open, is_set: true })))
            }
            ExprKind::Tuple(items) => {
                let (items, is_open) = self.sequence(items)?;
                if is_open { Value::Unknown } else { Value::Tuple(items.into()) }
            }
            ExprKind::Dict(items) => {
                let mut dict = Dict { origin: Origin::Own, ..Dict::default() };
                for (key, value) in items {
                    match key {
                        Some(key) => {
                            let key = self.eval(key)?;
                            let value = self.eval(value)?;
                            if key.is_known() {
                                dict.items.retain(|(other, _)| *other != key);
                                dict.items.push((key, value));
                            } else {
                                dict.is_open = true;
                            }
                        }
                        None => {
                            let value = self.eval(value)?;
                            match self.entries(&value) {
                                Some(entries) => {
                                    for (key, value) in entries {
                                        dict.items.retain(|(other, _)| *other != key);
                                        dict.items.push((key, value));
                                    }
                                }
                                None => dict.is_open = true,
                            }
                        }
                    }
                }
                Value::Dict(self.state.put(Object::Dict(dict)))
            }
            ExprKind::Comprehension { kind, element, value, generators } => {
                return self.comprehension(*kind, element, value.as_deref(), generators);
            }
            ExprKind::Starred(inner) | ExprKind::Await(inner) => {
                self.eval(inner)?;
                Value::Unknown
            }
            ExprKind::Slice { lower, upper, step } => {
                for part in [lower, upper, step].into_iter().flatten() {
                    self.eval(part)?;
                }
                let bound = |run: &mut Self, part: &Option<Box<Expr>>| -> Done<Value> {
                    match part {
                        Some(part) => run.eval(part),
                        None => Ok(Value::None),
                    }
                };
                let parts = [bound(self, lower)?, bound(self, upper)?, bound(self, step)?];
                let id = self.state.put(Object::Made(super::state::Made {
                    of: Rc::from("builtins.slice"),
                    args: parts.to_vec(),
                    keywords: Vec::new(),
                    names: super::state::Names::new(),
                }));
                Value::Made(id)
            }
            ExprKind::Yield(value) => {
                if let Some(value) = value {
                    self.eval(value)?;
                }
                Value::Unknown
            }
            ExprKind::Named { target, value } => {
                let value = self.eval(value)?;
                self.bind_around(target, value.clone())?;
                value
            }
            ExprKind::Other => Value::Unknown,
        })
    }

    /// What `:=` binds belongs to the function around the comprehensions that it stands in.
    fn bind_around(&mut self, target: &Expr, value: Value) -> Done<()> {
        let mut inside = Vec::new();
        let mut value = value;
        while let Some(frame) = self.frames.last()
            && let Some(kind) = self.state.scope(frame.scope).and_then(|scope| scope.comprehension)
        {
            // How far somebody asks a generator is not known.
            if kind == Comprehension::Generator {
                value = Value::Unknown;
            }
            inside.extend(self.frames.pop());
        }
        let result = self.bind(target, value);
        self.frames.extend(inside.into_iter().rev());
        result
    }

    fn sequence(&mut self, exprs: &[Expr]) -> Done<(Vec<Value>, bool)> {
        let mut items = Vec::with_capacity(exprs.len());
        let mut is_open = false;
        for expr in exprs {
            self.step()?;
            if let ExprKind::Starred(inner) = &expr.kind {
                let value = self.eval(inner)?;
                match self.items(&value) {
                    Some(more) => items.extend(more),
                    None => is_open = true,
                }
            } else {
                items.push(self.eval(expr)?);
            }
        }
        Ok((items, is_open))
    }

    fn fstring(&mut self, pieces: &[Piece]) -> Done<Value> {
        let mut text = Some(String::new());
        for piece in pieces {
            match piece {
                Piece::Text(more) => {
                    if let Some(text) = &mut text {
                        text.push_str(more);
                    }
                }
                Piece::Value { value, is_plain } => {
                    let value = self.eval(value)?;
                    let shown = if *is_plain { self.shown(&value) } else { None };
                    text = text.zip(shown).map(|(text, shown)| text + &shown);
                }
            }
        }
        Ok(text.map_or(Value::Unknown, Value::str))
    }

    fn bool_chain(&mut self, is_and: bool, values: &[Expr]) -> Done<Value> {
        let Some((first, rest)) = values.split_first() else { return Ok(Value::Unknown) };
        let value = self.eval(first)?;
        if rest.is_empty() {
            return Ok(value);
        }
        match self.truth(&value) {
            Some(truth) if truth == is_and => self.bool_chain(is_and, rest),
            Some(_) => Ok(value),
            None => {
                // What stands behind is perhaps not evaluated; if it is, it decides.
                let other =
                    self.either(|run| run.bool_chain(is_and, rest), |_| Ok(Value::Unknown), |a, _| a)?;
                Ok(match self.truth(&other) {
                    // `unknown and False` is false either way, though which value it is stays open.
                    Some(truth) if truth != is_and => Value::Bool(!is_and),
                    _ => Value::Unknown,
                })
            }
        }
    }

    fn comprehension(
        &mut self,
        kind: Comprehension,
        element: &Expr,
        value: Option<&Expr>,
        generators: &[Generator],
    ) -> Done<Value> {
        let Some(frame) = self.frames.last().cloned() else { return Ok(Value::Unknown) };
        let scope = self.state.put(Object::Scope(super::state::Scope {
            outer: Some(frame.scope),
            comprehension: Some(kind),
            ..super::state::Scope::default()
        }));
        self.frames.push(super::run::Frame { scope, ..frame });
        let mut out = Vec::new();
        let mut is_open = false;
        let result = self.generate(element, value, generators, &mut out, &mut is_open);
        self.frames.pop();
        result?;
        Ok(match kind {
            Comprehension::Dict => {
                let mut dict = Dict { is_open, ..Dict::default() };
                for (key, value) in out {
                    if key.is_known() {
                        dict.items.retain(|(other, _)| *other != key);
                        dict.items.push((key, value));
                    } else {
                        dict.is_open = true;
                    }
                }
                Value::Dict(self.state.put(Object::Dict(dict)))
            }
            other => {
                let items = out.into_iter().map(|(item, _)| item).collect();
                let is_set = other == Comprehension::Set;
                Value::List(self.state.put(Object::List(List { items, is_open, is_set })))
            }
        })
    }

    fn generate(
        &mut self,
        element: &Expr,
        value: Option<&Expr>,
        generators: &[Generator],
        out: &mut Vec<(Value, Value)>,
        is_open: &mut bool,
    ) -> Done<()> {
        self.step()?;
        let Some((generator, rest)) = generators.split_first() else {
            let key = self.eval(element)?;
            let value = match value {
                Some(value) => self.eval(value)?,
                None => Value::None,
            };
            out.push((key, value));
            return Ok(());
        };
        let over = self.eval(&generator.iter)?;
        self.set_at(generator.iter.at);
        let items = self.iterate(&over)?.filter(|items| items.len() <= super::run::ROUNDS);
        let Some(items) = items else {
            *is_open = true;
            let at = out.len();
            self.either(
                |run| {
                    run.bind(&generator.target, Value::Unknown)?;
                    for test in &generator.ifs {
                        run.eval(test)?;
                    }
                    let mut ignored = Vec::new();
                    run.generate(element, value, rest, &mut ignored, &mut true)
                },
                |_| Ok(()),
                |(), ()| (),
            )?;
            out.truncate(at);
            return Ok(());
        };
        'items: for item in items {
            self.bind(&generator.target, item)?;
            let mut unsure = false;
            for test in &generator.ifs {
                let value = self.eval(test)?;
                match self.truth(&value) {
                    Some(true) => {}
                    Some(false) => continue 'items,
                    None => unsure = true,
                }
            }
            if unsure {
                *is_open = true;
                let mut ignored = Vec::new();
                self.either(
                    |run| run.generate(element, value, rest, &mut ignored, &mut true),
                    |_| Ok(()),
                    |(), ()| (),
                )?;
            } else {
                self.generate(element, value, rest, out, is_open)?;
            }
        }
        Ok(())
    }

    /// The value that a name has.
    fn name(&mut self, name: &str) -> Done<Value> {
        let Some(frame) = self.frames.last() else { return Ok(Value::Unknown) };
        let globals = self.globals();
        let mut at = Some(frame.scope);
        let mut is_open = false;
        if let Some(scope) = self.state.scope(frame.scope)
            && scope.globals.iter().any(|global| &**global == name)
        {
            at = globals;
        }
        let mut seen_globals = false;
        while let Some(id) = at {
            seen_globals |= Some(id) == globals;
            let Some(scope) = self.state.scope(id) else { break };
            if let Some(value) = scope.names.get(name) {
                return Ok(value.clone());
            }
            if id == frame.scope
                && !scope.is_open
                && scope.locals.as_ref().is_some_and(|locals| locals.contains(name))
            {
                return self.unbound(name);
            }
            is_open |= scope.is_open;
            at = scope.outer;
        }
        if !seen_globals && let Some(scope) = globals.and_then(|id| self.state.scope(id)) {
            if let Some(value) = scope.names.get(name) {
                return Ok(value.clone());
            }
            is_open |= scope.is_open;
        }
        if super::builtins::is_builtin(name) {
            return Ok(Value::foreign(format!("builtins.{name}")));
        }
        if is_open
            || self.state.modules_open
            || matches!(
                name,
                "__file__"
                    | "__doc__"
                    | "__spec__"
                    | "__loader__"
                    | "__package__"
                    | "__builtins__"
                    | "__annotations__"
                    | "__path__"
                    | "__module__"
                    | "__qualname__"
                    | "__class__"
            )
        {
            return Ok(Value::Unknown);
        }
        let mangled = self.mangled(name).into_owned();
        if mangled != name {
            return self.name(&mangled);
        }
        let raised = self.error("NameError", format!("name '{name}' is not defined"), self.fault_here());
        Err(Stop::Raise(Box::new(raised)))
    }

    /// A name of the function that nothing has been bound to.
    fn unbound(&self, name: &str) -> Done<Value> {
        let text = if self.world.python.is_none_or(|python| python >= (3, 11)) {
            format!("cannot access local variable '{name}' where it is not associated with a value")
        } else {
            format!("local variable '{name}' referenced before assignment")
        };
        self.raise("UnboundLocalError", text, self.fault_here())
    }

    /// Whether a value counts as true.
    pub(crate) fn truth(&self, value: &Value) -> Option<bool> {
        Some(match value {
            Value::None => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::Tuple(items) => !items.is_empty(),
            Value::List(id) => {
                let list = self.state.list(*id)?;
                if list.items.is_empty() && list.is_open {
                    return None;
                }
                !list.items.is_empty()
            }
            Value::Dict(id) => {
                let dict = self.state.dict(*id)?;
                if dict.items.is_empty() && dict.is_open {
                    return None;
                }
                !dict.items.is_empty()
            }
            Value::Ellipsis
            | Value::Module(_)
            | Value::Function(_)
            | Value::Class(_)
            | Value::Bound(_)
            | Value::Method(_)
            | Value::Path(_)
            | Value::File(_) => true,
            // A function or class of a package is true; a plain value of it may be anything.
            Value::Foreign(name) => {
                if name.starts_with("builtins.") {
                    return Some(true);
                }
                return super::library::truth_of_foreign(self.world, name);
            }
            Value::Instance(id) => {
                let class = self.state.instance(*id)?.class;
                match self
                    .class_attribute(class, "__bool__")
                    .or_else(|| self.class_attribute(class, "__len__"))
                {
                    Some(_) => return None,
                    None => true,
                }
            }
            Value::Unknown | Value::Super(_) => return None,
            Value::Made(id) => {
                let of = &self.state.made(*id)?.of;
                return (of.starts_with("torch.nn.")
                    || &**of == "torch.device"
                    || of.starts_with("logging."))
                .then_some(true);
            }
        })
    }

    /// Whether two values are equal.
    pub(crate) fn equal(&self, a: &Value, b: &Value) -> Option<bool> {
        Some(match (a, b) {
            (Value::Unknown, _) | (_, Value::Unknown) => return None,
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => {
                #[allow(clippy::cast_precision_loss, reason = "as Python compares small numbers")]
                let a = *a as f64;
                a == *b
            }
            (Value::Int(a), Value::Bool(b)) | (Value::Bool(b), Value::Int(a)) => *a == i64::from(*b),
            (Value::Tuple(a), Value::Tuple(b)) => return self.equal_items(a, b),
            (Value::List(x), Value::List(y)) => {
                if x == y {
                    return Some(true);
                }
                let (a, b) = (self.state.list(*x)?, self.state.list(*y)?);
                if a.is_open || b.is_open || a.is_set || b.is_set {
                    return None;
                }
                return self.equal_items(&a.items, &b.items);
            }
            (Value::Dict(x), Value::Dict(y)) => {
                if x == y {
                    return Some(true);
                }
                return None;
            }
            (Value::Path(a), Value::Path(b)) => a == b,
            (Value::Foreign(a), Value::Foreign(b)) => {
                if a == b {
                    return Some(true);
                }
                return None;
            }
            (Value::Made(_) | Value::Instance(_) | Value::Foreign(_) | Value::Super(_), _)
            | (_, Value::Made(_) | Value::Instance(_) | Value::Foreign(_) | Value::Super(_)) => {
                if a == b {
                    return Some(true);
                }
                return match (a, b) {
                    (Value::Made(_), Value::Made(_)) | (Value::Foreign(_), _) | (_, Value::Foreign(_)) => {
                        None
                    }
                    // No class of a handler's calls itself equal to a plain constant without saying how.
                    _ => None,
                };
            }
            (a, b) => a == b,
        })
    }

    fn equal_items(&self, a: &[Value], b: &[Value]) -> Option<bool> {
        if a.len() != b.len() {
            return Some(false);
        }
        let mut all = Some(true);
        for (a, b) in a.iter().zip(b) {
            match self.equal(a, b) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
        all
    }

    fn compare(&mut self, left: &Value, op: Compare, right: &Value) -> Done<Option<bool>> {
        Ok(match op {
            Compare::Eq => self.equal(left, right),
            Compare::NotEq => self.equal(left, right).map(|equal| !equal),
            Compare::Is | Compare::IsNot => {
                let same = match (left, right) {
                    (Value::Unknown, _) | (_, Value::Unknown) => None,
                    (Value::None, Value::None) => Some(true),
                    (Value::Bool(a), Value::Bool(b)) => Some(a == b),
                    // A plain value of a package may be None; what was made, and what the handler wrote, is not.
                    (Value::Foreign(name), Value::None) | (Value::None, Value::Foreign(name)) => {
                        if super::library::is_callable_name(name) {
                            Some(false)
                        } else {
                            None
                        }
                    }
                    (Value::Made(id), Value::None) | (Value::None, Value::Made(id)) => {
                        let is_result =
                            self.state.made(*id).is_none_or(|made| super::library::may_be_none(&made.of));
                        if is_result { None } else { Some(false) }
                    }
                    (Value::None, _) | (_, Value::None) => Some(false),
                    (Value::Foreign(a), Value::Foreign(b)) => (a == b).then_some(true),
                    (Value::Int(_) | Value::Str(_) | Value::Float(_) | Value::Tuple(_), _) => None,
                    (a, b) => Some(a == b),
                };
                if op == Compare::Is { same } else { same.map(|same| !same) }
            }
            Compare::In | Compare::NotIn => {
                let contains = self.contains(right, left)?;
                if op == Compare::In { contains } else { contains.map(|contains| !contains) }
            }
            Compare::Lt | Compare::LtE | Compare::Gt | Compare::GtE => {
                self.order(left, right)?.map(|order| match op {
                    Compare::Lt => order.is_lt(),
                    Compare::LtE => order.is_le(),
                    Compare::Gt => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
        })
    }

    fn order(&mut self, a: &Value, b: &Value) -> Done<Option<std::cmp::Ordering>> {
        #[allow(clippy::cast_precision_loss, reason = "as Python compares small numbers")]
        let number = |value: &Value| match value {
            Value::Int(value) => Some(*value as f64),
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            Value::Float(value) => Some(*value),
            _ => None,
        };
        if let (Some(a), Some(b)) = (number(a), number(b)) {
            return Ok(a.partial_cmp(&b));
        }
        Ok(match (a, b) {
            (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
            (Value::Tuple(x), Value::Tuple(y)) => {
                for (a, b) in x.iter().zip(y.iter()) {
                    match self.equal(a, b) {
                        Some(true) => {}
                        Some(false) => return self.order(a, b),
                        None => return Ok(None),
                    }
                }
                Some(x.len().cmp(&y.len()))
            }
            (Value::Made(x), Value::Made(y)) => {
                let (x, y) = (self.state.made(*x), self.state.made(*y));
                super::library::order_of_versions(x, y)
            }
            (Value::None, other) | (other, Value::None) => {
                if let Some(kind) =
                    other.type_name().filter(|kind| matches!(*kind, "int" | "float" | "str" | "NoneType"))
                {
                    let (x, y) =
                        if matches!(a, Value::None) { ("NoneType", kind) } else { (kind, "NoneType") };
                    return self.raise(
                        "TypeError",
                        format!("'<' not supported between instances of '{x}' and '{y}'"),
                        self.fault_here(),
                    );
                }
                None
            }
            _ => None,
        })
    }

    /// Whether something is in a container.
    fn contains(&mut self, container: &Value, item: &Value) -> Done<Option<bool>> {
        Ok(match container {
            Value::Str(text) => item.text().map(|item| text.contains(item)),
            Value::Tuple(items) => self.among(&items.clone(), item, false),
            Value::List(id) => match self.state.list(*id) {
                Some(list) => self.among(&list.items, item, list.is_open),
                None => None,
            },
            Value::Dict(id) => match self.state.dict(*id) {
                Some(dict) => {
                    let keys: Vec<Value> = dict.items.iter().map(|(key, _)| key.clone()).collect();
                    self.among(&keys, item, dict.is_open)
                }
                None => None,
            },
            Value::None | Value::Int(_) | Value::Bool(_) | Value::Float(_) => {
                let kind = container.type_name().unwrap_or("object");
                return self.raise(
                    "TypeError",
                    format!("argument of type '{kind}' is not iterable"),
                    self.fault_here(),
                );
            }
            _ => None,
        })
    }

    fn among(&self, items: &[Value], item: &Value, is_open: bool) -> Option<bool> {
        let mut known = !is_open;
        for other in items {
            match self.equal(other, item) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = false,
            }
        }
        known.then_some(false)
    }

    /// `left op right`.
    pub(crate) fn binary(&mut self, left: &Value, op: Binary, right: &Value) -> Done<Value> {
        Ok(match (left, op, right) {
            (Value::Str(a), Binary::Add, Value::Str(b)) if a.len() + b.len() < 1 << 20 => {
                Value::str(format!("{a}{b}"))
            }
            (Value::Str(_), Binary::Add, other) | (other, Binary::Add, Value::Str(_)) => {
                let wrong = match other {
                    Value::None => Some("NoneType"),
                    Value::Int(_) => Some("int"),
                    Value::Float(_) => Some("float"),
                    Value::Path(_) => Some("PosixPath"),
                    _ => None,
                };
                let Some(kind) = wrong else { return Ok(Value::Unknown) };
                let text = if matches!(left, Value::Str(_)) {
                    format!("can only concatenate str (not \"{kind}\") to str")
                } else {
                    format!("unsupported operand type(s) for +: '{kind}' and 'str'")
                };
                return self.raise("TypeError", text, self.fault_here());
            }
            (Value::Str(text), Binary::Mod, _) => return Ok(self.percent(text, right)),
            (Value::Path(_), Binary::Div, Value::Str(_) | Value::Path(_))
            | (Value::Str(_), Binary::Div, Value::Path(_)) => match (left.path(), right.path()) {
                (Some(a), Some(b)) => Value::Path(Rc::from(super::library::paths::join(&[a, b]))),
                _ => Value::Unknown,
            },
            (Value::Int(a), _, Value::Int(b)) => {
                let (a, b) = (*a, *b);
                let value = match op {
                    Binary::Add => a.checked_add(b),
                    Binary::Sub => a.checked_sub(b),
                    Binary::Mult => a.checked_mul(b),
                    Binary::FloorDiv | Binary::Mod | Binary::Div if b == 0 => {
                        return self.raise("ZeroDivisionError", "division by zero", self.fault_here());
                    }
                    Binary::FloorDiv => Some(a.div_euclid(b)).filter(|_| a >= 0 && b > 0),
                    Binary::Mod => Some(a.rem_euclid(b)).filter(|_| b > 0),
                    Binary::Div => {
                        #[allow(clippy::cast_precision_loss, reason = "as Python divides")]
                        return Ok(Value::Float(a as f64 / b as f64));
                    }
                    Binary::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
                    Binary::BitOr => Some(a | b),
                    Binary::BitAnd => Some(a & b),
                    Binary::BitXor => Some(a ^ b),
                    _ => None,
                };
                value.map_or(Value::Unknown, Value::Int)
            }
            (Value::Float(a), _, Value::Float(b)) => match op {
                Binary::Add => Value::Float(a + b),
                Binary::Sub => Value::Float(a - b),
                Binary::Mult => Value::Float(a * b),
                _ => Value::Unknown,
            },
            (Value::Tuple(a), Binary::Add, Value::Tuple(b)) => {
                Value::Tuple(a.iter().chain(b.iter()).cloned().collect::<Vec<_>>().into())
            }
            (Value::List(a), Binary::Add, Value::List(b)) => match (self.state.list(*a), self.state.list(*b))
            {
                (Some(a), Some(b)) => {
                    let list = List {
                        items: a.items.iter().chain(&b.items).cloned().collect(),
                        is_open: a.is_open || b.is_open,
                        is_set: false,
                    };
                    Value::List(self.state.put(Object::List(list)))
                }
                _ => Value::Unknown,
            },
            (
                Value::List(a),
                Binary::Sub | Binary::BitAnd | Binary::BitOr | Binary::BitXor,
                Value::List(b),
            ) => {
                return Ok(self.set_operation(*a, op, *b));
            }
            (Value::Dict(a), Binary::BitOr, Value::Dict(b)) => {
                match (self.state.dict(*a).cloned(), self.state.dict(*b).cloned()) {
                    (Some(mut a), Some(b)) => {
                        for (key, value) in b.items {
                            a.items.retain(|(other, _)| *other != key);
                            a.items.push((key, value));
                        }
                        a.is_open |= b.is_open;
                        Value::Dict(self.state.put(Object::Dict(a)))
                    }
                    _ => Value::Unknown,
                }
            }
            (_, Binary::BitOr, _) => return self.union(left, right),
            _ => Value::Unknown,
        })
    }

    /// `a - b` and its kin between sets.
    fn set_operation(&mut self, a: Id, op: Binary, b: Id) -> Value {
        let (Some(a), Some(b)) = (self.state.list(a).cloned(), self.state.list(b).cloned()) else {
            return Value::Unknown;
        };
        let plain =
            |list: &List| !list.is_open && list.items.iter().all(is_plain) && list.items.len() <= 2_000;
        if !plain(&a) || !plain(&b) {
            return self.state.open_list();
        }
        let among = |list: &List, item: &Value| self.among(&list.items, item, false) == Some(true);
        let mut items: Vec<Value> = a
            .items
            .iter()
            .filter(|item| match op {
                Binary::Sub | Binary::BitXor => !among(&b, item),
                Binary::BitAnd => among(&b, item),
                _ => true,
            })
            .cloned()
            .collect();
        if matches!(op, Binary::BitOr | Binary::BitXor) {
            items.extend(b.items.iter().filter(|item| !among(&a, item)).cloned());
        }
        Value::List(self.state.put(Object::List(List { items, is_open: false, is_set: true })))
    }

    /// `A | B` between classes is a union from Python 3.10 on, and an error before.
    fn union(&mut self, left: &Value, right: &Value) -> Done<Value> {
        let name = |run: &Self, value: &Value| -> Option<Str> {
            match value {
                Value::None => Some(Rc::from("NoneType")),
                Value::Class(id) => {
                    let class = run.state.class(*id)?;
                    let plain = class
                        .bases
                        .iter()
                        .all(|base| matches!(base, Value::Foreign(name) if &**name == "builtins.object"));
                    (plain && !class.is_open).then(|| Rc::from("type"))
                }
                Value::Foreign(name) => {
                    let plain = name.strip_prefix("builtins.")?;
                    super::builtins::is_class(plain).then(|| Rc::from("type"))
                }
                _ => None,
            }
        };
        if let (Some(a), Some(b)) = (name(self, left), name(self, right))
            && (&*a == "type" || &*b == "type")
            && self.world.python.is_some_and(|python| python < (3, 10))
        {
            let mut raised = self.error(
                "TypeError",
                format!("unsupported operand type(s) for |: '{a}' and '{b}'"),
                Fault::ImportFails,
            );
            raised.what = Some(Rc::from("`X | Y` between classes needs Python 3.10"));
            raised.fix = Some(Rc::from(
                "write Optional[X] or Union[X, Y], or put `from __future__ import annotations` first",
            ));
            return Err(Stop::Raise(Box::new(raised)));
        }
        Ok(Value::Unknown)
    }

    /// `left op= right`.
    pub(crate) fn augmented(&mut self, left: &Value, op: Binary, right: &Value) -> Done<Value> {
        if let (Value::List(id), Binary::Add) = (left, op) {
            let more = self.items(right);
            if let Some(list) = self.state.list_mut(*id) {
                match more {
                    Some(more) => list.items.extend(more),
                    None => list.is_open = true,
                }
            }
            return Ok(left.clone());
        }
        self.binary(left, op, right)
    }

    /// `"%s" % value`.
    fn percent(&self, text: &str, right: &Value) -> Value {
        let args: Vec<Value> = match right {
            Value::Tuple(items) => items.to_vec(),
            other => vec![other.clone()],
        };
        let mut out = String::new();
        let mut rest = text;
        let mut next = args.iter();
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            let mut chars = after.chars();
            match chars.next() {
                Some('%') => out.push('%'),
                Some('s' | 'd' | 'i') => match next.next().and_then(|value| self.shown(value)) {
                    Some(shown) => out.push_str(&shown),
                    None => return Value::Unknown,
                },
                _ => return Value::Unknown,
            }
            rest = chars.as_str();
        }
        out.push_str(rest);
        Value::str(out)
    }

    /// `str(value)`, where it is known.
    pub(crate) fn shown(&self, value: &Value) -> Option<String> {
        Some(match value {
            Value::Str(text) | Value::Path(text) => text.to_string(),
            other => self.repr(other)?,
        })
    }

    /// `repr(value)`, where it is known.
    pub(crate) fn repr(&self, value: &Value) -> Option<String> {
        Some(match value {
            Value::None => "None".to_owned(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => {
                let text = value.to_string();
                if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
                    format!("{text}.0")
                } else {
                    text
                }
            }
            Value::Str(text) => {
                let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
                let mut out = String::from(quote);
                for c in text.chars() {
                    match c {
                        '\\' => out.push_str("\\\\"),
                        '\n' => out.push_str("\\n"),
                        '\t' => out.push_str("\\t"),
                        '\r' => out.push_str("\\r"),
                        c if c == quote => {
                            out.push('\\');
                            out.push(c);
                        }
                        c => out.push(c),
                    }
                }
                out.push(quote);
                out
            }
            Value::Path(text) => format!("PosixPath('{text}')"),
            Value::Tuple(items) => {
                let parts: Option<Vec<String>> = items.iter().map(|item| self.repr(item)).collect();
                let parts = parts?;
                match parts.as_slice() {
                    [one] => format!("({one},)"),
                    _ => format!("({})", parts.join(", ")),
                }
            }
            Value::List(id) => {
                let list = self.state.list(*id)?;
                if list.is_open || list.is_set || list.items.len() > 200 {
                    return None;
                }
                let parts: Option<Vec<String>> =
                    list.items
                        .iter()
                        .map(|item| {
                            if matches!(item, Value::List(_) | Value::Dict(_)) {
                                None
                            } else {
                                self.repr(item)
                            }
                        })
                        .collect();
                format!("[{}]", parts?.join(", "))
            }
            Value::Class(id) => {
                let class = self.state.class(*id)?;
                format!("<class '{}.{}'>", class.module, class.name)
            }
            _ => return None,
        })
    }

    /// The items of something that can be unpacked and is known whole.
    pub(crate) fn items(&self, value: &Value) -> Option<Vec<Value>> {
        match value {
            Value::Tuple(items) => Some(items.to_vec()),
            Value::List(id) => {
                let list = self.state.list(*id)?;
                (!list.is_open).then(|| list.items.clone())
            }
            Value::Dict(id) => {
                let dict = self.state.dict(*id)?;
                (!dict.is_open).then(|| dict.items.iter().map(|(key, _)| key.clone()).collect())
            }
            Value::Made(id) => {
                let made = self.state.made(*id)?;
                (&*made.of == super::library::torch::KEYS).then(|| made.args.clone())
            }
            Value::Str(text) if text.len() <= super::run::ROUNDS => {
                Some(text.chars().map(|c| Value::str(c.to_string())).collect())
            }
            _ => None,
        }
    }

    /// The items that a loop goes over; `None` where they are not known.
    pub(crate) fn iterate(&mut self, value: &Value) -> Done<Option<Vec<Value>>> {
        if let Some(items) = self.items(value) {
            return Ok(Some(items));
        }
        if matches!(value, Value::None | Value::Int(_) | Value::Bool(_) | Value::Float(_)) {
            let kind = value.type_name().unwrap_or("object");
            return self.raise("TypeError", format!("'{kind}' object is not iterable"), self.fault_here());
        }
        if let Value::Class(id) = value
            && let Some(members) = self.enum_members(*id)
        {
            return Ok(Some(members));
        }
        if let Value::Made(id) = value
            && let Some(made) = self.state.made(*id)
            && matches!(&*made.of, "torch.nn.Sequential" | "torch.nn.ModuleList")
            && made.keywords.is_empty()
        {
            let args = made.args.clone();
            return Ok(match args.as_slice() {
                [Value::List(_)] | [Value::Tuple(_)] => args.first().and_then(|arg| self.items(arg)),
                _ => Some(args),
            });
        }
        Ok(None)
    }

    /// The entries of a dictionary that is known whole.
    pub(crate) fn entries(&self, value: &Value) -> Option<Vec<(Value, Value)>> {
        let Value::Dict(id) = value else { return None };
        let dict = self.state.dict(*id)?;
        (!dict.is_open).then(|| dict.items.clone())
    }

    /// `value[index]`.
    pub(crate) fn item(&mut self, value: &Value, index: &Value) -> Done<Value> {
        match value {
            Value::Dict(id) => {
                let Some(dict) = self.state.dict(*id) else { return Ok(Value::Unknown) };
                if let Some((_, found)) = dict.items.iter().find(|(key, _)| key == index) {
                    return Ok(found.clone());
                }
                if dict.is_open || !is_plain(index) {
                    return Ok(Value::Unknown);
                }
                let origin = dict.origin;
                let shown = self.repr(index).unwrap_or_default();
                let mut raised = self.error("KeyError", &shown, self.fault_here());
                super::library::explain_key(self, &mut raised, origin, index);
                Err(Stop::Raise(Box::new(raised)))
            }
            Value::Tuple(_) | Value::List(_) | Value::Str(_) => {
                if let Value::List(id) = value
                    && self.state.list(*id).is_none_or(|list| list.is_open)
                {
                    return Ok(Value::Unknown);
                }
                match index {
                    Value::Int(at) => {
                        let Some(items) = self.items(value) else { return Ok(Value::Unknown) };
                        let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
                        let real = if *at < 0 { len.saturating_add(*at) } else { *at };
                        match usize::try_from(real).ok().and_then(|at| items.get(at)) {
                            Some(item) => Ok(item.clone()),
                            None => {
                                let kind = match value {
                                    Value::Tuple(_) => "tuple",
                                    Value::Str(_) => "string",
                                    _ => "list",
                                };
                                self.raise(
                                    "IndexError",
                                    format!("{kind} index out of range"),
                                    self.fault_here(),
                                )
                            }
                        }
                    }
                    Value::Made(slice) => Ok(self.sliced(value, *slice)),
                    Value::Str(_) => {
                        let kind = value.type_name().unwrap_or("list");
                        let what = if matches!(value, Value::Str(_)) { "string" } else { kind };
                        let text = if what == "string" {
                            if self.world.python.is_some_and(|python| python < (3, 11)) {
                                "string indices must be integers".to_owned()
                            } else {
                                "string indices must be integers, not 'str'".to_owned()
                            }
                        } else {
                            format!("{what} indices must be integers or slices, not str")
                        };
                        self.raise("TypeError", text, self.fault_here())
                    }
                    _ => Ok(Value::Unknown),
                }
            }
            Value::None => {
                self.raise("TypeError", "'NoneType' object is not subscriptable", self.fault_here())
            }
            Value::Int(_) | Value::Bool(_) | Value::Float(_) | Value::Function(_) => {
                let kind = value.type_name().unwrap_or("object");
                self.raise("TypeError", format!("'{kind}' object is not subscriptable"), self.fault_here())
            }
            Value::Foreign(name) => {
                let plain = name.strip_prefix("builtins.");
                if let Some(plain) = plain
                    && matches!(plain, "list" | "dict" | "tuple" | "set" | "frozenset" | "type")
                    && self.world.python.is_some_and(|python| python < (3, 9))
                {
                    let mut raised =
                        self.error("TypeError", "'type' object is not subscriptable", Fault::ImportFails);
                    raised.what = Some(Rc::from(format!("`{plain}[…]` needs Python 3.9")));
                    raised.fix = Some(Rc::from(
                        "write typing.List and its kin, or put `from __future__ import annotations` first",
                    ));
                    return Err(Stop::Raise(Box::new(raised)));
                }
                // `Optional[int]`, `torch.Tensor[…]`: stays what it is.
                if super::library::is_typing(name) { Ok(value.clone()) } else { Ok(Value::Unknown) }
            }
            Value::Instance(_) => match self.attribute_of(value, "__getitem__")? {
                Some(method) => self.call(&method, vec![index.clone()], Vec::new()),
                None => Ok(Value::Unknown),
            },
            Value::Class(id) => Ok(match index.text() {
                Some(name) if self.enum_members(*id).is_some() => {
                    self.class_attribute(*id, name).unwrap_or(Value::Unknown)
                }
                _ => Value::Unknown,
            }),
            Value::Made(id) => {
                let items = self.iterate(value)?;
                if let (Some(items), Value::Int(at)) = (items, index) {
                    let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
                    let real = if *at < 0 { len.saturating_add(*at) } else { *at };
                    if let Some(item) = usize::try_from(real).ok().and_then(|at| items.get(at)) {
                        return Ok(item.clone());
                    }
                }
                let _ = id;
                Ok(Value::Unknown)
            }
            _ => Ok(Value::Unknown),
        }
    }

    fn sliced(&mut self, value: &Value, slice: Id) -> Value {
        let Some(made) = self.state.made(slice) else { return Value::Unknown };
        if &*made.of != "builtins.slice" {
            return Value::Unknown;
        }
        let args = made.args.clone();
        let Some(items) = self.items(value) else { return Value::Unknown };
        let len = i64::try_from(items.len()).unwrap_or(0);
        let bound = |value: Option<&Value>, default: i64| match value {
            Some(Value::Int(at)) => Some(if *at < 0 { (len + at).max(0) } else { (*at).min(len) }),
            Some(Value::None) | None => Some(default),
            _ => None,
        };
        if !matches!(args.get(2), Some(Value::None | Value::Int(1)) | None) {
            return Value::Unknown;
        }
        let (Some(from), Some(to)) = (bound(args.first(), 0), bound(args.get(1), len)) else {
            return Value::Unknown;
        };
        let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to.max(from)).unwrap_or(0);
        let part: Vec<Value> = items.get(range).map(<[Value]>::to_vec).unwrap_or_default();
        match value {
            Value::Str(_) => Value::str(part.iter().filter_map(Value::text).collect::<String>()),
            Value::Tuple(_) => Value::Tuple(part.into()),
            _ => self.state.new_list(part),
        }
    }

    /// `value[index] = new`.
    pub(crate) fn set_item(&mut self, value: &Value, index: Value, new: Value) {
        match value {
            Value::Dict(id) => {
                if let Some(dict) = self.state.dict_mut(*id) {
                    if !is_plain(&index) {
                        dict.is_open = true;
                        for (_, value) in &mut dict.items {
                            *value = Value::Unknown;
                        }
                    } else if let Some(entry) = dict.items.iter_mut().find(|(key, _)| *key == index) {
                        entry.1 = new;
                    } else if dict.items.len() < 100_000 {
                        dict.items.push((index, new));
                    } else {
                        dict.is_open = true;
                    }
                }
            }
            Value::List(id) => {
                if let Some(list) = self.state.list_mut(*id) {
                    match index {
                        Value::Int(at) => {
                            if let Some(item) = usize::try_from(at).ok().and_then(|at| list.items.get_mut(at))
                            {
                                *item = new;
                            }
                        }
                        _ => {
                            list.is_open = true;
                            list.items.clear();
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// `del value[index]`.
    pub(crate) fn remove_item(&mut self, value: &Value, index: &Value) {
        match value {
            Value::Dict(id) => {
                if let Some(dict) = self.state.dict_mut(*id) {
                    dict.items.retain(|(key, _)| key != index);
                }
            }
            Value::List(id) => {
                if let Some(list) = self.state.list_mut(*id) {
                    match index {
                        Value::Int(at) if usize::try_from(*at).is_ok_and(|at| at < list.items.len()) => {
                            list.items.remove(usize::try_from(*at).unwrap_or(0));
                        }
                        _ => {
                            list.is_open = true;
                            list.items.clear();
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// A key that is what it is: comparing it says whether it is there.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Bytes(_) => {
            true
        }
        Value::Tuple(items) => items.iter().all(is_plain),
        _ => false,
    }
}
