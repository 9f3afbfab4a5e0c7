//! What CPython's `compile` says of some hundred sources, version by version (fixtures/python/refusals.json), against ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use envdiff_python::{Version, parse};

/// What 3.8 and newer refuse and is taken here, with the reason. Missing one is tolerable; inventing one is not, so that there
/// is no list of those.
const MISSED: &[(&str, &str)] = &[
    ("a[b:=1]\n", "the parser takes 3.10's unparenthesised walrus in an index for 3.9's"),
    ("def f():\n    nonlocal a\n", "scopes are not resolved"),
    ("async def f():\n    yield from a\n", "the tree has one kind of yield"),
    ("match a:\n    case [x, x]:\n        pass\n", "patterns are not kept"),
    ("match a:\n    case A(x=1, x=2):\n        pass\n", "patterns are not kept"),
    ("[a := 1 for a in b]\n", "scopes are not resolved"),
    ("[(a := 1) for a in b]\n", "scopes are not resolved"),
    ("[a for a in (b := c)]\n", "scopes are not resolved"),
    ("class A:\n    [(a := 1) for b in c]\n", "scopes are not resolved"),
];

/// What is refused on another line than CPython's, with the reason.
const ELSEWHERE: &[(&str, &str)] = &[
    ("x = [i async for i in y]\n", "3.8 and 3.9 name line 0"),
    ("def f():\n    return [i async for i in a]\n", "3.8 and 3.9 name line 0"),
    ("x = '''abc\n\n", "3.8 and 3.9 name the last line, this the first, as newer ones do"),
    ("def f(\n    pass\n", "3.8 and 3.9 stop at the word, this at the bracket, as newer ones do"),
    ("try:\n    pass\nexcept:\n    pass\nexcept A:\n    pass\n", "3.8 and 3.9 name the line before"),
    ("def f():\n    from a import *\n", "3.8 and 3.9 name the function"),
    ("class A:\n    from a import *\n", "3.8 and 3.9 name the class"),
    ("y = '\u{e9}'\nx = = 1\n", "3.8 decodes literals after the whole file is parsed"),
];

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
                // TorchServe needs 3.8; of older ones only what they take is asked. 200 brackets are MemoryError up to 3.8.
                let is_compared = version >= Version(3, 8)
                    && said[1].get(0).and_then(|class| class.as_str()) != Some("MemoryError");
                let ours = parse(&bytes, version);
                let about = || format!("{version} {:?}", source.chars().take(60).collect::<String>());
                match (&ours, said[1].as_array()) {
                    (Ok(_), None) => {}
                    (Err(ours), None) if !ours.kind.is_certain() => {}
                    (Err(ours), None) => faults.push(format!("invented: {} {ours} {:?}", about(), ours.kind)),
                    (Ok(_), Some(told)) => {
                        refused += 1;
                        if is_compared && !MISSED.iter().any(|(missed, _)| source == *missed) {
                            faults.push(format!("missed: {} {}", about(), told[1]));
                        }
                    }
                    (Err(ours), Some(told)) => {
                        refused += 1;
                        let class = told[0].as_str().unwrap();
                        if is_compared && ours.class.name() != class {
                            faults.push(format!("class: {} {ours}, not {class}", about()));
                        }
                        let line = told[2].as_u64().unwrap_or_default();
                        // Of what it cannot decode CPython names no line.
                        let same_line = u64::from(ours.at.line) == line || line == 0 && ours.at.line > 0;
                        lines += usize::from(same_line);
                        if is_compared && !same_line && !ELSEWHERE.iter().any(|(known, _)| source == *known) {
                            faults.push(format!(
                                "line: {} {ours} {}, not {line} {}",
                                about(),
                                ours.at.line,
                                told[1]
                            ));
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
    assert!(words * 5 >= refused * 4, "{words} of {refused} in CPython's words");
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
