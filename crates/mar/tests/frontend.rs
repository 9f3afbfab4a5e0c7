//! The corpus of archives comes in, each with what two running servers did with it; what the frontend's stages decide here
//! must be the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use envdiff_mar::container::Archive;
use envdiff_mar::ending::Ending;
use envdiff_mar::server::Server;
use envdiff_mar::{Version, manifest, model_config, place, requirements};
use envdiff_model::{Outcome, Stage};
use serde_json::Value as Json;

/// The folder of the corpus; `None`, said aloud, where there is none on this machine.
fn corpus() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let folder = std::env::var_os("ENVDIFF_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.is_dir() {
        return Some(folder.canonicalize().unwrap().join("archives"));
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no corpus: set ENVDIFF_CORPUS");
    eprintln!("skipped: no corpus (ENVDIFF_CORPUS)");
    None
}

fn json(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Name, version and endings of one archive, stage by stage in the server's order.
fn endings(
    folder: &Path,
    name: &str,
    version: Version,
    install: bool,
) -> (place::Place, Vec<(Ending, String)>) {
    let server = Server { install, ..Server::of_version(version) };
    let archive = Archive::open(&folder.join("files").join(name)).unwrap();
    let mut all = Vec::new();
    let mut take = |troubles: Vec<envdiff_model::Trouble>, endings: Vec<Ending>| {
        for ending in endings {
            let message = troubles[ending.trouble].message.to_lossy().into_owned();
            all.push((ending, message));
        }
    };
    let contents = archive.unpack(version, false);
    take(contents.troubles, contents.endings);
    let contents = contents.facts;
    let manifest = manifest::read(&contents, version);
    let place = place::read(name, &manifest.facts, &server);
    let config = model_config::read(&contents, &manifest.facts, version);
    let wanted =
        requirements::read(&contents, &manifest.facts, &config.facts, &server, None, &place.facts.name);
    take(manifest.troubles, manifest.endings);
    take(config.troubles, config.endings);
    take(wanted.troubles, wanted.endings);
    take(place.troubles, place.endings);
    (place.facts, all)
}

#[test]
fn the_frontend_s_stages_end_as_on_a_running_server() {
    let Some(folder) = corpus() else { return };
    let classes = ["container", "manifest", "config", "requirements", "duplicate", "healthy"];
    let (mut total, mut right, mut wrong) = (0, 0, Vec::new());
    for case in json(&folder.join("cases.json")).as_array().unwrap() {
        let (name, class) = (case["archive"].as_str().unwrap(), case["class"].as_str().unwrap());
        if !classes.contains(&class) {
            continue;
        }
        for (environment, version) in [("new", Version::new(0, 12, 0)), ("old", Version::new(0, 7, 1))] {
            let truth = json(&folder.join(format!("truth/{name}.{environment}.json")));
            let install = case["options"]["install_py_dep_per_model"] == "true";
            let (ours, mut ends) = endings(&folder, name, version, install);
            let companions: Vec<&str> =
                case["companions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            for companion in companions {
                let (theirs, _) = endings(&folder, companion, version, install);
                for (_, mut found) in place::duplicates(&[(companion, &theirs), (name, &ours)], true) {
                    let message = found.troubles[0].message.to_lossy().into_owned();
                    ends.push((found.endings.remove(0), message));
                }
            }
            for (way, ended) in [
                (
                    "at_startup",
                    ends.iter().find_map(|(ending, says)| ending.at_startup().map(|end| (end, says))),
                ),
                ("register", ends.iter().find_map(|(ending, says)| ending.register().map(|end| (end, says)))),
            ] {
                let (outcome, stage) =
                    (truth[way]["outcome"].as_str().unwrap(), truth[way]["stage"].as_str().unwrap());
                total += 1;
                let is_ours = match ended {
                    // What the later stages decide is none of the frontend's.
                    None => {
                        outcome == "ready" || ["import", "entry", "initialize", "worker"].contains(&stage)
                    }
                    Some(((Outcome::Unknown, at), _)) => at == Stage::Requirements && stage == "requirements",
                    Some(((ending, at), says)) => {
                        let class = truth[way]["exception"].as_str().unwrap_or("");
                        let text = truth[way]["message"].as_str().unwrap_or("").lines().next().unwrap_or("");
                        // Register hides what unpacking said, and classes of a stop are not seen.
                        let is_said = text.starts_with("Failed to save model")
                            || says.contains(text)
                            || says.split_once(": ").is_some_and(|(_, says)| text.starts_with(says));
                        let is_class = class.is_empty()
                            || way == "register"
                            || outcome == "server-fails"
                            || says.starts_with(class);
                        ending.as_str() == outcome && at.as_str() == stage && is_said && is_class
                    }
                };
                if is_ours {
                    right += 1;
                } else {
                    wrong.push(format!("{name} {environment} {way}: {outcome} at {stage}, here {ended:?}"));
                }
            }
        }
    }
    eprintln!("{right} of {total}");
    assert!(wrong.is_empty(), "{right} of {total}\n{}", wrong.join("\n"));
}
