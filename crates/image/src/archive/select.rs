//! The blobs of an archive or layout in, the one image that is meant out.

use std::collections::HashSet;

use envdiff_model::Text;
use sha2::{Digest as _, Sha256};

use crate::ImageError;
use crate::config::{self, ImageJson};
use crate::folder::is_platform;
use crate::limits::{IMAGES, INDEX_DEPTH, LAYERS};

use super::blobs::Blobs;
use super::manifest::{Descriptor, Manifest, Saved, is_same_name, read_manifest, read_saved};

/// The image that is meant.
pub(crate) struct Chosen {
    pub(crate) json: ImageJson,
    /// `sha256:…` of its configuration.
    pub(crate) id: String,
    /// The names of its layers' blobs, from the lowest up, with their sizes where the manifest tells them.
    pub(crate) layers: Vec<(String, Option<u64>)>,
}

struct Candidate {
    names: Vec<String>,
    what: What,
}

enum What {
    Saved(Saved),
    Manifest(Descriptor),
}

impl Candidate {
    /// What tells it from others: two names of one image are one.
    fn key(&self) -> &str {
        match &self.what {
            What::Saved(saved) => &saved.config,
            What::Manifest(descriptor) => &descriptor.digest,
        }
    }

    fn has_name(&self, wanted: &str) -> bool {
        let hex = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        let file = self.key().rsplit(['/', ':']).next().unwrap_or_default();
        let is_id = hex.len() >= 12 && hex.bytes().all(|b| b.is_ascii_hexdigit()) && file.starts_with(hex);
        is_id || self.names.iter().any(|name| is_same_name(wanted, name))
    }

    fn shown(&self) -> Vec<String> {
        if self.names.is_empty() {
            vec![self.key().trim_end_matches(".json").to_owned()]
        } else {
            self.names.clone()
        }
    }
}

/// Chooses the image called `wanted`, or the only one; of several platforms the one of `platform`, or this machine's.
pub(crate) fn choose(
    blobs: &Blobs,
    prefix: &str,
    wanted: Option<&str>,
    platform: Option<&str>,
) -> Result<Chosen, ImageError> {
    let path = blobs.path().to_owned();
    let mut candidates = candidates(blobs)?;
    let texts = |candidates: &[Candidate]| -> Vec<Text> {
        let mut names: Vec<Text> = candidates.iter().flat_map(Candidate::shown).map(Text::from).collect();
        names.sort();
        names.dedup();
        names
    };
    if candidates.is_empty() {
        return Err(ImageError::NotAnImage { path, why: "there is no image in it".to_owned() });
    }
    if let Some(wanted) = wanted {
        let names = texts(&candidates);
        candidates.retain(|candidate| candidate.has_name(wanted));
        if candidates.is_empty() {
            return Err(ImageError::NoSuchImageIn { path, wanted: wanted.to_owned(), names });
        }
    }
    let names: HashSet<Vec<String>> = candidates.iter().map(|candidate| candidate.names.clone()).collect();
    let keys: HashSet<&str> = candidates.iter().map(Candidate::key).collect();
    let nameless = names.contains(&Vec::new()) && candidates.iter().all(|c| !has_platform(c));
    if keys.len() > 1 && wanted.is_none() && (names.len() > 1 || nameless) {
        let names = texts(&candidates);
        let first = names.first().map_or_else(String::new, |name| name.to_lossy().into_owned());
        let example = format!("{prefix}:{}:{first}", path.display());
        return Err(ImageError::SeveralImages { path, names, example });
    }
    let mut seen = HashSet::new();
    candidates.retain(|candidate| seen.insert(candidate.key().to_owned()));
    of_platform(blobs, candidates, platform)
}

fn has_platform(candidate: &Candidate) -> bool {
    matches!(&candidate.what, What::Manifest(descriptor) if descriptor.platform.is_some())
}

/// Go's name of this machine's architecture.
fn this_machine() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{architecture}")
}

fn of_platform(
    blobs: &Blobs,
    candidates: Vec<Candidate>,
    platform: Option<&str>,
) -> Result<Chosen, ImageError> {
    let wanted = platform.map_or_else(this_machine, str::to_owned);
    let only = candidates.len() == 1;
    let mut found: Vec<Text> = Vec::new();
    for candidate in candidates {
        if let What::Manifest(Descriptor { platform: Some(told), .. }) = &candidate.what
            && !told.is(&wanted)
            && !(only && platform.is_none())
        {
            found.push(Text::from(told.name()));
            continue;
        }
        let chosen = open(blobs, candidate.what)?;
        if (only && platform.is_none()) || is_platform(&chosen.json.config, &wanted) {
            return Ok(chosen);
        }
        found.push(chosen.json.platform().unwrap_or_default());
    }
    found.sort();
    found.dedup();
    Err(ImageError::NoSuchPlatformIn { path: blobs.path().to_owned(), wanted, names: found })
}

fn candidates(blobs: &Blobs) -> Result<Vec<Candidate>, ImageError> {
    let path = || blobs.path().to_owned();
    let broken =
        |file: &str, why: String| ImageError::NotAnImage { path: path(), why: format!("{file}: {why}") };
    if !matches!(blobs, Blobs::InFolder(_))
        && let Some(json) = blobs.json("manifest.json")?
    {
        let saved = read_saved(&json).map_err(|why| broken("manifest.json", why))?;
        return Ok(saved
            .into_iter()
            .map(|mut saved| Candidate {
                names: saved.tags.take().unwrap_or_default(),
                what: What::Saved(saved),
            })
            .collect());
    }
    if let Some(json) = blobs.json("index.json")? {
        let index = read_manifest(&json).map_err(|why| broken("index.json", why))?;
        let mut out = Vec::new();
        let mut todo: Vec<(Descriptor, Vec<String>, usize)> =
            index.manifests.unwrap_or_default().into_iter().map(|d| (d, Vec::new(), 0)).collect();
        todo.reverse();
        while let Some((descriptor, above, depth)) = todo.pop() {
            if descriptor.is_no_image() {
                continue;
            }
            if out.len() >= IMAGES || todo.len() > IMAGES {
                return Err(broken("index.json", format!("more than {IMAGES} images")));
            }
            let own = descriptor.names();
            let names = if own.is_empty() { above } else { own };
            if !descriptor.is_index() {
                out.push(Candidate { names, what: What::Manifest(descriptor) });
                continue;
            }
            if depth >= INDEX_DEPTH {
                return Err(broken("index.json", format!("indexes lie more than {INDEX_DEPTH} deep")));
            }
            let inner = manifest(blobs, &descriptor)?.manifests.unwrap_or_default();
            todo.extend(inner.into_iter().rev().map(|d| (d, names.clone(), depth + 1)));
        }
        return Ok(out);
    }
    let why = if matches!(blobs, Blobs::InFolder(_)) {
        "it has no index.json".to_owned()
    } else if blobs.json("repositories")?.is_some() {
        "it was written by a Docker before 1.10 (repositories, but no manifest.json); load it and save it again".to_owned()
    } else if blobs.looks_like_files() {
        "it has neither manifest.json nor index.json, but files of a root file system; unpack it and write dir:FOLDER"
            .to_owned()
    } else {
        "it has neither manifest.json (docker save) nor index.json (OCI)".to_owned()
    };
    Err(ImageError::NotAnImage { path: path(), why })
}

/// The name of the blob with a digest; `None` for what is no digest.
fn blob_name(digest: &str) -> Option<String> {
    let (algorithm, hex) = digest.split_once(':')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    (plain(algorithm) && plain(hex)).then(|| format!("blobs/{algorithm}/{hex}"))
}

/// A JSON blob, whose digest must be its own.
fn json_of(blobs: &Blobs, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
    let digest = descriptor.digest.escape_debug().to_string();
    let no_image = |why: String| ImageError::NotAnImage { path: blobs.path().to_owned(), why };
    let name = blob_name(&descriptor.digest).ok_or_else(|| no_image(format!("{digest:?} is no digest")))?;
    let json = blobs.json(&name)?.ok_or_else(|| no_image(format!("the blob {digest} is missing")))?;
    if let Some(hex) = descriptor.digest.strip_prefix("sha256:")
        && sha256(&json) != hex
    {
        return Err(ImageError::Damaged {
            name: blobs.path().display().to_string(),
            why: format!("the blob {digest} has another digest"),
        });
    }
    Ok(json)
}

fn manifest(blobs: &Blobs, descriptor: &Descriptor) -> Result<Manifest, ImageError> {
    read_manifest(&json_of(blobs, descriptor)?).map_err(|why| ImageError::NotAnImage {
        path: blobs.path().to_owned(),
        why: format!("{}: {why}", descriptor.digest.escape_debug()),
    })
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open(blobs: &Blobs, what: What) -> Result<Chosen, ImageError> {
    let path = || blobs.path().to_owned();
    let no_image = |why: String| ImageError::NotAnImage { path: path(), why };
    let (json, layers) = match what {
        What::Saved(saved) => {
            let name = saved.config.escape_debug().to_string();
            let json = blobs.json(&saved.config)?.ok_or_else(|| {
                no_image(format!("the configuration {name:?} that manifest.json names is missing"))
            })?;
            (json, saved.layers.unwrap_or_default().into_iter().map(|name| (name, None)).collect::<Vec<_>>())
        }
        What::Manifest(descriptor) => {
            let manifest = manifest(blobs, &descriptor)?;
            let Some(config) = manifest.config else {
                return Err(no_image(format!(
                    "{} is no image manifest: it has no configuration",
                    descriptor.digest.escape_debug()
                )));
            };
            let layers = manifest.layers.unwrap_or_default();
            let named = layers.into_iter().map(|layer| {
                let digest = layer.digest.escape_debug().to_string();
                let name =
                    blob_name(&layer.digest).ok_or_else(|| no_image(format!("{digest:?} is no digest")))?;
                Ok((name, Some(layer.size)))
            });
            (json_of(blobs, &config)?, named.collect::<Result<Vec<_>, ImageError>>()?)
        }
    };
    if layers.len() > LAYERS {
        return Err(ImageError::TooMuch {
            name: path().display().to_string(),
            what: format!("{} layers, at most {LAYERS} are read", layers.len()),
        });
    }
    let id = format!("sha256:{}", sha256(&json));
    let json = config::read(&json).map_err(|why| no_image(format!("its configuration: {why}")))?;
    let told = json.layers.as_ref().map_or(0, Vec::len);
    if told != layers.len() {
        return Err(no_image(format!("its manifest has {} layers, its configuration {told}", layers.len())));
    }
    if json.config.os.as_ref().is_some_and(|os| *os != "linux") {
        return Err(ImageError::NoSuchPlatformIn {
            path: path(),
            wanted: "linux".to_owned(),
            names: vec![json.platform().unwrap_or_default()],
        });
    }
    Ok(Chosen { json, id, layers })
}
