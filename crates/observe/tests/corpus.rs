//! The environments derived from extracted images against what their own interpreters said.
//!
//! `ENVDIFF_ROOTFS` names a folder with `<name>/` (a root file system) and `<name>.config.json` (what `docker image
//! inspect` prints), `ENVDIFF_TRUTH` one with `<name>.json` (truth of the corpus; default: the corpus' own).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
#![allow(clippy::print_stderr, reason = "tells that it skips")]

mod host;

use std::path::{Path, PathBuf};

use envdiff_files::{Budget, ImagePath, Seen, converse};
use envdiff_model::{
    Environment, Fact, ImageConfig, MarkerVariable, MetadataKind, Name, Origin, PathSource, Text,
};
use envdiff_observe::{Freeze, Inputs, Lookup, checkouts, environment, freeze, look_up};
use serde_json::Value;

/// Past this many rounds a test fails.
const MOST_ROUNDS: usize = 12;

struct Found {
    environment: Environment,
    freeze: Freeze,
    budget: Budget,
    /// Time beyond the source's.
    observed: std::time::Duration,
}

fn read(root: &Path, config: Option<&ImageConfig>, interpreter: Option<&str>) -> Found {
    let mut source = host::Host::new(root);
    let mut seen = Seen::new();
    let mut budget = Budget::default();
    let inputs = Inputs { config, interpreter: interpreter.and_then(ImagePath::new) };
    let began = std::time::Instant::now();
    let environment = converse(&mut source, &mut seen, &mut budget, |seen| environment(seen, &inputs))
        .expect("an environment");
    let of_environment = budget;
    let observed = began.elapsed().saturating_sub(source.spent);
    let checkouts =
        converse(&mut source, &mut seen, &mut budget, |seen| checkouts(seen, &environment)).unwrap();
    let freeze = freeze(&environment, &checkouts);
    Found { environment, freeze, budget: of_environment, observed }
}

fn config(path: &Path) -> ImageConfig {
    let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let json = if json.is_array() { &json[0] } else { &json };
    let config = &json["Config"];
    let list = |key: &str| -> Vec<Text> {
        config[key].as_array().into_iter().flatten().map(|v| Text::from(v.as_str().unwrap())).collect()
    };
    let text = |value: &Value| value.as_str().map(Text::from);
    ImageConfig {
        env: list("Env")
            .iter()
            .filter_map(|v| v.as_str().unwrap().split_once('=').map(|(k, v)| (Text::from(k), Text::from(v))))
            .collect(),
        user: text(&config["User"]).unwrap_or_default(),
        workdir: text(&config["WorkingDir"]).unwrap_or_default(),
        entrypoint: list("Entrypoint"),
        cmd: list("Cmd"),
        volumes: Vec::new(),
        os: text(&json["Os"]),
        architecture: text(&json["Architecture"]),
        variant: None,
    }
}

fn say(text: &Text) -> String {
    text.to_lossy().into_owned()
}

fn value(fact: &Fact<Text>) -> Option<String> {
    fact.value().map(say)
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect()
}

struct Differences(Vec<String>);

impl Differences {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, theirs: T) {
        if ours != theirs {
            self.0.push(format!("{what}: {ours:?}, truth {theirs:?}"));
        }
    }
}

fn kind(kind: MetadataKind) -> &'static str {
    match kind {
        MetadataKind::DistInfo => "dist-info",
        MetadataKind::EggInfoFolder => "egg-info-dir",
        MetadataKind::EggInfoFile => "egg-info-file",
        MetadataKind::Egg => "egg",
        MetadataKind::Zip => "egg-zip",
    }
}

fn compare(found: &Found, truth: &Value) -> Vec<String> {
    let mut out = Differences(Vec::new());
    let environment = &found.environment;
    if truth["entry"].is_null() {
        out.same("an interpreter", environment.interpreter.value().is_some(), false);
        return out.0;
    }
    let theirs = &truth["interpreter"];
    let Some(interpreter) = environment.interpreter.value() else {
        out.0.push(format!("interpreter unknown: {:?}", environment.interpreter.reason()));
        return out.0;
    };
    for (what, ours, key) in [
        ("executable", &interpreter.executable, "executable"),
        ("real", &interpreter.real, "realpath"),
        ("prefix", &interpreter.prefix, "prefix"),
        ("base_prefix", &interpreter.base_prefix, "base_prefix"),
        ("implementation", &interpreter.implementation, "implementation"),
    ] {
        out.same(what, say(ours).as_str(), theirs[key].as_str().unwrap_or_default());
    }
    out.same("version", value(&environment.python), theirs["version"].as_str().map(str::to_owned));

    let path = environment.sys_path.value().unwrap();
    // `python -m site`, which the truth asked, runs `site` a second time: what stands twice is dropped and code in .pth
    // files runs again. What any other module sees is the list of `-c` behind the working folder.
    let mut expected = strings(&truth["sys_path"]["c"]);
    let has_folder = expected.first().is_some_and(String::is_empty);
    if has_folder {
        expected[0] = truth["cwd"].as_str().unwrap().to_owned();
    }
    let ours: Vec<String> = path.iter().map(|e| say(&e.path)).collect();
    out.same("sys_path", &ours, &expected);

    // The truth's list leaves the working folder out.
    let mut theirs: Vec<Value> = truth["distributions"].as_array().unwrap().clone();
    theirs.retain(|d| d["metadata"].is_string());
    let mut ours: Vec<_> =
        environment.distributions.iter().filter(|d| path[d.path_index].from != PathSource::Cwd).collect();
    out.same("count of distributions", ours.len(), theirs.len());
    ours.sort_by_key(|d| d.path_index);
    let in_folder: Vec<_> =
        environment.distributions.iter().filter(|d| path[d.path_index].from == PathSource::Cwd).collect();
    let in_their_folder = truth["cwd_distributions"].as_array().map_or(0, Vec::len);
    out.same("distributions of the working folder", in_folder.len(), in_their_folder);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let here = say(&ours.metadata);
        out.same("metadata", here.as_str(), theirs["metadata"].as_str().unwrap());
        let text = |key: &str| theirs[key].as_str().map(str::to_owned);
        out.same(&format!("name of {here}"), ours.name.as_ref().map(say), text("name"));
        out.same(&format!("version of {here}"), ours.version.as_ref().map(say), text("version"));
        out.same(
            &format!("index of {here}"),
            ours.path_index as u64,
            theirs["path_index"].as_u64().unwrap() + u64::from(has_folder),
        );
        let their_kind = theirs["kind"].as_str().unwrap();
        let in_zip = ours.kind == MetadataKind::Zip;
        if !in_zip || their_kind == "egg-zip" {
            // A dangling or circular link is neither folder nor file to the truth.
            out.same(&format!("kind of {here}"), kind(ours.kind), their_kind);
        }
        out.same(
            &format!("installer of {here}"),
            ours.installer.as_ref().map(say),
            text("installer").map(|t| t.lines().next().unwrap_or_default().to_owned()),
        );
        let shadowed_here = in_folder.iter().any(|d| d.name == ours.name);
        out.same(
            &format!("shadowed {here}"),
            ours.shadowed && !shadowed_here,
            !theirs["shadowed_by"].is_null(),
        );
        out.same(&format!("ambiguous {here}"), ours.ambiguous, theirs["ambiguous"] == true);
        out.same(
            &format!("error of {here}"),
            ours.error.is_some(),
            ours.name.is_none() || ours.version.is_none(),
        );
        let origin = match (&ours.direct_url, &theirs["direct_url"]) {
            (None, Value::Null) => None,
            (Some(Fact::Unknown { .. }), Value::Object(o)) if o.contains_key("unparsable") => None,
            (Some(Fact::Known { value, .. }), Value::Object(o)) => {
                let same = say(&value.url) == o["url"]
                    && value.subdirectory.as_ref().map(say)
                        == o.get("subdirectory").map(|s| s.as_str().unwrap().to_owned())
                    && match &value.origin {
                        Origin::Vcs { commit_id, .. } => say(commit_id) == o["vcs_info"]["commit_id"],
                        Origin::Archive { hashes } => {
                            hashes.len()
                                == o["archive_info"].get("hashes").map_or(0, |h| h.as_object().unwrap().len())
                        }
                        Origin::Directory { editable } => *editable == (o["dir_info"]["editable"] == true),
                    };
                (!same).then(|| format!("{value:?}"))
            }
            (ours, _) => Some(format!("{ours:?}")),
        };
        if let Some(origin) = origin {
            out.0.push(format!("direct_url of {here}: {origin}, truth {}", theirs["direct_url"]));
        }
    }

    for (name, version) in truth["effective"].as_object().unwrap() {
        let written = environment
            .distributions
            .iter()
            .filter_map(|d| d.name.as_ref())
            .find(|n| Name::new(&n.to_lossy()).as_str() == name)
            .map_or_else(|| name.clone(), say);
        let version = version.as_str();
        match look_up(environment, &written) {
            Lookup::NotFound => {
                out.same(&format!("look-up of {name}"), Some("error: PackageNotFoundError"), version)
            }
            Lookup::Found(one) => {
                out.same(&format!("look-up of {name}"), one.version.as_ref().map(say).as_deref(), version);
            }
            Lookup::OneOf(many) => {
                let one = many.iter().any(|d| d.version.as_ref().map(say).as_deref() == version);
                out.same(&format!("look-up of {name}"), one, true);
            }
        }
    }

    for variable in MarkerVariable::ALL {
        let theirs = truth["markers"][variable.as_str()].as_str().map(str::to_owned);
        out.same(variable.as_str(), value(&environment.markers[&variable]), theirs);
    }

    let pip = &truth["pip"];
    let said = if pip["own_pip"].is_object() { &pip["own_pip"] } else { &pip["reference_pip"] };
    let either = |line: &String| {
        found.freeze.either.iter().any(|name| {
            let head = line.split(['=', ' ']).next().unwrap_or_default();
            Name::new(head) == *name
        })
    };
    if said["freeze_rc"].is_null() {
        let mut ours: Vec<String> = found.freeze.lines.iter().map(say).collect();
        let mut theirs = strings(&said["freeze"]);
        ours.retain(|l| !either(l));
        theirs.retain(|l| !either(l));
        out.same("freeze", ours, theirs);
        out.same("freeze falls", found.freeze.falls.is_some(), false);
    } else {
        out.same("freeze falls", found.freeze.falls.is_some(), true);
    }

    for (executable, other) in truth["others"].as_object().into_iter().flatten() {
        let version = other["interpreter"]["version"].as_str().unwrap();
        match environment.interpreters.iter().find(|o| say(&o.executable) == *executable) {
            Some(ours) => match &ours.version {
                Fact::Known { value, .. } => out.same(executable, say(value).as_str(), version),
                Fact::Unknown { reason } => eprintln!("    {executable}: unknown, {}", say(reason)),
            },
            None => {
                let started = say(&interpreter.real);
                if other["interpreter"]["realpath"] != started {
                    out.0.push(format!("{executable} was not found"));
                }
            }
        }
    }
    out.0
}

fn folder(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

#[test]
fn extracted_images_are_what_their_interpreters_say() {
    let Some(rootfs) = folder("ENVDIFF_ROOTFS") else {
        eprintln!("skipped: ENVDIFF_ROOTFS names no folder of extracted images");
        return;
    };
    let corpus = folder("ENVDIFF_CORPUS")
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"));
    let truths = folder("ENVDIFF_TRUTH").unwrap_or_else(|| corpus.join("images/truth"));
    let mut names: Vec<String> = std::fs::read_dir(&truths)
        .expect("the truth")
        .filter_map(|e| e.unwrap().file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    let only = std::env::var("ENVDIFF_IMAGE").ok();
    let mut failed = false;
    for name in names.iter().filter(|n| only.as_ref().is_none_or(|o| o == *n)) {
        let root = rootfs.join(name);
        if !root.is_dir() {
            eprintln!("{name}: not extracted");
            continue;
        }
        let config = config(&rootfs.join(format!("{name}.config.json")));
        let truth: Value =
            serde_json::from_slice(&std::fs::read(truths.join(format!("{name}.json"))).unwrap()).unwrap();
        let found = read(&root, Some(&config), None);
        let mut differences = compare(&found, &truth);
        if found.budget.rounds > MOST_ROUNDS {
            differences.push(format!("{} rounds", found.budget.rounds));
        }
        // The interpreters that do not start, named by the user.
        for (executable, other) in truth["others"].as_object().into_iter().flatten() {
            let named = read(&root, Some(&config), Some(executable));
            let mut out = Differences(Vec::new());
            let interpreter = named.environment.interpreter.value().unwrap();
            let theirs = &other["interpreter"];
            out.same(
                "executable",
                say(&interpreter.executable).as_str(),
                theirs["executable"].as_str().unwrap(),
            );
            out.same("real", say(&interpreter.real).as_str(), theirs["realpath"].as_str().unwrap());
            out.same("prefix", say(&interpreter.prefix).as_str(), theirs["prefix"].as_str().unwrap());
            out.same(
                "base_prefix",
                say(&interpreter.base_prefix).as_str(),
                theirs["base_prefix"].as_str().unwrap(),
            );
            out.same(
                "version",
                value(&named.environment.python),
                theirs["version"].as_str().map(str::to_owned),
            );
            let path: Vec<String> =
                named.environment.sys_path.value().unwrap().iter().map(|e| say(&e.path)).collect();
            out.same("sys_path", path, strings(&other["sys_path"]["m"]));
            for (name, version) in other["effective"].as_object().unwrap() {
                match look_up(&named.environment, name) {
                    Lookup::Found(one) => {
                        out.same(name, one.version.as_ref().map(say).as_deref(), version.as_str())
                    }
                    other => out.0.push(format!("{name}: {other:?}")),
                }
            }
            differences.extend(out.0.into_iter().map(|d| format!("{executable}: {d}")));
        }
        eprintln!(
            "{name}: {} rounds, {} questions, {} bytes, {:?} of its own, {} distributions, {} others, {} unknown, {} differences",
            found.budget.rounds,
            found.budget.questions,
            found.budget.bytes,
            found.observed,
            found.environment.distributions.len(),
            found.environment.interpreters.len(),
            found.environment.unknown.len(),
            differences.len()
        );
        if let Some(interpreter) = found.environment.interpreter.value() {
            eprintln!("    {}", interpreter.reached_by.iter().map(say).collect::<Vec<_>>().join(" > "));
        } else {
            eprintln!("    {}", say(found.environment.interpreter.reason().unwrap()));
        }
        for unknown in &found.environment.unknown {
            eprintln!("    unknown {}: {}", say(&unknown.what), say(&unknown.why));
        }
        for difference in &differences {
            eprintln!("  - {difference}");
            failed = true;
        }
    }
    assert!(!failed, "differences from the truth");
}
