//! The parts of a shell script: commands, words, and what words are made of.

use std::sync::Arc;

/// A script, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// Commands in their order.
    pub commands: Vec<Command>,
    /// Where reading ended before the script did: a shell that gets there does something that is not known.
    pub broken: Option<NotUnderstood>,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `NAME=value program argument`.
    Simple {
        /// Assignments before the program.
        assigns: Vec<(Vec<u8>, Word)>,
        /// The program and its arguments.
        words: Vec<Word>,
    },
    /// `[[ … ]]`
    Test(Vec<Word>),
    /// `a && b`
    And(Box<Command>, Box<Command>),
    /// `a || b`
    Or(Box<Command>, Box<Command>),
    /// `! a`
    Not(Box<Command>),
    /// `a | b`
    Pipe(Vec<Command>),
    /// `a &`
    Background(Box<Command>),
    /// `if`
    If {
        /// Condition and what follows it, for `if` and each `elif`.
        arms: Vec<(Script, Script)>,
        /// `else`
        otherwise: Script,
    },
    /// `case`
    Case {
        /// What is compared.
        subject: Word,
        /// Patterns and what follows them.
        arms: Vec<(Vec<Word>, Script)>,
    },
    /// `while`, `until`, `for`: run any number of times.
    Loop {
        /// The condition, or empty.
        condition: Script,
        /// What is repeated.
        body: Script,
        /// The variable of a `for`.
        variable: Option<Vec<u8>>,
    },
    /// `name() { … }`
    Function(Vec<u8>, Arc<Script>),
    /// `{ … }`
    Group(Script),
    /// `( … )`
    Subshell(Script),
    /// What could not be followed, for instance `(( … ))`.
    Unclear,
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// Its parts, joined without a blank.
    pub parts: Vec<Part>,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text; whether it was quoted.
    Text(Vec<u8>, bool),
    /// `$name`, `${name}`, and the operators that scripts use; whether it was quoted.
    Variable {
        /// The variable.
        name: Vec<u8>,
        /// What is done with it.
        operator: Operator,
        /// Whether it was quoted.
        quoted: bool,
    },
    /// `$@` or `$*`; whether it was quoted.
    All(bool),
    /// `$( … )` or backquotes; whether it was quoted.
    Command(Script, bool),
    /// Arithmetic and the like.
    Unclear,
}

/// What is done with a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// Nothing.
    Plain,
    /// `:-` (true) or `-`.
    Default(Word, bool),
    /// `:=` or `=`.
    Assign(Word),
    /// `:+` (true) or `+`.
    Alternative(Word, bool),
    /// `:?` or `?`.
    Required,
    /// `#pattern` (longest for true).
    CutFront(Word, bool),
    /// `%pattern` (longest for true).
    CutBack(Word, bool),
    /// `:from:len` with plain numbers.
    Slice(usize, Option<usize>),
    /// `${#name}`
    Length,
    /// Any other.
    Unclear,
}

/// Why a script cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not understood")]
pub struct NotUnderstood {
    /// From 1.
    pub line: usize,
}

/// Whether the command's words are assignments too: `export A=b`.
pub(super) fn declares(words: &[Word]) -> bool {
    match words.first().map(|w| w.parts.as_slice()) {
        Some([Part::Text(text, _)]) => {
            matches!(&**text, b"export" | b"declare" | b"local" | b"readonly" | b"typeset")
        }
        _ => false,
    }
}
