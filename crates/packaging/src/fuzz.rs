//! Any bytes come in; nothing comes out, and nothing panics: the entry points of the fuzz targets.

use crate::file::{self, ReadError, Reader};
use crate::{Marker, Requirement, SpecifierSet, Truth, Value, Version};

/// Reads the bytes as a requirement file that may include itself.
pub fn requirement_file(bytes: &[u8]) {
    struct Itself<'a>(&'a [u8]);
    impl Reader for Itself<'_> {
        fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
            if path.ends_with("absent") { Err(ReadError::Absent) } else { Ok(self.0.to_vec()) }
        }
        fn variable(&self, name: &str) -> Option<String> {
            (name.len() == 1).then(|| format!("${{{name}{name}}} é"))
        }
    }
    if let Ok(read) = file::read("requirements.txt", &Itself(bytes)) {
        for entry in &read.entries {
            assert!(entry.at.line >= 1 && entry.at.column >= 1 && entry.at.end_column >= entry.at.column);
        }
    }
}

/// Reads the bytes as a marker and evaluates it where half of the variables are unknown.
pub fn marker(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(marker) = Marker::parse(text) {
        let truth = marker.evaluate(&|variable| {
            if variable.as_str().len() % 2 == 0 { Value::Unknown } else { Value::from("3.11") }
        });
        assert!(!matches!(truth, Truth::Unknown { because } if because.is_empty()));
        assert!(
            marker
                .comparisons()
                .iter()
                .all(|comparison| text.get(comparison.span.start..comparison.span.end).is_some())
        );
    }
}

/// Reads the bytes as a specifier set, a requirement, and, up to the first line end, as a version to ask it about.
pub fn specifier(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (version, set) = text.split_once('\n').unwrap_or(("1.0", text));
    if let Ok(set) = SpecifierSet::parse(set) {
        let _inside = set.contains(version);
        assert!(SpecifierSet::parse(&set.to_string()).is_ok());
    }
    if let Ok(version) = Version::parse(version) {
        assert!(Version::parse(&version.to_string()).as_ref() == Ok(&version));
    }
    let _requirement = Requirement::parse(set);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            super::requirement_file(&bytes);
            super::marker(&bytes);
            super::specifier(&bytes);
        }

        #[test]
        fn bytes_of_the_grammar(text in "[a-c0-9 .,;@#'\"()\\[\\]<>=!~$%{}/:+*\\\\\r\n\t\u{b}\u{85}é-]{0,80}") {
            super::requirement_file(text.as_bytes());
            super::marker(text.as_bytes());
            super::specifier(text.as_bytes());
        }

        #[test]
        fn words_of_the_grammar(words in proptest::collection::vec(prop::sample::select(vec![
            "-r", "-e ", "-c", "--hash=sha256:0", " ", "\\\n", "\n", "# ", "${A}", "x", "==1.0", ">=", "1.0.*", "[a]", " @ ",
            "https://u:p@h/x-1-py3-none-any.whl", "#egg=y", ";", "os_name", "'a'", " and ", "(", ")", "python_version", "in ", "git+file:///x@v",
            "./p", "===", ",", "\"", "'", "\u{feff}", "é",
        ]), 0..20)) {
            let text = words.concat();
            super::requirement_file(text.as_bytes());
            super::marker(text.as_bytes());
            super::specifier(text.as_bytes());
        }
    }
}
