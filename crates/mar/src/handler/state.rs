//! The objects that exist at one point of a run; two such points come in, and what holds after either comes out.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use envdiff_python::tree;

use super::value::{Id, Str, Value};

/// Names and what they are bound to.
pub(crate) type Names = BTreeMap<Str, Value>;

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Object {
    /// A list or a set.
    List(List),
    /// A dictionary.
    Dict(Dict),
    /// The names of a function's call, of a class body or of a module.
    Scope(Scope),
    /// A module.
    Module(Module),
    /// A function.
    Function(Function),
    /// A class.
    Class(Class),
    /// An instance of a class.
    Instance(Instance),
    /// What calling something foreign made.
    Made(Made),
}

/// A list or a set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct List {
    /// What is known to be in it, in order.
    pub(crate) items: Vec<Value>,
    /// Whether there may be more, or other, than that.
    pub(crate) is_open: bool,
    /// Whether it is a set.
    pub(crate) is_set: bool,
}

/// A dictionary with keys that are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Dict {
    /// What is known to be in it, in order.
    pub(crate) items: Vec<(Value, Value)>,
    /// Whether there may be more.
    pub(crate) is_open: bool,
    /// What a key that is not there means.
    pub(crate) origin: Origin,
}

/// Whose dictionary it is: a key that is not there is another fault for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The handler's own.
    #[default]
    Own,
    /// MANIFEST.json.
    Manifest,
    /// model-config.yaml.
    ModelConfig,
    /// The environment's variables.
    Environment,
    /// `context.system_properties`.
    Properties,
}

/// Names of one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Scope {
    /// What is bound.
    pub(crate) names: Names,
    /// The scope around it, for a function within a function.
    pub(crate) outer: Option<Id>,
    /// Whether names may be bound that are not seen here (an `import *` that cannot be read).
    pub(crate) is_open: bool,
    /// Names that belong to the module (`global`).
    pub(crate) globals: Vec<Str>,
    /// Names that belong to a scope around (`nonlocal`).
    pub(crate) outers: Vec<Str>,
    /// Whose loop it is, where it is that of a comprehension.
    pub(crate) comprehension: Option<tree::Comprehension>,
    /// Names that belong to this function, bound or not yet.
    pub(crate) locals: Option<Rc<std::collections::BTreeSet<Str>>>,
}

/// A module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Module {
    /// `__name__`.
    pub(crate) name: Str,
    /// The file, relative in the archive, absolute in the image; empty for one of the interpreter's own.
    pub(crate) file: Str,
    /// Its names, where its source was followed.
    pub(crate) scope: Option<Id>,
    /// Whether it is a package.
    pub(crate) is_package: bool,
}

/// A function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Its `def`, or what a lambda takes and returns.
    pub(crate) body: Body,
    /// The names around it.
    pub(crate) outer: Option<Id>,
    /// The module it was written in.
    pub(crate) module: Id,
    /// The class it was written in.
    pub(crate) class: Option<Id>,
    /// The defaults, by name.
    pub(crate) defaults: Names,
    /// What wraps it: `staticmethod`, `classmethod`, `property`.
    pub(crate) kind: Kind,
    /// Its abstract mark.
    pub(crate) is_abstract: bool,
    /// Whether a decorator may have made something else of it.
    pub(crate) is_wrapped: bool,
    /// For a property: whether it keeps its value on the instance (`functools.cached_property`).
    pub(crate) is_cached: bool,
    /// For a property: whether it has a setter.
    pub(crate) is_settable: bool,
    /// For a property: its setter.
    pub(crate) setter: Option<Id>,
    /// The name of the class around it, by which `__name` is mangled.
    pub(crate) mangles: Option<Str>,
    /// Below `functools.cache` and its kin: what it was called with, and what it gave.
    pub(crate) memo: Option<Vec<(Vec<Value>, Value)>>,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
            && self.outer == other.outer
            && self.module == other.module
            && self.kind == other.kind
    }
}

/// What a function does.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// A `def`.
    Def(Arc<tree::Function>),
    /// A `lambda`.
    Lambda(Arc<tree::Parameters>, Arc<tree::Expr>),
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Def(a), Self::Def(b)) => Arc::ptr_eq(a, b),
            (Self::Lambda(_, a), Self::Lambda(_, b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// How a function is found through an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With the instance before its arguments.
    Plain,
    /// Without it.
    Static,
    /// With the class.
    ForClass,
    /// Called at once.
    Property,
}

/// A class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Class {
    /// Its name.
    pub(crate) name: Str,
    /// `__module__`.
    pub(crate) module: Str,
    /// Where its name stands: the file and the place.
    pub(crate) at: Option<super::value::Place>,
    /// Its bases.
    pub(crate) bases: Vec<Value>,
    /// What its body bound.
    pub(crate) names: Names,
    /// Whether it may have more: made by a call, or decorated by what cannot be followed.
    pub(crate) is_open: bool,
    /// Whether abstract methods keep it from being constructed.
    pub(crate) checks_abstract: bool,
    /// Fields that a `@dataclass` or `namedtuple` constructor takes; the number of them without default.
    pub(crate) fields: Option<(Vec<Str>, usize)>,
    /// A metaclass that is written in Python.
    pub(crate) meta: Option<Id>,
}

/// An instance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Instance {
    /// Its class.
    pub(crate) class: Id,
    /// Its attributes.
    pub(crate) names: Names,
    /// The order in which they were first bound.
    pub(crate) order: Vec<Str>,
    /// Whether it may have more.
    pub(crate) is_open: bool,
}

/// What calling something foreign made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    /// What was called: `torch.nn.Linear`.
    pub(crate) of: Str,
    /// With what.
    pub(crate) args: Vec<Value>,
    /// And with what by name.
    pub(crate) keywords: Vec<(Str, Value)>,
    /// Attributes that were set on it.
    pub(crate) names: Names,
}

/// All objects at one point.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    objects: Vec<Rc<Object>>,
    /// `sys.modules`: what has been imported, by its full name.
    pub(crate) modules: BTreeMap<Str, Id>,
    /// Files and folders that the handler itself wrote, by absolute path; a folder's ends in `/`.
    pub(crate) written: std::collections::BTreeSet<String>,
    /// Folders that the handler filled from something that cannot be read: what is below them is not known.
    pub(crate) filled: std::collections::BTreeSet<String>,
    /// What `torch.serialization.add_safe_globals` was given.
    pub(crate) safe_globals: Vec<String>,
    /// Whether it was given something that cannot be named.
    pub(crate) safe_globals_open: bool,
    /// Whether `sys.modules` was touched: any module may be there, with any name.
    pub(crate) modules_open: bool,
    /// Seconds that were slept.
    pub(crate) slept: f64,
}

macro_rules! access {
    ($get:ident, $get_mut:ident, $variant:ident, $type:ty) => {
        /// The object there, where it is one of this kind.
        pub(crate) fn $get(&self, id: Id) -> Option<&$type> {
            match self.objects.get(id).map(Rc::as_ref) {
                Some(Object::$variant(found)) => Some(found),
                _ => None,
            }
        }
        /// The same, to be changed.
        pub(crate) fn $get_mut(&mut self, id: Id) -> Option<&mut $type> {
            match self.objects.get_mut(id).map(Rc::make_mut) {
                Some(Object::$variant(found)) => Some(found),
                _ => None,
            }
        }
    };
}

impl State {
    /// A new object's place.
    pub(crate) fn put(&mut self, object: Object) -> Id {
        self.objects.push(Rc::new(object));
        self.objects.len() - 1
    }

    /// How many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    access!(list, list_mut, List, List);
    access!(dict, dict_mut, Dict, Dict);
    access!(scope, scope_mut, Scope, Scope);
    access!(module, module_mut, Module, Module);
    access!(function, function_mut, Function, Function);
    access!(class, class_mut, Class, Class);
    access!(instance, instance_mut, Instance, Instance);
    access!(made, made_mut, Made, Made);

    /// A list of these.
    pub(crate) fn new_list(&mut self, items: Vec<Value>) -> Value {
        Value::List(self.put(Object::List(List { items, ..List::default() })))
    }

    /// A list of which nothing is known.
    pub(crate) fn open_list(&mut self) -> Value {
        Value::List(self.put(Object::List(List { is_open: true, ..List::default() })))
    }

    /// A dictionary of these.
    pub(crate) fn new_dict(&mut self, items: Vec<(Value, Value)>, origin: Origin) -> Value {
        Value::Dict(self.put(Object::Dict(Dict { items, is_open: false, origin })))
    }

    /// What is known whichever of the two came to be. Both began as the same.
    pub(crate) fn join(self, other: Self) -> Self {
        let mut objects = Vec::with_capacity(self.objects.len().max(other.objects.len()));
        let mut a = self.objects.into_iter();
        let mut b = other.objects.into_iter();
        loop {
            match (a.next(), b.next()) {
                (Some(a), Some(b)) if Rc::ptr_eq(&a, &b) => objects.push(a),
                (Some(a), Some(b)) => objects.push(join_objects(a, &b)),
                (Some(one), None) | (None, Some(one)) => objects.push(one),
                (None, None) => break,
            }
        }
        let mut modules = self.modules;
        for (name, id) in other.modules {
            modules.entry(name).or_insert(id);
        }
        let mut written = self.written;
        written.extend(other.written);
        let mut filled = self.filled;
        filled.extend(other.filled);
        let mut safe_globals = self.safe_globals;
        for name in other.safe_globals {
            if !safe_globals.contains(&name) {
                safe_globals.push(name);
            }
        }
        Self {
            objects,
            modules,
            written,
            filled,
            safe_globals,
            safe_globals_open: self.safe_globals_open || other.safe_globals_open,
            modules_open: self.modules_open || other.modules_open,
            slept: self.slept.min(other.slept),
        }
    }
}

/// What is known of a value that is one of the two.
pub(crate) fn join_values(a: &Value, b: &Value) -> Value {
    if a == b { a.clone() } else { Value::Unknown }
}

fn join_names(a: &mut Names, b: &Names) {
    for (name, value) in a.iter_mut() {
        match b.get(name) {
            Some(other) if other == value => {}
            _ => *value = Value::Unknown,
        }
    }
    for name in b.keys() {
        if !a.contains_key(name) {
            a.insert(name.clone(), Value::Unknown);
        }
    }
}

fn join_objects(mut a: Rc<Object>, b: &Rc<Object>) -> Rc<Object> {
    if *a == **b {
        return a;
    }
    match (Rc::make_mut(&mut a), b.as_ref()) {
        (Object::List(a), Object::List(b)) => {
            a.is_open = true;
            let common = a.items.iter().zip(&b.items).take_while(|(a, b)| a == b).count();
            a.items.truncate(common);
        }
        (Object::Dict(a), Object::Dict(b)) => {
            a.is_open = true;
            for (key, value) in &mut a.items {
                match b.items.iter().find(|(other, _)| other == key) {
                    Some((_, other)) if other == value => {}
                    _ => *value = Value::Unknown,
                }
            }
        }
        (Object::Scope(a), Object::Scope(b)) => {
            a.is_open |= b.is_open;
            join_names(&mut a.names, &b.names);
        }
        (Object::Module(_), Object::Module(_)) => {}
        (Object::Function(a), Object::Function(_)) => a.is_wrapped = true,
        (Object::Class(a), Object::Class(b)) => {
            a.is_open |= b.is_open;
            join_names(&mut a.names, &b.names);
        }
        (Object::Instance(a), Object::Instance(b)) => {
            a.is_open |= b.is_open;
            join_names(&mut a.names, &b.names);
        }
        (Object::Made(a), Object::Made(b)) => join_names(&mut a.names, &b.names),
        // Two runs that made different things in the same place: nothing holds of it.
        (slot, _) => *slot = Object::List(List { is_open: true, ..List::default() }),
    }
    a
}
