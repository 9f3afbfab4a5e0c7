//! What has been answered so far comes in; what the loader and the extension modules will want is asked early, so that it shares
//! batches with Python's own questions. What that brings is not looked at here: a wrong guess costs a question and changes nothing.

use envdiff_files::{Answer, Answered, Ask, ImagePath, Miss, Reply, Seen};

use super::{loader, modules};
use crate::python::is_python_name;

/// The most folders and programs that are foreseen.
const MOST: usize = 8;

/// Asks early about every site folder that has been listed, and every Python that has been found.
pub(crate) fn foresee(seen: &Seen) {
    // By where they really are: `lib64` of a virtual environment leads to its `lib`.
    let mut sites: Vec<&ImagePath> = Vec::new();
    let mut pythons: Vec<&ImagePath> = Vec::new();
    for (ask, reply) in seen.replies() {
        let Reply::Answered(Answered { real, answer, .. }) = reply else { continue };
        match (ask, answer) {
            (Ask::List(path), Answer::Listing(_))
                if matches!(path.file_name(), b"site-packages" | b"dist-packages") =>
            {
                sites.push(real);
            }
            (Ask::Range { path, .. }, _) if is_python_name(path.file_name()) => pythons.push(real),
            _ => {}
        }
    }
    // In one order, whatever order the answers are held in.
    for paths in [&mut sites, &mut pythons] {
        paths.sort_unstable();
        paths.dedup();
        paths.truncate(MOST);
    }
    let owned = |paths: &[&ImagePath]| paths.iter().copied().cloned().collect::<Vec<_>>();
    // Once all of it is answered there is nothing more to foresee.
    let asked = seen.settled("foreseen", (owned(&sites), owned(&pythons)), || {
        sites.iter().for_each(|site| modules::foresee(seen, site));
        pythons.iter().for_each(|python| loader::foresee(seen, python));
        Ok::<(), Miss>(())
    });
    drop(asked);
}
