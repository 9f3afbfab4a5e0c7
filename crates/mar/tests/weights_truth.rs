//! The small files of `fixtures/weights` come in, beside what the real loaders did with them; what is predicted must be that.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use envdiff_mar::weights::Weights;
use envdiff_mar::weights::load::{
    JitLoad, Loading, MapLocation, Outcome, PickleLoad, Release, TorchLoad, WeightsOnly, jit_load,
    joblib_load, np_load, onnx_load, pickle_load, safetensors_load, torch_load,
};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/weights")
}

/// What a loader did: its class or exception and text.
#[derive(serde::Deserialize, Debug)]
struct Told {
    raises: Option<String>,
    text: Option<String>,
}

type Truth = BTreeMap<String, BTreeMap<String, Told>>;

fn read(file: &str) -> Weights {
    let bytes = fs::read(fixtures().join("files").join(file)).unwrap();
    Weights::read(&mut &*bytes).unwrap()
}

fn predicted<'a>(
    weights: &'a Weights,
    way: &str,
    torch: Release,
    python: (u32, u32),
    path: &str,
) -> Loading<'a> {
    let cpu =
        |way: &str| if way.contains("map_location=cpu") { MapLocation::Given } else { MapLocation::None };
    let load = |weights_only| TorchLoad {
        torch: Some(torch),
        weights_only,
        map_location: cpu(way),
        gpu: Some(false),
        ..TorchLoad::default()
    };
    let plain = PickleLoad { python: Some(python), torch: Some(torch), gpu: Some(false) };
    match way {
        "torch.load" => torch_load(weights, &load(WeightsOnly::Default)),
        "torch.load weights_only=True" => torch_load(weights, &load(WeightsOnly::Given(true))),
        "torch.load weights_only=False" | "torch.load weights_only=False map_location=cpu" => {
            torch_load(weights, &load(WeightsOnly::Given(false)))
        }
        "torch.jit.load" | "torch.jit.load map_location=cpu" => {
            let call = JitLoad {
                torch: Some(torch),
                map_location: cpu(way),
                gpu: Some(false),
                ..JitLoad::default()
            };
            jit_load(weights, &call)
        }
        "pickle.load" => pickle_load(weights, &plain),
        "joblib.load" => joblib_load(weights, &plain),
        "safetensors" => safetensors_load(weights),
        "onnxruntime" => onnx_load(weights, path),
        "numpy.load" => np_load(weights, Some(false), path, &plain),
        "numpy.load allow_pickle=True" => np_load(weights, Some(true), path, &plain),
        other => panic!("{other}"),
    }
}

/// What of a text is compared: its first line with anything in it, without the line of torch's source.
fn comparable(text: &str) -> String {
    let text = text.trim_start();
    let whole = text.starts_with("Weights only load failed");
    let first = if whole { text } else { text.lines().next().unwrap_or_default() };
    let first = match first.split_once("] . ") {
        Some((_, rest)) if first.starts_with("[enforce fail") => rest,
        _ => first,
    };
    // What JSON's reader says, and where, hangs on the library's version.
    let first = first.split(" in header").next().unwrap_or_default();
    first.trim_end().to_owned()
}

/// Where the prediction may differ, with the reason.
const DIFFERS: &[(&str, &str, &str)] = &[
    (
        "array.npy",
        "*",
        "which error the unpickler gives for bytes that are no pickle hangs on the release of Python",
    ),
    ("array_cut.npy", "*", "the same"),
    ("header_cut.npy", "*", "the same"),
    ("objects.npy", "*", "the same"),
    ("metadata.safetensors", "*", "the same"),
    ("array.pkl", "torch.load", "an array is compared with a number, which raises another error"),
    ("build_dict.pt", "torch.load", "what BUILD does to an object is not followed"),
    ("sparse.pt", "torch.load", "an older torch lacks what a newer one wrote"),
    ("front_cut.pt", "torch.jit.load", "a zip that lost its begin is not recognised as one"),
    ("front_cut.pt", "joblib.load", "joblib's unpickler is another, with errors of its own"),
    ("plain_cut.pkl", "joblib.load", "the same"),
    ("plain_class.pkl", "numpy.load", "a class that is not importable is told as such"),
    ("version_text.pt", "torch", "the text holds a line feed"),
];

fn differs(file: &str, way: &str) -> bool {
    DIFFERS.iter().any(|(f, w, _)| *f == file && (*w == "*" || way.starts_with(w)))
}

fn check(name: &str, torch: Release, python: (u32, u32), missing: &[&str]) {
    let truth: Truth =
        serde_json::from_slice(&fs::read(fixtures().join("truth").join(format!("{name}.json"))).unwrap())
            .unwrap();
    let mut wrong = Vec::new();
    let mut unknown = BTreeMap::new();
    let mut right = 0;
    for (file, ways) in &truth {
        let weights = read(file);
        for (way, told) in ways {
            // An older numpy words it in another way.
            if way.starts_with("numpy") && torch != (2, 6, 0) {
                continue;
            }
            let path = format!("<files>/{file}");
            let loading = predicted(&weights, way, torch, python, &path);
            let class = loading.classes.iter().find(|class| {
                missing.iter().any(|m| {
                    format!("{}.{}", class.module, class.name) == *m
                        || class.module == *m
                        || class.module.starts_with(&format!("{m}."))
                })
            });
            let says = match (&class, &loading.outcome) {
                (Some(_), _) => Some("a class that is not importable".to_owned()),
                (None, Outcome::Loads(_)) => None,
                (None, Outcome::Raises(raise)) => {
                    Some(format!("{}: {}", raise.exception, comparable(&raise.text)))
                }
                (None, Outcome::Unknown(reason)) => {
                    unknown.insert(format!("{file} {way}"), reason.clone());
                    continue;
                }
            };
            let is = told.raises.as_ref().map(|exception| {
                let text = told.text.as_deref().unwrap_or_default();
                if matches!(&**exception, "ModuleNotFoundError" | "AttributeError") {
                    "a class that is not importable".to_owned()
                } else {
                    format!("{exception}: {}", comparable(text))
                }
            });
            if says == is {
                right += 1;
            } else if !differs(file, way) {
                wrong.push(format!("{file} | {way}\n   is   {is:?}\n   says {says:?}"));
            }
        }
    }
    let wrongs = wrong.join("\n");
    assert!(wrong.is_empty(), "{name}: {right} right, unknown {unknown:#?}, {} wrong\n{wrongs}", wrong.len());
    assert!(right > 600 && unknown.len() <= 10, "{name}: {right} right, unknown {unknown:#?}");
}

#[test]
fn torch_2_6_does_what_is_predicted() {
    check("torch-2.6.0", (2, 6, 0), (3, 11), &["research"]);
}

#[test]
fn torch_1_13_does_what_is_predicted() {
    check(
        "torch-1.13.1",
        (1, 13, 1),
        (3, 8),
        &["research", "joblib", "numpy._core", "torch._utils._rebuild_tensor_v3"],
    );
}

#[test]
fn torch_2_0_does_what_is_predicted() {
    check("torch-2.0.1", (2, 0, 1), (3, 11), &["research", "joblib", "torch._utils._rebuild_tensor_v3"]);
}

#[test]
fn torch_2_2_does_what_is_predicted() {
    check("torch-2.2.2", (2, 2, 2), (3, 11), &["research", "joblib", "torch.uint16"]);
}

#[test]
fn torch_2_4_does_what_is_predicted() {
    check("torch-2.4.1", (2, 4, 1), (3, 11), &["research", "joblib"]);
}

#[test]
fn torch_2_5_does_what_is_predicted() {
    check("torch-2.5.1", (2, 5, 1), (3, 11), &["research", "joblib"]);
}

#[test]
fn torch_2_7_does_what_is_predicted() {
    check("torch-2.7.1", (2, 7, 1), (3, 11), &["research", "joblib"]);
}

/// The lists of real releases: every name that any of them allows is asked of each.
#[test]
fn what_weights_only_allows_is_what_each_release_allows() {
    let releases: [Release; 7] =
        [(1, 13, 1), (2, 0, 1), (2, 2, 2), (2, 4, 1), (2, 5, 1), (2, 6, 0), (2, 7, 1)];
    let lists: Vec<Vec<String>> = releases
        .iter()
        .map(|(major, minor, _)| {
            let file = fixtures().join("truth").join(format!("allowed-{major}.{minor}.json"));
            serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
        })
        .collect();
    let every: std::collections::BTreeSet<&String> = lists.iter().flatten().collect();
    let mut wrong = Vec::new();
    for (release, list) in releases.iter().zip(&lists) {
        for name in &every {
            let (module, bare) = name.rsplit_once('.').unwrap();
            let says = envdiff_mar::weights::weights_only::allows(*release, module, bare);
            if says != list.contains(name) {
                wrong.push(format!("{release:?} {name} says {says}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
