//! The few colours, counted words and wrapped lines that all parts of the terminal report share.

use std::fmt;

use anstyle::{AnsiColor, Style};

/// Bold.
pub(crate) const BOLD: Style = Style::new().bold();
/// Dim.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Bold green.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Bold yellow.
pub(crate) const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
/// Bold red.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// The text in a style.
pub(crate) fn paint(style: Style, text: impl fmt::Display) -> impl fmt::Display {
    struct Painted<T>(Style, T);
    impl<T: fmt::Display> fmt::Display for Painted<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}{}{}", self.0.render(), self.1, self.0.render_reset())
        }
    }
    Painted(style, text)
}

/// `1 error`, `2 errors`; for nouns that take an s.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// The text in lines of at most `width` columns, the second and later ones indented. Words are never broken, and what
/// stands in backticks counts as one: paths and commands can be copied.
#[must_use]
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let options = textwrap::Options::new(width.max(20))
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .subsequent_indent(indent);
    if text.contains(GLUE) {
        return textwrap::wrap(text, options).join("\n");
    }
    let mut glued = String::with_capacity(text.len());
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '`';
        glued.push(if quoted && c == ' ' { GLUE } else { c });
    }
    // A backtick without its fellow: nothing is a command.
    let text = if quoted { text } else { &glued };
    textwrap::wrap(text, options).join("\n").replace(GLUE, " ")
}

/// A space that ends no word.
const GLUE: char = '\u{a0}';

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn commands_stay_whole() {
        let text = "install it: `python -m pip install 'torch==2.1.2'` and look again";
        assert_eq!(
            wrapped(text, 30, "  "),
            "install it:\n  `python -m pip install 'torch==2.1.2'`\n  and look again"
        );
        assert_eq!(
            wrapped("a lone ` in some words that are wrapped", 20, ""),
            "a lone ` in some\nwords that are\nwrapped"
        );
    }
}
