//! What stands between the quotes of a marker's text comes in; the text that Python's `ast.literal_eval` makes of it
//! comes out.

/// Resolves escapes as Python 3 does in a one-line string literal; `None` where Python has no such literal.
///
/// Not read: `\N{NAME}`, which wants the table of Unicode's names. A lone surrogate (`\ud800`) becomes U+FFFD.
pub(super) fn unescape(inside: &str) -> Option<String> {
    if inside.contains(['\n', '\r', '\0']) && !inside.contains('\\') {
        return None;
    }
    if !inside.contains('\\') {
        return Some(inside.to_owned());
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\r' | '\0' => return None,
            '\\' => match rest.next()? {
                '\n' => {}
                '\r' => {
                    rest.next_if_eq(&'\n');
                }
                '\0' | 'N' => return None,
                'a' => out.push('\u{7}'),
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                'v' => out.push('\u{b}'),
                c @ ('\\' | '\'' | '"') => out.push(c),
                'x' => out.push(hex(&mut rest, 2)?),
                'u' => out.push(hex(&mut rest, 4)?),
                'U' => out.push(hex(&mut rest, 8)?),
                c @ '0'..='7' => {
                    let mut code = c.to_digit(8)?;
                    for _ in 0..2 {
                        if let Some(digit) = rest.next_if(|c| c.is_digit(8)) {
                            code = code * 8 + digit.to_digit(8)?;
                        }
                    }
                    out.push(char::from_u32(code)?);
                }
                c => {
                    out.push('\\');
                    out.push(c);
                }
            },
            c => out.push(c),
        }
    }
    Some(out)
}

fn hex(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: usize) -> Option<char> {
    let mut code = 0;
    for _ in 0..digits {
        code = code * 16 + rest.next()?.to_digit(16)?;
    }
    if (0xd800..0xe000).contains(&code) { Some('\u{fffd}') } else { char::from_u32(code) }
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn as_python_reads_it() {
        for (inside, value) in [
            ("linux", Some("linux")),
            (r"C:\\x", Some(r"C:\x")),
            (r"\d\q", Some(r"\d\q")),
            (r"\x41\101\u0041", Some("AAA")),
            (r"\08", Some("\08")),
            ("a\\\nb", Some("ab")),
            ("a\nb", None),
            (r"a\", None),
            (r"\x4", None),
            (r"\U00110000", None),
            (r"\777", Some("\u{1ff}")),
        ] {
            assert_eq!(unescape(inside).as_deref(), value, "{inside}");
        }
    }
}
