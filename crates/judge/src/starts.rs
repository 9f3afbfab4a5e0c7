//! An image's configuration and the way to its interpreter come in; whether it starts TorchServe comes out.

use envdiff_model::{ImageConfig, Interpreter, Text};

use crate::case::Case;

/// What an image starts, as far as its configuration and scripts tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starts {
    /// What was asked about.
    It,
    /// Another program, and no shell on the way that could start it beside that.
    Another,
    /// Nothing in particular, or what cannot be told.
    Unknown,
}

/// Whether the image starts TorchServe.
pub(crate) fn torchserve(case: &Case<'_>) -> Starts {
    case.config.map_or(Starts::Unknown, |config| of(config, case.interpreter()))
}

fn of(config: &ImageConfig, interpreter: Option<&Interpreter>) -> Starts {
    let argv: Vec<&Text> = config.entrypoint.iter().chain(&config.cmd).collect();
    let steps = interpreter.map_or(&[][..], |interpreter| interpreter.reached_by.as_slice());
    // A step begins with the program: `/opt/venv/bin/torchserve with shebang #!/opt/venv/bin/python`.
    let programs = steps.iter().filter_map(|step| step.as_bytes().split(|b| *b == b' ').next());
    let mut words = argv.iter().map(|word| word.as_bytes()).chain(programs);
    if words.any(|word| base(word) == b"torchserve" || word == b"ts.model_server")
        || argv.iter().any(|word| names_it(word.as_bytes()))
        || steps.iter().any(|step| is_of_shell(step) && names_it(step.as_bytes()))
    {
        return Starts::It;
    }
    let through_shell =
        argv.iter().any(|word| is_shell(base(word.as_bytes())) || word.as_bytes().ends_with(b".sh"))
            || steps.iter().any(is_of_shell);
    // An interpreter without a program waits for one, as a shell does.
    let names_program = argv.len() > 1 || argv.first().is_some_and(|word| !is_python(base(word.as_bytes())));
    if interpreter.is_some() && names_program && !through_shell { Starts::Another } else { Starts::Unknown }
}

/// A line of shell with the command in it: `exec torchserve --start`.
fn names_it(line: &[u8]) -> bool {
    line.split(|b| b.is_ascii_whitespace() || matches!(b, b';' | b'&' | b'|' | b'(' | b')'))
        .any(|word| base(word) == b"torchserve" || word == b"ts.model_server")
}

/// `/bin/sh -c …`, `/start with shebang #!/bin/bash`
fn is_of_shell(step: &Text) -> bool {
    step.as_bytes().split(|b| *b == b' ').any(|word| {
        let word = word.strip_prefix(b"#!").unwrap_or(word);
        is_shell(base(word)) || word.ends_with(b".sh")
    })
}

fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

fn is_shell(name: &[u8]) -> bool {
    matches!(name, b"sh" | b"bash" | b"dash" | b"ash" | b"zsh" | b"ksh" | b"busybox")
}

fn is_python(name: &[u8]) -> bool {
    name.starts_with(b"python") || name.starts_with(b"ipython")
}

#[cfg(test)]
mod tests {
    use envdiff_model::{ImageConfig, Interpreter, Text};

    use super::{Starts, of};

    fn told(argv: &[&str], steps: &[&str]) -> Starts {
        let texts = |texts: &[&str]| texts.iter().map(|text| Text::from(*text)).collect::<Vec<_>>();
        let config = ImageConfig { cmd: texts(argv), ..ImageConfig::default() };
        let interpreter = Interpreter {
            executable: "/usr/bin/python3".into(),
            real: "/usr/bin/python3".into(),
            implementation: "cpython".into(),
            prefix: "/usr".into(),
            base_prefix: "/usr".into(),
            flags: Vec::new(),
            reached_by: texts(steps),
        };
        of(&config, Some(&interpreter))
    }

    #[test]
    fn what_an_image_starts() {
        let python = "/usr/bin/python3";
        assert_eq!(
            told(
                &["torchserve", "--start"],
                &["/usr/bin/torchserve with shebang #!/usr/bin/python3", python]
            ),
            Starts::It
        );
        let through = [
            "/entry with shebang #!/bin/bash",
            "/usr/bin/torchserve with shebang #!/usr/bin/python3",
            python,
        ];
        assert_eq!(told(&["/entry", "serve"], &through), Starts::It);
        assert_eq!(told(&["python", "-m", "ts.model_server", "--start"], &[python]), Starts::It);
        assert_eq!(
            told(
                &["/bin/sh", "-c", "cd /srv && torchserve --start"],
                &["/bin/sh -c cd /srv && torchserve --start", python]
            ),
            Starts::It
        );
        assert_eq!(told(&["python", "-m", "uvicorn", "app:app"], &[python]), Starts::Another);
        assert_eq!(
            told(&["uvicorn", "app:app"], &["/usr/bin/uvicorn with shebang #!/usr/bin/python3", python]),
            Starts::Another
        );
        // A script can start more than one.
        assert_eq!(told(&["/start.sh"], &["/start.sh with shebang #!/bin/sh", python]), Starts::Unknown);
        assert_eq!(told(&["python"], &[python]), Starts::Unknown);
        assert_eq!(told(&["bash"], &["bash starts, so what PATH gives: /usr/bin/python3"]), Starts::Unknown);
        assert_eq!(told(&[], &[]), Starts::Unknown);
    }
}
