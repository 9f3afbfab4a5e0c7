//! A program's name to the file that an `exec` of it runs, and what kind of file that is.

use envdiff_files::{ImagePath, Kind, Miss, Seen};
use envdiff_model::{Text, say};

use super::ask::{self, Found};
use super::process::Process;
use crate::limits::PATH_FOLDERS;

/// How much of a program is looked at to tell what it is, in bytes: `BINPRM_BUF_SIZE` of Linux is 256.
pub(crate) const HEAD: u64 = 512;

/// Where a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Located {
    /// There; the path as it is called.
    At(ImagePath),
    /// Nowhere.
    Nowhere,
    /// Cannot be told; why.
    Untold(Text),
}

/// Finds a program as `execvp` does: a name with a slash counts from the working folder, another one is looked for in
/// the folders of PATH. Modes are not looked at.
pub(crate) fn locate(seen: &Seen, process: &Process, name: &[u8]) -> Result<Located, Miss> {
    if name.is_empty() {
        return Ok(Located::Nowhere);
    }
    if name.contains(&b'/') {
        let base = match (&process.cwd, name.first()) {
            (_, Some(b'/')) => Some(ImagePath::root()),
            (cwd, _) => cwd.clone(),
        };
        let Some(path) = base.and_then(|b| b.join(name)) else {
            return Ok(Located::Untold(Text::from("the working folder is not known")));
        };
        return Ok(match ask::is_file(seen, &path)? {
            Found::Is(true) => Located::At(path),
            Found::Is(false) | Found::Absent => Located::Nowhere,
            Found::Unreadable(why) => Located::Untold(say!(path.as_bytes(), " cannot be read: ", why)),
        });
    }
    let Some(folders) = process.path_folders() else {
        return Ok(Located::Untold(match process.vars.raw(b"PATH") {
            Some(Some(_)) => say!("PATH has more than ", PATH_FOLDERS, " folders"),
            _ => Text::from("PATH is set to something that cannot be told"),
        }));
    };
    let lists = seen.each(&folders, |folder| ask::list(seen, folder))?;
    for (folder, list) in folders.iter().zip(lists) {
        let kind = match list {
            Found::Is(list) => list.get(name),
            Found::Absent => None,
            Found::Unreadable(why) if why.as_str() == Some("not a folder") => None,
            Found::Unreadable(why) => {
                return Ok(Located::Untold(say!(folder.as_bytes(), " on PATH cannot be read: ", why)));
            }
        };
        let Some(path) = folder.join(name) else { continue };
        match kind {
            Some(Kind::File) => return Ok(Located::At(path)),
            Some(Kind::Link) => match ask::is_file(seen, &path)? {
                Found::Is(true) => return Ok(Located::At(path)),
                Found::Is(false) | Found::Absent => {}
                Found::Unreadable(why) => {
                    return Ok(Located::Untold(say!(path.as_bytes(), " cannot be read: ", why)));
                }
            },
            _ => {}
        }
    }
    Ok(Located::Nowhere)
}

/// What kind of file a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramKind {
    /// ELF; its `e_machine`.
    Elf(u16),
    /// `#!`: the interpreter and its one argument.
    Shebang {
        /// The interpreter.
        interpreter: Text,
        /// Everything behind it, blanks around it taken off.
        argument: Option<Text>,
    },
    /// Anything else.
    Other,
}

/// Tells the kind from a program's first bytes, as Linux' `binfmt_script` and `binfmt_elf` do.
#[must_use]
pub fn kind(head: &[u8]) -> ProgramKind {
    if head.starts_with(b"\x7fELF") {
        let big = head.get(5) == Some(&2);
        let machine = match (head.get(18), head.get(19)) {
            (Some(a), Some(b)) if big => u16::from_be_bytes([*a, *b]),
            (Some(a), Some(b)) => u16::from_le_bytes([*a, *b]),
            _ => 0,
        };
        return ProgramKind::Elf(machine);
    }
    let Some(rest) = head.strip_prefix(b"#!") else { return ProgramKind::Other };
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = trim(line);
    let end = line.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at(end);
    if interpreter.is_empty() {
        return ProgramKind::Other;
    }
    let argument = trim(argument);
    ProgramKind::Shebang {
        interpreter: Text::from(interpreter),
        argument: (!argument.is_empty()).then(|| Text::from(argument)),
    }
}

/// Blanks and tabs taken off; a carriage return stays, for the kernel looks for a program of that name.
fn trim(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(line.len());
    let end = line.iter().rposition(|b| !matches!(b, b' ' | b'\t' | 0)).map_or(start, |at| at + 1);
    line.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{ProgramKind, kind};
    use envdiff_model::Text;

    #[test]
    fn shebangs_have_one_argument() {
        let shebang = |head: &[u8]| match kind(head) {
            ProgramKind::Shebang { interpreter, argument } => Some((interpreter, argument)),
            _ => None,
        };
        assert_eq!(
            shebang(b"#! /usr/bin/env -S python3 -I \nx"),
            Some((Text::from("/usr/bin/env"), Some(Text::from("-S python3 -I"))))
        );
        assert_eq!(shebang(b"#!/bin/sh"), Some((Text::from("/bin/sh"), None)));
        assert_eq!(shebang(b"#!/bin/sh\r\n"), Some((Text::from("/bin/sh\r"), None)));
        assert_eq!(kind(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0"), ProgramKind::Elf(62));
        assert_eq!(kind(b"#!\n"), ProgramKind::Other);
        assert_eq!(kind(b""), ProgramKind::Other);
    }
}
