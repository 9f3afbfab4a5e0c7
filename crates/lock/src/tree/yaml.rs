//! The text of a YAML document comes in; its tree comes out, keys and values with their places.
//!
//! Events are those of `saphyr-parser`. Plain scalars are typed as far as locks need it: `null`, booleans and whole numbers;
//! `6` and `'6'` differ, `3.10` stays as it is written. An alias is a copy of what it names, and there is a bound on how much
//! all copies hold together. As in PyYAML a tab is no indentation; a key that stands twice is refused.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Entry, Node, Table, Value};
use crate::broken::{Broken, Fault};
use crate::limits::{DEEPEST, MOST_COPIES, MOST_VALUES};
use crate::text::Lines;

/// The first document of the text.
pub(crate) fn parse(text: &str) -> Result<Node<'_>, Broken> {
    read(text, "", &mut |_| {})
}

/// The first document of the text, of which the items of the list under the key `given` of its top are given out one by one and
/// not kept: such a list is nearly all of a lock.
pub(crate) fn read<'a>(
    text: &'a str,
    given: &str,
    take: &mut dyn FnMut(Node<'a>),
) -> Result<Node<'a>, Broken> {
    indentation(text)?;
    let places = Places { text, lines: Lines::of(text) };
    let mut loader = Loader {
        places,
        open: Vec::new(),
        anchors: HashMap::new(),
        copies: 0,
        held: 0,
        given,
        take,
        root: None,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = loader.places.offset(error.marker().line(), error.marker().col());
            let fault = if error.info().contains("recursion") { Fault::TooDeep } else { Fault::Syntax };
            Broken::at(fault, at, format!("no YAML: {}", error.info()))
        })?;
        if loader.take(event, span)? {
            break;
        }
    }
    loader.root.ok_or_else(|| Broken::whole(Fault::Syntax, "no YAML: there is no document in it"))
}

/// A tab at a line's beginning, outside of a block that holds text, is a fault for PyYAML and for conda's tools.
fn indentation(text: &str) -> Result<(), Broken> {
    let mut at = 0;
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let body = line.trim_end();
        let blanks = body.len() - body.trim_start_matches([' ', '\t']).len();
        let spaces = body.len() - body.trim_start_matches(' ').len();
        if !body.is_empty() {
            // Deeper than its column a block of text goes on.
            if block.is_none_or(|column| spaces <= column) {
                if blanks > spaces {
                    return Err(Broken::at(
                        Fault::Syntax,
                        at,
                        "no YAML: a tab stands where indentation is expected",
                    ));
                }
                let is_block = ["|", ">", "|-", ">-", "|+", ">+"].iter().any(|end| {
                    body.strip_suffix(end).is_some_and(|rest| rest.ends_with([' ', ':']) && !rest.is_empty())
                });
                block = is_block.then_some(spaces);
            }
        }
        at += line.len();
    }
    Ok(())
}

struct Places<'a> {
    text: &'a str,
    lines: Lines,
}

impl Places<'_> {
    /// The offset of a line from 1 and a column from 0, in characters.
    fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.lines.start(line);
        let rest = self.text.get(start..).unwrap_or("");
        if rest.as_bytes().get(..column).is_some_and(<[u8]>::is_ascii) {
            return start + column;
        }
        start + rest.chars().take(column).map(char::len_utf8).sum::<usize>()
    }

    fn span(&self, span: &Span) -> (usize, usize) {
        let at = self.offset(span.start.line(), span.start.col());
        (at, self.offset(span.end.line(), span.end.col()).max(at))
    }
}

/// A sequence or mapping whose end has not come yet.
struct Open<'a> {
    at: usize,
    anchor: usize,
    value: Inside<'a>,
}

enum Inside<'a> {
    List(Vec<Node<'a>>),
    /// With the key whose value comes next.
    Table(Table<'a>, Option<(Cow<'a, str>, usize)>),
}

struct Loader<'a, 't> {
    places: Places<'a>,
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, (Node<'a>, usize)>,
    copies: usize,
    /// How many values are kept.
    held: usize,
    /// The key of the list whose items are given out.
    given: &'t str,
    take: &'t mut dyn FnMut(Node<'a>),
    root: Option<Node<'a>>,
}

fn size(node: &Node<'_>) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Table(table) => table.entries.iter().map(|entry| 1 + size(&entry.node)).sum(),
        _ => 0,
    }
}

impl<'a> Loader<'a, '_> {
    /// Takes an event; `true` at the end of the first document.
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<bool, Broken> {
        let (at, end) = self.places.span(&span);
        match event {
            Event::SequenceStart(anchor, _) => {
                self.begin(Open { at, anchor, value: Inside::List(Vec::new()) })?;
            }
            Event::MappingStart(anchor, _) => {
                self.begin(Open { at, anchor, value: Inside::Table(Table::new(at), None) })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { at, anchor, value }) = self.open.pop() else { return Ok(false) };
                let value = match value {
                    Inside::List(items) => Value::List(items),
                    Inside::Table(table, _) => Value::Table(table),
                };
                self.value(Node { at, end, value }, anchor)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                let value = if is_plain { typed(text) } else { Value::Text(text) };
                self.value(Node { at, end, value }, anchor)?;
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(Broken::at(Fault::Syntax, at, "no YAML: an alias of what has not ended yet"));
                };
                self.copies += size;
                if self.copies > MOST_COPIES {
                    return Err(Broken::at(
                        Fault::TooLarge,
                        at,
                        format!("its aliases stand for more than {MOST_COPIES} values"),
                    ));
                }
                let node = Node { at, ..node.clone() };
                self.value(node, 0)?;
            }
            Event::DocumentEnd => return Ok(self.root.is_some()),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            #[allow(
                unreachable_patterns,
                reason = "events that later versions of the parser add say nothing to locks"
            )]
            _ => {}
        }
        Ok(false)
    }

    /// Whether what comes is an item of the list that is given out.
    fn is_given_out(&self) -> bool {
        match self.open.as_slice() {
            [Open { value: Inside::Table(_, Some((key, _))), .. }, Open { value: Inside::List(_), .. }] => {
                key == self.given
            }
            _ => false,
        }
    }

    fn begin(&mut self, open: Open<'a>) -> Result<(), Broken> {
        if self.open.len() >= DEEPEST {
            return Err(Broken::at(
                Fault::TooDeep,
                open.at,
                format!("lists or mappings stand within each other more than {DEEPEST} deep"),
            ));
        }
        self.open.push(open);
        Ok(())
    }

    fn value(&mut self, node: Node<'a>, anchor: usize) -> Result<(), Broken> {
        self.held += 1;
        if self.held > MOST_VALUES {
            return Err(Broken::at(
                Fault::TooLarge,
                node.at,
                format!("it holds more than {MOST_VALUES} values"),
            ));
        }
        if anchor > 0 {
            let size = size(&node);
            self.held += size;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        if self.is_given_out() {
            self.held = self.held.saturating_sub(size(&node));
            (self.take)(node);
            return Ok(());
        }
        match self.open.last_mut().map(|open| &mut open.value) {
            None => self.root = self.root.take().or(Some(node)),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Table(_, key @ None)) => match node.value {
                Value::Text(text) | Value::Other(text) => *key = Some((text, node.at)),
                Value::Integer(number) => *key = Some((Cow::Owned(number.to_string()), node.at)),
                Value::Bool(value) => *key = Some((Cow::Owned(value.to_string()), node.at)),
                Value::Null => *key = Some((Cow::Borrowed(""), node.at)),
                _ => return Err(Broken::at(Fault::Value, node.at, "a key that is a list or a mapping")),
            },
            Some(Inside::Table(table, key)) => {
                let Some((key, at)) = key.take() else { return Ok(()) };
                let shown = key.clone();
                if !table.add(Entry { key, at, node }) {
                    return Err(Broken::at(
                        Fault::DuplicateKey,
                        at,
                        format!("the key `{shown}` stands here a second time"),
                    ));
                }
            }
        }
        Ok(())
    }
}

fn typed(text: Cow<'_, str>) -> Value<'_> {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if is_whole
        && (digits.len() == 1 || !digits.starts_with('0'))
        && let Ok(number) = text.parse()
    {
        return Value::Integer(number);
    }
    let is_number = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() == 1
        && digits.len() > 1;
    if is_number { Value::Other(text) } else { Value::Text(text) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

    use super::*;

    #[test]
    fn values_and_places() {
        let text = "version: 6\nquoted: '6'\nfloat: 3.10\nlist:\n- a\n- {b: ~, é: x}\nbase: &b [1, 2]\ncopy: *b\ntext: |\n  \ta\n";
        let node = parse(text).unwrap();
        let table = node.table().unwrap();
        assert_eq!(table.get("version").unwrap().integer(), Some(6));
        assert_eq!(table.get("quoted").unwrap().text(), Some("6"));
        assert_eq!(table.get("float").unwrap().written().unwrap(), "3.10");
        let inner = table.list("list").unwrap()[1].table().unwrap();
        assert_eq!(inner.get("b").unwrap().value, Value::Null);
        assert_eq!(&text[inner.get("é").unwrap().at..][..1], "x");
        assert_eq!(table.list("copy").unwrap().len(), 2);
        assert_eq!(table.get("text").unwrap().text(), Some("\ta\n"));
    }

    #[test]
    fn items_of_one_list_are_given_out() {
        let mut names = Vec::new();
        let text = "version: 1\nother:\n- a\npackage:\n- name: a\n  list: [1, 2]\n- name: b\n";
        let root = read(text, "package", &mut |node| {
            names.push(node.table().unwrap().text("name").unwrap().unwrap().to_owned());
        })
        .unwrap();
        assert_eq!(names, ["a", "b"]);
        let table = root.table().unwrap();
        assert_eq!((table.list("package").unwrap().len(), table.list("other").unwrap().len()), (0, 1));
    }

    #[test]
    fn faults_have_their_place() {
        let bomb: String = (0..9)
            .map(|level| {
                let inner = if level == 0 { "x".to_owned() } else { format!("*a{}", level - 1) };
                format!("a{level}: &a{level} [{}]\n", vec![inner; 10].join(","))
            })
            .collect();
        let deep = "[".repeat(300);
        for (text, fault) in [
            ("a: 1\na: 2\n", Fault::DuplicateKey),
            ("a:\n\tb: 1\n", Fault::Syntax),
            ("a: [1\n", Fault::Syntax),
            ("a: &x [*x]\n", Fault::Syntax),
            (bomb.as_str(), Fault::TooLarge),
            (deep.as_str(), Fault::TooDeep),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.fault, fault, "{text:.30}: {} {:?}", error.message, error.at);
        }
    }
}
