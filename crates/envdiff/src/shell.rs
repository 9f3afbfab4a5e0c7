//! Completions and man page, generated from the definition that parses the command line.

use std::io::{self, Write as _};

use clap_complete::Shell;
use clap_mangen::Man;

use crate::failure::Failure;
use crate::output::Stdout;
use crate::status::Status;

pub(crate) fn completions(shell: Shell, out: &mut Stdout) -> Result<Status, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut crate::command(), "envdiff", &mut text);
    out.finish(&text)
}

/// The page of the main job, and behind it what each command takes.
pub(crate) fn man(out: &mut Stdout) -> Result<Status, Failure> {
    let mut text = Vec::new();
    let command = crate::command();
    Man::new(command.clone()).render(&mut text).map_err(Failure::Stdout)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        render(verb, &mut text).map_err(Failure::Stdout)?;
    }
    out.finish(&text)
}

fn render(verb: &clap::Command, text: &mut Vec<u8>) -> io::Result<()> {
    let name = format!("envdiff {}", verb.get_name());
    writeln!(text, ".SH {}", name.to_uppercase())?;
    let page = Man::new(verb.clone().bin_name(name));
    let mut sections = Vec::new();
    page.render_synopsis_section(&mut sections)?;
    page.render_description_section(&mut sections)?;
    page.render_options_section(&mut sections)?;
    // Sections of their own are sub-sections here.
    text.extend(String::from_utf8_lossy(&sections).replace(".SH ", ".SS ").into_bytes());
    Ok(())
}
