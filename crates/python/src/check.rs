//! A tree comes in; what CPython's compiler refuses although its parser takes it comes out.
//!
//! CPython looks for it in three passes, and the first one that finds something speaks: `from __future__` (`future.c`), scopes
//! (`symtable.c`), code (`compile.c`). What is not sure is not said: names that `nonlocal` does not find, for one.

use std::collections::HashMap;

use crate::{
    refusal::{Refusal, Version},
    tree::{
        Alias, At, Class, Comprehension, Expr, ExprKind, Function, Generator, Handler, Keyword, Module,
        Parameter, Parameters, Piece, Stmt, StmtKind,
    },
};

/// The features of `__future__`, each known since 3.7 at the latest.
const FEATURES: [&str; 10] = [
    "nested_scopes",
    "generators",
    "division",
    "absolute_import",
    "with_statement",
    "print_function",
    "unicode_literals",
    "barry_as_FLUFL",
    "generator_stop",
    "annotations",
];

/// The first refusal. `declares` tells whether `global` or `nonlocal` stands in the source: without, names are not followed.
pub fn module(module: &Module, version: Version, declares: bool) -> Option<Refusal> {
    if let Some(refusal) = future(&module.body) {
        return Some(refusal);
    }
    let mut check = Check { version, declares, place: Place::Module, of_scopes: None, of_code: None };
    let mut scope = Scope::default();
    for stmt in &module.body {
        check.stmt(stmt, &mut scope, Inside::default());
    }
    // Before 3.8 code that cannot be reached was not compiled.
    check.of_scopes.or(check.of_code.filter(|_| version >= Version(3, 8)))
}

/// `from __future__` behind the docstring, before all else.
fn future(body: &[Stmt]) -> Option<Refusal> {
    let mut is_late = false;
    for (at, stmt) in body.iter().enumerate() {
        match &stmt.kind {
            StmtKind::ImportFrom { level: 0, module, names } if module == "__future__" => {
                if is_late {
                    return Some(late(stmt.at));
                }
                if let Some(refusal) = names.iter().find_map(|alias| feature(stmt.at, alias)) {
                    return Some(refusal);
                }
            }
            StmtKind::Expr(Expr { kind: ExprKind::Constant(crate::tree::Constant::Str(_)), .. })
                if at == 0 => {}
            _ => is_late = true,
        }
    }
    None
}

fn late(at: At) -> Refusal {
    Refusal::syntax(at, "from __future__ imports must occur at the beginning of the file")
}

fn feature(at: At, alias: &Alias) -> Option<Refusal> {
    if alias.name == "braces" {
        return Some(Refusal::syntax(at, "not a chance"));
    }
    let known = FEATURES.contains(&alias.name.as_str());
    (!known).then(|| Refusal::syntax(at, format!("future feature {} is not defined", alias.name)))
}

/// What a body belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Module,
    Class,
    Function { is_async: bool, is_generator: bool },
    Comprehension(Comprehension),
}

/// What surrounds a statement in its body.
#[derive(Clone, Copy, Default)]
struct Inside {
    is_loop: bool,
    /// An `except*` clause, which nothing may leave.
    is_except_star: bool,
    /// The same between here and the loop.
    is_loop_beyond: bool,
    /// Another statement: [`future`] has judged the outermost level.
    is_nested: bool,
}

/// The names met in a scope so far, where that matters.
#[derive(Default)]
struct Scope {
    names: HashMap<String, Met>,
}

/// How a name has been met.
#[derive(Clone, Copy, Default)]
struct Met {
    is_parameter: bool,
    is_used: bool,
    is_assigned: bool,
    is_annotated: bool,
    /// `global`, `nonlocal`.
    declared: Option<&'static str>,
}

struct Check {
    version: Version,
    declares: bool,
    place: Place,
    of_scopes: Option<Refusal>,
    of_code: Option<Refusal>,
}

impl Check {
    fn scopes(&mut self, at: At, message: impl Into<String>) {
        self.of_scopes.get_or_insert_with(|| Refusal::syntax(at, message));
    }

    fn code(&mut self, at: At, message: impl Into<String>) {
        self.of_code.get_or_insert_with(|| Refusal::syntax(at, message));
    }

    fn met(&mut self, scope: &mut Scope, name: &str, how: impl FnOnce(&mut Met)) {
        if self.declares {
            how(scope.names.entry(name.to_owned()).or_default());
        }
    }

    fn block(&mut self, body: &[Stmt], scope: &mut Scope, inside: Inside) {
        for stmt in body {
            self.stmt(stmt, scope, Inside { is_nested: true, ..inside });
        }
    }

    fn stmt(&mut self, stmt: &Stmt, scope: &mut Scope, inside: Inside) {
        let at = stmt.at;
        match &stmt.kind {
            StmtKind::Function(function) => self.function(function, scope),
            StmtKind::Class(class) => self.class(class, scope),
            StmtKind::Assign { targets, value } => {
                for target in targets {
                    if matches!(target.kind, ExprKind::Starred(_)) {
                        self.code(target.at, "starred assignment target must be in a list or tuple");
                    }
                    self.target(target, scope);
                }
                self.alone(value, scope);
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.target(target, scope);
                self.expr(value, scope);
            }
            StmtKind::AnnAssign { target, value, .. } => {
                if let ExprKind::Name(name) = &target.kind {
                    let declared = scope.names.get(name).and_then(|met| met.declared);
                    if let Some(how) = declared.filter(|_| self.place != Place::Module) {
                        self.scopes(at, format!("annotated name '{name}' can't be {how}"));
                    }
                    self.met(scope, name, |met| met.is_annotated = true);
                }
                self.target(target, scope);
                self.exprs(value.as_slice(), scope);
            }
            StmtKind::Return(value) => {
                match self.place {
                    Place::Function { is_async: true, is_generator: true } if value.is_some() => {
                        self.code(at, "'return' with value in async generator");
                    }
                    Place::Function { .. } => {}
                    _ => self.code(at, "'return' outside function"),
                }
                if inside.is_except_star {
                    self.except_star(at);
                }
                self.exprs(value.as_slice(), scope);
            }
            StmtKind::Raise { error, cause } => {
                self.exprs(error.as_slice(), scope);
                self.exprs(cause.as_slice(), scope);
            }
            StmtKind::Assert { test, message } => {
                self.expr(test, scope);
                self.exprs(message.as_slice(), scope);
            }
            StmtKind::Delete(targets) => {
                for target in targets {
                    self.target(target, scope);
                }
            }
            StmtKind::Global(names) => {
                for name in names {
                    self.declared(name, "global", at, scope);
                }
            }
            StmtKind::Nonlocal(names) => {
                if self.place == Place::Module {
                    self.scopes(at, "nonlocal declaration not allowed at module level");
                }
                for name in names {
                    self.declared(name, "nonlocal", at, scope);
                }
            }
            StmtKind::If { test, body, orelse } => {
                self.expr(test, scope);
                self.block(body, scope, inside);
                self.block(orelse, scope, inside);
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test, scope);
                self.block(body, scope, Inside { is_loop: true, is_loop_beyond: false, ..inside });
                self.block(orelse, scope, inside);
            }
            StmtKind::For { target, iter, body, orelse, is_async } => {
                self.asynchronous(*is_async, at, "async for");
                self.expr(iter, scope);
                self.target(target, scope);
                self.block(body, scope, Inside { is_loop: true, is_loop_beyond: false, ..inside });
                self.block(orelse, scope, inside);
            }
            StmtKind::Try { body, handlers, orelse, finalbody, is_star } => {
                self.block(body, scope, inside);
                for (nth, handler) in handlers.iter().enumerate() {
                    let is_last = nth + 1 == handlers.len();
                    self.handler(handler, is_last, *is_star, scope, inside);
                }
                self.block(orelse, scope, inside);
                self.block(finalbody, scope, inside);
            }
            StmtKind::With { items, body, is_async } => {
                self.asynchronous(*is_async, at, "async with");
                for (manager, target) in items {
                    self.expr(manager, scope);
                    if let Some(target) = target {
                        self.target(target, scope);
                    }
                }
                self.block(body, scope, inside);
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject, scope);
                for (nth, case) in cases.iter().enumerate() {
                    if case.is_wildcard && case.guard.is_none() && nth + 1 < cases.len() {
                        let what = match case.binds.first() {
                            Some(name) => format!("name capture '{name}'"),
                            None => "wildcard".to_owned(),
                        };
                        self.code(case.at, format!("{what} makes remaining patterns unreachable"));
                    }
                    for name in &case.binds {
                        self.met(scope, name, |met| met.is_assigned = true);
                    }
                    self.exprs(case.guard.as_slice(), scope);
                    self.block(&case.body, scope, inside);
                }
            }
            StmtKind::Expr(value) => self.alone(value, scope),
            StmtKind::ImportFrom { level, module, names } => {
                let is_star = names.iter().any(|alias| alias.name == "*");
                if is_star && self.place != Place::Module {
                    self.scopes(at, "import * only allowed at module level");
                }
                if *level == 0 && module == "__future__" && inside.is_nested {
                    self.code(at, "from __future__ imports must occur at the beginning of the file");
                }
            }
            StmtKind::Break | StmtKind::Continue => {
                let is_break = matches!(stmt.kind, StmtKind::Break);
                if !inside.is_loop {
                    let message =
                        if is_break { "'break' outside loop" } else { "'continue' not properly in loop" };
                    self.code(at, message);
                }
                if inside.is_loop_beyond {
                    self.except_star(at);
                }
            }
            StmtKind::Import(_) | StmtKind::TypeAlias(_) | StmtKind::Pass => {}
        }
    }

    /// A value that nothing takes apart.
    fn alone(&mut self, value: &Expr, scope: &mut Scope) {
        if matches!(value.kind, ExprKind::Starred(_)) {
            self.code(value.at, "can't use starred expression here");
        }
        self.expr(value, scope);
    }

    fn except_star(&mut self, at: At) {
        self.code(at, "'break', 'continue' and 'return' cannot appear in an except* block");
    }

    fn handler(
        &mut self,
        handler: &Handler,
        is_last: bool,
        is_star: bool,
        scope: &mut Scope,
        inside: Inside,
    ) {
        if handler.types.is_none() && !is_last {
            self.code(handler.at, "default 'except:' must be last");
        }
        self.exprs(handler.types.as_slice(), scope);
        if let Some(name) = &handler.name {
            self.met(scope, name, |met| met.is_assigned = true);
            self.debug(name, handler.at);
        }
        let inside = Inside {
            is_except_star: inside.is_except_star || is_star,
            is_loop_beyond: inside.is_loop_beyond || (is_star && inside.is_loop),
            ..inside
        };
        self.block(&handler.body, scope, inside);
    }

    fn asynchronous(&mut self, is_async: bool, at: At, what: &str) {
        if is_async && !matches!(self.place, Place::Function { is_async: true, .. }) {
            self.code(at, format!("'{what}' outside async function"));
        }
    }

    fn declared(&mut self, name: &str, how: &'static str, at: At, scope: &mut Scope) {
        let met = scope.names.entry(name.to_owned()).or_default();
        met.declared = Some(how);
        let message = if met.is_parameter {
            format!("name '{name}' is parameter and {how}")
        } else if met.is_used {
            format!("name '{name}' is used prior to {how} declaration")
        } else if met.is_annotated {
            format!("annotated name '{name}' can't be {how}")
        } else if met.is_assigned {
            format!("name '{name}' is assigned to before {how} declaration")
        } else {
            return;
        };
        self.scopes(at, message);
    }

    fn within<T>(&mut self, place: Place, inner: impl FnOnce(&mut Self) -> T) -> T {
        let outside = std::mem::replace(&mut self.place, place);
        let told = inner(self);
        self.place = outside;
        told
    }

    fn function(&mut self, function: &Function, scope: &mut Scope) {
        self.met(scope, &function.name, |met| met.is_assigned = true);
        self.debug(&function.name, function.name_at);
        self.exprs(&function.decorators, scope);
        self.defaults(&function.parameters, scope);
        let mut own = self.parameters(&function.parameters);
        self.within(
            Place::Function { is_async: function.is_async, is_generator: function.is_generator },
            |check| {
                check.block(&function.body, &mut own, Inside::default());
            },
        );
    }

    fn class(&mut self, class: &Class, scope: &mut Scope) {
        self.met(scope, &class.name, |met| met.is_assigned = true);
        self.debug(&class.name, class.name_at);
        self.exprs(&class.decorators, scope);
        self.exprs(&class.bases, scope);
        self.keywords(&class.keywords, scope);
        let mut own = Scope::default();
        self.within(Place::Class, |check| check.block(&class.body, &mut own, Inside::default()));
    }

    fn keywords(&mut self, keywords: &[Keyword], scope: &mut Scope) {
        for (nth, keyword) in keywords.iter().enumerate() {
            self.expr(&keyword.value, scope);
            if let Some(name) = &keyword.name
                // A call with thousands of keywords is a table, and looked through in linear time.
                && nth < 200
                && keywords.iter().take(nth).any(|other| other.name.as_ref() == Some(name))
            {
                let message = if self.version >= Version(3, 9) {
                    format!("keyword argument repeated: {name}")
                } else {
                    "keyword argument repeated".to_owned()
                };
                self.code(keyword.value.at, message);
            }
        }
    }

    fn every(parameters: &Parameters) -> impl Iterator<Item = &Parameter> {
        let Parameters { positional_only, positional, rest, keyword_only, keyword_rest } = parameters;
        positional_only.iter().chain(positional).chain(keyword_only).chain(rest).chain(keyword_rest)
    }

    fn defaults(&mut self, parameters: &Parameters, scope: &mut Scope) {
        for parameter in Self::every(parameters) {
            self.exprs(parameter.default.as_slice(), scope);
        }
    }

    fn parameters(&mut self, parameters: &Parameters) -> Scope {
        let mut own = Scope::default();
        let mut seen = std::collections::HashSet::new();
        for parameter in Self::every(parameters) {
            if !seen.insert(parameter.name.as_str()) {
                let name = &parameter.name;
                let what = if self.version >= Version(3, 14) { "parameter" } else { "argument" };
                self.scopes(parameter.at, format!("duplicate {what} '{name}' in function definition"));
            }
            self.met(&mut own, &parameter.name, |met| met.is_parameter = true);
            self.debug(&parameter.name, parameter.at);
        }
        own
    }

    fn debug(&mut self, name: &str, at: At) {
        if name == "__debug__" && self.version >= Version(3, 8) {
            self.code(at, "cannot assign to __debug__");
        }
    }

    fn target(&mut self, target: &Expr, scope: &mut Scope) {
        match &target.kind {
            ExprKind::Name(name) => {
                self.met(scope, name, |met| met.is_assigned = true);
                self.debug(name, target.at);
            }
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                let stars = parts.iter().filter(|part| matches!(part.kind, ExprKind::Starred(_)));
                if stars.count() > 1 {
                    let many = if self.version >= Version(3, 9) { "multiple" } else { "two" };
                    self.code(target.at, format!("{many} starred expressions in assignment"));
                }
                for part in parts {
                    self.target(part, scope);
                }
            }
            ExprKind::Starred(part) => self.target(part, scope),
            _ => self.expr(target, scope),
        }
    }

    fn exprs(&mut self, exprs: &[Expr], scope: &mut Scope) {
        for expr in exprs {
            self.expr(expr, scope);
        }
    }

    fn expr(&mut self, expr: &Expr, scope: &mut Scope) {
        let at = expr.at;
        match &expr.kind {
            ExprKind::Constant(_) | ExprKind::Other => {}
            ExprKind::Name(name) => self.met(scope, name, |met| met.is_used = true),
            ExprKind::FString(pieces) => {
                for piece in pieces {
                    if let Piece::Value { value, .. } = piece {
                        self.expr(value, scope);
                    }
                }
            }
            ExprKind::Attribute { value, .. }
            | ExprKind::Starred(value)
            | ExprKind::Unary { operand: value, .. } => self.expr(value, scope),
            ExprKind::Subscript { value, index } => {
                self.expr(value, scope);
                self.expr(index, scope);
            }
            ExprKind::Call { function, args, keywords } => {
                self.expr(function, scope);
                self.exprs(args, scope);
                self.keywords(keywords, scope);
            }
            ExprKind::Binary { left, right, .. } => {
                self.expr(left, scope);
                self.expr(right, scope);
            }
            ExprKind::Bool { values, .. }
            | ExprKind::List(values)
            | ExprKind::Tuple(values)
            | ExprKind::Set(values) => self.exprs(values, scope),
            ExprKind::Compare { left, rest } => {
                self.expr(left, scope);
                for (_, right) in rest {
                    self.expr(right, scope);
                }
            }
            ExprKind::IfElse { test, body, orelse } => {
                for part in [test, body, orelse] {
                    self.expr(part, scope);
                }
            }
            ExprKind::Lambda { parameters, body } => {
                self.defaults(parameters, scope);
                let mut own = self.parameters(parameters);
                self.within(Place::Function { is_async: false, is_generator: false }, |check| {
                    check.expr(body, &mut own)
                });
            }
            ExprKind::Dict(items) => {
                for (key, value) in items {
                    self.exprs(key.as_slice(), scope);
                    self.expr(value, scope);
                }
            }
            ExprKind::Comprehension { kind, element, value, generators } => {
                self.comprehension(at, *kind, [Some(element), value.as_deref()], generators, scope);
            }
            ExprKind::Slice { lower, upper, step } => {
                for part in [lower, upper, step].into_iter().flatten() {
                    self.expr(part, scope);
                }
            }
            ExprKind::Await(value) => {
                match self.place {
                    Place::Module | Place::Class => self.code(at, "'await' outside function"),
                    Place::Function { is_async: false, .. } => {
                        self.code(at, "'await' outside async function")
                    }
                    Place::Function { .. } | Place::Comprehension(_) => {}
                }
                self.expr(value, scope);
            }
            ExprKind::Yield(value) => {
                match self.place {
                    Place::Module | Place::Class => self.code(at, "'yield' outside function"),
                    Place::Function { .. } => {}
                    Place::Comprehension(kind) if self.version >= Version(3, 8) => {
                        let kind = match kind {
                            Comprehension::List => "list comprehension",
                            Comprehension::Set => "set comprehension",
                            Comprehension::Dict => "dict comprehension",
                            Comprehension::Generator => "generator expression",
                        };
                        self.scopes(at, format!("'yield' inside {kind}"));
                    }
                    Place::Comprehension(_) => {}
                }
                if let Some(value) = value {
                    self.expr(value, scope);
                }
            }
            ExprKind::Named { target, value } => {
                if let ExprKind::Name(name) = &target.kind {
                    self.debug(name, target.at);
                    self.met(scope, name, |met| met.is_assigned = true);
                }
                self.expr(value, scope);
            }
        }
    }

    fn comprehension(
        &mut self,
        at: At,
        kind: Comprehension,
        elements: [Option<&Expr>; 2],
        generators: &[Generator],
        scope: &mut Scope,
    ) {
        let is_async = generators.iter().any(|part| part.is_async);
        let is_allowed =
            matches!(self.place, Place::Function { is_async: true, .. } | Place::Comprehension(_));
        if is_async && kind != Comprehension::Generator && !is_allowed {
            self.code(at, "asynchronous comprehension outside of an asynchronous function");
        }
        if let Some(first) = generators.first() {
            self.expr(&first.iter, scope);
        }
        let mut own = Scope::default();
        self.within(Place::Comprehension(kind), |check| {
            for (nth, part) in generators.iter().enumerate() {
                check.target(&part.target, &mut own);
                if nth > 0 {
                    check.expr(&part.iter, &mut own);
                }
                check.exprs(&part.ifs, &mut own);
            }
            for element in elements.into_iter().flatten() {
                check.expr(element, &mut own);
            }
        });
    }
}
