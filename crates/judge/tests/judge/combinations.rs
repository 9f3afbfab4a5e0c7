//! Combinations that people really had come in (`fixtures/combinations`, each with its source); the check that is named there
//! speaks, and nothing else at error level.

use std::path::Path;

use envdiff_model::Severity;

use crate::example::examples;
use crate::pages::{judge, line};

#[test]
fn the_named_check_speaks_and_nothing_else_breaks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/combinations");
    let mut pages: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort_unstable();
    let mut faults = Vec::new();
    let mut combinations = 0;
    for page in pages {
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains("\nSource"), "{name}: who had it?");
        for example in examples(&name, &text) {
            combinations += 1;
            let named: Vec<&str> = example.finds.iter().filter_map(|found| found.split(' ').nth(1)).collect();
            let said: Vec<String> = judge(&example)
                .findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error || named.contains(&finding.check))
                .map(line)
                .collect();
            if said != example.finds {
                faults.push(format!("{}: said {said:#?}, wanted {:#?}", example.title, example.finds));
            }
        }
    }
    assert!(combinations >= 10, "{combinations} combinations");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
