//! A TorchServe and a Java come in; whether that Java loads that TorchServe, and is the one it asks for, comes out.

use crate::Numbers;

include!(concat!(env!("OUT_DIR"), "/java.rs"));

/// A release of TorchServe.
#[derive(Debug)]
pub struct Torchserve {
    /// As the package index writes it.
    pub version: &'static str,
    /// The same, to be compared.
    pub numbers: Numbers,
    /// The class-file major version of its frontend.
    pub class_file: u16,
    /// The Java that its documentation asks for.
    pub documented: u16,
    /// Where the row was read.
    pub source: &'static str,
}

/// A class-file major version.
#[derive(Debug)]
pub struct ClassFile {
    /// 52.
    pub major: u16,
    /// The Java that first loads it: 8.
    pub java: u16,
    /// Where the row was read.
    pub source: &'static str,
}

/// How a Java and a TorchServe go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is what the documentation asks for, or newer.
    AsDocumented,
    /// It loads the classes; the documentation asks for a newer one.
    BelowDocumented,
    /// It cannot load the classes (`UnsupportedClassVersionError`).
    TooOld,
}

impl Torchserve {
    /// How this Java (8, 11, 17) goes with it.
    #[must_use]
    pub fn fit(&self, java: u16) -> Fit {
        let needed = java_of_class_file(self.class_file).unwrap_or(self.documented);
        if java < needed {
            Fit::TooOld
        } else if java < self.documented {
            Fit::BelowDocumented
        } else {
            Fit::AsDocumented
        }
    }
}

/// What is known of a TorchServe. A version between two of the table is told by the older, where both say the same of
/// Java; a version newer than the last is not told.
#[must_use]
pub fn torchserve(version: &str) -> Option<&'static Torchserve> {
    let (numbers, _) = Numbers::split(version)?;
    let older = TORCHSERVES.iter().rfind(|row| row.numbers <= numbers)?;
    let newer = TORCHSERVES.iter().find(|row| row.numbers >= numbers)?;
    ((older.class_file, older.documented) == (newer.class_file, newer.documented)).then_some(older)
}

/// The Java that first loads a class file of this major version.
#[must_use]
pub fn java_of_class_file(major: u16) -> Option<u16> {
    CLASS_FILES.iter().find(|row| row.major == major).map(|row| row.java)
}
