//! The corpus of locks and images comes in: every verdict is that of pip's own parser and PyPI's `packaging`.

use std::path::{Path, PathBuf};

use envdiff_judge::{Policy, audit};
use envdiff_lock::{Disk, LockError, ReadAsChoice, Reader};
use envdiff_model::{Lock, Verdict};
use envdiff_packaging::file::{self, ReadError};
use serde_json::Value;

use crate::truth;

/// This machine with the one variable that the truth was made with.
struct OneVariable(Disk);

impl file::Reader for OneVariable {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.0.read(path)
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "WHEEL_HOST").then(|| "wheels.example.com".to_owned())
    }
    fn is_folder(&self, path: &str) -> bool {
        self.0.is_folder(path)
    }
    fn folder(&self) -> String {
        self.0.folder()
    }
}
impl Reader for OneVariable {
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.0.list(path)
    }
}

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("ENVDIFF_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    if root.join("locks/requirements/pairs.txt").exists() {
        return Some(root.canonicalize().unwrap());
    }
    assert!(std::env::var_os("CI").is_none(), "the corpus is not at {}", root.display());
    eprintln!("skipped: the corpus is not at {}", root.display());
    None
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn pairs(corpus: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(corpus.join("locks/requirements/pairs.txt")).unwrap();
    text.lines()
        .filter_map(|line| line.split('#').next()?.trim().split_once(' '))
        .map(|(lock, image)| (lock.to_owned(), image.trim().to_owned()))
        .collect()
}

fn truth_of(corpus: &Path, lock: &str, image: &str) -> Value {
    let stem = lock.replace("/requirements.txt", "").replace('/', "-");
    let stem = stem.trim_end_matches(".txt");
    json(&corpus.join(format!("locks/requirements/truth/{stem}__{image}.json")))
}

fn read(corpus: &Path, lock: &str) -> (Lock, Option<LockError>) {
    let path = corpus.join("locks/requirements").join(lock);
    let reader = OneVariable(Disk::new());
    envdiff_lock::read_what_there_is(path.to_str().unwrap(), &reader, ReadAsChoice::Auto).unwrap()
}

#[test]
fn every_verdict_of_every_pair() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    let mut compared = 0;
    let pairs = pairs(&corpus);
    for (lock_name, image) in &pairs {
        let truth = truth_of(&corpus, lock_name, image);
        let (lock, _) = read(&corpus, lock_name);
        let snapshot = truth::snapshot(&json(&corpus.join(format!("images/truth/{image}.json"))));
        let audit = audit(snapshot, vec![lock], Vec::new(), &Policy::default());
        let wanted = truth["requirements"].as_array().unwrap();
        if wanted.len() != audit.requirements.len() {
            wrong.push(format!(
                "{lock_name} {image}: {} requirements, not {}",
                audit.requirements.len(),
                wanted.len()
            ));
        }
        let root = corpus.join("locks/requirements").join(lock_name);
        let root = root.parent().unwrap().to_str().unwrap();
        for (row, judged) in wanted.iter().zip(&audit.requirements) {
            compared += 1;
            let requirement = &audit.locks[0].requirements[judged.requirement];
            let file = requirement.at.file.to_lossy();
            let file = Path::new(&*file).strip_prefix(root).unwrap_or(Path::new(&*file)).to_str().unwrap();
            let expected = (
                row["file"].as_str().unwrap(),
                row["line"].as_u64().unwrap(),
                row["verdict"].as_str().unwrap(),
            );
            let got = (file, requirement.at.line as u64, judged.verdict.as_str());
            if expected != got {
                wrong.push(format!(
                    "{lock_name} {image}: {:?}: {expected:?}, said {got:?} ({:?})",
                    row["text"], judged.reason
                ));
            }
            let name = requirement.name.as_ref().map(|n| n.as_str());
            if judged.verdict != Verdict::Invalid && row["canonical"].as_str() != name {
                wrong.push(format!(
                    "{lock_name} {image}: {:?}: name {:?}, said {name:?}",
                    row["text"], row["canonical"]
                ));
            }
            let installed = row["installed"].as_str();
            let said = judged.installed.as_ref().map(|v| v.to_lossy().into_owned());
            // Where several copies rival, or a URL has no name, the truth tells other things.
            if installed.is_some() && installed != said.as_deref() {
                wrong.push(format!(
                    "{lock_name} {image}: {:?}: installed {installed:?}, said {said:?}",
                    row["text"]
                ));
            }
        }
    }
    eprintln!("{} pairs, {compared} verdicts, {} wrong", pairs.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(pairs.len(), 56);
}

#[test]
fn what_pip_refuses_as_a_whole_is_refused() {
    let Some(corpus) = corpus() else { return };
    for (lock_name, image) in pairs(&corpus) {
        let truth = truth_of(&corpus, &lock_name, &image);
        // A word glued to `-r` is a line that no installer takes; the other lines are compared.
        let glued = |p: &&serde_json::Value| {
            p.as_str().is_some_and(|p| p.ends_with("'equests'") || p.ends_with("'ch'"))
        };
        let stops = truth["problems"].as_array().unwrap().iter().any(|p| !glued(&p));
        let (lock, refusal) = read(&corpus, &lock_name);
        let is_empty = matches!(refusal, Some(LockError::Empty { .. }));
        assert_eq!(refusal.is_some(), stops || is_empty, "{lock_name}: {refusal:?}");
        let says = truth["pip_says"].as_str().is_some();
        let invalid = lock.problems.iter().any(|problem| problem.refused)
            || lock
                .requirements
                .iter()
                .any(|r| matches!(r.kind, envdiff_model::RequirementKind::Invalid { .. }));
        // A path that is not there is pip's complaint on that machine and no fault of the lock.
        let unknown_path = truth["pip_says"]
            .as_str()
            .is_some_and(|s| s.contains("looks like a path") || s.contains("is not a valid editable"));
        assert_eq!(refusal.is_some() && !is_empty || invalid || unknown_path, says, "{lock_name}");
    }
}
