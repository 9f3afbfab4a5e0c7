//! A script to the questions that its tests and `.` will ask, so that they share one batch.

use std::collections::BTreeSet;

use envdiff_files::Miss;

use super::parse::parse;
use super::syntax::{Command, Operator, Part, Script, Word};
use super::walk::{State, Walker};
use crate::limits::SCRIPT_FILE;
use crate::python::ask;

impl Walker<'_> {
    /// Asks at once for the files that tests and `.` name, so that each does not cost a round.
    pub(super) fn prefetch(&self, script: &Script, state: &State) -> Result<(), Miss> {
        let mut stats = BTreeSet::new();
        let mut reads = BTreeSet::new();
        collect(script, 0, &mut |words: &[Word]| {
            let plain: Vec<Option<Vec<u8>>> = words.iter().map(|w| plain(w, state)).collect();
            for pair in plain.windows(2) {
                if let [Some(operator), Some(file)] = pair
                    && let Some(cwd) = &state.process.cwd
                    && let Some(path) = cwd.join(file)
                {
                    match &**operator {
                        b"-f" | b"-e" | b"-d" | b"-x" | b"-r" | b"-s" => {
                            stats.insert(path);
                        }
                        b"." | b"source" if !file.ends_with(b"/activate") && file.contains(&b'/') => {
                            reads.insert(path);
                        }
                        _ => {}
                    }
                }
            }
        });
        let asked = self.seen.each(stats.iter().take(256), |path| ask::stat(self.seen, path));
        let read =
            self.seen.each(reads.iter().take(64), |path| ask::parsed(self.seen, path, SCRIPT_FILE, parse));
        asked?;
        read?;
        Ok(())
    }
}

/// A word that needs nothing but variables that are set.
fn plain(word: &Word, state: &State) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for part in &word.parts {
        match part {
            Part::Text(text, _) => out.extend_from_slice(text),
            Part::Variable { name, operator: Operator::Plain, .. } => {
                out.extend_from_slice(state.value(name)??.as_bytes());
            }
            _ => return None,
        }
    }
    Some(out)
}

/// Calls `take` with the words of every simple command and test.
fn collect(script: &Script, depth: usize, take: &mut dyn FnMut(&[Word])) {
    for command in &script.commands {
        collect_command(command, depth, take);
    }
}

fn collect_command(command: &Command, depth: usize, take: &mut dyn FnMut(&[Word])) {
    if depth > 64 {
        return;
    }
    match command {
        Command::Simple { words, .. } | Command::Test(words) => take(words),
        Command::And(a, b) | Command::Or(a, b) => {
            collect_command(a, depth + 1, take);
            collect_command(b, depth + 1, take);
        }
        Command::Not(a) | Command::Background(a) => collect_command(a, depth + 1, take),
        Command::Pipe(all) => all.iter().for_each(|c| collect_command(c, depth + 1, take)),
        Command::If { arms, otherwise } => {
            for (condition, body) in arms {
                collect(condition, depth + 1, take);
                collect(body, depth + 1, take);
            }
            collect(otherwise, depth + 1, take);
        }
        Command::Case { arms, .. } => arms.iter().for_each(|(_, body)| collect(body, depth + 1, take)),
        Command::Loop { condition, body, .. } => {
            collect(condition, depth + 1, take);
            collect(body, depth + 1, take);
        }
        Command::Function(_, body) => collect(body, depth + 1, take),
        Command::Group(body) | Command::Subshell(body) => collect(body, depth + 1, take),
        Command::Unclear => {}
    }
}
