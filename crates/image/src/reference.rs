//! A word in, whether it is an image reference out, by the grammar of `distribution/reference` 0.6 (`reference.go`).

/// The longest name, in bytes.
const MAX_NAME: usize = 255;
/// The longest tag, in bytes.
const MAX_TAG: usize = 128;

/// Whether `text` is `[domain/]path[:tag][@digest]`; an id is one too.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return false;
    }
    // A colon behind the last slash begins a tag; one before it belongs to the port.
    let last = rest.rsplit('/').next().unwrap_or(rest);
    let (name, tag) = match last.split_once(':') {
        Some((path, tag)) => (rest.get(..rest.len() - last.len() + path.len()).unwrap_or(rest), Some(tag)),
        None => (rest, None),
    };
    tag.is_none_or(is_tag) && is_name(name)
}

fn is_name(name: &str) -> bool {
    if name.is_empty() || name.len() > MAX_NAME {
        return false;
    }
    if name.split('/').all(is_component) {
        return true;
    }
    name.split_once('/').is_some_and(|(domain, path)| is_domain(domain) && path.split('/').all(is_component))
}

/// Lower-case letters and digits, with one `.`, one or two `_`, or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let bytes = component.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !bytes.first().is_some_and(alphanumeric) || !bytes.last().is_some_and(alphanumeric) {
        return false;
    }
    let mut between = bytes.split(alphanumeric).filter(|separator| !separator.is_empty());
    between.all(|separator| matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-'))
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, rest)) => {
            if v6.is_empty() || !v6.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
                return false;
            }
            return rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        }
        None => match domain.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (domain, None),
        },
    };
    port.is_none_or(is_port)
        && host.split('.').all(|label| {
            let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
            ends(label.bytes().next())
                && ends(label.bytes().next_back())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

fn is_tag(tag: &str) -> bool {
    tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let component = |c: &str| {
        c.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && c.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['+', '.', '-', '_']).all(component)
        && hex.len() >= 32
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::is_reference;

    #[test]
    fn the_grammar_holds() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for good in [
            "serve",
            "serve:1.4",
            "team/serve:1.4",
            "ghcr.io/team/serve",
            "localhost:5000/a/b:t",
            "Host.Example/a",
            "a__b",
            "a--b",
            "a.b-c_d",
            "298745822ba0",
            "[::1]:5000/a",
            "a:_t",
            "192.168.0.1/x",
            &digest,
            &format!("serve@{digest}"),
            &format!("h:1/serve:2@{digest}"),
            "UPPER/a",
            &"a".repeat(255),
        ] {
            assert!(is_reference(good), "{good}");
        }
        for bad in [
            "",
            "Serve",
            "serve:",
            ":1",
            "a..b",
            "a___b",
            "a/",
            "/a",
            "a//b",
            "-a",
            "a-",
            "a b",
            "a:-t",
            "./a",
            "~/a",
            "a:b:c",
            "a@sha256:12",
            "a@",
            "a/B",
            "a:1/",
            "-h.io/a",
            "h.io:/a",
            "h:p/a",
            "a\\b",
            "ä",
            &"a".repeat(256),
            &format!("a:{}", "t".repeat(129)),
        ] {
            assert!(!is_reference(bad), "{bad}");
        }
    }
}
