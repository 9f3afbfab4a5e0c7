//! Shell patterns: `*`, `?`, `[…]`.

/// A pattern: each byte with whether it stands for itself.
pub(super) type Pattern = Vec<(u8, bool)>;

use envdiff_model::Text;

/// Shell pattern matching: `*`, `?`, `[…]`; linear in the product of the lengths.
pub(super) fn glob(pattern: &[(u8, bool)], text: &[u8]) -> bool {
    let mut at = 0;
    let mut from = 0;
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        let byte = text.get(from).copied().unwrap_or_default();
        match pattern.get(at) {
            Some((b'*', false)) => {
                star = Some((at, from));
                at += 1;
                continue;
            }
            Some((b'?', false)) => {
                at += 1;
                from += 1;
                continue;
            }
            Some((b'[', false)) => {
                if let Some((matches, len)) = class(pattern.get(at..).unwrap_or_default(), byte) {
                    if matches {
                        at += len;
                        from += 1;
                        continue;
                    }
                } else if byte == b'[' {
                    at += 1;
                    from += 1;
                    continue;
                }
            }
            Some((own, _)) if *own == byte => {
                at += 1;
                from += 1;
                continue;
            }
            _ => {}
        }
        match star {
            Some((star_at, star_from)) => {
                at = star_at + 1;
                from = star_from + 1;
                star = Some((star_at, star_from + 1));
            }
            None => return false,
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|p| *p == (b'*', false))
}

/// Whether a byte is in the class that begins here, and how long the class is; `None` when it is none.
fn class(pattern: &[(u8, bool)], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some((b'!' | b'^', false)));
    let start = if negated { 2 } else { 1 };
    let mut at = start;
    let mut inside = false;
    loop {
        let (own, _) = *pattern.get(at)?;
        if own == b']' && at > start {
            return Some((inside != negated, at + 1));
        }
        if pattern.get(at + 1).is_some_and(|p| *p == (b'-', false))
            && let Some((end, _)) = pattern.get(at + 2).filter(|p| p.0 != b']')
        {
            inside |= (own..=*end).contains(&byte);
            at += 3;
        } else {
            inside |= own == byte;
            at += 1;
        }
    }
}

pub(super) fn cut(value: &Text, pattern: &[(u8, bool)], front: bool, longest: bool) -> Text {
    let bytes = value.as_bytes();
    let mut sizes: Vec<usize> = (0..=bytes.len()).collect();
    if longest {
        sizes.reverse();
    }
    for size in sizes {
        let (part, rest) = if front {
            (bytes.get(..size), bytes.get(size..))
        } else {
            (bytes.get(bytes.len() - size..), bytes.get(..bytes.len() - size))
        };
        if let (Some(part), Some(rest)) = (part, rest)
            && glob(pattern, part)
        {
            return Text::from(rest);
        }
    }
    value.clone()
}
