//! Bytes and a version come in; the tree or the refusal comes out.

use ruff_python_ast::{Mod, PythonVersion, token::TokenKind};
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use ruff_text_size::Ranged;

use crate::{
    check,
    encoding::{self, Text},
    limits, lower,
    place::Places,
    refusal::{Class, Kind, Refusal, Version},
    scan::{self, Fault, Scan},
    tree::{At, Module},
    words,
};

/// What lies no deeper than this is parsed on the caller's stack: the parser grows its own, and lowering this deep needs less
/// than half a megabyte without optimisation.
const SHALLOW: usize = 60;

/// Parses a file as the Python of a version would compile it.
///
/// # Errors
/// A [`Refusal`] where CPython refuses it ([`Kind::is_certain`]), or where it is larger or deeper than is read here.
pub fn parse(source: &[u8], version: Version) -> Result<Module, Refusal> {
    let start = At { line: 1, column: 1, end_column: 1 };
    if version < Version(3, 0) || version >= Version(4, 0) {
        return Err(Refusal {
            at: start,
            class: Class::Syntax,
            message: format!("source for Python {version} is not read"),
            kind: Kind::Unread,
        });
    }
    if source.len() > limits::SOURCE {
        return Err(Refusal {
            at: start,
            class: Class::Recursion,
            message: format!("source of {} bytes is not read: more than {}", source.len(), limits::SOURCE),
            kind: Kind::TooLarge,
        });
    }
    let text = encoding::decode(source, version)?;
    let places = Places::new(&text.text);
    let scan = scan::scan(&text.text);
    let file = File { source, text: &text, places: &places, scan: &scan, version };
    if scan.hopeless {
        return Err(file.of_scan().unwrap_or_else(|| Refusal::too_deep(start)));
    }
    if scan.depth <= SHALLOW {
        return file.read();
    }
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new()
            .name("python source".to_owned())
            .stack_size(limits::STACK)
            .spawn_scoped(scope, || file.read());
        // No thread to be had, or the parser gave up: nothing is known of the source.
        reader.ok().and_then(|reader| reader.join().ok()).unwrap_or_else(|| Err(Refusal::too_deep(start)))
    })
}

/// A text on its way to a tree.
struct File<'a> {
    source: &'a [u8],
    text: &'a Text<'a>,
    places: &'a Places<'a>,
    scan: &'a Scan,
    version: Version,
}

impl File<'_> {
    fn read(&self) -> Result<Module, Refusal> {
        let target = PythonVersion { major: self.version.0, minor: self.version.1 };
        let options = ParseOptions::from(Mode::Module).with_target_version(target);
        let parsed = parse_unchecked(&self.text.text, options);
        let refused = self.refused(&parsed).map(|refused| self.before_keywords(refused));
        if let Some(broken) = self.broken(&parsed, refused.as_ref()) {
            return Err(broken);
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        let Mod::Module(module) = parsed.syntax() else { return Ok(Module::default()) };
        let module = lower::module(&module.body, self.places)?;
        match check::module(
            &module,
            self.version,
            self.text.text.contains("global") || self.text.text.contains("nonlocal"),
        ) {
            Some(refusal) => Err(refusal),
            None => Ok(module),
        }
    }

    /// `async` and `await` became keywords in 3.7, which is as far back as the parser goes.
    fn before_keywords(&self, refused: Refusal) -> Refusal {
        let names = ["async", "await"].iter().any(|word| self.text.text.contains(word));
        if self.version < Version(3, 7) && names {
            Refusal { kind: Kind::Unread, ..refused }
        } else {
            refused
        }
    }

    /// What the scan found, in CPython's words.
    fn of_scan(&self) -> Option<Refusal> {
        self.scan.fault.and_then(|fault| words::of_fault(fault, self.places, &self.text.text, self.version))
    }

    fn refused(&self, parsed: &Parsed<Mod>) -> Option<Refusal> {
        let error = parsed.errors().first();
        let newer = parsed.unsupported_syntax_errors().iter().min_by_key(|error| error.range().start());
        let of_newer = newer.map(|newer| (newer.range().start(), newer));
        let error = error.map(|error| (error.location.start(), error));
        let of_parser = match (error, of_newer) {
            (Some((at, error)), Some((newer_at, _))) if at <= newer_at => {
                Some(words::of_error(error, parsed, self.places, &self.text.text, self.version))
            }
            (_, Some((_, newer))) => words::of_newer(newer, self.places, &self.text.text, self.version)
                .or_else(|| {
                    error.map(|(_, error)| {
                        words::of_error(error, parsed, self.places, &self.text.text, self.version)
                    })
                }),
            (Some((_, error)), None) => {
                Some(words::of_error(error, parsed, self.places, &self.text.text, self.version))
            }
            (None, None) => None,
        };
        let of_scan = self.of_scan();
        match (of_parser, of_scan) {
            // Since 3.10 the rest of the file is looked through for a fault of the tokenizer before a plain "invalid syntax" is
            // said; before, the first one wins.
            (Some(parser), Some(scan)) => {
                let is_plain = parser.kind == Kind::Syntax && parser.class == Class::Syntax;
                let is_line = matches!(
                    self.scan.fault,
                    Some(Fault::Indents(_) | Fault::Tabs(_) | Fault::Dedent(_) | Fault::Brackets(_))
                );
                let before = (scan.at.line, scan.at.column) <= (parser.at.line, parser.at.column)
                    || (is_line && scan.at.line <= parser.at.line);
                Some(if before || (is_plain && self.version >= Version(3, 10)) { scan } else { parser })
            }
            // Where the parser is content the scan may have misread something, but for what the parser does not look at.
            (None, Some(scan)) => {
                let is_own = matches!(
                    self.scan.fault,
                    Some(Fault::Brackets(_) | Fault::Indents(_) | Fault::Tabs(_) | Fault::Chain(_))
                );
                is_own.then_some(scan)
            }
            (parser, None) => parser,
        }
    }

    /// The first bytes that are no UTF-8 and stand outside comments, unless something else is refused before them.
    fn broken(&self, parsed: &Parsed<Mod>, refused: Option<&Refusal>) -> Option<Refusal> {
        if self.text.broken.is_empty() {
            return None;
        }
        let tokens = parsed.tokens();
        let mut token = tokens.iter().peekable();
        for broken in &self.text.broken {
            while token.next_if(|token| token.end().to_usize() <= broken.at).is_some() {}
            let around = token.peek().filter(|token| token.start().to_usize() <= broken.at);
            if around.is_some_and(|token| token.kind() == TokenKind::Comment) {
                continue;
            }
            let start = around.map_or(broken.at, |token| token.start().to_usize());
            let at = self.places.span(start, around.map_or(start + 1, |token| token.end().to_usize()));
            if refused.is_some_and(|refused| refused.at.line < at.line && refused.at.line > 0) {
                return None;
            }
            let raw = broken.raw - (broken.at - start);
            let content = self.source_content(raw, broken);
            return Some(Refusal {
                at,
                class: Class::Syntax,
                message: format!("(unicode error) {content}"),
                kind: Kind::Encoding,
            });
        }
        None
    }

    /// What the codec says of a literal or name that begins at a place in the bytes.
    fn source_content(&self, raw: usize, broken: &encoding::Broken) -> String {
        let mark = if self.source.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let rest = self.source.get(raw + mark..).unwrap_or_default();
        let quote = rest.iter().position(|byte| matches!(byte, b'\'' | b'"')).filter(|at| *at <= 2);
        let (opening, closing): (usize, Option<u8>) = match quote {
            Some(at) => {
                let quote = rest.get(at).copied().unwrap_or_default();
                let is_long = rest.get(at..at + 3) == Some(&[quote; 3]);
                (at + if is_long { 3 } else { 1 }, Some(quote))
            }
            None => (0, None),
        };
        let from = (broken.raw - raw).max(opening);
        let behind = rest.get(from..).unwrap_or_default();
        let ends = |byte: &u8| match closing {
            Some(quote) => *byte == quote,
            None => byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'_',
        };
        let end = behind.iter().position(ends).unwrap_or(behind.len());
        encoding::undecodable(behind.get(..end).unwrap_or_default(), from - opening, "utf-8")
    }
}
