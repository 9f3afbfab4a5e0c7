//! A lock in TOML comes in; its packages, each read as it passes, and the rest of the document come out; and what several
//! formats write alike in a package comes in, checked it comes out.

use envdiff_packaging::{Marker, Version};

use crate::broken::{Broken, Fault};
use crate::limits::MOST_PACKAGES;
use crate::tree::Table;
use crate::tree::toml::{self, Plan};

/// The packages that passed, up to the first fault and the bound.
pub(crate) struct Passed<T> {
    packages: Vec<T>,
    fault: Option<Broken>,
}

impl<T> Passed<T> {
    /// All of them. Asked once the version of the format is known: what is wrong in an unknown one says nothing.
    ///
    /// # Errors
    /// The first fault, or that there are too many.
    pub(crate) fn all(self) -> Result<Vec<T>, Broken> {
        match self.fault {
            Some(fault) => Err(fault),
            None => bounded(self.packages),
        }
    }
}

/// The packages, where they are not too many.
///
/// # Errors
/// They are more than [`MOST_PACKAGES`].
pub(crate) fn bounded<T>(packages: Vec<T>) -> Result<Vec<T>, Broken> {
    if packages.len() > MOST_PACKAGES {
        return Err(Broken::whole(Fault::TooLarge, "it holds more than 200,000 packages"));
    }
    Ok(packages)
}

/// Reads a document whose packages are given out by `plan`.
///
/// # Errors
/// It is no TOML.
pub(crate) fn read<'a, T>(
    text: &'a str,
    plan: &Plan<'_>,
    mut package: impl FnMut(&Table<'a>) -> Result<T, Broken>,
) -> Result<(Table<'a>, Passed<T>), Broken> {
    let mut passed = Passed { packages: Vec::new(), fault: None };
    let root = toml::read(text, plan, &mut |table| {
        // One more than the bound tells that it was passed; what comes then is not kept.
        if passed.fault.is_some() || passed.packages.len() > MOST_PACKAGES {
            return;
        }
        match package(&table) {
            Ok(package) => passed.packages.push(package),
            Err(fault) => passed.fault = Some(fault),
        }
    })?;
    Ok((root, passed))
}

/// The `version` of a package, where it has one.
///
/// # Errors
/// It is no text, or no version of PEP 440.
pub(crate) fn version(table: &Table<'_>) -> Result<Option<String>, Broken> {
    let Some(node) = table.get("version") else { return Ok(None) };
    let text = node.as_text()?;
    parse_version(text, node.at)?;
    Ok(Some(text.to_owned()))
}

/// A marker in a quoted text that begins at `at`.
///
/// # Errors
/// It is none of PEP 508.
pub(crate) fn parse_marker(text: &str, at: usize) -> Result<Marker, Broken> {
    Marker::parse(text).map_err(|error| {
        // Behind the quote; an escape before it would only shift the place.
        Broken::at(Fault::BadMarker, at + 1 + error.span.start, format!("no marker of PEP 508: {error}"))
    })
}

/// Checks the text of a version at `at`.
///
/// # Errors
/// It is none of PEP 440.
pub(crate) fn parse_version(text: &str, at: usize) -> Result<(), Broken> {
    match Version::parse(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(Broken::at(Fault::BadVersion, at, format!("`{text}` is no version of PEP 440"))),
    }
}
