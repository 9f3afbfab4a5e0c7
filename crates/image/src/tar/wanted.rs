//! What was asked of files that were not kept in, what the next pass over the stream is for out.

use std::collections::HashMap;

use envdiff_files::ElfQuestion;
use envdiff_model::{Text, say};

use super::kept::Piece;

/// How many files a notice names.
const NAMED: usize = 3;

/// Files of which something was asked for that had not been kept, by path.
pub(crate) type Wanted = HashMap<Vec<u8>, Want>;

/// What was asked for of one file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Want {
    /// Offset and length.
    pub(crate) parts: Vec<(u64, u64)>,
    /// Questions that find out by themselves which parts they need.
    pub(crate) questions: Vec<ElfQuestion>,
    /// What was kept of it before.
    pub(crate) held: Vec<Piece>,
    /// Whether all of it is to be hashed.
    pub(crate) digest: bool,
}

impl Want {
    /// Whether nothing of it is to be kept.
    pub(crate) fn is_digest_alone(&self) -> bool {
        self.digest && self.parts.is_empty() && self.questions.is_empty()
    }
}

/// What another pass over the `stream` is for, a notice for each purpose.
pub(crate) fn purposes(wanted: &[Wanted], stream: &str) -> Vec<Text> {
    let all = || wanted.iter().flatten();
    let mut unforeseen: Vec<&[u8]> =
        all().filter(|(_, want)| !want.is_digest_alone()).map(|(path, _)| path.as_slice()).collect();
    unforeseen.sort_unstable();
    let digests = all().filter(|(_, want)| want.digest).count();
    let mut out = Vec::new();
    if let Some((first, rest)) = unforeseen.split_first() {
        let named = rest.iter().take(NAMED - 1);
        let files = named.fold(Text::from(*first), |files, path| say!(files, ", ", *path));
        let more = match rest.len().saturating_sub(NAMED - 1) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let were = if unforeseen.len() == 1 { "was" } else { "were" };
        out.push(say!("another pass over the ", stream, ": ", files, more, " ", were, " not foreseen"));
    }
    match digests {
        0 => {}
        1 => out.push(say!("a pass over the ", stream, " to hash a file")),
        _ => out.push(say!("a pass over the ", stream, " to hash ", digests.to_string(), " files")),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Want, Wanted, purposes};

    #[test]
    fn a_pass_names_what_it_is_for() {
        let part = Want { parts: vec![(0, 4)], ..Want::default() };
        let hash = Want { digest: true, ..Want::default() };
        let wanted = |paths: &[(&str, &Want)]| -> Wanted {
            paths.iter().map(|(path, want)| (path.as_bytes().to_vec(), (*want).clone())).collect()
        };
        let told = |wanted: &[Wanted]| -> Vec<String> {
            purposes(wanted, "export").iter().map(|text| text.to_lossy().into_owned()).collect()
        };
        assert_eq!(told(&[]), [""; 0]);
        assert_eq!(
            told(&[wanted(&[("/b", &part)]), wanted(&[("/c", &hash)])]),
            ["another pass over the export: /b was not foreseen", "a pass over the export to hash a file"]
        );
        let both = Want { digest: true, ..part.clone() };
        assert_eq!(
            told(&[
                wanted(&[("/e", &part), ("/d", &both)]),
                wanted(&[("/a", &part), ("/c", &part), ("/b", &part)])
            ]),
            [
                "another pass over the export: /a, /b, /c and 2 more were not foreseen",
                "a pass over the export to hash a file"
            ]
        );
    }
}
