//! The text of a TOML document comes in; its tree comes out, or its elements one by one as they pass, so that a lock of
//! thousands of packages is never in memory as a whole.
//!
//! Grammar and events are those of `toml_parser` (TOML 1.1). It is fed one statement after another: its tokens are dropped
//! before the next is read. What a package manager wrote of files (`wheels = [`, one file a line) is passed over by its lines
//! and read only when it is asked for.

use std::borrow::Cow;

use toml_parser::decoder::ScalarKind;
use toml_parser::lexer::{Token, TokenKind};
use toml_parser::parser::{Event, EventKind, EventReceiver, RecursionGuard};
use toml_parser::{ErrorSink, ParseError, Source, Span};

use super::{Entry, Made, Node, Table, Value};
use crate::broken::{Broken, Fault};
use crate::limits::{DEEPEST, MOST_PARTS};

/// What of a document is given out, and how.
pub(crate) struct Plan<'p> {
    /// Arrays of tables at the top whose elements are given out as they pass.
    pub(crate) stream: &'p [&'p str],
    /// Keys of such elements whose values are passed over where a machine wrote them.
    pub(crate) skip: &'p [&'p str],
}

/// The whole document.
pub(crate) fn parse(text: &str) -> Result<Table<'_>, Broken> {
    read(text, &Plan { stream: &[], skip: &[] }, &mut |_| {})
}

/// Reads a document; `each` gets the elements of the plan's arrays in order, the rest comes out as one table in which such an
/// array is an empty list.
pub(crate) fn read<'a>(
    text: &'a str,
    plan: &Plan<'_>,
    each: &mut dyn FnMut(Table<'a>),
) -> Result<Table<'a>, Broken> {
    let mut builder = Builder {
        text,
        plan,
        each,
        root: Table::new(0),
        element: None,
        passed: 0,
        in_element: false,
        path: Vec::new(),
    };
    // Parts of what is kept, and of the element that is being read.
    let (mut kept, mut of_element, mut passed) = (0, 0, 0);
    let mut tokens = Vec::new();
    let mut events = Events(Vec::new());
    let mut base = 0;
    let mut lexer = Source::new(text).lex();
    let mut next = 0;
    loop {
        if let Some(end) = builder.pass_over(next) {
            base = end;
            next = end;
            lexer = Source::new(text.get(end..).unwrap_or("")).lex();
            continue;
        }
        tokens.clear();
        let mut depth = 0usize;
        let mut is_telling = false;
        let mut is_last = false;
        loop {
            let Some(token) = lexer.next() else {
                is_last = true;
                break;
            };
            next = base + token.span().end();
            match token.kind() {
                TokenKind::Eof => {
                    is_last = true;
                    break;
                }
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => depth += 1,
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    depth = depth.saturating_sub(1)
                }
                _ => {}
            }
            is_telling |=
                !matches!(token.kind(), TokenKind::Whitespace | TokenKind::Newline | TokenKind::Comment);
            let is_end = token.kind() == TokenKind::Newline && depth == 0;
            if is_telling {
                tokens.push(token);
                if tokens.len() > MOST_PARTS {
                    let at = base + tokens.first().map_or(0, |token| token.span().start());
                    return Err(Broken::at(
                        Fault::TooLarge,
                        at,
                        format!("a value of more than {MOST_PARTS} parts begins here"),
                    ));
                }
            }
            if is_end {
                break;
            }
        }
        if is_telling {
            events.read(&tokens, base)?;
            builder.statement(&events.0)?;
            if builder.passed != passed {
                (passed, of_element) = (builder.passed, 0);
            }
            let held = if builder.in_element { &mut of_element } else { &mut kept };
            *held += events.0.len();
            if kept + of_element > MOST_PARTS {
                return Err(Broken::at(
                    Fault::TooLarge,
                    base + tokens.first().map_or(0, |token| token.span().start()),
                    format!("it holds more than {MOST_PARTS} parts beside its packages"),
                ));
            }
        }
        if is_last {
            break;
        }
    }
    if let Some(element) = builder.element.take() {
        (builder.each)(element);
    }
    Ok(builder.root)
}

/// The value that was passed over between `at` and `end`.
pub(crate) fn value(text: &str, at: usize, end: usize) -> Result<Node<'_>, Broken> {
    let raw = text.get(at..end).unwrap_or("");
    let tokens: Vec<Token> = Source::new(raw).lex().collect();
    let mut events = Events(Vec::new());
    let mut first = None;
    {
        let mut guard = RecursionGuard::new(&mut events, deepest());
        toml_parser::parser::parse_value(&tokens, &mut guard, &mut first);
    }
    if let Some(error) = first {
        return Err(broken(&error, at));
    }
    for event in &mut events.0 {
        *event = shifted(event, at);
    }
    let mut rest = events.0.as_slice();
    decode_value(text, &mut rest)
}

const fn deepest() -> u32 {
    DEEPEST as u32
}

fn shifted(event: &Event, by: usize) -> Event {
    let span = Span::new_unchecked(event.span().start() + by, event.span().end() + by);
    Event::new_unchecked(event.kind(), event.encoding(), span)
}

/// The events that say something.
struct Events(Vec<Event>);

impl Events {
    fn read(&mut self, tokens: &[Token], base: usize) -> Result<(), Broken> {
        self.0.clear();
        let mut first: Option<ParseError> = None;
        {
            let mut guard = RecursionGuard::new(self, deepest());
            toml_parser::parser::parse_document(tokens, &mut guard, &mut first);
        }
        if let Some(error) = first {
            return Err(broken(&error, base));
        }
        if base > 0 {
            for event in &mut self.0 {
                *event = shifted(event, base);
            }
        }
        Ok(())
    }

    fn push(&mut self, kind: EventKind, encoding: Option<toml_parser::decoder::Encoding>, span: Span) {
        self.0.push(Event::new_unchecked(kind, encoding, span));
    }
}

impl EventReceiver for Events {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.push(EventKind::StdTableOpen, None, span);
    }
    fn std_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.push(EventKind::StdTableClose, None, span);
    }
    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.push(EventKind::ArrayTableOpen, None, span);
    }
    fn array_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.push(EventKind::ArrayTableClose, None, span);
    }
    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.push(EventKind::InlineTableOpen, None, span);
        true
    }
    fn inline_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.push(EventKind::InlineTableClose, None, span);
    }
    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.push(EventKind::ArrayOpen, None, span);
        true
    }
    fn array_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.push(EventKind::ArrayClose, None, span);
    }
    fn simple_key(
        &mut self,
        span: Span,
        encoding: Option<toml_parser::decoder::Encoding>,
        _: &mut dyn ErrorSink,
    ) {
        self.push(EventKind::SimpleKey, encoding, span);
    }
    fn key_val_sep(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.push(EventKind::KeyValSep, None, span);
    }
    fn scalar(
        &mut self,
        span: Span,
        encoding: Option<toml_parser::decoder::Encoding>,
        _: &mut dyn ErrorSink,
    ) {
        self.push(EventKind::Scalar, encoding, span);
    }
}

fn broken(error: &ParseError, base: usize) -> Broken {
    let at = error.unexpected().or_else(|| error.context()).map_or(0, |span| span.start());
    if error.description().contains("recurse") {
        return Broken::at(
            Fault::TooDeep,
            base + at,
            format!("arrays or tables stand within each other more than {DEEPEST} deep"),
        );
    }
    let mut message = format!("no TOML: {}", error.description());
    let expected: Vec<String> = error
        .expected()
        .unwrap_or_default()
        .iter()
        .filter_map(|expected| match expected {
            toml_parser::Expected::Literal(text) => Some(match *text {
                "\n" => "the end of the line".to_owned(),
                text => format!("`{text}`"),
            }),
            toml_parser::Expected::Description(text) => Some((*text).to_owned()),
            _ => None,
        })
        .collect();
    if !expected.is_empty() {
        message.push_str(", expected ");
        message.push_str(&expected.join(" or "));
    }
    Broken::at(Fault::Syntax, base + at, message)
}

/// A key as it was read: its parts with their places.
type Key<'a> = Vec<(Cow<'a, str>, usize)>;

fn decode_key<'a>(text: &'a str, event: &Event) -> Result<(Cow<'a, str>, usize), Broken> {
    let span = event.span();
    let raw = Raw::of(text, event);
    let mut out = Cow::Borrowed("");
    let mut first: Option<ParseError> = None;
    raw.decode_key(&mut out, &mut first);
    match first {
        Some(error) => Err(broken(&error, 0)),
        None => Ok((out, span.start())),
    }
}

/// A part of the text with the way it is encoded.
struct Raw;

impl Raw {
    fn of<'a>(text: &'a str, event: &Event) -> toml_parser::Raw<'a> {
        let span = event.span();
        toml_parser::Raw::new_unchecked(
            text.get(span.start()..span.end()).unwrap_or(""),
            event.encoding(),
            span,
        )
    }
}

fn keys<'a>(text: &'a str, events: &mut &[Event]) -> Result<Key<'a>, Broken> {
    let mut out = Vec::with_capacity(1);
    while let Some((event, rest)) = events.split_first() {
        if event.kind() != EventKind::SimpleKey {
            break;
        }
        out.push(decode_key(text, event)?);
        *events = rest;
    }
    Ok(out)
}

fn decode_value<'a>(text: &'a str, events: &mut &[Event]) -> Result<Node<'a>, Broken> {
    let Some((event, rest)) = events.split_first() else {
        return Err(Broken::whole(Fault::Syntax, "no TOML: a value is missing"));
    };
    *events = rest;
    let at = event.span().start();
    let mut end = event.span().end();
    let value = match event.kind() {
        EventKind::Scalar => scalar(text, event)?,
        EventKind::ArrayOpen => {
            let mut items = Vec::new();
            while let Some((event, rest)) = events.split_first() {
                if event.kind() == EventKind::ArrayClose {
                    end = event.span().end();
                    *events = rest;
                    break;
                }
                items.push(decode_value(text, events)?);
            }
            Value::List(items)
        }
        EventKind::InlineTableOpen => {
            let mut table = Table::new(at);
            while let Some((event, rest)) = events.split_first() {
                if event.kind() == EventKind::InlineTableClose {
                    end = event.span().end();
                    *events = rest;
                    break;
                }
                let key = keys(text, events)?;
                if events.first().is_some_and(|event| event.kind() == EventKind::KeyValSep) {
                    *events = events.get(1..).unwrap_or(&[]);
                }
                let node = decode_value(text, events)?;
                put(&mut table, key, node)?;
            }
            Value::Table(table)
        }
        _ => return Err(Broken::at(Fault::Syntax, at, "no TOML: a value is expected here")),
    };
    Ok(Node { at, end, value })
}

fn scalar<'a>(text: &'a str, event: &Event) -> Result<Value<'a>, Broken> {
    let mut out: Cow<'a, str> = Cow::Borrowed("");
    let mut first: Option<ParseError> = None;
    let kind = Raw::of(text, event).decode_scalar(&mut out, &mut first);
    if let Some(error) = first {
        return Err(broken(&error, 0));
    }
    Ok(match kind {
        ScalarKind::String => Value::Text(out),
        ScalarKind::Boolean(value) => Value::Bool(value),
        ScalarKind::DateTime | ScalarKind::Float => Value::Other(out),
        ScalarKind::Integer(radix) => match i64::from_str_radix(&out, radix.value()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other(out),
        },
    })
}

fn twice(key: &str, at: usize) -> Broken {
    Broken::at(Fault::DuplicateKey, at, format!("no TOML: the key `{key}` stands here a second time"))
}

/// Puts a value under a key with dots.
fn put<'a>(table: &mut Table<'a>, key: Key<'a>, node: Node<'a>) -> Result<(), Broken> {
    let mut table = table;
    let mut parts = key.into_iter();
    let Some(last) = parts.next_back() else { return Ok(()) };
    for (part, at) in parts {
        let found = match table.find(&part) {
            Some(found) => found,
            None => {
                let mut inner = Table::new(at);
                inner.made = Made::Dotted;
                table.add(Entry {
                    key: part.clone(),
                    at,
                    node: Node { at, end: node.end, value: Value::Table(inner) },
                });
                table.entries.len().saturating_sub(1)
            }
        };
        match table.entries.get_mut(found).map(|entry| &mut entry.node.value) {
            Some(Value::Table(inner)) if inner.made == Made::Dotted => table = inner,
            _ => return Err(twice(&part, at)),
        }
    }
    let (key, at) = last;
    let shown = key.clone();
    if table.add(Entry { key, at, node }) { Ok(()) } else { Err(twice(&shown, at)) }
}

struct Builder<'a, 'p> {
    text: &'a str,
    plan: &'p Plan<'p>,
    each: &'p mut dyn FnMut(Table<'a>),
    root: Table<'a>,
    /// The last element of an array of the plan.
    element: Option<Table<'a>>,
    /// How many elements were begun.
    passed: usize,
    /// Whether `path` leads from the element.
    in_element: bool,
    /// Where statements go: entries from the root or the element on, of a list its last element.
    path: Vec<usize>,
}

/// The table inside an entry, of a list of tables the last one.
fn inner<'t, 'a>(table: &'t mut Table<'a>, entry: usize) -> Option<&'t mut Table<'a>> {
    match &mut table.entries.get_mut(entry)?.node.value {
        Value::Table(table) => Some(table),
        Value::List(items) => match &mut items.last_mut()?.value {
            Value::Table(table) => Some(table),
            _ => None,
        },
        _ => None,
    }
}

impl<'a> Builder<'a, '_> {
    fn scope(&mut self) -> Option<&mut Table<'a>> {
        let mut table = if self.in_element { self.element.as_mut()? } else { &mut self.root };
        for entry in &self.path {
            table = inner(table, *entry)?;
        }
        Some(table)
    }

    /// Where a statement that begins at `at` is one that is passed over: puts a mark in the table and tells where it ends.
    fn pass_over(&mut self, at: usize) -> Option<usize> {
        if !self.in_element || !self.path.is_empty() || self.plan.skip.is_empty() {
            return None;
        }
        let rest = self.text.get(at..)?;
        let key = self.plan.skip.iter().find(|key| {
            rest.strip_prefix(**key)
                .is_some_and(|rest| rest.starts_with(" = [\n") || rest.starts_with(" = { "))
        })?;
        let open = at + key.len() + 3;
        let bytes = self.text.as_bytes();
        let mut end = None;
        if bytes.get(open) == Some(&b'{') {
            let line = memchr::memchr(b'\n', bytes.get(open..)?)?;
            end = (bytes.get(open + line - 1) == Some(&b'}')).then_some(open + line);
        } else {
            for newline in memchr::memchr_iter(b'\n', bytes.get(open..)?) {
                match bytes.get(open + newline + 1) {
                    Some(b' ' | b'\t') => {}
                    Some(b']') => {
                        end = Some(open + newline + 2);
                        break;
                    }
                    _ => return None,
                }
            }
        }
        let end = end?;
        if bytes.get(end) != Some(&b'\n') {
            return None;
        }
        let key: &'a str = self.text.get(at..at + key.len())?;
        let entry = Entry { key: Cow::Borrowed(key), at, node: Node { at: open, end, value: Value::Raw } };
        // A second one is left to the parser, which says so.
        self.scope()?.add(entry).then_some(end + 1)
    }

    fn statement(&mut self, events: &[Event]) -> Result<(), Broken> {
        let mut events = events;
        while let Some((event, rest)) = events.split_first() {
            match event.kind() {
                EventKind::StdTableOpen | EventKind::ArrayTableOpen => {
                    let at = event.span().start();
                    events = rest;
                    let key = keys(self.text, &mut events)?;
                    // Its closing event.
                    events = events.get(1..).unwrap_or(&[]);
                    self.header(key, at, event.kind() == EventKind::ArrayTableOpen)?;
                }
                EventKind::SimpleKey => {
                    let key = keys(self.text, &mut events)?;
                    if events.first().is_some_and(|event| event.kind() == EventKind::KeyValSep) {
                        events = events.get(1..).unwrap_or(&[]);
                    }
                    let node = decode_value(self.text, &mut events)?;
                    if let Some(table) = self.scope() {
                        put(table, key, node)?;
                    }
                }
                _ => {
                    return Err(Broken::at(
                        Fault::Syntax,
                        event.span().start(),
                        "no TOML: a key or a table is expected here",
                    ));
                }
            }
        }
        Ok(())
    }

    fn header(&mut self, key: Key<'a>, at: usize, is_array: bool) -> Result<(), Broken> {
        self.path.clear();
        self.in_element = false;
        let streamed =
            key.first().is_some_and(|(first, _)| self.plan.stream.iter().any(|name| *name == first.as_ref()));
        let mut parts = key.into_iter();
        if streamed && let Some((first, key_at)) = parts.next() {
            if parts.len() == 0 {
                if !is_array {
                    return Err(Broken::at(
                        Fault::Value,
                        at,
                        format!("[{first}] is a table, [[{first}]] is expected"),
                    ));
                }
                match self.root.get(&first) {
                    None => {
                        let node = Node { at: key_at, end: key_at, value: Value::List(Vec::new()) };
                        self.root.add(Entry { key: first, at: key_at, node });
                    }
                    Some(Node { value: Value::List(_), .. }) if self.element.is_some() => {}
                    Some(_) => return Err(twice(&first, key_at)),
                }
                self.passed += 1;
                if let Some(element) = self.element.replace(Table::new(at)) {
                    (self.each)(element);
                }
                self.in_element = true;
                return Ok(());
            }
            if self.element.is_none() {
                return Err(Broken::at(
                    Fault::Value,
                    at,
                    format!("[{first}. …] stands before any [[{first}]]"),
                ));
            }
            self.in_element = true;
        }
        let Some(last) = parts.next_back() else { return Ok(()) };
        let start = if self.in_element { self.element.as_mut() } else { Some(&mut self.root) };
        let Some(mut table) = start else { return Ok(()) };
        for (part, part_at) in parts {
            let found = match table.find(&part) {
                Some(found) => found,
                None => {
                    let mut made = Table::new(part_at);
                    made.made = Made::ByLongerHeader;
                    table.add(Entry {
                        key: part.clone(),
                        at: part_at,
                        node: Node { at: part_at, end: part_at, value: Value::Table(made) },
                    });
                    table.entries.len().saturating_sub(1)
                }
            };
            self.path.push(found);
            table = inner(table, found).ok_or_else(|| twice(&part, part_at))?;
        }
        let (name, name_at) = last;
        let node = |value| Node { at: name_at, end: name_at, value };
        match table.find(&name) {
            None => {
                self.path.push(table.entries.len());
                let made = Value::Table(Table::new(at));
                let value = if is_array { Value::List(vec![node(made)]) } else { made };
                table.add(Entry { key: name, at: name_at, node: node(value) });
                Ok(())
            }
            Some(found) => {
                self.path.push(found);
                match table.entries.get_mut(found).map(|entry| &mut entry.node.value) {
                    Some(Value::Table(table)) if !is_array && table.made == Made::ByLongerHeader => {
                        table.made = Made::Whole;
                        table.at = at;
                        Ok(())
                    }
                    Some(Value::List(items))
                        if is_array
                            && items.iter().all(|item| matches!(item.value, Value::Table(_)))
                            && !items.is_empty() =>
                    {
                        items.push(node(Value::Table(Table::new(at))));
                        Ok(())
                    }
                    _ => Err(twice(&name, name_at)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

    use super::*;

    fn all<'a>(text: &'a str, skip: &[&str]) -> Result<(Table<'a>, Vec<Table<'a>>), Broken> {
        let mut elements = Vec::new();
        let root = read(text, &Plan { stream: &["package"], skip }, &mut |table| elements.push(table))?;
        Ok((root, elements))
    }

    const LOCK: &str = "version = 1\n\n[[package]]\nname = \"a\"\nwheels = [\n    { url = \"u1\" },\n    { url = \"u2\" },\n]\ndependencies = [\n  { name = \"b\", marker = \"x\" },\n]\n\n[package.metadata]\nrequires-dist = [1]\n\n[[package]]\nname = \"b\"\nsource.registry = \"r\"\n\n[metadata]\nh = 1.5\n";

    #[test]
    fn elements_pass_one_by_one_and_what_is_skipped_can_be_read() {
        let (root, elements) = all(LOCK, &["wheels"]).unwrap();
        assert_eq!(root.get("version").unwrap().integer(), Some(1));
        assert_eq!(
            root.get("metadata").unwrap().table().unwrap().get("h").unwrap().written().unwrap(),
            "1.5"
        );
        assert_eq!(elements.len(), 2);
        let wheels = elements[0].get("wheels").unwrap();
        assert_eq!(wheels.value, Value::Raw);
        let read = value(LOCK, wheels.at, wheels.end).unwrap();
        let second = &read.list().unwrap()[1];
        assert_eq!(second.table().unwrap().text("url").unwrap(), Some("u2"));
        assert_eq!(&LOCK[second.at..second.at + 12], "{ url = \"u2\"");
        let edge = elements[0].list("dependencies").unwrap()[0].table().unwrap();
        assert_eq!(&LOCK[edge.get("marker").unwrap().at..][..3], "\"x\"");
        assert!(elements[0].table("metadata").unwrap().unwrap().has("requires-dist"));
        assert_eq!(elements[1].table("source").unwrap().unwrap().text("registry").unwrap(), Some("r"));
        let (_, whole) = all(LOCK, &[]).unwrap();
        assert_eq!(whole[0].get("wheels").unwrap(), &read);
    }

    #[test]
    fn faults_have_their_place() {
        let deep = format!("a = {}", "[".repeat(3_000));
        for (text, fault, at) in [
            ("a = 1\na = 2", Fault::DuplicateKey, 6),
            ("[a]\n[a]", Fault::DuplicateKey, 5),
            ("[a]\nb = 1\n[a.b]", Fault::DuplicateKey, 13),
            ("a.b = 1\na.b.c = 2", Fault::DuplicateKey, 10),
            ("a = {x = 1}\na.y = 2", Fault::DuplicateKey, 12),
            ("a = {x = 1, x = 2}", Fault::DuplicateKey, 12),
            ("a = [1]\n[[a]]", Fault::DuplicateKey, 10),
            ("a = \"x\nb = 1", Fault::Syntax, 6),
            ("a = ", Fault::Syntax, 3),
            ("a 1", Fault::Syntax, 2),
            ("package = 1\n[[package]]", Fault::DuplicateKey, 14),
            (&deep, Fault::TooDeep, 4 + 128),
        ] {
            let error = all(text, &[]).unwrap_err();
            assert_eq!(
                (error.fault, error.at),
                (fault, Some(at)),
                "{}: {}",
                &text[..text.len().min(40)],
                error.message
            );
        }
    }

    #[test]
    fn what_a_machine_did_not_write_is_not_passed_over() {
        for text in [
            "[[package]]\nwheels = [\n  1,\n2]\n",
            "[[package]]\nwheels = [\n  1,\n[[package]]\n",
            "[[package]]\nwheels = [\n]\nwheels = [\n]\n",
        ] {
            let read = all(text, &["wheels"]);
            assert!(read.is_err() || read.unwrap().1[0].get("wheels").unwrap().value != Value::Raw, "{text}");
        }
    }
}
