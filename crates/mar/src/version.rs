//! The version of a TorchServe comes in as text; an ordered version comes out that answers "since when".

use std::fmt;

/// A version of TorchServe. What is not known behaves as the newest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u32; 3]);

impl Version {
    /// The last release, whose rules hold where nothing else is known.
    pub const NEWEST: Self = Self([0, 12, 0]);

    /// A version by its numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self([major, minor, patch])
    }

    /// The leading numbers of `0.12.0`, `0.4.2b20210811`, `0.9`; `None` where there are none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = [0; 3];
        let text = text.trim();
        let mut rest = text.strip_prefix(['v', 'V']).unwrap_or(text);
        for (at, number) in numbers.iter_mut().enumerate() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at_checked(end)?;
            match digits.parse() {
                Ok(value) => *number = value,
                Err(_) if at == 0 => return None,
                Err(_) => break,
            }
            match after.strip_prefix('.') {
                Some(more) => rest = more,
                None => break,
            }
        }
        Some(Self(numbers))
    }

    /// Whether this is `major.minor.patch` or newer.
    #[must_use]
    pub fn since(self, major: u32, minor: u32, patch: u32) -> bool {
        self >= Self([major, minor, patch])
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        for (text, numbers) in [
            ("0.12.0", Some((0, 12, 0))),
            ("0.4.2b20210811", Some((0, 4, 2))),
            ("0.9", Some((0, 9, 0))),
            ("v0.11.1\n", Some((0, 11, 1))),
            ("0.9.99999999999", Some((0, 9, 0))),
            ("", None),
            ("latest", None),
        ] {
            assert_eq!(Version::parse(text), numbers.map(|(a, b, c)| Version::new(a, b, c)), "{text}");
        }
        assert!(Version::new(0, 7, 1) < Version::new(0, 12, 0));
        assert!(Version::NEWEST.since(0, 12, 0) && !Version::new(0, 11, 1).since(0, 12, 0));
    }
}
