//! Libraries of a driver in the image and each host's driver come in; an error where they are taken before the host's comes
//! out, a warning where that hangs on a host that is not known, else a note.
//!
//! When a container starts, the host's libraries are mounted beside them and `ldconfig` links `libcuda.so.1` to the one of the
//! higher version (glibc, `elf/ldconfig.c`, `search_dir`); one of the same name is covered by the mount.

use std::cmp::Ordering;

use envdiff_facts::DriverVersion;
use envdiff_model::{DriverLibrary, Evidence, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::machine;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(cuda) = case.environment.stack.cuda.value() else { return Vec::new() };
    let (empty, real): (Vec<&DriverLibrary>, Vec<&DriverLibrary>) =
        cuda.driver.iter().filter(|library| library.version.is_some()).partition(|library| library.size == 0);
    let mut out = Vec::new();
    if let Some(library) = real.first() {
        out.extend(speak(case, library, &real, false));
    } else if let Some(library) = empty.first() {
        out.extend(speak(case, library, &empty, true));
    }
    out
}

fn speak(case: &Case<'_>, library: &DriverLibrary, all: &[&DriverLibrary], is_empty: bool) -> Vec<Spoken> {
    let hosts = machine::hosts(case);
    let driven: Vec<_> = hosts.iter().filter(|host| host.driver().is_some()).collect();
    let version = library.version.clone().unwrap_or_default();
    let evidence = all.iter().map(|library| {
        let detail = if library.size == 0 { "0 bytes".into() } else { say!(library.size, " bytes") };
        Evidence::new(library.path.clone(), detail)
    });
    let what: Text = if is_empty {
        say!("empty files of driver ", version, " are left in the image")
    } else {
        say!("the image holds libraries of driver ", version)
    };
    let fix = if is_empty {
        "delete them: the image was committed from a container that had a GPU; build it from a Dockerfile"
    } else {
        "remove the driver's packages (libnvidia-compute-*, nvidia-utils-*, cuda-drivers); the host brings its driver"
    };
    let spoken = |message: Text, severity, why: Text| {
        Spoken::new("libcuda", message).severity(severity).seen(evidence.clone()).why(why).fix(fix)
    };
    if driven.is_empty() {
        // Nothing is known of a machine, or it has no GPU: then nothing is mounted.
        let is_without = hosts.iter().any(|host| host.gpus().is_some_and(|gpus| gpus.is_empty()));
        if is_without {
            return Vec::new();
        }
        let why: Text = if is_empty {
            "the host's libraries are mounted beside them and win, but on WSL2 and with some tools the mount ends with `file exists`".into()
        } else {
            say!(
                "on a host whose driver is older than ",
                version,
                " they are taken before its own and do not fit its kernel module: `Driver/library version mismatch`, error 803"
            )
        };
        return vec![spoken(what, Severity::Warning, why)];
    }
    let own = version.as_str().and_then(DriverVersion::parse);
    driven
        .into_iter()
        .filter_map(|host| {
            let (host_version, driver) = host.driver()?;
            let of = say!("driver ", driver.version, " of ", host.who());
            let (severity, message, why) = match own?.cmp(&host_version) {
                _ if driver.wsl => (
                    Severity::Error,
                    say!(what, ", where WSL2 mounts its own by the same names (", of, ")"),
                    say!("the container does not start: `mount error: file creation failed: …/libnvidia-ml.so.1: file exists`"),
                ),
                Ordering::Greater if !is_empty => (
                    Severity::Error,
                    say!(what, ", newer than ", of),
                    say!(
                        "they are taken before the host's and do not fit its kernel module: `Failed to initialize NVML: Driver/library version mismatch`, error 803 of CUDA"
                    ),
                ),
                Ordering::Greater | Ordering::Equal | Ordering::Less => (
                    Severity::Note,
                    say!(what, "; ", of, " takes their place"),
                    say!("the host's libraries are mounted beside them, and the higher version is taken; on a host with an older driver it would be theirs"),
                ),
            };
            Some(spoken(message, severity, why).seen(host.driver_seen()))
        })
        .collect()
}
