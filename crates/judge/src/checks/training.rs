//! What the locks tell of training beside what serves.

pub(crate) mod cudnn_differs_from_training;
pub(crate) mod numpy_major_differs_from_training;

use envdiff_model::Verdict;

use crate::case::Case;

/// Whether a check already said that the image holds another version of a package than the lock, or none.
fn is_told(case: &Case<'_>, name: &str) -> bool {
    [Verdict::VersionMismatch, Verdict::Missing, Verdict::SourceMismatch, Verdict::Unverifiable]
        .into_iter()
        .flat_map(|verdict| case.of(verdict))
        .any(|subject| subject.requirement.name.as_ref().is_some_and(|n| n.as_str() == name))
}
