//! A module's tree comes in; which names it holds once it is imported comes out, as far as the source alone tells.

use std::collections::BTreeMap;

use crate::tree::{At, Constant, Expr, ExprKind, Module, Stmt, StmtKind};

/// Whether a module has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Has {
    /// It is bound on some way through the module, and on no way deleted.
    Yes,
    /// Nothing binds it.
    No,
    /// It cannot be told from this source.
    Unknown(Why),
    /// Nothing here binds it, but one of [`Names::stars`] may.
    PerhapsByStar,
}

/// Why it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The module has a `__getattr__` (PEP 562).
    GetAttr,
    /// The module writes into its own namespace: `globals()`, `sys.modules`, `exec`, `setattr`.
    WritesItself,
    /// It is bound and deleted.
    Deleted,
}

/// `from … import *` in a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Star {
    /// Where.
    pub at: At,
    /// How many dots.
    pub level: u32,
    /// What stands behind them.
    pub module: String,
}

/// What is bound at a module's level.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names {
    /// Each name that some branch binds, with the first place that does; also what a function declares `global`.
    pub bound: BTreeMap<String, At>,
    /// The names that are deleted somewhere.
    pub deleted: BTreeMap<String, At>,
    /// The star imports, from the top.
    pub stars: Vec<Star>,
    /// Whether a module's `__getattr__` stands there.
    pub has_getattr: bool,
    /// Where the module reaches for its own namespace, if it does.
    pub writes_itself: Option<At>,
    /// `__all__`, where nothing but literals makes it; `None` where it is absent or made otherwise.
    pub all: Option<Vec<String>>,
    /// Whether `__all__` stands there, however it is made.
    pub has_all: bool,
}

impl Names {
    /// Whether the module has a name. What every module has (`__name__`, `__doc__`) is there.
    #[must_use]
    pub fn has(&self, name: &str) -> Has {
        const ALWAYS: [&str; 9] = [
            "__name__",
            "__doc__",
            "__package__",
            "__loader__",
            "__spec__",
            "__file__",
            "__cached__",
            "__builtins__",
            "__dict__",
        ];
        match (self.bound.contains_key(name), self.deleted.contains_key(name)) {
            (true, true) => Has::Unknown(Why::Deleted),
            (true, false) => Has::Yes,
            (false, _) if ALWAYS.contains(&name) => Has::Yes,
            (false, _) if self.has_getattr => Has::Unknown(Why::GetAttr),
            (false, _) if self.writes_itself.is_some() => Has::Unknown(Why::WritesItself),
            (false, _) if !self.stars.is_empty() => Has::PerhapsByStar,
            (false, _) => Has::No,
        }
    }
}

/// The names that a module binds at its level, in whatever branch. Submodules are not among them: importing one binds it in its
/// package, wherever that is done.
#[must_use]
pub fn names_bound(module: &Module) -> Names {
    let mut names = Names::default();
    let mut all = All::Absent;
    for stmt in &module.body {
        names.stmt(stmt, &mut all, Level::Module);
    }
    names.has_getattr = names.bound.contains_key("__getattr__");
    names.has_all = names.bound.contains_key("__all__");
    names.all = match all {
        All::Literal(names) => Some(names),
        All::Absent | All::Made => None,
    };
    names
}

/// What is known of `__all__`.
enum All {
    Absent,
    Literal(Vec<String>),
    Made,
}

/// Where a statement stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// It binds names of the module.
    Module,
    /// In a branch: the same, but `__all__` is not certain there.
    Branch,
    /// In a function or class: only what is declared `global` is the module's.
    Inner,
}

impl Names {
    fn bind(&mut self, name: &str, at: At) {
        self.bound.entry(name.to_owned()).or_insert(at);
    }

    fn block(&mut self, body: &[Stmt], all: &mut All, level: Level) {
        let level = if level == Level::Module { Level::Branch } else { level };
        if level == Level::Inner {
            self.globals(body);
        }
        for stmt in body {
            self.stmt(stmt, all, level);
        }
    }

    fn stmt(&mut self, stmt: &Stmt, all: &mut All, level: Level) {
        let is_own = level != Level::Inner;
        let at = stmt.at;
        match &stmt.kind {
            StmtKind::Import(aliases) if is_own => {
                for alias in aliases {
                    let first = alias.name.split('.').next().unwrap_or_default();
                    self.bind(alias.asname.as_deref().unwrap_or(first), alias.at);
                }
            }
            StmtKind::ImportFrom { level: dots, module, names } if is_own => {
                for alias in names {
                    if alias.name == "*" {
                        self.stars.push(Star { at, level: *dots, module: module.clone() });
                    } else {
                        let name = alias.asname.as_ref().unwrap_or(&alias.name);
                        if name == "__all__" {
                            *all = All::Made;
                        }
                        self.bind(name, alias.at);
                    }
                }
            }
            StmtKind::Function(function) => {
                for decorator in &function.decorators {
                    self.expr(decorator, is_own);
                }
                if is_own {
                    self.bind(&function.name, function.name_at);
                }
                self.block(&function.body, all, Level::Inner);
            }
            StmtKind::Class(class) => {
                for expr in class.decorators.iter().chain(&class.bases) {
                    self.expr(expr, is_own);
                }
                if is_own {
                    self.bind(&class.name, class.name_at);
                }
                self.block(&class.body, all, Level::Inner);
            }
            StmtKind::Assign { targets, value } => {
                self.expr(value, is_own);
                for target in targets {
                    if is_own {
                        self.all_is(target, Some(value), all, level);
                    }
                    self.target(target, is_own);
                }
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(value, is_own);
                if is_own && is_name(target, "__all__") {
                    add(all, literal(value), level);
                }
                self.target(target, is_own);
            }
            StmtKind::AnnAssign { target, value: Some(value), .. } => {
                self.expr(value, is_own);
                if is_own {
                    self.all_is(target, Some(value), all, level);
                }
                self.target(target, is_own);
            }
            StmtKind::Delete(targets) if is_own => {
                for target in targets {
                    if let ExprKind::Name(name) = &target.kind {
                        self.deleted.entry(name.clone()).or_insert(target.at);
                    }
                }
            }
            StmtKind::If { test, body, orelse } | StmtKind::While { test, body, orelse } => {
                self.expr(test, is_own);
                self.block(body, all, level);
                self.block(orelse, all, level);
            }
            StmtKind::For { target, iter, body, orelse, .. } => {
                self.expr(iter, is_own);
                self.target(target, is_own);
                self.block(body, all, level);
                self.block(orelse, all, level);
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                self.block(body, all, level);
                for handler in handlers {
                    // The name of an exception is deleted where its clause ends.
                    self.block(&handler.body, all, level);
                }
                self.block(orelse, all, level);
                self.block(finalbody, all, level);
            }
            StmtKind::With { items, body, .. } => {
                for (manager, target) in items {
                    self.expr(manager, is_own);
                    if let Some(target) = target {
                        self.target(target, is_own);
                    }
                }
                self.block(body, all, level);
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject, is_own);
                for case in cases {
                    if is_own {
                        for name in &case.binds {
                            self.bind(name, at);
                        }
                    }
                    self.block(&case.body, all, level);
                }
            }
            StmtKind::TypeAlias(name) if is_own => self.bind(name, at),
            StmtKind::Expr(expr) => {
                if is_own {
                    extended(expr, all, level);
                }
                self.expr(expr, is_own);
            }
            StmtKind::Return(Some(expr)) => self.expr(expr, is_own),
            StmtKind::Assert { test, .. } => self.expr(test, is_own),
            _ => {}
        }
    }

    /// Names that a function or class declares the module's are bound there, when it runs.
    fn globals(&mut self, body: &[Stmt]) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Global(names) => {
                    for name in names {
                        self.bind(name, stmt.at);
                    }
                }
                StmtKind::If { body, orelse, .. }
                | StmtKind::While { body, orelse, .. }
                | StmtKind::For { body, orelse, .. } => {
                    self.globals(body);
                    self.globals(orelse);
                }
                StmtKind::With { body, .. } => self.globals(body),
                StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                    self.globals(body);
                    for handler in handlers {
                        self.globals(&handler.body);
                    }
                    self.globals(orelse);
                    self.globals(finalbody);
                }
                _ => {}
            }
        }
    }

    fn target(&mut self, target: &Expr, is_own: bool) {
        match &target.kind {
            ExprKind::Name(name) if is_own => self.bind(name, target.at),
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                for part in parts {
                    self.target(part, is_own);
                }
            }
            ExprKind::Starred(part) => self.target(part, is_own),
            ExprKind::Subscript { .. } => self.expr(target, is_own),
            ExprKind::Attribute { value, .. } => self.expr(value, is_own),
            _ => {}
        }
    }

    fn all_is(&mut self, target: &Expr, value: Option<&Expr>, all: &mut All, level: Level) {
        if is_name(target, "__all__") {
            *all = match (value.and_then(literal), level) {
                (Some(names), Level::Module) => All::Literal(names),
                _ => All::Made,
            };
        } else if let ExprKind::Tuple(parts) | ExprKind::List(parts) = &target.kind {
            for part in parts {
                self.all_is(part, None, all, level);
            }
        }
    }

    /// `:=` binds, and some calls write into the module. Names that stand for themselves alone are not looked through.
    fn expr(&mut self, expr: &Expr, is_own: bool) {
        match &expr.kind {
            ExprKind::Named { target, value } => {
                self.target(target, is_own);
                self.expr(value, is_own);
            }
            ExprKind::Call { function, args, keywords } => {
                let writes = match &function.kind {
                    ExprKind::Name(name) => matches!(name.as_str(), "globals" | "exec" | "vars"),
                    _ => false,
                } || (matches!(&function.kind, ExprKind::Name(name) if name == "setattr")
                    && args.first().is_some_and(is_own_module));
                if writes {
                    self.writes_itself.get_or_insert(expr.at);
                }
                self.expr(function, is_own);
                for arg in args {
                    self.expr(arg, is_own);
                }
                for keyword in keywords {
                    self.expr(&keyword.value, is_own);
                }
            }
            ExprKind::Subscript { value, index } => {
                if is_own_module(expr) {
                    self.writes_itself.get_or_insert(expr.at);
                }
                self.expr(value, is_own);
                self.expr(index, is_own);
            }
            ExprKind::Attribute { value, .. }
            | ExprKind::Starred(value)
            | ExprKind::Await(value)
            | ExprKind::Unary { operand: value, .. } => self.expr(value, is_own),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left, is_own);
                self.expr(right, is_own);
            }
            ExprKind::Bool { values, .. }
            | ExprKind::List(values)
            | ExprKind::Tuple(values)
            | ExprKind::Set(values) => {
                for value in values {
                    self.expr(value, is_own);
                }
            }
            ExprKind::Compare { left, rest } => {
                self.expr(left, is_own);
                for (_, right) in rest {
                    self.expr(right, is_own);
                }
            }
            ExprKind::IfElse { test, body, orelse } => {
                for part in [test, body, orelse] {
                    self.expr(part, is_own);
                }
            }
            ExprKind::Dict(items) => {
                for (key, value) in items {
                    if let Some(key) = key {
                        self.expr(key, is_own);
                    }
                    self.expr(value, is_own);
                }
            }
            ExprKind::Comprehension { element, value, generators, .. } => {
                self.expr(element, is_own);
                if let Some(value) = value {
                    self.expr(value, is_own);
                }
                for part in generators {
                    self.expr(&part.iter, is_own);
                    for test in &part.ifs {
                        self.expr(test, is_own);
                    }
                }
            }
            _ => {}
        }
    }
}

/// `sys.modules[__name__]`.
fn is_own_module(expr: &Expr) -> bool {
    let ExprKind::Subscript { value, index } = &expr.kind else { return false };
    matches!(&value.kind, ExprKind::Attribute { name, .. } if name == "modules") && is_name(index, "__name__")
}

fn is_name(expr: &Expr, wanted: &str) -> bool {
    matches!(&expr.kind, ExprKind::Name(name) if name == wanted)
}

/// A list, tuple or sum of texts.
fn literal(expr: &Expr) -> Option<Vec<String>> {
    match &expr.kind {
        ExprKind::List(parts) | ExprKind::Tuple(parts) => parts
            .iter()
            .map(|part| match &part.kind {
                ExprKind::Constant(Constant::Str(name)) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        ExprKind::Binary { left, op: crate::tree::Binary::Add, right } => {
            let mut names = literal(left)?;
            names.extend(literal(right)?);
            Some(names)
        }
        _ => None,
    }
}

/// `__all__.extend([…])`, `.append("…")`; any other method makes it unknown.
fn extended(expr: &Expr, all: &mut All, level: Level) {
    let ExprKind::Call { function, args, .. } = &expr.kind else { return };
    let ExprKind::Attribute { value, name } = &function.kind else { return };
    if !is_name(value, "__all__") {
        return;
    }
    let more = match (name.as_str(), args.as_slice()) {
        ("extend", [list]) => literal(list),
        ("append", [Expr { kind: ExprKind::Constant(Constant::Str(name)), .. }]) => Some(vec![name.clone()]),
        _ => None,
    };
    add(all, more, level);
}

fn add(all: &mut All, more: Option<Vec<String>>, level: Level) {
    match (&mut *all, more, level) {
        (All::Literal(names), Some(more), Level::Module) => names.extend(more),
        _ => *all = All::Made,
    }
}
