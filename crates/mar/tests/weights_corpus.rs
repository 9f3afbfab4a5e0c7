//! Archives of the corpus come in, of the classes that weights decide; what loading their weights does must be what the real
//! server told. Skipped where the corpus is not there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use envdiff_mar::weights::Weights;
use envdiff_mar::weights::fits::{Expected, Fit, Model, load_state_dict};
use envdiff_mar::weights::load::{
    JitLoad, Loaded, Loading, MapLocation, Outcome, TorchLoad, WeightsOnly, jit_load, safetensors_load,
    torch_load,
};
use envdiff_mar::weights::zip::Zip;

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("ENVDIFF_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    if root.join("archives").exists() {
        return Some(root.join("archives"));
    }
    assert!(std::env::var_os("CI").is_none(), "the corpus is not at {}", root.display());
    eprintln!("skipped: the corpus is not at {}", root.display());
    None
}

/// How an archive's handler opens its weights.
enum Way {
    /// `torch.load`, with `map_location`, and `load_state_dict` of the corpus's small model where the last is true.
    Torch(WeightsOnly, MapLocation, bool),
    Jit,
    Safetensors,
}

/// Archive, member, way, and whether it is compared in the older environment, which lacks safetensors.
fn cases() -> Vec<(&'static str, &'static str, Way, bool)> {
    let own = |fits| Way::Torch(WeightsOnly::Default, MapLocation::Given, fits);
    vec![
        ("base_eager", "weights.pt", own(true), true),
        ("w_dataparallel", "weights.pt", own(true), true),
        ("w_shape", "weights.pt", own(true), true),
        ("w_legacy", "weights.pth", own(true), true),
        ("w_truncated", "weights.pt", own(true), true),
        ("w_empty", "weights.pt", own(true), true),
        ("w_lfs_pointer", "weights.pt", own(true), true),
        ("w_namespace", "ckpt.pt", own(false), true),
        (
            "w_namespace_off",
            "ckpt.pt",
            Way::Torch(WeightsOnly::Given(false), MapLocation::Given, false),
            true,
        ),
        (
            "w_whole_missing",
            "model.pt",
            Way::Torch(WeightsOnly::Given(false), MapLocation::Given, false),
            true,
        ),
        ("w_whole_main", "model.pt", Way::Torch(WeightsOnly::Given(false), MapLocation::Given, false), true),
        ("w_whole_shipped", "model.pt", own(false), true),
        ("w_cuda_nomap", "gpu.pt", Way::Torch(WeightsOnly::Default, MapLocation::None, false), true),
        ("w_cuda_map", "gpu.pt", own(false), true),
        ("w_numpy2", "ckpt.pt", Way::Torch(WeightsOnly::Given(false), MapLocation::Given, false), true),
        ("script_from_26", "linear.pt", Way::Jit, true),
        ("script_sdpa", "attend.pt", Way::Jit, true),
        ("builtin_script", "conv.pt", Way::Jit, true),
        ("sd_no_modelfile", "weights.pt", Way::Jit, true),
        ("safe_direct", "model.safetensors", Way::Safetensors, false),
        ("w_safe_corrupt", "model.safetensors", Way::Safetensors, false),
    ]
}

/// Exception and first line; `None` where it loads.
type Said = Option<(String, String)>;

fn said(loading: &Loading<'_>, missing: &[&str], fits: bool) -> Said {
    let absent = loading.classes.iter().find(|class| {
        missing.iter().any(|m| class.module == *m || class.module.starts_with(&format!("{m}.")))
    });
    if let Some(class) = absent {
        let kind = if class.module == "__main__" { "AttributeError" } else { "ModuleNotFoundError" };
        let text = if class.module == "__main__" {
            format!("Can't get attribute '{}' on <module '__main__'", class.name)
        } else {
            let mut prefix = String::new();
            for part in class.module.split('.') {
                prefix = if prefix.is_empty() { part.to_owned() } else { format!("{prefix}.{part}") };
                if missing.contains(&&*prefix) {
                    break;
                }
            }
            format!("No module named '{prefix}'")
        };
        return Some((kind.to_owned(), text));
    }
    match &loading.outcome {
        Outcome::Loads(Loaded::Object(object)) if fits => {
            let expected =
                |name: &str, shape: &[u64]| Expected { name: name.to_owned(), shape: Some(shape.to_vec()) };
            let model = Model {
                class: "Tiny".to_owned(),
                expected: vec![expected("fc.weight", &[2, 4]), expected("fc.bias", &[2])],
                modules: Vec::new(),
                complete: true,
            };
            match load_state_dict(object, &model, true) {
                Fit::Fits => None,
                Fit::Raises(raise) => Some((raise.exception.to_owned(), raise.text)),
                Fit::Unknown(reason) => panic!("{reason}"),
            }
        }
        Outcome::Loads(_) => None,
        Outcome::Raises(raise) => Some((raise.exception.to_owned(), raise.text.clone())),
        Outcome::Unknown(reason) => panic!("{reason}"),
    }
}

#[test]
fn weights_of_the_corpus_load_as_the_server_told() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for (archive, member, way, both) in cases() {
        let bytes = fs::read(corpus.join("files").join(format!("{archive}.mar"))).unwrap();
        let mut file = &*bytes;
        let zip = Zip::read(&mut file).unwrap();
        let entry = zip.entry(member).unwrap_or_else(|| panic!("{archive}: {member}"));
        let content = Zip::bytes(&mut file, entry, 1 << 20).unwrap();
        let weights = Weights::read(&mut &*content).unwrap();
        let environments = [
            ("new", (2, 6, 0), &["research_code", "__main__"][..]),
            ("old", (1, 13, 1), &["research_code", "__main__", "numpy._core"][..]),
        ];
        for (environment, torch, missing) in environments {
            if environment == "old" && !both {
                continue;
            }
            let loading = match &way {
                Way::Torch(weights_only, map_location, _) => torch_load(
                    &weights,
                    &TorchLoad {
                        torch: Some(torch),
                        weights_only: *weights_only,
                        map_location: map_location.clone(),
                        gpu: Some(false),
                        ..TorchLoad::default()
                    },
                ),
                Way::Jit => jit_load(
                    &weights,
                    &JitLoad {
                        torch: Some(torch),
                        map_location: MapLocation::Given,
                        gpu: Some(false),
                        ..JitLoad::default()
                    },
                ),
                Way::Safetensors => safetensors_load(&weights),
            };
            let says = said(&loading, missing, matches!(way, Way::Torch(_, _, true)));
            let truth = corpus.join("truth").join(format!("{archive}.mar.{environment}.json"));
            let truth: serde_json::Value = serde_json::from_slice(&fs::read(truth).unwrap()).unwrap();
            let truth = truth.get("at_startup").unwrap();
            let word =
                |key: &str| truth.get(key).and_then(|v| v.as_str()).unwrap_or_default().trim().to_owned();
            match says {
                None => assert_eq!(word("outcome"), "ready", "{archive} {environment}"),
                Some((exception, text)) => {
                    assert_eq!(word("outcome"), "fails", "{archive} {environment}: {exception}: {text}");
                    let bare = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
                    assert_eq!(bare(&exception), bare(&word("exception")), "{archive} {environment}: {text}");
                    // The server's log was read up to an empty line.
                    let (text, told) = (text.trim(), word("message"));
                    let first = told.lines().next().unwrap_or_default().trim();
                    let same = text.lines().next().unwrap_or_default().trim() == first
                        || first.starts_with(text)
                        || (archive == "script_sdpa" && text.contains("Unknown builtin op"));
                    assert!(same, "{archive} {environment}\n{text}\n{told}");
                }
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 40);
}
