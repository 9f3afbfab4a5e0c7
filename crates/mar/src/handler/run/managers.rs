//! `with` comes in; what entering, the body and leaving do comes out, and whether an error ends there.

use envdiff_python::tree::{self, Expr, Stmt, StmtKind};

use super::source::blocks_of;
use super::{Done, Flow, Run, Stop};
use crate::handler::state::Body;
use crate::handler::value::Value;

impl Run<'_> {
    pub(super) fn with(&mut self, items: &[(Expr, Option<Expr>)], body: &[Stmt]) -> Done<Flow> {
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
                    self.files_are_lost();
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
    pub(super) fn may_swallow(&self, manager: &Value) -> bool {
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
}

/// What a call of a function below `@contextlib.contextmanager` makes.
pub(crate) const MANAGER: &str = "contextlib._GeneratorContextManager";

/// Whether statements hold a `try` with `except`.
pub(super) fn guards(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Try { handlers, .. } if !handlers.is_empty() => true,
        StmtKind::With { .. } => true,
        _ => blocks_of(stmt).iter().any(|block| guards(block)),
    })
}

/// Whether statements return something that may count as true.
pub(super) fn returns_something(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Return(Some(value)) => !matches!(
            value.kind,
            tree::ExprKind::Constant(tree::Constant::None | tree::Constant::Bool(false))
        ),
        _ => blocks_of(stmt).iter().any(|block| returns_something(block)),
    })
}
