//! The whole command on small images: what is on which stream, and the exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use envdiff_tests::envdiff;
use envdiff_tests::small_image::{SITE, SmallImage};
use serde_json::Value;

/// The command on a small image, started beside it.
fn on(image: &SmallImage, arguments: &[&str]) -> Command {
    let mut command = envdiff();
    command.current_dir(image.beside()).args(arguments);
    command
}

/// The main job: the image with its configuration, and more words.
fn audit(image: &SmallImage, more: &[&str]) -> Output {
    on(image, &["dir:root", "--image-config", "config.json"]).args(more).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What the command said, times and temporary folders out.
fn said(output: &Output) -> String {
    let text = stdout(output);
    let lines = text.lines().map(|line| match line.rsplit_once("; ") {
        Some((start, time)) if time.ends_with(" s") => format!("{start}; TIME"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(output)))
}

fn two_packages() -> SmallImage {
    SmallImage::new().with("torch", "2.0.1+cu117").with("numpy", "1.26.4")
}

const LOCK: &str = "numpy==1.26.4\ntorch==2.1.2\nrequests==2.31.0 ; python_version < \"3.8\"\n";

#[test]
fn a_difference_is_status_1() {
    let image = two_packages();
    image.lock("train.lock", LOCK);
    let output = audit(&image, &["train.lock"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    insta::assert_snapshot!(said(&output));
}

#[test]
fn a_match_is_status_0() {
    let image = two_packages();
    image.lock("train.lock", "numpy==1.26.4\ntorch>=2\n");
    let output = audit(&image, &["train.lock"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(said(&output));
}

#[test]
fn without_a_lock_the_image_is_held_against_itself() {
    let image = two_packages().with_metadata("x", "1", "Requires-Dist: absent-one>=2\n");
    let output = audit(&image, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(said(&output));
    assert_eq!(audit(&image, &["--fail-on", "warning"]).status.code(), Some(1));
}

#[test]
fn everything_known_of_one_package() {
    let image = two_packages().with_metadata("x", "1", "Requires-Dist: torch>=2.1\n");
    image.lock("train.lock", LOCK);
    let output = audit(&image, &["train.lock", "--why", "Torch"]);
    insta::assert_snapshot!(said(&output));
}

#[test]
fn levels_and_allowances_decide_the_status() {
    let image = two_packages();
    image.lock("train.lock", LOCK);
    for (more, status) in [
        (&[][..], 1),
        (&["--exit-zero"], 0),
        (&["--fail-on", "never"], 0),
        (&["--ignore", "version-mismatch=torch"], 0),
        (&["--ignore", "version-mismatch"], 0),
        (&["--ignore", "version-mismatch=t*"], 0),
        (&["--ignore", "version-mismatch=numpy"], 1),
        (&["--ignore", "package-missing"], 1),
    ] {
        let words = [&["train.lock"], more].concat();
        assert_eq!(audit(&image, &words).status.code(), Some(status), "{more:?}");
    }
    let unmatched = audit(&image, &["train.lock", "--ignore", "package-missing=zzz"]);
    assert!(stdout(&unmatched).contains("--ignore package-missing=zzz matched nothing"));
    // The verdict in the report does not depend on --exit-zero.
    let report = json(&audit(&image, &["train.lock", "--exit-zero", "--format", "json"]));
    assert_eq!(report["verdict"], "fail");
}

#[test]
fn a_lock_may_come_from_standard_input() {
    let image = two_packages();
    let mut command = on(&image, &["dir:root", "--image-config", "config.json", "-", "--format", "json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(LOCK.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(json(&output)["audits"][0]["locks"][0]["path"], "-");
}

#[test]
fn reports_go_to_files_whole() {
    let image = two_packages();
    image.lock("train.lock", LOCK);
    let output = audit(
        &image,
        &["train.lock", "--report", "json=out.json", "--report", "terminal=out.txt", "--color", "always"],
    );
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).contains('\u{1b}'));
    let written = std::fs::read_to_string(image.beside().join("out.txt")).unwrap();
    assert!(written.contains("error[version-mismatch]") && !written.contains('\u{1b}'));
    let report: Value =
        serde_json::from_slice(&std::fs::read(image.beside().join("out.json")).unwrap()).unwrap();
    assert_eq!(report["schema"], "envdiff.report/1");
    let left: Vec<_> = std::fs::read_dir(image.beside())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".envdiff"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // A device stays what it is.
    let output = audit(&image, &["train.lock", "--report", "json=/dev/null"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_link_to_a_report_stays_a_link() {
    let image = two_packages();
    image.lock("train.lock", LOCK);
    std::fs::write(image.beside().join("real.json"), "").unwrap();
    std::os::unix::fs::symlink("real.json", image.beside().join("link.json")).unwrap();
    assert_eq!(audit(&image, &["train.lock", "--report", "json=link.json"]).status.code(), Some(1));
    assert!(std::fs::symlink_metadata(image.beside().join("link.json")).unwrap().is_symlink());
    assert!(std::fs::read_to_string(image.beside().join("real.json")).unwrap().contains("envdiff.report/1"));
}

#[test]
fn a_failed_run_writes_no_report() {
    let image = two_packages();
    let output = audit(&image, &["absent.lock", "--report", "json=out.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!image.beside().join("out.json").exists());
}

#[test]
fn no_colour_where_there_is_no_terminal_unless_it_is_wanted() {
    let image = two_packages();
    image.lock("train.lock", LOCK);
    let escapes = |output: Output| stdout(&output).contains('\u{1b}');
    assert!(!escapes(audit(&image, &["train.lock"])));
    assert!(escapes(audit(&image, &["train.lock", "--color", "always"])));
    let with = |name: &str, value: &str, more: &[&str]| {
        let mut command = on(&image, &["dir:root", "--image-config", "config.json", "train.lock"]);
        escapes(command.args(more).env(name, value).output().unwrap())
    };
    assert!(with("CLICOLOR_FORCE", "1", &[]));
    assert!(!with("CLICOLOR_FORCE", "1", &["--color", "never"]));
    assert!(!with("NO_COLOR", "1", &[]));
}

#[test]
fn eighty_columns_in_a_pipe() {
    let image = two_packages();
    image.lock("train.lock", LOCK);
    for more in [&["train.lock"][..], &["train.lock", "-vv"], &["train.lock", "--why", "torch"]] {
        for line in stdout(&audit(&image, more)).lines() {
            // A path or a command in backticks is never broken, so that it can be copied.
            let is_one_word = line.contains('`') || line.split(' ').any(|word| word.chars().count() > 55);
            assert!(line.chars().count() <= 80 || is_one_word, "{line}");
        }
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let image = two_packages();
    // More than a pipe holds, so that writing goes on after the reader has gone.
    let lines: String = (0..3000).map(|i| format!("package-number-{i}==1.{i}\n")).collect();
    image.lock("train.lock", &lines);
    for words in [
        &["dir:root", "--image-config", "config.json", "train.lock", "-v"][..],
        &["dir:root", "--image-config", "config.json", "train.lock", "--format", "json"],
        &["--help"],
    ] {
        let mut child = on(&image, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert_eq!(error, "", "{words:?}");
        assert!(matches!(child.wait().unwrap().code(), Some(0 | 1)), "{words:?}");
    }
}

#[test]
fn names_from_outside_are_escaped() {
    let image = SmallImage::new().with_metadata(
        "evil",
        "1\u{1b}[2J\u{202e}",
        "Requires-Dist: gone\u{1b}]0;x\u{7}>=1\n",
    );
    image.lock("train.lock", "evil==2\n\u{1b}[31mred==1\nx @ https://me:hunter2@host/x-1-py3-none-any.whl\n");
    for more in [&["train.lock", "-vv"][..], &["train.lock", "--format", "json"], &["train.lock", "-q"]] {
        let output = audit(&image, more);
        let text = stdout(&output) + &stderr(&output);
        for c in ['\u{1b}', '\u{202e}', '\u{7}'] {
            assert!(!text.contains(c), "{c:?} in {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
    let name = "no\u{1b}[31msuch.lock";
    let output = audit(&image, &[name]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr(&output).contains('\u{1b}'), "{}", stderr(&output));
}

/// Everything but the target, and in evidence layer and instruction.
fn without_source(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("layer");
                map.remove("instruction");
                map.remove("target");
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

#[test]
fn a_snapshot_and_a_bundle_give_the_same_report() {
    let image = two_packages().with_metadata("x", "1", "Requires-Dist: torch>=2.1\n");
    image.lock("train.lock", LOCK);
    let report = json(&audit(&image, &["train.lock", "--format", "json"]));
    let inspect = on(
        &image,
        &["inspect", "dir:root", "--image-config", "config.json", "--format", "json", "--thin", "bundle"],
    )
    .output()
    .unwrap();
    assert_eq!(inspect.status.code(), Some(0), "{}", stderr(&inspect));
    std::fs::write(image.beside().join("snapshot.json"), &inspect.stdout).unwrap();
    assert!(!stdout(&inspect).contains("hunter2"));
    for target in ["snapshot:snapshot.json", "dir:bundle", "./bundle"] {
        let again = on(&image, &[target, "train.lock", "--format", "json"]).output().unwrap();
        assert_eq!(again.status.code(), Some(1), "{target}: {}", stderr(&again));
        assert_eq!(without_source(json(&again)), without_source(report.clone()), "{target}");
    }
    let again = on(&image, &["inspect", "snapshot:snapshot.json", "--format", "json"]).output().unwrap();
    assert_eq!(without_source(json(&again)), without_source(json(&inspect)));
}

#[test]
fn what_is_in_there() {
    let image = two_packages().with_metadata("x", "1", "");
    let inspect = |format: &str| {
        on(&image, &["inspect", "dir:root", "--image-config", "config.json", "--format", format])
            .output()
            .unwrap()
    };
    insta::assert_snapshot!(said(&inspect("table")));
    insta::assert_snapshot!("freeze", said(&inspect("requirements")));
    assert_eq!(json(&inspect("json"))["schema"], "envdiff.snapshot/1");
}

#[test]
fn an_image_without_python_is_inspected() {
    let image = SmallImage::new();
    for path in ["/usr/local/bin/python3", "/usr/local/bin/python3.11"] {
        std::fs::remove_file(image.path(path)).unwrap();
    }
    std::fs::remove_dir_all(image.path("/usr/local/lib")).unwrap();
    let inspect = on(&image, &["inspect", "dir:root", "--image-config", "config.json", "--format", "json"])
        .output()
        .unwrap();
    assert_eq!(inspect.status.code(), Some(0), "{}", stderr(&inspect));
    assert!(json(&inspect)["environment"]["python"]["unknown"].is_string());
    image.lock("train.lock", LOCK);
    let output = audit(&image, &["train.lock", "--format", "json"]);
    let report = json(&output);
    assert_eq!(report["audits"][0]["findings"][0]["check"], "interpreter-missing");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["summary"]["requirements"]["satisfied"], 0);
}

#[test]
fn an_interpreter_may_be_named() {
    let image = two_packages();
    let without = on(&image, &["inspect", "dir:root", "--format", "json"]).output().unwrap();
    assert_eq!(without.status.code(), Some(0), "{}", stderr(&without));
    let named =
        on(&image, &["inspect", "dir:root", "--python", "/usr/local/bin/python3", "--format", "json"])
            .output()
            .unwrap();
    assert_eq!(json(&named)["environment"]["python"]["value"], "3.11.7");
}

#[test]
fn the_machine_is_the_one_that_is_named() {
    let image = two_packages();
    let machine = |more: &[&str]| {
        let output = audit(&image, &[&["--format", "json"], more].concat());
        json(&output)["audits"][0]["environment"]["machine"].clone()
    };
    let named = machine(&["--driver", "535.104.05", "--gpu", "g4dn.xlarge", "--gpu", "sm_86"]);
    assert_eq!(named["driver"]["value"]["version"], "535.104.05");
    assert_eq!(named["gpus"]["value"][0]["name"], "Tesla T4");
    assert_eq!(named["gpus"]["value"][1]["capability"], "8.6");
    assert_eq!(machine(&["--driver", "none"])["gpus"]["value"], serde_json::json!([]));
    let nodes = r#"{"kind": "NodeList", "items": [
        {"metadata": {"name": "cpu-1"}},
        {"metadata": {"name": "gpu-1", "labels": {"nvidia.com/cuda.driver-version.full": "550.107.02",
          "nvidia.com/gpu.product": "NVIDIA-L4"}}}]}"#;
    std::fs::write(image.beside().join("nodes.json"), nodes).unwrap();
    let of_nodes = machine(&["--node", "nodes.json"]);
    assert_eq!(of_nodes["hosts"][1]["name"], "gpu-1");
    assert_eq!(of_nodes["driver"]["value"]["version"], "550.107.02");
    assert_eq!(of_nodes["gpus"]["value"][0]["name"], "NVIDIA L4");
    // A folder may go anywhere, so this machine's driver is not asked.
    let reason = machine(&[])["driver"]["unknown"].clone();
    assert!(reason.as_str().unwrap().contains("--driver"), "{reason}");
}

#[test]
fn pages_and_lists_are_told() {
    for (words, wanted) in [
        (&["explain"][..], "package-missing (error)"),
        (&["explain", "package-missing"], "Why it matters"),
        (&["explain", "locks"], "requirements"),
        (&["explain", "targets"], "snapshot:FILE"),
        (&["explain", "reports"], "terminal"),
        (&["completions", "bash"], "_envdiff"),
        (&["completions", "zsh"], "#compdef envdiff"),
        (&["man"], ".TH envdiff"),
        (&["--version"], "envdiff "),
        (&["-h"], "Exit status"),
    ] {
        let output = envdiff().args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(stdout(&output).contains(wanted), "{words:?}");
        assert!(!stdout(&output).contains('\u{1b}'), "{words:?}");
    }
}

#[test]
fn the_short_help_has_a_line_for_each_option() {
    for words in [&["-h"][..], &["inspect", "-h"]] {
        let text = stdout(&envdiff().args(words).env("COLUMNS", "100").output().unwrap());
        let options = text.lines().filter(|line| line.trim_start().starts_with('-')).count();
        let in_sections = text
            .lines()
            .skip_while(|line| !line.starts_with("Options"))
            .take_while(|line| !line.starts_with("Exit status"))
            .filter(|line| line.starts_with("  "))
            .count();
        assert_eq!(options, in_sections, "{text}");
    }
}

/// What each bad input is called, and a part of the one message about it.
#[test]
fn bad_input_is_status_2_with_one_message() {
    let image = two_packages().with("x", "1");
    let lock = |name: &str, bytes: &[u8]| std::fs::write(image.beside().join(name), bytes).unwrap();
    lock("good.lock", b"numpy==1.26.4\n");
    lock("empty.lock", b"");
    lock("binary.lock", b"\x7fELF\x00\x01\x02");
    lock("zip.lock", b"PK\x03\x04rest");
    lock("prose.lock", &b"Dear reader, this is a letter.\nIt is not a lock.\n".repeat(20));
    lock("circle-a.lock", b"-r circle-b.lock\n");
    lock("circle-b.lock", b"-r circle-a.lock\n");
    lock("missing-include.lock", b"-r nowhere.txt\nnumpy==1\n");
    lock("bad.json", b"{\"schema\": \"envdiff.report/1\"}");
    lock("newer.json", b"{\"schema\": \"envdiff.snapshot/9\"}");
    lock("broken.json", b"{\"schema\": \"envdiff.snap");
    lock("noise.tar", &[7; 4096]);
    lock("empty.tar", b"");
    lock("config-broken.json", b"{");
    lock("nodes.yaml", b"apiVersion: v1\nkind: List\n");
    lock("pods.json", b"{\"kind\": \"List\", \"items\": [{\"kind\": \"Pod\"}]}");
    std::fs::create_dir(image.beside().join("folder")).unwrap();
    std::fs::create_dir(image.beside().join("layout")).unwrap();
    lock("layout/oci-layout", b"{\"imageLayoutVersion\": \"1.0.0\"}");
    lock("layout/index.json", b"{}");
    let dir: &[&str] = &["dir:root", "--image-config", "config.json"];
    let with = |more: &[&'static str]| [dir, more].concat();
    for (words, wanted) in [
        (vec![], "IMAGE"),
        (with(&["absent.lock"]), "absent.lock"),
        (with(&["empty.lock"]), "empty"),
        (with(&["binary.lock"]), "no"),
        (with(&["zip.lock"]), "zip"),
        (with(&["prose.lock"]), "no lock"),
        (with(&["circle-a.lock"]), "include"),
        (with(&["missing-include.lock"]), "nowhere.txt"),
        (with(&["folder"]), "folder"),
        (with(&["-", "-"]), "standard input"),
        (with(&["good.lock", "--report", "json=nowhere/out.json"]), "nowhere/out.json"),
        (with(&["good.lock", "--report", "json=folder"]), "folder"),
        (with(&["good.lock", "--report", "json=a.json", "--report", "terminal=a.json"]), "a.json"),
        (with(&["good.lock", "--ignore", "version-missmatch"]), "version-mismatch"),
        (vec!["dir:root", "--image-config", "config-broken.json"], "config-broken.json"),
        (vec!["dir:root", "--image-config", "absent.json"], "absent.json"),
        (vec!["dir:absent"], "absent"),
        (vec!["dir:layout"], "oci:DIR"),
        (vec!["./absent"], "absent"),
        (vec!["./noise.tar"], "noise.tar"),
        (vec!["./empty.tar"], "empty.tar"),
        (vec!["./absent.tar"], "absent.tar"),
        (vec!["snapshot:bad.json"], "envdiff.report/1"),
        (vec!["snapshot:newer.json"], "envdiff.snapshot/9"),
        (vec!["snapshot:broken.json"], "broken.json"),
        (vec!["snapshot:absent.json"], "absent.json"),
        (vec!["inspect", "snapshot:broken.json"], "broken.json"),
        (vec!["inspect", "dir:root", "--format", "sarif"], "sarif"),
        (vec!["inspect", "dir:root", "--thin", "folder/../root"], "root"),
        (vec!["dir:"], "dir:"),
        (
            vec!["dir:root", "--exec"],
            "--exec starts the Python of an image in an engine, and this is a folder",
        ),
        (vec!["inspect", "./empty.tar", "--exec"], "this is an archive"),
        (vec!["snapshot:broken.json", "--exec"], "this is a snapshot"),
        (vec!["container:none", "--exec"], "present state cannot be started"),
        (vec!["none", "--exec-gpus", "all"], "--exec"),
        (vec!["none", "--exec", "--exec-gpus", "0"], "a number of GPUs"),
        (vec!["explain", "version-missmatch"], "version-mismatch"),
        (vec!["explain", "nothing-like-it-at-all"], "explain"),
        (with(&["--gpu", "Tesla T5"]), "Tesla T4"),
        (with(&["--gpu", "none", "--gpu", "L4"]), "--gpu none"),
        (with(&["--driver", "535"]), "branch"),
        (with(&["--driver", "latest"]), "latest"),
        (with(&["--node", "nodes.yaml"]), "kubectl"),
        (with(&["--node", "pods.json"]), "Pod"),
        (with(&["--node", "absent.json"]), "absent.json"),
        (with(&["--node", "pods.json", "--gpu", "L4"]), "--gpu"),
        (vec!["--no-such-option"], "--no-such-option"),
        (vec!["completions", "tcsh"], "tcsh"),
    ] {
        let mut command = on(&image, &words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {error}{}", stdout(&output));
        assert_eq!(stdout(&output), "", "{words:?}");
        assert_eq!(error.matches("error: ").count(), 1, "{words:?}: {error}");
        assert!(error.starts_with("error: ") && error.contains(wanted), "{words:?}: {error}");
        assert!(!error.contains("panicked") && !error.contains("fault of"), "{words:?}: {error}");
    }
    assert!(!image.beside().join("a.json").exists());
}

#[test]
fn a_lock_with_some_bad_lines_is_compared_in_the_rest() {
    let image = two_packages();
    image.lock("train.lock", "numpy==1.26.4\ntorch=2.0\nnumpy>=1\n");
    let report = json(&audit(&image, &["train.lock", "--format", "json"]));
    let audit = &report["audits"][0];
    assert_eq!(report["summary"]["requirements"]["satisfied"], 2);
    assert_eq!(report["summary"]["requirements"]["invalid"], 1);
    let finding = &audit["findings"][0];
    assert_eq!(finding["check"], "requirement-invalid");
    assert_eq!((&finding["at"]["line"], &finding["at"]["column"]), (&2.into(), &6.into()));
}

#[test]
fn links_that_lead_out_and_in_circles_do_no_harm() {
    let image = two_packages();
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, image.path(at)).unwrap();
    link("/etc", &format!("{SITE}/etc-1.0.dist-info"));
    link("circle-1.0.dist-info", &format!("{SITE}/circle-1.0.dist-info"));
    link("../../../../../../../../../../etc/passwd", &format!("{SITE}/out.pth"));
    let output = audit(&image, &["--format", "json"]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
    let host = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = host.lines().last().unwrap();
    assert!(!stdout(&output).contains(line), "a line of this machine's own file");
}

#[test]
fn version_and_help_need_nothing_else() {
    let started = std::time::Instant::now();
    assert!(envdiff().arg("--version").current_dir(Path::new("/")).output().unwrap().status.success());
    // Generous: a debug build on a busy machine; the figure itself is in the benchmarks.
    assert!(started.elapsed().as_secs() < 60);
}

/// The command on an image was refused: status 2, this message and its help, and nothing on stdout.
fn refused(output: &Output) -> String {
    assert_eq!((output.status.code(), stdout(output).as_str()), (Some(2), ""), "{}", stderr(output));
    stderr(output)
}

#[test]
fn a_lock_beyond_64_mib_is_refused() {
    let image = two_packages();
    let lock = std::fs::File::create(image.beside().join("large.lock")).unwrap();
    lock.set_len((64 << 20) + 1).unwrap();
    image.lock("includes.lock", "numpy\n-r large.lock\n");
    let help = "give the lock of one environment; files of that size are not locks";
    let told = refused(&audit(&image, &["large.lock"]));
    assert!(
        told.starts_with("error: the lock large.lock holds more than 64 MiB\n") && told.contains(help),
        "{told}"
    );
    let told = refused(&audit(&image, &["includes.lock"]));
    assert!(
        told.starts_with("error: includes.lock:2: large.lock: the file is larger than 64 MiB\n"),
        "{told}"
    );
}

#[test]
fn files_that_include_each_other_too_deep_are_refused() {
    let image = two_packages();
    for depth in 0..34 {
        image.lock(&format!("r{depth}.txt"), &format!("numpy\n-r r{}.txt\n", depth + 1));
    }
    image.lock("r33.txt", "numpy\n");
    let inside = audit(&image, &["r1.txt"]);
    assert_eq!(inside.status.code(), Some(0), "{}", stderr(&inside));
    let told = refused(&audit(&image, &["r0.txt"]));
    assert!(
        told.starts_with(
            "error: r32.txt:2: files are included more than 32 deep or more than 10,000 times\n"
        ),
        "{told}"
    );
}

/// A tar of these files, as far as a reader needs it.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// What the RECORD of a package says, and what lies there: one file as it was installed, one with a changed byte, one missing,
/// one that no hash is given of.
fn changed() -> SmallImage {
    let image = two_packages();
    let record = "\
        torch/__init__.py,sha256=Nyet_1JOBhYCLq3Y9K8hoHeLKfxMd73-_Rr84sv15Lc,10\n\
        torch/gone.py,sha256=icWdncdFPLGyaZOR9BMrOAtpjTTmy5up_z9gMzcfi5A,11\n\
        torch/hub.py,sha256=jQZRiCgzwgeHsOgymLWRYu4vK53Be0wWb2e6qUWWVJM,11\n\
        torch/version.py,,\n\
        torch-2.0.1+cu117.dist-info/RECORD,,\n";
    image.put(&format!("{SITE}/torch-2.0.1+cu117.dist-info/RECORD"), record);
    image.put(&format!("{SITE}/torch/__init__.py"), "import os\n");
    image.put(&format!("{SITE}/torch/hub.py"), "LIMIT = 11\n");
    image.put(&format!("{SITE}/torch/version.py"), "__version__ = '2.0.1+cu117'\n");
    image
}

/// The image as an archive of one layer, packed by itself or not.
fn archive(image: &SmallImage, name: &str, packed: bool) {
    let mut layer = tar::Builder::new(Vec::new());
    layer.follow_symlinks(false);
    layer.append_dir_all(".", image.root()).unwrap();
    let layer = layer.into_inner().unwrap();
    let mut config: Value = serde_json::from_slice(&std::fs::read(image.config()).unwrap()).unwrap();
    config["rootfs"] = serde_json::json!({"diff_ids": ["sha256:1"]});
    let config = config.to_string();
    let manifest = r#"[{"Config":"c.json","Layers":["l.tar"]}]"#;
    let files = [("c.json", config.as_bytes()), ("l.tar", &layer), ("manifest.json", manifest.as_bytes())];
    let file = image.beside().join(name);
    std::fs::write(&file, tar(&files)).unwrap();
    if packed {
        assert!(Command::new("gzip").arg(&file).status().unwrap().success());
    }
}

#[test]
fn installed_files_are_held_against_their_record() {
    let image = changed();
    archive(&image, "image.tar", false);
    archive(&image, "packed.tar", true);
    let verify = |target: &str| on(&image, &[target, "--verify"]).output().unwrap();
    let by_folder = audit(&image, &["--verify"]);
    assert_eq!(by_folder.status.code(), Some(0), "{}", stderr(&by_folder));
    insta::assert_snapshot!(said(&by_folder));
    assert_eq!(audit(&image, &["--verify", "--fail-on", "warning"]).status.code(), Some(1));
    assert_eq!(said(&audit(&image, &[])).find("wheel-file-changed"), None);
    let verified = |output: &Output| {
        let report = json(output);
        let audit = &report["audits"][0];
        assert_eq!(audit["findings"][0]["check"], "wheel-file-changed", "{report}");
        audit["environment"]["verified"].clone()
    };
    let told = verified(&audit(&image, &["--verify", "--format", "json"]));
    assert_eq!(told["value"]["not_verifiable"][0]["why"], "it has no RECORD");
    for target in ["image.tar", "packed.tar.gz"] {
        let output = on(&image, &[target, "--verify", "--format", "json"]).output().unwrap();
        assert_eq!(verified(&output), told, "{target}");
    }
    // Without the option no key, and a target without files has nothing to be held against.
    let plain = json(&audit(&image, &["--format", "json"]));
    assert_eq!(plain["audits"][0]["environment"].get("verified"), None);
    let snapshot = on(&image, &["inspect", "image.tar", "--format", "json"]).output().unwrap();
    std::fs::write(image.beside().join("image.json"), &snapshot.stdout).unwrap();
    let output = verify("snapshot:image.json");
    assert!(stdout(&output).contains("a snapshot does not hold the files"), "{}", stdout(&output));
    // A bundle carries what was read without the option: what it lacks is not determined, and what it has is told.
    let thin = on(&image, &["inspect", "image.tar", "--thin", "thin"]).output().unwrap();
    assert_eq!(thin.status.code(), Some(0), "{}", stderr(&thin));
    let output = verify("./thin");
    assert!(stdout(&output).contains("(placeholder)"), "{}", stdout(&output));
    assert!(!stdout(&output).contains("wheel-file-changed"), "{}", stdout(&output));
}

#[test]
fn an_image_of_too_many_layers_is_refused() {
    let image = two_packages();
    let archive = |count: usize| {
        let ids = vec!["\"sha256:1\""; count].join(",");
        let config = format!(r#"{{"os":"linux","config":{{}},"rootfs":{{"diff_ids":[{ids}]}}}}"#);
        let layers = vec!["\"l.tar\""; count].join(",");
        let manifest = format!(r#"[{{"Config":"c.json","Layers":[{layers}]}}]"#);
        let files =
            [("c.json", config.as_bytes()), ("l.tar", &tar(&[])), ("manifest.json", manifest.as_bytes())];
        std::fs::write(image.beside().join("image.tar"), tar(&files)).unwrap();
        on(&image, &["inspect", "image.tar"]).output().unwrap()
    };
    assert_eq!(archive(1_024).status.code(), Some(0));
    let told = refused(&archive(1_025));
    assert!(
        told.starts_with("error: image.tar holds more than is read: 1025 layers, at most 1024 are read\n"),
        "{told}"
    );
}

#[test]
fn a_string_in_a_report_has_at_most_4096_characters() {
    let image = two_packages();
    let line = |len: usize| "x".repeat(len);
    for (len, written) in [(4_096, line(4_096)), (4_097, line(4_096) + "…")] {
        image.lock("train.lock", &line(len));
        let report = json(&audit(&image, &["train.lock", "--format", "json"]));
        assert_eq!(report["audits"][0]["requirements"][0]["text"], written.as_str());
        let terminal = stdout(&audit(&image, &["train.lock"]));
        assert!(!terminal.contains(&line(4_097)), "{len}");
    }
}

#[test]
fn requirements_of_an_egg_that_cannot_be_read_are_not_determined() {
    let image = two_packages();
    let egg = format!("{SITE}/old-1.egg-info");
    image.put(&format!("{egg}/PKG-INFO"), "Name: old\nVersion: 1\n\n");
    let read = |len: usize| {
        image.put(&format!("{egg}/requires.txt"), &format!("absent-one{}", " ".repeat(len - 10)));
        json(&audit(&image, &["--format", "json"]))
    };
    let of = |report: &Value, check: &str| -> Vec<String> {
        let findings = report["audits"][0]["findings"].as_array().unwrap();
        let of = findings.iter().filter(|finding| finding["check"] == check && finding["subject"] == "old");
        of.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
    };
    let inside = read(4 << 20);
    assert_eq!(of(&inside, "requirement-of-installed-package-broken").len(), 1, "{inside}");
    assert_eq!(of(&inside, "undetermined"), Vec::<String>::new());
    let beyond = read((4 << 20) + 1);
    assert_eq!(of(&beyond, "requirement-of-installed-package-broken"), Vec::<String>::new());
    let why = "what old requires is not wholly known: requires.txt is unreadable: larger than 4194304 bytes";
    assert_eq!(of(&beyond, "undetermined"), [why]);
    let unknown = beyond["audits"][0]["unknown"].as_array().unwrap();
    let file = format!("{egg}/requires.txt");
    assert!(unknown.iter().any(|unknown| unknown["what"] == file.as_str()), "{unknown:?}");
}
