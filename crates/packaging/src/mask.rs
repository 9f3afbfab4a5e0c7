//! A text that may hold credentials comes in; the same text with `****` in their place comes out.

use envdiff_model::{Secret, Text, Url};

use crate::Span;
use crate::cursor::slice;

/// What stands in the place of a secret.
const MASK: &str = "****";
/// Words that make the value of a query's key a secret.
const SECRET_WORDS: [&str; 7] =
    ["token", "secret", "password", "passwd", "signature", "credential", "apikey"];

/// The text with credentials in URLs and everything in `hidden` replaced by `****`.
#[must_use]
pub fn masked(text: &str, hidden: &[Span]) -> String {
    let mut spans = credentials(text);
    if spans.is_empty() && hidden.is_empty() {
        return text.to_owned();
    }
    spans.extend_from_slice(hidden);
    spans.sort();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut spans = spans.into_iter().peekable();
    while let Some(mut span) = spans.next() {
        while let Some(next) = spans.next_if(|next| next.start <= span.end) {
            span.end = span.end.max(next.end);
        }
        out.push_str(slice(text, at, span.start));
        out.push_str(MASK);
        at = span.end;
    }
    out.push_str(slice(text, at, text.len()));
    out
}

/// A URL as the installer sees it, beside the form that may be shown.
pub(crate) fn url(real: &str, hidden: &[Span]) -> Url {
    Url { shown: Text::from(masked(real, hidden)), real: Secret::new(real) }
}

/// Where user names, passwords and secret values of queries stand in the URLs of a text.
fn credentials(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    // The end of the URL that was met last; a URL within a URL ends there too.
    let mut end = 0;
    for (scheme_end, separator) in text.match_indices("://") {
        let start = scheme_end + separator.len();
        let rest = slice(text, start, text.len());
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
        let is_nested = start < end;
        if !is_nested {
            end = start + rest.find(is_end).unwrap_or(rest.len());
        }
        let authority_len = rest.find(|c| matches!(c, '/' | '?' | '#') || is_end(c)).unwrap_or(rest.len());
        let authority = slice(rest, 0, authority_len);
        match authority.rfind('@') {
            // `git@` is how every checkout over ssh is written, and no secret.
            Some(at) if at > 0 && slice(authority, 0, at) != "git" => {
                spans.push(Span::new(start, start + at))
            }
            Some(_) => {}
            None if is_half_a_password(authority) => {
                let behind = if is_nested { None } else { slice(text, start, end).rfind('@') };
                spans.push(Span::new(start, start + behind.unwrap_or(authority_len)));
            }
            None => {}
        }
        if is_nested {
            continue;
        }
        let url = slice(text, start, end);
        let Some(query) = url.find('?') else { continue };
        let mut at = start + query + 1;
        for part in slice(text, at, end).split(['&', '#', '?']) {
            if let Some((key, value)) = part.split_once('=')
                && !value.is_empty()
                && is_secret(key)
            {
                let value_at = at + key.len() + 1;
                spans.push(Span::new(value_at, value_at + value.len()));
            }
            at += part.len() + 1;
        }
    }
    spans
}

/// `user:pass` without its host, which a slash in the password or the end of the line has cut off.
fn is_half_a_password(authority: &str) -> bool {
    authority.split_once(':').is_some_and(|(host, port)| {
        !host.starts_with('[') && !port.is_empty() && !port.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_secret(key: &str) -> bool {
    if key.len() < 3 {
        return false;
    }
    let key = key.to_ascii_lowercase().replace(['-', '_'], "");
    matches!(key.as_str(), "key" | "sig" | "auth" | "pass" | "pwd")
        || SECRET_WORDS.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::masked;
    use crate::Span;

    #[test]
    fn credentials_never_show() {
        for (text, shown) in [
            ("x @ https://u:p@h/x.whl", "x @ https://****@h/x.whl"),
            ("https://tok@h https://a:b@c@h/", "https://****@h https://****@h/"),
            ("git+ssh://git@h/r.git@main", "git+ssh://git@h/r.git@main"),
            ("git+ssh://git:pw@h/r.git@main", "git+ssh://****@h/r.git@main"),
            ("https://h/x?a=1&X-Amz-Signature=ab&token=#f", "https://h/x?a=1&X-Amz-Signature=****&token=#f"),
            ("https://h/a@b", "https://h/a@b"),
            ("https://h:80/a@b https://[::1]:80/", "https://h:80/a@b https://[::1]:80/"),
            ("https://u:p/q@h/x", "https://****@h/x"),
            ("https://u:half", "https://****"),
        ] {
            assert_eq!(masked(text, &[]), shown);
        }
    }

    #[test]
    fn what_came_from_variables_never_shows() {
        assert_eq!(masked("x==VALUE", &[Span::new(3, 8)]), "x==****");
        assert_eq!(masked("https://USER:PASS@h", &[Span::new(8, 12), Span::new(13, 17)]), "https://****@h");
        assert_eq!(masked("AABB", &[Span::new(0, 2), Span::new(2, 4)]), "****");
    }
}
