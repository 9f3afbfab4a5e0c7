//! A package comes in; the one platform on which it is needed comes out.

include!(concat!(env!("OUT_DIR"), "/platform_only.rs"));

/// An operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
        })
    }
}

/// A package that one platform alone needs.
#[derive(Debug)]
pub struct Only {
    /// Its normalised name.
    pub package: &'static str,
    /// Where it is needed.
    pub platform: Platform,
    /// Where the row was read.
    pub source: &'static str,
}

/// The row of a package. `name` is normalised (PEP 503).
#[must_use]
pub fn only(name: &str) -> Option<&'static Only> {
    ONLY.iter().find(|only| only.package == name)
}

#[cfg(test)]
mod tests {
    use super::{Platform, only};

    #[test]
    fn what_is_needed_where() {
        let platform = |name| only(name).map(|only| only.platform);
        assert_eq!(platform("pywin32"), Some(Platform::Windows));
        assert_eq!(platform("appnope"), Some(Platform::MacOs));
        assert_eq!(platform("numpy"), None);
    }
}
