//! Each host's driver and GPUs come in; an error for each GPU that the driver's branch does not drive any more comes out.

use envdiff_facts::gpus::Driven;
use envdiff_model::say;

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let mut out = Vec::new();
    for host in machine::hosts(case) {
        // Windows drops generations by other branches.
        let Some((version, driver)) = host.driver().filter(|(_, driver)| !driver.wsl) else { continue };
        for board in host.known_gpus() {
            let Driven::Dropped(last) = board.driven_by(version) else { continue };
            let message = say!(
                "driver ",
                driver.version,
                " of ",
                host.who(),
                " does not drive ",
                board.shown(),
                "; the last branch that does is ",
                last
            );
            out.push(
                Spoken::new("driver", message)
                    .seen(host.driver_seen())
                    .seen(host.gpus_seen())
                    .why("the driver ignores the GPU: `nvidia-smi` says `No devices were found`, and torch.cuda.is_available() is False")
                    .fix(say!("install a driver of branch ", last, " there, with a torch that runs on it")),
            );
        }
    }
    out
}
