//! A target and a value come in; names, attributes and items that are bound, or deleted, come out.

use envdiff_python::tree::{self, Expr};

use super::{Done, Run};
use crate::handler::value::Value;

impl Run<'_> {
    /// Binds what stands on the left of `=`.
    pub(crate) fn bind(&mut self, target: &Expr, value: Value) -> Done<()> {
        match &target.kind {
            tree::ExprKind::Name(name) => self.set_name(name, value),
            tree::ExprKind::Attribute { value: of, name } => {
                let object = self.eval(of)?;
                let name = self.mangled(name).into_owned();
                self.set_attribute(&object, &name, value)?;
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
    pub(super) fn bind_with_star(&mut self, whole: &Expr, targets: &[Expr], items: &[Value]) -> Done<()> {
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

    pub(super) fn delete(&mut self, target: &Expr) -> Done<()> {
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
                let mangled = self.mangled(name);
                if let Value::Instance(id) = object
                    && let Some(instance) = self.state.instance_mut(id)
                {
                    instance.names.remove(&*mangled);
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
}
