//! The JSON of an archive or layout in, which images are in it out: `manifest.json` as `docker save` writes it, OCI
//! indexes and manifests (image-spec 1.1, `image-index.md`, `manifest.md`), Docker's schema 2 of the same shape.

use serde::Deserialize;

use crate::limits::IMAGES;

/// One image of `manifest.json`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Saved {
    #[serde(rename = "Config")]
    pub(crate) config: String,
    #[serde(rename = "RepoTags")]
    pub(crate) tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    pub(crate) layers: Option<Vec<String>>,
}

/// What another blob is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Descriptor {
    #[serde(rename = "mediaType")]
    pub(crate) media_type: Option<String>,
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) annotations: Option<Annotations>,
    pub(crate) platform: Option<Platform>,
}

/// The annotations that name an image.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Annotations {
    #[serde(rename = "org.opencontainers.image.ref.name")]
    ref_name: Option<String>,
    #[serde(rename = "io.containerd.image.name")]
    image_name: Option<String>,
    #[serde(rename = "vnd.docker.reference.type")]
    reference_type: Option<String>,
}

/// For which machines an image is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Platform {
    pub(crate) os: String,
    pub(crate) architecture: String,
    pub(crate) variant: Option<String>,
}

impl Platform {
    /// `os/architecture[/variant]`
    pub(crate) fn name(&self) -> String {
        let variant = self.variant.as_ref().filter(|v| !v.is_empty());
        let variant = variant.map_or_else(String::new, |variant| format!("/{variant}"));
        format!("{}/{}{variant}", self.os, self.architecture)
    }

    /// Whether it is the wanted `os/arch[/variant]`; what either does not tell does not differ.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        let have = self.name();
        have.split('/').zip(wanted.split('/')).all(|(have, wanted)| have.eq_ignore_ascii_case(wanted))
    }
}

impl Descriptor {
    /// The names that it gives its image: full ones first.
    pub(crate) fn names(&self) -> Vec<String> {
        let Some(annotations) = &self.annotations else { return Vec::new() };
        let names = [&annotations.image_name, &annotations.ref_name];
        names.into_iter().flatten().filter(|name| !name.is_empty()).cloned().collect()
    }

    /// Whether it is a statement about another image, as BuildKit adds, or anything else that nobody runs.
    pub(crate) fn is_no_image(&self) -> bool {
        let reference = self.annotations.as_ref().and_then(|a| a.reference_type.as_deref());
        reference == Some("attestation-manifest")
            || self.platform.as_ref().is_some_and(|p| p.os == "unknown" || p.architecture == "unknown")
    }

    pub(crate) fn is_index(&self) -> bool {
        self.media_type
            .as_deref()
            .is_some_and(|m| m.ends_with(".index.v1+json") || m.ends_with(".list.v2+json"))
    }
}

/// An index or a manifest; which of them is told by what it has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Manifest {
    pub(crate) manifests: Option<Vec<Descriptor>>,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Option<Vec<Descriptor>>,
}

pub(crate) fn read_saved(json: &[u8]) -> Result<Vec<Saved>, String> {
    let saved: Vec<Saved> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if saved.len() > IMAGES { Err(format!("more than {IMAGES} images")) } else { Ok(saved) }
}

pub(crate) fn read_manifest(json: &[u8]) -> Result<Manifest, String> {
    let manifest: Manifest = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let count =
        manifest.manifests.as_ref().map_or(0, Vec::len) + manifest.layers.as_ref().map_or(0, Vec::len);
    if count > IMAGES { Err(format!("more than {IMAGES} entries")) } else { Ok(manifest) }
}

/// Whether the name that the user wrote is this name of an image: `app` is `app:latest`, and Docker's own registry and the
/// local host's need not be written.
pub(crate) fn is_same_name(wanted: &str, name: &str) -> bool {
    let full = |name: &str| {
        let mut name = name;
        for registry in ["docker.io/library/", "docker.io/", "index.docker.io/", "localhost/"] {
            name = name.strip_prefix(registry).unwrap_or(name);
        }
        let tagged = name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':'));
        if tagged { name.to_owned() } else { format!("{name}:latest") }
    };
    // A bare tag is what skopeo and umoci give.
    wanted == name || full(wanted) == full(name)
}

#[cfg(test)]
mod tests {
    use super::{Platform, is_same_name};

    #[test]
    fn names_need_no_more_than_docker_asks_for() {
        assert!(is_same_name("app", "app:latest"));
        assert!(is_same_name("app:1", "docker.io/library/app:1"));
        assert!(is_same_name("team/app:1", "docker.io/team/app:1"));
        assert!(is_same_name("app:1", "localhost/app:1"));
        assert!(is_same_name("1.0", "1.0"));
        assert!(!is_same_name("app:1", "app:2"));
        assert!(!is_same_name("host:5000/app", "app:latest"));
        assert!(is_same_name("host:5000/app", "host:5000/app:latest"));
    }

    #[test]
    fn a_platform_is_compared_as_far_as_it_is_told() {
        let arm = Platform { os: "linux".into(), architecture: "arm64".into(), variant: Some("v8".into()) };
        assert!(arm.is("linux/arm64"));
        assert!(arm.is("linux/arm64/v8"));
        assert!(!arm.is("linux/arm64/v9"));
        assert!(!arm.is("linux/amd64"));
        assert_eq!(arm.name(), "linux/arm64/v8");
    }
}
