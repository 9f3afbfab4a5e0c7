//! What whole-command and real-engine tests share: the built command, the engine, the corpus, and when to skip.

pub mod small_image;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The command under test, built now if it is older than its sources.
///
/// # Panics
/// When it cannot be built.
#[must_use]
#[expect(clippy::panic, reason = "a test support room: a command that does not build ends the test")]
pub fn envdiff() -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| {
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build
            .args(["build", "--quiet", "--locked", "-p", "envdiff", "--message-format=json"])
            .current_dir(root());
        let output = match build.output() {
            Ok(output) if output.status.success() => output,
            Ok(output) => panic!("envdiff does not build: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("cargo cannot be started: {error}"),
        };
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|message| message.get("executable").and_then(|e| e.as_str()).map(PathBuf::from))
            .find(|path| path.file_stem().is_some_and(|stem| stem == "envdiff"))
            .unwrap_or_else(|| panic!("cargo built no executable called envdiff"))
    });
    let mut command = Command::new(binary);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "PIP_CONSTRAINT"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the command with these arguments.
///
/// # Panics
/// When it cannot be started.
#[expect(clippy::expect_used, reason = "a test support room")]
pub fn run(arguments: &[&str]) -> Output {
    envdiff().args(arguments).output().expect("envdiff starts")
}

/// Whether this is CI, where nothing may be skipped.
#[must_use]
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// Says that a test is skipped, and why; in CI that is a failure.
///
/// # Panics
/// In CI.
#[expect(clippy::print_stderr, reason = "a skipped test says so; CI does not let it skip")]
pub fn skip(why: &str) {
    assert!(!in_ci(), "skipped in CI: {why}");
    eprintln!("SKIPPED: {why}");
}

/// Whether a Docker engine answers; if not, the test is skipped.
#[must_use]
pub fn engine() -> bool {
    let there = Command::new("docker")
        .args(["version", "-f", "{{.Server.Version}}"])
        .output()
        .is_ok_and(|o| o.status.success());
    if !there {
        skip("no Docker engine answers");
    }
    there
}

/// The corpus: `ENVDIFF_CORPUS`, else `../shared/corpus` beside the repository; if it is not there, the test is skipped.
#[must_use]
pub fn corpus() -> Option<PathBuf> {
    let path =
        std::env::var_os("ENVDIFF_CORPUS").map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    if path.is_dir() {
        Some(path)
    } else {
        skip("the corpus is not there (ENVDIFF_CORPUS)");
        None
    }
}

/// Whether an image is in the engine; if not, the test is skipped.
#[must_use]
pub fn image(name: &str) -> bool {
    let there =
        Command::new("docker").args(["image", "inspect", name]).output().is_ok_and(|o| o.status.success());
    if !there {
        skip(&format!("the image {name} is not built (tests/images.sh)"));
    }
    there
}

/// What the Docker CLI prints.
///
/// # Panics
/// When it fails, with what it says.
#[expect(clippy::panic, reason = "a test support room: an engine that fails ends the test")]
#[expect(clippy::must_use_candidate, reason = "some commands are given for what they do")]
pub fn docker(arguments: &[&str]) -> String {
    match Command::new("docker").args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(output) => panic!("docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("docker cannot be started: {error}"),
    }
}

/// The images of the corpus and of `fixtures/` in the engine, but `big`, whose gigabytes are only for `make bench`.
#[must_use]
pub fn images() -> Vec<String> {
    let mut names: Vec<String> = docker(&["images", "--format", "{{.Repository}}"])
        .lines()
        .filter(|name| name.starts_with("envdiff-corpus/") || name.starts_with("envdiff-fixtures/"))
        .filter(|name| !["envdiff-corpus/base", "envdiff-corpus/big"].contains(name))
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What `docker export` writes of a container of this image: exported once for an image's id and kept under `target/exports`,
/// for an export is what takes the longest (`tests/images.sh` makes all of them).
///
/// # Panics
/// When the engine fails.
#[must_use]
pub fn exported(image: &str) -> PathBuf {
    let script = root().join("tests/export.sh");
    let output = Command::new(&script).arg(image).output();
    match output {
        Ok(output) if output.status.success() => {
            PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
        }
        other => {
            let why = other.map(|o| String::from_utf8_lossy(&o.stderr).into_owned());
            #[expect(clippy::panic, reason = "a test support room: an engine that fails ends the test")]
            {
                panic!("{} {image}: {why:?}", script.display())
            }
        }
    }
}

/// A folder for a whole image: in memory where there are gigabytes of it, for a disk takes seconds to write thousands of files.
///
/// # Panics
/// When none can be made.
#[must_use]
#[expect(clippy::expect_used, reason = "a test support room")]
pub fn folder_for_an_image() -> tempfile::TempDir {
    let free = Command::new("df").args(["--output=avail", "-B1M", "/dev/shm"]).output();
    let free = free.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let megabytes: u64 = free.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
    let folder = if megabytes > 4_000 { tempfile::tempdir_in("/dev/shm") } else { tempfile::tempdir() };
    folder.expect("a temporary folder")
}

/// Does `work` for every item on two threads.
pub fn each_of_two<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}
