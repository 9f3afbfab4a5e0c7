//! A TorchServe and no Java come in; an error comes out.

use envdiff_model::{Fact, say};

use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let stack = &case.environment.stack;
    let (Some(Some(torchserve)), Fact::Known { value: None, evidence }) =
        (stack.torchserve.value(), &stack.java)
    else {
        return Vec::new();
    };
    vec![
        Spoken::new("java", say!("TorchServe ", torchserve.version, " is installed, and no java is where it looks for one"))
            .seen(stack.torchserve.evidence().iter().cloned())
            .seen(evidence.iter().cloned())
            .why(
                "its server is a Java program: `torchserve` prints \"java not found, please make sure JAVA_HOME is set \
                 properly.\" and ends with status 0",
            )
            .fix("install a Java runtime of version 17, or set JAVA_HOME to where one lies"),
    ]
}
