//! A TorchServe and no Java come in; what comes out is an error where the image starts TorchServe, a note where it starts
//! something else, and a warning where that cannot be told.

use envdiff_model::{Fact, Severity, say};

use crate::case::{Case, Spoken};
use crate::starts::{self, Starts};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let stack = &case.environment.stack;
    let (Some(Some(torchserve)), Fact::Known { value: None, evidence }) =
        (stack.torchserve.value(), &stack.java)
    else {
        return Vec::new();
    };
    let (severity, when) = match starts::torchserve(case) {
        Starts::It => (Severity::Error, "the image starts it, and "),
        Starts::Another => (Severity::Note, "the image starts something else; where TorchServe is started, "),
        Starts::Unknown => {
            (Severity::Warning, "the image does not tell what it starts; where that is TorchServe, ")
        }
    };
    vec![
        Spoken::new("java", say!("TorchServe ", torchserve.version, " is installed, and no java is where it looks for one"))
            .seen(stack.torchserve.evidence().iter().cloned())
            .severity(severity)
            .seen(evidence.iter().cloned())
            .why(say!(
                when,
                "`torchserve` prints \"java not found, please make sure JAVA_HOME is set properly.\" and ends with status 0: \
                 its server is a Java program"
            ))
            .fix("install a Java runtime of version 17, or set JAVA_HOME to where one lies"),
    ]
}
