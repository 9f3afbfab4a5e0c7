//! A read script and the process that runs it, to the programs that it can end in.
//!
//! Conditions that files and arguments decide are decided; of others both ways are walked, and what differs behind them
//! is unclear. Nothing is run.

use std::collections::HashMap;
use std::sync::Arc;

use envdiff_files::{Miss, Seen};
use envdiff_model::{Text, say};

use super::pattern::glob;
use super::syntax::{Command, Script, Word, declares};
use crate::limits::{SCRIPT_CALLS, SCRIPT_STEPS};
use crate::python::process::{Account, Process, Vars};

/// The longest text that a variable is followed to, in bytes; a script can double one with every line.
pub(super) const MAX_TEXT: usize = 16 << 10;
/// The most arguments.
const MAX_ARGUMENTS: usize = 1_024;
/// The most programs that one script is followed to.
pub(super) const MAX_ENDS: usize = 64;

/// What a script can end in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    /// What it becomes by `exec`, on any way through it.
    pub(crate) becomes: Vec<Process>,
    /// What it runs and waits for, in order.
    pub(crate) runs: Vec<Process>,
    /// Whether it can come to its end without having become something else.
    pub(crate) falls_through: bool,
    /// Whether it runs a program whose name cannot be told.
    pub(crate) unnamed: bool,
    /// Why something on the way could not be told.
    pub(crate) unclear: Vec<Text>,
}

/// Walks a script. `zero` is `$0`, `arguments` are `$1` and on.
pub(crate) fn follow(
    seen: &Seen,
    accounts: &[Account],
    process: &Process,
    script: &Script,
    zero: &Text,
    arguments: Vec<Option<Text>>,
) -> Result<Ends, Miss> {
    let mut walker = Walker { seen, accounts, ends: Ends::default(), steps: 0, calls: 0 };
    let mut state = State {
        process: process.clone(),
        locals: Vars::default(),
        arguments,
        zero: zero.clone(),
        functions: HashMap::new(),
        exports_all: false,
    };
    walker.prefetch(script, &state)?;
    let flow = walker.script(script, &mut state)?;
    walker.ends.falls_through = flow != Flow::Ends;
    Ok(walker.ends)
}

/// What a script that is read by a shell (`/etc/profile`) leaves of the process.
pub(crate) fn environment_after(
    seen: &Seen,
    accounts: &[Account],
    process: &Process,
    script: &Script,
    zero: &Text,
) -> Result<Process, Miss> {
    let mut walker = Walker { seen, accounts, ends: Ends::default(), steps: 0, calls: 0 };
    let mut state = State {
        process: process.clone(),
        locals: Vars::default(),
        arguments: Vec::new(),
        zero: zero.clone(),
        functions: HashMap::new(),
        exports_all: false,
    };
    walker.prefetch(script, &state)?;
    walker.script(script, &mut state)?;
    Ok(state.process)
}

#[derive(Clone)]
pub(super) struct State {
    pub(super) process: Process,
    /// Shell variables that are not exported.
    pub(super) locals: Vars,
    pub(super) arguments: Vec<Option<Text>>,
    pub(super) zero: Text,
    pub(super) functions: HashMap<Vec<u8>, Arc<Script>>,
    pub(super) exports_all: bool,
}

impl State {
    pub(super) fn value(&self, name: &[u8]) -> Option<Option<&Text>> {
        self.locals.raw(name).or_else(|| self.process.vars.raw(name))
    }

    pub(super) fn assign(&mut self, name: &[u8], value: Option<Text>) {
        if self.exports_all || self.process.vars.raw(name).is_some() {
            self.process.vars.set(Text::from(name), value);
        } else {
            self.locals.set(Text::from(name), value);
        }
    }

    pub(super) fn export(&mut self, name: &[u8]) {
        if let Some(value) = self.locals.raw(name).map(|v| v.cloned()) {
            self.locals.unset(name);
            self.process.vars.set(Text::from(name), value);
        }
    }

    /// What two ways leave behind.
    pub(super) fn merged(mut self, other: Self) -> Self {
        self.process.vars = self.process.vars.merged(&other.process.vars);
        self.locals = self.locals.merged(&other.locals);
        if self.process.cwd != other.process.cwd {
            self.process.cwd = None;
        }
        if self.arguments != other.arguments {
            self.arguments = vec![None];
        }
        self.functions.extend(other.functions);
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// On to the next command.
    Goes,
    /// Out of a function or sourced file.
    Returns,
    /// The process became another or exited.
    Ends,
}

pub(super) struct Walker<'a> {
    pub(super) seen: &'a Seen,
    pub(super) accounts: &'a [Account],
    pub(super) ends: Ends,
    pub(super) steps: usize,
    pub(super) calls: usize,
}

impl Walker<'_> {
    pub(super) fn unclear(&mut self, why: Text) {
        if self.ends.unclear.len() < 16 && !self.ends.unclear.contains(&why) {
            self.ends.unclear.push(why);
        }
    }

    pub(super) fn script(&mut self, script: &Script, state: &mut State) -> Result<Flow, Miss> {
        for command in &script.commands {
            let (flow, _) = self.command(command, state)?;
            if flow != Flow::Goes {
                return Ok(flow);
            }
        }
        if let Some(broken) = &script.broken {
            let why = say!(state.zero, ": ", broken.to_string());
            self.unclear(why);
        }
        Ok(Flow::Goes)
    }

    /// The flow, and the exit status where it is known.
    pub(super) fn command(
        &mut self,
        command: &Command,
        state: &mut State,
    ) -> Result<(Flow, Option<bool>), Miss> {
        self.steps += 1;
        if self.steps > SCRIPT_STEPS {
            self.unclear(say!(state.zero, " is too long to follow"));
            return Ok((Flow::Ends, None));
        }
        match command {
            Command::Simple { assigns, words } => self.simple(assigns, words, state),
            Command::Test(words) => Ok((Flow::Goes, self.test_words(words, state)?)),
            Command::Not(inner) => {
                let (flow, status) = self.command(inner, state)?;
                Ok((flow, status.map(|s| !s)))
            }
            Command::And(left, right) => self.chain(left, right, true, state),
            Command::Or(left, right) => self.chain(left, right, false, state),
            Command::Pipe(all) => {
                for part in all {
                    self.apart(std::slice::from_ref(part), state)?;
                }
                Ok((Flow::Goes, None))
            }
            Command::Background(inner) => {
                self.apart(std::slice::from_ref(&**inner), state)?;
                Ok((Flow::Goes, Some(true)))
            }
            Command::Subshell(script) => {
                self.apart(&script.commands, state)?;
                Ok((Flow::Goes, None))
            }
            Command::Group(script) => Ok((self.script(script, state)?, None)),
            Command::If { arms, otherwise } => Ok((self.branches(arms, otherwise, state)?, None)),
            Command::Case { subject, arms } => Ok((self.case(subject, arms, state)?, None)),
            Command::Loop { condition, body, variable } => {
                let mut inside = self.fork(state);
                if let Some(variable) = variable {
                    inside.assign(variable, None);
                }
                self.script(condition, &mut inside)?;
                let flow = self.script(body, &mut inside)?;
                if flow == Flow::Goes {
                    *state = state.clone().merged(inside);
                }
                Ok((Flow::Goes, None))
            }
            Command::Function(name, body) => {
                state.functions.insert(name.clone(), body.clone());
                Ok((Flow::Goes, Some(true)))
            }
            Command::Unclear => Ok((Flow::Goes, None)),
        }
    }

    pub(super) fn chain(
        &mut self,
        left: &Command,
        right: &Command,
        on: bool,
        state: &mut State,
    ) -> Result<(Flow, Option<bool>), Miss> {
        let (flow, status) = self.command(left, state)?;
        if flow != Flow::Goes {
            return Ok((flow, status));
        }
        match status {
            Some(status) if status == on => self.command(right, state),
            Some(status) => Ok((Flow::Goes, Some(status))),
            None => {
                let mut other = self.fork(state);
                let (flow, _) = self.command(right, &mut other)?;
                if flow == Flow::Goes {
                    *state = state.clone().merged(other);
                }
                Ok((Flow::Goes, None))
            }
        }
    }

    /// Commands in a process of their own: what they become, the script runs.
    pub(super) fn apart(&mut self, commands: &[Command], state: &State) -> Result<(), Miss> {
        let before = std::mem::take(&mut self.ends.becomes);
        let mut inside = self.fork(state);
        for command in commands {
            if self.command(command, &mut inside)?.0 != Flow::Goes {
                break;
            }
        }
        let became = std::mem::replace(&mut self.ends.becomes, before);
        for process in became {
            self.run(process);
        }
        Ok(())
    }

    pub(super) fn branches(
        &mut self,
        arms: &[(Script, Script)],
        otherwise: &Script,
        state: &mut State,
    ) -> Result<Flow, Miss> {
        let Some(((condition, body), rest)) = arms.split_first() else {
            return self.script(otherwise, state);
        };
        let mut status = None;
        for command in &condition.commands {
            let (flow, last) = self.command(command, state)?;
            if flow != Flow::Goes {
                return Ok(flow);
            }
            status = last;
        }
        match status {
            Some(true) => self.script(body, state),
            Some(false) => self.branches(rest, otherwise, state),
            None => {
                let mut other = self.fork(state);
                let one = self.script(body, state)?;
                let two = self.branches(rest, otherwise, &mut other)?;
                Ok(join(one, two, state, other))
            }
        }
    }

    pub(super) fn case(
        &mut self,
        subject: &Word,
        arms: &[(Vec<Word>, Script)],
        state: &mut State,
    ) -> Result<Flow, Miss> {
        let value = self.text(subject, state)?;
        let Some(((patterns, body), rest)) = arms.split_first() else { return Ok(Flow::Goes) };
        let mut matches = Some(false);
        for pattern in patterns {
            let pattern = self.pattern(pattern, state)?;
            let this = match (&value, &pattern) {
                (_, Some(pattern)) if pattern.as_slice() == [(b'*', false)] => Some(true),
                (Some(value), Some(pattern)) => self.matches(pattern, value),
                _ => None,
            };
            matches = match (matches, this) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
        }
        match matches {
            Some(true) => self.script(body, state),
            Some(false) => self.case(subject, rest, state),
            None => {
                let mut other = self.fork(state);
                let one = self.script(body, state)?;
                let two = self.case(subject, rest, &mut other)?;
                Ok(join(one, two, state, other))
            }
        }
    }

    pub(super) fn simple(
        &mut self,
        assigns: &[(Vec<u8>, Word)],
        words: &[Word],
        state: &mut State,
    ) -> Result<(Flow, Option<bool>), Miss> {
        let mut values = Vec::new();
        for (name, word) in assigns {
            values.push((name.clone(), self.text(word, state)?));
        }
        if declares(words) {
            self.declare(words, state)?;
            return Ok((Flow::Goes, Some(true)));
        }
        let fields = self.fields(words, state)?;
        let Some(name) = fields.first() else {
            for (name, value) in values {
                state.assign(&name, value);
            }
            return Ok((Flow::Goes, if words.is_empty() { Some(true) } else { None }));
        };
        let Some(name) = name.clone() else {
            self.ends.unnamed = true;
            return Ok((Flow::Goes, None));
        };
        // Variables before a command are that command's alone.
        let mut process = state.process.clone();
        for (name, value) in values {
            process.vars.set(Text::from(name), value);
        }
        if fields.len() > MAX_ARGUMENTS {
            self.unclear(say!(state.zero, " runs ", name, " with more than 1024 arguments"));
            return Ok((Flow::Goes, None));
        }
        let rest: Vec<Option<Text>> = fields.get(1..).unwrap_or_default().to_vec();
        if let Some(body) = state.functions.get(name.as_bytes()).cloned() {
            return self.call(&body, rest, state).map(|flow| (flow, None));
        }
        self.builtin(&name, rest, process, fields, state)
    }

    pub(super) fn call(
        &mut self,
        body: &Script,
        arguments: Vec<Option<Text>>,
        state: &mut State,
    ) -> Result<Flow, Miss> {
        if self.calls >= SCRIPT_CALLS {
            self.unclear(say!(state.zero, " calls itself too often to follow"));
            return Ok(Flow::Ends);
        }
        self.calls += 1;
        let before = std::mem::replace(&mut state.arguments, arguments);
        let flow = self.script(body, state);
        self.calls -= 1;
        state.arguments = before;
        Ok(match flow? {
            Flow::Returns => Flow::Goes,
            other => other,
        })
    }
}

impl Walker<'_> {
    /// The state for another way through the script; a copy is charged by its size.
    fn fork(&mut self, state: &State) -> State {
        let size =
            state.locals.len() + state.process.vars.len() + state.arguments.len() + state.functions.len();
        if self.charge(size.saturating_mul(16)).is_none() {
            self.steps = SCRIPT_STEPS;
        }
        state.clone()
    }

    /// Notes a program that the script runs and waits for; of very many the last ones.
    pub(super) fn run(&mut self, process: Process) {
        if self.ends.runs.len() >= 4 * MAX_ENDS {
            self.ends.runs.remove(0);
        }
        self.ends.runs.push(process);
    }

    /// Pattern matching, charged as steps; `None` when it would cost too much.
    pub(super) fn matches(&mut self, pattern: &[(u8, bool)], text: &Text) -> Option<bool> {
        self.charge(text.len().saturating_mul(pattern.len()))?;
        Some(glob(pattern, text.as_bytes()))
    }

    /// Charges work that grows with what a script holds.
    pub(super) fn charge(&mut self, work: usize) -> Option<()> {
        let steps = work / 256;
        if self.steps.saturating_add(steps) > SCRIPT_STEPS {
            return None;
        }
        self.steps += steps;
        Some(())
    }
}

fn join(one: Flow, two: Flow, state: &mut State, other: State) -> Flow {
    match (one, two) {
        (Flow::Goes, Flow::Goes) => {
            *state = state.clone().merged(other);
            Flow::Goes
        }
        (Flow::Goes, _) => Flow::Goes,
        (_, Flow::Goes) => {
            *state = other;
            Flow::Goes
        }
        (Flow::Returns, _) | (_, Flow::Returns) => Flow::Returns,
        (Flow::Ends, Flow::Ends) => Flow::Ends,
    }
}
