//! An image's configuration as JSON in, what the audit wants of it out: an OCI configuration, what `docker image inspect`
//! prints, or a bundle's `image.json`.

use envdiff_model::{ImageConfig, Layer, Text};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::history;
use crate::limits::JSON_BYTES;

/// What an image's JSON tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageJson {
    /// How its process starts, and its platform.
    pub config: ImageConfig,
    /// Digests of the uncompressed layers with their instructions, from the lowest up; `None` where nothing tells.
    pub layers: Option<Vec<Layer>>,
    /// `sha256:…` of the configuration, where the JSON itself tells it (`docker image inspect`).
    pub id: Option<Text>,
    /// Which interpreter is looked at, in the `image.json` of a bundle made of an environment.
    pub interpreter: Option<Text>,
}

impl ImageJson {
    /// `os/architecture[/variant]`; `None` unless both are told.
    #[must_use]
    pub fn platform(&self) -> Option<Text> {
        platform(&self.config)
    }
}

/// `os/architecture[/variant]` of a configuration; `None` unless both are told.
#[must_use]
pub fn platform(config: &ImageConfig) -> Option<Text> {
    let (Some(os), Some(architecture)) = (&config.os, &config.architecture) else { return None };
    let mut parts = vec![os, architecture];
    parts.extend(config.variant.as_ref());
    Some(Text::join(parts, "/"))
}

/// Reads an OCI configuration (image-spec `config.md`; the same keys stand in what `docker save` writes), what
/// `docker image inspect` prints (an array of one, or its element), or a bundle's `image.json`.
///
/// Fields of another shape than expected are passed over, as an engine of another version may write them.
///
/// # Errors
/// The JSON reader's own words; for an array of several images a sentence that says so.
pub fn read(json: &[u8]) -> Result<ImageJson, String> {
    if json.len() as u64 > JSON_BYTES {
        return Err(format!("larger than {} MiB", JSON_BYTES >> 20));
    }
    let start = json.iter().find(|b| !b.is_ascii_whitespace());
    let raw: Raw = if start == Some(&b'[') {
        let mut all: Vec<Raw> = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        if all.len() != 1 {
            return Err(format!("it describes {} images, not one", all.len()));
        }
        all.pop().unwrap_or_default()
    } else {
        serde_json::from_slice(json).map_err(|e| e.to_string())?
    };
    if raw.config.is_none() && raw.architecture.0.is_none() && raw.rootfs.is_none() {
        return Err("it has none of the keys config, architecture and rootfs".to_owned());
    }
    Ok(raw.into())
}

/// Reads a bundle's `image.json`; `None` for `{}`, which says that the bundled files had no configuration.
pub(crate) fn read_of_bundle(json: &[u8]) -> Result<Option<ImageJson>, String> {
    let raw: Raw = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    let tells = raw.config.is_some() || raw.architecture.0.is_some() || raw.interpreter.0.is_some();
    Ok(tells.then(|| raw.into()))
}

/// The two spellings: OCI's lower case, Docker's upper case.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    #[serde(alias = "Config")]
    config: Option<RawConfig>,
    #[serde(alias = "Architecture")]
    architecture: Word,
    #[serde(alias = "Os")]
    os: Word,
    #[serde(alias = "Variant")]
    variant: Word,
    #[serde(alias = "RootFS")]
    rootfs: Option<RawRootFs>,
    history: Option<Vec<RawHistory>>,
    #[serde(rename = "Id")]
    id: Word,
    interpreter: Word,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawConfig {
    #[serde(rename = "Env")]
    env: Words,
    #[serde(rename = "User")]
    user: Word,
    #[serde(rename = "WorkingDir")]
    workdir: Word,
    #[serde(rename = "Entrypoint")]
    entrypoint: Words,
    #[serde(rename = "Cmd")]
    cmd: Words,
    #[serde(rename = "Volumes")]
    volumes: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawRootFs {
    #[serde(alias = "Layers")]
    diff_ids: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawHistory {
    created_by: Word,
    empty_layer: Flag,
}

impl From<Raw> for ImageJson {
    fn from(raw: Raw) -> Self {
        let text = |word: Word| word.0.filter(|w| !w.is_empty()).map(Text::from);
        let texts = |words: Words| words.0.into_iter().map(Text::from).collect::<Vec<_>>();
        let config = raw.config.unwrap_or_default();
        let env = config.env.0.into_iter().map(|entry| match entry.split_once('=') {
            Some((name, value)) => (Text::from(name), Text::from(value)),
            None => (Text::from(entry), Text::new()),
        });
        let config = ImageConfig {
            env: env.collect(),
            user: text(config.user).unwrap_or_default(),
            workdir: text(config.workdir).unwrap_or_default(),
            entrypoint: texts(config.entrypoint),
            cmd: texts(config.cmd),
            volumes: texts(config.volumes),
            os: text(raw.os),
            architecture: text(raw.architecture),
            variant: text(raw.variant),
        };
        let history = raw.history.unwrap_or_default();
        let steps =
            history.iter().filter(|step| !step.empty_layer.0).map(|step| step.created_by.0.as_deref());
        let layers = raw.rootfs.map(|rootfs| {
            history::layers(rootfs.diff_ids.0.into_iter().map(Text::from), &steps.collect::<Vec<_>>())
        });
        Self { config, layers, id: text(raw.id), interpreter: text(raw.interpreter) }
    }
}

/// A string; anything else is passed over.
#[derive(Debug, Default)]
struct Word(Option<String>);

/// A list of strings, a lone string, the keys of an object, or nothing.
#[derive(Debug, Default)]
struct Words(Vec<String>);

/// A truth value; anything else is false.
#[derive(Debug, Default)]
struct Flag(bool);

struct Lenient;

enum Any {
    Nothing,
    Flag(bool),
    Word(String),
    Words(Vec<String>),
}

impl<'de> Visitor<'de> for Lenient {
    type Value = Any;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_unit<E>(self) -> Result<Any, E> {
        Ok(Any::Nothing)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Any, E> {
        Ok(Any::Flag(value))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Any, E> {
        Ok(Any::Nothing)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Any, E> {
        Ok(Any::Nothing)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Any, E> {
        Ok(Any::Nothing)
    }
    fn visit_str<E>(self, value: &str) -> Result<Any, E> {
        Ok(Any::Word(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Any, E> {
        Ok(Any::Word(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Any, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = seq.next_element::<Word>()? {
            words.extend(word.0);
        }
        Ok(Any::Words(words))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            keys.push(key);
        }
        Ok(Any::Words(keys))
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(Lenient)? {
            Any::Word(word) => Some(word),
            _ => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(Lenient)? {
            Any::Word(word) => vec![word],
            Any::Words(words) => words,
            Any::Nothing | Any::Flag(_) => Vec::new(),
        }))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(matches!(deserializer.deserialize_any(Lenient)?, Any::Flag(true))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use envdiff_model::Text;

    use super::read;

    #[test]
    fn the_three_forms_tell_the_same() {
        let oci = br#"{"architecture":"arm64","os":"linux","variant":"v8","config":{"User":"1000:1000",
            "Env":["PATH=/a:/b","X","Y=1=2"],"WorkingDir":"/srv","Entrypoint":["/e"],"Cmd":["c","d"],
            "Volumes":{"/data":{}}},"rootfs":{"type":"layers","diff_ids":["sha256:1","sha256:2"]},
            "history":[{"created_by":"/bin/sh -c #(nop) ADD x"},{"created_by":"/bin/sh -c #(nop)  ENV A=1","empty_layer":true},
            {"created_by":"RUN /bin/sh -c pip install torch # buildkit"}]}"#;
        let docker = br#"[{"Id":"sha256:9","Architecture":"arm64","Os":"linux","Variant":"v8","Config":{"User":"1000:1000",
            "Env":["PATH=/a:/b","X","Y=1=2"],"WorkingDir":"/srv","Entrypoint":["/e"],"Cmd":["c","d"],
            "Volumes":{"/data":{}}},"RootFS":{"Type":"layers","Layers":["sha256:1","sha256:2"]}}]"#;
        let (oci, docker) = (read(oci).unwrap(), read(docker).unwrap());
        assert_eq!(oci.config, docker.config);
        assert_eq!(oci.platform(), Some(Text::from("linux/arm64/v8")));
        assert_eq!(docker.id, Some(Text::from("sha256:9")));
        assert_eq!(oci.config.env.get(2), Some(&(Text::from("Y"), Text::from("1=2"))));
        assert_eq!(oci.config.volumes, [Text::from("/data")]);
        let layers = oci.layers.unwrap();
        assert_eq!(layers.first().unwrap().instruction, Some(Text::from("ADD x")));
        assert_eq!(layers.get(1).unwrap().instruction, Some(Text::from("RUN pip install torch")));
        assert_eq!(docker.layers.unwrap().len(), 2);
    }

    #[test]
    fn odd_fields_do_not_end_a_run() {
        let odd = br#"{"os":7,"architecture":null,"config":{"Env":null,"Cmd":"sh","Entrypoint":[1,"a",null],"User":{}},"rootfs":{}}"#;
        let read = read(odd).unwrap();
        assert_eq!(read.config.cmd, [Text::from("sh")]);
        assert_eq!(read.config.entrypoint, [Text::from("a")]);
        assert_eq!(read.platform(), None);
    }

    #[test]
    fn what_is_no_configuration_is_said() {
        assert!(read(b"").is_err());
        assert!(read(b"{}").is_err());
        assert!(read(b"[]").unwrap_err().contains("0 images"));
        assert!(read(br#"[{"Config":{}},{"Config":{}}]"#).unwrap_err().contains("2 images"));
        assert!(read(&b"[".repeat(1 << 20)).is_err(), "nesting is bounded");
    }
}
