//! A method of a text comes in with its arguments; what it gives comes out, where it is known.

use std::rc::Rc;

use super::Args;
use crate::handler::run::{Run, Stop};
use crate::handler::value::{Str, Value};

type Done<T> = Result<T, Stop>;

/// `text.name(…)`.
pub(crate) fn method(run: &mut Run<'_>, text: &Str, name: &str, given: &Args<'_>) -> Done<Value> {
    let first = given.args.first();
    let argument = first.and_then(Value::text);
    // A text or a tuple of texts.
    let any = |test: &dyn Fn(&str) -> bool| -> Option<bool> {
        match first? {
            Value::Str(one) => Some(test(one)),
            Value::Tuple(many) => {
                let mut found = Some(false);
                for one in many.iter() {
                    match one.text() {
                        Some(one) if test(one) => return Some(true),
                        Some(_) => {}
                        None => found = None,
                    }
                }
                found
            }
            _ => None,
        }
    };
    Ok(match name {
        "endswith" => any(&|end| text.ends_with(end)).map_or(Value::Unknown, Value::Bool),
        "startswith" => any(&|begin| text.starts_with(begin)).map_or(Value::Unknown, Value::Bool),
        "lower" | "casefold" => Value::str(text.to_lowercase()),
        "upper" => Value::str(text.to_uppercase()),
        "strip" if given.args.is_empty() => Value::str(text.trim()),
        "lstrip" if given.args.is_empty() => Value::str(text.trim_start()),
        "rstrip" if given.args.is_empty() => Value::str(text.trim_end()),
        "strip" | "lstrip" | "rstrip" => match argument {
            Some(chars) => {
                let cut = |c: char| chars.contains(c);
                Value::str(match name {
                    "strip" => text.trim_matches(cut),
                    "lstrip" => text.trim_start_matches(cut),
                    _ => text.trim_end_matches(cut),
                })
            }
            None => Value::Unknown,
        },
        "replace" => match (argument, given.args.get(1).and_then(Value::text), given.args.get(2)) {
            (Some(from), Some(to), None) if text.len() * (to.len() + 1) < 1 << 20 => {
                Value::str(text.replace(from, to))
            }
            (Some(from), Some(to), Some(Value::Int(count))) if *count >= 0 => {
                Value::str(text.replacen(from, to, usize::try_from(*count).unwrap_or(0)))
            }
            _ => Value::Unknown,
        },
        "removeprefix" => {
            argument.map_or(Value::Unknown, |cut| Value::str(text.strip_prefix(cut).unwrap_or(text)))
        }
        "removesuffix" => {
            argument.map_or(Value::Unknown, |cut| Value::str(text.strip_suffix(cut).unwrap_or(text)))
        }
        "split" | "rsplit" => {
            let limit = match given.get(1, "maxsplit") {
                None => None,
                Some(Value::Int(limit)) if *limit >= 0 => usize::try_from(*limit).ok(),
                _ => return Ok(Value::Unknown),
            };
            let parts: Vec<Value> = match (first, limit) {
                (None | Some(Value::None), None) => text.split_whitespace().map(Value::str).collect(),
                (Some(Value::Str(by)), None) if !by.is_empty() => text.split(&**by).map(Value::str).collect(),
                (Some(Value::Str(by)), Some(limit)) if !by.is_empty() => {
                    if name == "split" {
                        text.splitn(limit + 1, &**by).map(Value::str).collect()
                    } else {
                        let mut parts: Vec<Value> = text.rsplitn(limit + 1, &**by).map(Value::str).collect();
                        parts.reverse();
                        parts
                    }
                }
                _ => return Ok(Value::Unknown),
            };
            run.state.new_list(parts)
        }
        "splitlines" if given.args.is_empty() => {
            let parts = text.lines().map(Value::str).collect();
            run.state.new_list(parts)
        }
        "partition" | "rpartition" => match argument {
            Some(by) if !by.is_empty() => {
                let found = if name == "partition" { text.split_once(by) } else { text.rsplit_once(by) };
                let parts = match found {
                    Some((before, after)) => vec![Value::str(before), Value::str(by), Value::str(after)],
                    None if name == "partition" => {
                        vec![Value::Str(text.clone()), Value::str(""), Value::str("")]
                    }
                    None => vec![Value::str(""), Value::str(""), Value::Str(text.clone())],
                };
                Value::Tuple(parts.into())
            }
            _ => Value::Unknown,
        },
        "join" => {
            let Some(items) = first.and_then(|list| run.items(list)) else { return Ok(Value::Unknown) };
            let texts: Option<Vec<&str>> = items.iter().map(Value::text).collect();
            texts.map_or(Value::Unknown, |texts| Value::str(texts.join(text)))
        }
        "format" => format(run, text, given)?,
        "isdigit" | "isdecimal" | "isnumeric" => {
            Value::Bool(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit()))
        }
        "count" => argument.filter(|what| !what.is_empty()).map_or(Value::Unknown, |what| {
            Value::Int(i64::try_from(text.matches(what).count()).unwrap_or(i64::MAX))
        }),
        "find" if text.is_ascii() && given.args.len() == 1 => argument.map_or(Value::Unknown, |what| {
            Value::Int(text.find(what).and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
        }),
        "encode" => Value::Bytes(Rc::from(text.as_bytes())),
        _ => Value::Unknown,
    })
}

/// `"{} {name}".format(…)`, for plain fields; a field that is not given raises.
fn format(run: &Run<'_>, text: &str, given: &Args<'_>) -> Done<Value> {
    let mut out = String::new();
    let mut rest = text;
    let mut next = 0;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = after.strip_prefix("{{") {
            out.push('{');
            rest = after;
            continue;
        }
        if let Some(after) = after.strip_prefix("}}") {
            out.push('}');
            rest = after;
            continue;
        }
        let Some((field, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) else {
            return Ok(Value::Unknown);
        };
        let mut place = None;
        let value = if field.is_empty() {
            next += 1;
            place = Some(next - 1);
            given.args.get(next - 1)
        } else if let Ok(at) = field.parse::<usize>() {
            place = Some(at);
            given.args.get(at)
        } else if field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            given.named.iter().find(|(name, _)| &**name == field).map(|(_, value)| value)
        } else {
            // With a conversion, a format or an index.
            return Ok(Value::Unknown);
        };
        let Some(value) = value else {
            return match place {
                Some(at) => run.raise(
                    "IndexError",
                    format!("Replacement index {at} out of range for positional args tuple"),
                    run.fault_here(),
                ),
                None => run.raise("KeyError", format!("'{field}'"), run.fault_here()),
            };
        };
        match run.shown(value) {
            Some(shown) => out.push_str(&shown),
            None => return Ok(Value::Unknown),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(Value::str(out))
}
