//! A fault and a version come in; the refusal comes out in the words of that CPython, where it is one of the frequent ones, else
//! in the parser's.

use ruff_python_ast::{Mod, token::TokenKind};
use ruff_python_parser::{
    InterpolatedStringErrorType, LexicalErrorType, ParseError, ParseErrorType, Parsed,
    UnsupportedSyntaxError, UnsupportedSyntaxErrorKind as Newer,
};
use ruff_text_size::Ranged;

use crate::{
    place::Places,
    refusal::{Class, Kind, Refusal, Version},
    scan::Fault,
    tree::At,
};

const PLAIN: &str = "invalid syntax";

/// What the tokenizer says; nothing within f-strings, which versions read differently.
pub fn of_fault(fault: Fault, places: &Places<'_>, text: &str, version: Version) -> Option<Refusal> {
    let at = places.span(fault.at(), fault.at() + 1);
    let byte = |at: usize| text.as_bytes().get(at).copied().map_or('(', char::from);
    let syntax = |message: String| Some(Refusal::syntax(at, message));
    match fault {
        Fault::Brackets(_) => syntax("too many nested parentheses".to_owned()),
        Fault::Indents(_) => Some(Refusal::of(Class::Indentation, at, "too many levels of indentation")),
        Fault::Tabs(_) => {
            Some(Refusal::of(Class::Tab, at, "inconsistent use of tabs and spaces in indentation"))
        }
        Fault::Dedent(_) => {
            Some(Refusal::of(Class::Indentation, at, "unindent does not match any outer indentation level"))
        }
        Fault::Unmatched(close) if version >= Version(3, 8) => syntax(format!("unmatched '{}'", byte(close))),
        Fault::Mismatched { at: close, open } if version >= Version(3, 8) => {
            let first = places.span(open, open + 1);
            let behind =
                if first.line == at.line { String::new() } else { format!(" on line {}", first.line) };
            syntax(format!(
                "closing parenthesis '{}' does not match opening parenthesis '{}'{behind}",
                byte(close),
                byte(open)
            ))
        }
        Fault::Unmatched(_) | Fault::Mismatched { .. } => syntax(PLAIN.to_owned()),
        Fault::Unclosed(open) if version >= Version(3, 10) => {
            syntax(format!("'{}' was never closed", byte(open)))
        }
        Fault::Unclosed(_) => Some(Refusal::syntax(end_of(places, text), "unexpected EOF while parsing")),
        Fault::Text(start) if version >= Version(3, 10) => {
            let what = if is_f(text, start, version) { "f-string" } else { "string" };
            let line = detected(text, start, places);
            syntax(format!("unterminated {what} literal (detected at line {line})"))
        }
        Fault::Text(_) => syntax("EOL while scanning string literal".to_owned()),
        Fault::LongText(start) if version >= Version(3, 10) => {
            let what = if is_f(text, start, version) { "f-string" } else { "string" };
            syntax(format!(
                "unterminated triple-quoted {what} literal (detected at line {})",
                last_line(places, text)
            ))
        }
        Fault::LongText(_) => syntax("EOF while scanning triple-quoted string literal".to_owned()),
        Fault::Backslash(slash) if slash + 1 >= text.len() => {
            syntax("unexpected EOF while parsing".to_owned())
        }
        Fault::Backslash(_) => syntax("unexpected character after line continuation character".to_owned()),
        Fault::Field(_) => None,
        Fault::Chain(_) => Some(Refusal::too_deep(at)),
    }
}

/// The line on which a text in single quotes is found to be without its end: escaped line ends go on.
fn detected(text: &str, start: usize, places: &Places<'_>) -> u32 {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' | b'\r' => break,
            _ => {}
        }
        at += 1;
    }
    places.span(start + at.min(rest.len()).saturating_sub(1), start + at).line
}

fn is_f(text: &str, start: usize, version: Version) -> bool {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let prefix = rest.iter().take_while(|byte| byte.is_ascii_alphabetic());
    version >= Version(3, 12) && prefix.into_iter().any(|byte| matches!(byte, b'f' | b'F'))
}

/// The number of the last line that holds something.
fn last_line(places: &Places<'_>, text: &str) -> usize {
    let empty = text.ends_with(['\n', '\r']);
    places.lines() - usize::from(empty && places.lines() > 1)
}

/// Where the file ends.
fn end_of(places: &Places<'_>, text: &str) -> At {
    let trimmed = text.trim_end_matches(['\n', '\r']).len();
    let mut at = places.span(trimmed, trimmed + 1);
    at.line = u32::try_from(last_line(places, text)).unwrap_or(u32::MAX);
    at
}

/// What the parser refuses in every version.
pub fn of_error(
    error: &ParseError,
    parsed: &Parsed<Mod>,
    places: &Places<'_>,
    text: &str,
    version: Version,
) -> Refusal {
    let at = places.at(error.location);
    let modern = version >= Version(3, 10);
    let before = text.get(..error.location.start().to_usize()).unwrap_or_default();
    if let Some(refusal) = python2(error, before, at, places, version) {
        return refusal;
    }
    let plain = || Refusal::syntax(at, PLAIN);
    match &error.error {
        ParseErrorType::UnexpectedIndentation => Refusal::of(Class::Indentation, at, "unexpected indent"),
        ParseErrorType::Lexical(LexicalErrorType::IndentationError) => {
            Refusal::of(Class::Indentation, at, "unindent does not match any outer indentation level")
        }
        ParseErrorType::OtherError(message) if message.starts_with("Expected an indented block") => {
            // The end of the file stands on the last line that holds something.
            let is_end = before.len() >= text.trim_end_matches(['\n', '\r']).len();
            if version < Version(3, 9) && is_end {
                return Refusal::syntax(end_of(places, text), "unexpected EOF while parsing");
            }
            let message = if modern {
                block(message, error, parsed, places)
            } else {
                "expected an indented block".to_owned()
            };
            Refusal::of(Class::Indentation, at, message)
        }
        ParseErrorType::ExpectedToken { expected: TokenKind::Colon, found: TokenKind::Newline } if modern => {
            Refusal::syntax(at, "expected ':'")
        }
        ParseErrorType::ExpectedToken { expected: TokenKind::Colon, found: TokenKind::Equal } if modern => {
            Refusal::syntax(at, "invalid syntax. Maybe you meant '==' or ':=' instead of '='?")
        }
        ParseErrorType::ExpectedToken {
            expected: TokenKind::Comma,
            found: TokenKind::Name | TokenKind::Int | TokenKind::Float | TokenKind::String,
        } if modern && !before.trim_end().ends_with(|last: char| last.is_ascii_digit()) => {
            Refusal::syntax(at, "invalid syntax. Perhaps you forgot a comma?")
        }
        ParseErrorType::ExpectedToken { .. } | ParseErrorType::SimpleStatementsOnSameLine
            if touches_number(before, text) && modern =>
        {
            Refusal::syntax(at, "invalid decimal literal")
        }
        ParseErrorType::EmptyImportNames if version >= Version(3, 13) => {
            Refusal::syntax(at, "Expected one or more names after 'import'")
        }
        ParseErrorType::OtherError(message) if message.starts_with("Expected `except`") => {
            if modern {
                let at = if before.trim_end_matches(['\n', '\r']).len()
                    == text.trim_end_matches(['\n', '\r']).len()
                {
                    end_of(places, text)
                } else {
                    at
                };
                Refusal::syntax(at, "expected 'except' or 'finally' block")
            } else if before.trim_end_matches(['\n', '\r']).len() == text.trim_end_matches(['\n', '\r']).len()
            {
                Refusal::syntax(end_of(places, text), "unexpected EOF while parsing")
            } else {
                plain()
            }
        }
        ParseErrorType::OtherError(message) if message == "Expected a parameter name" => {
            Refusal::syntax(at, "expression cannot contain assignment, perhaps you meant \"==\"?")
        }
        ParseErrorType::OtherError(message) if message.starts_with("Bytes literal cannot be mixed") => {
            Refusal::syntax(at, "cannot mix bytes and nonbytes literals")
        }
        ParseErrorType::OtherError(message) if message.starts_with("Only single target") => {
            Refusal::syntax(at, message.replacen('O', "o", 1))
        }
        ParseErrorType::OtherError(message)
            if message.starts_with("Expected ")
                || message.starts_with("Star import")
                || message.starts_with("Exception missing") =>
        {
            plain()
        }
        ParseErrorType::ExpectedToken { .. }
        | ParseErrorType::ExpectedExpression
        | ParseErrorType::EmptyImportNames
        | ParseErrorType::EmptyGlobalNames
        | ParseErrorType::EmptyNonlocalNames
        | ParseErrorType::EmptyDeleteTargets
        | ParseErrorType::EmptySlice
        | ParseErrorType::UnparenthesizedTupleExpression
        | ParseErrorType::InvalidStarredExpressionUsage
        | ParseErrorType::SimpleStatementsOnSameLine
        | ParseErrorType::SimpleAndCompoundStatementOnSameLine
        | ParseErrorType::UnexpectedTokenAfterAsync(_)
        | ParseErrorType::UnexpectedExpressionToken => plain(),
        ParseErrorType::UnparenthesizedGeneratorExpression => {
            Refusal::syntax(at, "Generator expression must be parenthesized")
        }
        ParseErrorType::InvalidAssignmentTarget => match kind_of(text, error) {
            Some(what @ ("None" | "True" | "False")) => {
                Refusal::syntax(at, format!("cannot assign to {what}"))
            }
            Some(what) if modern && is_assigned(text, error) => Refusal::syntax(
                at,
                format!("cannot assign to {what} here. Maybe you meant '==' instead of '='?"),
            ),
            Some(what) => Refusal::syntax(at, format!("cannot assign to {what}")),
            None => plain(),
        },
        ParseErrorType::InvalidDeleteTarget => match kind_of(text, error) {
            Some(what) => Refusal::syntax(at, format!("cannot delete {what}")),
            None => plain(),
        },
        ParseErrorType::InvalidNamedAssignmentTarget => plain(),
        ParseErrorType::Lexical(LexicalErrorType::UnrecognizedToken { tok }) => match tok {
            tok if tok.is_ascii() => plain(),
            _ if version < Version(3, 9) => Refusal::syntax(at, "invalid character in identifier"),
            tok => Refusal::syntax(at, format!("invalid character '{tok}' (U+{:04X})", u32::from(*tok))),
        },
        ParseErrorType::FStringError(InterpolatedStringErrorType::SingleRbrace)
        | ParseErrorType::Lexical(LexicalErrorType::FStringError(
            InterpolatedStringErrorType::SingleRbrace,
        )) => Refusal::syntax(at, "f-string: single '}' is not allowed"),
        ParseErrorType::NonDefaultParamAfterDefaultParam => Refusal::syntax(
            at,
            if version >= Version(3, 12) {
                "parameter without a default follows parameter with a default"
            } else {
                "non-default argument follows default argument"
            },
        ),
        ParseErrorType::PositionalAfterKeywordArgument => {
            Refusal::syntax(at, "positional argument follows keyword argument")
        }
        ParseErrorType::PositionalAfterKeywordUnpacking => {
            Refusal::syntax(at, "positional argument follows keyword argument unpacking")
        }
        ParseErrorType::InvalidArgumentUnpackingOrder => {
            Refusal::syntax(at, "iterable argument unpacking follows keyword argument unpacking")
        }
        ParseErrorType::IterableUnpackingInComprehension => {
            Refusal::syntax(at, "iterable unpacking cannot be used in comprehension")
        }
        ParseErrorType::ExpectedKeywordParam => Refusal::syntax(at, "named arguments must follow bare *"),
        ParseErrorType::Lexical(LexicalErrorType::InvalidByteLiteral) => {
            let message = "bytes can only contain ASCII literal characters";
            Refusal::syntax(
                at,
                if version < Version(3, 9) { format!("{message}.") } else { message.to_owned() },
            )
        }
        ParseErrorType::Lexical(LexicalErrorType::OtherError(message))
            if message.contains("decimal integer literal") && kind_of(text, error) == Some("literal") =>
        {
            leading_zeros(at, version)
        }
        ParseErrorType::Lexical(LexicalErrorType::OtherError(message))
            if message.contains("ParseIntError") =>
        {
            plain()
        }
        other => Refusal::syntax(at, other.to_string()),
    }
}

/// `1abc`: a number, and a letter that touches it.
fn touches_number(before: &str, text: &str) -> bool {
    before.ends_with(|last: char| last.is_ascii_digit() || last == '.')
        && text
            .get(before.len()..)
            .is_some_and(|rest| rest.starts_with(|next: char| next.is_alphabetic() || next == '_'))
}

/// What CPython calls an expression in a place where a target belongs, as far as its first and last characters tell.
fn kind_of(text: &str, error: &ParseError) -> Option<&'static str> {
    let range = error.location;
    let expression = text.get(range.start().to_usize()..range.end().to_usize())?;
    let is_word = expression.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    Some(match (expression, expression.chars().next()?) {
        ("None", _) => "None",
        ("True", _) => "True",
        ("False", _) => "False",
        (_, '0'..='9') if is_word => "literal",
        (_, '\'' | '"') if expression.ends_with(['\'', '"']) => "literal",
        (call, first) if (first.is_alphabetic() || first == '_') && call.ends_with(')') => "function call",
        _ => return None,
    })
}

/// Whether `=` follows.
fn is_assigned(text: &str, error: &ParseError) -> bool {
    let behind = text.get(error.location.end().to_usize()..).unwrap_or_default();
    behind.trim_start_matches([' ', '\t']).starts_with('=')
}

fn leading_zeros(at: At, version: Version) -> Refusal {
    let message = if version >= Version(3, 8) {
        "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers"
    } else {
        "invalid token"
    };
    Refusal { kind: Kind::Python2, ..Refusal::syntax(at, message) }
}

/// "… after 'if' statement on line 3", since 3.10: the statement is the last one that began before.
fn block(message: &str, error: &ParseError, parsed: &Parsed<Mod>, places: &Places<'_>) -> String {
    let what = message.trim_start_matches("Expected an indented block after").trim().replace('`', "'");
    let (what, keyword) = match what.as_str() {
        "function definition" => (what, "def".to_owned()),
        "'class' definition" => ("class definition".to_owned(), "class".to_owned()),
        _ => {
            let keyword = what.split('\'').nth(1).unwrap_or_default().to_owned();
            (what.replace(" clause", " statement"), keyword)
        }
    };
    let start = error.location.start();
    let word = |kind: TokenKind| kind.to_string().trim_matches(['`', '\'']).to_owned();
    let head = parsed
        .tokens()
        .iter()
        .take_while(|token| token.start() < start)
        .filter(|token| !keyword.is_empty() && word(token.kind()) == keyword)
        .last();
    let line = head.map(|token| places.at(token.range()).line);
    match line {
        Some(line) => format!("expected an indented block after {what} on line {line}"),
        None => format!("expected an indented block after {what}"),
    }
}

/// Python 2's statements, operators and literals.
fn python2(
    error: &ParseError,
    before: &str,
    at: At,
    places: &Places<'_>,
    version: Version,
) -> Option<Refusal> {
    let line = places.text(at.line);
    let head = before.rsplit(['\n', '\r', ';']).next().unwrap_or_default().trim();
    let statement = head.rsplit(": ").next().unwrap_or_default().trim();
    let two = |message: String| Some(Refusal { kind: Kind::Python2, ..Refusal::syntax(at, message) });
    if matches!(error.error, ParseErrorType::SimpleStatementsOnSameLine)
        && matches!(statement, "print" | "exec")
    {
        let rest: String =
            line.chars().skip(at.column.saturating_sub(1) as usize).collect::<String>().trim().to_owned();
        let shown = match () {
            () if version >= Version(3, 10) => "...".to_owned(),
            () if statement == "exec" => "...".to_owned(),
            () => rest.trim_end_matches(';').to_owned(),
        };
        return two(format!(
            "Missing parentheses in call to '{statement}'. Did you mean {statement}({shown})?"
        ));
    }
    if line.trim_start().starts_with("raise ")
        && matches!(&error.error, ParseErrorType::UnparenthesizedTupleExpression)
    {
        return two(PLAIN.to_owned());
    }
    if matches!(&error.error, ParseErrorType::Lexical(LexicalErrorType::UnrecognizedToken { tok: '`' })) {
        return two(PLAIN.to_owned());
    }
    None
}

/// What a newer version takes; nothing where the parser is stricter than that CPython was.
pub fn of_newer(
    error: &UnsupportedSyntaxError,
    places: &Places<'_>,
    text: &str,
    version: Version,
) -> Option<Refusal> {
    let at = places.at(error.range);
    let (needs, minor) = match error.kind {
        Newer::Match => ("match statement", 10),
        Newer::Walrus => ("assignment expression", 8),
        Newer::ExceptStar => ("except* clause", 11),
        Newer::UnparenthesizedNamedExpr(_) => ("assignment expression without parentheses", 9),
        Newer::StarTuple(_) => ("unpacking without parentheses in return or yield", 8),
        Newer::RelaxedDecorator(_) => ("any expression as a decorator", 9),
        Newer::PositionalOnlyParameter => ("positional-only parameters", 8),
        Newer::TypeParameterList => ("type parameters", 12),
        Newer::LazyImportStatement => ("lazy import", 15),
        Newer::TypeAliasStatement => ("type statement", 12),
        Newer::TypeParamDefault => ("defaults of type parameters", 13),
        Newer::Pep701FString(_) => ("f-strings of any content (PEP 701)", 12),
        Newer::ParenthesizedContextManager => ("with statement in parentheses", 9),
        Newer::StarExpressionInIndex => ("unpacking in an index", 11),
        Newer::StarAnnotation => ("unpacking in an annotation", 11),
        Newer::UnpackingInComprehension(_) => ("unpacking in a comprehension", 15),
        Newer::UnparenthesizedUnpackInFor => ("unpacking without parentheses in for", 9),
        Newer::UnparenthesizedExceptionTypes => ("exception types without parentheses", 14),
        Newer::TemplateStrings => ("template strings", 14),
        Newer::ParenthesizedKeywordArgumentName => {
            return Some(Refusal {
                at,
                class: Class::Syntax,
                message: "expression cannot contain assignment, perhaps you meant \"==\"?".to_owned(),
                kind: Kind::Older { uses: "a keyword argument's name in parentheses", until: Version(3, 8) },
            });
        }
    };
    let message = match error.kind {
        Newer::UnparenthesizedExceptionTypes if version >= Version(3, 10) => {
            "multiple exception types must be parenthesized"
        }
        Newer::Pep701FString(kind) => f_string(kind),
        Newer::TypeParameterList if version >= Version(3, 11) && is_def(text, error) => "expected '('",
        _ => PLAIN,
    };
    let kind = match error.kind {
        Newer::UnparenthesizedExceptionTypes if is_bound(places.text(at.line)) => Kind::Python2,
        _ => Kind::Newer { needs, since: Version(3, minor) },
    };
    Some(Refusal { at, class: Class::Syntax, message: message.to_owned(), kind })
}

/// Whether type parameters stand behind `def name`.
fn is_def(text: &str, error: &UnsupportedSyntaxError) -> bool {
    let before = text.get(..error.range.start().to_usize()).unwrap_or_default();
    before
        .rsplit(['\n', ';'])
        .next()
        .unwrap_or_default()
        .trim_start()
        .trim_start_matches("async ")
        .starts_with("def ")
}

/// `except Error, e:`, which is how Python 2 spells `as`.
fn is_bound(line: &str) -> bool {
    let clause = line.trim().trim_start_matches("except").split(':').next().unwrap_or_default();
    let mut parts = clause.split(',').skip(1);
    let name = parts.next().unwrap_or_default().trim();
    parts.next().is_none()
        && !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
}

/// What versions before 3.12 say; which of the kinds it is is private to the parser, so its text decides.
fn f_string(kind: impl std::fmt::Debug) -> &'static str {
    match format!("{kind:?}").as_str() {
        "Backslash" => "f-string expression part cannot include a backslash",
        "Comment" => "f-string expression part cannot include '#'",
        _ => "f-string: expecting '}'",
    }
}
