//! Model archives of the corpus go in, and those of `fixtures/archives/others.py`; what is predicted is held beside what a real TorchServe
//! did with the first in both environments, and what its loader did with the others in the new one (`fixtures/archives/judge.py`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use envdiff_tests::{corpus, envdiff, root, skip};
use serde_json::Value;

/// How often each came out, by class: right, unknown, wrong.
type Table = BTreeMap<String, [usize; 3]>;

#[derive(Debug, Default)]
struct Score {
    table: Table,
    outcomes: usize,
    right: usize,
    stage_too: usize,
    unknown: usize,
    called_failing: Vec<String>,
    called_ready: Vec<String>,
}

impl Score {
    fn add(&mut self, name: &str, class: &str, truth: &Value, told: &Value) {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let (was, is) = (text(truth, "outcome"), text(told, "outcome"));
        let row = self.table.entry(class.to_owned()).or_default();
        self.outcomes += 1;
        if was == is {
            row[0] += 1;
            self.right += 1;
            self.stage_too += usize::from(text(truth, "stage") == text(told, "stage"));
        } else if is == "unknown" {
            row[1] += 1;
            self.unknown += 1;
        } else {
            row[2] += 1;
            let line = format!("{name}: {is}, and TorchServe: {was} at {}", text(truth, "stage"));
            if was == "ready" { self.called_failing.push(line) } else { self.called_ready.push(line) }
        }
    }

    fn shown(&self) -> String {
        let mut out = format!("{:<16} {:>6} {:>8} {:>6}\n", "class", "right", "unknown", "wrong");
        for (class, [right, unknown, wrong]) in &self.table {
            out.push_str(&format!("{class:<16} {right:>6} {unknown:>8} {wrong:>6}\n"));
        }
        out
    }

    fn share(&self, of: usize) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "hundreds")]
        let share = of as f64 / self.outcomes.max(1) as f64;
        share
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

/// The thin root of an environment, unpacked once beside the build.
fn unpacked(corpus: &Path, environment: &str) -> Option<PathBuf> {
    let from = corpus.join(format!("roots/{environment}.tar.xz"));
    let size = fs::metadata(&from).unwrap_or_else(|e| panic!("{}: {e}", from.display())).len();
    let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("roots-{environment}-{size}"));
    if !into.exists() {
        let half = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let done = Command::new("tar").arg("-xJf").arg(&from).arg("-C").arg(half.path()).status();
        if !done.is_ok_and(|status| status.success()) {
            skip("tar and xz do not unpack the roots");
            return None;
        }
        // Another test may have been quicker.
        let half = half.keep();
        if fs::rename(&half, &into).is_err() {
            fs::remove_dir_all(&half).unwrap();
        }
    }
    Some(into)
}

/// What is predicted of each archive, by its file's name.
fn told(files: &[PathBuf], root: &Path, properties: Option<&Path>) -> BTreeMap<String, Value> {
    let mut command = envdiff();
    command.arg("mar").args(files).arg("--in").arg(format!("dir:{}", root.display()));
    command.args(["--format", "json", "--exit-zero", "--quiet"]);
    if let Some(properties) = properties {
        command.arg("--config-properties").arg(properties);
    }
    let output = command.output().unwrap();
    // A byte that is no UTF-8 is a lone surrogate in the report, which this reader does not take.
    let shown = String::from_utf8(output.stdout).unwrap().replace("\\udc", "\\\\udc");
    let report: Value = serde_json::from_str(&shown)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let archives = report["audits"][0]["archives"].as_array().unwrap();
    archives
        .iter()
        .map(|one| {
            let name = Path::new(one["archive"].as_str().unwrap()).file_name().unwrap();
            (name.to_str().unwrap().to_owned(), one.clone())
        })
        .collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap()
}

/// The corpus's archives in one environment: those that ask for nothing of their own in one run.
fn of_corpus(corpus: &Path, environment: &str, root: &Path) -> Vec<(String, Value, Value)> {
    let home = corpus.join("archives");
    let cases = json(&home.join("cases.json"));
    let file = |name: &str| home.join("files").join(name);
    let is_plain = |case: &Value| {
        case["options"].as_object().unwrap().is_empty() && case["companions"].as_array().unwrap().is_empty()
    };
    let (plain, own): (Vec<&Value>, Vec<&Value>) =
        cases.as_array().unwrap().iter().partition(|case| is_plain(case));
    let files: Vec<PathBuf> = plain.iter().map(|case| file(text(case, "archive"))).collect();
    let mut found = told(&files, root, None);
    for case in own {
        let companions = case["companions"].as_array().unwrap().iter();
        let mut files: Vec<PathBuf> = companions.map(|name| file(name.as_str().unwrap())).collect();
        files.push(file(text(case, "archive")));
        let options = case["options"].as_object().unwrap();
        let server = fs::read_to_string(root.join("rootfs/home/model-server/config.properties")).unwrap();
        let mut properties = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<String> =
            options.iter().map(|(key, value)| format!("{key}={}\n", value.as_str().unwrap())).collect();
        std::io::Write::write_all(&mut properties, format!("{server}\n{}", lines.concat()).as_bytes())
            .unwrap();
        let given = (!options.is_empty()).then(|| properties.path());
        let name = text(case, "archive").to_owned();
        let one = told(&files, root, given).remove(&name).unwrap();
        found.insert(name, one);
    }
    let mut out = Vec::new();
    for case in cases.as_array().unwrap() {
        let name = text(case, "archive");
        let truth = json(&home.join(format!("truth/{name}.{environment}.json")));
        out.push((name.to_owned(), truth, found[name].clone()));
    }
    out
}

#[test]
fn the_corpus_loads_and_fails_as_in_torchserve() {
    let Some(corpus) = corpus() else { return };
    let (Some(new), Some(old)) = (unpacked(&corpus, "new"), unpacked(&corpus, "old")) else { return };
    let mut score = Score::default();
    let both = std::thread::scope(|scope| {
        let new = scope.spawn(|| of_corpus(&corpus, "new", &new));
        let old = of_corpus(&corpus, "old", &old);
        [("new", new.join().unwrap()), ("old", old)]
    });
    for (environment, rows) in both {
        for (name, truth, told) in rows {
            for way in ["at_startup", "register"] {
                let name = format!("{name}, {environment}, {way}");
                score.add(&name, text(&truth, "class"), &truth[way], &told[way]);
            }
        }
    }
    assert!(score.called_failing.is_empty(), "{:#?}", score.called_failing);
    assert!(score.called_ready.is_empty(), "{:#?}", score.called_ready);
    assert!(score.share(score.right) >= 0.97, "{} of {}", score.right, score.outcomes);
    assert!(score.share(score.stage_too) >= 0.95, "{} of {}", score.stage_too, score.outcomes);
    assert!(score.share(score.unknown) <= 0.03, "{} of {}", score.unknown, score.outcomes);
    insta::assert_snapshot!("archives_of_the_corpus", score.shown());
}

#[test]
fn other_idioms_load_and_fail_as_in_torchserves_loader() {
    let Some(corpus) = corpus() else { return };
    let Some(new) = unpacked(&corpus, "new") else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = root().join("fixtures/archives/others.py");
    match Command::new("python3").arg("-B").arg(script).arg(folder.path()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => return skip("there is no python3 to write the archives"),
    }
    let truth = json(&root().join("fixtures/archives/others.json"));
    let truth = truth["archives"].as_object().unwrap();
    let names: Vec<&String> = truth.keys().collect();
    let (half, rest) = names.split_at(names.len() / 2);
    let files = |names: &[&String]| -> Vec<PathBuf> {
        names.iter().map(|name| folder.path().join("files").join(name)).collect()
    };
    let found = std::thread::scope(|scope| {
        let first = scope.spawn(|| told(&files(half), &new, None));
        let mut found = told(&files(rest), &new, None);
        found.extend(first.join().unwrap());
        found
    });
    let mut score = Score::default();
    for (name, truth) in truth {
        score.add(name, text(truth, "class"), truth, &found[name]["register"]);
    }
    assert!(score.called_failing.is_empty(), "{:#?}", score.called_failing);
    // What they were called at their worst: a handler that fails is called ready in no more than these.
    assert!(score.share(score.called_ready.len()) <= 0.04, "{:#?}", score.called_ready);
    assert!(score.share(score.unknown) <= 0.07, "{} of {}", score.unknown, score.outcomes);
    insta::assert_snapshot!("archives_of_other_idioms", score.shown());
}
