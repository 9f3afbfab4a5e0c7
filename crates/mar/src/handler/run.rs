//! Statements come in; what they do to the state comes out, or the error that they end in. Nothing is run: where a condition is
//! not known both ways are followed, and what either does counts as "perhaps".

use std::rc::Rc;
use std::sync::Arc;

use envdiff_files::Miss;
use envdiff_model::Fault;
use envdiff_python::tree::{self, At, Expr, Handler, Stmt, StmtKind};

use super::state::{Body, Class, Function, Kind, Names, Object, Scope, State, join_values};
use super::value::{Id, Place, Raised, Str, Value};
use super::world::World;

/// Why a run does not go on here.
#[derive(Debug)]
pub(crate) enum Stop {
    /// An error is on its way up.
    Raise(Box<Raised>),
    /// It cannot be followed any further; a clause.
    Lost(Str),
    /// Something must be asked of the image first.
    Miss(Miss),
}

impl From<Miss> for Stop {
    fn from(miss: Miss) -> Self {
        Self::Miss(miss)
    }
}

/// How a statement ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Flow {
    /// The next one follows.
    On,
    /// `return`.
    Return(Value),
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// One of the two: the next one follows, or this.
    Perhaps(Box<Flow>),
}

/// Something at load that cannot be judged from files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blind {
    /// What; a clause.
    pub(crate) what: Str,
    /// Where.
    pub(crate) at: Option<Place>,
}

/// Where the run is.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The module whose code it is.
    pub(crate) module: Id,
    /// The file as it is told.
    pub(crate) file: Str,
    /// The names of this call.
    pub(crate) scope: Id,
    /// The class whose method it is, and its first argument: for `super()`.
    pub(crate) method: Option<(Id, Value)>,
    /// The place of the statement.
    pub(crate) at: At,
    /// Whether annotations are texts.
    pub(crate) annotations_are_text: bool,
}

/// One run through a handler.
pub(crate) struct Run<'a> {
    pub(crate) world: &'a World<'a>,
    pub(crate) state: State,
    pub(crate) frames: Vec<Frame>,
    /// How many conditions around are not known.
    pub(crate) doubt: usize,
    /// Errors that perhaps end it.
    pub(crate) perhaps: Vec<Raised>,
    /// What cannot be judged.
    pub(crate) blind: Vec<Blind>,
    /// Statements and calls so far.
    pub(crate) steps: usize,
    /// Whether something must be asked before this run counts.
    pub(crate) pending: bool,
    /// What the handler opens: kind and path.
    pub(crate) reads: Vec<(&'static str, Str)>,
    /// The error that an `except` clause is about.
    pub(crate) handling: Vec<Raised>,
    /// Third-party modules that are imported where it runs at load.
    pub(crate) imports: std::collections::BTreeSet<Str>,
    /// How deep calls and expressions lie within each other now.
    pub(crate) depth: usize,
    /// What is needed only when requests come.
    pub(crate) later: Vec<super::later::Later>,
    /// Whether the arguments of the call that is followed are not all known.
    pub(crate) is_open_call: bool,
}

/// The most statements and calls that one run follows.
pub(crate) const STEPS: usize = 400_000;
/// The deepest that calls and expressions lie within each other.
pub(crate) const DEPTH: usize = 900;
/// The most times that the body of one loop is followed.
pub(crate) const ROUNDS: usize = 2_000;
/// The most objects.
pub(crate) const OBJECTS: usize = 200_000;

type Done<T> = Result<T, Stop>;

impl<'a> Run<'a> {
    /// A run that has not begun.
    pub(crate) fn new(world: &'a World<'a>) -> Self {
        Self {
            world,
            state: State::default(),
            frames: Vec::new(),
            doubt: 0,
            perhaps: Vec::new(),
            blind: Vec::new(),
            steps: 0,
            pending: false,
            reads: Vec::new(),
            handling: Vec::new(),
            imports: std::collections::BTreeSet::new(),
            depth: 0,
            later: Vec::new(),
            is_open_call: false,
        }
    }

    /// The place of the statement or expression that is followed.
    pub(crate) fn place(&self) -> Option<Place> {
        let frame = self.frames.last()?;
        (!frame.file.is_empty()).then(|| Place { file: frame.file.clone(), at: frame.at })
    }

    /// The innermost place that is in the archive, else the innermost.
    pub(crate) fn place_of_users(&self) -> Option<Place> {
        self.frames
            .iter()
            .rev()
            .find(|frame| !frame.file.is_empty() && !frame.file.starts_with('/'))
            .map(|frame| Place { file: frame.file.clone(), at: frame.at })
            .or_else(|| self.place())
    }

    pub(crate) fn set_at(&mut self, at: At) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at = at;
        }
    }

    /// An error of this class and text here.
    pub(crate) fn error(&self, class: &str, message: impl AsRef<str>, fault: Fault) -> Raised {
        Raised {
            class: Rc::from(class),
            bases: Vec::new(),
            message: Rc::from(message.as_ref()),
            fault,
            at: self.place_of_users(),
            what: None,
            fix: None,
            condition: None,
            cause: None,
            object: None,
        }
    }

    /// Raises it.
    pub(crate) fn raise<T>(&self, class: &str, message: impl AsRef<str>, fault: Fault) -> Done<T> {
        Err(Stop::Raise(Box::new(self.error(class, message, fault))))
    }

    /// The fault of something that breaks here and has no name of its own.
    pub(crate) fn fault_here(&self) -> Fault {
        if self.world.is_initialising.get() { Fault::InitializeFails } else { Fault::ImportFails }
    }

    /// Notes that something at load cannot be judged.
    pub(crate) fn cannot_see(&mut self, what: impl AsRef<str>) {
        let blind = Blind { what: Rc::from(what.as_ref()), at: self.place_of_users() };
        if !self.blind.contains(&blind) && self.blind.len() < 100 {
            self.blind.push(blind);
        }
    }

    /// One step more.
    pub(crate) fn step(&mut self) -> Done<()> {
        self.steps += 1;
        if self.steps > STEPS || self.state.len() > OBJECTS {
            return Err(Stop::Lost(Rc::from("there is too much code to follow")));
        }
        Ok(())
    }

    /// Goes a level deeper, with room on the stack.
    pub(crate) fn deeper<T>(&mut self, what: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        self.depth += 1;
        let result = if self.depth > DEPTH {
            Err(Stop::Lost(Rc::from("calls lie too deep within each other to be followed")))
        } else {
            stacker::maybe_grow(256 << 10, 4 << 20, || what(self))
        };
        self.depth -= 1;
        result
    }

    /// Follows statements until one of them does not go on.
    pub(crate) fn block(&mut self, body: &[Stmt]) -> Done<Flow> {
        let mut left: Option<(Flow, State)> = None;
        let mut doubted = 0;
        let mut end = Ok(Flow::On);
        for (at, stmt) in body.iter().enumerate() {
            match self.stmt(stmt) {
                Ok(Flow::On) => {}
                Ok(Flow::Perhaps(flow)) => {
                    // Either it ends here or it goes on: the rest is followed in doubt.
                    if at + 1 == body.len() && left.is_none() {
                        end = Ok(Flow::Perhaps(flow));
                        break;
                    }
                    let state = self.state.clone();
                    left = Some(match left.take() {
                        None => (*flow, state),
                        Some((before, joined)) => (join_flows(before, *flow), joined.join(state)),
                    });
                    self.doubt += 1;
                    doubted += 1;
                }
                other => {
                    end = other;
                    break;
                }
            }
        }
        self.doubt -= doubted;
        let Some((flow, state)) = left else { return end };
        match end {
            Ok(Flow::On) => {
                self.state = std::mem::take(&mut self.state).join(state);
                Ok(Flow::Perhaps(Box::new(flow)))
            }
            Ok(Flow::Perhaps(other)) => {
                self.state = std::mem::take(&mut self.state).join(state);
                Ok(Flow::Perhaps(Box::new(join_flows(flow, *other))))
            }
            Ok(other) => {
                self.state = std::mem::take(&mut self.state).join(state);
                Ok(join_flows(flow, other))
            }
            Err(Stop::Raise(raised)) => {
                // It left before, or this is raised.
                self.note_perhaps(*raised);
                self.state = state;
                Ok(flow)
            }
            Err(stop) => Err(stop),
        }
    }

    /// Keeps an error that perhaps ends it.
    pub(crate) fn note_perhaps(&mut self, raised: Raised) {
        if !self.perhaps.contains(&raised) && self.perhaps.len() < 100 {
            self.perhaps.push(raised);
        }
    }

    /// Follows one of two ways; what is so after either holds.
    pub(crate) fn either<T>(
        &mut self,
        one: impl FnOnce(&mut Self) -> Done<T>,
        other: impl FnOnce(&mut Self) -> Done<T>,
        join: impl FnOnce(T, T) -> T,
    ) -> Done<T> {
        self.step()?;
        let before = self.state.clone();
        self.doubt += 1;
        let a = one(self);
        let after_a = std::mem::replace(&mut self.state, before);
        let b = other(self);
        self.doubt -= 1;
        match (a, b) {
            (Ok(a), Ok(b)) => {
                self.state = after_a.join(std::mem::take(&mut self.state));
                Ok(join(a, b))
            }
            (Ok(a), Err(Stop::Raise(raised))) => {
                self.note_perhaps(*raised);
                self.state = after_a;
                Ok(a)
            }
            (Err(Stop::Raise(raised)), Ok(b)) => {
                self.note_perhaps(*raised);
                Ok(b)
            }
            (Err(Stop::Raise(a)), Err(Stop::Raise(b))) => {
                self.state = after_a.join(std::mem::take(&mut self.state));
                if *a != *b {
                    self.note_perhaps(*b);
                }
                Err(Stop::Raise(a))
            }
            (Err(stop), _) | (_, Err(stop)) => Err(stop),
        }
    }

    /// Follows something that perhaps does not happen.
    pub(crate) fn perhaps(&mut self, what: impl FnOnce(&mut Self) -> Done<Flow>) -> Done<Flow> {
        self.either(what, |_| Ok(Flow::On), join_either)
    }

    fn stmt(&mut self, stmt: &Stmt) -> Done<Flow> {
        self.step()?;
        self.set_at(stmt.at);
        match &stmt.kind {
            StmtKind::Import(names) => {
                for alias in names {
                    self.set_at(alias.at);
                    self.import(&alias.name, alias.asname.as_deref())?;
                }
            }
            StmtKind::ImportFrom { level, module, names } => {
                self.import_from(*level, module, names, stmt.at)?
            }
            StmtKind::Function(function) => self.define(function)?,
            StmtKind::Class(class) => self.define_class(class)?,
            StmtKind::Assign { targets, value } => {
                let value = self.eval(value)?;
                for target in targets {
                    self.bind(target, value.clone())?;
                }
            }
            StmtKind::AugAssign { target, op, value } => {
                let old = self.eval(target)?;
                let by = self.eval(value)?;
                self.set_at(stmt.at);
                let new = self.augmented(&old, *op, &by)?;
                self.bind(target, new)?;
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                let is_local =
                    self.frames.last().is_some_and(|frame| frame.method.is_some() || self.in_function());
                let is_name = matches!(target.kind, tree::ExprKind::Name(_));
                if let Some(value) = value {
                    let value = self.eval(value)?;
                    self.bind(target, value)?;
                }
                if !is_local && is_name {
                    self.annotation(annotation)?;
                }
            }
            StmtKind::Return(value) => {
                let value = match value {
                    Some(value) => self.eval(value)?,
                    None => Value::None,
                };
                return Ok(Flow::Return(value));
            }
            StmtKind::Raise { error, cause } => {
                return self.raise_statement(error.as_ref(), cause.as_ref(), stmt.at);
            }
            StmtKind::Assert { test, message } => {
                let value = self.eval(test)?;
                match self.truth(&value) {
                    Some(true) => {}
                    Some(false) => {
                        let text = match message {
                            Some(message) => {
                                let value = self.eval(message)?;
                                self.shown(&value).unwrap_or_default()
                            }
                            None => String::new(),
                        };
                        self.set_at(stmt.at);
                        return self.raise("AssertionError", text, self.fault_here());
                    }
                    None => {
                        self.set_at(stmt.at);
                        let mut raised = self.error("AssertionError", "", self.fault_here());
                        raised.what =
                            Some(Rc::from("an assertion at load hangs on what cannot be seen here"));
                        self.note_perhaps(raised);
                    }
                }
            }
            StmtKind::Delete(targets) => {
                for target in targets {
                    self.delete(target)?;
                }
            }
            StmtKind::Global(names) => {
                let names: Vec<Str> = names.iter().map(|name| Rc::from(name.as_str())).collect();
                if let Some(scope) = self.scope_mut() {
                    scope.globals.extend(names);
                }
            }
            StmtKind::Nonlocal(names) => {
                let names: Vec<Str> = names.iter().map(|name| Rc::from(name.as_str())).collect();
                if let Some(scope) = self.scope_mut() {
                    scope.outers.extend(names);
                }
            }
            StmtKind::If { test, body, orelse } => {
                let value = self.eval(test)?;
                return match self.truth(&value) {
                    Some(true) => self.deeper(|run| run.block(body)),
                    Some(false) => self.deeper(|run| run.block(orelse)),
                    None => {
                        let before = self.perhaps.len();
                        let at = self.place_of(test.at);
                        let flow = self.deeper(|run| {
                            run.either(|run| run.block(body), |run| run.block(orelse), join_either)
                        })?;
                        self.conditioned(before, at.as_ref());
                        Ok(flow)
                    }
                };
            }
            StmtKind::While { test, body, orelse } => return self.repeat(test, body, orelse),
            StmtKind::For { target, iter, body, orelse, .. } => {
                return self.for_each(target, iter, body, orelse);
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                return self.deeper(|run| run.try_statement(body, handlers, orelse, finalbody));
            }
            StmtKind::With { items, body, .. } => return self.with(items, body),
            StmtKind::Match { subject, cases } => {
                self.eval(subject)?;
                let mut flow = Flow::On;
                for case in cases {
                    let one = self.perhaps(|run| {
                        for name in &case.binds {
                            run.set_name(name, Value::Unknown);
                        }
                        if let Some(guard) = &case.guard {
                            run.eval(guard)?;
                        }
                        run.block(&case.body)
                    })?;
                    flow = join_either(flow, one);
                }
                return Ok(flow);
            }
            StmtKind::Expr(value) => {
                self.eval(value)?;
            }
            StmtKind::TypeAlias(name) => self.set_name(name, Value::Unknown),
            StmtKind::Pass => {}
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    /// Says of the errors that came up since then on which line they hang.
    fn conditioned(&mut self, before: usize, at: Option<&Place>) {
        let Some(at) = at else { return };
        let text: Str = Rc::from(format!("it hangs on line {} of {}", at.at.line, at.file));
        for raised in self.perhaps.iter_mut().skip(before) {
            raised.condition.get_or_insert_with(|| text.clone());
        }
    }

    fn place_of(&self, at: At) -> Option<Place> {
        let frame = self.frames.last()?;
        (!frame.file.is_empty()).then(|| Place { file: frame.file.clone(), at })
    }

    /// Whether the code that is followed stands in a function.
    pub(crate) fn in_function(&self) -> bool {
        self.frames.last().is_some_and(|frame| {
            self.state.module(frame.module).is_some_and(|module| module.scope != Some(frame.scope))
                && !self.is_class_body(frame.scope)
        })
    }

    fn is_class_body(&self, scope: Id) -> bool {
        self.state.scope(scope).is_some_and(|scope| scope.names.contains_key("__qualname__"))
    }

    pub(crate) fn scope_mut(&mut self) -> Option<&mut Scope> {
        let scope = self.frames.last()?.scope;
        self.state.scope_mut(scope)
    }

    /// The scope of the module's names.
    pub(crate) fn globals(&self) -> Option<Id> {
        self.state.module(self.frames.last()?.module)?.scope
    }

    /// Binds a name where the code stands.
    pub(crate) fn set_name(&mut self, name: &str, value: Value) {
        let key: Str = Rc::from(name);
        let globals = self.globals();
        let Some(frame) = self.frames.last() else { return };
        let mut at = frame.scope;
        if let Some(scope) = self.state.scope(at) {
            if scope.globals.contains(&key) {
                at = globals.unwrap_or(at);
            } else if scope.outers.contains(&key) {
                let mut outer = scope.outer;
                while let Some(id) = outer {
                    let Some(scope) = self.state.scope(id) else { break };
                    if scope.names.contains_key(&key) {
                        at = id;
                        break;
                    }
                    outer = scope.outer;
                }
            }
        }
        if let Some(scope) = self.state.scope_mut(at) {
            scope.names.insert(key, value);
        }
    }

    /// Binds what stands on the left of `=`.
    pub(crate) fn bind(&mut self, target: &Expr, value: Value) -> Done<()> {
        match &target.kind {
            tree::ExprKind::Name(name) => self.set_name(name, value),
            tree::ExprKind::Attribute { value: of, name } => {
                let object = self.eval(of)?;
                self.set_attribute(&object, name, value)?;
            }
            tree::ExprKind::Subscript { value: of, index } => {
                let object = self.eval(of)?;
                let index = self.eval(index)?;
                self.set_item(&object, index, value);
            }
            tree::ExprKind::Starred(inner) => self.bind(inner, value)?,
            tree::ExprKind::Tuple(targets) | tree::ExprKind::List(targets) => {
                let items = self.items(&value);
                let has_star = targets.iter().any(|target| matches!(target.kind, tree::ExprKind::Starred(_)));
                match items {
                    Some(items) if items.len() == targets.len() && !has_star => {
                        for (target, item) in targets.iter().zip(items) {
                            self.bind(target, item)?;
                        }
                    }
                    Some(items) if !has_star => {
                        self.set_at(target.at);
                        let (want, got) = (targets.len(), items.len());
                        let text = if got < want {
                            format!("not enough values to unpack (expected {want}, got {got})")
                        } else {
                            format!("too many values to unpack (expected {want})")
                        };
                        return self.raise("ValueError", text, self.fault_here());
                    }
                    Some(items) => return self.bind_with_star(target, targets, &items),
                    None => {
                        if matches!(value, Value::None | Value::Int(_) | Value::Bool(_) | Value::Float(_)) {
                            self.set_at(target.at);
                            let kind = value.type_name().unwrap_or("object");
                            return self.raise(
                                "TypeError",
                                format!("cannot unpack non-iterable {kind} object"),
                                self.fault_here(),
                            );
                        }
                        for target in targets {
                            self.bind(target, Value::Unknown)?;
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `a, *b, c = items`.
    fn bind_with_star(&mut self, whole: &Expr, targets: &[Expr], items: &[Value]) -> Done<()> {
        let Some(star) = targets.iter().position(|target| matches!(target.kind, tree::ExprKind::Starred(_)))
        else {
            return Ok(());
        };
        let after = targets.len() - star - 1;
        if items.len() < star + after {
            self.set_at(whole.at);
            let text = format!(
                "not enough values to unpack (expected at least {}, got {})",
                star + after,
                items.len()
            );
            return self.raise("ValueError", text, self.fault_here());
        }
        let (head, rest) = items.split_at(star);
        let (middle, tail) = rest.split_at(rest.len() - after);
        for (at, target) in targets.iter().enumerate() {
            let value = if at < star {
                head.get(at).cloned()
            } else if at == star {
                Some(self.state.new_list(middle.to_vec()))
            } else {
                tail.get(at - star - 1).cloned()
            };
            self.bind(target, value.unwrap_or(Value::Unknown))?;
        }
        Ok(())
    }

    fn delete(&mut self, target: &Expr) -> Done<()> {
        match &target.kind {
            tree::ExprKind::Name(name) => {
                if let Some(scope) = self.scope_mut() {
                    scope.names.remove(name.as_str());
                }
            }
            tree::ExprKind::Subscript { value, index } => {
                let object = self.eval(value)?;
                let index = self.eval(index)?;
                // What is not there raises the same error as reading it.
                self.item(&object, &index)?;
                self.remove_item(&object, &index);
            }
            tree::ExprKind::Attribute { value, name } => {
                let object = self.eval(value)?;
                if let Value::Instance(id) = object
                    && let Some(instance) = self.state.instance_mut(id)
                {
                    instance.names.remove(name.as_str());
                }
            }
            tree::ExprKind::Tuple(targets) | tree::ExprKind::List(targets) => {
                for target in targets {
                    self.delete(target)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn raise_statement(&mut self, error: Option<&Expr>, cause: Option<&Expr>, at: At) -> Done<Flow> {
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

    fn repeat(&mut self, test: &Expr, body: &[Stmt], orelse: &[Stmt]) -> Done<Flow> {
        let mut rounds = 0;
        loop {
            let value = self.eval(test)?;
            match self.truth(&value) {
                Some(false) => return self.block(orelse),
                Some(true) if rounds < ROUNDS => {}
                Some(true) => {
                    self.cannot_see("a loop at load runs until something happens that cannot be seen here");
                    return Ok(Flow::On);
                }
                None => {
                    self.forget(body);
                    let flow = self.perhaps(|run| run.block(body))?;
                    self.forget(body);
                    return Ok(after_loop(flow));
                }
            }
            rounds += 1;
            match self.deeper(|run| run.block(body))? {
                Flow::On | Flow::Continue => {}
                Flow::Break => return Ok(Flow::On),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Perhaps(flow) => {
                    // It perhaps ended in this round: what follows is not known any more.
                    self.forget(body);
                    let again = self.perhaps(|run| run.block(body))?;
                    self.forget(body);
                    return Ok(join_either(after_loop(Flow::Perhaps(flow)), after_loop(again)));
                }
            }
        }
    }

    fn for_each(&mut self, target: &Expr, iter: &Expr, body: &[Stmt], orelse: &[Stmt]) -> Done<Flow> {
        let over = self.eval(iter)?;
        self.set_at(iter.at);
        let Some(items) = self.iterate(&over)?.filter(|items| items.len() <= ROUNDS) else {
            self.forget(body);
            let flow = self.perhaps(|run| {
                run.bind(target, Value::Unknown)?;
                run.block(body)
            })?;
            self.forget(body);
            self.bind(target, Value::Unknown)?;
            return Ok(after_loop(flow));
        };
        let mut ended: Option<Flow> = None;
        for item in items {
            self.bind(target, item)?;
            match self.deeper(|run| run.block(body))? {
                Flow::On | Flow::Continue => {}
                Flow::Break => return Ok(ended.map_or(Flow::On, |flow| Flow::Perhaps(Box::new(flow)))),
                Flow::Return(value) => {
                    return Ok(match ended {
                        None => Flow::Return(value),
                        Some(flow) => join_flows(flow, Flow::Return(value)),
                    });
                }
                Flow::Perhaps(flow) => match *flow {
                    Flow::Continue => {}
                    Flow::Break => {
                        // The rounds that are left are perhaps not made.
                        self.forget(body);
                        let again = self.perhaps(|run| {
                            run.bind(target, Value::Unknown)?;
                            run.block(body)
                        })?;
                        self.forget(body);
                        let flow = after_loop(again);
                        return Ok(match ended {
                            None => flow,
                            Some(before) => join_either(Flow::Perhaps(Box::new(before)), flow),
                        });
                    }
                    other => {
                        ended = Some(match ended {
                            None => other,
                            Some(before) => join_flows(before, other),
                        });
                    }
                },
            }
        }
        let flow = self.block(orelse)?;
        Ok(match ended {
            None => flow,
            Some(before) => join_either(Flow::Perhaps(Box::new(before)), flow),
        })
    }

    /// Forgets what a loop's body binds, for a number of rounds that is not known.
    fn forget(&mut self, body: &[Stmt]) {
        let mut names = Vec::new();
        bound_in(body, &mut names);
        for name in names {
            self.set_name(&name, Value::Unknown);
        }
    }

    fn with(&mut self, items: &[(Expr, Option<Expr>)], body: &[Stmt]) -> Done<Flow> {
        let mut suppressed: Vec<Value> = Vec::new();
        let mut changed_path = None;
        let mut may_swallow = false;
        for (manager, target) in items {
            let value = self.eval(manager)?;
            self.set_at(manager.at);
            let mut entered = value.clone();
            if let Value::Made(id) = &value
                && let Some(made) = self.state.made(*id)
            {
                if &*made.of == "contextlib.suppress" {
                    suppressed.extend(made.args.iter().cloned());
                } else if &*made.of == "contextlib.chdir" {
                    changed_path = Some(());
                } else if &*made.of == MANAGER {
                    entered = Value::Unknown;
                }
                may_swallow |= self.may_swallow(&value);
            } else if let Value::Instance(_) = &value {
                may_swallow |= self.may_swallow(&value);
                entered = match self.attribute_of(&value, "__enter__")? {
                    Some(enter) => self.call(&enter, Vec::new(), Vec::new())?,
                    None => Value::Unknown,
                };
            }
            if changed_path.is_some() {
                self.cannot_see("the working folder is changed");
            }
            if let Some(target) = target {
                self.bind(target, entered)?;
            }
        }
        if suppressed.is_empty() {
            return match self.deeper(|run| run.block(body)) {
                Err(Stop::Raise(raised)) if may_swallow => {
                    self.note_perhaps(*raised);
                    Ok(Flow::On)
                }
                other => other,
            };
        }
        let before = self.perhaps.len();
        match self.deeper(|run| run.block(body)) {
            Err(Stop::Raise(raised)) => match self.is_caught(&raised, &suppressed) {
                Some(false) => Err(Stop::Raise(raised)),
                _ => Ok(Flow::On),
            },
            other => {
                let mut late = self.perhaps.split_off(before.min(self.perhaps.len()));
                late.retain(|raised| self.is_caught(raised, &suppressed) == Some(false));
                self.perhaps.append(&mut late);
                other
            }
        }
    }

    /// Whether a context manager written in the handler perhaps ends an error that is raised below it: its `__exit__` returns
    /// something, or its generator yields within a `try` that has `except`.
    fn may_swallow(&self, manager: &Value) -> bool {
        let function = match manager {
            Value::Instance(id) => {
                let class = self.state.instance(*id).map(|instance| instance.class);
                match class.and_then(|class| self.class_attribute(class, "__exit__")) {
                    Some(Value::Function(id)) => id,
                    other => return other.is_some(),
                }
            }
            Value::Made(id) => match self.state.made(*id) {
                Some(made) if &*made.of == MANAGER => match made.args.first() {
                    Some(Value::Function(id)) => *id,
                    _ => return true,
                },
                _ => return false,
            },
            _ => return false,
        };
        match self.state.function(function).map(|function| &function.body) {
            Some(Body::Def(def)) if def.is_generator => guards(&def.body),
            Some(Body::Def(def)) => returns_something(&def.body),
            _ => true,
        }
    }

    fn try_statement(
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

    fn handle(&mut self, raised: Raised, handler: &Handler) -> Done<Flow> {
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
    fn handler_for<'h>(&mut self, raised: &Raised, handlers: &'h [Handler]) -> Done<Option<&'h Handler>> {
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
                || super::errors::is_subclass(&raised.class, &name)
                || raised.bases.iter().any(|base| **base == *name || super::errors::is_subclass(base, &name))
            {
                return Some(true);
            }
        }
        known.then_some(false)
    }

    /// A `def`.
    fn define(&mut self, function: &Arc<tree::Function>) -> Done<()> {
        let (defaults, _) = self.parameters(&function.parameters)?;
        if let Some(returns) = &function.returns {
            self.annotation(returns)?;
        }
        let Some(frame) = self.frames.last() else { return Ok(()) };
        let (scope, module) = (frame.scope, frame.module);
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
    fn annotation(&mut self, annotation: &Expr) -> Done<()> {
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

    fn decorate(&mut self, value: Value, decorator: &Expr) -> Done<Value> {
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
                    return Ok(super::library::make(self, name, vec![value], Vec::new()));
                }
                ("dataclasses.dataclass", _) => return self.as_dataclass(value),
                _ => {}
            }
            super::later::note(self, name, &super::library::Args { args: &[], named: &[] });
            // Decorators of packages give back what they are given, or something that is called like it.
            return Ok(value);
        }
        if let Value::Made(id) = &with {
            let of = self.state.made(*id).map(|made| made.of.clone());
            if of.as_deref() == Some("dataclasses.dataclass") {
                return self.as_dataclass(value);
            }
            return Ok(value);
        }
        if let Value::Method(method) = &with
            && matches!(&*method.1, "setter" | "getter" | "deleter")
        {
            // The property that stands there stays what it is when it is read.
            if let (Value::Function(id), "setter") = (&method.0, &*method.1) {
                let id = *id;
                self.mark(id, |function| function.is_settable = true);
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

    fn mark(&mut self, id: Id, how: impl FnOnce(&mut Function)) {
        if let Some(function) = self.state.function_mut(id) {
            how(function);
        }
    }

    fn as_dataclass(&mut self, value: Value) -> Done<Value> {
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
            let mut is_open = false;
            for base in &class.bases {
                match base {
                    Value::Class(base) => {
                        if let Some((more, more_needed)) =
                            self.state.class(*base).and_then(|class| class.fields.clone())
                        {
                            needed += more_needed;
                            fields.extend(more);
                        }
                    }
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
    fn base_before_its_kind(&self, bases: &[Value]) -> Option<String> {
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
    fn define_class(&mut self, class: &Arc<tree::Class>) -> Done<()> {
        let mut bases = Vec::new();
        for base in &class.bases {
            bases.push(self.eval(base)?);
        }
        let mut checks_abstract = false;
        for keyword in &class.keywords {
            let value = self.eval(&keyword.value)?;
            if keyword.name.as_deref() == Some("metaclass") {
                checks_abstract |= matches!(&value, Value::Foreign(name) if &**name == "abc.ABCMeta");
            }
        }
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
        self.frames.push(Frame { scope: body, method: None, ..frame.clone() });
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
            is_open: false,
            checks_abstract,
            fields: None,
        }));
        for value in names.values() {
            if let Value::Function(function) = value
                && let Some(function) = self.state.function_mut(*function)
                && function.class.is_none()
            {
                function.class = Some(id);
            }
        }
        let mut value = Value::Class(id);
        for decorator in class.decorators.iter().rev() {
            value = self.decorate(value, decorator)?;
        }
        self.set_name(&class.name, value);
        Ok(())
    }
}

/// What a call of a function below `@contextlib.contextmanager` makes.
pub(crate) const MANAGER: &str = "contextlib._GeneratorContextManager";

/// Whether statements hold a `try` with `except`.
fn guards(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Try { handlers, .. } if !handlers.is_empty() => true,
        StmtKind::With { .. } => true,
        _ => blocks_of(stmt).iter().any(|block| guards(block)),
    })
}

/// Whether statements return something that may count as true.
fn returns_something(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Return(Some(value)) => !matches!(
            value.kind,
            tree::ExprKind::Constant(tree::Constant::None | tree::Constant::Bool(false))
        ),
        _ => blocks_of(stmt).iter().any(|block| returns_something(block)),
    })
}

/// The blocks within a statement, functions and classes left out.
fn blocks_of(stmt: &Stmt) -> Vec<&[Stmt]> {
    match &stmt.kind {
        StmtKind::For { body, orelse, .. }
        | StmtKind::While { body, orelse, .. }
        | StmtKind::If { body, orelse, .. } => vec![body, orelse],
        StmtKind::With { body, .. } => vec![body],
        StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
            let mut out: Vec<&[Stmt]> = vec![body, orelse, finalbody];
            out.extend(handlers.iter().map(|handler| &*handler.body));
            out
        }
        StmtKind::Match { cases, .. } => cases.iter().map(|case| &*case.body).collect(),
        _ => Vec::new(),
    }
}

/// `ClassVar[…]` is no field.
fn is_class_variable(annotation: &Expr) -> bool {
    match &annotation.kind {
        tree::ExprKind::Name(name) => name == "ClassVar",
        tree::ExprKind::Attribute { name, .. } => name == "ClassVar",
        tree::ExprKind::Subscript { value, .. } => is_class_variable(value),
        _ => false,
    }
}

/// `builtins.ValueError` → `ValueError`; what is not Python's own keeps its dots.
pub(crate) fn plain_class(name: &str) -> &str {
    name.strip_prefix("builtins.").unwrap_or(name)
}

fn is_alias_of_builtin(name: &str) -> bool {
    matches!(name, "socket.error" | "os.error" | "select.error")
}

fn same_foreign(name: &str, class: &str) -> bool {
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
fn catches_all(handlers: &[Handler]) -> bool {
    handlers.last().is_some_and(|handler| match &handler.types {
        None => true,
        Some(types) => match &types.kind {
            tree::ExprKind::Name(name) => matches!(name.as_str(), "Exception" | "BaseException"),
            _ => false,
        },
    })
}

/// After a loop: what ended it ends it alone.
fn after_loop(flow: Flow) -> Flow {
    match flow {
        Flow::On | Flow::Break | Flow::Continue => Flow::On,
        Flow::Return(value) => Flow::Perhaps(Box::new(Flow::Return(value))),
        Flow::Perhaps(inner) => match *inner {
            Flow::Return(value) => Flow::Perhaps(Box::new(Flow::Return(value))),
            _ => Flow::On,
        },
    }
}

/// Two ways that each leave the block.
fn join_flows(a: Flow, b: Flow) -> Flow {
    match (a, b) {
        (Flow::Return(a), Flow::Return(b)) => Flow::Return(join_values(&a, &b)),
        (Flow::Perhaps(a), b) | (b, Flow::Perhaps(a)) => Flow::Perhaps(Box::new(join_flows(*a, b))),
        (Flow::Return(a), _) | (_, Flow::Return(a)) => {
            // One of them ends the function, the other a loop: both may follow.
            Flow::Perhaps(Box::new(Flow::Return(a)))
        }
        (a, b) if a == b => a,
        (a, _) => Flow::Perhaps(Box::new(a)),
    }
}

/// The flow after one of two ways.
pub(crate) fn join_either(a: Flow, b: Flow) -> Flow {
    match (a, b) {
        (Flow::On, Flow::On) => Flow::On,
        (Flow::On, Flow::Perhaps(flow)) | (Flow::Perhaps(flow), Flow::On) => Flow::Perhaps(flow),
        (Flow::On, flow) | (flow, Flow::On) => Flow::Perhaps(Box::new(flow)),
        (a, b) => join_flows(a, b),
    }
}

/// The names that statements bind, in any branch, functions within left out.
pub(crate) fn bound_in(body: &[Stmt], names: &mut Vec<String>) {
    fn target(expr: &Expr, names: &mut Vec<String>) {
        match &expr.kind {
            tree::ExprKind::Name(name) => names.push(name.clone()),
            tree::ExprKind::Tuple(parts) | tree::ExprKind::List(parts) => {
                for part in parts {
                    target(part, names);
                }
            }
            tree::ExprKind::Starred(inner) => target(inner, names),
            _ => {}
        }
    }
    for stmt in body {
        match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets.iter().for_each(|expr| target(expr, names)),
            StmtKind::AugAssign { target: expr, .. } | StmtKind::AnnAssign { target: expr, .. } => {
                target(expr, names)
            }
            StmtKind::For { target: expr, body, orelse, .. } => {
                target(expr, names);
                bound_in(body, names);
                bound_in(orelse, names);
            }
            StmtKind::While { body, orelse, .. } | StmtKind::If { body, orelse, .. } => {
                bound_in(body, names);
                bound_in(orelse, names);
            }
            StmtKind::With { items, body, .. } => {
                items.iter().filter_map(|(_, expr)| expr.as_ref()).for_each(|expr| target(expr, names));
                bound_in(body, names);
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                bound_in(body, names);
                handlers.iter().for_each(|handler| bound_in(&handler.body, names));
                bound_in(orelse, names);
                bound_in(finalbody, names);
            }
            StmtKind::Match { cases, .. } => cases.iter().for_each(|case| bound_in(&case.body, names)),
            _ => {}
        }
    }
}
