//! Tar streams and files in, a compact index of their names with the bodies that are wanted out.

use envdiff_files::{Answer, Answered, Ask, ImagePath, Likely, Reply};

use crate::answer::Answers;

mod header;
mod hunt;
mod index;
mod input;
mod keep;
mod kept;
mod layers;
mod packed;
mod probe;
mod stretch;
mod walk;
mod wanted;

pub(crate) use index::grow;
pub(crate) use input::{Flow, Input, Window};
pub(crate) use keep::{InPlace, Keeper, gather};
pub(crate) use layers::{Store, TarLayers, Tree};
pub(crate) use walk::{TarError, TarKind, Walk};
pub(crate) use wanted::{Want, Wanted, purposes};

/// Whether bytes begin as a tar does: a header, or the end marker of an empty one.
pub(crate) fn is_tar(start: &[u8]) -> bool {
    let Some(block) = start.first_chunk::<{ header::BLOCK }>() else { return false };
    let block = header::Block(*block);
    block.is_empty() || block.is_header()
}

/// Indexes the entries of one tar, whatever its bytes are; for fuzzing and for tests.
///
/// # Errors
/// Why it is no tar, as the user reads it.
pub fn index_bytes(bytes: &[u8]) -> Result<usize, crate::ImageError> {
    let mut layers = TarLayers::new(true);
    let root = layers.forest.plant();
    let everything = Likely { suffixes: &[""], limit: 1 << 20, ..Likely::NONE };
    let mut keeper = Keeper::new(Some(&everything), &[], &mut layers.kept);
    let mut walk = Walk::new(Flow::new(bytes));
    grow(&mut layers.forest, root, &mut walk, &mut keeper, &mut |_| ())
        .map_err(|error| error.of("the tar"))?;
    layers.trees.push(Tree { root, store: Store::Kept });
    let mut answers = Answers::new(layers);
    let tree = Ask::Tree { path: ImagePath::root(), depth: u32::MAX, suffixes: Vec::new() };
    match answers.reply(&tree) {
        Reply::Answered(Answered { answer: Answer::Tree(entries), .. }) => Ok(entries.len()),
        _ => Ok(0),
    }
}
