//! Files that several installed distributions own come in; a warning for each set of owners comes out, an error where the
//! file that lies there is a cuDNN for another CUDA than torch's.

use envdiff_model::{Name, Overwritten, Severity, Text, say};

use crate::case::{Case, Spoken, seen};
use crate::stack;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.environment.stack.overwritten.value().into_iter().flatten().map(|files| speak(case, files)).collect()
}

/// What kept this check from speaking.
pub(crate) fn undetermined(case: &Case<'_>) -> Option<Spoken> {
    let reason = case.environment.stack.overwritten.reason()?;
    // Without an interpreter there is nothing installed, and that is told.
    case.environment.sys_path.value()?;
    Some(Spoken::new(
        "RECORD",
        say!("whether packages overwrite each other's files cannot be told: ", reason),
    ))
}

fn speak(case: &Case<'_>, files: &Overwritten) -> Spoken {
    let owners = wording::list(&files.owners);
    let file = files.path.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
    let more = match files.more {
        0 => Text::new(),
        n => say!(" and ", wording::count(n, "further file", "further files")),
    };
    let copies = case.installed.copies.iter().filter(|copy| {
        copy.name.as_ref().is_some_and(|name| files.owners.iter().any(|owner| *owner == name.as_str()))
    });
    let kept = match &files.kept {
        Some(kept) => say!("the file that lies there is the one of ", kept, "; "),
        None => Text::new(),
    };
    let (severity, of_other_cuda) = match other_cuda(case, files) {
        Some((kept, own)) => (
            Severity::Error,
            say!(
                "it is for CUDA ",
                kept,
                ", and torch is built for CUDA ",
                own,
                ": its parts ask for a cuBLAS that is not loaded; "
            ),
        ),
        None => (Severity::Warning, Text::new()),
    };
    let subject = files.owners.first().cloned().unwrap_or_default();
    Spoken::new(subject, say!(owners, " own ", file, more, " with different content"))
        .severity(severity)
        .seen([envdiff_model::Evidence::new(files.path.clone(), "in the RECORD of each")])
        .seen(copies.map(|copy| seen(copy.distribution)))
        .why(say!(
            kept,
            of_other_cuda,
            "what was installed last has overwritten the other, and removing one removes the files of both: the \
             import then fails, or takes parts of two builds"
        ))
        .fix(say!(
            "keep one of them: `",
            wording::pip(case),
            " uninstall -y ",
            Text::join(&files.owners, " "),
            "`, then install the one that is meant"
        ))
}

/// The CUDA major of the cuDNN wheel whose file lies there, and torch's, where they differ: cuDNN's parts load the cuBLAS of
/// their own major. Other libraries carry what they need.
fn other_cuda(case: &Case<'_>, files: &Overwritten) -> Option<(u16, u16)> {
    let torch = stack::cuda(stack::torch(case)?)?;
    let name = Name::new(files.kept.as_ref()?.as_str()?);
    let (part, kept) = stack::cuda_wheel(&name)?;
    kept.filter(|kept| part == "cudnn" && *kept != torch.major).map(|kept| (kept, torch.major))
}
