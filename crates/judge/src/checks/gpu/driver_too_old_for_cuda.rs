//! torch's CUDA and each host's driver come in; an error for each driver on which that CUDA does not start comes out.
//!
//! The rules: NVIDIA's CUDA Compatibility (backward, minor-version and forward compatibility), `envdiff_facts::drivers`.

use envdiff_facts::drivers::{Doubt, Verdict};
use envdiff_facts::{CudaVersion, cuda};
use envdiff_model::{Evidence, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::machine::{self, Board, Hosts, Runtime};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let Some(compat) = machine::compat(case) else { return Vec::new() };
    machine::hosts(case)
        .iter()
        .filter_map(|host| {
            let verdicts = host.verdicts(runtime.cuda, compat);
            let fails =
                |verdict: &Verdict| matches!(verdict, Verdict::TooOld | Verdict::ForwardNotForThisBranch);
            let (_, verdict) = verdicts.into_iter().find(|(_, verdict)| fails(verdict))?;
            speak(case, &runtime, host, verdict)
        })
        .collect()
}

fn speak(case: &Case<'_>, runtime: &Runtime<'_>, host: &Hosts<'_>, verdict: Verdict) -> Option<Spoken> {
    let (version, driver) = host.driver()?;
    let needed = needed(runtime.cuda);
    let message = say!(
        runtime.shown(),
        " is built for CUDA ",
        runtime.cuda.to_string(),
        ", which needs driver ",
        needed,
        " or newer; ",
        host.have(),
        " ",
        driver.version
    );
    let found = host.cuda().map(|own| own.major * 1000 + own.minor * 10);
    let found = found.map(|number| say!(" (found version ", number, ")")).unwrap_or_default();
    let why = say!(
        "CUDA does not start (error 35): torch.cuda.is_available() is False, with the warning `The NVIDIA driver on your system is too old",
        found,
        "`; TorchServe then serves on the CPU, or fails where the model is moved to the GPU"
    );
    let spoken = Spoken::new("torch", message).seen(runtime.seen()).seen(host.driver_seen()).why(why);
    let older = host.cuda().map(|own| say!(", or a torch built for CUDA ", own.major)).unwrap_or_default();
    Some(if verdict == Verdict::ForwardNotForThisBranch {
        let libraries = &case.environment.stack.cuda.value()?.compat;
        let seen = libraries.iter().filter(|library| machine::is_libcuda(&library.path));
        let seen = seen.map(|library| {
            let what = say!("compatibility library, not made for hosts of branch ", version.branch);
            Evidence::new(library.path.clone(), what)
        });
        spoken.seen(seen).fix(say!(
            "install driver ",
            needed,
            " or newer there",
            older,
            "; the image's compatibility libraries are not made for branch ",
            version.branch
        ))
    } else {
        spoken.fix(say!("install driver ", needed, " or newer there", older))
    })
}

/// `525.60.13`
fn needed(runtime: CudaVersion) -> Text {
    cuda::floor(runtime).map(|floor| floor.to_string()).unwrap_or_default().into()
}

/// What kept this check from speaking where a driver is known.
pub(crate) fn undetermined(case: &Case<'_>) -> Vec<Spoken> {
    let stack = &case.environment.stack;
    let hosts = machine::hosts(case);
    let driven = hosts
        .iter()
        .filter(|host| host.driver().is_some() && host.gpus().is_none_or(|gpus| !gpus.is_empty()));
    driven
        .filter_map(|host| {
            let (version, driver) = host.driver()?;
            let reason: Text = match (&machine::runtime(case), machine::compat(case)) {
                (None, _) if machine::needs_no_cuda(case) => return None,
                (None, _) => match stack.torch.value() {
                    None => machine::reason(&stack.torch),
                    Some(torch) => machine::reason(&torch.as_ref()?.variant),
                },
                (Some(runtime), None) => {
                    let below = |verdict: &Verdict| *verdict == Verdict::TooOld;
                    let verdicts = host.verdicts(runtime.cuda, None);
                    verdicts
                        .iter()
                        .any(|(_, verdict)| below(verdict))
                        .then(|| machine::reason(&stack.cuda))?
                }
                (Some(runtime), Some(compat)) => {
                    let verdicts = host.verdicts(runtime.cuda, compat);
                    verdicts.iter().find_map(|(board, verdict)| match verdict {
                        Verdict::Unknown(doubt) => {
                            clause(*doubt, runtime.cuda, version.branch, board.as_ref())
                        }
                        _ => None,
                    })?
                }
            };
            let message = say!(
                "whether driver ",
                driver.version,
                " of ",
                host.who(),
                " runs the image's CUDA cannot be told: ",
                reason
            );
            Some(
                Spoken::new("torch", message)
                    .severity(Severity::Note)
                    .seen(host.driver_seen())
                    .why("below a certain driver CUDA does not start")
                    .fix("start it once on such a machine: python -c 'import torch; torch.zeros(1).cuda()'"),
            )
        })
        .collect()
}

fn clause(doubt: Doubt, runtime: CudaVersion, branch: u16, board: Option<&Board<'_>>) -> Option<Text> {
    let gpu = board.map(Board::shown).unwrap_or_else(|| "the GPU".into());
    Some(match doubt {
        Doubt::CudaNotKnown => say!("CUDA ", runtime.to_string(), " is in no table"),
        // It runs in any case.
        Doubt::ToolkitDriverNotKnown => return None,
        Doubt::HostBranchesNotKnown => {
            say!("for which drivers the image's compatibility libraries are made is in no table")
        }
        Doubt::BuildsDiffer => {
            say!(
                "earlier builds of the image's compatibility libraries are made for branch ",
                branch,
                ", later ones are not"
            )
        }
        Doubt::GpuNotKnown => {
            say!(
                "the image's compatibility libraries decide, which work on GPUs of data centers alone, and the GPU is not known"
            )
        }
        Doubt::NgcReadyNotKnown => say!(
            "the image's compatibility libraries decide, and of workstation boards they work on those of NGC-Ready servers alone; whether ",
            gpu,
            " is one is not known"
        ),
        Doubt::JetsonDriver => say!("drivers of Jetson are numbered otherwise"),
    })
}
