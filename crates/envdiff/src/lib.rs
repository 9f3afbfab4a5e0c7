//! The command `envdiff`: arguments go in, a report on stdout and an exit status come out. Everything that is decided about
//! an image is decided in the other crates; here stands who is asked when.
//!
//! A library, so that the documentation of the command line is generated from the same definition that parses it.

mod answer;
mod archives;
mod audit;
mod cli;
mod exec;
mod explain;
mod failure;
mod gather;
mod inspect;
mod lock;
mod mar;
mod output;
mod progress;
mod shell;
mod status;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Verb};
pub use crate::explain::TARGETS;
use crate::failure::Failure;
use crate::output::Stdout;
pub use crate::status::Status;

/// The command line's definition: what completions, man page and `docs/cli.md` are made of.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for and go to stdout; a closed pipe there is no fault.
            let _ = error.print();
            let asked_for = !error.use_stderr();
            return if asked_for { Status::Clean } else { Status::NotAudited }.into();
        }
    };
    failure::install_panic_hook();
    // What a target started in an engine is removed while the panic unwinds.
    let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(cli))).unwrap_or(Err(Failure::Panic));
    // Containers that were made for reading are removed in the background; the process waits for that.
    envdiff_image::settle();
    match outcome {
        Ok(status) => status.into(),
        Err(failure) => {
            failure::tell(&failure);
            failure.status().into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<Status, Failure> {
    let shared = cli.shared;
    match cli.verb {
        None => audit::run(cli.audit, &shared),
        Some(Verb::Inspect(inspect)) => inspect::run(inspect, &shared),
        Some(Verb::Mar(options)) => mar::run(options, &shared),
        Some(Verb::Lock(options)) => lock::run(&options, &shared),
        Some(Verb::Explain(explain)) => explain::run(explain.topic.as_deref(), &mut Stdout::new(&shared)),
        Some(Verb::Completions(completions)) => {
            shell::completions(completions.shell, &mut Stdout::new(&shared))
        }
        Some(Verb::Man) => shell::man(&mut Stdout::new(&shared)),
    }
}
