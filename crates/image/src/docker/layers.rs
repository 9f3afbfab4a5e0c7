//! An engine's layer folders in, the merged file system as a container sees it out, without asking the engine anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use envdiff_files::{Ask, Likely, Reply, Source};

use crate::answer::Answers;
use crate::disk::{Disk, Marks};
use crate::limits::LAYERS;
use crate::{Events, ImageError};

/// Where the layers of an image lie and how they are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerFolders {
    /// The topmost first.
    folders: Vec<PathBuf>,
    marks: Marks,
}

impl LayerFolders {
    /// From the `GraphDriver` of an image's or container's inspection: its name, and `UpperDir` and `LowerDir` of its data.
    ///
    /// # Errors
    /// [`ImageError::NotLayers`] for a driver whose folders only the kernel can merge, or without these keys.
    pub(crate) fn new(driver: &str, upper: Option<&str>, lower: Option<&str>) -> Result<Self, ImageError> {
        let refuse = |reason: String| Err(ImageError::NotLayers { reason });
        let marks = match driver {
            "overlay2" => Marks::Overlay,
            "fuse-overlayfs" => Marks::FuseOverlay,
            other => return refuse(format!("the storage driver {other:?} has no layer folders")),
        };
        let Some(upper) = upper.filter(|upper| !upper.is_empty()) else {
            return refuse("the engine does not tell where they lie".to_owned());
        };
        let mut folders = vec![PathBuf::from(upper)];
        folders.extend(split(lower.unwrap_or_default()));
        if folders.len() > LAYERS {
            return refuse(format!("more than {LAYERS} layers"));
        }
        if folders.iter().any(|folder| !folder.is_absolute()) {
            return refuse("the engine tells relative folders".to_owned());
        }
        Ok(Self { folders, marks })
    }

    /// How many layers there are.
    pub(crate) fn count(&self) -> usize {
        self.folders.len()
    }

    /// Opens them.
    ///
    /// # Errors
    /// [`ImageError::NotLayers`] when one is not there (the engine is on another machine) or may not be read.
    pub(crate) fn open(&self) -> Result<LayerSource, ImageError> {
        let disk = Disk::open(&self.folders, self.marks).map_err(|(folder, error)| {
            let folder: &Path = folder;
            ImageError::NotLayers { reason: format!("{}: {error}", folder.display()) }
        })?;
        Ok(LayerSource { answers: Answers::new(disk) })
    }
}

/// The parts of an overlay mount's `lowerdir`; a colon in a name is written `\:`.
fn split(lower: &str) -> Vec<PathBuf> {
    let mut parts = vec![String::new()];
    let mut letters = lower.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ':' => parts.push(String::new()),
            '\\' => {
                if let (Some(part), Some(next)) = (parts.last_mut(), letters.next()) {
                    part.push(next);
                }
            }
            other => {
                if let Some(part) = parts.last_mut() {
                    part.push(other);
                }
            }
        }
    }
    parts.into_iter().filter(|part| !part.is_empty()).map(PathBuf::from).collect()
}

/// Answers from layer folders; each answer carries its layer's number from the lowest.
pub(crate) struct LayerSource {
    answers: Answers<Disk>,
}

impl LayerSource {
    /// Tells how far it came.
    pub(crate) fn watched(self, events: &Arc<dyn Events>) -> Self {
        Self { answers: self.answers.watched(events) }
    }
}

impl Source for LayerSource {
    type Error = ImageError;

    fn expect(&mut self, _: &Likely) {}

    /// [`ImageError::NotLayers`] as soon as something is met that only the kernel can merge. What was answered before is
    /// right, for it did not touch that.
    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        let replies = self.answers.answer(asks);
        match self.answers.view.layers.refused() {
            Some(reason) => Err(ImageError::NotLayers { reason: reason.to_owned() }),
            None => Ok(replies),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::path::PathBuf;

    use super::{LayerFolders, split};

    #[test]
    fn folders_are_told_from_the_top() {
        let layers =
            LayerFolders::new("overlay2", Some("/d/3/diff"), Some("/d/2/diff:/d/1\\:x/diff")).unwrap();
        assert_eq!(layers.folders, ["/d/3/diff", "/d/2/diff", "/d/1:x/diff"].map(PathBuf::from));
        assert_eq!(LayerFolders::new("fuse-overlayfs", Some("/d/1/diff"), None).unwrap().count(), 1);
        assert!(LayerFolders::new("btrfs", Some("/d"), None).is_err());
        assert!(LayerFolders::new("overlay2", None, None).is_err());
        assert!(LayerFolders::new("overlay2", Some("d"), None).is_err());
        assert!(split("").is_empty());
    }

    #[test]
    fn folders_of_another_machine_are_told() {
        let layers = LayerFolders::new("overlay2", Some("/nowhere/at/all"), None).unwrap();
        let said = layers.open().map(|_| ()).unwrap_err().to_string();
        assert!(said.starts_with("the image cannot be read as layers: /nowhere/at/all: "), "{said}");
    }
}
