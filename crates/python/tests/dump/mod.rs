//! A tree comes in; the lines that fixtures/python/dump.py prints of CPython's come out.

use std::fmt::Write as _;

use envdiff_python::tree::{
    Alias, At, Constant, Expr, ExprKind, Keyword, Module, Parameter, Parameters, Piece, Stmt, StmtKind,
};

/// One statement a line, what stands in it indented.
pub fn module(module: &Module) -> String {
    let mut out = String::new();
    for stmt in &module.body {
        statement(&mut out, 0, stmt);
    }
    out
}

fn at(at: At) -> String {
    format!("{}:{}-{}", at.line, at.column, at.end_column)
}

fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for letter in value.chars() {
        if letter.is_ascii_graphic() && letter != '"' && letter != '\\' {
            out.push(letter);
        } else {
            let _ = write!(out, "\\{:x};", u32::from(letter));
        }
    }
    out + "\""
}

fn constant(value: &Constant) -> String {
    match value {
        Constant::None => "None".to_owned(),
        Constant::Bool(true) => "True".to_owned(),
        Constant::Bool(false) => "False".to_owned(),
        Constant::Ellipsis => "...".to_owned(),
        Constant::Int(Some(value)) => value.to_string(),
        Constant::Int(None) => "big".to_owned(),
        Constant::Float(value) => format!("f{:016x}", value.to_bits()),
        Constant::Complex => "complex".to_owned(),
        Constant::Str(value) => text(value),
        Constant::Bytes(value) => value.iter().fold("b".to_owned(), |out, byte| out + &format!("{byte:02x}")),
    }
}

fn maybe(value: Option<&Expr>) -> String {
    value.map_or_else(|| "-".to_owned(), expr)
}

fn joined<T>(items: &[T], each: impl Fn(&T) -> String) -> String {
    items.iter().map(each).collect::<Vec<_>>().join(" ")
}

fn many(items: &[Expr]) -> String {
    format!("[{}]", joined(items, expr))
}

fn parameter(one: &Parameter) -> String {
    let (annotation, default) = (maybe(one.annotation.as_ref()), maybe(one.default.as_ref()));
    format!("({}:{} {} {annotation} {default})", one.at.line, one.at.column, one.name)
}

fn parameters(all: &Parameters) -> String {
    let rest = |one: Option<&Parameter>| one.map_or_else(|| "-".to_owned(), parameter);
    format!(
        "[{}] [{}] {} [{}] {}",
        joined(&all.positional_only, parameter),
        joined(&all.positional, parameter),
        rest(all.rest.as_ref()),
        joined(&all.keyword_only, parameter),
        rest(all.keyword_rest.as_ref())
    )
}

fn keywords(all: &[Keyword]) -> String {
    let one =
        |keyword: &Keyword| format!("{}={}", keyword.name.as_deref().unwrap_or("**"), expr(&keyword.value));
    format!("[{}]", joined(all, one))
}

fn expr(expr_: &Expr) -> String {
    let inner = match &expr_.kind {
        ExprKind::Constant(value) => constant(value),
        ExprKind::FString(pieces) => format!(
            "fstring {}",
            joined(pieces, |piece| match piece {
                Piece::Text(value) => text(value),
                Piece::Value { value, is_plain: true } => format!("(plain {})", expr(value)),
                Piece::Value { value, .. } => format!("(formatted {})", expr(value)),
            })
        ),
        ExprKind::Name(name) => format!("name {name}"),
        ExprKind::Attribute { value, name } => format!("attribute {} {name}", expr(value)),
        ExprKind::Subscript { value, index } => format!("subscript {} {}", expr(value), expr(index)),
        ExprKind::Call { function, args, keywords: named } => {
            format!("call {} {} {}", expr(function), many(args), keywords(named))
        }
        ExprKind::Binary { left, op, right } => {
            format!("{op:?} {} {}", expr(left), expr(right))
        }
        ExprKind::Unary { op, operand } => format!("{op:?} {}", expr(operand)),
        ExprKind::Bool { is_and, values } => {
            format!("{} {}", if *is_and { "and" } else { "or" }, many(values))
        }
        ExprKind::Compare { left, rest } => {
            format!(
                "compare {} {}",
                expr(left),
                joined(rest, |(op, right)| format!("{op:?} {}", expr(right)))
            )
        }
        ExprKind::IfElse { test, body, orelse } => {
            format!("ifelse {} {} {}", expr(test), expr(body), expr(orelse))
        }
        ExprKind::Lambda { parameters: all, body } => format!("lambda {} {}", parameters(all), expr(body)),
        ExprKind::List(parts) => format!("list {}", many(parts)),
        ExprKind::Tuple(parts) => format!("tuple {}", many(parts)),
        ExprKind::Set(parts) => format!("set {}", many(parts)),
        ExprKind::Dict(items) => {
            format!(
                "dict {}",
                joined(items, |(key, value)| format!("{}: {}", maybe(key.as_ref()), expr(value)))
            )
        }
        ExprKind::Comprehension { kind, element, value, generators } => format!(
            "{kind:?} {} {} {}",
            expr(element),
            maybe(value.as_deref()),
            joined(generators, |part| {
                let is_async = if part.is_async { " async" } else { "" };
                format!("(for {} {} {}{is_async})", expr(&part.target), expr(&part.iter), many(&part.ifs))
            })
        ),
        ExprKind::Starred(value) => format!("starred {}", expr(value)),
        ExprKind::Slice { lower, upper, step } => {
            format!(
                "slice {} {} {}",
                maybe(lower.as_deref()),
                maybe(upper.as_deref()),
                maybe(step.as_deref())
            )
        }
        ExprKind::Await(value) => format!("await {}", expr(value)),
        ExprKind::Yield(value) => format!("yield {}", maybe(value.as_deref())),
        ExprKind::Named { target, value } => format!("named {} {}", expr(target), expr(value)),
        ExprKind::Other => "other".to_owned(),
    };
    format!("({} {inner})", at(expr_.at))
}

fn aliases(all: &[Alias]) -> String {
    joined(all, |alias| {
        format!("({} {} {})", at(alias.at), alias.name, alias.asname.as_deref().unwrap_or("-"))
    })
}

fn block(out: &mut String, depth: usize, label: &str, body: &[Stmt]) {
    if !body.is_empty() {
        let _ = writeln!(out, "{}{label}", " ".repeat(depth));
        for stmt in body {
            statement(out, depth + 1, stmt);
        }
    }
}

fn statement(out: &mut String, depth: usize, stmt: &Stmt) {
    let asynchronous = |is_async: bool| if is_async { " async" } else { "" };
    let head = match &stmt.kind {
        StmtKind::Import(names) => format!("import {}", aliases(names)),
        StmtKind::ImportFrom { level, module, names } => {
            format!("from {level} {module} import {}", aliases(names))
        }
        StmtKind::Function(it) => format!(
            "def{}{} {} {} {} {}",
            asynchronous(it.is_async),
            if it.is_generator { " generator" } else { "" },
            it.name,
            many(&it.decorators),
            parameters(&it.parameters),
            maybe(it.returns.as_ref())
        ),
        StmtKind::Class(it) => {
            format!(
                "class {} {} {} {}",
                it.name,
                many(&it.decorators),
                many(&it.bases),
                keywords(&it.keywords)
            )
        }
        StmtKind::Assign { targets, value } => format!("assign {} {}", many(targets), expr(value)),
        StmtKind::AugAssign { target, op, value } => format!("aug {} {op:?} {}", expr(target), expr(value)),
        StmtKind::AnnAssign { target, annotation, value } => {
            format!("ann {} {} {}", expr(target), expr(annotation), maybe(value.as_ref()))
        }
        StmtKind::Return(value) => format!("return {}", maybe(value.as_ref())),
        StmtKind::Raise { error, cause } => {
            format!("raise {} {}", maybe(error.as_ref()), maybe(cause.as_ref()))
        }
        StmtKind::Assert { test, message } => format!("assert {} {}", expr(test), maybe(message.as_ref())),
        StmtKind::Delete(targets) => format!("del {}", many(targets)),
        StmtKind::Global(names) => format!("global {}", names.join(" ")),
        StmtKind::Nonlocal(names) => format!("nonlocal {}", names.join(" ")),
        StmtKind::If { test, .. } => format!("if {}", expr(test)),
        StmtKind::While { test, .. } => format!("while {}", expr(test)),
        StmtKind::For { target, iter, is_async, .. } => {
            format!("for{} {} {}", asynchronous(*is_async), expr(target), expr(iter))
        }
        StmtKind::Try { is_star, .. } => format!("try{}", if *is_star { " star" } else { "" }),
        StmtKind::With { items, is_async, .. } => format!(
            "with{} {}",
            asynchronous(*is_async),
            joined(items, |(manager, target)| format!("({} {})", expr(manager), maybe(target.as_ref())))
        ),
        StmtKind::Match { subject, .. } => format!("match {}", expr(subject)),
        StmtKind::Expr(value) => expr(value),
        StmtKind::TypeAlias(name) => format!("type {name}"),
        StmtKind::Pass => "pass".to_owned(),
        StmtKind::Break => "break".to_owned(),
        StmtKind::Continue => "continue".to_owned(),
    };
    let margin = " ".repeat(depth);
    let _ = writeln!(out, "{margin}{} {head}", at(stmt.at));
    match &stmt.kind {
        StmtKind::Function(it) => block(out, depth, "body", &it.body),
        StmtKind::Class(it) => block(out, depth, "body", &it.body),
        StmtKind::If { body, orelse, .. }
        | StmtKind::While { body, orelse, .. }
        | StmtKind::For { body, orelse, .. } => {
            block(out, depth, "body", body);
            block(out, depth, "else", orelse);
        }
        StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
            block(out, depth, "body", body);
            for handler in handlers {
                let name = handler.name.as_deref().unwrap_or("-");
                let types = maybe(handler.types.as_ref());
                let _ = writeln!(out, "{margin}except {} {types} {name}", at(handler.at));
                block(out, depth, "body", &handler.body);
            }
            block(out, depth, "else", orelse);
            block(out, depth, "finally", finalbody);
        }
        StmtKind::With { body, .. } => block(out, depth, "body", body),
        StmtKind::Match { cases, .. } => {
            for case in cases {
                let wild = if case.is_wildcard { " wild" } else { "" };
                let guard = maybe(case.guard.as_ref());
                let binds = case.binds.join(" ");
                let plain = case.values.as_ref().map_or_else(String::new, |values| {
                    let values: Vec<String> = values.iter().map(expr).collect();
                    format!(" one of {}", values.join(" "))
                });
                let _ = writeln!(out, "{margin}case {} [{binds}]{wild}{plain} {guard}", at(case.at));
                block(out, depth, "body", &case.body);
            }
        }
        _ => {}
    }
}
