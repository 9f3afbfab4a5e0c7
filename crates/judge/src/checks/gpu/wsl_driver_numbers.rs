//! Each host comes in; a note where its driver is that of Windows comes out.

use envdiff_model::say;

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    machine::hosts(case)
        .iter()
        .filter_map(|host| {
            let (_, driver) = host.driver().filter(|(_, driver)| driver.wsl)?;
            let message = say!("driver ", driver.version, " of ", host.who(), " is that of Windows (WSL2)");
            Some(
                Spoken::new("driver", message)
                    .seen(host.driver_seen())
                    .why("Windows numbers its builds otherwise, so it was compared by the CUDA it supports or by branch; cuda-compat packages do not work there")
                    .fix("nothing; name a production machine with --driver and --gpu"),
            )
        })
        .collect()
}
