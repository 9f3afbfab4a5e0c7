//! A call that the load makes comes in, or the functions that requests will come to; what such a call asks of the machine only when
//! requests come, comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use envdiff_python::tree::{Constant, Expr, ExprKind, Function, Stmt, StmtKind, Unary};

use super::library::{Args, canonical};
use super::run::Run;
use super::run::source::bound_in;
use super::state::Body;
use super::value::{Id, Place, Str, Value};

/// What is asked of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A compiler, for what `torch.compile` generates.
    Compiler,
    /// Room in `/dev/shm`, for tensors that go from one process to another.
    SharedMemory,
}

/// A call that will need it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Later {
    pub(crate) need: Need,
    /// The call as it is told: `DataLoader(num_workers=4)`.
    pub(crate) call: Str,
    /// Where.
    pub(crate) at: Option<Place>,
    /// Whether TorchServe's own code makes the call.
    pub(crate) is_of_server: bool,
}

/// The most calls that are told, and the most functions that are looked through.
const MOST: usize = 100;
/// The most dots of a name that is looked up.
const DOTS: usize = 30;

/// The classes and functions of `torch.multiprocessing` that start processes or hand tensors to them.
const OF_MULTIPROCESSING: &[&str] =
    &["JoinableQueue", "Pool", "Process", "Queue", "SimpleQueue", "spawn", "start_processes"];

/// What a call of this name needs later. The arguments of an open call are not all known.
fn need(name: &str, given: &Args<'_>, is_open: bool) -> Option<(Need, String)> {
    match name {
        "torch.compile" => {
            let named =
                |wanted: &str| given.named.iter().find(|(key, _)| &**key == wanted).map(|(_, value)| value);
            // PyTorch, "torch.compile": the backend is inductor where none is named; `disable` makes it do nothing.
            let by_inductor = match named("backend") {
                None => !is_open,
                Some(backend) => backend.text() == Some("inductor"),
            };
            let is_on = matches!(named("disable"), None | Some(Value::Bool(false)));
            (by_inductor && is_on).then(|| (Need::Compiler, "torch.compile".to_owned()))
        }
        "torch.utils.data.DataLoader" | "torch.utils.data.dataloader.DataLoader" => {
            match given.get(5, "num_workers") {
                Some(Value::Int(workers)) if *workers > 0 => {
                    Some((Need::SharedMemory, format!("DataLoader(num_workers={workers})")))
                }
                _ => None,
            }
        }
        "multiprocessing.shared_memory.SharedMemory" | "multiprocessing.shared_memory.ShareableList" => {
            Some((Need::SharedMemory, name.to_owned()))
        }
        _ => {
            let of = name.strip_prefix("torch.multiprocessing.")?;
            let of = of.strip_prefix("spawn.").unwrap_or(of);
            OF_MULTIPROCESSING
                .contains(&of)
                .then(|| (Need::SharedMemory, format!("torch.multiprocessing.{of}")))
        }
    }
}

/// Notes what a call needs later that the load itself makes.
pub(crate) fn note(run: &mut Run<'_>, name: &str, given: &Args<'_>) {
    let Some((need, call)) = need(name, given, run.is_open_call) else { return };
    let is_of_server = run.frames.last().is_some_and(|frame| frame.file.starts_with('/'));
    let at = run.place_of_users();
    keep(run, Later { need, call: Rc::from(call), at, is_of_server });
}

fn keep(run: &mut Run<'_>, later: Later) {
    if run.later.len() < MOST && !run.later.contains(&later) {
        run.later.push(later);
    }
}

/// Notes what the functions need that requests come to: the entry point's, and what they call by a name that stands in their
/// module or on the handler itself.
pub(crate) fn requests(run: &mut Run<'_>, entry: &Value) {
    let mut open: Vec<Id> = Vec::new();
    let object = match entry {
        Value::Function(id) => {
            open.push(*id);
            None
        }
        Value::Instance(id) => {
            let class = run.state.instance(*id).map(|instance| instance.class);
            if let Some(Value::Function(handle)) =
                class.and_then(|class| run.class_attribute(class, "handle"))
            {
                open.push(handle);
            }
            Some(*id)
        }
        _ => None,
    };
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        if seen.len() >= MOST || !seen.insert(id) {
            continue;
        }
        let Some(function) = run.state.function(id) else { continue };
        let Body::Def(def) = &function.body else { continue };
        let def = Arc::clone(def);
        let Some(module) = run.state.module(function.module) else { continue };
        let mut reader = Reader {
            run,
            object: object.filter(|_| function.class.is_some()),
            module: module.scope,
            file: module.file.clone(),
            this: this(&def),
            own: BTreeSet::new(),
            imports: BTreeMap::new(),
            reached: &mut open,
            found: &mut found,
        };
        reader.function(&def);
    }
    for later in found {
        keep(run, later);
    }
}

/// The name of a method's first parameter.
fn this(def: &Function) -> String {
    let first = def.parameters.positional_only.first().or_else(|| def.parameters.positional.first());
    first.map_or_else(String::new, |parameter| parameter.name.clone())
}

/// Reads one function's body.
struct Reader<'r, 'a> {
    run: &'r Run<'a>,
    object: Option<Id>,
    module: Option<Id>,
    file: Str,
    /// What the function calls the handler: `self`.
    this: String,
    /// The names that the function binds itself, other than by `import`.
    own: BTreeSet<String>,
    /// What it imports itself, by the name it has there.
    imports: BTreeMap<String, String>,
    reached: &'r mut Vec<Id>,
    found: &'r mut Vec<Later>,
}

impl Reader<'_, '_> {
    fn function(&mut self, def: &Function) {
        let parameters = &def.parameters;
        for parameter in parameters
            .positional_only
            .iter()
            .chain(&parameters.positional)
            .chain(&parameters.keyword_only)
            .chain(&parameters.rest)
            .chain(&parameters.keyword_rest)
        {
            self.own.insert(parameter.name.clone());
        }
        let mut bound = Vec::new();
        bound_in(&def.body, &mut bound);
        self.own.extend(bound);
        self.block(&def.body);
    }

    fn block(&mut self, body: &[Stmt]) {
        stacker::maybe_grow(256 << 10, 4 << 20, || body.iter().for_each(|stmt| self.stmt(stmt)));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Import(names) => {
                for alias in names {
                    let top = alias.name.split('.').next().unwrap_or(&alias.name);
                    let (name, full) = match &alias.asname {
                        Some(asname) => (asname.as_str(), alias.name.as_str()),
                        None => (top, top),
                    };
                    self.imports.insert(name.to_owned(), full.to_owned());
                }
            }
            StmtKind::ImportFrom { level: 0, module, names } => {
                for alias in names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.imports.insert(name.clone(), format!("{}.{}", canonical(module), alias.name));
                }
            }
            StmtKind::Function(def) => {
                let parameters = &def.parameters;
                let names = parameters.positional.iter().chain(&parameters.keyword_only);
                self.own.extend(names.map(|parameter| parameter.name.clone()));
                bind(&def.body, &mut self.own);
                self.block(&def.body);
            }
            StmtKind::Assign { value, .. } | StmtKind::AugAssign { value, .. } => self.expr(value),
            StmtKind::AnnAssign { value: Some(value), .. }
            | StmtKind::Return(Some(value))
            | StmtKind::Expr(value) => {
                self.expr(value);
            }
            StmtKind::If { test, body, orelse } => {
                self.expr(test);
                match self.truth(test) {
                    Some(true) => self.block(body),
                    Some(false) => self.block(orelse),
                    None => {
                        self.block(body);
                        self.block(orelse);
                    }
                }
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test);
                self.block(body);
                self.block(orelse);
            }
            StmtKind::For { iter, body, orelse, .. } => {
                self.expr(iter);
                self.block(body);
                self.block(orelse);
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                self.block(body);
                for handler in handlers {
                    self.block(&handler.body);
                }
                self.block(orelse);
                self.block(finalbody);
            }
            StmtKind::With { items, body, .. } => {
                for (manager, _) in items {
                    self.expr(manager);
                }
                self.block(body);
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject);
                for case in cases {
                    self.block(&case.body);
                }
            }
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr) {
        stacker::maybe_grow(256 << 10, 4 << 20, || self.within(expr));
    }

    fn within(&mut self, expr: &Expr) {
        if let ExprKind::Name(_) | ExprKind::Attribute { .. } = &expr.kind
            && let Some(Value::Function(id)) = self.resolve(expr)
        {
            self.reached.push(id);
        }
        match &expr.kind {
            ExprKind::Call { function, args, keywords } => {
                self.call(expr, function, args, keywords);
                self.expr(function);
                args.iter().for_each(|arg| self.expr(arg));
                keywords.iter().for_each(|keyword| self.expr(&keyword.value));
            }
            ExprKind::Attribute { value, .. }
            | ExprKind::Starred(value)
            | ExprKind::Await(value)
            | ExprKind::Yield(Some(value))
            | ExprKind::Named { value, .. }
            | ExprKind::Unary { operand: value, .. } => self.expr(value),
            ExprKind::Subscript { value, index } => {
                self.expr(value);
                self.expr(index);
            }
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Bool { values, .. }
            | ExprKind::List(values)
            | ExprKind::Tuple(values)
            | ExprKind::Set(values) => {
                values.iter().for_each(|value| self.expr(value));
            }
            ExprKind::Compare { left, rest } => {
                self.expr(left);
                rest.iter().for_each(|(_, value)| self.expr(value));
            }
            ExprKind::IfElse { test, body, orelse } => {
                self.expr(test);
                self.expr(body);
                self.expr(orelse);
            }
            ExprKind::Dict(pairs) => {
                for (key, value) in pairs {
                    key.iter().for_each(|key| self.expr(key));
                    self.expr(value);
                }
            }
            ExprKind::Comprehension { element, value, generators, .. } => {
                self.expr(element);
                value.iter().for_each(|value| self.expr(value));
                generators.iter().for_each(|generator| self.expr(&generator.iter));
            }
            ExprKind::Lambda { body, .. } => self.expr(body),
            _ => {}
        }
    }

    fn call(
        &mut self,
        expr: &Expr,
        function: &Expr,
        args: &[Expr],
        keywords: &[envdiff_python::tree::Keyword],
    ) {
        // What TorchServe's own functions call is not the archive's.
        if self.file.is_empty() || self.file.starts_with('/') {
            return;
        }
        let Some(Value::Foreign(name)) = self.resolve(function) else { return };
        let is_open = args.iter().any(|arg| matches!(arg.kind, ExprKind::Starred(_)))
            || keywords.iter().any(|keyword| keyword.name.is_none());
        let args: Vec<Value> = args.iter().map(|arg| self.value(arg)).collect();
        let named: Vec<(Str, Value)> = keywords
            .iter()
            .filter_map(|keyword| Some((Rc::from(keyword.name.as_deref()?), self.value(&keyword.value))))
            .collect();
        if let Some((need, call)) = need(&name, &Args { args: &args, named: &named }, is_open) {
            let at = Some(Place { file: self.file.clone(), at: expr.at });
            self.found.push(Later { need, call: Rc::from(call), at, is_of_server: false });
        }
    }

    /// What a name or a dotted name means there.
    fn resolve(&self, expr: &Expr) -> Option<Value> {
        self.dotted(expr, 0)
    }

    fn dotted(&self, expr: &Expr, dots: usize) -> Option<Value> {
        if dots > DOTS {
            return None;
        }
        match &expr.kind {
            ExprKind::Name(name) => {
                if let Some(full) = self.imports.get(name) {
                    return Some(Value::foreign(full));
                }
                if self.own.contains(name) {
                    return None;
                }
                match self.global(name)? {
                    Value::Module(id) => self.module(*id),
                    other => Some(other.clone()),
                }
            }
            ExprKind::Attribute { value, name } => {
                if let Some(class) = self.this_class(value) {
                    return self.run.class_attribute(class, name);
                }
                match self.dotted(value, dots + 1)? {
                    Value::Foreign(of) => Some(Value::foreign(format!("{}.{name}", canonical(&of)))),
                    Value::Module(id) => {
                        let scope = self.run.state.module(id).and_then(|module| module.scope)?;
                        match self.run.state.scope(scope)?.names.get(name.as_str())? {
                            Value::Module(id) => self.module(*id),
                            other => Some(other.clone()),
                        }
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn global(&self, name: &str) -> Option<&Value> {
        self.run.state.scope(self.module?)?.names.get(name)
    }

    /// A module that was followed, or the name of one that was not.
    fn module(&self, id: Id) -> Option<Value> {
        let module = self.run.state.module(id)?;
        Some(match module.scope {
            Some(_) => Value::Module(id),
            None => Value::foreign(canonical(&module.name)),
        })
    }

    /// The handler's class, where the expression is the handler itself.
    fn this_class(&self, expr: &Expr) -> Option<Id> {
        let ExprKind::Name(name) = &expr.kind else { return None };
        let object = self.object.filter(|_| *name == self.this && !name.is_empty())?;
        self.run.state.instance(object).map(|instance| instance.class)
    }

    /// A plain value, where it can be told.
    fn value(&self, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::Constant(Constant::None) => Value::None,
            ExprKind::Constant(Constant::Bool(value)) => Value::Bool(*value),
            ExprKind::Constant(Constant::Int(Some(value))) => Value::Int(*value),
            ExprKind::Constant(Constant::Str(text)) => Value::str(text),
            ExprKind::Name(name) if !self.own.contains(name) && !self.imports.contains_key(name) => {
                self.global(name).cloned().unwrap_or(Value::Unknown)
            }
            ExprKind::Attribute { value, name } => match (self.this_class(value), self.object) {
                (Some(class), Some(object)) => {
                    let own = self
                        .run
                        .state
                        .instance(object)
                        .and_then(|instance| instance.names.get(name.as_str()).cloned());
                    own.or_else(|| self.run.class_attribute(class, name)).unwrap_or(Value::Unknown)
                }
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }

    fn truth(&self, test: &Expr) -> Option<bool> {
        if let ExprKind::Unary { op: Unary::Not, operand } = &test.kind {
            return self.truth(operand).map(|truth| !truth);
        }
        self.run.truth(&self.value(test))
    }
}

fn bind(body: &[Stmt], own: &mut BTreeSet<String>) {
    let mut bound = Vec::new();
    bound_in(body, &mut bound);
    own.extend(bound);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::rc::Rc;

    use super::{Args, Need, Value, need};
    use crate::container::Archive;
    use crate::handler::load;
    use crate::handler::world::World;
    use crate::version::Version;

    /// What torch answered without any compiler (`fixtures/archives/requests.py`).
    #[test]
    fn a_backend_needs_a_compiler_where_torch_fails_without_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/archives/requests.json");
        let told: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = told["compile"].as_array().unwrap().iter().filter(|case| case["has"] == "nothing");
        let mut asked = 0;
        for case in cases {
            let backend = case["backend"].as_str().unwrap();
            let named = match backend {
                "default" => vec![],
                backend => vec![(Rc::from("backend"), Value::str(backend))],
            };
            let ours = need("torch.compile", &Args { args: &[], named: &named }, false);
            assert_eq!(ours.is_some(), case["answer"] != "works", "{backend}");
            asked += 1;
        }
        assert_eq!(asked, 5);
    }

    /// The calls of a handler's code that need something later, each with its line.
    fn later(code: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("entry.py"), code).unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        let contents = archive.unpack(Version::NEWEST, false).facts;
        let mut world = World::new(&contents, None);
        world.python = Some((3, 11));
        let course = load(&mut world, "entry.py", None).unwrap();
        assert!(course.end.is_none(), "{code}: {:?}", course.end);
        let line = |at: &Option<crate::handler::value::Place>| at.as_ref().map_or(0, |place| place.at.line);
        course.later.iter().map(|later| format!("{}: {}", line(&later.at), later.call)).collect()
    }

    #[test]
    fn what_load_and_requests_come_to() {
        let class =
            "class H:\n    def initialize(self, context):\n        self.n = 2\n        self.off = False\n";
        for (code, wanted) in [
            (
                "import torch\nF = torch.compile(len)\ndef handle(data, context):\n    return data\n",
                vec!["2: torch.compile"],
            ),
            (
                "import torch\n@torch.compile\ndef f(x):\n    return x\ndef handle(data, context):\n    return data\n",
                vec!["2: torch.compile"],
            ),
            (
                "import torch\nF = torch.compile(len, disable=True)\ndef handle(data, context):\n    return data\n",
                vec![],
            ),
            (
                "import torch\nF = torch.compile(len, **{'backend': 'eager'})\ndef handle(data, context):\n    return data\n",
                vec![],
            ),
            (
                "import torch\ndef options():\n    return input()\nF = torch.compile(len, **options())\ndef handle(data, context):\n    return data\n",
                vec![],
            ),
            ("import re\nF = re.compile('x')\ndef handle(data, context):\n    return data\n", vec![]),
            (
                &format!(
                    "from torch.utils.data import DataLoader as L\n{class}    def handle(self, data, context):\n        return L(data, num_workers=self.n)\n"
                ),
                vec!["7: DataLoader(num_workers=2)"],
            ),
            (
                &format!(
                    "import torch.utils.data as d\n{class}    def handle(self, data, context):\n        return self.all(data)\n    def all(self, data):\n        if self.off:\n            return d.DataLoader(data, num_workers=3)\n        return d.DataLoader(data)\n"
                ),
                vec![],
            ),
            (
                &format!(
                    "{class}    def handle(self, data, context):\n        DataLoader = dict\n        return DataLoader(num_workers=3)\n"
                ),
                vec![],
            ),
            (
                &format!(
                    "def far(rows):\n    import torch.multiprocessing as mp\n    mp.spawn(len, nprocs=2)\n{class}    def handle(self, data, context):\n        return far(data)\n"
                ),
                vec!["3: torch.multiprocessing.spawn"],
            ),
            (
                &format!(
                    "import multiprocessing as mp\n{class}    def handle(self, data, context):\n        return mp.Process(target=len)\n"
                ),
                vec![],
            ),
        ] {
            assert_eq!(later(code), wanted, "{code}");
        }
    }

    #[test]
    fn shared_memory_is_no_compiler() {
        let given = Args { args: &[], named: &[] };
        let found = need("torch.multiprocessing.Queue", &given, false);
        assert_eq!(found, Some((Need::SharedMemory, "torch.multiprocessing.Queue".to_owned())));
        assert_eq!(need("torch.multiprocessing.set_start_method", &given, false), None);
    }
}
