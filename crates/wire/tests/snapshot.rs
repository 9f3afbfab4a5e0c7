//! A snapshot written and read again is the same; what is no snapshot is refused in words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use envdiff_model::{
    Companion, CondaPackage, Cuda, CudaLibraries, Differing, DirectUrl, Distribution, Driver, DriverLibrary,
    Environment, Evidence, Fact, Gpu, Hidden, Host, ImageConfig, InPlace, Interpreter, Java, Layer, Libc,
    Library, LibraryOrigin, Libstdcxx, Machine, MarkerVariable, MetadataKind, MissingLibrary, Module,
    ModuleFile, Native, Origin, OtherInterpreter, Overwritten, PathSource, ReplacedLibrary, Snapshot, Stack,
    SysPathEntry, Target, TargetKind, Text, Told, ToldTorch, Torch, TorchVariant, Torchserve, Unknown,
    Verified,
};
use envdiff_wire::{read_snapshot, write_snapshot};

fn text(bytes: &[u8]) -> Text {
    Text::from(bytes)
}

fn distribution(name: &str, direct_url: Option<Fact<DirectUrl>>) -> Distribution {
    Distribution {
        name: Some(name.into()),
        version: Some("1.0".into()),
        metadata: text(b"/site/caf\xe9-1.0.dist-info"),
        location: "/site".into(),
        path_index: 1,
        kind: MetadataKind::DistInfo,
        installer: Some("pip".into()),
        direct_url,
        editable: false,
        shadowed: true,
        ambiguous: false,
        error: None,
        requires: vec!["x>=1; extra == \"y\"".into(), text(b"\xff\xfe")],
        provides_extra: vec!["y".into()],
        requires_python: Some(">=3.8".into()),
        top_level: Some(vec!["m".into()]),
        tags: Some(vec!["py3-none-any".into()]),
    }
}

fn known(value: &str) -> Fact<Text> {
    Fact::known(value.into(), Evidence::new("/usr/bin/python3", "x"))
}

fn origin(origin: Origin) -> Option<Fact<DirectUrl>> {
    let direct = DirectUrl { url: "https://host/a.whl".into(), subdirectory: Some("sub".into()), origin };
    Some(Fact::known(direct, Evidence::new("/site/direct_url.json", "")))
}

fn library() -> Library {
    Library {
        version: Some("9.1.0.70".into()),
        path: "/site/nvidia/cudnn/lib/libcudnn.so.9".into(),
        origin: LibraryOrigin::Wheel,
        found_by: "RPATH of libtorch_cuda.so".into(),
        others: vec!["/usr/lib/libcudnn.so.9".into()],
    }
}

fn stack() -> Stack {
    let libstdcxx = Libstdcxx {
        path: "/usr/lib/libstdc++.so.6".into(),
        glibcxx: "3.4.30".into(),
        cxxabi: "1.3.13".into(),
    };
    let seen = || Evidence::new("/site/torch/version.py", "line 3");
    let driver = DriverLibrary {
        path: "/usr/local/cuda/compat/libcuda.so.550.54.15".into(),
        version: Some("550.54.15".into()),
        size: 7,
        loaded_by: None,
    };
    Stack {
        torch: Fact::known(
            Some(Torch {
                version: "2.9.1+cu128".into(),
                metadata_version: Some("2.9.1".into()),
                location: "/site/torch".into(),
                variant: Fact::known(TorchVariant::Cuda("12.8".into()), seen()),
                git_version: None,
                architectures: Fact::known(vec!["sm_80".into()], seen()),
                cxx11_abi: Fact::known(true, seen()),
                numpy_built_against: Fact::unknown("no table has it"),
                libraries: Some(CudaLibraries::Wheels),
                companions: vec![Companion {
                    name: "torchvision".into(),
                    version: "0.24.1".into(),
                    cuda: Fact::known(None, seen()),
                    each_cuda: Some(Fact::known(vec!["12.4".into()], seen())),
                }],
            }),
            seen(),
        ),
        cuda: Fact::known(
            Cuda {
                runtime: Some(library()),
                toolkit: Some(known("12.4.1")),
                compat: vec![driver.clone()],
                driver: vec![driver.clone()],
                stubs: vec![driver],
                replaced: vec![ReplacedLibrary {
                    soname: "libnvJitLink.so.12".into(),
                    needed_by: "/site/nvidia/cusparse/lib/libcusparse.so.12".into(),
                    wheel: "/site/nvidia/nvjitlink/lib/libnvJitLink.so.12".into(),
                    wheel_version: Some("12.4.127".into()),
                    taken: "/usr/local/cuda-12.1/lib64/libnvJitLink.so.12.1.105".into(),
                    version: Some("12.1.105".into()),
                    found_by: "LD_LIBRARY_PATH".into(),
                }],
                doubts: vec!["/usr/local cannot be read".into()],
            },
            seen(),
        ),
        cudnn: Fact::known(Some(library()), seen()),
        nccl: Fact::known(None, seen()),
        native: Fact::known(
            Native {
                architecture: known("x86_64"),
                libc: Fact::known(Libc::Musl(None), seen()),
                libstdcxx: Fact::known(Some(libstdcxx.clone()), seen()),
                modules: vec![Module {
                    path: "/site/cv2/cv2.abi3.so".into(),
                    distribution: "opencv-python".into(),
                    file: Fact::known(
                        ModuleFile {
                            machine: "x86_64".into(),
                            glibc: Some("2.17".into()),
                            glibcxx: Some("3.4.19".into()),
                            cxxabi: None,
                            libstdcxx: Some(libstdcxx),
                            missing: vec![MissingLibrary {
                                soname: "libGL.so.1".into(),
                                needed_by: "/site/cv2/cv2.abi3.so".into(),
                            }],
                            doubts: vec!["/etc/ld.so.cache is damaged".into()],
                            executable_stack: true,
                            musl: false,
                            numpy: Some(2),
                        },
                        seen(),
                    ),
                }],
            },
            seen(),
        ),
        overwritten: Fact::known(
            vec![Overwritten {
                path: "/site/cv2/__init__.py".into(),
                more: 3,
                owners: vec!["opencv-python".into(), "opencv-python-headless".into()],
                kept: Some("opencv-python".into()),
            }],
            seen(),
        ),
        hidden: Fact::known(
            vec![Hidden { module: "random".into(), by: "/srv/random.py".into(), distribution: None }],
            seen(),
        ),
        in_place: Fact::known(
            vec![InPlace {
                distribution: "model".into(),
                folder: "/src/model".into(),
                told_by: "/site/model-1.0.dist-info/direct_url.json".into(),
                exists: Fact::known(false, seen()),
            }],
            seen(),
        ),
        torchserve: Fact::known(
            Some(Torchserve { version: "0.12.0".into(), location: "/site/ts".into() }),
            seen(),
        ),
        java: Fact::known(
            Some(Java { version: Some("17.0.9".into()), program: "/usr/bin/java".into() }),
            seen(),
        ),
    }
}

fn machine() -> Machine {
    let gpu = Gpu { name: Some("NVIDIA L4".into()), capability: Some("8.9".into()) };
    let host = |name: &str, driver: &str| Host {
        name: Some(name.into()),
        driver: Fact::known(
            Some(Driver { version: driver.into(), cuda: Some("12.2".into()), wsl: false }),
            Evidence::new("nodes.json", name),
        ),
        gpus: Fact::known(vec![gpu.clone()], Evidence::new("nodes.json", name)),
    };
    Machine { hosts: vec![host("a", "535.104.05"), host("b", "550.54.15")], reason: Text::new() }
}

fn told() -> Told {
    Told {
        command: vec!["/opt/venv/bin/python".into()],
        failed: None,
        gpus: Some(Fact::unknown("no NVIDIA runtime")),
        python: known("3.11.2"),
        sys_path: Fact::unknown("it ended before it told"),
        distributions: Fact::known(vec![("torch".into(), "2.9.1".into())], Evidence::new("python", "")),
        freeze: Fact::unknown("no pip"),
        torch: Fact::known(
            Some(ToldTorch {
                version: "2.9.1+cu128".into(),
                cuda: Some("12.8".into()),
                hip: None,
                cudnn: Some(90_100),
                nccl: None,
                architectures: vec!["sm_80".into()],
                available: false,
                warnings: vec!["no driver".into()],
                gpus: Vec::new(),
            }),
            Evidence::new("python", ""),
        ),
        torch_error: Some("ImportError: libcudart.so.12".into()),
    }
}

fn snapshot() -> Snapshot {
    let mut broken = distribution("broken", Some(Fact::unknown("not JSON")));
    broken.name = None;
    broken.version = None;
    broken.kind = MetadataKind::EggInfoFile;
    broken.error = Some("METADATA is empty".into());
    broken.top_level = None;
    Snapshot {
        target: Target {
            kind: TargetKind::Docker,
            name: "serve:1.4".into(),
            id: Some("sha256:12".into()),
            platform: Some("linux/arm64/v8".into()),
            gathered_by: "layers",
            layers: Some(vec![
                Layer { id: "sha256:a".into(), instruction: Some("RUN pip install x\n  y".into()) },
                Layer { id: "sha256:b".into(), instruction: None },
            ]),
            notices: Vec::new(),
        },
        config: Some(ImageConfig {
            env: vec![("PATH".into(), "/opt/venv/bin:/bin".into()), ("ODD".into(), text(b"a\xffb\x1b"))],
            user: "model".into(),
            workdir: "/srv".into(),
            entrypoint: vec!["/start.sh".into()],
            cmd: vec!["serve".into()],
            volumes: vec!["/data".into()],
            os: Some("linux".into()),
            architecture: Some("arm64".into()),
            variant: Some("v8".into()),
        }),
        environment: Environment {
            python: known("3.11.2"),
            interpreter: Fact::known(
                Interpreter {
                    executable: "/opt/venv/bin/python".into(),
                    real: "/usr/bin/python3.11".into(),
                    implementation: "cpython".into(),
                    prefix: "/opt/venv".into(),
                    base_prefix: "/usr".into(),
                    flags: vec!["-I".into()],
                    reached_by: vec!["ENTRYPOINT /start.sh".into()],
                },
                Evidence::new("image configuration", "ENTRYPOINT"),
            ),
            sys_path: Fact::known(
                vec![
                    SysPathEntry { path: "/srv".into(), from: PathSource::Cwd, exists: true },
                    SysPathEntry { path: text(b"/s\xc3ite"), from: PathSource::Venv, exists: false },
                ],
                Evidence::new("/opt/venv/pyvenv.cfg", "home = /usr/bin"),
            ),
            markers: MarkerVariable::ALL
                .into_iter()
                .map(|variable| {
                    let fact = if variable == MarkerVariable::PlatformRelease {
                        Fact::unknown("belongs to the kernel that will run the image")
                    } else {
                        known(variable.as_str())
                    };
                    (variable, fact)
                })
                .collect(),
            distributions: vec![
                distribution("plain", None),
                distribution(
                    "git",
                    origin(Origin::Vcs {
                        vcs: "git".into(),
                        requested_revision: Some("main".into()),
                        commit_id: "abc".into(),
                    }),
                ),
                distribution(
                    "archive",
                    origin(Origin::Archive { hashes: vec![("sha256".into(), "00".into())] }),
                ),
                distribution("bare-archive", origin(Origin::Archive { hashes: vec![] })),
                distribution("folder", origin(Origin::Directory { editable: true })),
                broken,
            ],
            interpreters: vec![OtherInterpreter {
                executable: "/usr/bin/python3".into(),
                version: Fact::unknown("no file tells"),
            }],
            conda: vec![CondaPackage {
                name: "numpy".into(),
                version: "1".into(),
                build: "py39_0".into(),
                channel: "defaults".into(),
                record: "/opt/conda/conda-meta/numpy.json".into(),
            }],
            stack: stack(),
            machine: machine(),
            told: Some(told()),
            verified: None,
            unknown: vec![Unknown { what: "/site/x.pth".into(), why: "permission denied".into() }],
        },
    }
}

fn json(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = Vec::new();
    write_snapshot(snapshot, &mut out).unwrap();
    out
}

#[test]
fn read_again_it_is_the_same() {
    let before = snapshot();
    let written = json(&before);
    let after = read_snapshot(&written).unwrap();
    assert_eq!(after, before);
    assert_eq!(json(&after), written);
}

#[test]
fn a_folder_without_configuration_comes_back_without() {
    let mut before = snapshot();
    before.config = None;
    before.target.layers = None;
    before.environment.sys_path = Fact::unknown("nothing tells which interpreter starts");
    before.environment.distributions.clear();
    assert_eq!(read_snapshot(&json(&before)).unwrap(), before);
}

#[test]
fn what_verify_told_is_read_again() {
    let mut before = snapshot();
    assert!(!String::from_utf8(json(&before)).unwrap().contains("verified"));
    let file = |path: &str, detail: &str| vec![Evidence::new(path, detail)];
    before.environment.verified = Some(Fact::seen(
        Verified {
            distributions: 1,
            files: 3,
            bytes: 12,
            unchecked: 2,
            differing: vec![Differing {
                distribution: "numpy".into(),
                metadata: "/site/numpy-1.26.4.dist-info".into(),
                files: 3,
                missing: 1,
                changed: 1,
                unreadable: 1,
                first: file("/site/numpy/__init__.py", "missing"),
                first_unreadable: file("/site/numpy/core.py", "permission denied"),
            }],
            not_verifiable: vec![Unknown { what: "/site/six.egg-info".into(), why: "no RECORD".into() }],
        },
        Vec::new(),
    ));
    assert_eq!(read_snapshot(&json(&before)).unwrap(), before);
}

#[test]
fn keys_stand_in_the_order_of_the_contract() {
    let written = String::from_utf8(json(&snapshot())).unwrap();
    let mut at = 0;
    for key in [
        "schema",
        "tool",
        "target",
        "config",
        "env",
        "user",
        "workdir",
        "entrypoint",
        "cmd",
        "environment",
        "python",
        "interpreter",
        "sys_path",
        "markers",
        "distributions",
        "name",
        "version",
        "metadata",
        "location",
        "path_index",
        "installer",
        "direct_url",
        "editable",
        "shadowed",
        "ambiguous",
        "error",
        "requires",
        "provides_extra",
        "requires_python",
        "top_level",
        "interpreters",
        "conda",
        "unknown",
    ] {
        let found = written[at..].find(&format!("\"{key}\": "));
        at += found.unwrap_or_else(|| panic!("{key} is not behind the key before it"));
    }
    assert!(written.ends_with("}\n"));
}

#[test]
fn secrets_are_masked() {
    let mut before = snapshot();
    let env = &mut before.config.as_mut().unwrap().env;
    env.push(("HF_TOKEN".into(), "hunter2".into()));
    env.push(("PIP_INDEX_URL".into(), "https://me:hunter2@host/simple".into()));
    let written = String::from_utf8(json(&before)).unwrap();
    assert!(!written.contains("hunter2"));
    assert!(written.contains("\"HF_TOKEN\": \"****\""));
    assert!(written.contains("https://****@host/simple"));
}

#[test]
fn the_last_value_of_a_variable_counts() {
    let mut before = snapshot();
    before.config.as_mut().unwrap().env =
        vec![("A".into(), "1".into()), ("B".into(), "2".into()), ("A".into(), "3".into())];
    let after = read_snapshot(&json(&before)).unwrap();
    let env: [(Text, Text); 2] = [("B".into(), "2".into()), ("A".into(), "3".into())];
    assert_eq!(after.config.unwrap().env, env);
}

#[test]
fn unknown_keys_are_passed_over() {
    let written = String::from_utf8(json(&snapshot())).unwrap();
    let newer = written.replacen("\"python\":", "\"captum\": {\"unknown\": \"x\"}, \"python\":", 1);
    assert_eq!(read_snapshot(newer.as_bytes()).unwrap(), snapshot());
}

#[test]
fn what_is_no_snapshot_is_refused_in_words() {
    let written = String::from_utf8(json(&snapshot())).unwrap();
    let edit = |from: &str, to: &str| written.replacen(from, to, 1).into_bytes();
    for (bytes, wanted) in [
        (Vec::new(), "EOF while parsing"),
        (b"[]".to_vec(), "invalid length 0"),
        (b"{}".to_vec(), "\"schema\" is not there"),
        (edit("envdiff.snapshot/1", "envdiff.snapshot/2"), "\"envdiff.snapshot/2\", and this envdiff reads"),
        (edit("envdiff.snapshot/1", "envdiff.report/1"), "its schema is \"envdiff.report/1\""),
        (written.as_bytes()[..written.len() / 2].to_vec(), "EOF while parsing"),
        (edit("\"gathered_by\": \"layers\"", "\"gathered_by\": \"magic\""), "gathered_by is \"magic\""),
        (edit("\"kind\": \"docker\"", "\"kind\": \"moon\""), "unknown variant `moon`"),
        (edit("\"path_index\": 1", "\"path_index\": 7"), "7 of 2 entries"),
        (edit("\"editable\": false", "\"editable\": 3"), "invalid type"),
        (edit("\"unknown\": \"belongs", "\"unknwon\": \"belongs"), "neither \"value\" nor \"unknown\""),
        ([&b"{\"x\":"[..], &b"[".repeat(100_000)].concat(), "EOF while parsing"),
    ] {
        let error = read_snapshot(&bytes).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error} does not say {wanted:?}");
    }
}
