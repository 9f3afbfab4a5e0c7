//! The parser's tree comes in; ours comes out, no deeper than the bound.

use std::sync::Arc;

use ruff_python_ast as ast;
use ruff_text_size::{Ranged, TextRange};

use crate::{
    limits,
    place::Places,
    refusal::Refusal,
    tree::{
        Alias, At, Binary, Case, Class, Compare, Comprehension, Constant, Expr, ExprKind, Function,
        Generator, Handler, Keyword, Module, Parameter, Parameters, Piece, Stmt, StmtKind, Unary,
    },
};

/// Lowers a module.
///
/// # Errors
/// Past [`limits::DEPTH`].
pub fn module(body: &[ast::Stmt], places: &Places<'_>) -> Result<Module, Refusal> {
    let mut lower = Lower { places, depth: 0, has_yield: false };
    let body = lower.block(body)?;
    let annotations_are_text = body.iter().any(|stmt| {
        matches!(&stmt.kind, StmtKind::ImportFrom { level: 0, module, names }
            if module == "__future__" && names.iter().any(|name| name.name == "annotations"))
    });
    Ok(Module { body, annotations_are_text })
}

struct Lower<'a> {
    places: &'a Places<'a>,
    depth: usize,
    /// Whether a `yield` has been seen since the innermost function began.
    has_yield: bool,
}

type Lowered<T> = Result<T, Refusal>;

impl Lower<'_> {
    fn at(&self, range: TextRange) -> At {
        self.places.at(range)
    }

    fn deeper<T>(&mut self, range: TextRange, inner: impl FnOnce(&mut Self) -> Lowered<T>) -> Lowered<T> {
        if self.depth >= limits::DEPTH {
            return Err(Refusal::too_deep(self.at(range)));
        }
        self.depth += 1;
        let lowered = inner(self);
        self.depth -= 1;
        lowered
    }

    fn block(&mut self, body: &[ast::Stmt]) -> Lowered<Vec<Stmt>> {
        body.iter().map(|stmt| self.stmt(stmt)).collect()
    }

    fn stmt(&mut self, stmt: &ast::Stmt) -> Lowered<Stmt> {
        let range = stmt.range();
        let kind = self.deeper(range, |lower| lower.stmt_kind(stmt))?;
        Ok(Stmt { at: self.statement(stmt), kind })
    }

    /// A statement's place; of a decorated one it begins at its `def` or `class`, as CPython's does since 3.8.
    fn statement(&self, stmt: &ast::Stmt) -> At {
        let range = stmt.range();
        let decorators = match stmt {
            ast::Stmt::FunctionDef(def) => &def.decorator_list,
            ast::Stmt::ClassDef(def) => &def.decorator_list,
            _ => return self.at(range),
        };
        let Some(last) = decorators.last() else { return self.at(range) };
        self.places.span(self.places.code_from(last.range.end().to_usize()), range.end().to_usize())
    }

    fn stmt_kind(&mut self, stmt: &ast::Stmt) -> Lowered<StmtKind> {
        Ok(match stmt {
            ast::Stmt::FunctionDef(def) => StmtKind::Function(Arc::new(self.function(def)?)),
            ast::Stmt::ClassDef(def) => StmtKind::Class(Arc::new(self.class(def)?)),
            ast::Stmt::Return(it) => StmtKind::Return(self.maybe(it.value.as_deref())?),
            ast::Stmt::Delete(it) => StmtKind::Delete(self.exprs(&it.targets)?),
            ast::Stmt::TypeAlias(it) => match &*it.name {
                ast::Expr::Name(name) => StmtKind::TypeAlias(name.id.to_string()),
                _ => StmtKind::TypeAlias(String::new()),
            },
            ast::Stmt::Assign(it) => {
                StmtKind::Assign { targets: self.exprs(&it.targets)?, value: self.expr(&it.value)? }
            }
            ast::Stmt::AugAssign(it) => StmtKind::AugAssign {
                target: self.expr(&it.target)?,
                op: binary(it.op),
                value: self.expr(&it.value)?,
            },
            ast::Stmt::AnnAssign(it) => StmtKind::AnnAssign {
                target: self.expr(&it.target)?,
                annotation: self.expr(&it.annotation)?,
                value: self.maybe(it.value.as_deref())?,
            },
            ast::Stmt::For(it) => StmtKind::For {
                target: self.expr(&it.target)?,
                iter: self.expr(&it.iter)?,
                body: self.block(&it.body)?,
                orelse: self.block(&it.orelse)?,
                is_async: it.is_async,
            },
            ast::Stmt::While(it) => StmtKind::While {
                test: self.expr(&it.test)?,
                body: self.block(&it.body)?,
                orelse: self.block(&it.orelse)?,
            },
            ast::Stmt::If(it) => StmtKind::If {
                test: self.expr(&it.test)?,
                body: self.block(&it.body)?,
                orelse: self.orelse(&it.elif_else_clauses)?,
            },
            ast::Stmt::With(it) => StmtKind::With {
                items: it
                    .items
                    .iter()
                    .map(|item| {
                        Ok((self.expr(&item.context_expr)?, self.maybe(item.optional_vars.as_deref())?))
                    })
                    .collect::<Lowered<_>>()?,
                body: self.block(&it.body)?,
                is_async: it.is_async,
            },
            ast::Stmt::Match(it) => StmtKind::Match {
                subject: self.expr(&it.subject)?,
                cases: it.cases.iter().map(|case| self.case(case)).collect::<Lowered<_>>()?,
            },
            ast::Stmt::Raise(it) => StmtKind::Raise {
                error: self.maybe(it.exc.as_deref())?,
                cause: self.maybe(it.cause.as_deref())?,
            },
            ast::Stmt::Try(it) => StmtKind::Try {
                body: self.block(&it.body)?,
                handlers: it
                    .handlers
                    .iter()
                    .map(|ast::ExceptHandler::ExceptHandler(handler)| {
                        Ok(Handler {
                            at: self.at(handler.range),
                            types: self.maybe(handler.type_.as_deref())?,
                            name: handler.name.as_ref().map(|name| name.id.to_string()),
                            body: self.block(&handler.body)?,
                        })
                    })
                    .collect::<Lowered<_>>()?,
                orelse: self.block(&it.orelse)?,
                finalbody: self.block(&it.finalbody)?,
                is_star: it.is_star,
            },
            ast::Stmt::Assert(it) => {
                StmtKind::Assert { test: self.expr(&it.test)?, message: self.maybe(it.msg.as_deref())? }
            }
            ast::Stmt::Import(it) => StmtKind::Import(self.aliases(&it.names)),
            ast::Stmt::ImportFrom(it) => StmtKind::ImportFrom {
                level: it.level,
                module: it.module.as_ref().map(|module| module.id.to_string()).unwrap_or_default(),
                names: self.aliases(&it.names),
            },
            ast::Stmt::Global(it) => {
                StmtKind::Global(it.names.iter().map(|name| name.id.to_string()).collect())
            }
            ast::Stmt::Nonlocal(it) => {
                StmtKind::Nonlocal(it.names.iter().map(|name| name.id.to_string()).collect())
            }
            ast::Stmt::Expr(it) => StmtKind::Expr(self.expr(&it.value)?),
            ast::Stmt::Pass(_) | ast::Stmt::IpyEscapeCommand(_) => StmtKind::Pass,
            ast::Stmt::Break(_) => StmtKind::Break,
            ast::Stmt::Continue(_) => StmtKind::Continue,
        })
    }

    fn aliases(&self, names: &[ast::Alias]) -> Vec<Alias> {
        names
            .iter()
            .map(|alias| Alias {
                at: self.at(alias.range),
                name: alias.name.id.to_string(),
                asname: alias.asname.as_ref().map(|name| name.id.to_string()),
            })
            .collect()
    }

    /// `elif` and `else`. A long chain is cut into groups, each an `If` whose test is not known ("one of these"): what stands
    /// in it may happen or what follows may, which is less than is said in the source and never more.
    fn orelse(&mut self, clauses: &[ast::ElifElseClause]) -> Lowered<Vec<Stmt>> {
        let Some((first, _)) = clauses.split_first() else { return Ok(Vec::new()) };
        if clauses.len() <= limits::LINKS {
            return self.elif(clauses);
        }
        let (group, rest) = clauses.split_at(limits::LINKS);
        self.deeper(first.range, |lower| {
            let at = lower.at(first.range);
            let body = lower.elif(group)?;
            let orelse = lower.orelse(rest)?;
            let test = Expr { at, kind: ExprKind::Other };
            Ok(vec![Stmt { at, kind: StmtKind::If { test, body, orelse } }])
        })
    }

    fn elif(&mut self, clauses: &[ast::ElifElseClause]) -> Lowered<Vec<Stmt>> {
        let Some((first, rest)) = clauses.split_first() else { return Ok(Vec::new()) };
        let Some(test) = &first.test else { return self.block(&first.body) };
        self.deeper(first.range, |lower| {
            let at = lower.at(first.range);
            let test = lower.expr(test)?;
            let body = lower.block(&first.body)?;
            let orelse = lower.elif(rest)?;
            Ok(vec![Stmt { at, kind: StmtKind::If { test, body, orelse } }])
        })
    }

    fn function(&mut self, def: &ast::StmtFunctionDef) -> Lowered<Function> {
        let decorators = self.decorators(&def.decorator_list)?;
        let parameters = self.parameters(&def.parameters)?;
        let returns = self.maybe(def.returns.as_deref())?;
        let outside = std::mem::replace(&mut self.has_yield, false);
        let body = self.block(&def.body)?;
        let is_generator = std::mem::replace(&mut self.has_yield, outside);
        Ok(Function {
            name: def.name.id.to_string(),
            name_at: self.at(def.name.range),
            decorators,
            parameters,
            returns,
            body,
            is_async: def.is_async,
            is_generator,
        })
    }

    fn decorators(&mut self, list: &[ast::Decorator]) -> Lowered<Vec<Expr>> {
        list.iter().map(|decorator| self.expr(&decorator.expression)).collect()
    }

    fn class(&mut self, def: &ast::StmtClassDef) -> Lowered<Class> {
        Ok(Class {
            name: def.name.id.to_string(),
            name_at: self.at(def.name.range),
            decorators: self.decorators(&def.decorator_list)?,
            bases: self.exprs(def.bases())?,
            keywords: self.keywords(def.keywords())?,
            body: self.block(&def.body)?,
        })
    }

    fn keywords(&mut self, keywords: &[ast::Keyword]) -> Lowered<Vec<Keyword>> {
        keywords
            .iter()
            .map(|keyword| {
                Ok(Keyword {
                    name: keyword.arg.as_ref().map(|name| name.id.to_string()),
                    value: self.expr(&keyword.value)?,
                })
            })
            .collect()
    }

    fn parameters(&mut self, all: &ast::Parameters) -> Lowered<Parameters> {
        Ok(Parameters {
            positional_only: self.with_defaults(&all.posonlyargs)?,
            positional: self.with_defaults(&all.args)?,
            rest: all.vararg.as_ref().map(|one| self.parameter(one, None)).transpose()?,
            keyword_only: self.with_defaults(&all.kwonlyargs)?,
            keyword_rest: all.kwarg.as_ref().map(|one| self.parameter(one, None)).transpose()?,
        })
    }

    fn with_defaults(&mut self, all: &[ast::ParameterWithDefault]) -> Lowered<Vec<Parameter>> {
        all.iter().map(|one| self.parameter(&one.parameter, one.default.as_deref())).collect()
    }

    fn parameter(&mut self, one: &ast::Parameter, default: Option<&ast::Expr>) -> Lowered<Parameter> {
        Ok(Parameter {
            at: self.at(one.name.range),
            name: one.name.id.to_string(),
            annotation: self.maybe(one.annotation.as_deref())?,
            default: self.maybe(default)?,
        })
    }

    fn case(&mut self, case: &ast::MatchCase) -> Lowered<Case> {
        let mut binds = Vec::new();
        self.pattern(&case.pattern, &mut binds)?;
        let mut values = Vec::new();
        let is_plain = self.values(&case.pattern, &mut values)?;
        Ok(Case {
            at: self.at(case.pattern.range()),
            binds,
            values: is_plain.then_some(values),
            is_wildcard: case.pattern.is_irrefutable(),
            guard: self.maybe(case.guard.as_deref())?,
            body: self.block(&case.body)?,
        })
    }

    /// Collects what a pattern of values alone asks for; whether it is one.
    fn values(&mut self, pattern: &ast::Pattern, values: &mut Vec<Expr>) -> Lowered<bool> {
        Ok(match pattern {
            ast::Pattern::MatchValue(it) => {
                values.push(self.expr(&it.value)?);
                true
            }
            ast::Pattern::MatchSingleton(it) => {
                let constant = match it.value {
                    ast::Singleton::None => Constant::None,
                    ast::Singleton::True => Constant::Bool(true),
                    ast::Singleton::False => Constant::Bool(false),
                };
                values.push(Expr { at: self.at(it.range), kind: ExprKind::Constant(constant) });
                true
            }
            ast::Pattern::MatchOr(it) => {
                for one in &it.patterns {
                    // An alternative of an alternative is written in brackets, which nobody does.
                    if matches!(one, ast::Pattern::MatchOr(_)) || !self.values(one, values)? {
                        return Ok(false);
                    }
                }
                true
            }
            _ => false,
        })
    }

    fn pattern(&mut self, pattern: &ast::Pattern, binds: &mut Vec<String>) -> Lowered<()> {
        let mut bind = |name: Option<&ast::Identifier>| {
            if let Some(name) = name
                && !binds.iter().any(|bound| *bound == *name.id)
            {
                binds.push(name.id.to_string());
            }
        };
        match pattern {
            ast::Pattern::MatchValue(_) | ast::Pattern::MatchSingleton(_) => return Ok(()),
            ast::Pattern::MatchStar(star) => {
                bind(star.name.as_ref());
                return Ok(());
            }
            ast::Pattern::MatchAs(it) => bind(it.name.as_ref()),
            ast::Pattern::MatchMapping(it) => bind(it.rest.as_ref()),
            _ => {}
        }
        self.deeper(pattern.range(), |lower| {
            match pattern {
                ast::Pattern::MatchAs(it) => {
                    if let Some(inner) = it.pattern.as_deref() {
                        lower.pattern(inner, binds)?;
                    }
                }
                ast::Pattern::MatchMapping(it) => lower.patterns(&it.patterns, binds)?,
                ast::Pattern::MatchSequence(it) => lower.patterns(&it.patterns, binds)?,
                ast::Pattern::MatchOr(it) => lower.patterns(&it.patterns, binds)?,
                ast::Pattern::MatchClass(it) => {
                    lower.patterns(&it.arguments.patterns, binds)?;
                    for keyword in &it.arguments.keywords {
                        lower.pattern(&keyword.pattern, binds)?;
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn patterns(&mut self, all: &[ast::Pattern], binds: &mut Vec<String>) -> Lowered<()> {
        all.iter().try_for_each(|pattern| self.pattern(pattern, binds))
    }

    fn maybe(&mut self, expr: Option<&ast::Expr>) -> Lowered<Option<Expr>> {
        expr.map(|expr| self.expr(expr)).transpose()
    }

    fn boxed(&mut self, expr: &ast::Expr) -> Lowered<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn exprs(&mut self, exprs: &[ast::Expr]) -> Lowered<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr(&mut self, expr: &ast::Expr) -> Lowered<Expr> {
        let range = expr.range();
        let kind = match expr {
            // The leaves need no room.
            ast::Expr::Name(name) => ExprKind::Name(name.id.to_string()),
            ast::Expr::StringLiteral(it) => ExprKind::Constant(Constant::Str(it.value.to_str().to_owned())),
            ast::Expr::BytesLiteral(it) => ExprKind::Constant(Constant::Bytes(it.value.bytes().collect())),
            ast::Expr::NumberLiteral(it) => ExprKind::Constant(match &it.value {
                ast::Number::Int(int) => Constant::Int(int.as_i64()),
                ast::Number::Float(float) => Constant::Float(*float),
                ast::Number::Complex { .. } => Constant::Complex,
            }),
            ast::Expr::BooleanLiteral(it) => ExprKind::Constant(Constant::Bool(it.value)),
            ast::Expr::NoneLiteral(_) => ExprKind::Constant(Constant::None),
            ast::Expr::EllipsisLiteral(_) => ExprKind::Constant(Constant::Ellipsis),
            ast::Expr::TString(_) | ast::Expr::IpyEscapeCommand(_) => ExprKind::Other,
            ast::Expr::BinOp(it) => return self.deeper(range, |lower| lower.sum(it)),
            _ => self.deeper(range, |lower| lower.expr_kind(expr))?,
        };
        Ok(Expr { at: self.at(range), kind })
    }

    fn expr_kind(&mut self, expr: &ast::Expr) -> Lowered<ExprKind> {
        Ok(match expr {
            ast::Expr::BoolOp(it) => {
                ExprKind::Bool { is_and: matches!(it.op, ast::BoolOp::And), values: self.exprs(&it.values)? }
            }
            ast::Expr::Named(it) => {
                ExprKind::Named { target: self.boxed(&it.target)?, value: self.boxed(&it.value)? }
            }
            ast::Expr::UnaryOp(it) => ExprKind::Unary { op: unary(it.op), operand: self.boxed(&it.operand)? },
            ast::Expr::Lambda(it) => self.lambda(it)?,
            ast::Expr::If(it) => ExprKind::IfElse {
                test: self.boxed(&it.test)?,
                body: self.boxed(&it.body)?,
                orelse: self.boxed(&it.orelse)?,
            },
            ast::Expr::Dict(it) => ExprKind::Dict(
                it.items
                    .iter()
                    .map(|item| Ok((self.maybe(item.key.as_ref())?, self.expr(&item.value)?)))
                    .collect::<Lowered<_>>()?,
            ),
            ast::Expr::Set(it) => ExprKind::Set(self.exprs(&it.elts)?),
            ast::Expr::ListComp(it) => {
                self.comprehension(Comprehension::List, &it.elt, None, &it.generators)?
            }
            ast::Expr::SetComp(it) => {
                self.comprehension(Comprehension::Set, &it.elt, None, &it.generators)?
            }
            ast::Expr::Generator(it) => {
                self.comprehension(Comprehension::Generator, &it.elt, None, &it.generators)?
            }
            ast::Expr::DictComp(it) => match it.key.as_deref() {
                Some(key) => self.comprehension(Comprehension::Dict, key, Some(&it.value), &it.generators)?,
                // `{**each for each in …}`, since 3.15.
                None => self.comprehension(Comprehension::Dict, &it.value, None, &it.generators)?,
            },
            ast::Expr::Await(it) => ExprKind::Await(self.boxed(&it.value)?),
            ast::Expr::Yield(it) => {
                self.has_yield = true;
                ExprKind::Yield(it.value.as_deref().map(|value| self.boxed(value)).transpose()?)
            }
            ast::Expr::YieldFrom(it) => {
                self.has_yield = true;
                ExprKind::Yield(Some(self.boxed(&it.value)?))
            }
            ast::Expr::Compare(it) => ExprKind::Compare {
                left: self.boxed(&it.left)?,
                rest: it
                    .ops
                    .iter()
                    .zip(&it.comparators)
                    .map(|(op, right)| Ok((compare(*op), self.expr(right)?)))
                    .collect::<Lowered<_>>()?,
            },
            ast::Expr::Call(it) => {
                let function = self.boxed(&it.func)?;
                let mut args = self.exprs(&it.arguments.args)?;
                // The brackets of the call are also those of a generator that stands in it alone.
                if let ([ast::Expr::Generator(inner)], [arg]) = (&*it.arguments.args, args.as_mut_slice())
                    && !inner.parenthesized
                {
                    arg.at = self.at(it.arguments.range);
                }
                ExprKind::Call { function, args, keywords: self.keywords(&it.arguments.keywords)? }
            }
            ast::Expr::FString(it) => self.f_string(&it.value)?,
            ast::Expr::Attribute(it) => {
                ExprKind::Attribute { value: self.boxed(&it.value)?, name: it.attr.id.to_string() }
            }
            ast::Expr::Subscript(it) => {
                ExprKind::Subscript { value: self.boxed(&it.value)?, index: self.boxed(&it.slice)? }
            }
            ast::Expr::Starred(it) => ExprKind::Starred(self.boxed(&it.value)?),
            ast::Expr::List(it) => ExprKind::List(self.exprs(&it.elts)?),
            ast::Expr::Tuple(it) => ExprKind::Tuple(self.exprs(&it.elts)?),
            ast::Expr::Slice(it) => ExprKind::Slice {
                lower: it.lower.as_deref().map(|part| self.boxed(part)).transpose()?,
                upper: it.upper.as_deref().map(|part| self.boxed(part)).transpose()?,
                step: it.step.as_deref().map(|part| self.boxed(part)).transpose()?,
            },
            _ => ExprKind::Other,
        })
    }

    fn lambda(&mut self, it: &ast::ExprLambda) -> Lowered<ExprKind> {
        let parameters = match it.parameters.as_deref() {
            Some(parameters) => self.parameters(parameters)?,
            None => Parameters::default(),
        };
        let outside = self.has_yield;
        let body = Arc::new(self.expr(&it.body)?);
        self.has_yield = outside;
        Ok(ExprKind::Lambda { parameters: Arc::new(parameters), body })
    }

    fn comprehension(
        &mut self,
        kind: Comprehension,
        element: &ast::Expr,
        value: Option<&ast::Expr>,
        generators: &[ast::Comprehension],
    ) -> Lowered<ExprKind> {
        Ok(ExprKind::Comprehension {
            kind,
            element: self.boxed(element)?,
            value: value.map(|value| self.boxed(value)).transpose()?,
            generators: generators
                .iter()
                .map(|part| {
                    Ok(Generator {
                        target: self.expr(&part.target)?,
                        iter: self.expr(&part.iter)?,
                        ifs: self.exprs(&part.ifs)?,
                        is_async: part.is_async,
                    })
                })
                .collect::<Lowered<_>>()?,
        })
    }

    /// `a + b + c + …`, which leans to the left as deep as it is long: followed without recursion, and folded where it is long.
    fn sum(&mut self, last: &ast::ExprBinOp) -> Lowered<Expr> {
        let mut links = vec![last];
        let mut first = &*last.left;
        while let ast::Expr::BinOp(link) = first {
            links.push(link);
            first = &*link.left;
        }
        links.reverse();
        if links.len() > limits::LINKS {
            let leaves = std::iter::once(first).chain(links.iter().map(|link| &*link.right));
            let leaves = leaves.map(|leaf| self.expr(leaf).map(Some)).collect::<Lowered<Vec<_>>>()?;
            let ranges: Vec<_> =
                std::iter::once(first.range()).chain(links.iter().map(|link| link.right.range())).collect();
            let mut fold = Fold { places: self.places, links: &links, ranges: &ranges, leaves };
            return Ok(fold.part(0, links.len()));
        }
        // The outermost has been counted.
        let room = self.depth + links.len() - 1;
        if room > limits::DEPTH {
            return Err(Refusal::too_deep(self.at(last.range)));
        }
        let outside = std::mem::replace(&mut self.depth, room);
        let folded = self.lean(first, &links);
        self.depth = outside;
        folded
    }

    fn lean(&mut self, first: &ast::Expr, links: &[&ast::ExprBinOp]) -> Lowered<Expr> {
        let mut left = self.expr(first)?;
        for link in links {
            let right = self.boxed(&link.right)?;
            left = Expr {
                at: self.at(link.range),
                kind: ExprKind::Binary { left: Box::new(left), op: binary(link.op), right },
            };
        }
        Ok(left)
    }

    fn f_string(&mut self, value: &ast::FStringValue) -> Lowered<ExprKind> {
        let mut pieces = Vec::new();
        for part in value {
            match part {
                ast::FStringPart::Literal(literal) => text(&mut pieces, &literal.value),
                ast::FStringPart::FString(inner) => self.pieces(&inner.elements, &mut pieces)?,
            }
        }
        Ok(ExprKind::FString(pieces))
    }

    fn pieces(&mut self, elements: &ast::InterpolatedStringElements, pieces: &mut Vec<Piece>) -> Lowered<()> {
        for element in elements {
            match element {
                ast::InterpolatedStringElement::Literal(literal) => text(pieces, &literal.value),
                ast::InterpolatedStringElement::Interpolation(inner) => {
                    let is_plain = inner.conversion == ast::ConversionFlag::None
                        && inner.format_spec.is_none()
                        && inner.debug_text.is_none();
                    if let Some(debug) = &inner.debug_text {
                        text(pieces, debug.leading());
                        text(pieces, debug.expression());
                        text(pieces, debug.trailing());
                    }
                    pieces.push(Piece::Value { value: self.boxed(&inner.expression)?, is_plain });
                    // What a format spec interpolates is evaluated too, after the value.
                    if let Some(spec) = inner.format_spec.as_deref() {
                        self.deeper(spec.range, |lower| lower.spec(&spec.elements, pieces))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn spec(&mut self, elements: &ast::InterpolatedStringElements, pieces: &mut Vec<Piece>) -> Lowered<()> {
        for element in elements {
            if let ast::InterpolatedStringElement::Interpolation(inner) = element {
                pieces.push(Piece::Value { value: self.boxed(&inner.expression)?, is_plain: false });
                if let Some(spec) = inner.format_spec.as_deref() {
                    self.deeper(spec.range, |lower| lower.spec(&spec.elements, pieces))?;
                }
            }
        }
        Ok(())
    }
}

/// A long chain on its way to a balanced tree.
struct Fold<'a> {
    places: &'a Places<'a>,
    links: &'a [&'a ast::ExprBinOp],
    ranges: &'a [TextRange],
    leaves: Vec<Option<Expr>>,
}

impl Fold<'_> {
    /// The leaves from one to another, both included.
    fn part(&mut self, from: usize, to: usize) -> Expr {
        if from < to {
            let middle = usize::midpoint(from, to);
            if let (Some(link), Some(start), Some(end)) =
                (self.links.get(middle), self.ranges.get(from), self.ranges.get(to))
            {
                let at = self.places.at(TextRange::new(start.start(), end.end()));
                let left = Box::new(self.part(from, middle));
                let right = Box::new(self.part(middle + 1, to));
                return Expr { at, kind: ExprKind::Binary { left, op: binary(link.op), right } };
            }
        }
        self.leaves
            .get_mut(from)
            .and_then(Option::take)
            .unwrap_or(Expr { at: At::default(), kind: ExprKind::Other })
    }
}

/// Adjacent texts are one.
fn text(pieces: &mut Vec<Piece>, more: &str) {
    if more.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Text(text)) => text.push_str(more),
        _ => pieces.push(Piece::Text(more.to_owned())),
    }
}

fn binary(op: ast::Operator) -> Binary {
    match op {
        ast::Operator::Add => Binary::Add,
        ast::Operator::Sub => Binary::Sub,
        ast::Operator::Mult => Binary::Mult,
        ast::Operator::MatMult => Binary::MatMult,
        ast::Operator::Div => Binary::Div,
        ast::Operator::Mod => Binary::Mod,
        ast::Operator::Pow => Binary::Pow,
        ast::Operator::LShift => Binary::LShift,
        ast::Operator::RShift => Binary::RShift,
        ast::Operator::BitOr => Binary::BitOr,
        ast::Operator::BitXor => Binary::BitXor,
        ast::Operator::BitAnd => Binary::BitAnd,
        ast::Operator::FloorDiv => Binary::FloorDiv,
    }
}

fn unary(op: ast::UnaryOp) -> Unary {
    match op {
        ast::UnaryOp::Invert => Unary::Invert,
        ast::UnaryOp::Not => Unary::Not,
        ast::UnaryOp::UAdd => Unary::Plus,
        ast::UnaryOp::USub => Unary::Minus,
    }
}

fn compare(op: ast::CmpOp) -> Compare {
    match op {
        ast::CmpOp::Eq => Compare::Eq,
        ast::CmpOp::NotEq => Compare::NotEq,
        ast::CmpOp::Lt => Compare::Lt,
        ast::CmpOp::LtE => Compare::LtE,
        ast::CmpOp::Gt => Compare::Gt,
        ast::CmpOp::GtE => Compare::GtE,
        ast::CmpOp::Is => Compare::Is,
        ast::CmpOp::IsNot => Compare::IsNot,
        ast::CmpOp::In => Compare::In,
        ast::CmpOp::NotIn => Compare::NotIn,
    }
}
