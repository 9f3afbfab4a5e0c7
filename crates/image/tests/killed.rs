//! Killed at any moment, a run leaves nothing in the engine and no folder beside it: its containers are gone a second later, or,
//! killed between creating and starting, swept by the next run. Runs side by side do not disturb each other.
//!
//! `ENVDIFF_LONG=1` makes it fifty kills and a hundred rounds of eight; without it there are a few of each.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// An image that is small and there: made from nothing.
const IMAGE: &str = "envdiff-test/empty:1";

fn docker(arguments: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether there is an engine; makes the image.
fn ready() -> bool {
    if docker(&["version", "--format", "x"]).is_none() {
        assert!(
            std::env::var("CI").is_ok_and(|ci| ci != "true") || std::env::var("CI").is_err(),
            "no engine"
        );
        eprintln!("skipped: no engine");
        return false;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("etc")).unwrap();
    std::fs::write(folder.path().join("etc/passwd"), "root:x:0:0::/:\n").unwrap();
    // A volume, so that there are anonymous volumes to be left over.
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\nCOPY etc /etc\nVOLUME /data\n").unwrap();
    let status = Command::new("docker")
        .args(["build", "--quiet", "--tag", IMAGE])
        .arg(folder.path())
        .env("DOCKER_BUILDKIT", "0")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    true
}

fn long() -> bool {
    std::env::var_os("ENVDIFF_LONG").is_some()
}

/// Starts a run whose folders go to `temp`.
fn ask(way: &str, pause_ms: u32, temp: &Path) -> Child {
    // Examples lie beside the folder of the tests.
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    Command::new(path.join("examples").join("ask"))
        .args([IMAGE, way, "/", "/etc"])
        .env("ASK_PAUSE_MS", pause_ms.to_string())
        .env("TMPDIR", temp)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example `ask`, built by `cargo test`")
}

/// Containers of one of these processes: state and id.
fn left_by(pids: &[u32]) -> Vec<String> {
    let format = "{{.State}} {{.ID}} {{.Label \"envdiff.owner\"}}";
    let listed =
        docker(&["ps", "-a", "--filter", "label=envdiff.run", "--format", format]).unwrap_or_default();
    let of = |line: &&str| pids.iter().any(|pid| line.contains(&format!(" {pid}:")));
    listed.lines().filter(of).map(str::to_owned).collect()
}

fn volumes() -> BTreeSet<String> {
    docker(&["volume", "ls", "--quiet"]).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn killed_at_any_moment_nothing_stays() {
    if !ready() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let ask = |way, pause_ms| ask(way, pause_ms, temp.path());
    let folders = || std::fs::read_dir(temp.path()).unwrap().count();
    let before = volumes();
    let kills = if long() { 50 } else { 9 };
    let (mut swept, mut folders_swept) = (0, 0);
    let mut longest = Duration::ZERO;
    // No crate for chance: steps of a third of the golden ratio over a run's length.
    let length = {
        let begin = Instant::now();
        assert!(ask("walker", 0).wait().unwrap().success());
        begin.elapsed()
    };
    for number in 0..kills {
        let way = if number % 5 == 4 { "export" } else { "walker" };
        let signal = [Signal::INT, Signal::TERM, Signal::KILL][number % 3];
        let part = (number as f64 * 0.618_034) % 1.0;
        let mut child = ask(way, 50);
        std::thread::sleep(length.mul_f64(part * 1.2));
        let pid = child.id();
        let _gone = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal);
        let status = child.wait().unwrap();
        // A second is the promise on a machine at rest; where others work too the engine itself takes longer.
        let begin = Instant::now();
        let is_over = |left: &[String]| left.iter().all(|line| line.starts_with("created "));
        let mut left = left_by(&[pid]);
        while !is_over(&left) && begin.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
            left = left_by(&[pid]);
        }
        longest = longest.max(begin.elapsed());
        if !left.is_empty() {
            std::thread::sleep(Duration::from_secs(1));
            left = left_by(&[pid]);
        }
        assert!(
            left.is_empty() || (signal == Signal::KILL && is_over(&left)),
            "{number} {way} {signal:?} {status:?}: {left:?}"
        );
        assert!(
            folders() == 0 || signal == Signal::KILL,
            "{number} {way} {signal:?} {status:?}: a folder stays"
        );
        if !left.is_empty() || folders() > 0 {
            swept += usize::from(!left.is_empty());
            folders_swept += usize::from(folders() > 0);
            assert!(ask("walker", 0).wait().unwrap().success());
            assert!(left_by(&[pid]).is_empty() && folders() == 0, "{number}: the next run sweeps");
        }
        match (signal, status.code()) {
            (Signal::INT, Some(130)) | (Signal::TERM, Some(143)) | (_, Some(0) | None) => {}
            (signal, code) => panic!("{number} {way}: {signal:?} ended in {code:?}"),
        }
    }
    eprintln!(
        "{kills} kills: what was started gone after {} ms at most; {swept} containers and {folders_swept} folders swept by the \
         next run",
        longest.as_millis()
    );
    let new: Vec<String> = volumes().difference(&before).cloned().collect();
    let ours = new.iter().filter(|name| {
        docker(&["ps", "-aq", "--filter", &format!("volume={name}")]).is_some_and(|c| c.is_empty())
    });
    assert_eq!(ours.count(), 0, "volumes stay: {new:?}");
}

#[test]
fn eight_side_by_side_do_not_disturb_each_other() {
    if !ready() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let rounds = if long() { 100 } else { 3 };
    for round in 0..rounds {
        let children: Vec<Child> =
            (0..8).map(|number| ask(if number == 7 { "export" } else { "walker" }, 0, temp.path())).collect();
        let pids: Vec<u32> = children.iter().map(Child::id).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let until = Instant::now() + Duration::from_secs(1);
        while !left_by(&pids).is_empty() {
            assert!(Instant::now() < until, "round {round}: {:?}", left_by(&pids));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
