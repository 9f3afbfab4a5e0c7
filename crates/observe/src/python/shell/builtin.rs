//! A shell's own commands, and those that change what later ones see, to what they leave of the state.

use envdiff_files::{ImagePath, Miss};
use envdiff_model::{Text, say};

use super::parse::parse;
use super::syntax::{Part, Word};
use super::walk::{Flow, MAX_ENDS, State, Walker};
use crate::limits::{SCRIPT_CALLS, SCRIPT_FILE};
use crate::python::ask::{self, Found};
use crate::python::process::Process;
use crate::python::program;

/// Programs that set nothing up that matters here and are no Python; not looked up.
const ORDINARY: &[&str] = &[
    "echo",
    "printf",
    "mkdir",
    "chown",
    "chmod",
    "cp",
    "mv",
    "rm",
    "ln",
    "touch",
    "cat",
    "ls",
    "sleep",
    "wait",
    "trap",
    "umask",
    "ulimit",
    "tail",
    "head",
    "grep",
    "sed",
    "awk",
    "cut",
    "tr",
    "find",
    "date",
    "env",
    "id",
    "kill",
    "sort",
    "tee",
    "rmdir",
    "install",
    "groupadd",
    "useradd",
    "usermod",
    "groupmod",
    "adduser",
    "addgroup",
    "ldconfig",
    "curl",
    "wget",
    "nvidia-smi",
    "hostname",
    "uname",
    "mount",
    "df",
    "free",
    "stty",
    "shopt",
    "setopt",
    "true",
    "jobs",
    "tar",
    "nc",
    "openssl",
    "git",
    "mktemp",
    "sync",
    "ssh-keygen",
    "apt-get",
    "yum",
    "apk",
    "dnf",
    "set",
];

impl Walker<'_> {
    pub(super) fn builtin(
        &mut self,
        name: &Text,
        rest: Vec<Option<Text>>,
        mut process: Process,
        fields: Vec<Option<Text>>,
        state: &mut State,
    ) -> Result<(Flow, Option<bool>), Miss> {
        let first = rest.first().cloned().flatten();
        match name.as_str().unwrap_or_default() {
            ":" | "true" => Ok((Flow::Goes, Some(true))),
            "false" => Ok((Flow::Goes, Some(false))),
            "exit" => Ok((Flow::Ends, None)),
            "return" | "break" | "continue" => Ok((Flow::Returns, None)),
            "[" => {
                let inner = match rest.split_last() {
                    Some((Some(last), inner)) if *last == "]" => inner.to_vec(),
                    _ => return Ok((Flow::Goes, None)),
                };
                Ok((Flow::Goes, self.test(&inner, state)?))
            }
            "test" => Ok((Flow::Goes, self.test(&rest, state)?)),
            "set" => {
                if rest.iter().flatten().any(|a| *a == "-a" || *a == "allexport") {
                    state.exports_all = true;
                }
                if let Some(at) =
                    rest.iter().position(|a| a.as_ref().is_some_and(|a| *a == "--" || *a == "-"))
                {
                    state.arguments = rest.get(at + 1..).unwrap_or_default().to_vec();
                } else if first.as_ref().is_some_and(|f| !matches!(f.as_bytes().first(), Some(b'-' | b'+'))) {
                    state.arguments = rest;
                }
                Ok((Flow::Goes, Some(true)))
            }
            "shift" => {
                let count = match &first {
                    Some(text) => text.as_str().and_then(|t| t.parse::<usize>().ok()),
                    None => Some(1),
                };
                match count {
                    Some(count) if state.arguments != [None] => {
                        state.arguments.drain(..count.min(state.arguments.len()));
                    }
                    _ => state.arguments = vec![None],
                }
                Ok((Flow::Goes, Some(true)))
            }
            "unset" => {
                for argument in rest.iter().flatten() {
                    state.process.vars.unset(argument.as_bytes());
                    state.locals.unset(argument.as_bytes());
                }
                Ok((Flow::Goes, Some(true)))
            }
            "read" | "getopts" | "mapfile" | "readarray" => {
                for argument in rest.iter().flatten().filter(|a| !a.as_bytes().starts_with(b"-")) {
                    state.assign(argument.as_bytes(), None);
                }
                Ok((Flow::Goes, None))
            }
            "cd" | "pushd" => {
                let target = match rest.iter().rfind(|a| a.as_ref().is_none_or(|a| *a != "--")) {
                    None => state.process.vars.get("HOME").cloned(),
                    Some(target) => target.clone(),
                };
                state.process.cwd = match (target, &state.process.cwd) {
                    (Some(target), Some(cwd)) if target != "-" => cwd.join(target.as_bytes()),
                    _ => None,
                };
                Ok((Flow::Goes, None))
            }
            "popd" => {
                state.process.cwd = None;
                Ok((Flow::Goes, None))
            }
            "exec" => {
                let mut argv = rest;
                while let Some(Some(option)) = argv.first()
                    && option.as_bytes().starts_with(b"-")
                {
                    let takes = *option == "-a";
                    argv.remove(0);
                    if takes && !argv.is_empty() {
                        argv.remove(0);
                    }
                }
                if argv.is_empty() {
                    return Ok((Flow::Goes, Some(true)));
                }
                process.argv = argv;
                let step = say!("exec in ", state.zero);
                process.reached_by.push(step);
                if self.ends.becomes.len() >= MAX_ENDS {
                    self.unclear(say!(state.zero, " can become more programs than are followed"));
                } else if !self.ends.becomes.contains(&process) {
                    self.ends.becomes.push(process);
                }
                Ok((Flow::Ends, None))
            }
            "eval" => self.eval(rest, state),
            "source" | "." => self.source(&rest, state),
            "command" | "type" | "which" | "hash" => self.lookup(name, rest, process, state),
            "conda" | "mamba" | "micromamba" if first.as_ref().is_some_and(|f| *f == "activate") => {
                self.conda(rest.get(1..).unwrap_or_default(), state);
                Ok((Flow::Goes, Some(true)))
            }
            "builtin" | "time" | "nohup" if !rest.is_empty() => {
                process.argv = rest.clone();
                let Some(Some(inner)) = rest.first().cloned() else { return Ok((Flow::Goes, None)) };
                self.builtin(&inner, rest.get(1..).unwrap_or_default().to_vec(), process, rest, state)
            }
            other if ORDINARY.contains(&other) => Ok((Flow::Goes, None)),
            _ => {
                process.argv = fields;
                let step = say!("run by ", state.zero);
                process.reached_by.push(step);
                self.run(process);
                Ok((Flow::Goes, None))
            }
        }
    }

    /// `export A=b C`: what cannot be told makes that variable unclear.
    pub(super) fn declare(&mut self, words: &[Word], state: &mut State) -> Result<(), Miss> {
        let mut exports = words.first().is_some_and(|w| w.parts == [Part::Text(b"export".to_vec(), false)]);
        for word in words.iter().skip(1) {
            let value = self.text(word, state)?;
            let whole = match (&value, word.parts.first()) {
                (Some(text), _) => text.as_bytes().to_vec(),
                (None, Some(Part::Text(text, _))) => text.clone(),
                (None, _) => continue,
            };
            if whole.starts_with(b"-") {
                exports |= whole.contains(&b'x');
                continue;
            }
            let mut parts = whole.splitn(2, |b| *b == b'=');
            let key = parts.next().unwrap_or_default().to_vec();
            match (parts.next(), &value) {
                (Some(text), Some(_)) => state.assign(&key, Some(Text::from(text))),
                (Some(_), None) => state.assign(&key, None),
                (None, _) => {}
            }
            if exports {
                state.export(&key);
            }
        }
        Ok(())
    }

    pub(super) fn eval(
        &mut self,
        rest: Vec<Option<Text>>,
        state: &mut State,
    ) -> Result<(Flow, Option<bool>), Miss> {
        let Some(known) = rest.into_iter().collect::<Option<Vec<Text>>>() else {
            state.process.vars.set(Text::from("PATH"), None);
            return Ok((Flow::Goes, None));
        };
        let text = Text::join(&known, " ");
        let script = parse(text.as_bytes());
        if self.calls >= SCRIPT_CALLS {
            self.unclear(say!(state.zero, " calls itself too often to follow"));
            return Ok((Flow::Ends, None));
        }
        self.calls += 1;
        let flow = self.script(&script, state);
        self.calls -= 1;
        Ok((flow?, None))
    }

    /// `. file`: a virtual environment's or conda's `activate`, else the file's own commands.
    pub(super) fn source(
        &mut self,
        rest: &[Option<Text>],
        state: &mut State,
    ) -> Result<(Flow, Option<bool>), Miss> {
        let Some(Some(file)) = rest.first().cloned() else {
            self.unclear(say!(state.zero, " reads a script whose name is not known"));
            state.process.vars.set(Text::from("PATH"), None);
            return Ok((Flow::Goes, None));
        };
        let arguments = rest.get(1..).unwrap_or_default();
        let path = if file.as_bytes().contains(&b'/') {
            state.process.cwd.as_ref().and_then(|cwd| cwd.join(file.as_bytes()))
        } else {
            match program::locate(self.seen, &state.process, file.as_bytes())? {
                program::Located::At(path) => Some(path),
                _ => state.process.cwd.as_ref().and_then(|cwd| cwd.join(file.as_bytes())),
            }
        };
        let Some(path) = path else {
            self.unclear(say!(state.zero, " reads ", file, " from a folder that is not known"));
            return Ok((Flow::Goes, None));
        };
        if path.file_name() == b"activate"
            && let Some(bin) = path.parent()
            && let Some(prefix) = bin.parent()
        {
            let cfg = prefix.join("pyvenv.cfg");
            let is_venv = match cfg {
                Some(cfg) => matches!(ask::is_file(self.seen, &cfg)?, Found::Is(true)),
                None => false,
            };
            if is_venv {
                self.activate(&bin, "VIRTUAL_ENV", &prefix, state);
                state.process.vars.unset(b"PYTHONHOME");
                return Ok((Flow::Goes, Some(true)));
            }
            self.conda_in(&prefix, arguments.first().cloned().flatten().as_ref(), state);
            return Ok((Flow::Goes, Some(true)));
        }
        if path.as_bytes().ends_with(b"/profile.d/conda.sh")
            || path.as_bytes().ends_with(b"/profile.d/mamba.sh")
        {
            return Ok((Flow::Goes, Some(true)));
        }
        match ask::parsed(self.seen, &path, SCRIPT_FILE, parse)? {
            Found::Is(script) => {
                let inside = if arguments.is_empty() { state.arguments.clone() } else { arguments.to_vec() };
                self.prefetch(&script, state)?;
                let keeps = arguments.is_empty();
                if keeps {
                    if self.calls >= SCRIPT_CALLS {
                        self.unclear(say!(state.zero, " calls itself too often to follow"));
                        return Ok((Flow::Ends, None));
                    }
                    self.calls += 1;
                    let flow = self.script(&script, state);
                    self.calls -= 1;
                    let flow = flow?;
                    return Ok((if flow == Flow::Returns { Flow::Goes } else { flow }, None));
                }
                Ok((self.call(&script, inside, state)?, None))
            }
            Found::Absent => Ok((Flow::Goes, Some(false))),
            Found::Unreadable(why) => {
                self.unclear(say!(path.as_bytes(), " cannot be read: ", why));
                Ok((Flow::Goes, None))
            }
        }
    }

    pub(super) fn activate(&self, bin: &ImagePath, variable: &str, prefix: &ImagePath, state: &mut State) {
        let path = state.process.vars.raw(b"PATH").map(|p| p.cloned());
        let new = match path {
            Some(Some(path)) => Some(say!(bin.as_bytes(), ":", path)),
            Some(None) => None,
            None => Some(Text::from(bin.as_bytes())),
        };
        state.process.vars.set(Text::from("PATH"), new);
        state.process.vars.set(Text::from(variable), Some(Text::from(prefix.as_bytes())));
    }

    /// `conda activate NAME`
    pub(super) fn conda(&mut self, rest: &[Option<Text>], state: &mut State) {
        let root = ["CONDA_PREFIX", "MAMBA_ROOT_PREFIX", "CONDA_DIR", "CONDA_ROOT"]
            .iter()
            .find_map(|name| state.process.vars.get(name).cloned());
        let root = root.and_then(|r| ImagePath::new(r.as_bytes())).or_else(|| ImagePath::new("/opt/conda"));
        if let Some(root) = root {
            self.conda_in(&root, rest.first().cloned().flatten().as_ref(), state);
        }
    }

    pub(super) fn conda_in(&mut self, root: &ImagePath, name: Option<&Text>, state: &mut State) {
        let prefix = match name {
            None => Some(root.clone()),
            Some(name) if *name == "base" => Some(root.clone()),
            Some(name) if name.as_bytes().contains(&b'/') => ImagePath::new(name.as_bytes()),
            Some(name) => root.join("envs").and_then(|p| p.join(name.as_bytes())),
        };
        if let Some(prefix) = prefix
            && let Some(bin) = prefix.join("bin")
        {
            self.activate(&bin, "CONDA_PREFIX", &prefix, state);
        }
    }

    /// `command -v X`, `which X`: whether X is on PATH; `command X …` runs X.
    pub(super) fn lookup(
        &mut self,
        name: &Text,
        rest: Vec<Option<Text>>,
        mut process: Process,
        state: &mut State,
    ) -> Result<(Flow, Option<bool>), Miss> {
        let asks = *name != "command" || rest.iter().flatten().any(|a| *a == "-v" || *a == "-V");
        let subject = rest
            .iter()
            .find(|a| a.as_ref().is_none_or(|a| !a.as_bytes().starts_with(b"-")))
            .cloned()
            .flatten();
        let Some(subject) = subject else { return Ok((Flow::Goes, None)) };
        if !asks {
            process.argv = rest
                .into_iter()
                .skip_while(|a| a.as_ref().is_some_and(|a| a.as_bytes().starts_with(b"-")))
                .collect();
            let step = say!("run by ", state.zero);
            process.reached_by.push(step);
            self.run(process);
            return Ok((Flow::Goes, None));
        }
        Ok((
            Flow::Goes,
            match program::locate(self.seen, &state.process, subject.as_bytes())? {
                program::Located::At(_) => Some(true),
                program::Located::Nowhere => Some(state.functions.contains_key(subject.as_bytes())),
                program::Located::Untold(_) => None,
            },
        ))
    }
}
