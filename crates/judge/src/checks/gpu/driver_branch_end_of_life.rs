//! Each host's driver comes in; a note where its branch gets no fixes any more comes out.
//!
//! Nothing here looks at a clock: what had ended when the table was last compared with its sources has ended.

use envdiff_facts::drivers;
use envdiff_model::say;

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let checked = drivers::CHECKED.get(..7).unwrap_or_default();
    machine::hosts(case)
        .iter()
        .filter_map(|host| {
            let (version, driver) = host.driver().filter(|(_, driver)| !driver.wsl)?;
            let branch = drivers::branch(version).filter(|branch| !branch.end_of_life_unverified)?;
            let (year, month) = branch.end_of_life?;
            let ended = format!("{year}-{month:02}");
            (ended.as_str() < checked).then(|| {
                let message = say!(
                    "driver ",
                    driver.version,
                    " of ",
                    host.who(),
                    " is of branch ",
                    branch.branch,
                    ", whose support ended in ",
                    ended
                );
                Spoken::new("driver", message)
                    .seen(host.driver_seen())
                    .why("it gets no fixes, and no later CUDA is tried with it")
                    .fix("plan for a branch that is supported")
            })
        })
        .collect()
}
