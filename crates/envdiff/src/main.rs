//! The command: arguments go in, an exit status comes out.

use std::process::ExitCode;

fn main() -> ExitCode {
    envdiff::run(std::env::args_os())
}
