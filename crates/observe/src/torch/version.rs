//! The bytes of a package's `version.py` come in; the names that it gives a plain value come out.
//!
//! The build of a package writes this file: lines of `NAME = 'literal'` (torch 1.8 … 2.15, torchaudio), with annotations
//! from torch 2.2 on, and with an `if` at the end (torchvision). It is read as far as that goes and no further: a statement
//! of another kind could change any name, so the file is then not told at all.

use std::collections::BTreeMap;

use envdiff_model::{Text, say};

/// What a name is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string without an escape.
    Text(Text),
    /// `None`.
    Nothing,
    /// `True`, `False`, a number, a list: plain, and not looked at here.
    Other,
    /// Something that only running the file would tell.
    Computed,
}

/// The names that a `version.py` sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionFile {
    values: BTreeMap<Text, Value>,
}

impl VersionFile {
    /// What a name is given; `None` where the file does not set it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(&Text::from(name))
    }

    /// The string that a name is given.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&Text> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            Value::Nothing | Value::Other | Value::Computed => None,
        }
    }
}

/// Reads a `version.py`.
///
/// # Errors
/// A clause that names the first line that is no plain assignment, import or condition.
pub fn parse(bytes: &[u8]) -> Result<VersionFile, Text> {
    let text = std::str::from_utf8(bytes).map_err(|_| Text::from("it is not UTF-8"))?;
    let mut file = VersionFile::default();
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().zip(1_u32..);
    // Whether indented lines may follow, as they do behind `if …:`.
    let mut in_block = false;
    while let Some((line, number)) = lines.next() {
        let other = || say!("line ", number, " is no plain assignment");
        let statement = line.trim();
        if statement.is_empty() || statement.starts_with('#') {
            continue;
        }
        let is_indented = line.starts_with([' ', '\t']);
        if is_indented && !in_block {
            return Err(other());
        }
        if let Some(quotes) = ["\"\"\"", "'''"].iter().find(|quotes| statement.starts_with(**quotes)) {
            let rest = statement.get(quotes.len()..).unwrap_or_default();
            let closed = rest.contains(*quotes) || lines.any(|(line, _)| line.contains(*quotes));
            if !closed {
                return Err(other());
            }
            continue;
        }
        if is_block_head(statement) {
            in_block = true;
            continue;
        }
        // Two statements in one line, or an assignment within an expression.
        if statement.contains(';') || statement.contains(":=") {
            return Err(other());
        }
        if let Some(names) = imported(statement) {
            for name in names.map_err(|()| other())? {
                file.values.insert(name, Value::Computed);
            }
        } else if let Some((name, written)) = assignment(statement) {
            let value = match written.chars().next() {
                Some(open @ ('[' | '(' | '{')) => {
                    let close = match open {
                        '[' => ']',
                        '(' => ')',
                        _ => '}',
                    };
                    if !written.contains(close) && !lines.any(|(line, _)| line.contains(close)) {
                        return Err(other());
                    }
                    Value::Other
                }
                _ => literal(written),
            };
            file.values.insert(Text::from(name), if is_indented { Value::Computed } else { value });
        } else if statement != "pass" || !is_indented {
            return Err(other());
        }
        in_block &= is_indented;
    }
    Ok(file)
}

/// `if …:`, `else:` and their like, whose body stands on lines of its own.
fn is_block_head(statement: &str) -> bool {
    let Some(head) = statement.strip_suffix(':') else { return false };
    let word = head.split([' ', '(']).next().unwrap_or_default();
    matches!(word, "if" | "elif" | "else" | "try" | "except" | "finally")
}

/// The names that an import binds; `Err` for one that binds any.
fn imported(statement: &str) -> Option<Result<Vec<Text>, ()>> {
    let names = match statement.strip_prefix("from ") {
        Some(rest) => rest.split_once(" import ")?.1,
        None => statement.strip_prefix("import ")?,
    };
    let names = names.split('#').next().unwrap_or_default();
    let bound = names.split(',').map(|name| {
        let name = name.trim();
        let name = name.split_once(" as ").map_or(name, |(_, name)| name.trim());
        let name = name.split('.').next().unwrap_or_default();
        if is_name(name) { Ok(Text::from(name)) } else { Err(()) }
    });
    Some(bound.collect())
}

/// The name and the value as written, of `name = …` and `name: Optional[str] = …`.
fn assignment(statement: &str) -> Option<(&str, &str)> {
    let (target, value) = statement.split_once('=')?;
    let name = target.split(':').next()?.trim();
    let annotation = target.split_once(':').map_or("", |(_, annotation)| annotation.trim());
    let is_annotation = annotation
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']' | b',' | b' ' | b'|'));
    (is_name(name) && is_annotation && !value.starts_with('=')).then(|| (name, value.trim()))
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// A literal on one line, a comment behind it or none.
fn literal(written: &str) -> Value {
    for quote in ['\'', '"'] {
        if let Some(rest) = written.strip_prefix(quote) {
            return match rest.split_once(quote) {
                Some((text, after)) if is_end(after) && !text.contains('\\') => Value::Text(Text::from(text)),
                _ => Value::Computed,
            };
        }
    }
    let word = written.split('#').next().unwrap_or_default().trim();
    match word {
        "None" => Value::Nothing,
        "True" | "False" => Value::Other,
        _ if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b == b'.') => Value::Other,
        _ => Value::Computed,
    }
}

fn is_end(after: &str) -> bool {
    let after = after.trim_start();
    after.is_empty() || after.starts_with('#')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{Value, parse};

    #[test]
    fn files_as_releases_of_torch_have_them() {
        let old = parse(
            b"__version__ = '1.13.1+cu117'\ndebug = False\ncuda = '11.7'\ngit_version = '4944'\nhip = None\n",
        )
        .unwrap();
        assert_eq!(old.text("cuda").unwrap(), &"11.7");
        assert_eq!(old.get("hip"), Some(&Value::Nothing));
        assert_eq!(old.get("xpu"), None);
        let new = parse(
            b"from typing import Optional\n\n__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'rocm', \
              'xpu']\n__version__ = '2.15.0+cu132'\ndebug = False\ncuda: Optional[str] = '13.2'\n\
              git_version = 'd0f2'\nhip: Optional[str] = None\nrocm: Optional[str] = None\nxpu: Optional[str] = None\n",
        )
        .unwrap();
        assert_eq!(new.text("__version__").unwrap(), &"2.15.0+cu132");
        assert_eq!(new.text("cuda").unwrap(), &"13.2");
        assert_eq!(new.get("rocm"), Some(&Value::Nothing));
    }

    #[test]
    fn what_only_running_tells_is_computed() {
        let vision = parse(
            b"__version__ = '0.16.2+cu121'\ngit_version = 'c6f3'\n\
              from torchvision.extension import _check_cuda_version\n\
              if _check_cuda_version() > 0:\n    cuda = _check_cuda_version()\n",
        )
        .unwrap();
        assert_eq!(vision.text("__version__").unwrap(), &"0.16.2+cu121");
        assert_eq!(vision.get("cuda"), Some(&Value::Computed));
        let set_twice = parse(b"cuda = '12.1'\nif True:\n    cuda = '11.8'\n").unwrap();
        assert_eq!(set_twice.text("cuda"), None);
        let imported = parse(b"cuda = '12.1'\nfrom .other import cuda\n").unwrap();
        assert_eq!(imported.text("cuda"), None);
        for computed in ["f'{a}'", "'a' + 'b'", "'a\\n'", "get()", "'a' 'b'", "b'a'", "", "'a", "r'x'"] {
            let file = parse(format!("v = {computed}\n").as_bytes()).unwrap();
            assert_eq!(file.get("v"), Some(&Value::Computed), "{computed}");
        }
    }

    #[test]
    fn a_statement_of_another_kind_leaves_the_file_untold() {
        for other in [
            "globals()['cuda'] = '1'",
            "exec('cuda = 1')",
            "from a import *",
            "def f(): pass",
            "cuda += '1'",
            "a = b = 'c'; cuda = '1'",
            "  cuda = '1'",
            "with open(p) as f:",
            "for cuda in x:",
            "del cuda",
            "cuda, hip = x",
            "\"\"\"",
            "if x: cuda = 1",
            "print('x')",
        ] {
            let file = parse(format!("cuda = '12.1'\n{other}\n").as_bytes());
            let untold = file.as_ref().is_err() || file.unwrap().text("cuda") == Some(&"12.1".into());
            assert!(untold, "{other}");
        }
        assert!(parse(b"cuda = '12.1'\nexec(x)\n").is_err());
        assert!(parse(b"cuda = '12.1'\nif x: cuda = 1\n").is_err());
        assert!(parse(b"\xff").is_err());
        assert_eq!(parse(b"").unwrap(), super::VersionFile::default());
    }

    #[test]
    fn comments_and_a_text_at_the_top_are_passed_over() {
        let file = parse(b"# made by a build\n\"\"\"a\nb\"\"\"\n__version__ = \"1.0\"  # so\n").unwrap();
        assert_eq!(file.text("__version__").unwrap(), &"1.0");
        let list = parse(b"__all__ = [\n  'a',\n]\ncuda = None\n").unwrap();
        assert_eq!(list.get("cuda"), Some(&Value::Nothing));
    }
}
