//! What was audited: which image or folder, how it was read, its configuration and layers.

use crate::Text;

/// The kinds of target, as they are written before the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// An image of the engine.
    Docker,
    /// A container's present file system.
    Container,
    /// A file that `docker save` wrote.
    Archive,
    /// An OCI image layout.
    Oci,
    /// A folder: root file system, environment, prefix or bundle.
    Dir,
    /// A snapshot that `envdiff inspect` wrote.
    Snapshot,
    /// Model archives without an image.
    Mar,
}

impl TargetKind {
    /// The word before the colon.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Container => "container",
            Self::Archive => "archive",
            Self::Oci => "oci",
            Self::Dir => "dir",
            Self::Snapshot => "snapshot",
            Self::Mar => "mar",
        }
    }
}

/// What was audited, as the report names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// The name as the user gave it, without the kind's prefix.
    pub name: Text,
    /// `sha256:…` of the image's configuration; `None` for a folder.
    pub id: Option<Text>,
    /// `linux/amd64`, `linux/arm64/v8`; `None` where nothing tells.
    pub platform: Option<Text>,
    /// `layers`, `walker`, `export`, `archive`, `oci`, `container`, `dir`, `snapshot`, `mar`.
    pub gathered_by: &'static str,
    /// The image's layers from the lowest up; `None` where the source does not know them.
    pub layers: Option<Vec<Layer>>,
    /// Why another way of reading was not taken, one sentence each; shown under `-v`.
    pub notices: Vec<Text>,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// `sha256:…` of the uncompressed layer.
    pub id: Text,
    /// The Dockerfile instruction that made it, as far as the history tells.
    pub instruction: Option<Text>,
}

/// What an image's configuration says about how its process starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// Environment in the order of the configuration; a later entry of one name wins.
    pub env: Vec<(Text, Text)>,
    /// `USER` as written: a name or number, with or without a group; empty is root.
    pub user: Text,
    /// `WORKDIR`; empty is `/`.
    pub workdir: Text,
    /// `ENTRYPOINT`, empty when there is none.
    pub entrypoint: Vec<Text>,
    /// `CMD`, empty when there is none.
    pub cmd: Vec<Text>,
    /// Paths that the image declares as volumes.
    pub volumes: Vec<Text>,
    /// `linux`.
    pub os: Option<Text>,
    /// `amd64`, `arm64`, as Go names architectures.
    pub architecture: Option<Text>,
    /// `v7`, `v8`.
    pub variant: Option<Text>,
}

impl Target {
    /// Model archives without an image.
    #[must_use]
    pub fn archives(name: impl Into<Text>) -> Self {
        Self {
            kind: TargetKind::Mar,
            name: name.into(),
            id: None,
            platform: None,
            gathered_by: TargetKind::Mar.as_str(),
            layers: None,
            notices: Vec::new(),
        }
    }
}

impl ImageConfig {
    /// The value of an environment variable; the last one wins, as in the engine.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&Text> {
        self.env.iter().rev().find(|(key, _)| *key == *name).map(|(_, value)| value)
    }
}
