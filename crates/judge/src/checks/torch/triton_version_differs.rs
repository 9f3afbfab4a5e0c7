//! The triton that torch pins and the one that is installed come in; a warning where they differ comes out.

use envdiff_model::{Evidence, say};

use crate::case::{Case, Spoken, seen};
use crate::checks::installed::requirement_of_installed_package_broken::{Broken, judge};
use crate::needs::Edge;
use crate::stack;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    stack::torch_needs(case)
        .filter(|edge| tells(case, edge))
        .filter_map(|edge| {
            let copy = case.installed.first(&edge.wanted.name)?;
            let from = case.installed.copy(edge.from)?;
            let version = copy.distribution.version.clone()?;
            let wish = say!(edge.wanted.name, edge.wanted.requirement.specifiers.written());
            Some(
                Spoken::new("triton", say!("torch requires ", wish, ", ", version, " is installed"))
                    .seen([
                        Evidence::new(from.distribution.metadata.clone(), say!("Requires-Dist: ", edge.need.text)),
                        seen(copy.distribution),
                    ])
                    .why(
                        "torch.compile calls the compiler of that very release: with another it ends with ImportError (\"cannot \
                         import name 'triton_key'\") or AttributeError; what is not compiled runs",
                    )
                    .fix(say!("`", wording::pip(case), " install '", wish, "'`")),
            )
        })
        .collect()
}

/// What such a requirement means is told here.
pub(crate) fn tells(case: &Case<'_>, edge: &Edge<'_>) -> bool {
    edge.from_name.as_str() == "torch"
        && edge.wanted.name.as_str() == "triton"
        && matches!(judge(case, edge.wanted), Some(Broken::Version(_)))
}
