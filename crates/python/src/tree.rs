//! What a Python file does, statement by statement: the shape in which the rest of envdiff sees Python source.
//!
//! It follows the names of Python's own `ast` module, without what nobody asks about. Every statement and expression has its
//! place. Nothing here is evaluated.

use std::sync::Arc;

/// A place in a file: line and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The first line.
    pub line: u32,
    /// The first character.
    pub column: u32,
    /// One past the last character, where that stands on the same line; else one past the end of the first line.
    pub end_column: u32,
}

/// A file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Module {
    /// Its statements.
    pub body: Vec<Stmt>,
    /// Whether `from __future__ import annotations` stands in it: then annotations are not evaluated.
    pub annotations_are_text: bool,
}

/// A statement with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    /// Where.
    pub at: At,
    /// What.
    pub kind: StmtKind,
}

/// The statements.
#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    /// `import a.b as c, d`.
    Import(Vec<Alias>),
    /// `from ..a.b import c as d`; `*` is the name `*`.
    ImportFrom {
        /// How many dots.
        level: u32,
        /// What stands behind them; empty for `from . import x`.
        module: String,
        /// What is taken.
        names: Vec<Alias>,
    },
    /// `def`.
    Function(Arc<Function>),
    /// `class`.
    Class(Arc<Class>),
    /// `a = b = value`.
    Assign {
        /// What is bound, from the left.
        targets: Vec<Expr>,
        /// To what.
        value: Expr,
    },
    /// `a += value`.
    AugAssign {
        /// What is changed.
        target: Expr,
        /// How.
        op: Binary,
        /// By what.
        value: Expr,
    },
    /// `a: T = value`.
    AnnAssign {
        /// What is bound.
        target: Expr,
        /// The annotation.
        annotation: Expr,
        /// To what, where something is.
        value: Option<Expr>,
    },
    /// `return value`.
    Return(Option<Expr>),
    /// `raise error from cause`.
    Raise {
        /// What is raised.
        error: Option<Expr>,
        /// From what.
        cause: Option<Expr>,
    },
    /// `assert test, message`.
    Assert {
        /// What must hold.
        test: Expr,
        /// What is said else.
        message: Option<Expr>,
    },
    /// `del a, b`.
    Delete(Vec<Expr>),
    /// `global a, b`.
    Global(Vec<String>),
    /// `nonlocal a, b`.
    Nonlocal(Vec<String>),
    /// `if`; an `elif` is an `If` alone in `orelse`.
    If {
        /// What is asked.
        test: Expr,
        /// What is done then.
        body: Vec<Stmt>,
        /// What else.
        orelse: Vec<Stmt>,
    },
    /// `while`.
    While {
        /// What is asked.
        test: Expr,
        /// What is done.
        body: Vec<Stmt>,
        /// What is done at the end.
        orelse: Vec<Stmt>,
    },
    /// `for`.
    For {
        /// What is bound.
        target: Expr,
        /// Over what.
        iter: Expr,
        /// What is done.
        body: Vec<Stmt>,
        /// What is done at the end.
        orelse: Vec<Stmt>,
        /// `async for`.
        is_async: bool,
    },
    /// `try`.
    Try {
        /// What is tried.
        body: Vec<Stmt>,
        /// The `except` clauses.
        handlers: Vec<Handler>,
        /// `else`.
        orelse: Vec<Stmt>,
        /// `finally`.
        finalbody: Vec<Stmt>,
        /// `except*`.
        is_star: bool,
    },
    /// `with`.
    With {
        /// Each manager and what it is bound to.
        items: Vec<(Expr, Option<Expr>)>,
        /// What is done.
        body: Vec<Stmt>,
        /// `async with`.
        is_async: bool,
    },
    /// `match`.
    Match {
        /// What is looked at.
        subject: Expr,
        /// The cases: patterns are not kept, but for the names that they bind.
        cases: Vec<Case>,
    },
    /// An expression alone.
    Expr(Expr),
    /// `type X = …`: the name it binds.
    TypeAlias(String),
    /// `pass`.
    Pass,
    /// `break`.
    Break,
    /// `continue`.
    Continue,
}

/// `name as asname`.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    /// Where.
    pub at: At,
    /// What is taken: `a.b`.
    pub name: String,
    /// What it is called here.
    pub asname: Option<String>,
}

/// `except types as name:`.
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    /// Where.
    pub at: At,
    /// What it catches; `None` catches all.
    pub types: Option<Expr>,
    /// What the error is called.
    pub name: Option<String>,
    /// What is done.
    pub body: Vec<Stmt>,
}

/// `case pattern if guard:`.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Where the pattern stands.
    pub at: At,
    /// The names that the pattern binds.
    pub binds: Vec<String>,
    /// What the subject must equal one of, where the pattern asks for nothing else: literals, dotted names, and `|` of them.
    pub values: Option<Vec<Expr>>,
    /// Whether the pattern takes everything; the guard may still refuse it.
    pub is_wildcard: bool,
    /// `if guard`.
    pub guard: Option<Expr>,
    /// What is done.
    pub body: Vec<Stmt>,
}

/// A `def`.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub name_at: At,
    /// The decorators, from the top.
    pub decorators: Vec<Expr>,
    /// What it takes.
    pub parameters: Parameters,
    /// The annotation of what it returns.
    pub returns: Option<Expr>,
    /// What it does.
    pub body: Vec<Stmt>,
    /// `async def`.
    pub is_async: bool,
    /// Whether `yield` stands in it (not in a function within).
    pub is_generator: bool,
}

/// What a function takes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// Those before `/`.
    pub positional_only: Vec<Parameter>,
    /// The ordinary ones.
    pub positional: Vec<Parameter>,
    /// `*args`.
    pub rest: Option<Parameter>,
    /// Those behind `*`.
    pub keyword_only: Vec<Parameter>,
    /// `**kwargs`.
    pub keyword_rest: Option<Parameter>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Where.
    pub at: At,
    /// Its name.
    pub name: String,
    /// Its annotation.
    pub annotation: Option<Expr>,
    /// Its default.
    pub default: Option<Expr>,
}

/// A `class`.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub name_at: At,
    /// The decorators, from the top.
    pub decorators: Vec<Expr>,
    /// The bases.
    pub bases: Vec<Expr>,
    /// `metaclass=…` and others.
    pub keywords: Vec<Keyword>,
    /// What it does.
    pub body: Vec<Stmt>,
}

/// `name=value` of a call; `**value` has no name.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyword {
    /// The name.
    pub name: Option<String>,
    /// The value.
    pub value: Expr,
}

/// An expression with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Where.
    pub at: At,
    /// What.
    pub kind: ExprKind,
}

/// The expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `None`, `True`, `1`, `"text"`; adjacent literals are one.
    Constant(Constant),
    /// An f-string, also joined with plain ones beside it.
    FString(Vec<Piece>),
    /// A name.
    Name(String),
    /// `value.name`.
    Attribute {
        /// Of what.
        value: Box<Expr>,
        /// Which.
        name: String,
    },
    /// `value[index]`.
    Subscript {
        /// Of what.
        value: Box<Expr>,
        /// Which.
        index: Box<Expr>,
    },
    /// `function(args, name=value)`.
    Call {
        /// What is called.
        function: Box<Expr>,
        /// By position; `*rest` is a `Starred`.
        args: Vec<Expr>,
        /// By name.
        keywords: Vec<Keyword>,
    },
    /// `a + b`.
    Binary {
        /// The left side.
        left: Box<Expr>,
        /// The operator.
        op: Binary,
        /// The right side.
        right: Box<Expr>,
    },
    /// `-a`, `not a`.
    Unary {
        /// The operator.
        op: Unary,
        /// Of what.
        operand: Box<Expr>,
    },
    /// `a and b and c` (`is_and`), `a or b`.
    Bool {
        /// `and`, else `or`.
        is_and: bool,
        /// The parts.
        values: Vec<Expr>,
    },
    /// `a < b <= c`.
    Compare {
        /// The first.
        left: Box<Expr>,
        /// Each operator and what stands behind it.
        rest: Vec<(Compare, Expr)>,
    },
    /// `body if test else orelse`.
    IfElse {
        /// What is asked.
        test: Box<Expr>,
        /// What it is then.
        body: Box<Expr>,
        /// What else.
        orelse: Box<Expr>,
    },
    /// `lambda parameters: body`.
    Lambda {
        /// What it takes.
        parameters: Arc<Parameters>,
        /// What it returns.
        body: Arc<Expr>,
    },
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `(a, b)`.
    Tuple(Vec<Expr>),
    /// `{a, b}`.
    Set(Vec<Expr>),
    /// `{key: value}`; `**value` has no key.
    Dict(Vec<(Option<Expr>, Expr)>),
    /// `[element for …]` and its kin.
    Comprehension {
        /// Which kin.
        kind: Comprehension,
        /// What each is; of a dictionary the key.
        element: Box<Expr>,
        /// Of a dictionary the value.
        value: Option<Box<Expr>>,
        /// The `for` parts.
        generators: Vec<Generator>,
    },
    /// `*value`.
    Starred(Box<Expr>),
    /// `a:b:c` in brackets.
    Slice {
        /// From.
        lower: Option<Box<Expr>>,
        /// To.
        upper: Option<Box<Expr>>,
        /// By.
        step: Option<Box<Expr>>,
    },
    /// `await value`.
    Await(Box<Expr>),
    /// `yield value`, `yield from value`.
    Yield(Option<Box<Expr>>),
    /// `(name := value)`.
    Named {
        /// The name.
        target: Box<Expr>,
        /// The value.
        value: Box<Expr>,
    },
    /// What no rule asks about (a template string).
    Other,
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// `None`.
    None,
    /// `True`, `False`.
    Bool(bool),
    /// `...`.
    Ellipsis,
    /// A whole number; `None` where it is larger than 64 bits.
    Int(Option<i64>),
    /// A float.
    Float(f64),
    /// An imaginary number.
    Complex,
    /// A text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A piece of an f-string.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// `{value!r:spec}`.
    Value {
        /// The value.
        value: Box<Expr>,
        /// Whether it stands there plainly: no conversion and no format.
        is_plain: bool,
    },
}

/// Which comprehension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comprehension {
    /// `[…]`.
    List,
    /// `{…}`.
    Set,
    /// `{k: v …}`.
    Dict,
    /// `(…)`.
    Generator,
}

/// `for target in iter if a if b`.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// What is bound.
    pub target: Expr,
    /// Over what.
    pub iter: Expr,
    /// The conditions.
    pub ifs: Vec<Expr>,
    /// `async for`.
    pub is_async: bool,
}

/// Operators with two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mult,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Mod,
    /// `**`
    Pow,
    /// `@`
    MatMult,
    /// `|`
    BitOr,
    /// `&`
    BitAnd,
    /// `^`
    BitXor,
    /// `<<`
    LShift,
    /// `>>`
    RShift,
}

/// Operators with one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    /// `not`
    Not,
    /// `-`
    Minus,
    /// `+`
    Plus,
    /// `~`
    Invert,
}

/// Comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `==`
    Eq,
    /// `!=`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtE,
    /// `>`
    Gt,
    /// `>=`
    GtE,
    /// `is`
    Is,
    /// `is not`
    IsNot,
    /// `in`
    In,
    /// `not in`
    NotIn,
}
