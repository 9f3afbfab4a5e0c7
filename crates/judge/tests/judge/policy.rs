//! Allowances, the level that fails, records and demands, the order of findings.

use envdiff_judge::{Ignore, Policy, audit, report};
use envdiff_model::{Audit, Report, Severity};

use crate::example::{Example, examples};
use crate::{image, pages};

fn example(body: &str) -> Example {
    examples("test", &format!("```envdiff example=\"fires\"\n{body}\n```\n")).remove(0)
}

fn policy(fail_on: Option<Severity>, ignores: &[&str]) -> Policy {
    Policy { fail_on, ignores: ignores.iter().map(|ignore| Ignore::parse(ignore).unwrap()).collect() }
}

fn judge(example: &Example, policy: &Policy) -> Report {
    report(
        vec![audit(image::snapshot(example), pages::locks(example), Vec::new(), policy)],
        Vec::new(),
        policy,
    )
}

fn told(audit: &Audit) -> Vec<String> {
    audit
        .findings
        .iter()
        .map(|finding| {
            let accepted = if finding.accepted.is_some() { " accepted" } else { "" };
            format!(
                "{} {} {}{accepted}",
                finding.severity.as_str(),
                finding.check,
                finding.subject.to_lossy()
            )
        })
        .collect()
}

const RECORD: &str = "--- image
python 3.11.7
package numpy 1.25.0
--- lock train.lock --record
black==24.4.0
jupyter==1.0.0
numpy==1.26.4
ruff==0.4.0";

#[test]
fn what_is_allowed_stays_and_does_not_count() {
    let example = example(RECORD);
    let all = judge(
        &example,
        &policy(Some(Severity::Error), &["version-mismatch=numpy", "undetermined", "version-mismatch=tor*"]),
    );
    assert!(!all.fails);
    assert_eq!(all.unmatched_ignores, ["undetermined", "version-mismatch=tor*"]);
    assert_eq!(
        told(&all.audits[0]),
        ["error version-mismatch numpy accepted", "warning package-missing train.lock"]
    );
    assert_eq!(all.counts().error, 0);
    assert_eq!(all.counts().warning, 1);
}

#[test]
fn one_name_of_a_common_warning_can_be_allowed() {
    let example = example(RECORD);
    let all =
        judge(&example, &policy(Some(Severity::Warning), &["package-missing=Black", "version-mismatch"]));
    assert!(all.fails);
    let missing: Vec<String> = all.audits[0]
        .findings
        .iter()
        .filter(|f| f.check == "package-missing" && f.accepted.is_none())
        .map(|f| f.message.to_lossy().into_owned())
        .collect();
    assert_eq!(
        missing,
        [
            "2 packages of train.lock are not installed, and nothing installed here requires them: jupyter and ruff"
        ]
    );
    let all = judge(&example, &policy(Some(Severity::Warning), &["package-missing", "version-mismatch"]));
    assert!(!all.fails);
}

#[test]
fn the_level_that_fails() {
    let example = example(RECORD);
    for (fail_on, fails) in [
        (Some(Severity::Error), true),
        (Some(Severity::Warning), true),
        (Some(Severity::Note), true),
        // `never` counts as `error` in the report; the exit status alone differs.
        (None, true),
    ] {
        assert_eq!(judge(&example, &policy(fail_on, &[])).fails, fails);
    }
    let ignores = ["version-mismatch"];
    for (fail_on, fails) in [(Some(Severity::Error), false), (Some(Severity::Warning), true), (None, false)] {
        assert_eq!(judge(&example, &policy(fail_on, &ignores)).fails, fails);
    }
}

#[test]
fn findings_come_by_level_then_by_place_then_by_subject() {
    let example = example(
        "--- image
python 3.11.7
package pip 24.0
package zlib-state 1.0+local
package attrs 22.1
package extra 1.0
package broken 1.0
  Requires-Dist: absent
--- lock train.lock
zlib-state==1.0
torch==2.1.2
attrs==23.2
git+https://git.example.com/x.git
broken
--- lock second.lock
aaa==1",
    );
    assert_eq!(
        told(&judge(&example, &Policy::default()).audits[0]),
        [
            "error package-missing torch",
            "error version-mismatch attrs",
            "error package-missing aaa",
            "warning undetermined git+https://git.example.com/x.git",
            "warning requirement-of-installed-package-broken broken",
            "note build-differs zlib-state",
            "note package-not-in-lock train.lock, second.lock",
        ]
    );
}

#[test]
fn values_of_variables_are_not_shown() {
    struct Variables<'a>(&'a str);
    impl envdiff_packaging::file::Reader for Variables<'_> {
        fn read(&self, _: &str) -> Result<Vec<u8>, envdiff_packaging::file::ReadError> {
            Ok(self.0.as_bytes().to_vec())
        }
        fn variable(&self, _: &str) -> Option<String> {
            Some("9.9.9".into())
        }
    }
    impl envdiff_lock::Reader for Variables<'_> {
        fn list(&self, _: &str) -> Result<Vec<String>, envdiff_packaging::file::ReadError> {
            Ok(Vec::new())
        }
    }
    let lock = envdiff_lock::read(
        "train.lock",
        &Variables("numpy==${NUMPY}\ntorch==${TORCH}\n"),
        Default::default(),
    )
    .unwrap();
    let example = example("--- image\npython 3.11.7\npackage numpy 1.26.4");
    let audit = audit(image::snapshot(&example), vec![lock], Vec::new(), &Policy::default());
    assert_eq!(told(&audit), ["error version-mismatch numpy", "error package-missing torch"]);
    let all = format!("{:?}", audit.findings);
    assert!(!all.contains("9.9.9"), "{all}");
}
