//! This machine's own driver comes in, the machine that it tells of comes out: by NVML, which is loaded while the program
//! runs, by what the kernel's module writes under `/proc`, and by `nvidia-smi` where NVML cannot be used.
//!
//! A machine without an NVIDIA driver tells nothing: an image is often checked where no GPU is.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use envdiff_facts::{Capability, CudaVersion, DriverVersion, gpus};
use envdiff_model::{Driver, Evidence, Fact, Gpu, Host, Machine, Text, say};
use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use super::capability;
use crate::limits::{MACHINE_TEXT, MACHINE_WAIT};

/// Why nothing is known where nobody names a machine and this one has no driver. One text for every way in which an image is
/// read, so that all tell the same of it.
pub const NOT_NAMED: &str = "nothing names the machine that will run the image; --driver and --gpu do";

/// Where this machine says what it has.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// NVML, the first that can be loaded; a bare name is looked for by the loader.
    nvml: Vec<PathBuf>,
    /// What the kernel's module writes of itself.
    module: PathBuf,
    /// The kernel's own line, which tells WSL.
    kernel: PathBuf,
    /// Where WSL puts the driver's libraries.
    wsl: PathBuf,
    /// `nvidia-smi`, the first that can be started.
    smi: Vec<PathBuf>,
    /// How long each of them may take.
    wait: Duration,
}

impl Places {
    /// As a Linux machine has them.
    fn usual() -> Self {
        Self {
            nvml: vec!["libnvidia-ml.so.1".into(), "/usr/lib/wsl/lib/libnvidia-ml.so.1".into()],
            module: "/proc/driver/nvidia/version".into(),
            kernel: "/proc/version".into(),
            wsl: "/usr/lib/wsl/lib".into(),
            smi: vec!["nvidia-smi".into(), "/usr/lib/wsl/lib/nvidia-smi".into()],
            wait: MACHINE_WAIT,
        }
    }
}

/// This machine: its driver and its GPUs. It answers within some seconds, also where a driver hangs.
#[must_use]
pub fn this() -> Machine {
    ask(&Places::usual())
}

/// What one of the sources tells.
pub(crate) struct Told {
    version: String,
    cuda: Option<Text>,
    gpus: Result<Vec<Gpu>, String>,
    /// Who tells it.
    by: &'static str,
}

pub(crate) fn ask(places: &Places) -> Machine {
    let nvml = by_nvml(places);
    let module = by_module(&places.module);
    let told = match nvml {
        Answer::Told(told) => Some(told),
        // What hangs NVML hangs nvidia-smi, which is made of it.
        Answer::Silent => None,
        Answer::Nothing => by_smi(places),
    };
    let Some((version, cuda, gpus, by)) = (match (told, module) {
        (Some(told), _) => Some((told.version, told.cuda, told.gpus, told.by)),
        (None, Some(version)) => {
            let why = "the driver is loaded, and neither NVML nor nvidia-smi answers".to_owned();
            Some((version, None, Err(why), "/proc/driver/nvidia/version"))
        }
        (None, None) => None,
    }) else {
        return Machine::unknown(NOT_NAMED);
    };
    let seen = |detail: Text| Evidence::new("this machine", say!(by, ": ", detail));
    let driver = match DriverVersion::parse(&version) {
        Some(_) => {
            let wsl = is_wsl(places);
            let driver = Driver { version: Text::from(version.as_str()), cuda, wsl };
            Fact::known(Some(driver), seen(Text::from(version)))
        }
        // Jetson's is no version of a board's driver.
        None => Fact::unknown(say!("this machine's driver calls itself ", version)),
    };
    let gpus = match gpus {
        Ok(gpus) => {
            let names = gpus.iter().map(|gpu| gpu.name.clone().unwrap_or_default());
            let names = Text::join(names, ", ");
            let names = if names.is_empty() { Text::from("no GPU") } else { names };
            Fact::known(gpus, seen(names))
        }
        Err(why) => Fact::unknown(why),
    };
    Machine { hosts: vec![Host { name: None, driver, gpus }], reason: Text::new() }
}

/// What came of asking NVML.
enum Answer {
    Told(Told),
    /// It is not there, or cannot be used.
    Nothing,
    /// It does not come back.
    Silent,
}

fn by_nvml(places: &Places) -> Answer {
    let (tell, told) = mpsc::channel();
    let libraries = places.nvml.clone();
    let started = thread::Builder::new().name("nvml".into()).spawn(move || {
        // Nobody listens any more once the time is over.
        let _ = tell.send(libraries.iter().find_map(|library| nvml(library).ok()));
    });
    if started.is_err() {
        return Answer::Nothing;
    }
    match told.recv_timeout(places.wait) {
        Ok(Some(told)) => Answer::Told(told),
        Ok(None) | Err(mpsc::RecvTimeoutError::Disconnected) => Answer::Nothing,
        Err(mpsc::RecvTimeoutError::Timeout) => Answer::Silent,
    }
}

fn nvml(library: &Path) -> Result<Told, NvmlError> {
    let nvml = Nvml::builder().lib_path(library.as_os_str()).init()?;
    let version = nvml.sys_driver_version()?;
    let cuda = nvml.sys_cuda_driver_version().ok().and_then(|number| u32::try_from(number).ok());
    let cuda = cuda.and_then(CudaVersion::from_integer).map(|cuda| Text::from(cuda.to_string()));
    let gpus = gpus_of(&nvml).map_err(|error| format!("NVML does not tell this machine's GPUs: {error}"));
    Ok(Told { version, cuda, gpus, by: "NVML" })
}

/// Each kind of GPU once.
fn gpus_of(nvml: &Nvml) -> Result<Vec<Gpu>, NvmlError> {
    let mut found = Vec::new();
    for index in 0..nvml.device_count()? {
        let device = nvml.device_by_index(index)?;
        let told = device.cuda_compute_capability()?;
        let numbers = u8::try_from(told.major).ok().zip(u8::try_from(told.minor).ok());
        let gpu = Gpu {
            name: Some(Text::from(device.name()?)),
            capability: numbers.map(|(major, minor)| capability(Capability::new(major, minor))),
        };
        if !found.contains(&gpu) {
            found.push(gpu);
        }
    }
    Ok(found)
}

/// `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 …`, also with `Open Kernel Module for x86_64`.
fn by_module(path: &Path) -> Option<String> {
    let text = text(File::open(path).ok()?)?;
    let line = text.lines().find(|line| line.starts_with("NVRM version:"))?;
    line.split_whitespace().find(|word| DriverVersion::parse(word).is_some()).map(str::to_owned)
}

fn is_wsl(places: &Places) -> bool {
    let kernel = File::open(&places.kernel).ok().and_then(text).unwrap_or_default();
    kernel.to_ascii_lowercase().contains("microsoft") && places.wsl.is_dir()
}

/// All of it, where that is no more than anything here writes; bytes that are no UTF-8 do not come from what is asked.
fn text(from: impl std::io::Read) -> Option<String> {
    let mut text = String::new();
    from.take(MACHINE_TEXT + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MACHINE_TEXT).then_some(text)
}

/// Older ones do not know `compute_cap`; then the name tells it.
fn by_smi(places: &Places) -> Option<Told> {
    ["driver_version,name,compute_cap", "driver_version,name"].iter().find_map(|fields| {
        places.smi.iter().find_map(|program| {
            let query = format!("--query-gpu={fields}");
            parse_smi(&run(program, &[&query, "--format=csv,noheader"], places.wait)?)
        })
    })
}

/// Lines as `535.104.05, NVIDIA A100-SXM4-80GB, 8.0`.
pub(crate) fn parse_smi(csv: &str) -> Option<Told> {
    let mut version = None;
    let mut found = Vec::new();
    for line in csv.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.split(',').map(str::trim);
        let driver = fields.next().filter(|driver| DriverVersion::parse(driver).is_some())?;
        version.get_or_insert(driver);
        let name = fields.next().filter(|name| !name.is_empty())?;
        let told = fields.next().and_then(Capability::parse);
        let told = told.or_else(|| gpus::named(name).map(|row| row.capability));
        let gpu = Gpu { name: Some(Text::from(name)), capability: told.map(capability) };
        if !found.contains(&gpu) {
            found.push(gpu);
        }
    }
    Some(Told { version: version?.to_owned(), cuda: None, gpus: Ok(found), by: "nvidia-smi" })
}

/// What a program prints, where it ends well and in time.
fn run(program: &Path, arguments: &[&str], wait: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let printed = child.stdout.take()?;
    let (tell, told) = mpsc::channel();
    let reader = thread::Builder::new().name("nvidia-smi".into()).spawn(move || {
        let _ = tell.send(text(printed));
    });
    let printed = reader.is_ok().then(|| told.recv_timeout(wait).ok().flatten()).flatten();
    let ended = ended_well(&mut child, if printed.is_some() { wait } else { Duration::ZERO });
    printed.filter(|_| ended)
}

/// Waits for the end, and makes one where there is none in time.
fn ended_well(child: &mut Child, wait: Duration) -> bool {
    let until = Instant::now() + wait;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => {
                // What cannot be killed hangs in its driver; nobody waits for it.
                let _ = child.kill();
                let _ = child.try_wait();
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests;
