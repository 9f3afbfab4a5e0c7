//! A project's name as written, to its normalised form (PEP 503).

use std::fmt;

/// A normalised project name: lower case, every run of `-`, `_` and `.` is one `-` (PEP 503).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Normalises `written`. Whether it is a valid name (PEP 508) is the parser's question, not this one's.
    #[must_use]
    pub fn new(written: &str) -> Self {
        let mut out = String::with_capacity(written.len());
        let mut in_run = false;
        for c in written.chars() {
            if matches!(c, '-' | '_' | '.') {
                if !in_run {
                    out.push('-');
                }
                in_run = true;
            } else {
                in_run = false;
                out.extend(c.to_lowercase());
            }
        }
        Self(out.into_boxed_str())
    }

    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn runs_of_separators_become_one_dash() {
        for (written, normal) in
            [("Foo", "foo"), ("foo.bar", "foo-bar"), ("Foo__Bar-._baz", "foo-bar-baz"), ("-x-", "-x-")]
        {
            assert_eq!(Name::new(written).as_str(), normal);
        }
    }
}
