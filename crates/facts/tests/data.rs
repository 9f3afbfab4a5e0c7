//! The tables come in; that they agree with each other comes out. What one row alone can show, the build script checks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use envdiff_facts::companions::TorchNeed;
use envdiff_facts::glibc::{Floor, Libc};
use envdiff_facts::java::Fit;
use envdiff_facts::{
    Capability, CudaVersion, DriverVersion, Minor, Numbers, Variant, companions, conda, cuda, cudnn, drivers,
    glibc, gpus, imports, java, numpy, stdlib, torch,
};

fn minor(text: &str) -> Minor {
    Minor::parse(text).unwrap()
}

fn variant(text: &str) -> Variant {
    Variant::parse(text).unwrap()
}

#[test]
fn releases_of_torch_follow_each_other() {
    for pair in torch::RELEASES.windows(2) {
        let [before, after] = pair else { panic!() };
        // A patch of an old minor may be younger than the next minor; within a minor time goes on.
        if before.minor() == after.minor() {
            assert!(before.released < after.released, "{} and {}", before.version, after.version);
        }
        let (first, next) = (before.pythons.first().unwrap(), after.pythons.first().unwrap());
        assert!(first <= next, "{} takes an older Python back", after.version);
    }
    assert_eq!(torch::RELEASES.last().unwrap().version, torch::NEWEST);
    for release in torch::RELEASES {
        assert!(release.pythons.is_sorted(), "{}", release.version);
        assert!(release.pythons.contains(&minor("3.12")) || release.minor().unwrap() < minor("2.2"));
        assert!(
            release.nvidia.is_empty() == (release.cuda_libraries == torch::CudaLibraries::Bundled),
            "{}",
            release.version
        );
        for tag in release.package_index.tags_x86_64.iter().chain(release.package_index.tags_aarch64) {
            assert!(matches!(glibc::floor_of_tag(tag), Some(Floor::Glibc(_))), "{} {tag}", release.version);
        }
    }
}

#[test]
fn releases_and_builds_of_torch_agree() {
    let minors: BTreeSet<Minor> = torch::RELEASES.iter().filter_map(torch::Release::minor).collect();
    for build in torch::BUILDS {
        let name = format!("{} {}", build.torch, build.variant);
        assert!(minors.contains(&build.torch), "{name}");
        assert!(cuda::releases(build.cuda).next().is_some(), "{name}: CUDA {} is in no table", build.cuda);
        assert!(cuda::floor(build.cuda).is_some(), "{name}");
        if let Some(targets) = cuda::targets(build.cuda) {
            for code in build.sm.iter().chain(build.ptx) {
                assert!(targets.sm.contains(code), "{name}: nvcc of {} cannot make {code}", build.cuda);
            }
        }
        let of_minor: Vec<_> =
            torch::RELEASES.iter().filter(|release| release.minor() == Some(build.torch)).collect();
        let published = of_minor.iter().any(|release| release.index_variants.contains(&build.variant));
        assert!(published || build.unverified, "{name} is on no index");
        let served = of_minor.iter().all(|release| release.package_index.variant == build.variant);
        assert_eq!(served, build.on_package_index, "{name}");
        for release in of_minor {
            assert_eq!(release.uses_cxx11_abi(build.variant), build.cxx11_abi, "{name}");
            if served {
                assert_eq!(release.glibc_min, build.glibc_min, "{name}");
                if release.package_index.cudnn.is_some() {
                    assert_eq!(release.package_index.cudnn, build.cudnn, "{name}");
                }
            }
        }
        if let Some(version) = build.cudnn {
            let line =
                cudnn::line(version, build.cuda).unwrap_or_else(|| panic!("{name}: no line of {version}"));
            assert!(line.capabilities.0 <= *build.sm.last().unwrap(), "{name}");
        }
    }
    for release in torch::RELEASES {
        let build = torch::build(release.minor().unwrap(), release.package_index.variant);
        assert!(build.is_some_and(|build| build.on_package_index), "{}", release.version);
        for wanted in release.index_variants.iter().filter(|variant| variant.cuda().is_some()) {
            assert!(
                torch::build(release.minor().unwrap(), *wanted).is_some(),
                "{} {wanted}",
                release.version
            );
        }
        let side = numpy::torch_side(release.minor().unwrap()).unwrap();
        assert_eq!(side.built_against, release.numpy_built_against, "{}", release.version);
        assert!(torch::aarch64(release.minor().unwrap()).is_some(), "{}", release.version);
    }
}

#[test]
fn lookups_of_torch() {
    assert_eq!(torch::release("2.1.2+cu121").unwrap().released, "2023-12-14");
    assert_eq!(torch::release("2.1").unwrap().version, "2.1.0");
    assert!(torch::release("2.4.0a0+f70bd71a48.nv24.6").is_none());
    assert!(torch::release("2.1.2rc1").is_none());
    assert!(torch::release("2.99.0").is_none() && torch::is_newer_than_known("2.99.0"));
    assert!(!torch::is_newer_than_known("2.1.2") && !torch::is_newer_than_known("x"));
    assert_eq!(torch::package_index_variant("2.3.0"), Some(variant("cu121")));
    assert_eq!(torch::package_index_variant("2.14.1"), Some(variant("cu130")));
    assert_eq!(torch::package_index_variant("2.15.0"), Some(variant("cu132")));
    let build = torch::build(minor("2.6"), variant("cu126")).unwrap();
    assert!(build.cxx11_abi && !torch::build(minor("2.6"), variant("cu124")).unwrap().cxx11_abi);
    assert_eq!(torch::builds(minor("2.7")).count(), 3);
    assert!(torch::build(minor("2.7"), Variant::Cpu).is_none());
    assert!(
        !torch::aarch64(minor("2.10")).unwrap().has_cuda && torch::aarch64(minor("2.11")).unwrap().has_cuda
    );
    assert!(torch::aarch64(minor("1.7")).is_none() && torch::aarch64(minor("2.99")).is_none());
}

#[test]
fn toolkits_and_drivers_agree() {
    for release in cuda::RELEASES {
        let major = cuda::major(release.cuda.major).unwrap();
        assert!(major.floor.is_none_or(|floor| floor == release.floor), "{}", release.version);
        // The table of branches begins later than that of toolkits.
        let oldest = drivers::BRANCHES.first().unwrap().branch;
        if let Some(driver) = release.toolkit_driver.filter(|driver| driver.branch >= oldest) {
            let branch = drivers::branch(driver).unwrap_or_else(|| panic!("{}: no branch", release.version));
            assert!(
                branch.unverified || branch.cuda == Some(release.cuda),
                "{}: {driver} is of {:?}",
                release.version,
                branch.cuda
            );
        }
        if let (Some(range), Some(targets)) = (release.capabilities, cuda::targets(release.cuda)) {
            assert_eq!(targets.sm.first(), Some(&range.0), "{}", release.version);
            assert_eq!(targets.sm.last(), Some(&range.1), "{}", release.version);
        }
    }
    for pair in cuda::RELEASES.windows(2) {
        let [before, after] = pair else { panic!() };
        if let (Some(old), Some(new)) = (before.toolkit_driver, after.toolkit_driver) {
            assert!(old <= new, "{} and {}", before.version, after.version);
        }
    }
    for pair in drivers::BRANCHES.windows(2) {
        let [before, after] = pair else { panic!() };
        if let (Some(old), Some(new)) = (before.cuda, after.cuda) {
            assert!(old <= new, "{} and {}", before.branch, after.branch);
        }
    }
    for package in cuda::COMPAT_PACKAGES {
        assert!(cuda::releases(package.cuda).next().is_some(), "{}", package.package);
        assert_eq!(cuda::cuda_of_compat(package.package), Some(package.cuda));
        let branch = drivers::BRANCHES.iter().find(|row| row.branch == package.branch).unwrap();
        assert_eq!(branch.cuda, Some(package.cuda), "{}", package.package);
        for host in package.host_branches.iter().chain(package.later_host_branches) {
            assert!(*host < package.branch, "{}: {host}", package.package);
            assert!(drivers::BRANCHES.iter().any(|row| row.branch == *host), "{}: {host}", package.package);
        }
        assert!(package.later_host_branches.iter().all(|host| package.host_branches.contains(host)));
        assert!(package.host_branches.is_sorted());
    }
    for line in cudnn::LINES {
        let floor = cuda::floor(line.cuda.0).unwrap_or_else(|| panic!("{:?}", line.cuda));
        assert!(line.min_driver >= floor, "{:?}", line.versions);
    }
    for a in cudnn::LINES {
        let shared = cudnn::LINES.iter().filter(|b| {
            a.versions.0 <= b.versions.1
                && b.versions.0 <= a.versions.1
                && a.cuda.0 <= b.cuda.1
                && b.cuda.0 <= a.cuda.1
        });
        assert_eq!(shared.count(), 1, "two lines hold {:?} for {:?}", a.versions, a.cuda);
    }
}

#[test]
fn lookups_of_cuda_and_cudnn() {
    let version = |text| CudaVersion::parse(text).unwrap();
    let driver = |text| DriverVersion::parse(text);
    assert_eq!(cuda::floor(version("12.9")), driver("525.60.13"));
    assert_eq!(cuda::floor(version("12.99")), driver("525.60.13"));
    assert_eq!(cuda::floor(version("10.2")), driver("440.33"));
    assert_eq!(cuda::floor(version("99.0")), None);
    assert_eq!(cuda::toolkit_driver(version("12.8")), driver("570.26"));
    assert_eq!(cuda::toolkit_driver(version("13.4")), None);
    assert_eq!(cuda::compat(version("12.4")).unwrap().host_branches, [470, 525, 535]);
    assert_eq!(cuda::cuda_of_compat("cuda-compat-12-2"), Some(version("12.2")));
    for package in ["cuda-compat-12", "cuda-compat-12-x", "cuda-compat", "cuda-compat-12-2.1"] {
        assert_eq!(cuda::cuda_of_compat(package), None, "{package}");
    }
    assert_eq!(cuda::wheel_family(12).unwrap().suffix, Some("-cu12"));
    assert_eq!(cuda::wheel_family(13).unwrap().suffix, None);
    let ran = |cudnn, cuda, capability| {
        cudnn::line(cudnn, version(cuda)).map(|line| line.supports(Capability::parse(capability).unwrap()))
    };
    assert_eq!(ran("9.1.0.70", "12.1", "7.0"), Some(true));
    assert_eq!(ran("9.10.2.21", "12.8", "7.0"), Some(true));
    assert_eq!(ran("9.17.1.4", "12.8", "7.0"), Some(false));
    assert_eq!(ran("8.9.2.26", "12.1", "12.0"), Some(false));
    assert_eq!(ran("9.99.0.1", "12.8", "9.0"), None);
    assert_eq!(ran("9.1.0.70", "11.7", "9.0"), None);
}

#[test]
fn generations_of_gpus_and_drivers_agree() {
    for generation in gpus::GENERATIONS {
        for branch in generation.first_branch.iter().chain(&generation.last_branch) {
            let known = drivers::BRANCHES.iter().any(|row| row.branch == *branch);
            let is_older = *branch < drivers::BRANCHES.first().unwrap().branch;
            assert!(known || is_older, "{}: {branch}", generation.name);
        }
        assert!(gpus::GPUS.iter().any(|gpu| gpu.generation.name == generation.name), "{}", generation.name);
    }
    for gpu in gpus::GPUS {
        assert_eq!(gpus::generation_of(gpu.capability).unwrap().name, gpu.generation.name, "{}", gpu.name);
        assert_eq!(gpu.brand.is_none(), gpu.kind == gpus::Kind::Jetson, "{}", gpu.name);
    }
}

#[test]
fn companions_and_torch_agree() {
    for companion in companions::COMPANIONS {
        let name = format!("{} {}", companion.name, companion.version);
        if let TorchNeed::Specifier(text) = companion.torch
            && let Some(pin) = text.strip_prefix("==")
        {
            let release = torch::release(pin).unwrap_or_else(|| panic!("{name}: {text}"));
            if let Some(row) = companions::built_for(companion.name, companion.version) {
                assert_eq!(release.minor(), Some(row.torch), "{name}");
            }
        }
        let platform = companion.wheel.split_once('-').unwrap().1;
        assert!(glibc::floor_of_tags(platform).is_some(), "{name}: {platform}");
    }
    for row in companions::BUILT_FOR {
        assert!(torch::builds(row.torch).next().is_some(), "{} {}", row.name, row.minor);
        let known = companions::releases(row.name).any(|release| release.numbers.minor() == Some(row.minor));
        assert!(known, "{} {}", row.name, row.minor);
    }
    let of = |name: &str, version: &str| companions::companion(name, version).map(|row| row.torch);
    assert_eq!(of("torchvision", "0.16.2+cu121"), Some(TorchNeed::Specifier("==2.1.2")));
    assert_eq!(of("torchaudio", "2.11.0"), Some(TorchNeed::NotNamed));
    assert_eq!(of("xformers", "0.0.22.post7"), Some(TorchNeed::Specifier("==2.1.0")));
    assert_eq!(of("xformers", "0.0.22.post1"), None);
    assert_eq!(of("torchcodec", "0.5.0"), Some(TorchNeed::NotNamed));
    assert_eq!(of("bitsandbytes", "0.45.0"), Some(TorchNeed::AnyVersion));
    assert_eq!(of("requests", "2.0"), None);
    assert!(companions::companion("torchvision", "0.11.0").unwrap().pins_a_local_build());
    assert_eq!(companions::built_for("fbgemm-gpu", "1.3.0").unwrap().torch, minor("2.8"));
    assert_eq!(companions::built_for("torchtext", "0.18.0").unwrap().torch, minor("2.3"));
}

#[test]
fn numpy() {
    for pair in numpy::RELEASES.windows(2) {
        let [before, after] = pair else { panic!() };
        assert!(before.api <= after.api && before.abi <= after.abi, "{}", after.version);
    }
    assert_eq!(numpy::minor("1.26.3").unwrap().abi, 0x0100_0009);
    assert_eq!(numpy::minor("2.0.0").unwrap().abi, 0x0200_0000);
    assert!(numpy::minor("1.25.0").is_none());
    assert_eq!(numpy::first_with_api(0xf).unwrap().version, "1.22.4");
    assert_eq!(numpy::torch_side(minor("2.2")).unwrap().built_against, 1);
    assert_eq!(numpy::torch_side(minor("2.3")).unwrap().built_against, 2);
    assert_eq!(numpy::first_for_numpy_2("pandas").unwrap().version, "2.2.2");
}

#[test]
fn distributions_and_tags() {
    let libc = |id, version| glibc::distribution(id, version).map(|row| row.libc);
    let glibc = |text| Some(Libc::Glibc(minor(text)));
    assert_eq!(libc("ubuntu", "22.04"), glibc("2.35"));
    assert_eq!(libc("debian", "12"), glibc("2.36"));
    assert_eq!(libc("rhel", "8.9"), glibc("2.28"));
    assert_eq!(libc("rocky", "9.3"), glibc("2.34"));
    assert_eq!(libc("amzn", "2023"), glibc("2.34"));
    assert_eq!(libc("amzn", "2"), glibc("2.26"));
    assert_eq!(libc("alpine", "3.20.3"), Some(Libc::Musl(Numbers([1, 2, 5, 0]))));
    for (id, version) in [("ubuntu", "22"), ("ubuntu", "26.04"), ("debian", "1"), ("alpine", "3.2"), ("", "")]
    {
        assert_eq!(libc(id, version), None, "{id} {version}");
    }
    for gcc in glibc::GCCS {
        let first = glibc::first_gcc_with_glibcxx(gcc.glibcxx).unwrap();
        assert!(first.numbers <= gcc.numbers && first.glibcxx == gcc.glibcxx, "{}", gcc.version);
    }
    // A distribution's libstdc++ is that of some GCC: both its nodes stand in one row, but for a release between two
    // rows.
    for row in glibc::DISTRIBUTIONS {
        assert_eq!(row.glibcxx.is_some(), matches!(row.libc, Libc::Glibc(_)), "{}", row.name);
        if let Some(node) = row.glibcxx {
            assert!(glibc::first_gcc_with_glibcxx(node).is_some(), "{}", row.name);
        }
    }
    for (tags, floor) in [
        ("manylinux_2_28_x86_64", Some(Floor::Glibc(minor("2.28")))),
        ("manylinux2014_aarch64", Some(Floor::Glibc(minor("2.17")))),
        ("manylinux1_x86_64", Some(Floor::Glibc(minor("2.5")))),
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", Some(Floor::Glibc(minor("2.17")))),
        ("manylinux_2_27_x86_64.manylinux_2_34_x86_64", Some(Floor::Glibc(minor("2.27")))),
        ("manylinux_2_34_x86_64.manylinux_2_27_x86_64", Some(Floor::Glibc(minor("2.27")))),
        ("manylinux_2_99_x86_64", Some(Floor::Glibc(minor("2.99")))),
        ("manylinux_2_2_x86_64", Some(Floor::Glibc(minor("2.2")))),
        ("musllinux_1_2_x86_64", Some(Floor::Musl(minor("1.2")))),
        ("linux_x86_64", Some(Floor::NotTold)),
        ("any", Some(Floor::None)),
        ("win_amd64", None),
        ("macosx_11_0_arm64", None),
        ("manylinux_2_28", None),
        ("manylinux_x_y_z", None),
        ("", None),
    ] {
        assert_eq!(glibc::floor_of_tags(tags), floor, "{tags}");
    }
}

#[test]
fn javas() {
    for row in java::CLASS_FILES {
        assert_eq!(row.java + 44, row.major);
    }
    for (version, java, fit) in [
        ("0.12.0", 7, Fit::TooOld),
        ("0.12.0", 8, Fit::BelowDocumented),
        ("0.12.0", 11, Fit::BelowDocumented),
        ("0.12.0", 17, Fit::AsDocumented),
        ("0.12.0", 21, Fit::AsDocumented),
        ("0.6.0", 11, Fit::AsDocumented),
        ("0.8.1", 11, Fit::BelowDocumented),
        ("0.4.1", 11, Fit::AsDocumented),
        ("0.5.0", 10, Fit::BelowDocumented),
    ] {
        assert_eq!(java::torchserve(version).unwrap().fit(java), fit, "{version} on {java}");
    }
    for version in ["0.2.0", "0.13.0", "1.0", "x"] {
        assert!(java::torchserve(version).is_none(), "{version}");
    }
}

#[test]
fn modules_gone_and_new() {
    let gone = |module, python| stdlib::removed(module, minor(python)).map(|row| row.module);
    assert_eq!(gone("imp", "3.12"), Some("imp"));
    assert_eq!(gone("imp", "3.11"), None);
    assert_eq!(gone("distutils.util", "3.13"), Some("distutils"));
    assert_eq!(gone("importlib", "3.13"), None);
    assert_eq!(gone("xml.etree.cElementTree", "3.13"), None);
    let missing = |module, python| stdlib::not_yet_added(module, minor(python)).map(|row| row.module);
    assert_eq!(missing("tomllib", "3.10"), Some("tomllib"));
    assert_eq!(missing("tomllib", "3.11"), None);
    assert_eq!(missing("concurrent.interpreters", "3.13"), Some("concurrent.interpreters"));
    assert_eq!(missing("concurrent.futures", "3.8"), None);
    assert_eq!(missing("compression.zstd", "3.13"), Some("compression"));
    assert!(stdlib::removed_name("collections.Mapping", minor("3.10")).is_some());
    assert!(stdlib::removed_name("collections.Mapping", minor("3.9")).is_none());
    assert!(stdlib::name_not_yet_added("datetime.UTC", minor("3.10")).is_some());
    assert!(stdlib::name_not_yet_added("datetime.UTC", minor("3.11")).is_none());
    for row in stdlib::REMOVED {
        assert!(!stdlib::ADDED.iter().any(|added| added.module == row.module), "{}", row.module);
    }
}

#[test]
fn names_of_conda() {
    let of = |name| conda::conda_name(name).map(|row| row.distribution);
    assert_eq!(of("pytorch"), Some(Some("torch")));
    assert_eq!(of("cudnn"), Some(None));
    assert_eq!(of("requests"), None);
    for row in conda::CONDA_NAMES {
        let Some(distribution) = row.distribution else { continue };
        assert_eq!(distribution, distribution.to_lowercase().replace(['_', '.'], "-"), "{}", row.name);
        assert!(!row.source.is_empty(), "{}", row.name);
    }
}

#[test]
fn import_names() {
    assert_eq!(imports::candidates("cv2").first(), Some(&"opencv-python"));
    assert_eq!(imports::candidates("cv2.dnn").first(), Some(&"opencv-python"));
    assert_eq!(imports::candidates("google.protobuf.message"), ["protobuf"]);
    assert_eq!(imports::candidates("google.cloud"), [""; 0]);
    assert_eq!(imports::candidates("Crypto").first(), Some(&"pycryptodome"));
    assert_eq!(imports::candidates("crypto"), [""; 0]);
    assert_eq!(imports::candidates("torch"), [""; 0]);
    assert_eq!(imports::import("flash_attn_interface").unwrap().not_on_package_index, ["flash-attn-3"]);
    for row in imports::IMPORTS {
        assert_eq!(imports::import(row.name).map(|told| told.name), Some(row.name));
        let [only] = row.distributions else { continue };
        let normal = |name: &str| name.to_lowercase().replace(['_', '.'], "-");
        assert_ne!(normal(only), normal(row.name), "{} needs no row", row.name);
    }
}
