//! Questions come in on standard input, one JSON object a line; our answers go out, one a line, for the script
//! `fuzz/differential/packaging_differential.py` to hold against those of `packaging` and pip.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a tool of the tests: a question that cannot be read ends it"
)]

use std::cmp::Ordering;
use std::io::BufRead;

use envdiff_packaging::file::{self, ReadError, Reader};
use envdiff_packaging::{
    LinkKind, Marker, Prereleases, Requirement, SpecifierSet, Truth, Undefined, Value, Variable, Version,
};
use serde_json::{Value as Json, json};

fn main() {
    for line in std::io::stdin().lock().lines() {
        let question: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |key: &str| question[key].as_str().unwrap_or("").to_owned();
        let answer = match text("kind").as_str() {
            "contains" => contains(&text("set"), &text("version")),
            "order" => order(&text("a"), &text("b")),
            "marker" => marker(&text("marker"), &question["environment"]),
            "requirement" => json!(Requirement::parse(&text("text")).ok().map(|r| r.to_string())),
            "file" => requirement_file(&question),
            other => panic!("no such question: {other}"),
        };
        println!("{answer}");
    }
}

fn contains(set: &str, version: &str) -> Json {
    match SpecifierSet::parse(set) {
        Err(_) => Json::Null,
        Ok(set) => json!([
            set.to_string(),
            set.contains(version),
            set.contains_with(version, Prereleases::Refused),
            set.names_prerelease(),
        ]),
    }
}

fn order(a: &str, b: &str) -> Json {
    let (a, b) = (Version::parse(a), Version::parse(b));
    let order = match (&a, &b) {
        (Ok(a), Ok(b)) => json!(match a.cmp(b) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }),
        _ => Json::Null,
    };
    let normal = |v: Result<Version, _>| {
        v.map(|v| json!([v.to_string(), v.canonical(), v.without_local().to_string()])).ok()
    };
    json!([normal(a), normal(b), order])
}

fn marker(text: &str, environment: &Json) -> Json {
    let Ok(marker) = Marker::parse(text) else { return Json::Null };
    let value = marker.evaluate(&|variable| match (variable, environment[variable.as_str()].as_str()) {
        (_, Some(value)) => Value::from(value),
        (Variable::Extra, None) => Value::from(""),
        (_, None) => Value::Absent,
    });
    let value = match value {
        Truth::True => "true",
        Truth::False => "false",
        Truth::Undefined(Undefined::Comparison { .. }) => "comparison",
        Truth::Undefined(Undefined::Name { .. }) => "name",
        Truth::Unknown { .. } => "unknown",
    };
    json!([marker.to_string(), value])
}

struct Given<'a>(&'a Json);

impl Reader for Given<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let bytes = self.0["files"][path].as_array().ok_or(ReadError::Absent)?;
        Ok(bytes.iter().map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap()).collect())
    }
    fn variable(&self, name: &str) -> Option<String> {
        self.0["variables"][name].as_str().map(str::to_owned)
    }
}

fn requirement_file(question: &Json) -> Json {
    let read = match file::read("requirements.txt", &Given(question)) {
        Ok(read) => read,
        Err(error) => return json!({"error": error.to_string()}),
    };
    let entries: Vec<Json> = read
        .entries
        .iter()
        .map(|entry| {
            let head = json!([entry.at.file.as_str(), entry.at.line, entry.real.reveal(), entry.constraint]);
            match &entry.asked {
                Err(invalid) => json!({"head": head, "invalid": invalid.refusal.to_string()}),
                Ok(asked) => json!({
                    "head": head,
                    "path": asked.link.as_ref().is_some_and(|link| link.kind == LinkKind::Path),
                    "name": asked.name_written,
                    "specifier": asked.specifiers.to_string(),
                    "extras": asked.extras,
                    "marker": asked.marker.as_ref().map(ToString::to_string),
                    "url": asked.link.as_ref().filter(|link| link.kind != LinkKind::Path).map(|link| link.url.real.reveal()),
                    "editable": entry.editable,
                    "hashes": entry.hashes,
                }),
            }
        })
        .collect();
    let options: Vec<Json> = read
        .options
        .iter()
        .map(|line| json!([line.at.file.as_str(), line.at.line, line.real.reveal()]))
        .collect();
    let problems: Vec<String> = read.problems.iter().map(|problem| format!("{:?}", problem.kind)).collect();
    json!({"entries": entries, "options": options, "problems": problems})
}
