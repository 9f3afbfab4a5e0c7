//! A version's text comes in; the version of PEP 440 with its order, its parts and its normal form comes out.
//!
//! `pep440_rs` parses and orders. It holds numbers in 64 bits, and Python does not: numbers of 2^63 and more are kept
//! beside the version as digits, and stand in it as 2^63 plus their rank among the long numbers of that version.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use pep440_rs::LocalSegment;

use crate::cursor::{is_space, strip};
use crate::limits::MOST_DIGITS;
use crate::{Fault, ParseError};

/// Where long numbers begin.
const LONG: u64 = 1 << 63;

/// A version of PEP 440.
///
/// Order and equality are PEP 440's: `1.0 == 1`, `1.0.dev1 < 1.0a1 < 1.0 < 1.0+local < 1.0.post1`.
#[derive(Clone)]
pub struct Version {
    inner: pep440_rs::Version,
    /// Digits without leading zeros, ascending, each once.
    long: Vec<Box<str>>,
}

/// A number of a version; it can be longer than 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number<'a> {
    /// Below 2^63.
    Short(u64),
    /// Its digits without leading zeros.
    Long(&'a str),
}

impl Number<'_> {
    /// Whether it is 0.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self, Self::Short(0))
    }

    /// Its value where it is short.
    #[must_use]
    pub const fn short(self) -> Option<u64> {
        match self {
            Self::Short(n) => Some(n),
            Self::Long(_) => None,
        }
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Short(a), Self::Short(b)) => a.cmp(b),
            (Self::Short(_), Self::Long(_)) => Ordering::Less,
            (Self::Long(_), Self::Short(_)) => Ordering::Greater,
            (Self::Long(a), Self::Long(b)) => by_value(a, b),
        }
    }
}
impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(n) => n.fmt(f),
            Self::Long(digits) => f.write_str(digits),
        }
    }
}

/// Digits without leading zeros, ordered by what they count.
fn by_value(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Whether a run of digits counts 2^63 or more, and its digits without leading zeros.
fn long_digits(run: &str) -> Option<&str> {
    let digits = run.trim_start_matches('0');
    let is_long = digits.len() > 19 || digits.parse::<u64>().is_ok_and(|n| n >= LONG);
    is_long.then_some(digits)
}

/// The kind of a pre-release, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PreKind {
    /// `a`
    Alpha,
    /// `b`
    Beta,
    /// `rc`
    Candidate,
}

impl PreKind {
    /// As the normal form writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alpha => "a",
            Self::Beta => "b",
            Self::Candidate => "rc",
        }
    }
}

impl Version {
    /// Reads a version as `packaging.version.Version` does: white space around it is cut, case does not count.
    ///
    /// # Errors
    /// [`Fault::Version`] where PEP 440 has no such version, [`Fault::NumberTooLong`] where Python gives up.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (core, lead) = strip(text);
        let refused = |fault| ParseError::new(fault, lead, lead + core.len());
        // A text of digits and dots alone is not stripped there; it holds no white space to strip.
        if !core.is_ascii() || core.contains(is_space) {
            return Err(refused(Fault::Version));
        }
        if !has_long_number(core) {
            let inner = core.parse().map_err(|_| refused(Fault::Version))?;
            return Ok(Self { inner, long: Vec::new() });
        }
        let (public, local) = match core.split_once('+') {
            Some((public, local)) => (public, Some(local)),
            None => (core, None),
        };
        let mut runs: Vec<&str> =
            digit_runs(public).filter(|(_, is_digits)| *is_digits).map(|(run, _)| run).collect();
        runs.extend(local_parts(local.unwrap_or("")).filter(|part| is_number(part)));
        if runs.iter().any(|run| run.len() > MOST_DIGITS) {
            return Err(refused(Fault::NumberTooLong));
        }
        let mut long: Vec<Box<str>> = runs.into_iter().filter_map(long_digits).map(Into::into).collect();
        long.sort_by(|a, b| by_value(a, b));
        long.dedup();
        let rank = |run: &str| {
            let digits = long_digits(run)?;
            long.binary_search_by(|have| by_value(have, digits)).ok().map(|i| LONG + i as u64)
        };
        let mut stand_in = String::with_capacity(core.len());
        for (run, is_digits) in digit_runs(public) {
            match rank(run).filter(|_| is_digits) {
                Some(n) => stand_in.push_str(&n.to_string()),
                None => stand_in.push_str(run),
            }
        }
        if let Some(local) = local {
            stand_in.push('+');
            let mut rest = local;
            for part in local_parts(local) {
                match rank(part).filter(|_| is_number(part)) {
                    Some(n) => stand_in.push_str(&n.to_string()),
                    None => stand_in.push_str(part),
                }
                rest = rest.get(part.len()..).unwrap_or("");
                if let Some(separator) = rest.chars().next() {
                    stand_in.push(separator);
                    rest = rest.get(separator.len_utf8()..).unwrap_or("");
                }
            }
        }
        let inner = stand_in.parse().map_err(|_| refused(Fault::Version))?;
        Ok(Self { inner, long })
    }

    fn number(&self, n: u64) -> Number<'_> {
        n.checked_sub(LONG)
            .and_then(|rank| self.long.get(usize::try_from(rank).ok()?))
            .map_or(Number::Short(n), |digits| Number::Long(digits))
    }

    /// The epoch, 0 where none is written.
    #[must_use]
    pub fn epoch(&self) -> Number<'_> {
        self.number(self.inner.epoch())
    }

    /// The numbers of the release as written, at least one.
    pub fn release(&self) -> impl ExactSizeIterator<Item = Number<'_>> + DoubleEndedIterator {
        self.inner.release().iter().map(|n| self.number(*n))
    }

    /// The release without zeros at its end.
    pub(crate) fn trimmed_release(&self) -> impl ExactSizeIterator<Item = Number<'_>> {
        let release = self.inner.release();
        let len = release.iter().rposition(|n| *n != 0).map_or(0, |last| last + 1);
        release.iter().take(len).map(|n| self.number(*n))
    }

    /// Kind and number of the pre-release.
    #[must_use]
    pub fn pre(&self) -> Option<(PreKind, Number<'_>)> {
        let pre = self.inner.pre()?;
        let kind = match pre.kind {
            pep440_rs::PrereleaseKind::Alpha => PreKind::Alpha,
            pep440_rs::PrereleaseKind::Beta => PreKind::Beta,
            pep440_rs::PrereleaseKind::Rc => PreKind::Candidate,
        };
        Some((kind, self.number(pre.number)))
    }

    /// The number of the post-release.
    #[must_use]
    pub fn post(&self) -> Option<Number<'_>> {
        self.inner.post().map(|n| self.number(n))
    }

    /// The number of the development release.
    #[must_use]
    pub fn dev(&self) -> Option<Number<'_>> {
        self.inner.dev().map(|n| self.number(n))
    }

    /// The local version in normal form: `cu121`, `ubuntu.1`.
    #[must_use]
    pub fn local(&self) -> Option<String> {
        let parts = self.inner.local();
        (!parts.is_empty()).then(|| {
            let mut out = String::new();
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    out.push('.');
                }
                match part {
                    LocalSegment::String(text) => out.push_str(text),
                    LocalSegment::Number(n) => out.push_str(&self.number(*n).to_string()),
                }
            }
            out
        })
    }

    /// Whether there is a local version.
    #[must_use]
    pub fn has_local(&self) -> bool {
        !self.inner.local().is_empty()
    }

    /// Whether it has a pre-release or development part.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        self.inner.any_prerelease()
    }

    /// The version without its local part, PEP 440's public version.
    #[must_use]
    pub fn without_local(&self) -> Self {
        if !self.has_local() {
            return self.clone();
        }
        // A long number that only the local part held may stay behind: it would make equal versions unequal.
        let public = Self { inner: self.inner.clone().without_local(), long: self.long.clone() };
        if public.long.is_empty() { public } else { Self::parse(&public.to_string()).unwrap_or(public) }
    }

    /// The normal form without zeros at the end of the release, as `packaging.utils.canonicalize_version` writes it.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        let release = self.trimmed_release();
        let _infallible = if release.len() == 0 {
            self.write(&mut out, std::iter::once(Number::Short(0)))
        } else {
            self.write(&mut out, release)
        };
        out
    }

    fn write<'a>(&'a self, f: &mut dyn fmt::Write, release: impl Iterator<Item = Number<'a>>) -> fmt::Result {
        if !self.epoch().is_zero() {
            write!(f, "{}!", self.epoch())?;
        }
        for (i, n) in release.enumerate() {
            if i > 0 {
                f.write_char('.')?;
            }
            write!(f, "{n}")?;
        }
        if let Some((kind, n)) = self.pre() {
            write!(f, "{}{n}", kind.as_str())?;
        }
        if let Some(n) = self.post() {
            write!(f, ".post{n}")?;
        }
        if let Some(n) = self.dev() {
            write!(f, ".dev{n}")?;
        }
        if let Some(local) = self.local() {
            write!(f, "+{local}")?;
        }
        Ok(())
    }

    /// The version with its long numbers replaced by ranks in `all`.
    fn ranked(&self, all: &[&str]) -> pep440_rs::Version {
        let rank = |n: u64| match self.number(n) {
            Number::Short(n) => n,
            Number::Long(digits) => {
                LONG + all.binary_search_by(|have| by_value(have, digits)).map_or(0, |i| i as u64)
            }
        };
        let local = self.inner.local().iter().map(|part| match part {
            LocalSegment::Number(n) => LocalSegment::Number(rank(*n)),
            LocalSegment::String(text) => LocalSegment::String(text.clone()),
        });
        pep440_rs::Version::new(self.inner.release().iter().map(|n| rank(*n)))
            .with_epoch(rank(self.inner.epoch()))
            .with_pre(
                self.inner
                    .pre()
                    .map(|pre| pep440_rs::Prerelease { kind: pre.kind, number: rank(pre.number) }),
            )
            .with_post(self.inner.post().map(rank))
            .with_dev(self.inner.dev().map(rank))
            .with_local(local.collect())
    }
}

/// Whether any run of digits in `text` may be a long number.
fn has_long_number(text: &str) -> bool {
    text.len() >= 19 && digit_runs(text).any(|(run, is_digits)| is_digits && run.len() >= 19)
}

/// The runs of digits and of other characters of `text`, in order.
fn digit_runs(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_digits = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digits).unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end)?;
        rest = after;
        Some((run, is_digits))
    })
}

fn local_parts(local: &str) -> impl Iterator<Item = &str> {
    local.split(['.', '_', '-'])
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.long.is_empty() && other.long.is_empty() {
            return self.inner.cmp(&other.inner);
        }
        let mut all: Vec<&str> = self.long.iter().chain(&other.long).map(AsRef::as_ref).collect();
        all.sort_by(|a, b| by_value(a, b));
        all.dedup();
        self.ranked(&all).cmp(&other.ranked(&all))
    }
}
impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        // Equal versions hold the same long numbers, and so the same ranks.
        self.long == other.long && self.inner == other.inner
    }
}
impl Eq for Version {}
impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
        self.long.hash(state);
    }
}
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, self.release())
    }
}
impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::Version;

    #[test]
    fn normal_forms() {
        for (text, normal) in [
            (" v1.0-1\n", "1.0.post1"),
            ("1.0.0-RC.1", "1.0.0rc1"),
            ("1.0a.", "1.0a0"),
            ("1.0+Ubuntu-01", "1.0+ubuntu.1"),
            ("1!02.03dev", "1!2.3.dev0"),
            ("99999999999999999999.1", "99999999999999999999.1"),
            ("1.0+00099999999999999999999.a", "1.0+99999999999999999999.a"),
            ("1.0+99999999999999999999a", "1.0+99999999999999999999a"),
        ] {
            assert_eq!(Version::parse(text).unwrap().to_string(), normal);
        }
        for text in ["", "1 0", "1..0", "1.0_1", "1.0-foo", "2004d", "１.0", "1.0+", "1.0+a..b", "1.0.*"] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
        assert!(Version::parse(&"9".repeat(4301)).is_err());
    }

    #[test]
    fn long_numbers_are_ordered_by_value() {
        let ascending = [
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "99999999999999999999a1",
            "99999999999999999999",
            "99999999999999999999+5",
            "99999999999999999999+18446744073709551616",
            "99999999999999999999.0.1",
            "100000000000000000000",
            "1!0",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(
                    Version::parse(a).unwrap().cmp(&Version::parse(b).unwrap()),
                    i.cmp(&j),
                    "{a} and {b}"
                );
            }
        }
        let long = Version::parse("99999999999999999999.0+18446744073709551616").unwrap();
        assert_eq!(long.without_local(), Version::parse("99999999999999999999").unwrap());
    }
}
