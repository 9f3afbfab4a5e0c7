//! A place in a lock or an archive to the line that stands there, ready to be shown: escaped, credentials masked, and the marked part as a
//! byte range of what is shown.

use std::ops::Range;

use envdiff_model::{Audit, Load, Place, Text, Trouble};
use envdiff_wire::mask_urls;

use crate::escape::{Piece, pieces};

/// The least columns that a line is given.
const NARROWEST: usize = 20;
/// How many characters before the marked part are kept of a line that is too long.
const BEFORE: usize = 10;
/// The least columns that are marked where a label takes the rest.
pub(super) const LEAST_MARK: usize = 8;

/// A line to show.
pub(super) struct Quoted {
    /// Escaped.
    pub(super) line: String,
    /// The marked part, on character boundaries inside `line`.
    pub(super) marked: Range<usize>,
}

/// The line at `place`, where lock or archive kept it, cut to `columns`; the mark leaves room for a label of `label` columns.
pub(super) fn quote(audit: &Audit, place: &Place, columns: usize, label: usize) -> Option<Quoted> {
    let of_lock = || {
        let source = audit.locks.iter().flat_map(|lock| &lock.sources).find(|s| s.file == place.file)?;
        source.line(place.line)
    };
    let of_archive = || {
        let troubles = audit.loads.iter().flat_map(|load| load.troubles.iter().map(move |t| (load, t)));
        let is_here = |(load, trouble): &(&Load, &Trouble)| load.place(trouble).as_ref() == Some(place);
        troubles.filter(is_here).map(|(_, trouble)| &trouble.line).find(|line| !line.is_empty())
    };
    let line = of_lock().or_else(of_archive)?;
    Some(show(line, place.column, place.end_column, columns.max(NARROWEST), label))
}

fn show(line: &Text, column: usize, end_column: usize, columns: usize, label: usize) -> Quoted {
    let masked = mask_urls(line);
    let (original, shown): (Vec<Piece>, Vec<Piece>) =
        (pieces(line.as_bytes()).collect(), pieces(masked.as_bytes()).collect());
    // A place outside the line is taken to its end: the lock was read, and a wrong mark is better than no report.
    let inside = |column: usize| column.saturating_sub(1).min(original.len());
    let (mut start, mut end) = (inside(column), inside(end_column));
    if original != shown {
        // Something before, in or behind the marked part is masked: what is the same on both sides keeps its place.
        let before = original.iter().zip(&shown).take_while(|(a, b)| a == b).count();
        let behind = original.iter().rev().zip(shown.iter().rev()).take_while(|(a, b)| a == b).count();
        start = start.min(before);
        end = if end + behind >= original.len() {
            shown.len().saturating_sub(original.len().saturating_sub(end))
        } else if end > before {
            shown.len()
        } else {
            end
        };
    }
    start = start.min(shown.len());
    end = end.clamp(start, shown.len());
    cut(&shown, start..end, columns, label)
}

/// The pieces as text of at most `columns`, from a little before the mark where all of it is too long.
fn cut(pieces: &[Piece], mark: Range<usize>, columns: usize, label: usize) -> Quoted {
    let fits = pieces.iter().map(|piece| piece.columns()).sum::<usize>() <= columns;
    let from = if fits { 0 } else { mark.start.saturating_sub(BEFORE) };
    let most_marked = columns.saturating_sub(label + 1).max(LEAST_MARK);
    let mut out = String::new();
    let (mut taken, mut before_mark) = (0_usize, 0);
    let (mut first, mut last) = (None, None);
    if from > 0 {
        out.push('…');
        taken += 1;
    }
    for (i, piece) in pieces.iter().enumerate().skip(from) {
        if i == mark.start {
            first = Some(out.len());
            before_mark = taken;
        }
        let is_full = first.is_some() && taken.saturating_sub(before_mark) >= most_marked;
        if i == mark.end || is_full {
            last = last.or(Some(out.len()));
        }
        if !fits && taken + piece.columns() >= columns {
            out.push('…');
            break;
        }
        match piece {
            // Left for the renderer, which draws it in columns.
            Piece::Char('\t') => out.push('\t'),
            piece => piece.push(&mut out),
        }
        taken += piece.columns();
    }
    let first = first.unwrap_or(out.len());
    let last = last.unwrap_or(out.len()).max(first);
    Quoted { line: out, marked: first..last }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "tests")]
    use super::show;
    use envdiff_model::Text;

    fn marked(line: &[u8], column: usize, end: usize) -> (String, String) {
        let quoted = show(&Text::from(line), column, end, 60, 10);
        let part = quoted.line[quoted.marked.clone()].to_owned();
        (quoted.line, part)
    }

    #[test]
    fn the_marked_part_is_what_the_columns_say() {
        assert_eq!(marked(b"torch==2.1.2  # gpu", 1, 13).1, "torch==2.1.2");
        assert_eq!(marked("grün==1 \u{6570}".as_bytes(), 1, 8).1, "grün==1");
        assert_eq!(marked(b"a\x1bb==1", 1, 7), ("a\\x1bb==1".into(), "a\\x1bb==1".into()));
        assert_eq!(marked(b"caf\xe9==1", 1, 5).1, "caf\\xe9");
    }

    #[test]
    fn places_outside_the_line_do_not_panic() {
        for (column, end) in [(0, 0), (1, 1), (5, 2), (100, 200), (1, usize::MAX), (usize::MAX, usize::MAX)] {
            let _ = marked(b"ab==1", column, end);
            let _ = marked(b"", column, end);
            let _ = marked(b"x @ https://u:p@h/y", column, end);
        }
    }

    #[test]
    fn credentials_are_masked_and_the_mark_stays_around_them() {
        let (line, part) = marked(b"  x @ https://u:secret@h/y  # why", 3, 27);
        assert_eq!(line, "  x @ https://****@h/y  # why");
        assert_eq!(part, "x @ https://****@h/y");
        let (line, _) = marked(b"x @ https://u:secret@h/y", 1, 17);
        assert!(!line.contains("secret"));
    }

    #[test]
    fn a_long_line_is_shown_around_the_mark() {
        let long = format!("{}torch==1 {}", "x".repeat(5000), "y".repeat(5000));
        let (line, part) = marked(long.as_bytes(), 5001, 5009);
        assert_eq!(part, "torch==1");
        assert_eq!(line.chars().count(), 60, "{line}");
        assert!(line.starts_with("…xx") && line.ends_with("yy…"), "{line}");
    }

    #[test]
    fn a_long_mark_leaves_room_for_its_label() {
        let (line, part) = marked("x".repeat(60).as_bytes(), 1, 61);
        assert_eq!((line.len(), part.len()), (60, 49));
        let (line, part) = marked("\u{6570}".repeat(60).as_bytes(), 1, 61);
        assert!(line.chars().count() <= 31 && part.chars().count() <= 25, "{line} {part}");
    }
}
