//! Targets that answer questions: what the user named goes in, an opened [`Source`](envdiff_files::Source) with the
//! image's configuration comes out. Nothing of an image's code is run, but what [`Files::exec`]
//! is given to start.

mod answer;
mod archive;
mod bundle;
mod config;
#[cfg(test)]
mod conform;
mod disk;
mod docker;
mod error;
mod folder;
mod history;
#[cfg(test)]
mod hostile;
pub mod limits;
#[cfg(test)]
#[path = "../../files/src/elf/made.rs"]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, dead_code, reason = "tests")]
mod made;
mod merge;
mod nearest;
mod open;
mod record;
mod reference;
mod rounds;
mod snapshot;
mod spec;
mod stream;
mod tar;
mod told;

pub use archive::read_bytes as read_archive_bytes;
pub use config::{ImageJson, platform, read as read_image_json};
pub use docker::{Exec, Gpus, Heard, settle};
pub use error::ImageError;
pub use history::{instruction, layers as layers_of};
pub use nearest::nearest;
pub use open::{Begin, Events, Files, OpenOptions, Opened, ReadBy, open};
pub use record::record;
pub use reference::is_reference;
pub use spec::{Here, PathKind, Surroundings, TargetSpec};
pub use stream::answer_bytes as answer_stream_bytes;
pub use tar::index_bytes as index_tar_bytes;
pub use told::Told;
