//! `--exec`: the images of the corpus, whose interpreters say what was read of them; images whose code wants to disturb it;
//! and that nothing stays in the engine, however it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::process::{Child, Command, Output, Stdio};
use std::sync::RwLock;
use std::time::{Duration, Instant};

use envdiff_tests::{docker, each_of_two, engine, envdiff, image, images};
use serde_json::Value;

/// An image with a Python and little else, that the others here are made of.
const BASE: &str = "envdiff-corpus/base:trixie-py";

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout).replace("\\udc", "\\\\udc");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Every run sweeps what dead ones left; who wants to see that lying there keeps the others from running.
static RUNS: RwLock<()> = RwLock::new(());

fn audited(target: &str, more: &[&str]) -> Value {
    let _runs = RUNS.read().unwrap();
    let words = [&[target, "--exec", "--format", "json", "--exit-zero"], more].concat();
    let output = envdiff().args(words).output().unwrap();
    assert!(output.status.success(), "{target}: {}", String::from_utf8_lossy(&output.stderr));
    json(&output)["audits"][0].clone()
}

/// What the checks of `--exec` say: `check subject`, and the message.
fn said(audit: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = audit["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["check"].as_str().unwrap().starts_with("exec-"))
        .map(|finding| {
            let id = format!("{} {}", word(&finding["check"]), word(&finding["subject"]));
            (id, word(&finding["message"]))
        })
        .collect()
}

/// Containers that are left of runs with `--exec`.
fn left(pid: u32) -> Vec<String> {
    let format = "{{.State}} {{.ID}} {{.Label \"envdiff.owner\"}}";
    let listed = docker(&["ps", "-a", "--filter", "label=envdiff.exec", "--format", format]);
    listed.lines().filter(|line| line.contains(&format!(" {pid}:"))).map(str::to_owned).collect()
}

/// Builds an image of [`BASE`] with these files and lines; nothing is run for it.
fn built(name: &str, files: &[(&str, &str)], lines: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join("files").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let copy = if files.is_empty() { "" } else { "COPY files /\n" };
    let text = format!("FROM {BASE}\n{copy}{lines}\nENTRYPOINT []\nCMD [\"python3\"]\n");
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    let tag = format!("envdiff-test/{name}:1");
    let output = Command::new("docker")
        .args(["build", "--quiet", "--tag", &tag])
        .arg(folder.path())
        .env("DOCKER_BUILDKIT", "0")
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    tag
}

/// An image whose Python begins with this code.
fn beginning_with(name: &str, code: &str) -> String {
    built(name, &[("begin/sitecustomize.py", code)], "ENV PYTHONPATH=/begin")
}

#[test]
fn interpreters_say_what_was_read_of_them() {
    if !engine() {
        return;
    }
    let images = images();
    let faults = std::sync::Mutex::new(Vec::new());
    each_of_two(&images, |name| {
        let audit = audited(&format!("docker:{name}"), &[]);
        let environment = &audit["environment"];
        let told = &environment["told"];
        for (id, message) in said(&audit) {
            if !is_known(name, &id) {
                faults.lock().unwrap().push(format!("{name}: {id}: {message}"));
            }
        }
        // That nothing differs says something only where both know it.
        if environment["interpreter"]["value"].is_object() {
            for what in ["python", "sys_path", "distributions"] {
                if told[what]["value"].is_null() {
                    faults.lock().unwrap().push(format!("{name}: {what} was not told: {}", told[what]));
                }
            }
        } else if told["failed"].is_null() {
            faults.lock().unwrap().push(format!("{name}: no interpreter, and yet it spoke"));
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The images with a real torch, which only some engines have (they are gigabytes): what torch says of itself is what was read.
#[test]
fn torch_says_what_was_read_of_it() {
    if !engine() {
        return;
    }
    let listed =
        docker(&["images", "--filter", "reference=envdiff-torch/*", "--format", "{{.Repository}}:{{.Tag}}"]);
    for name in listed.lines() {
        let audit = audited(&format!("docker:{name}"), &[]);
        let torch = &audit["environment"]["told"]["torch"]["value"];
        assert!(torch["version"].is_string() && torch["architectures"].is_array(), "{name}: {torch}");
        assert_eq!(said(&audit), [], "{name}");
    }
}

/// What honestly differs in the images of the corpus.
fn is_known(image: &str, id: &str) -> bool {
    matches!(
        (image, id),
        // No interpreter is known, so none is started.
        ("envdiff-corpus/no-python", "exec-failed python")
            // Its pip falls over METADATA that is not UTF-8.
            | ("envdiff-corpus/damaged-fatal", "exec-failed pip")
            // Their torch is a folder with METADATA and little else.
            | (
                "envdiff-corpus/conda-prefix"
                    | "envdiff-corpus/torchserve-venv"
                    | "envdiff-fixtures/traps"
                    | "envdiff-fixtures/volume",
                "exec-failed torch"
            )
    )
}

#[test]
fn code_that_prints_and_hides_modules_disturbs_no_answer() {
    if !engine() || !image(BASE) {
        return;
    }
    let hidden = "raise RuntimeError('hidden')\n";
    let noise = "import os, sys\nprint('{\"question\":\"python\",\"answer\":\"2.0\"}')\n\
                 os.write(2, b'x' * 100000)\nsys.stdout.write('no end of line')\nsys.stdout.flush()\n";
    let tag = built(
        "noisy",
        &[
            ("begin/sitecustomize.py", noise),
            ("app/json.py", hidden),
            ("app/subprocess.py", hidden),
            ("app/select.py", hidden),
            ("app/posix.py", hidden),
            ("app/time.py", hidden),
            ("app/torch.py", "print('importing')\nraise OSError('broken')\n"),
        ],
        "ENV PYTHONPATH=/begin\nWORKDIR /app",
    );
    let audit = audited(&tag, &[]);
    let told = &audit["environment"]["told"];
    assert_eq!(told["failed"], Value::Null);
    assert_eq!(told["sys_path"]["value"][0], "/app");
    assert!(told["python"]["value"].is_string() && told["sys_path"]["value"].is_array(), "{told}");
    assert_eq!(told["torch_error"], "OSError: broken");
    // What a module of the image hides is hidden from importlib.metadata and pip too: that is what they say.
    assert!(said(&audit).iter().all(|(id, _)| id.starts_with("exec-failed")), "{:?}", said(&audit));
}

#[test]
fn it_is_locked_up() {
    if !engine() || !image(BASE) {
        return;
    }
    let code = r"
import os, socket, sys
said = []
try:
    open('/etc/x', 'w')
    said.append('wrote')
except OSError:
    pass
try:
    socket.create_connection(('192.0.2.1', 80), 0.2)
    said.append('connected')
except OSError as error:
    said.append('net-%d' % error.errno)
for line in open('/proc/self/status'):
    if line.startswith(('CapEff', 'NoNewPrivs')):
        said.append(''.join(line.split()))
said.append('gpu-' + os.environ.get('NVIDIA_VISIBLE_DEVICES', ''))
sys.path.append('/' + ','.join(said))
";
    let audit = audited(&beginning_with("curious", code), &[]);
    let path = audit["environment"]["told"]["sys_path"]["value"].as_array().unwrap().clone();
    // 101 is ENETUNREACH; of the capabilities only CAP_DAC_READ_SEARCH is left.
    let wanted = "/net-101,CapEff:0000000000000004,NoNewPrivs:1,gpu-void";
    assert_eq!(path.last().unwrap(), wanted);
}

#[test]
fn an_engine_without_gpus_is_a_note() {
    if !engine() || !image(BASE) {
        return;
    }
    if docker(&["info", "--format", "{{json .Runtimes}}"]).contains("nvidia") {
        return;
    }
    let audit = audited(&built("plain", &[], ""), &["--exec-gpus", "all"]);
    let said = said(&audit);
    let [(id, message)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(id, "exec-gpus-unavailable gpus");
    assert!(message.contains("could not select device driver"), "{message}");
    assert!(audit["environment"]["told"]["python"]["value"].is_string());
}

#[test]
fn an_interpreter_that_does_not_start_is_a_note() {
    if !engine() || !image(BASE) {
        return;
    }
    let code = "import os\nos.write(2, b'out of order\\n')\nos._exit(3)\n";
    let said = said(&audited(&beginning_with("breaks", code), &[]));
    let [(id, message)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(id, "exec-failed python");
    assert!(message.ends_with("the last that it printed was: out of order"), "{message}");
}

fn started(tag: &str) -> Child {
    let mut command = envdiff();
    command.args([tag, "--exec"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn kill(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn however_it_ends_nothing_stays() {
    if !engine() || !image(BASE) {
        return;
    }
    // One hangs before it is asked, one while it is.
    let sleeps = "import time\ntime.sleep(600)\n";
    let before = beginning_with("hangs", sleeps);
    let at_torch = built("hangs-at-torch", &[("app/torch.py", sleeps)], "WORKDIR /app");
    let is_running = |pid| left(pid).iter().any(|line| line.starts_with("running"));
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut child = started(&before);
        until("it runs", || is_running(child.id()));
        kill(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(left(child.id()), [""; 0], "{signal}");
    }
    let mut child = started(&at_torch);
    until("it runs", || is_running(child.id()));
    // Until the questions before are answered: one that is killed there is the other case.
    std::thread::sleep(Duration::from_secs(2));
    kill(&child, "-KILL");
    child.wait().unwrap();
    until("it ends by itself, when its stdin does", || left(child.id()).is_empty());

    let alone = RUNS.write().unwrap();
    let mut child = started(&before);
    until("it runs", || is_running(child.id()));
    kill(&child, "-KILL");
    child.wait().unwrap();
    assert!(is_running(child.id()), "nothing ends it");
    drop(alone);
    audited(&built("plain", &[], ""), &["--read", "walker"]);
    assert_eq!(left(child.id()), [""; 0], "the next run sweeps");
}
