//! What an image's own interpreter said of itself (JSON) comes in; a snapshot comes out.

use std::collections::BTreeMap;

use envdiff_model::{
    DirectUrl, Distribution, Environment, Evidence, Fact, Interpreter, Machine, MarkerVariable, MetadataKind,
    Origin, PathSource, Snapshot, Stack, SysPathEntry, Target, TargetKind, Text,
};
use serde_json::Value;

fn text(value: &Value) -> Option<Text> {
    value.as_str().map(Text::from)
}

fn fact(value: &Value) -> Fact<Text> {
    match text(value) {
        Some(text) => Fact::known(text, Evidence::new("truth", "")),
        None => Fact::unknown("belongs to the kernel that will run the image"),
    }
}

pub fn snapshot(truth: &Value) -> Snapshot {
    let interpreter = &truth["interpreter"];
    let paths: Vec<SysPathEntry> = truth["sys_path"]["m"].as_array().map_or_else(Vec::new, |paths| {
        paths
            .iter()
            .skip(1)
            .map(|path| SysPathEntry { path: text(path).unwrap(), from: PathSource::Site, exists: true })
            .collect()
    });
    let distributions: Vec<Distribution> = truth["distributions"]
        .as_array()
        .map_or_else(Vec::new, |all| all.iter().map(|d| distribution(d, &paths)).collect());
    let known = interpreter.is_object();
    let markers = MarkerVariable::ALL
        .into_iter()
        .map(|v| (v, fact(&truth["markers"][v.as_str()])))
        .collect::<BTreeMap<_, _>>();
    let string = |value: &Value| text(value).unwrap_or_default();
    let environment = Environment {
        python: if known { fact(&interpreter["version"]) } else { Fact::unknown("no Python starts") },
        interpreter: if known {
            let interpreter = Interpreter {
                executable: string(&interpreter["executable"]),
                real: string(&interpreter["realpath"]),
                implementation: string(&interpreter["implementation"]),
                prefix: string(&interpreter["prefix"]),
                base_prefix: string(&interpreter["base_prefix"]),
                flags: Vec::new(),
                reached_by: Vec::new(),
            };
            Fact::known(interpreter, Evidence::new("truth", ""))
        } else {
            Fact::unknown("no Python starts")
        },
        sys_path: if known {
            Fact::known(paths, Evidence::new("truth", ""))
        } else {
            Fact::unknown("no Python starts")
        },
        markers,
        distributions,
        interpreters: Vec::new(),
        conda: Vec::new(),
        stack: Stack::unknown(&"not looked at".into()),
        machine: Machine::unknown("not looked at"),
        told: None,
        verified: None,
        unknown: Vec::new(),
    };
    let target = Target {
        kind: TargetKind::Docker,
        name: truth["image"].as_str().unwrap().into(),
        id: None,
        platform: None,
        gathered_by: "layers",
        layers: None,
        notices: Vec::new(),
    };
    Snapshot { target, config: None, environment }
}

fn distribution(d: &Value, paths: &[SysPathEntry]) -> Distribution {
    let path_index = d["path_index"].as_u64().unwrap() as usize;
    Distribution {
        name: text(&d["name"]),
        version: text(&d["version"]),
        metadata: text(&d["metadata"]).unwrap(),
        location: paths.get(path_index).map_or_else(Text::new, |entry| entry.path.clone()),
        path_index,
        kind: match d["kind"].as_str().unwrap() {
            "dist-info" => MetadataKind::DistInfo,
            "egg-info-dir" => MetadataKind::EggInfoFolder,
            "egg-info-file" => MetadataKind::EggInfoFile,
            "egg" => MetadataKind::Egg,
            _ => MetadataKind::Zip,
        },
        installer: text(&d["installer"]),
        direct_url: direct_url(&d["direct_url"]),
        editable: d["direct_url"]["dir_info"]["editable"].as_bool().unwrap_or(false),
        shadowed: !d["shadowed_by"].is_null(),
        ambiguous: d["ambiguous"].as_bool().unwrap_or(false),
        error: text(&d["error"]),
        requires: Vec::new(),
        provides_extra: Vec::new(),
        requires_python: None,
        top_level: None,
        tags: None,
    }
}

fn direct_url(value: &Value) -> Option<Fact<DirectUrl>> {
    if !value.is_object() {
        return None;
    }
    let Some(url) = text(&value["url"]) else { return Some(Fact::unknown("it is no JSON")) };
    let origin = if let Some(vcs) = value["vcs_info"].as_object() {
        Origin::Vcs {
            vcs: text(&vcs["vcs"]).unwrap(),
            requested_revision: vcs.get("requested_revision").and_then(text),
            commit_id: text(&vcs["commit_id"]).unwrap(),
        }
    } else if let Some(archive) = value["archive_info"].as_object() {
        let mut hashes: Vec<(Text, Text)> = Vec::new();
        for (name, digest) in archive.get("hashes").and_then(Value::as_object).into_iter().flatten() {
            hashes.push((name.into(), text(digest).unwrap()));
        }
        if let Some((name, digest)) =
            archive.get("hash").and_then(Value::as_str).and_then(|h| h.split_once('='))
            && !hashes.iter().any(|(known, _)| *known == *name)
        {
            hashes.push((name.into(), digest.into()));
        }
        Origin::Archive { hashes }
    } else {
        Origin::Directory { editable: value["dir_info"]["editable"].as_bool().unwrap_or(false) }
    };
    let value = DirectUrl { url, subdirectory: text(&value["subdirectory"]), origin };
    Some(Fact::known(value, Evidence::new("direct_url.json", "")))
}
