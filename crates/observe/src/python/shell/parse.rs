//! The bytes of a shell script to its commands (POSIX shell grammar, and of bash `[[ ]]`, `function`, arrays as unclear).
//!
//! What is no part of the usual shapes (arithmetic, here-documents' text, arrays) is kept as unclear, never guessed.

use std::sync::Arc;

use super::syntax::{Command, NotUnderstood, Operator, Part, Script, Word, declares};
use crate::limits::SCRIPT_NESTING;

/// Reads a script as far as it is understood; a shell too has run the lines before by then, which is what the
/// sh-then-python trampolines of pip and conda live on.
#[must_use]
pub fn parse(bytes: &[u8]) -> Script {
    let mut reader = Reader { bytes, at: 0, depth: 0, heredocs: Vec::new() };
    let mut commands = Vec::new();
    loop {
        reader.depth = 0;
        reader.gaps();
        if reader.at >= bytes.len() {
            return Script { commands, broken: None };
        }
        let start = reader.at;
        match reader.list() {
            Ok(command) if reader.at > start => commands.push(command),
            Ok(_) => return Script { commands, broken: Some(reader.fail()) },
            Err(broken) => return Script { commands, broken: Some(broken) },
        }
    }
}

pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) heredocs: Vec<(Vec<u8>, bool)>,
}

/// Words that end or divide a compound command.
const RESERVED: &[&[u8]] = &[b"then", b"else", b"elif", b"fi", b"do", b"done", b"esac", b"}", b"in"];

impl<'a> Reader<'a> {
    pub(super) fn fail(&self) -> NotUnderstood {
        let before = self.bytes.get(..self.at).unwrap_or(self.bytes);
        NotUnderstood { line: before.iter().filter(|b| **b == b'\n').count() + 1 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn ahead(&self, text: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text))
    }

    pub(super) fn take(&mut self, text: &[u8]) -> bool {
        let there = self.ahead(text);
        if there {
            self.at += text.len();
        }
        there
    }

    /// Blanks, escaped line ends and comments.
    pub(super) fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.ahead(b"\\\n") => self.at += 2,
                Some(b'\\') if self.ahead(b"\\\r\n") => self.at += 3,
                Some(b'#') => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    pub(super) fn newline(&mut self) {
        self.at += 1;
        for (end, dashed) in std::mem::take(&mut self.heredocs) {
            while self.at < self.bytes.len() {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
                self.at = (self.at + line.len() + 1).min(self.bytes.len());
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let skip = if dashed { line.iter().take_while(|b| **b == b'\t').count() } else { 0 };
                if line.get(skip..) == Some(&end[..]) {
                    break;
                }
            }
        }
    }

    /// Blanks, line ends and single semicolons.
    pub(super) fn gaps(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some(b'\n') => self.newline(),
                Some(b';') if !self.ahead(b";;") && !self.ahead(b";&") => self.at += 1,
                _ => return,
            }
        }
    }

    /// The reserved or plain word that stands here, without taking it.
    pub(super) fn word_ahead(&self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest
            .iter()
            .take_while(|b| {
                !matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')
            })
            .count();
        rest.get(..len).unwrap_or_default()
    }

    pub(super) fn take_word(&mut self, word: &[u8]) -> Result<(), NotUnderstood> {
        self.gaps();
        if self.word_ahead() == word {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.fail())
        }
    }

    /// Commands up to one of `ends` (not taken), a closing parenthesis, `;;` or the end.
    pub(super) fn script(&mut self, ends: &[&[u8]]) -> Result<Script, NotUnderstood> {
        self.depth += 1;
        if self.depth > SCRIPT_NESTING {
            return Err(self.fail());
        }
        let mut commands = Vec::new();
        loop {
            self.gaps();
            let word = self.word_ahead();
            if self.at >= self.bytes.len()
                || ends.contains(&word)
                || self.ahead(b")")
                || self.ahead(b";;")
                || self.ahead(b";&")
            {
                break;
            }
            if RESERVED.contains(&word) && word != b"in" {
                return Err(self.fail());
            }
            commands.push(self.list()?);
        }
        self.depth -= 1;
        Ok(Script { commands, broken: None })
    }

    /// `a && b || c &`
    pub(super) fn list(&mut self) -> Result<Command, NotUnderstood> {
        let mut left = self.pipeline()?;
        loop {
            self.blanks();
            if self.take(b"&&") {
                self.gaps();
                left = Command::And(Box::new(left), Box::new(self.pipeline()?));
            } else if self.take(b"||") {
                self.gaps();
                left = Command::Or(Box::new(left), Box::new(self.pipeline()?));
            } else if self.ahead(b"&") && !self.ahead(b"&>") {
                self.at += 1;
                return Ok(Command::Background(Box::new(left)));
            } else {
                return match self.peek() {
                    None | Some(b'\n' | b';' | b')') => Ok(left),
                    Some(_) => Err(self.fail()),
                };
            }
        }
    }

    pub(super) fn pipeline(&mut self) -> Result<Command, NotUnderstood> {
        self.blanks();
        if self.word_ahead() == b"!" {
            self.at += 1;
            return Ok(Command::Not(Box::new(self.pipeline()?)));
        }
        if self.word_ahead() == b"time" {
            self.at += 4;
            self.blanks();
        }
        let first = self.command()?;
        let mut all = vec![first];
        loop {
            self.blanks();
            if self.ahead(b"|") && !self.ahead(b"||") {
                self.at += 1;
                self.take(b"&");
                self.gaps();
                all.push(self.command()?);
            } else {
                break;
            }
        }
        Ok(match (all.pop(), all.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                all.extend(last);
                Command::Pipe(all)
            }
        })
    }

    pub(super) fn command(&mut self) -> Result<Command, NotUnderstood> {
        self.depth += 1;
        if self.depth > SCRIPT_NESTING {
            return Err(self.fail());
        }
        let command = self.command_inner()?;
        self.depth -= 1;
        Ok(command)
    }

    pub(super) fn command_inner(&mut self) -> Result<Command, NotUnderstood> {
        self.blanks();
        if self.take(b"((") {
            self.skip_arithmetic()?;
            return self.redirected(Command::Unclear);
        }
        if self.take(b"(") {
            let body = self.script(&[])?;
            if !self.take(b")") {
                return Err(self.fail());
            }
            return self.redirected(Command::Subshell(body));
        }
        match self.word_ahead() {
            b"if" => {
                self.at += 2;
                self.if_command()
            }
            b"case" => {
                self.at += 4;
                self.case_command()
            }
            b"while" | b"until" => {
                self.at += 5;
                let condition = self.script(&[b"do"])?;
                self.take_word(b"do")?;
                let body = self.script(&[b"done"])?;
                self.take_word(b"done")?;
                self.redirected(Command::Loop { condition, body, variable: None })
            }
            b"for" | b"select" => {
                self.at += self.word_ahead().len();
                self.for_command()
            }
            b"{" => {
                self.at += 1;
                let body = self.script(&[b"}"])?;
                self.take_word(b"}")?;
                self.redirected(Command::Group(body))
            }
            b"[[" => {
                self.at += 2;
                self.test_command()
            }
            b"function" => {
                self.at += 8;
                self.blanks();
                let name = self.word_ahead().to_vec();
                self.at += name.len();
                self.blanks();
                if self.take(b"(") {
                    self.blanks();
                    if !self.take(b")") {
                        return Err(self.fail());
                    }
                }
                self.function_body(name)
            }
            word => {
                let name = word.to_vec();
                let after = self.at + name.len();
                let mut rest = self.bytes.get(after..).unwrap_or_default();
                while let Some((b' ' | b'\t', more)) = rest.split_first() {
                    rest = more;
                }
                if !name.is_empty()
                    && rest.first() == Some(&b'(')
                    && !name.contains(&b'=')
                    && !name.contains(&b'$')
                {
                    let inner = rest.get(1..).unwrap_or_default();
                    let skip = inner.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                    if inner.get(skip) == Some(&b')') {
                        self.at = self.bytes.len() - rest.len() + 2 + skip;
                        return self.function_body(name);
                    }
                }
                self.simple()
            }
        }
    }

    pub(super) fn function_body(&mut self, name: Vec<u8>) -> Result<Command, NotUnderstood> {
        self.gaps();
        let body = self.command()?;
        let body = match body {
            Command::Group(script) | Command::Subshell(script) => script,
            other => Script { commands: vec![other], broken: None },
        };
        Ok(Command::Function(name, Arc::new(body)))
    }

    pub(super) fn if_command(&mut self) -> Result<Command, NotUnderstood> {
        let mut arms = Vec::new();
        loop {
            let condition = self.script(&[b"then"])?;
            self.take_word(b"then")?;
            let body = self.script(&[b"elif", b"else", b"fi"])?;
            arms.push((condition, body));
            self.gaps();
            match self.word_ahead() {
                b"elif" => self.at += 4,
                b"else" => {
                    self.at += 4;
                    let otherwise = self.script(&[b"fi"])?;
                    self.take_word(b"fi")?;
                    return self.redirected(Command::If { arms, otherwise });
                }
                _ => {
                    self.take_word(b"fi")?;
                    return self.redirected(Command::If { arms, otherwise: Script::default() });
                }
            }
        }
    }

    pub(super) fn case_command(&mut self) -> Result<Command, NotUnderstood> {
        self.blanks();
        let subject = self.word()?;
        self.take_word(b"in")?;
        let mut arms = Vec::new();
        loop {
            self.gaps();
            if self.word_ahead() == b"esac" {
                self.at += 4;
                return self.redirected(Command::Case { subject, arms });
            }
            self.take(b"(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.word()?);
                self.blanks();
                if !self.take(b"|") {
                    break;
                }
            }
            if !self.take(b")") {
                return Err(self.fail());
            }
            let body = self.script(&[b"esac"])?;
            arms.push((patterns, body));
            self.gaps();
            if self.take(b";;&") || self.take(b";&") {
                // What falls through to the next arm is not followed.
                if let Some((_, body)) = arms.last_mut() {
                    body.commands.push(Command::Unclear);
                }
            } else {
                self.take(b";;");
            }
        }
    }

    pub(super) fn for_command(&mut self) -> Result<Command, NotUnderstood> {
        self.blanks();
        let mut variable = None;
        if self.take(b"((") {
            self.skip_arithmetic()?;
        } else {
            let name = self.word_ahead().to_vec();
            self.at += name.len();
            variable = Some(name);
            self.gaps();
            if self.word_ahead() == b"in" {
                self.at += 2;
                loop {
                    self.blanks();
                    if matches!(self.peek(), None | Some(b'\n' | b';')) {
                        break;
                    }
                    self.word()?;
                }
            }
        }
        self.take_word(b"do")?;
        let body = self.script(&[b"done"])?;
        self.take_word(b"done")?;
        self.redirected(Command::Loop { condition: Script::default(), body, variable })
    }

    pub(super) fn test_command(&mut self) -> Result<Command, NotUnderstood> {
        let mut words = Vec::new();
        loop {
            self.blanks();
            if self.take(b"]]") {
                return self.redirected(Command::Test(words));
            }
            match self.peek() {
                None => return Err(self.fail()),
                Some(b'\n') => self.newline(),
                Some(b'&' | b'|' | b'<' | b'>' | b'(' | b')') => {
                    let two = self.ahead(b"&&") || self.ahead(b"||");
                    let len = if two { 2 } else { 1 };
                    let text = self.bytes.get(self.at..self.at + len).unwrap_or_default().to_vec();
                    self.at += len;
                    words.push(Word { parts: vec![Part::Text(text, false)] });
                }
                Some(_) => words.push(self.word()?),
            }
        }
    }

    pub(super) fn skip_arithmetic(&mut self) -> Result<(), NotUnderstood> {
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            if open == 0 && self.take(b"))") {
                return Ok(());
            }
            match byte {
                b'(' => open += 1,
                b')' => open = open.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
        Err(self.fail())
    }

    /// A redirection, if one stands here.
    pub(super) fn redirection(&mut self) -> Result<bool, NotUnderstood> {
        let start = self.at;
        let digits =
            self.bytes.get(self.at..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += digits;
        let operators: [&[u8]; 12] =
            [b"&>>", b"&>", b"<<<", b"<<-", b"<<", b"<&", b"<>", b"<", b">>", b">&", b">|", b">"];
        let Some(operator) = operators.into_iter().find(|o| self.ahead(o)) else {
            self.at = start;
            return Ok(false);
        };
        // `<( … )` is a word, not a redirection.
        if (operator == b"<" || operator == b">") && self.bytes.get(self.at + 1) == Some(&b'(') {
            return Err(self.fail());
        }
        self.at += operator.len();
        self.blanks();
        let target = self.word()?;
        if operator == b"<<" || operator == b"<<-" {
            let mut end = Vec::new();
            for part in &target.parts {
                if let Part::Text(text, _) = part {
                    end.extend_from_slice(text);
                }
            }
            self.heredocs.push((end, operator == b"<<-"));
        }
        Ok(true)
    }

    pub(super) fn redirected(&mut self, command: Command) -> Result<Command, NotUnderstood> {
        loop {
            self.blanks();
            if !self.redirection()? {
                return Ok(command);
            }
        }
    }

    pub(super) fn simple(&mut self) -> Result<Command, NotUnderstood> {
        let mut assigns = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None | Some(b'\n' | b';' | b'|' | b')') => break,
                Some(b'&') if !self.ahead(b"&>") => break,
                Some(b'(') => return Err(self.fail()),
                Some(_) => {}
            }
            if self.redirection()? {
                continue;
            }
            if let Some(name) = self.assignment_name()
                && (words.is_empty() || declares(&words))
            {
                self.at += name.len();
                let appends = self.take(b"+");
                self.at += 1;
                let value = if self.take(b"(") {
                    self.skip_array()?;
                    Word { parts: vec![Part::Unclear] }
                } else if matches!(
                    self.peek(),
                    None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b')')
                ) {
                    Word::default()
                } else {
                    self.word()?
                };
                let mut parts = Vec::new();
                if appends {
                    parts.push(Part::Variable {
                        name: name.clone(),
                        operator: Operator::Default(Word::default(), true),
                        quoted: true,
                    });
                }
                parts.extend(value.parts);
                if words.is_empty() {
                    assigns.push((name, Word { parts }));
                } else {
                    let mut whole = vec![Part::Text([&name[..], b"="].concat(), true)];
                    whole.extend(parts.into_iter().map(quoted));
                    words.push(Word { parts: whole });
                }
                continue;
            }
            words.push(self.word()?);
        }
        if assigns.is_empty()
            && words.is_empty()
            && !matches!(self.peek(), None | Some(b'\n' | b';' | b')' | b'&' | b'|'))
        {
            return Err(self.fail());
        }
        Ok(Command::Simple { assigns, words })
    }

    pub(super) fn skip_array(&mut self) -> Result<(), NotUnderstood> {
        loop {
            self.blanks();
            match self.peek() {
                None => return Err(self.fail()),
                Some(b')') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\n') => self.newline(),
                Some(_) => {
                    self.word()?;
                }
            }
        }
    }

    /// The name before `=` or `+=`, if an assignment stands here.
    pub(super) fn assignment_name(&self) -> Option<Vec<u8>> {
        let rest = self.bytes.get(self.at..)?;
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let name = rest.get(..len)?;
        if name.is_empty() || name.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let after = rest.get(len..)?;
        (after.starts_with(b"=") || after.starts_with(b"+=")).then(|| name.to_vec())
    }
}

fn quoted(part: Part) -> Part {
    match part {
        Part::Text(text, _) => Part::Text(text, true),
        Part::Variable { name, operator, .. } => Part::Variable { name, operator, quoted: true },
        Part::Command(script, _) => Part::Command(script, true),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::parse;
    use crate::python::shell::syntax::{Command, Part};

    #[test]
    fn usual_scripts_are_read() {
        for script in [
            "#!/bin/sh\nset -e\nif [ \"$#\" = 0 ]; then set -- serve; fi\nexec \"$@\"\n",
            "#!/bin/sh\n'''exec' /x/python3 \"$0\" \"$@\"\n' '''\nimport json\n",
            "case \"$1\" in\n  serve|run) shift; exec torchserve \"$@\" ;;\n  -*) exec python \"$@\";;\n  *) exec \"$@\"\nesac\n",
            "f() {\n  echo x\n}\nfunction g { f; }\ncat <<EOF\nif then\nEOF\nf && g || exit 1\n",
            "export A=${B:-\"x y\"} C\nsource /opt/venv/bin/activate\n[[ $1 == serve* && -n \"$X\" ]] && exec python -m app\n",
            "for i in $(seq 3); do sleep 1; done > /dev/null 2>&1 &\nwait\nwhile [ -z \"$x\" ]; do x=$((x+1)); done\n",
            "if [ \"${1:0:1}\" = '-' ]; then\r\n set -- python \"$@\"\r\nfi\r\n(cd /a; exec b) | tee log\n",
            "arr=(a b)\necho ${arr[@]}\n",
        ] {
            assert_eq!(parse(script.as_bytes()).broken, None, "{script}");
        }
    }

    #[test]
    fn quotes_join_to_one_word() {
        let script = parse(b"'''exec' /x \"$0\"\n");
        let Command::Simple { words, .. } = &script.commands[0] else { panic!("not simple") };
        assert_eq!(words[0].parts.len(), 2);
        assert!(matches!(&words[2].parts[..], [Part::Variable { quoted: true, .. }]));
    }

    #[test]
    fn hostile_nesting_ends() {
        for bad in ["(".repeat(10_000), "$(".repeat(10_000), "${a:-".repeat(10_000), "if ".repeat(10_000)] {
            assert!(parse(bad.as_bytes()).broken.is_some());
        }
    }
}
