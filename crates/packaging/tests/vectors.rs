//! `fixtures/packaging/vectors.json` comes in, what `packaging` 26.3 answers to a few thousand inputs; every answer of
//! ours must be the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use std::cmp::Ordering;

use envdiff_model::Name;
use envdiff_packaging::{
    Marker, Number, Prereleases, Requirement, SdistName, SpecifierSet, Truth, Undefined, Value, Variable,
    Version, WheelName,
};
use serde_json::{Value as Json, json};

fn vectors() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/packaging/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rows<'a>(vectors: &'a Json, name: &str) -> &'a [Json] {
    let rows = vectors[name].as_array().unwrap();
    assert!(!rows.is_empty());
    rows
}

/// Compares all and shows the first twenty that differ.
fn equal(name: &str, pairs: impl Iterator<Item = (Json, Json, Json)>) {
    let (mut all, mut differ) = (0, 0);
    for (input, ours, theirs) in pairs {
        all += 1;
        if ours != theirs {
            differ += 1;
            if differ <= 20 {
                eprintln!("{name} {input}: ours {ours}, theirs {theirs}");
            }
        }
    }
    assert_eq!(differ, 0, "of {all} {name}");
}

fn text(number: Number<'_>) -> Json {
    json!(number.to_string())
}

#[test]
fn versions() {
    let vectors = vectors();
    equal(
        "versions",
        rows(&vectors, "versions").iter().map(|row| {
            let ours = Version::parse(row[0].as_str().unwrap()).map_or(Json::Null, |v| {
                json!({
                    "normal": v.to_string(), "public": v.without_local().to_string(), "canonical": v.canonical(),
                    "epoch": text(v.epoch()), "release": v.release().map(text).collect::<Vec<_>>(),
                    "pre": v.pre().map(|(kind, n)| json!([kind.as_str(), n.to_string()])),
                    "post": v.post().map(text), "dev": v.dev().map(text), "local": v.local(),
                    "prerelease": v.is_prerelease(),
                })
            });
            (row[0].clone(), ours, row[1].clone())
        }),
    );
}

#[test]
fn order() {
    let vectors = vectors();
    let groups: Vec<(usize, Version)> = rows(&vectors, "order")
        .iter()
        .enumerate()
        .flat_map(|(i, group)| group.as_array().unwrap().iter().map(move |v| (i, v)))
        .map(|(i, v)| (i, Version::parse(v.as_str().unwrap()).unwrap()))
        .collect();
    for (i, a) in &groups {
        for (j, b) in &groups {
            assert_eq!(a.cmp(b), i.cmp(j), "{a} and {b}");
            assert_eq!(a == b, i.cmp(j) == Ordering::Equal);
        }
    }
}

#[test]
fn specifiers() {
    let vectors = vectors();
    equal(
        "specifiers",
        rows(&vectors, "specifiers").iter().map(|row| {
            let ours = SpecifierSet::parse(row[0].as_str().unwrap())
                .map_or(Json::Null, |set| json!(set.to_string()));
            (row[0].clone(), ours, row[1].clone())
        }),
    );
}

#[test]
fn contains() {
    let vectors = vectors();
    let bit = |inside: bool| if inside { '1' } else { '0' };
    equal(
        "contains",
        rows(&vectors, "contains").iter().map(|row| {
            let set = SpecifierSet::parse(row[0].as_str().unwrap()).unwrap();
            let version = row[1].as_str().unwrap();
            let allowed = bit(set.contains(version));
            let refused = bit(set.contains_with(version, Prereleases::Refused));
            let ours: String = [allowed, allowed, refused, allowed].into_iter().collect();
            (json!([row[0], row[1]]), json!(ours), row[2].clone())
        }),
    );
    let versions: Vec<&str> = rows(&vectors, "grid_versions").iter().map(|v| v.as_str().unwrap()).collect();
    equal(
        "grid",
        rows(&vectors, "grid").iter().map(|row| {
            let set = SpecifierSet::parse(row[0].as_str().unwrap()).unwrap();
            let ours: String = versions.iter().map(|version| bit(set.contains(version))).collect();
            (row[0].clone(), json!(ours), row[1].clone())
        }),
    );
}

fn letter(truth: &Truth) -> char {
    match truth {
        Truth::True => '1',
        Truth::False => '0',
        Truth::Undefined(Undefined::Comparison { .. }) => 'c',
        Truth::Undefined(Undefined::Name { .. }) => 'n',
        Truth::Unknown { .. } => '?',
    }
}

#[test]
fn markers() {
    let vectors = vectors();
    let environments = vectors["environments"].as_object().unwrap();
    let extras: Vec<&str> = rows(&vectors, "extras").iter().map(|e| e.as_str().unwrap()).collect();
    equal(
        "markers",
        rows(&vectors, "markers").iter().map(|row| {
            let Ok(marker) = Marker::parse(row[0].as_str().unwrap()) else {
                return (row[0].clone(), Json::Null, row[1].clone());
            };
            let normal = if row[1] == json!(false) { json!(false) } else { json!(marker.to_string()) };
            let values: Vec<String> = environments
                .values()
                .map(|environment| {
                    let value =
                        |variable: Variable| Value::from(environment[variable.as_str()].as_str().unwrap());
                    let mut values: String = extras
                        .iter()
                        .map(|extra| {
                            letter(&marker.evaluate(&|variable| match variable {
                                Variable::Environment(_) => value(variable),
                                Variable::Extra => Value::from(*extra),
                                Variable::Extras | Variable::DependencyGroups => Value::Absent,
                            }))
                        })
                        .collect();
                    values.push(letter(&marker.evaluate(&|variable| match variable {
                        Variable::Environment(_) => value(variable),
                        Variable::Extra => Value::Absent,
                        Variable::Extras => Value::Set(vec![Name::new("dev"), Name::new("Test_Tools")]),
                        Variable::DependencyGroups => Value::Set(vec![Name::new("docs")]),
                    })));
                    values
                })
                .collect();
            (row[0].clone(), json!([normal, values]), json!([row[1], row[2]]))
        }),
    );
}

#[test]
fn requirements() {
    let vectors = vectors();
    equal(
        "requirements",
        rows(&vectors, "requirements").iter().map(|row| {
            let ours = Requirement::parse(row[0].as_str().unwrap()).map_or(Json::Null, |r| {
                let mut extras: Vec<&str> = r.extras.iter().map(|(extra, _)| extra.as_str()).collect();
                extras.sort_unstable();
                extras.dedup();
                json!({
                    "name": r.name, "canonical": r.canonical_name().as_str(), "extras": extras,
                    "specifier": r.specifiers.to_string(), "url": r.url.as_ref().map(|(url, _)| url),
                    "marker": r.marker.as_ref().map(ToString::to_string), "normal": r.to_string(),
                })
            });
            (row[0].clone(), ours, row[1].clone())
        }),
    );
}

#[test]
fn names() {
    let vectors = vectors();
    equal(
        "names",
        rows(&vectors, "names")
            .iter()
            .map(|row| (row[0].clone(), json!(Name::new(row[0].as_str().unwrap()).as_str()), row[1].clone())),
    );
    equal(
        "file names",
        rows(&vectors, "filenames").iter().map(|row| {
            let file = row[0].as_str().unwrap();
            let wheel = WheelName::parse(file).map_or(Json::Null, |w| {
                let mut tags = Vec::new();
                for interpreter in &w.interpreters {
                    for abi in &w.abis {
                        tags.extend(
                            w.platforms.iter().map(|platform| format!("{interpreter}-{abi}-{platform}")),
                        );
                    }
                }
                tags.sort();
                tags.dedup();
                let build: Vec<&String> = w.build.iter().flat_map(|(number, rest)| [number, rest]).collect();
                json!([w.name.as_str(), w.version.to_string(), build, tags])
            });
            let sdist = SdistName::parse(file)
                .map_or(Json::Null, |s| json!([s.name.as_str(), s.version.to_string()]));
            (row[0].clone(), json!([wheel, sdist]), json!([row[1], row[2]]))
        }),
    );
}
