//! Statements come in; what they do to the state comes out, or the error that they end in. Nothing is run: where a condition is
//! not known both ways are followed, and what either does counts as "perhaps".

mod bind;
mod define;
mod loops;
pub(crate) mod managers;
mod raising;
pub(crate) mod source;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use envdiff_files::Miss;
use envdiff_model::Fault;
use envdiff_python::tree::{self, At, Stmt, StmtKind};

use super::state::{Scope, State, join_values};
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
    /// The name of the class around the code, by which `__name` is mangled.
    pub(crate) mangles: Option<Str>,
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
    /// The names that belong to each function, by where its `def` lies in memory.
    locals: HashMap<*const tree::Function, Rc<BTreeSet<Str>>>,
    /// What is needed only when requests come.
    pub(crate) later: Vec<super::later::Later>,
    /// Whether the arguments of the call that is followed are not all known.
    pub(crate) is_open_call: bool,
    /// How many callbacks are followed within each other of which it is not known whether they run.
    pub(crate) escaped: usize,
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
            locals: HashMap::new(),
            later: Vec::new(),
            is_open_call: false,
            escaped: 0,
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
            StmtKind::Try { body, handlers, orelse, finalbody, is_star: true } => {
                return self.deeper(|run| run.star_statement(body, handlers, orelse, finalbody));
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                return self.deeper(|run| run.try_statement(body, handlers, orelse, finalbody));
            }
            StmtKind::With { items, body, .. } => return self.with(items, body),
            StmtKind::Match { subject, cases } => {
                let subject = self.eval(subject)?;
                let before = self.perhaps.len();
                let at = self.place_of(stmt.at);
                let flow = self.cases(&subject, cases)?;
                self.conditioned(before, at.as_ref());
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

    /// The first case that takes the subject; where that is not known, this one or those behind it.
    fn cases(&mut self, subject: &Value, cases: &[tree::Case]) -> Done<Flow> {
        let Some((case, rest)) = cases.split_first() else { return Ok(Flow::On) };
        let mut takes = match &case.values {
            Some(values) => {
                let mut found = Some(false);
                for value in values {
                    let value = self.eval(value)?;
                    match self.equal(subject, &value) {
                        Some(true) => {
                            found = Some(true);
                            break;
                        }
                        Some(false) => {}
                        None => found = None,
                    }
                }
                found
            }
            None => case.is_wildcard.then_some(true),
        };
        if takes == Some(false) {
            return self.deeper(|run| run.cases(subject, rest));
        }
        let bind = |run: &mut Self| {
            for name in &case.binds {
                run.set_name(name, if case.is_wildcard { subject.clone() } else { Value::Unknown });
            }
        };
        if let (Some(guard), Some(true)) = (&case.guard, takes) {
            bind(self);
            let value = self.eval(guard)?;
            takes = self.truth(&value);
        }
        match takes {
            Some(true) => {
                bind(self);
                self.deeper(|run| run.block(&case.body))
            }
            Some(false) => self.deeper(|run| run.cases(subject, rest)),
            None => self.deeper(|run| {
                let body = |run: &mut Self| {
                    bind(run);
                    match &case.guard {
                        Some(guard) => run.perhaps(|run| {
                            run.eval(guard)?;
                            run.block(&case.body)
                        }),
                        None => run.block(&case.body),
                    }
                };
                run.either(body, |run| run.cases(subject, rest), join_either)
            }),
        }
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

    /// The names that belong to a function: its body binds them somewhere.
    pub(crate) fn locals_of(&mut self, function: &Arc<tree::Function>) -> Rc<BTreeSet<Str>> {
        let found = self.locals.entry(Arc::as_ptr(function));
        Rc::clone(found.or_insert_with(|| Rc::new(source::locals(&function.body))))
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

    /// `__name` as Python writes it within a class: `_Class__name`.
    pub(crate) fn mangled<'n>(&self, name: &'n str) -> std::borrow::Cow<'n, str> {
        let class = self.frames.last().and_then(|frame| frame.mangles.as_deref());
        let class = class.map(|class| class.trim_start_matches('_')).filter(|class| !class.is_empty());
        match class {
            Some(class) if name.starts_with("__") && !name.ends_with("__") => {
                format!("_{class}{name}").into()
            }
            _ => name.into(),
        }
    }

    /// The scope of the module's names.
    pub(crate) fn globals(&self) -> Option<Id> {
        self.state.module(self.frames.last()?.module)?.scope
    }

    /// Binds a name where the code stands.
    pub(crate) fn set_name(&mut self, name: &str, value: Value) {
        let globals = self.globals();
        let Some(frame) = self.frames.last() else { return };
        let mut at = frame.scope;
        let key: Str = match self.is_class_body(at) {
            true => Rc::from(self.mangled(name).as_ref()),
            false => Rc::from(name),
        };
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
