//! The rules of the house that no compiler keeps: who may use whom, what must agree with what, what must not be written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use envdiff_tests::root;
use serde_json::Value;

/// Which crate may use which of ours. An arrow that is not in this table is a fault.
const ARROWS: &[(&str, &[&str])] = &[
    ("envdiff-model", &[]),
    ("envdiff-wire", &["model"]),
    ("envdiff-packaging", &["model"]),
    ("envdiff-python", &[]),
    ("envdiff-files", &[]),
    ("envdiff-image", &["files", "model", "wire"]),
    ("envdiff-observe", &["files", "model", "packaging", "python", "facts"]),
    ("envdiff-mar", &["files", "model", "packaging", "python", "facts"]),
    ("envdiff-lock", &["model", "packaging", "wire", "facts"]),
    ("envdiff-logs", &["model"]),
    ("envdiff-dockerfile", &["model", "packaging"]),
    ("envdiff-facts", &[]),
    ("envdiff-judge", &["model", "packaging", "facts"]),
    ("envdiff-report", &["model", "wire"]),
];

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every file below a folder of the repository with one of these endings, `target` left out.
fn files(below: &str, endings: &[&str]) -> Vec<PathBuf> {
    fn walk(folder: &Path, endings: &[&str], out: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                if name != "target" && name != ".git" {
                    walk(&path, endings, out);
                }
            } else if endings.is_empty() || endings.iter().any(|ending| name.ends_with(ending)) {
                out.push(path);
            }
        }
    }
    let mut out = Vec::new();
    walk(&root().join(below), endings, &mut out);
    out.sort();
    out
}

#[test]
fn crates_use_only_whom_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut faults = Vec::new();
    for package in metadata()["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if matches!(name, "envdiff" | "envdiff-tests") {
            continue;
        }
        let Some(allowed) = allowed.get(name) else {
            faults.push(format!("{name} is in no table of arrows"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let is_normal = dependency["kind"].is_null();
            if let Some(used) = used.strip_prefix("envdiff-")
                && is_normal
                && !allowed.contains(&used)
            {
                faults.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Code up to the tests in it, comments out.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_miss_is_never_taken_for_nothing() {
    // Both turn "unreadable", and "not asked yet", into "not there". `optional` and a match that names each miss do not.
    const SWALLOWS: [&str; 4] = [".ok()", ".unwrap_or(", ".unwrap_or_default()", ".unwrap_or_else("];
    const QUESTIONS: [&str; 12] = [
        "seen.list(",
        "seen.stat(",
        "seen.real(",
        "seen.link(",
        "seen.range(",
        "seen.tree(",
        "seen.zip(",
        "seen.parsed(",
        "seen.parsed_head(",
        "seen.each(",
        "optional(",
        "fact(",
    ];
    let mut faults = Vec::new();
    for path in files("crates/observe/src", &[".rs"]).into_iter().chain(files("crates/mar/src", &[".rs"])) {
        for statement in code(&path).split([';', '{', '}']) {
            let asks = QUESTIONS.iter().filter_map(|question| statement.find(question)).min();
            let Some(asked) = asks else { continue };
            // An answer that was had (`?`) may be taken apart; what swallows the question itself stands before any `?`.
            let behind = &statement[asked..];
            let answered = behind.find('?').unwrap_or(behind.len());
            if SWALLOWS.iter().any(|swallow| behind[..answered].contains(swallow)) {
                faults.push(format!("{}: {}", path.display(), statement.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn checks_files_pages_and_registry_agree() {
    let registered: BTreeSet<String> = envdiff_judge::registry::CHECKS
        .iter()
        .map(|check| format!("{}/{}", check.family, check.id))
        .collect();
    assert_eq!(registered.len(), envdiff_judge::registry::CHECKS.len(), "an id occurs twice");
    let on_disk = |ending: &str| -> BTreeSet<String> {
        files("crates/judge/src/checks", &[ending])
            .into_iter()
            .filter_map(|path| {
                let family = path.parent()?.file_name()?.to_str()?.to_owned();
                let stem = path.file_stem()?.to_str()?.replace('_', "-");
                (family != "checks").then(|| format!("{family}/{stem}"))
            })
            .collect()
    };
    assert_eq!(on_disk(".rs"), registered, "files and registry");
    assert_eq!(on_disk(".md"), registered, "pages and registry");
    for check in envdiff_judge::registry::CHECKS {
        assert!(
            check.page.starts_with(&format!("# {}\n", check.id)),
            "{}'s page is headed otherwise",
            check.id
        );
        for bad in ["avoid-", "use-", "no-", "check-", "do-not-", "prefer-"] {
            assert!(!check.id.starts_with(bad), "{} names advice, not the fault", check.id);
        }
    }
}

#[test]
fn formats_and_registries_agree() {
    let rooms = |below: &str| -> BTreeSet<String> {
        std::fs::read_dir(root().join(below))
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
            .collect()
    };
    for format in envdiff_report::FORMATS {
        assert!(rooms("crates/report/src").contains(format.id), "report format {} has no file", format.id);
    }
    let inspect: BTreeSet<String> =
        envdiff_report::inspect::FORMATS.iter().map(|f| f.id.to_owned()).collect();
    assert_eq!(rooms("crates/report/src/inspect"), inspect);
    for format in envdiff_lock::FORMATS {
        let file = format.id.replace('-', "_");
        assert!(rooms("crates/lock/src/formats").contains(&file), "lock format {} has no file", format.id);
    }
    let lock: BTreeSet<String> = envdiff_report::lock::FORMATS.iter().map(|f| f.id.to_owned()).collect();
    assert_eq!(rooms("crates/report/src/lock"), lock);
    let ids: Vec<&str> = envdiff_report::FORMATS.iter().map(|f| f.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn every_file_says_what_it_is() {
    let mut faults = Vec::new();
    for path in files("crates", &[".rs"]).into_iter().chain(files("tests", &[".rs"])) {
        let text = std::fs::read_to_string(&path).unwrap();
        // Lint allowances and the no_std attribute of the walker may stand first.
        let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
        if !first.is_some_and(|line| line.starts_with("//!")) {
            faults.push(path.display().to_string());
        }
    }
    assert!(faults.is_empty(), "files that do not open with a sentence: {faults:#?}");
}

#[test]
fn nothing_is_left_undone() {
    // Put together here, so that this file does not hold them.
    let words =
        ["TO", "FIX", "XX"].iter().zip(["DO", "ME", "X"]).map(|(a, b)| format!("{a}{b}")).collect::<Vec<_>>();
    let mut faults = Vec::new();
    for path in files("crates", &[".rs", ".md", ".sh"]).into_iter().chain(files("tests", &[".rs", ".sh"])) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (n, line) in text.lines().enumerate() {
            // In comments; a constant may be called so, and files that other tools write hold such words.
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            if comment.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| words.iter().any(|w| w == word))
            {
                faults.push(format!("{}:{}: {line}", path.display(), n + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_machine_and_no_registry_is_named() {
    // Put together here, so that this file does not hold them.
    let forbidden: Vec<String> = [
        ["/wo", "rk/"],
        ["/home/run", "ner"],
        ["/tmp/tar", "get"],
        ["py", "pi.org"],
        ["crates", ".io"],
        ["pythonho", "sted"],
        ["npm", "js"],
        ["/.car", "go/"],
    ]
    .iter()
    .map(|[a, b]| format!("{a}{b}"))
    .collect();
    let mut faults = Vec::new();
    for path in
        files(".", &[".rs", ".md", ".toml", ".sh", ".py", ".json", ".snap", ".yml", "Makefile", "Dockerfile"])
    {
        if path.ends_with("Cargo.lock") || path.starts_with(root().join("fuzz/target")) {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for word in forbidden.iter().filter(|word| text.contains(word.as_str())) {
            faults.push(format!("{} names {word}", path.display()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
