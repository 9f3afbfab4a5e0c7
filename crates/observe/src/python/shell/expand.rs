//! A word and the state to the text that it stands for, where that can be told.

use envdiff_files::Miss;
use envdiff_model::{Text, say};

use super::pattern::{Pattern, cut};
use super::syntax::{Command, Operator, Part, Script, Word};
use super::walk::{MAX_TEXT, State, Walker};
use crate::python::ask::{self, Found};
use crate::python::process::uid_of;
use crate::python::program;

impl Walker<'_> {
    /// The words' fields; one that cannot be told is `None`.
    pub(super) fn fields(&mut self, words: &[Word], state: &mut State) -> Result<Vec<Option<Text>>, Miss> {
        let mut out = Vec::new();
        for word in words {
            match word.parts.as_slice() {
                [Part::All(_)] => out.extend(state.arguments.iter().cloned()),
                [Part::Variable { name, operator, .. }] if name == b"@" => match operator {
                    Operator::Slice(from, len) if state.arguments != [None] => {
                        let skip = from.saturating_sub(1);
                        out.extend(
                            state.arguments.iter().skip(skip).take(len.unwrap_or(usize::MAX)).cloned(),
                        );
                    }
                    Operator::Alternative(..) | Operator::Default(..) => {
                        out.extend(state.arguments.iter().cloned())
                    }
                    _ => out.push(None),
                },
                parts => {
                    let value = self.text(word, state)?;
                    let bare = parts
                        .iter()
                        .all(|p| matches!(p, Part::Variable { quoted: false, .. } | Part::Command(_, false)));
                    match value {
                        Some(text) if bare => {
                            out.extend(
                                text.as_bytes()
                                    .split(u8::is_ascii_whitespace)
                                    .filter(|f| !f.is_empty())
                                    .map(|f| Some(Text::from(f))),
                            );
                        }
                        other => out.push(other),
                    }
                }
            }
        }
        Ok(out)
    }

    /// The word as one text.
    pub(super) fn text(&mut self, word: &Word, state: &mut State) -> Result<Option<Text>, Miss> {
        let mut out = Text::new();
        let mut known = true;
        for part in &word.parts {
            match self.part(part, state)? {
                Some(text) if out.len() + text.len() <= MAX_TEXT => out.push(&text),
                _ => known = false,
            }
        }
        if let Some(Part::Text(first, false)) = word.parts.first()
            && (first == b"~" || first.starts_with(b"~/"))
            && let Some(home) = state.process.vars.get("HOME")
        {
            out = say!(home, out.as_bytes().get(1..).unwrap_or_default());
        }
        Ok(known.then_some(out))
    }

    pub(super) fn part(&mut self, part: &Part, state: &mut State) -> Result<Option<Text>, Miss> {
        Ok(match part {
            Part::Text(text, _) => Some(Text::from(&**text)),
            Part::All(_) => state
                .arguments
                .iter()
                .cloned()
                .collect::<Option<Vec<Text>>>()
                .map(|all| Text::join(&all, " ")),
            Part::Command(script, _) => self.substitute(script, state)?,
            Part::Unclear => None,
            Part::Variable { name, operator, .. } => self.variable(name, operator, state)?,
        })
    }

    pub(super) fn variable(
        &mut self,
        name: &[u8],
        operator: &Operator,
        state: &mut State,
    ) -> Result<Option<Text>, Miss> {
        let value: Option<Option<Text>> = match name {
            b"#" => Some((state.arguments != [None]).then(|| Text::from(state.arguments.len().to_string()))),
            b"0" => Some(Some(state.zero.clone())),
            b"@" | b"*" => Some(
                state
                    .arguments
                    .iter()
                    .cloned()
                    .collect::<Option<Vec<Text>>>()
                    .map(|all| Text::join(&all, " ")),
            )
            .filter(|v| v.as_ref().is_none_or(|v| !v.is_empty())),
            [digit @ b'1'..=b'9'] => {
                if state.arguments == [None] {
                    Some(None)
                } else {
                    state.arguments.get(usize::from(digit - b'1')).cloned()
                }
            }
            b"?" | b"$" | b"!" | b"-" => Some(None),
            b"BASH_SOURCE" => Some(Some(state.zero.clone())),
            b"PWD" => Some(state.process.cwd.as_ref().map(|c| Text::from(c.as_bytes()))),
            b"EUID" | b"UID" => Some(uid_of(self.accounts, state.process.user.as_bytes())),
            _ => state.value(name).map(|v| v.cloned()),
        };
        let is_empty = |value: &Option<Text>| value.as_ref().is_some_and(Text::is_empty);
        Ok(match operator {
            Operator::Plain | Operator::Required => value.unwrap_or(Some(Text::new())),
            Operator::Default(word, colon) => match value {
                None => self.text(word, state)?,
                Some(value) if *colon && is_empty(&value) => self.text(word, state)?,
                Some(value) => value,
            },
            Operator::Assign(word) => match value {
                Some(value) if !is_empty(&value) => value,
                _ => {
                    let new = self.text(word, state)?;
                    state.assign(name, new.clone());
                    new
                }
            },
            Operator::Alternative(word, colon) => match value {
                None => Some(Text::new()),
                Some(value) if *colon && is_empty(&value) => Some(Text::new()),
                Some(None) if *colon => None,
                Some(_) => self.text(word, state)?,
            },
            Operator::CutFront(word, longest) | Operator::CutBack(word, longest) => {
                let front = matches!(operator, Operator::CutFront(..));
                let pattern = self.pattern(word, state)?;
                match (value.unwrap_or(Some(Text::new())), pattern) {
                    (Some(value), Some(pattern)) => {
                        let work = value.len().saturating_mul(value.len()).saturating_mul(pattern.len());
                        self.charge(work / 64).map(|()| cut(&value, &pattern, front, *longest))
                    }
                    _ => None,
                }
            }
            Operator::Slice(from, len) => value.unwrap_or(Some(Text::new())).map(|value| {
                let rest = value.as_bytes().get(*from..).unwrap_or_default();
                Text::from(rest.get(..len.unwrap_or(rest.len()).min(rest.len())).unwrap_or_default())
            }),
            Operator::Length => {
                value.unwrap_or(Some(Text::new())).map(|value| Text::from(value.len().to_string()))
            }
            Operator::Unclear => None,
        })
    }

    /// What `$( … )` prints, for the few commands that start scripts use to find themselves.
    pub(super) fn substitute(&mut self, script: &Script, state: &mut State) -> Result<Option<Text>, Miss> {
        if script.broken.is_some() {
            return Ok(None);
        }
        match script.commands.as_slice() {
            [Command::Simple { assigns, words }] if assigns.is_empty() => {
                let fields = self.fields(words, state)?;
                let Some(fields) = fields.into_iter().collect::<Option<Vec<Text>>>() else { return Ok(None) };
                self.printed(&fields, state)
            }
            // `cd "$(dirname "$0")" && pwd`
            [Command::And(left, right)] => match (&**left, &**right) {
                (Command::Simple { words: cd, .. }, Command::Simple { words: pwd, .. }) => {
                    let cd = self.fields(cd, state)?;
                    let pwd = self.fields(pwd, state)?;
                    match (cd.as_slice(), pwd.first()) {
                        ([Some(cd), .., Some(folder)], Some(Some(pwd))) if *cd == "cd" && *pwd == "pwd" => {
                            let path = state.process.cwd.as_ref().and_then(|c| c.join(folder.as_bytes()));
                            Ok(path.map(|p| Text::from(p.normalised().as_bytes())))
                        }
                        _ => Ok(None),
                    }
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    pub(super) fn printed(&mut self, fields: &[Text], state: &State) -> Result<Option<Text>, Miss> {
        let arguments: Vec<&Text> = fields.iter().skip(1).filter(|a| *a != "--").collect();
        let options: Vec<&&Text> = arguments.iter().filter(|a| a.as_bytes().starts_with(b"-")).collect();
        let subject = arguments.iter().find(|a| !a.as_bytes().starts_with(b"-"));
        let path = |text: &Text| state.process.cwd.as_ref().and_then(|c| c.join(text.as_bytes()));
        Ok(match (fields.first().and_then(|f| f.as_str()), subject) {
            (Some("dirname"), Some(text)) => {
                let bytes = text.as_bytes();
                Some(match bytes.iter().rposition(|b| *b == b'/') {
                    Some(0) => Text::from("/"),
                    Some(at) => Text::from(bytes.get(..at).unwrap_or_default()),
                    None => Text::from("."),
                })
            }
            (Some("basename"), Some(text)) => {
                Some(Text::from(text.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default()))
            }
            (Some("pwd"), None) => state.process.cwd.as_ref().map(|c| Text::from(c.as_bytes())),
            (Some("echo"), _) if options.is_empty() => Some(Text::join(fields.iter().skip(1), " ")),
            (Some("id"), None) if options.iter().any(|o| ***o == "-u") => {
                uid_of(self.accounts, state.process.user.as_bytes())
            }
            (Some("whoami"), None) => {
                let uid = uid_of(self.accounts, state.process.user.as_bytes());
                self.accounts.iter().find(|a| Some(&a.uid) == uid.as_ref()).map(|a| a.name.clone())
            }
            (Some("realpath" | "readlink"), Some(text)) => match path(text) {
                Some(path) => match ask::real(self.seen, &path)? {
                    Found::Is(real) => Some(Text::from(real.as_bytes())),
                    _ => None,
                },
                None => None,
            },
            (Some("which" | "command"), Some(text)) => {
                match program::locate(self.seen, &state.process, text.as_bytes())? {
                    program::Located::At(path) => Some(Text::from(path.as_bytes())),
                    program::Located::Nowhere => Some(Text::new()),
                    program::Located::Untold(_) => None,
                }
            }
            _ => None,
        })
    }

    /// A word as a pattern: each byte with whether it stands for itself.
    pub(super) fn pattern(&mut self, word: &Word, state: &mut State) -> Result<Option<Pattern>, Miss> {
        let mut out = Vec::new();
        for part in &word.parts {
            let literal = match part {
                Part::Text(_, quoted)
                | Part::Variable { quoted, .. }
                | Part::Command(_, quoted)
                | Part::All(quoted) => *quoted,
                Part::Unclear => return Ok(None),
            };
            match self.part(part, state)? {
                Some(text) => out.extend(text.as_bytes().iter().map(|b| (*b, literal))),
                None => return Ok(None),
            }
        }
        Ok(Some(out))
    }
}
