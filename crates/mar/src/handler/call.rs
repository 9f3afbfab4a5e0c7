//! What is called and with what comes in; what it returns comes out. Attributes are looked up here too, for both go by the class.

use std::rc::Rc;

use envdiff_model::Fault;
use envdiff_python::tree::Parameters;

use super::run::{Flow, Frame, Run, Stop};
use super::state::{Body, Class, Instance, Kind, Made, Names, Object, Origin, Scope};
use super::value::{Id, Str, Value};

type Done<T> = Result<T, Stop>;

/// Bases that bring no attributes of their own.
fn is_bare(name: &str) -> bool {
    matches!(
        name,
        "builtins.object" | "abc.ABC" | "typing.Generic" | "typing.Protocol" | "typing_extensions.Protocol"
    ) || name.starts_with("typing.Generic")
}

/// The most calls that lie within each other.
const CALLS: usize = 120;

impl Run<'_> {
    /// Calls with arguments of which some are not known.
    pub(crate) fn call_openly(
        &mut self,
        callee: &Value,
        args: Vec<Value>,
        named: Vec<(Str, Value)>,
    ) -> Done<Value> {
        match callee {
            Value::Foreign(name) if &**name == "types.SimpleNamespace" => Ok(Value::Unknown),
            Value::Foreign(name) => {
                self.is_open_call = true;
                let made = super::library::call(self, &name.clone(), args, named);
                self.is_open_call = false;
                made
            }
            Value::Function(_) | Value::Bound(_) | Value::Class(_) => {
                // Which parameter gets what is not known.
                self.cannot_see("a call at load whose arguments cannot be told");
                Ok(Value::Unknown)
            }
            _ => Ok(Value::Unknown),
        }
    }

    /// Calls.
    pub(crate) fn call(&mut self, callee: &Value, args: Vec<Value>, named: Vec<(Str, Value)>) -> Done<Value> {
        self.step()?;
        match callee {
            Value::Function(id) => self.call_function(*id, args, named, None),
            Value::Bound(bound) => {
                let (object, function) = (bound.0.clone(), bound.1.clone());
                let mut all = vec![object];
                all.extend(args);
                match function {
                    Value::Function(id) => self.call_function(id, all, named, None),
                    other => self.call(&other, all, named),
                }
            }
            Value::Class(id) => self.construct(*id, args, named),
            Value::Foreign(name) => super::library::call(self, &name.clone(), args, named),
            Value::Method(method) => {
                super::library::method(self, &method.0.clone(), &method.1.clone(), args, named)
            }
            Value::Instance(id) => {
                let id = *id;
                let class = self.state.instance(id).map(|instance| instance.class);
                match class.and_then(|class| self.class_attribute(class, "__call__")) {
                    Some(Value::Function(function)) => {
                        let mut all = vec![callee.clone()];
                        all.extend(args);
                        self.call_function(function, all, named, None)
                    }
                    Some(_) => Ok(Value::Unknown),
                    None => {
                        if self.state.instance(id).is_none_or(|instance| instance.is_open) {
                            return Ok(Value::Unknown);
                        }
                        let name =
                            class.and_then(|class| self.state.class(class)).map(|class| class.name.clone());
                        let name = name.unwrap_or_else(|| Rc::from("object"));
                        self.raise("TypeError", format!("'{name}' object is not callable"), self.fault_here())
                    }
                }
            }
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::List(_)
            | Value::Dict(_)
            | Value::Tuple(_)
            | Value::Module(_) => {
                let kind = callee.type_name().unwrap_or("object");
                self.raise("TypeError", format!("'{kind}' object is not callable"), self.fault_here())
            }
            Value::Made(id)
                if self.state.made(*id).is_some_and(|made| &*made.of == "contextlib.contextmanager") =>
            {
                let function = self.state.made(*id).map(|made| made.args.clone()).unwrap_or_default();
                Ok(super::library::make(self, super::run::managers::MANAGER, function, Vec::new()))
            }
            Value::Unknown => {
                self.escape(&args, &named)?;
                self.perhaps_written("save", &args, &named);
                self.expose(&args);
                let values: Vec<Value> = named.into_iter().map(|(_, value)| value).collect();
                self.expose(&values);
                Ok(Value::Unknown)
            }
            _ => Ok(Value::Unknown),
        }
    }

    /// What is given to somebody unknown may be changed by him.
    pub(crate) fn expose(&mut self, values: &[Value]) {
        for value in values {
            match value {
                Value::List(id) => {
                    if let Some(list) = self.state.list_mut(*id) {
                        list.is_open = true;
                        list.items.clear();
                    }
                }
                Value::Dict(id) => {
                    if let Some(dict) = self.state.dict_mut(*id) {
                        dict.is_open = true;
                    }
                }
                _ => {}
            }
        }
    }

    /// The name that errors of arity give a function.
    fn name_in_errors(&self, id: Id) -> String {
        let Some(function) = self.state.function(id) else { return "function".to_owned() };
        let name = match &function.body {
            Body::Def(def) => def.name.as_str(),
            Body::Lambda(..) => "<lambda>",
        };
        // From Python 3.10 on with the class before it.
        if self.world.python.is_none_or(|python| python >= (3, 10))
            && let Some(class) = function.class.and_then(|class| self.state.class(class))
        {
            return format!("{}.{name}", class.name);
        }
        name.to_owned()
    }

    /// Calls a function that is written in Python; `fault` is what a wrong number of arguments is.
    pub(crate) fn call_function(
        &mut self,
        id: Id,
        args: Vec<Value>,
        named: Vec<(Str, Value)>,
        fault: Option<Fault>,
    ) -> Done<Value> {
        self.step()?;
        let Some(function) = self.state.function(id).cloned() else { return Ok(Value::Unknown) };
        let first = args.first().cloned();
        let mut key = args.clone();
        if let Some(known) = &function.memo {
            key.extend(
                named
                    .iter()
                    .map(|(name, value)| Value::Tuple(vec![Value::Str(name.clone()), value.clone()].into())),
            );
            if let Some((_, value)) = known.iter().find(|(given, _)| *given == key) {
                return Ok(value.clone());
            }
        }
        let names = self.arguments(id, &function, args, named, fault)?;
        let (is_generator, is_async) = match &function.body {
            Body::Def(def) => (def.is_generator, def.is_async),
            Body::Lambda(..) => (false, false),
        };
        if is_generator || is_async {
            // Its body runs when somebody asks for what it gives, or awaits it.
            if let Body::Def(def) = &function.body {
                let (def, function) = (std::sync::Arc::clone(def), function.clone());
                self.perhaps_runs(|run| run.body_of_later(&def, &function, names, first))?;
            }
            return Ok(Value::Unknown);
        }
        if self.frames.len() >= CALLS {
            return Err(Stop::Lost(Rc::from("calls lie too deep within each other to be followed")));
        }
        let locals = match &function.body {
            Body::Def(def) => Some(self.locals_of(def)),
            Body::Lambda(..) => None,
        };
        let outer = function.outer;
        let scope = self.state.put(Object::Scope(Scope { names, outer, locals, ..Scope::default() }));
        let (file, text) = self.module_of(function.module);
        let at = match &function.body {
            Body::Def(def) => def.name_at,
            Body::Lambda(_, body) => body.at,
        };
        self.frames.push(Frame {
            module: function.module,
            file,
            scope,
            method: function.class.zip(first),
            at,
            annotations_are_text: text,
            mangles: function.mangles.clone(),
        });
        let result = match &function.body {
            Body::Def(def) => {
                let def = std::sync::Arc::clone(def);
                self.deeper(|run| run.block(&def.body)).map(|flow| match flow {
                    Flow::Return(value) => value,
                    Flow::Perhaps(flow) => match *flow {
                        Flow::Return(Value::None) => Value::None,
                        _ => Value::Unknown,
                    },
                    Flow::On | Flow::Break | Flow::Continue => Value::None,
                })
            }
            Body::Lambda(_, body) => {
                let body = std::sync::Arc::clone(body);
                self.eval(&body)
            }
        };
        self.frames.pop();
        if let (Ok(value), Some(_)) = (&result, &function.memo) {
            let value = value.clone();
            if let Some(memo) = self.state.function_mut(id).and_then(|function| function.memo.as_mut())
                && memo.len() < 1_000
            {
                memo.push((key, value));
            }
        }
        result
    }

    /// The body of a generator or coroutine.
    fn body_of_later(
        &mut self,
        def: &std::sync::Arc<envdiff_python::tree::Function>,
        function: &super::state::Function,
        names: Names,
        first: Option<Value>,
    ) -> Done<()> {
        if self.frames.len() >= CALLS {
            return Ok(());
        }
        let locals = Some(self.locals_of(def));
        let outer = function.outer;
        let scope = self.state.put(Object::Scope(Scope { names, outer, locals, ..Scope::default() }));
        let (file, annotations_are_text) = self.module_of(function.module);
        self.frames.push(Frame {
            module: function.module,
            file,
            scope,
            method: function.class.zip(first),
            at: def.name_at,
            annotations_are_text,
            mangles: function.mangles.clone(),
        });
        let result = self.deeper(|run| run.block(&def.body));
        self.frames.pop();
        result.map(drop)
    }

    /// The file of a module and whether its annotations are texts.
    fn module_of(&self, module: Id) -> (Str, bool) {
        let file = self.state.module(module).map_or_else(|| Rc::from(""), |module| module.file.clone());
        let text = self.frames.iter().any(|frame| frame.module == module && frame.annotations_are_text)
            || self.world.has_text_annotations(&file);
        (file, text)
    }

    /// Arguments to parameters, or Python's own error.
    fn arguments(
        &mut self,
        id: Id,
        function: &super::state::Function,
        args: Vec<Value>,
        named: Vec<(Str, Value)>,
        fault: Option<Fault>,
    ) -> Done<Names> {
        let parameters: &Parameters = match &function.body {
            Body::Def(def) => &def.parameters,
            Body::Lambda(parameters, _) => parameters,
        };
        let fault = fault.unwrap_or_else(|| self.fault_here());
        let mut names = Names::new();
        let positional: Vec<&str> = parameters
            .positional_only
            .iter()
            .chain(&parameters.positional)
            .map(|parameter| parameter.name.as_str())
            .collect();
        let given = args.len();
        let mut args = args.into_iter();
        for (name, value) in positional.iter().zip(args.by_ref()) {
            names.insert(Rc::from(*name), value);
        }
        let rest: Vec<Value> = args.collect();
        if let Some(parameter) = &parameters.rest {
            names.insert(Rc::from(parameter.name.as_str()), Value::Tuple(rest.into()));
        } else if !rest.is_empty() {
            let needed = positional.iter().filter(|name| !function.defaults.contains_key(**name)).count();
            let takes = if needed == positional.len() {
                let s = if needed == 1 { "" } else { "s" };
                format!("{needed} positional argument{s}")
            } else {
                format!("from {needed} to {} positional arguments", positional.len())
            };
            let were = if given == 1 { "was" } else { "were" };
            let text = format!("{}() takes {takes} but {given} {were} given", self.name_in_errors(id));
            return self.raise("TypeError", text, fault);
        }
        let mut more = Vec::new();
        for (name, value) in named {
            let is_positional = parameters.positional.iter().any(|parameter| parameter.name == *name);
            let is_keyword = parameters.keyword_only.iter().any(|parameter| parameter.name == *name);
            if is_positional && names.contains_key(&name) {
                let text = format!("{}() got multiple values for argument '{name}'", self.name_in_errors(id));
                return self.raise("TypeError", text, fault);
            }
            if is_positional || is_keyword {
                names.insert(name, value);
            } else if parameters.keyword_rest.is_some() {
                more.push((Value::Str(name), value));
            } else {
                let text =
                    format!("{}() got an unexpected keyword argument '{name}'", self.name_in_errors(id));
                return self.raise("TypeError", text, fault);
            }
        }
        if let Some(parameter) = &parameters.keyword_rest {
            let dict = self.state.new_dict(more, Origin::Own);
            names.insert(Rc::from(parameter.name.as_str()), dict);
        }
        for (kind, list) in [
            ("positional", positional.clone()),
            (
                "keyword-only",
                parameters.keyword_only.iter().map(|parameter| parameter.name.as_str()).collect(),
            ),
        ] {
            let mut missing = Vec::new();
            for name in list {
                if names.contains_key(name) {
                    continue;
                }
                match function.defaults.get(name) {
                    Some(default) => {
                        names.insert(Rc::from(name), default.clone());
                    }
                    None => missing.push(format!("'{name}'")),
                }
            }
            if !missing.is_empty() {
                let count = missing.len();
                let s = if count == 1 { "" } else { "s" };
                let text = format!(
                    "{}() missing {count} required {kind} argument{s}: {}",
                    self.name_in_errors(id),
                    listed(&missing)
                );
                return self.raise("TypeError", text, fault);
            }
        }
        Ok(names)
    }

    /// The classes that attributes are looked up in, in order.
    pub(crate) fn mro(&self, class: Id) -> Vec<Value> {
        fn add(run: &Run<'_>, value: Value, out: &mut Vec<Value>, depth: usize) {
            if depth > 50 || out.len() > 500 {
                return;
            }
            out.push(value.clone());
            if let Value::Class(id) = value
                && let Some(class) = run.state.class(id)
            {
                for base in &class.bases {
                    add(run, base.clone(), out, depth + 1);
                }
            }
        }
        let mut all = Vec::new();
        add(self, Value::Class(class), &mut all, 0);
        // What stands there twice counts where it stands last, as in Python's order.
        let mut out = Vec::new();
        for (at, value) in all.iter().enumerate() {
            if !all.iter().skip(at + 1).any(|later| later == value) {
                out.push(value.clone());
            }
        }
        out
    }

    /// What a class has under this name: itself or by its bases. A base of a package may have anything.
    pub(crate) fn class_attribute(&self, class: Id, name: &str) -> Option<Value> {
        self.attribute_in(&self.mro(class), name)
    }

    pub(crate) fn attribute_in(&self, order: &[Value], name: &str) -> Option<Value> {
        for class in order {
            match class {
                Value::Class(id) => {
                    let Some(class) = self.state.class(*id) else { return Some(Value::Unknown) };
                    if let Some(value) = class.names.get(name) {
                        return Some(value.clone());
                    }
                    if class.is_open {
                        return Some(Value::Unknown);
                    }
                }
                Value::Foreign(base) => {
                    if is_bare(base) {
                        continue;
                    }
                    // Exceptions and plain types bring what everybody knows; of a package's class nothing is known.
                    if !(name.starts_with("__") && base.starts_with("builtins.")) {
                        return Some(Value::foreign(format!("{base}.{name}")));
                    }
                }
                _ => return Some(Value::Unknown),
            }
        }
        None
    }

    /// The members of an Enum that is written in the handler.
    pub(crate) fn enum_members(&mut self, class: Id) -> Option<Vec<Value>> {
        let is_enum = self
            .mro(class)
            .iter()
            .any(|base| matches!(base, Value::Foreign(name) if name.starts_with("enum.") && name.ends_with("Enum")));
        if !is_enum {
            return None;
        }
        let names: Vec<(Str, Value)> = self
            .state
            .class(class)?
            .names
            .iter()
            .filter(|(name, value)| !name.starts_with("__") && !matches!(value, Value::Function(_)))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut names = names;
        // As they stand in its body.
        if let Some(Value::Tuple(order)) = self.state.class(class)?.names.get("__order__") {
            names.sort_by_key(|(name, _)| order.iter().position(|other| other.text() == Some(name)));
        }
        Some(names.into_iter().map(|(name, value)| self.enum_member(class, &name, value)).collect())
    }

    /// The member of this name, which is one and the same object each time.
    fn enum_member(&mut self, class: Id, name: &str, value: Value) -> Value {
        if let Value::Instance(id) = &value
            && self.state.instance(*id).is_some_and(|instance| {
                instance.names.contains_key("value")
                    && self.mro(class).contains(&Value::Class(instance.class))
            })
        {
            return value;
        }
        let member = self.new_enum_member(class, name, value);
        if let Some(class) = self.state.class_mut(class)
            && class.names.contains_key(name)
        {
            class.names.insert(Rc::from(name), member.clone());
        }
        member
    }

    fn new_enum_member(&mut self, class: Id, name: &str, value: Value) -> Value {
        let mut names = Names::new();
        names.insert(Rc::from("value"), value);
        names.insert(Rc::from("name"), Value::str(name));
        Value::Instance(self.state.put(Object::Instance(Instance {
            class,
            names,
            order: Vec::new(),
            is_open: true,
        })))
    }

    /// Makes an instance.
    pub(crate) fn construct(&mut self, class: Id, args: Vec<Value>, named: Vec<(Str, Value)>) -> Done<Value> {
        let Some(found) = self.state.class(class).cloned() else { return Ok(Value::Unknown) };
        let order = self.mro(class);
        if let Some(Value::Foreign(base)) =
            order.iter().find(|base| matches!(base, Value::Foreign(name) if name.starts_with("enum.")))
        {
            let is_flag = base.contains("Flag");
            let has_missing = self
                .class_attribute(class, "_missing_")
                .is_some_and(|found| !matches!(found, Value::Foreign(_)));
            if let ([wanted], false, false, None) = (
                args.as_slice(),
                is_flag,
                has_missing,
                self.class_attribute(class, "__new__").filter(|found| matches!(found, Value::Function(_))),
            ) && matches!(wanted, Value::Str(_) | Value::Int(_) | Value::None)
                && let Some(members) = self.enum_members(class)
            {
                let mut known = !found.is_open;
                for member in members {
                    let value = match &member {
                        Value::Instance(id) => self
                            .state
                            .instance(*id)
                            .and_then(|member| member.names.get("value").cloned())
                            .unwrap_or(Value::Unknown),
                        _ => Value::Unknown,
                    };
                    match self.equal(&value, wanted) {
                        Some(true) => return Ok(member),
                        Some(false) if !matches!(value, Value::Made(_) | Value::Tuple(_)) => {}
                        _ => known = false,
                    }
                }
                if known {
                    let shown = self.repr(wanted).unwrap_or_default();
                    let text = format!("{shown} is not a valid {}", found.name);
                    return self.raise("ValueError", text, self.fault_here());
                }
            }
            return Ok(Value::Unknown);
        }
        if found.checks_abstract {
            let left = self.abstract_methods(&order);
            if !left.is_empty() {
                return self.raise("TypeError", self.abstract_text(&found, &left), Fault::EntryClass);
            }
        }
        let is_open = found.is_open
            || order.iter().any(|base| match base {
                Value::Class(id) => self.state.class(*id).is_none_or(|class| class.is_open),
                Value::Foreign(name) => !is_bare(name),
                _ => true,
            });
        let meta = found.meta.and_then(|meta| self.class_attribute(meta, "__call__"));
        if matches!(meta, Some(Value::Function(_) | Value::Unknown)) {
            self.escape(&args, &named)?;
            return Ok(Value::Unknown);
        }
        let instance = Value::Instance(self.state.put(Object::Instance(Instance {
            class,
            names: Names::new(),
            order: Vec::new(),
            is_open,
        })));
        if matches!(self.class_attribute(class, "__new__"), Some(Value::Function(_))) {
            // What it gives back may be another thing.
            return Ok(Value::Unknown);
        }
        match self.class_attribute(class, "__init__") {
            Some(Value::Function(init)) => {
                let mut all = vec![instance.clone()];
                all.extend(args);
                self.call_function(
                    init,
                    all,
                    named,
                    Some(Fault::EntryClass).filter(|_| !self.world.is_initialising.get()),
                )?;
            }
            Some(_) => self.keep_arguments(&instance, &order, args, named),
            None => match &found.fields {
                Some((fields, needed)) => {
                    self.fill_fields(&instance, &found, fields, *needed, args, named)?
                }
                None if !is_open && (!args.is_empty() || !named.is_empty()) => {
                    return self.raise(
                        "TypeError",
                        format!("{}() takes no arguments", found.name),
                        Fault::EntryClass,
                    );
                }
                None => {}
            },
        }
        Ok(instance)
    }

    /// What a constructor of a package is given, for what is derived from containers of layers.
    fn keep_arguments(
        &mut self,
        instance: &Value,
        order: &[Value],
        args: Vec<Value>,
        named: Vec<(Str, Value)>,
    ) {
        let base = order.iter().find_map(|base| match base {
            Value::Foreign(name) if name.starts_with("torch.nn.") && &**name != "torch.nn.Module" => {
                Some(name.clone())
            }
            _ => None,
        });
        if let (Some(of), Value::Instance(id)) = (base, instance) {
            let made = Value::Made(self.state.put(Object::Made(Made {
                of,
                args,
                keywords: named,
                names: Names::new(),
            })));
            if let Some(instance) = self.state.instance_mut(*id) {
                instance.names.insert(Rc::from("__made__"), made);
            }
        }
    }

    fn fill_fields(
        &mut self,
        instance: &Value,
        class: &Class,
        fields: &[Str],
        needed: usize,
        args: Vec<Value>,
        named: Vec<(Str, Value)>,
    ) -> Done<()> {
        if args.len() > fields.len() {
            let text = format!(
                "{}.__init__() takes {} positional arguments but {} were given",
                class.name,
                fields.len() + 1,
                args.len() + 1
            );
            return self.raise("TypeError", text, Fault::EntryClass);
        }
        let mut bound: Vec<(Str, Value)> = fields.iter().cloned().zip(args).collect();
        bound.extend(named);
        let missing: Vec<String> = fields
            .iter()
            .filter(|field| {
                !class.names.contains_key(&***field) && !bound.iter().any(|(name, _)| name == *field)
            })
            .map(|field| format!("'{field}'"))
            .collect();
        if !missing.is_empty() && needed > 0 {
            let count = missing.len();
            let s = if count == 1 { "" } else { "s" };
            let init = if self.world.python.is_none_or(|python| python >= (3, 10)) {
                format!("{}.__init__()", class.name)
            } else {
                "__init__()".to_owned()
            };
            let text =
                format!("{init} missing {count} required positional argument{s}: {}", listed(&missing));
            return self.raise("TypeError", text, Fault::EntryClass);
        }
        for field in fields {
            if !bound.iter().any(|(name, _)| name == field) {
                bound.push((field.clone(), Value::Unknown));
            }
        }
        if let Value::Instance(id) = instance
            && let Some(instance) = self.state.instance_mut(*id)
        {
            instance.names.extend(bound);
        }
        Ok(())
    }

    /// Abstract methods that nothing fills.
    fn abstract_methods(&self, order: &[Value]) -> Vec<Str> {
        let mut seen: Vec<Str> = Vec::new();
        let mut left = Vec::new();
        for class in order {
            let Value::Class(id) = class else { continue };
            let Some(class) = self.state.class(*id) else { continue };
            for (name, value) in &class.names {
                if seen.contains(name) {
                    continue;
                }
                seen.push(name.clone());
                if let Value::Function(function) = value
                    && self.state.function(*function).is_some_and(|function| function.is_abstract)
                {
                    left.push(name.clone());
                }
            }
        }
        left.sort();
        left
    }

    fn abstract_text(&self, class: &Class, left: &[Str]) -> String {
        let s = if left.len() == 1 { "" } else { "s" };
        match self.world.python {
            Some(python) if python < (3, 9) => {
                let names: Vec<&str> = left.iter().map(|name| &**name).collect();
                format!(
                    "Can't instantiate abstract class {} with abstract methods {}",
                    class.name,
                    names.join(", ")
                )
            }
            Some(python) if python < (3, 12) => {
                let names: Vec<&str> = left.iter().map(|name| &**name).collect();
                format!(
                    "Can't instantiate abstract class {} with abstract method{s} {}",
                    class.name,
                    names.join(", ")
                )
            }
            _ => {
                let names: Vec<String> = left.iter().map(|name| format!("'{name}'")).collect();
                format!(
                    "Can't instantiate abstract class {} without an implementation for abstract method{s} {}",
                    class.name,
                    names.join(", ")
                )
            }
        }
    }

    /// An attribute, or `None` where it surely has none.
    pub(crate) fn attribute_of(&mut self, value: &Value, name: &str) -> Done<Option<Value>> {
        match value {
            Value::Instance(id) => {
                let id = *id;
                let Some(instance) = self.state.instance(id) else { return Ok(Some(Value::Unknown)) };
                let (class, is_open) = (instance.class, instance.is_open);
                let own = instance.names.get(name).cloned();
                if name == "__dict__" {
                    self.open_up(value);
                    return Ok(Some(Value::Unknown));
                }
                let inherited = self.class_attribute(class, name);
                // A descriptor says itself what is there.
                if let Some(Value::Instance(descriptor)) = &inherited
                    && let Some(of) = self.state.instance(*descriptor).map(|descriptor| descriptor.class)
                    && self.class_attribute(of, "__get__").is_some()
                {
                    return Ok(Some(Value::Unknown));
                }
                if let Some(Value::Function(function)) = inherited
                    && let Some(found) = self.state.function(function)
                {
                    match found.kind {
                        Kind::Property if found.is_cached && own.is_some() => return Ok(own),
                        Kind::Property if found.is_cached => {
                            let given =
                                self.call_function(function, vec![value.clone()], Vec::new(), None)?;
                            if let Some(instance) = self.state.instance_mut(id) {
                                instance.names.insert(Rc::from(name), given.clone());
                            }
                            return Ok(Some(given));
                        }
                        Kind::Property => {
                            return self
                                .call_function(function, vec![value.clone()], Vec::new(), None)
                                .map(Some);
                        }
                        _ if own.is_some() => return Ok(own),
                        Kind::Plain => {
                            return Ok(Some(Value::Bound(Rc::new((
                                value.clone(),
                                Value::Function(function),
                            )))));
                        }
                        Kind::Static => return Ok(Some(Value::Function(function))),
                        Kind::ForClass => {
                            return Ok(Some(Value::Bound(Rc::new((
                                Value::Class(class),
                                Value::Function(function),
                            )))));
                        }
                    }
                }
                if own.is_some() {
                    return Ok(own);
                }
                match inherited {
                    Some(Value::Foreign(_)) => {
                        Ok(Some(Value::Method(Rc::new((value.clone(), Rc::from(name))))))
                    }
                    Some(value) => Ok(Some(value)),
                    None if name == "__class__" => Ok(Some(Value::Class(class))),
                    None if name.starts_with("__")
                        && name.ends_with("__")
                        && !matches!(name, "__enter__" | "__getitem__" | "__iter__" | "__call__") =>
                    {
                        Ok(Some(Value::Unknown))
                    }
                    None if self.class_attribute(class, "__getattr__").is_some()
                        || self.class_attribute(class, "__getattribute__").is_some() =>
                    {
                        Ok(Some(Value::Unknown))
                    }
                    None => Ok(is_open.then_some(Value::Unknown)),
                }
            }
            Value::Class(id) => {
                let id = *id;
                let plain = self.state.class(id).map(|class| (class.name.clone(), class.module.clone()));
                match (name, plain) {
                    ("__name__" | "__qualname__", Some((name, _))) => return Ok(Some(Value::Str(name))),
                    ("__module__", Some((_, module))) => return Ok(Some(Value::Str(module))),
                    _ => {}
                }
                let found = self.class_attribute(id, name);
                if let Some(Value::Function(function)) = found {
                    let kind = self.state.function(function).map(|function| function.kind);
                    if kind == Some(Kind::ForClass) {
                        return Ok(Some(Value::Bound(Rc::new((value.clone(), Value::Function(function))))));
                    }
                } else if let Some(found) = &found
                    && !matches!(found, Value::Foreign(_) | Value::Unknown)
                    && self
                        .mro(id)
                        .iter()
                        .any(|base| matches!(base, Value::Foreign(name) if name.starts_with("enum.")))
                {
                    return Ok(Some(self.enum_member(id, name, found.clone())));
                }
                match found {
                    None if name == "register"
                        && self.state.class(id).is_some_and(|class| class.checks_abstract) =>
                    {
                        Ok(Some(Value::Unknown))
                    }
                    None if name.starts_with("__") => Ok(Some(Value::Unknown)),
                    other => Ok(other),
                }
            }
            Value::Super(parts) => {
                let (class, object) = (parts.0, parts.1.clone());
                let of = match &object {
                    Value::Instance(id) => self.state.instance(*id).map(|instance| instance.class),
                    Value::Class(id) => Some(*id),
                    _ => None,
                };
                let Some(of) = of else { return Ok(Some(Value::Unknown)) };
                let order = self.mro(of);
                let after = order.iter().position(|base| *base == Value::Class(class)).map_or(0, |at| at + 1);
                let rest: Vec<Value> = order.into_iter().skip(after).collect();
                Ok(match self.attribute_in(&rest, name) {
                    Some(Value::Function(function)) => {
                        let kind = self.state.function(function).map(|function| function.kind);
                        Some(match kind {
                            Some(Kind::Property) => {
                                return self
                                    .call_function(function, vec![object], Vec::new(), None)
                                    .map(Some);
                            }
                            Some(Kind::Static) => Value::Function(function),
                            _ => Value::Bound(Rc::new((object, Value::Function(function)))),
                        })
                    }
                    Some(Value::Foreign(found)) => {
                        if name == "__init__" {
                            Some(Value::Method(Rc::new((object, Rc::from("__init__")))))
                        } else {
                            let _ = found;
                            Some(Value::Method(Rc::new((object, Rc::from(name)))))
                        }
                    }
                    Some(value) => Some(value),
                    None if name.starts_with("__") => Some(Value::foreign("builtins.object.__init__")),
                    None => None,
                })
            }
            Value::Module(id) => self.module_attribute(*id, name),
            Value::Foreign(of) => Ok(Some(super::library::attribute_of_foreign(self, of, name))),
            Value::Made(id) => {
                if let Some(value) = self.state.made(*id).and_then(|made| made.names.get(name)) {
                    return Ok(Some(value.clone()));
                }
                if self.state.made(*id).is_some_and(|made| &*made.of == "types.SimpleNamespace")
                    && !name.starts_with("__")
                    && !self
                        .state
                        .made(*id)
                        .is_some_and(|made| made.keywords.iter().any(|(key, _)| &**key == name))
                {
                    return Ok(None);
                }
                Ok(Some(super::library::attribute_of_made(self, *id, name)))
            }
            Value::Path(path) => Ok(super::library::paths::attribute(path, name)
                .or_else(|| Some(Value::Method(Rc::new((value.clone(), Rc::from(name))))))),
            Value::File(file) => Ok(Some(match name {
                "name" => Value::Str(file.path.clone()),
                _ => Value::Method(Rc::new((value.clone(), Rc::from(name)))),
            })),
            Value::Function(id) => Ok(Some(match name {
                "__name__" | "__qualname__" => {
                    match self.state.function(*id).map(|function| &function.body) {
                        Some(Body::Def(def)) => Value::str(&def.name),
                        _ => Value::Unknown,
                    }
                }
                "setter" | "getter" | "deleter" => Value::Method(Rc::new((value.clone(), Rc::from(name)))),
                _ => Value::Unknown,
            })),
            Value::None => Ok(name.starts_with("__").then_some(Value::Unknown)),
            Value::Str(_)
            | Value::Dict(_)
            | Value::List(_)
            | Value::Bytes(_)
            | Value::Tuple(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Bool(_) => {
                if super::builtins::has_method(self.is_set(value), value, name) {
                    Ok(Some(Value::Method(Rc::new((value.clone(), Rc::from(name))))))
                } else if name.starts_with("__") {
                    Ok(Some(Value::Unknown))
                } else {
                    Ok(None)
                }
            }
            Value::Unknown | Value::Ellipsis | Value::Bound(_) | Value::Method(_) => Ok(Some(Value::Unknown)),
        }
    }

    fn is_set(&self, value: &Value) -> bool {
        matches!(value, Value::List(id) if self.state.list(*id).is_none_or(|list| list.is_set))
    }

    /// `value.name`.
    pub(crate) fn attribute(&mut self, value: &Value, name: &str) -> Done<Value> {
        if let Some(found) = self.attribute_of(value, name)? {
            return Ok(found);
        }
        let text = match value {
            Value::Module(id) => {
                let module =
                    self.state.module(*id).map_or_else(|| Rc::from(""), |module| module.name.clone());
                format!("module '{module}' has no attribute '{name}'")
            }
            Value::Class(id) => {
                let class = self.state.class(*id).map_or_else(|| Rc::from(""), |class| class.name.clone());
                format!("type object '{class}' has no attribute '{name}'")
            }
            Value::Instance(id) => {
                let class = self.state.instance(*id).and_then(|instance| self.state.class(instance.class));
                let class = class.map_or_else(|| Rc::from("object"), |class| class.name.clone());
                format!("'{class}' object has no attribute '{name}'")
            }
            Value::Super(_) => format!("'super' object has no attribute '{name}'"),
            other => format!("'{}' object has no attribute '{name}'", other.type_name().unwrap_or("object")),
        };
        let fault = match value {
            Value::Module(_) => Fault::NameMissing,
            Value::Instance(id) if self.is_context(*id) => Fault::KeyMissing,
            _ => self.fault_here(),
        };
        let mut raised = self.error("AttributeError", text, fault);
        if let Value::Module(id) = value {
            super::names::explain(self, &mut raised, *id, name);
        }
        if let Value::Instance(id) = value
            && self.is_context(*id)
            && name == "model_yaml_config"
        {
            raised.what = Some(Rc::from("TorchServe's context has `model_yaml_config` from 0.8.0 on"));
            raised.fix = Some(Rc::from(
                "serve it with TorchServe 0.8.0 or newer, or read it with getattr and a default",
            ));
        }
        Err(Stop::Raise(Box::new(raised)))
    }

    /// Whether it is the context that TorchServe gives to a handler.
    pub(crate) fn is_context(&self, instance: Id) -> bool {
        self.state
            .instance(instance)
            .and_then(|instance| self.state.class(instance.class))
            .is_some_and(|class| &*class.name == "Context" && &*class.module == "ts.context")
    }

    /// `value.name = new`.
    pub(crate) fn set_attribute(&mut self, value: &Value, name: &str, new: Value) -> Done<()> {
        let key: Str = Rc::from(name);
        if name == "__dict__" {
            self.open_up(value);
            return Ok(());
        }
        match value {
            Value::Instance(id) => {
                let id = *id;
                let class = self.state.instance(id).map(|instance| instance.class);
                if let Some(Value::Function(function)) =
                    class.and_then(|class| self.class_attribute(class, name))
                    && let Some(found) = self.state.function(function)
                    && found.kind == Kind::Property
                {
                    if !found.is_settable
                        && !found.is_cached
                        && self.class_attribute(class.unwrap_or_default(), "__setattr__").is_none()
                    {
                        return self.cannot_set(class, name);
                    }
                    if found.is_cached {
                        if let Some(instance) = self.state.instance_mut(id) {
                            instance.names.insert(key, new);
                        }
                        return Ok(());
                    }
                    if let Some(setter) = found.setter {
                        return self
                            .call_function(setter, vec![value.clone(), new], Vec::new(), None)
                            .map(drop);
                    }
                    // A setter may do anything with it; reading asks the getter.
                    let hidden: Str = Rc::from(format!("_{name}"));
                    if let Some(instance) = self.state.instance_mut(id) {
                        instance.names.insert(hidden, new);
                    }
                    return Ok(());
                }
                if let Some(instance) = self.state.instance_mut(id) {
                    if !instance.order.contains(&key) {
                        instance.order.push(key.clone());
                    }
                    instance.names.insert(key, new);
                }
            }
            Value::Class(id) => {
                if let Some(class) = self.state.class_mut(*id) {
                    class.names.insert(key, new);
                }
            }
            Value::Made(id) => {
                if let Some(made) = self.state.made_mut(*id) {
                    made.names.insert(key, new);
                }
            }
            Value::Module(id) => {
                let scope = self.state.module(*id).and_then(|module| module.scope);
                if let Some(scope) = scope.and_then(|scope| self.state.scope_mut(scope)) {
                    scope.names.insert(key, new);
                } else {
                    self.set_foreign(*id, name, new);
                }
            }
            Value::None => {
                return self.raise(
                    "AttributeError",
                    format!("'NoneType' object has no attribute '{name}'"),
                    self.fault_here(),
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// The error of a property that has no setter.
    fn cannot_set(&self, class: Option<Id>, name: &str) -> Done<()> {
        let class = class.and_then(|class| self.state.class(class)).map(|class| class.name.clone());
        let class = class.unwrap_or_else(|| Rc::from("object"));
        let text = match self.world.python {
            Some(python) if python < (3, 10) => "can't set attribute".to_owned(),
            Some(python) if python < (3, 11) => format!("can't set attribute '{name}'"),
            _ => format!("property '{name}' of '{class}' object has no setter"),
        };
        self.raise("AttributeError", text, self.fault_here())
    }

    /// A module of a package gets a name of the handler's.
    fn set_foreign(&mut self, module: Id, name: &str, new: Value) {
        let Some(found) = self.state.module(module).cloned() else { return };
        let mut names = Names::new();
        names.insert(Rc::from(name), new);
        let key: Str = Rc::from(format!("{}\u{0}", found.name));
        let id = match self.state.modules.get(&key) {
            Some(id) => *id,
            None => {
                let id = self.state.put(Object::Scope(Scope::default()));
                self.state.modules.insert(key, id);
                id
            }
        };
        if let Some(scope) = self.state.scope_mut(id) {
            scope.names.extend(names);
        }
    }
}

/// `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
    }
}
