//! The image's `NVIDIA_REQUIRE_*` and each host come in; a warning for each requirement that a host does not meet comes out.
//!
//! Only the legacy hook of NVIDIA's container toolkit evaluates them (`envdiff_facts::require`); a host that hands out GPUs by
//! CDI, as toolkit 1.18 and later do by themselves, does not. Which of them a host has cannot be seen: hence a warning.

use envdiff_facts::require::{self, Collected, Outcome, Told};
use envdiff_model::{Evidence, Text, say};

use crate::case::{Case, Spoken};
use crate::machine::{self, Board, Hosts};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Collected::Requirements(requirements) = require::collect(machine::environment(case)) else {
        return Vec::new();
    };
    let hosts = machine::hosts(case);
    let mut out = Vec::new();
    for host in hosts.iter().filter(|host| host.driver().is_some()) {
        for (variable, value) in &requirements {
            let requirement = require::parse(value);
            let refused = boards(host).into_iter().find_map(|board| {
                match requirement.evaluate(&properties(host, board.as_ref())) {
                    Outcome::Unsatisfied { factor } => Some((board, factor)),
                    Outcome::Satisfied | Outcome::Unknown { .. } | Outcome::Malformed { .. } => None,
                }
            });
            let Some((board, factor)) = refused else { continue };
            out.push(speak(host, board.as_ref(), variable, value, value.get(factor).unwrap_or_default()));
        }
    }
    out
}

fn speak(host: &Hosts<'_>, board: Option<&Board<'_>>, variable: &str, value: &str, factor: &str) -> Spoken {
    let first = value.split(' ').next().unwrap_or_default();
    let driver = host.driver().map(|(_, driver)| driver.version.clone()).unwrap_or_default();
    let gpu = board.map(|board| say!(" and ", board.shown())).unwrap_or_default();
    let message = say!(
        "the image asks for `",
        first,
        "`, which is not met by driver ",
        driver,
        gpu,
        " of ",
        host.who()
    );
    let last =
        if factor == first { Text::new() } else { say!(" (the last condition that failed: ", factor, ")") };
    Spoken::new(variable, message)
        .seen([Evidence::new("image configuration", say!(variable, "=", value))])
        .seen(host.driver_seen())
        .seen(host.gpus_seen())
        .why(say!(
            "the legacy hook of NVIDIA's container toolkit refuses to start the container: `unsatisfied condition: ",
            first,
            "`",
            last,
            "; hosts that hand out GPUs by CDI (the default since toolkit 1.18) do not look at it, and which one this is cannot be seen"
        ))
        .fix("update the driver, take a base image for an older CUDA, or set NVIDIA_DISABLE_REQUIRE=1 where CUDA itself runs there")
}

/// Every visible GPU is asked in turn; one that is not known stands for those that are not.
fn boards<'a>(host: &Hosts<'a>) -> Vec<Option<Board<'a>>> {
    match host.gpus() {
        Some(boards) => boards.into_iter().map(Some).collect(),
        None => vec![None],
    }
}

/// What the hook asks NVML for.
pub(super) fn properties<'a>(host: &Hosts<'_>, board: Option<&Board<'a>>) -> require::Host<'a> {
    let told = |known| match known {
        Some(value) => Told::Is(value),
        None => Told::Unknown,
    };
    require::Host {
        cuda: host.cuda().map_or(Told::Unknown, Told::Is),
        driver: host.driver().map_or(Told::Unknown, |(version, _)| Told::Is(version)),
        arch: board.and_then(|board| board.capability).map_or(Told::Unknown, Told::Is),
        brand: told(board.and_then(Board::brand)),
    }
}
