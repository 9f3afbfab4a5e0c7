//! A word that is not there and the words that are in, those that look most like it out.

/// At most three of `candidates`, the likest first, none that differs in more than a third of its letters.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let bound = (word.chars().count() / 3).max(1);
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 512)
        .filter_map(|candidate| {
            let far = distance(word, candidate);
            let holds = word.len() > 2 && candidate.contains(word);
            (far <= bound || holds).then_some((if holds { far.min(bound) } else { far }, candidate))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// How many letters must be put in, taken out or exchanged (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            let step = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = step;
            *cell = step;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn letters_are_counted() {
        for (a, b, far) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("serve:1.4", "serve:1.5", 1),
        ] {
            assert_eq!(distance(a, b), far, "{a} {b}");
            assert_eq!(distance(b, a), far, "{b} {a}");
        }
    }

    #[test]
    fn only_what_looks_like_it_is_named() {
        assert_eq!(nearest("srve:1.4", ["serve:1.4", "debian:12", "serve:1.3"]), ["serve:1.4", "serve:1.3"]);
        assert!(nearest("x", ["debian:12"]).is_empty());
        assert_eq!(nearest("serve", ["team/serve:1"]), ["team/serve:1"]);
    }
}
