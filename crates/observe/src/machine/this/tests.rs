//! This machine as stand-ins tell it: an NVML that is compiled here, files of the kernel's module, a script for `nvidia-smi`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use envdiff_model::Text;

use super::*;

/// A machine of which nothing is there.
fn bare(root: &Path) -> Places {
    Places {
        nvml: vec![root.join("libnvidia-ml.so.1")],
        module: root.join("proc/driver/nvidia/version"),
        kernel: root.join("proc/version"),
        wsl: root.join("usr/lib/wsl/lib"),
        smi: vec![root.join("nvidia-smi")],
        wait: Duration::from_secs(20),
    }
}

fn put(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Compiles the stand-in; `false`, with a message, where there is no C compiler.
fn compile(into: &Path, defines: &[&str]) -> bool {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/machine/this/nvml.c");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(into).args(defines).arg(source);
    match command.output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => panic!("cc: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) if std::env::var_os("CI").is_some() => panic!("no C compiler: {error}"),
        Err(error) => {
            writeln!(std::io::stderr(), "skipped: no C compiler ({error})").unwrap();
            false
        }
    }
}

/// `driver cuda wsl | name capability, … | who told the driver`, or the reasons.
fn told(machine: &Machine) -> String {
    let Some(host) = machine.hosts.first() else { return machine.reason.to_lossy().into_owned() };
    let text = |text: Option<&Text>| text.map_or_else(|| "-".to_owned(), |t| t.to_lossy().into_owned());
    let driver = match &host.driver {
        Fact::Known { value, evidence } => {
            let driver = value.as_ref().unwrap();
            let (version, cuda) = (driver.version.to_lossy(), text(driver.cuda.as_ref()));
            format!("{version} {cuda} {} by {}", driver.wsl, evidence[0].detail.to_lossy())
        }
        Fact::Unknown { reason } => reason.to_lossy().into_owned(),
    };
    let gpus = match &host.gpus {
        Fact::Known { value, .. } => value
            .iter()
            .map(|gpu| format!("{} {}", text(gpu.name.as_ref()), text(gpu.capability.as_ref())))
            .collect::<Vec<_>>()
            .join(", "),
        Fact::Unknown { reason } => reason.to_lossy().into_owned(),
    };
    format!("{driver} | {gpus}")
}

const MODULE: &str = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (dvs@x)  Thu\n\
                      GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n";
const GPUS: &str = "NVIDIA A100-SXM4-80GB 8.0, Tesla T4 7.5";

#[test]
fn nvml_tells_driver_cuda_and_gpus() {
    let root = tempfile::tempdir().unwrap();
    let places = bare(root.path());
    if !compile(&places.nvml[0], &[]) {
        return;
    }
    put(&places.module, MODULE);
    let by = "535.104.05 12.2 false by NVML: 535.104.05";
    assert_eq!(told(&ask(&places)), format!("{by} | {GPUS}"), "NVML comes before the module");

    // The second library where the first cannot be loaded, and WSL by the kernel's line and the folder.
    put(&root.path().join("broken.so"), "no library");
    let nvml = vec![root.path().join("none.so"), root.path().join("broken.so"), places.nvml[0].clone()];
    let places = Places { nvml, ..places };
    put(&places.kernel, "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)\n");
    assert_eq!(told(&ask(&places)), format!("{by} | {GPUS}"));
    fs::create_dir_all(&places.wsl).unwrap();
    assert!(told(&ask(&places)).starts_with("535.104.05 12.2 true by NVML"), "{}", told(&ask(&places)));
}

#[test]
fn an_nvml_that_cannot_be_used_leaves_it_to_the_others() {
    let root = tempfile::tempdir().unwrap();
    let places = bare(root.path());
    let lost = root.path().join("lost.so");
    // NVML_ERROR_LIB_RM_VERSION_MISMATCH
    if !compile(&places.nvml[0], &["-DINIT=18"]) || !compile(&lost, &["-DLOST"]) {
        return;
    }
    assert_eq!(told(&ask(&places)), NOT_NAMED);
    put(&places.module, MODULE);
    let no_gpus = "the driver is loaded, and neither NVML nor nvidia-smi answers";
    let by_module = "550.54.15 - false by /proc/driver/nvidia/version: 550.54.15";
    assert_eq!(told(&ask(&places)), format!("{by_module} | {no_gpus}"));

    let places = Places { nvml: vec![lost], ..places };
    let told_lost = told(&ask(&places));
    assert!(told_lost.starts_with("535.104.05 12.2"), "{told_lost}");
    assert!(told_lost.contains("NVML does not tell this machine's GPUs"), "{told_lost}");
}

#[test]
fn an_nvml_that_hangs_is_left() {
    let root = tempfile::tempdir().unwrap();
    let places = bare(root.path());
    if !compile(&places.nvml[0], &["-DHANG"]) {
        return;
    }
    let places = Places { wait: Duration::from_millis(200), ..places };
    put(&places.module, MODULE);
    let since = Instant::now();
    assert!(told(&ask(&places)).starts_with("550.54.15"));
    assert!(since.elapsed() < Duration::from_secs(30));
}

#[test]
fn nvidia_smi_where_nvml_cannot_be_loaded() {
    let root = tempfile::tempdir().unwrap();
    let places = bare(root.path());
    let script = |body: &str| {
        put(&places.smi[0], &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(&places.smi[0], fs::Permissions::from_mode(0o755)).unwrap();
        told(&ask(&places))
    };
    let lines = "535.104.05, NVIDIA A100-SXM4-80GB, 8.0\n535.104.05, NVIDIA A100-SXM4-80GB, 8.0\n535.104.05, Tesla T4, 7.5";
    assert_eq!(
        script(&format!("echo '{lines}'")),
        format!("535.104.05 - false by nvidia-smi: 535.104.05 | {GPUS}")
    );
    let older = "case \"$1\" in *compute_cap*) echo 'Field \"compute_cap\" is not a valid field to query.'; exit 2;; esac";
    assert_eq!(
        script(&format!("{older}\necho '450.80.02, Tesla T4'")),
        "450.80.02 - false by nvidia-smi: 450.80.02 | Tesla T4 7.5"
    );
    assert_eq!(script("echo 'No devices were found'; exit 6"), NOT_NAMED);
    assert_eq!(script("echo 'Failed to initialize NVML: Driver/library version mismatch'"), NOT_NAMED);
}

#[test]
fn a_machine_without_a_driver_tells_nothing() {
    let root = tempfile::tempdir().unwrap();
    let machine = ask(&bare(root.path()));
    assert_eq!((machine.hosts.len(), machine.reason), (0, Text::from(NOT_NAMED)));
}

#[test]
fn nvidia_smi_that_says_too_much_or_nothing_in_time_is_left() {
    let root = tempfile::tempdir().unwrap();
    let program = root.path().join("program");
    let script = |body: &str, wait: u64| {
        put(&program, &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        run(&program, &[], Duration::from_millis(wait))
    };
    assert_eq!(script("echo a", 20_000), Some("a\n".to_owned()));
    assert_eq!(script("echo a; exit 1", 20_000), None);
    // Past the bound nobody reads on, and what writes on is ended.
    let zeros = |bytes: u64| format!("head -c {bytes} /dev/zero");
    assert_eq!(script(&zeros(MACHINE_TEXT), 20_000).map(|text| text.len() as u64), Some(MACHINE_TEXT));
    assert_eq!(script(&zeros(MACHINE_TEXT + 1), 20_000), None);
    assert_eq!(script("yes 535.104.05", 2_000), None);
    assert_eq!(script("exec sleep 60", 100), None);
}
