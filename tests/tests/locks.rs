//! The corpus's locks through `envdiff lock`: names, versions and sources beside what each lock's own tool installs, refusals
//! included; and the malformed ones, each with its one clear line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use envdiff_tests::small_image::SmallImage;
use envdiff_tests::{corpus, envdiff};
use serde_json::Value;

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every `truth.json` below a folder.
fn truths(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            truths(&path, out);
        } else if path.file_name().is_some_and(|name| name == "truth.json") {
            out.push(path);
        }
    }
    out.sort();
}

/// The patch versions that the truth was asked with (the corpus's README).
fn python(minor: &str) -> String {
    match minor {
        "3.8" => "3.8.18".into(),
        "3.9" => "3.9.18".into(),
        "3.11" => "3.11.7".into(),
        other => format!("{other}.0"),
    }
}

/// A case's wishes as options; `tool` is what wrote the lock.
fn options(case: &Value, tool: &str) -> Vec<String> {
    let mut out = Vec::new();
    let texts = |key: &str| -> Vec<String> {
        let items = case[key].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    for (key, option) in [
        ("extras", "--extra"),
        ("groups", "--group"),
        ("no_groups", "--no-group"),
        ("only_groups", "--only-group"),
        ("categories", "--only-group"),
    ] {
        for value in texts(key) {
            out.extend([option.to_owned(), value]);
        }
    }
    let is = |key: &str| case[key].as_bool();
    // PEP 751: naming groups, even none, takes the place of the default ones.
    let replaces = tool == "pylock" && case["groups"].is_array();
    if is("no_default_groups") == Some(true)
        || is("no_dev") == Some(true)
        || is("prod") == Some(true)
        || is("dev") == Some(false)
        || replaces
    {
        out.push("--no-default-groups".into());
    }
    if is("dev") == Some(true) {
        out.extend(["--group".into(), "dev".into()]);
    }
    if is("all_packages") == Some(true) {
        out.push("--all-packages".into());
    }
    if is("all_extras") == Some(true) {
        out.push("--all-extras".into());
    }
    if let Some(package) = case["package"].as_str() {
        out.extend(["--package".into(), package.into()]);
    }
    out
}

/// Name, version and kind of source of each package.
type Packages = BTreeMap<String, Vec<(Option<String>, String)>>;

fn wanted(case: &Value) -> Packages {
    let mut out = Packages::new();
    for package in case["packages"].as_array().into_iter().flatten() {
        let version = package["version"].as_str().map(str::to_owned);
        // An archive of PEP 751 stands for a URL and a path there.
        let kind = match package["source"]["kind"].as_str().unwrap_or("registry") {
            "url" if package["source"]["path"].is_string() => "path",
            kind => kind,
        };
        let kind = kind.to_owned();
        out.entry(package["name"].as_str().unwrap().to_owned()).or_default().push((version, kind));
    }
    out
}

fn got(answer: &Value) -> Packages {
    let mut out = Packages::new();
    for package in answer["locks"][0]["packages"].as_array().unwrap() {
        let version = package["version"].as_str().map(str::to_owned);
        let kind = package["source"]["kind"].as_str().unwrap().to_owned();
        out.entry(package["name"].as_str().unwrap_or("?").to_owned()).or_default().push((version, kind));
    }
    out
}

/// What an install and an export of one tool do not agree on says nothing: a package that only one of them has (it was in the
/// tool's own environment already, or its export lists what its install leaves out), and several versions of one name, of which no
/// environment can hold but one.
fn disputed(case: &Value, wanted: &Packages) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for side in ["only_dry_run", "only_export"] {
        for pair in case["export_differs"][side].as_array().into_iter().flatten() {
            let (name, version) = match pair.as_array() {
                Some(pair) => (pair[0].as_str().unwrap(), pair[1].as_str().unwrap_or("")),
                None => (pair.as_str().unwrap(), ""),
            };
            out.entry(name.to_owned()).or_default().push(version.to_owned());
        }
    }
    for (name, versions) in wanted.iter().filter(|(_, versions)| versions.len() > 1) {
        let versions = versions.iter().filter_map(|(version, _)| version.clone());
        out.entry(name.clone()).or_default().extend(versions);
    }
    out
}

fn differences(got: &Packages, wanted: &Packages) -> Vec<String> {
    let mut out = Vec::new();
    for (name, theirs) in wanted {
        match got.get(name) {
            None => out.push(format!("{name} {theirs:?} is not selected")),
            Some(ours) if ours != theirs => out.push(format!("{name}: {ours:?}, the tool has {theirs:?}")),
            Some(_) => {}
        }
    }
    for (name, ours) in got {
        if !wanted.contains_key(name) {
            out.push(format!("{name} {ours:?} is selected, the tool does not install it"));
        }
    }
    out
}

/// Where only a package index could tell what the tool said: nothing in the lock says so.
fn only_the_index_knows(folder: &str, case: &Value) -> bool {
    let messages = case["message"].to_string();
    (folder.starts_with("pip-compile") || folder.starts_with("uv-pip-compile"))
        && (messages.contains("No solution found") || messages.contains("no wheels with a matching"))
}

#[test]
fn what_is_selected_is_what_the_locks_own_tool_installs() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("locks");
    let mut files = Vec::new();
    truths(&root, &mut files);
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut faults = Vec::new();
    for file in files {
        let folder = file.parent().unwrap();
        let name = folder.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        // Requirements files are asked against pip itself in the tests of `packaging`; conda's truths have a shape of their own.
        if name == "conda" || name.contains("pip-compile") {
            continue;
        }
        let truth = json(&file);
        let tool = name.split('/').next().unwrap().to_owned();
        let lock = folder.join(truth["lock"].as_str().unwrap());
        for case in truth["cases"].as_array().unwrap() {
            let id = format!("{name} {}", case["id"].as_str().unwrap());
            let platform = case["platform"].as_str().unwrap().replace("amd64", "x86_64");
            let output = envdiff()
                .arg("lock")
                .arg(&lock)
                .args(["--format", "json", "--platform", &platform])
                .args(["--python-version", &python(case["python"].as_str().unwrap())])
                .args(options(case, &tool))
                .output()
                .unwrap();
            let count = counts.entry(name.clone()).or_default();
            count.1 += 1;
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            let is_refused = case["result"] == "refused";
            match output.status.code() {
                Some(2) if is_refused => count.0 += 1,
                Some(0) if is_refused && only_the_index_knows(&name, case) => count.0 += 1,
                Some(0) if !is_refused => {
                    let answer = serde_json::from_slice(&output.stdout).unwrap();
                    let (mut ours, mut theirs) = (got(&answer), wanted(case));
                    for (name, versions) in disputed(case, &theirs) {
                        let is_one_of_them = |packages: &Packages| {
                            packages.get(&name).is_none_or(|found| {
                                found.iter().any(|(version, _)| {
                                    version.as_ref().is_some_and(|v| versions.contains(v))
                                }) || versions.contains(&String::new())
                            })
                        };
                        if is_one_of_them(&ours) || ours.get(&name) == theirs.get(&name) {
                            ours.remove(&name);
                            theirs.remove(&name);
                        }
                    }
                    let different = differences(&ours, &theirs);
                    if different.is_empty() {
                        count.0 += 1;
                    } else {
                        faults.push(format!("{id}:\n    {}", different.join("\n    ")));
                    }
                }
                status => {
                    faults
                        .push(format!("{id}: status {status:?}, refused by its tool: {is_refused}; {error}"));
                }
            }
        }
    }
    let (mut equal, mut all) = (0, 0);
    for (name, (same, of)) in &counts {
        eprintln!("{name}: {same} of {of}");
        equal += same;
        all += of;
    }
    eprintln!("{equal} of {all} cases as the tools");
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_malformed_lock_gets_one_clear_line() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("locks/bad");
    let mut faults = Vec::new();
    let mut count = 0;
    for (name, expected) in json(&folder.join("expected.json")).as_object().unwrap() {
        let output = envdiff()
            .arg("lock")
            .arg(folder.join(name))
            .args(["--python-version", "3.11.7", "--platform", "linux-x86_64"])
            .output()
            .unwrap();
        count += 1;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_read = expected["refused_as"].is_null();
        if output.status.code() != Some(if is_read { 0 } else { 2 }) {
            faults.push(format!("{name}: status {:?}, {error}", output.status.code()));
            continue;
        }
        if is_read {
            continue;
        }
        let first = error.lines().next().unwrap_or("");
        if !first.starts_with("error: ") || error.matches("error: ").count() != 1 || !output.stdout.is_empty()
        {
            faults.push(format!("{name}: not one clear line: {error}"));
        }
        let line = expected["at"].as_str().and_then(|at| at.split(':').next());
        if let (Some(line), true) = (line, expected["as"].is_string()) {
            let place = format!("{name}:{line}:");
            if !first.contains(&place) {
                faults.push(format!("{name}: line {line} is expected: {first}"));
            }
        }
    }
    eprintln!("{count} malformed files");
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));
}

/// What `envdiff lock` says of one file.
fn ask(lock: &Path, more: &[&str]) -> Result<Value, String> {
    let output = envdiff().arg("lock").arg(lock).args(["--format", "json"]).args(more).output().unwrap();
    match output.status.code() {
        Some(0) => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Names with versions.
fn versions(answer: &Value) -> Vec<(String, Option<String>)> {
    let packages = answer["locks"][0]["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            (
                package["name"].as_str().unwrap_or("?").to_owned(),
                package["version"].as_str().map(str::to_owned),
            )
        })
        .collect()
}

const LINUX: [&str; 4] = ["--python-version", "3.11.7", "--platform", "linux-x86_64"];

#[test]
fn what_pip_wrote_of_an_environment_is_what_was_in_it() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("locks/pip");
    let expected = json(&folder.join("expected.json"));
    let wanted: Vec<(String, String, String)> = expected["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&package["name"]), text(&package["version"]), text(&package["source"]["kind"]))
        })
        .collect();
    let names: Vec<(String, Option<String>)> =
        wanted.iter().map(|(name, version, _)| (name.clone(), Some(version.clone()))).collect();
    for file in [
        "pip-list-columns.txt",
        "pip-list-verbose.txt",
        "pip-list.json",
        "uv-pip-list.json",
        "pip-inspect.json",
    ] {
        assert_eq!(versions(&ask(&folder.join(file), &LINUX).unwrap()), names, "{file}");
    }
    let inspected = got(&ask(&folder.join("pip-inspect.json"), &LINUX).unwrap());
    for (name, _, kind) in &wanted {
        let kind = if kind == "registry or unknown" { "registry" } else { kind };
        assert_eq!(inspected[name][0].1, kind, "{name}");
    }
}

#[test]
fn projects_are_asked_by_extra_and_group() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("locks/pyproject-only");
    let expected = json(&folder.join("pep735/expected.json"));
    for case in expected["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let python = python(case["python"].as_str().unwrap());
        let platform = case["platform"].as_str().unwrap();
        let more = options(case, "pyproject");
        let mut words = vec!["--python-version", &python, "--platform", platform];
        words.extend(more.iter().map(String::as_str));
        let answer = ask(&folder.join("pep735/pyproject.toml"), &words);
        if case["result"] == "refused" {
            assert!(answer.is_err(), "{id}");
            continue;
        }
        // Sets of specifiers have no order.
        let normal = |text: &str| -> (String, Vec<String>) {
            let end = text.find(['<', '>', '=', '!', '~']).unwrap_or(text.len());
            let mut parts: Vec<String> =
                text[end..].split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            parts.sort();
            (text[..end].to_owned(), parts)
        };
        let mut ours: Vec<_> = answer.unwrap()["locks"][0]["packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|package| {
                normal(&format!(
                    "{}{}",
                    package["name"].as_str().unwrap(),
                    package["specifier"].as_str().unwrap()
                ))
            })
            .collect();
        let mut theirs: Vec<_> = case["requirements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| normal(text.as_str().unwrap()))
            .collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{id}");
    }
    let of = |lock: &str, more: &[&str]| {
        let words: Vec<&str> = LINUX.iter().chain(more).copied().collect();
        versions(&ask(&folder.join(lock), &words).unwrap())
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("setup-cfg/setup.cfg", &["--extra", "test"]), ["numpy", "pillow", "pytest", "ruff"]);
    assert_eq!(
        of("setuptools-dynamic/pyproject.toml", &["--extra", "gpu"]),
        ["numpy", "nvidia-ml-py", "pillow"]
    );
}

#[test]
fn condas_locks_are_what_their_schemas_say() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("locks/conda");
    let mut count = 0;
    for case in json(&folder.join("truth.json"))["cases"].as_array().unwrap() {
        if case["requirements"].is_array() {
            continue;
        }
        let locks = match &case["lock"] {
            Value::Array(locks) => locks.clone(),
            one => vec![one.clone()],
        };
        let platform = match case["platform"].as_str() {
            Some("osx-arm64") => "macos-arm64",
            Some("win-64") => "windows-x86_64",
            _ => "linux-x86_64",
        };
        let mut words = vec!["--python-version", "3.11.11", "--platform", platform];
        let categories: Vec<&str> =
            case["categories"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        if !categories.is_empty() && !categories.contains(&"dev") {
            words.push("--no-default-groups");
        }
        for category in categories.iter().filter(|name| !["main", "dev"].contains(name)) {
            words.extend(["--group", category]);
        }
        if let Some(environment) = case["environment"].as_str().filter(|name| *name != "default") {
            words.extend(["--group", environment]);
        }
        for lock in locks {
            let lock = lock.as_str().unwrap();
            let answer = ask(&folder.join(lock), &words);
            count += 1;
            if case["result"] == "refused" {
                assert!(answer.is_err(), "{lock} {words:?}");
                continue;
            }
            let answer = answer.unwrap();
            let mut ours: Vec<(String, Option<String>, Option<String>)> = answer["locks"][0]["packages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|package| {
                    let text = |value: &Value| value.as_str().map(str::to_owned);
                    (
                        text(&package["name"]).unwrap(),
                        text(&package["version"]),
                        text(&package["source"]["package"]),
                    )
                })
                .collect();
            let mut theirs = Vec::new();
            for package in case["packages"].as_array().unwrap() {
                let text = |key: &str| package[key].as_str().map(str::to_owned);
                let name = text("name").or(text("pypi_name")).or(text("conda")).unwrap().replace('_', "-");
                // The version of a folder that the lock says and the truth leaves out.
                let version = text("version").or_else(|| {
                    ours.iter().find(|(ours, ..)| *ours == name).and_then(|(_, version, _)| version.clone())
                });
                theirs.push((name, version, text("conda")));
            }
            ours.sort();
            theirs.sort();
            assert_eq!(ours, theirs, "{lock} {words:?}");
        }
    }
    eprintln!("{count} cases of conda");
}

#[test]
fn what_tells_more_than_packages() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("locks/snapshots");
    let samples = json(&folder.join("collect_env/expected.json"));
    for (name, sample) in samples["samples"].as_object().unwrap() {
        let answer = ask(&folder.join("collect_env").join(name), &LINUX).unwrap();
        let ours: BTreeMap<String, String> =
            versions(&answer).into_iter().filter_map(|(name, version)| Some((name, version?))).collect();
        for (library, version) in sample["libraries"].as_object().unwrap() {
            assert_eq!(ours.get(library).map(String::as_str), version.as_str(), "{name}: {library}");
        }
    }
    let model = versions(&ask(&folder.join("mlflow/model"), &LINUX).unwrap());
    let wanted = json(&folder.join("mlflow/expected.json"));
    let mut pins: Vec<String> =
        model.iter().map(|(name, version)| format!("{name}=={}", version.as_deref().unwrap())).collect();
    let mut theirs: Vec<String> = wanted["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pin| pin.as_str().unwrap().to_owned())
        .collect();
    pins.sort();
    theirs.sort();
    assert_eq!(pins, theirs);
    for (file, count) in [
        // One distribution stands twice in it.
        ("env-cyclonedx-1.6.json", 29),
        ("requirements-cyclonedx.json", 24),
        ("spdx-requirements.json", 36),
    ] {
        assert_eq!(versions(&ask(&folder.join("sbom").join(file), &LINUX).unwrap()).len(), count, "{file}");
    }
}

/// What a lock installs, as `name==version` (or another specifier), the project itself left out.
fn installed(answer: &Value) -> Vec<String> {
    let mut out: Vec<String> = answer["locks"][0]["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| !["editable", "virtual"].contains(&package["source"]["kind"].as_str().unwrap()))
        .map(|package| {
            format!("{}{}", package["name"].as_str().unwrap(), package["specifier"].as_str().unwrap())
        })
        .collect();
    out.sort();
    out
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

/// Asks for what a case wishes in an environment (`3.11.7 linux-x86_64`) and says where the tool's answer is another one: a list, or
/// an object that says why it refuses.
fn beside(lock: &Path, wishes: &[&str], environment: &str, theirs: &Value) -> Option<String> {
    let (python, platform) = environment.split_once(' ').unwrap();
    let mut options = vec!["--python-version", python, "--platform", platform];
    options.extend(wishes);
    match (ask(lock, &options), theirs["refused"].as_str()) {
        (Err(_), Some(_)) => None,
        (Err(error), None) => {
            Some(format!("{wishes:?} {environment}: refused, the tool installs it: {error}"))
        }
        (Ok(_), Some(why)) => Some(format!("{wishes:?} {environment}: the tool refuses it: {why}")),
        (Ok(answer), None) => {
            let (ours, mut theirs) = (installed(&answer), words(theirs));
            theirs.sort_unstable();
            let is_sure = answer["locks"][0]["undetermined"].as_array().unwrap().is_empty();
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|one| !those.contains(one)).cloned().collect()
            };
            let theirs: Vec<String> = theirs.into_iter().map(str::to_owned).collect();
            (ours != theirs || !is_sure).then(|| {
                let (more, less) = (only(&ours, &theirs), only(&theirs, &ours));
                format!("{wishes:?} {environment}: the tool does not install {more:?}, and installs {less:?}")
            })
        }
    }
}

/// `fixtures/locks`: what each tool says that its lock installs, recorded by `make.py`, for sixteen environments and each wish; of
/// pylock.toml what `packaging` selects.
#[test]
fn our_own_locks_install_what_their_tools_say() {
    let root = envdiff_tests::root().join("fixtures/locks");
    let mut count = 0;
    let mut faults = Vec::new();
    for (tool, file) in [
        ("uv", "truth.json"),
        ("poetry", "truth.json"),
        ("pdm", "truth.json"),
        ("pipenv", "truth.json"),
        ("uv", "pylock-truth.json"),
        ("pdm", "pylock-truth.json"),
    ] {
        let truth = json(&root.join(tool).join(file));
        let lock = root.join(tool).join(truth["lock"].as_str().unwrap());
        for case in truth["cases"].as_array().unwrap() {
            for (environment, theirs) in case["installed"].as_object().unwrap() {
                count += 1;
                let fault = beside(&lock, &words(&case["wishes"]), environment, theirs);
                faults.extend(fault.map(|fault| format!("{tool} {file} {fault}")));
            }
        }
    }
    eprintln!("{count} selections of our own locks");
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));
    // The same project, as uv exports it.
    let pylock = versions(&ask(&root.join("uv/pylock.toml"), &LINUX).unwrap());
    let lock = versions(&ask(&root.join("uv/uv.lock"), &LINUX).unwrap());
    assert_eq!(pylock, lock.into_iter().filter(|(name, _)| name != "small").collect::<Vec<_>>());
}

/// `fixtures/locks/real`: locks of large projects, cut down by `real.py`, and what their tools make of them.
#[test]
fn locks_of_large_projects_install_what_their_tools_say() {
    let root = envdiff_tests::root().join("fixtures/locks/real");
    let mut count = 0;
    let mut faults = Vec::new();
    for project in ["letta", "fastmcp", "openhands-ai"] {
        let truth = json(&root.join(project).join("truth.json"));
        let lock = root.join(project).join(truth["lock"].as_str().unwrap());
        for case in truth["cases"].as_array().unwrap() {
            for (environment, more) in case["and"].as_object().unwrap() {
                count += 1;
                let theirs = match more {
                    Value::Array(more) => {
                        Value::Array([case["everywhere"].as_array().unwrap().as_slice(), more].concat())
                    }
                    refused => refused.clone(),
                };
                let fault = beside(&lock, &words(&case["wishes"]), environment, &theirs);
                faults.extend(fault.map(|fault| format!("{project} {fault}")));
            }
        }
    }
    eprintln!("{count} selections of large locks");
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));
}

/// `fixtures/locks`: what tools list and save of an environment, recorded by `make.py`, is recognised and read whole.
#[test]
fn what_tools_write_of_an_environment_is_recognised_and_read() {
    let root = envdiff_tests::root().join("fixtures/locks");
    let mut count = 0;
    for (folder, formats) in [
        (
            "pip",
            &[
                ("freeze.txt", "requirements"),
                ("list.txt", "pip-list"),
                ("list-verbose.txt", "pip-list"),
                ("list-freeze.txt", "requirements"),
                ("list.json", "pip-list"),
                ("inspect.json", "pip-inspect"),
                ("pylock.toml", "pylock"),
            ][..],
        ),
        ("pip-tools", &[("requirements.txt", "requirements"), ("requirements-hashes.txt", "requirements")]),
        (
            "cyclonedx",
            &[
                ("environment.json", "cyclonedx"),
                ("environment-1.4.json", "cyclonedx"),
                ("requirements.json", "cyclonedx"),
                ("pipenv.json", "cyclonedx"),
            ],
        ),
        (
            "mlflow",
            &[
                ("", "mlflow"),
                ("MLmodel", "mlflow"),
                ("python_env.yaml", "mlflow"),
                ("requirements.txt", "requirements"),
            ],
        ),
    ] {
        let truth = json(&root.join(folder).join("truth.json"));
        for (file, format) in formats {
            let answer = ask(&root.join(folder).join(file), &LINUX).unwrap();
            assert_eq!(answer["locks"][0]["format"], *format, "{folder}/{file}");
            let mut ours: Vec<String> = versions(&answer)
                .into_iter()
                .map(|(name, version)| format!("{name}=={}", version.unwrap_or_default()))
                .collect();
            ours.sort();
            let known = &truth["packages"];
            let mut theirs = words(if known[*file].is_null() { &known[""] } else { &known[*file] });
            // Of an editable install pip freeze tells the folder alone.
            if *file == "freeze.txt" {
                theirs.retain(|one| !one.starts_with("small=="));
                ours.retain(|one| one != "?==");
            }
            theirs.sort_unstable();
            assert_eq!(ours, theirs, "{folder}/{file}");
            count += 1;
        }
    }
    eprintln!("{count} files of pip, pip-tools, cyclonedx-py and MLflow");
    let model = ask(&root.join("mlflow"), &LINUX).unwrap();
    assert_eq!(model["locks"][0]["format_version"], "3.17.2");
}

/// The verdict over each requirement of a lock, by name.
fn verdicts(image: &SmallImage, lock: &str, more: &[&str]) -> BTreeMap<String, String> {
    let words = ["dir:root", "--image-config", "config.json", lock, "--format", "json"];
    let output = envdiff().current_dir(image.beside()).args(words).args(more).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    report["audits"][0]["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap().to_owned(), one["verdict"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn an_image_is_held_against_what_is_selected_for_it() {
    let image = SmallImage::new().with("torch", "2.1.2").with("iniconfig", "1.0");
    image.lock(
        "uv.lock",
        "version = 1\nrequires-python = \">=3.8\"\n\n[[package]]\nname = \"p\"\nversion = \"1\"\nsource = { virtual = \".\" }\n\
         dependencies = [\n    { name = \"torch\" },\n    { name = \"colorama\", marker = \"sys_platform == 'win32'\" },\n]\n\n\
         [package.dev-dependencies]\ndev = [\n    { name = \"iniconfig\" },\n]\n\n\
         [[package]]\nname = \"torch\"\nversion = \"2.1.2\"\nsource = { registry = \"r\" }\n\n\
         [[package]]\nname = \"colorama\"\nversion = \"0.4.6\"\nsource = { registry = \"r\" }\n\n\
         [[package]]\nname = \"iniconfig\"\nversion = \"2.0\"\nsource = { registry = \"r\" }\n",
    );
    let named = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
        rows.iter().map(|(name, verdict)| ((*name).to_owned(), (*verdict).to_owned())).collect()
    };
    let rows = [("p", "not-applicable"), ("torch", "satisfied"), ("colorama", "not-applicable")];
    let with = |more: &'static str| named(&[&rows[..], &[("iniconfig", more)]].concat());
    assert_eq!(verdicts(&image, "uv.lock", &[]), with("version-mismatch"));
    assert_eq!(verdicts(&image, "uv.lock", &["--no-default-groups"]), with("not-applicable"));
    // Which packages are wanted is in a file that is not there: what is there as locked is, what is not cannot be told.
    image.lock(
        "poetry.lock",
        "[[package]]\nname = \"torch\"\nversion = \"2.1.2\"\noptional = false\npython-versions = \"*\"\n\n[[package]]\n\
         name = \"absent\"\nversion = \"1\"\noptional = false\npython-versions = \"*\"\n\n[metadata]\nlock-version = \"2.0\"\n\
         python-versions = \"*\"\ncontent-hash = \"0\"\n",
    );
    assert_eq!(
        verdicts(&image, "poetry.lock", &[]),
        named(&[("torch", "satisfied"), ("absent", "unverifiable")])
    );
    // A library of conda's that no distribution stands for says nothing of an image without a prefix of conda.
    image.lock("list.txt", "torch=2.1.2=py39_0\nlibblas=3.9.0=h1_0\npytorch=2.0.0=cuda120_py39_1\n");
    assert_eq!(
        verdicts(&image, "list.txt", &[]),
        named(&[("torch", "version-mismatch"), ("libblas", "not-applicable")])
    );
}

/// A small image of training, beside which small images of serving are held.
fn trained() -> SmallImage {
    let image = SmallImage::new().with("torch", "2.1.2").with("tqdm", "4.66.1");
    let site = envdiff_tests::small_image::SITE;
    for (name, more) in [
        (
            "mylib",
            r#"{"url": "https://h.example/mylib-1.0-py3-none-any.whl", "archive_info": {"hashes": {"sha256": "11"}}}"#,
        ),
        (
            "team",
            r#"{"url": "https://h.example/team.git", "vcs_info": {"vcs": "git", "commit_id": "0123456789012345678901234567890123456789"}}"#,
        ),
    ] {
        image.put(
            &format!("{site}/{name}-1.0.dist-info/METADATA"),
            &format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\n"),
        );
        image.put(&format!("{site}/{name}-1.0.dist-info/direct_url.json"), more);
    }
    image
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_image_stands_where_a_lock_is_wanted() {
    let training = trained();
    let here = format!("dir:{}", training.root().display());
    let serving = SmallImage::new().with("torch", "2.1.0").with("tqdm", "4.66.1").with("mylib", "1.0");
    let snapshot = envdiff().args(["inspect", &here, "--format", "json"]).output().unwrap();
    serving.lock("train.json", &text(&snapshot.stdout));
    let named = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
        rows.iter().map(|(name, verdict)| ((*name).to_owned(), (*verdict).to_owned())).collect()
    };
    // An index's copy of what training had from a URL tells no source; a commit's is missing.
    let wanted = named(&[
        ("torch", "version-mismatch"),
        ("tqdm", "satisfied"),
        ("mylib", "unverifiable"),
        ("team", "missing"),
    ]);
    for lock in [here.as_str(), "train.json", "snapshot:train.json"] {
        assert_eq!(verdicts(&serving, lock, &[]), wanted, "{lock}");
    }
    let words = ["dir:root", "--image-config", "config.json", "train.json", "--format", "json"];
    let output = envdiff().current_dir(serving.beside()).args(words).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let audit = &report["audits"][0];
    assert_eq!(audit["locks"][0]["format"], "snapshot");
    assert_eq!(audit["locks"][0]["read_as"], "record");
    assert_eq!(audit["training"]["python"]["value"], "3.11.7");
    assert_eq!(audit["requirements"][2]["at"]["file"], "train.json");
    // Against itself an image matches.
    let same = envdiff().args([&here, &here, "--fail-on", "warning"]).output().unwrap();
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stdout));
    let told = envdiff().args(["lock", &here]).output().unwrap();
    assert_eq!(
        text(&told.stdout),
        "mylib @ https://h.example/mylib-1.0-py3-none-any.whl\nteam @ \
         git+https://h.example/team.git@0123456789012345678901234567890123456789\ntorch==2.1.2\ntqdm==4.66.1\n"
    );
}

#[test]
fn a_target_that_is_no_lock_gets_one_line() {
    let image = SmallImage::new();
    let told = |lock: &str| {
        let output = envdiff().current_dir(image.beside()).args(["lock", lock]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{lock}: {}", text(&output.stdout));
        text(&output.stderr).lines().next().unwrap_or("").to_owned()
    };
    assert_eq!(
        told("dir:root"),
        "error: dir:root tells no Python package that could be compared: none is installed"
    );
    assert!(told("dir:gone").contains("gone"), "{}", told("dir:gone"));
    assert_eq!(
        told("registry:h.example/a:1"),
        "error: registry:h.example/a:1 is no target that can be read as a lock"
    );
    assert_eq!(told("train:1.0"), "error: there is no lock train:1.0");
    // A file that is called as a target is, is a file.
    image.lock("docker:a", "torch==2.1.2\n");
    let output = envdiff().current_dir(image.beside()).args(["lock", "docker:a"]).output().unwrap();
    assert_eq!(text(&output.stdout), "torch==2.1.2\n");
}

#[test]
fn hashes_are_compared_where_the_image_tells_the_archive() {
    let image = trained();
    let verdict = |lock: &str| {
        image.lock("l.txt", lock);
        verdicts(&image, "l.txt", &[])["mylib"].clone()
    };
    assert_eq!(verdict("mylib==1.0 --hash=sha256:11\n"), "satisfied");
    assert_eq!(verdict("mylib==1.0 --hash=sha256:22 --hash=sha256:11\n"), "satisfied");
    assert_eq!(verdict("mylib==1.0 --hash=sha256:22\n"), "source-mismatch");
    assert_eq!(verdict("mylib==1.0 --hash=sha512:22\n"), "satisfied");
    // Those of uv.lock are read of what the image tells of alone.
    let lock = |hash: &str| {
        format!(
            "version = 1\nrequires-python = \">=3.8\"\n\n[[package]]\nname = \"p\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
             dependencies = [\n    {{ name = \"mylib\" }},\n]\n\n[[package]]\nname = \"mylib\"\nversion = \"1.0\"\n\
             source = {{ registry = \"r\" }}\nwheels = [\n    {{ url = \"https://f.example/mylib-1.0-py3-none-any.whl\", hash = \"sha256:{hash}\" }},\n]\n"
        )
    };
    for (hash, wanted) in [("11", "satisfied"), ("22", "source-mismatch")] {
        image.lock("uv.lock", &lock(hash));
        assert_eq!(verdicts(&image, "uv.lock", &[])["mylib"], wanted, "{hash}");
    }
    let words = ["dir:root", "--image-config", "config.json", "uv.lock", "-v"];
    let output = envdiff().current_dir(image.beside()).args(words).output().unwrap();
    let told = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("installed from a URL or file alone: 1 package compared by them"), "{told}");
}

#[test]
fn groups_that_are_not_there_and_locks_that_have_none() {
    let image = SmallImage::new();
    let root = envdiff_tests::root().join("fixtures/locks/uv/uv.lock");
    image.lock("more.txt", "torch==2.1.2\n");
    let lock = |words: &[&str]| {
        let output = envdiff()
            .current_dir(image.beside())
            .args(["lock", "--python-version", "3.11.7", "--platform", "linux-x86_64"])
            .arg(&root)
            .args(words)
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (status, _, error) = lock(&["--no-group", "lnit"]);
    assert_eq!(status, Some(2));
    assert!(error.contains("has no group `lnit`") && error.contains("its groups are dev, lint"), "{error}");
    let (status, out, _) = lock(&["more.txt", "--only-group", "lint"]);
    assert_eq!(status, Some(0));
    assert!(
        out.contains("pycodestyle==") && !out.contains("torch==") && !out.contains("requests=="),
        "{out}"
    );
    let (_, out, _) = lock(&["more.txt", "--no-group", "lint"]);
    assert!(out.contains("torch==2.1.2"), "{out}");
}

/// `[tool.poetry]` without `[project]`: what Poetry itself makes of each constraint.
#[test]
fn a_project_of_poetry_alone_asks_for_what_poetry_core_says() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("locks/pyproject-only/poetry-only");
    let expected = json(&folder.join("expected.json"));
    let answer = ask(&folder.join("pyproject.toml"), &[&LINUX[..], &["--all-extras"]].concat()).unwrap();
    let ours: BTreeMap<String, String> = answer["locks"][0]["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap().to_owned(), one["specifier"].as_str().unwrap().to_owned()))
        .collect();
    let release = |text: &str| -> Vec<(String, String)> {
        let mut out: Vec<(String, String)> = text
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let at = part.find(|c: char| c.is_ascii_digit()).unwrap();
                // `<4.0` and `<4` are the same bound; so are `==1` and `==1.0`, and `==1.*` is neither.
                (part[..at].trim().to_owned(), part[at..].trim_end_matches(".0").to_owned())
            })
            .collect();
        out.sort();
        out
    };
    for theirs in expected["requirements"].as_array().unwrap() {
        let line = theirs["requirement"].as_str().unwrap();
        let (line, marker) = line.split_once(" ; ").unwrap_or((line, ""));
        if marker.contains("darwin") {
            continue;
        }
        let (name, specifier) =
            line.split_once(" (").map_or((line, ""), |(name, rest)| (name, rest.trim_end_matches(')')));
        let Some(specifier_of_ours) = ours.get(name) else { panic!("{line}: not there, {ours:?}") };
        let alternatives = |text: &str| text.split("||").map(str::trim).map(release).collect::<Vec<_>>();
        assert_eq!(alternatives(specifier_of_ours), alternatives(specifier), "{line}");
    }
    assert_eq!(answer["locks"][0]["requires_python"], ">=3.9,<4");
}

/// Every lock of the corpus against every image of it: the verdict over a pin is what the names and versions that the image's own
/// interpreter lists say, whatever the format of the lock.
#[test]
fn verdicts_over_pins_are_what_the_images_own_interpreter_says() {
    let (Some(corpus), true) = (corpus(), envdiff_tests::engine()) else { return };
    let mut locks = Vec::new();
    for folder in [
        "uv",
        "poetry",
        "pdm",
        "pipenv",
        "pylock",
        "pip",
        "conda",
        "snapshots/mlflow/model",
        "snapshots/sbom",
    ] {
        files(&corpus.join("locks").join(folder), &mut locks);
    }
    locks.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !matches!(
            name,
            "truth.json" | "expected.json" | "pyproject.toml" | "Pipfile" | "conda.yaml" | "python_env.yaml"
        ) && ask(path, &LINUX).is_ok()
    });
    let own = envdiff_tests::root().join("target/corpus-truth");
    let truths = if own.is_dir() { own } else { corpus.join("images/truth") };
    let folder = tempfile::tempdir().unwrap();
    let mut faults = Vec::new();
    let (mut images, mut rows) = (0, 0);
    for entry in std::fs::read_dir(truths).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let truth = std::fs::read_to_string(&path).unwrap().replace("\\udc", "\\\\udc");
        let truth: Value = serde_json::from_str(&truth).unwrap();
        let Some(effective) = truth["effective"].as_object().filter(|_| !truth["entry"].is_null()) else {
            continue;
        };
        if !envdiff_tests::image(&format!("envdiff-corpus/{name}")) {
            continue;
        }
        images += 1;
        let snapshot = folder.path().join(format!("{name}.json"));
        let told = envdiff()
            .args(["inspect", &format!("docker:envdiff-corpus/{name}"), "--format", "json"])
            .output()
            .unwrap();
        std::fs::write(&snapshot, told.stdout).unwrap();
        for lock in &locks {
            // Records of a conda prefix count there.
            if name == "conda-prefix" && lock.to_str().unwrap().contains("/conda/") {
                continue;
            }
            let output = envdiff()
                .arg(format!("snapshot:{}", snapshot.display()))
                .arg(lock)
                .args(["--format", "json"])
                .output()
                .unwrap();
            let Ok(report) = serde_json::from_str::<Value>(&text(&output.stdout).replace("\\udc", "\\\\udc"))
            else {
                faults.push(format!("{name} {}: {}", lock.display(), text(&output.stderr)));
                continue;
            };
            for one in report["audits"][0]["requirements"].as_array().unwrap() {
                let (verdict, specifier) =
                    (one["verdict"].as_str().unwrap(), one["specifier"].as_str().unwrap());
                let Some(wanted) = specifier.strip_prefix("==").filter(|v| !v.contains([',', '*', '=']))
                else {
                    continue;
                };
                if !["satisfied", "missing", "version-mismatch"].contains(&verdict) || !one["url"].is_null() {
                    continue;
                }
                rows += 1;
                let installed = effective.get(one["name"].as_str().unwrap()).and_then(Value::as_str);
                let release = |version: &str| version.split('+').next().unwrap_or(version).to_owned();
                let says = match installed {
                    None => "missing",
                    Some(have) if have == wanted || (!wanted.contains('+') && release(have) == wanted) => {
                        "satisfied"
                    }
                    Some(_) => "version-mismatch",
                };
                if verdict != says {
                    faults.push(format!("{name} {}: {one} beside {installed:?}", lock.display()));
                }
            }
        }
    }
    eprintln!("{rows} verdicts over pins of {} locks in {images} images", locks.len());
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
    out.sort();
}

#[test]
fn builds_of_conda_are_held_against_the_records_of_the_images_prefix() {
    let image = SmallImage::new().with("torch", "2.3.1").with("faiss-cpu", "1.8.0");
    for (name, version, build) in [
        ("pytorch", "2.3.1", "py3.11_cuda12.1_0"),
        ("cuda-cudart", "12.1.105", "0"),
        ("tqdm", "4.66.1", "py311_0"),
    ] {
        let record = serde_json::json!({"name": name, "version": version, "build": build, "channel": "https://c.example/main"});
        image.put(&format!("/usr/local/conda-meta/{name}-{version}-{build}.json"), &record.to_string());
    }
    image.lock(
        "list.txt",
        "pytorch=2.3.1=py3.11_cpu_0\ncuda-cudart=12.0.0=0\nfaiss-cpu=1.8.0=py3.11_h1_0_cpu\ntqdm=4.66.1=py311_0\n",
    );
    let words = ["dir:root", "--image-config", "config.json", "list.txt", "--format", "json", "--demand"];
    let output = envdiff().current_dir(image.beside()).args(words).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let audit = &report["audits"][0];
    let verdicts: Vec<(&str, &str)> = audit["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["verdict"].as_str().unwrap()))
        .collect();
    // conda's faiss-cpu installs faiss; the index's distribution of conda's name is it too. What a record alone tells is there.
    assert_eq!(
        verdicts,
        [
            ("torch", "satisfied"),
            ("cuda-cudart", "version-mismatch"),
            ("faiss", "satisfied"),
            ("tqdm", "satisfied")
        ]
    );
    let findings: Vec<(&str, &str)> = audit["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["check"].as_str().unwrap(), one["subject"].as_str().unwrap()))
        .filter(|(check, _)| ["build-differs", "version-mismatch", "package-missing"].contains(check))
        .collect();
    assert_eq!(findings, [("version-mismatch", "cuda-cudart"), ("build-differs", "torch")]);
}
