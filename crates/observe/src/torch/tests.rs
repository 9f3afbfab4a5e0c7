//! Small images and their torch come in; what the observer tells of it is compared with what was put there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use envdiff_files::made::{Made, elf};
use envdiff_files::{Budget, Literal, Reason, Seen, converse};
use envdiff_model::{CudaLibraries, Environment, Fact, ImageConfig, Text, Torch, TorchVariant};

use crate::limits::SOURCE_FILE;
use crate::{Inputs, environment};

const SITE: &str = "/usr/local/lib/python3.11/site-packages";
const VERSION_2_6: &str = "from typing import Optional\n\n__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']\n\
    __version__ = '2.6.0+cu124'\ndebug = False\ncuda: Optional[str] = '12.4'\ngit_version = '2236df'\n\
    hip: Optional[str] = None\nxpu: Optional[str] = None\n";

fn python() -> Literal {
    let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0";
    Literal::new()
        .file("/usr/local/bin/python3.11", program)
        .link("/usr/local/bin/python3", "python3.11")
        .file("/usr/local/lib/python3.11/os.py", "")
        .file("/usr/local/lib/python3.11/site.py", "")
        .folder("/usr/local/lib/python3.11/lib-dynload")
        .folder(SITE)
        .file("/usr/local/include/python3.11/patchlevel.h", "#define PY_VERSION \"3.11.7\"\n")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .folder("/app")
}

fn distribution(files: Literal, name: &str, version: &str, more: &str) -> Literal {
    let folder = name.replace('-', "_");
    files.file(
        &format!("{SITE}/{folder}-{version}.dist-info/METADATA"),
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}\n"),
    )
}

fn library(texts: Vec<(elf::DynamicTag, &'static str)>, rodata: &[u8]) -> Vec<u8> {
    Made { texts, needs: Vec::new(), definitions: Vec::new(), rodata: rodata.to_vec(), ..Made::library() }
        .bytes()
}

/// The package of a release, as its wheel has it.
fn package(version_py: &str, flags: &[u8]) -> Literal {
    let rpath =
        vec![(elf::DT_RPATH, "$ORIGIN/../../nvidia/cublas/lib:$ORIGIN"), (elf::DT_NEEDED, "libcudart.so.12")];
    python()
        .file(&format!("{SITE}/torch/__init__.py"), "")
        .file(&format!("{SITE}/torch/version.py"), version_py)
        .file(&format!("{SITE}/torch/lib/libc10_cuda.so"), library(rpath, b""))
        .file(
            &format!("{SITE}/torch/lib/libtorch_python.so"),
            library(vec![(elf::DT_NEEDED, "libtorch.so")], flags),
        )
}

fn observed(literal: Literal) -> Environment {
    let config = ImageConfig {
        env: vec![("PATH".into(), "/usr/local/bin:/usr/bin".into())],
        workdir: "/app".into(),
        cmd: vec!["python3".into()],
        architecture: Some("amd64".into()),
        os: Some("linux".into()),
        ..ImageConfig::default()
    };
    let inputs = Inputs { config: Some(&config), interpreter: None };
    converse(&mut { literal }, &mut Seen::new(), &mut Budget::default(), |seen| environment(seen, &inputs))
        .unwrap()
}

fn torch(literal: Literal) -> Torch {
    match observed(literal).stack.torch {
        Fact::Known { value: Some(torch), .. } => torch,
        other => panic!("{other:?}"),
    }
}

fn untold(literal: Literal) -> String {
    observed(literal).stack.torch.reason().unwrap().to_lossy().into_owned()
}

fn words(fact: &Fact<Vec<Text>>) -> String {
    Text::join(fact.value().unwrap(), " ").to_lossy().into_owned()
}

#[test]
fn a_wheel_of_the_package_index() {
    let flags =
        b"\0sm_carveout_experimental\0sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90\0sm__cycles_active.avg\0";
    let torch =
        torch(distribution(package(VERSION_2_6, flags), "torch", "2.6.0", "Requires-Dist: nvidia-x\n"));
    assert_eq!(torch.version, "2.6.0+cu124");
    assert_eq!(torch.metadata_version.unwrap(), "2.6.0");
    assert_eq!(torch.variant.value(), Some(&TorchVariant::Cuda("12.4".into())));
    assert_eq!(torch.git_version.unwrap(), "2236df");
    assert_eq!(words(&torch.architectures), "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90");
    assert!(torch.architectures.evidence()[0].path.to_lossy().ends_with("/libtorch_python.so"));
    assert_eq!(torch.cxx11_abi.value(), Some(&false));
    assert_eq!(torch.numpy_built_against.value(), Some(&2));
    assert_eq!(torch.libraries, Some(CudaLibraries::Wheels));
}

#[test]
fn builds_are_told_by_version_py() {
    let of = |text: &str| torch(package(text, b"")).variant;
    let base = "__version__ = '2.4.0'\n";
    assert_eq!(of(&format!("{base}cuda = None\nhip = None\n")).value(), Some(&TorchVariant::Cpu));
    let rocm = of(&format!("{base}cuda = None\nhip: Optional[str] = '6.0.32830-d62f6a171'\n"));
    assert_eq!(rocm.value(), Some(&TorchVariant::Rocm("6.0.32830-d62f6a171".into())));
    let xpu = of(&format!("{base}cuda = None\nhip = None\nxpu = '20250004'\n"));
    assert_eq!(xpu.value(), Some(&TorchVariant::Xpu("20250004".into())));
    assert_eq!(of(base).value(), None);
    assert_eq!(of(&format!("{base}cuda = get()\n")).value(), None);
    assert_eq!(of("__version__ = '2.4.0+xpu'\ncuda = None\nhip = None\n").value(), None);
}

#[test]
fn a_vendors_build_is_told_by_itself_alone() {
    let text = "__version__ = '2.4.0a0+f70bd71a48.nv24.06'\ndebug = False\ncuda: Optional[str] = '12.5'\nhip = None\n";
    let flags = b"\0sm_70 sm_75 sm_80 sm_86 sm_90 compute_90\0";
    let torch = torch(distribution(package(text, flags), "torch", "2.4.0a0+f70bd71a48.nv24.6", ""));
    assert_eq!(words(&torch.architectures), "sm_70 sm_75 sm_80 sm_86 sm_90 compute_90");
    assert_eq!((torch.cxx11_abi.value(), torch.numpy_built_against.value()), (None, None));
    assert_eq!(torch.metadata_version.unwrap(), "2.4.0a0+f70bd71a48.nv24.6");
}

#[test]
fn without_a_text_the_table_tells_and_only_of_the_projects_builds() {
    let known = torch(package(VERSION_2_6, b"nothing")).architectures;
    assert_eq!(words(&known), "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90");
    assert_eq!(known.evidence()[0].path, "table of torch builds");
    let own = torch(package(&VERSION_2_6.replace("+cu124", "a0+git1234"), b"")).architectures;
    assert_eq!(own.value(), None);
    let newer = torch(package(&VERSION_2_6.replace("2.6.0", "2.99.0"), b"")).architectures;
    assert!(newer.reason().unwrap().to_lossy().ends_with("torch 2.99.0+cu124 with CUDA 12.4 is in no table"));
    let two =
        torch(package(&VERSION_2_6.replace("+cu124", ""), b"\0sm_80 sm_90\0sm_70 sm_80\0")).architectures;
    assert!(two.reason().unwrap().to_lossy().contains("several lists"));
    let one = torch(package(VERSION_2_6, b"\0sm_90\0")).architectures;
    assert_eq!(words(&one), "sm_90");
}

#[test]
fn what_version_py_does_not_tell_stays_unknown() {
    let metadata = |files| distribution(files, "torch", "2.6.0", "");
    let other = torch(metadata(package("exec('')\n", b"")));
    assert_eq!((other.version.clone(), other.variant.value()), ("2.6.0".into(), None));
    assert!(
        other.variant.reason().unwrap().to_lossy().ends_with("version.py: line 1 is no plain assignment")
    );
    assert_eq!(other.architectures.value(), None);
    let path = format!("{SITE}/torch/version.py");
    let unreadable = torch(metadata(package("", b"").unreadable(&path, Reason::Denied)));
    assert_eq!((unreadable.version, unreadable.variant.value()), ("2.6.0".into(), None));
    assert!(untold(package("", b"")).contains("tells no version"));
}

#[test]
fn only_the_first_package_on_the_path_counts() {
    let none = observed(python()).stack.torch;
    assert_eq!(none.value(), Some(&None));
    let bare = distribution(python(), "torch", "2.6.0", "");
    assert!(
        untold(bare)
            .ends_with("torch-2.6.0.dist-info is there, and no package `torch` was found on sys.path")
    );
    // A folder without `__init__.py` gives way to a package behind it; a module in front hides it.
    let data = package(VERSION_2_6, b"").file("/app/torch/model.pt", "");
    assert_eq!(torch(data).location, format!("{SITE}/torch").as_str());
    assert_eq!(
        untold(package(VERSION_2_6, b"").file("/app/torch.py", "")),
        "`import torch` takes /app/torch.py"
    );
    let checkout = distribution(package(VERSION_2_6, b""), "torch", "2.6.0", "")
        .file("/app/torch/__init__.py", "")
        .file("/app/torch/version.py", "__version__ = '2.7.0a0+git1234'\ncuda = '12.6'\nhip = None\n");
    let first = torch(checkout);
    assert_eq!((first.location, first.metadata_version), ("/app/torch".into(), None));
}

#[test]
fn leftover_metadata_does_not_tell_the_version() {
    let both =
        distribution(distribution(package(VERSION_2_6, b""), "torch", "2.1.2", ""), "torch", "2.6.0", "");
    assert_eq!(torch(both).metadata_version.unwrap(), "2.6.0");
}

#[test]
fn libraries_lie_beside_torch_in_wheels_or_elsewhere() {
    let libraries = |files| torch(files).libraries;
    let bundled = package(VERSION_2_6, b"").file(&format!("{SITE}/torch/lib/libcublas.so.12"), "");
    assert_eq!(libraries(bundled), Some(CudaLibraries::Bundled));
    let system = package(VERSION_2_6, b"")
        .file(&format!("{SITE}/torch/lib/libc10_cuda.so"), library(vec![(elf::DT_RPATH, "$ORIGIN")], b""));
    assert_eq!(libraries(system), Some(CudaLibraries::System));
    let cut = package(VERSION_2_6, b"").file(&format!("{SITE}/torch/lib/libc10_cuda.so"), "no ELF");
    assert_eq!(libraries(cut.clone()), None);
    let named = distribution(cut, "torch", "2.6.0", "Requires-Dist: nvidia-cublas-cu12==12.4.5.8\n");
    assert_eq!(libraries(named), Some(CudaLibraries::Wheels));
    assert_eq!(libraries(package(&VERSION_2_6.replace("'12.4'", "None"), b"")), None);
}

#[test]
fn companions_tell_their_build_by_label_or_by_what_they_link() {
    let vision = "__version__ = '0.21.0+cu124'\nfrom torchvision.extension import _check_cuda_version\n\
        if _check_cuda_version() > 0:\n    cuda = _check_cuda_version()\n";
    let mut files = package(VERSION_2_6, b"").file(&format!("{SITE}/torchvision/version.py"), vision);
    for (name, version) in [
        ("torchvision", "0.21.0"),
        ("torchaudio", "2.6.0"),
        ("flash_attn", "2.7.4+cu12torch2.6cxx11abiFALSE"),
        ("torch-scatter", "2.1.2+pt26cpu"),
        ("xformers", "0.0.29.post3"),
        ("numpy", "2.0.0"),
    ] {
        files = distribution(files, name, version, "");
    }
    let cpu = library(vec![(elf::DT_NEEDED, "libtorch_cpu.so")], b"");
    let cuda =
        library(vec![(elf::DT_NEEDED, "libtorch_cuda.so"), (elf::DT_NEEDED, "libcudart.so.11.0")], b"");
    let audio = format!("{SITE}/torchaudio/lib/libtorchaudio.so");
    let told = |files: Literal| -> Vec<String> {
        let companions = torch(files).companions;
        let cuda = |fact: &Fact<Option<Text>>| match fact.value() {
            Some(Some(cuda)) => cuda.to_lossy().into_owned(),
            Some(None) => "cpu".to_owned(),
            None => "?".to_owned(),
        };
        companions.iter().map(|c| format!("{} {}", c.name.to_lossy(), cuda(&c.cuda))).collect()
    };
    assert_eq!(
        told(files.clone().file(&audio, cuda)),
        ["flash-attn 12", "torch-scatter cpu", "torchaudio 11", "torchvision 12.4", "xformers ?"]
    );
    assert_eq!(told(files.clone().file(&audio, cpu))[2], "torchaudio cpu");
    assert_eq!(told(files)[2], "torchaudio ?");
}

#[test]
fn a_large_version_py_is_unreadable() {
    let of = |len: u64| {
        let mut text = VERSION_2_6.to_owned();
        text.extend(std::iter::repeat_n('\n', usize::try_from(len).unwrap() - text.len()));
        torch(distribution(package(&text, b""), "torch", "2.6.0", "")).version
    };
    assert_eq!(of(SOURCE_FILE), "2.6.0+cu124");
    assert_eq!(of(SOURCE_FILE + 1), "2.6.0");
}
