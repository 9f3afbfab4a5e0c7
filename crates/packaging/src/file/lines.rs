//! The text of a requirement file comes in; its logical lines come out: continuations joined, comments cut, variables
//! filled in, each part with the place in the file where it stands.

use std::collections::HashSet;

use envdiff_model::Text;

use super::MOST_LINE;
use crate::cursor::{is_space, slice, strip};
use crate::{Span, mask};

/// How many physical lines of a joined one are told apart; what stands further behind is placed in the last of them.
const MOST_JOINED: usize = 100_000;
/// How much of a line that is too long is kept, in bytes.
const SHOWN: usize = 4_096;
/// How often a variable that is filled in already is looked for again because a value may have brought it in.
const MOST_SECOND_PASSES: usize = 1_000;

/// A part of a logical line that stands in one piece in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// The first byte of it in the logical line.
    start: usize,
    /// The physical line, from 1.
    line: usize,
    /// The column of its first character, from 1, in characters.
    column: usize,
    /// For what came from a variable: the column behind `${NAME}`.
    variable_end: Option<usize>,
}

/// A logical line.
#[derive(Debug, Clone)]
pub(super) struct Logical {
    /// What pip parses: joined, cut, stripped, variables filled in.
    pub(super) text: String,
    /// The same with the variables' names in it, as written.
    pub(super) written: Text,
    pieces: Vec<Piece>,
    /// The first physical line that was joined, which need not hold any of the text.
    line: usize,
    /// Whether it is longer than any line that is read; then it is cut.
    pub(super) is_too_long: bool,
}

/// A place on one physical line: line, column, and the column behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_column: usize,
}

impl Logical {
    /// Where a range of the logical line stands; cut at the end of the physical line on which it begins.
    pub(super) fn place(&self, span: Span) -> Columns {
        let index = self.pieces.partition_point(|piece| piece.start <= span.start).saturating_sub(1);
        let Some(first) = self.pieces.get(index) else {
            return Columns { line: 1, column: 1, end_column: 1 };
        };
        if span.start == 0 && first.line != self.line {
            // pip numbers a joined line by its first, even if that is a backslash alone.
            return Columns { line: self.line, column: 1, end_column: 2 };
        }
        let column = self.column(index, span.start);
        let mut end_column = column;
        for (i, piece) in self.pieces.iter().enumerate().skip(index) {
            if piece.line != first.line || piece.start >= span.end.max(span.start + 1) {
                break;
            }
            end_column = self.column_behind(i, span.end);
        }
        Columns { line: first.line, column, end_column: end_column.max(column) }
    }

    /// The parts that came from variables.
    pub(super) fn hidden(&self) -> Vec<Span> {
        let pieces = self.pieces.iter().enumerate();
        pieces
            .filter(|(_, piece)| piece.variable_end.is_some())
            .map(|(i, piece)| Span::new(piece.start, self.end_of(i)))
            .collect()
    }

    fn end_of(&self, index: usize) -> usize {
        self.pieces.get(index + 1).map_or(self.text.len(), |next| next.start)
    }

    fn column(&self, index: usize, at: usize) -> usize {
        let Some(piece) = self.pieces.get(index) else { return 1 };
        match piece.variable_end {
            Some(_) => piece.column,
            None => piece.column + slice(&self.text, piece.start, at).chars().count(),
        }
    }

    fn column_behind(&self, index: usize, at: usize) -> usize {
        let Some(piece) = self.pieces.get(index) else { return 1 };
        let at = at.min(self.end_of(index)).max(piece.start);
        match piece.variable_end {
            Some(end) => end,
            None => piece.column + slice(&self.text, piece.start, at).chars().count(),
        }
    }

    /// Puts `value` wherever `${name}` stands now.
    fn fill(&mut self, variable: &str, value: &str) {
        let mut text = String::with_capacity(self.text.len());
        let mut pieces = Vec::with_capacity(self.pieces.len() + 2);
        for (index, piece) in self.pieces.iter().enumerate() {
            let part = slice(&self.text, piece.start, self.end_of(index));
            let mut rest = part;
            let mut column = piece.column;
            while let Some((before, after)) = rest.split_once(variable) {
                if !before.is_empty() || piece.variable_end.is_some() {
                    pieces.push(Piece { start: text.len(), column, ..*piece });
                }
                text.push_str(before);
                column += before.chars().count();
                let behind = piece.variable_end.unwrap_or(column + variable.chars().count());
                let column_here = if piece.variable_end.is_some() { piece.column } else { column };
                pieces.push(Piece {
                    start: text.len(),
                    line: piece.line,
                    column: column_here,
                    variable_end: Some(behind),
                });
                text.push_str(value);
                column = behind;
                rest = after;
                if text.len() > MOST_LINE {
                    self.is_too_long = true;
                    return;
                }
            }
            if !rest.is_empty() || rest.len() == part.len() {
                let column = if piece.variable_end.is_some() { piece.column } else { column };
                pieces.push(Piece { start: text.len(), column, ..*piece });
            }
            text.push_str(rest);
        }
        pieces.dedup_by(|next, before| {
            let empty = next.start == before.start;
            if empty {
                *before = *next;
            }
            empty
        });
        self.text = text;
        self.pieces = pieces;
    }
}

/// The physical lines, split wherever `str.splitlines` splits.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(is_line_end).unwrap_or(rest.len());
        let (line, behind) = rest.split_at_checked(end)?;
        let mut after = behind.chars();
        if after.next() == Some('\r') && after.as_str().starts_with('\n') {
            after.next();
        }
        rest = after.as_str();
        Some(line)
    })
}

const fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Where the comment begins, with the white space before it: at the line's start or behind white space.
fn comment_start(line: &str) -> Option<usize> {
    line.match_indices('#').find_map(|(at, _)| {
        let before = slice(line, 0, at);
        let text = before.trim_end_matches(is_space);
        (at == 0 || text.len() < before.len()).then_some(text.len())
    })
}

fn is_comment(line: &str) -> bool {
    line.trim_start_matches(is_space).starts_with('#')
}

/// The logical lines that hold anything.
pub(super) fn logical<'a>(
    text: &'a str,
    variable: &'a dyn Fn(&str) -> Option<String>,
) -> impl Iterator<Item = Logical> + 'a {
    let mut physical = split(text).enumerate().peekable();
    std::iter::from_fn(move || {
        loop {
            physical.peek()?;
            let mut joined = String::new();
            let mut pieces = Vec::new();
            let mut alone: Option<&str> = None;
            let first = physical.peek().map_or(1, |(index, _)| index + 1);
            for (index, line) in physical.by_ref() {
                let (number, column) = (index + 1, 1);
                if line.ends_with('\\') && !is_comment(line) {
                    // Every backslash goes, at both ends.
                    let tail = line.trim_start_matches('\\');
                    if pieces.len() < MOST_JOINED {
                        pieces.push(Piece {
                            start: joined.len(),
                            line: number,
                            column: column + line.len() - tail.len(),
                            variable_end: None,
                        });
                    }
                    joined.push_str(tail.trim_end_matches('\\'));
                    continue;
                }
                if pieces.is_empty() {
                    alone = Some(line);
                } else if is_comment(line) {
                    // A blank before it, so that it is a comment of the joined line too.
                    joined.push(' ');
                }
                pieces.push(Piece { start: joined.len(), line: number, column, variable_end: None });
                if alone.is_none() {
                    joined.push_str(line);
                }
                break;
            }
            let whole = alone.unwrap_or(&joined);
            let kept = slice(whole, 0, comment_start(whole).unwrap_or(whole.len()));
            let (core, lead) = strip(kept);
            if core.is_empty() {
                continue;
            }
            let is_too_long = core.len() > MOST_LINE;
            let text = if is_too_long {
                // Masked before it is cut: half a password is one too.
                let masked = mask::masked(core, &[]);
                slice(&masked, 0, masked.floor_char_boundary(SHOWN)).to_owned()
            } else {
                core.to_owned()
            };
            let written = Text::from(text.as_str());
            let mut line = Logical { text, written, pieces, line: first, is_too_long };
            line.cut_front(whole, lead);
            if !is_too_long {
                fill_all(&mut line, variable);
            }
            return Some(line);
        }
    })
}

impl Logical {
    /// Moves the pieces to where they are without the first `lead` bytes of `whole`.
    fn cut_front(&mut self, whole: &str, lead: usize) {
        let end = lead + self.text.len();
        let mut pieces: Vec<Piece> = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces.iter().filter(|piece| piece.start < end || piece.start <= lead) {
            let cut = lead.saturating_sub(piece.start);
            let moved = Piece {
                start: piece.start.saturating_sub(lead),
                column: piece.column + slice(whole, piece.start, piece.start + cut).chars().count(),
                ..*piece
            };
            if moved.start == 0 {
                pieces.clear();
            }
            pieces.push(moved);
        }
        self.pieces = pieces;
    }
}

/// Fills in `${NAME}` for every variable that is set and not empty, one after the other as pip does, so that a value
/// can bring in a variable that stands behind its own.
fn fill_all(line: &mut Logical, variable: &dyn Fn(&str) -> Option<String>) {
    if !line.text.contains("${") {
        return;
    }
    let found: Vec<String> = variables(&line.text).map(str::to_owned).collect();
    let mut done: HashSet<&str> = HashSet::new();
    let mut second_passes = 0;
    for name in &found {
        // A second pass over a variable can only find something where a value held `${`.
        if !done.insert(name) {
            if second_passes == 0 || second_passes > MOST_SECOND_PASSES {
                continue;
            }
            second_passes += 1;
        }
        if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
            if value.contains("${") {
                second_passes = second_passes.max(1);
            }
            line.fill(&format!("${{{name}}}"), &value);
        }
        if line.is_too_long {
            return;
        }
    }
}

fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("${").filter_map(|(at, _)| {
        let rest = slice(text, at + 2, text.len());
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let len = rest.find(|c| !is_name(c))?;
        (len > 0 && slice(rest, len, len + 1) == "}").then_some(slice(rest, 0, len))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

    use super::{Columns, Logical, Span, logical, split};

    fn lines(text: &str) -> Vec<Logical> {
        logical(text, &|name| (name == "HOST").then(|| "h.example".to_owned())).collect()
    }

    fn texts(text: &str) -> Vec<String> {
        lines(text).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        assert_eq!(
            split("a\r\nb\rc\u{b}d\u{2028}e\n\nf").collect::<Vec<_>>(),
            ["a", "b", "c", "d", "e", "", "f"]
        );
        assert_eq!(split("a\n").count(), 1);
        assert_eq!(split("").count(), 0);
    }

    #[test]
    fn joining_and_cutting() {
        for (text, expected) in [
            ("a==1 \\\n  --hash=x # c\nb", vec!["a==1   --hash=x", "b"]),
            ("a \\\n# comment\nb", vec!["a", "b"]),
            ("a#b\nc #d\n#e\n  # f", vec!["a#b", "c"]),
            ("a \\ \nb", vec!["a \\", "b"]),
            ("a\\", vec!["a"]),
            ("\\\\a\\\\\nb", vec!["ab"]),
            ("# c \\\nb", vec!["b"]),
            ("a\\\n\nb", vec!["a", "b"]),
        ] {
            assert_eq!(texts(text), expected, "{text:?}");
        }
    }

    #[test]
    fn places_survive_joining_and_variables() {
        let line = &lines("\n  x @ \\\n https://${HOST}/é/y ; z")[0];
        assert_eq!(line.text, "x @  https://h.example/é/y ; z");
        assert_eq!(line.written, "x @  https://${HOST}/é/y ; z");
        let at = |text: &str| {
            let start = line.text.find(text).unwrap();
            line.place(Span::new(start, start + text.len()))
        };
        assert_eq!(at("x"), Columns { line: 2, column: 3, end_column: 4 });
        assert_eq!(at("x @  https"), Columns { line: 2, column: 3, end_column: 7 });
        assert_eq!(at("https://"), Columns { line: 3, column: 2, end_column: 10 });
        assert_eq!(at("h.example"), Columns { line: 3, column: 10, end_column: 17 });
        assert_eq!(at("é/y"), Columns { line: 3, column: 18, end_column: 21 });
        assert_eq!(at("z"), Columns { line: 3, column: 24, end_column: 25 });
        let hidden = line.hidden();
        assert_eq!(&line.text[hidden[0].start..hidden[0].end], "h.example");
    }

    #[test]
    fn a_backslash_alone_gives_its_number() {
        let line = &lines("x\n  \\\n\\\n y")[1];
        assert_eq!(line.place(Span::new(0, 1)), Columns { line: 2, column: 1, end_column: 2 });
    }

    #[test]
    fn unset_variables_stay() {
        assert_eq!(texts("${NONE} ${lower} ${HOST}${HOST} ${}"), ["${NONE} ${lower} h.exampleh.example ${}"]);
    }
}
