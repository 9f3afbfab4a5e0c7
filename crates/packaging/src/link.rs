//! A URL as pip meets it comes in; what can be compared with an installation's origin comes out.
//!
//! URLs are split as CPython 3.11's `urllib.parse.urlsplit` does it, because pip decides by that what is a URL at all.

use std::fmt;
use std::net::Ipv6Addr;

use envdiff_model::Url;
use thiserror::Error;

use crate::cursor::slice;
use crate::{Span, WheelName, mask};

/// The schemes of version control that pip knows (`vcs.all_schemes`).
const VCS_SCHEMES: [&str; 22] = [
    "bzr+http",
    "bzr+https",
    "bzr+ssh",
    "bzr+sftp",
    "bzr+ftp",
    "bzr+lp",
    "bzr+file",
    "git+http",
    "git+https",
    "git+ssh",
    "git+git",
    "git+file",
    "hg+file",
    "hg+http",
    "hg+https",
    "hg+ssh",
    "hg+static-http",
    "svn+ssh",
    "svn+http",
    "svn+https",
    "svn+svn",
    "svn+file",
];
/// Letters that NFKC turns into `/`, `?`, `#`, `@` or `:`; no host may hold them.
const HOST_BREAKERS: [char; 19] = [
    '\u{2048}', '\u{2049}', '\u{2047}', '\u{2100}', '\u{2101}', '\u{2105}', '\u{2106}', '\u{2a74}',
    '\u{fe13}', '\u{fe16}', '\u{fe55}', '\u{fe56}', '\u{fe5f}', '\u{fe6b}', '\u{ff03}', '\u{ff0f}',
    '\u{ff1a}', '\u{ff1f}', '\u{ff20}',
];
/// In the order in which pip looks for them in a fragment.
const HASHES: [&str; 6] = ["sha512", "sha384", "sha256", "sha224", "sha1", "md5"];

/// What pip cannot take in a URL, as a clause without the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LinkFault {
    /// `https://[x/`
    #[error("the host of the URL is not one")]
    Host,
    /// `#egg=six==1.16.0`
    #[error("`#egg=` takes a project name and nothing else")]
    Egg,
    /// A wheel whose file name is none.
    #[error("the file name is not that of a wheel (name-version-tag-tag-tag.whl)")]
    Wheel,
    /// `file://server/x`
    #[error("a file URL can only name this machine (file:///...)")]
    FileHost,
}

/// A URL in its parts.
pub(crate) struct Split {
    pub(crate) scheme: String,
    pub(crate) netloc: String,
    pub(crate) path: String,
}

/// `urllib.parse.urlsplit`.
pub(crate) fn split(url: &str) -> Result<Split, LinkFault> {
    let cleaned: String;
    let mut rest = url.trim_start_matches(|c: char| c <= ' ');
    if rest.contains(['\t', '\r', '\n']) {
        cleaned = rest.replace(['\t', '\r', '\n'], "");
        rest = &cleaned;
    }
    let mut scheme = String::new();
    if let Some((before, after)) = rest.split_once(':')
        && before.starts_with(|c: char| c.is_ascii_alphabetic())
        && before.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    {
        scheme = before.to_ascii_lowercase();
        rest = after;
    }
    let mut netloc = "";
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        netloc = slice(after, 0, end);
        rest = slice(after, end, after.len());
        check_host(netloc)?;
    }
    let path = slice(rest, 0, rest.find(['#', '?']).unwrap_or(rest.len()));
    Ok(Split { scheme, netloc: netloc.to_owned(), path: path.to_owned() })
}

fn check_host(netloc: &str) -> Result<(), LinkFault> {
    let valid = match (netloc.split_once('['), netloc.contains(']')) {
        (None, false) => true,
        (Some((_, after)), true) => {
            let host = after.split(']').next().unwrap_or("");
            match host.strip_prefix('v') {
                Some(future) => future.split_once('.').is_some_and(|(version, rest)| {
                    !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit()) && !rest.is_empty()
                }),
                None => {
                    let (address, zone) = host.split_once('%').map_or((host, None), |(a, z)| (a, Some(z)));
                    address.parse::<Ipv6Addr>().is_ok()
                        && zone.is_none_or(|z| !z.is_empty() && !z.contains('%'))
                }
            }
        }
        _ => false,
    };
    if valid && !netloc.contains(HOST_BREAKERS) { Ok(()) } else { Err(LinkFault::Host) }
}

/// Whether pip takes a line for a URL: it begins with a scheme that pip fetches.
pub(crate) fn is_url(text: &str) -> Result<bool, LinkFault> {
    if !text.contains(':') && !text.contains("//") {
        return Ok(false);
    }
    let scheme = split(text)?.scheme;
    Ok(matches!(scheme.as_str(), "http" | "https" | "file" | "ftp") || is_vcs_scheme(&scheme))
}

pub(crate) fn is_vcs_scheme(scheme: &str) -> bool {
    VCS_SCHEMES.contains(&scheme)
}

/// Percent escapes resolved; what is no UTF-8 becomes U+FFFD.
pub(crate) fn unquote(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, tail @ ..] if *first == b'%' => {
                hex(*high).zip(hex(*low)).map(|(h, l)| (h * 16 + l, tail))
            }
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((*first, after));
        out.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// An absolute path as a file URL.
pub(crate) fn file_url(path: &str) -> String {
    let mut url = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'.' | b'-' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// Where something comes from, for comparing: credentials, query, fragment, revision and `.git` put aside.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    path: String,
}

impl Origin {
    /// The origin that a URL names, or `None` where it is none.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        let ssh = ssh_of_scp(url);
        let split = split(without_vcs(ssh.as_deref().unwrap_or(url))).ok()?;
        let host = split.netloc.rsplit('@').next().unwrap_or("").to_lowercase();
        let path = unquote(&split.path);
        let path = path.trim_end_matches('/');
        Some(Self { scheme: split.scheme, host, path: path.strip_suffix(".git").unwrap_or(path).to_owned() })
    }

    /// Whether two repositories are one, whatever the way in to it: scheme, port and a slash at the beginning put aside. `None` where
    /// their paths differ in case alone and nothing says whether the host minds.
    #[must_use]
    pub fn is_repository(&self, other: &Self) -> Option<bool> {
        let host = |of: &Self| -> String {
            let name = of.host.trim_end_matches(|c: char| c.is_ascii_digit());
            name.strip_suffix(':').unwrap_or(&of.host).to_owned()
        };
        let (mine, others) = (self.path.trim_start_matches('/'), other.path.trim_start_matches('/'));
        if (self.scheme == "file") != (other.scheme == "file") || host(self) != host(other) {
            return Some(false);
        }
        if mine == others {
            return Some(true);
        }
        if mine.to_lowercase() != others.to_lowercase() {
            return Some(false);
        }
        CASELESS_HOSTS.contains(&host(self).as_str()).then_some(true)
    }

    /// `https`, `file`, `ssh`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or("")
    }
}

impl fmt::Debug for Origin {
    /// Says nothing: parts may have come from variables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin(****)")
    }
}

/// Hosts of repositories that take a path in any case.
const CASELESS_HOSTS: [&str; 4] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"];

/// The way in over ssh as git writes it short, `user@host:path`, and as URLs are often written by mistake, `ssh://user@host:path`, as
/// a URL; `None` where it is neither.
#[must_use]
pub fn ssh_of_scp(url: &str) -> Option<String> {
    let bare = without_vcs(url);
    let is_ssh = bare.starts_with("ssh://");
    let rest = bare.strip_prefix("ssh://").unwrap_or(bare);
    let (authority, path) = rest.split_once(':')?;
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let is_host = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let is_short = is_ssh || authority.contains('@') || (host.contains('.') && !path.starts_with("//"));
    let port = path.split('/').next().unwrap_or(path);
    let has_port = is_ssh && port.bytes().all(|b| b.is_ascii_digit());
    (is_host && is_short && !authority.contains('/') && !has_port && !path.is_empty())
        .then(|| format!("ssh://{authority}/{}", path.trim_start_matches('/')))
}

fn without_vcs(url: &str) -> &str {
    ["git+", "hg+", "svn+", "bzr+"].iter().find_map(|vcs| url.strip_prefix(vcs)).unwrap_or(url)
}

/// What kind of place a link names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// A repository under version control.
    Vcs,
    /// A file that pip would download.
    Download,
    /// A `file:` URL.
    File,
    /// A path of the machine that the file was written for.
    Path,
    /// Something behind `@` that pip could not fetch.
    Other,
}

/// A URL or path that a requirement is to come from.
#[derive(Debug, Clone)]
pub struct Link {
    /// What kind of place it names.
    pub kind: LinkKind,
    /// As the installer sees it, and as it may be shown.
    pub url: Url,
    /// For comparing; `None` for paths.
    pub origin: Option<Origin>,
    /// The revision that a VCS link asks for, what stands behind the last `@` of its path.
    pub revision: Option<String>,
    /// `#subdirectory=`
    pub subdirectory: Option<String>,
    /// The first `#algorithm=digest`.
    pub hash: Option<(String, String)>,
    /// What the file name tells where it is a wheel's.
    pub wheel: Option<WheelName>,
}

impl Link {
    /// Reads a URL; `hidden` are the parts of it that came from variables.
    ///
    /// # Errors
    /// Where pip stops: a host that is none, an egg fragment that is no name, a file URL of another machine.
    pub fn parse(url: &str, hidden: &[Span]) -> Result<Self, LinkFault> {
        let parts = split(url)?;
        egg(url)?;
        let kind = match parts.scheme.as_str() {
            scheme if is_vcs_scheme(scheme) => LinkKind::Vcs,
            "file" => LinkKind::File,
            "http" | "https" | "ftp" => LinkKind::Download,
            _ => LinkKind::Other,
        };
        if kind == LinkKind::File
            && (!url.starts_with("file:") || !matches!(parts.netloc.as_str(), "" | "localhost"))
        {
            return Err(LinkFault::FileHost);
        }
        let (place, revision) = if kind == LinkKind::Vcs {
            match parts.path.rsplit_once('@') {
                Some((path, revision)) => {
                    (format!("{}://{}{path}", parts.scheme, parts.netloc), Some(revision.to_owned()))
                }
                None => (url.to_owned(), None),
            }
        } else {
            (url.to_owned(), None)
        };
        let file = file_name(&parts);
        Ok(Self {
            kind,
            url: mask::url(url, hidden),
            origin: Origin::of(&place),
            revision: revision.filter(|revision| !revision.is_empty()),
            subdirectory: fragment(url, "subdirectory").map(str::to_owned),
            hash: HASHES
                .iter()
                .filter_map(|name| {
                    fragment_at(url, name).map(|(at, value)| (at, (*name).to_owned(), value.to_owned()))
                })
                .min_by_key(|(at, ..)| *at)
                .map(|(_, name, value)| (name, value)),
            wheel: if is_wheel(&parts) { WheelName::parse(&file).ok() } else { None },
        })
    }

    /// A path of the machine that the file was written for.
    #[must_use]
    pub fn path(path: &str, hidden: &[Span]) -> Self {
        Self {
            kind: LinkKind::Path,
            url: mask::url(path, hidden),
            origin: None,
            revision: None,
            subdirectory: None,
            hash: None,
            wheel: None,
        }
    }
}

/// The value of the first `#key=` or `&key=` of a URL, up to the next `&`.
fn fragment<'a>(url: &'a str, key: &str) -> Option<&'a str> {
    fragment_at(url, key).map(|(_, value)| value)
}

fn fragment_at<'a>(url: &'a str, key: &str) -> Option<(usize, &'a str)> {
    url.match_indices(['#', '&']).find_map(|(at, _)| {
        let value = slice(url, at + 1, url.len()).strip_prefix(key)?.strip_prefix('=')?;
        Some((at, value.split('&').next().unwrap_or("")))
    })
}

/// The project name that `#egg=` gives.
pub(crate) fn egg(url: &str) -> Result<Option<&str>, LinkFault> {
    let Some(egg) = fragment(url, "egg") else { return Ok(None) };
    // Four letters that are no ASCII equal ASCII ones where case does not count; pip takes them here.
    let is_alphanumeric =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '\u{130}' | '\u{131}' | '\u{17f}' | '\u{212a}');
    let is_name = egg.starts_with(is_alphanumeric)
        && egg.ends_with(is_alphanumeric)
        && egg.chars().all(|c| is_alphanumeric(c) || matches!(c, '.' | '_' | '-'));
    if is_name { Ok(Some(egg)) } else { Err(LinkFault::Egg) }
}

/// The file name in a URL's path, or the host where the path has none.
fn file_name(parts: &Split) -> String {
    let path = unquote(&parts.path);
    match path.trim_end_matches('/').rsplit('/').next().unwrap_or("") {
        "" | "." | ".." => parts.netloc.rsplit('@').next().unwrap_or("").to_owned(),
        name => name.to_owned(),
    }
}

fn is_wheel(parts: &Split) -> bool {
    extension(unquote(&parts.path).trim_end_matches('/')) == ".whl"
}

/// The name and version in the file name of a wheel's URL, `None` where the URL is no wheel's.
pub(crate) fn wheel(url: &str) -> Result<Option<WheelName>, LinkFault> {
    let parts = split(url)?;
    if !is_wheel(&parts) {
        return Ok(None);
    }
    WheelName::parse(&file_name(&parts)).map(Some).map_err(|_| LinkFault::Wheel)
}

/// pip's `splitext`: `.whl`, `.gz`, and `.tar.gz` as one; empty where there is none.
pub(crate) fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or("");
    let stem = name.trim_start_matches('.');
    let Some(dot) = stem.rfind('.') else { return "" };
    let tar =
        dot.checked_sub(4).filter(|at| stem.get(*at..dot).is_some_and(|t| t.eq_ignore_ascii_case(".tar")));
    slice(stem, tar.unwrap_or(dot), stem.len())
}

/// The extensions of pip's `is_archive_file`.
pub(crate) fn is_archive(path: &str) -> bool {
    const ARCHIVES: [&str; 12] = [
        ".zip",
        ".whl",
        ".tar.bz2",
        ".tbz",
        ".tar.gz",
        ".tgz",
        ".tar",
        ".tar.xz",
        ".txz",
        ".tlz",
        ".tar.lz",
        ".tar.lzma",
    ];
    let extension = extension(path);
    ARCHIVES.iter().any(|archive| archive.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Link, LinkFault, LinkKind, Origin, extension};

    #[test]
    fn the_parts_that_are_compared() {
        let link =
            Link::parse("git+https://u:p@H.example.com/o/r.git@v1.0#egg=r&subdirectory=a/b", &[]).unwrap();
        assert_eq!(link.kind, LinkKind::Vcs);
        assert_eq!(link.revision.as_deref(), Some("v1.0"));
        assert_eq!(link.subdirectory.as_deref(), Some("a/b"));
        assert_eq!(link.origin, Origin::of("https://h.example.com/o/r/"));
        assert_eq!(link.url.shown, "git+https://****@H.example.com/o/r.git@v1.0#egg=r&subdirectory=a/b");
        assert!(!format!("{link:?}").contains("u:p"));
        let wheel =
            Link::parse("https://h/torch-2.4.0%2Bcu121-cp311-cp311-linux_x86_64.whl#sha256=00", &[]).unwrap();
        assert_eq!(wheel.wheel.unwrap().version.to_string(), "2.4.0+cu121");
        assert_eq!(wheel.hash, Some(("sha256".to_owned(), "00".to_owned())));
    }

    #[test]
    fn one_repository_has_many_ways_in() {
        let is_one = |a, b| Origin::of(a).unwrap().is_repository(&Origin::of(b).unwrap());
        let https = "https://github.com/a/mygit";
        for other in [
            "git+ssh://git@github.com/a/mygit.git",
            "git+ssh://git@github.com:a/mygit.git",
            "ssh://git@github.com:22/a/mygit",
            "git@github.com:a/mygit.git",
            "github.com:a/mygit",
            "git+https://github.com/A/mygit",
            "git://github.com/a/mygit.git",
        ] {
            assert_eq!(is_one(https, other), Some(true), "{other}");
        }
        assert_eq!(is_one(https, "git+https://github.com/b/mygit"), Some(false));
        assert_eq!(is_one(https, "git+https://gitlab.com/a/mygit"), Some(false));
        assert_eq!(is_one("https://git.example.com/a/b", "https://git.example.com/A/b"), None);
        assert_eq!(is_one("file:///a/b", "file:///a/b.git"), Some(true));
        for url in ["https://h/a", "C:/a", "/a:b", "ssh://git@h:22/a", "a:b", "file:///a@b:c"] {
            assert_eq!(super::ssh_of_scp(url), None, "{url}");
        }
    }

    #[test]
    fn what_pip_refuses() {
        for (url, fault) in [
            ("https://h/v1.zip#egg=six==1.16.0", LinkFault::Egg),
            ("https://[x/y", LinkFault::Host),
            ("https://[1.2.3.4]/y", LinkFault::Host),
            ("https://h\u{2100}/y", LinkFault::Host),
            ("file://server/x", LinkFault::FileHost),
        ] {
            assert_eq!(Link::parse(url, &[]).unwrap_err(), fault);
        }
        assert!(Link::parse("https://[::1%eth0]:80/y", &[]).is_ok());
    }

    #[test]
    fn extensions() {
        for (path, ext) in
            [("a.tar.gz", ".tar.gz"), ("a/b.whl", ".whl"), (".whl", ""), ("x.tar", ".tar"), ("a.b/c", "")]
        {
            assert_eq!(extension(path), ext);
        }
    }
}
