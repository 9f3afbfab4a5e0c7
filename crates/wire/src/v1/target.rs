//! What was audited and by what, in JSON.

use envdiff_model as model;
use serde::{Deserialize, Serialize};

use super::words::TargetKind;
use crate::string::Str;
use crate::{SnapshotError, TOOL, VERSION};

/// What wrote the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tool {
    /// `envdiff`.
    pub name: Str,
    /// Its version.
    pub version: Str,
}

impl Tool {
    /// This one.
    pub(crate) fn this() -> Self {
        Self { name: TOOL.into(), version: VERSION.into() }
    }
}

/// What was audited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// The name as given, without the kind's prefix.
    pub name: Str,
    /// `sha256:…` of the image's configuration.
    pub id: Option<Str>,
    /// `linux/amd64`.
    pub platform: Option<Str>,
    /// `layers`, `walker`, `export`, `archive`, `oci`, `container`, `dir`, `snapshot`, `mar`.
    pub gathered_by: Str,
    /// The layers from the lowest up; null where the source does not know them.
    pub layers: Option<Vec<Layer>>,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Layer {
    /// `sha256:…` of the uncompressed layer.
    pub id: Str,
    /// The Dockerfile instruction that made it.
    pub instruction: Option<Str>,
}

/// The ways of reading that a snapshot may name.
const GATHERED_BY: [&str; 8] =
    ["layers", "walker", "export", "archive", "oci", "container", "dir", "snapshot"];

impl From<&model::Target> for Target {
    fn from(target: &model::Target) -> Self {
        Self {
            kind: target.kind.into(),
            name: (&target.name).into(),
            id: target.id.as_ref().map(Str::from),
            platform: target.platform.as_ref().map(Str::from),
            gathered_by: target.gathered_by.into(),
            layers: target.layers.as_ref().map(|layers| layers.iter().map(Layer::from).collect()),
        }
    }
}

impl TryFrom<Target> for model::Target {
    type Error = SnapshotError;
    fn try_from(target: Target) -> Result<Self, SnapshotError> {
        let found = target.gathered_by.lossy();
        let gathered_by = GATHERED_BY
            .into_iter()
            .find(|word| *word == found)
            .ok_or(SnapshotError::Word { key: "target.gathered_by", found })?;
        Ok(Self {
            kind: target.kind.into(),
            name: target.name.into(),
            id: target.id.map(Into::into),
            platform: target.platform.map(Into::into),
            gathered_by,
            layers: target.layers.map(|layers| layers.into_iter().map(Into::into).collect()),
            notices: Vec::new(),
        })
    }
}

impl From<&model::Layer> for Layer {
    fn from(layer: &model::Layer) -> Self {
        Self { id: (&layer.id).into(), instruction: layer.instruction.as_ref().map(Str::from) }
    }
}
impl From<Layer> for model::Layer {
    fn from(layer: Layer) -> Self {
        Self { id: layer.id.into(), instruction: layer.instruction.map(Into::into) }
    }
}
