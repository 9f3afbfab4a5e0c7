//! Statements come in; what their text alone says comes out: the blocks within them, the names that they bind.

use std::collections::BTreeSet;
use std::rc::Rc;

use envdiff_python::tree::{self, Expr, Stmt, StmtKind};

use crate::handler::value::Str;

/// The blocks within a statement, functions and classes left out.
pub(super) fn blocks_of(stmt: &Stmt) -> Vec<&[Stmt]> {
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

/// The names that a function's body binds and does not give to the module or to a function around.
pub(super) fn locals(body: &[Stmt]) -> BTreeSet<Str> {
    fn elsewhere(body: &[Stmt], names: &mut BTreeSet<Str>) {
        for stmt in body {
            if let StmtKind::Global(given) | StmtKind::Nonlocal(given) = &stmt.kind {
                names.extend(given.iter().map(|name| Rc::from(name.as_str())));
            }
            blocks_of(stmt).iter().for_each(|block| elsewhere(block, names));
        }
    }
    let mut bound = Vec::new();
    bound_in(body, &mut bound);
    let mut given = BTreeSet::new();
    elsewhere(body, &mut given);
    bound.iter().map(|name| Rc::from(name.as_str())).filter(|name| !given.contains(name)).collect()
}
