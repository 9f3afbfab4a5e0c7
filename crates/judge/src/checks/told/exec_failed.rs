//! What the image's interpreter was asked and did not answer comes in; a note with the reason comes out.

use envdiff_model::{Evidence, Name, Text, Told, say};

use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(told) = &case.environment.told else { return Vec::new() };
    if let Some(reason) = &told.failed {
        return vec![
            Spoken::new("python", say!("the image's Python could not be asked: ", reason))
                .seen(command(told, reason))
                .why("what this report tells was read from the image's files alone; nothing of it was held against the interpreter")
                .fix("start the interpreter by hand (`docker run --rm --entrypoint PYTHON IMAGE -V`) and see what it says"),
        ];
    }
    let has_pip = case.installed.first(&Name::new("pip")).is_some();
    let unanswered = [
        ("python", "which version it is", told.python.reason()),
        ("sys.path", "its sys.path", told.sys_path.reason()),
        ("distributions", "what importlib.metadata lists", told.distributions.reason()),
        ("torch", "about torch", told.torch.reason().filter(|_| told.torch_error.is_none())),
        ("pip", "what `pip freeze --all` lists", told.freeze.reason().filter(|_| has_pip)),
    ];
    unanswered
        .into_iter()
        .filter_map(|(subject, what, reason)| {
            let reason = reason?;
            Some(
                Spoken::new(
                    subject,
                    say!("the image's Python was asked ", what, " and did not answer: ", reason),
                )
                .seen(command(told, reason))
                .why("of this, what was read from the image's files was not held against the interpreter"),
            )
        })
        .collect()
}

/// The command with what became of it.
fn command(told: &Told, reason: &Text) -> Option<Evidence> {
    let command = Text::join(&told.command, " ");
    (!command.is_empty()).then(|| Evidence::new("the image's interpreter", say!("`", command, "`: ", reason)))
}
