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
