//! The history of an image in, one Dockerfile instruction for each layer out.

use envdiff_model::{Layer, Text};

/// The layers with their instructions. `steps` are the `created_by` texts of the history's entries that made a layer
/// (`empty_layer` is not set), from the first to the last. Where their number differs from that of the layers, nothing
/// tells which made which, and no layer has an instruction.
pub fn layers(ids: impl IntoIterator<Item = Text>, steps: &[Option<&str>]) -> Vec<Layer> {
    let ids: Vec<Text> = ids.into_iter().collect();
    let paired = steps.len() == ids.len();
    let instruction = |at: usize| {
        let step = steps.get(at).copied().flatten().filter(|_| paired)?;
        Some(instruction(step)).filter(|text| !text.is_empty())
    };
    ids.into_iter().enumerate().map(|(at, id)| Layer { id, instruction: instruction(at) }).collect()
}

/// A history entry's `created_by` as a Dockerfile has it.
///
/// The classic builder writes `/bin/sh -c #(nop) CMD ["x"]` for what runs nothing, `|1 A=b /bin/sh -c …` for a `RUN` with
/// build arguments and the shell with its command for a plain `RUN`; BuildKit writes the instruction, `RUN` with the
/// shell, and `# buildkit` at the end; Buildah writes `/bin/sh -c #(nop) ` and the shell too.
#[must_use]
pub fn instruction(created_by: &str) -> Text {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").map_or(text, str::trim_end);
    if let Some((_, rest)) = text.split_once("#(nop)") {
        return Text::from(rest.trim());
    }
    if let Some(command) = text.strip_prefix("RUN ") {
        return Text::from(format!("RUN {}", without_shell(without_arguments(command.trim_start()))));
    }
    let command = without_arguments(text);
    let bare = without_shell(command);
    if bare.len() < command.len() || command.len() < text.len() {
        return Text::from(format!("RUN {bare}"));
    }
    Text::from(text)
}

fn without_shell(command: &str) -> &str {
    for shell in ["/bin/sh -c ", "/bin/bash -c ", "/bin/sh -ec ", "/bin/bash -o pipefail -c "] {
        if let Some(rest) = command.strip_prefix(shell) {
            return rest.trim_start();
        }
    }
    command
}

/// Without `|N NAME=value …`, as far as the values hold no blank.
fn without_arguments(command: &str) -> &str {
    let Some(rest) = command.strip_prefix('|') else { return command };
    let Some((count, mut rest)) = rest.split_once(' ') else { return command };
    let Ok(count) = count.parse::<usize>() else { return command };
    // A value may hold blanks; then the shell itself is the surest end.
    if let Some(at) = rest.find("/bin/sh -c ").or_else(|| rest.find("/bin/bash ")) {
        return rest.get(at..).unwrap_or(rest);
    }
    for _ in 0..count {
        let Some((_, more)) = rest.split_once(' ') else { return command };
        rest = more;
    }
    rest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use envdiff_model::Text;

    use super::{instruction, layers};

    #[test]
    fn each_builder_is_read_as_the_dockerfile() {
        for (created_by, wanted) in [
            ("/bin/sh -c #(nop) ADD file:abc in / ", "ADD file:abc in /"),
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            ("/bin/sh -c pip install torch", "RUN pip install torch"),
            ("RUN /bin/sh -c pip install torch # buildkit", "RUN pip install torch"),
            ("RUN |1 A=b /bin/sh -c pip install $A # buildkit", "RUN pip install $A"),
            ("|2 A=b C=d e /bin/sh -c make", "RUN make"),
            ("COPY app.py /srv/ # buildkit", "COPY app.py /srv/"),
            ("ENV A=1", "ENV A=1"),
            ("/bin/bash -o pipefail -c x | y", "RUN x | y"),
            ("# debian.sh --arch 'amd64' out/ 'bookworm'", "# debian.sh --arch 'amd64' out/ 'bookworm'"),
            ("", ""),
        ] {
            assert_eq!(instruction(created_by), Text::from(wanted), "{created_by}");
        }
    }

    #[test]
    fn a_history_of_another_length_tells_nothing() {
        let ids = || ["sha256:1", "sha256:2"].map(Text::from);
        assert!(layers(ids(), &[Some("a")]).iter().all(|l| l.instruction.is_none()));
        assert_eq!(layers(ids(), &[Some("a"), None]).first().unwrap().instruction, Some(Text::from("a")));
    }
}
