//! The registry against the folder of checks and against the rules for ids.

use std::collections::BTreeSet;
use std::path::Path;

use envdiff_judge::registry::{CHECKS, find, nearest};
use envdiff_model::Fault;

#[test]
fn ids_are_in_kebab_case_once_each_and_name_a_fault() {
    let advice = ["avoid-", "use-", "no-", "check-", "prefer-", "missing-", "invalid-", "should-"];
    let mut seen = BTreeSet::new();
    for check in CHECKS {
        let id = check.id;
        assert!(seen.insert(id), "{id} is there twice");
        assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{id}");
        assert!(id.split('-').all(|word| !word.is_empty()), "{id}");
        assert!(
            !advice.iter().any(|start| id.starts_with(start)),
            "{id} names an advice or begins with the kind of fault"
        );
        assert!(!check.title.ends_with('.') && !check.title.is_empty(), "{id}: its title is no line");
    }
}

#[test]
fn every_fault_of_an_archive_has_its_check() {
    let checks: BTreeSet<&str> =
        CHECKS.iter().filter(|check| check.family == "archive").map(|check| check.id).collect();
    let faults: BTreeSet<&str> = Fault::ALL.iter().map(|fault| fault.id()).collect();
    assert_eq!(checks, faults);
}

#[test]
fn files_pages_and_registry_lines_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checks");
    let mut files = BTreeSet::new();
    for family in
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in std::fs::read_dir(&family).unwrap().map(|entry| entry.unwrap().path()) {
            let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let family = family.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert((family, stem, file.extension().unwrap().to_str().unwrap().to_owned()));
        }
    }
    let mut wanted = BTreeSet::new();
    for check in CHECKS {
        let stem = check.id.replace('-', "_");
        wanted.insert((check.family.to_owned(), stem.clone(), "rs".to_owned()));
        wanted.insert((check.family.to_owned(), stem, "md".to_owned()));
    }
    assert_eq!(files, wanted);
}

#[test]
fn pages_have_their_parts_in_order() {
    for check in CHECKS {
        let headings: Vec<&str> = check
            .page
            .lines()
            .filter(|line| {
                line.starts_with('#') && !line.starts_with("# This file") && !line.starts_with("#  ")
            })
            .collect();
        let title = format!("# {}", check.id);
        let wanted = [&*title, "## Why it matters", "## How to fix", "## Sources", "## Examples"];
        let headings: Vec<&str> = headings
            .into_iter()
            .filter(|h| h.starts_with("# ") && *h == title || h.starts_with("## "))
            .collect();
        assert_eq!(headings, wanted, "{}", check.id);
        assert!(!check.page.contains('!') || check.page.contains("!="), "{}: no exclamations", check.id);
    }
}

#[test]
fn ids_are_found_and_guessed() {
    assert_eq!(find("package-missing").unwrap().id, "package-missing");
    assert!(find("package_missing").is_none());
    assert_eq!(nearest("package_missing"), Some("package-missing"));
    assert_eq!(nearest("pakage-missing"), Some("package-missing"));
    assert_eq!(nearest("torch"), None);
}
