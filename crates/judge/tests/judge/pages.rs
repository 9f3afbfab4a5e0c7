//! Every page's examples come in: those that fire fire, near misses stay silent, and what any check said of any example is
//! as the snapshot has it.

use std::fmt::Write as _;

use envdiff_judge::registry::CHECKS;
use envdiff_judge::{Policy, archives, audit};
use envdiff_lock::{ReadAsChoice, Reader};
use envdiff_model::{Audit, Environment, Finding, Lock, Snapshot, Target, Text};
use envdiff_packaging::file::{self, ReadError};

use crate::example::{Example, examples};
use crate::image;

/// The files of an example.
struct Files<'a>(&'a Example);

impl file::Reader for Files<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let lock = self.0.locks.iter().find(|lock| lock.name == path).map(|lock| &lock.content);
        lock.or_else(|| self.0.lock_files.get(path))
            .map(|text| text.clone().into_bytes())
            .ok_or(ReadError::Absent)
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}
impl Reader for Files<'_> {
    fn list(&self, _: &str) -> Result<Vec<String>, ReadError> {
        Err(ReadError::Absent)
    }
}

/// The locks of an example.
pub fn locks(example: &Example) -> Vec<Lock> {
    example
        .locks
        .iter()
        .map(|lock| {
            let choice = match lock.option.as_deref() {
                None => ReadAsChoice::Auto,
                Some("--record") => ReadAsChoice::Record,
                Some("--demand") => ReadAsChoice::Demand,
                Some(other) => panic!("{}: no option {other}", example.title),
            };
            envdiff_lock::read(&lock.name, &Files(example), choice)
                .unwrap_or_else(|e| panic!("{}: {e}", example.title))
        })
        .collect()
}

pub fn judge(example: &Example) -> Audit {
    let snapshot = image::snapshot(example);
    let loads = image::loads(example, &snapshot);
    if example.has_image || example.archives.is_empty() {
        return audit(snapshot, locks(example), loads, &Policy::default());
    }
    let environment = Environment::nothing(&"no image is given".into());
    let alone = Snapshot { target: Target::archives("example"), config: None, environment };
    archives(alone, loads, &Policy::default())
}

pub fn line(finding: &Finding) -> String {
    format!("{} {} {}", finding.severity.as_str(), finding.check, finding.subject.to_lossy())
}

#[test]
fn every_page_has_an_example_that_fires_and_a_near_miss() {
    let mut faults = Vec::new();
    for check in CHECKS {
        let examples = examples(check.id, check.page);
        assert!(examples.iter().any(|e| e.fires), "{}: no example fires", check.id);
        assert!(examples.iter().any(|e| !e.fires), "{}: no near miss", check.id);
        for example in examples {
            assert_eq!(
                example.fires,
                !example.finds.is_empty(),
                "{}: what it finds says otherwise",
                example.title
            );
            let audit = judge(&example);
            let said: Vec<String> = audit.findings.iter().filter(|f| f.check == check.id).map(line).collect();
            if said != example.finds {
                faults.push(format!("{}: said {said:#?}, wanted {:#?}", example.title, example.finds));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_every_check_says_of_every_example() {
    let mut told = String::new();
    for check in CHECKS {
        for example in examples(check.id, check.page) {
            let audit = judge(&example);
            writeln!(told, "## {}", example.title).unwrap();
            for judged in &audit.requirements {
                let requirement = &audit.locks[judged.lock].requirements[judged.requirement];
                writeln!(told, "{}: {}", requirement.text.to_lossy(), judged.verdict.as_str()).unwrap();
            }
            for finding in &audit.findings {
                tell(&mut told, finding);
            }
            told.push('\n');
        }
    }
    insta::assert_snapshot!("examples", told);
}

fn tell(told: &mut String, finding: &Finding) {
    let mut part = |label: &str, text: &Text| {
        if !text.is_empty() {
            writeln!(told, "{label}{}", text.to_lossy()).unwrap();
        }
    };
    part(&format!("{}[{}]: ", finding.severity.as_str(), finding.check), &finding.message);
    if let Some(at) = &finding.at {
        let place = format!("{}:{}-{} ", at.line, at.column, at.end_column);
        part("  --> ", &envdiff_model::say!(at.file, ":", place, finding.label));
    }
    for evidence in &finding.evidence {
        part("  seen: ", &envdiff_model::say!(evidence.path, ": ", evidence.detail));
    }
    part("  why: ", &finding.why);
    part("  fix: ", &finding.fix);
}
