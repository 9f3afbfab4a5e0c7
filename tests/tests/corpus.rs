//! The corpus's images and locks through the command itself: every fact and verdict beside the truth that the real tools told,
//! and every way of reading beside every other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use envdiff_tests::{
    corpus, docker, each_of_two, engine, envdiff, exported, folder_for_an_image, image, root,
};
use serde_json::Value;

/// Reads JSON of ours, in which a byte that is no UTF-8 is a lone surrogate that serde_json refuses.
fn json(bytes: &[u8]) -> Value {
    let text = String::from_utf8(bytes.to_vec()).expect("JSON is UTF-8");
    serde_json::from_str(&text.replace("\\udc", "\\\\udc"))
        .unwrap_or_else(|e| panic!("{e}: {}", &text[..text.len().min(400)]))
}

/// Where the truth about the images as built here lies: beside the build where `tests/images.sh` made it, else the corpus's own.
fn truths() -> Option<BTreeMap<String, Value>> {
    let corpus = corpus()?;
    let own = root().join("target/corpus-truth");
    let dir = if own.is_dir() { own } else { corpus.join("images/truth") };
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if image(&format!("envdiff-corpus/{name}")) {
            out.insert(name, json(&std::fs::read(&path).unwrap()));
        }
    }
    Some(out)
}

fn inspect(target: &str, more: &[&str]) -> Value {
    let output = envdiff().args(["inspect", target, "--format", "json"]).args(more).output().unwrap();
    assert!(
        output.status.success(),
        "inspect {target} {more:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    json(&output.stdout)
}

/// What must be the same however an image is read: everything but the target and where layers are named.
fn without_source(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("layer");
                map.remove("instruction");
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    value.as_object_mut().unwrap().remove("target");
    strip(&mut value);
    value
}

struct Faults(Vec<String>);

impl Faults {
    fn check(&mut self, what: impl FnOnce() -> String, got: &Value, wanted: &Value) {
        if got != wanted {
            self.0.push(format!("{}:\n     got {got}\n  wanted {wanted}", what()));
        }
    }
    fn none(self) {
        assert!(self.0.is_empty(), "{} differences\n{}", self.0.len(), self.0.join("\n"));
    }
}

#[test]
fn images_are_what_their_interpreter_says() {
    if !engine() {
        return;
    }
    let Some(truths) = truths() else { return };
    let mut faults = Faults(Vec::new());
    for (name, truth) in &truths {
        let snapshot = inspect(&format!("docker:envdiff-corpus/{name}"), &[]);
        let got = &snapshot["environment"];
        if truth["entry"].is_null() {
            faults.check(
                || format!("{name}: interpreter is unknown"),
                &Value::from(got["interpreter"]["unknown"].is_string()),
                &true.into(),
            );
            continue;
        }
        for (key, wanted) in [
            ("executable", "executable"),
            ("real", "realpath"),
            ("prefix", "prefix"),
            ("base_prefix", "base_prefix"),
        ] {
            faults.check(
                || format!("{name}: interpreter {key}"),
                &got["interpreter"]["value"][key],
                &truth["interpreter"][wanted],
            );
        }
        faults.check(|| format!("{name}: python"), &got["python"]["value"], &truth["interpreter"]["version"]);
        let path: Vec<Value> = got["sys_path"]["value"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry["path"].clone())
            .collect();
        // `python -m site`, which the truth's `m` is, runs the module `site` a second time, and that drops and moves
        // entries; what `python -m` has for any other module is `c` with the working folder written out.
        let mut wanted = truth["sys_path"]["c"].clone();
        if wanted[0] == "" {
            wanted[0] = truth["cwd"].clone();
        }
        faults.check(|| format!("{name}: sys.path"), &Value::from(path), &wanted);
        for (variable, wanted) in truth["markers"].as_object().unwrap() {
            let fact = &got["markers"][variable];
            let same = if wanted.is_null() { fact["unknown"].is_string() } else { fact["value"] == *wanted };
            faults.check(|| format!("{name}: marker {variable} ({fact})"), &Value::from(same), &true.into());
        }
        distributions(name, got, truth, &mut faults);
        freeze(name, truth, &mut faults);
    }
    faults.none();
}

/// The distributions by folder and metadata name: `(metadata, name, version, shadowed, ambiguous)`.
fn distributions(name: &str, got: &Value, truth: &Value, faults: &mut Faults) {
    let ours: Vec<Value> = got["distributions"]
        .as_array()
        .unwrap()
        .iter()
        // The truth leaves out the working folder, which it tells apart; its index then counts from the next entry.
        .filter(|d| d["path_index"] != 0 || got["sys_path"]["value"][0]["from"] != "cwd")
        .map(|d| {
            // A working folder that PYTHONPATH names again hides itself; the truth did not look there first.
            let itself = got["distributions"]
                .as_array()
                .unwrap()
                .iter()
                .any(|first| first["metadata"] == d["metadata"] && first["path_index"] == 0);
            let shadowed = d["shadowed"] == true && !itself;
            serde_json::json!([d["metadata"], d["name"], d["version"], shadowed, d["ambiguous"]])
        })
        .collect();
    let theirs: Vec<Value> = truth["distributions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| {
            let shadowed = d["shadowed_by"].is_string();
            serde_json::json!([d["metadata"], d["name"], d["version"], shadowed, d["ambiguous"] == true])
        })
        .collect();
    if ours.len() != theirs.len() {
        faults.check(|| format!("{name}: how many distributions"), &ours.len().into(), &theirs.len().into());
    }
    for row in &theirs {
        if !ours.contains(row) {
            let near = ours.iter().find(|o| o[0] == row[0]).cloned().unwrap_or(Value::Null);
            faults.check(|| format!("{name}: distribution"), &near, row);
        }
    }
    let order = |rows: &[Value]| Value::from(rows.iter().map(|r| r[0].clone()).collect::<Vec<_>>());
    faults.check(|| format!("{name}: order of distributions"), &order(&ours), &order(&theirs));
}

/// `inspect --format requirements` beside the lines of the image's own pip, where it has one that does not fall over.
fn freeze(name: &str, truth: &Value, faults: &mut Faults) {
    let own = &truth["pip"]["own_pip"];
    let Some(wanted) = own["freeze"].as_array() else { return };
    if !own["freeze_rc"].is_null() {
        return;
    }
    let target = format!("docker:envdiff-corpus/{name}");
    let output = envdiff().args(["inspect", &target, "--format", "requirements"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    // Which of two copies in one folder pip lists is the file system's order, and so is whether it lists a package at all
    // beside whose folder a `~` leftover lies.
    let undecided: Vec<String> = truth["distributions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["ambiguous"] == true || d["metadata"].as_str().is_some_and(|m| m.contains("/~")))
        .filter_map(|d| Some(format!("{}==", d["name"].as_str()?.to_lowercase())))
        .collect();
    let decided = |line: &str| {
        !undecided
            .iter()
            .any(|name| line.to_lowercase().replace('_', "-").starts_with(&name.replace('_', "-")))
    };
    let ours: Vec<Value> = text.lines().filter(|line| decided(line)).map(Value::from).collect();
    let wanted: Vec<Value> = wanted.iter().filter(|line| decided(line.as_str().unwrap())).cloned().collect();
    faults.check(|| format!("{name}: pip freeze"), &Value::from(ours), &Value::from(wanted));
}

#[test]
fn every_way_of_reading_tells_the_same() {
    if !engine() {
        return;
    }
    let Some(truths) = truths() else { return };
    let mut names: Vec<String> = truths.keys().map(|name| format!("envdiff-corpus/{name}")).collect();
    for more in ["envdiff-fixtures/traps", "envdiff-fixtures/volume"] {
        if image(more) {
            names.push(more.into());
        }
    }
    let faults = std::sync::Mutex::new(Vec::new());
    each_of_two(&names, |name| faults.lock().unwrap().append(&mut same_by_all_ways(name)));
    Faults(faults.into_inner().unwrap()).none();
}

fn same_by_all_ways(name: &str) -> Vec<String> {
    let work = folder_for_an_image();
    let target = format!("docker:{name}");
    let wanted = without_source(inspect(&target, &["--read", "export"]));
    let mut found = Vec::new();
    let mut compare = |way: &str, got: Value| {
        let got = without_source(got);
        if got != wanted {
            found.push(format!("{name}: {way} and export differ: {}", first_difference(&got, &wanted, "")));
        }
    };
    compare("layers", inspect(&target, &["--read", "layers"]));
    // Below a volume the walker sees nothing; `auto` must know, and take another way.
    if name != "envdiff-fixtures/volume" {
        compare("walker", inspect(&target, &["--read", "walker"]));
    }
    compare("auto", inspect(&target, &[]));

    let archive = work.path().join("image.tar");
    docker(&["save", "-o", archive.to_str().unwrap(), name]);
    compare("archive", inspect(&format!("archive:{}", archive.display()), &[]));

    let tree = work.path().join("rootfs");
    std::fs::create_dir(&tree).unwrap();
    unpack(&exported(name), &tree);
    let config = work.path().join("config.json");
    std::fs::write(&config, docker(&["image", "inspect", name])).unwrap();
    compare(
        "dir",
        inspect(&format!("dir:{}", tree.display()), &["--image-config", config.to_str().unwrap()]),
    );

    let bundle = work.path().join("bundle");
    let thin = bundle.to_str().unwrap();
    compare("a run with --thin", inspect(&target, &["--thin", thin]));
    compare("bundle", inspect(&format!("dir:{thin}"), &[]));
    found
}

fn unpack(archive: &Path, into: &Path) {
    let status = Command::new("tar")
        .arg("-xf")
        .arg(archive)
        .arg("--numeric-owner")
        .arg("-C")
        .arg(into)
        .status()
        .unwrap();
    assert!(status.success());
}

/// Where two values part first.
fn first_difference(got: &Value, wanted: &Value, at: &str) -> String {
    match (got, wanted) {
        (Value::Object(a), Value::Object(b)) => a
            .keys()
            .chain(b.keys())
            .find(|key| a.get(*key) != b.get(*key))
            .map(|key| {
                first_difference(
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                    &format!("{at}.{key}"),
                )
            })
            .unwrap_or_default(),
        (Value::Array(a), Value::Array(b)) => {
            let index = (0..a.len().max(b.len())).find(|i| a.get(*i) != b.get(*i)).unwrap_or(0);
            first_difference(
                a.get(index).unwrap_or(&Value::Null),
                b.get(index).unwrap_or(&Value::Null),
                &format!("{at}[{index}]"),
            )
        }
        _ => format!("{at}: {got} / {wanted}"),
    }
}

/// Truth files by lock and image: what `pairs.txt` lists.
fn pairs(corpus: &Path) -> Vec<(String, String, PathBuf)> {
    let dir = corpus.join("locks/requirements");
    std::fs::read_to_string(dir.join("pairs.txt"))
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(lock, image)| {
            let stem = lock.replace("/requirements.txt", "");
            let stem = stem.strip_suffix(".txt").unwrap_or(&stem).replace('/', "-");
            (lock.to_owned(), image.to_owned(), dir.join(format!("truth/{stem}__{image}.json")))
        })
        .collect()
}

#[test]
fn verdicts_are_those_of_pip_and_packaging() {
    if !engine() {
        return;
    }
    let Some(corpus) = corpus() else { return };
    let mut faults = Faults(Vec::new());
    let mut rows = 0;
    let pairs = pairs(&corpus);
    for (lock, name, truth) in &pairs {
        if !image(&format!("envdiff-corpus/{name}")) {
            continue;
        }
        let truth = json(&std::fs::read(truth).unwrap());
        let output = envdiff()
            .current_dir(corpus.join("locks/requirements"))
            .env("WHEEL_HOST", "wheels.example.com")
            .args([&format!("docker:envdiff-corpus/{name}"), lock.as_str(), "--format", "json", "--demand"])
            .output()
            .unwrap();
        // An empty file is no lock here, though pip reads it.
        let whole_file = lock == "empty.txt"
            || truth["problems"].as_array().unwrap().iter().filter_map(Value::as_str).any(|p| {
                // A word glued to `-r` is a line no installer takes; a file that was asked for by name and is not there
                // is the lock's end.
                !(p.starts_with("Could not open") && (p.ends_with("'equests'") || p.ends_with("'ch'")))
            });
        if whole_file {
            faults.check(
                || format!("{lock} × {name}: refused whole"),
                &output.status.code().into(),
                &2.into(),
            );
            faults.check(
                || format!("{lock} × {name}: nothing on stdout"),
                &output.stdout.len().into(),
                &0.into(),
            );
            continue;
        }
        if output.status.code() == Some(2) {
            faults.check(
                || format!("{lock} × {name}: {}", String::from_utf8_lossy(&output.stderr)),
                &2.into(),
                &0.into(),
            );
            continue;
        }
        let report = json(&output.stdout);
        let ours: Vec<Value> = report["audits"][0]["requirements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| serde_json::json!([r["at"]["line"], r["name"], r["verdict"]]))
            .collect();
        let theirs: Vec<Value> = truth["requirements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| {
                serde_json::json!([r["line"], r.get("canonical").cloned().unwrap_or_default(), r["verdict"]])
            })
            .collect();
        rows += theirs.len();
        if ours.len() != theirs.len() {
            faults.check(
                || format!("{lock} × {name}: how many requirements"),
                &ours.len().into(),
                &theirs.len().into(),
            );
        }
        for (i, row) in theirs.iter().enumerate() {
            let own = ours.get(i).cloned().unwrap_or_default();
            // Of a line that no installer takes the name is nobody's to tell.
            let same_name = row[2] == "invalid" || own[1] == row[1];
            if own[0] != row[0] || own[2] != row[2] || !same_name {
                faults.check(|| format!("{lock} × {name}: {}", truth["requirements"][i]["text"]), &own, row);
            }
        }
    }
    println!("{} lock and image pairs, {rows} verdicts", pairs.len());
    faults.none();
}
