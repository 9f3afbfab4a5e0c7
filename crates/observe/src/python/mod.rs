//! What starts in an image, to the Python environment that it finds there.

pub(crate) mod ask;
pub mod conda;
pub mod direct_url;
pub mod distributions;
mod foresee;
mod layout;
mod markers;
pub mod metadata;
mod others;
pub mod process;
pub mod program;
pub mod pth;
pub mod pyvenv;
pub mod shell;
pub mod site;
mod start;
mod sys_path;
pub mod version;

use std::sync::Arc;

use envdiff_files::{ImagePath, Kind, Miss, Seen};
use envdiff_model::{
    Environment, Evidence, Fact, ImageConfig, Interpreter, Machine, Stack, Text, Unknown, say,
};

use ask::Found;
pub(crate) use layout::is_python_name;
use layout::{Implementation, Layout, Overrides};
use process::{Account, Process};
use program::ProgramKind;
use start::Started;

use crate::limits::{ACCOUNTS_FILE, INTERPRETERS};

/// What is known of Python, and how its process was started.
pub(crate) struct Derived {
    /// Everything about Python.
    pub(crate) environment: Environment,
    /// The process in which the interpreter runs, with what start scripts set; else the one that the engine starts; `None`
    /// where no configuration was given.
    pub(crate) process: Option<Process>,
    /// `LD_LIBRARY_PATH` as the interpreter finds it: `None` not set, `Some(None)` set to what cannot be followed, or not
    /// known without an image configuration.
    pub(crate) library_path: Option<Option<Text>>,
}

/// How the interpreter that starts begins, where a start script changes what the image's configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beginning {
    /// The working folder, where it is another one.
    pub workdir: Option<Text>,
    /// The user, where it is another one.
    pub user: Option<Text>,
    /// Variables that are set otherwise; `None` for one that is taken away. What cannot be told is not among them.
    pub variables: Vec<(Text, Option<Text>)>,
}

/// Derives how the interpreter begins; the default where none is known.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another. After [`crate::environment`] has them answered, it asks nothing.
pub fn beginning(seen: &Seen, inputs: &crate::Inputs<'_>) -> Result<Beginning, Miss> {
    let (Some(config), None) = (inputs.config, &inputs.interpreter) else { return Ok(Beginning::default()) };
    let mut accounts: Vec<Account> = Vec::new();
    if let Some(passwd) = ImagePath::new("/etc/passwd")
        && let Found::Is(found) = ask::parsed(seen, &passwd, ACCOUNTS_FILE, process::accounts)?
    {
        accounts.clone_from(&found);
    }
    let before = Process::of(config, &accounts);
    let Ok(Started { process: after, .. }) = start::find(seen, &accounts, &before)? else {
        return Ok(Beginning::default());
    };
    let folder = |process: &Process| process.cwd.as_ref().map(|cwd| Text::from(cwd.as_bytes()));
    Ok(Beginning {
        workdir: folder(&after).filter(|cwd| Some(cwd) != folder(&before).as_ref()),
        user: Some(after.user).filter(|user| *user != before.user && !user.is_empty()),
        variables: after.vars.changed_from(&before.vars),
    })
}

/// Derives everything about Python. What lies under it is asked in more rounds, in which this is not derived again.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn environment(
    seen: &Seen,
    config: Option<&ImageConfig>,
    interpreter: Option<&ImagePath>,
) -> Result<Arc<Derived>, Miss> {
    let given = (config.cloned(), interpreter.cloned());
    seen.settled("python", given, || derive(seen, config, interpreter))
}

fn derive(
    seen: &Seen,
    config: Option<&ImageConfig>,
    interpreter: Option<&ImagePath>,
) -> Result<Derived, Miss> {
    foresee::start(seen, config);
    let mut accounts: Vec<Account> = Vec::new();
    let mut no_accounts = None;
    if let Some(passwd) = ImagePath::new("/etc/passwd") {
        match ask::parsed(seen, &passwd, ACCOUNTS_FILE, process::accounts)? {
            Found::Is(found) => accounts.clone_from(&found),
            Found::Absent => {}
            Found::Unreadable(why) => no_accounts = Some(why),
        }
    }
    let mut process = config.map(|config| Process::of(config, &accounts));
    let mut unknown = Vec::new();
    // Whose home it is stands nowhere else, and the user's own packages lie below it.
    if let (Some(why), Some(config), Some(process)) = (no_accounts, config, &mut process)
        && !config.env.iter().any(|(name, value)| *name == "HOME" && !value.is_empty())
    {
        process.vars.set(Text::from("HOME"), None);
        let why = say!("/etc/passwd cannot be read, so the user's home is not known: ", why);
        unknown.push(Unknown { what: Text::from("sys_path"), why });
    }
    if config.is_none() {
        unknown.push(Unknown {
            what: Text::from("config"),
            why: Text::from(
                "no image configuration was given: working folder, environment and user are not known",
            ),
        });
    }
    let library_path = |process: Option<&Process>| match (config, process) {
        (None, _) | (_, None) => Some(None),
        (Some(_), Some(process)) => process.vars.raw(b"LD_LIBRARY_PATH").map(Option::<&Text>::cloned),
    };
    // What else lies there is looked for at the same time as what starts.
    let candidates = others::candidates(seen, process.as_ref());
    let started = match (interpreter, &process) {
        (Some(given), _) => named(seen, given, process.as_ref()),
        (None, Some(process)) => start::find(seen, &accounts, process),
        (None, None) => only(candidates.clone()),
    };
    let versions = match &candidates {
        Ok(candidates) => others::versions(seen, candidates),
        Err(miss) => Err(miss.clone()),
    };
    let started = started?;
    if let Ok(candidates) = &candidates
        && candidates.len() > INTERPRETERS
    {
        let why = say!("more than ", INTERPRETERS, " interpreters");
        unknown.push(Unknown { what: Text::from("interpreters"), why });
    }
    let others = |started: Option<(&ImagePath, &Fact<Text>)>| match (&candidates, &versions) {
        (Ok(candidates), Ok(versions)) => others::others(seen, candidates, versions, started),
        (Err(miss), _) | (_, Err(miss)) => Err(miss.clone()),
    };
    let nothing = |reason: Text, unknown: Vec<Unknown>| {
        let environment = Environment {
            python: Fact::unknown(reason.clone()),
            interpreter: Fact::unknown(reason.clone()),
            sys_path: Fact::unknown(reason.clone()),
            markers: markers::unknown(&reason),
            distributions: Vec::new(),
            interpreters: others(None)?,
            conda: Vec::new(),
            stack: Stack::unknown(&reason),
            machine: Machine::unknown("nothing was asked about a machine"),
            told: None,
            verified: None,
            unknown,
        };
        let library_path = library_path(process.as_ref());
        Ok(Derived { environment, process: process.clone(), library_path })
    };
    let started = match started {
        Ok(started) => started,
        Err(reason) => return nothing(reason, unknown),
    };
    let overrides = overrides(&started);
    let layout = match layout::find(seen, &started.executable, &overrides)? {
        Ok(layout) => layout,
        Err(reason) => return nothing(reason, unknown),
    };
    // Independent of one another, so that each one's questions go out in the same batch.
    let version = version::find(seen, &layout, true);
    let path = sys_path::derive(seen, &layout, &started.flags, &started.process, config.is_some());
    let listed = match &path {
        Ok(path) => match path.fact.value() {
            Some(entries) => Some(distributions::derive(seen, entries, layout.feature)),
            None => None,
        },
        Err(_) => None,
    };
    let conda = match &layout.venv {
        Some(venv) if !venv.settings.system_site => Ok((Vec::new(), Vec::new())),
        _ => conda::packages(seen, &layout.base),
    };
    let machine = ask::range(seen, &layout.executable, 0, program::HEAD);
    let (version, path, conda) = (version?, path?, conda?);
    let others = others(Some((&layout.executable, &version.python)));
    let machine = match machine? {
        Found::Is(head) => match program::kind(head) {
            ProgramKind::Elf(machine) => Some(machine),
            _ => None,
        },
        _ => None,
    };
    let mut distributions = Vec::new();
    if let Some(listed) = listed {
        let mut listed = listed?;
        distributions = listed.distributions;
        unknown.append(&mut listed.unknown);
    }
    unknown.extend(path.unknown);
    unknown.extend(conda.1);
    let markers = markers::derive(&layout, &version.python, version.pypy.as_ref(), config, machine);
    let environment = Environment {
        interpreter: Fact::seen(interpreter_of(&layout, &started), evidence(&layout)),
        python: version.python,
        sys_path: path.fact,
        markers,
        distributions,
        interpreters: others?,
        conda: conda.0,
        stack: Stack::unknown(&Text::from("it was not looked at")),
        machine: Machine::unknown("nothing was asked about a machine"),
        told: None,
        verified: None,
        unknown,
    };
    let library_path = library_path(Some(&started.process));
    Ok(Derived { environment, process: config.map(|_| started.process), library_path })
}

/// The interpreter that the user names: a file, or a prefix with one in its `bin`.
fn named(seen: &Seen, given: &ImagePath, process: Option<&Process>) -> Result<Result<Started, Text>, Miss> {
    let process = process.cloned().unwrap_or_else(bare);
    let start = |executable: ImagePath| {
        let mut process = process.clone();
        process.reached_by.push(say!(executable.as_bytes(), " was named"));
        Ok(Started { executable, flags: Vec::new(), process })
    };
    match ask::stat(seen, given)? {
        Found::Is(stat) if stat.kind == Kind::Folder => {
            let Some(bin) = given.join("bin") else { return Ok(Err(Text::from("too long a path"))) };
            let list = match ask::list(seen, &bin)? {
                Found::Is(list) => list,
                Found::Absent => return Ok(Err(say!(given.as_bytes(), " has no folder bin"))),
                Found::Unreadable(why) => return Ok(Err(say!(bin.as_bytes(), " cannot be read: ", why))),
            };
            let names = list.entries.iter().map(|(n, _)| &**n).filter(|n| layout::is_python_name(n));
            let best = names.min_by_key(|n| (**n != *b"python3", **n != *b"python", n.len()));
            Ok(match best.and_then(|name| bin.join(name)) {
                Some(executable) => start(executable),
                None => Err(say!(bin.as_bytes(), " holds no Python")),
            })
        }
        // A link that leads out of what was read: a virtual environment alone.
        Found::Is(_) | Found::Absent => Ok(start(given.clone())),
        Found::Unreadable(why) => Ok(Err(say!(given.as_bytes(), " cannot be read: ", why))),
    }
}

/// Without configuration and name: the only interpreter that is there.
fn only(candidates: Result<Vec<others::Candidate>, Miss>) -> Result<Result<Started, Text>, Miss> {
    let candidates = candidates?;
    Ok(match candidates.as_slice() {
        [one] => {
            let mut process = bare();
            process.reached_by.push(say!(one.executable.as_bytes(), " is the only one found"));
            Ok(Started { executable: one.executable.clone(), flags: Vec::new(), process })
        }
        [] => Err(Text::from("no configuration tells what starts, and no interpreter was found")),
        many => Err(say!(
            "no configuration tells what starts, and there are several interpreters: ",
            Text::join(many.iter().map(|c| c.executable.as_bytes()), ", ")
        )),
    })
}

/// A process of which nothing is known.
fn bare() -> Process {
    Process {
        vars: process::Vars::default(),
        cwd: Some(ImagePath::root()),
        user: Text::new(),
        argv: Vec::new(),
        reached_by: Vec::new(),
    }
}

fn overrides(started: &Started) -> Overrides {
    let switches = sys_path::Switches::of(&started.flags);
    if switches.ignores_environment {
        return Overrides { looks_ahead: true, ..Overrides::default() };
    }
    let get = |name: &str| started.process.vars.get(name).filter(|v| !v.is_empty()).cloned();
    Overrides { home: get("PYTHONHOME"), platlibdir: get("PYTHONPLATLIBDIR"), looks_ahead: true }
}

fn interpreter_of(layout: &Layout, started: &Started) -> Interpreter {
    Interpreter {
        executable: Text::from(layout.executable.as_bytes()),
        real: Text::from(layout.real.as_ref().unwrap_or(&layout.executable).as_bytes()),
        implementation: Text::from(match layout.feature.implementation {
            Implementation::CPython => "cpython",
            Implementation::PyPy => "pypy",
        }),
        prefix: layout.prefix(),
        base_prefix: layout.base_prefix.clone(),
        flags: started.flags.clone(),
        reached_by: started.process.reached_by.clone(),
    }
}

fn evidence(layout: &Layout) -> Vec<Evidence> {
    let mut out = vec![Evidence::new(layout.executable.as_bytes(), layout.feature.folder())];
    out.extend(layout.evidence.iter().cloned());
    out
}
