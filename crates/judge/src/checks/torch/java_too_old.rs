//! A TorchServe and the Java that it starts come in; an error where that cannot run it and the image starts it, a warning
//! where the start is left open, a note where its documentation asks for a newer one, comes out.

use envdiff_facts::java::{self, Fit};
use envdiff_model::{Severity, say};

use crate::case::{Case, Spoken};
use crate::starts::{self, Starts};

/// The first Java that has `Files.readString`, which the server calls at its start: read in the class files of
/// `ConfigManager` in 0.4.2 and 0.12.0. They are of Java 8's format, so an older Java loads them and fails only then.
const FIRST_THAT_STARTS: u16 = 11;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    speak(case).into_iter().collect()
}

fn speak(case: &Case<'_>) -> Option<Spoken> {
    let stack = &case.environment.stack;
    let torchserve = stack.torchserve.value()?.as_ref()?;
    let java = stack.java.value()?.as_ref()?;
    let version = java.version.as_ref()?;
    let major = major(version.as_str()?)?;
    let row = java::torchserve(torchserve.version.as_str()?)?;
    // A TorchServe that nobody starts breaks nothing.
    let breaks = match starts::torchserve(case) {
        Starts::It => Severity::Error,
        Starts::Unknown => Severity::Warning,
        Starts::Another => Severity::Note,
    };
    let (severity, why) = match row.fit(major) {
        Fit::TooOld => (breaks, "it cannot load the server's classes: UnsupportedClassVersionError".into()),
        _ if major < FIRST_THAT_STARTS => (
            breaks,
            "the server calls what Java 11 brought and ends at its start with NoSuchMethodError: \
             java.nio.file.Files.readString"
                .into(),
        ),
        Fit::BelowDocumented => (
            Severity::Note,
            say!("its documentation asks for Java ", row.documented, "; what it calls is there"),
        ),
        Fit::AsDocumented => return None,
    };
    Some(
        Spoken::new("java", say!("TorchServe ", torchserve.version, " is started with Java ", version))
            .severity(severity)
            .seen(stack.java.evidence().iter().cloned())
            .seen(stack.torchserve.evidence().iter().cloned())
            .why(why)
            .fix(say!("install Java ", row.documented, " and let JAVA_HOME or PATH lead to it")),
    )
}

/// 8 of `1.8.0_392`, 17 of `17.0.9`.
fn major(version: &str) -> Option<u16> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    match parts.next()? {
        "1" => parts.next()?.parse().ok(),
        major => major.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_before_9_begin_with_1() {
        for (version, java) in [
            ("1.8.0_392", Some(8)),
            ("17.0.9", Some(17)),
            ("21-ea", Some(21)),
            ("11", Some(11)),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(major(version), java, "{version}");
        }
    }
}
