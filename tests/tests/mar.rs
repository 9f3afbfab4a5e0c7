//! `envdiff mar` and `--mar` as a whole: which archives are taken, what is on which stream, and the exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::process::Output;

use envdiff_tests::envdiff;
use envdiff_tests::small_image::SmallImage;
use serde_json::Value;

const MANIFEST: &str = r#"{"runtime": "python", "model": {"modelName": "resnet", "modelVersion": "1.0", "handler": "handler.py"}, "archiverVersion": "0.12.0", "createdOn": "01/01/2024"}"#;

/// A folder that is a model archive, beside the image.
fn archive(image: &SmallImage, name: &str) {
    let folder = image.beside().join(name);
    fs::create_dir_all(folder.join("MAR-INF")).unwrap();
    fs::write(folder.join("MAR-INF/MANIFEST.json"), MANIFEST).unwrap();
    fs::write(folder.join("handler.py"), "def handle(data, context):\n    return data\n").unwrap();
}

fn run(image: &SmallImage, words: &[&str]) -> Output {
    envdiff().current_dir(image.beside()).args(words).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn names(report: &Value) -> Vec<&str> {
    report["audits"][0]["archives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["archive"].as_str().unwrap())
        .collect()
}

#[test]
fn an_archive_alone_says_what_it_hangs_on() {
    let image = SmallImage::new();
    archive(&image, "model");
    let output = run(&image, &["mar", "model"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let text = stdout(&output);
    assert!(text.starts_with("nothing in model keeps it from loading by itself"), "{text}");
    assert!(text.contains("checked alone: what the image decides is not known"), "{text}");
    // Not known is not passed over: a policy can make it fail.
    assert_eq!(run(&image, &["mar", "model", "--fail-on", "warning"]).status.code(), Some(1));
    let allowed = ["mar", "model", "--fail-on", "warning", "--ignore", "undetermined=model"];
    assert_eq!(run(&image, &allowed).status.code(), Some(0));
}

#[test]
fn the_prediction_in_json() {
    let image = SmallImage::new();
    archive(&image, "model");
    let report = json(&run(&image, &["mar", "model", "--format", "json"]));
    assert_eq!(report["schema"], "envdiff.report/1");
    let audit = &report["audits"][0];
    assert_eq!(audit["target"]["kind"], "mar");
    let prediction = &audit["archives"][0];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut wanted = ["archive", "model", "version", "at_startup", "register", "reads"].map(str::to_owned);
    wanted.sort();
    assert_eq!(keys(prediction), wanted);
    let mut wanted = ["outcome", "stage", "cause", "message", "at", "reason"].map(str::to_owned);
    wanted.sort();
    assert_eq!(keys(&prediction["at_startup"]), wanted);
    assert_eq!(prediction["at_startup"]["outcome"], "unknown");
    assert_eq!(audit["findings"][0]["check"], "undetermined");
}

#[test]
fn one_that_cannot_be_opened_is_status_2_and_the_others_are_audited() {
    let image = SmallImage::new();
    let output = run(&image, &["mar", "absent.mar"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output));
    assert!(stderr(&output).contains("help: "), "{}", stderr(&output));

    archive(&image, "model");
    let output = run(&image, &["mar", "model", "absent.mar", "--report", "json=out.json", "--exit-zero"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("not audited: absent.mar"), "{}", stdout(&output));
    assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output));
    let written = fs::read(image.beside().join("out.json")).unwrap();
    let report: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(names(&report), ["model"]);
    assert_eq!(report["verdict"], "fail");
    assert_eq!(report["audits"][1]["target"]["name"], "absent.mar");
    assert!(!report["audits"][1]["error"]["cause"].as_str().unwrap().is_empty());
}

#[test]
fn a_model_store_is_each_of_its_entries() {
    let image = SmallImage::new();
    for name in ["store/b.mar", "store/a", "store/.hidden", "store/lost+found"] {
        archive(&image, name);
    }
    for file in ["c.model", "d.tar.gz", "e.zip", "f.MAR", "notes.txt"] {
        fs::write(image.beside().join("store").join(file), "x").unwrap();
    }
    let report = json(&run(&image, &["mar", "store", "--format", "json"]));
    let taken = ["store/a", "store/b.mar", "store/c.model", "store/d.tar.gz", "store/lost+found"];
    assert_eq!(names(&report), taken);
    // A model that lies one folder deeper is one archive, as TorchServe takes it.
    archive(&image, "wrapped/model");
    assert_eq!(names(&json(&run(&image, &["mar", "wrapped", "--format", "json"]))), ["wrapped"]);
}

#[test]
fn an_archive_joins_the_report_about_an_image() {
    let image = SmallImage::new().with("numpy", "1.26.4");
    image.lock("train.lock", "numpy==1.26.4\n");
    archive(&image, "model");
    let words = ["dir:root", "train.lock", "--image-config", "config.json", "--mar"];
    let report = json(&run(&image, &[&words[..], &["model", "--format", "json"]].concat()));
    assert_eq!(names(&report), ["model"]);
    assert_eq!(report["audits"][0]["requirements"][0]["verdict"], "satisfied");
    let text = stdout(&run(&image, &[&words[..], &["model"]].concat()));
    assert!(text.contains("1 archive\n") || text.contains("1 archive;"), "{text}");
    let output = run(&image, &[&words[..], &["absent.mar"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("matches train.lock"), "{}", stdout(&output));
}

#[test]
fn a_snapshot_holds_no_files_to_ask() {
    let image = SmallImage::new().with("numpy", "1.26.4");
    archive(&image, "model");
    let snapshot = run(&image, &["inspect", "dir:root", "--image-config", "config.json", "--format", "json"]);
    fs::write(image.beside().join("snapshot.json"), &snapshot.stdout).unwrap();
    let report = json(&run(&image, &["mar", "model", "--in", "snapshot:snapshot.json", "--format", "json"]));
    let reason = report["audits"][0]["archives"][0]["at_startup"]["reason"].as_str().unwrap();
    assert_eq!(reason, "a snapshot does not hold the image's files");
}

#[test]
fn what_cannot_be_read_beside_the_archive_is_told_first() {
    let image = SmallImage::new();
    archive(&image, "model");
    let output = run(&image, &["mar", "model", "--config-properties", "absent.properties"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("cannot read absent.properties"), "{}", stderr(&output));
}
