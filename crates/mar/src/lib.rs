//! A model archive and the image that will serve it come in; a [`envdiff_model::Load`] comes out: whether the first worker
//! becomes ready, and else at which stage it fails, by which rule, and where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use envdiff_files::{Likely, Miss, Seen};
use envdiff_model::{Environment, ImageConfig, Load, Prediction, Text};

/// What predictions will probably want of an image, for sources that can pass only once.
pub const LIKELY: Likely = Likely::NONE;

/// An archive that can be read.
#[derive(Debug)]
pub struct Archive {
    name: Text,
}

/// Why an archive cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refuses.
    #[error("{}: the archive cannot be opened", path.display())]
    System {
        /// As it was named.
        path: PathBuf,
        /// The system's words.
        #[source]
        error: io::Error,
    },
}

/// The image that will serve the archives.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    /// What has been asked of it.
    pub seen: &'a Seen,
    /// What was observed.
    pub environment: &'a Environment,
    /// Its configuration, where there is one.
    pub config: Option<&'a ImageConfig>,
}

/// What the command line adds.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// `--config-properties`: the file's name and what it holds, in the place of the image's own.
    pub properties: Option<(Text, Vec<u8>)>,
    /// `--verify`: read whole what is otherwise sampled.
    pub verify: bool,
}

impl Archive {
    /// Opens a file or folder.
    ///
    /// # Errors
    /// [`OpenError`]: it is not there, or the system does not let it be read. A damaged one opens, and is predicted to fail.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let fail = |error| OpenError::System { path: path.to_owned(), error };
        let meta = fs::metadata(path).map_err(fail)?;
        if meta.is_dir() {
            fs::read_dir(path).map_err(fail)?;
        } else {
            fs::File::open(path).map_err(fail)?;
        }
        Ok(Self { name: path.as_os_str().as_encoded_bytes().into() })
    }

    /// As it was named.
    #[must_use]
    pub const fn name(&self) -> &Text {
        &self.name
    }
}

/// The archives that the image's own server would load at its start: those of its model store that `load_models` or its
/// command name.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub fn in_image(image: &Image<'_>) -> Result<Vec<Archive>, Miss> {
    let _ = image;
    Ok(Vec::new())
}

/// Predicts for archives that one server is to load; without an image only what they decide by themselves.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub fn predict(archives: &[Archive], image: Option<&Image<'_>>, wishes: &Wishes) -> Result<Vec<Load>, Miss> {
    let _ = wishes;
    let reason = if image.is_some() { "it is not looked at" } else { Load::ALONE };
    let unknown = Prediction { reason: Some(reason.into()), ..Prediction::default() };
    Ok(archives
        .iter()
        .map(|archive| Load {
            archive: archive.name.clone(),
            at_startup: unknown.clone(),
            register: unknown.clone(),
            ..Load::default()
        })
        .collect())
}
