//! A snapshot in JSON (`envdiff.snapshot/1`), and back.

use std::io::{self, Write};

use envdiff_model as model;
use model::{Text, say};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::environment::{Described, Environment, Unknown, strs, texts};
use super::target::{Target, Tool};
use crate::string::Str;
use crate::{MASK, SnapshotError, is_secret_name};

/// The schema's name.
pub(crate) const SNAPSHOT: &str = "envdiff.snapshot/1";

/// What `envdiff inspect` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(title = "envdiff.snapshot/1"))]
pub struct Snapshot {
    /// `envdiff.snapshot/1`
    pub schema: Str,
    /// What wrote it.
    pub tool: Tool,
    /// What was read, and how.
    pub target: Target,
    /// The image's configuration; null for a folder without one.
    pub config: Option<Config>,
    /// What was derived.
    pub environment: Environment<Described>,
    /// What could not be determined.
    pub unknown: Vec<Unknown>,
}

/// What an image's configuration says about how its process starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Config {
    /// Environment; values whose names tell a secret are masked.
    pub env: Env,
    /// `USER` as written.
    pub user: Str,
    /// `WORKDIR`.
    pub workdir: Str,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<Str>,
    /// `CMD`.
    pub cmd: Vec<Str>,
    /// Paths that the image declares as volumes.
    #[serde(default)]
    pub volumes: Vec<Str>,
}

/// Names and values in the order of the configuration; of several of one name, the last, which is the one that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Env(Vec<(Str, Str)>);

impl Serialize for Env {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            // A key must be a `str`. Engines keep names as JSON, so that a name which is no UTF-8 cannot come from one.
            map.serialize_entry(&name.lossy(), value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Env {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Env;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Env, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Env(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Env {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "env".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}

impl From<&model::ImageConfig> for Config {
    fn from(config: &model::ImageConfig) -> Self {
        let mut env: Vec<(Str, Str)> = Vec::new();
        for (i, (name, value)) in config.env.iter().enumerate() {
            if config.env.iter().skip(i + 1).any(|(later, _)| later == name) {
                continue;
            }
            let value = if is_secret_name(name.as_bytes()) { MASK.into() } else { value.into() };
            env.push((name.into(), value));
        }
        Self {
            env: Env(env),
            user: (&config.user).into(),
            workdir: (&config.workdir).into(),
            entrypoint: strs(&config.entrypoint),
            cmd: strs(&config.cmd),
            volumes: strs(&config.volumes),
        }
    }
}

impl Config {
    /// Back to the model; the platform stands in the target.
    fn into_model(self, platform: Option<&Text>) -> model::ImageConfig {
        let mut parts = platform.into_iter().flat_map(|p| p.as_bytes().split(|b| *b == b'/')).map(Text::from);
        model::ImageConfig {
            env: self.env.0.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            user: self.user.into(),
            workdir: self.workdir.into(),
            entrypoint: texts(self.entrypoint),
            cmd: texts(self.cmd),
            volumes: texts(self.volumes),
            os: parts.next(),
            architecture: parts.next(),
            variant: parts.next(),
        }
    }
}

impl From<&model::Snapshot> for Snapshot {
    fn from(snapshot: &model::Snapshot) -> Self {
        Self {
            schema: SNAPSHOT.into(),
            tool: Tool::this(),
            target: (&snapshot.target).into(),
            config: snapshot.config.as_ref().map(Config::from),
            environment: Environment::described(&snapshot.environment),
            unknown: snapshot.environment.unknown.iter().map(Unknown::from).collect(),
        }
    }
}

/// Writes a snapshot as JSON, with a final newline.
///
/// # Errors
/// Those of `out`.
pub fn write_snapshot(snapshot: &model::Snapshot, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    crate::json::write(&Snapshot::from(snapshot), None, out)
}

/// Reads what [`write_snapshot`] wrote. Equal to what was written but for what JSON leaves out on purpose: masked values,
/// layers of evidence, notices. Keys that this version does not know are passed over.
///
/// # Errors
/// [`SnapshotError`], in the words for a user; the file's name is the caller's.
pub fn read_snapshot(json: &[u8]) -> Result<model::Snapshot, SnapshotError> {
    #[derive(Deserialize)]
    struct Head {
        schema: Option<String>,
    }
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let head: Head = serde_json::from_slice(json).map_err(|e| SnapshotError::shape(&e))?;
    let found = head.schema.ok_or(SnapshotError::NoSchema)?;
    if found != SNAPSHOT {
        return Err(if found.starts_with("envdiff.snapshot/") {
            SnapshotError::OtherVersion { found, known: SNAPSHOT }
        } else {
            SnapshotError::OtherSchema { found }
        });
    }
    let snapshot: Snapshot = serde_json::from_slice(json).map_err(|e| SnapshotError::shape(&e))?;
    let target = model::Target::try_from(snapshot.target)?;
    let config = snapshot.config.map(|config| config.into_model(target.platform.as_ref()));
    let environment = snapshot.environment.into_model(snapshot.unknown);
    check_indices(&environment)?;
    Ok(model::Snapshot { target, config, environment })
}

/// A distribution's entry of `sys.path` must be there: what is compared rests on it.
fn check_indices(environment: &model::Environment) -> Result<(), SnapshotError> {
    let entries = environment.sys_path.value().map_or(0, Vec::len);
    match environment.distributions.iter().find(|d| d.path_index >= entries) {
        Some(d) if entries > 0 => Err(SnapshotError::Word {
            key: "path_index of a distribution",
            found: say!(d.path_index, " of ", entries, " entries").to_lossy().into_owned(),
        }),
        _ => Ok(()),
    }
}
