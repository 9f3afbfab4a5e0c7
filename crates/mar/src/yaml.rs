//! The text of a YAML document comes in; its value comes out, scalars typed by YAML 1.1 as PyYAML's `safe_load` and SnakeYAML do.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::limits::{DEEPEST, MOST_COPIES};
use crate::value::{At, Data, Map, MapBuilder, Type, Value};

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) at: At,
    pub(crate) what: String,
    /// Not the tools refuse it, but we.
    pub(crate) is_bound: bool,
}

/// The one document; `None` where there is nothing but comments.
pub(crate) fn parse(text: &str) -> Result<Option<Value>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    indentation(text)?;
    let mut loader = Loader { open: Vec::new(), anchors: HashMap::new(), copies: 0, root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let (line, column) = (error.marker().line(), error.marker().col() + 1);
            let is_bound = error.info().contains("recursion");
            let at = At { line, column, end_column: column + 1 };
            Error { at, what: error.info().to_owned(), is_bound }
        })?;
        loader.take(event, &span)?;
    }
    Ok(loader.root)
}

/// A tab is no indentation for either reader, outside of a block that holds text.
fn indentation(text: &str) -> Result<(), Error> {
    let mut block: Option<usize> = None;
    for (number, line) in text.lines().enumerate() {
        let body = line.trim_end();
        let blanks = body.len() - body.trim_start_matches([' ', '\t']).len();
        let spaces = body.len() - body.trim_start_matches(' ').len();
        if body.is_empty() || block.is_some_and(|column| spaces > column) {
            continue;
        }
        if blanks > spaces {
            let at = At { line: number + 1, column: spaces + 1, end_column: spaces + 2 };
            let what = "a tab stands where indentation is expected".to_owned();
            return Err(Error { at, what, is_bound: false });
        }
        // Nor does a tab stand between a key and its value.
        if let Some((key, after)) = body.split_once(':')
            && after.trim_start_matches(' ').starts_with('\t')
            && key.trim_start().bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        {
            let column = key.chars().count() + 2;
            let at = At { line: number + 1, column, end_column: column + 1 };
            let what = "a tab stands where a value is expected".to_owned();
            return Err(Error { at, what, is_bound: false });
        }
        let is_block = ["|", ">", "|-", ">-", "|+", ">+"].iter().any(|end| {
            body.strip_suffix(end).is_some_and(|rest| rest.ends_with([' ', ':']) && !rest.is_empty())
        });
        block = is_block.then_some(spaces);
    }
    Ok(())
}

struct Open {
    at: At,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Value>),
    /// With the key whose value comes next, and what `<<` brings.
    Map(MapBuilder, Option<Value>, Vec<Map>),
    Set(String),
}

struct Loader {
    open: Vec<Open>,
    anchors: HashMap<usize, (Value, usize)>,
    copies: usize,
    root: Option<Value>,
}

fn size(value: &Value) -> usize {
    1 + match &value.data {
        Data::List(items) => items.iter().map(size).sum(),
        Data::Map(map) => map.pairs.iter().map(|(key, value)| size(key) + size(value)).sum(),
        _ => 0,
    }
}

fn place(span: &Span) -> At {
    let (line, column) = (span.start.line(), span.start.col() + 1);
    let end_column = if span.end.line() == line { span.end.col() + 1 } else { column + 1 };
    At { line, column, end_column: end_column.max(column) }
}

fn refuse<T>(at: At, what: impl Into<String>) -> Result<T, Error> {
    Err(Error { at, what: what.into(), is_bound: false })
}

impl Loader {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Error> {
        let at = place(span);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return refuse(at, "expected a single document in the stream");
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), at, &["seq", "omap", "pairs"])?;
                self.begin(Open { at, anchor, inside: Inside::List(Vec::new()) })?;
            }
            Event::MappingStart(anchor, tag) => {
                let is_set = tag.as_deref().is_some_and(|tag| tag.suffix == "set");
                self.tag(tag.as_deref(), at, &["map", "set"])?;
                let inside = if is_set {
                    Inside::Set(String::new())
                } else {
                    Inside::Map(MapBuilder::default(), None, Vec::new())
                };
                self.begin(Open { at, anchor, inside })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { at, anchor, inside }) = self.open.pop() else { return Ok(()) };
                let data = match inside {
                    Inside::List(items) => Data::List(items),
                    Inside::Set(text) => Data::Other(Type::Set, text.into()),
                    Inside::Map(mut map, _, merged) => {
                        for (key, value) in merged.into_iter().flat_map(|merged| merged.pairs) {
                            if !map.has(&key) {
                                map.add(key, value);
                            }
                        }
                        Data::Map(map.finish())
                    }
                };
                self.value(Value::new(at, data), anchor, false)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                let data = match tag.as_deref() {
                    // SnakeYAML takes it for a text, PyYAML does not.
                    None if is_plain && text == "=" => {
                        return refuse(
                            at,
                            "could not determine a constructor for the tag 'tag:yaml.org,2002:value'",
                        );
                    }
                    None if is_plain => typed(&text),
                    None => Data::Str(text.as_ref().into()),
                    Some(tag) if !tag.handle.contains("yaml.org") && !tag.suffix.is_empty() => {
                        return refuse(
                            at,
                            format!(
                                "could not determine a constructor for the tag '{}{}'",
                                tag.handle, tag.suffix
                            ),
                        );
                    }
                    Some(tag) => match tag.suffix.as_str() {
                        "str" | "" | "!" => Data::Str(text.as_ref().into()),
                        "binary" => Data::Other(Type::Bytes, text.as_ref().into()),
                        "null" => Data::None,
                        "int" | "float" | "bool" | "timestamp" => typed(&text),
                        other => {
                            return refuse(
                                at,
                                format!("could not determine a constructor for the tag '!!{other}'"),
                            );
                        }
                    },
                };
                let is_merge = is_plain && text == "<<";
                self.value(Value::new(at, data), anchor, is_merge)?;
            }
            Event::Alias(anchor) => {
                let Some((value, size)) = self.anchors.get(&anchor) else {
                    let what = "it holds itself, which is not followed here".to_owned();
                    return Err(Error { at, what, is_bound: true });
                };
                self.copies += size;
                if self.copies > MOST_COPIES {
                    let what = "its aliases stand for more values than are read here".to_owned();
                    return Err(Error { at, what, is_bound: true });
                }
                let value = Value { at, ..value.clone() };
                self.value(value, 0, false)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn tag(&self, tag: Option<&saphyr_parser::Tag>, at: At, known: &[&str]) -> Result<(), Error> {
        match tag {
            Some(tag)
                if !known.contains(&tag.suffix.as_str()) && !matches!(tag.suffix.as_str(), "" | "!") =>
            {
                refuse(
                    at,
                    format!("could not determine a constructor for the tag '{}{}'", tag.handle, tag.suffix),
                )
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open) -> Result<(), Error> {
        if self.open.len() >= DEEPEST {
            let what = "lists and mappings are nested deeper than is read here".to_owned();
            return Err(Error { at: open.at, what, is_bound: true });
        }
        self.open.push(open);
        Ok(())
    }

    fn value(&mut self, value: Value, anchor: usize, is_merge: bool) -> Result<(), Error> {
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), size(&value)));
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = self.root.take().or(Some(value)),
            Some(Inside::List(items)) => items.push(value),
            Some(Inside::Set(_)) => {}
            Some(Inside::Map(_, key @ None, _)) => {
                let data = if is_merge { Data::Other(Type::Bytes, "<<".into()) } else { value.data };
                *key = Some(Value::new(value.at, data));
            }
            Some(Inside::Map(map, key, merged)) => {
                let Some(key) = key.take() else { return Ok(()) };
                if !matches!(&key.data, Data::Other(Type::Bytes, text) if &**text == "<<") {
                    map.add(key, value);
                    return Ok(());
                }
                match value.data {
                    Data::Map(map) => merged.push(map),
                    Data::List(items) => {
                        for item in items {
                            let Data::Map(map) = item.data else {
                                return refuse(item.at, "expected a mapping for merging");
                            };
                            merged.push(map);
                        }
                    }
                    _ => return refuse(value.at, "expected a mapping or list of mappings for merging"),
                }
            }
        }
        Ok(())
    }
}

/// What a plain scalar means in YAML 1.1 (PyYAML, resolver.py and constructor.py).
fn typed(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::None,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Data::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Data::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Data::Float(f64::NAN),
        _ => {}
    }
    whole(text).or_else(|| float(text)).or_else(|| time(text)).unwrap_or_else(|| Data::Str(text.into()))
}

fn whole(text: &str) -> Option<Data> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { "-" } else { "" };
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    let of = |body: &str, radix: u32, allowed: &dyn Fn(char) -> bool| -> Option<Data> {
        if body.is_empty() || !body.chars().all(allowed) {
            return None;
        }
        Some(match i64::from_str_radix(&format!("{sign}{body}"), radix) {
            Ok(number) => Data::Int(number),
            // The digits of another base stay as they are: all that matters is that it is large.
            Err(_) => Data::BigInt(text.into()),
        })
    };
    if let Some(body) = digits.strip_prefix("0b") {
        let body: String = body.chars().filter(|c| *c != '_').collect();
        return of(&body, 2, &|c| matches!(c, '0' | '1'));
    }
    if let Some(body) = digits.strip_prefix("0x") {
        let body: String = body.chars().filter(|c| *c != '_').collect();
        return of(&body, 16, &|c| c.is_ascii_hexdigit());
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if digits.contains(':') {
        return sexagesimal(sign, digits);
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return of(&plain, 8, &|c| ('0'..='7').contains(&c));
    }
    of(&plain, 10, &|c| c.is_ascii_digit())
}

/// `1:30` is 90.
fn sexagesimal(sign: &str, digits: &str) -> Option<Data> {
    let mut parts = digits.split(':');
    let first: String = parts.next()?.chars().filter(|c| *c != '_').collect();
    if first.starts_with('0') || !first.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut sum: i64 = first.parse().ok()?;
    for part in parts {
        let is_one = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let number: i64 = part.parse().ok().filter(|number| is_one && *number < 60)?;
        sum = sum.checked_mul(60)?.checked_add(number)?;
    }
    Some(Data::Int(if sign.is_empty() { sum } else { -sum }))
}

/// PyYAML wants a dot in a float, and a sign in its exponent.
fn float(text: &str) -> Option<Data> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        let value = if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
        return Some(Data::Float(value));
    }
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (digits.get(..at)?, Some(digits.get(at + 1..)?)),
        None => (digits, None),
    };
    let (before, after) = mantissa.split_once('.')?;
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if !is_digits(before)
        || !is_digits(after)
        || before.starts_with('_')
        || (before.is_empty() && after.is_empty())
    {
        return None;
    }
    if let Some(exponent) = exponent {
        let rest = exponent.strip_prefix(['-', '+'])?;
        if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
    }
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    plain.parse().ok().map(Data::Float)
}

fn time(text: &str) -> Option<Data> {
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, ""),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if year.len() != 4 || !parts.iter().all(|part| is_digits(part)) || month.len() > 2 || day.len() > 2 {
        return None;
    }
    if rest.is_empty() {
        return (month.len() == 2 && day.len() == 2).then(|| Data::Other(Type::Date, text.into()));
    }
    let is_time = rest.split(':').count() >= 3 && rest.starts_with(|c: char| c.is_ascii_digit());
    is_time.then(|| Data::Other(Type::DateTime, text.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The types are PyYAML's.
    #[test]
    fn scalars_are_typed_as_in_yaml_1_1() {
        for (text, kind) in [
            ("010", "Int(8)"),
            ("1_000", "Int(1000)"),
            ("0x10", "Int(16)"),
            ("1:30", "Int(90)"),
            ("0o17", "Str(\"0o17\")"),
            ("yes", "Bool(true)"),
            ("off", "Bool(false)"),
            ("y", "Str(\"y\")"),
            ("2.0", "Float(2.0)"),
            ("1e3", "Str(\"1e3\")"),
            ("1.0e+3", "Float(1000.0)"),
            ("99999999999999999999", "BigInt(\"99999999999999999999\")"),
            ("2020-01-02", "Other(Date, \"2020-01-02\")"),
            ("09", "Str(\"09\")"),
            ("~", "None"),
            ("-", "Str(\"-\")"),
        ] {
            assert_eq!(format!("{:?}", typed(text)), kind, "{text}");
        }
    }

    #[test]
    fn documents() {
        let value = parse("a: 1\nb: &x {c: yes}\nd: {<<: *x, e: 2}\na: 3\n").unwrap().unwrap();
        assert_eq!(value.get("a").unwrap().data, Data::Int(3));
        assert_eq!(value.get("d").unwrap().get("c").unwrap().data, Data::Bool(true));
        assert_eq!(parse("# nothing\n").unwrap(), None);
        for bad in [
            "a:\n\tb: 1\n",
            "a: [1\n",
            "a: 1\n---\nb: 2\n",
            "a: !!python/object:os.system x\n",
            "a: b: c\n",
            "a:\tb\n",
            "a: =\n",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
