//! The text of a version specifier set comes in; what it says of a version comes out, as `packaging` 26.3 says it.
//!
//! The rules are those of PEP 440 in the reading that `packaging` has had since 26.1, found by asking it about every
//! pair of a few hundred versions and specifiers; `fuzz/differential` asks it about random ones.

use std::fmt;

use crate::cursor::{Cursor, is_space, slice, strip};
use crate::{Fault, ParseError, Span, Version};

/// A comparison of PEP 440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `~=`
    Compatible,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `>`
    Above,
    /// `===`, equality of the texts
    Identical,
}

impl Operator {
    /// Longer ones before those that begin them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Identical,
        Self::Equal,
        Self::Compatible,
        Self::NotEqual,
        Self::AtMost,
        Self::AtLeast,
        Self::Below,
        Self::Above,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Compatible => "~=",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::Above => ">",
            Self::Identical => "===",
        }
    }
}

/// What a specifier compares with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// A version: `==2.1.2`.
    Version(Version),
    /// Every version that begins so: `==2.1.*`; held without the star.
    Prefix(Version),
    /// A text, in lower case: `===2.1.2`.
    Text(Box<str>),
}

/// One comparison: `>=2.1`.
#[derive(Debug, Clone)]
pub struct Specifier {
    operator: Operator,
    wanted: Wanted,
    /// The version as written, white space cut.
    written: Box<str>,
    span: Span,
}

/// What to do with a pre-release that the specifiers take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prereleases {
    /// It is taken. What is installed is asked so, and packaging's own default for one version says the same.
    Allowed,
    /// It is not taken.
    Refused,
}

impl Specifier {
    /// Reads one specifier, as `packaging.specifiers.Specifier` does.
    ///
    /// # Errors
    /// Where PEP 440 has no such specifier; the span is in `text`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(text);
        cursor.spaces();
        let start = cursor.at();
        let core = text.trim_end_matches(is_space);
        if !scan(&mut cursor) {
            return Err(ParseError::new(Fault::Specifier, start, core.len().max(start)));
        }
        let end = cursor.at();
        cursor.spaces();
        if !cursor.is_done() {
            return Err(trailing(slice(text, start, end), &cursor, start)
                .unwrap_or_else(|| ParseError::new(Fault::Specifier, start, core.len())));
        }
        Self::scanned(slice(text, start, end), start)
    }

    /// Reads what [`scan`] has let through; it stands at `start`.
    fn scanned(text: &str, start: usize) -> Result<Self, ParseError> {
        let refused = |fault| ParseError::new(fault, start, start + text.len());
        let operator = Operator::ALL
            .into_iter()
            .find(|operator| text.starts_with(operator.as_str()))
            .ok_or_else(|| refused(Fault::Specifier))?;
        let (written, _) = strip(slice(text, operator.as_str().len(), text.len()));
        let wanted = match (operator, written.strip_suffix(".*")) {
            (Operator::Identical, _) => Wanted::Text(written.to_lowercase().into()),
            (_, Some(prefix)) => Wanted::Prefix(Version::parse(prefix).map_err(|e| refused(e.fault))?),
            (_, None) => Wanted::Version(Version::parse(written).map_err(|e| refused(e.fault))?),
        };
        let span = Span::new(start, start + text.trim_end_matches(is_space).len());
        Ok(Self { operator, wanted, written: written.into(), span })
    }

    /// The comparison.
    #[must_use]
    pub const fn operator(&self) -> Operator {
        self.operator
    }

    /// What is compared with.
    #[must_use]
    pub const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Where it stands in the text that was parsed.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Whether this text of a version is in it, pre-releases included.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.takes(text, Version::parse(text).ok().as_ref())
    }

    pub(crate) fn takes(&self, text: &str, version: Option<&Version>) -> bool {
        match (&self.wanted, version) {
            (Wanted::Text(wanted), _) => text.to_lowercase() == **wanted,
            (_, None) => false,
            (Wanted::Prefix(prefix), Some(version)) => {
                begins_with(version, prefix, prefix.release().len()) == (self.operator == Operator::Equal)
            }
            (Wanted::Version(wanted), Some(version)) => self.takes_version(wanted, version),
        }
    }

    fn takes_version(&self, wanted: &Version, version: &Version) -> bool {
        match self.operator {
            Operator::Equal | Operator::NotEqual => {
                let equal =
                    if wanted.has_local() { version == wanted } else { version.without_local() == *wanted };
                equal == (self.operator == Operator::Equal)
            }
            Operator::Compatible => {
                version.without_local() >= *wanted
                    && begins_with(version, wanted, wanted.release().len().saturating_sub(1))
            }
            Operator::AtMost => version.without_local() <= *wanted,
            Operator::AtLeast => version.without_local() >= *wanted,
            // `<1.0` does not mean the pre-releases of 1.0, nor `<1.0.post1` those of that post-release.
            Operator::Below => {
                let own_prerelease = !wanted.is_prerelease()
                    && version.is_prerelease()
                    && same_release(version, wanted)
                    && (wanted.post().is_none()
                        || (version.pre().is_none() && version.post() == wanted.post()));
                *version < *wanted && !own_prerelease
            }
            // `>1.0` does not mean the post-releases of 1.0, nor `>1.0a1` those of that pre-release.
            Operator::Above => {
                let own_post = wanted.post().is_none()
                    && wanted.dev().is_none()
                    && version.post().is_some()
                    && same_release(version, wanted)
                    && version.pre() == wanted.pre();
                version.without_local() > *wanted && !own_post
            }
            Operator::Identical => false,
        }
    }

    /// What tells equal specifiers: `==1.0` and `==1.0.0` are one, `~=1.0` and `~=1.0.0` are two.
    fn key(&self) -> (Operator, String) {
        let version = match (&self.wanted, self.operator) {
            (Wanted::Version(version), Operator::Compatible) => version.to_string(),
            (Wanted::Version(version), _) => version.canonical(),
            _ => self.written.to_string(),
        };
        (self.operator, version)
    }
}

impl fmt::Display for Specifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.operator.as_str(), self.written)
    }
}

/// Whether `version`'s release, padded with zeros, begins with the first `len` numbers of `prefix`, in the same epoch.
fn begins_with(version: &Version, prefix: &Version, len: usize) -> bool {
    let padded = version.release().chain(std::iter::repeat(crate::Number::Short(0)));
    version.epoch() == prefix.epoch() && prefix.release().take(len).zip(padded).all(|(a, b)| a == b)
}

fn same_release(a: &Version, b: &Version) -> bool {
    a.epoch() == b.epoch() && a.trimmed_release().eq(b.trimmed_release())
}

/// Specifiers that all must hold: `>=2.1,<3`. The empty set takes everything.
#[derive(Debug, Clone, Default)]
pub struct SpecifierSet {
    specifiers: Vec<Specifier>,
}

impl SpecifierSet {
    /// Reads a set, as `packaging.specifiers.SpecifierSet` does: items between commas, empty ones left out.
    ///
    /// # Errors
    /// Where an item is no specifier; the span is in `text`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut set = Self::default();
        set.extend_from(text, 0)?;
        Ok(set)
    }

    /// Adds the items of `text`, which begins at byte `at` of what is being parsed.
    pub(crate) fn extend_from(&mut self, text: &str, at: usize) -> Result<(), ParseError> {
        let mut start = at;
        for item in text.split(',') {
            let (core, lead) = strip(item);
            if !core.is_empty() {
                let mut specifier = Specifier::parse(core).map_err(|e| e.shifted(start + lead))?;
                specifier.span = specifier.span.shifted(start + lead);
                self.specifiers.push(specifier);
            }
            start += item.len() + 1;
        }
        Ok(())
    }

    /// Whether a version is in every specifier. `installed` is its text as the metadata has it, which need not be a
    /// version: `===` compares texts. Pre-releases are taken, as pip takes what is installed.
    #[must_use]
    pub fn contains(&self, installed: &str) -> bool {
        self.contains_with(installed, Prereleases::Allowed)
    }

    /// [`Self::contains`] with the other policy for pre-releases too.
    #[must_use]
    pub fn contains_with(&self, text: &str, prereleases: Prereleases) -> bool {
        let version = Version::parse(text).ok();
        if prereleases == Prereleases::Refused && version.as_ref().is_some_and(Version::is_prerelease) {
            return false;
        }
        self.specifiers.iter().all(|specifier| specifier.takes(text, version.as_ref()))
    }

    /// The specifiers in the order in which they are written.
    #[must_use]
    pub fn specifiers(&self) -> &[Specifier] {
        &self.specifiers
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.specifiers.is_empty()
    }

    /// Whether any of them compares texts.
    #[must_use]
    pub fn has_identical(&self) -> bool {
        self.specifiers.iter().any(|specifier| specifier.operator == Operator::Identical)
    }

    /// Whether the set itself names a pre-release, so that an installer may choose one.
    #[must_use]
    pub fn names_prerelease(&self) -> bool {
        self.specifiers.iter().any(|specifier| match (&specifier.wanted, specifier.operator) {
            (_, Operator::NotEqual) | (Wanted::Prefix(_), _) => false,
            (Wanted::Version(version), _) => version.is_prerelease(),
            (Wanted::Text(_), _) => Version::parse(&specifier.written).is_ok_and(|v| v.is_prerelease()),
        })
    }

    /// The set in the order in which it is written, without white space: `>=2.1,<3`.
    #[must_use]
    pub fn written(&self) -> String {
        join(self.specifiers.iter())
    }
}

fn join<'a>(specifiers: impl Iterator<Item = &'a Specifier>) -> String {
    let mut out = String::new();
    for specifier in specifiers {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(specifier.operator.as_str());
        out.push_str(&specifier.written);
    }
    out
}

impl fmt::Display for SpecifierSet {
    /// packaging's normal form: sorted by text, equal ones once.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.specifiers.as_slice() {
            return only.fmt(f);
        }
        let mut sorted: Vec<&Specifier> = self.specifiers.iter().collect();
        sorted.sort_by_cached_key(|specifier| specifier.to_string());
        let mut seen = std::collections::HashSet::new();
        sorted.retain(|specifier| seen.insert(specifier.key()));
        f.write_str(&join(sorted.into_iter()))
    }
}

/// Moves past the specifier that begins here, the longest that the grammar of `packaging` takes; false where none does.
pub(crate) fn scan(cursor: &mut Cursor<'_>) -> bool {
    let start = cursor.at();
    let Some(operator) = Operator::ALL.into_iter().find(|operator| cursor.eat(operator.as_str())) else {
        return false;
    };
    cursor.spaces();
    if operator == Operator::Identical {
        cursor.eat_while(|c| !is_space(c) && c != ';' && c != ')');
        return true;
    }
    let exact = matches!(operator, Operator::Equal | Operator::NotEqual);
    cursor.eat_any_case("v");
    if !scan_release(cursor, if operator == Operator::Compatible { 2 } else { 1 }) {
        cursor.move_to(start);
        return false;
    }
    if exact && cursor.eat(".*") {
        return true;
    }
    scan_lettered(cursor, &["alpha", "beta", "preview", "pre", "a", "b", "c", "rc"]);
    if !scan_implicit_post(cursor) {
        scan_lettered(cursor, &["post", "rev", "r"]);
    }
    scan_lettered(cursor, &["dev"]);
    if exact {
        scan_local(cursor);
    }
    true
}

fn scan_release(cursor: &mut Cursor<'_>, least: usize) -> bool {
    if cursor.digits().is_empty() {
        return false;
    }
    if cursor.eat("!") && cursor.digits().is_empty() {
        return false;
    }
    let mut numbers = 1;
    loop {
        let before = cursor.at();
        if cursor.eat(".") && !cursor.digits().is_empty() {
            numbers += 1;
        } else {
            cursor.move_to(before);
            return numbers >= least;
        }
    }
}

/// `.a1`, `-rc`, `_post.2`, `dev`.
fn scan_lettered(cursor: &mut Cursor<'_>, words: &[&str]) {
    let before = cursor.at();
    cursor.eat_one_of(b"-_.");
    if words.iter().any(|word| cursor.eat_any_case(word)) {
        cursor.eat_one_of(b"-_.");
        cursor.digits();
    } else {
        cursor.move_to(before);
    }
}

/// `-1`
fn scan_implicit_post(cursor: &mut Cursor<'_>) -> bool {
    let before = cursor.at();
    if cursor.eat("-") && !cursor.digits().is_empty() {
        return true;
    }
    cursor.move_to(before);
    false
}

fn scan_local(cursor: &mut Cursor<'_>) {
    let before = cursor.at();
    if !cursor.eat("+") || cursor.eat_while(|c| c.is_ascii_alphanumeric()).is_empty() {
        cursor.move_to(before);
        return;
    }
    loop {
        let before = cursor.at();
        if !cursor.eat_one_of(b"-_.") || cursor.eat_while(|c| c.is_ascii_alphanumeric()).is_empty() {
            cursor.move_to(before);
            return;
        }
    }
}

/// What stands behind the specifier `scanned` and names the mistake: `.*` or `+local` where they are not allowed.
pub(crate) fn trailing(scanned: &str, cursor: &Cursor<'_>, start: usize) -> Option<ParseError> {
    let exact = scanned.starts_with("!=") || (scanned.starts_with("==") && !scanned.starts_with("==="));
    let end = cursor.at();
    if cursor.rest().starts_with(".*") {
        let fault = if exact { Fault::PrefixVersion } else { Fault::PrefixOperator };
        return Some(ParseError::new(fault, start, end + 2));
    }
    let is_local = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if cursor.rest().strip_prefix('+').is_some_and(|local| local.starts_with(is_local)) {
        let mut to = cursor.clone();
        scan_local(&mut to);
        return Some(ParseError::new(Fault::LocalVersion, start, to.at()));
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

    use super::{Prereleases, SpecifierSet};

    #[test]
    fn where_the_usual_crate_differs() {
        for (set, version, inside) in [
            ("==1.0.1.*", "1.0", false),
            ("==2.1.2.*", "2", false),
            ("<1.0b2", "1.0a1.dev2", true),
            ("<1!1.0", "1.0a1", true),
            ("<1.0.post0", "1.0rc2", true),
            (">1.0rc1", "1.0.post0", true),
            ("===1.0", "v1.0", false),
            ("===foobar", "FooBar", true),
            (">=1,,<2", "1.5", true),
            ("==2.4.0", "2.4.0+cu121", true),
            ("==2.4.0+cu124", "2.4.0+cu121", false),
            ("===2.4.0", "2.4.0+cu121", false),
            (">=1.0", "2004d", false),
            ("", "2004d", true),
        ] {
            assert_eq!(SpecifierSet::parse(set).unwrap().contains(version), inside, "{version} in {set}");
        }
    }

    #[test]
    fn prereleases_refused_is_asked_of_the_version_alone() {
        let set = SpecifierSet::parse(">=1.0").unwrap();
        assert!(!set.contains_with("1.1a1", Prereleases::Refused));
        assert!(set.contains_with("1.1", Prereleases::Refused));
    }

    #[test]
    fn faults_have_their_place() {
        for (set, at) in [(">=1, =2", "=2"), (">=1.*", ">=1.*"), ("~=1", "~=1"), (">=1.0+x", ">=1.0+x")] {
            let error = SpecifierSet::parse(set).unwrap_err();
            assert_eq!(&set[error.span.start..error.span.end], at);
        }
    }
}
