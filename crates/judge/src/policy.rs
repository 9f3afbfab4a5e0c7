//! What the user allows comes in as written; which findings it covers comes out.

use envdiff_model::{Name, Severity, Text};

use crate::registry;

/// What counts and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The lowest level that makes an audit fail; `None` for never.
    pub fail_on: Option<Severity>,
    /// What is allowed.
    pub ignores: Vec<Ignore>,
}

impl Default for Policy {
    /// Errors fail, nothing is allowed.
    fn default() -> Self {
        Self { fail_on: Some(Severity::Error), ignores: Vec::new() }
    }
}

impl Policy {
    /// The first allowance that covers a finding of `check` about `subject`.
    pub(crate) fn allowance(&self, check: &str, subject: &Text) -> Option<&Ignore> {
        self.ignores.iter().find(|ignore| ignore.covers(check, subject))
    }
}

/// An allowance: `CHECK` or `CHECK=SUBJECT`, where the subject is a name or a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    written: String,
    check: &'static str,
    subject: Option<String>,
}

/// Why an allowance cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    /// No check has this id.
    #[error("no check is called `{id}`{}", nearest.map(|n| format!("; the nearest is `{n}`")).unwrap_or_default())]
    UnknownCheck {
        /// The id as written, control characters escaped.
        id: String,
        /// The id that differs least.
        nearest: Option<&'static str>,
    },
    /// `check=`
    #[error("`{written}` names no subject behind `=`; without `=` it allows all findings of the check")]
    NoSubject {
        /// The allowance as written, control characters escaped.
        written: String,
    },
}

impl Ignore {
    /// Reads an allowance.
    ///
    /// # Errors
    /// [`IgnoreError`]: the check does not exist, or nothing stands behind the `=`.
    pub fn parse(written: &str) -> Result<Self, IgnoreError> {
        let (id, subject) = match written.split_once('=') {
            Some((id, subject)) => (id.trim(), Some(subject.trim())),
            None => (written.trim(), None),
        };
        let Some(check) = registry::find(id) else {
            return Err(IgnoreError::UnknownCheck {
                id: id.escape_debug().to_string(),
                nearest: registry::nearest(id),
            });
        };
        if subject == Some("") {
            return Err(IgnoreError::NoSubject { written: written.escape_debug().to_string() });
        }
        Ok(Self { written: written.trim().to_owned(), check: check.id, subject: subject.map(str::to_owned) })
    }

    /// As the user wrote it.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether it covers a finding of `check` about `subject`: the glob matches the subject as it stands, or the
    /// normalised subject (PEP 503) is the same name.
    #[must_use]
    pub fn covers(&self, check: &str, subject: &Text) -> bool {
        if self.check != check {
            return false;
        }
        let Some(wanted) = &self.subject else { return true };
        glob(wanted.as_bytes(), subject.as_bytes())
            || subject.as_str().is_some_and(|subject| {
                glob(Name::new(wanted).as_str().as_bytes(), Name::new(subject).as_str().as_bytes())
            })
    }
}

/// `*` stands for any bytes, `?` for one. Linear in the product of the lengths, whatever the pattern.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    p = after_star;
                    t = from + 1;
                    retry = Some((after_star, t));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{Ignore, IgnoreError, glob};

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("torch", "torch", true),
            ("torch", "torchvision", false),
            ("nvidia-*", "nvidia-nccl-cu12", true),
            ("nvidia-*-cu1?", "nvidia-nccl-cu12", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn names_are_compared_normalised_and_checks_must_exist() {
        let ignore = Ignore::parse("version-mismatch=Foo_Bar").unwrap();
        assert!(ignore.covers("version-mismatch", &"foo-bar".into()));
        assert!(!ignore.covers("package-missing", &"foo-bar".into()));
        assert!(Ignore::parse("build-differs").unwrap().covers("build-differs", &"x".into()));
        assert_eq!(
            Ignore::parse("version-missmatch").unwrap_err().to_string(),
            "no check is called `version-missmatch`; the nearest is `version-mismatch`"
        );
        assert!(matches!(
            Ignore::parse("qqqqqqqqqqqqqqqq"),
            Err(IgnoreError::UnknownCheck { nearest: None, .. })
        ));
        assert!(matches!(Ignore::parse("undetermined="), Err(IgnoreError::NoSubject { .. })));
    }
}
