//! The bytes of a `.pth` file to its lines: folders to add, and code with what it is known to do to `sys.path`.
//!
//! Rules: `site.addpackage` of CPython. Up to 3.12 a file is read in text mode; from 3.13 on a BOM is taken off and lines
//! end as `str.splitlines` says (Debian's and others' site.py tell which of the two an image has).

use envdiff_model::Text;

use crate::limits::PTH_LINES;

/// One line that does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// What it is.
    pub kind: LineKind,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineKind {
    /// A path, blanks behind it taken off.
    Path(Text),
    /// A line that begins with `import`: Python runs it.
    Code(Code),
}

/// A line of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Top-level modules that it imports, in order; one that is not there ends the file.
    pub imports: Vec<Text>,
    /// What it does to `sys.path`, in order.
    pub effects: Vec<Effect>,
    /// Whether it is one of the known shapes that leave `sys.path` alone, whatever it imports.
    pub harmless: bool,
}

/// What code does to `sys.path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// `sys.path.insert(at, path)`
    Insert(i64, Text),
    /// `sys.path.append(path)`
    Append(Text),
    /// `site.addsitedir(path)`
    SiteDir(Text),
    /// `sys.__plen = len(sys.path)`: the first line of an old easy-install.pth.
    Mark,
    /// Its last line: what came since the mark goes to the front.
    MoveMarked,
    /// `NAME.install()` of a setuptools editable finder.
    Finder(Text),
    /// It names `sys.path` or runs text in a way that is not followed.
    Opaque,
}

/// Why a file cannot be read as Python reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPth {
    /// Python ends at start over it.
    #[error("not UTF-8, over which Python ends at start")]
    NotUtf8,
    /// Past the bound.
    #[error("more than 10000 lines")]
    TooManyLines,
}

/// Reads a file as Python up to 3.12 does.
///
/// # Errors
/// [`BadPth`].
pub fn parse_text_mode(bytes: &[u8]) -> Result<Vec<Line>, BadPth> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadPth::NotUtf8)?;
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    lines(unified.split('\n'))
}

/// Reads a file as Python from 3.13 on does.
///
/// # Errors
/// [`BadPth`].
pub fn parse_splitlines(bytes: &[u8]) -> Result<Vec<Line>, BadPth> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadPth::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    lines(text.split(|c| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    }))
}

/// What `str.strip` takes off.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

fn lines<'a>(all: impl Iterator<Item = &'a str>) -> Result<Vec<Line>, BadPth> {
    let mut out = Vec::new();
    let mut all = all.enumerate().peekable();
    while let Some((index, line)) = all.next() {
        // Behind the last line's end there is no line.
        if index >= PTH_LINES && (!line.is_empty() || all.peek().is_some()) {
            return Err(BadPth::TooManyLines);
        }
        if line.starts_with('#') || line.trim_matches(is_space).is_empty() {
            continue;
        }
        let kind = if line.starts_with("import ") || line.starts_with("import\t") {
            LineKind::Code(code(line))
        } else {
            LineKind::Path(Text::from(line.trim_end_matches(is_space)))
        };
        out.push(Line { number: index + 1, kind });
    }
    Ok(out)
}

/// Shapes that are known to leave `sys.path` alone: setuptools' distutils shim, namespace packages of setuptools
/// (`*-nspkg.pth`), virtualenv's hook, coverage's start.
fn is_harmless(line: &str) -> bool {
    let namespace = line.contains("sys.modules.setdefault(")
        && (line.contains("types.ModuleType(")
            || line.contains("imp.new_module(")
            || line.contains("module_from_spec("));
    let shim = line.contains("__import__('_distutils_hack')") || line.contains("import _distutils_hack");
    (namespace || shim) && !line.contains("sys.path")
        || matches!(line.trim(), "import _virtualenv" | "import coverage; coverage.process_startup()")
}

fn code(line: &str) -> Code {
    if is_harmless(line) {
        return Code { imports: Vec::new(), effects: Vec::new(), harmless: true };
    }
    if line.contains("sys.__egginsert") {
        return Code { imports: Vec::new(), effects: vec![Effect::MoveMarked], harmless: false };
    }
    let mut imports: Vec<Text> = Vec::new();
    let mut effects = Vec::new();
    for statement in statements(line) {
        let statement = statement.trim();
        if statement.is_empty() || statement == "pass" {
            continue;
        }
        if let Some(names) = statement.strip_prefix("import ").or_else(|| statement.strip_prefix("import\t"))
        {
            for name in names.split(',') {
                let module = name.trim().split([' ', '\t', '.']).next().unwrap_or_default();
                imports.push(Text::from(module));
            }
        } else if let Some(rest) = statement.strip_prefix("from ") {
            let module = rest.trim_start().split([' ', '\t', '.']).next().unwrap_or_default();
            imports.push(Text::from(module));
        } else if let Some(effect) = effect(statement) {
            effects.extend(effect);
        } else if is_opaque(statement) {
            effects.push(Effect::Opaque);
        }
    }
    Code { imports, effects, harmless: false }
}

/// Whether a statement may change `sys.path` in a way that is not followed. Text that is run by `exec` and stands there
/// whole counts as a statement.
fn is_opaque(statement: &str) -> bool {
    let run = statement.strip_prefix("exec(").filter(|rest| rest.starts_with(['"', '\'']));
    let words = ["sys.path", "addsitedir", "eval(", "compile(", "runpy", "subprocess", "__import__('sys')"];
    let inner = run.unwrap_or(statement);
    inner.contains("exec(") || words.iter().any(|word| inner.contains(word))
}

/// The statements of a line: split at semicolons outside of string literals.
fn statements(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c == '#' => {
                out.extend(line.get(start..at));
                return out;
            }
            None if c == ';' => {
                out.extend(line.get(start..at));
                start = at + 1;
            }
            None => {}
        }
    }
    out.extend(line.get(start..));
    out
}

fn effect(statement: &str) -> Option<Vec<Effect>> {
    let dense: String = statement.chars().filter(|c| *c != ' ').collect();
    if dense == "sys.__plen=len(sys.path)" {
        return Some(vec![Effect::Mark]);
    }
    let call = |head: &str| statement.strip_prefix(head).and_then(|rest| rest.trim_end().strip_suffix(')'));
    if let Some(inner) = call("sys.path.append(") {
        return literal(inner.trim()).map(|path| vec![Effect::Append(path)]);
    }
    if let Some(inner) = call("sys.path.insert(") {
        let (at, path) = inner.split_once(',')?;
        return Some(vec![Effect::Insert(at.trim().parse().ok()?, literal(path.trim())?)]);
    }
    if let Some(inner) = call("site.addsitedir(") {
        return literal(inner.trim()).map(|path| vec![Effect::SiteDir(path)]);
    }
    let many = call("sys.path.extend(")
        .or_else(|| statement.strip_prefix("sys.path").and_then(|r| r.trim_start().strip_prefix("+=")));
    if let Some(inner) = many {
        let items = inner.trim().strip_prefix(['[', '('])?.strip_suffix([']', ')'])?;
        return items
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| literal(item).map(Effect::Append))
            .collect();
    }
    if let Some(name) = statement.strip_suffix(".install()")
        && name.starts_with("__editable__")
    {
        return Some(vec![Effect::Finder(Text::from(name))]);
    }
    None
}

/// The value of a plain string literal: `'…'`, `"…"`, `r'…'`; the escapes `\\`, `\'`, `\"` alone.
fn literal(text: &str) -> Option<Text> {
    let (raw, body) = match text.strip_prefix(['r', 'R']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix(['u', 'U']).unwrap_or(text)),
    };
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = body.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if raw => out.push(c),
            '\\' => match chars.next()? {
                c @ ('\\' | '\'' | '"') => out.push(c),
                _ => return None,
            },
            c if c == quote => return None,
            c => out.push(c),
        }
    }
    Some(Text::from(out))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::{Effect, LineKind, parse_splitlines, parse_text_mode};
    use envdiff_model::Text;

    fn paths(bytes: &[u8], new: bool) -> Vec<String> {
        let lines = if new { parse_splitlines(bytes) } else { parse_text_mode(bytes) }.unwrap();
        lines
            .into_iter()
            .map(|l| match l.kind {
                LineKind::Path(path) => path.as_str().unwrap().to_owned(),
                LineKind::Code(code) => format!("{code:?}"),
            })
            .collect()
    }

    #[test]
    fn lines_are_split_as_the_version_does() {
        assert_eq!(paths(b"/a\r\n#/b\n   \n/c d  \n/e", false), ["/a", "/c d", "/e"]);
        assert_eq!(paths(b"\xef\xbb\xbf/a\n", false), ["\u{feff}/a"]);
        assert_eq!(paths(b"\xef\xbb\xbf/a\n/b\x0c/c\n", true), ["/a", "/b", "/c"]);
        assert_eq!(paths(b"/b\x0c/c\n", false), ["/b\u{c}/c"]);
        assert!(parse_text_mode(b"/\xe9").is_err());
    }

    #[test]
    fn known_code_is_understood() {
        let code = |text: &str| match parse_text_mode(text.as_bytes()).unwrap().remove(0).kind {
            LineKind::Code(code) => code,
            LineKind::Path(_) => panic!("a path"),
        };
        assert_eq!(
            code("import sys; sys.path.insert(1, \"/a;b\")").effects,
            [Effect::Insert(1, Text::from("/a;b"))]
        );
        assert_eq!(code("import sys; sys.path += ['/a', r'/b']").effects.len(), 2);
        assert_eq!(
            code("import sys; sys.path.append('/a')  # x").effects,
            [Effect::Append(Text::from("/a"))]
        );
        assert_eq!(code("import site; site.addsitedir('/a')").effects, [Effect::SiteDir(Text::from("/a"))]);
        assert_eq!(code("import sys, os; sys.path.append(os.getcwd())").effects, [Effect::Opaque]);
        assert_eq!(code("import __editable___x_finder; __editable___x_finder.install()").effects.len(), 1);
        assert!(code("import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim(); ").harmless);
        assert!(code("import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('google',));importlib = has_mfs and __import__('importlib.util');m = has_mfs and sys.modules.setdefault('google', importlib.util.module_from_spec(x))").harmless);
        assert!(code("import os;exec(\"try:\\n x=1\\nexcept Exception: pass\")").effects.is_empty());
        assert_eq!(code("import os;exec(open('/x').read())").effects, [Effect::Opaque]);
        assert_eq!(code("import os;exec('import sys; sys.path.append(1)')").effects, [Effect::Opaque]);
        assert_eq!(code("import a.b as c, d").imports, [Text::from("a"), Text::from("d")]);
    }
}
