//! Environments of real torch wheels (`fixtures/torch`), thinned to what is read of them: the static picture beside what the
//! interpreter of each said of itself. Where the whole images are there, they are held to the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use envdiff_tests::{envdiff, root};
use serde_json::{Value, json};

/// What an environment is held to beside its truth.
struct Expected {
    name: &'static str,
    /// Every finding at warning or error level: `error CHECK SUBJECT`.
    findings: &'static [&'static str],
}

const ENVIRONMENTS: [Expected; 5] = [
    Expected { name: "1.13.1", findings: &[] },
    Expected { name: "2.1.2", findings: &[] },
    Expected { name: "2.6.0", findings: &[] },
    Expected { name: "2.15.0", findings: &[] },
    Expected { name: "2.15.0-torchaudio", findings: &["error companion-of-another-variant torchaudio"] },
];

fn folder(name: &str) -> PathBuf {
    root().join("fixtures/torch").join(name)
}

fn truth(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder(name).join("truth.json")).unwrap()).unwrap()
}

/// Runs the command and reads the JSON that it prints.
fn json_of(arguments: &[&str]) -> Value {
    let output = envdiff().args(arguments).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn unpacked(name: &str, into: &Path) -> String {
    let bundle = into.join(name);
    std::fs::create_dir(&bundle).unwrap();
    let archive = folder(name).join("bundle.tar.gz");
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&bundle).status().unwrap();
    assert!(status.success());
    format!("dir:{}", bundle.display())
}

/// The static picture in the words of the truth; what is not known there stands as its reason.
fn picture(environment: &Value) -> Value {
    fn value(fact: &Value) -> Value {
        if fact["unknown"].is_string() { fact.clone() } else { fact["value"].clone() }
    }
    let torch = value(&environment["torch"]);
    let (cuda, native) = (value(&environment["cuda"]), value(&environment["native"]));
    let library = |fact: &Value| fact["path"].as_str().map(without_dots);
    let architectures = value(&torch["architectures"]);
    let architectures = architectures.as_array().map_or(architectures.clone(), |all| {
        all.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(" ").into()
    });
    let companion = |name: &str| {
        torch["companions"].as_array().unwrap().iter().find(|companion| companion["name"] == name).cloned()
    };
    let distributions = environment["distributions"].as_array().unwrap();
    let distributions = distributions.iter().filter(|one| one["shadowed"] == false);
    let distributions = sorted(distributions.map(|one| (&one["name"], &one["version"])));
    let variant = value(&torch["variant"]);
    json!({
        "python": value(&environment["python"]),
        "machine": value(&native["architecture"]),
        "libc": value(&native["libc"]),
        "libstdcxx": value(&native["libstdcxx"])["glibcxx"],
        "version": torch["version"],
        "location": torch["location"],
        "variant": variant,
        "git_version": torch["git_version"],
        "architectures": architectures,
        "cxx11_abi": value(&torch["cxx11_abi"]),
        "cudnn": cudnn(&value(&environment["cudnn"])["version"]),
        "libcudnn": library(&value(&environment["cudnn"])),
        "nccl": value(&environment["nccl"])["version"],
        "libnccl": library(&value(&environment["nccl"])),
        "libcudart": library(&cuda["runtime"]),
        "torchvision": companion("torchvision").map(|one| value(&one["cuda"])),
        "torchaudio": companion("torchaudio").map(|one| value(&one["cuda"])),
        "triton": companion("triton").map(|one| one["version"].clone()),
        "distributions": distributions,
    })
}

/// `torch/lib/../../nvidia` as `nvidia`: no folder on the way is a link here.
fn without_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for part in path.split('/') {
        if part == ".." {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out.join("/")
}

/// Names, normalised, with versions, by name.
fn sorted<'a>(distributions: impl Iterator<Item = (&'a Value, &'a Value)>) -> Value {
    let line = |(name, version): (&Value, &Value)| {
        let name = name.as_str().unwrap().to_lowercase().replace(['_', '.'], "-");
        format!("{name}=={}", version.as_str().unwrap())
    };
    let mut lines: Vec<String> = distributions.map(line).collect();
    lines.sort_unstable();
    lines.into()
}

/// `9.1.0.70` as `torch.backends.cudnn.version()` writes it: 90100; before 9 with a digit less: 8902.
fn cudnn(version: &Value) -> Value {
    let Some(version) = version.as_str() else { return Value::Null };
    let parts: Vec<u64> = version.split('.').map(|part| part.parse().unwrap()).collect();
    let major = if parts[0] >= 9 { 10_000 } else { 1_000 };
    (parts[0] * major + parts[1] * 100 + parts[2]).into()
}

/// The truth in the words of [`picture`].
fn wanted(truth: &Value) -> Value {
    let torch = &truth["torch"];
    let mapped = truth["mapped"].as_object().unwrap();
    let library = |begin: &str| {
        mapped.iter().find(|(name, _)| name.starts_with(begin)).map_or(Value::Null, |(_, path)| path.clone())
    };
    // NCCL of 1.13 is a part of libtorch_cuda.so; no file tells of it.
    let nccl = torch["nccl"].as_array().filter(|_| !library("libnccl.so").is_null());
    let dotted = |all: &Vec<Value>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
    let libstdcxx = mapped.keys().find_map(|name| name.strip_prefix("libstdc++.so.6.0."));
    let built_for = |name: &str| {
        let told = &truth["companions"][name];
        match (&told["cuda"], told["version"].as_str()) {
            // 12040
            (Value::Number(number), _) => {
                let number = number.as_u64().unwrap();
                Some(json!(format!("{}.{}", number / 1000, number % 1000 / 10)))
            }
            (_, Some(_)) => Some(torch["cuda"].clone()),
            // It was not imported: its message tells what it was built for.
            (_, None) => told["raises"].as_str().and_then(|message| {
                let (_, after) = message.split_once("TorchAudio has CUDA version ")?;
                Some(json!(after.split(". ").next()?))
            }),
        }
    };
    let distributions = truth["distributions"].as_array().unwrap();
    let distributions = sorted(distributions.iter().map(|one| (&one[0], &one[1])));
    json!({
        "python": truth["python"],
        "machine": truth["machine"],
        "libc": {"kind": "glibc", "version": truth["libc"][1]},
        "libstdcxx": libstdcxx.map(|patch| format!("3.4.{patch}")),
        "version": torch["version"],
        "location": torch["location"],
        "variant": {"kind": "cuda", "version": torch["cuda"]},
        "git_version": torch["git_version"],
        "architectures": torch["arch_flags"],
        "cxx11_abi": torch["cxx11_abi"],
        "cudnn": torch["cudnn"],
        "libcudnn": library("libcudnn.so"),
        "nccl": nccl.map(dotted),
        "libnccl": library("libnccl.so"),
        "libcudart": library("libcudart"),
        "torchvision": built_for("torchvision"),
        "torchaudio": built_for("torchaudio"),
        "triton": truth["triton"].as_str(),
        "distributions": distributions,
    })
}

/// Findings at warning and error level: `error CHECK SUBJECT`.
fn told(report: &Value) -> Vec<String> {
    let findings = report["audits"][0]["findings"].as_array().unwrap();
    let told = findings.iter().filter(|finding| finding["severity"] != "note");
    told.map(|finding| ["severity", "check", "subject"].map(|key| finding[key].as_str().unwrap()).join(" "))
        .collect()
}

/// What is not as it should be with one target.
fn faults(target: &str, expected: &Expected) -> Vec<String> {
    let truth = truth(expected.name);
    let report = json_of(&[target, "--format", "json"]);
    let audit = &report["audits"][0];
    let (have, want) = (picture(&audit["environment"]), wanted(&truth));
    let mut out: Vec<String> = want
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, want)| have[*key] != **want)
        .map(|(key, want)| format!("{target}: {key}\n     got {}\n  wanted {want}", have[key]))
        .collect();
    let findings = told(&report);
    if findings != expected.findings {
        out.push(format!("{target}: findings {findings:#?}, wanted {:#?}", expected.findings));
    }
    // Nothing in these environments is kept from being told.
    for module in audit["environment"]["native"]["value"]["modules"].as_array().into_iter().flatten() {
        let file = &module["file"];
        let whole = file["value"]["missing"] == json!([]) && file["value"]["doubts"] == json!([]);
        if !whole {
            out.push(format!("{target}: {}: {file}", module["path"]));
        }
    }
    out
}

/// How many round trips it took, as `-vv` tells.
fn rounds(target: &str) -> usize {
    let output = envdiff().args([target, "-vv"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with("rounds")).unwrap();
    words[at - 1].parse().unwrap()
}

#[test]
fn thin_roots_are_what_their_torch_says() {
    let work = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for expected in &ENVIRONMENTS {
        let target = unpacked(expected.name, work.path());
        all.extend(faults(&target, expected));
        let rounds = rounds(&target);
        assert!(rounds <= 12, "{target}: {rounds} rounds of questions");
    }
    assert!(all.is_empty(), "{} differences\n{}", all.len(), all.join("\n"));
}

#[test]
fn real_torch_meets_machines() {
    let work = tempfile::tempdir().unwrap();
    let targets: Vec<(&str, String)> =
        ENVIRONMENTS.iter().map(|one| (one.name, unpacked(one.name, work.path()))).collect();
    for (name, driver, gpu, wanted) in [
        ("1.13.1", "535.104.05", "NVIDIA A100-SXM4-40GB", None),
        ("1.13.1", "535.104.05", "NVIDIA H100 PCIe", Some("gpu-not-in-torch-arch-list")),
        ("2.1.2", "525.60.13", "Tesla V100-SXM2-16GB", None),
        ("2.1.2", "470.86", "NVIDIA GeForce RTX 3050 Laptop GPU", Some("driver-too-old-for-cuda")),
        // sm_86 covers 8.9, and CUDA 12.4 runs on a driver of 12.2.
        ("2.6.0", "535.104.05", "NVIDIA L4", None),
        ("2.6.0", "570.124.06", "NVIDIA GeForce RTX 5090", Some("gpu-not-in-torch-arch-list")),
        ("2.15.0", "580.95.05", "NVIDIA H100 80GB HBM3", None),
        ("2.15.0", "580.95.05", "Tesla V100-SXM2-16GB", Some("gpu-not-in-torch-arch-list")),
        ("2.15.0", "none", "none", None),
    ] {
        let target = &targets.iter().find(|(one, _)| *one == name).unwrap().1;
        let report = json_of(&[target, "--driver", driver, "--gpu", gpu, "--format", "json"]);
        let wanted: Vec<String> = wanted.iter().map(|check| format!("error {check} torch")).collect();
        assert_eq!(told(&report), wanted, "torch {name}, driver {driver}, {gpu}");
    }
}

/// The images stay where they were built, for each is gigabytes: CI has the bundles alone.
#[test]
fn whole_images_are_what_their_torch_says() {
    let mut all = Vec::new();
    for expected in &ENVIRONMENTS {
        let image = format!("envdiff-torch/{}", expected.name);
        let there = Command::new("docker").args(["image", "inspect", &image]).output();
        if !there.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: {image} is not built here (fixtures/torch/build.sh)");
            continue;
        }
        all.extend(faults(&format!("docker:{image}"), expected));
    }
    assert!(all.is_empty(), "{} differences\n{}", all.len(), all.join("\n"));
}
