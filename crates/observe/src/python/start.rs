//! What an image's ENTRYPOINT and CMD start, followed through shebangs, scripts and launchers to a Python.
//!
//! Decided: what starts counts. Where nothing starts, or a plain shell, or a program that only waits, it is the Python that
//! PATH gives; of any other program that is no Python nothing is assumed.

use std::cell::Cell;

use envdiff_files::{ImagePath, Miss, Seen};
use envdiff_model::{Text, say};

use super::ask::{self, Found};
use super::foresee;
use super::layout::is_python_name;
use super::process::{Account, Process, home_of};
use super::program::{self, HEAD, Located, ProgramKind};
use super::shell;
use crate::limits::{PROGRAM_CHAIN, PROGRAMS, SCRIPT_FILE};

/// What following programs needs.
#[derive(Clone, Copy)]
struct Trail<'a> {
    seen: &'a Seen,
    accounts: &'a [Account],
    /// Programs that may still be followed.
    left: &'a Cell<usize>,
    depth: usize,
}

impl Trail<'_> {
    const fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

/// An interpreter about to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    /// `sys.executable`.
    pub(crate) executable: ImagePath,
    /// Arguments before the program.
    pub(crate) flags: Vec<Text>,
    /// Environment, folder, user at that moment.
    pub(crate) process: Process,
}

/// What a process turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// A Python.
    Python(Box<Started>),
    /// A shell without a script, or a program that only waits; its name.
    Idle(Text, Box<Process>),
    /// Another program, or one that cannot be told; the reason is a clause.
    Other(Text),
}

/// Finds the interpreter that an image starts; `Err` inside `Ok` is the reason why there is none.
pub(crate) fn find(
    seen: &Seen,
    accounts: &[Account],
    process: &Process,
) -> Result<Result<Started, Text>, Miss> {
    let starts = if process.argv.is_empty() {
        vec![Start::Idle(Text::from("nothing"), Box::new(process.clone()))]
    } else {
        follow(Trail { seen, accounts, left: &Cell::new(PROGRAMS), depth: 0 }, process)?
    };
    let mut found: Vec<Started> = Vec::new();
    let mut reasons: Vec<Text> = Vec::new();
    for start in starts {
        match start {
            Start::Python(started) => {
                if !found
                    .iter()
                    .any(|f| f.executable == started.executable && f.process.vars == started.process.vars)
                {
                    found.push(*started);
                }
            }
            Start::Idle(what, process) => match on_path(seen, &process)? {
                Located::At(executable) => {
                    let mut process = *process;
                    process.reached_by.push(say!(
                        what,
                        " starts, so what PATH gives: ",
                        executable.as_bytes()
                    ));
                    if !found.iter().any(|f| f.executable == executable && f.process.vars == process.vars) {
                        found.push(Started { executable, flags: Vec::new(), process });
                    }
                }
                Located::Nowhere => {
                    reasons.push(say!(what, " starts, and PATH has no python3 and no python"))
                }
                Located::Untold(why) => reasons.push(why),
            },
            Start::Other(why) => {
                if !reasons.contains(&why) {
                    reasons.push(why);
                }
            }
        }
    }
    // Several ways through a script may end in one interpreter; then the first tells how.
    if let Some(first) = found.first().cloned() {
        let mut same = true;
        for other in found.iter().skip(1) {
            same &= is_same(seen, &first.executable, &other.executable)?;
        }
        return Ok(match (same, reasons.is_empty()) {
            (true, true) => {
                let mut started = first;
                for other in found.iter().skip(1) {
                    started.process.vars = started.process.vars.merged(&other.process.vars);
                    if started.process.cwd != other.process.cwd {
                        started.process.cwd = None;
                    }
                }
                Ok(started)
            }
            (false, _) => Err(say!(
                "what starts depends on what cannot be told here: ",
                Text::join(found.iter().map(|f| f.executable.as_bytes()), " or ")
            )),
            (true, false) => {
                Err(say!(first.executable.as_bytes(), " on one way, on another ", Text::join(&reasons, "; ")))
            }
        });
    }
    Ok(Err(Text::join(&reasons, "; ")))
}

/// Whether two names in one folder lead to one file: `python` and `python3` of an environment.
fn is_same(seen: &Seen, one: &ImagePath, two: &ImagePath) -> Result<bool, Miss> {
    if one == two {
        return Ok(true);
    }
    let (first, second) = (ask::real(seen, one), ask::real(seen, two));
    Ok(match (first?, second?) {
        (Found::Is(first), Found::Is(second)) => first == second && one.parent() == two.parent(),
        _ => false,
    })
}

/// `python3` or `python`, whichever an earlier folder of PATH has; `python3` where one folder has both.
pub(crate) fn on_path(seen: &Seen, process: &Process) -> Result<Located, Miss> {
    let three = program::locate(seen, process, b"python3");
    let plain = program::locate(seen, process, b"python");
    Ok(match (three?, plain?) {
        (Located::At(three), Located::At(plain)) => {
            let folders = process.path_folders().unwrap_or_default();
            let rank = |path: &ImagePath| folders.iter().position(|f| Some(f) == path.parent().as_ref());
            if rank(&plain) < rank(&three) { Located::At(plain) } else { Located::At(three) }
        }
        (Located::At(path), _) | (_, Located::At(path)) => Located::At(path),
        (Located::Untold(why), _) | (_, Located::Untold(why)) => Located::Untold(why),
        (Located::Nowhere, Located::Nowhere) => Located::Nowhere,
    })
}

/// Where a process leads. More than one where a script's way depends on what cannot be told.
fn follow(trail: Trail<'_>, process: &Process) -> Result<Vec<Start>, Miss> {
    let other = |why: Text| Ok(vec![Start::Other(why)]);
    let seen = trail.seen;
    if trail.depth > PROGRAM_CHAIN {
        return other(Text::from("programs start one another in a circle"));
    }
    if trail.left.get() == 0 {
        return other(Text::from("the start scripts lead to more programs than are followed"));
    }
    trail.left.set(trail.left.get() - 1);
    let Some(Some(name)) = process.argv.first().cloned() else {
        return other(Text::from("a program whose name cannot be told starts"));
    };
    if name.as_bytes().contains(&b'/') {
        foresee::program(seen, process.cwd.as_ref().and_then(|cwd| cwd.join(name.as_bytes())));
    }
    let path = match program::locate(seen, process, name.as_bytes())? {
        Located::At(path) => path,
        Located::Nowhere => {
            return match shell_builtin(&name, process) {
                Some(start) => Ok(vec![start]),
                None => other(say!(name, " is started, and is not there")),
            };
        }
        Located::Untold(why) => return other(say!(name, " is started: ", why)),
    };
    let real = ask::real(seen, &path);
    let head = ask::range(seen, &path, 0, HEAD);
    let real = match real? {
        Found::Is(real) => real.clone(),
        _ => path.clone(),
    };
    let base = path.file_name().to_vec();
    // A file that is there and is not carried (a bundle's placeholder) is told by its name.
    let kind = match head? {
        Found::Is(head) => program::kind(head),
        Found::Absent => return other(say!(path.as_bytes(), " is started, and is not there")),
        Found::Unreadable(_) if is_python_name(&base) || is_python_name(real.file_name()) => {
            ProgramKind::Elf(0)
        }
        Found::Unreadable(_) if launcher(&base).is_some() => ProgramKind::Elf(0),
        Found::Unreadable(why) => {
            return other(say!(path.as_bytes(), " is started and cannot be read: ", why));
        }
    };
    let arguments: Vec<Option<Text>> = process.argv.get(1..).unwrap_or_default().to_vec();
    match kind {
        ProgramKind::Shebang { interpreter, argument } => {
            if let Some(start) = manager(&base) {
                return other(start);
            }
            let mut argv = vec![Some(interpreter.clone())];
            argv.extend(argument.clone().map(Some));
            argv.push(Some(Text::from(path.as_bytes())));
            argv.extend(arguments);
            let step = match argument {
                Some(argument) => say!(path.as_bytes(), " with shebang #!", interpreter, " ", argument),
                None => say!(path.as_bytes(), " with shebang #!", interpreter),
            };
            follow(trail.deeper(), &process.with(argv, step))
        }
        ProgramKind::Elf(_) if is_python_name(&base) || is_python_name(real.file_name()) => {
            let flags = flags(&arguments);
            let mut process = process.clone();
            process.reached_by.push(Text::from(path.as_bytes()));
            Ok(vec![Start::Python(Box::new(Started { executable: path, flags, process }))])
        }
        ProgramKind::Elf(_) => match launcher(&base).or_else(|| launcher(real.file_name())) {
            Some(launcher) => launch(trail, process, &path, launcher, arguments),
            None => other(say!(path.as_bytes(), " starts, which is no Python")),
        },
        ProgramKind::Other => other(say!(path.as_bytes(), " is started, and is no program")),
    }
}

/// Shell builtins as programs: what a script runs by `exec` may be one only by name.
fn shell_builtin(name: &Text, process: &Process) -> Option<Start> {
    is_idle(name.as_bytes()).then(|| Start::Idle(name.clone(), Box::new(process.clone())))
}

/// Programs that start what a configuration names, not what they are written in.
fn manager(name: &[u8]) -> Option<Text> {
    const MANAGERS: &[&[u8]] = &[b"supervisord", b"circusd", b"honcho"];
    MANAGERS
        .contains(&name)
        .then(|| say!(name, " starts what its configuration names, which is not followed"))
}

/// Programs that wait and do nothing.
fn is_idle(name: &[u8]) -> bool {
    const IDLE: &[&[u8]] = &[b"sleep", b"tail", b"cat", b"true", b"pause", b"yes"];
    IDLE.contains(&name)
}

/// Programs that start another, or a shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Launcher {
    /// Reads a script.
    Shell,
    /// busybox: its first argument is the program.
    Applet,
    /// `env`
    Env,
    /// Options, perhaps `--`, then the command.
    Options(&'static [&'static str]),
    /// The same with words before the command.
    After(&'static [&'static str], usize),
    /// gosu, su-exec: user, command.
    AsUser,
    /// su, runuser: `-c COMMAND`.
    Su,
    /// Waits.
    Idle,
}

fn launcher(name: &[u8]) -> Option<Launcher> {
    if is_idle(name) {
        return Some(Launcher::Idle);
    }
    Some(match std::str::from_utf8(name).ok()? {
        "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "rbash" => Launcher::Shell,
        "busybox" | "toybox" => Launcher::Applet,
        "env" => Launcher::Env,
        "tini" | "tini-static" | "docker-init" => Launcher::Options(&["-e", "-p"]),
        "dumb-init" => Launcher::Options(&["-r", "--rewrite"]),
        "catatonit" => Launcher::Options(&[]),
        "nohup" | "setsid" | "exec" | "unbuffer" => Launcher::Options(&[]),
        "nice" => Launcher::Options(&["-n"]),
        "ionice" => Launcher::Options(&["-c", "-n"]),
        "stdbuf" => Launcher::Options(&["-i", "-o", "-e"]),
        "numactl" => Launcher::Options(&["-N", "-m", "-C"]),
        "setpriv" => Launcher::Options(&[]),
        "timeout" => Launcher::After(&["-s", "-k"], 1),
        "taskset" => Launcher::After(&[], 1),
        "chroot" => Launcher::After(&[], 1),
        "gosu" | "su-exec" => Launcher::AsUser,
        "sudo" => Launcher::Options(&["-u", "-g", "-C", "-h", "-p"]),
        "su" | "runuser" => Launcher::Su,
        _ => return None,
    })
}

fn launch(
    trail: Trail<'_>,
    process: &Process,
    path: &ImagePath,
    launcher: Launcher,
    arguments: Vec<Option<Text>>,
) -> Result<Vec<Start>, Miss> {
    let step = Text::from(path.as_bytes());
    let next = |process: &Process, argv: Vec<Option<Text>>| {
        if argv.is_empty() {
            return Ok(vec![Start::Idle(step.clone(), Box::new(process.clone()))]);
        }
        follow(trail.deeper(), &process.with(argv, step.clone()))
    };
    match launcher {
        Launcher::Idle => Ok(vec![Start::Idle(step, Box::new(process.clone()))]),
        Launcher::Shell => run_shell(trail, process, path, &arguments),
        Launcher::Applet => match arguments.first() {
            Some(Some(applet)) if matches!(applet.as_str(), Some("sh" | "ash" | "hush")) => {
                run_shell(trail, process, path, arguments.get(1..).unwrap_or_default())
            }
            // Called by a link of the applet's name it is that applet.
            _ if matches!(path.file_name(), b"sh" | b"ash") => run_shell(trail, process, path, &arguments),
            _ => Ok(vec![Start::Other(say!(path.as_bytes(), " starts, which is no Python"))]),
        },
        Launcher::Env => {
            let mut process = process.clone();
            let argv = env(&mut process, arguments);
            next(&process, argv)
        }
        Launcher::Options(valued) => next(process, after_options(arguments, valued)),
        Launcher::After(valued, words) => {
            next(process, after_options(arguments, valued).get(words..).unwrap_or_default().to_vec())
        }
        Launcher::AsUser => {
            let mut process = process.clone();
            if let Some(Some(user)) = arguments.first() {
                process.vars.set(Text::from("HOME"), Some(home_of(trail.accounts, user.as_bytes())));
                process.user = user.clone();
            }
            next(&process, arguments.get(1..).unwrap_or_default().to_vec())
        }
        Launcher::Su => {
            let command =
                arguments.iter().position(|a| a.as_ref().is_some_and(|a| *a == "-c" || *a == "--command"));
            match command.and_then(|at| arguments.get(at + 1)) {
                Some(Some(command)) => {
                    let mut process = process.clone();
                    let user =
                        arguments.iter().flatten().find(|a| !a.as_bytes().starts_with(b"-") && *a != command);
                    if let Some(user) = user {
                        process.vars.set(Text::from("HOME"), Some(home_of(trail.accounts, user.as_bytes())));
                        process.user = user.clone();
                    }
                    next(
                        &process,
                        vec![Some(Text::from("sh")), Some(Text::from("-c")), Some(command.clone())],
                    )
                }
                _ => Ok(vec![Start::Other(say!(path.as_bytes(), " starts a shell of another user"))]),
            }
        }
    }
}

/// What stands behind the options; `valued` are those whose value is a word of its own.
fn after_options(arguments: Vec<Option<Text>>, valued: &[&str]) -> Vec<Option<Text>> {
    let mut at = 0;
    while let Some(Some(argument)) = arguments.get(at) {
        if *argument == "--" {
            at += 1;
            break;
        }
        if !argument.as_bytes().starts_with(b"-") {
            break;
        }
        at += if valued.iter().any(|v| *argument == **v) { 2 } else { 1 };
    }
    arguments.get(at..).unwrap_or_default().to_vec()
}

/// `env`: sets variables, splits `-S`, and leaves the command.
fn env(process: &mut Process, arguments: Vec<Option<Text>>) -> Vec<Option<Text>> {
    let mut rest: std::collections::VecDeque<Option<Text>> = arguments.into();
    while let Some(argument) = rest.pop_front() {
        let Some(text) = argument.clone() else {
            rest.push_front(argument);
            break;
        };
        let bytes = text.as_bytes();
        if bytes == b"-i" || bytes == b"-" || bytes == b"--ignore-environment" {
            process.vars.clear();
        } else if bytes == b"--" {
            break;
        } else if bytes == b"-u" || bytes == b"--unset" {
            if let Some(Some(name)) = rest.pop_front() {
                process.vars.unset(name.as_bytes());
            }
        } else if bytes == b"-C" || bytes == b"--chdir" {
            let folder = rest.pop_front().flatten();
            process.cwd = folder.and_then(|f| process.cwd.as_ref()?.join(f.as_bytes()));
        } else if let Some(split) = bytes
            .strip_prefix(b"-S")
            .or_else(|| bytes.strip_prefix(b"--split-string="))
            .or_else(|| bytes.strip_prefix(b"-vS"))
        {
            let split = if split.is_empty() {
                rest.pop_front().flatten().unwrap_or_default()
            } else {
                Text::from(split)
            };
            for word in words(split.as_bytes()).into_iter().rev() {
                rest.push_front(Some(word));
            }
        } else if bytes.starts_with(b"-") && bytes.len() > 1 {
            // Options without a value: -0, -v.
        } else if let Some(at) = bytes.iter().position(|b| *b == b'=') {
            process.vars.set(
                Text::from(bytes.get(..at).unwrap_or_default()),
                Some(Text::from(bytes.get(at + 1..).unwrap_or_default())),
            );
        } else {
            rest.push_front(argument);
            break;
        }
    }
    rest.into()
}

/// Splits a text at blanks, quotes honoured.
fn words(text: &[u8]) -> Vec<Text> {
    let mut out = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote: Option<u8> = None;
    for byte in text {
        match (quote, byte) {
            (Some(q), b) if q == *b => quote = None,
            (None, b'"' | b'\'') => {
                quote = Some(*byte);
                word.get_or_insert_default();
            }
            (None, b' ' | b'\t') => out.extend(word.take().map(Text::from)),
            (_, b) => word.get_or_insert_default().push(*b),
        }
    }
    out.extend(word.map(Text::from));
    out
}

/// A shell: what its script or `-c` text can end in.
fn run_shell(
    trail: Trail<'_>,
    process: &Process,
    path: &ImagePath,
    arguments: &[Option<Text>],
) -> Result<Vec<Start>, Miss> {
    let Trail { seen, accounts, .. } = trail;
    let mut at = 0;
    let mut command = false;
    let mut login = false;
    while let Some(Some(option)) = arguments.get(at) {
        let bytes = option.as_bytes();
        if bytes == b"--" || bytes == b"-" {
            at += 1;
            break;
        }
        if bytes.starts_with(b"--") {
            login |= bytes == b"--login";
            at += if matches!(bytes, b"--rcfile" | b"--init-file") { 2 } else { 1 };
        } else if bytes.len() > 1 && matches!(bytes.first(), Some(b'-' | b'+')) {
            let letters = bytes.get(1..).unwrap_or_default();
            command |= letters.contains(&b'c');
            login |= letters.contains(&b'l');
            at += if letters.contains(&b'o') || letters.contains(&b'O') { 2 } else { 1 };
        } else {
            break;
        }
    }
    let mut process = process.clone();
    if login {
        process.reached_by.push(say!(path.as_bytes(), " as a login shell"));
        let profile = ImagePath::new("/etc/profile");
        if let Some(profile) = profile {
            match ask::parsed(seen, &profile, SCRIPT_FILE, shell::parse)? {
                Found::Is(script) => {
                    let zero = Text::from(profile.as_bytes());
                    process = shell::environment_after(seen, accounts, &process, &script, &zero)?;
                }
                Found::Absent => {}
                Found::Unreadable(why) => {
                    let why =
                        say!(path.as_bytes(), " reads ", profile.as_bytes(), ", which cannot be read: ", why);
                    return Ok(vec![Start::Other(why)]);
                }
            }
        }
    }
    let operands = arguments.get(at..).unwrap_or_default();
    let (script, zero, rest) = if command {
        let Some(Some(text)) = operands.first() else {
            return Ok(vec![Start::Other(say!(path.as_bytes(), " runs a text that cannot be told"))]);
        };
        let zero = operands.get(1).cloned().flatten().unwrap_or_else(|| Text::from(path.as_bytes()));
        let step = say!(path.as_bytes(), " -c ", text);
        process.reached_by.push(step);
        (
            std::sync::Arc::new(shell::parse(text.as_bytes())),
            zero,
            operands.get(2..).unwrap_or_default().to_vec(),
        )
    } else {
        let Some(Some(name)) = operands.first() else {
            return Ok(vec![match operands.first() {
                None => Start::Idle(Text::from(path.as_bytes()), Box::new(process)),
                Some(_) => Start::Other(say!(path.as_bytes(), " runs a script whose name cannot be told")),
            }]);
        };
        let Some(file) = process.cwd.as_ref().and_then(|cwd| cwd.join(name.as_bytes())) else {
            return Ok(vec![Start::Other(say!(
                path.as_bytes(),
                " runs ",
                name,
                " in a folder that cannot be told"
            ))]);
        };
        match ask::parsed(seen, &file, SCRIPT_FILE, shell::parse)? {
            Found::Is(script) => {
                (script, Text::from(file.as_bytes()), operands.get(1..).unwrap_or_default().to_vec())
            }
            Found::Absent => {
                return Ok(vec![Start::Other(say!(path.as_bytes(), " runs ", name, ", which is not there"))]);
            }
            Found::Unreadable(why) => {
                return Ok(vec![Start::Other(say!(
                    path.as_bytes(),
                    " runs ",
                    name,
                    ", which cannot be read: ",
                    why
                ))]);
            }
        }
    };
    let ends = shell::follow(seen, accounts, &process, &script, &zero, rest)?;
    // What it can become, and at its end the last that it ran and that leads to a Python.
    let became = seen.each(&ends.becomes, |next| follow(trail.deeper(), next));
    let ran = if ends.falls_through || ends.becomes.is_empty() {
        seen.each(ends.runs.iter().rev().take(32), |next| follow(trail.deeper(), next))
    } else {
        Ok(Vec::new())
    };
    let mut out: Vec<Start> = became?.into_iter().flatten().collect();
    let ran = ran?;
    let leads = |starts: &Vec<Start>| starts.iter().any(|s| matches!(s, Start::Python(_)));
    match ran.iter().find(|starts| leads(starts)) {
        Some(python) => out.extend(python.iter().cloned()),
        None if out.is_empty() => {
            let last = ran.into_iter().next().unwrap_or_default();
            out.extend(last);
        }
        None => {}
    }
    for why in ends.unclear {
        out.push(Start::Other(why));
    }
    if out.is_empty() && ends.unnamed {
        out.push(Start::Other(say!(zero, " runs a program whose name cannot be told")));
    }
    if out.is_empty() {
        out.push(Start::Other(say!(zero, " ends without starting another program")));
    }
    Ok(out)
}

/// The arguments of a Python before its program.
fn flags(arguments: &[Option<Text>]) -> Vec<Text> {
    let mut out = Vec::new();
    let mut rest = arguments.iter();
    while let Some(Some(argument)) = rest.next() {
        let bytes = argument.as_bytes();
        let letters = bytes.get(1..).unwrap_or_default();
        if bytes == b"--" || bytes.first() != Some(&b'-') || letters.is_empty() {
            break;
        }
        if bytes.starts_with(b"--") {
            out.push(argument.clone());
            if bytes == b"--check-hash-based-pycs" {
                out.extend(rest.next().cloned().flatten());
            }
            continue;
        }
        // A letter that takes a value takes the rest of the word, or the next one; -c and -m end the options.
        match letters.iter().position(|b| matches!(b, b'c' | b'm' | b'W' | b'X')) {
            Some(at) => {
                let before = letters.get(..at).unwrap_or_default();
                if matches!(letters.get(at), Some(b'c' | b'm')) {
                    if !before.is_empty() {
                        out.push(say!("-", before));
                    }
                    break;
                }
                out.push(argument.clone());
                if at + 1 == letters.len() {
                    out.extend(rest.next().cloned().flatten());
                }
            }
            None => out.push(argument.clone()),
        }
    }
    out
}
