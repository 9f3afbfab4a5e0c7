//! The options of a line come in as words; what they set comes out, by the rules of Python's `optparse` and the table of
//! options that pip 26.3 takes in a requirement file.

use thiserror::Error;

use super::shell::Word;
use crate::Span;

/// An option that pip takes in a requirement file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptionName {
    /// `-i`, `--index-url`, `--pypi-url`
    IndexUrl,
    /// `--extra-index-url`
    ExtraIndexUrl,
    /// `--no-index`
    NoIndex,
    /// `-c`, `--constraint`
    Constraint,
    /// `-r`, `--requirement`
    Requirement,
    /// `-e`, `--editable`
    Editable,
    /// `-f`, `--find-links`
    FindLinks,
    /// `--no-binary`
    NoBinary,
    /// `--only-binary`
    OnlyBinary,
    /// `--prefer-binary`
    PreferBinary,
    /// `--require-hashes`
    RequireHashes,
    /// `--no-require-hashes`
    NoRequireHashes,
    /// `--pre`
    Pre,
    /// `--all-releases`
    AllReleases,
    /// `--only-final`
    OnlyFinal,
    /// `--trusted-host`
    TrustedHost,
    /// `--use-feature`
    UseFeature,
    /// `--hash`
    Hash,
    /// `-C`, `--config-settings`
    ConfigSettings,
}

/// Long names, and whether a value follows.
const LONG: [(&str, OptionName); 20] = [
    ("--index-url", OptionName::IndexUrl),
    ("--pypi-url", OptionName::IndexUrl),
    ("--extra-index-url", OptionName::ExtraIndexUrl),
    ("--no-index", OptionName::NoIndex),
    ("--constraint", OptionName::Constraint),
    ("--requirement", OptionName::Requirement),
    ("--editable", OptionName::Editable),
    ("--find-links", OptionName::FindLinks),
    ("--no-binary", OptionName::NoBinary),
    ("--only-binary", OptionName::OnlyBinary),
    ("--prefer-binary", OptionName::PreferBinary),
    ("--require-hashes", OptionName::RequireHashes),
    ("--no-require-hashes", OptionName::NoRequireHashes),
    ("--pre", OptionName::Pre),
    ("--all-releases", OptionName::AllReleases),
    ("--only-final", OptionName::OnlyFinal),
    ("--trusted-host", OptionName::TrustedHost),
    ("--use-feature", OptionName::UseFeature),
    ("--hash", OptionName::Hash),
    ("--config-settings", OptionName::ConfigSettings),
];
const SHORT: [(char, OptionName); 6] = [
    ('i', OptionName::IndexUrl),
    ('c', OptionName::Constraint),
    ('r', OptionName::Requirement),
    ('e', OptionName::Editable),
    ('f', OptionName::FindLinks),
    ('C', OptionName::ConfigSettings),
];
const FEATURES: [&str; 6] = [
    "fast-deps",
    "inprocess-build-deps",
    "venv-isolation",
    "truststore",
    "no-binary-enable-wheel-cache",
    "build-constraint",
];

impl OptionName {
    /// The long form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        LONG.iter().find(|(_, option)| *option == self).map_or("", |(name, _)| name)
    }

    const fn takes_value(self) -> bool {
        !matches!(
            self,
            Self::NoIndex | Self::PreferBinary | Self::RequireHashes | Self::NoRequireHashes | Self::Pre
        )
    }
}

/// Why pip does not take the options of a line, as a clause without the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OptionFault {
    /// `--user`
    #[error("pip takes no such option in a requirement file")]
    Unknown,
    /// `--re`
    #[error("several options of pip begin so")]
    Ambiguous,
    /// `-e` at the end of the line.
    #[error("the option wants a value")]
    NoValue,
    /// `--pre=yes`
    #[error("the option takes no value")]
    Value,
    /// `--hash=sha256`
    #[error("a hash is written algorithm:digest")]
    HashForm,
    /// `--hash=md5:00`
    #[error("pip takes the hash algorithms sha256, sha384 and sha512")]
    HashAlgorithm,
    /// `--config-settings x`
    #[error("a setting is written KEY=VALUE")]
    Setting,
    /// `--use-feature x`
    #[error("pip has no such feature")]
    Feature,
    /// `--no-binary -x`
    #[error("the option wants package names, :all: or :none:")]
    Packages,
    /// `-i "x`
    #[error("a quote is not closed, or a backslash stands at the end")]
    Quote,
}

/// An option that a line sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) option: OptionName,
    pub(super) value: String,
    /// Where the value stands in the words' text; exact where no quote or backslash is in it.
    pub(super) value_span: Span,
}

/// Reads the options of a line. A word that is none and belongs to none is dropped, as pip drops it.
pub(super) fn parse(words: Vec<Word>) -> Result<Vec<Setting>, (OptionFault, Span)> {
    let mut settings = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word.text == "--" {
            break;
        }
        if word.text.starts_with("--") {
            let (name, value) = match word.text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word.text.as_str(), None),
            };
            let option = long(name).map_err(|fault| (fault, word.span))?;
            let value = value.map(|value| value_in(&word, word.text.len() - value.len()));
            take(option, value, word.span, &mut words, &mut settings)?;
        } else if word.text.starts_with('-') && word.text.len() > 1 {
            // Every short option takes a value: what is left of the word, or the next word.
            let mut letters = word.text.chars();
            letters.next();
            let letter = letters.next();
            let option = SHORT.iter().find(|(short, _)| Some(*short) == letter).map(|(_, option)| *option);
            let option = option.ok_or((OptionFault::Unknown, word.span))?;
            let glued = letters.as_str();
            let value = (!glued.is_empty()).then(|| value_in(&word, word.text.len() - glued.len()));
            take(option, value, word.span, &mut words, &mut settings)?;
        }
    }
    Ok(settings)
}

fn value_in(word: &Word, at: usize) -> (String, Span) {
    let value = word.text.get(at..).unwrap_or("").to_owned();
    let span = Span::new((word.span.start + at).min(word.span.end), word.span.end);
    (value, span)
}

fn long(name: &str) -> Result<OptionName, OptionFault> {
    if let Some((_, option)) = LONG.iter().find(|(long, _)| *long == name) {
        return Ok(*option);
    }
    let mut begin = LONG.iter().filter(|(long, _)| long.starts_with(name));
    match (begin.next(), begin.next()) {
        (Some((_, option)), None) => Ok(*option),
        (Some(_), Some(_)) => Err(OptionFault::Ambiguous),
        (None, _) => Err(OptionFault::Unknown),
    }
}

fn take(
    option: OptionName,
    given: Option<(String, Span)>,
    word: Span,
    words: &mut impl Iterator<Item = Word>,
    settings: &mut Vec<Setting>,
) -> Result<(), (OptionFault, Span)> {
    let (value, value_span) = match (option.takes_value(), given) {
        (true, Some(value)) => value,
        (true, None) => {
            let next = words.next().ok_or((OptionFault::NoValue, word))?;
            (next.text, next.span)
        }
        (false, None) => (String::new(), Span::new(word.end, word.end)),
        (false, Some(_)) => return Err((OptionFault::Value, word)),
    };
    check(option, &value).map_err(|fault| (fault, Span::new(word.start, value_span.end.max(word.end))))?;
    settings.push(Setting { option, value, value_span });
    Ok(())
}

fn check(option: OptionName, value: &str) -> Result<(), OptionFault> {
    match option {
        OptionName::Hash => match value.split_once(':') {
            None => Err(OptionFault::HashForm),
            Some(("sha256" | "sha384" | "sha512", _)) => Ok(()),
            Some(_) => Err(OptionFault::HashAlgorithm),
        },
        OptionName::ConfigSettings if !value.contains('=') => Err(OptionFault::Setting),
        OptionName::UseFeature if !FEATURES.contains(&value) => Err(OptionFault::Feature),
        OptionName::NoBinary | OptionName::OnlyBinary | OptionName::AllReleases | OptionName::OnlyFinal
            if value.starts_with('-') =>
        {
            Err(OptionFault::Packages)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{OptionFault, OptionName, parse};
    use crate::file::shell::words;

    #[test]
    fn cut_glued_and_refused() {
        let read = |text: &str| parse(words(text).unwrap()).map_err(|(fault, _)| fault);
        let one = |text: &str| read(text).unwrap().remove(0);
        assert_eq!(one("--prefer").option, OptionName::PreferBinary);
        assert_eq!(
            (one("-rfile.txt").option, one("-rfile.txt").value.as_str()),
            (OptionName::Requirement, "file.txt")
        );
        assert_eq!(one("--find=x").value, "x");
        assert_eq!(one("-e ./a ./b").value, "./a");
        assert_eq!(one("--hash sha256:00").option, OptionName::Hash);
        for (text, fault) in [
            ("--re x", OptionFault::Ambiguous),
            ("-U x", OptionFault::Unknown),
            ("--user", OptionFault::Unknown),
            ("-e", OptionFault::NoValue),
            ("--pre=yes", OptionFault::Value),
            ("--hash=md5:00", OptionFault::HashAlgorithm),
            ("--hash=sha256", OptionFault::HashForm),
            ("-C x", OptionFault::Setting),
        ] {
            assert_eq!(read(text).unwrap_err(), fault, "{text}");
        }
        assert!(read("-- --user").unwrap().is_empty());
    }
}
