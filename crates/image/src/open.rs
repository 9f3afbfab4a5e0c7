//! What is needed to open a target, and what an opened one is.

use std::path::PathBuf;
use std::sync::Arc;

use envdiff_files::{ImagePath, Likely, Source};
use envdiff_model::{ImageConfig, Snapshot, Target};

use crate::{ImageError, TargetSpec, Told, archive, docker, folder, snapshot};

/// `--read`: how an image of the engine is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadBy {
    /// Layer folders when they can be read, else the walker, else an export.
    #[default]
    Auto,
    /// The engine's layer folders, directly.
    Layers,
    /// Our own program in a container that is created for it.
    Walker,
    /// The export stream of a container that is never started.
    Export,
}

/// How to open a target.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// `--read`.
    pub read: ReadBy,
    /// `--platform`, `os/arch[/variant]`.
    pub platform: Option<String>,
    /// `--image-config FILE`, for a root file system.
    pub image_config: Option<PathBuf>,
    /// What observers will probably want. A compressed archive is read before its source can be told what to expect.
    pub likely: Option<Likely>,
}

/// Told while something slow runs; the command draws a progress line from it.
pub trait Events: Send + Sync {
    /// What is being done now, and how far it is: bytes or entries so far.
    fn step(&self, what: &'static str, done: u64);
}

/// Where the interpreter is to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// What the image's configuration starts.
    Configuration,
    /// This interpreter: the target is a virtual environment or prefix.
    Interpreter(ImagePath),
    /// Nothing tells: a root file system without a configuration.
    Unknown,
}

/// An opened target.
pub enum Opened {
    /// Files that can be asked about.
    Files(Box<Files>),
    /// A snapshot: nothing is left to ask.
    Snapshot(Box<Snapshot>),
}

/// A target whose files can be asked about.
pub struct Files {
    /// What the report names.
    pub target: Target,
    /// The image's configuration, where there is one.
    pub config: Option<ImageConfig>,
    /// Where its interpreter is looked for.
    pub begin: Begin,
    /// Answers questions. Dropping it removes whatever was started for it.
    pub source: Box<dyn Source<Error = ImageError>>,
    /// Whether an engine of this machine holds it, or it is an environment of this machine, so that what this machine has is what the image will meet. A file may go
    /// anywhere, and behind an address of the network is another machine.
    pub local: bool,
    /// What the source finds out about its own way of reading; completes `target` when the conversation is over.
    pub told: Told,
    /// The image in its engine, where it is one.
    pub(crate) runnable: Option<docker::Runnable>,
}

/// Opens a target.
///
/// # Errors
/// Why it cannot be audited; see [`ImageError`].
pub fn open(
    spec: &TargetSpec,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Opened, ImageError> {
    let files = match spec {
        TargetSpec::Docker(name) => docker::open_image(name, options, events)?,
        TargetSpec::Container(name) => docker::open_container(name, options, events)?,
        TargetSpec::Archive { file, image } => archive::open_file(file, image.as_deref(), options, events)?,
        TargetSpec::Oci { dir, tag } => archive::open_layout(dir, tag.as_deref(), options, events)?,
        TargetSpec::Dir(dir) => folder::open(dir, options, events)?,
        TargetSpec::Snapshot(file) => return Ok(Opened::Snapshot(Box::new(snapshot::open(file)?))),
    };
    Ok(Opened::Files(Box::new(files)))
}
