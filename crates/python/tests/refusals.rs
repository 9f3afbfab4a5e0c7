//! What CPython's `compile` says of some hundred sources, version by version (fixtures/python/refusals.json), against ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use envdiff_python::{Class, Version, parse};

/// Sources that are refused by the named versions and taken here, with the reason. Missing one is tolerable, inventing one is
/// not, so that no other list exists.
const MISSED: &[(&str, &str)] = &[];

#[test]
fn refusals_are_cpythons() {
    let told: serde_json::Value =
        serde_json::from_str(include_str!("../../../fixtures/python/refusals.json")).unwrap();
    let mut faults = Vec::new();
    let (mut asked, mut refused, mut lines, mut words) = (0, 0, 0, 0);
    for row in told.as_array().unwrap() {
        let source = row["source"].as_str().unwrap();
        let bytes: Vec<u8> = source.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap()).collect();
        for said in row["said"].as_array().unwrap() {
            for version in said[0].as_array().unwrap() {
                let mut parts = version.as_str().unwrap().split('.').map(|part| part.parse::<u8>().unwrap());
                let version = Version(parts.next().unwrap(), parts.next().unwrap());
                asked += 1;
                let ours = parse(&bytes, version);
                let about = || format!("{version} {:?}", source.chars().take(60).collect::<String>());
                match (&ours, said[1].as_array()) {
                    (Ok(_), None) => {}
                    (Err(ours), None) if !ours.kind.is_certain() => {}
                    (Err(ours), None) => faults.push(format!("invented: {} {ours} {:?}", about(), ours.kind)),
                    (Ok(_), Some(told)) => {
                        refused += 1;
                        if version >= Version(3, 8) && !MISSED.iter().any(|(missed, _)| source == *missed) {
                            faults.push(format!("missed: {} {}", about(), told[1]));
                        }
                    }
                    (Err(ours), Some(told)) => {
                        refused += 1;
                        let class = told[0].as_str().unwrap();
                        if ours.class.name() != class && ours.class != Class::Recursion {
                            faults.push(format!("class: {} {ours}, not {class}", about()));
                        }
                        let line = told[2].as_u64().unwrap_or_default();
                        let same_line = u64::from(ours.at.line) == line;
                        lines += usize::from(same_line);
                        if !same_line {
                            faults.push(format!("line: {} {ours} {}, not {line} {}", about(), ours.at.line, told[1]));
                        }
                        let same = told[1].as_str() == Some(ours.message.as_str());
                        words += usize::from(same);
                        if !same && std::env::var_os("ENVDIFF_WORDS").is_some() {
                            println!("words: {} {:?}, not {}", about(), ours.message, told[1]);
                        }
                    }
                }
            }
        }
    }
    println!("{asked} asked, {refused} refused, {lines} on CPython's line, {words} in its words");
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
