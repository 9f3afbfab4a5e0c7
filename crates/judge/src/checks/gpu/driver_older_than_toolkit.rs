//! torch's CUDA and each host's driver come in; a note where the driver is older than that CUDA and runs it all the same comes
//! out.

use envdiff_facts::drivers::Verdict;
use envdiff_model::say;

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let compat = machine::compat(case).flatten();
    machine::hosts(case)
        .iter()
        .filter_map(|host| {
            let (_, driver) = host.driver()?;
            let verdicts = host.verdicts(runtime.cuda, compat);
            verdicts.iter().find(|(_, verdict)| *verdict == Verdict::MinorVersionCompatibility)?;
            let own = host.cuda().map(|own| say!(" (CUDA ", own.to_string(), ")")).unwrap_or_default();
            let message = say!(
                runtime.shown(),
                " is built for CUDA ",
                runtime.cuda.to_string(),
                ", which is newer than driver ",
                driver.version,
                own,
                " of ",
                host.who()
            );
            Some(
                Spoken::new("torch", message)
                    .seen(runtime.seen())
                    .seen(host.driver_seen())
                    .why(
                        "it runs (minor-version compatibility), but the driver compiles no PTX of a newer toolkit (error 222, `the provided PTX was compiled with an unsupported toolchain`) and lacks what came after it",
                    )
                    .fix("nothing, unless an extension brings PTX alone; a newer driver lifts the limits"),
            )
        })
        .collect()
}
