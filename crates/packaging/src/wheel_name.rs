//! The file name of a wheel or a source archive comes in; name, version and tags come out, as `packaging.utils` reads
//! them.

use envdiff_model::Name;

use crate::cursor::is_word;
use crate::{Fault, ParseError, Version};

/// What the file name of a wheel tells (PEP 427).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    /// The project.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// The build tag: its number as digits without leading zeros, and the rest.
    pub build: Option<(String, String)>,
    /// `cp310`, in the order of the name.
    pub interpreters: Vec<String>,
    /// `cp310`, `abi3`, `none`.
    pub abis: Vec<String>,
    /// `manylinux_2_17_x86_64`, `any`.
    pub platforms: Vec<String>,
}

impl WheelName {
    /// Reads the file name of a wheel, as `parse_wheel_filename` does.
    ///
    /// # Errors
    /// [`Fault::WheelName`] or the version's own fault.
    pub fn parse(file: &str) -> Result<Self, ParseError> {
        let refused = || ParseError::new(Fault::WheelName, 0, file.len());
        let stem = file.strip_suffix(".whl").ok_or_else(refused)?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tags) = match parts.as_slice() {
            [name, version, tags @ ..] if tags.len() == 3 => (name, version, None, tags),
            [name, version, build, tags @ ..] if tags.len() == 3 => (name, version, Some(build), tags),
            _ => return Err(refused()),
        };
        if name.is_empty() || name.contains("__") || !name.chars().all(|c| is_word(c) || c == '.') {
            return Err(refused());
        }
        let build = match build {
            None => None,
            Some(build) => {
                let digits = build.find(|c: char| !c.is_ascii_digit()).unwrap_or(build.len());
                let (number, rest) = build.split_at_checked(digits).ok_or_else(refused)?;
                // `.` of a regular expression ends at a line's end.
                if number.is_empty() {
                    return Err(refused());
                }
                let number = number.trim_start_matches('0');
                let number = if number.is_empty() { "0" } else { number };
                Some((number.to_owned(), rest.split('\n').next().unwrap_or("").to_owned()))
            }
        };
        let start = name.len() + 1;
        let version = Version::parse(version).map_err(|e| e.shifted(start))?;
        let [interpreters, abis, platforms] = tags else { return Err(refused()) };
        let members = |set: &str| -> Result<Vec<String>, ParseError> {
            let members: Vec<String> = set.split('.').map(str::to_lowercase).collect();
            if members.iter().any(String::is_empty) { Err(refused()) } else { Ok(members) }
        };
        if !interpreters.split('.').all(is_identifier) {
            return Err(refused());
        }
        Ok(Self {
            name: Name::new(name),
            version,
            build,
            interpreters: members(interpreters)?,
            abis: members(abis)?,
            platforms: members(platforms)?,
        })
    }
}

/// `str.isidentifier` for what file names hold.
fn is_identifier(text: &str) -> bool {
    text.chars().all(is_word) && text.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic())
}

/// What the file name of a source archive tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdistName {
    /// The project.
    pub name: Name,
    /// Its version.
    pub version: Version,
}

impl SdistName {
    /// Reads the file name of a source archive (`.tar.gz`, `.zip`), as `parse_sdist_filename` does.
    ///
    /// # Errors
    /// [`Fault::SdistName`] or the version's own fault.
    pub fn parse(file: &str) -> Result<Self, ParseError> {
        let refused = || ParseError::new(Fault::SdistName, 0, file.len());
        let stem = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".zip")).ok_or_else(refused)?;
        let (name, version) = stem.rsplit_once('-').ok_or_else(refused)?;
        if name.is_empty() {
            return Err(refused());
        }
        let start = name.len() + 1;
        let version = Version::parse(version).map_err(|e| e.shifted(start))?;
        Ok(Self { name: Name::new(name), version })
    }
}
