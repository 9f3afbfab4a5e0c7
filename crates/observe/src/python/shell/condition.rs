//! `[ … ]` and `[[ … ]]` to true, false, or what cannot be told.

use envdiff_files::{Kind, Miss};
use envdiff_model::Text;

use super::syntax::{Part, Word};
use super::walk::{State, Walker};
use crate::python::ask::{self, Found};

impl Walker<'_> {
    /// `[[ … ]]`
    pub(super) fn test_words(&mut self, words: &[Word], state: &mut State) -> Result<Option<bool>, Miss> {
        let is =
            |word: &Word, text: &[u8]| matches!(word.parts.as_slice(), [Part::Text(t, false)] if t == text);
        if words.iter().any(|w| is(w, b"(") || is(w, b")")) {
            return Ok(None);
        }
        for (operator, on) in [(&b"||"[..], true), (b"&&", false)] {
            if words.iter().any(|w| is(w, operator)) {
                let mut all = Some(!on);
                for part in words.split(|w| is(w, operator)) {
                    let one = self.test_words(part, state)?;
                    all = match (all, one) {
                        (Some(a), _) | (_, Some(a)) if a == on => Some(on),
                        (Some(_), Some(_)) => Some(!on),
                        _ => None,
                    };
                }
                return Ok(all);
            }
        }
        if let Some((first, rest)) = words.split_first()
            && is(first, b"!")
        {
            return Ok(self.test_words(rest, state)?.map(|r| !r));
        }
        if let [left, operator, right] = words
            && (is(operator, b"==") || is(operator, b"=") || is(operator, b"!="))
        {
            let value = self.text(left, state)?;
            let pattern = self.pattern(right, state)?;
            return Ok(match (value, pattern) {
                (Some(value), Some(pattern)) => {
                    self.matches(&pattern, &value).map(|m| m != is(operator, b"!="))
                }
                _ => None,
            });
        }
        if words.iter().any(|w| is(w, b"=~")) {
            return Ok(None);
        }
        let mut fields = Vec::new();
        for word in words {
            fields.push(self.text(word, state)?);
        }
        self.test(&fields, state)
    }

    /// `[ … ]` over its fields.
    pub(super) fn test(&mut self, fields: &[Option<Text>], state: &mut State) -> Result<Option<bool>, Miss> {
        let is = |field: &Option<Text>, word: &str| field.as_ref().is_some_and(|f| *f == word);
        if fields.len() > 3 {
            for (operator, on) in [("-o", true), ("-a", false)] {
                if fields.iter().any(|f| is(f, operator)) {
                    let mut all = Some(!on);
                    for part in fields.split(|f| is(f, operator)) {
                        let one = self.test(part, state)?;
                        all = match (all, one) {
                            (Some(a), _) | (_, Some(a)) if a == on => Some(on),
                            (Some(_), Some(_)) => Some(!on),
                            _ => None,
                        };
                    }
                    return Ok(all);
                }
            }
        }
        match fields {
            [] => Ok(Some(false)),
            [only] => Ok(only.as_ref().map(|t| !t.is_empty())),
            [not, rest @ ..] if is(not, "!") => Ok(self.test(rest, state)?.map(|r| !r)),
            [Some(operator), subject] => self.unary(operator, subject.as_ref(), state),
            [left, Some(operator), right] => Ok(match (left, right) {
                (Some(left), Some(right)) => binary(left, operator, right),
                _ => None,
            }),
            _ => Ok(None),
        }
    }

    pub(super) fn unary(
        &mut self,
        operator: &Text,
        subject: Option<&Text>,
        state: &State,
    ) -> Result<Option<bool>, Miss> {
        let Some(subject) = subject else { return Ok(None) };
        let path = || state.process.cwd.as_ref().and_then(|cwd| cwd.join(subject.as_bytes()));
        let stat = match operator.as_str() {
            Some("-z") => return Ok(Some(subject.is_empty())),
            Some("-n") => return Ok(Some(!subject.is_empty())),
            Some("-v") => return Ok(Some(state.value(subject.as_bytes()).is_some())),
            Some("-f" | "-e" | "-d" | "-x" | "-r" | "-s") if !subject.is_empty() => match path() {
                Some(path) => ask::stat(self.seen, &path)?,
                None => return Ok(None),
            },
            Some("-f" | "-e" | "-d" | "-x" | "-r" | "-s") => return Ok(Some(false)),
            _ => return Ok(None),
        };
        Ok(match stat {
            Found::Absent => Some(false),
            Found::Unreadable(_) => None,
            Found::Is(stat) => match operator.as_str() {
                Some("-f") => Some(stat.kind == Kind::File),
                Some("-d") => Some(stat.kind == Kind::Folder),
                Some("-s") => Some(stat.kind == Kind::Folder || stat.size > 0),
                Some("-e" | "-r") => Some(true),
                // Modes are not looked at; what is a file and asked for like this is nearly always one to run.
                _ => None,
            },
        })
    }
}

fn binary(left: &Text, operator: &Text, right: &Text) -> Option<bool> {
    let numbers =
        || Some((left.as_str()?.trim().parse::<i64>().ok()?, right.as_str()?.trim().parse::<i64>().ok()?));
    match operator.as_str()? {
        "=" | "==" => Some(left == right),
        "!=" => Some(left != right),
        "-eq" => numbers().map(|(a, b)| a == b),
        "-ne" => numbers().map(|(a, b)| a != b),
        "-gt" => numbers().map(|(a, b)| a > b),
        "-ge" => numbers().map(|(a, b)| a >= b),
        "-lt" => numbers().map(|(a, b)| a < b),
        "-le" => numbers().map(|(a, b)| a <= b),
        _ => None,
    }
}
