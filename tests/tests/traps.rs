//! The image of twelve traps and its lock through the command: what each requirement is, beside what the image's own interpreter
//! imports (`docs/traps.md` has the same beside other tools; `fixtures/traps/table.py` makes it).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use envdiff_tests::{engine, image, root, run};
use serde_json::{Value, json};

#[test]
fn twelve_traps_are_told_rightly() {
    if !engine() || !image("envdiff-fixtures/traps") {
        return;
    }
    let lock = root().join("fixtures/traps/train.lock");
    let output = run(&["docker:envdiff-fixtures/traps", lock.to_str().unwrap(), "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told: Vec<Value> = report["audits"][0]["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| json!([r["name"], r["verdict"], r["installed"]]))
        .collect();
    let wanted = [
        json!(["attrs", "version-mismatch", "23.2.0"]),
        json!(["legacy-thing", "satisfied", "1.2"]),
        json!(["idna", "satisfied", "3.6"]),
        json!(["requests", "version-mismatch", "2.25.1"]),
        json!(["tqdm", "unverifiable", null]),
        json!(["numpy", "satisfied", "1.26.4"]),
        json!(["torch", "satisfied", "2.1.2+cu121"]),
        json!(["scoring", "satisfied", "0.3.0"]),
        json!(["scipy", "missing", null]),
        json!(["pandas", "missing", null]),
        json!(["transformers", "satisfied", "4.40.0.dev0"]),
        json!(["tomli", "not-applicable", null]),
        json!(["pywin32", "not-applicable", null]),
    ];
    assert_eq!(told, wanted);
}
