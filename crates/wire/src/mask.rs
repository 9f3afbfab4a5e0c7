//! What must not be shown: a text goes in, the same text with credentials in URLs as `****` comes out.

use envdiff_model::Text;

/// What stands in the place of a secret.
pub const MASK: &str = "****";

/// Whether the value of a variable or of a URL's query under this name is kept to oneself: `*TOKEN*`, `*SECRET*`,
/// `*PASSWORD*`, `*KEY*` and their common kin, in any case.
#[must_use]
pub fn is_secret_name(name: &[u8]) -> bool {
    const PARTS: [&[u8]; 7] =
        [b"TOKEN", b"SECRET", b"PASSWORD", b"PASSWD", b"KEY", b"CREDENTIAL", b"SIGNATURE"];
    let upper = name.to_ascii_uppercase();
    PARTS.iter().any(|part| upper.windows(part.len()).any(|w| w == *part))
        || matches!(upper.as_slice(), b"SIG" | b"AUTH")
}

/// The text with the user information of every URL in it as `****`, and the values of a query whose names tell a secret.
///
/// As PEP 610 says for `direct_url.json`, `git@` before a host and `${VARIABLE}` are no secrets and stay.
#[must_use]
pub fn mask_urls(text: &Text) -> Text {
    let bytes = text.as_bytes();
    if !bytes.windows(3).any(|w| w == b"://") {
        return text.clone();
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(3).position(|w| w == b"://") {
        let (before, after) = rest.split_at(at + 3);
        out.extend_from_slice(before);
        let end = after.iter().position(|b| ends_url(*b)).unwrap_or(after.len());
        let (url, more) = after.split_at(end);
        mask_one(url, &mut out);
        rest = more;
    }
    out.extend_from_slice(rest);
    out.into()
}

/// Where a URL in a sentence or a list ends.
const fn ends_url(b: u8) -> bool {
    b <= b' ' || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | 0x7f)
}

/// What follows `://`, up to the URL's end.
fn mask_one(url: &[u8], out: &mut Vec<u8>) {
    let authority = url.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(url.len());
    // A password with an unescaped slash is no URL, yet people write it: a later `@` in front of what looks like a host
    // counts too, unless it is a revision (`/repository.git@v1`), which has no colon before it.
    let (authority, tail) = url.split_at(authority);
    let (host, tail) = match (authority.iter().rposition(|b| *b == b'@'), unescaped_password(authority, tail))
    {
        (Some(at), _) => {
            let (user, host) = authority.split_at(at);
            if is_no_secret(user) {
                out.extend_from_slice(user)
            } else {
                out.extend_from_slice(MASK.as_bytes())
            }
            (host, tail)
        }
        (None, Some(at)) => {
            out.extend_from_slice(MASK.as_bytes());
            (&[][..], tail.split_at(at).1)
        }
        (None, None) => (authority, tail),
    };
    out.extend_from_slice(host);
    let query = tail.iter().position(|b| *b == b'?').map_or(tail.len(), |at| at + 1);
    let (path, query) = tail.split_at(query);
    out.extend_from_slice(path);
    for (i, pair) in query.split(|b| *b == b'&').enumerate() {
        if i > 0 {
            out.push(b'&');
        }
        match pair.iter().position(|b| *b == b'=') {
            Some(at) if is_secret_name(pair.split_at(at).0) => {
                let (name, value) = pair.split_at(at);
                out.extend_from_slice(name);
                out.push(b'=');
                out.extend_from_slice(MASK.as_bytes());
                if let Some(fragment) = value.iter().position(|b| *b == b'#') {
                    out.extend_from_slice(value.split_at(fragment).1);
                }
            }
            _ => out.extend_from_slice(pair),
        }
    }
}

/// Where the `@` of `user:pass/word@host` stands in the tail: the authority has a colon that no port follows.
fn unescaped_password(authority: &[u8], tail: &[u8]) -> Option<usize> {
    let colon = authority.iter().rposition(|b| *b == b':')?;
    let (_, port) = authority.split_at(colon + 1);
    if authority.starts_with(b"[") || port.iter().all(u8::is_ascii_digit) {
        return None;
    }
    tail.iter().rposition(|b| *b == b'@')
}

fn is_no_secret(user: &[u8]) -> bool {
    let is_variable = |part: &[u8]| {
        part.strip_prefix(b"${")
            .and_then(|p| p.strip_suffix(b"}"))
            .is_some_and(|name| name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'))
    };
    matches!(user, b"git" | b"hg" | b"" | b"****" | b"****:****")
        || user.split(|b| *b == b':').all(|part| is_variable(part) || part == b"git" || part == b"****")
}

#[cfg(test)]
mod tests {
    use super::{is_secret_name, mask_urls};
    use envdiff_model::Text;

    #[test]
    fn user_information_is_masked_and_the_rest_stays() {
        for (url, shown) in [
            ("https://user:pw@host/simple", "https://****@host/simple"),
            ("https://token@host:8443/x?y=1#z", "https://****@host:8443/x?y=1#z"),
            ("git+ssh://git@host/o/r.git@v1.0", "git+ssh://git@host/o/r.git@v1.0"),
            ("git+https://host/o/r.git@v1.0#egg=r", "git+https://host/o/r.git@v1.0#egg=r"),
            ("https://${USER}:${PASS}@host/", "https://${USER}:${PASS}@host/"),
            ("https://me:${PASS}@host/", "https://****@host/"),
            ("https://me:p/w@host/x", "https://****@host/x"),
            ("https://me:p@ss@host/x", "https://****@host/x"),
            ("https://[::1]:80/a@b", "https://[::1]:80/a@b"),
            (
                "--index-url https://a:b@c/d --extra-index-url https://e:f@g",
                "--index-url https://****@c/d --extra-index-url https://****@g",
            ),
            ("https://h/x.whl?sig=abc&se=1", "https://h/x.whl?sig=****&se=1"),
            (
                "https://h/x.whl?X-Amz-Signature=ab#sha256=12",
                "https://h/x.whl?X-Amz-Signature=****#sha256=12",
            ),
            ("a@b.c wrote http://x", "a@b.c wrote http://x"),
            ("://", "://"),
            ("", ""),
        ] {
            assert_eq!(mask_urls(&Text::from(url)), *shown, "{url}");
        }
    }

    #[test]
    fn masking_twice_changes_nothing() {
        let once = mask_urls(&Text::from("https://u:p@h/?token=1"));
        assert_eq!(mask_urls(&once), once);
    }

    #[test]
    fn names_that_tell_a_secret() {
        for name in ["HF_TOKEN", "aws_secret_access_id", "DB_PASSWORD", "GPG_KEY", "ApiKey"] {
            assert!(is_secret_name(name.as_bytes()), "{name}");
        }
        for name in ["PATH", "PYTHONPATH", "HOME", "LANG"] {
            assert!(!is_secret_name(name.as_bytes()), "{name}");
        }
    }
}
