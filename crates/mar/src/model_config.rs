//! model-config.yaml comes in, where the manifest names it; what the frontend takes from it and what the worker hands to the
//! handler come out (TorchServe, ModelConfig.java, service.py; since 0.8.0).

use envdiff_model::{Fault, Stage, Text, Trouble, Weight, say};

use crate::Version;
use crate::container::{Contents, Unread};
use crate::ending::{Found, How, With as _, trouble};
use crate::limits::LARGEST_TEXT;
use crate::manifest::Manifest;
use crate::value::{At, Data, Lines, Value};
use crate::yaml;

/// What stands in it, as the frontend takes it; what is not set has the frontend's default.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Its path in the archive; `None` where no file is named or the version reads none.
    pub file: Option<String>,
    /// Its text.
    pub text: String,
    /// The document as the handler's context has it.
    pub value: Option<Value>,
    /// 0 is unset.
    pub min_workers: i32,
    /// 0 is unset.
    pub max_workers: i32,
    /// 0 is unset.
    pub batch_size: i32,
    /// In milliseconds; 0 is unset.
    pub max_batch_delay: i32,
    /// In seconds.
    pub response_timeout: i32,
    /// In seconds (since 0.12.0).
    pub startup_timeout: i32,
    /// `cpu` or `gpu`.
    pub device_type: Option<&'static str>,
    /// Devices.
    pub device_ids: Vec<i32>,
    /// `pp`, `tp`, `pptp`, `custom`.
    pub parallel_type: Option<&'static str>,
    /// How many processes a worker has.
    pub parallel_level: i32,
    /// Whether there is a mapping `torchrun`.
    pub has_torchrun: bool,
    /// In seconds.
    pub max_retry_timeout: i32,
    /// 0 is the server's.
    pub job_queue_size: i32,
    /// A virtual environment for this model (since 0.10.0).
    pub use_venv: bool,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            file: None,
            text: String::new(),
            value: None,
            min_workers: 0,
            max_workers: 0,
            batch_size: 0,
            max_batch_delay: 0,
            response_timeout: 120,
            startup_timeout: 120,
            device_type: None,
            device_ids: Vec::new(),
            parallel_type: None,
            parallel_level: 0,
            has_torchrun: false,
            max_retry_timeout: 300,
            job_queue_size: 0,
            use_venv: false,
        }
    }
}

impl ModelConfig {
    /// Whether the context has this document: `context.model_yaml_config`.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        self.value.is_some()
    }

    /// The line of a place in it.
    #[must_use]
    pub fn line(&self, at: At) -> &str {
        Lines::of(&self.text).line(at.line)
    }
}

fn told(weight: Weight, what: impl Into<Text>) -> Trouble {
    trouble(Fault::ModelConfig, weight, Stage::Config, what)
}

/// Reads the file that the manifest names.
#[must_use]
pub fn read(contents: &Contents, manifest: &Manifest, version: Version) -> Found<ModelConfig> {
    let mut found = Found::clean(ModelConfig::default());
    if !version.since(0, 8, 0) {
        return found;
    }
    let Some(named) = manifest.config_file.as_ref().filter(|field| !field.text.is_empty()) else {
        if contents.is_file("model-config.yaml") {
            let what =
                "`model-config.yaml` lies in the archive and is not read: the manifest has no `configFile`";
            found.notice(trouble(Fault::ModelConfigKey, Weight::Remark, Stage::Config, what));
        }
        return found;
    };
    let file = named.text.clone();
    found.facts.file = Some(file.clone());
    let bytes = match contents.read(&file, LARGEST_TEXT) {
        Ok(bytes) => bytes,
        Err(Unread::Absent) => {
            let what = say!("the manifest names `", file, "`, which is not in the archive");
            let says =
                format!("FileNotFoundError: [Errno 2] No such file or directory: '<model_dir>/{file}'");
            let line = manifest.line(named.at).to_owned();
            found.end(
                How::Dead,
                told(Weight::Breaks, what).says(says).at(crate::manifest::MANIFEST, named.at, &line),
            );
            return found;
        }
        Err(Unread::IsFolder) => {
            let what = say!("`", file, "`, which the manifest names, is a folder");
            found.end(
                How::Dead,
                told(Weight::Breaks, what).says("IsADirectoryError: [Errno 21] Is a directory"),
            );
            return found;
        }
        Err(why) => {
            found.end(How::Unknown, told(Weight::MayBreak, say!("`", file, "` was not read: ", why.told())));
            return found;
        }
    };
    found.facts.text = String::from_utf8_lossy(&bytes).into_owned();
    let text = found.facts.text.clone();
    let lines = Lines::of(&text);
    let value = match yaml::parse(&text) {
        Ok(value) => value,
        Err(error) => {
            let (how, weight) =
                if error.is_bound { (How::Unknown, Weight::MayBreak) } else { (How::Dead, Weight::Breaks) };
            let what = say!("`", file, "` is no YAML that the worker reads: ", error.what);
            found.end(
                how,
                told(weight, what).says(exception(&error.what)).at(
                    &file,
                    error.at,
                    lines.line(error.at.line),
                ),
            );
            return found;
        }
    };
    let start = At { line: 1, column: 1, end_column: 1 };
    let Some(value) = value.filter(|value| !value.is_none()) else {
        let what = say!("`", file, "` is empty, and the server does not expect that");
        let says = "java.lang.NullPointerException: Cannot invoke \"java.util.Map.forEach(java.util.function.BiConsumer)\" because \"yamlMap\" is null";
        found.end(How::Stop, told(Weight::Breaks, what).says(says).at(&file, start, lines.line(1)));
        return found;
    };
    if !check(&file, &value, &lines, version, &mut found) {
        return found;
    }
    if std::str::from_utf8(&bytes).is_err() {
        let what = say!("`", file, "` is no UTF-8, and the worker refuses it");
        found.end(How::Dead, told(Weight::Breaks, what).says("UnicodeDecodeError"));
    }
    if let Some(at) = unhashable(&value) {
        let what = say!("a key in `", file, "` is a list or a mapping, which Python does not take");
        let says = "yaml.constructor.ConstructorError: while constructing a mapping: found unhashable key";
        found.end(How::Dead, told(Weight::Breaks, what).says(says).at(&file, at, lines.line(at.line)));
    }
    found.facts.value = Some(value);
    found
}

/// The first key that is a list or a mapping; values are nested no deeper than the reader lets them.
fn unhashable(value: &Value) -> Option<At> {
    match &value.data {
        Data::List(items) => items.iter().find_map(unhashable),
        Data::Map(map) => map.pairs.iter().find_map(|(key, value)| match key.data {
            Data::List(_) | Data::Map(_) => Some(key.at),
            _ => unhashable(value),
        }),
        _ => None,
    }
}

/// The exception's class in PyYAML.
fn exception(what: &str) -> String {
    if what.contains("single document") || what.contains("recursive") {
        format!("yaml.composer.ComposerError: {what}")
    } else if what.contains("constructor") || what.contains("merging") || what.contains("unhashable") {
        format!("yaml.constructor.ConstructorError: {what}")
    } else if what.contains("mapping values are not allowed") {
        "yaml.scanner.ScannerError: mapping values are not allowed here".to_owned()
    } else {
        "yaml.error.MarkedYAMLError".to_owned()
    }
}

/// Java's class of a value.
const fn class(data: &Data) -> &'static str {
    match data {
        Data::Bool(_) => "java.lang.Boolean",
        Data::Int(value) if *value >= -0x8000_0000 && *value <= 0x7FFF_FFFF => "java.lang.Integer",
        Data::Int(_) => "java.lang.Long",
        Data::BigInt(_) => "java.math.BigInteger",
        Data::Float(_) => "java.lang.Double",
        Data::List(_) => "java.util.ArrayList",
        Data::Map(_) => "java.util.LinkedHashMap",
        Data::Other(crate::value::Type::Bytes, _) => "[B",
        Data::Other(crate::value::Type::Set, _) => "java.util.LinkedHashSet",
        Data::Other(..) => "java.util.Date",
        Data::Str(_) | Data::None => "java.lang.String",
    }
}

/// Whether the frontend survives it; takes its keys.
fn check(
    file: &str,
    value: &Value,
    lines: &Lines<'_>,
    version: Version,
    found: &mut Found<ModelConfig>,
) -> bool {
    let stop = |found: &mut Found<ModelConfig>, at: At, what: Text, says: String| {
        found.end(How::Stop, told(Weight::Breaks, what).says(says).at(file, at, lines.line(at.line)));
    };
    let Some(map) = value.as_map() else {
        let says = format!(
            "java.lang.ClassCastException: class {} cannot be cast to class java.util.Map",
            class(&value.data)
        );
        stop(found, value.at, say!("`", file, "` is no mapping at its top"), says);
        return false;
    };
    let torchrun = map.get("torchrun").and_then(Value::as_map);
    for (key, _) in map.pairs.iter().chain(torchrun.into_iter().flat_map(|map| &map.pairs)) {
        if key.as_str().is_none() {
            let says = if key.is_none() {
                "java.lang.NullPointerException".to_owned()
            } else {
                let class = class(&key.data);
                format!(
                    "java.lang.ClassCastException: class {class} cannot be cast to class java.lang.String"
                )
            };
            let what = say!("a key of `", file, "` is no text but ", key.type_name(), " in YAML 1.1");
            stop(found, key.at, what, says);
            return false;
        }
    }
    for (key, value) in &map.pairs {
        if let Some(key_text) = key.as_str()
            && let Some(wanted) = take(key_text, value, version, &mut found.facts)
        {
            let what = say!("`", key_text, "` has no effect: ", wanted);
            let trouble = trouble(Fault::ModelConfigKey, Weight::Remark, Stage::Config, what);
            found.notice(trouble.at(file, value.at, lines.line(value.at.line)));
        }
    }
    let facts = &found.facts;
    if (facts.min_workers > 0 || facts.max_workers > 0)
        && !(facts.min_workers > 0 && facts.max_workers >= facts.min_workers)
        && let Some((key, _)) = map.pair("minWorkers").or_else(|| map.pair("maxWorkers"))
    {
        let what = say!(
            "the number of workers is not taken from `",
            file,
            "`: `minWorkers` must be above 0 and `maxWorkers` not below it"
        );
        let trouble = trouble(Fault::ModelConfigKey, Weight::Remark, Stage::Config, what);
        found.notice(trouble.at(file, key.at, lines.line(key.at.line)));
    }
    true
}

/// Takes one key; what is expected where the value is none that the frontend takes.
fn take(key: &str, value: &Value, version: Version, facts: &mut ModelConfig) -> Option<&'static str> {
    const WHOLE: &str = "a whole number is expected";
    let int = match value.data {
        Data::Int(number) => i32::try_from(number).ok(),
        _ => None,
    };
    let flag = match value.data {
        Data::Bool(flag) => Some(flag),
        _ => None,
    };
    let word = value.as_str().map(str::to_ascii_lowercase);
    let one_of =
        |words: &[&'static str]| words.iter().find(|known| word.as_deref() == Some(**known)).copied();
    let set = |field: &mut i32, least: i32, otherwise: Option<i32>| match (int, otherwise) {
        (None, _) => Some(WHOLE),
        (Some(number), _) if number >= least => {
            *field = number;
            None
        }
        (Some(_), Some(number)) => {
            *field = number;
            None
        }
        (Some(_), None) => Some("the number is too small"),
    };
    match key {
        "minWorkers" => set(&mut facts.min_workers, 1, Some(1)),
        "maxWorkers" => set(&mut facts.max_workers, 0, None),
        "batchSize" => set(&mut facts.batch_size, 1, Some(1)),
        "maxBatchDelay" => set(&mut facts.max_batch_delay, 0, None),
        "responseTimeout" => set(&mut facts.response_timeout, 1, None),
        "startupTimeout" if version.since(0, 12, 0) => set(&mut facts.startup_timeout, 1, None),
        "parallelLevel" if version.since(0, 11, 1) => set(&mut facts.parallel_level, 0, None),
        "maxRetryTimeoutInSec" => set(&mut facts.max_retry_timeout, 0, Some(0)),
        "jobQueueSize" => set(&mut facts.job_queue_size, i32::MIN, None),
        "deviceType" => {
            facts.device_type = one_of(&["cpu", "gpu"]);
            facts.device_type.is_none().then_some("`cpu` or `gpu` is expected")
        }
        "parallelType" => {
            let words: &[&'static str] =
                if version.since(0, 11, 1) { &["pp", "tp", "pptp", "custom"] } else { &["pp", "tp", "pptp"] };
            facts.parallel_type = one_of(words);
            facts.parallel_type.is_none().then_some("`pp`, `tp`, `pptp` or `custom` is expected")
        }
        "deviceIds" => {
            let ids: Option<Vec<i32>> = value.as_list().and_then(|items| {
                let id = |item: &Value| match item.data {
                    Data::Int(number) => i32::try_from(number).ok(),
                    _ => None,
                };
                items.iter().map(id).collect()
            });
            facts.device_ids = ids.clone().unwrap_or_default();
            ids.is_none().then_some("a list of whole numbers is expected")
        }
        "torchrun" => {
            let Some(map) = value.as_map() else { return Some("a mapping is expected") };
            facts.has_torchrun = true;
            facts.parallel_level = match map.get("nproc-per-node").map(|value| &value.data) {
                Some(Data::Int(number)) => i32::try_from(*number).unwrap_or(1),
                _ => 1,
            };
            None
        }
        "useVenv" if version.since(0, 10, 0) => {
            facts.use_venv = flag.unwrap_or(false);
            flag.is_none().then_some("true or false is expected")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::manifest::{self, MANIFEST};
    use envdiff_model::Outcome;

    fn config(yaml: &str, version: Version) -> Found<ModelConfig> {
        let named = br#"{"model": {"configFile": "c.yaml"}}"#;
        let contents = Contents::of(&[(MANIFEST, named), ("c.yaml", yaml.as_bytes())]);
        let manifest = manifest::read(&contents, version).facts;
        read(&contents, &manifest, version)
    }

    #[test]
    fn what_ends_the_load() {
        let stop = Some((Outcome::ServerFails, Stage::Server));
        let dead = Some((Outcome::Fails, Stage::Config));
        for (yaml, wanted) in [
            ("", stop),
            ("# nothing\n", stop),
            ("- a\n", stop),
            ("text\n", stop),
            ("1: a\n", stop),
            ("on: a\n", stop),
            ("~: a\n", stop),
            ("torchrun:\n  1: a\n", stop),
            ("handler:\n  1: a\n", None),
            ("? [a]\n: b\n", stop),
            ("a:\n  ? [a]\n  : b\n", dead),
            ("a: b: c\n", dead),
            ("a: 1\n---\nb: 2\n", dead),
            ("a: !!python/name:os.system x\n", dead),
            ("minWorkers: two\n", None),
        ] {
            let found = config(yaml, Version::NEWEST);
            assert_eq!(found.at_startup(), wanted, "{yaml}");
            assert_eq!(found.register().map(|(_, stage)| stage), wanted.map(|_| Stage::Config), "{yaml}");
            assert_eq!(config(yaml, Version::new(0, 7, 1)).at_startup(), None, "{yaml}");
        }
    }

    #[test]
    fn values_and_defaults() {
        let text = "minWorkers: 0\nmaxWorkers: -1\nbatchSize: '2'\nresponseTimeout: 010\nstartupTimeout: 2.0\ndeviceType: GPU\n";
        let found = config(text, Version::NEWEST);
        let facts = found.facts;
        assert_eq!((facts.min_workers, facts.max_workers, facts.batch_size), (1, 0, 0));
        assert_eq!((facts.response_timeout, facts.startup_timeout, facts.device_type), (8, 120, Some("gpu")));
        assert_eq!(found.troubles.len(), 4);
    }
}
