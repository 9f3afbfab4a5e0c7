//! The terminal report as people see it, and what must hold for every report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod sample;

use envdiff_model::{Load, Outcome, ReadAs, Report, Severity, Text, Verdict};
use envdiff_report::{Detail, FORMATS, View, find};
use sample::{
    archives, audit, clean, differing, distribution, environment, failing_load, finding, judged, load, lock,
    place, unaudited,
};

fn terminal(report: &Report, view: &View<'_>) -> String {
    let mut out = Vec::new();
    (find("terminal").unwrap().write)(report, view, &mut out).unwrap();
    anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
}

fn shown(report: &Report) -> String {
    terminal(report, &View::default())
}

fn first_line(report: &Report) -> String {
    shown(report).lines().next().unwrap().to_owned()
}

#[test]
fn a_difference() {
    insta::assert_snapshot!(shown(&differing()));
}

#[test]
fn a_difference_in_full() {
    let view = View { detail: Detail::Full, ..View::default() };
    insta::assert_snapshot!(terminal(&differing(), &view));
}

#[test]
fn a_difference_quietly() {
    let view = View { detail: Detail::Quiet, ..View::default() };
    insta::assert_snapshot!(terminal(&differing(), &view));
}

#[test]
fn a_clean_run() {
    insta::assert_snapshot!(shown(&clean()));
}

#[test]
fn many_of_a_kind_are_counted() {
    let mut report = clean();
    report.audits[0].findings = (0..44)
        .map(|i| {
            finding("package-missing", Severity::Error, &format!("p{i}"), &format!("p{i} is not installed"))
        })
        .collect();
    let text = shown(&report);
    assert_eq!(text.matches("error[package-missing]").count(), 10);
    assert!(text.contains("… and 34 more package-missing: -v shows all"), "{text}");
    // What is the same in all of them is said once.
    assert_eq!(text.matches("= why").count(), 1, "{text}");
    let all = terminal(&report, &View { detail: Detail::Verbose, ..View::default() });
    assert_eq!(all.matches("error[package-missing]").count(), 44);
}

#[test]
fn it_never_says_matches_while_something_is_open() {
    for (verdict, wanted) in [
        (
            Verdict::Unverifiable,
            "serve:1.4 against train.lock: 1 of 2 requirements satisfied, 1 not determined",
        ),
        (Verdict::Missing, "serve:1.4 differs from train.lock: 1 of 2 requirements satisfied, 1 not"),
        (
            Verdict::NotApplicable,
            "serve:1.4 matches train.lock: 1 of 1 requirement satisfied, 1 not applicable",
        ),
        (Verdict::Satisfied, "serve:1.4 matches train.lock: 2 of 2 requirements satisfied"),
    ] {
        let mut report = clean();
        report.audits[0].requirements = vec![judged(0, Verdict::Satisfied), judged(1, verdict)];
        assert_eq!(first_line(&report), wanted);
    }
}

#[test]
fn without_a_lock_it_is_held_against_itself() {
    let mut report = clean();
    report.audits[0].locks.clear();
    report.audits[0].requirements.clear();
    assert_eq!(first_line(&report), "serve:1.4 is consistent in itself: 2 distributions");
    report.audits[0].findings =
        vec![finding("same-package-twice", Severity::Warning, "x", "x is there twice")];
    assert_eq!(first_line(&report), "serve:1.4 is not consistent in itself: 1 warning");
    report.audits[0].findings.clear();
    report.audits[0].environment = environment(vec![]);
    report.audits[0].environment.python = envdiff_model::Fact::unknown("no interpreter is there");
    assert_eq!(first_line(&report), "serve:1.4 was not checked: which Python starts is not known");
}

#[test]
fn an_archive_that_does_not_load() {
    insta::assert_snapshot!(shown(&archives(vec![failing_load("model.mar")], false)));
}

#[test]
fn an_archive_step_by_step() {
    let view = View { steps: true, ..View::default() };
    insta::assert_snapshot!(terminal(&archives(vec![failing_load("model.mar")], false), &view));
}

#[test]
fn an_archive_alone() {
    let mut report = archives(vec![load("model.mar", Outcome::Unknown, Outcome::Unknown)], true);
    report.audits[0].loads[0].at_startup.reason = Some(Load::ALONE.into());
    report.audits[0].loads[0].register = report.audits[0].loads[0].at_startup.clone();
    insta::assert_snapshot!(shown(&report));
}

#[test]
fn an_archive_that_ends_the_server_when_it_starts() {
    insta::assert_snapshot!(shown(&archives(
        vec![load("model.mar", Outcome::ServerFails, Outcome::Fails)],
        false
    )));
}

#[test]
fn several_archives_and_one_that_is_not_there() {
    let loads = vec![
        failing_load("store/a.mar"),
        load("store/b.mar", Outcome::Ready, Outcome::Ready),
        load("store/c", Outcome::ServerFails, Outcome::Fails),
        load("store/d.mar", Outcome::Unknown, Outcome::Unknown),
    ];
    let mut report = archives(loads, false);
    report.unaudited = vec![unaudited("store/e.mar")];
    insta::assert_snapshot!(shown(&report));
}

#[test]
fn archives_beside_an_image() {
    let mut report = clean();
    let of_archive = archives(vec![failing_load("model.mar")], false).audits.remove(0);
    report.audits[0].loads = of_archive.loads;
    report.audits[0].findings = of_archive.findings;
    insta::assert_snapshot!(shown(&report));
}

#[test]
fn the_first_line_about_an_archive() {
    for (at_startup, register, wanted) in [
        (Outcome::Ready, Outcome::Ready, "model.mar loads in serve:1.4"),
        (
            Outcome::Unknown,
            Outcome::Unknown,
            "whether model.mar loads in serve:1.4 is not known: the handler's name is",
        ),
        (Outcome::Ready, Outcome::Fails, "model.mar in serve:1.4, loaded at start-up, loads"),
    ] {
        assert_eq!(first_line(&archives(vec![load("model.mar", at_startup, register)], false)), wanted);
    }
    let failing = first_line(&archives(vec![failing_load("model.mar")], false));
    assert!(
        failing.starts_with("model.mar will not load in serve:1.4: module-not-in-image at import"),
        "{failing}"
    );
    let alone = first_line(&archives(vec![failing_load("model.mar")], true));
    assert!(alone.starts_with("model.mar will not load: module-not-in-image at import"), "{alone}");
}

#[test]
fn every_finding_is_in_every_format() {
    let report = differing();
    for format in FORMATS {
        let mut out = Vec::new();
        (format.write)(&report, &View::default(), &mut out).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        // Long titles are wrapped.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for finding in &report.audits[0].findings {
            assert!(text.contains(finding.check), "{} lacks {}", format.id, finding.check);
            let message = finding.message.as_str().unwrap();
            assert!(text.contains(message), "{} lacks {message:?}", format.id);
        }
    }
}

/// Text that wants to do harm, in every place that takes text from outside.
fn hostile() -> Report {
    let evil: Text = "x\u{1b}[2J\u{202e}\n::error::\u{9b}31m\u{200b}".into();
    let mut bytes = evil.as_bytes().to_vec();
    bytes.push(0xff);
    let evil = Text::from(bytes);
    let mut report = differing();
    let audit = &mut report.audits[0];
    audit.target.name = evil.clone();
    audit.target.id = Some(evil.clone());
    audit.target.notices = vec![evil.clone()];
    for layer in audit.target.layers.iter_mut().flatten() {
        layer.id = evil.clone();
        layer.instruction = Some(evil.clone());
    }
    let lock = &mut audit.locks[0];
    lock.read_as_because = evil.clone();
    lock.path = evil.clone();
    for requirement in &mut lock.requirements {
        requirement.text = evil.clone();
        requirement.at.file = evil.clone();
    }
    for source in &mut lock.sources {
        source.file = evil.clone();
        source.lines.iter_mut().for_each(|(_, line)| *line = evil.clone());
    }
    for distribution in &mut audit.environment.distributions {
        distribution.version = Some(evil.clone());
        distribution.metadata = evil.clone();
    }
    for judged in &mut audit.requirements {
        judged.reason = Some(evil.clone());
        judged.installed = Some(evil.clone());
    }
    for finding in &mut audit.findings {
        finding.subject = evil.clone();
        finding.message = evil.clone();
        finding.label = evil.clone();
        finding.why = evil.clone();
        finding.fix = evil.clone();
        finding.accepted = None;
        for evidence in &mut finding.evidence {
            evidence.path = evil.clone();
            evidence.detail = evil.clone();
        }
        if let Some(at) = &mut finding.at {
            at.file = evil.clone();
        }
    }
    let mut hostile_load = failing_load("x");
    hostile_load.archive = evil.clone();
    (hostile_load.model, hostile_load.version) = (Some(evil.clone()), Some(evil.clone()));
    hostile_load.reads.iter_mut().for_each(|(_, what)| *what = evil.clone());
    hostile_load.steps.iter_mut().for_each(|step| {
        step.what = evil.clone();
        step.evidence.iter_mut().for_each(|seen| (seen.path, seen.detail) = (evil.clone(), evil.clone()));
    });
    for trouble in &mut hostile_load.troubles {
        (trouble.what, trouble.message, trouble.line) = (evil.clone(), evil.clone(), evil.clone());
    }
    let mut unknown = load("x", Outcome::Unknown, Outcome::Fails);
    unknown.archive = evil.clone();
    unknown.at_startup.reason = Some(evil.clone());
    let mut about_archives = archives(vec![hostile_load.clone()], false).audits.remove(0);
    about_archives.target.name = evil.clone();
    audit.loads = vec![hostile_load, unknown];
    for unknown in &mut audit.unknown {
        unknown.what = evil.clone();
        unknown.why = evil.clone();
    }
    report.audits.push(about_archives);
    report.unaudited = vec![unaudited("x")];
    report.unaudited[0].target.name = evil.clone();
    report.unaudited[0].cause = evil.clone();
    report.unmatched_ignores = vec![evil];
    report
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_it_is() {
    let report = hostile();
    for detail in [Detail::Quiet, Detail::Normal, Detail::Full] {
        for format in FORMATS {
            let mut out = Vec::new();
            (format.write)(&report, &View { detail, ..View::default() }, &mut out).unwrap();
            let text = String::from_utf8(out).expect("every format writes UTF-8");
            // Colours are the report's own; a colour is ESC [ digits m.
            let plain = anstream::adapter::strip_str(&text).to_string();
            for c in ['\u{1b}', '\u{202e}', '\u{9b}', '\r', '\u{7f}'] {
                assert!(!plain.contains(c), "{} lets {c:?} through", format.id);
            }
            assert!(!text.contains("\x1b[2J"), "{}", format.id);
            assert!(!plain.lines().any(|line| line.starts_with("::error::")), "{}", format.id);
        }
    }
}

#[test]
fn places_that_do_not_fit_and_odd_widths_do_no_harm() {
    let mut report = differing();
    for (line, column, end) in [(0, 0, 0), (3, 0, 0), (3, 500, 2), (3, 1, usize::MAX), (usize::MAX, 1, 2)] {
        let mut at = place("train.lock", line, "");
        (at.column, at.end_column) = (column, end);
        report.audits[0].findings[1].at = Some(at);
        for evidence in &mut report.audits[0].findings[1].evidence {
            evidence.layer = Some(99);
        }
        for width in [0, 1, 20, 40, 80, 1000] {
            assert!(!terminal(&report, &View { width, ..View::default() }).is_empty());
        }
    }
}

#[test]
fn it_fits_into_eighty_columns_where_words_allow() {
    let text = shown(&differing());
    for line in text.lines() {
        let width = unicode_width::UnicodeWidthStr::width(line);
        let longest = line.split(' ').map(unicode_width::UnicodeWidthStr::width).max().unwrap_or(0);
        let is_title =
            line.starts_with("error[") || line.starts_with("warning[") || line.starts_with("serve:1.4");
        assert!(width <= 80 || longest > 60 || is_title, "{width}: {line}");
    }
}

#[test]
fn credentials_are_masked_in_every_format() {
    let mut report = differing();
    let line = "x @ https://me:hunter2@host/x.whl";
    let locks = lock("train.lock", &[line], ReadAs::Demand, "");
    let mut one =
        finding("source-mismatch", Severity::Error, "x", "x comes from https://me:hunter2@host/x.whl");
    one.at = Some(place("train.lock", 1, line));
    report.audits = vec![audit(
        vec![locks],
        environment(vec![distribution("x", "1")]),
        vec![judged(0, Verdict::SourceMismatch)],
    )];
    report.audits[0].findings = vec![one];
    for format in FORMATS {
        for detail in [Detail::Quiet, Detail::Full] {
            let mut out = Vec::new();
            (format.write)(&report, &View { detail, ..View::default() }, &mut out).unwrap();
            assert!(!String::from_utf8(out).unwrap().contains("hunter2"), "{}", format.id);
        }
    }
}
