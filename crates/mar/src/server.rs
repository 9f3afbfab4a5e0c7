//! config.properties, the image's configuration and the version come in; how the server behaves comes out, and what keeps it
//! from starting (TorchServe, ConfigManager.java, ModelServer.java, model_server.py).

use std::collections::BTreeMap;

use envdiff_model::{Fault, ImageConfig, Stage, Text, Trouble, Weight, say};

use crate::Version;
use crate::ending::{Found, How, With as _, trouble};
use crate::properties::{Properties, Property};
use crate::value::At;

/// What the words of the image's command say of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Whether the command `torchserve`, or the official image's own script, is among them.
    pub is_torchserve: bool,
    /// `--ts-config`
    pub ts_config: Option<String>,
    /// `--model-store`
    pub model_store: Option<String>,
    /// `--models`, joined by commas.
    pub models: Option<String>,
    /// `--enable-model-api`
    pub enable_model_api: bool,
    /// `--disable-token-auth`
    pub disable_token_auth: bool,
}

impl Command {
    /// Entry point and command of an image; what a shell is given is taken apart at its blanks.
    #[must_use]
    pub fn of(config: &ImageConfig) -> Self {
        let words: Vec<String> = config
            .entrypoint
            .iter()
            .chain(&config.cmd)
            .flat_map(|word| {
                let text = word.to_lossy();
                let parts: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                parts
            })
            .collect();
        let mut command = Self::default();
        let base = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
        if words.iter().any(|word| base(word) == "dockerd-entrypoint.sh")
            && words.iter().any(|word| word == "serve")
        {
            // docker/dockerd-entrypoint.sh of TorchServe.
            command.is_torchserve = true;
            command.ts_config = Some("/home/model-server/config.properties".to_owned());
            command.disable_token_auth = true;
        }
        let Some(at) = words.iter().position(|word| base(word) == "torchserve") else { return command };
        command.is_torchserve = true;
        let mut rest = words.iter().skip(at + 1).peekable();
        while let Some(word) = rest.next() {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut value = || inline.clone().or_else(|| rest.next().cloned());
            match name {
                "--ts-config" => command.ts_config = value(),
                "--model-store" => command.model_store = value(),
                "--enable-model-api" => command.enable_model_api = true,
                "--disable-token-auth" => command.disable_token_auth = true,
                "--models" => {
                    let mut models = Vec::from_iter(inline.clone());
                    while let Some(model) = rest.next_if(|word| !word.starts_with('-')) {
                        models.push(model.clone());
                    }
                    command.models = Some(models.join(","));
                }
                _ => {}
            }
        }
        command
    }
}

/// Where the server looks for its configuration: `TS_CONFIG_FILE`, `--ts-config`, `config.properties` in the working folder.
#[must_use]
pub fn config_path(config: &ImageConfig, command: &Command) -> Text {
    if let Some(path) = config.var("TS_CONFIG_FILE").filter(|path| !path.is_empty()) {
        return path.clone();
    }
    if let Some(path) = &command.ts_config {
        return path.into();
    }
    let folder = config.workdir.to_lossy();
    say!(folder.trim_end_matches('/'), "/config.properties")
}

/// How the server behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Which version.
    pub version: Version,
    /// `install_py_dep_per_model`
    pub install: bool,
    /// `default_service_handler`
    pub default_handler: Option<String>,
    /// `service_envelope`
    pub envelope: Option<String>,
    /// `load_models`, as it stands there.
    pub load_models: Option<String>,
    /// `model_store`
    pub model_store: Option<String>,
    /// `metrics_config`; `None` is the file in the package.
    pub metrics_config: Option<String>,
    /// `default_response_timeout`, seconds.
    pub response_timeout: i32,
    /// `default_startup_timeout`, seconds (since 0.12.0; before, the response time-out holds).
    pub startup_timeout: i32,
    /// How many GPUs the server counts; `None` where it would ask the driver.
    pub number_of_gpu: Option<i32>,
    /// `default_workers_per_model`; 0 is unset.
    pub workers: i32,
    /// Whether `POST /models` is allowed.
    pub model_api: bool,
    /// Whether requests need a token.
    pub needs_token: bool,
    /// `blacklist_env_vars`
    pub blacklist: Option<String>,
    /// The folder where archives are unpacked.
    pub tmp: String,
    /// `models={…}`, as it stands there.
    pub models: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self::of_version(Version::NEWEST)
    }
}

impl Server {
    /// The defaults of a version.
    #[must_use]
    pub fn of_version(version: Version) -> Self {
        Self {
            version,
            install: false,
            default_handler: None,
            envelope: None,
            load_models: None,
            model_store: None,
            metrics_config: None,
            response_timeout: 120,
            startup_timeout: 120,
            number_of_gpu: None,
            workers: 0,
            model_api: !version.since(0, 11, 1),
            needs_token: version.since(0, 11, 1),
            blacklist: None,
            tmp: "/tmp".to_owned(),
            models: None,
        }
    }
}

/// The keys that a variable `TS_…` overrides, once `enable_envvars_config` is true.
const OVERRIDDEN: &[&str] = &[
    "load_models",
    "blacklist_env_vars",
    "default_workers_per_model",
    "default_response_timeout",
    "default_startup_timeout",
    "number_of_netty_threads",
    "netty_client_threads",
    "job_queue_size",
    "number_of_gpu",
    "metrics_config",
    "default_service_handler",
    "service_envelope",
    "model_store",
    "install_py_dep_per_model",
    "initial_worker_port",
    "initial_distribution_port",
    "inference_address",
    "management_address",
    "metrics_address",
    "disable_token_authorization",
    "enable_model_api",
];

struct Settings<'a> {
    file: &'a str,
    values: BTreeMap<&'a str, (String, Option<&'a Property>)>,
}

impl Settings<'_> {
    fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(value, _)| value.as_str())
    }

    /// Not empty.
    fn text(&self, key: &str) -> Option<String> {
        self.value(key).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    fn flag(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn stop(&self, key: &str, what: impl Into<Text>, says: impl Into<Text>) -> Trouble {
        let told = trouble(Fault::ServerConfig, Weight::Breaks, Stage::Server, what).says(says);
        match self.values.get(key).and_then(|(_, property)| *property) {
            Some(property) => {
                let end_column = property.written.chars().count() + 1;
                told.at(self.file, At { line: property.line, column: 1, end_column }, &property.written)
            }
            None => told,
        }
    }
}

/// Reads how the server behaves. `file` is the path of the properties, for places.
#[must_use]
pub fn read(
    file: &str,
    properties: &Properties,
    config: &ImageConfig,
    command: &Command,
    version: Version,
) -> Found<Server> {
    let mut found = Found::clean(Server::of_version(version));
    let mut settings = Settings { file, values: BTreeMap::new() };
    for property in &properties.all {
        settings.values.insert(&property.key, (property.value.clone(), Some(property)));
    }
    if let Some(line) = properties.malformed {
        let what = say!("line ", line, " of the configuration holds an escape that Java refuses");
        let told = trouble(Fault::ServerConfig, Weight::Breaks, Stage::Server, what)
            .says("java.lang.IllegalArgumentException: Malformed \\uxxxx encoding.");
        found.end(How::NoServer, told);
        return found;
    }
    if !fill_in(&mut settings, config, &mut found) {
        return found;
    }
    if let Some(store) = &command.model_store {
        settings.values.insert("model_store", (store.clone(), None));
    }
    if let Some(models) = &command.models {
        settings.values.insert("load_models", (models.clone(), None));
    }
    if settings.flag("enable_envvars_config") {
        for key in OVERRIDDEN {
            let name = format!("TS_{}", key.to_ascii_uppercase());
            if let Some(value) = config.var(&name) {
                settings.values.insert(key, (value.to_lossy().into_owned(), None));
            }
        }
    } else if let Some((name, _)) = config.env.iter().find(|(name, _)| {
        let name = name.to_lossy();
        OVERRIDDEN
            .iter()
            .any(|key| name.strip_prefix("TS_").is_some_and(|rest| rest.eq_ignore_ascii_case(key)))
    }) {
        let what = say!(
            "the variable ",
            name,
            " has no effect: `enable_envvars_config` is not true in the configuration"
        );
        found.notice(trouble(Fault::ServerConfig, Weight::Remark, Stage::Server, what));
    }
    whole_numbers(&settings, &mut found);
    addresses(&settings, &mut found);
    gpus(&settings, config, &mut found);
    for key in ["install_py_dep_per_model", "enable_model_api", "disable_token_authorization"] {
        if let Some(value) = settings.value(key)
            && !value.eq_ignore_ascii_case("true")
            && !value.eq_ignore_ascii_case("false")
        {
            let what = say!("`", key, "` is false: only `true`, without blanks behind it, is true");
            let told = Trouble { weight: Weight::Remark, ..settings.stop(key, what, "") };
            found.notice(told);
        }
    }
    let facts = &mut found.facts;
    facts.install = settings.flag("install_py_dep_per_model");
    facts.default_handler = settings.text("default_service_handler");
    facts.envelope = settings.text("service_envelope");
    facts.load_models = settings.text("load_models");
    facts.model_store = settings.text("model_store");
    facts.metrics_config = settings.text("metrics_config");
    facts.blacklist = settings.text("blacklist_env_vars");
    facts.models = settings.text("models");
    if let Some(tmp) = config.var("TEMP").filter(|tmp| !tmp.is_empty()) {
        facts.tmp = tmp.to_lossy().into_owned();
    }
    if version.since(0, 11, 1) {
        facts.model_api = command.enable_model_api || settings.flag("enable_model_api");
        facts.needs_token = !command.disable_token_auth && !settings.flag("disable_token_authorization");
    }
    if let Some(load) = facts.load_models.clone().filter(|load| load.contains(", ") || load.ends_with(' ')) {
        let what = say!(
            "`load_models` is `",
            load,
            "`: blanks belong to the names, and files of those names are looked for"
        );
        let told = Trouble { weight: Weight::MayBreak, ..settings.stop("load_models", what, "") };
        found.notice(told);
    }
    found
}

/// `$$NAME$$` in a value; whether all of them are set.
fn fill_in(settings: &mut Settings<'_>, config: &ImageConfig, found: &mut Found<Server>) -> bool {
    let mut absent = None;
    for (key, (value, _)) in &mut settings.values {
        let mut out = String::new();
        let mut rest = value.as_str();
        while let Some((before, after)) = rest.split_once("$$") {
            let Some((name, behind)) = after.split_once("$$").filter(|(name, _)| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            }) else {
                break;
            };
            out.push_str(before);
            match config.var(name) {
                Some(text) => out.push_str(&text.to_lossy()),
                None => {
                    absent.get_or_insert(((*key).to_owned(), name.to_owned()));
                }
            }
            rest = behind;
        }
        out.push_str(rest);
        *value = out;
    }
    let Some((key, name)) = absent else { return true };
    let what = say!("`", key, "` names the variable ", name, ", which is not set in the image");
    let told =
        settings.stop(&key, what, format!("Invalid configuration: Invalid Environment Variable {name}"));
    found.end(How::NoServer, told);
    false
}

/// As `Integer.parseInt`.
fn parse(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn whole_numbers(settings: &Settings<'_>, found: &mut Found<Server>) {
    const ALWAYS: &[&str] = &[
        "number_of_gpu",
        "number_of_netty_threads",
        "netty_client_threads",
        "default_workers_per_model",
        "initial_worker_port",
        "initial_distribution_port",
    ];
    // These are looked at for each model: without one the server starts.
    const WITH_A_MODEL: &[&str] = &["job_queue_size", "default_response_timeout", "default_startup_timeout"];
    for key in ALWAYS.iter().chain(WITH_A_MODEL) {
        if *key == "default_startup_timeout" && !found.facts.version.since(0, 12, 0) {
            continue;
        }
        let Some(value) = settings.value(key) else { continue };
        let Some(number) = parse(value) else {
            let what = say!("`", *key, "` is no whole number: `", value, "`");
            let says = format!("Invalid configuration: For input string: \"{value}\"");
            let how = if ALWAYS.contains(key) { How::NoServer } else { How::Stop };
            found.end(how, settings.stop(key, what, says));
            continue;
        };
        match *key {
            "default_response_timeout" => found.facts.response_timeout = number,
            "default_startup_timeout" => found.facts.startup_timeout = number,
            "default_workers_per_model" => found.facts.workers = number,
            "number_of_gpu" => found.facts.number_of_gpu = Some(number),
            _ => {}
        }
        if *key == "job_queue_size" && number < 1 {
            let what = say!("`job_queue_size` is ", number, ", and a queue holds at least 1");
            found.end(How::Stop, settings.stop(key, what, "Invalid configuration: null"));
        }
        if number < 0 && matches!(*key, "default_workers_per_model" | "number_of_gpu") {
            let what = say!("`", *key, "` is ", number);
            let says =
                format!("java.lang.IndexOutOfBoundsException: Index {number} out of bounds for length 0");
            found.end(How::Stop, settings.stop(key, what, says));
        }
    }
}

fn addresses(settings: &Settings<'_>, found: &mut Found<Server>) {
    for key in ["inference_address", "management_address", "metrics_address"] {
        let Some(value) = settings.value(key) else { continue };
        let lower = value.to_ascii_lowercase();
        let host = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
        let is_address = match host {
            Some(rest) => {
                let (name, port) =
                    rest.rsplit_once(':').map_or((rest, None), |(name, port)| (name, Some(port)));
                let is_name = !name.is_empty() && !name.contains(['/', ' ', ':']);
                is_name
                    && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
            }
            None => lower.strip_prefix("unix:").is_some_and(|path| path.starts_with('/')),
        };
        if !is_address {
            let what = say!("`", key, "` is no address that the server takes: `", value, "`");
            found.end(
                How::NoServer,
                settings.stop(key, what, format!("Invalid configuration: Invalid binding address: {value}")),
            );
        } else if let Some(port) = host.and_then(|host| host.rsplit_once(':')).map(|(_, port)| port)
            && port.parse::<u32>().map_or(true, |port| port >= 65_535)
        {
            let what = say!("`", key, "` has a port that is too large: ", port);
            found.end(
                How::NoServer,
                settings.stop(key, what, format!("Invalid configuration: Invalid port number: {value}")),
            );
        }
    }
}

/// `CUDA_VISIBLE_DEVICES`: its parts are counted, and each must be a whole number.
fn gpus(settings: &Settings<'_>, config: &ImageConfig, found: &mut Found<Server>) {
    let Some(devices) = config.var("CUDA_VISIBLE_DEVICES").filter(|devices| !devices.is_empty()) else {
        return;
    };
    let devices = devices.to_lossy();
    let mut parts = devices.split(',').collect::<Vec<&str>>();
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    if let Some(part) = parts.iter().find(|part| parse(part).is_none()) {
        let what = say!(
            "CUDA_VISIBLE_DEVICES is `",
            devices.as_ref(),
            "`, and the server counts whole numbers only"
        );
        let told = trouble(Fault::ServerConfig, Weight::Breaks, Stage::Server, what)
            .says(format!("Invalid configuration: For input string: \"{part}\""))
            .seen("image configuration", say!("CUDA_VISIBLE_DEVICES=", devices.as_ref()));
        found.end(How::NoServer, told);
        return;
    }
    let count = i32::try_from(parts.len()).unwrap_or(i32::MAX);
    let most = settings.value("number_of_gpu").and_then(parse).unwrap_or(i32::MAX);
    found.facts.number_of_gpu = Some(count.min(most));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::properties;

    fn server(text: &str, env: &[(&str, &str)]) -> Found<Server> {
        let env = env.iter().map(|(name, value)| (Text::from(*name), Text::from(*value))).collect();
        let config = ImageConfig { env, ..ImageConfig::default() };
        read(
            "config.properties",
            &properties::read(text.as_bytes()),
            &config,
            &Command::default(),
            Version::NEWEST,
        )
    }

    #[test]
    fn what_stops_the_server() {
        for (text, env, says) in [
            ("number_of_gpu=abc", &[][..], "For input string: \"abc\""),
            ("job_queue_size=100 ", &[], "For input string: \"100 \""),
            ("job_queue_size=0", &[], "Invalid configuration: null"),
            ("inference_address=0.0.0.0:8080", &[], "Invalid binding address: 0.0.0.0:8080"),
            ("inference_address=http://a:8080/", &[], "Invalid binding address: http://a:8080/"),
            ("inference_address=http://a:70000", &[], "Invalid port number: http://a:70000"),
            ("model_store=$$STORE$$", &[], "Invalid Environment Variable STORE"),
            ("", &[("CUDA_VISIBLE_DEVICES", "0, 1")], "For input string: \" 1\""),
            ("", &[("CUDA_VISIBLE_DEVICES", "GPU-8")], "For input string: \"GPU-8\""),
            ("a=\\u1", &[], "Malformed \\uxxxx encoding."),
        ] {
            let found = server(text, env);
            assert!(!found.endings.is_empty(), "{text}");
            let message = found.troubles.first().unwrap().message.to_lossy().into_owned();
            assert!(message.ends_with(says), "{text}: {message}");
        }
    }

    #[test]
    fn what_the_server_takes() {
        let text = "install_py_dep_per_model=TRUE\nmodel_store=$$STORE$$/x\nload_models=ALL\nmetrics_address=http://0.0.0.0:8082\n";
        let found =
            server(text, &[("STORE", "/s"), ("CUDA_VISIBLE_DEVICES", "-1"), ("TS_LOAD_MODELS", "a.mar")]);
        assert!(found.endings.is_empty(), "{:?}", found.troubles);
        assert!(found.facts.install && !found.facts.model_api && found.facts.needs_token);
        assert_eq!(found.facts.model_store.as_deref(), Some("/s/x"));
        assert_eq!(found.facts.load_models.as_deref(), Some("ALL"));
        assert_eq!(found.facts.number_of_gpu, Some(1));
        let found = server("enable_envvars_config=true\nload_models=b", &[("TS_LOAD_MODELS", "a.mar")]);
        assert_eq!(found.facts.load_models.as_deref(), Some("a.mar"));
        assert!(!server("install_py_dep_per_model=true ", &[]).facts.install);
    }

    #[test]
    fn what_the_command_says() {
        let config = ImageConfig {
            cmd: [
                "torchserve",
                "--start",
                "--model-store=/m",
                "--models",
                "a=a.mar",
                "b.mar",
                "--enable-model-api",
            ]
            .map(Text::from)
            .to_vec(),
            ..ImageConfig::default()
        };
        let command = Command::of(&config);
        assert_eq!(command.model_store.as_deref(), Some("/m"));
        assert_eq!(command.models.as_deref(), Some("a=a.mar,b.mar"));
        assert!(command.enable_model_api && command.is_torchserve);
        assert_eq!(config_path(&config, &command), "/config.properties");
    }
}
