//! The options behind a requirement come in as one text; the words that Python's `shlex.split` makes of it come out.

use crate::Span;

/// A word with the range of the text that it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Span,
}

/// Splits as a POSIX shell does, without comments; `None` where a quote is not closed or a backslash ends the text.
pub(super) fn words(text: &str) -> Option<Vec<Word>> {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let mut words = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, _)) = chars.peek().copied() {
        if chars.next_if(|(_, c)| is_blank(*c)).is_some() {
            continue;
        }
        let mut word = String::new();
        let mut end = start;
        while let Some((at, c)) = chars.next_if(|(_, c)| !is_blank(*c)) {
            end = at + c.len_utf8();
            match c {
                '\\' => {
                    let (at, escaped) = chars.next()?;
                    end = at + escaped.len_utf8();
                    word.push(escaped);
                }
                '\'' | '"' => loop {
                    let (at, inner) = chars.next()?;
                    end = at + inner.len_utf8();
                    if inner == c {
                        break;
                    }
                    if inner == '\\' && c == '"' {
                        let (_, escaped) = chars.next()?;
                        if escaped != '"' && escaped != '\\' {
                            word.push('\\');
                        }
                        word.push(escaped);
                    } else {
                        word.push(inner);
                    }
                },
                c => word.push(c),
            }
        }
        words.push(Word { text: word, span: Span::new(start, end) });
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::words;

    #[test]
    fn as_shlex_splits() {
        for (text, expected) in [
            (r#"-i "a b" 'c\d' e\ f"#, Some(vec!["-i", "a b", r"c\d", "e f"])),
            (r#""a\"b\c" "" x"#, Some(vec![r#"a"b\c"#, "", "x"])),
            (r#"a"b"c"#, Some(vec!["abc"])),
            ("  ", Some(vec![])),
            ("\"a", None),
            ("a\\", None),
        ] {
            let split = words(text).map(|words| words.into_iter().map(|w| w.text).collect::<Vec<_>>());
            assert_eq!(
                split.as_deref(),
                expected.map(|w| w.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).as_deref()
            );
        }
    }
}
