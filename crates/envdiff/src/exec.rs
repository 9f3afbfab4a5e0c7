//! `--exec`: an image whose interpreter is known goes in, what that interpreter says of itself comes out.

use std::sync::Arc;

use envdiff_image::{Events, Exec, Files, TargetSpec};
use envdiff_model::{Environment, Evidence, Fact, Interpreter, Text, Told, say};
use envdiff_observe::{Beginning, told};

use crate::cli::AskedGpus;
use crate::failure::Failure;

/// Refuses what no engine can start, before anything is read.
pub(crate) fn can_start(written: &str, spec: &TargetSpec) -> Result<(), Failure> {
    let (kind, help) = match spec {
        TargetSpec::Docker(_) => return Ok(()),
        TargetSpec::Container(_) => (
            "a container, whose present state cannot be started a second time",
            "give the container's image, or make one of its present state with `docker commit`",
        ),
        TargetSpec::Archive { .. } => ("an archive", LOAD),
        TargetSpec::Oci { .. } => ("an image layout", LOAD),
        TargetSpec::Dir(_) => ("a folder", "give the image that the folder was taken from"),
        TargetSpec::Snapshot(_) => ("a snapshot", "give the image that the snapshot was made of"),
    };
    Err(Failure::ExecTarget { target: written.to_owned(), kind, help })
}

const LOAD: &str = "bring the image into an engine with `docker load`, and give its name";

/// Starts the interpreter and asks it. That it cannot be started is no failure of the audit: it is told.
pub(crate) fn ask(
    files: &Files,
    environment: &Environment,
    beginning: Beginning,
    gpus: Option<&AskedGpus>,
    events: &Arc<dyn Events>,
) -> Result<Told, Failure> {
    let interpreter = match &environment.interpreter {
        Fact::Known { value, .. } => value,
        Fact::Unknown { reason } => {
            return Ok(Told::failed(Vec::new(), &say!("no interpreter to start is known: ", reason)));
        }
    };
    let command: Vec<Text> =
        std::iter::once(&interpreter.executable).chain(&interpreter.flags).cloned().collect();
    let Some(exec) = request(interpreter, beginning, gpus) else {
        let why = Text::from(
            "its path, a flag, a variable or the working folder is no UTF-8, and the engine takes no other",
        );
        return Ok(Told::failed(command, &why));
    };
    let Some(heard) = files.exec(exec, events)? else {
        return Ok(Told::failed(command, &Text::from("the target is no image of an engine")));
    };
    let ended = match (&heard.ended, &heard.last_words) {
        (Some(ended), _) => Some(Text::from(ended)),
        (None, Some(words)) => {
            Some(say!("it ended before it said so; the last that it printed was: ", words))
        }
        (None, None) => None,
    };
    let mut told = told::read(command, &heard.output, ended.as_ref());
    told.gpus = gpus.map(|asked| match heard.without_gpus {
        None => Fact::known(Text::from(&asked.written), Evidence::new("--exec-gpus", asked.written.as_str())),
        Some(why) => Fact::unknown(why),
    });
    Ok(told)
}

/// The questions put to the interpreter as it would be started; `None` where the engine's JSON cannot carry a text of it.
fn request(interpreter: &Interpreter, beginning: Beginning, gpus: Option<&AskedGpus>) -> Option<Exec> {
    let word = |text: &Text| text.as_str().map(str::to_owned);
    let flags: Vec<String> = interpreter.flags.iter().map(word).collect::<Option<_>>()?;
    let mut command = vec![word(&interpreter.executable)?];
    command.extend(flags.iter().cloned());
    command.extend(["-c".to_owned(), told::PROBE.to_owned()]);
    // For the pip that it starts in its turn.
    command.extend(flags);
    let mut variables = Vec::new();
    for (name, value) in &beginning.variables {
        let value = match value {
            Some(value) => Some(word(value)?),
            None => None,
        };
        variables.push((word(name)?, value));
    }
    Some(Exec {
        command,
        workdir: match &beginning.workdir {
            Some(folder) => Some(word(folder)?),
            None => None,
        },
        user: match &beginning.user {
            Some(user) => Some(word(user)?),
            None => None,
        },
        variables,
        gpus: gpus.map(|asked| asked.gpus.clone()),
    })
}
