//! Texts of versions, good and bad, come in; what is read of them, and that nothing panics, comes out.
#![allow(clippy::unwrap_used, reason = "tests")]

use envdiff_facts::{
    Capability, CudaVersion, DriverVersion, Minor, Numbers, Target, Variant, cuda, gpus, imports,
};
use proptest::prelude::*;

fn shown<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

#[test]
fn cuda_versions() {
    for (text, told) in [
        ("12.1", "12.1"),
        ("12.1.105", "12.1"),
        ("12.8.0.38", "12.8"),
        ("12010", "12.1"),
        ("11040", "11.4"),
        ("9020", "9.2"),
        ("13000", "13.0"),
        ("12", "-"),
        ("120", "-"),
        ("12011", "-"),
        ("0000", "-"),
        ("12.", "-"),
        (".1", "-"),
        ("12.1.", "-"),
        ("12.1.x", "-"),
        ("12.1.2.3.4", "-"),
        ("+12.1", "-"),
        ("-12.1", "-"),
        ("12,1", "-"),
        ("99999.1", "-"),
        ("99999999999999", "-"),
        ("", "-"),
    ] {
        assert_eq!(shown(CudaVersion::parse(text)), told, "{text:?}");
    }
    assert_eq!(CudaVersion::from_integer(12080), Some(CudaVersion::new(12, 8)));
    assert!(CudaVersion::new(12, 10) > CudaVersion::new(12, 9));
}

#[test]
fn driver_versions() {
    for (text, told) in [
        ("535.104.05", "535.104.05"),
        ("535.104.5", "535.104.05"),
        ("580.65", "580.65"),
        ("570.124.06", "570.124.06"),
        ("551.61", "551.61"),
        ("535", "-"),
        ("535.", "-"),
        ("535.104.", "-"),
        ("535.104.05.1", "-"),
        ("32.0.15.6636", "-"),
        ("R535", "-"),
        ("+535.1", "-"),
        ("70000.1", "-"),
        ("", "-"),
    ] {
        assert_eq!(shown(DriverVersion::parse(text)), told, "{text:?}");
    }
    let order = ["450.36.06", "450.80.02", "535.54.03", "535.104.05", "535.129.03", "550.54.14", "1000.1"];
    assert!(order.iter().map(|text| DriverVersion::parse(text).unwrap()).is_sorted());
}

#[test]
fn capabilities_and_targets() {
    for (text, capability, target) in [
        ("8.6", "8.6", "-"),
        ("12.0", "12.0", "-"),
        ("86", "8.6", "sm_86"),
        ("120", "12.0", "sm_120"),
        ("sm_86", "8.6", "sm_86"),
        ("sm_100", "10.0", "sm_100"),
        ("compute_90", "9.0", "compute_90"),
        ("sm_90a", "-", "sm_90a"),
        ("sm_100f", "-", "sm_100f"),
        ("compute_90a", "-", "compute_90a"),
        ("90a", "-", "sm_90a"),
        ("9", "-", "-"),
        ("sm_9", "-", "-"),
        ("sm_", "-", "-"),
        ("sm_06", "-", "-"),
        ("sm_8.6", "-", "-"),
        ("sm_1000", "-", "-"),
        ("8.10", "-", "-"),
        ("8.", "-", "-"),
        ("sm_90b", "-", "-"),
        ("lto_90", "-", "-"),
        ("", "-", "-"),
    ] {
        assert_eq!(shown(Capability::parse(text)), capability, "{text:?}");
        assert_eq!(shown(Target::parse(text)), target, "{text:?}");
    }
    assert!(Capability::parse("10.0") > Capability::parse("9.0"));
}

#[test]
fn variants() {
    for (text, told) in [
        ("cu121", "cu121"),
        ("cu92", "cu92"),
        ("cu130", "cu130"),
        ("cpu", "cpu"),
        ("xpu", "xpu"),
        ("rocm6.0", "rocm6.0"),
        ("rocm6.2.4", "rocm6.2.4"),
        ("rocm7.14", "rocm7.14"),
        ("cu117.with.pypi.cudnn", "cu117"),
        ("cpu.cxx11.abi", "cpu"),
        ("cu", "-"),
        ("cu1", "-"),
        ("cu1210", "-"),
        ("cu0", "-"),
        ("cu12torch2.3cxx11abifalse", "-"),
        ("nv24.6", "-"),
        ("git1234", "-"),
        ("rocm", "-"),
        ("rocm6.2.4.1", "-"),
        ("", "-"),
    ] {
        assert_eq!(shown(Variant::parse(text)), told, "{text:?}");
    }
    assert_eq!(shown(Variant::of_version("2.1.2+cu121")), "cu121");
    assert_eq!(shown(Variant::of_version("2.1.2")), "-");
    assert_eq!(Variant::parse("cu128").unwrap().cuda(), Some(CudaVersion::new(12, 8)));
}

#[test]
fn minors_and_numbers() {
    for (text, told) in [
        ("2.4.0a0+f70bd71a48.nv24.6", "2.4"),
        ("2.10.1", "2.10"),
        ("3.12", "3.12"),
        ("2.4a1", "2.4"),
        ("2", "-"),
        ("2.", "-"),
        ("2.x", "-"),
        ("v2.1", "-"),
        ("1!2.1", "-"),
    ] {
        assert_eq!(shown(Minor::of(text)), told, "{text:?}");
    }
    assert_eq!(shown(Minor::parse("3.12.1")), "-");
    for (text, told) in [
        ("0.0.22.post7", Some(([0, 0, 22, 0], ".post7"))),
        ("2.1.2+cu121", Some(([2, 1, 2, 0], ""))),
        ("9.1.0.70", Some(([9, 1, 0, 70], ""))),
        ("2.4.0a0+x", Some(([2, 4, 0, 0], "a0"))),
        ("1.2.3.4.5", None),
        (".post1", None),
        ("", None),
    ] {
        assert_eq!(Numbers::split(text), told.map(|(numbers, rest)| (Numbers(numbers), rest)), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), near in "[a-z_+.0-9é]{0,12}") {
        for text in [text.as_str(), near.as_str()] {
            let _ = (CudaVersion::parse(text), DriverVersion::parse(text), Capability::parse(text), Target::parse(text));
            let _ = (Variant::parse(text), Variant::of_version(text), Minor::parse(text), Minor::of(text));
            let _ = (Numbers::parse(text), Numbers::split(text), gpus::named(text), gpus::instance(text));
            let _ = (envdiff_facts::glibc::floor_of_tags(text), envdiff_facts::glibc::distribution(text, text));
            let _ = (cuda::cuda_of_compat(text), imports::import(text), envdiff_facts::java::torchserve(text));
            let _ = (envdiff_facts::torch::release(text), envdiff_facts::companions::companion("torchvision", text));
        }
    }

    #[test]
    fn what_is_shown_is_read_again(major in 1_u8..30, minor in 0_u8..10, patch in 0_u16..200) {
        let capability = Capability::new(major, minor);
        prop_assert_eq!(Capability::parse(&capability.to_string()), Some(capability));
        let cuda = CudaVersion::new(u16::from(major), u16::from(minor));
        prop_assert_eq!(CudaVersion::parse(&cuda.to_string()), Some(cuda));
        let driver = DriverVersion::new(u16::from(major) * 30, u16::from(minor), patch);
        prop_assert_eq!(DriverVersion::parse(&driver.to_string()), Some(driver));
    }
}

#[test]
fn labels_of_extensions() {
    use envdiff_facts::companions::{BuildLabel, LabelledCuda};
    let version = |major, minor| Some(LabelledCuda::Version(CudaVersion::new(major, minor)));
    for (text, cuda, torch, abi) in [
        ("cu121", version(12, 1), None, None),
        ("cu92", version(9, 2), None, None),
        ("cpu", Some(LabelledCuda::Cpu), None, None),
        ("cu12", Some(LabelledCuda::Major(12)), None, None),
        ("pt24cu121", version(12, 1), Some((2, 4)), None),
        ("pt113cpu", Some(LabelledCuda::Cpu), Some((1, 13)), None),
        ("pt210cu128", version(12, 8), Some((2, 10)), None),
        ("cu12torch2.3cxx11abiFALSE", Some(LabelledCuda::Major(12)), Some((2, 3)), Some(false)),
        ("cu122torch2.3cxx11abitrue", version(12, 2), Some((2, 3)), Some(true)),
        ("cu121.torch2.3.1", version(12, 1), Some((2, 3)), None),
    ] {
        let torch = torch.map(|(major, minor)| Minor::new(major, minor));
        let label = BuildLabel { cuda, torch, cxx11_abi: abi };
        assert_eq!(BuildLabel::parse(text), Some(label), "{text}");
    }
    for other in [
        "",
        "nv24.6",
        "git1234",
        "pt",
        "pt24",
        "pt24x",
        "ptcu121",
        "cu",
        "torch2.3",
        "cu12torch2.3cxx11abi",
        "rocm6.0",
        "computecanada",
        "é",
        "pté24cu121",
    ] {
        assert_eq!(BuildLabel::parse(other), None, "{other}");
    }
}
